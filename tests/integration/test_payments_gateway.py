# SPDX-License-Identifier: Apache-2.0
"""payments-gateway from outside: every scripted behaviour, repeated and contradicting requests, races, kills, and clients
that mean no good. What it answers is compared with its books.
"""

import concurrent.futures
import contextlib
import hashlib
import os
import random
import resource
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time

import pytest
from payments_gateway_host import GATEWAY, PAN, Client, Closed, Gateway, Messages, encode

AMEX = "371449635398431"
FRAME_S = 10  # connection.h: GW_FRAME_MS


@pytest.fixture(name="gateway", scope="module")
def gateway_fixture(tmp_path_factory):
    gateway = Gateway(tmp_path_factory.mktemp("gateway"))
    yield gateway
    gateway.close()
    assert "ERROR: AddressSanitizer" not in gateway.log.read_text()


@pytest.fixture(name="client")
def client_fixture(gateway):
    with gateway.client() as client:
        yield client


@pytest.fixture(name="say", scope="module")
def messages_fixture():
    return Messages()


def approved(client, say, amount=1000, **more):
    message, rrn = say.authorise(amount, **more)
    answer = client.ask(message)
    assert answer.code == "00", answer.fields
    return message, rrn, answer


def captured(client, say, amount=1000):
    _, rrn, _ = approved(client, say, amount)
    message, own = say.capture(rrn, amount)
    assert client.ask(message).code == "00"
    return rrn, own


def old_tls(gateway):
    context = gateway.context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


# --- answers


def test_echo(client, say):
    answer = client.ask(say.echo("424242"))
    assert (answer.mti, answer.fields) == ("0810", {7: "0203040506", 11: "424242", 39: "00", 70: "301"})


def test_authorisation_is_answered_and_booked(gateway, client, say):
    message, rrn, answer = approved(client, say, 1999, pan=AMEX, cvv="7373")
    assert answer.mti == "0110" and len(answer.fields.pop(38)) == 6
    assert answer.fields == {3: "000000", 4: "000000001999", 7: "0203040506", 11: say.stan(rrn), 37: rrn, 39: "00",
                             41: "TERM0001", 42: "Shop           ", 49: "978"}
    row = gateway.operation(rrn)
    assert (row["kind"], row["amount"], row["response"], row["last4"], row["reversed"]) == \
        ("authorise", 1999, "00", AMEX[-4:], False)
    assert AMEX.encode() in message
    card, = [c for c in gateway.report()["cards"] if c["last4"] == AMEX[-4:]]
    assert (card["approved"], card["held"], card["captured"], card["refunded"]) == (1, 1999, 0, 0)


@pytest.mark.parametrize("code", ["05", "14", "51", "54", "91", "96"])
def test_declined_by_amount(gateway, client, say, code):
    message, rrn = say.authorise(1000 + int(code))
    answer = client.ask(message)
    assert answer.code == code and 38 not in answer.fields
    assert gateway.operation(rrn)["response"] == code
    assert client.ask(say.capture(rrn, 1)[0]).code == "05"
    assert client.ask(message).bytes == answer.bytes


def test_no_answer_then_the_first_one(gateway, client, say):
    message, rrn = say.authorise(1080)
    client.send(message)
    assert client.silent(0.7)
    assert gateway.operation(rrn)["response"] == "00"
    first = client.ask(message)
    assert first.code == "00"
    assert client.ask(message).bytes == first.bytes
    assert gateway.operation(rrn)["captured"] == 0


def test_late_answer(gateway, client, say):
    message, rrn = say.authorise(1081)
    start = time.monotonic()
    client.send(message)
    assert client.silent(1.5)
    with gateway.client() as other:
        early = other.ask(message)
    late = client.hear()
    assert 2.5 < time.monotonic() - start < 15
    assert late.bytes == early.bytes and late.fields[37] == rrn


def test_late_answer_of_a_client_that_has_gone(gateway, client, say):
    with gateway.client() as other:
        other.send(say.authorise(1081)[0])
        assert client.ask(say.echo()).code == "00"
    time.sleep(3.5)
    assert client.ask(say.echo()).code == "00"


def test_answered_twice(gateway, client, say):
    message, rrn = say.authorise(1082)
    first = client.ask(message)
    assert client.hear().bytes == first.bytes
    assert client.silent(0.3)
    assert gateway.operation(rrn)["amount"] == 1082


def test_closed_instead_of_an_answer(gateway, client, say):
    message, rrn = say.authorise(1083)
    client.send(message)
    with pytest.raises(Closed):
        client.hear()
    with gateway.client() as again:
        answer = again.ask(message)
    assert answer.code == "00" and answer.fields[37] == rrn


def test_wrong_rrn_in_the_answer(client, say):
    message, rrn = say.authorise(1084)
    wrong = client.ask(message)
    assert wrong.fields[37] != rrn and wrong.fields[11] == say.stan(rrn)
    assert client.ask(message).fields[37] == rrn


def test_garbage_instead_of_an_answer(client, say):
    message, rrn = say.authorise(1085)
    client.send(message)
    assert set(client.raw()) == {0xa5}
    assert client.ask(message).fields[37] == rrn


# --- the same again, and something else


def test_repeated_request_gets_the_first_answer_byte_for_byte(gateway, client, say):
    message, rrn, answer = approved(client, say)
    assert client.ask(message).bytes == answer.bytes
    later = say.authorise(1000, rrn, sent="1231235959")[0]
    assert later != message and client.ask(later).bytes == answer.bytes
    # Nothing is kept that the CVV could be compared with.
    for cvv in ("738", None):
        assert client.ask(say.authorise(1000, rrn, cvv=cvv)[0]).bytes == answer.bytes
    assert gateway.operation(rrn)["amount"] == 1000


def test_other_content_under_the_same_rrn(gateway, client, say):
    _, rrn, _ = approved(client, say)
    others = [say.authorise(1001, rrn)[0], say.authorise(1000, rrn, pan=AMEX)[0], say.authorise(1000, rrn, merchant="X")[0],
              say.authorise(1000, rrn, stan="123456")[0], say.capture(rrn, 1000, rrn)[0], say.refund(rrn, 1000, rrn)[0]]
    before = gateway.operation(rrn)
    for message in others:
        answer = client.ask(message)
        assert answer.code == "94" and answer.fields[37] == rrn
    assert gateway.operation(rrn) == before


def test_the_same_twice_in_one_batch(gateway, client, say):
    message, rrn = say.authorise(1000)
    client.send(message, message, say.authorise(1002, rrn)[0])
    first, second, other = (client.hear() for _ in range(3))
    assert first.code == "00" and second.bytes == first.bytes and other.code == "94"
    assert gateway.operation(rrn)["amount"] == 1000


def test_the_same_from_many_at_once(gateway, say):
    message, rrn = say.authorise(1000)
    barrier = threading.Barrier(8)

    def one(_):
        with gateway.client() as client:
            barrier.wait()
            return client.ask(message).bytes

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(one, range(8)))) == 1
    assert gateway.operation(rrn)["amount"] == 1000


# --- capture and refund


def test_capture_up_to_the_authorised_amount(gateway, client, say):
    _, rrn, _ = approved(client, say)
    part, _ = say.capture(rrn, 400)
    assert client.ask(part).code == "00"
    assert client.ask(part).code == "00"
    too_much = client.ask(say.capture(rrn, 601)[0])
    assert (too_much.code, "authorised amount" in too_much.reason) == ("05", True)
    assert client.ask(say.capture(rrn, 600)[0]).code == "00"
    assert client.ask(say.capture(rrn, 1)[0]).code == "05"
    assert gateway.operation(rrn)["captured"] == 1000


def test_refund_up_to_the_captured_amount(gateway, client, say):
    rrn, _ = captured(client, say)
    part, own = say.refund(rrn, 300)
    answer = client.ask(part)
    assert (answer.code, answer.mti, answer.fields[3], answer.fields[37]) == ("00", "0210", "200000", own)
    assert client.ask(part).bytes == answer.bytes
    assert client.ask(say.refund(rrn, 701)[0]).code == "05"
    assert client.ask(say.refund(rrn, 700)[0]).code == "00"
    assert client.ask(say.refund(rrn, 1)[0]).code == "05"
    assert gateway.operation(rrn)["refunded"] == 1000


def test_capture_and_refund_of_what_is_not_there_or_somebody_elses(gateway, client, say):
    _, rrn, _ = approved(client, say)
    rows = [say.capture("nothere00000", 1000), say.refund("nothere00000", 1000), say.refund(rrn, 1),
            say.capture(rrn, 1000, merchant="Other")]
    _, own = captured(client, say)
    rows.append(say.capture(own, 10))  # the original is a capture
    for message, _ in rows:
        answer = client.ask(message)
        assert answer.code == "05" and answer.reason, answer.fields
        assert client.ask(message).bytes == answer.bytes
    assert gateway.operation(rrn)["captured"] == 0


# --- reversals


def test_reversal_may_be_repeated(gateway, client, say):
    message, rrn, _ = approved(client, say)
    for stan in ("990001", "990001", "990002"):
        answer = client.ask(say.reverse(rrn, 1000, stan=stan))
        assert (answer.mti, answer.code, answer.fields[11], answer.fields[37]) == ("0410", "00", stan, rrn)
    assert gateway.operation(rrn)["reversed"] is True
    assert client.ask(say.capture(rrn, 1000)[0]).code == "05"
    # Approved it was, but is no longer.
    assert client.ask(message).code == "05"
    card, = [c for c in gateway.report()["cards"] if c["last4"] == PAN[-4:]]
    assert card["reversed"] >= 1


def test_reversal_overtakes_its_authorisation(gateway, client, say):
    message, rrn = say.authorise(1000)
    assert client.ask(say.reverse(rrn, 1000)).code == "00"
    assert client.ask(say.reverse(rrn, 1000)).code == "00"
    late = client.ask(message)
    assert (late.code, "reversed" in late.reason) == ("05", True)
    assert client.ask(message).bytes == late.bytes
    assert client.ask(say.capture(rrn, 1000)[0]).code == "05"
    assert client.ask(say.reverse(rrn, 1000)).code == "00"
    row = gateway.operation(rrn)
    assert (row["response"], row["reversed"], row["captured"]) == ("05", True, 0)


def test_reversal_and_authorisation_in_one_batch(client, say):
    message, rrn = say.authorise(1000)
    client.send(say.reverse(rrn, 1000), message)
    assert [client.hear().code, client.hear().code] == ["00", "05"]
    message, rrn = say.authorise(1000)
    client.send(message, say.reverse(rrn, 1000), say.capture(rrn, 1000)[0])
    assert [client.hear().code for _ in range(3)] == ["00", "00", "05"]


def test_reversal_of_something_else(gateway, client, say):
    _, rrn, _ = approved(client, say)
    for message in (say.reverse(rrn, 999), say.reverse(rrn, 1000, "111111"), say.reverse(rrn, 1000, merchant="Other")):
        assert client.ask(message).code == "94"
    assert gateway.operation(rrn)["reversed"] is False
    rrn, own = captured(client, say)
    answer = client.ask(say.reverse(rrn, 1000))
    assert (answer.code, "refund" in answer.reason) == ("05", True)
    assert client.ask(say.reverse(own, 1000)).code == "94"
    assert gateway.operation(rrn)["captured"] == 1000


def test_other_authorisation_under_a_barred_rrn(client, say):
    message, rrn = say.authorise(1000)
    assert client.ask(say.reverse(rrn, 1000)).code == "00"
    assert client.ask(say.authorise(1001, rrn)[0]).code == "94"
    assert client.ask(message).code == "05"


def test_reversal_of_what_was_declined(client, say):
    message, rrn = say.authorise(1051)
    assert client.ask(message).code == "51"
    assert client.ask(say.reverse(rrn, 1051)).code == "00"
    assert client.ask(message).code == "51"


# --- the script

SCRIPT = """
# What comes first is taken.
0100 rrn=SCRIPT000001 decline=62   # any code
0100 amount=4711      drop
0100 amount=4712      lost
0100 last4=0005       decline=41
0400 ends=33          decline=91
0200 any              late=200
0800 nth=2            no-answer
any  amount=7780      approve
"""


@pytest.fixture(name="scripted", scope="module")
def scripted_fixture(tmp_path_factory):
    gateway = Gateway(tmp_path_factory.mktemp("scripted"), SCRIPT)
    yield gateway
    gateway.close()


def test_script_decides(scripted):
    say = Messages("S")
    with scripted.client() as client:
        assert client.ask(say.authorise(100, "SCRIPT000001")[0]).code == "62"
        assert client.ask(say.authorise(100, pan="378282246310005")[0]).code == "41"
        message, rrn, _ = approved(client, say, 7780)
        start = time.monotonic()
        assert client.ask(say.capture(rrn, 51)[0]).code == "00"
        assert time.monotonic() - start > 0.19
        _, rrn, _ = approved(client, say, 1033)
        assert client.ask(say.reverse(rrn, 1033)).code == "91"
        assert scripted.operation(rrn)["reversed"] is False
        assert client.ask(say.echo("000001")).fields[11] == "000001"
        client.send(say.echo("000002"), say.echo("000003"))
        assert client.hear().fields[11] == "000003"
        lost, rrn = say.authorise(4712)
        client.send(lost)
        assert client.silent(0.5)
        dropped, other = say.authorise(4711)
        client.send(dropped)
        with pytest.raises(Closed):
            client.hear()
    assert not [o for o in scripted.report()["operations"] if o["rrn"] in (rrn, other)]


def test_script_is_read_again(scripted):
    say = Messages("T")
    path = scripted.where / "script"
    path.write_text("0100 any decline=57\n")
    scripted.process.send_signal(signal.SIGHUP)
    scripted.said("are read again")
    with scripted.client() as client:
        assert client.ask(say.authorise(100)[0]).code == "57"
        path.write_text("0100 any nonsense\n")
        scripted.process.send_signal(signal.SIGHUP)
        scripted.said("line 1: \"nonsense\" is no action")
        assert client.ask(say.authorise(100)[0]).code == "57"
    # The certificate was read again, too, and what it is for is the same.
    with pytest.raises(ssl.SSLError):
        Client(scripted, context=old_tls(scripted))


@pytest.mark.parametrize("line, said", [
    ("0100 any", "line 2: three words"), ("0100 any approve now", "line 2: three words"),
    ("0300 any approve", "\"0300\" is not 0100"), ("0100 amount=x approve", "\"amount=x\" selects nothing"),
    ("0100 ends=100 approve", "selects nothing"), ("0100 last4=123 approve", "selects nothing"),
    ("0100 nth=0 approve", "selects nothing"), ("0100 any decline=00", "no action"), ("0100 any decline=5", "no action"),
    ("0100 any late=0", "no action"), ("0100 any late=600001", "no action")])
def test_bad_script_is_refused(gateway, tmp_path, line, said):
    (tmp_path / "script").write_text(f"# a comment\n{line}\n")
    done = subprocess.run(gateway.arguments("--check-config", "--script", str(tmp_path / "script")), capture_output=True,
                          text=True, timeout=60, check=False)
    assert done.returncode == 1 and said in done.stderr and done.stderr.count("\n") == 1, done.stderr


# --- kills


class Till(threading.Thread):
    """A merchant's till: asks until it is answered, and remembers what it was told."""

    def __init__(self, gateway, number, count):
        super().__init__()
        self.gateway, self.say, self.count = gateway, Messages(f"K{number}x"), count
        self.told, self.client, self.failure = [], None, None
        self.random = random.Random(number)

    def ask(self, message):
        end = time.monotonic() + 120
        while True:
            assert time.monotonic() < end, "never answered"
            try:
                if self.client is None:
                    self.client = self.gateway.client(timeout=10)
                answer = self.client.ask(message)
            except (Closed, OSError):
                if self.client is not None:
                    self.client.close()
                    self.client = None
                time.sleep(0.05)
                continue
            self.told.append((message, answer))
            return answer

    def payment(self):
        """Four messages at most; the amount says whether the answer is late, lost, doubled, …"""
        amount = 10000 + self.random.choice([0, 5, 51, 80, 83, 1, 2, 3])
        message, rrn = self.say.authorise(amount)
        if self.random.random() < 0.2:
            self.ask(self.say.reverse(rrn, amount))
        if self.ask(message).code != "00":
            return
        if self.random.random() < 0.3:
            assert self.ask(self.say.reverse(rrn, amount)).code == "00"
            return
        assert self.ask(self.say.capture(rrn, 9000)[0]).code == "00"
        assert self.ask(self.say.refund(rrn, 1000)[0]).code == "00"

    def run(self):
        try:
            while len(self.told) < self.count:
                self.payment()
        except Exception as failure:  # pylint: disable=broad-exception-caught
            self.failure = failure
        finally:
            if self.client is not None:
                self.client.close()


def test_kill_at_any_instant_loses_nothing_that_was_said(tmp_path):
    gateway = Gateway(tmp_path)
    tills = [Till(gateway, number, 125) for number in range(4)]
    chance = random.Random(8583)
    kills = 0
    for till in tills:
        till.start()
    while any(till.is_alive() for till in tills):
        time.sleep(chance.uniform(0.05, 0.5))
        gateway.kill()
        kills += 1
        gateway.start()
        # Some time to get anything done at all.
        time.sleep(0.1)
    assert not [till.failure for till in tills if till.failure]
    told = [entry for till in tills for entry in till.told]
    assert len(told) >= 500 and kills >= 3
    report = gateway.report()
    rows = {row["rrn"]: row for row in report["operations"]}
    assert len(rows) == len(report["operations"])
    for _, answer in told:
        row = rows[answer.fields[37]]
        if answer.mti == "0410":
            assert row["reversed"] is (answer.code == "00")
        else:
            assert row["response"] == answer.code, (row, answer.fields)
            assert row["amount"] == int(answer.fields[4])
    approved_rrns = {a.fields[37] for _, a in told if a.mti == "0110" and a.code == "00"}
    done = [r for r in approved_rrns if not rows[r]["reversed"]]
    assert all((rows[r]["captured"], rows[r]["refunded"]) == (9000, 1000) for r in done)
    card, = report["cards"]
    assert (card["captured"], card["refunded"]) == (9000 * len(done), 1000 * len(done))
    assert card["held"] == sum(rows[r]["amount"] for r in done)
    with gateway.client() as client:
        for message, answer in told:
            if answer.mti == "0210":
                assert client.ask(message).bytes == answer.bytes
    gateway.close()


# --- clients that mean no good


def assert_well(gateway, say):
    start = time.monotonic()
    with gateway.client() as client:
        assert client.ask(say.echo()).code == "00"
        assert approved(client, say)[2].code == "00"
    assert time.monotonic() - start < 5


def good_fields(say):
    return say.operation(say.rrn(), 1000) | {2: PAN, 14: "3112", 22: "812", 24: "100"}


@pytest.mark.parametrize("break_it", [
    lambda m, f: m[:-1], lambda m, f: m + b"0", lambda m, f: b"", lambda m, f: m[:4], lambda m, f: b"\xff" * 300,
    lambda m, f: b"0110" + m[4:], lambda m, f: b"GET / HTTP/1.1\r\n\r\n",
    lambda m, f: encode("0100", f | {52: "12345678"}), lambda m, f: encode("0100", f | {35: PAN + "=3112"}),
    lambda m, f: encode("0100", f | {4: "00000000100x"}), lambda m, f: encode("0100", f | {4: "0" * 12}),
    lambda m, f: encode("0100", f | {7: "1332000000"}), lambda m, f: encode("0100", f | {2: "4" * 11}),
    lambda m, f: encode("0100", {k: v for k, v in f.items() if k != 37}), lambda m, f: b"\x00" * 2049,
], ids=range(15))
def test_bad_message_ends_its_connection(gateway, say, break_it):
    fields = good_fields(say)
    with gateway.client() as other, gateway.client() as client:
        client.send(break_it(encode("0100", fields), fields))
        with pytest.raises(Closed):
            client.hear()
        assert other.ask(say.echo()).code == "00"
    assert not [o for o in gateway.report()["operations"] if o["rrn"] == fields[37]]


def test_no_tls_or_an_old_one(gateway, say):
    for data in (b"\x00\x10" + b"0800" * 4, os.urandom(4000), b"\x16\x03\x01\xff\xff" + b"\0" * 100):
        with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as raw:
            with contextlib.suppress(OSError):
                raw.sendall(data)
                while raw.recv(4096):
                    pass
    with pytest.raises(ssl.SSLError):
        Client(gateway, context=old_tls(gateway))
    assert_well(gateway, say)


def test_slow_and_half_open_clients_hold_nobody_up(gateway, say):
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(socket.create_connection(("127.0.0.1", gateway.port)))
        halves = [stack.enter_context(gateway.client()) for _ in range(20)]
        for half in halves:
            half.tls.sendall(struct.pack(">H", 100) + b"0100")
        assert_well(gateway, say)


def test_message_that_never_ends_is_cut_off(gateway, say):
    with gateway.client() as slow, gateway.client() as idle:
        # It has said something before; a byte now and then buys no time.
        assert slow.ask(say.echo()).code == idle.ask(say.echo()).code == "00"
        start = time.monotonic()
        message = struct.pack(">H", 1000) + b"0100"
        with pytest.raises((Closed, OSError)):
            while time.monotonic() - start < 3 * FRAME_S:
                slow.tls.sendall(message)
                message = b"0"
                slow.tls.settimeout(0.5)
                with contextlib.suppress(TimeoutError):
                    slow.take(1)
        assert FRAME_S - 1 < time.monotonic() - start < 2 * FRAME_S
        assert idle.ask(say.echo()).code == "00"


def test_crowd_of_silent_clients_makes_room(gateway, say):
    with gateway.client() as regular, contextlib.ExitStack() as stack:
        assert regular.ask(say.echo()).code == "00"
        for _ in range(300):
            stack.enter_context(socket.create_connection(("127.0.0.1", gateway.port)))
        assert_well(gateway, say)
        assert regular.ask(say.echo()).code == "00"


def test_client_that_takes_no_answers(gateway, say):
    frame = struct.pack(">H", len(say.echo())) + say.echo()
    with gateway.client() as greedy:
        greedy.tls.settimeout(1)
        with contextlib.suppress(TimeoutError, OSError):
            for _ in range(2000):
                greedy.tls.sendall(frame * 100)
        assert_well(gateway, say)
    status = open(f"/proc/{gateway.process.pid}/status", encoding="ascii").read()
    resident = int(status.split("VmRSS:")[1].split()[0])
    assert resident < 400_000, f"{resident} kB"  # with a sanitizer's shadow


def test_many_requests_without_waiting(client, say):
    messages = [say.authorise(1000)[0] for _ in range(200)]
    client.send(*messages)
    answers = [client.hear() for _ in messages]
    assert {a.code for a in answers} == {"00"} and len({a.fields[37] for a in answers}) == 200


# --- disks that are full


def test_what_cannot_be_recorded_is_not_answered_as_done(tmp_path):
    gateway = Gateway(tmp_path)
    say = Messages("F")
    with gateway.client() as client:
        first, _, answer = approved(client, say)
        resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
        messages = [say.authorise(1000) for _ in range(3)]
        for message, rrn in messages:
            refused = client.ask(message)
            assert (refused.code, refused.fields[37]) == ("96", rrn) and 38 not in refused.fields
        assert not [o for o in gateway.report()["operations"] if o["rrn"] in [rrn for _, rrn in messages]]
        resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert [client.ask(message).code for message, _ in messages] == ["00"] * 3
        assert client.ask(first).bytes == answer.bytes
    assert len(gateway.report()["operations"]) == 4
    gateway.said("nothing of 1 requests is recorded")
    gateway.close()


# --- what is kept


def test_no_card_number_and_no_cvv_is_kept(tmp_path):
    gateway = Gateway(tmp_path)
    say = Messages("P")
    pan, cvv = "5105105105105100", "8642"
    with gateway.client() as client:
        _, rrn, _ = approved(client, say, 2000, pan=pan, cvv=cvv)
        assert client.ask(say.capture(rrn, 2000)[0]).code == "00"
        client.send(encode("0100", good_fields(say) | {2: pan, 52: "12345678"}))
    with gateway.client() as client:
        # Well-formed, but not of the dialogue: this one is shown.
        client.send(encode("0100", good_fields(say) | {2: pan, 35: pan + "=3112", 48: f"9204{cvv}"}))
        with pytest.raises(Closed):
            client.hear()
    gateway.said("a message ")
    time.sleep(1.1)
    with gateway.client() as client:
        client.send(encode("0100", good_fields(say) | {2: pan, 35: pan + "=3112", 48: f"9204{cvv}"}))
        with pytest.raises(Closed):
            client.hear()
    gateway.said("2=************5100")
    report = str(gateway.report())
    gateway.close()
    assert pan not in report and pan[-4:] in report
    files = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert {"gateway.sqlite", "gateway.key", "witness.log", "stderr"} <= {p.name for p in files}
    for path in files:
        data = path.read_bytes()
        assert pan.encode() not in data and cvv.encode() not in data, path
        assert hashlib.sha256(pan.encode()).digest() not in data, path
        assert path.stat().st_mode & 0o077 == 0 or path.parent != gateway.state, path


# --- the command line


def test_command_line(gateway, tmp_path):
    def run(*args):
        return subprocess.run([GATEWAY, *args], capture_output=True, text=True, timeout=60, check=False)

    assert run("--help").stdout.startswith("Usage: payments-gateway")
    assert run("--version").stdout.startswith("payments-gateway ")
    for args, said in (((), "--state is wanted"), (("--state", "x"), "--cert is wanted"), (("more",), "unexpected argument"),
                       (("--nonsense",), "unrecognized option")):
        done = run(*args)
        assert done.returncode == 64 and said in done.stderr, done.stderr
    for args, said in ((gateway.arguments("--listen", "127.0.0.1:0")[1:], "another gateway runs"),
                       (gateway.arguments("--listen", "localhost:0", "--state", str(tmp_path / "s"))[1:], "an address in digits"),
                       (gateway.arguments("--cert", "/nothere")[1:], "cannot open /nothere"),
                       (("--report", "/nothere"), "cannot look at /nothere")):
        done = run(*args)
        assert done.returncode == 1 and said in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert run(*gateway.arguments("--check-config")[1:]).returncode == 0
