# SPDX-License-Identifier: Apache-2.0
"""Clients of redoubtd that mean no good: it stays there for the others, and keeps nothing of theirs."""

import contextlib
import fcntl
import os
import resource
import signal
import socket
import struct
import subprocess
import tempfile
import time

import cbor2
import pytest
from daemon_host import (ANSWER_S, CONSOLE, DESCRIBE, DONE, ERROR, NITRO_CLI, RUN, TERMINATE, Host, answers, environment,
                         refused, until)
from eif_support import CMDLINE, KERNEL, METADATA, RAMDISK, assemble, bzimage

PROGRESS = 16
MEMORY_MIB = 4096
# src/redoubtd/clients.h
PER_UID_MAX, IDLE_S = 256, 10
IMAGE = assemble([(KERNEL, bzimage()), (CMDLINE, b"console=ttyS0"), (METADATA, b"{}"), (RAMDISK, b"RAM0")])


@pytest.fixture(name="host", scope="module")
def host_fixture():
    # A run that floods itself needs as many descriptors.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    host = Host(f"memory_mib: {MEMORY_MIB}\ncpu_pool: 2,4-5\nengine: qemu\n")
    yield host
    host.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(autouse=True)
def nothing_is_kept(host):
    """After each test the daemon serves others at once and has as many descriptors as before."""
    yield
    start = time.monotonic()
    assert host.described() == []
    assert time.monotonic() - start < ANSWER_S
    host.assert_clean()


def memory_file(data=b"", size=None, seal=True):
    fd = os.memfd_create("image", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(fd, data)
    if size is not None:
        os.ftruncate(fd, size)
    if seal:
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE)
    return fd


def one_error(got, code, words=""):
    assert [kind for kind, _ in got if kind != PROGRESS] == [ERROR], got
    fields = got[-1][1]
    assert fields["code"] == code and words in fields["text"], fields


def send_junk(host, data, fds=()):
    with host.connect() as sock:
        socket.send_fds(sock, [data], list(fds))
        return answers(sock)


def full(**more):
    return {"name": "app", "memory_mib": 64, "cpu_count": 1, "cid": 0, **more}


DESCRIBE_BYTES = cbor2.dumps([DESCRIBE, {}])


@pytest.mark.parametrize("data", [
    b"\0", b"\xff" * 100, b"GET / HTTP/1.1\r\n\r\n", os.urandom(2000), b"\x9f" * 60000,
    cbor2.dumps({}), cbor2.dumps([DESCRIBE]), cbor2.dumps([DESCRIBE, {}, 1]), cbor2.dumps([99, {}]), cbor2.dumps([DONE, {}]),
    cbor2.dumps([DESCRIBE, {"metadata": 1}]), cbor2.dumps([TERMINATE, {"enclave_id": "x" * 96}]),
    cbor2.dumps([TERMINATE, {"name": "a\nb"}]), cbor2.dumps([CONSOLE, {"name": b"bytes"}]),
    cbor2.dumps([RUN, {"name": "x", "memory_mib": -1}]), cbor2.dumps([RUN, {"name": "x"}]),
    cbor2.dumps([DESCRIBE, {}]) + b"\0", cbor2.dumps([TERMINATE, {"name": "app", "all": False}])[:-4],
    b"\x82\x02\xbb\xff\xff\xff\xff\xff\xff\xff\xff", b"\x82\x02\xa2\x63all\xf5\x63all\xf5",
])
def test_junk_is_answered_and_hung_up_on(host, data):
    one_error(send_junk(host, data), 39, "does not understand")


def test_every_half_of_a_message_is_refused(host):
    whole = cbor2.dumps([TERMINATE, {"enclave_id": "i-0123-enc1", "all": False}])
    for cut in range(1, len(whole)):
        one_error(send_junk(host, whole[:cut]), 39)


def test_a_datagram_that_is_too_long_is_refused(host):
    one_error(send_junk(host, DESCRIBE_BYTES + bytes(70000)), 39)


@pytest.mark.parametrize("count", [1, 4, 5, 100, 253])
def test_descriptors_that_nobody_asked_for_are_closed(host, count):
    with tempfile.TemporaryFile() as file:
        one_error(send_junk(host, DESCRIBE_BYTES, [file.fileno()] * count), 39)


def test_a_second_request_ends_the_connection(host):
    image = big_image()
    with host.connect() as sock:
        socket.send_fds(sock, [cbor2.dumps([RUN, full(memory_mib=MEMORY_MIB)])], [image])
        sock.send(DESCRIBE_BYTES)
        one_error(answers(sock), 39)
    os.close(image)


def test_runs_without_a_proper_image_are_refused(host):
    one_error(host.ask(RUN, full()), 39)
    read, write = os.pipe()
    unsealed, empty, short = memory_file(IMAGE, seal=False), memory_file(), memory_file(IMAGE[:-1])
    directory = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
    bombs = [memory_file(IMAGE, size=1 << 40), memory_file(IMAGE + b"x")]
    try:
        for fd in (read, unsealed, directory):
            one_error(host.ask(RUN, full(), [fd]), 19, "sealed")
        for fd in (empty, short, *bombs):
            one_error(host.ask(RUN, full(), [fd]), 35)
        one_error(host.ask(RUN, full(), [short, short]), 39)
    finally:
        for fd in (read, write, unsealed, empty, short, directory, *bombs):
            os.close(fd)


def big_image():
    """A header that promises a ramdisk of 1 GiB, which takes a second to measure; a memory file without that memory."""
    small = assemble([(KERNEL, bzimage()), (CMDLINE, b"x"), (METADATA, b"{}"), (RAMDISK, b"")])
    size = 1 << 30
    data = bytearray(small)
    struct.pack_into(">Q", data, 284 + 3 * 8, size)
    struct.pack_into(">Q", data, len(data) - 8, size)
    return memory_file(bytes(data), size=len(data) + size)


def test_who_leaves_in_the_middle_of_a_run_leaves_nothing(host):
    image = big_image()
    whole = full(memory_mib=MEMORY_MIB, cpu_ids=[2, 4, 5], cpu_count=0, cid=77)
    for _ in range(5):
        sock = host.connect()
        socket.send_fds(sock, [cbor2.dumps([RUN, whole])], [image])
        assert cbor2.loads(sock.recv(65536))[0] == PROGRESS
        # Everything is taken while the image is read, and others are served meanwhile.
        one_error(host.ask(RUN, full(), [image]), 22, "0 free of 3")
        assert host.ask(DESCRIBE, {})[-1] == [DONE, {}]
        sock.close()
    os.close(image)
    # All of it is free again: a run of everything gets as far as its image.
    image = memory_file(IMAGE[:-1])

    def whole_again():
        got = host.ask(RUN, whole, [image])
        return got[-1][1]["code"] == 35
    assert until(whole_again, ANSWER_S)
    os.close(image)


def test_silence_is_disconnected_and_bothers_nobody(host):
    silent = [host.connect() for _ in range(20)]
    start = time.monotonic()
    assert host.ask(DESCRIBE, {}) == [[DONE, {}]]
    assert time.monotonic() - start < ANSWER_S
    for sock in silent:
        sock.settimeout(3 * IDLE_S)
        assert sock.recv(1) == b""
        sock.close()
    assert time.monotonic() - start >= IDLE_S - 1


def test_one_user_cannot_take_all_connections(host):
    with contextlib.ExitStack() as mine:
        first = mine.enter_context(host.connect())
        for _ in range(PER_UID_MAX + 40):
            mine.enter_context(host.connect())
        # Those above the limit are told so and hung up on; the others still have their turn.
        assert until(lambda: host.fd_count() == host.fds + PER_UID_MAX, ANSWER_S)
        for _ in range(20):
            refused(host.cli("describe-enclaves"), 11, "too many connections", "try again")
        first.send(DESCRIBE_BYTES)
        assert answers(first) == [[DONE, {}]]


def test_a_full_queue_is_waited_for(host):
    """Nobody starts a second service because the first one is busy."""
    waiting = []
    os.kill(host.daemon.pid, signal.SIGSTOP)
    try:
        while True:
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            sock.setblocking(False)
            try:
                sock.connect(host.socket)
            except BlockingIOError:
                sock.close()
                break
            waiting.append(sock)
        with subprocess.Popen([NITRO_CLI, "describe-enclaves"], env=environment(host.home, RUST_LOG="debug"), text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as command:
            time.sleep(0.5)
            os.kill(host.daemon.pid, signal.SIGCONT)
            out, err = command.communicate(timeout=60)
        assert (command.returncode, out, err) == (0, "[]\n", "")
    finally:
        os.kill(host.daemon.pid, signal.SIGCONT)
        for sock in waiting:
            sock.close()


def test_a_flood_of_requests_is_served_in_turn(host):
    for _ in range(10):
        with contextlib.ExitStack() as flood:
            for _ in range(100):
                flood.enter_context(host.connect()).send(DESCRIBE_BYTES)
            start = time.monotonic()
            assert host.ask(DESCRIBE, {"ended": True}) == [[DONE, {}]]
            assert time.monotonic() - start < ANSWER_S


def test_the_error_reaches_the_command(host):
    refused(host.cli("terminate-enclave", "--enclave-name", "nobody"), 58, '"nobody"', "describe-enclaves")
