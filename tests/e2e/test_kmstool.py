# SPDX-License-Identifier: Apache-2.0
"""kmstool_enclave_cli inside an enclave, in an image that has nothing but it, the test's application and CA certificates:
the documents that reach the server are the enclave's own, and its parent reads none of the secrets.
"""

import base64
import hashlib
import json
import os

import images
import pytest
from kms_server import ARN, BLOB, CREDENTIALS, ID, NAME, PLAINTEXT, Authority, Server, answer, good_reply, serve_good
from redoubt import Guest

TOOL = "/kmstool_enclave_cli"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


def b64(data):
    return base64.b64encode(data).decode()


@pytest.fixture(name="ca")
def fixture_ca(tmp_path):
    return Authority(tmp_path / "ca")


@pytest.fixture(name="enclave")
def fixture_enclave(host, ca):
    """(host, its running enclave, measurements of the image)"""
    more = [("kmstool_enclave_cli", {"data": images.content(os.path.join(host.out, "share", "redoubt", "guest",
                                                                         "kmstool_enclave_cli"))}),
            (BUNDLE[1:], {"data": images.content(ca.file)})]
    eif, built = images.guest(host, name="kmstool", more=more)
    return host, host.start(eif), built["Measurements"]


def start_server(host, enclave, ca, respond=serve_good, port=8000):
    """Where the parent's vsock-proxy would listen: the enclave's (3, port)."""
    return Server(os.path.join(host.enclave_dir(enclave), f"vsock.sock_{port}"),
                  ca.issue("server", f"DNS:{NAME}"), respond)


def test_the_enclave_gets_its_secret(enclave, ca):
    host, running, measurements = enclave
    with Guest(host, running) as guest, start_server(host, running, ca) as kms:
        assert guest.run(TOOL, "decrypt", "-c", b64(BLOB), "-K", ARN, "-a", "SYMMETRIC_DEFAULT",
                         "--encryption-context", "app=signer", "--bind-request", *CREDENTIALS).decode() \
            == f"PLAINTEXT: {b64(PLAINTEXT)}\n"
        assert guest.run(TOOL, "genkey", "-K", ID, "-p", "AES-256", *CREDENTIALS).decode() \
            == f"CIPHERTEXT: {b64(BLOB)}\nPLAINTEXT: {b64(b'k' * 32)}\n"
        assert guest.run(TOOL, "genrandom", "-l", "16", *CREDENTIALS).decode() == f"PLAINTEXT: {b64(b'k' * 16)}\n"
    bound = kms.requests[0]
    rest = {k: v for k, v in bound.json.items() if k != "Recipient"}
    canonical = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert bound.document()["user_data"] == hashlib.sha256(f"Decrypt\n{canonical}".encode()).digest()
    for request in kms.requests:
        host.verify(base64.b64decode(request.json["Recipient"]["AttestationDocument"]))
        assert request.document()["pcrs"][0].hex() == measurements["PCR0"]
        assert request.verified().startswith("accepted")
    assert len({request.spki for request in kms.requests}) == 3


def test_what_the_parent_can_do_is_refused(enclave, ca, tmp_path):
    host, running, _ = enclave
    decrypt = [TOOL, "decrypt", "-c", b64(BLOB), "-K", ARN, "-a", "SYMMETRIC_DEFAULT", *CREDENTIALS]

    def fails(guest, *says):
        status, output = guest.ask("run", *decrypt)
        assert status == 255 and b"PLAINTEXT" not in output, output
        for word in says:
            assert word in output.decode()

    with Guest(host, running) as guest:
        fails(guest, "is vsock-proxy running on the parent?")
        with start_server(host, running, Authority(tmp_path / "parent")) as kms:
            fails(guest, "the server's certificate is not trusted")
            assert not kms.requests
        os.unlink(kms.path)
        with start_server(host, running, ca, lambda request, _: answer(good_reply(request) | {"KeyId": ARN[:-1] + "c"})):
            fails(guest, "the server used key")
