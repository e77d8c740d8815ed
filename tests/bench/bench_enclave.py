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
import images

RUNS = 9
MEMORY_MIB = 256
CPUS = 2
# What redoubt-vmm calls the memory file that is the guest's RAM.
GUEST_MEMORY = "guest-memory"


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
        enclave = self.host.nitro_cli("run-enclave", "--eif-path", self.eif, "--cpu-count", str(CPUS), "--memory", str(MEMORY_MIB))
        taken = time.monotonic() - start
        try:
            self.memory.append(memory_kib(self.host.daemon.pid))
        finally:
            self.host.nitro_cli("terminate-enclave", "--enclave-id", enclave["EnclaveID"])
        return taken


def measure(out, build, blobs, flavour):
    """Medians: seconds of (run-enclave, plain QEMU), KiB of (ours, QEMU's)."""
    with tempfile.TemporaryDirectory() as work:
        home = os.path.join(work, "home")
        os.mkdir(home)
        ramdisk = os.path.join(work, "ramdisk")
        boot.make_ramdisk(os.path.join(build, "tests", "bench", "empty-init"), ramdisk)
        host = Host(out, home)
        try:
            eif = os.path.join(work, "bench.eif")
            source = images.program(os.path.join(work, "image"), os.path.join(build, "tests", "bench", "guest-documents"))
            host.nitro_cli("build-enclave", "--docker-uri", source, "--output-file", eif)
            enclave = Enclave(host, eif)
            seconds = boot.medians(RUNS, enclave.boot_once, lambda: boot.boot_once(
                os.path.join(blobs, flavour), flavour == "debian", ramdisk, MEMORY_MIB, CPUS))
        finally:
            host.close()
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
