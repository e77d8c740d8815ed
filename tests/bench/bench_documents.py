#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Attestation documents built and signed per second, in process, against OpenSSL's own rate of signing with P-384."""

import os
import re
import subprocess
import sys


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


def main():
    signing = openssl_rate()
    documents = our_rate(os.environ["REDOUBT_BUILD"])
    print(f"documents-in-process {documents:.0f} 1/s openssl-ecdsap384-sign {signing:.0f} {documents / signing:.3f} >=0.8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
