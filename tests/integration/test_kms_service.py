# SPDX-License-Identifier: Apache-2.0
"""What redoubt-ec2 asks of redoubt-kms: who calls, whether it may, a role's credentials; and instance profiles, which the
AWS CLI makes."""

import datetime
import itertools
import json
import os
import re
import socket
import stat
import subprocess
import time

import pytest

from kms_door import EC2, Door, TRUST_EC2, arn, records, signed
from kms_host import ACCOUNT, REGION, Credentials, Kms

RUN, DESCRIBE, PASS = "ec2:RunInstances", "ec2:DescribeInstances", "iam:PassRole"
INSTANCE = arn("instance/*")


@pytest.fixture(scope="module")
def kms():
    server = Kms()
    yield server
    server.assert_well()
    server.close()


@pytest.fixture
def door(kms):
    return Door(kms)


NUMBERS = itertools.count(1)


@pytest.fixture
def user(kms):
    name = f"user-{next(NUMBERS)}"
    kms.ask("iam", "create-user", "--user-name", name)
    credentials = Credentials.of(kms.ask("iam", "create-access-key", "--user-name", name)["AccessKey"])
    credentials.name = name
    return credentials


def allow(kms, user, *statements):
    text = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **s} for s in statements]})
    kms.ask("iam", "put-user-policy", "--user-name", user.name, "--policy-name", "p", "--policy-document", text)


def make_role(kms, name, trust=TRUST_EC2, path="/"):
    return kms.ask("iam", "create-role", "--role-name", name, "--path", path,
                   "--assume-role-policy-document", json.dumps(trust))["Role"]


# --- who calls ---


def test_tells_who_has_signed_a_request(kms, door, user):
    who = door.login(user)
    assert len(bytes.fromhex(who.pop("handle"))) == 18
    uid = kms.ask("iam", "get-user", "--user-name", user.name)["User"]["UserId"]
    assert who == {"account": ACCOUNT, "arn": f"arn:aws:iam::{ACCOUNT}:user/{user.name}", "kind": "user", "uid": uid,
                   "akid": user.akid, "session": ""}
    assert door.login(user, with_body=True)["uid"] == uid
    assert door.login(user, method="GET", target="/?Action=DescribeRegions&Version=2016-11-15", body=b"")["uid"] == uid


def test_every_handle_is_another(door, user):
    handles = {door.login(user)["handle"] for _ in range(20)}
    assert len(handles) == 20


@pytest.mark.parametrize("change, kind, text", [
    (lambda q: q["headers"].__delitem__(-1), "MissingAuthenticationTokenException", "Missing Authentication Token"),
    (lambda q: q.update(body_sha256="0" * 64), "InvalidSignatureException", "does not match"),
    (lambda q: q.update(target="/?Action=RunInstances"), "InvalidSignatureException", "does not match"),
    (lambda q: q.update(method="GET"), "InvalidSignatureException", "does not match"),
    (lambda q: q["headers"][0].__setitem__(1, "other:1"), "InvalidSignatureException", "does not match"),
    (lambda q: q["headers"].append(q["headers"][-1]), "IncompleteSignatureException", "more than once"),
])
def test_refuses_what_is_not_as_it_was_signed(door, user, change, kind, text):
    question = signed(user)
    assert question["headers"][-1][0] == "Authorization"
    change(question)
    status, got, message = door.refused("authenticate", **question)
    assert (status, got) == (400, kind), message
    assert text in message


def test_refuses_strangers_other_services_and_regions(kms, door, user):
    wrong = Credentials(user.akid, "x" * 40)
    assert door.refused("authenticate", **signed(wrong))[1] == "InvalidSignatureException"
    nobody = Credentials("AKIAAAAAAAAAAAAAAAAA", user.secret)
    assert door.refused("authenticate", **signed(nobody))[1] == "UnrecognizedClientException"
    for how in ({"service": "kms"}, {"service": "iam"}, {"region": "eu-north-9"}):
        assert door.refused("authenticate", **signed(user, **how))[1] == "InvalidSignatureException"
    kms.ask("iam", "update-access-key", "--user-name", user.name, "--access-key-id", user.akid, "--status", "Inactive")
    assert door.refused("authenticate", **signed(user))[1] == "UnrecognizedClientException"


def test_a_request_signed_for_ec2_is_none_for_the_api(kms, user):
    answer = kms.send(kms.request("ListKeys", credentials=user, service="ec2"))
    assert answer.type == "InvalidSignatureException"


def test_refuses_malformed_questions(door, user):
    def wrong(**members):
        return door.refused("authenticate", **{**signed(user), **members})[1]

    for members in ({"service": "kms"}, {"service": None}, {"headers": "x"}, {"headers": [["a"]]}, {"method": 1},
                    {"headers": [["a", 1]]}, {"headers": [["a", "b"]] * 65}, {"body_sha256": "zz"}, {"body": "*"},
                    {"source_ip": "x" * 100}, {"body_sha256": "0" * 63}, {"target": ""}):
        assert wrong(**members) == "ValidationException", members
    assert door.send("/authenticate", b"{")[1]["__type"] == "SerializationException"
    assert door.send("/authenticate", b"[]")[1]["__type"] == "SerializationException"
    assert door.send("/other", b"{}")[1]["__type"] == "UnknownOperationException"
    assert door.send("/authorize", None, method="GET")[1]["__type"] == "UnknownOperationException"
    status, _ = door.send("/authenticate", b" " * (2 << 20))
    assert status == 413


# --- whether it may ---


def check(action, resource="*", **context):
    return {"action": action, "resource": resource,
            "context": {key.replace("__", ":"): value for key, value in context.items()}}


def test_decides_by_the_callers_policies(kms, door, user):
    handle = door.login(user)["handle"]
    denied = door.ask("authorize", handle=handle, checks=[check(DESCRIBE)])
    assert denied == {
        "allowed": False, "denied_check": 0, "by": "no identity-based policy allows it",
        "message": f"User: arn:aws:iam::{ACCOUNT}:user/{user.name} is not authorized to perform: {DESCRIBE} on resource: * "
                   f"because no identity-based policy allows the {DESCRIBE} action"}
    allow(kms, user, {"Sid": "Look", "Action": "ec2:Describe*", "Resource": "*"})
    allowed = door.ask("authorize", handle=handle, checks=[check(DESCRIBE)])
    assert allowed == {"allowed": True, "by": "identity-based policy 1 statement 1 (Look) of p"}
    both = door.ask("authorize", handle=handle, checks=[check(DESCRIBE), check(RUN, INSTANCE)])
    assert (both["allowed"], both["denied_check"]) == (False, 1)


def test_conditions_of_ec2_hold(kms, door, user):
    allow(kms, user, {"Action": RUN, "Resource": arn("instance/*"), "Condition": {
        "StringEquals": {"ec2:InstanceType": ["m5.large", "m5.xlarge"], "aws:RequestTag/team": "blue",
                         "ec2:MetadataHttpTokens": "required"},
        "Bool": {"redoubt:EnclaveOptionsEnabled": "true", "aws:SecureTransport": "true"},
        "ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}, "IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}})
    handle = door.login(user)["handle"]
    good = {"ec2:InstanceType": ["m5.large"], "aws:RequestTag/team": "blue", "aws:TagKeys": ["team"],
            "ec2:MetadataHttpTokens": ["required"], "redoubt:EnclaveOptionsEnabled": ["true"]}

    def allowed(**change):
        context = {key: value for key, value in {**good, **change}.items() if value is not None}
        return door.ask("authorize", handle=handle,
                        checks=[{"action": RUN, "resource": INSTANCE, "context": context}])["allowed"]

    assert allowed()
    for change in ({"ec2:InstanceType": ["c5.large"]}, {"ec2:InstanceType": None}, {"aws:RequestTag/team": "red"},
                   {"aws:TagKeys": ["team", "x"]}, {"ec2:MetadataHttpTokens": ["optional"]},
                   {"redoubt:EnclaveOptionsEnabled": ["false"]}):
        assert not allowed(**change), change
    assert not door.ask("authorize", handle=handle, checks=[
        {"action": RUN, "resource": arn("image/ami-1"), "context": good}])["allowed"]


def test_a_role_is_passed_only_by_who_may_pass_it(kms, door, user):
    role = f"arn:aws:iam::{ACCOUNT}:role/web"
    allow(kms, user, {"Action": RUN, "Resource": "*"},
          {"Action": PASS, "Resource": role, "Condition": {"StringEquals": {"iam:PassedToService": EC2}}})
    handle = door.login(user)["handle"]

    def may(resource, service):
        return door.ask("authorize", handle=handle, checks=[
            check(RUN, INSTANCE), check(PASS, resource, iam__PassedToService=[service])])

    assert may(role, EC2)["allowed"]
    assert may(role, "lambda.amazonaws.com")["denied_check"] == 1
    assert "iam:PassRole on resource" in may(role + "2", EC2)["message"]


def test_sessions_are_who_they_are(kms, door, user):
    me = f"arn:aws:iam::{ACCOUNT}:user/{user.name}"
    role = make_role(kms, "operator", {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": me}, "Action": "sts:AssumeRole"}]})
    kms.ask("iam", "put-role-policy", "--role-name", "operator", "--policy-name", "p", "--policy-document", json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}]}))
    narrow = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": DESCRIBE, "Resource": "*"}]})
    session = Credentials.of(kms.ask("sts", "assume-role", "--role-arn", role["Arn"], "--role-session-name", "ops",
                                     "--policy", narrow, credentials=user)["Credentials"])
    who = door.login(session)
    assert (who["arn"], who["kind"], who["session"]) == (
        f"arn:aws:sts::{ACCOUNT}:assumed-role/operator/ops", "role", "ops")
    assert door.ask("authorize", handle=who["handle"], checks=[check(DESCRIBE)])["allowed"]
    assert door.ask("authorize", handle=who["handle"], checks=[check(RUN)])["by"] == "the session policy does not allow it"


def test_decisions_are_in_the_log(kms, door, user):
    allow(kms, user, {"Action": RUN, "Resource": INSTANCE})
    handle = door.login(user)["handle"]
    checks = [check(RUN, INSTANCE, ec2__InstanceType=["m5.large"]), check(RUN, arn("volume/*"))]
    door.ask("authorize", handle=handle, checks=checks[:1])
    door.ask("authorize", handle=handle, checks=checks)
    first, second = [r for r in records(kms, eventName="RunInstances")
                     if r["userIdentity"].get("userName") == user.name]
    assert first["eventSource"] == EC2 and first["eventType"] == "AwsApiCall"
    assert first["requestParameters"] == {"checks": checks[:1]}
    assert (first["sourceIPAddress"], first["userAgent"], first["readOnly"]) == ("192.0.2.7", "aws-cli/2", False)
    assert first["userIdentity"]["accessKeyId"] == user.akid
    assert first["additionalEventData"]["tls"] is True
    assert first["additionalEventData"]["decision"]["allowed"] is True and "errorCode" not in first
    assert second["errorCode"] == "Client.UnauthorizedOperation"
    assert second["additionalEventData"]["decision"]["resource"] == arn("volume/*")


def test_a_handle_is_unguessable_and_forgotten_with_the_server(kms, door, user):
    handle = door.login(user)["handle"]
    last = "0" if handle[-1] != "0" else "1"
    for wrong in (handle[:-1] + last, handle[:-2], handle + "00", "x" * 36, "ffff" + handle[4:], "0" * 36):
        assert door.refused("authorize", handle=wrong, checks=[check(RUN)])[1] == "NotFoundException", wrong
    assert door.refused("authorize", handle="0" * 65, checks=[check(RUN)])[1] == "ValidationException"
    kms.restart()
    assert Door(kms).refused("authorize", handle=handle, checks=[check(RUN)])[1] == "NotFoundException"


def test_the_oldest_handles_make_room(kms, door, user):
    first = door.login(user)["handle"]
    question = signed(user)
    for _ in range(1023):
        last = door.ask("authenticate", **question)["handle"]
    assert not door.ask("authorize", handle=first, checks=[check(RUN)])["allowed"]
    door.ask("authenticate", **question)
    assert door.refused("authorize", handle=first, checks=[check(RUN)])[1] == "NotFoundException"
    assert not door.ask("authorize", handle=last, checks=[check(RUN)])["allowed"]


def test_refuses_checks_that_it_cannot_vouch_for(kms, door):
    handle = door.login(kms.admin)["handle"]
    for checks in (None, [], {}, [1], [check(RUN)] * 257, [check("kms:Decrypt")], [check("ec2:")], [check("ec2:*")],
                   [check("iam:CreateUser")], [check("ec2:" + "A" * 60)], [{"action": RUN}],
                   [{**check(RUN), "context": []}], [{**check(RUN), "context": {"ec2:InstanceType": 1}}],
                   [{**check(RUN), "context": {"ec2:InstanceType": [1]}}], [check(RUN), check("x")],
                   [{**check(RUN), "context": {"ec2:A": ["v"] * 257}}],
                   *([{**check(RUN), "context": {key: ["x"]}}] for key in
                     ("aws:SourceIp", "aws:PrincipalArn", "aws:username", "kms:ViaService", "aws:requesttag/x"))):
        assert door.refused("authorize", handle=handle, checks=checks)[1] == "ValidationException", checks
    assert door.ask("authorize", handle=handle, checks=[check(RUN)] * 256)["allowed"]


# --- a role's credentials ---


def role_session(door, role, **members):
    given = {"account": ACCOUNT, "role_name": role, "session": "i-0123456789abcdef0", "service": EC2, **members}
    return {key: value for key, value in given.items() if value is not None}


def test_gives_credentials_of_a_role_that_trusts_the_service(kms, door):
    role = make_role(kms, "web-server", path="/apps/")
    before = time.time()
    got = door.ask("role-credentials", **role_session(door, "web-server"))
    assert set(got) == {"AccessKeyId", "SecretAccessKey", "Token", "Expiration", "LastUpdated"}
    expires = datetime.datetime.strptime(got["Expiration"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc)
    assert abs(expires.timestamp() - before - 21600) < 10
    credentials = Credentials(got["AccessKeyId"], got["SecretAccessKey"], got["Token"])
    who = kms.ask("sts", "get-caller-identity", credentials=credentials)
    assert who == {"Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/web-server/i-0123456789abcdef0", "Account": ACCOUNT,
                   "UserId": f"{role['RoleId']}:i-0123456789abcdef0"}
    by_arn = door.ask("role-credentials", **role_session(door, None, role_arn=role["Arn"], duration_s=900))
    assert by_arn["AccessKeyId"] != got["AccessKeyId"]
    record = records(kms, eventName="AssumeRole")[-1]
    assert record["userIdentity"] == {"invokedBy": EC2, "type": "AWSService"}
    assert (record["eventSource"], record["eventType"]) == ("sts.amazonaws.com", "AwsApiCall")
    assert record["requestParameters"] == {
        "durationSeconds": 900, "roleArn": role["Arn"], "roleSessionName": "i-0123456789abcdef0"}
    assert got["SecretAccessKey"] not in json.dumps(records(kms)) and got["Token"] not in json.dumps(records(kms))


@pytest.mark.parametrize("name, principal, more", [
    ("user", {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, {}),
    ("other-service", {"Service": "lambda.amazonaws.com"}, {}),
    ("other-account", {"Service": EC2}, {"Condition": {"StringEquals": {"aws:SourceAccount": "444455556666"}}}),
    ("other-session", {"Service": EC2}, {"Condition": {"StringEquals": {"sts:RoleSessionName": "i-1"}}}),
])
def test_gives_none_of_a_role_that_does_not(kms, door, name, principal, more):
    make_role(kms, name, {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **more}]})
    status, kind, message = door.refused("role-credentials", **role_session(door, name))
    assert (status, kind) == (400, "AccessDeniedException")
    assert message.startswith(f"{EC2} is not authorized to perform: sts:AssumeRole on resource: "
                              f"arn:aws:iam::{ACCOUNT}:role/{name}")
    record = records(kms, eventName="AssumeRole", errorCode="AccessDeniedException")[-1]
    assert record["requestParameters"]["roleArn"].endswith(f":role/{name}")
    assert record["additionalEventData"]["decision"]["allowed"] is False


def test_conditions_of_a_trust_policy_may_hold(kms, door):
    make_role(kms, "bound", {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": EC2}, "Action": "sts:AssumeRole", "Condition": {
            "StringEquals": {"aws:SourceAccount": ACCOUNT}, "StringLike": {"sts:RoleSessionName": "i-*"}}}]})
    assert door.ask("role-credentials", **role_session(door, "bound"))["AccessKeyId"].startswith("ASIA")
    assert door.refused("role-credentials", **role_session(door, "bound", session="x-1"))[1] == "AccessDeniedException"


def test_refuses_bad_questions_about_roles(kms, door):
    role = make_role(kms, "there", path="/p/")
    for members in ({"account": "1"}, {"account": None}, {"session": "x"}, {"session": "a/b"}, {"session": "x" * 65},
                    {"service": "lambda.amazonaws.com"}, {"service": None}, {"duration_s": 899}, {"duration_s": 21601},
                    {"duration_s": "900"}, {"role_name": ""}, {"role_name": "x" * 65}):
        question = role_session(door, "there", **members)
        assert door.refused("role-credentials", **question)[1] == "ValidationException", members
    for members in ({"account": "444455556666"}, {"role_name": "nobody"}, {"role_arn": role["Arn"].replace("/p/", "/")},
                    {"role_arn": role["Arn"].replace(ACCOUNT, "444455556666")}, {"role_arn": "nonsense"}):
        assert door.refused("role-credentials", **role_session(door, "there", **members))[1] == "NotFoundException", members


# --- instance profiles ---


def test_the_aws_cli_manages_instance_profiles(kms, door):
    role = make_role(kms, "Web", path="/apps/")
    name = ("--instance-profile-name", "Front")
    made = kms.aws("iam", "create-instance-profile", *name, "--path", "/apps/")["InstanceProfile"]
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:instance-profile/apps/Front" and made["Roles"] == []
    assert re.fullmatch("AIPA[A-Z2-7]{17}", made["InstanceProfileId"])
    question = {"account": ACCOUNT, "name": "front"}
    assert door.ask("instance-profile", **question) == {
        "arn": made["Arn"], "id": made["InstanceProfileId"], "name": "Front", "roles": []}
    assert "EntityAlreadyExists" in kms.aws("iam", "create-instance-profile", "--instance-profile-name", "FRONT", ok=False)
    kms.aws("iam", "add-role-to-instance-profile", *name, "--role-name", "Web")
    got = kms.aws("iam", "get-instance-profile", *name)["InstanceProfile"]
    assert [r["Arn"] for r in got["Roles"]] == [role["Arn"]] and got["Roles"][0]["RoleId"] == role["RoleId"]
    assert door.ask("instance-profile", account=ACCOUNT, arn=made["Arn"])["roles"] == [
        {"arn": role["Arn"], "name": "Web", "id": role["RoleId"]}]
    assert "LimitExceeded" in kms.aws("iam", "add-role-to-instance-profile", *name, "--role-name", "Web", ok=False)
    listed = kms.aws("iam", "list-instance-profiles-for-role", "--role-name", "Web")["InstanceProfiles"]
    assert [p["InstanceProfileName"] for p in listed] == ["Front"]
    assert "DeleteConflict" in kms.aws("iam", "delete-role", "--role-name", "Web", ok=False)
    assert "DeleteConflict" in kms.aws("iam", "delete-instance-profile", *name, ok=False)
    kms.aws("iam", "remove-role-from-instance-profile", *name, "--role-name", "Web")
    kms.aws("iam", "delete-instance-profile", *name)
    assert "NoSuchEntity" in kms.aws("iam", "get-instance-profile", *name, ok=False)
    kms.aws("iam", "delete-role", "--role-name", "Web")
    assert door.refused("instance-profile", **question)[1] == "NotFoundException"


def test_refuses_bad_questions_about_profiles(kms, door):
    kms.ask("iam", "create-instance-profile", "--instance-profile-name", "asked", "--path", "/p/")
    for members in ({}, {"account": ACCOUNT}, {"account": "x", "name": "asked"}, {"account": ACCOUNT, "name": "x" * 129}):
        assert door.refused("instance-profile", **members)[1] == "ValidationException", members
    for members in ({"account": ACCOUNT, "name": "nobody"}, {"account": "444455556666", "name": "asked"},
                    {"account": ACCOUNT, "arn": f"arn:aws:iam::{ACCOUNT}:instance-profile/asked"}):
        assert door.refused("instance-profile", **members)[1] == "NotFoundException", members


# --- the socket ---


def test_the_socket_is_for_few(kms):
    mode = os.stat(Door(kms).path)
    assert stat.S_ISSOCK(mode.st_mode) and stat.S_IMODE(mode.st_mode) == 0o660 and mode.st_uid == os.geteuid()


ASK_AS = """
import os, socket, sys
os.setgroups([]); os.setgid(int(sys.argv[2])); os.setuid(65534)
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
s.sendall(b"POST /authenticate HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 2\\r\\n\\r\\n{}")
print(s.recv(4096).decode())
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="other users: needs root")
def test_other_users_may_not_ask_unless_they_are_named(kms):
    def ask(server):
        path = Door(server).path
        for directory in (server.home, server.path("run"), server.path("run", "kms")):
            os.chmod(directory, 0o755)
        done = subprocess.run(["python3", "-c", ASK_AS, path, str(os.stat(path).st_gid)], capture_output=True, text=True,
                              timeout=60, check=True)
        return done.stdout

    assert "AccessDeniedException" in ask(kms)
    other = Kms("service_users: [nobody]\n")
    try:
        assert "ValidationException" in ask(other)
    finally:
        other.close()


def test_the_door_can_be_elsewhere_or_shut(kms):
    other = Kms("service_socket: door.sock\n")
    try:
        assert stat.S_ISSOCK(os.stat(other.path("state", "kms", "door.sock")).st_mode)
        other.write_config("service_socket: off\n")
        other.restart()
        assert not os.path.exists(other.path("state", "kms", "door.sock"))
        assert not os.path.exists(other.path("run", "kms", "service.sock"))
        other.stop()
        other.write_config("service_users: [no-such-user-here]\n")
        assert "service_users: there is no user \"no-such-user-here\"" in other.tool(ok=False)
    finally:
        other.close()


def test_a_socket_left_behind_is_replaced_and_the_server_counts(kms):
    kms.restart(9)
    door = Door(kms)
    before = kms.metric("requests_total", operation="ServiceDoor", outcome="OK")
    assert door.login(kms.admin)["kind"] == "user"
    assert kms.metric("requests_total", operation="ServiceDoor", outcome="OK") == before + 1


def test_slow_and_broken_clients_are_let_go(kms):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(Door(kms).path)
        sock.sendall(b"\x00\xff\r\n\r\n")
        assert b"SerializationException" in sock.recv(4096)
    assert Door(kms).login(kms.admin)
