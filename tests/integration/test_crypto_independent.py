# SPDX-License-Identifier: Apache-2.0
"""lib/crypto against python3-cryptography and the openssl command line, in both directions where there are two.

The driver (crypto_driver.c) calls one function of ours and prints what it gave.
"""
import hashlib
import os
import pathlib
import subprocess

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFHMAC, CounterLocation, Mode

DRIVER = os.environ["CRYPTO_DRIVER"]
DATA = pathlib.Path(__file__).resolve().parent.parent / "data" / "cms"

# The order of enum rd_digest_alg, rd_rsa_oaep, rd_ec_curve.
DIGESTS = [hashes.SHA256, hashes.SHA384, hashes.SHA512]
OAEP_HASHES = [hashes.SHA1, hashes.SHA256]
CURVES = [(ec.SECP256R1, hashes.SHA256), (ec.SECP384R1, hashes.SHA384), (ec.SECP521R1, hashes.SHA512),
          (ec.SECP256K1, hashes.SHA256)]
PSS, PKCS1 = 0, 1


class Refused(Exception):
    pass


def ours(operation, *args):
    def text(value):
        if isinstance(value, int):
            return str(value)
        return value.hex() or "-"

    done = subprocess.run([DRIVER, operation, *map(text, args)], capture_output=True, timeout=60, check=False)
    assert done.returncode in (0, 1), done.stderr
    if done.returncode == 1:
        raise Refused(done.stdout.decode().strip())
    return bytes.fromhex(done.stdout.decode().strip())


def refusal(*args):
    with pytest.raises(Refused) as caught:
        ours(*args)
    return str(caught.value)


def pkcs8(key):
    return key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def spki(key):
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def oaep(digest):
    return padding.OAEP(padding.MGF1(digest()), digest(), None)


def rsa_padding(scheme, digest):
    return padding.PSS(padding.MGF1(digest()), digest.digest_size) if scheme == PSS else padding.PKCS1v15()


@pytest.fixture(scope="module", params=[2048, 3072, 4096])
def rsa_key(request):
    """A key of ours, read by theirs."""
    key = serialization.load_der_private_key(ours("rsa-generate", request.param), None)
    assert key.key_size == request.param and key.public_key().public_numbers().e == 65537
    return key


@pytest.fixture(scope="module")
def foreign_key():
    return rsa.generate_private_key(65537, 2048)


@pytest.mark.parametrize("which", [0, 1])
def test_oaep(rsa_key, which):
    digest = OAEP_HASHES[which]
    longest = rsa_key.key_size // 8 - 2 * digest.digest_size - 2
    for text in (b"", b"plaintext", os.urandom(longest)):
        assert rsa_key.decrypt(ours("oaep-encrypt", spki(rsa_key), which, text), oaep(digest)) == text
        assert ours("oaep-decrypt", pkcs8(rsa_key), which, rsa_key.public_key().encrypt(text, oaep(digest))) == text
    assert refusal("oaep-encrypt", spki(rsa_key), which, bytes(longest + 1)) == "RD_LIMIT"


def test_oaep_of_another_kind_is_refused_alike(foreign_key):
    public = foreign_key.public_key()
    mixed = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA256(), None)
    labelled = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), b"label")
    for scheme in (mixed, labelled, padding.PKCS1v15()):
        ciphertext = public.encrypt(b"plaintext", scheme)
        assert refusal("oaep-decrypt", pkcs8(foreign_key), 1, ciphertext) == "RD_UNTRUSTED"


@pytest.mark.parametrize("scheme", [PSS, PKCS1])
@pytest.mark.parametrize("alg", [0, 1, 2])
def test_rsa_signatures(rsa_key, scheme, alg):
    digest = DIGESTS[alg]
    signature = ours("rsa-sign", pkcs8(rsa_key), scheme, alg, b"message")
    rsa_key.public_key().verify(signature, b"message", rsa_padding(scheme, digest), digest())
    with pytest.raises(InvalidSignature):
        rsa_key.public_key().verify(signature, b"massage", rsa_padding(scheme, digest), digest())
    theirs = rsa_key.sign(b"message", rsa_padding(scheme, digest), digest())
    assert ours("rsa-verify", spki(rsa_key), scheme, alg, b"message", theirs) == b""
    assert refusal("rsa-verify", spki(rsa_key), scheme, alg, b"massage", theirs) == "RD_BAD_SIGNATURE"


def test_pss_with_another_salt_length_is_refused(foreign_key):
    for salt in (0, 31, 33):
        theirs = foreign_key.sign(b"message", padding.PSS(padding.MGF1(hashes.SHA256()), salt), hashes.SHA256())
        assert refusal("rsa-verify", spki(foreign_key), PSS, 0, b"message", theirs) == "RD_BAD_SIGNATURE"


@pytest.mark.parametrize("curve", [0, 1, 2])
def test_ecdh(curve):
    kind = CURVES[curve][0]
    # Several, so that some x coordinates start with zeros on the way.
    for _ in range(8):
        mine = serialization.load_der_private_key(ours("ec-generate", curve), None)
        theirs = ec.generate_private_key(kind())
        assert isinstance(mine.curve, kind)
        assert ours("ecdh", curve, pkcs8(mine), spki(theirs)) == theirs.exchange(ec.ECDH(), mine.public_key())
    other = ec.generate_private_key(CURVES[(curve + 1) % 3][0]())
    assert refusal("ecdh", curve, pkcs8(mine), spki(other)) == "RD_WRONG_KEY"
    off_curve = spki(theirs)[:-1] + bytes([spki(theirs)[-1] ^ 1])
    assert refusal("ecdh", curve, pkcs8(mine), off_curve) == "RD_MALFORMED"


def test_ecdh_keeps_leading_zeros():
    """The shared x of a peer found so that it starts with a zero byte has the field's full width."""
    mine = ec.generate_private_key(ec.SECP256R1())
    for _ in range(5000):
        peer = ec.generate_private_key(ec.SECP256R1())
        shared = mine.exchange(ec.ECDH(), peer.public_key())
        if shared[0] == 0:
            break
    assert shared[0] == 0 and len(shared) == 32
    assert ours("ecdh", 0, pkcs8(mine), spki(peer)) == shared


@pytest.mark.parametrize("curve", [0, 1, 2, 3])
def test_ecdsa_in_der(curve):
    kind, digest = CURVES[curve]
    key = serialization.load_der_private_key(ours("ec-generate", curve), None)
    assert isinstance(key.curve, kind)
    hashed = hashlib.new(digest.name, b"message").digest()
    scheme = ec.ECDSA(utils.Prehashed(digest()))
    key.public_key().verify(ours("ecdsa-sign", curve, pkcs8(key), hashed), hashed, scheme)
    theirs = key.sign(hashed, scheme)
    assert ours("ecdsa-verify", curve, pkcs8(key), hashed, theirs) == b""
    r, s = utils.decode_dss_signature(theirs)
    wrong = utils.encode_dss_signature(r, s ^ 1)
    assert refusal("ecdsa-verify", curve, pkcs8(key), hashed, wrong) == "RD_BAD_SIGNATURE"
    # The same numbers, but the SEQUENCE's length in long form: BER, not DER.
    if theirs[1] < 0x80:
        ber = theirs[:1] + b"\x81" + theirs[1:]
        assert refusal("ecdsa-verify", curve, pkcs8(key), hashed, ber) == "RD_BAD_SIGNATURE"


def test_ed25519():
    key = ed25519.Ed25519PrivateKey.generate()
    for message in (b"", b"message", os.urandom(4096)):
        assert ours("ed25519-sign", pkcs8(key), message) == key.sign(message)


@pytest.mark.parametrize("alg", [0, 1, 2])
def test_hkdf_and_counter_mode(alg):
    digest = DIGESTS[alg]
    for salt, info, length in ((b"", b"", 1), (b"salt", b"info", 42), (os.urandom(100), os.urandom(300), 1000)):
        key = os.urandom(32)
        assert ours("hkdf", alg, salt, key, info, length) == HKDF(digest(), length, salt, info).derive(key)
    for length in (1, 32, 64, 333):
        key, label, context = os.urandom(32), os.urandom(20), os.urandom(92)
        theirs = KBKDFHMAC(digest(), Mode.CounterMode, length, 4, 4, CounterLocation.BeforeFixed, label, context, None)
        assert ours("kbkdf", alg, key, label, context, length) == theirs.derive(key)


def test_scrypt():
    for log2_n in (14, 15):
        theirs = hashlib.scrypt(b"pass phrase", salt=bytes(16), n=1 << log2_n, r=8, p=1, dklen=32, maxmem=1 << 27)
        assert ours("scrypt", b"pass phrase", bytes(16), log2_n) == theirs
    assert refusal("scrypt", b"pass phrase", bytes(16), 13) == "RD_OUT_OF_RANGE"


def test_kwp():
    for length in (1, 7, 8, 9, 16, 20, 32, 64, 121, 1217, 4096):
        kek, material = os.urandom(32), os.urandom(length)
        wrapped = keywrap.aes_key_wrap_with_padding(kek, material)
        assert ours("kwp-wrap", kek, material) == wrapped
        assert ours("kwp-unwrap", kek, wrapped) == material
        assert refusal("kwp-unwrap", os.urandom(32), wrapped) == "RD_UNTRUSTED"
    # Without padding (RFC 3394) the integrity check is another one.
    assert refusal("kwp-unwrap", kek, keywrap.aes_key_wrap(kek, bytes(32))) == "RD_UNTRUSTED"


@pytest.mark.parametrize("which", [0, 1])
def test_import_wrapping(foreign_key, which):
    kek, material = os.urandom(32), pkcs8(foreign_key)
    front = foreign_key.public_key().encrypt(kek, oaep(OAEP_HASHES[which]))
    wrapped = front + keywrap.aes_key_wrap_with_padding(kek, material)
    assert ours("rsa-aes-unwrap", pkcs8(foreign_key), which, wrapped) == material
    assert refusal("rsa-aes-unwrap", pkcs8(foreign_key), 1 - which, wrapped) == "RD_UNTRUSTED"


def test_gcm():
    for length in (0, 1, 16, 4096):
        key, nonce, aad, text = os.urandom(32), os.urandom(12), os.urandom(150), os.urandom(length)
        assert ours("gcm-seal", key, nonce, aad, text) == AESGCM(key).encrypt(nonce, text, aad)


def openssl_cms(message, key, tmp_path):
    (tmp_path / "message").write_bytes(message)
    (tmp_path / "key.pem").write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return subprocess.run(["openssl", "cms", "-decrypt", "-binary", "-inform", "DER", "-in", tmp_path / "message",
                           "-inkey", tmp_path / "key.pem"], capture_output=True, timeout=60, check=False)


def test_openssl_opens_our_cms(rsa_key, foreign_key, tmp_path):
    for length in (0, 15, 16, 32, 48, 111, 112, 239, 240, 2400, 4096):
        text = os.urandom(length)
        message = ours("cms-seal", spki(rsa_key), text)
        opened = openssl_cms(message, rsa_key, tmp_path)
        assert opened.returncode == 0, opened.stderr
        assert opened.stdout == text
        assert ours("cms-open", pkcs8(rsa_key), message) == text
    opened = openssl_cms(message, foreign_key, tmp_path)
    assert opened.stdout != text
    assert refusal("cms-open", pkcs8(foreign_key), message) == "RD_UNTRUSTED"


def test_we_open_what_openssl_streams(foreign_key, tmp_path):
    """openssl's streamed BER has the shape that the C SDK takes; its DER has not."""
    text = os.urandom(1000)
    (tmp_path / "text").write_bytes(text)
    (tmp_path / "key.pem").write_bytes(foreign_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    subprocess.run(["openssl", "req", "-x509", "-key", tmp_path / "key.pem", "-subj", "/CN=recipient",
                    "-out", tmp_path / "cert.pem"], check=True, timeout=60, capture_output=True)

    def encrypted(*options):
        return subprocess.run(
            ["openssl", "cms", "-encrypt", "-binary", *options, "-outform", "DER", "-in", tmp_path / "text",
             "-aes-256-cbc", "-keyid", "-recip", tmp_path / "cert.pem", "-keyopt", "rsa_padding_mode:oaep",
             "-keyopt", "rsa_oaep_md:sha256", "-keyopt", "rsa_mgf1_md:sha256"],
            check=True, timeout=60, capture_output=True).stdout

    assert ours("cms-open", pkcs8(foreign_key), encrypted("-stream")) == text
    assert refusal("cms-open", pkcs8(foreign_key), encrypted()) == "RD_NONCANONICAL"


def test_the_vector_opens_everywhere(tmp_path):
    key = serialization.load_der_private_key((DATA / "recipient-key.der").read_bytes(), None)
    message = (DATA / "ciphertext-for-recipient.ber").read_bytes()
    text = bytes.fromhex("f3bca8eeac3d2195f7f612f8c3d42716dc7e1d5f9adcda07e2ddebc26bda34a0")
    assert ours("cms-open", pkcs8(key), message) == text
    assert openssl_cms(message, key, tmp_path).stdout == text
    assert hashlib.sha256(spki(key)).digest() in message
