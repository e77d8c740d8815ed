# SPDX-License-Identifier: Apache-2.0
"""Keys, aliases, states, rotation, import, policies and grants: cases 29 to 56, 93 to 108 and 118 to 124 of the KMS
reference, against the real server, by botocore's client and the AWS CLI, and by signed requests where Debian's botocore
does not know an operation or a member yet.

Dates that pass (95's schedule, 101's 24 hours) are in the unit tests, which move the clock.
"""

import base64
import contextlib
import json
import os
import sqlite3
import time
import uuid

import botocore.exceptions
import pytest
from cryptography.hazmat.primitives import hashes, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from kms_host import ACCOUNT, REGION, Credentials, Kms, until

ROOT = f"arn:aws:iam::{ACCOUNT}:root"
FOREVER = {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
SIGN = {"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"}


@pytest.fixture(name="server", scope="module")
def server_fixture():
    server = Kms()
    yield server
    server.assert_well()
    server.close()


@pytest.fixture(name="kms", scope="module")
def kms_fixture(server):
    """Without botocore's own checks: what is refused is refused by the server."""
    return server.client(parameter_validation=False)


@pytest.fixture(name="key")
def key_fixture(kms):
    return new_key(kms)["KeyId"]


@pytest.fixture(name="user")
def user_fixture(server):
    return User(server)


@pytest.fixture(name="raw", scope="module")
def raw_fixture(server):
    return Raw(server)


class User:
    """A user without policies, with an access key."""

    def __init__(self, server):
        iam = server.client("iam")
        name = f"u{uuid.uuid4().hex[:12]}"
        self.arn = iam.create_user(UserName=name)["User"]["Arn"]
        answer = iam.create_access_key(UserName=name)["AccessKey"]
        self.kms = server.client(credentials=Credentials.of(answer), parameter_validation=False)


def new_key(kms, **how):
    return kms.create_key(**how)["KeyMetadata"]


def alias_name():
    return f"alias/t-{uuid.uuid4()}"


def refused(kind, call, /, *words, **how):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**how)
    error = caught.value.response
    assert error["Error"]["Code"] == kind, error
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 400, error
    message = error["Error"].get("Message") or ""
    for word in words:
        assert word in message, error
    return message


class Raw:
    """Operations by their names, members as they are on the wire."""

    def __init__(self, server):
        self.server = server

    def __call__(self, operation, **members):
        answer = self.server.call(operation, members)
        assert answer.status == 200, answer.bytes
        return answer.json

    def refused(self, kind, operation, *words, **members):
        answer = self.server.call(operation, members)
        assert (answer.status, answer.type) == (400, kind), answer.bytes
        for word in words:
            assert word in answer.message, answer.bytes
        return answer.message or ""


def text(data):
    return base64.b64encode(data).decode()


# --- 29 to 38: making and describing keys


def test_29_default_key(raw):
    key = raw("CreateKey")["KeyMetadata"]
    assert key["KeySpec"] == key["CustomerMasterKeySpec"] == "SYMMETRIC_DEFAULT"
    assert key["KeyUsage"] == "ENCRYPT_DECRYPT" and key["EncryptionAlgorithms"] == ["SYMMETRIC_DEFAULT"]
    assert key["Enabled"] is True and key["KeyManager"] == "CUSTOMER" and key["MultiRegion"] is False
    assert key["AWSAccountId"] == ACCOUNT and key["Arn"] == f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{key['KeyId']}"
    assert len(key["CurrentKeyMaterialId"]) == 64 and uuid.UUID(key["KeyId"]).version == 4


def test_30_31_usage_goes_with_the_spec(kms):
    refused("ValidationException", kms.create_key, "You must specify a KeyUsage value", KeySpec="RSA_2048")
    refused("ValidationException", kms.create_key, "KeyUsage KEY_AGREEMENT is not compatible with KeySpec RSA_2048",
            KeySpec="RSA_2048", KeyUsage="KEY_AGREEMENT")


def test_32_old_name_of_the_spec(kms):
    key = new_key(kms, CustomerMasterKeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")
    assert key["KeySpec"] == key["CustomerMasterKeySpec"] == "RSA_2048"


def test_33_unknown_spec(kms):
    refused("ValidationException", kms.create_key, "Value 'X' at 'keySpec' failed to satisfy constraint", "enum value set",
            KeySpec="X")


def test_34_multi_region(kms):
    refused("UnsupportedOperationException", kms.create_key, MultiRegion=True)


@pytest.mark.parametrize("tags, words", [
    ([{"TagKey": f"k{n}", "TagValue": ""} for n in range(51)], "Too many tags"),
    ([{"TagKey": "a", "TagValue": "1"}, {"TagKey": "a", "TagValue": "2"}], "Duplicate tag keys"),
    ([{"TagKey": "aws:x", "TagValue": ""}], "reserved")])
def test_35_tags(kms, tags, words):
    refused("TagException", kms.create_key, words, Tags=tags)


def test_36_long_tag_key(kms):
    refused("ValidationException", kms.create_key, "tags.1.member.tagKey", Tags=[{"TagKey": "a" * 129, "TagValue": ""}])


def test_37_every_name_of_a_key(kms, key):
    alias = alias_name()
    kms.create_alias(AliasName=alias, TargetKeyId=key)
    want = kms.describe_key(KeyId=key)["KeyMetadata"]
    for name in (want["Arn"], alias, f"arn:aws:kms:{REGION}:{ACCOUNT}:{alias}"):
        assert kms.describe_key(KeyId=name)["KeyMetadata"] == want


def test_38_what_is_not_there(kms):
    absent = str(uuid.uuid4())
    for name, words in (("fake", "Invalid keyId 'fake'"),
                        (absent, f"Key 'arn:aws:kms:{REGION}:{ACCOUNT}:key/{absent}' does not exist"),
                        (f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/{absent}", "Invalid arn eu-west-1"),
                        ("alias/none", f"Alias arn:aws:kms:{REGION}:{ACCOUNT}:alias/none is not found.")):
        assert refused("NotFoundException", kms.describe_key, KeyId=name) == words


# --- 39 to 45: aliases


def test_39_alias_names(kms, key):
    def create(kind, name):
        return refused(kind, kms.create_alias, AliasName=name, TargetKeyId=key)
    assert "alias/" in create("ValidationException", "foo")
    assert create("NotAuthorizedException", "alias/aws/x") == ""
    for name in ("alias/a b", "alias/a:b", "alias/" + "a" * 251):
        create("ValidationException", name)


def test_40_42_taken_and_alias_of_alias(kms, key):
    alias = alias_name()
    kms.create_alias(AliasName=alias, TargetKeyId=key)
    refused("AlreadyExistsException", kms.create_alias, f"arn:aws:kms:{REGION}:{ACCOUNT}:{alias}", AliasName=alias,
            TargetKeyId=key)
    refused("ValidationException", kms.create_alias, "Aliases must refer to keys", AliasName=alias_name(),
            TargetKeyId=alias)


def test_41_fifty_aliases(kms, key):
    for _ in range(50):
        kms.create_alias(AliasName=alias_name(), TargetKeyId=key)
    refused("LimitExceededException", kms.create_alias, AliasName=alias_name(), TargetKeyId=key)
    assert len(kms.list_aliases(KeyId=key, Limit=100)["Aliases"]) == 50


def test_43_44_moving_aliases(kms, key):
    alias = alias_name()
    kms.create_alias(AliasName=alias, TargetKeyId=key)
    refused("ValidationException", kms.update_alias, AliasName=alias, TargetKeyId=new_key(kms, **SIGN)["KeyId"])
    assert kms.describe_key(KeyId=alias)["KeyMetadata"]["KeyId"] == key
    refused("NotFoundException", kms.update_alias, AliasName=alias_name(), TargetKeyId=key)
    refused("NotFoundException", kms.delete_alias, AliasName=alias_name())


def test_45_a_moved_alias_and_old_ciphertexts(kms, key):
    alias = alias_name()
    kms.create_alias(AliasName=alias, TargetKeyId=key)
    blob = kms.encrypt(KeyId=alias, Plaintext=b"secret")
    assert blob["KeyId"].endswith(key)
    kms.update_alias(AliasName=alias, TargetKeyId=new_key(kms)["KeyId"])
    assert kms.decrypt(CiphertextBlob=blob["CiphertextBlob"])["Plaintext"] == b"secret"
    refused("IncorrectKeyException", kms.decrypt, CiphertextBlob=blob["CiphertextBlob"], KeyId=alias)


# --- 46 to 53: states


def test_46_47_disabling(kms, key):
    arn = kms.describe_key(KeyId=key)["KeyMetadata"]["Arn"]
    for _ in range(2):
        kms.disable_key(KeyId=key)
    assert refused("DisabledException", kms.encrypt, KeyId=key, Plaintext=b"x") == f"{arn} is disabled."
    for _ in range(2):
        kms.enable_key(KeyId=key)
    kms.encrypt(KeyId=key, Plaintext=b"x")


@pytest.mark.parametrize("days", [6, 31, 0, 366])
def test_48_window(kms, key, days):
    refused("ValidationException", kms.schedule_key_deletion, "pendingWindowInDays", KeyId=key, PendingWindowInDays=days)


def test_49_to_52_deletion_is_scheduled_and_cancelled(kms, key):
    alias = alias_name()
    kms.create_alias(AliasName=alias, TargetKeyId=key)
    blob = kms.encrypt(KeyId=key, Plaintext=b"secret")["CiphertextBlob"]
    answer = kms.schedule_key_deletion(KeyId=key)
    arn = answer["KeyId"]
    assert arn == f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{key}"
    assert (answer["KeyState"], answer["PendingWindowInDays"]) == ("PendingDeletion", 30)
    for call, how in ((kms.encrypt, {"Plaintext": b"x"}), (kms.enable_key, {}), (kms.schedule_key_deletion, {}),
                      (kms.tag_resource, {"Tags": [{"TagKey": "a", "TagValue": "b"}]})):
        assert refused("KMSInvalidStateException", call, KeyId=key, **how) == f"{arn} is pending deletion."
    refused("KMSInvalidStateException", kms.create_alias, AliasName=alias_name(), TargetKeyId=key)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["DeletionDate"] == answer["DeletionDate"]
    kms.get_key_policy(KeyId=key)
    assert len(kms.list_aliases(KeyId=key)["Aliases"]) == 1
    kms.delete_alias(AliasName=alias)
    assert kms.cancel_key_deletion(KeyId=key)["KeyId"] == arn
    metadata = kms.describe_key(KeyId=key)["KeyMetadata"]
    assert metadata["KeyState"] == "Disabled" and "DeletionDate" not in metadata
    kms.enable_key(KeyId=key)
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"secret"


def test_53_nothing_to_cancel(kms, key):
    refused("KMSInvalidStateException", kms.cancel_key_deletion, " is not pending deletion.", KeyId=key)


# --- 55, 56: pages


def test_55_pages_of_one(kms):
    made = {new_key(kms)["KeyId"] for _ in range(5)}
    seen = []
    for page in kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 1}):
        assert len(page["Keys"]) == 1 and page["Truncated"] == ("NextMarker" in page)
        seen.append(page["Keys"][0]["KeyId"])
    assert len(seen) == len(set(seen)) and made <= set(seen)


def test_56_markers_and_limits(kms):
    refused("InvalidMarkerException", kms.list_keys, Marker="garbage")
    for limit in (0, 1001):
        refused("ValidationException", kms.list_keys, "limit", Limit=limit)


# --- 93 to 97: rotation


def test_93_automatic_rotation(kms, raw, key):
    kms.enable_key_rotation(KeyId=key)
    status = raw("GetKeyRotationStatus", KeyId=key)
    assert status["KeyRotationEnabled"] and status["RotationPeriodInDays"] == 365 and "NextRotationDate" in status
    for days in (89, 2561):
        raw.refused("ValidationException", "EnableKeyRotation", "rotationPeriodInDays", KeyId=key,
                    RotationPeriodInDays=days)


def test_94_rotation_on_demand(kms, raw, key):
    blobs = [kms.encrypt(KeyId=key, Plaintext=b"old")["CiphertextBlob"]]
    raw("RotateKeyOnDemand", KeyId=key)
    blobs.append(kms.encrypt(KeyId=key, Plaintext=b"new")["CiphertextBlob"])
    answers = [raw("Decrypt", CiphertextBlob=text(blob)) for blob in blobs]
    assert [base64.b64decode(answer["Plaintext"]) for answer in answers] == [b"old", b"new"]
    assert answers[0]["KeyMaterialId"] != answers[1]["KeyMaterialId"]
    (rotation,) = raw("ListKeyRotations", KeyId=key)["Rotations"]
    assert rotation["RotationType"] == "ON_DEMAND" and rotation["KeyMaterialId"] == answers[1]["KeyMaterialId"]
    assert raw("DescribeKey", KeyId=key)["KeyMetadata"]["CurrentKeyMaterialId"] == answers[1]["KeyMaterialId"]


def test_95_twenty_five_rotations(raw, key):
    for _ in range(25):
        raw("RotateKeyOnDemand", KeyId=key)
    raw.refused("LimitExceededException", "RotateKeyOnDemand", key, KeyId=key)


def test_96_97_what_does_not_rotate(kms, raw, key):
    assert raw.refused("UnsupportedOperationException", "RotateKeyOnDemand", KeyId=new_key(kms, **SIGN)["KeyId"]) == ""
    kms.disable_key(KeyId=key)
    raw.refused("DisabledException", "RotateKeyOnDemand", KeyId=key)


# --- 98 to 104: import


def external(kms):
    return new_key(kms, Origin="EXTERNAL")["KeyId"]


def wrap(parameters, algorithm, material):
    key = serialization.load_der_public_key(parameters["PublicKey"])
    digest = hashes.SHA256() if algorithm.endswith("256") else hashes.SHA1()
    oaep = padding.OAEP(padding.MGF1(digest), digest, None)
    if algorithm.startswith("RSAES"):
        return key.encrypt(material, oaep)
    kek = os.urandom(32)
    return key.encrypt(kek, oaep) + keywrap.aes_key_wrap_with_padding(kek, material)


def parameters_for(kms, key, algorithm="RSAES_OAEP_SHA_256", spec="RSA_2048"):
    return kms.get_parameters_for_import(KeyId=key, WrappingAlgorithm=algorithm, WrappingKeySpec=spec)


def wrapped(kms, key, material, algorithm="RSAES_OAEP_SHA_256", spec="RSA_2048"):
    """What ImportKeyMaterial takes of the material, with a token of its own, as it is on the wire."""
    parameters = parameters_for(kms, key, algorithm, spec)
    return {"KeyId": key, "ImportToken": text(parameters["ImportToken"]),
            "EncryptedKeyMaterial": text(wrap(parameters, algorithm, material)), **FOREVER}


def test_98_before_the_import(kms):
    refused("KMSInvalidStateException", kms.encrypt, " is pending import.", KeyId=external(kms), Plaintext=b"x")


@pytest.mark.parametrize("algorithm, spec", [
    ("RSAES_OAEP_SHA_1", "RSA_2048"), ("RSAES_OAEP_SHA_256", "RSA_3072"), ("RSA_AES_KEY_WRAP_SHA_1", "RSA_2048"),
    ("RSA_AES_KEY_WRAP_SHA_256", "RSA_2048"), ("RSA_AES_KEY_WRAP_SHA_256", "RSA_4096")])
def test_99_every_wrapping(kms, raw, algorithm, spec):
    key = external(kms)
    answer = raw("ImportKeyMaterial", **wrapped(kms, key, os.urandom(32), algorithm, spec))
    metadata = raw("DescribeKey", KeyId=key)["KeyMetadata"]
    assert metadata["KeyState"] == "Enabled" and metadata["CurrentKeyMaterialId"] == answer["KeyMaterialId"]
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


def test_100_no_date(kms):
    key = external(kms)
    parameters = parameters_for(kms, key)
    refused("ValidationException", kms.import_key_material, "A validTo date must be set", KeyId=key,
            ImportToken=parameters["ImportToken"],
            EncryptedKeyMaterial=wrap(parameters, "RSAES_OAEP_SHA_256", bytes(32)))


def test_101_tokens(kms):
    key, other = external(kms), external(kms)
    ours, theirs = parameters_for(kms, key), parameters_for(kms, other)
    good = wrap(ours, "RSAES_OAEP_SHA_256", bytes(32))
    refused("InvalidImportTokenException", kms.import_key_material, KeyId=key, ImportToken=theirs["ImportToken"],
            EncryptedKeyMaterial=good, **FOREVER)
    broken = good[:-1] + bytes([good[-1] ^ 1])
    assert refused("InvalidCiphertextException", kms.import_key_material, KeyId=key, ImportToken=ours["ImportToken"],
                   EncryptedKeyMaterial=broken, **FOREVER) == ""


def test_102_only_the_same_bytes_come_back(kms, raw):
    key, material = external(kms), os.urandom(32)
    raw("ImportKeyMaterial", **wrapped(kms, key, material))
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    kms.delete_imported_key_material(KeyId=key)
    refused("KMSInvalidStateException", kms.decrypt, CiphertextBlob=blob)
    raw.refused("IncorrectKeyMaterialException", "ImportKeyMaterial", **wrapped(kms, key, os.urandom(32)))
    raw("ImportKeyMaterial", **wrapped(kms, key, material))
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


def test_103_keys_made_here_take_no_import(kms, key):
    refused("UnsupportedOperationException", kms.get_parameters_for_import,
            " origin is AWS_KMS which is not valid for this operation.", KeyId=key, WrappingKeySpec="RSA_2048",
            WrappingAlgorithm="RSAES_OAEP_SHA_256")


def test_104_one_material_waits(kms, raw):
    key = external(kms)
    raw("ImportKeyMaterial", **wrapped(kms, key, os.urandom(32)))
    new = {"ImportType": "NEW_KEY_MATERIAL"}
    waiting = raw("ImportKeyMaterial", **wrapped(kms, key, os.urandom(32)), **new)["KeyMaterialId"]
    raw.refused("KMSInvalidStateException", "ImportKeyMaterial", "is pending rotation", waiting,
                **wrapped(kms, key, os.urandom(32)), **new)
    raw("RotateKeyOnDemand", KeyId=key)
    assert raw("DescribeKey", KeyId=key)["KeyMetadata"]["CurrentKeyMaterialId"] == waiting


# --- 105 to 108: policies


def policy(principal, action="kms:*", **more):
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": action, "Resource": "*", **more}]})


def test_105_default_policy(raw, key):
    answer = raw("GetKeyPolicy", KeyId=key)
    (statement,) = json.loads(answer["Policy"])["Statement"]
    assert answer["PolicyName"] == "default" and json.loads(answer["Policy"])["Id"] == "key-default-1"
    assert statement["Principal"] == {"AWS": ROOT} and (statement["Action"], statement["Resource"]) == ("kms:*", "*")


@pytest.mark.parametrize("document", [
    "nonsense", json.dumps({"Statement": [{"Effect": "Allow", "Action": "kms:*", "Resource": "*"}]}),
    policy(ROOT).replace("Allow", "allow"), policy(ROOT, Condition={"StringIs": {"aws:username": "x"}})])
def test_106_malformed_policies(kms, key, document):
    assert refused("MalformedPolicyDocumentException", kms.put_key_policy, KeyId=key, Policy=document)


def test_107_lockout(kms, key, user):
    refused("MalformedPolicyDocumentException", kms.put_key_policy, "in the future", KeyId=key, Policy=policy(user.arn))
    kms.put_key_policy(KeyId=key, Policy=policy(user.arn), BypassPolicyLockoutSafetyCheck=True)
    refused("AccessDeniedException", kms.describe_key, KeyId=key)
    user.kms.put_key_policy(KeyId=key, Policy=policy([user.arn, ROOT]))
    kms.describe_key(KeyId=key)


def test_108_size_and_name(kms, key):
    document = policy(ROOT)
    refused("LimitExceededException", kms.put_key_policy, KeyId=key, Policy=document + " " * (32769 - len(document)))
    kms.put_key_policy(KeyId=key, Policy=document + " " * (32768 - len(document)))
    refused("NotFoundException", kms.put_key_policy, KeyId=key, PolicyName="x", Policy=document)


# --- 118 to 124: grants


def grant(kms, key, user, *operations, **how):
    return kms.create_grant(KeyId=key, GranteePrincipal=user.arn, Operations=list(operations), **how)


def test_118_granted_and_revoked(kms, key, user):
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    refused("AccessDeniedException", user.kms.decrypt, CiphertextBlob=blob)
    made = grant(kms, key, user, "Decrypt")
    assert user.kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    refused("AccessDeniedException", user.kms.encrypt, KeyId=key, Plaintext=b"x")
    kms.revoke_grant(KeyId=key, GrantId=made["GrantId"])
    refused("AccessDeniedException", user.kms.decrypt, CiphertextBlob=blob)


def test_119_constraints(kms, key, user):
    grant(kms, key, user, "Decrypt", Constraints={"EncryptionContextSubset": {"a": "1"}})
    both, less = {"a": "1", "b": "2"}, {"b": "2"}
    blobs = [kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext=context)["CiphertextBlob"]
             for context in (both, less)]
    user.kms.decrypt(CiphertextBlob=blobs[0], EncryptionContext=both)
    refused("AccessDeniedException", user.kms.decrypt, CiphertextBlob=blobs[1], EncryptionContext=less)


def test_120_operation_of_another_kind(kms, key, user):
    refused("ValidationException", kms.create_grant, "Sign", KeyId=key, GranteePrincipal=user.arn, Operations=["Sign"])


def test_121_named_twice(kms, key, user):
    one, two = (grant(kms, key, user, "Decrypt", Name="n") for _ in range(2))
    assert one["GrantId"] == two["GrantId"] and one["GrantToken"] != two["GrantToken"]
    assert len(kms.list_grants(KeyId=key)["Grants"]) == 1


def test_122_child_grants(server, kms, key, user):
    other = User(server)
    grant(kms, key, user, "Decrypt", "CreateGrant", Constraints={"EncryptionContextSubset": {"a": "1"}})
    stricter = {"EncryptionContextSubset": {"a": "1", "b": "2"}}
    for operations, constraints in ((["Decrypt", "Encrypt"], stricter), (["Decrypt"], {})):
        refused("AccessDeniedException", user.kms.create_grant, KeyId=key, GranteePrincipal=other.arn,
                Operations=operations, Constraints=constraints)
    grant(user.kms, key, other, "Decrypt", Constraints=stricter)


def test_123_retiring(server, kms, key, user):
    stranger, retiring = User(server), User(server)
    made = grant(kms, key, user, "Decrypt", RetiringPrincipal=retiring.arn)
    (listed,) = kms.list_retirable_grants(RetiringPrincipal=retiring.arn)["Grants"]
    assert listed["GrantId"] == made["GrantId"] and listed["RetiringPrincipal"] == retiring.arn
    refused("AccessDeniedException", stranger.kms.retire_grant, GrantToken=made["GrantToken"])
    retiring.kms.retire_grant(GrantToken=made["GrantToken"])
    assert kms.list_grants(KeyId=key)["Grants"] == []


def test_124_foreign_token(kms, key):
    refused("InvalidGrantTokenException", kms.encrypt, KeyId=key, Plaintext=b"x", GrantTokens=["junk"])


# --- the AWS CLI, and what a restart leaves


def test_cli_from_key_to_grant(server, user):
    key = server.aws("kms", "create-key", "--description", "by the CLI", "--tags", "TagKey=a,TagValue=b")["KeyMetadata"]
    alias = alias_name()
    server.aws("kms", "create-alias", "--alias-name", alias, "--target-key-id", key["KeyId"])
    assert server.ask("kms", "describe-key", "--key-id", alias)["KeyMetadata"]["Description"] == "by the CLI"
    tags = server.ask("kms", "list-resource-tags", "--key-id", key["KeyId"])["Tags"]
    assert tags == [{"TagKey": "a", "TagValue": "b"}]
    made = server.aws("kms", "create-grant", "--key-id", key["KeyId"], "--grantee-principal", user.arn, "--operations",
                      "Decrypt", "Encrypt")
    (listed,) = server.aws("kms", "list-grants", "--key-id", key["KeyId"])["Grants"]
    assert listed["GrantId"] == made["GrantId"] and listed["GranteePrincipal"] == user.arn
    server.ask("kms", "enable-key-rotation", "--key-id", key["KeyId"])
    assert server.ask("kms", "get-key-rotation-status", "--key-id", key["KeyId"])["KeyRotationEnabled"] is True
    server.aws("kms", "schedule-key-deletion", "--key-id", key["KeyId"], "--pending-window-in-days", "7")
    assert "KMSInvalidStateException" in server.aws("kms", "enable-key", "--key-id", key["KeyId"], ok=False)


def test_54_the_date_of_deletion_passes():
    """The server's own clock finds it; what moves is the date in the database."""
    server = Kms()
    try:
        kms = server.client(parameter_validation=False)
        key, kept = (new_key(kms)["KeyId"] for _ in range(2))
        blob = kms.encrypt(KeyId=key, Plaintext=b"gone")["CiphertextBlob"]
        kms.create_alias(AliasName="alias/gone", TargetKeyId=key)
        granted = kms.create_grant(KeyId=key, GranteePrincipal=ROOT.replace("root", "user/admin"), Operations=["Decrypt"])
        for one in (key, kept):
            kms.schedule_key_deletion(KeyId=one, PendingWindowInDays=7)
        with contextlib.closing(sqlite3.connect(server.path("state", "kms", "kms.db"), timeout=60)) as database, database:
            moved = database.execute("UPDATE kms_key SET deletion_ms = deletion_ms - ? WHERE id = ?",
                                     (7 * 24 * 3600 * 1000, key))
            assert moved.rowcount == 1
        assert until(lambda: key not in [entry["KeyId"] for entry in kms.list_keys()["Keys"]])
        refused("NotFoundException", kms.describe_key, KeyId=key)
        assert [alias["AliasName"] for alias in kms.list_aliases()["Aliases"]] == []
        refused("NotFoundException", kms.list_grants, KeyId=key)
        refused("AccessDeniedException", kms.decrypt, CiphertextBlob=blob, GrantTokens=[granted["GrantToken"]])
        assert kms.describe_key(KeyId=kept)["KeyMetadata"]["KeyState"] == "PendingDeletion"
        server.assert_well()
    finally:
        server.close()


def test_keys_outlive_a_restart():
    server = Kms()
    try:
        kms = server.client()
        key = new_key(kms, Tags=[{"TagKey": "a", "TagValue": "b"}])["KeyId"]
        blob = kms.encrypt(KeyId=key, Plaintext=b"secret")["CiphertextBlob"]
        Raw(server)("RotateKeyOnDemand", KeyId=key)
        server.restart()
        kms = server.client()
        assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"secret"
        assert kms.list_resource_tags(KeyId=key)["Tags"] == [{"TagKey": "a", "TagValue": "b"}]
        server.assert_well()
    finally:
        server.close()


def last_use(server, key):
    answer = Raw(server)("GetKeyLastUsage", KeyId=key)
    assert set(answer) == {"KeyId", "KeyLastUsage", "TrackingStartDate", "KeyCreationDate"} and answer["KeyId"] == key
    assert answer["TrackingStartDate"] == answer["KeyCreationDate"] <= time.time()
    return answer["KeyLastUsage"]


def test_the_last_use_of_a_key():
    """Successful cryptographic operations and nothing else, at once and after the end of the server."""
    server = Kms()
    try:
        kms = server.client()
        key, other, signing = (new_key(kms)["KeyId"], new_key(kms)["KeyId"],
                               new_key(kms, KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyId"])
        kms.get_public_key(KeyId=signing)
        kms.generate_random(NumberOfBytes=8)
        refused("InvalidCiphertextException", kms.decrypt, KeyId=key, CiphertextBlob=b"none")
        assert last_use(server, key) == last_use(server, other) == last_use(server, signing) == {}

        answer = kms.encrypt(KeyId=key, Plaintext=b"secret")
        use = last_use(server, key)
        assert set(use) == {"Operation", "Timestamp", "CloudTrailEventId", "KmsRequestId"}
        assert use["Operation"] == "Encrypt" and abs(use["Timestamp"] - time.time()) < 60
        assert use["KmsRequestId"] == use["CloudTrailEventId"] == answer["ResponseMetadata"]["RequestId"]
        kms.sign(KeyId=signing, Message=b"message", SigningAlgorithm="ECDSA_SHA_256")
        assert last_use(server, signing)["Operation"] == "Sign"
        Raw(server).refused("DryRunOperationException", "Decrypt", CiphertextBlob=text(answer["CiphertextBlob"]), DryRun=True)
        assert last_use(server, key) == use

        moved = kms.re_encrypt(CiphertextBlob=answer["CiphertextBlob"], DestinationKeyId=other)
        uses = [last_use(server, key), last_use(server, other)]
        assert [use["KmsRequestId"] for use in uses] == 2 * [moved["ResponseMetadata"]["RequestId"]]
        server.restart()
        assert [last_use(server, key), last_use(server, other)] == uses
        blob = server.client().generate_data_key(KeyId=other, KeySpec="AES_128")["CiphertextBlob"]
        server.client().decrypt(CiphertextBlob=blob)
        assert last_use(server, other)["Operation"] == "Decrypt" and last_use(server, key) == uses[0]
        server.assert_well()
    finally:
        server.close()
