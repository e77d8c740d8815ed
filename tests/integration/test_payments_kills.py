# SPDX-License-Identifier: Apache-2.0
"""Customers pay while the enclave, the server and the gateway are killed at random, each in the middle of whatever it does.

Afterwards every order has exactly the outcome that its customer was told, the gateway's books have exactly these charges
and no others, and the audit log is whole and says the same. PAYMENTS_KILLS is how many payments are made; the whole figure is
10,000 (docs/benchmarks.md has what came of that), make check makes as many as fit.
"""

import base64
import collections
import contextlib
import json
import os
import random
import subprocess
import threading
import time

import pytest
from payments_customer import Api, Channel, Customer, cards
from payments_enclave import World
from payments_server_host import Server

REDOUBT = os.environ["REDOUBT"]
PAYMENTS = int(os.environ.get("PAYMENTS_KILLS", "10000"))
SEED = int(os.environ.get("PAYMENTS_SEED", "7"))
CUSTOMERS = 16
WHICH = ["enclave", "server", "gateway"]
# A card a hundred payments or so: new cards and known ones.
CARDS = max(8, PAYMENTS // 100)
# Far above what it takes: a test that hangs says so.
PATIENCE_S = 60 + PAYMENTS
# What amounts do at the gateway (their last two digits): nearly all are approved.
ENDINGS = ["00"] * 40 + ["05", "51", "80", "82", "83", "84"]
SEGMENT = "log-" + "0" * 19
# The keyring has room for 64 keys.
ROTATIONS_MAX = 20
VELOCITY = {"count": 1000000, "window_s": 3600}


class Shop:
    """The three, a merchant, and who kills them."""

    def __init__(self, where):
        self.world = World(policy={"velocity": VELOCITY})
        where = where / "server"
        where.mkdir()
        credentials = where / "credentials.json"
        admin = self.world.kms.admin
        credentials.write_text(json.dumps({"AccessKeyId": admin.akid, "SecretAccessKey": admin.secret}))
        self.server = Server(where, credentials=f"file:{credentials}", authorise_deadline_s=20)
        self.server.sockets = [self.world.path("enclave.sock")]
        self.server.write()
        merchant = self.server.run("--add-merchant", "shop")
        self.till = self.server.run("--add-key", "merchant", "--name", "till", "--merchant", merchant)
        self.server.start().ready(120)
        self.api = Api(lambda: ("127.0.0.1", self.server.port), self.till)
        self.operator = self.server.run("--add-key", "operator", "--name", "olga")
        self.kills, self.rotations = collections.Counter(), 0

    def kill(self, which):
        self.kills[which] += 1
        if which == "enclave":
            self.world.restart()
        elif which == "server":
            self.server.kill()
            self.server.start()
        else:
            self.world.gateway.kill()
            self.world.gateway.start()

    def rotate(self):
        """Under load; whether it comes to its end is luck."""
        try:
            status, _ = self.server.call("POST", "/v1/operator/rotate", key=self.operator)
            self.rotations += status == 200
        except OSError:
            pass

    def export(self, where):
        """The log's records, once it is whole and is the one that the gateway has witnessed."""
        self.server.run("--export-log", str(where))
        done = subprocess.run([REDOUBT, "audit", "verify", str(where)], capture_output=True, text=True, timeout=600,
                              check=False)
        assert done.returncode == 0, done.stderr
        witnessed = self.world.gateway.report()["heads"]
        assert len(witnessed) == 1 and base64.b64decode(witnessed[0]["head"]) in (where / SEGMENT).read_bytes()
        shown = subprocess.run([REDOUBT, "audit", "show", str(where)], capture_output=True, text=True, timeout=600,
                               check=True)
        return [json.loads(line) for line in shown.stdout.splitlines()]

    def payments(self):
        found, after = [], ""
        while after is not None:
            _, page = self.api.until_heard("GET", f"/v1/payments?limit=100{after and '&after=' + after}")
            found += page["payments"]
            after = page.get("next")
        return found

    def close(self):
        self.server.stop()
        self.world.close()
        text = self.server.errors.read_text()
        assert "Sanitizer" not in text and "runtime error" not in text, text


class Customers:
    """Threads that take payments off one list, and what each was told."""

    def __init__(self, shop, end):
        self.customer = Customer(shop.api, Channel(shop.api), end)
        self.luck = random.Random(SEED)
        self.numbers = cards(CARDS)
        self.plan = iter([(f"order-{i}", int(f"{self.luck.randrange(1, 500)}{self.luck.choice(ENDINGS)}"),
                           self.luck.choice(self.numbers), self.luck.random()) for i in range(PAYMENTS)])
        self.lock, self.told, self.failures = threading.Lock(), {}, []
        self.threads = [threading.Thread(target=self.run) for _ in range(CUSTOMERS)]
        for thread in self.threads:
            thread.start()

    def run(self):
        try:
            while True:
                with self.lock:
                    if self.failures:
                        return
                    one = next(self.plan, None)
                if one is None:
                    return
                self.one(*one)
        except BaseException as failure:  # pylint: disable=broad-exception-caught
            self.failures.append(failure)
            raise

    def one(self, name, amount, card, luck):
        order = self.customer.order(name, amount)
        answer = self.customer.pay(order, f"pay-{name}", amount, card)
        # A fifth is captured, and a quarter of that given back.
        if answer["state"] == "AUTHORISED" and luck < 0.2:
            answer = self.customer.follow(answer["id"], "capture", "CAPTURED")
            if luck < 0.05:
                answer = self.customer.follow(answer["id"], "refund", "REFUNDED")
        with self.lock:
            self.told[order] = (f"pay-{name}", amount, answer["id"], answer["state"])

    def busy(self):
        return any(thread.is_alive() for thread in self.threads)


@pytest.fixture(name="shop")
def shop_fixture(tmp_path):
    shop = Shop(tmp_path)
    yield shop
    with contextlib.ExitStack() as stack:
        stack.callback(shop.world.close)
        shop.server.stop()


def kill_at_random(shop, customers, luck):
    """Until everybody has heard. Some kills come while what was killed before is still starting."""
    order = []
    while True:
        time.sleep(luck.uniform(0.05, 0.6))
        if not customers.busy():
            return
        order = order or luck.sample(WHICH, 3)
        shop.kill(order.pop())
        if luck.random() < 0.8:
            shop.server.ready(120)
            if shop.rotations < ROTATIONS_MAX and luck.random() < 0.4:
                shop.rotate()
            # Time to get something done, or there would be nothing to break.
            time.sleep(luck.uniform(0.1, 2))


def authorisations(records):
    """Of each (order, payment key): the RRN that it has in the log, and its last outcome."""
    found = {}
    for record in records:
        if record["eventName"] == "Authorise" and record["stage"] == "done" and "rrn" in record:
            what = record["resources"][0]
            found.setdefault((what["order"], what["payment"]), set()).add(record["rrn"])
    return found


def check_books(told, records, operations):
    """The gateway's books against what customers were told."""
    approved = {o["rrn"]: o for o in operations if o["kind"] == "authorise" and o["response"] == "00" and not o["reversed"]}
    assert len({o["rrn"] for o in operations}) == len(operations)
    rrns = authorisations(records)
    charged = set()
    for order, (payment, amount, _, state) in told.items():
        mine = [approved[rrn] for rrn in rrns.get((order, payment), ()) if rrn in approved]
        if state not in ("AUTHORISED", "CAPTURED", "REFUNDED"):
            assert not mine, f"{order} was told {state}, and is charged: {mine}"
            continue
        assert len(mine) == 1, f"{order} was told {state}, and is charged {len(mine)} times"
        assert mine[0]["amount"] == amount, (order, mine)
        assert mine[0]["captured"] == (0 if state == "AUTHORISED" else amount), (order, state, mine)
        assert mine[0]["refunded"] == (amount if state == "REFUNDED" else 0), (order, state, mine)
        charged.add(mine[0]["rrn"])
    assert charged == set(approved), f"charges that nobody was told of: {set(approved) - charged}"


def test_nobody_is_charged_twice_and_no_order_is_lost(shop, tmp_path):
    began = time.monotonic()
    customers = Customers(shop, began + PATIENCE_S)
    kill_at_random(shop, customers, random.Random(SEED + 1))
    took = time.monotonic() - began
    assert not customers.failures, customers.failures
    shop.server.ready(120)
    told = customers.told
    assert len(told) == PAYMENTS
    kept = {p["id"]: p for p in shop.payments()}
    assert len(kept) == PAYMENTS
    for order, (_, amount, payment, state) in told.items():
        assert (kept[payment]["order"], kept[payment]["amount"], kept[payment]["state"]) == (order, amount, state)
    records = shop.export(tmp_path / "export")
    check_books(told, records, shop.world.gateway.report()["operations"])
    states = collections.Counter(state for *_, state in told.values())
    print(f"\n{PAYMENTS} payments in {took:.0f} s ({PAYMENTS / took:.0f} a second), {sum(shop.kills.values())} kills "
          f"{dict(shop.kills)}, {shop.rotations} rotations, {dict(states)}, {len(records)} records")
    versions = {r["keyVersion"] for r in records if "keyVersion" in r}
    assert shop.rotations == 0 or max(versions) > shop.rotations, "cards are sealed under the newest key"
    assert states["AUTHORISED"] > 0
    assert PAYMENTS < 100 or (min(shop.kills[which] for which in WHICH) > 0 and shop.rotations > 0)
