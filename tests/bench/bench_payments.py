#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Payments per second, and p99 at half of that, with the enclave in its VM against the same code as an ordinary process on
the host: the price of isolation. Server, gateway and key server are the same programs on both sides.

Orders are made and cards sealed before the clock runs; a payment is then one POST, which ends when the gateway's answer and
the audit log's record are committed. The load runs on the same machine. Names end in -TCG where the VM is emulated.
"""

import contextlib
import http.client
import json
import os
import pathlib
import queue
import statistics
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("REDOUBT_BUILD", ROOT / "build"))
OUT = pathlib.Path(os.environ.setdefault("REDOUBT_OUT", str(ROOT / "out")))
os.environ.setdefault("PAYMENTS_ENCLAVE_HOST", str(BUILD / "tests" / "integration" / "payments-enclave-host"))
os.environ.setdefault("REDOUBT", str(OUT / "bin" / "redoubt"))
os.environ.setdefault("REDOUBT_KMS", str(OUT / "bin" / "redoubt-kms"))
for name in ("server", "gateway"):
    os.environ.setdefault(f"PAYMENTS_{name.upper()}", str(OUT / "share" / "redoubt" / "examples" / "payments" / f"payments-{name}"))
for folder in ("integration", "support"):
    sys.path.insert(0, str(ROOT / "tests" / folder))
from payments_customer import Api, Channel, Customer, cards, seal  # noqa: E402  pylint: disable=wrong-import-position
from payments_enclave import World  # noqa: E402  pylint: disable=wrong-import-position
from payments_server_host import Server  # noqa: E402  pylint: disable=wrong-import-position
from payments_vm import VmWorld  # noqa: E402  pylint: disable=wrong-import-position

RUNS = 3
CUSTOMERS = 16
# Of one measurement: some seconds of either side, as the first run of each shows.
PAYMENTS, PAYMENTS_MIN, SECONDS = 60, 60, 6
AMOUNT = 1000
VELOCITY = {"count": 1000000, "window_s": 3600}


class Side:
    """A server that is ready, and requests for it."""

    def __init__(self, api):
        self.api, self.channel, self.made = api, Channel(api), 0
        self.numbers = cards(50)

    def requests(self, n):
        """(idempotency key, body) of n payments."""
        customer, point, made = Customer(self.api, self.channel), self.channel.point(), []
        for _ in range(n):
            name = f"bench-{id(self)}-{self.made}"
            order = customer.order(name, AMOUNT)
            card = self.numbers[self.made % len(self.numbers)]
            made.append((name, json.dumps({"order": order, "sealed": seal(point, card, order, name, AMOUNT)})))
            self.made += 1
        return made

    def post(self, connection, key, body):
        connection.request("POST", "/v1/payments", body, {"Idempotency-Key": key})
        answer = connection.getresponse()
        payment = json.loads(answer.read())
        if answer.status != 201 or payment["state"] != "AUTHORISED":
            raise RuntimeError(f"{answer.status}: {payment}")

    def run(self, requests, rate=None):
        """(payments a second, seconds of each). With a rate each starts at its time, whether or not others have ended,
        and waiting for a free customer counts."""
        waiting, taken, failures = queue.Queue(), [], []
        began = time.monotonic() + 0.1
        for i, request in enumerate(requests):
            waiting.put((began + i / rate if rate else None, request))

        def customer():
            connection = http.client.HTTPConnection(*self.api.address(), timeout=100)
            try:
                while True:
                    at, request = waiting.get_nowait()
                    if at is not None:
                        time.sleep(max(0, at - time.monotonic()))
                    start = at or time.monotonic()
                    self.post(connection, *request)
                    taken.append(time.monotonic() - start)
            except queue.Empty:
                connection.close()
            except Exception as failure:  # pylint: disable=broad-exception-caught
                failures.append(failure)

        threads = [threading.Thread(target=customer) for _ in range(CUSTOMERS)]
        start = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        return len(taken) / (time.monotonic() - start), taken


def p99_ms(taken):
    return sorted(taken)[min(len(taken) - 1, int(len(taken) * 0.99))] * 1000


def on_the_host(stack, where):
    """The enclave's code as an ordinary process, with documents of the test's maker."""
    world = World(policy={"velocity": VELOCITY})
    stack.callback(world.close)
    where.mkdir()
    (where / "credentials.json").write_text(json.dumps({"AccessKeyId": world.kms.admin.akid,
                                                        "SecretAccessKey": world.kms.admin.secret}))
    server = Server(where, credentials="file:credentials.json", authorise_deadline_s=60)
    stack.callback(server.stop)
    server.sockets = [world.path("enclave.sock")]
    server.write()
    till = server.run("--add-key", "merchant", "--name", "till", "--merchant", server.run("--add-merchant", "shop"))
    server.start().ready(120)
    return Side(Api(lambda: ("127.0.0.1", server.port), till))


def in_a_vm(stack, where):
    """(side, whether the VM is emulated)"""
    where.mkdir()
    world = VmWorld(stack, where, versions=(1,), velocity=VELOCITY)
    world.open(world.boot(1))
    return Side(world.api), "TCG (emulation)" in world.host.read_log()


def main():
    with contextlib.ExitStack() as stack:
        where = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pb-", dir="/tmp")))
        host = on_the_host(stack, where / "host")
        vm, emulated = in_a_vm(stack, where / "vm")
        sides = {"vm": vm, "host": host}
        # The gateway may have hung up on whom it has not heard of for a while.
        for side in sides.values():
            customer = Customer(side.api, side.channel)
            customer.pay(customer.order("first", AMOUNT), "pay-first", AMOUNT, side.numbers[0])
        n = {name: max(PAYMENTS_MIN, int(side.run(side.requests(PAYMENTS))[0] * SECONDS)) for name, side in sides.items()}
        rates, tails = {"vm": [], "host": []}, {"vm": [], "host": []}
        for _ in range(RUNS):
            for name, side in sides.items():
                rates[name].append(side.run(side.requests(n[name]))[0])
        for _ in range(RUNS):
            for name, side in sides.items():
                half = statistics.median(rates[name]) / 2
                tails[name].append(p99_ms(side.run(side.requests(n[name]), half)[1]))
        label = "-TCG" if emulated else ""
        rate, p99 = ({name: statistics.median(values) for name, values in kind.items()} for kind in (rates, tails))
        print(f"payments-enclave{label} {rate['vm']:.1f} 1/s process {rate['host']:.1f} {rate['vm'] / rate['host']:.2f}",
              flush=True)
        print(f"payments-p99-half-load{label} {p99['vm']:.0f} ms process {p99['host']:.0f} {p99['vm'] / p99['host']:.2f}",
              flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
