# SPDX-License-Identifier: Apache-2.0
"""Users, roles, policies, access keys and temporary credentials of redoubt-kms: by botocore, most commands as one would
give them to the AWS CLI, which itself does some."""

import json
import re
import subprocess
import time

import botocore.exceptions
import pytest

from kms_host import ACCOUNT, AWS, REGION, Credentials, Kms, Request

ALLOW_ALL = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}


def policy(action, resource="*", effect="Allow", **more):
    return {"Version": "2012-10-17",
            "Statement": [{"Effect": effect, "Action": action, "Resource": resource, **more}]}


def trust(principal, action="sts:AssumeRole"):
    return {"Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": {"AWS": principal}, "Action": action}]}


def arn(what):
    return f"arn:aws:iam::{ACCOUNT}:{what}"


@pytest.fixture(scope="module")
def kms():
    server = Kms("static_session_token: no-session\n")
    yield server
    server.assert_well()
    server.close()


@pytest.fixture
def user(kms, request):
    """A user without any permission, and its access key; gone again afterwards."""
    name = re.sub(r"\W", "-", request.node.name)[:50]
    kms.ask("iam", "create-user", "--user-name", name)
    key = kms.ask("iam", "create-access-key", "--user-name", name)["AccessKey"]
    credentials = Credentials.of(key)
    credentials.name = name
    yield credentials
    for one in kms.ask("iam", "list-user-policies", "--user-name", name)["PolicyNames"]:
        kms.ask("iam", "delete-user-policy", "--user-name", name, "--policy-name", one)
    for one in kms.ask("iam", "list-attached-user-policies", "--user-name", name)["AttachedPolicies"]:
        kms.ask("iam", "detach-user-policy", "--user-name", name, "--policy-arn", one["PolicyArn"])
    for one in kms.ask("iam", "list-access-keys", "--user-name", name)["AccessKeyMetadata"]:
        kms.ask("iam", "delete-access-key", "--user-name", name, "--access-key-id", one["AccessKeyId"])
    kms.ask("iam", "delete-user", "--user-name", name)


def allow(kms, user, *actions, name="allow"):
    kms.ask("iam", "put-user-policy", "--user-name", user.name, "--policy-name", name,
            "--policy-document", json.dumps(policy(list(actions))))


def error_of(call, **parameters):
    """(HTTP status, code, message) of what botocore makes of a refusal."""
    with pytest.raises(botocore.exceptions.ClientError) as info:
        call(**parameters)
    answer = info.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], answer["Error"]["Message"]


def test_the_first_administrator_is_told_of_once(kms):
    assert kms.aws("sts", "get-caller-identity")["Arn"] == arn("user/admin")
    shown = kms.admin.secret
    kms.restart()
    assert kms.ask("sts", "get-caller-identity")["Account"] == ACCOUNT
    kms.out.seek(0)
    assert kms.out.read().decode().count(shown) == 1
    with open(kms.path("state", "kms", "kms.db"), "rb") as file:
        assert shown.encode() not in file.read()


def test_a_user_lives_and_dies(kms):
    made = kms.aws("iam", "create-user", "--user-name", "Carol", "--path", "/team/")["User"]
    assert made["Arn"] == arn("user/team/Carol") and made["UserId"].startswith("AIDA")
    assert kms.aws("iam", "get-user", "--user-name", "carol")["User"] == made
    assert made in kms.aws("iam", "list-users")["Users"]
    assert [u["UserName"] for u in kms.ask("iam", "list-users", "--path-prefix", "/team/")["Users"]] == ["Carol"]
    assert "(EntityAlreadyExists)" in kms.aws("iam", "create-user", "--user-name", "CAROL", ok=False)
    kms.ask("iam", "delete-user", "--user-name", "Carol")
    assert "(NoSuchEntity)" in kms.ask("iam", "get-user", "--user-name", "Carol", ok=False)
    again = kms.ask("iam", "create-user", "--user-name", "Carol")["User"]
    assert again["UserId"] != made["UserId"]
    kms.ask("iam", "delete-user", "--user-name", "Carol")


def test_lists_are_paged(kms):
    for i in range(5):
        kms.ask("iam", "create-user", "--user-name", f"page{i}")
    names = [u["UserName"] for u in kms.ask("iam", "list-users", "--page-size", "2")["Users"]]
    assert [n for n in names if n.startswith("page")] == [f"page{i}" for i in range(5)]
    pages = list(kms.client("iam").get_paginator("list_users").paginate(PaginationConfig={"PageSize": 2}))
    assert len(pages) > 2 and all(len(page["Users"]) <= 2 for page in pages)
    for i in range(5):
        kms.ask("iam", "delete-user", "--user-name", f"page{i}")


def test_policies_of_a_user(kms, user):
    document = policy("kms:*")
    kms.ask("iam", "put-user-policy", "--user-name", user.name, "--policy-name", "use",
            "--policy-document", json.dumps(document))
    found = kms.ask("iam", "get-user-policy", "--user-name", user.name, "--policy-name", "use")
    assert found["PolicyDocument"] == document
    assert kms.ask("iam", "list-user-policies", "--user-name", user.name)["PolicyNames"] == ["use"]
    assert "(DeleteConflict)" in kms.ask("iam", "delete-user", "--user-name", user.name, ok=False)
    refused = kms.ask("iam", "put-user-policy", "--user-name", user.name, "--policy-name", "bad",
                      "--policy-document", '{"Statement":[]}', ok=False)
    assert "(MalformedPolicyDocument)" in refused


def test_managed_policies_and_boundaries(kms, user):
    made = kms.ask("iam", "create-policy", "--policy-name", "Random", "--policy-document",
                   json.dumps(policy("kms:GenerateRandom")))["Policy"]
    which = ("--user-name", user.name, "--policy-arn", made["Arn"])
    kms.ask("iam", "attach-user-policy", *which)
    kms.ask("kms", "generate-random", "--number-of-bytes", "8", credentials=user)
    attached = kms.ask("iam", "list-attached-user-policies", "--user-name", user.name)["AttachedPolicies"]
    assert attached == [{"PolicyName": "Random", "PolicyArn": made["Arn"]}]
    assert "(DeleteConflict)" in kms.ask("iam", "delete-policy", "--policy-arn", made["Arn"], ok=False)
    version = kms.ask("iam", "get-policy-version", "--policy-arn", made["Arn"], "--version-id", "v1")
    assert version["PolicyVersion"]["Document"] == policy("kms:GenerateRandom")
    kms.ask("iam", "detach-user-policy", *which)
    assert "AccessDenied" in kms.ask("kms", "generate-random", "--number-of-bytes", "8", credentials=user, ok=False)
    allow(kms, user, "kms:GenerateRandom", "kms:ListKeys")
    kms.ask("kms", "list-keys", credentials=user)
    kms.ask("iam", "put-user-permissions-boundary", "--user-name", user.name, "--permissions-boundary", made["Arn"])
    kms.ask("kms", "generate-random", "--number-of-bytes", "8", credentials=user)
    refused = kms.ask("kms", "list-keys", credentials=user, ok=False)
    assert "because no permissions boundary allows the kms:ListKeys action" in refused
    kms.ask("iam", "delete-user-permissions-boundary", "--user-name", user.name)
    kms.ask("iam", "delete-policy", "--policy-arn", made["Arn"])


def test_access_keys(kms, user):
    who = kms.ask("sts", "get-caller-identity", credentials=user)
    assert who["Arn"] == arn(f"user/{user.name}")
    second = kms.ask("iam", "create-access-key", "--user-name", user.name)["AccessKey"]
    assert "(LimitExceeded)" in kms.ask("iam", "create-access-key", "--user-name", user.name, ok=False)
    listed = kms.ask("iam", "list-access-keys", "--user-name", user.name)["AccessKeyMetadata"]
    assert {k["AccessKeyId"] for k in listed} == {user.akid, second["AccessKeyId"]}
    assert all("SecretAccessKey" not in k for k in listed)
    status = ("iam", "update-access-key", "--user-name", user.name, "--access-key-id", user.akid, "--status")
    kms.ask(*status, "Inactive")
    assert "(InvalidClientTokenId)" in kms.ask("sts", "get-caller-identity", credentials=user, ok=False)
    assert "(UnrecognizedClientException)" in kms.ask("kms", "list-keys", credentials=user, ok=False)
    kms.ask(*status, "Active")
    kms.ask("sts", "get-caller-identity", credentials=user)
    kms.ask("iam", "delete-access-key", "--user-name", user.name, "--access-key-id", second["AccessKeyId"])
    gone = Credentials.of(second)
    assert "(InvalidClientTokenId)" in kms.ask("sts", "get-caller-identity", credentials=gone, ok=False)


def test_a_key_policy_that_delegates_needs_an_identity_policy(kms, user):
    """Cases 109 to 111."""
    key = kms.ask("kms", "create-key")["KeyMetadata"]
    refused = kms.ask("kms", "describe-key", "--key-id", key["KeyId"], credentials=user, ok=False)
    assert (f"User: {arn('user/' + user.name)} is not authorized to perform: kms:DescribeKey on resource: "
            f"{key['Arn']} because no identity-based policy allows the kms:DescribeKey action") in refused
    allow(kms, user, "kms:DescribeKey")
    assert kms.ask("kms", "describe-key", "--key-id", key["KeyId"], credentials=user)["KeyMetadata"] == key
    direct = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*", "Resource": "*"},
        {"Effect": "Allow", "Principal": {"AWS": arn("user/" + user.name)}, "Action": "kms:GetPublicKey",
         "Resource": "*"},
        {"Effect": "Deny", "Principal": {"AWS": arn("user/" + user.name)}, "Action": "kms:Describe*",
         "Resource": "*"}]}
    kms.ask("kms", "put-key-policy", "--key-id", key["KeyId"], "--policy-name", "default", "--policy",
            json.dumps(direct))
    refused = kms.ask("kms", "describe-key", "--key-id", key["KeyId"], credentials=user, ok=False)
    assert "with an explicit deny in a resource-based policy" in refused


@pytest.fixture
def key(kms):
    return kms.ask("kms", "create-key")["KeyMetadata"]["Arn"]


def put_key_policy(kms, key, *statements):
    """These statements beside the one that lets the account's IAM decide."""
    root = {"Effect": "Allow", "Principal": {"AWS": arn("root")}, "Action": "kms:*", "Resource": "*"}
    kms.ask("kms", "put-key-policy", "--key-id", key, "--policy-name", "default", "--policy",
            json.dumps({"Version": "2012-10-17", "Statement": [root, *statements]}))


def test_112_encryption_contexts_in_conditions(kms, user, key):
    put_key_policy(kms, key, {"Effect": "Allow", "Principal": {"AWS": arn("user/" + user.name)}, "Action": "kms:Encrypt",
                              "Resource": "*", "Condition": {"StringEquals": {"kms:EncryptionContext:App": "x"}}})
    client = kms.client(credentials=user)
    for context in ({"App": "x"}, {"app": "x"}, {"App": "x", "more": "y"}):
        client.encrypt(KeyId=key, Plaintext=b"p", EncryptionContext=context)
    for context in ({"App": "y"}, {"App": "X"}, {"other": "x"}, {}):
        assert error_of(client.encrypt, KeyId=key, Plaintext=b"p", EncryptionContext=context)[1] == "AccessDeniedException"


@pytest.mark.parametrize("action", ["KMS:decrypt", "kms:De*", "kms:?ecrypt"])
def test_115_actions_ignore_case_and_have_wildcards(kms, user, key, action):
    blob = kms.client().encrypt(KeyId=key, Plaintext=b"p")["CiphertextBlob"]
    client = kms.client(credentials=user)
    allow(kms, user, action)
    assert client.decrypt(CiphertextBlob=blob)["Plaintext"] == b"p"
    assert error_of(client.encrypt, KeyId=key, Plaintext=b"p")[1] == "AccessDeniedException"


def test_117_re_encryption_needs_both_sides(kms, user, key):
    blob = kms.client().encrypt(KeyId=key, Plaintext=b"p")["CiphertextBlob"]
    client = kms.client(credentials=user)
    allow(kms, user, "kms:ReEncryptFrom")
    _, code, message = error_of(client.re_encrypt, CiphertextBlob=blob, DestinationKeyId=key)
    assert code == "AccessDeniedException" and "is not authorized to perform: kms:ReEncryptTo" in message
    allow(kms, user, "kms:ReEncrypt*")
    client.re_encrypt(CiphertextBlob=blob, DestinationKeyId=key)


def test_iam_is_for_those_whom_policies_let(kms, user):
    refused = kms.ask("iam", "create-user", "--user-name", "x", credentials=user, ok=False)
    assert "(AccessDenied)" in refused and f"iam:CreateUser on resource: {arn('user/x')}" in refused
    assert "(AccessDenied)" in kms.ask("iam", "get-user", "--user-name", "nobody", credentials=user, ok=False)
    allow(kms, user, "iam:GetUser")
    assert "(NoSuchEntity)" in kms.ask("iam", "get-user", "--user-name", "nobody", credentials=user, ok=False)


@pytest.fixture
def role(kms, user):
    made = kms.ask("iam", "create-role", "--role-name", "parent", "--path", "/svc/", "--assume-role-policy-document",
                   json.dumps(trust(arn("user/" + user.name), ["sts:AssumeRole", "sts:TagSession"])),
                   "--max-session-duration", "7200")["Role"]
    yield made
    for one in kms.ask("iam", "list-role-policies", "--role-name", "parent")["PolicyNames"]:
        kms.ask("iam", "delete-role-policy", "--role-name", "parent", "--policy-name", one)
    kms.ask("iam", "delete-role", "--role-name", "parent")


def assume(kms, user, role, *more, **how):
    return kms.ask("sts", "assume-role", "--role-arn", role["Arn"], "--role-session-name", "i-0abc", *more,
                   credentials=user, **how)


def test_a_role_is_assumed(kms, user, role):
    assert role["AssumeRolePolicyDocument"]["Statement"][0]["Action"] == ["sts:AssumeRole", "sts:TagSession"]
    answer = assume(kms, user, role)
    session = Credentials.of(answer["Credentials"])
    name = f"arn:aws:sts::{ACCOUNT}:assumed-role/parent/i-0abc"
    assert answer["AssumedRoleUser"]["Arn"] == name
    assert kms.ask("sts", "get-caller-identity", credentials=session) == {
        "UserId": f"{role['RoleId']}:i-0abc", "Account": ACCOUNT, "Arn": name}
    assert name in kms.ask("kms", "list-keys", credentials=session, ok=False)
    kms.ask("iam", "put-role-policy", "--role-name", "parent", "--policy-name", "list", "--policy-document",
            json.dumps(policy("kms:ListKeys")))
    kms.ask("kms", "list-keys", credentials=session)
    refused = kms.ask("sts", "assume-role", "--role-arn", role["Arn"], "--role-session-name", "no", ok=False)
    assert "(AccessDenied)" in refused and f"sts:AssumeRole on resource: {role['Arn']}" in refused


def test_116_roles_and_sessions_as_principals(kms, user, role, key):
    one, two = (Credentials.of(kms.ask("sts", "assume-role", "--role-arn", role["Arn"], "--role-session-name", name,
                                       credentials=user)["Credentials"]) for name in ("one", "two"))
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/parent/one"

    def describe(principal):
        put_key_policy(kms, key, {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "kms:DescribeKey",
                                  "Resource": "*"})
        for who in (one, two):
            try:
                kms.client(credentials=who).describe_key(KeyId=key)
                yield True
            except botocore.exceptions.ClientError as error:
                assert error.response["Error"]["Code"] == "AccessDeniedException"
                yield False

    assert list(describe(role["Arn"])) == [True, True]
    assert list(describe(session)) == [True, False]


def test_sessions_are_narrowed_and_bound_to_their_keys(kms, user, role):
    """Case 16; session policies; tags."""
    kms.ask("iam", "put-role-policy", "--role-name", "parent", "--policy-name", "all", "--policy-document",
            json.dumps(policy("kms:*", Condition={"StringEquals": {"aws:PrincipalTag/team": "blue"}})))
    assert "AccessDenied" in kms.ask("kms", "list-keys", ok=False,
                                     credentials=Credentials.of(assume(kms, user, role)["Credentials"]))
    session = Credentials.of(assume(kms, user, role, "--tags", "Key=team,Value=blue", "--policy",
                                    json.dumps(policy("kms:ListKeys")))["Credentials"])
    kms.ask("kms", "list-keys", credentials=session)
    refused = kms.ask("kms", "list-aliases", credentials=session, ok=False)
    assert "because no session policy allows the kms:ListAliases action" in refused
    other = Credentials.of(assume(kms, user, role)["Credentials"])
    mixed = Credentials(session.akid, session.secret, other.token)
    assert "(UnrecognizedClientException)" in kms.ask("kms", "list-keys", credentials=mixed, ok=False)
    bare = Credentials(session.akid, session.secret)
    assert "(UnrecognizedClientException)" in kms.ask("kms", "list-keys", credentials=bare, ok=False)


def test_sessions_end_with_their_role(kms, user):
    kms.ask("iam", "create-role", "--role-name", "short", "--assume-role-policy-document",
            json.dumps(trust(arn("user/" + user.name))))
    session = Credentials.of(assume(kms, user, {"Arn": arn("role/short")})["Credentials"])
    kms.ask("sts", "get-caller-identity", credentials=session)
    kms.ask("iam", "delete-role", "--role-name", "short")
    assert "(InvalidClientTokenId)" in kms.ask("sts", "get-caller-identity", credentials=session, ok=False)


def test_get_session_token(kms, user):
    session = Credentials.of(kms.aws("sts", "get-session-token", credentials=user)["Credentials"])
    assert kms.ask("sts", "get-caller-identity", credentials=session)["Arn"] == arn(f"user/{user.name}")
    allow(kms, user, "kms:ListKeys", "iam:*")
    kms.ask("kms", "list-keys", credentials=session)
    assert "(AccessDenied)" in kms.ask("sts", "get-session-token", credentials=session, ok=False)
    assert "(InvalidClientTokenId)" in kms.ask("iam", "list-users", credentials=session, ok=False)


def test_errors_have_their_codes_and_statuses(kms):
    iam, sts = kms.client("iam"), kms.client("sts")
    assert error_of(iam.get_user, UserName="nobody")[:2] == (404, "NoSuchEntity")
    assert error_of(iam.create_user, UserName="admin")[:2] == (409, "EntityAlreadyExists")
    assert error_of(iam.create_user, UserName="a/b")[:2] == (400, "ValidationError")
    assert error_of(iam.create_login_profile, UserName="admin", Password="x" * 20)[:2] == (400, "InvalidAction")
    assert error_of(sts.assume_role, RoleArn=arn("role/none"), RoleSessionName="no")[:2] == (403, "AccessDenied")
    wrong = Credentials(kms.admin.akid, "wrong")
    unknown = Credentials("AKIANOBODYATALL", "wrong")
    assert error_of(kms.client("iam", wrong).list_users)[:2] == (403, "SignatureDoesNotMatch")
    assert error_of(kms.client("sts", unknown).get_caller_identity)[:2] == (403, "InvalidClientTokenId")


def test_the_static_token_is_for_long_lived_keys(kms):
    """As kmstool sends one whatever it has (reference 5.2)."""
    kms.ask("kms", "list-keys", credentials=Credentials(kms.admin.akid, kms.admin.secret, "no-session"))
    other = Credentials(kms.admin.akid, kms.admin.secret, "another")
    assert "(UnrecognizedClientException)" in kms.ask("kms", "list-keys", credentials=other, ok=False)


def test_iam_is_signed_for_its_own_region(kms):
    """The CLI signs IAM for us-east-1 wherever it is told to be."""
    env = {"PATH": "/usr/bin:/bin", "HOME": kms.home, "AWS_ACCESS_KEY_ID": kms.admin.akid, "AWS_PAGER": "",
           "AWS_SECRET_ACCESS_KEY": kms.admin.secret, "AWS_DEFAULT_REGION": "eu-west-1", "AWS_MAX_ATTEMPTS": "1"}
    done = subprocess.run([AWS, "--endpoint-url", kms.url, "--region", REGION, "iam", "list-roles"], env=env,
                          capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    answer = kms.send(Request(None, b"Action=ListRoles&Version=2010-05-08", host=kms.host, credentials=kms.admin,
                              service="iam", region="eu-west-1",
                              headers=[("Content-Type", "application/x-www-form-urlencoded")]))
    assert answer.status == 403 and b"<Code>SignatureDoesNotMatch</Code>" in answer.bytes


def test_what_changes_counts_at_once(kms, user):
    """A policy that is put, and one that is taken away, before the next poll of changes."""
    end = time.monotonic() + 10
    client = kms.client("kms", user)
    iam = kms.client("iam")
    for _ in range(20):
        iam.put_user_policy(UserName=user.name, PolicyName="list", PolicyDocument=json.dumps(policy("kms:ListKeys")))
        client.list_keys()
        iam.delete_user_policy(UserName=user.name, PolicyName="list")
        assert error_of(client.list_keys)[1] == "AccessDeniedException"
        if time.monotonic() > end:
            break
