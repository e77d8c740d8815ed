#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""EIF build time against sha384sum and compression of the same bytes.

The image is an OCI layout of two gzip layers: programs and libraries of this machine, so that they compress as real images
do. What an EIF needs at the least is one pass of SHA-384 over it; the baseline is that with the coreutils program, and one
compression with zstd (its default level, one thread), of the EIF that was built.
"""

import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time

import images

RUNS = 5
CONTENT_MIB = 64


def collect(path, limit):
    """Regular files below path, in order of their names, until there are limit bytes of them."""
    chosen, total = [], 0
    for folder, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names):
            full = os.path.join(folder, name)
            if os.path.islink(full) or not os.path.isfile(full) or total >= limit:
                continue
            chosen.append(full)
            total += os.path.getsize(full)
    return chosen


def layers(work):
    made = []
    for folder in ("/usr/bin", "/usr/lib"):
        path = os.path.join(work, os.path.basename(folder) + ".tar")
        with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
            for name in collect(folder, CONTENT_MIB << 19):
                tar.add(name, recursive=False)
        with open(path, "rb") as file:
            made.append(file.read())
    return made


def timed(command, environment=None):
    start = time.monotonic()
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.monotonic() - start


def main():
    cli = os.path.join(os.environ["REDOUBT_OUT"], "bin", "nitro-cli")
    build, digest, compress = [], [], []
    with tempfile.TemporaryDirectory(dir="/var/tmp") as work:
        source = images.layout(os.path.join(work, "oci"), layers(work), Cmd=["/usr/bin/true"])
        eif = os.path.join(work, "bench.eif")
        environment = {**os.environ, "NITRO_CLI_ARTIFACTS": work}
        command = [cli, "build-enclave", "--docker-uri", source, "--output-file", eif]
        timed(command, environment)
        for _ in range(RUNS):
            build.append(timed(command, environment))
            digest.append(timed(["sha384sum", eif]))
            compress.append(timed(["zstd", "-q", "-T1", "-f", "-o", "/dev/null", eif]))
        size = os.path.getsize(eif) / (1 << 20)
    ours, theirs = statistics.median(build), statistics.median(digest) + statistics.median(compress)
    print(f"build-enclave-of-{size:.0f}-MiB {ours:.3f} s sha384sum+zstd-of-the-eif {theirs:.3f} {ours / theirs:.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
