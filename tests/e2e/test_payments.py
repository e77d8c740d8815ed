# SPDX-License-Identifier: Apache-2.0
"""Card payments with every part real: the enclave's image under redoubtd, its keys from redoubt-kms through vsock-proxy,
the gateway at the other end of its TLS, the server in front; only page and customers are the test's.

The tests are one story, in order: payments; a search for a planted number; another image, which the key server refuses
and later lets take over while customers pay; the old one, locked out; a VM killed under way and its successor; evidence.
"""

import base64
import collections
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import threading
import time

import cbor2
import pytest
from payments_customer import Customer, cards
from payments_peer import payload_of
from payments_vm import START_S, VmWorld
from redoubt import wait_for

FIND = pathlib.Path(__file__).resolve().parents[2] / "examples" / "payments" / "find-number"
PLANTED = "4000001234567899"


@pytest.fixture(name="world", scope="module")
def world_fixture(tmp_path_factory):
    with contextlib.ExitStack() as stack:
        world = VmWorld(stack, tmp_path_factory.mktemp("pay"), velocity={"count": 1000000, "window_s": 3600})
        world.enclaves[1] = world.boot(1)
        world.open(world.enclaves[1])
        yield world
        world.kms.assert_well()


class Crowd:
    """Customers who pay while something happens, and what they were told."""

    def __init__(self, world, name, customers=4):
        self.world, self.name = world, name
        self.told, self.failures, self.stop = {}, [], threading.Event()
        self.numbers = cards(20)
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(customers)]

    def run(self, i):
        try:
            n = 0
            while not self.stop.is_set():
                name = f"{self.name}-{i}-{n}"
                answer = self.world.pay(name, 1000 + n * 100, self.numbers[n % len(self.numbers)])
                self.told[answer["order"]] = answer["state"]
                n += 1
        except BaseException as failure:  # pylint: disable=broad-exception-caught
            self.failures.append(failure)
            raise

    def __enter__(self):
        self.before = self.world.charged()
        for thread in self.threads:
            thread.start()
        wait_for("a first payment", lambda: self.told or self.failures)
        return self

    def __exit__(self, kind, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()
        if kind is None:
            assert not self.failures, self.failures
            self.check()

    def check(self):
        """As many charges as customers were told of."""
        assert set(self.told.values()) <= {"AUTHORISED", "FAILED"}, self.told
        told = collections.Counter(self.told.values())["AUTHORISED"]
        assert self.world.charged() - self.before == told > 0, self.told


def test_the_document_is_of_this_image_and_names_the_log(world):
    nonce = os.urandom(32)
    _, answer = world.api.until_heard("GET", f"/v1/attestation?nonce={nonce.hex()}")
    document = base64.b64decode(answer["document"])
    world.host.verify(document)
    payload = payload_of(document)
    assert (payload["nonce"], payload["pcrs"][0].hex()) == (nonce, world.images[1][1])
    head = base64.b64decode(world.server.call("GET", "/v1/audit/head", key=world.viewer)[1]["head"])
    assert cbor2.loads(payload["user_data"]) == {"app": "redoubt-payments", "version": 1, "log": head[8:40]}


def test_cards_are_approved_declined_and_refused(world):
    assert world.pay("approved")["state"] == "AUTHORISED"
    before = len(world.operations())
    assert world.pay("declined", 1005)["state"] == "DECLINED"
    assert len(world.operations()) == before + 1
    invalid = world.pay("invalid", card="4111111111111112")
    assert (invalid["state"], invalid["reason"]) == ("INVALID", "number")
    assert len(world.operations()) == before + 1, "the gateway never hears of a card that is none"


def test_a_payment_is_captured_and_given_back(world):
    payment = world.pay("captured", 2500)["id"]
    customer = Customer(world.api, world.channel, time.monotonic() + START_S)
    assert customer.follow(payment, "capture", "CAPTURED")["state"] == "CAPTURED"
    assert [o["captured"] for o in world.operations() if o["amount"] == 2500 and o["kind"] == "authorise"] == [2500]
    assert customer.follow(payment, "refund", "REFUNDED")["state"] == "REFUNDED"
    assert [o["refunded"] for o in world.operations() if o["amount"] == 2500 and o["kind"] == "authorise"] == [2500]


def search(number, control, *places):
    return subprocess.run([FIND, number, control, *map(str, places)], capture_output=True, text=True, timeout=600,
                          check=False)


def test_a_planted_number_is_nowhere_outside_the_enclave(world):
    answer = world.pay("planted", card=PLANTED)
    assert (answer["state"], answer["masked"]) == ("AUTHORISED", "400000******7899")
    places = [f"pid:{world.server.process.pid}", world.server.where]
    found = search(PLANTED, answer["masked"], *places)
    assert found.returncode == 0, found.stdout
    proxies = [f"pid:{process.pid}" for process in world.proxies]
    found = search(PLANTED, "?", *proxies, world.gateway.state, world.gateway.log, world.host.path("state"),
                   world.host.log.name)
    assert found.returncode == 0, found.stdout


def test_the_search_finds_a_number_that_is_there(world, tmp_path):
    (tmp_path / "copy").write_text(f"a card: {PLANTED[:4]} {PLANTED[4:8]} {PLANTED[8:12]} {PLANTED[12:]}")
    found = search(PLANTED, "a card", tmp_path / "copy")
    assert found.returncode == 1 and "FOUND as groups" in found.stdout
    assert search(PLANTED, "no such word", world.server.where).returncode == 2
    # A process of the test's own, with the number in its memory.
    with subprocess.Popen(["python3", "-c", f"number = '{PLANTED}'; print('there', flush=True); input()"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        found = search(PLANTED, "?", f"pid:{process.pid}")
        process.stdin.close()
    assert found.returncode == 1 and "FOUND" in found.stdout and "digits" in found.stdout


def test_an_image_that_the_policy_does_not_name_gets_no_keys(world):
    world.enclaves[2] = world.boot(2)
    before = world.said("it does not start (keys)")
    world.serve_by(world.enclaves[2], world.enclaves[1])
    world.wait_until_said("it does not start (keys)", before)
    assert world.last_refusal()["pcrs"]["0"] == world.images[2][1]
    world.serve_by(world.enclaves[1])
    assert world.pay("after-a-refusal")["state"] == "AUTHORISED"


def test_a_new_version_takes_over_while_customers_pay(world):
    world.put_policy(world.policy(1, 2))
    before = world.said("the enclave serves: image version 2")
    with Crowd(world, "upgrade") as crowd:
        world.serve_by(world.enclaves[2], world.enclaves[1])
        world.wait_until_said("the enclave serves: image version 2", before)
        at = len(crowd.told)
        wait_for("payments by version 2", lambda: len(crowd.told) > at + 4, START_S)
    assert set(crowd.told.values()) == {"AUTHORISED"}, "nobody waits for so long that a payment is undone"


def test_the_old_version_is_locked_out(world):
    """An enclave that has its keys keeps them until it ends; no other one of that image gets any."""
    world.put_policy(world.policy(2))
    world.host.terminate(world.enclaves[1])
    world.enclaves[1] = world.boot(1)
    before = world.said("it does not start (keys)")
    world.serve_by(world.enclaves[1], world.enclaves[2])
    world.wait_until_said("it does not start (keys)", before)
    assert world.last_refusal()["pcrs"]["0"] == world.images[1][1]
    world.serve_by(world.enclaves[2])
    world.host.terminate(world.enclaves[1])
    assert world.pay("after-the-lockout")["state"] == "AUTHORISED"


def test_a_signer_and_a_minimum_version_need_no_new_policy_for_the_next_image(world):
    """The next test's enclave gets its keys by this policy; here one of an older version of the same signer gets none."""
    world.put_policy(world.policy_from(2))
    world.enclaves[1] = world.boot(1)
    before = world.said("it does not start (keys)")
    world.serve_by(world.enclaves[1], world.enclaves[2])
    world.wait_until_said("it does not start (keys)", before)
    refused = world.last_refusal()["pcrs"]
    assert (refused["8"], refused["16"]) == (world.pcr8, world.version_pcr(1))
    world.serve_by(world.enclaves[2])
    world.host.terminate(world.enclaves[1])


def test_a_killed_vm_has_a_successor(world):
    world.enclaves[3] = world.boot(2)
    with Crowd(world, "killed") as crowd:
        world.serve_by(world.enclaves[2], world.enclaves[3])
        before = world.said("the enclave serves: image version 2")
        os.kill(world.enclaves[2]["ProcessID"], signal.SIGKILL)
        world.wait_until_said("the enclave serves: image version 2", before)
        at = len(crowd.told)
        wait_for("payments by the successor", lambda: len(crowd.told) > at + 4, START_S)


def test_the_evidence_of_all_this_verifies_and_no_other(world):
    world.server.stop()
    evidence, export = world.directory / "evidence", world.directory / "export"
    world.server.run("--export-log", str(export))
    policy = world.directory / "policy.json"
    policy.write_text(world.policy(1, 2))
    world.host.run("bin/redoubt", "evidence", "make", "--log", export, "--image", world.images[1][0], "--image",
                   world.images[2][0], "--root", world.host.root_pem, "--witness", world.gateway.state / "witness.log",
                   "--kms-log", world.host.path("state", "kms", "audit"), "--policy", policy, evidence)
    shown = world.host.run("bin/redoubt", "evidence", "verify", "--root", world.host.root_pem, "--json", evidence).stdout
    proofs = {proof["name"]: proof for proof in json.loads(shown)["proofs"]}
    assert {proof["outcome"] for proof in proofs.values()} == {"holds"}, proofs
    starts = [json.loads(line) for line in world.host.run("bin/redoubt", "audit", "show", export).stdout.splitlines()]
    starts = [record for record in starts if record["eventName"] == "EnclaveStarted"]
    assert [record["imageVersion"] for record in starts] == [1, 2, 2], "who serves is not interrupted by who gets no keys"
    assert all(record["additionalEventData"]["recipient"]["attestationDocumentSha256"] for record in starts)
    log = next((evidence / "log").glob("log-*"))
    data = bytearray(log.read_bytes())
    data[len(data) // 2] ^= 1
    log.write_bytes(data)
    world.host.run("bin/redoubt", "evidence", "verify", "--root", world.host.root_pem, evidence, check=10)
    world.host.run("bin/redoubt", "audit", "verify", evidence / "log", check=None)
