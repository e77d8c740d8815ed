# SPDX-License-Identifier: Apache-2.0
"""One server, clients of every kind: botocore, the AWS CLI, the AWS SDK for JavaScript and the AWS Encryption SDK
(tests/js), by the KMS reference's cases about them. The SDKs for Go and C are not in Debian; what the C SDK's parsers
insist on is in the tests of envelopes and of kmstool_enclave_cli.
"""

import base64
import datetime
import json
import re
import uuid

import botocore.exceptions
import pytest
from kms_host import Credentials
from kms_js import Js, JsRefused
from kms_proxy import proxy

CONTEXT = {"app": "test", "é": "ü"}


@pytest.fixture(name="js", scope="module")
def js_fixture(kms):
    clients = Js(kms)
    yield clients
    clients.close()


@pytest.fixture(name="client", scope="module")
def client_fixture(kms):
    return kms.client()


@pytest.fixture(name="key", scope="module")
def key_fixture(client):
    return new_key(client)


def new_key(client):
    return client.create_key()["KeyMetadata"]["Arn"]


def test_3_javascript(js, key):
    answer = js.call("ListKeys", Limit=1000)
    assert key in [entry["KeyArn"] for entry in answer["output"]["Keys"]] and answer["output"]["Truncated"] is False
    assert uuid.UUID(answer["requestId"])


def test_27_javascript_has_a_date(js, client, key):
    made = js.call("DescribeKey", KeyId=key)["output"]["KeyMetadata"]["CreationDate"]
    want = client.describe_key(KeyId=key)["KeyMetadata"]["CreationDate"]
    assert abs(datetime.datetime.fromisoformat(made["$date"].replace("Z", "+00:00")) - want).total_seconds() < 1


def test_161_a_blob_of_botocore_opens_in_the_cli(kms, client, key):
    """Version 2, that is; version 1 is no package of Debian's."""
    path = kms.path("blob")
    with open(path, "wb") as file:
        file.write(client.encrypt(KeyId=key, Plaintext=b"from botocore", EncryptionContext=CONTEXT)["CiphertextBlob"])
    opened = kms.aws("kms", "decrypt", "--ciphertext-blob", f"fileb://{path}", "--encryption-context",
                     json.dumps(CONTEXT))
    assert (base64.b64decode(opened["Plaintext"]), opened["KeyId"]) == (b"from botocore", key)


def test_161_blobs_of_botocore_and_javascript_open_in_each_other(client, js, key):
    blob = client.encrypt(KeyId=key, Plaintext=b"from botocore", EncryptionContext=CONTEXT)["CiphertextBlob"]
    opened = js.call("Decrypt", CiphertextBlob=blob, EncryptionContext=CONTEXT)["output"]
    assert (opened["Plaintext"], opened["KeyId"]) == (b"from botocore", key)
    blob = js.call("Encrypt", KeyId=key, Plaintext=b"from JavaScript", EncryptionContext=CONTEXT)["output"]["CiphertextBlob"]
    assert client.decrypt(CiphertextBlob=blob, EncryptionContext=CONTEXT)["Plaintext"] == b"from JavaScript"
    with pytest.raises(JsRefused) as caught:
        js.call("Decrypt", CiphertextBlob=blob)
    assert caught.value.name == "InvalidCiphertextException" and caught.value.modeled


def test_162_paginators_find_everything(client):
    key = new_key(client)
    aliases = {f"alias/page-{i}" for i in range(5)}
    tags = {f"tag{i}" for i in range(5)}
    for alias in aliases:
        client.create_alias(AliasName=alias, TargetKeyId=key)
    client.tag_resource(KeyId=key, Tags=[{"TagKey": tag, "TagValue": ""} for tag in tags])
    grants = {client.create_grant(KeyId=key, GranteePrincipal="arn:aws:iam::111122223333:user/admin",
                                  Operations=["Decrypt"])["GrantId"] for _ in range(5)}

    def every(operation, member, name, **parameters):
        pages = client.get_paginator(operation).paginate(PaginationConfig={"PageSize": 2}, **parameters)
        found = [entry[name] for page in pages for entry in page[member]]
        assert len(found) == len(set(found))
        return set(found)

    assert every("list_aliases", "Aliases", "AliasName", KeyId=key) == aliases
    assert every("list_resource_tags", "Tags", "TagKey", KeyId=key) == tags
    assert every("list_grants", "Grants", "GrantId", KeyId=key) == grants
    assert key in every("list_keys", "Keys", "KeyArn") and aliases == every("list_aliases", "Aliases", "AliasName")


def test_163_encryption_sdk(js, client, key):
    other = new_key(client)
    for data in (b"", b"x" * 100000):
        sealed = js.ask("seal", generatorKeyId=key, keyIds=[other], context={"purpose": "test"}, data=data)["output"]
        assert data == b"" or data[:64] not in sealed
        for one in (key, other):
            opened = js.ask("open", keyIds=[one], data=sealed)
            assert opened["output"] == data and opened["context"]["purpose"] == "test"


def test_163_encryption_sdk_is_refused_what_does_not_fit(js, client, key):
    lonely = new_key(client)
    sealed = js.ask("seal", generatorKeyId=lonely, context={"purpose": "test"}, data=b"x")["output"]
    place = sealed.index(b"purpose") + len(b"purpose") + 2  # the context's value, in clear in the header
    for keys, data in (([key], sealed), ([lonely], sealed[:place] + b"T" + sealed[place + 1:])):
        with pytest.raises(JsRefused):
            js.ask("open", keyIds=keys, data=data)
    client.disable_key(KeyId=lonely)
    with pytest.raises(JsRefused, match="disabled"):
        js.ask("open", keyIds=[lonely], data=sealed)


@pytest.fixture(name="refusals", scope="module")
def refusals_fixture(client, key):
    """(the exception's name, an operation that meets it, its parameters)"""
    blob = client.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    return [("NotFoundException", "DescribeKey", {"KeyId": str(uuid.uuid4())}),
            ("NotFoundException", "DescribeKey", {"KeyId": "alias/none"}),
            ("InvalidCiphertextException", "Decrypt", {"CiphertextBlob": blob[:-1]}),
            ("IncorrectKeyException", "Decrypt", {"CiphertextBlob": blob, "KeyId": new_key(client)}),
            ("KMSInvalidStateException", "CancelKeyDeletion", {"KeyId": key}),
            ("UnsupportedOperationException", "GetPublicKey", {"KeyId": key}),
            ("InvalidMarkerException", "ListKeys", {"Marker": "garbage"})]


def test_164_exceptions_of_botocore(client, refusals):
    for name, operation, parameters in refusals:
        method = getattr(client, re.sub("(?<=[a-z])(?=[A-Z])", "_", operation).lower())
        with pytest.raises(getattr(client.exceptions, name)):
            method(**parameters)


def test_164_exceptions_of_javascript(js, refusals, key):
    dry = ("DryRunOperationException", "Encrypt", {"KeyId": key, "Plaintext": b"x", "DryRun": True})
    for name, operation, parameters in (*refusals, dry):
        with pytest.raises(JsRefused) as refused:
            js.call(operation, **parameters)
        assert (refused.value.name, refused.value.modeled, refused.value.status) == (name, True, 400), refused.value


def test_164_denials_are_access_denied(kms, key):
    kms.client("iam").create_user(UserName="nobody")
    nobody = Credentials.of(kms.client("iam").create_access_key(UserName="nobody")["AccessKey"])
    with pytest.raises(botocore.exceptions.ClientError, match="AccessDeniedException.*is not authorized to perform"):
        kms.client(credentials=nobody).describe_key(KeyId=key)


def test_165_botocore_succeeds_on_the_third_attempt(kms):
    with proxy(kms, "throttle", "throttle") as (url, server):
        client = kms.client(url=url, retries={"mode": "standard", "total_max_attempts": 3})
        assert client.list_keys()["ResponseMetadata"]["RetryAttempts"] == 2
        assert server.count == 3


def test_165_javascript_succeeds_on_the_third_attempt(kms, js):
    with proxy(kms, "throttle", "throttle") as (url, server):
        assert js.call("ListKeys", url=url, attempts=3)["attempts"] == 3
        assert server.count == 3
    with proxy(kms, "throttle", "throttle") as (url, _), pytest.raises(JsRefused, match="Rate exceeded") as refused:
        js.call("ListKeys", url=url, attempts=2)
    assert (refused.value.name, refused.value.attempts) == ("ThrottlingException", 2)


def test_166_a_date_that_is_wrong_moves_the_clock_of_javascript(kms, js):
    """The negative control of Date in the server's answers: with ours the clock stays where it is."""
    with proxy(kms, None, 600, None, None) as (url, server):
        for want in (0, 600000):
            with pytest.raises(JsRefused) as refused:
                js.call("DescribeKey", url=url, KeyId="alias/none")
            assert refused.value.name == "NotFoundException"
            assert abs(refused.value.clock_offset_ms - want) < 5000
        with pytest.raises(JsRefused, match="Signature not yet current"):
            js.call("ListKeys", url=url)
        answer = js.call("ListKeys", url=url)  # our Date has put the clock right again
        assert abs(answer["clockOffset"]) < 5000 and server.count == 4
