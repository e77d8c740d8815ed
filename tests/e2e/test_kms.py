# SPDX-License-Identifier: Apache-2.0
"""A secret for one image alone, with every part real: redoubtd and enclaves, kmstool_enclave_cli, vsock-proxy, redoubt-kms
with TLS and a certificate of redoubt pki's. Cases 155 to 158 and 160 of the KMS reference; what is refused, with the
reasons from the audit log; the log whole, then with one byte changed."""

import base64
import contextlib
import json
import os
import shutil
import subprocess

import images
import pytest
from conftest import OUT
from kms_host import ACCOUNT, REGION, Credentials, Kms
from kms_server import Authority, Server, answer, good_reply
from redoubt import Guest, Host, wait_for

TOOL = "/kmstool_enclave_cli"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
ROOT, ROLE = f"arn:aws:iam::{ACCOUNT}:root", f"arn:aws:iam::{ACCOUNT}:role/parent"
SECRET = b"for this image alone"
STATEMENT = "resource-based policy 1 statement"


def b64(data):
    return base64.b64encode(data).decode()


class World:
    """The host, its key server and proxy; the image, and one that differs in a variable."""

    def __init__(self, stack, directory):
        self.host = stack.enter_context(Host(OUT))
        self.directory = directory
        tls = self.host.path("tls")
        self.host.run("bin/redoubt", "pki", "tls", "--name", f"kms.{REGION}.amazonaws.com", "--name", "127.0.0.1",
                      "--out", tls)
        self.ca = os.path.join(tls, "ca.pem")
        # For the one server that is not real (case 158).
        self.other = Authority(directory / "other")
        self.kms = Kms(f"tls_certificate: {tls}/server.pem\ntls_key: {tls}/server.key\n", home=self.host.home, ca=self.ca)
        stack.callback(self.kms.close)
        self.audit = self.host.path("state", "kms", "audit")
        self.start_proxy(stack)
        self.eif, built = self.image("secret")
        self.modified, self.modified_built = self.image("modified", Env=["MODIFIED=yes"])
        self.pcr0 = built["Measurements"]["PCR0"]
        self.parent = self.make_role()

    def start_proxy(self, stack):
        allowlist = self.host.path("allowlist.yaml")
        with open(allowlist, "w", encoding="ascii") as file:
            file.write(f"allowlist:\n- {{address: 127.0.0.1, port: {self.kms.port}}}\n")
        proxy = subprocess.Popen([os.path.join(OUT, "bin", "vsock-proxy"), "--config", allowlist, "--listen", "local",
                                  "8000", "127.0.0.1", str(self.kms.port)], env=self.host.environment,
                                 stdin=subprocess.DEVNULL)
        stack.callback(proxy.wait)
        stack.callback(proxy.terminate)

    def image(self, name, **config):
        with open(self.ca, "rb") as one, open(self.other.file, "rb") as other:
            bundle = one.read() + other.read()
        tool = os.path.join(OUT, "share", "redoubt", "guest", "kmstool_enclave_cli")
        return images.guest(self.host, name=name, more=[(TOOL[1:], {"data": images.content(tool)}),
                                                        (BUNDLE[1:], {"data": bundle})], **config)

    def make_role(self):
        iam, sts = self.kms.client("iam"), self.kms.client("sts")
        trust = {"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "sts:AssumeRole"}
        iam.create_role(RoleName="parent", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17",
                                                                               "Statement": [trust]}))
        random = {"Effect": "Allow", "Action": "kms:GenerateRandom", "Resource": "*"}
        iam.put_role_policy(RoleName="parent", PolicyName="random",
                            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [random]}))
        return Credentials.of(sts.assume_role(RoleArn=ROLE, RoleSessionName="test")["Credentials"])

    def make_key(self, *more):
        only = {"StringNotEqualsIgnoreCase": {"kms:RecipientAttestation:PCR0": self.pcr0}}
        uses = ["kms:Decrypt", "kms:GenerateDataKey"]
        statements = [
            {"Effect": "Allow", "Principal": {"AWS": ROOT}, "Resource": "*",
             "Action": ["kms:Encrypt", "kms:PutKeyPolicy", "kms:DisableKey"]},
            {"Effect": "Allow", "Principal": {"AWS": ROLE}, "Resource": "*", "Action": uses},
            {"Sid": "OnlyThisImage", "Effect": "Deny", "Principal": "*", "Resource": "*", "Action": uses,
             "Condition": only}, *more]
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
        return self.kms.client().create_key(Policy=policy)["KeyMetadata"]["Arn"]

    def encrypt(self, key, plaintext=SECRET):
        return self.kms.client().encrypt(KeyId=key, Plaintext=plaintext)["CiphertextBlob"]

    @contextlib.contextmanager
    def running(self, eif, *how):
        """The parent's end of an enclave, which vsock-proxy serves."""
        enclave = self.host.start(eif, *how)
        socket = os.path.join(self.host.enclave_dir(enclave), "vsock.sock_8000")
        wait_for("vsock-proxy's socket", lambda: os.path.exists(socket))
        try:
            with Guest(self.host, enclave) as guest:
                guest.enclave = enclave
                yield guest
        finally:
            self.host.terminate(enclave)

    def tool(self, command, *words):
        """Words for the guest: kmstool with the parent's credentials."""
        who = self.parent
        return ["run", TOOL, command, "-r", REGION, "-k", who.akid, "-s", who.secret, "-t", who.token, *words]

    def decrypt(self, guest, key, blob, *more):
        """(exit status, what it prints)"""
        status, output = guest.ask(*self.tool("decrypt", "-c", b64(blob), "-K", key, "-a", "SYMMETRIC_DEFAULT", *more))
        assert SECRET not in output
        return status, output.decode()

    def record(self):
        """The audit log's last, by redoubt audit show."""
        return json.loads(self.host.run("bin/redoubt", "audit", "show", self.audit, "--last", "1").stdout)

    def refused(self, code, by=None, document=None):
        """Whether the last call was refused, for this reason."""
        record = self.record()
        more = record["additionalEventData"]
        assert record["errorCode"] == code, record
        assert record["userIdentity"]["arn"].endswith(":assumed-role/parent/test"), record
        assert more.get("recipient", {}).get("attestationDocumentRefused") == document, record
        assert (by is None) == ("decision" not in more), record
        if by is not None:
            assert not more["decision"]["allowed"] and more["decision"]["by"].startswith(STATEMENT), record
            assert more["decision"]["by"].endswith(f"({by})"), record
        return more.get("recipient")


@pytest.fixture(name="world", scope="module")
def fixture_world(tmp_path_factory):
    with contextlib.ExitStack() as stack:
        world = World(stack, tmp_path_factory.mktemp("kms"))
        yield world
        world.kms.assert_well()


def failed(result):
    """Exit code and output of a kmstool that the server said no to (case 160)."""
    status, output = result
    assert status == 255 and "PLAINTEXT" not in output and "Got non-200 answer from KMS: 400" in output, result
    return output


class TestTheImage:
    """One enclave for both: it takes seconds to boot."""

    @pytest.fixture(name="guest", scope="class")
    def fixture_guest(self, world):
        with world.running(world.eif) as guest:
            yield guest

    def test_the_image_gets_its_secret_155_to_158_160(self, world, guest):
        key = world.make_key()
        status, output = guest.ask(*world.tool("genkey", "-K", key, "-p", "AES-256"))
        lines = output.decode().splitlines()
        assert status == 0 and [line.split(": ")[0] for line in lines] == ["CIPHERTEXT", "PLAINTEXT"]
        assert len(base64.b64decode(lines[1].split(": ")[1])) == 32
        blob = base64.b64decode(lines[0].split(": ")[1])
        assert world.decrypt(guest, key, blob) == (0, lines[1] + "\n")
        record = world.record()
        assert "errorCode" not in record and record["additionalEventData"]["tls"]
        assert record["additionalEventData"]["recipient"]["pcrs"]["0"] == world.pcr0

        status, output = guest.ask(*world.tool("genrandom", "-l", "1024"))
        assert status == 0 and len(base64.b64decode(output.decode().removeprefix("PLAINTEXT: "))) == 1024
        before = world.record()["logIndex"]
        assert guest.ask(*world.tool("genrandom", "-l", "1025"))[0] == 1
        assert world.record()["logIndex"] == before  # nothing was sent

        world.kms.client().disable_key(KeyId=key)
        assert "DisabledException" in failed(world.decrypt(guest, key, blob))
        assert world.record()["errorCode"] == "DisabledException"

        # The one answer that redoubt-kms never gives, by a server of the test's.
        path = os.path.join(world.host.enclave_dir(guest.enclave), "vsock.sock_8001")
        with Server(path, world.other.issue("server", f"DNS:kms.{REGION}.amazonaws.com"),
                    lambda request, _: answer(good_reply(request) | {"KeyId": key, "Plaintext": None})) as server:
            status, output = world.decrypt(guest, key, blob, "-x", "8001")
        assert status == 255 and "PLAINTEXT: " not in output and len(server.requests) == 1, output

    def test_a_replayed_document_is_refused(self, world, guest):
        bound = {"Sid": "OnlyBoundRequests", "Effect": "Deny", "Principal": "*", "Resource": "*", "Action": "kms:Decrypt",
                 "Condition": {"Bool": {"redoubt:RequestBound": "false"}}}
        key = world.make_key(bound)
        mine, swapped = world.encrypt(key), world.encrypt(key, b"what the parent would rather have")
        assert world.decrypt(guest, key, mine, "--bind-request") == (0, f"PLAINTEXT: {b64(SECRET)}\n")
        recipient = world.record()["additionalEventData"]["recipient"]
        assert recipient["requestBound"]
        document = images.content(os.path.join(world.audit, "documents", recipient["attestationDocumentSha256"]))

        def replay(blob):
            return world.kms.call("Decrypt", {
                "CiphertextBlob": b64(blob), "KeyId": key, "EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
                "Recipient": {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": b64(document)}},
                credentials=world.parent)
        # The same request again is the enclave's own, and its answer is for the enclave's key alone.
        again = replay(mine)
        assert again.status == 200 and "Plaintext" not in again.json and "CiphertextForRecipient" in again.json
        refusal = replay(swapped)
        assert (refusal.status, refusal.type) == (400, "AccessDeniedException")
        assert not world.refused("AccessDeniedException", by="OnlyBoundRequests")["requestBound"]


def test_the_parent_without_a_document_is_refused(world):
    key = world.make_key()
    blob = world.encrypt(key)
    answered = world.kms.call("Decrypt", {"CiphertextBlob": b64(blob)}, credentials=world.parent)
    assert (answered.status, answered.type) == (400, "AccessDeniedException")
    assert world.refused("AccessDeniedException", by="OnlyThisImage") is None


def test_a_debug_enclave_of_the_image_is_refused(world):
    key = world.make_key()
    blob = world.encrypt(key)
    with world.running(world.eif, "--debug-mode") as guest:
        failed(world.decrypt(guest, key, blob))
    world.refused("ValidationException", document="RD_VERIFY_DEBUG")


def test_a_modified_image_is_refused(world):
    key = world.make_key()
    blob = world.encrypt(key)
    with world.running(world.modified) as guest:
        failed(world.decrypt(guest, key, blob))
    recipient = world.refused("AccessDeniedException", by="OnlyThisImage")
    assert recipient["pcrs"]["0"] == world.modified_built["Measurements"]["PCR0"] != world.pcr0


def test_the_log_is_whole_until_a_byte_is_changed(world):
    copy = world.directory / "audit"
    shutil.copytree(world.audit, copy)
    assert b"The log is whole" in world.host.run("bin/redoubt", "audit", "verify", copy).stdout
    log = next(copy.glob("log-*"))
    data = bytearray(log.read_bytes())
    data[data.index(b'"eventName"', len(data) // 2) + 1] ^= 1
    log.write_bytes(data)
    done = world.host.run("bin/redoubt", "audit", "verify", copy, check=None)
    assert done.returncode == 18 and len(done.stderr.splitlines()) == 1, done.stderr
