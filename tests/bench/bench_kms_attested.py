#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Decrypt for an attested recipient, per second of the server's processor time, against what OpenSSL's P-384 verifications
and RSA-2048 encryption alone would allow (openssl speed, in turns with it).

Warm: every document is another one, all under one chain of certificates. Cold: every document has a leaf, and so a chain,
of its own, more of them than the server remembers: the four certificates below the root are verified each time, too.
"""

import base64
import datetime
import os
import re
import statistics
import subprocess
import sys
import tempfile

from kms_bench import LOAD_CPU, BODIES, Server

RUNS = 3
# The server remembers 1,024 chains; each request of a run has one that it has not seen.
CHAINS = 1400
COLD_VERIFIES = 5

from document_maker import Maker  # noqa: E402  pylint: disable=wrong-import-order,wrong-import-position


def speed():
    """P-384 verifications, and RSA-2048 public key operations, per second of processor time."""
    done = subprocess.run(["taskset", "-c", str(LOAD_CPU), "openssl", "speed", "-seconds", "1", "ecdsap384", "rsa2048"],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    verify = re.search(r"^ *384 bits ecdsa.*\s([0-9.]+)$", done.stdout, re.MULTILINE)
    encrypt = re.search(r"^rsa 2048 bits.*\s([0-9.]+)$", done.stdout, re.MULTILINE)
    return float(verify.group(1)), float(encrypt.group(1))


def body(blob, document):
    return {"CiphertextBlob": blob, "Recipient": {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256",
                                                  "AttestationDocument": base64.b64encode(document).decode()}}


def fresh_leaf(maker):
    """The leaf's certificate again, with another serial number: another chain."""
    maker.ders[-1] = maker.issue(len(maker.ders) - 1)
    return maker.document()


def measure(server, name, bodies, verifications, connections):
    """verifications: of P-384, that a call cannot do without."""
    taken = []
    for i in range(RUNS):
        verify, encrypt = speed()
        bound = 1 / (verifications / verify + 1 / encrypt)
        run = server.load("Decrypt", bodies[i % len(bodies)], seconds=1.5, connections=connections)
        taken.append((run.per_core / bound, run.per_core, bound, run.rate, run.p99))
    ratio, ours, bound, rate, p99 = (statistics.median(column) for column in zip(*taken))
    print(f"{name}: {rate:.0f} answers a second by the clock, p99 {p99 / 1000:.0f} ms", file=sys.stderr)
    return ours, bound, ratio


def main():
    with tempfile.TemporaryDirectory(prefix="rdk-maker-") as directory:
        maker = Maker(directory)
        server = Server(f'roots: ["{maker.root}"]\n')
        try:
            key = server.ask("CreateKey")["KeyMetadata"]["KeyId"]
            secret = base64.b64encode(os.urandom(32)).decode()
            blob = server.ask("Encrypt", KeyId=key, Plaintext=secret)["CiphertextBlob"]
            warm = server.bodies("warm", (body(blob, maker.document(nonce=os.urandom(8))) for _ in range(BODIES)))
            cold = [server.bodies(f"cold{i}", (body(blob, fresh_leaf(maker)) for _ in range(CHAINS))) for i in range(RUNS)]
            ours, bound, ratio = measure(server, "warm", [warm], 2, 64)
            print(f"kms-attested-Decrypt-warm {ours:.0f} 1/s 2-verifies-1-encrypt {bound:.0f} {ratio:.2f} >=0.8", flush=True)
            ours, bound, ratio = measure(server, "cold", cold, COLD_VERIFIES, 64)
            print(f"kms-attested-Decrypt-cold {ours:.0f} 1/s {COLD_VERIFIES}-verifies-1-encrypt {bound:.0f} {ratio:.2f}",
                  flush=True)
        finally:
            server.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
