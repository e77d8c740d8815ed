#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""redoubt-kms against nginx, whose answer is the same for everything and of the same size.

Both get the same signed requests from the same program, on as many connections; both have one thread for connections, on
the same processor (redoubt-kms has its others there, too). Encrypt, Decrypt and GenerateDataKey, SQLite, plain HTTP.
"""

import base64
import os
import shutil
import statistics
import sys

from kms_bench import BODIES, Nginx, Server, memory_mib

RUNS = 3
# What is around the body in nginx's answer, roughly: answers are of the same size but for some bytes.
NGINX_HEAD = 165


def random_text(size):
    return base64.b64encode(os.urandom(size)).decode()


def requests(server):
    key = server.ask("CreateKey")["KeyMetadata"]["KeyId"]
    blobs = [server.ask("Encrypt", KeyId=key, Plaintext=random_text(32))["CiphertextBlob"] for _ in range(BODIES)]
    return {
        "Encrypt": server.bodies("encrypt", ({"KeyId": key, "Plaintext": random_text(32)} for _ in range(BODIES))),
        "Decrypt": server.bodies("decrypt", ({"CiphertextBlob": blob} for blob in blobs)),
        "GenerateDataKey": server.bodies("datakey", ({"KeyId": key, "KeySpec": "AES_256"} for _ in range(BODIES))),
    }


def against_nginx(server, operation, bodies):
    size = server.load(operation, bodies, seconds=0.5).size
    nginx = Nginx(size - NGINX_HEAD)
    try:
        taken = [(server.load(operation, bodies), nginx.load(operation, bodies, server.admin)) for _ in range(RUNS)]
        ours = statistics.median(run.per_core for run, _ in taken)
        theirs = statistics.median(run.per_core for _, run in taken)
        rate = statistics.median(run.rate for run, _ in taken)
        name = f"kms-{operation}"
        print(f"{name}-per-core {ours:.0f} 1/s nginx {theirs:.0f} {ours / theirs:.2f} >=0.4", flush=True)
        half = [(server.load(operation, bodies, rate=rate / 2), nginx.load(operation, bodies, server.admin, rate=rate / 2))
                for _ in range(RUNS)]
        ours = statistics.median(run.p99 for run, _ in half) / 1000
        theirs = statistics.median(run.p99 for _, run in half) / 1000
        print(f"{name}-p99-at-{rate / 2:.0f}/s {ours:.1f} ms nginx {theirs:.1f} {ours / theirs:.2f}", flush=True)
        print(f"{name}-memory {memory_mib(server.process.pid):.1f} MiB nginx {memory_mib(nginx.process.pid):.1f} "
              f"{memory_mib(server.process.pid) / memory_mib(nginx.process.pid):.2f}", flush=True)
    finally:
        nginx.close()


def main():
    if shutil.which("nginx") is None:
        print("nginx is not installed: run tools/setup bench", file=sys.stderr)
        return 77
    server = Server()
    try:
        for operation, bodies in requests(server).items():
            against_nginx(server, operation, bodies)
    finally:
        server.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
