# SPDX-License-Identifier: Apache-2.0
"""payments-enclave in an enclave of its own: a payment whose card is sealed to a key in a verified document, under keys that
the key server gives to this image alone, through a gateway whose TLS ends in the enclave. The server is the test."""

import contextlib
import json
import os

import images
import pytest
from conftest import OUT
from kms_host import ACCOUNT, REGION, Kms
from kms_wire import Wire
from payments_enclave import Custodian, Forward
from payments_gateway_host import Gateway
from payments_peer import Peer, Refused, Shop, Store, payload_of
from redoubt import BOOT_MAX_S, Host, wait_for

ROOT = f"arn:aws:iam::{ACCOUNT}:root"
PROGRAM = os.path.join(OUT, "share", "redoubt", "examples", "payments", "payments-enclave")


class World:
    def __init__(self, stack, directory):
        self.host = stack.enter_context(Host(OUT))
        self.stack = stack
        tls = self.host.path("tls")
        self.host.run("bin/redoubt", "pki", "tls", "--name", "127.0.0.1", "--out", tls)
        self.ca = os.path.join(tls, "ca.pem")
        self.kms = Kms(f"tls_certificate: {tls}/server.pem\ntls_key: {tls}/server.key\n", home=self.host.home, ca=self.ca)
        stack.callback(self.kms.close)
        (directory / "gateway").mkdir()
        self.gateway = Gateway(directory / "gateway")
        stack.callback(self.gateway.close)
        self.client = Wire(self.kms)
        # The key first, since its name is in the image; then the image, since its measurement is in the key's policy.
        self.key = self.client.create_key()["KeyMetadata"]["Arn"]
        self.store = Store()

    def config(self, version):
        return json.dumps({
            "version": version, "policy_file": "/etc/payments/policy.json",
            "kms": {"region": REGION, "endpoint": f"127.0.0.1:{self.kms.port}", "key_id": self.key,
                    "ca_file": "/etc/payments/kms-ca.pem", "port": 8443},
            "gateway": {"name": "gateway.test", "ca_file": "/etc/payments/gateway-ca.pem", "port": 8583,
                        "terminal": "TERM0001", "timeout_ms": 5000}}).encode()

    def image(self, name, version):
        policy = {"version": 1, "custodians": [Custodian(who).public() for who in ("alice", "bob", "carol")],
                  "amount_max": 100000, "currencies": ["EUR"], "velocity": {"count": 20, "window_s": 3600}}
        members = [("payments-enclave", images.content(PROGRAM)), ("etc/payments/config.json", self.config(version)),
                   ("etc/payments/policy.json", json.dumps(policy).encode()),
                   ("etc/payments/kms-ca.pem", images.content(self.ca)),
                   ("etc/payments/gateway-ca.pem", (self.gateway.where / "tls" / "ca.pem").read_bytes())]
        source = images.make(self.host, name, [(member, {"data": data}) for member, data in members],
                             {"Entrypoint": ["/payments-enclave"]})
        eif, built = self.host.build(source, name)
        return eif, built["Measurements"]["PCR0"]

    def allow(self, pcr0):
        attested = {"StringEqualsIgnoreCase": {"kms:RecipientAttestation:PCR0": pcr0}}
        statements = [{"Effect": "Allow", "Principal": {"AWS": ROOT}, "Resource": "*", "Action": "kms:PutKeyPolicy"},
                      {"Effect": "Allow", "Principal": {"AWS": ROOT}, "Resource": "*",
                       "Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Condition": attested}]
        self.client.put_key_policy(KeyId=self.key, PolicyName="default",
                                   Policy=json.dumps({"Version": "2012-10-17", "Statement": statements}),
                                   BypassPolicyLockoutSafetyCheck=True)

    def run(self, eif):
        """The enclave, and what leads out of it: where vsock-proxy would listen for it."""
        enclave = self.host.start(eif)
        where = self.host.enclave_dir(enclave)
        for port, to in ((8443, self.kms.port), (8583, self.gateway.port)):
            self.stack.callback(Forward(os.path.join(where, f"vsock.sock_{port}"), to).close)
        return enclave, os.path.join(where, "vsock.sock")

    def link(self, path):
        """Once the program listens."""
        def connected():
            with contextlib.suppress(AssertionError, OSError):
                return Peer(path, self.store)
        return wait_for("the enclave's link", connected)


@pytest.fixture(name="world")
def fixture_world(tmp_path):
    with contextlib.ExitStack() as stack:
        yield World(stack, tmp_path)


def test_a_payment_in_an_enclave_and_none_in_another_image(world):
    eif, pcr0 = world.image("payments", 1)
    world.allow(pcr0)
    enclave, path = world.run(eif)
    with world.link(path) as peer:
        started = peer.start(world.kms.admin, timeout=BOOT_MAX_S)  # six key pairs, perhaps under emulation
        nonce = os.urandom(32)
        document = peer.ask("ATTEST", nonce=nonce)["document"]
        world.host.verify(document)
        payload = payload_of(document)
        assert payload["nonce"] == nonce and payload["pcrs"][0].hex() == pcr0
        paid = peer.ask("AUTHORISE", **Shop().authorise(payload["public_key"], "pay_1"))
        assert paid["state"] == "AUTHORISED", paid
        captured = peer.ask("CAPTURE", **Shop().follow("pay_1", "cap_1"))
        assert captured["state"] == "CAPTURED"
    assert world.gateway.operation(paid["rrn"])["captured"] == 1000
    assert started["log_id"] == world.store.head[8:40]
    world.host.terminate(enclave)

    # The same program with one byte of its configuration changed: no key for it.
    modified, other = world.image("modified", 2)
    assert other != pcr0
    _, path = world.run(modified)
    with world.link(path) as peer:
        with pytest.raises(Refused) as info:
            peer.start(world.kms.admin, timeout=BOOT_MAX_S)
        assert info.value.code == "keys" and "AccessDenied" in str(info.value)
