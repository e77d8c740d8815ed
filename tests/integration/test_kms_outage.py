# SPDX-License-Identifier: Apache-2.0
"""A database that goes and comes back under a running server: PostgreSQL stopped, killed, hanging or behind a network
that swallows everything, SQLite's file locked by another process. Meanwhile each call has the documented error within
a bounded time, HTTP goes on, and afterwards what was acknowledged is there, without a restart.
"""

import concurrent.futures
import contextlib
import glob
import os
import select
import signal
import socket
import sqlite3
import subprocess
import threading
import time

import pytest
from kms_host import Credentials, Kms, until

POSTGRES, TOOL, CLUSTER = (os.environ.get(name) for name in ("TEST_POSTGRES", "TEST_POSTGRES_TOOL", "TEST_POSTGRES_DIR"))
REDOUBT = os.environ["REDOUBT"]
# Longer than cached keys are used without news of changes (cache.h: 5 s), and than a call may take.
AWAY_S = 10
# call.c: 5 s in a queue, 5 s with the database, and a connection; a busy machine.
BOUND_S = 20
# What has nothing to do with the database; a thread that waits for one would take 5 s.
PULSE_S = 4
AGAIN_S = 60
OUTAGE = {"KMSInternalException", "DependencyTimeoutException", "ThrottlingException"}

needs_postgresql = pytest.mark.skipif(not POSTGRES, reason="PostgreSQL is not installed")


def postmaster():
    with open(os.path.join(CLUSTER, "data", "postmaster.pid"), encoding="ascii") as file:
        return int(file.readline())


def processes():
    """The postmaster's and its children's."""
    first = postmaster()
    found = [first]
    for path in glob.glob("/proc/[0-9]*/stat"):
        with contextlib.suppress(OSError), open(path, encoding="ascii", errors="replace") as file:
            if int(file.read().rsplit(")", 1)[1].split()[1]) == first:
                found.append(int(path.split("/")[2]))
    return found


def signal_all(signo):
    for pid in processes():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signo)


def control(what):
    subprocess.run([TOOL, what, CLUSTER], check=True, timeout=120)


def kill_all():
    pids = processes()
    signal_all(signal.SIGKILL)
    assert until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids), 30)


class Network:
    """TCP on loopback before the cluster's Unix socket; while it is cut, nothing comes through and nothing is closed."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        self.cut, self.ending = False, False
        self.pairs = {}  # either end to the other
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def take(self):
        client, _ = self.listener.accept()
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(os.path.join(CLUSTER, ".s.PGSQL.5432"))
        except OSError:
            client.close()
            return
        self.pairs |= {client: server, server: client}

    def drop(self, end):
        other = self.pairs.pop(end)
        self.pairs.pop(other)
        end.close()
        other.close()

    def pass_on(self, end):
        if end not in self.pairs:
            return
        try:
            data = end.recv(65536)
            if data:
                self.pairs[end].sendall(data)
                return
        except OSError:
            pass
        self.drop(end)

    def run(self):
        while not self.ending:
            if self.cut:
                time.sleep(0.05)
                continue
            for ready in select.select([self.listener, *self.pairs], [], [], 0.05)[0]:
                if ready is self.listener:
                    self.take()
                else:
                    self.pass_on(ready)

    def close(self):
        self.ending = True
        self.thread.join(30)
        for end in list(self.pairs):
            end.close()
        self.listener.close()


def leave(network, value):
    network.cut = value


# How the database goes, and how it comes back.
WAYS = {
    "stopped": (lambda _: control("stop"), lambda _: control("start")),
    "crashed": (lambda _: control("crash"), lambda _: control("start")),
    "killed": (lambda _: kill_all(), lambda _: control("start")),
    "hanging": (lambda _: signal_all(signal.SIGSTOP), lambda _: signal_all(signal.SIGCONT)),
    "cut off": (lambda network: leave(network, True), lambda network: leave(network, False)),
}


class Client:
    """Writes and reads until it is told to end; keeps what was acknowledged, which errors came and the slowest answer."""

    def __init__(self, kms, known):
        self.kms, self.known = kms, known
        self.keys, self.aliases, self.errors, self.slowest = [], {}, set(), 0

    def ask(self, sock, operation, body):
        start = time.monotonic()
        answer = self.kms.exchange(sock, self.kms.request(operation, body))
        self.slowest = max(self.slowest, time.monotonic() - start)
        if answer.status != 200:
            assert answer.type in OUTAGE, answer.bytes
            assert answer.status == (400 if answer.type == "ThrottlingException" else 500)
            assert b"Plaintext" not in answer.bytes
            self.errors.add(answer.type)
        return answer

    def run(self, ending):
        with self.kms.connect() as sock:
            while not ending.is_set():
                made = self.ask(sock, "CreateKey", {})
                if made.status == 200:
                    key = made.json["KeyMetadata"]["KeyId"]
                    self.keys.append(key)
                    alias = f"alias/{key}"
                    if self.ask(sock, "CreateAlias", {"AliasName": alias, "TargetKeyId": key}).status == 200:
                        self.aliases[alias] = key
                self.ask(sock, "Decrypt", {"CiphertextBlob": self.known})
                self.ask(sock, "ListKeys", {"Limit": 1})
                time.sleep(0.01)


def pulse(kms, ending):
    """What needs no database, on new connections and an old one; the slowest."""
    slowest = 0
    with kms.connect() as sock:
        while not ending.is_set():
            for beat in (lambda: kms.get("/healthz"), lambda: kms.metric("connections"),
                         lambda: kms.exchange(sock, f"GET /healthz HTTP/1.1\r\nHost: {kms.host}\r\n\r\n".encode())):
                start = time.monotonic()
                beat()
                slowest = max(slowest, time.monotonic() - start)
            time.sleep(0.05)
    return slowest


@contextlib.contextmanager
def load(kms, known, n=8):
    """More clients than the server has HTTP threads; what they have at the end is checked."""
    ending = threading.Event()
    clients = [Client(kms, known) for _ in range(n)]
    with concurrent.futures.ThreadPoolExecutor(n + 1) as pool:
        runs = [pool.submit(client.run, ending) for client in clients]
        beats = pool.submit(pulse, kms, ending)
        try:
            yield clients
        finally:
            ending.set()
            for run in runs:
                run.result()
            assert beats.result() < PULSE_S


def check_kept(kms, clients):
    def check(client):
        with kms.connect() as sock:
            for name, key in [*zip(client.keys, client.keys), *client.aliases.items()]:
                answer = kms.exchange(sock, kms.request("DescribeKey", {"KeyId": name}))
                assert answer.status == 200 and answer.json["KeyMetadata"]["KeyId"] == key, answer.bytes

    with concurrent.futures.ThreadPoolExecutor(len(clients)) as pool:
        list(pool.map(check, clients))


def well(kms):
    return kms.call("CreateKey").status == 200


def verify_log(kms):
    kms.stop()
    done = subprocess.run([REDOUBT, "audit", "verify", kms.path("state", "kms", "audit")], capture_output=True, text=True,
                          timeout=120, env=kms.env, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Sanitizer" not in kms.log_text() and "runtime error" not in kms.log_text(), kms.log_text()


@contextlib.contextmanager
def closing(kms):
    try:
        yield kms
    finally:
        kms.close()


def database(name, network=None):
    """The URL of a database of the test's own, on the cluster's socket or through the network."""
    psql = sorted(glob.glob("/usr/lib/postgresql/*/bin/psql"))[-1]
    subprocess.run([psql, "-q", "-d", POSTGRES, "-c", f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)', "-c",
                    f'CREATE DATABASE "{name}"'], check=True, timeout=60)
    return address(name, network)


def address(name, network=None):
    if network:
        return f'database: "postgresql://redoubt@127.0.0.1:{network.port}/{name}?sslmode=disable&gssencmode=disable"\n'
    return f'database: "{POSTGRES.replace("///postgres?", f"///{name}?")}"\n'


@needs_postgresql
@pytest.mark.parametrize("way", WAYS)
def test_postgresql_that_goes_and_comes_back(way):
    go, come = WAYS[way]
    network = Network()
    try:
        config = database("outage", network if way == "cut off" else None)
        with closing(Kms(config)) as kms:
            key = kms.call("CreateKey").json["KeyMetadata"]["KeyId"]
            blob = kms.call("Encrypt", {"KeyId": key, "Plaintext": "eA=="}).json["CiphertextBlob"]
            pid = kms.process.pid
            with load(kms, blob) as clients:
                time.sleep(2)
                try:
                    go(network)
                    before = sum(len(client.keys) for client in clients)
                    time.sleep(AWAY_S)
                    # Nobody known, a key that nobody has asked for, and no key at all: all within the bound.
                    for request in (kms.request("ListKeys", credentials=Credentials("AKIAIOSFODNN7EXAMPLE", "x")),
                                    kms.request("DescribeKey", {"KeyId": f"alias/{key}"}), kms.request("CreateKey")):
                        start = time.monotonic()
                        answer = kms.send(request)
                        assert time.monotonic() - start < BOUND_S
                        assert (answer.status, answer.type in OUTAGE) == (500, True), answer.bytes
                finally:
                    come(network)
                assert until(lambda: well(kms), AGAIN_S), kms.log_text()[-2000:]
                time.sleep(2)
            assert kms.process.poll() is None and kms.process.pid == pid
            assert all(client.errors for client in clients)
            assert max(client.slowest for client in clients) < BOUND_S
            assert sum(len(client.keys) for client in clients) > before  # it went on
            assert kms.call("Decrypt", {"CiphertextBlob": blob}).json["Plaintext"] == "eA=="
            check_kept(kms, clients)
            verify_log(kms)
    finally:
        network.close()


@needs_postgresql
def test_what_others_change_while_a_server_is_cut_off_it_knows_afterwards():
    network = Network()
    try:
        config = database("two", network)
        with closing(Kms(config)) as first, closing(Kms(address("two") + f"master: file:{first.path('state', 'kms', 'master.key')}\n",
                                                        admin=first.admin)) as second:
            keys = [first.call("CreateKey").json["KeyMetadata"]["KeyId"] for _ in range(3)]
            blobs = [first.call("Encrypt", {"KeyId": key, "Plaintext": "eA=="}).json["CiphertextBlob"] for key in keys]
            network.cut = True
            assert second.call("DisableKey", {"KeyId": keys[0]}).status == 200
            # Until it is too old what it has in memory is used (cache.h); then nothing is.
            assert until(lambda: first.call("Decrypt", {"CiphertextBlob": blobs[0]}).status == 500, 15)
            assert second.call("DisableKey", {"KeyId": keys[1]}).status == 200
            network.cut = False
            assert until(lambda: first.call("Decrypt", {"CiphertextBlob": blobs[2]}).status == 200, AGAIN_S)
            for blob in blobs[:2]:
                assert first.call("Decrypt", {"CiphertextBlob": blob}).type == "DisabledException"
            # And hears at once again.
            assert second.call("DisableKey", {"KeyId": keys[2]}).status == 200
            assert until(lambda: first.call("Decrypt", {"CiphertextBlob": blobs[2]}).type == "DisabledException", 2)
            second.assert_well()
            verify_log(first)
    finally:
        network.close()


def test_sqlite_locked_by_another_process():
    with closing(Kms()) as kms:
        key = kms.call("CreateKey").json["KeyMetadata"]["KeyId"]
        blob = kms.call("Encrypt", {"KeyId": key, "Plaintext": "eA=="}).json["CiphertextBlob"]
        with load(kms, blob) as clients:
            time.sleep(1)
            path, = glob.glob(kms.path("state", "kms", "*.db"))
            with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as other:
                other.execute("BEGIN IMMEDIATE")
                time.sleep(AWAY_S)
                start = time.monotonic()
                answer = kms.call("CreateKey")
                assert (answer.status, answer.type) == (500, "DependencyTimeoutException"), answer.bytes
                assert time.monotonic() - start < BOUND_S
                # Readers wait for no writer, whether they have the key in memory or not.
                assert kms.call("Decrypt", {"CiphertextBlob": blob}).status == 200
                for created in [client.keys[-1] for client in clients if client.keys]:
                    assert kms.call("DescribeKey", {"KeyId": created}).status == 200
                other.execute("ROLLBACK")
            assert until(lambda: well(kms), AGAIN_S), kms.log_text()[-2000:]
            time.sleep(1)
        assert max(client.slowest for client in clients) < BOUND_S
        check_kept(kms, clients)
        verify_log(kms)
