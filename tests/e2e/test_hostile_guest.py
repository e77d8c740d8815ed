# SPDX-License-Identifier: Apache-2.0
"""An enclave that does all the harm it can, while another one on the same host goes on answering."""

import contextlib
import glob
import json
import os
import re
import secrets
import selectors
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import pytest

OUT = os.environ["REDOUBT_OUT"]
PROGRAMS = {"hostile": os.environ["HOSTILE_GUEST"], "answering": os.environ["ANSWERING_GUEST"]}

MEMORY_MIB = 256
# A round trip takes some 30 ms; both guests, their hypervisors and this test share as little as one processor under emulation.
ANSWER_MAX_S = 20
# What one vmm may hold for a guest: 64 MiB of streams (lib/vsock/device.h), and its own programs and tables.
VMM_MEMORY_MAX_KIB = 96 * 1024
# Kill, wipe, report: none of it is the guest's to delay. Three tries of init's to report its end take 6 s.
END_MAX_S = 10
# Exit status of the hostile guest when it is told to leave.
LEFT = 7
# How long each attack goes on before the next joins in.
ATTACK_S = 4
# Streams of one guest (RD_VSOCK_CONNECTIONS_MAX).
CONNECTIONS_MAX = 1024
ORDERS, TALK, STUCK, ATTEST = 6000, 6001, 6002, 5000


class Host:
    """A redoubtd of our own under a directory of its own."""

    def __init__(self, home):
        self.home = home
        self.environment = {**os.environ, "REDOUBT_HOME": home}

    def run(self, program, *words, timeout=180):
        result = subprocess.run([os.path.join(OUT, "bin", program), *words], env=self.environment, capture_output=True,
                                text=True, check=False, timeout=timeout)
        assert result.returncode == 0, f"{program} {' '.join(words)}: status {result.returncode}: {result.stderr}{self.consoles()}"
        return result.stdout

    def consoles(self):
        """The last that ended enclaves have said: why one did not boot."""
        said = ""
        for path in glob.glob(os.path.join(self.home, "state", "ended", "*.console")):
            with open(path, "rb") as file:
                said += f"\n{path}: {file.read().strip(bytes(1))[-2000:].decode('utf-8', 'replace')}"
        return said

    def nitro_cli(self, *words):
        return self.run("nitro-cli", *words)

    def start(self, work, name, *words):
        context = os.path.join(work, name)
        os.mkdir(context)
        shutil.copy(PROGRAMS[name], os.path.join(context, "app"))
        with open(os.path.join(context, "Dockerfile"), "w", encoding="ascii") as file:
            file.write('FROM scratch\nCOPY app /app\nENTRYPOINT ["/app"]\n')
        eif = os.path.join(work, f"{name}.eif")
        self.nitro_cli("build-enclave", "--docker-uri", f"{name}:test", "--docker-dir", context, "--output-file", eif)
        said = self.nitro_cli("run-enclave", "--cpu-count", "1", "--memory", str(MEMORY_MIB), "--eif-path", eif, *words)
        return Enclave(self, json.loads(said[said.index("{"):]))

    def close(self):
        with contextlib.suppress(AssertionError):
            self.nitro_cli("terminate-enclave", "--all")
        lock = os.path.join(self.home, "run", "redoubtd.lock")
        with contextlib.suppress(OSError, ValueError):
            with open(lock, encoding="ascii") as file:
                os.kill(int(file.read()), signal.SIGTERM)


class Enclave:
    def __init__(self, host, description):
        self.id = description["EnclaveID"]
        self.directory = os.path.join(host.home, "run", "enclaves", self.id.rsplit("-enc", 1)[1])
        self.vmm = find_process("redoubt-vmm", self.id)

    def memory_kib(self):
        """Memory of the vmm's own, without the guest's, which is a shared file."""
        with open(f"/proc/{self.vmm}/status", encoding="ascii", errors="replace") as file:
            return int(re.search(r"RssAnon:\s+(\d+) kB", file.read()).group(1))

    def descriptors(self):
        """Number of the vmm's open files, where we may see them."""
        try:
            return len(os.listdir(f"/proc/{self.vmm}/fd"))
        except PermissionError:
            return 0

    def is_there(self):
        return os.path.exists(f"/proc/{self.vmm}/status")


def find_process(name, argument):
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
            if len(words) > 1 and os.path.basename(words[0]) == name.encode() and words[1] == argument.encode():
                return int(entry)
    raise AssertionError(f"no process {name} {argument}")


class Parent:
    """The hostile enclave's parent: gives orders on one port, talks on another, and never reads on a third."""

    def __init__(self, directory):
        self.selector = selectors.DefaultSelector()
        self.orders = None
        self.answers = b""
        self.accepted = {TALK: 0, STUCK: 0}
        self.held = []
        self.over = False
        self.listeners = {port: self.listen(directory, port) for port in (ORDERS, TALK, STUCK)}
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def listen(self, directory, port):
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        path = os.path.join(directory, f"vsock.sock_{port}")
        listener.bind(path)
        listener.listen(512)
        listener.setblocking(False)
        self.selector.register(listener, selectors.EVENT_READ, port)
        return listener

    def accept(self, listener, port):
        with contextlib.suppress(BlockingIOError):
            while True:
                stream, _ = listener.accept()
                stream.setblocking(port == ORDERS)
                if port == ORDERS:
                    stream.settimeout(60)
                    self.orders = stream
                    continue
                self.held.append(stream)
                self.accepted[port] += 1
                if port == TALK:
                    with contextlib.suppress(OSError):
                        stream.send(b"talk" * 4096)

    def serve(self):
        while not self.over:
            for key, _ in self.selector.select(0.1):
                self.accept(key.fileobj, key.data)

    def order(self, what):
        deadline = time.monotonic() + 90
        while self.orders is None and time.monotonic() < deadline:
            time.sleep(0.05)
        assert self.orders is not None, "the hostile guest did not come for its orders"
        self.orders.sendall(what.encode() + b"\n")
        assert self.orders.recv(3) == b"ok\n"

    def close(self):
        self.over = True
        self.thread.join()
        for stream in [*self.held, *self.listeners.values(), *([self.orders] if self.orders else [])]:
            stream.close()


def receive(stream, count):
    data = b""
    while len(data) < count:
        piece = stream.recv(count - len(data))
        if not piece:
            raise ConnectionError("closed early")
        data += piece
    return data


def ask_once(directory, nonce):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
        stream.settimeout(ANSWER_MAX_S)
        stream.connect(os.path.join(directory, "vsock.sock"))
        stream.sendall(f"CONNECT {ATTEST}\n".encode())
        line = b""
        while not line.endswith(b"\n"):
            line += receive(stream, 1)
        assert re.fullmatch(rb"OK \d+\n", line)
        stream.sendall(bytes([len(nonce)]) + nonce)
        return receive(stream, int.from_bytes(receive(stream, 4), "big"))


def ask(directory, nonce):
    """A document within ANSWER_MAX_S; a guest that is slow to accept is asked again, as its clients would. Returns (document, seconds)."""
    start = time.monotonic()
    while True:
        try:
            document = ask_once(directory, nonce)
            break
        except (ConnectionError, TimeoutError) as error:
            assert time.monotonic() - start < ANSWER_MAX_S, f"no answer within {ANSWER_MAX_S} s: {error}"
            time.sleep(0.1)
    seconds = time.monotonic() - start
    assert seconds < ANSWER_MAX_S
    return document, seconds


def check_neighbour(host, neighbour, work):
    """Three documents, the last one verified in full; returns the longest time."""
    slowest = 0
    for _ in range(3):
        nonce = secrets.token_bytes(32)
        document, seconds = ask(neighbour.directory, nonce)
        slowest = max(slowest, seconds)
    path = os.path.join(work, "document")
    with open(path, "wb") as file:
        file.write(document)
    host.run("redoubt", "verify", "--root", os.path.join(host.home, "state", "pki", "root.pem"), "--max-age", "300",
             "--nonce", nonce.hex(), path)
    return slowest


def besiege(host, hostile, neighbour, parent, work):
    """All attacks, one on top of the other, the bounds checked during each."""
    for attack in ("nsm", "random", "stuck", "connections", "random", "console", "forks"):
        parent.order(attack)
        if attack == "random":  # its own NSM is there all the while
            continue
        end = time.monotonic() + ATTACK_S
        slowest = memory = 0
        while time.monotonic() < end:
            slowest = max(slowest, check_neighbour(host, neighbour, work))
            memory = max(memory, hostile.memory_kib())
            assert hostile.descriptors() < CONNECTIONS_MAX + 128
        print(f"{attack}: neighbour's slowest answer {slowest:.2f} s, hostile guest's vmm {memory} KiB, "
              f"streams {parent.accepted}")
        assert memory < VMM_MEMORY_MAX_KIB
    assert parent.accepted[TALK] >= 900, "the guest did not get to its limit, so this has shown nothing"
    assert parent.accepted[STUCK] >= 1


def wait_for_end(hostile, start):
    while hostile.is_there() and time.monotonic() - start < END_MAX_S:
        time.sleep(0.05)
    assert not hostile.is_there()


@pytest.fixture(name="host")
def fixture_host():
    # Socket addresses are short.
    with tempfile.TemporaryDirectory(prefix="redoubt-hostile.", dir="/tmp", ignore_cleanup_errors=True) as home:
        host = Host(home)
        yield host
        host.close()


@pytest.fixture(name="hostile")
def fixture_hostile(host, tmp_path):
    return host.start(str(tmp_path), "hostile", "--debug-mode")


@pytest.fixture(name="parent")
def fixture_parent(hostile):
    parent = Parent(hostile.directory)
    yield parent
    parent.close()


def test_hostile_guest_harms_itself_only(host, hostile, parent, tmp_path):
    neighbour = host.start(str(tmp_path), "answering")
    check_neighbour(host, neighbour, str(tmp_path))
    besiege(host, hostile, neighbour, parent, str(tmp_path))
    start = time.monotonic()
    host.nitro_cli("terminate-enclave", "--enclave-id", hostile.id)
    wait_for_end(hostile, start)
    print(f"terminated in {time.monotonic() - start:.2f} s")
    check_neighbour(host, neighbour, str(tmp_path))


def test_end_of_a_hostile_guest_is_told(host, hostile, parent):
    """Whatever its other processes do, the application's exit status arrives."""
    for attack in ("nsm", "connections", "forks"):
        parent.order(attack)
        time.sleep(ATTACK_S / 2)
    start = time.monotonic()
    parent.orders.sendall(b"leave\n")
    wait_for_end(hostile, start)
    deadline = time.monotonic() + END_MAX_S
    ended = []
    while not ended and time.monotonic() < deadline:
        ended = json.loads(host.nitro_cli("describe-enclaves", "--ended"))
    assert ended[0]["ExitStatus"] == LEFT, ended[0]
