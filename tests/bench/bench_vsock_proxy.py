#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""vsock-proxy against socat, both from the same Unix socket's place to a TCP service on loopback, taking turns.

Throughput of one stream in each direction, connections per second (connect, 64 bytes there and back, close), and requests
per second of 64 bytes over 10 open connections.
"""

import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

RUNS = 5
STREAM = 512 << 20
SECONDS = 1.5
CLIENTS = 10
PORT = 8000
SLOT = "00000000000000a1"
CHUNK = bytes(1 << 18)


def serve(listener):
    """In a process of its own. First byte: S to swallow, G to give STREAM bytes, otherwise echo."""
    def one(peer):
        with peer:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            data = peer.recv(1 << 18)
            buffer = bytearray(1 << 18)
            if data[:1] == b"S":
                while peer.recv_into(buffer):
                    pass
                peer.sendall(b"done")
            elif data[:1] == b"G":
                for _ in range(STREAM // len(CHUNK)):
                    peer.sendall(CHUNK)
            while data and data[:1] not in (b"S", b"G"):
                peer.sendall(data)
                data = peer.recv(1 << 18)

    while True:
        threading.Thread(target=one, args=(listener.accept()[0],), daemon=True).start()


def connect(path):
    for _ in range(500):
        client = socket.socket(socket.AF_UNIX)
        try:
            client.connect(path)
            return client
        except OSError:
            client.close()
            time.sleep(0.01)
    raise RuntimeError(f"nobody listens on {path}")


def upload(path):
    with connect(path) as client:
        start = time.monotonic()
        client.sendall(b"S")
        for _ in range(STREAM // len(CHUNK)):
            client.sendall(CHUNK)
        client.shutdown(socket.SHUT_WR)
        if client.recv(4, socket.MSG_WAITALL) != b"done":
            raise RuntimeError("the stream was cut")
        return STREAM / (time.monotonic() - start) / 1e6


def download(path):
    buffer = bytearray(1 << 18)
    with connect(path) as client:
        start = time.monotonic()
        client.sendall(b"G")
        got = 0
        while got < STREAM:
            step = client.recv_into(buffer)
            if not step:
                raise RuntimeError("the stream was cut")
            got += step
        return STREAM / (time.monotonic() - start) / 1e6


def exchange(client):
    client.sendall(b"x" * 64)
    if len(client.recv(64, socket.MSG_WAITALL)) != 64:
        raise RuntimeError("an answer was cut")


def connections(path):
    end = time.monotonic() + SECONDS
    count = 0
    while time.monotonic() < end:
        with connect(path) as client:
            exchange(client)
        count += 1
    return count / SECONDS


def requests(path):
    counts = [0] * CLIENTS
    end = time.monotonic() + SECONDS

    def run(i):
        with connect(path) as client:
            while time.monotonic() < end:
                exchange(client)
                counts[i] += 1

    threads = [threading.Thread(target=run, args=(i,)) for i in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / SECONDS


MEASURES = (("vsock-proxy-to-remote", upload, "MB/s"), ("vsock-proxy-from-remote", download, "MB/s"),
            ("vsock-proxy-connections", connections, "1/s"), ("vsock-proxy-requests-10-clients", requests, "1/s"))


def measure(ours, socat):
    for name, function, unit in MEASURES:
        values, bases = [], []
        for _ in range(RUNS):
            values.append(function(ours))
            bases.append(function(socat))
        value, base = statistics.median(values), statistics.median(bases)
        print(f"{name} {value:.0f} {unit} socat {base:.0f} {value / base:.2f} >=1.0", flush=True)


def main():
    if shutil.which("socat") is None:
        print("socat is not installed: run tools/setup check", file=sys.stderr)
        return 77
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    port = listener.getsockname()[1]
    service = os.fork()
    if service == 0:
        serve(listener)
    listener.close()
    started = []
    with tempfile.TemporaryDirectory() as home:
        enclave = os.path.join(home, "run", "enclaves", SLOT)
        os.makedirs(enclave, mode=0o700)
        config = os.path.join(home, "vsock-proxy.yaml")
        with open(config, "w", encoding="ascii") as file:
            file.write(f"allowlist:\n- {{address: 127.0.0.1, port: {port}}}\n")
        program = os.path.join(os.environ["REDOUBT_OUT"], "bin", "vsock-proxy")
        other = os.path.join(home, "socat.sock")
        try:
            started.append(subprocess.Popen([program, "--config", config, str(PORT), "127.0.0.1", str(port)],
                                            env={**os.environ, "REDOUBT_HOME": home}))
            started.append(subprocess.Popen(["socat", "-b", "65536", f"UNIX-LISTEN:{other},fork,backlog=4096",
                                             f"TCP:127.0.0.1:{port},nodelay"]))
            measure(os.path.join(enclave, f"vsock.sock_{PORT}"), other)
        finally:
            for process in started:
                process.terminate()
                process.wait(20)
            os.kill(service, 9)
            os.waitpid(service, 0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
