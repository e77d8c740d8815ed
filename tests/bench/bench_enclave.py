#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""run-enclave to heartbeat against the same kernel with an empty init in plain QEMU; and what an enclave costs in memory."""

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

import boot

RUNS = 5
MEMORY_MIB = 256
CPUS = 2


class Host:
    """A redoubtd of our own, under a directory of its own, and nitro-cli talking to it."""

    def __init__(self, out, home):
        self.bin = os.path.join(out, "bin")
        self.environment = {**os.environ, "REDOUBT_HOME": home}
        self.log = open(os.path.join(home, "redoubtd.log"), "wb")
        self.daemon = subprocess.Popen([os.path.join(self.bin, "redoubtd")], env=self.environment, stdin=subprocess.DEVNULL,
                                       stdout=self.log, stderr=self.log)
        socket = os.path.join(home, "run", "redoubtd.sock")
        for _ in range(200):
            if os.path.exists(socket):
                return
            if self.daemon.poll() is not None:
                break
            time.sleep(0.05)
        with open(self.log.name, encoding="utf-8", errors="replace") as file:
            raise RuntimeError(f"redoubtd did not start: {file.read()[-1000:]}")

    def nitro_cli(self, *words):
        result = subprocess.run([os.path.join(self.bin, "nitro-cli"), *words], env=self.environment, capture_output=True,
                                text=True, check=False, timeout=300)
        if result.returncode != 0:
            raise RuntimeError(f"nitro-cli {' '.join(words)}: status {result.returncode}: {result.stderr.strip()}")
        return json.loads(result.stdout[result.stdout.index("{"):]) if "{" in result.stdout else {}

    def close(self):
        self.daemon.terminate()
        self.daemon.wait(30)
        self.log.close()


def own_memory_kib(pid):
    """Proportional set size without the guest's memory, which is a file of ours mapped shared."""
    total = 0
    guest = False
    with open(f"/proc/{pid}/smaps", encoding="ascii", errors="replace") as file:
        for line in file:
            if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
                guest = "memfd:" in line
            elif line.startswith("Pss:") and not guest:
                total += int(line.split()[1])
    return total


def descendants(pid):
    """pid: command name of every process below pid, by /proc."""
    parents, names = {}, {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                text = file.read()
        except OSError:
            continue
        names[int(entry)] = text[text.index("(") + 1:text.rindex(")")]
        parents[int(entry)] = int(text[text.rindex(")") + 2:].split()[1])
    found = {}
    for child in names:
        above = child
        while above in parents and above != pid:
            above = parents[above]
        if above == pid:
            found[child] = names[child]
    return found


def measure(host, eif):
    """Median time of run-enclave, and (ours, QEMU's) memory in KiB while the last one runs."""
    times = []
    memory = (0, 0)
    for _ in range(RUNS):
        start = time.monotonic()
        enclave = host.nitro_cli("run-enclave", "--eif-path", eif, "--cpu-count", str(CPUS), "--memory", str(MEMORY_MIB))
        times.append(time.monotonic() - start)
        processes = descendants(host.daemon.pid)
        ours = sum(own_memory_kib(pid) for pid, name in processes.items() if not name.startswith("qemu"))
        theirs = sum(own_memory_kib(pid) for pid, name in processes.items() if name.startswith("qemu"))
        memory = (ours, theirs)
        host.nitro_cli("terminate-enclave", "--enclave-id", enclave["EnclaveID"])
    return statistics.median(times), memory


def main():
    out, build = os.environ["REDOUBT_OUT"], os.environ["REDOUBT_BUILD"]
    blobs = os.path.join(out, "share", "redoubt", "blobs")
    flavour = next((f for f in ("enclave", "debian") if os.path.exists(os.path.join(blobs, f, "bzImage"))), None)
    if flavour is None:
        print("no kernel in ./out: run make", file=sys.stderr)
        return 77
    with tempfile.TemporaryDirectory() as work:
        home = os.path.join(work, "home")
        os.mkdir(home)
        ramdisk = os.path.join(work, "ramdisk")
        boot.make_ramdisk(os.path.join(build, "tests", "bench", "empty-init"), ramdisk)
        host = Host(out, home)
        try:
            eif = os.path.join(work, "hello.eif")
            host.nitro_cli("build-enclave", "--docker-dir", os.path.join(out, "share", "redoubt", "examples", "hello-attest"),
                           "--docker-uri", "hello-attest", "--output-file", eif)
            seconds, (ours, theirs) = measure(host, eif)
        finally:
            host.close()
        plain = boot.boot(os.path.join(blobs, flavour), flavour == "debian", ramdisk, RUNS, MEMORY_MIB, CPUS)
    print(f"run-enclave-to-heartbeat-{flavour} {seconds:.3f} s plain-qemu-empty-init {plain:.3f} {seconds / plain:.3f} <=1.15")
    print(f"memory-of-vmm-and-daemon {ours} KiB qemu-without-guest-memory {theirs} {ours / theirs:.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
