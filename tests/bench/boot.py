# SPDX-License-Identifier: Apache-2.0
"""Boots a kernel with an empty init in plain QEMU and takes the time to init's first words."""

import os
import statistics
import subprocess
import tempfile
import threading
import time

MARK = b"bench: init runs"
# A boot takes seconds; one that takes this long hangs.
BOOT_MAX_S = 90
# CONFIG_HZ of both kernels, for lpj=, as the engine says it.
GUEST_HZ = 250


def kvm_is_usable():
    """What the daemon decides by running code (lib: kvm_probe); here only whether it may be opened for writing."""
    return os.environ.get("BENCH_ACCEL", "tcg") == "kvm"


def tsc_khz():
    """The host's TSC rate, which a guest under TCG reads but cannot calibrate."""
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        for line in file:
            if line.startswith("cpu MHz"):
                return int(float(line.split(":")[1]) * 1000)
    raise RuntimeError("/proc/cpuinfo has no cpu MHz")


def make_ramdisk(init, path):
    """A cpio with /dev/console and init alone."""
    with tempfile.TemporaryDirectory() as tree:
        os.mkdir(os.path.join(tree, "dev"))
        os.mknod(os.path.join(tree, "dev", "console"), 0o600 | 0o020000, os.makedev(5, 1))
        subprocess.run(["cp", init, os.path.join(tree, "init")], check=True)
        with open(path, "wb") as file:
            subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=tree, input=b".\ndev\ndev/console\ninit\n",
                           stdout=file, check=True)


def medians(runs, *measurements):
    """The median of each measurement, taken in turns: what else the machine does then falls on all of them alike."""
    taken = [[measure() for measure in measurements] for _ in range(runs)]
    return [statistics.median(column) for column in zip(*taken)]


def boot_once(kernel_dir, acpi, ramdisk, memory_mib, cpus):
    """Seconds from the start of QEMU to init's first words, with a blobs directory's kernel and command line."""
    kernel = os.path.join(kernel_dir, "bzImage")
    with open(os.path.join(kernel_dir, "cmdline"), encoding="ascii") as file:
        cmdline = file.read()
    accel = "kvm" if kvm_is_usable() else "tcg"
    words = f"{cmdline} tsc_early_khz={tsc_khz()} tsc=reliable lpj={tsc_khz() * 1000 // GUEST_HZ}"
    if accel == "tcg":
        words += " redoubt.lapic_timer_khz=1000000"
    command = [
        "qemu-system-x86_64", "-machine", f"microvm,accel={accel},acpi={'on' if acpi else 'off'},isa-serial=on,pit=on,rtc=on,x-option-roms=off", "-bios", "qboot.rom",
        "-cpu", "host" if accel == "kvm" else "max", "-smp", str(cpus), "-m", f"{memory_mib}M", "-nodefaults", "-no-user-config",
        "-nographic", "-no-reboot", "-serial", "stdio", "-kernel", kernel, "-initrd", ramdisk, "-append", words,
    ]
    start = time.monotonic()
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as qemu:
        watchdog = threading.Timer(BOOT_MAX_S, qemu.kill)
        watchdog.start()
        seen = b""
        reached = None
        for line in qemu.stdout:
            seen += line
            if MARK in line:
                reached = time.monotonic() - start
        qemu.wait()
        watchdog.cancel()
    if reached is None:
        raise RuntimeError(f"{kernel} did not reach init:\n{seen[-2000:].decode(errors='replace')}")
    return reached

