# SPDX-License-Identifier: Apache-2.0
"""Page, server, enclave, key server and gateway together, each the real program but the page, which is this test: cards
are sealed by an HPKE of its own to the key of the document that came.
"""
import base64
import json
import os
import random
import re
import subprocess
import threading
import time

import cbor2
import payments_shop as shop_of
import pytest
from payments_enclave import World
from payments_peer import card_plaintext, hpke_seal, payload_of

REDOUBT = os.environ["REDOUBT"]
PAYMENTS, KILLS = int(os.environ.get("PAYMENTS", "200")), int(os.environ.get("KILLS", "30"))
PAN = "4000001234567899"


class Stack:
    """One of each, and a merchant."""

    def __init__(self, where):
        self.where, self.world, self.lock = where, World(), threading.Lock()
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

    def payments(self):
        found, after = [], ""
        while after is not None:
            page = self.server.call("GET", f"/v1/payments?limit=100{after and '&after=' + after}", key=self.key["merchant"])[1]
            found += page["payments"]
            after = page.get("next")
        return found

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


class Customer(threading.Thread):
    """Asks again until an outcome is known, as the page does."""

    def __init__(self, stack, numbers, results, stop):
        super().__init__()
        self.stack, self.numbers, self.results, self.stop = stack, numbers, results, stop

    def run(self):
        for number in self.numbers:
            order, amount = None, 10000 + 100 * number
            while number not in self.results and not self.stop.is_set():
                try:
                    if order is None:
                        order = self.stack.order(amount, f"order-{number}")
                        continue
                    status, answer = self.stack.pay(order, f"pay-{number}", amount)
                    if status in (200, 201) and answer["state"] != "REVERSING":
                        self.results[number] = answer
                    elif status not in (200, 409, 429, 502, 503):
                        self.results[number] = {"state": f"{status} {answer}"}
                    else:
                        time.sleep(0.05)
                except (OSError, ValueError):
                    time.sleep(0.1)


def kill_one(stack, luck):
    which = luck.choice(("server", "enclave", "gateway"))
    if which == "server":
        stack.server.kill()
        stack.server.start()
    elif which == "enclave":
        stack.world.restart()
        stack.channel = None
    else:
        stack.world.gateway.kill()
        time.sleep(luck.uniform(0, 0.3))
        stack.world.gateway.start()


def test_kill_9_of_any_of_them_at_any_time(stack):
    results, stop, luck = {}, threading.Event(), random.Random(2026)
    before = charged(stack)
    customers = [Customer(stack, range(i, PAYMENTS, 6), results, stop) for i in range(6)]
    for customer in customers:
        customer.start()
    end, kills = time.monotonic() + 60 + 3 * PAYMENTS, 0
    try:
        while any(customer.is_alive() for customer in customers):
            assert time.monotonic() < end, (len(results), stack.server.errors.read_text()[-3000:], stack.world.log()[-3000:])
            time.sleep(luck.uniform(0.1, 1.0))
            if kills < KILLS:
                kill_one(stack, luck)
                kills += 1
    finally:
        stop.set()
        for customer in customers:
            customer.join()
    stack.server.ready(60)
    states = {number: answer["state"] for number, answer in results.items()}
    assert len(states) == PAYMENTS and set(states.values()) <= {"AUTHORISED", "FAILED"}, states
    # No double charge, and none that the server does not know of; every order is there.
    wanted = sorted(10000 + 100 * number for number, state in states.items() if state == "AUTHORISED")
    now = charged(stack)
    for amount in before:
        now.remove(amount)
    assert sorted(now) == wanted
    mine = [p for p in stack.payments() if p["id"] in {answer["id"] for answer in results.values()}]
    assert len(mine) == PAYMENTS and {p["id"]: p["state"] for p in mine} == {a["id"]: a["state"] for a in results.values()}
    print(f"{PAYMENTS} payments, {kills} kills: {list(states.values()).count('FAILED')} reversed, the others authorised once")
    # The log is whole, and is the one that the gateway has witnessed.
    where = stack.verify_log("log-last")
    heads = (where / ("heads-" + "0" * 19)).read_bytes()
    witnessed = stack.world.gateway.report()["heads"]
    assert len(witnessed) == 1 and base64.b64decode(witnessed[0]["head"]) in heads
