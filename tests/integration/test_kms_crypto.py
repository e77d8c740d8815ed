# SPDX-License-Identifier: Apache-2.0
"""Cryptographic operations over the wire, with botocore (or plain JSON, where the installed one is too old) on the one
side and python3-cryptography as the judge: cases 57 to 92 of the KMS reference, as far as another implementation has a say in them. The rest is in the unit tests."""

import hashlib
import hmac
import os

import botocore.exceptions
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils
from kms_wire import Refused, Wire

OAEP = {"RSAES_OAEP_SHA_1": hashes.SHA1, "RSAES_OAEP_SHA_256": hashes.SHA256}
HASHES = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}


@pytest.fixture(name="client", scope="module")
def client_fixture(kms):
    return kms.client()


@pytest.fixture(name="wire", scope="module")
def wire_fixture(kms):
    return Wire(kms)


@pytest.fixture(name="key", scope="module")
def key_fixture(client):
    return make(client)


def make(client, spec="SYMMETRIC_DEFAULT", usage="ENCRYPT_DECRYPT"):
    return client.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["Arn"]


def public(client, key):
    return serialization.load_der_public_key(client.get_public_key(KeyId=key)["PublicKey"])


def refused(kind, message, call, **parameters):
    with pytest.raises((botocore.exceptions.ClientError, Refused)) as raised:
        call(**parameters)
    if isinstance(raised.value, Refused):
        assert (raised.value.status, raised.value.kind) == (400, kind)
        assert message is None or (raised.value.message or "") == message
        return raised.value
    error = raised.value.response["Error"]
    assert error["Code"] == kind, error
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    if message is not None:
        assert error.get("Message", "") == message
    return raised.value


@pytest.mark.parametrize("size", [1, 4096])
def test_encrypts_and_decrypts_57(client, key, size):
    plaintext = os.urandom(size)
    sealed = client.encrypt(KeyId=key, Plaintext=plaintext)
    assert sealed["KeyId"] == key and sealed["EncryptionAlgorithm"] == "SYMMETRIC_DEFAULT"
    assert len(sealed["CiphertextBlob"]) <= 6144
    opened = client.decrypt(CiphertextBlob=sealed["CiphertextBlob"])
    assert opened["Plaintext"] == plaintext and opened["KeyId"] == key
    assert client.encrypt(KeyId=key, Plaintext=plaintext)["CiphertextBlob"] != sealed["CiphertextBlob"]


def test_contexts_63_to_66(client, key):
    blob = client.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"a": "bc", "é": "ü"})["CiphertextBlob"]
    assert client.decrypt(CiphertextBlob=blob, EncryptionContext={"é": "ü", "a": "bc"})["Plaintext"] == b"x"
    for context in ({"ab": "c", "é": "ü"}, {"a": "bc"}, {"a": "bc", "é": "ü", "x": "y"}, {"A": "bc", "é": "ü"}, {}):
        error = refused("InvalidCiphertextException", "", client.decrypt, CiphertextBlob=blob,
                        EncryptionContext=context)
        assert isinstance(error, client.exceptions.InvalidCiphertextException)


def test_wrong_keys_68_69(client, key):
    blob = client.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    for other in (make(client), make(client, "RSA_2048")):
        refused("IncorrectKeyException", None, client.decrypt, CiphertextBlob=blob, KeyId=other)


def test_data_keys_70_to_72(wire, key):
    made = wire.generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext={"app": "test"})
    opened = wire.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext={"app": "test"})
    assert opened["Plaintext"] == made["Plaintext"] and len(made["Plaintext"]) == 32
    assert opened["KeyMaterialId"] == made["KeyMaterialId"]
    made = wire.generate_data_key_without_plaintext(KeyId=key, NumberOfBytes=64)
    assert "Plaintext" not in made
    assert len(wire.decrypt(CiphertextBlob=made["CiphertextBlob"])["Plaintext"]) == 64
    text = "Please specify either number of bytes or key spec."
    refused("ValidationException", text, wire.generate_data_key, KeyId=key)
    refused("ValidationException", text, wire.generate_data_key, KeyId=key, KeySpec="AES_128", NumberOfBytes=16)


def test_random_bytes_73(client):
    first, second = (client.generate_random(NumberOfBytes=1024)["Plaintext"] for _ in range(2))
    assert len(first) == 1024 and first != second
    refused("ValidationException", "NumberOfBytes is required.", client.generate_random)


def test_re_encrypts_74_75(wire, key):
    other = make(wire)
    blob = wire.encrypt(KeyId=key, Plaintext=b"moved", EncryptionContext={"a": "1"})["CiphertextBlob"]
    moved = wire.re_encrypt(CiphertextBlob=blob, SourceEncryptionContext={"a": "1"}, DestinationKeyId=other)
    assert (moved["SourceKeyId"], moved["KeyId"]) == (key, other)
    assert wire.decrypt(CiphertextBlob=moved["CiphertextBlob"])["Plaintext"] == b"moved"
    refused("IncorrectKeyException", None, wire.re_encrypt, CiphertextBlob=blob, SourceKeyId=other,
            SourceEncryptionContext={"a": "1"}, DestinationKeyId=other)


@pytest.mark.parametrize("spec", ["RSA_2048", "RSA_4096", "ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521",
                                  "ECC_SECG_P256K1", "ECC_NIST_EDWARDS25519"])
def test_data_key_pairs_76(wire, key, spec):
    made = wire.generate_data_key_pair(KeyId=key, KeyPairSpec=spec)
    private = serialization.load_der_private_key(made["PrivateKeyPlaintext"], None)
    spki = private.public_key().public_bytes(serialization.Encoding.DER,
                                             serialization.PublicFormat.SubjectPublicKeyInfo)
    assert spki == made["PublicKey"]
    assert wire.decrypt(CiphertextBlob=made["PrivateKeyCiphertextBlob"])["Plaintext"] == made["PrivateKeyPlaintext"]


def test_dry_run_77(wire, key):
    refused("DryRunOperationException", "The request would have succeeded, but the DryRun option is set.",
            wire.encrypt, KeyId=key, Plaintext=b"x", DryRun=True)


def test_rsa_encryption_79_to_82(wire):
    key = make(wire, "RSA_2048")
    outside = public(wire, key)
    for name, algorithm in OAEP.items():
        scheme = padding.OAEP(padding.MGF1(algorithm()), algorithm(), None)
        opened = wire.decrypt(KeyId=key, CiphertextBlob=outside.encrypt(b"outside", scheme), EncryptionAlgorithm=name)
        assert opened["Plaintext"] == b"outside" and "KeyMaterialId" not in opened
        blob = wire.encrypt(KeyId=key, Plaintext=b"inside", EncryptionAlgorithm=name)["CiphertextBlob"]
        assert len(blob) == 256
        assert wire.decrypt(KeyId=key, CiphertextBlob=blob, EncryptionAlgorithm=name)["Plaintext"] == b"inside"
    refused("ValidationException",
            "Algorithm RSAES_OAEP_SHA_256 and key spec RSA_2048 cannot encrypt data larger than 190 bytes.",
            wire.encrypt, KeyId=key, Plaintext=bytes(191), EncryptionAlgorithm="RSAES_OAEP_SHA_256")
    refused("InvalidCiphertextException", "", wire.decrypt, KeyId=key, CiphertextBlob=bytes(256),
            EncryptionAlgorithm="RSAES_OAEP_SHA_256")


def verify_outside(key, algorithm, signature, message):
    digest = HASHES[algorithm[-3:]]()
    if algorithm.startswith("RSASSA_PSS"):
        key.verify(signature, message, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
    elif algorithm.startswith("RSASSA"):
        key.verify(signature, message, padding.PKCS1v15(), digest)
    else:
        key.verify(signature, message, ec.ECDSA(digest))


@pytest.mark.parametrize("spec, algorithms", [
    ("RSA_2048", [f"RSASSA_{scheme}_SHA_{n}" for scheme in ("PSS", "PKCS1_V1_5") for n in (256, 384, 512)]),
    ("ECC_NIST_P256", ["ECDSA_SHA_256"]), ("ECC_NIST_P384", ["ECDSA_SHA_384"]), ("ECC_NIST_P521", ["ECDSA_SHA_512"]),
    ("ECC_SECG_P256K1", ["ECDSA_SHA_256"])])
def test_signatures_83_to_85(client, spec, algorithms):
    key = make(client, spec, "SIGN_VERIFY")
    outside = public(client, key)
    for algorithm in algorithms:
        digest = hashlib.new("sha" + algorithm[-3:], b"message").digest()
        signed = client.sign(KeyId=key, Message=b"message", SigningAlgorithm=algorithm)
        verify_outside(outside, algorithm, signed["Signature"], b"message")
        answer = client.verify(KeyId=key, Message=digest, MessageType="DIGEST", SigningAlgorithm=algorithm,
                               Signature=signed["Signature"])
        assert answer["SignatureValid"] is True
        error = refused("KMSInvalidSignatureException", "", client.verify, KeyId=key, Message=b"massage",
                        SigningAlgorithm=algorithm, Signature=signed["Signature"])
        assert isinstance(error, client.exceptions.KMSInvalidSignatureException)
        refused("ValidationException", f"Digest is invalid length for algorithm {algorithm}.", client.sign, KeyId=key,
                Message=digest[1:], MessageType="DIGEST", SigningAlgorithm=algorithm)


def test_signatures_from_outside_verify(client):
    """Case 85's other half cannot be had without the private key: a signature by another key is refused."""
    key = make(client, "ECC_NIST_P256", "SIGN_VERIFY")
    stranger = ec.generate_private_key(ec.SECP256R1())
    digest = hashlib.sha256(b"message").digest()
    signature = stranger.sign(digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
    refused("KMSInvalidSignatureException", "", client.verify, KeyId=key, Message=b"message", Signature=signature,
            SigningAlgorithm="ECDSA_SHA_256")


def test_ed25519_87(wire):
    key = make(wire, "ECC_NIST_EDWARDS25519", "SIGN_VERIFY")
    signed = wire.sign(KeyId=key, Message=b"message", SigningAlgorithm="ED25519_SHA_512")
    public(wire, key).verify(signed["Signature"], b"message")
    refused("ValidationException", None, wire.sign, KeyId=key, Message=bytes(64), MessageType="DIGEST",
            SigningAlgorithm="ED25519_SHA_512")
    refused("UnsupportedOperationException", None, wire.sign, KeyId=key, Message=bytes(64), MessageType="DIGEST",
            SigningAlgorithm="ED25519_PH_SHA_512")


@pytest.mark.parametrize("bits", [224, 256, 384, 512])
def test_macs_89_90(client, bits):
    key, algorithm = make(client, f"HMAC_{bits}", "GENERATE_VERIFY_MAC"), f"HMAC_SHA_{bits}"
    mac = client.generate_mac(KeyId=key, Message=b"message", MacAlgorithm=algorithm)["Mac"]
    assert len(mac) == bits // 8
    assert client.verify_mac(KeyId=key, Message=b"message", MacAlgorithm=algorithm, Mac=mac)["MacValid"] is True
    for wrong in (mac[:-1], bytes([mac[0] ^ 1]) + mac[1:], hmac.new(b"k", b"message", "sha512").digest()):
        refused("KMSInvalidMacException", "", client.verify_mac, KeyId=key, Message=b"message",
                MacAlgorithm=algorithm, Mac=wrong)


@pytest.mark.parametrize("spec, curve, size", [("ECC_NIST_P256", ec.SECP256R1, 32), ("ECC_NIST_P384", ec.SECP384R1, 48),
                                               ("ECC_NIST_P521", ec.SECP521R1, 66)])
def test_agreement_91(wire, spec, curve, size):
    key = make(wire, spec, "KEY_AGREEMENT")
    ours = ec.generate_private_key(curve())
    spki = ours.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    theirs = wire.derive_shared_secret(KeyId=key, PublicKey=spki, KeyAgreementAlgorithm="ECDH")
    assert theirs["SharedSecret"] == ours.exchange(ec.ECDH(), public(wire, key))
    assert len(theirs["SharedSecret"]) == size and theirs["KeyOrigin"] == "AWS_KMS"
    for wrong in (spki[:-1] + bytes([spki[-1] ^ 1]), b"not a key"):
        refused("ValidationException", "", wire.derive_shared_secret, KeyId=key, PublicKey=wrong,
                KeyAgreementAlgorithm="ECDH")


def test_public_key_of_a_symmetric_key_92(client, key):
    refused("UnsupportedOperationException", None, client.get_public_key, KeyId=key)


@pytest.mark.parametrize("spec", ["ML_DSA_44", "ML_DSA_65", "ML_DSA_87"])
def test_ml_dsa_keys_are_refused(wire, spec):
    refused("UnsupportedOperationException", None, wire.create_key, KeySpec=spec, KeyUsage="SIGN_VERIFY")
