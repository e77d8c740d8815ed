#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The enclave kernel against Debian's: plain QEMU, an empty static init, time to init's first words."""

import os
import sys
import tempfile

import boot

RUNS = 7
MEMORY_MIB = 256
CPUS = 2


def main():
    blobs = os.path.join(os.environ["REDOUBT_OUT"], "share", "redoubt", "blobs")
    if not os.path.exists(os.path.join(blobs, "enclave", "bzImage")):
        print("the enclave kernel has not been built: make kernel", file=sys.stderr)
        return 77
    with tempfile.TemporaryDirectory() as work:
        ramdisk = os.path.join(work, "ramdisk")
        boot.make_ramdisk(os.path.join(os.environ["REDOUBT_BUILD"], "tests", "bench", "empty-init"), ramdisk)
        debian, ours = boot.medians(
            RUNS, lambda: boot.boot_once(os.path.join(blobs, "debian"), True, ramdisk, MEMORY_MIB, CPUS),
            lambda: boot.boot_once(os.path.join(blobs, "enclave"), False, ramdisk, MEMORY_MIB, CPUS))
    print(f"boot-enclave-kernel {ours:.3f} s boot-debian-kernel {debian:.3f} {ours / debian:.3f} <=0.333")
    return 0


if __name__ == "__main__":
    sys.exit(main())
