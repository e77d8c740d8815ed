# SPDX-License-Identifier: Apache-2.0
"""The witness of payments-gateway: heads of a log by the cryptography package, rollback and fork refused."""

import base64
import resource
import struct

import pytest
from payments_gateway_host import Gateway, Log, Messages


@pytest.fixture(name="gateway")
def gateway_fixture(tmp_path):
    gateway = Gateway(tmp_path)
    yield gateway
    gateway.close()


@pytest.fixture(name="log")
def log_fixture():
    return Log()


def show(gateway, log, head, key=None):
    with gateway.client() as client:
        return client.ask(log.sign_on(head, key))


def lines(gateway):
    return [line.split(" ") for line in (gateway.state / "witness.log").read_text().splitlines()]


def test_sign_on_without_a_head(gateway):
    with gateway.client() as client:
        answer = client.ask(Messages.network("001"))
    assert (answer.mti, answer.code, answer.head) == ("0810", "00", None)
    assert not lines(gateway)


def test_each_answer_has_the_head_before(gateway, log):
    heads = [log.head(0), log.head(3, b"three"), log.head(3, b"three", at_ms=1_800_000_000_000), log.head(2**40, b"many")]
    before = None
    for head in heads:
        answer = show(gateway, log, head, None if before else log.spki)
        assert (answer.code, answer.head) == ("00", before), answer.fields
        before = head
    witnessed, = gateway.report()["heads"]
    assert (witnessed["log"], witnessed["size"], base64.b64decode(witnessed["head"])) == (log.id.hex(), 2**40, heads[-1])
    assert [(line[1], int(line[2]), line[3], base64.b64decode(line[4])) for line in lines(gateway)] == \
        [(log.id.hex(), struct.unpack(">Q", head[48:56])[0], head[56:88].hex(), head) for head in heads]


def test_the_same_head_again_is_no_second_line(gateway, log):
    head = log.head(3)
    assert show(gateway, log, head, log.spki).head is None
    assert show(gateway, log, head).head == head
    assert len(lines(gateway)) == 1


@pytest.mark.parametrize("size, root, said", [(6, b"r", "rollback: size 6 is below 7"), (0, b"", "rollback: size 0"),
                                              (7, b"other", "fork: another root of size 7")])
def test_rollback_and_fork_are_refused(gateway, log, size, root, said):
    last = log.head(7)
    assert show(gateway, log, last, log.spki).code == "00"
    gateway.kill()
    gateway.start()
    answer = show(gateway, log, log.head(size, root))
    assert (answer.code, answer.head) == ("96", last) and said in answer.reason
    assert len(lines(gateway)) == 1
    # It goes on from where it was.
    assert show(gateway, log, log.head(8)).code == "00"
    assert len(lines(gateway)) == 2


def test_heads_that_are_not_this_logs(gateway, log):
    assert "its key has to be sent" in show(gateway, log, log.head(1)).reason
    assert show(gateway, log, log.head(1), log.spki).code == "00"
    bad = bytearray(log.head(2))
    bad[-1] ^= 1
    forged = Log().head(2, log_id=log.id)
    for head in (bytes(bad), forged):
        answer = show(gateway, log, head)
        assert (answer.code, "signature" in answer.reason) == ("96", True), answer.fields
    # A key that comes later changes nothing.
    answer = show(gateway, log, forged, Log().spki)
    assert answer.code == "96"
    other = Log()
    assert "not of the log" in show(gateway, log, other.head(1), log.spki).reason
    assert show(gateway, log, b"RDLOGH1\0" + other.head(1)[8:], other.spki).code == "96"
    assert show(gateway, log, other.head(1), b"\x30" * 91).code == "96"
    assert len(lines(gateway)) == 1


def test_logs_do_not_touch_each_other_and_are_counted(gateway, log):
    assert show(gateway, log, log.head(9), log.spki).code == "00"
    for _ in range(63):
        other = Log()
        assert show(gateway, other, other.head(1), other.spki).code == "00"
    last = Log()
    assert "no further log" in show(gateway, last, last.head(1), last.spki).reason
    assert show(gateway, log, log.head(10)).code == "00"


def test_one_log_alone(tmp_path, log):
    (tmp_path / "log.pem").write_bytes(log.pem)
    gateway = Gateway(tmp_path, options=["--witness-key", str(tmp_path / "log.pem")])
    other = Log()
    answer = show(gateway, other, other.head(1), other.spki)
    assert (answer.code, "not of the log" in answer.reason) == ("96", True)
    # No key has to be sent.
    assert show(gateway, log, log.head(1)).code == "00"
    assert show(gateway, log, log.head(0)).code == "96"
    gateway.close()


def test_payments_go_on_without_a_witness(gateway, log):
    assert show(gateway, log, log.head(7), log.spki).code == "00"
    with gateway.client() as client:
        client.send(log.sign_on(log.head(3)), Messages("W").authorise(1000)[0])
        assert [client.hear().code, client.hear().code] == ["96", "00"]


def test_line_that_was_torn_is_cut(gateway, log):
    assert show(gateway, log, log.head(7), log.spki).code == "00"
    whole = (gateway.state / "witness.log").read_bytes()
    gateway.kill()
    with (gateway.state / "witness.log").open("ab") as file:
        file.write(b"2031-02-03T04:05:06.123Z 0011")
    gateway.start()
    assert (gateway.state / "witness.log").read_bytes() == whole
    assert show(gateway, log, log.head(8)).code == "00"
    assert len(lines(gateway)) == 2 and (gateway.state / "witness.log").read_bytes().startswith(whole)


def test_head_that_cannot_be_written_is_not_witnessed(gateway, log):
    last = log.head(7)
    assert show(gateway, log, last, log.spki).code == "00"
    whole = (gateway.state / "witness.log").read_bytes()
    resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE, (len(whole) + 20, resource.RLIM_INFINITY))
    answer = show(gateway, log, log.head(8))
    assert (answer.code, answer.head) == ("96", None)
    assert (gateway.state / "witness.log").read_bytes() == whole
    resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    answer = show(gateway, log, log.head(8))
    assert (answer.code, answer.head) == ("00", last)
    assert len(lines(gateway)) == 2
