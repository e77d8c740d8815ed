# SPDX-License-Identifier: Apache-2.0
"""`redoubt kms lint-policy` and `redoubt kms explain`."""
import json
import os
import subprocess

import pytest

REDOUBT = os.environ["REDOUBT"]
ACCOUNT = "111122223333"
KEY = f"arn:aws:kms:local-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
PARENT = f"arn:aws:iam::{ACCOUNT}:role/enclave-parent"
IMAGE, OTHER = "ab" * 48, "cd" * 48
IMAGE_KEY = "kms:RecipientAttestation:ImageSha384"

USE = {"Sid": "EnclaveUse", "Effect": "Allow", "Principal": {"AWS": PARENT}, "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
       "Resource": "*", "Condition": {"StringEqualsIgnoreCase": {IMAGE_KEY: IMAGE}}}
PROVISION = {"Sid": "Provision", "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/provisioner"},
             "Action": ["kms:Encrypt", "kms:DescribeKey"], "Resource": "*"}
NO_PLAINTEXT = {"Sid": "NoPlaintextWithoutImage", "Effect": "Deny", "Principal": "*",
                "Action": ["kms:Decrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyPair", "kms:DeriveSharedSecret"],
                "Resource": "*", "Condition": {"StringNotEqualsIgnoreCase": {IMAGE_KEY: IMAGE}}}
NO_SIDE_DOORS = {"Sid": "NoSideDoors", "Effect": "Deny", "Principal": "*", "Action": ["kms:ReEncryptFrom", "kms:CreateGrant"],
                 "Resource": "*"}
ROOT = {"Sid": "Root", "Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "kms:*", "Resource": "*"}


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def run(*args, stdin=None):
    return subprocess.run([REDOUBT, "kms", *map(str, args)], input=stdin, capture_output=True, text=True, timeout=60,
                          check=False)


def findings(text, *args):
    done = run("lint-policy", *args, "-", stdin=text)
    assert done.returncode == (10 if done.stdout else 0), done.stderr
    return [tuple(line.split(": ")[:2]) for line in done.stdout.splitlines()]


@pytest.fixture(name="explain")
def explain_fixture(tmp_path):
    def call(policy, identity=(), **request):
        args = []
        if policy is not None:
            (tmp_path / "policy").write_text(policy)
            args += ["--policy", tmp_path / "policy"]
        for i, one in enumerate(identity):
            (tmp_path / f"identity{i}").write_text(one)
            args += ["--identity-policy", tmp_path / f"identity{i}"]
        whole = {"action": "kms:Decrypt", "resource": KEY, **request}
        whole.setdefault("caller", {"arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/enclave-parent/i-0", "role_arn": PARENT})
        return run("explain", *args, "--request", "-", stdin=json.dumps(whole))
    return call


def test_a_careful_policy_has_no_findings():
    assert findings(document(USE, PROVISION, NO_PLAINTEXT, NO_SIDE_DOORS)) == []


@pytest.mark.parametrize("statement, value, name", [
    (USE, {"Condition": {"StringEqualsIgnoreCase": {IMAGE_KEY: "0x" + IMAGE}}}, "hex-prefix"),
    (USE, {"Condition": {"StringEqualsIgnoreCase": {IMAGE_KEY: IMAGE[:-2]}}}, "hex-length"),
    (ROOT, {}, "root-delegation"),
    (USE, {"Action": ["kms:Decrypt", "kms:ReEncryptFrom"]}, "reencrypt-from"),
    (USE, {"Action": ["kms:Decrypt", "kms:CreateGrant"]}, "create-grant"),
])
def test_known_holes_are_found(statement, value, name):
    found = findings(document(USE, {**statement, **value, "Sid": "Here"}))
    assert ("statement 2 (Here)", name) in found, found


def test_the_kind_of_a_policy_matters():
    identity = document({"Effect": "Allow", "Action": "kms:ListKeys", "Resource": "*"})
    assert run("lint-policy", "-", stdin=identity).returncode == 12
    assert findings(identity, "--kind", "identity") == []


@pytest.mark.parametrize("text", ["", "{", document(), document({**USE, "Effect": "Perhaps"}), '{"Statement":' * 100,
                                  document(USE, {**USE, "Sid": "x" * 40000})])
def test_an_invalid_policy_says_where(text):
    done = run("lint-policy", "-", stdin=text)
    assert done.returncode == 12 and done.stdout == "" and done.stderr.count("\n") == 1


def test_explain_names_the_statement_that_allows(explain):
    done = explain(document(PROVISION, USE), context={IMAGE_KEY: IMAGE})
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines == ["  resource-based policy 1 statement 1 (Provision), Allow: is not for this action",
                     "  resource-based policy 1 statement 2 (EnclaveUse), Allow: matches",
                     "allowed by resource-based policy 1 statement 2 (EnclaveUse)"]


def test_explain_names_the_condition_that_does_not_hold(explain):
    for context in ({}, {IMAGE_KEY: OTHER}, {IMAGE_KEY: [OTHER]}):
        done = explain(document(USE), context=context)
        assert done.returncode == 10
        assert f"a condition that does not hold: StringEqualsIgnoreCase {IMAGE_KEY}" in done.stdout
        assert done.stdout.splitlines()[-1].startswith("denied: no statement allows it: User: arn:aws:sts::")


def test_explain_names_the_statement_that_denies(explain):
    done = explain(document(ROOT, NO_PLAINTEXT), [document({"Effect": "Allow", "Action": "kms:*", "Resource": "*"})])
    assert done.returncode == 11
    assert done.stdout.splitlines()[-1] == "denied by resource-based policy 1 statement 2 (NoPlaintextWithoutImage)"


def test_explain_shows_delegation_to_identity_policies(explain):
    identity = document({"Sid": "Mine", "Effect": "Allow", "Action": "kms:Decrypt", "Resource": KEY})
    done = explain(document(ROOT), [document({"Effect": "Allow", "Action": "kms:ListKeys", "Resource": "*"}), identity])
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == ("allowed by identity-based policy 2 statement 1 (Mine), which resource-based "
                                            "policy 1 statement 1 (Root) lets decide")
    assert explain(document(ROOT)).returncode == 10


def test_explain_without_a_key_and_with_a_grant(explain):
    create = document({"Effect": "Allow", "Action": "kms:CreateKey", "Resource": "*"})
    assert explain(None, [create], action="kms:CreateKey", resource="*").returncode == 0
    assert explain(None, [], action="kms:CreateKey", resource="*").returncode == 10
    granted = explain(document(PROVISION), granted=True)
    assert granted.returncode == 0 and granted.stdout.splitlines()[-1] == "allowed by grant"


@pytest.mark.parametrize("request_text, part", [
    ("", "is empty"), ("{", "line 1"), ("[]", "is not an object"), ("{}", '"action"'), ('{"action":1}', '"action"'),
    ('{"action":"kms:Decrypt","action":"kms:Encrypt"}', "duplicate"),
    ('{"action":"kms:Decrypt"}', '"caller"'),
    ('{"action":"kms:Decrypt","caller":{"arn":"alice"}}', "no account"),
    ('{"action":"kms:Decrypt","caller":{"arn":"a:b:c:d:111122223333:user/a"},"context":{"k":1}}', '"k"'),
    ('{"action":"kms:Decrypt","caller":{"arn":"a:b:c:d:111122223333:user/a"},"contxt":{}}', '"contxt"'),
    ('{"action":"kms:Decrypt","caller":{"arn":"a:b:c:d:111122223333:user/a"},"granted":"yes"}', '"granted"'),
])
def test_a_wrong_request_says_what_is_wrong(request_text, part):
    done = run("explain", "--request", "-", stdin=request_text)
    assert (done.returncode, done.stdout) == (1, "") and part in done.stderr and done.stderr.count("\n") == 1


def test_a_key_policy_wants_the_key(tmp_path):
    (tmp_path / "policy").write_text(document(USE))
    request = json.dumps({"action": "kms:Decrypt", "caller": {"arn": PARENT}})
    done = run("explain", "--policy", tmp_path / "policy", "--request", "-", stdin=request)
    assert done.returncode == 1 and '"resource"' in done.stderr


@pytest.mark.parametrize("args", [[], ["lint-policy"], ["lint-policy", "a", "b"], ["lint-policy", "--kind", "x", "a"],
                                  ["explain"], ["explain", "--request"], ["explain", "--request", "a", "b"], ["rotate"]])
def test_wrong_usage(args):
    done = run(*args)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
