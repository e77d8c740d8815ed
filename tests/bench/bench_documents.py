#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Attestation documents per second: in process, against OpenSSL's own rate of signing with P-384, taken in turns; and as an
application inside an enclave gets them from /dev/nsm, against what the same code signs in process. Under TCG that last ratio
is mostly the price of emulation: an ioctl through CUSE, two vsock messages, an encoder run by a translated processor."""

import os
import re
import socket
import subprocess
import sys

import boot
import images

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from redoubt import Host  # noqa: E402  (the path above comes first)

RUNS = 3
# Where the guest's program reports, and how long a slow machine may take to boot it and let it measure.
PORT = 5000
PATIENCE_S = 120


def openssl_rate():
    result = subprocess.run(["openssl", "speed", "-seconds", "3", "ecdsap384"], capture_output=True, text=True, check=True)
    match = re.search(r"384 bits ecdsa \(nistp384\)\s+\S+s\s+\S+s\s+([0-9.]+)", result.stdout)
    if match is None:
        raise RuntimeError(f"openssl speed said something else:\n{result.stdout}")
    return float(match.group(1))


def our_rate(build):
    program = os.path.join(build, "tests", "bench", "bench-attest")
    result = subprocess.run([program], capture_output=True, text=True, check=True)
    return float(re.search(r"[0-9.]+", result.stdout).group())


def report_of(directory):
    """The line that the guest's program sends to the parent's port."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.settimeout(PATIENCE_S)
        listener.bind(os.path.join(directory, f"vsock.sock_{PORT}"))
        listener.listen(1)
        connection = listener.accept()[0]
        with connection, connection.makefile() as file:
            connection.settimeout(PATIENCE_S)
            return file.readline()


def guest_rate(host, eif):
    """Documents per second that one application in an enclave with one CPU gets."""
    enclave = host.start(eif)
    report = report_of(host.enclave_dir(enclave))
    count, spent_ns, size, error = map(int, report.split())
    if error != 0 or count == 0:
        raise RuntimeError(f"/dev/nsm answered with error {error} after {count} documents")
    print(f"in the guest: {count} documents of {size} bytes in {spent_ns / 1e9:.1f} s", file=sys.stderr)
    return count * 1e9 / spent_ns


def measure_guest(out, build):
    """(documents per second in the guest, the same in process), taken in turns."""
    with Host(out) as host:
        source = images.program(host.path("image"), os.path.join(build, "tests", "bench", "guest-documents"))
        eif, _ = host.build(source, "bench")
        return boot.medians(RUNS, lambda: guest_rate(host, eif), lambda: our_rate(build))


def main():
    out, build = os.environ["REDOUBT_OUT"], os.environ["REDOUBT_BUILD"]
    signing, documents = boot.medians(RUNS, openssl_rate, lambda: our_rate(build))
    print(f"documents-in-process {documents:.0f} 1/s openssl-ecdsap384-sign {signing:.0f} {documents / signing:.3f} >=0.8")
    guest, documents = measure_guest(out, build)
    print(f"documents-in-guest {guest:.0f} 1/s documents-in-process {documents:.0f} {guest / documents:.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
