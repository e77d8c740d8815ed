# SPDX-License-Identifier: Apache-2.0
"""Operations with a Recipient over the wire. Documents are made by document_maker.py, which shares no code with the
server, and `openssl cms -decrypt` reads the answers: cases 127 to 154 of the KMS reference."""

import base64
import hashlib
import json
import os
import pathlib
import subprocess
import tempfile
import time

import cbor2
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from document_maker import MODULE_ID, Maker
from kms_host import ACCOUNT, Credentials, Kms
from kms_wire import Refused, Wire

IMAGE = "a0" * 48
ROOT = f"arn:aws:iam::{ACCOUNT}:root"


@pytest.fixture(name="maker", scope="module")
def maker_fixture():
    with tempfile.TemporaryDirectory(prefix="rdk-maker-") as directory:
        yield Maker(directory)


@pytest.fixture(name="kms", scope="module")
def kms_fixture(maker):
    server = Kms(config=f'roots: ["{maker.root}"]\n')
    yield server
    server.assert_well()
    server.close()


@pytest.fixture(name="client", scope="module")
def client_fixture(kms):
    return Wire(kms)


def make(client, condition=None, **how):
    """A key that gives plaintext on that condition only, or one with the default policy."""
    if condition is not None:
        statements = [
            {"Effect": "Allow", "Principal": {"AWS": ROOT}, "Resource": "*",
             "Action": ["kms:Encrypt", "kms:PutKeyPolicy", "kms:ReEncrypt*"]},
            {"Effect": "Allow", "Principal": {"AWS": ROOT}, "Resource": "*",
             "Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Condition": condition}]
        how["Policy"] = json.dumps({"Version": "2012-10-17", "Statement": statements})
        how["BypassPolicyLockoutSafetyCheck"] = True
    return client.create_key(**how)["KeyMetadata"]["KeyId"]


def open_answer(maker, answer):
    """What the enclave gets out of it, by openssl."""
    assert not {"Plaintext", "PrivateKeyPlaintext", "SharedSecret"} & set(answer)
    done = subprocess.run(["openssl", "cms", "-decrypt", "-inform", "DER", "-inkey", maker.key_file],
                          input=answer["CiphertextForRecipient"], capture_output=True, timeout=60, check=True)
    return done.stdout


def open_by_ours(maker, cms):
    key = maker.rsa.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8,
                                  serialization.NoEncryption())
    return subprocess.run([os.environ["CRYPTO_DRIVER"], "cms-open", key.hex(), cms.hex()], capture_output=True,
                          text=True, timeout=60, check=False)


def refused(kind, call, **parameters):
    with pytest.raises(Refused) as raised:
        call(**parameters)
    assert (raised.value.status, raised.value.kind) == (400, kind), raised.value
    assert set(raised.value.json) <= {"__type", "message", "Message"}
    return raised.value


def test_decrypts_for_the_image_127_128(client, maker):
    key = make(client, {"StringEqualsIgnoreCase": {"kms:RecipientAttestation:ImageSha384": IMAGE.upper()}})
    for size, want in ((16, 477), (32, 493), (48, 509)):
        blob = client.encrypt(KeyId=key, Plaintext=bytes(range(size)))["CiphertextBlob"]
        answer = client.decrypt(CiphertextBlob=blob, Recipient=maker.recipient())
        sealed = answer["CiphertextForRecipient"]
        assert len(sealed) == want and sealed[:2] == b"\x30\x80"
        assert b"\x80\x20" + hashlib.sha256(maker.spki).digest() in sealed
        assert open_answer(maker, answer) == bytes(range(size))


def test_envelopes_open_in_openssl_and_in_our_reader_129(client, maker):
    """Ours asks for what the C SDK's parser asks for; that SDK and the one for Go are not in Debian."""
    answer = client.generate_random(NumberOfBytes=100, Recipient=maker.recipient())
    plain = open_answer(maker, answer)
    assert len(plain) == 100
    assert open_by_ours(maker, answer["CiphertextForRecipient"]).stdout.strip() == plain.hex()


def test_envelopes_in_der_are_refused_by_our_reader_130(maker, tmp_path):
    """The negative control of 129: what openssl writes when it streams nothing, and itself reads."""
    (tmp_path / "plain").write_bytes(b"x" * 32)
    (tmp_path / "spki.der").write_bytes(maker.spki)
    (tmp_path / "extensions").write_text("subjectKeyIdentifier=hash\n")
    for command in (["pkey", "-pubin", "-inform", "DER", "-in", "spki.der", "-out", "spki.pem"],
                    ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x", "-keyout", "x.key", "-out",
                     "x.pem", "-addext", "subjectKeyIdentifier=hash"],
                    ["x509", "-new", "-subj", "/CN=enclave", "-force_pubkey", "spki.pem", "-CA", "x.pem", "-CAkey",
                     "x.key", "-extfile", "extensions", "-out", "enclave.pem"],
                    *(["cms", "-encrypt", "-in", "plain", "-binary", "-outform", "DER", "-keyid", "-aes-256-cbc",
                       "-recip", "enclave.pem", "-keyopt", "rsa_padding_mode:oaep", "-keyopt", "rsa_oaep_md:sha256",
                       "-out", out, *how] for out, how in (("der", []), ("ber", ["-stream"])))):
        subprocess.run(["openssl", *command], cwd=tmp_path, capture_output=True, timeout=60, check=True)
    for name, readable in (("der", False), ("ber", True)):
        cms = (tmp_path / name).read_bytes()
        assert open_answer(maker, {"CiphertextForRecipient": cms}) == b"x" * 32
        done = open_by_ours(maker, cms)
        assert (done.returncode == 0) == readable, done.stdout + done.stderr


@pytest.mark.parametrize("size, octets", [(100, "70"), (127, "8180"), (239, "81f0"), (255, "820100")])
def test_lengths_of_envelopes_133(client, maker, size, octets):
    answer = client.generate_random(NumberOfBytes=size, Recipient=maker.recipient())
    sealed, encrypted = answer["CiphertextForRecipient"], size // 16 * 16 + 16
    before = sealed[:sealed.rindex(b"\x04" + bytes.fromhex(octets), 0, len(sealed) - encrypted)]
    content = sealed[len(before) + 1 + len(octets) // 2:]
    assert before.endswith(b"\xa0\x80"), before[-8:]
    assert content[encrypted:] == bytes(10), content[encrypted:]  # the ends of five containers, and no more
    assert len(open_answer(maker, answer)) == size


def test_the_member_is_absent_on_the_wire_127(kms, client, maker):
    """Not null and not empty: what the C SDK insists on is in the bytes."""
    blob = client.encrypt(KeyId=make(client), Plaintext=b"x")["CiphertextBlob"]
    body = {"CiphertextBlob": base64.b64encode(blob).decode(),
            "Recipient": {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256",
                          "AttestationDocument": base64.b64encode(maker.document()).decode()}}
    answer = kms.call("Decrypt", json.dumps(body).replace("/", "\\/").encode())  # as json-c writes it
    assert answer.status == 200
    assert set(answer.json) == {"KeyId", "EncryptionAlgorithm", "KeyMaterialId", "CiphertextForRecipient"}


def test_policies_on_registers_134_to_136(client, maker):
    cases = [({"StringEquals": {"kms:RecipientAttestation:PCR0": IMAGE}}, True),
             ({"StringEquals": {"kms:RecipientAttestation:PCR0": IMAGE.upper()}}, False),
             ({"StringEqualsIgnoreCase": {"kms:RecipientAttestation:PCR0": IMAGE[:-1] + "1"}}, False),
             ({"StringEqualsIgnoreCase": {"kms:RecipientAttestation:NitroTPMPCR0": IMAGE}}, False),
             ({"StringEquals": {"redoubt:AttestationRoot": "python"}}, True),
             ({"StringEquals": {"redoubt:AttestationRoot": "root"}}, False)]
    for condition, allowed in cases:
        key = make(client, condition)
        blob = client.encrypt(KeyId=key, Plaintext=b"secret")["CiphertextBlob"]
        if allowed:
            answer = client.decrypt(CiphertextBlob=blob, Recipient=maker.recipient())
            assert open_answer(maker, answer) == b"secret"
        else:
            refused("AccessDeniedException", client.decrypt, CiphertextBlob=blob, Recipient=maker.recipient())
        refused("AccessDeniedException", client.decrypt, CiphertextBlob=blob)


def test_the_other_operations_131_132(client, maker):
    key = make(client)
    answer = client.generate_data_key(KeyId=key, KeySpec="AES_256", Recipient=maker.recipient())
    assert open_answer(maker, answer) == client.decrypt(CiphertextBlob=answer["CiphertextBlob"])["Plaintext"]
    answer = client.generate_data_key_pair(KeyId=key, KeyPairSpec="RSA_4096", Recipient=maker.recipient())
    private = serialization.load_der_private_key(open_answer(maker, answer), None)
    assert private.key_size == 4096
    assert private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo) == answer["PublicKey"]
    answer = client.generate_random(NumberOfBytes=1024, Recipient=maker.recipient())
    assert len(open_answer(maker, answer)) == 1024
    agreement = make(client, KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT")
    peer = client.get_public_key(KeyId=agreement)["PublicKey"]
    answer = client.derive_shared_secret(KeyId=agreement, PublicKey=peer, KeyAgreementAlgorithm="ECDH",
                                         Recipient=maker.recipient())
    assert len(open_answer(maker, answer)) == 32


def test_malformed_recipients_137(kms):
    for recipient in ({}, {"AttestationDocument": "AAAA"}, {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256"},
                      {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_1", "AttestationDocument": "AAAA"},
                      {"KeyEncryptionAlgorithm": None, "AttestationDocument": None}):
        answer = kms.call("GenerateRandom", {"NumberOfBytes": 32, "Recipient": recipient})
        assert (answer.status, answer.type) == (400, "ValidationException"), answer.bytes
    for recipient in ("x", [], 1, False, {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": "%"}):
        answer = kms.call("GenerateRandom", {"NumberOfBytes": 32, "Recipient": recipient})
        assert (answer.status, answer.type) == (400, "SerializationException"), answer.bytes


def use(client, document):
    recipient = {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": document}
    return client.generate_random(NumberOfBytes=32, Recipient=recipient)


def refuse_documents(client, *documents):
    for document in documents:
        with pytest.raises(Refused) as caught:
            use(client, document)
        assert (caught.value.status, caught.value.kind) == (400, "ValidationException"), caught.value
        assert "RD_VERIFY" not in caught.value.message


def flip(data, place):
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1:]


def test_damaged_documents_138(client, maker):
    good = maker.document()
    use(client, good)
    places = [good.index(maker.pcrs[0]), good.index(maker.ders[-1]) + 100, len(good) - 1, len(good) // 2]
    refuse_documents(client, b"noise", good[:-1], good[:len(good) // 2], *(flip(good, place) for place in places))


def test_chains_139(client, maker, tmp_path):
    small = ec.generate_private_key(ec.SECP256R1())
    leaf, changed = len(maker.ders) - 1, maker.payload(certificate=maker.issue(len(maker.ders) - 1, key=small))
    use(client, maker.document(certificate=maker.issue(leaf)))
    refuse_documents(client, Maker(str(tmp_path)).document(), maker.sign(cbor2.dumps(changed), key=small),
                     maker.document(certificate=maker.issue(leaf, hours_ago=5)),
                     maker.document(certificate=maker.issue(leaf, authority=True)),
                     maker.document(certificate=maker.ders[-2]), maker.document(cabundle=maker.ders[1:-1]))


def test_tagged_and_untagged_140_146(client, maker):
    good = maker.document()
    for document in (good, good, b"\xd2" + good):
        assert len(open_answer(maker, use(client, document))) == 32
    refuse_documents(client, b"\xd1" + good)


def test_algorithms_of_documents_141(client, maker):
    payload = cbor2.dumps(maker.payload())
    use(client, maker.sign(payload, unprotected={}))
    refuse_documents(client, maker.sign(payload, protected=cbor2.dumps({1: -7})),
                     maker.sign(payload, protected=b"", unprotected={1: -35}),
                     maker.sign(payload, protected=cbor2.dumps({}), unprotected={1: -35}))


def test_cbor_of_documents_142(client, maker):
    good = maker.document()
    payload = cbor2.dumps(maker.payload())
    assert payload[0] == 0xa9
    again = cbor2.dumps("digest") + cbor2.dumps("SHA384")
    refuse_documents(client, good + b"\0", maker.sign(payload + b"\0"), maker.sign(b"\xaa" + payload[1:] + again))
    try:
        use(client, maker.sign(b"\xbf" + payload[1:] + b"\xff"))
    except Refused as refusal:
        assert refusal.kind == "ValidationException"


def spki_of(key):
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def test_public_keys_in_documents_143(client, maker):
    pkcs1 = maker.rsa.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    foreign = [spki_of(key) for key in (rsa.generate_private_key(65537, 1024), ec.generate_private_key(ec.SECP384R1()))]
    refuse_documents(client, *(maker.document(public_key=key) for key in (None, b"", pkcs1, *foreign)))


@pytest.mark.parametrize("bits", [3072, 4096])
def test_larger_public_keys_144(client, maker, tmp_path, bits):
    key = rsa.generate_private_key(65537, bits)
    (tmp_path / "key.pem").write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    sealed = use(client, maker.document(public_key=spki_of(key)))["CiphertextForRecipient"]
    done = subprocess.run(["openssl", "cms", "-decrypt", "-inform", "DER", "-inkey", tmp_path / "key.pem"],
                          input=sealed, capture_output=True, timeout=60, check=True)
    assert len(done.stdout) == 32


def test_age_of_documents_145(client, maker):
    now_ms = int(time.time() * 1000)
    use(client, maker.document(timestamp=now_ms - 240000))
    refuse_documents(client, maker.document(timestamp=now_ms - 301000), maker.document(timestamp=now_ms + 301000),
                     maker.document(timestamp=1))


def test_debug_enclaves_147(client, maker):
    refuse_documents(client, maker.document(pcrs={**maker.pcrs, 0: bytes(48)}))


def test_size_of_documents_148(client):
    with pytest.raises(Refused, match="length less than or equal to 262144"):
        use(client, bytes(262145))
    refuse_documents(client, bytes(262144))


def test_dry_runs_154(client, maker):
    key = make(client)
    refused("DryRunOperationException", client.generate_data_key, KeyId=key, KeySpec="AES_256", DryRun=True,
            Recipient=maker.recipient())
    refused("ValidationException", client.generate_data_key, KeyId=key, KeySpec="AES_256", DryRun=True,
            Recipient=maker.recipient(public_key=None))


def test_documents_bound_to_their_request(kms, client, maker):
    """The digest as docs/kms-attestation.md says it is made."""
    key = make(client, {"Bool": {"redoubt:RequestBound": "true"}})
    blobs = [client.encrypt(KeyId=key, Plaintext=text, EncryptionContext={"é": "/"})["CiphertextBlob"]
             for text in (b"mine", b"swapped")]
    requests = [{"CiphertextBlob": base64.b64encode(blob).decode(), "EncryptionContext": {"é": "/"}} for blob in blobs]
    canonical = json.dumps(requests[0], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    digest = hashlib.sha256(b"Decrypt\n" + canonical.encode()).digest()
    document = base64.b64encode(maker.document(user_data=digest)).decode()
    recipient = {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": document}
    answer = kms.call("Decrypt", {**requests[0], "Recipient": recipient})
    assert answer.status == 200, answer.bytes
    sealed = base64.b64decode(answer.json["CiphertextForRecipient"])
    assert open_answer(maker, {"CiphertextForRecipient": sealed}) == b"mine"
    assert kms.call("Decrypt", {**requests[1], "Recipient": recipient}).type == "AccessDeniedException"
    refused("AccessDeniedException", client.decrypt, CiphertextBlob=blobs[0], EncryptionContext={"é": "/"},
            Recipient=maker.recipient())
    log = b"".join(path.read_bytes() for path in pathlib.Path(kms.path("state", "kms", "audit")).glob("log-*"))
    assert log.count(b'"requestBound":true') == 1


def user(kms, name, *statements):
    """A user with these statements as its policy, and a key of its own."""
    iam = kms.client("iam")
    arn = iam.create_user(UserName=name)["User"]["Arn"]
    iam.put_user_policy(UserName=name, PolicyName="test",
                        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))
    return arn, Wire(kms, Credentials.of(iam.create_access_key(UserName=name)["AccessKey"]))


def test_a_grant_does_not_get_around_a_deny_150(kms, client, maker):
    arn, grantee = user(kms, "grantee", {"Effect": "Allow", "Action": "kms:ListKeys", "Resource": "*"})
    plain = [{"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "kms:*", "Resource": "*"}]
    deny = {"Effect": "Deny", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*",
            "Condition": {"StringNotEqualsIgnoreCase": {"kms:RecipientAttestation:ImageSha384": IMAGE}}}
    for statements, allowed in ((plain, True), ([*plain, deny], False)):
        key = client.create_key(Policy=json.dumps({"Version": "2012-10-17", "Statement": statements}),
                                BypassPolicyLockoutSafetyCheck=True)["KeyMetadata"]["KeyId"]
        blob = client.encrypt(KeyId=key, Plaintext=b"secret")["CiphertextBlob"]
        refused("AccessDeniedException", grantee.decrypt, CiphertextBlob=blob)
        client.create_grant(KeyId=key, GranteePrincipal=arn, Operations=["Decrypt"])
        if allowed:
            assert grantee.decrypt(CiphertextBlob=blob)["Plaintext"] == b"secret"
        else:
            refused("AccessDeniedException", grantee.decrypt, CiphertextBlob=blob)
        answer = grantee.decrypt(CiphertextBlob=blob, Recipient=maker.recipient())
        assert open_answer(maker, answer) == b"secret"


def test_documents_of_a_nitrotpm_151(client, maker):
    """No such document is taken, so no condition on its registers or on an enclave's ever holds."""
    payload = maker.payload()
    payload["nitrotpm_pcrs"] = payload.pop("pcrs")
    key = make(client, {"StringEquals": {"kms:RecipientAttestation:PCR0": IMAGE}})
    blob = client.encrypt(KeyId=key, Plaintext=b"secret")["CiphertextBlob"]
    refused("ValidationException", client.decrypt, CiphertextBlob=blob, Recipient={
        "KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": maker.sign(cbor2.dumps(payload))})


def test_random_bytes_under_an_identity_policy_152(kms, maker):
    condition = {"StringEquals": {"kms:RecipientAttestation:PCR0": IMAGE}}
    _, attested = user(kms, "random", {"Effect": "Allow", "Action": "kms:GenerateRandom", "Resource": "*",
                                       "Condition": condition})
    refused("AccessDeniedException", attested.generate_random, NumberOfBytes=32)
    answer = attested.generate_random(NumberOfBytes=32, Recipient=maker.recipient())
    assert len(open_answer(maker, answer)) == 32
    other = maker.recipient(pcrs={**maker.pcrs, 0: b"\xaf" * 48})
    refused("AccessDeniedException", attested.generate_random, NumberOfBytes=32, Recipient=other)


def test_the_record_of_an_attested_call_153(kms, client, maker):
    key = make(client)
    secret = b"never to be seen in a log"
    blob = client.encrypt(KeyId=key, Plaintext=secret, EncryptionContext={"shown": "in the log"})["CiphertextBlob"]
    client.decrypt(CiphertextBlob=blob, EncryptionContext={"shown": "in the log"}, Recipient=maker.recipient())
    log = b"".join(path.read_bytes() for path in pathlib.Path(kms.path("state", "kms", "audit")).rglob("*")
                   if path.is_file())
    records = log.decode(errors="replace")
    for member, value in (("attestationDocumentModuleId", MODULE_ID),
                          ("attestationDocumentEnclaveImageDigest", base64.b64encode(maker.pcrs[0]).decode()),
                          ("attestationDocumentEnclavePCR4", base64.b64encode(maker.pcrs[4]).decode()),
                          ("encryptionContext", '{"shown":"in the log"}'), ("root", "python")):
        assert member in records and value in records, member
    for hidden in (secret, base64.b64encode(secret), blob, base64.b64encode(blob)):
        assert hidden not in log
