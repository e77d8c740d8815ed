# SPDX-License-Identifier: Apache-2.0
"""kmstool_enclave_cli as it is, but for the NSM (lib/attest makes the documents) and vsock (a Unix socket), against
kms_server.py. Then each way in which a server, or who stands between, can be wrong: exit 255, nothing on stdout.
"""
import base64
import hashlib
import json
import os
import socket
import ssl
import subprocess
import threading
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from kms_server import (AKID, ARN, BLOB, CREDENTIALS, ID, NAME, PLAINTEXT, TOKEN, Authority, Server, answer, good_reply,
                        openssl, seal, serve_good)

DRIVER, KMSTOOL = os.environ["KMSTOOL_DRIVER"], os.environ["KMSTOOL"]


@pytest.fixture(scope="module", name="ca")
def fixture_ca(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca") / "ca")


@pytest.fixture(scope="module", name="certificate")
def fixture_certificate(ca):
    return ca.issue("good", f"DNS:{NAME},DNS:kms.test,IP:192.0.2.1")


@pytest.fixture(name="server")
def fixture_server(tmp_path, certificate):
    """Starts a server that responds by the function given."""
    def make(respond=serve_good, configure=None, cert=certificate):
        return Server(tmp_path / "kms.sock", cert, respond, configure)
    return make


@pytest.fixture(name="tool")
def fixture_tool(tmp_path, ca):
    def run(*args, ca_file=ca.file, env=None, wrapper=()):
        command = [*wrapper, DRIVER, *args] + ([*CREDENTIALS, "--ca-file", ca_file] if args[0] != "encrypt" else [])
        return subprocess.run(command, capture_output=True, timeout=120, check=False,
                              env={**os.environ, "KMSTOOL_SOCKET": str(tmp_path / "kms.sock"), **(env or {})})
    return run


def b64(data):
    return base64.b64encode(data).decode()


DECRYPT = ["decrypt", "-c", b64(BLOB)]


def assert_fails(done, *says, last="Could not decrypt ciphertext"):
    text = done.stderr.decode()
    assert done.returncode == 255, text
    assert done.stdout == b""
    for word in says:
        assert word in text
    assert text.endswith(last + "\n")


def test_decrypt(server, tool):
    """Case 155, as the tool sees it; tests/e2e has it in an enclave."""
    with server() as kms:
        done = tool(*DECRYPT)
    assert done.stdout.decode() == f"PLAINTEXT: {b64(PLAINTEXT)}\n", done.stderr
    assert done.returncode == 0 and done.stderr == b""
    request, = kms.requests
    assert request.line == "POST / HTTP/1.1"
    assert request.header("Host") == NAME and kms.sni == [NAME] and kms.alpn == ["http/1.1"]
    assert request.header("X-Amz-Target") == "TrentService.Decrypt"
    assert request.header("Content-Type") == "application/x-amz-json-1.1"
    assert request.header("X-Amz-Security-Token") == TOKEN
    assert request.verified() == f"accepted {AKID} {TOKEN}"
    assert request.verified(secret="another").startswith("InvalidSignatureException")
    assert request.header("Authorization").endswith(f"Signature={request.signature_of_botocore()}")
    assert set(request.json) == {"CiphertextBlob", "Recipient"}
    assert request.json["CiphertextBlob"] == b64(BLOB)
    assert request.json["Recipient"]["KeyEncryptionAlgorithm"] == "RSAES_OAEP_SHA_256"
    document = request.document()
    assert document["user_data"] is None and document["nonce"] is None
    assert len(document["public_key"]) == 294


def test_every_call_has_a_key_of_its_own(server, tool):
    with server() as kms:
        assert [tool(*DECRYPT).returncode for _ in range(2)] == [0, 0]
    assert kms.requests[0].spki != kms.requests[1].spki


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to take the right to lock memory away")
@pytest.mark.parametrize("limit", [65536, 4096])
def test_little_memory_to_lock(server, tool, limit):
    """64 KiB are what old kernels let an ordinary user lock; with less nothing is asked for."""
    with server() as kms:
        done = tool(*DECRYPT, wrapper=["setpriv", "--bounding-set=-ipc_lock", "prlimit", f"--memlock={limit}"])
    if limit == 65536:
        assert done.stdout.decode() == f"PLAINTEXT: {b64(PLAINTEXT)}\n", done.stderr
    else:
        assert_fails(done, "cannot lock 65536 bytes of memory for secrets")
        assert not kms.requests


def test_genkey_prints_ciphertext_first(server, tool):
    """Case 156: what is printed."""
    with server() as kms:
        for spec, size in (("AES-256", 32), ("AES-128", 16)):
            done = tool("genkey", "-K", ARN, "-p", spec)
            assert done.stdout.decode() == f"CIPHERTEXT: {b64(BLOB)}\nPLAINTEXT: {b64(b'k' * size)}\n", done.stderr
            assert done.returncode == 0
    assert [r.json["KeySpec"] for r in kms.requests] == ["AES_256", "AES_128"]
    assert {r.header("X-Amz-Target") for r in kms.requests} == {"TrentService.GenerateDataKey"}


def test_genrandom(server, tool):
    """Case 157; more than 1024 is refused before anything is asked."""
    with server() as kms:
        for size in (1, 1024):
            done = tool("genrandom", "-l", str(size))
            assert done.stdout.decode() == f"PLAINTEXT: {b64(b'k' * size)}\n", done.stderr
        assert tool("genrandom", "-l", "1025").returncode == 1
    assert [request.json["NumberOfBytes"] for request in kms.requests] == [1, 1024]


def test_plaintexts_of_every_size_in_chunks(server, tool):
    sizes = [1, 15, 16, 4096]
    with server(lambda request, _tls: answer(good_reply(request, b"x" * sizes[len(kms.requests) - 1]), chunked=True)) \
            as kms:
        for size in sizes:
            assert tool(*DECRYPT).stdout.decode() == f"PLAINTEXT: {b64(b'x' * size)}\n"


def test_response_in_single_bytes(server, tool):
    def respond(request, tls):
        for byte in answer(good_reply(request), chunked=True):
            tls.sendall(bytes([byte]))
        tls.unwrap()
    with server(respond):
        assert tool(*DECRYPT).returncode == 0


def test_key_algorithm_and_context_are_sent(server, tool):
    with server() as kms:
        assert tool(*DECRYPT, "-K", ARN, "-a", "SYMMETRIC_DEFAULT", "--encryption-context", "z=1=2",
                    "--encryption-context", "a=ä").returncode == 0
        # Without a key AWS's program drops the algorithm, whatever it is.
        assert tool(*DECRYPT, "-a", "nonsense").returncode == 0
    assert kms.requests[0].json["EncryptionContext"] == {"z": "1=2", "a": "ä"}
    assert kms.requests[0].json["KeyId"] == ARN
    assert kms.requests[0].json["EncryptionAlgorithm"] == "SYMMETRIC_DEFAULT"
    assert "EncryptionAlgorithm" not in kms.requests[1].json
    assert_fails(tool(*DECRYPT, "-K", ARN), last="Invalid encryption algorithm")
    assert_fails(tool(*DECRYPT, "-K", ARN, "-a", "RSA"), last="Invalid encryption algorithm")


def test_bound_request(server, tool):
    with server() as kms:
        assert tool(*DECRYPT, "--bind-request", "--encryption-context", "k=\"ä\\\n\x01\x1f").returncode == 0
        assert tool("genrandom", "-l", "32", "--bind-request").returncode == 0
    for request in kms.requests:
        operation = request.header("X-Amz-Target").split(".")[1]
        rest = {k: v for k, v in request.json.items() if k != "Recipient"}
        canonical = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert request.document()["user_data"] == hashlib.sha256(f"{operation}\n{canonical}".encode()).digest()


def test_endpoint_is_the_name_in_tls_and_host(server, tool):
    with server() as kms:
        for endpoint in ("kms.test:8443", "kms.test", "192.0.2.1:443"):
            assert tool(*DECRYPT, "--endpoint", endpoint).returncode == 0
        done = tool(*DECRYPT, "--endpoint", "kms.other")
    assert [r.header("Host") for r in kms.requests] == ["kms.test:8443", "kms.test", "192.0.2.1"]
    assert kms.sni[:3] == ["kms.test", "kms.test", None]
    assert_fails(done, "kms.other: the server's certificate is not trusted: hostname mismatch")
    assert_fails(tool(*DECRYPT, "--endpoint", "https://kms.test"), "is no endpoint")


def test_encrypt_of_the_library(server, tool, ca):
    with server(lambda request, _tls: answer({"KeyId": ARN, "CiphertextBlob": b64(BLOB)})) as kms:
        done = tool("encrypt", ca.file, ID, "hello")
        assert done.stdout == f"{ARN} ".encode() + BLOB, done.stderr
        done = tool("encrypt", ca.file, ID[:-1] + "c", "hello")
        assert done.returncode == 1 and b"the server used key" in done.stderr
    assert kms.requests[0].json == {"EncryptionContext": {"a": "ä\n", "b": "2"}, "KeyId": ID,
                                    "Plaintext": b64(b"hello")}
    assert kms.requests[0].verified() == f"accepted {AKID} "


def test_envelope_of_openssl(server, tool, tmp_path):
    """AWS's parser takes what "openssl cms -stream" makes; so do we."""
    def respond(request, _tls):
        (tmp_path / "spki.der").write_bytes(request.spki)
        (tmp_path / "plain").write_bytes(PLAINTEXT)
        openssl("pkey", "-pubin", "-inform", "DER", "-in", "spki.der", "-out", "spki.pem", cwd=tmp_path)
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "k.pem", cwd=tmp_path)
        (tmp_path / "ext").write_text("subjectKeyIdentifier=hash\n")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=i",
                "-keyout", "i.key", "-out", "i.pem", cwd=tmp_path)
        openssl("x509", "-new", "-force_pubkey", "spki.pem", "-CA", "i.pem", "-CAkey", "i.key", "-subj", "/CN=r",
                "-extfile", "ext", "-out", "r.pem", cwd=tmp_path)
        openssl("cms", "-encrypt", "-stream", "-binary", "-in", "plain", "-outform", "DER", "-out", "cms", "-keyid",
                "-aes-256-cbc", "-recip", "r.pem", "-keyopt", "rsa_padding_mode:oaep", "-keyopt", "rsa_oaep_md:sha256",
                cwd=tmp_path)
        return answer({"KeyId": ARN, "CiphertextForRecipient": b64((tmp_path / "cms").read_bytes())})
    with server(respond):
        done = tool(*DECRYPT)
    assert done.stdout.decode() == f"PLAINTEXT: {b64(PLAINTEXT)}\n", done.stderr


def with_member(**members):
    """The good reply with members changed; None leaves one out."""
    def respond(request, _tls):
        reply = good_reply(request) | members
        return answer({k: v for k, v in reply.items() if v != "absent"})
    return respond


def foreign_spki():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def changed_envelope(change):
    def respond(request, _tls):
        return answer(good_reply(request) | {"CiphertextForRecipient": b64(change(seal(request.spki, PLAINTEXT)))})
    return respond


def to_definite(cms):
    """The envelope with its outermost lengths written out, as a tidy encoder would."""
    inner = cms[2:-2]
    return b"\x30\x82" + len(inner).to_bytes(2, "big") + inner


OTHER_ARN = ARN[:-1] + "c"
READ = "Could not read response from KMS"
BAD_REPLIES = {
    "null": (with_member(Plaintext=None), READ, "Plaintext is not a string"),
    "plaintext only": (with_member(Plaintext=b64(PLAINTEXT), CiphertextForRecipient="absent"), READ, "in the clear"),
    "plaintext too": (with_member(Plaintext=b64(PLAINTEXT)), READ, "ignores Recipient"),
    "no envelope": (with_member(CiphertextForRecipient="absent"), READ, "no CiphertextForRecipient"),
    "no key": (with_member(KeyId="absent"), READ, "no KeyId"),
    "wrong key": (with_member(KeyId=OTHER_ARN), READ, "the server used key"),
    "wrong algorithm": (with_member(EncryptionAlgorithm="RSAES_OAEP_SHA_256"), READ, "another algorithm"),
    "definite": (changed_envelope(to_definite), "Cannot parse CMS enveloped data"),
    "der": (changed_envelope(lambda cms: cms.replace(b"\x30\x80", b"\x30\x82\x01\x00")), "Cannot parse CMS"),
    "cut": (changed_envelope(lambda cms: cms[:200]), "Cannot parse CMS enveloped data"),
    "bit": (changed_envelope(lambda cms: cms[:300] + bytes([cms[300] ^ 1]) + cms[301:]), "Cannot decrypt CMS"),
    "empty": (lambda r, t: answer(b""), READ, "no CiphertextForRecipient"),
    "not json": (lambda r, t: answer(b"<html>"), READ, "its JSON"),
    "twice": (lambda r, t: answer(json.dumps(good_reply(r))[:-1].encode() + b',"KeyId":"x"}'), READ, "same key"),
    "huge": (lambda r, t: answer(b'{"x":"' + b"a" * 70000 + b'"}'), READ, "no room left"),
    "huge chunks": (lambda r, t: answer(b'{"x":"' + b"a" * 70000 + b'"}', chunked=True), READ, "no room left"),
    "huge head": (lambda r, t: b"HTTP/1.1 200 OK\r\nX: " + b"a" * 20000, READ, "HTTP head exceeds a limit"),
    "two lengths": (lambda r, t: answer(b"{}").replace(b"\r\n\r\n", b"\r\nContent-Length: 2\r\n\r\n"), READ, "twice"),
    "no length": (lambda r, t: b"HTTP/1.1 200 OK\r\n\r\n{}", READ, "lacks a mandatory part"),
    "compressed": (lambda r, t: answer(b"{}").replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n"), READ),
    "trailing": (lambda r, t: answer(b"{}") + b"more", READ, "bytes after its end"),
    "http2": (lambda r, t: b"\x00\x00\x00\x04\x00\x00\x00\x00\x00\r\n\r\n", READ),
    "short": (lambda r, t: answer(good_reply(r))[:-10], "the connection broke: the other side closed"),
}


@pytest.mark.parametrize("kind", BAD_REPLIES)
def test_bad_reply(server, tool, kind):
    """Case 158 is null."""
    respond, *says = BAD_REPLIES[kind]
    with server(respond):
        done = tool(*DECRYPT, "-K", ARN, "-a", "SYMMETRIC_DEFAULT")
    assert_fails(done, *says)


def test_envelope_for_another_key(server, tool):
    spki = foreign_spki()
    with server(lambda r, t: answer(good_reply(r) | {"CiphertextForRecipient": b64(seal(spki, PLAINTEXT))})):
        assert_fails(tool(*DECRYPT), "Cannot decrypt CMS encrypted content")


def test_lengths_that_were_not_asked_for(server, tool):
    with server(lambda r, t: answer(good_reply(r, b"k" * 31))):
        assert_fails(tool("genkey", "-K", ID, "-p", "AES-256"), "31 bytes, not 32", last="Could not generate data key")
        assert_fails(tool("genrandom", "-l", "32"), "31 bytes, not 32", last="Could not generate random bytes")


def test_answers_other_than_200(server, tool):
    """Case 160: what is said, and exit status 255."""
    error = {"__type": "DisabledException", "message": f"{ARN} is disabled."}
    with server(lambda r, t: answer(error, "400 Bad Request")):
        done = tool(*DECRYPT)
    assert_fails(done, "Got non-200 answer from KMS: 400\n", f"DisabledException: {ARN} is disabled.")
    assert done.stderr.startswith(b"Got non-200 answer from KMS: 400\n")


def test_an_error_may_have_any_body(server, tool):
    with server(lambda r, t: answer(b"\x1b[2J<html>", "503 Service Unavailable")):
        assert_fails(tool(*DECRYPT), "Got non-200 answer from KMS: 503\n")


def test_slow_servers_meet_the_deadline(server, tool):
    def drip(_request, tls):
        for byte in answer(b"{" + b" " * 1000):
            tls.sendall(bytes([byte]))
            time.sleep(0.1)
    for respond in (drip, lambda request, tls: time.sleep(5)):
        with server(respond) as kms:
            start = time.monotonic()
            assert_fails(tool(*DECRYPT, "--timeout", "2"), "the server did not answer in time")
            assert time.monotonic() - start < 10
        os.unlink(kms.path)


def test_a_proxy_that_says_nothing(tool, tmp_path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "kms.sock"))
        listener.listen(1)
        assert_fails(tool(*DECRYPT, "--timeout", "1"), "the server did not answer in time")


def test_cut_without_closing_alert(server, tool):
    def respond(request, tls):
        tls.sendall(answer(good_reply(request), chunked=True)[:-7])
        tls.shutdown(socket.SHUT_RDWR)
    with server(respond):
        assert_fails(tool(*DECRYPT), "the connection broke")


def test_servers_that_are_not_trusted(server, tool, ca, tmp_path):
    other = Authority(tmp_path / "other")
    cases = {
        "another CA": (other.issue("s", f"DNS:{NAME}"), "unable to get local issuer certificate"),
        "expired": (ca.issue("expired", f"DNS:{NAME}"), "certificate has expired"),
        "wrong name": (ca.issue("name", "DNS:kms.example"), "hostname mismatch"),
        "name in CN only": (ca.issue("cn", "DNS:kms.example", subject=f"/CN={NAME}"), "hostname mismatch"),
        "no SAN": (ca.issue("nosan", "", subject=f"/CN={NAME}"), "hostname mismatch"),
        "partial wildcard": (ca.issue("wild", "DNS:k*.us-east-1.amazonaws.com"), "hostname mismatch"),
    }
    ca.redate("expired", -7, -1)
    for name, (certificate, why) in cases.items():
        with server(cert=certificate) as kms:
            assert_fails(tool(*DECRYPT), "the server's certificate is not trusted", why)
        assert not kms.requests, name
        os.unlink(kms.path)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1")
def test_old_tls_and_no_tls(server, tool, tmp_path):
    def old(context):
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with server(configure=old) as kms:
        assert_fails(tool(*DECRYPT), "the TLS handshake failed")
    os.unlink(kms.path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "kms.sock"))
        listener.listen(1)
        plain = threading.Thread(target=lambda: listener.accept()[0].sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
        plain.start()
        assert_fails(tool(*DECRYPT), NAME)
        plain.join(30)


def test_tls_1_2(server, tool):
    def only(context):
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    with server(configure=only):
        assert tool(*DECRYPT).returncode == 0


def test_failures_before_anything_is_sent(tool, tmp_path):
    assert_fails(tool(*DECRYPT), "cannot connect to")
    assert_fails(tool(*DECRYPT, env={"KMSTOOL_NSM": "fails"}), "cannot get an attestation document")
    assert_fails(tool(*DECRYPT, ca_file=str(tmp_path / "none.pem")), "none.pem")
    assert_fails(tool("decrypt", "-c", "not base64"), "--ciphertext is not base64")
    assert_fails(tool("decrypt", "-c", b64(b"x" * 6145)), "ciphertext must have 1 to 6144 bytes")


def test_static_program_outside_an_enclave(tmp_path):
    """The program itself, in an empty root as in an image FROM scratch: it needs no file but /dev/nsm."""
    headers = subprocess.run(["readelf", "-lW", KMSTOOL], capture_output=True, text=True, check=True, timeout=60).stdout
    assert "LOAD" in headers and "INTERP" not in headers
    done = subprocess.run([KMSTOOL, *DECRYPT, *CREDENTIALS], capture_output=True, timeout=60, check=False)
    if not os.path.exists("/dev/nsm"):
        assert_fails(done, "/dev/nsm: this works inside an enclave only")
    if os.geteuid() == 0:
        os.link(KMSTOOL, tmp_path / "k") if os.stat(KMSTOOL).st_dev == os.stat(tmp_path).st_dev else \
            subprocess.run(["cp", KMSTOOL, tmp_path / "k"], check=True, timeout=60)
        done = subprocess.run(["chroot", tmp_path, "/k", *DECRYPT, *CREDENTIALS], capture_output=True, timeout=60,
                              check=False)
        assert_fails(done, "/dev/nsm: this works inside an enclave only")
