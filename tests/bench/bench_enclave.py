#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""run-enclave to heartbeat against the same kernel with an empty init in plain QEMU; and what an enclave costs in memory."""

import os
import re
import statistics
import sys
import tempfile
import time

import boot
import images

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from redoubt import Host, descendants  # noqa: E402  (the path above comes first)

RUNS = 9
MEMORY_MIB = 256
CPUS = 2
# What redoubt-vmm calls the memory file that is the guest's RAM.
GUEST_MEMORY = "guest-memory"


def own_memory_kib(pid):
    """Proportional set size without memory files, which are counted by themselves."""
    total = 0
    memory_file = False
    with open(f"/proc/{pid}/smaps", encoding="ascii", errors="replace") as file:
        for line in file:
            if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
                memory_file = "memfd:" in line
            elif line.startswith("Pss:") and not memory_file:
                total += int(line.split()[1])
    return total


def memory_files_kib(pids):
    """Memory files that the processes hold open, mapped or not, each once; the guest's own memory is not among them."""
    sizes = {}
    for pid in pids:
        for fd in os.listdir(f"/proc/{pid}/fd"):
            path = f"/proc/{pid}/fd/{fd}"
            try:
                target, info = os.readlink(path), os.stat(path)
            except OSError:
                continue
            if target.startswith("/memfd:") and not target.startswith(f"/memfd:{GUEST_MEMORY} "):
                sizes[info.st_ino] = info.st_blocks // 2
    return sum(sizes.values())


def memory_kib(daemon):
    """(ours, QEMU's) in KiB: the daemon and everything below it."""
    processes = descendants(daemon)
    theirs = [pid for pid, name in processes.items() if name.startswith("qemu")]
    ours = [daemon] + [pid for pid in processes if pid not in theirs and pid != daemon]
    return (sum(map(own_memory_kib, ours)) + memory_files_kib(ours + theirs), sum(map(own_memory_kib, theirs)))


class Enclave:
    """Run, measure, terminate, over and over."""

    def __init__(self, host, eif):
        self.host = host
        self.eif = eif
        self.memory = []

    def boot_once(self):
        """Seconds that run-enclave takes: it returns after the heartbeat."""
        start = time.monotonic()
        enclave = self.host.start(self.eif, cpus=CPUS, memory=MEMORY_MIB)
        taken = time.monotonic() - start
        try:
            self.memory.append(memory_kib(self.host.daemon.pid))
        finally:
            self.host.terminate(enclave)
        return taken


def measure(out, build, blobs, flavour):
    """Medians: seconds of (run-enclave, plain QEMU), KiB of (ours, QEMU's)."""
    with tempfile.TemporaryDirectory() as work:
        ramdisk = os.path.join(work, "ramdisk")
        boot.make_ramdisk(os.path.join(build, "tests", "bench", "empty-init"), ramdisk)
        with Host(out) as host:
            source = images.program(os.path.join(work, "image"), os.path.join(build, "tests", "bench", "guest-documents"))
            eif, _ = host.build(source, "bench")
            enclave = Enclave(host, eif)
            seconds = boot.medians(RUNS, enclave.boot_once, lambda: boot.boot_once(
                os.path.join(blobs, flavour), flavour == "debian", ramdisk, MEMORY_MIB, CPUS))
    return seconds, [statistics.median(column) for column in zip(*enclave.memory)]


def main():
    out, build = os.environ["REDOUBT_OUT"], os.environ["REDOUBT_BUILD"]
    blobs = os.path.join(out, "share", "redoubt", "blobs")
    flavour = next((f for f in ("enclave", "debian") if os.path.exists(os.path.join(blobs, f, "bzImage"))), None)
    if flavour is None:
        print("no kernel in ./out: run make", file=sys.stderr)
        return 77
    (seconds, plain), (ours, theirs) = measure(out, build, blobs, flavour)
    print(f"run-enclave-to-heartbeat-{flavour} {seconds:.3f} s plain-qemu-empty-init {plain:.3f} {seconds / plain:.3f} <=1.15")
    print(f"memory-of-vmm-and-daemon {ours:.0f} KiB qemu-without-guest-memory {theirs:.0f} {ours / theirs:.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
