# SPDX-License-Identifier: Apache-2.0
"""vsock-proxy between an enclave's directory and TCP services on loopback, with a name server of the test's own."""

import contextlib
import hashlib
import os
import pathlib
import signal
import socket
import socketserver
import struct
import subprocess
import tempfile
import threading
import time

import pytest

PROXY = os.environ["VSOCK_PROXY"]
SHIPPED = pathlib.Path(__file__).parents[2] / "packaging" / "etc" / "vsock-proxy.yaml"
# As redoubtd names them: a number in hex, not padded.
SLOT = "1a2142825c25ac5"
LOCAL_PORT = 8000
NAME = "service.example"
A, AAAA = 1, 28
SERVFAIL, NXDOMAIN = 2, 3


class NameServer:
    """Answers A and AAAA from `records`; `rcode` or `silent` make it fail. UDP, as the proxy asks."""

    def __init__(self):
        self.records = {}
        self.ttl = 1
        self.rcode = 0
        self.silent = False
        self.questions = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            packet, peer = self.socket.recvfrom(512)
            if packet == b"stop":
                return
            labels, at = [], 12
            while packet[at]:
                labels.append(packet[at + 1:at + 1 + packet[at]].decode())
                at += 1 + packet[at]
            question = packet[12:at + 5]
            kind = struct.unpack(">H", packet[at + 1:at + 3])[0]
            name = ".".join(labels).lower()
            self.questions.append((name, kind))
            if self.silent:
                continue
            addresses = self.records.get((name, kind), []) if not self.rcode else []
            known = any(key[0] == name for key in self.records)
            flags = 0x8180 | (self.rcode or (0 if known else NXDOMAIN))
            answer = packet[:2] + struct.pack(">HHHHH", flags, 1, len(addresses), 0, 0) + question
            for address in addresses:
                data = socket.inet_pton(socket.AF_INET if kind == A else socket.AF_INET6, address)
                answer += b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, self.ttl, len(data)) + data
            self.socket.sendto(answer, peer)

    def close(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stopper:
            stopper.sendto(b"stop", ("127.0.0.1", self.port))
        self.thread.join(5)
        self.socket.close()


class Echo(socketserver.BaseRequestHandler):
    """Everything back, then an end; the server's address first."""

    def handle(self):
        self.request.sendall(self.server.greeting)
        with contextlib.suppress(OSError):
            while data := self.request.recv(65536):
                self.request.sendall(data)


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 4096


@contextlib.contextmanager
def server(handler=Echo, address="127.0.0.1", port=0, greeting=b""):
    kind = type("Server6", (Server,), {"address_family": socket.AF_INET6}) if ":" in address else Server
    with kind((address, port), handler) as made:
        made.greeting = greeting
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield made.server_address[1]
        made.shutdown()
        thread.join(5)


class Place:
    """A run directory with one enclave's directory in it, and proxies serving it."""

    def __init__(self, path):
        self.home = path
        self.enclave = self.add_enclave(SLOT)
        self.names = NameServer()
        self.config = path / "vsock-proxy.yaml"
        self.resolv = path / "resolv.conf"
        self.resolv.write_text(f"nameserver 127.0.0.1:{self.names.port}\noptions timeout:1 attempts:2\n")
        self.running = []

    def add_enclave(self, slot):
        path = self.home / "run" / "enclaves" / slot
        path.mkdir(parents=True, mode=0o700)
        return path

    def allow(self, *entries):
        self.config.write_text("allowlist:\n" + "".join(f"- {{address: '{a}', port: {p}}}\n" for a, p in entries))

    def environment(self):
        return {**os.environ, "REDOUBT_HOME": str(self.home), "RUST_LOG": "info"}

    def command(self, *words):
        return [PROXY, "--config", str(self.config), "--resolv-conf", str(self.resolv), *map(str, words)]

    def start(self, *words):
        before = self.log().count("at most")
        with open(self.home / "log", "ab") as log:
            process = subprocess.Popen(self.command(*words), env=self.environment(), stderr=log)
        self.running.append(process)
        wait_for(lambda: self.log().count("at most") > before or process.poll() is not None)
        assert process.poll() is None, self.log()
        return process

    def log(self):
        return (self.home / "log").read_text() if (self.home / "log").exists() else ""

    def connect(self, enclave=None, timeout=20):
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(timeout)
        client.connect(str((enclave or self.enclave) / f"vsock.sock_{LOCAL_PORT}"))
        return client

    def close(self):
        for process in self.running:
            if process.poll() is None:
                process.terminate()
            assert process.wait(20) == 0, self.log()
        self.names.close()
        assert "Sanitizer" not in self.log()


def wait_for(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def read_all(sock):
    data = bytearray()
    while piece := sock.recv(65536):
        data += piece
    return bytes(data)


def ask(place, **kwargs):
    with place.connect(**kwargs) as client:
        client.sendall(b"hello")
        client.shutdown(socket.SHUT_WR)
        return read_all(client)


def ask_or_refused(place):
    """Empty for a connection that was closed, with our bytes read or unread."""
    try:
        return ask(place)
    except (BrokenPipeError, ConnectionResetError):
        return b""


@pytest.fixture(name="place")
def place_fixture():
    # Not pytest's own directory: a socket's path has 107 bytes.
    with tempfile.TemporaryDirectory(prefix="vp") as home:
        made = Place(pathlib.Path(home))
        yield made
        made.close()


# --- start ---


@pytest.mark.parametrize("words, config, code, text", [
    (["8000", NAME, "443"], "allowlist:\n- {address: other.example, port: 443}\n", 1, "Error: \"The given address and port"),
    (["8000", NAME, "443"], "allowlist: []\n", 1, "Error: \"The given address and port are not allowed"),
    (["8000", NAME, "443"], "", 1, "Error: \"The given address and port are not allowed"),
    (["8000", NAME, "443"], "allowlist:\n- {address: 1}\n", 1, "yaml:2: "),
    (["8000", NAME, "443"], None, 1, "Error: \"cannot open the allowlist"),
    (["8000", NAME, "x"], "", 1, "Error: \"remote port"),
    (["-w", "0", "8000", NAME, "443"], "", 1, "Error: \"--num_workers"),
    (["-6", "8000", "127.0.0.1", "1"], "allowlist:\n- {address: 127.0.0.1, port: 1}\n", 1, "is an IPv4 address"),
    (["-4", "-6", "8000", NAME, "443"], "", 2, "error: "),
    (["8000", NAME], "", 2, "Usage: vsock-proxy"),
])
def test_refuses_to_start(place, words, config, code, text):
    if config is not None:
        place.config.write_text(config)
    done = subprocess.run(place.command(*words), env=place.environment(), capture_output=True, text=True, check=False,
                          timeout=30)
    assert (done.returncode, done.stdout) == (code, "") and text in done.stderr, done.stderr
    assert not place.names.questions and list(place.enclave.iterdir()) == []


def test_the_shipped_list_has_kms_in_38_regions(place):
    place.config.write_text(SHIPPED.read_text())
    assert SHIPPED.read_text().count("- {address: kms") == 76
    for name in ("kms.eu-central-1.amazonaws.com", "kms-fips.us-gov-west-1.amazonaws.com"):
        place.start(LOCAL_PORT, name, 443).terminate()
    done = subprocess.run(place.command(LOCAL_PORT, "kms.local-1.amazonaws.com", 443), env=place.environment(),
                          capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 1 and "are not allowed" in done.stderr


# --- names and addresses ---


def test_serves_enclaves_that_start_later_and_cleans_up(place):
    with server(greeting=b"srv ") as port:
        place.allow(("127.0.0.1", port))
        proxy = place.start(LOCAL_PORT, "127.0.0.1", port)
        assert ask(place) == b"srv hello"
        later = place.add_enclave("b2")
        wait_for((later / f"vsock.sock_{LOCAL_PORT}").exists)
        assert ask(place, enclave=later) == b"srv hello"
        (later / f"vsock.sock_{LOCAL_PORT}").unlink()
        later.rmdir()
        wait_for(lambda: "enclave b2 has ended" in place.log())
        assert ask(place) == b"srv hello"
        proxy.terminate()
        assert proxy.wait(20) == 0
        assert list(place.enclave.iterdir()) == []


def test_one_enclave_only_and_no_socket_of_others_taken(place):
    other = place.add_enclave("b2")
    with server() as port, socket.socket(socket.AF_UNIX) as taken:
        place.allow(("127.0.0.1", port))
        place.start("--enclave-id", f"i-0123456789abcdef0-enc{SLOT}", LOCAL_PORT, "127.0.0.1", port)
        assert ask(place) == b"hello" and list(other.iterdir()) == []
        taken.bind(str(other / f"vsock.sock_{LOCAL_PORT}"))
        taken.listen()
        place.start(LOCAL_PORT, "127.0.0.1", port)
        wait_for(lambda: place.log().count("another program listens there") == 2)
        assert ask(place) == b"hello"


def test_failed_lookups_close_the_connection_and_nothing_else(place):
    with server() as port:
        place.allow((NAME, port), ("127.0.0.1", port))
        proxy = place.start(LOCAL_PORT, NAME, port)
        assert ask_or_refused(place) == b""                            # NXDOMAIN
        assert all(ask_or_refused(place) == b"" for _ in range(50))    # from memory
        assert len(place.names.questions) <= 4
        place.names.rcode = SERVFAIL
        time.sleep(1.1)
        assert ask_or_refused(place) == b""
        place.names.rcode, place.names.silent = 0, True
        time.sleep(1.1)
        assert ask_or_refused(place) == b""
        place.names.silent = False
        place.names.records[NAME, A] = ["127.0.0.1"]
        wait_for(lambda: ask_or_refused(place) == b"hello")
        assert proxy.poll() is None
        assert 1 <= place.log().count("cannot reach") <= 4


def test_follows_dns_that_moves_and_holds_it_against_the_list(place):
    with server(greeting=b"one ") as port, server(address="127.0.0.2", port=port, greeting=b"two "), \
            server(address="127.0.0.3", port=port, greeting=b"three "):
        place.allow((NAME, port), ("127.0.0.1", port), ("127.0.0.2", port))
        place.names.records[NAME, A] = ["127.0.0.1"]
        place.start(LOCAL_PORT, NAME, port)
        assert ask(place) == b"one hello"
        asked = len(place.names.questions)
        assert ask(place) == b"one hello" and len(place.names.questions) == asked
        place.names.records[NAME, A] = ["127.0.0.2"]
        wait_for(lambda: ask(place) == b"two hello", 5)
        place.names.records[NAME, A] = ["127.0.0.3"]        # a name does not open loopback
        wait_for(lambda: ask_or_refused(place) == b"", 5)
        assert "its address is not in the allowlist" in place.log()


def test_tries_the_next_address_and_honours_the_family(place):
    with server(address="::1", greeting=b"six ") as port:
        place.allow((NAME, port), ("127.0.0.1", port), ("127.0.0.2", port), ("::1", port))
        place.names.records[NAME, A] = ["127.0.0.1", "127.0.0.2"]
        place.names.records[NAME, AAAA] = ["::1"]
        first = place.start(LOCAL_PORT, NAME, port)         # nobody listens on IPv4
        assert ask(place) == b"six hello"
        first.terminate()
        first.wait(20)
        with server(port=port, greeting=b"four "):
            for option, want in (("-4", b"four hello"), ("-6", b"six hello")):
                place.names.questions.clear()
                proxy = place.start(option, LOCAL_PORT, NAME, port)
                wait_for((place.enclave / f"vsock.sock_{LOCAL_PORT}").exists)
                assert ask(place) == want
                assert {kind for _, kind in place.names.questions} == {A if option == "-4" else AAAA}
                proxy.terminate()
                assert proxy.wait(20) == 0


def test_hangup_reads_the_list_again(place):
    with server() as port:
        place.allow(("127.0.0.1", port))
        proxy = place.start(LOCAL_PORT, "127.0.0.1", port)
        assert ask(place) == b"hello"
        place.config.write_text("allowlist: 1\n")
        proxy.send_signal(signal.SIGHUP)
        wait_for(lambda: "the old allowlist stays in force" in place.log())
        assert ask(place) == b"hello"
        place.allow(("127.0.0.9", port))
        proxy.send_signal(signal.SIGHUP)
        wait_for(lambda: "read again: 1 entries" in place.log())
        assert ask_or_refused(place) == b""


# --- streams ---


def test_two_thousand_connections_at_once(place):
    with server() as port:
        place.allow(("127.0.0.1", port))
        place.start(LOCAL_PORT, "127.0.0.1", port)
        clients = [place.connect() for _ in range(2000)]
        for i, client in enumerate(clients):
            client.sendall(b"%08d" % i)
        for i, client in enumerate(clients):
            assert client.recv(8, socket.MSG_WAITALL) == b"%08d" % i
        for client in clients:
            client.close()
        assert ask(place) == b"hello"


@contextlib.contextmanager
def pair(place, rcvbuf=None):
    """A client in the enclave, and the remote's end of its connection."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        if rcvbuf:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        port = listener.getsockname()[1]
        place.allow(("127.0.0.1", port))
        place.start(LOCAL_PORT, "127.0.0.1", port)
        listener.settimeout(20)
        with place.connect() as client:
            remote = listener.accept()[0]
            remote.settimeout(20)
            with remote:
                yield client, remote, listener


@pytest.mark.parametrize("swap", [False, True])
def test_half_close(place, swap):
    with pair(place) as (client, remote, _):
        first, second = (remote, client) if swap else (client, remote)
        first.sendall(b"request")
        first.shutdown(socket.SHUT_WR)
        assert read_all(second) == b"request"
        for _ in range(3):
            second.sendall(b"answer")
            assert first.recv(6, socket.MSG_WAITALL) == b"answer"
        second.close()
        assert read_all(first) == b""


@pytest.mark.parametrize("swap", [False, True])
def test_big_transfer_arrives_whole_at_a_slow_reader_then_ends(place, swap):
    size = 64 << 20
    block = os.urandom(1 << 20)
    with pair(place) as (client, remote, _):
        source, sink = (remote, client) if swap else (client, remote)

        def send():
            for i in range(size >> 20):
                source.sendall(block[i:] + block[:i])
            source.shutdown(socket.SHUT_WR)

        thread = threading.Thread(target=send)
        thread.start()
        want, got, length = hashlib.sha256(), hashlib.sha256(), 0
        time.sleep(0.3)
        while piece := sink.recv(100_000):
            got.update(piece)
            length += len(piece)
        thread.join(20)
        for i in range(size >> 20):
            want.update(block[i:] + block[:i])
        assert length == size and got.digest() == want.digest()


def test_a_reader_that_stops_holds_up_nobody_and_stops_its_writer(place):
    with pair(place, rcvbuf=8192) as (client, remote, listener):
        client.setblocking(False)
        sent = 0
        with contextlib.suppress(BlockingIOError):
            for _ in range(1000):
                sent += client.send(bytes(65536))
                time.sleep(0.001)
        assert sent < 60 << 20, "no back-pressure"
        with place.connect() as other:
            other.sendall(b"x")
            second = listener.accept()[0]
            with second:
                assert second.recv(1) == b"x"
        client.setblocking(True)
        client.shutdown(socket.SHUT_WR)
        assert len(read_all(remote)) == sent


def test_a_reset_is_no_clean_end(place):
    abort = struct.pack("ii", 1, 0)
    with pair(place) as (client, remote, listener):
        client.sendall(b"begin")
        assert remote.recv(5, socket.MSG_WAITALL) == b"begin"
        remote.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, abort)
        remote.close()
        assert client.recv(1) == b""
        with place.connect() as other:
            second = listener.accept()[0]
            second.settimeout(20)
            with second:
                second.sendall(b"unread" * 1000)
                assert other.recv(1) == b"u"
                other.close()
                with pytest.raises(ConnectionResetError):
                    while True:
                        second.sendall(bytes(65536))
                        time.sleep(0.01)
        with place.connect() as third, listener.accept()[0] as fourth:
            third.sendall(b"on")
            assert fourth.recv(2) == b"on"


def test_stops_after_the_last_connection(place):
    with pair(place) as (client, remote, _):
        proxy = place.running[-1]
        proxy.terminate()
        wait_for(lambda: "stopping" in place.log())
        assert not (place.enclave / f"vsock.sock_{LOCAL_PORT}").exists()
        client.sendall(b"still")
        assert remote.recv(5, socket.MSG_WAITALL) == b"still"
        assert proxy.poll() is None
        client.close()
        remote.close()
        assert proxy.wait(5) == 0


def test_a_second_signal_ends_at_once(place):
    with pair(place) as (client, remote, _):
        proxy = place.running[-1]
        proxy.terminate()
        wait_for(lambda: "stopping" in place.log())
        proxy.terminate()
        assert proxy.wait(5) == 0
        assert client.recv(1) == b""
        with pytest.raises(ConnectionResetError):
            remote.recv(1)


def test_more_connections_than_files_are_closed_at_once(place):
    with server() as port:
        place.allow(("127.0.0.1", port))
        with open(place.home / "log", "ab") as log:
            proxy = subprocess.Popen(["sh", "-c", 'ulimit -n 600 && exec "$@"', "sh",
                                      *place.command(LOCAL_PORT, "127.0.0.1", port)], env=place.environment(), stderr=log)
        place.running.append(proxy)
        wait_for(lambda: "at most 12 connections" in place.log())
        clients = [place.connect() for _ in range(12)]
        for client in clients:
            client.sendall(b"x")
            assert client.recv(1) == b"x"
        assert ask_or_refused(place) == b""
        wait_for(lambda: "which is the maximum" in place.log())
        clients.pop().close()
        wait_for(lambda: ask_or_refused(place) == b"hello")
        for client in clients:
            client.close()
