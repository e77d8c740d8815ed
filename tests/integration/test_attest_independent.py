# SPDX-License-Identifier: Apache-2.0
"""Our document judged by programs that share no code with us (tests/support/document.py), and AWS's by ours."""
import datetime
import hashlib
import json
import os
import pathlib
import re
import subprocess
import tempfile

import cbor2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID
from document import EPOCH, Document, openssl

MAKE_DOCUMENT = os.environ["MAKE_DOCUMENT"]
REDOUBT = os.environ["REDOUBT"]
DATA = pathlib.Path(__file__).resolve().parent.parent / "data" / "attestation"
AWS_ROOT = DATA / "aws-nitro-enclaves-root-g1.pem"
GOV_ROOT = DATA / "aws-us-gov-nitro-enclaves-root.pem"

# What make_document.c puts in.
INSTANCE_ID = "i-0a1b2c3d4e5f60718"
MODULE_ID = INSTANCE_ID + "-enc0199aabbccddeeff"
NONCE = b"thirty-two bytes make up a nonce"
# Exit codes, from the table in redoubt(1).
FAILURE, USAGE, TOO_LARGE, NOT_COSE, TRAILING = 1, 2, 10, 11, 12
UNKNOWN_ROOT, CERT_SIGNATURE, NOT_YET_VALID, EXPIRED = 31, 38, 39, 40
SIGNATURE, TOO_OLD, NONCE_WRONG, DEBUG, PCR = 50, 61, 62, 63, 64


class Made(Document):
    """One document of ours, made in process."""

    def __init__(self, directory):
        subprocess.run([MAKE_DOCUMENT, str(directory)], check=True, timeout=60)
        self.dir = directory
        super().__init__((directory / "document.bin").read_bytes(), directory / "root.pem")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return Made(tmp_path_factory.mktemp("made"))


def redoubt(*args, stdin=None, env=None):
    return subprocess.run([REDOUBT, "verify", *map(str, args)], input=stdin, capture_output=True, timeout=60,
                          env=env, check=False)


def test_shape_is_awss_byte_for_byte(made):
    made.check_shape()
    assert list(made.doc["pcrs"]) == list(range(17))
    assert made.doc["public_key"] == b"" and made.doc["user_data"] is None


def test_cryptography_accepts_the_signature(made):
    made.check_signature()


def test_cryptography_accepts_the_chain(made):
    made.check_chain()


def test_the_leaf_is_the_modules(made):
    made.check_leaf()
    issued = made.doc["timestamp"] // 1000
    assert made.doc["module_id"] == MODULE_ID
    assert made.leaf.not_valid_before == EPOCH + datetime.timedelta(seconds=issued - 3)
    spki = made.leaf.public_key().public_bytes(serialization.Encoding.DER,
                                               serialization.PublicFormat.SubjectPublicKeyInfo)
    assert spki == (made.dir / "leaf.spki.der").read_bytes()


def test_openssl_accepts_it(made, tmp_path):
    made.check_with_openssl(tmp_path)
    leaf = tmp_path / "leaf.pem"
    assert openssl("verify", "-CAfile", AWS_ROOT, "-untrusted", tmp_path / "untrusted.pem", leaf).returncode != 0


def test_redoubt_verify_accepts_it(made):
    done = redoubt("--root", made.root, "--nonce", NONCE.hex(), "--max-age", 300,
                   "--pcr", "0=" + "10" * 48, "--pcr", "16=" + "77" * 48, made.dir / "document.bin")
    assert done.returncode == 0, done.stderr
    text = done.stdout.decode()
    assert MODULE_ID in text and "CN=redoubt.enclaves" in text
    assert "PCR0 " in text and "PCR3 " not in text
    assert done.stderr == b""


def test_redoubt_verify_refuses_by_code(made):
    def code(*args, stdin=made.raw, root=made.root):
        done = redoubt("--root", root, *args, "-", stdin=stdin)
        if done.returncode != 0:
            assert done.stdout == b""
            assert done.stderr.count(b"\n") == 1 and done.stderr.startswith(b"redoubt verify: ")
        return done.returncode

    def flipped(part):
        at = made.raw.index(part) + len(part) // 2
        return made.raw[:at] + bytes([made.raw[at] ^ 1]) + made.raw[at + 1:]

    issued = made.doc["timestamp"] // 1000
    assert code() == 0
    assert code(stdin=b"\xd2" + made.raw) == 0
    assert code(stdin=flipped(made.signature)) == SIGNATURE
    assert code(stdin=flipped(made.doc["pcrs"][0])) == SIGNATURE
    assert code(stdin=flipped(made.leaf.signature)) == CERT_SIGNATURE
    assert code(stdin=flipped(made.doc["cabundle"][0])) == UNKNOWN_ROOT
    assert code(root=AWS_ROOT) == UNKNOWN_ROOT
    assert code("--at", issued + 10801) == EXPIRED
    assert code("--at", issued + 10800) == 0
    assert code("--at", issued - 64) == NOT_YET_VALID
    assert code("--at", issued + 301, "--max-age", 300) == TOO_OLD
    assert code("--nonce", "00" * 32) == NONCE_WRONG
    assert code("--pcr", "0=" + "11" * 48) == PCR
    assert code("--pcr", "17=" + "11" * 48) == PCR
    assert code(stdin=made.raw + b"\0") == TRAILING
    assert code(stdin=made.raw[:-1]) == NOT_COSE
    assert code(stdin=b"") == NOT_COSE
    assert code(stdin=bytes(32769)) == TOO_LARGE


def test_usage_is_refused_in_one_line(made):
    for args in (["--nonce", "00" * 15], ["--nonce", "xx"], ["--pcr", "32=" + "11" * 48], ["--pcr", "0=11"],
                 ["--pcr", "0=" + "00" * 48], ["--pcr", "1"], ["--at", "yesterday"], ["--max-age", "0"],
                 ["--max-age", "-5"], ["--wrong"], ["--root"], ["second-file"],
                 ["--pcr", "0=" + "11" * 48, "--pcr", "0=" + "11" * 48]):
        done = redoubt("--root", made.root, made.dir / "document.bin", *args)
        assert done.returncode == USAGE, args
        assert done.stderr.count(b"\n") == 1 and done.stdout == b""
    assert redoubt("--root", made.root).returncode == USAGE
    assert redoubt("--root", made.root, made.dir / "none").returncode == FAILURE
    assert redoubt("--root", made.dir / "none", made.dir / "document.bin").returncode == FAILURE
    assert redoubt("--root", made.dir / "document.bin", made.dir / "document.bin").returncode == FAILURE
    assert redoubt("--help").returncode == 0


def test_own_root_comes_from_the_state_directory(made):
    # Not tmp_path: sockets live below this directory, and their paths must be short.
    with tempfile.TemporaryDirectory(prefix="rd-", dir="/tmp") as home:
        env = dict(os.environ, REDOUBT_HOME=home)
        missing = redoubt(made.dir / "document.bin", env=env)
        assert missing.returncode == FAILURE and b"root.pem" in missing.stderr
        state = pathlib.Path(home) / "state"
        state.mkdir()
        (state / "root.pem").write_bytes(made.root.read_bytes())
        assert redoubt(made.dir / "document.bin", env=env).returncode == 0


def foreign_document(now_s):
    """A document made by cbor2 and cryptography alone, and the root it chains to."""
    start, end = EPOCH + datetime.timedelta(seconds=now_s - 60), EPOCH + datetime.timedelta(seconds=now_s + 600)
    names = ["root.test", "regional.test", "zonal.test", INSTANCE_ID + ".test", MODULE_ID + ".test"]
    keys = [ec.generate_private_key(ec.SECP384R1()) for _ in names]
    ders = []
    for level, name in enumerate(names):
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[max(level - 1, 0)])])
        leaf = level == 4
        usage = {k: False for k in ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
                                    "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")}
        usage["digital_signature" if leaf else "key_cert_sign"] = True
        builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
                   .serial_number(int(MODULE_ID.rsplit("enc")[1], 16) << 64 | now_s)
                   .not_valid_before(start).not_valid_after(end).public_key(keys[level].public_key())
                   .add_extension(x509.BasicConstraints(ca=not leaf, path_length=None), critical=True)
                   .add_extension(x509.KeyUsage(**usage), critical=True))
        ders.append(builder.sign(keys[max(level - 1, 0)], hashes.SHA384())
                    .public_bytes(serialization.Encoding.DER))
    pcr4 = hashlib.sha384(bytes(48) + INSTANCE_ID.encode()).digest()
    payload = cbor2.dumps({
        "module_id": MODULE_ID, "digest": "SHA384", "timestamp": now_s * 1000 + 7,
        "pcrs": {0: b"\1" * 48, 1: b"\2" * 48, 2: b"\3" * 48, 4: pcr4, 31: bytes(48)},
        "certificate": ders[4], "cabundle": ders[:4], "user_data": b"from elsewhere"})
    protected = cbor2.dumps({1: -35})
    der = keys[4].sign(cbor2.dumps(["Signature1", protected, b"", payload]), ec.ECDSA(hashes.SHA384()))
    r, s = decode_dss_signature(der)
    signature = r.to_bytes(48, "big") + s.to_bytes(48, "big")
    return cbor2.CBORTag(18, [protected, {}, payload, signature]), ders[0]


def test_redoubt_verify_accepts_what_others_made(tmp_path):
    now_s = int(datetime.datetime.now(datetime.timezone.utc).timestamp())
    tagged, root = foreign_document(now_s)
    (tmp_path / "root.der").write_bytes(root)
    for document in (cbor2.dumps(tagged), cbor2.dumps(tagged.value)):
        done = redoubt("--root", tmp_path / "root.der", "--json", "-", stdin=document)
        assert done.returncode == 0, done.stderr
        assert bytes.fromhex(json.loads(done.stdout)["user_data"]) == b"from elsewhere"
        late = redoubt("--root", tmp_path / "root.der", "--at", now_s + 601, "-", stdin=document)
        assert late.returncode == EXPIRED


AWS_DOCUMENTS = sorted(p for p in DATA.glob("*.bin") if not p.name.startswith("neg-"))


def aws_time(path):
    return cbor2.loads(cbor2.loads(path.read_bytes())[2])["timestamp"] // 1000


@pytest.mark.parametrize("path", AWS_DOCUMENTS, ids=lambda p: p.stem)
def test_awss_documents_verify_under_awss_root(path):
    at = aws_time(path)
    debug = "debug" in path.name
    assert redoubt("--root", AWS_ROOT, "--at", at, path).returncode == (DEBUG if debug else 0)
    assert redoubt("--root", AWS_ROOT, path).returncode == EXPIRED
    assert redoubt("--root", GOV_ROOT, "--at", at, path).returncode == UNKNOWN_ROOT
    done = redoubt("--root", GOV_ROOT, "--root", AWS_ROOT, "--at", at, "--allow-debug", "--json", path)
    assert done.returncode == 0, done.stderr
    ours, theirs = json.loads(done.stdout), cbor2.loads(cbor2.loads(path.read_bytes())[2])
    assert ours["verified"] is True and ours["debug"] is debug
    assert ours["module_id"] == theirs["module_id"] and ours["timestamp"] == theirs["timestamp"]
    assert {int(k): bytes.fromhex(v) for k, v in ours["pcrs"].items()} == theirs["pcrs"]
    for field in ("public_key", "user_data", "nonce"):
        assert (None if ours[field] is None else bytes.fromhex(ours[field])) == theirs[field]
    for entry, der in zip(ours["chain"], theirs["cabundle"] + [theirs["certificate"]]):
        cert = x509.load_der_x509_certificate(der)
        assert entry["sha256"] == hashlib.sha256(der).hexdigest()
        assert int(entry["serial"], 16) == cert.serial_number
        assert entry["not_after"].startswith(cert.not_valid_after.strftime("%Y-%m-%dT%H:%M:%S"))


def test_there_are_aws_documents():
    assert len(AWS_DOCUMENTS) == 18


def test_published_invalid_documents_are_refused():
    bad = DATA / "neg-01-bad-cose-signature.bin"
    foreign = DATA / "neg-02-foreign-root.bin"
    assert redoubt("--root", AWS_ROOT, "--at", aws_time(bad), "--allow-debug", bad).returncode == SIGNATURE
    assert redoubt("--root", AWS_ROOT, "--at", aws_time(foreign), foreign).returncode == UNKNOWN_ROOT
    done = redoubt("--root", AWS_ROOT, "--json", bad)
    assert done.returncode == EXPIRED
    refusal = json.loads(done.stdout)
    assert refusal["verified"] is False and refusal["code"] == EXPIRED and "module_id" not in refusal


def test_the_manual_lists_every_code():
    top = DATA.parent.parent.parent
    codes = dict(re.findall(r'X\(RD_VERIFY_\w+, (\d+), "([^"]+)"\)', (top / "lib/attest/verify.h").read_text()))
    page = (top / "docs/man/redoubt-verify.1.scd").read_text()
    listed = re.findall(r"^\*(\d+)\*$", page, re.MULTILINE)
    assert len(codes) > 40 and listed == list(codes)
    for code, text in codes.items():
        said = page.split(f"*{code}*\n\t")[1].split("\n")[0].replace("\\", "")
        assert said.lower().startswith(text.lower()), code
