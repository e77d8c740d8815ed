# SPDX-License-Identifier: Apache-2.0
"""Page, server, enclave, key server and gateway together, each the real program but the page, which is this test: cards
are sealed by an HPKE of its own to the key of the document that came.
"""
import base64
import json
import os
import re
import subprocess

import cbor2
import payments_server_host as shop_of
import pytest
from payments_enclave import World
from payments_peer import card_plaintext, hpke_seal, payload_of

REDOUBT = os.environ["REDOUBT"]
PAN = "4000001234567899"


class Stack:
    """One of each, and a merchant."""

    def __init__(self, where):
        self.where, self.world = where, World()
        self.server = shop_of.Server(where, credentials="file:credentials.json", authorise_deadline_s=5)
        self.server.sockets = [self.world.path("enclave.sock")]
        self.server.write()
        admin = self.world.kms.admin
        (where / "credentials.json").write_text(json.dumps({"AccessKeyId": admin.akid, "SecretAccessKey": admin.secret}))
        self.merchant = self.server.run("--add-merchant", "shop")
        self.key = {role: self.server.run("--add-key", role, "--name", role) for role in ("viewer", "operator", "custodian")}
        self.key["merchant"] = self.server.run("--add-key", "merchant", "--name", "till", "--merchant", self.merchant)
        self.channel = None
        self.server.start().ready()

    def close(self):
        self.server.stop()
        self.world.close()
        text = self.server.errors.read_text()
        assert "Sanitizer" not in text and "runtime error" not in text, text[-4000:]

    def order(self, amount=10000, key=None):
        status, order = self.server.call("POST", "/v1/orders", {"amount": amount, "currency": "EUR"}, self.key["merchant"], key)
        return order["id"] if status in (200, 201) else None

    def channel_key(self):
        """The enclave's, from a document for a nonce of ours."""
        nonce = os.urandom(32)
        status, answer = self.server.call("GET", f"/v1/attestation?nonce={nonce.hex()}")
        if status != 200:
            return None
        payload = payload_of(base64.b64decode(answer["document"]))
        assert payload["nonce"] == nonce and cbor2.loads(payload["user_data"])["app"] == "redoubt-payments"
        return payload["public_key"]

    def seal(self, order, key, amount, pan, cvv="737"):
        aad = cbor2.dumps(["card", order, key, amount, "EUR"])
        return base64.b64encode(hpke_seal(self.channel, b"redoubt-payments card v1", aad, card_plaintext(pan, cvv=cvv))).decode()

    def pay(self, order, key, amount=10000, pan="4111111111111111"):
        """One try; a new channel key where the old one is of no use."""
        if self.channel is None:
            self.channel = self.channel_key()
            if self.channel is None:
                return 503, {"error": {"code": "unavailable"}}
        body = {"order": order, "sealed": self.seal(order, key, amount, pan)}
        status, answer = self.server.call("POST", "/v1/payments", body, self.key["merchant"], key)
        if status == 409 and answer["error"]["code"] == "sealed_to_other_key":
            self.channel = None
        return status, answer

    def verify_log(self, name):
        where = self.where / name
        self.server.run("--export-log", str(where))
        done = subprocess.run([REDOUBT, "audit", "verify", str(where)], capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return where


@pytest.fixture(name="stack", scope="module")
def stack_fixture(tmp_path_factory):
    stack = Stack(tmp_path_factory.mktemp("s"))
    yield stack
    stack.close()


def charged(stack):
    """Amounts that the gateway holds or has captured, each as often as it does."""
    return [o["amount"] for o in stack.world.operations()
            if o["kind"].startswith("auth") and o["response"] == "00" and not o["reversed"]]


def test_a_payment_from_the_page_to_the_gateway(stack):
    order = stack.order()
    status, payment = stack.pay(order, "k-good")
    assert (status, payment["state"]) == (201, "AUTHORISED"), payment
    assert payment["masked"] == "411111******1111" and payment["brand"] == "visa" and len(payment["auth_code"]) == 6
    path = f"/v1/payments/{payment['id']}"
    for operation, state in (("capture", "CAPTURED"), ("refund", "REFUNDED")):
        status, payment = stack.server.call("POST", f"{path}/{operation}", key=stack.key["merchant"])
        assert (status, payment["state"]) == (200, state), payment
    status, payment = stack.pay(stack.order(10005), "k-declined", 10005)
    assert status == 201 and payment["state"] == "DECLINED", payment
    status, payment = stack.pay(stack.order(), "k-invalid", pan="4111111111111112")
    assert status == 201 and payment["state"] == "INVALID", payment
    order = stack.order()
    payment = stack.pay(order, "k-reversed")[1]
    assert stack.server.call("POST", f"/v1/payments/{payment['id']}/reverse", key=stack.key["merchant"])[1]["state"] == "REVERSED"
    stack.verify_log("log-first")


def test_a_card_sealed_for_another_amount_pays_nothing(stack):
    order = stack.order(20000)
    before = charged(stack)
    status, answer = stack.pay(order, "k-amount", 100)
    assert status == 409 and answer["error"]["code"] == "sealed_to_other_key"
    stack.channel = stack.channel_key()
    body = {"order": order, "sealed": stack.seal(stack.order(20000), "k-amount", 20000, PAN)}
    status, answer = stack.server.call("POST", "/v1/payments", body, idempotency="k-amount")
    assert status == 409 and charged(stack) == before


def memory_of(pid):
    """What a root user can read of a process."""
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, open(f"/proc/{pid}/mem", "rb") as memory:
        for line in maps:
            found = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
            if not found:
                continue
            start, end = (int(x, 16) for x in found.groups())
            if end - start > 1 << 30:  # the sanitizers' shadow
                continue
            try:
                memory.seek(start)
                yield memory.read(end - start)
            except OSError:
                pass


def test_a_copy_of_the_server_has_no_card_number(stack):
    order = stack.order()
    status, payment = stack.pay(order, "k-planted", pan=PAN)
    assert status == 201 and payment["state"] == "AUTHORISED" and payment["masked"] == PAN[:6] + "*" * 6 + PAN[-4:]
    wanted = [PAN.encode(), base64.b64encode(PAN.encode())[:-4], PAN.encode().hex().encode(), bytes.fromhex(PAN)]
    marker = payment["masked"].encode()
    places = [p.read_bytes() for p in stack.where.rglob("*") if p.is_file()]
    assert any(marker in place for place in places)
    for place in places:
        assert not any(w in place for w in wanted)
    try:
        memory = list(memory_of(stack.server.process.pid))
    except PermissionError:
        pytest.skip("this process may not read another one's memory")
    assert sum(map(len, memory)) > 1 << 20 and any(payment["id"].encode() in piece for piece in memory)
    for piece in memory:
        assert not any(w in piece for w in wanted)


def test_rotation_and_export_under_dual_control(stack):
    before = stack.server.call("GET", "/v1/operator/status", key=stack.key["viewer"])[1]["card_key_version"]
    assert stack.server.call("POST", "/v1/operator/rotate", key=stack.key["operator"]) == (200, {"version": before + 1})
    status, payment = stack.pay(stack.order(), "k-rotated", pan=PAN)
    assert status == 201 and payment["state"] == "AUTHORISED"
    nonce = bytes.fromhex(stack.server.call("POST", "/v1/challenge", key=stack.key["custodian"])[1]["nonce"])
    request = cbor2.dumps(["redoubt-payments export v1", nonce, stack.merchant, payment["token"], stack.channel, "dispute"])
    signatures = [dict(zip(("custodian", "signature"), (name, base64.b64encode(rs).decode())))
                  for name, rs in (c.sign(request) for c in stack.world.custodians[:2])]
    body = {"request": base64.b64encode(request).decode(), "signatures": signatures[:1]}
    status, answer = stack.server.call("POST", "/v1/export", body, stack.key["custodian"])
    assert (status, answer["error"]["code"]) == (403, "signatures")
    body["signatures"] = signatures
    status, answer = stack.server.call("POST", "/v1/export", body, stack.key["custodian"])
    assert status == 200 and len(base64.b64decode(answer["sealed"])) > 65
    status, answer = stack.server.call("POST", "/v1/export", body, stack.key["custodian"])
    assert (status, answer["error"]["code"]) == (409, "nonce")
