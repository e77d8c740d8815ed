# SPDX-License-Identifier: Apache-2.0
"""redoubt doctor on hosts that are made for it: a tree with /proc, /sys and programs, and one thing changed at a time."""

import json
import os
import subprocess

import pytest

REDOUBT = os.environ["REDOUBT"]
LIMITS = """Limit                     Soft Limit           Hard Limit           Units
Max open files            1024                 {files}              files
Max locked memory         8388608              {memlock}            bytes
"""
GOOD = {
    "sys/devices/system/cpu/smt/control": "off\n",
    "sys/devices/system/cpu/online": "0-3\n",
    "sys/kernel/mm/ksm/run": "0\n",
    "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never\n",
    "sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory pids\n",
    "sys/devices/system/clocksource/clocksource0/current_clocksource": "tsc\n",
    "proc/swaps": "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n",
    "proc/self/limits": LIMITS.format(files=1048576, memlock="unlimited"),
    "proc/meminfo": "MemTotal:       33554432 kB\nMemFree:         1 kB\nMemAvailable:   20971520 kB\n",
}
PROGRAMS = ("docker", "mmdebstrap", "mke2fs", "sfdisk", "grub-mkimage", "qemu-img", "zstd")
QEMU = "QEMU emulator version {} (Debian)"


def script(path, line, code=0):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"#!/bin/sh\necho '{line}'\nexit {code}\n")
    os.chmod(path, 0o755)


class Host:
    """A tree that looks like a good host's, and what doctor says of it."""

    def __init__(self, folder):
        self.root = os.path.join(folder, "root")
        self.libexec = os.path.join(folder, "libexec")
        for name, text in GOOD.items():
            self.write(name, text)
        for name in PROGRAMS:
            script(os.path.join(self.root, "usr/bin", name), "")
        self.qemu("7.2.22")
        self.kvm(0)

    def write(self, name, text):
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def remove(self, name):
        os.unlink(os.path.join(self.root, name))

    def qemu(self, version):
        script(os.path.join(self.root, "usr/bin/qemu-system-x86_64"), QEMU.format(version))

    def kvm(self, code):
        script(os.path.join(self.libexec, "redoubt-vmm"), f"the probe says {code}", code)

    def doctor(self, *options):
        return subprocess.run([REDOUBT, "doctor", "--root", self.root, *options], capture_output=True, text=True, timeout=60,
                              check=False, env={"PATH": "/usr/bin:/bin", "REDOUBT_LIBEXEC": self.libexec,
                                                "REDOUBT_HOME": self.root})

    def findings(self):
        """check: (verdict, text, remedy), without the disk's, which is this machine's own."""
        result = self.doctor("--json")
        answer = json.loads(result.stdout)
        found = {f["Check"]: (f["Verdict"], f["Text"], f.get("Remedy", "")) for f in answer["Findings"]}
        found.pop("disk")
        return found

    def not_ok(self):
        return {check: verdict for check, (verdict, _, _) in self.findings().items() if verdict != "ok"}


@pytest.fixture(name="host")
def make_host(tmp_path):
    return Host(str(tmp_path))


def test_good_host_is_all_ok(host):
    assert host.not_ok() == {}
    assert host.findings()["sizes"][1] == "instance types up to m5.xlarge, c5.2xlarge, r5.large fit"


@pytest.mark.parametrize("name, text, check, verdict", [
    ("sys/devices/system/cpu/smt/control", "on\n", "smt", "warn"),
    ("sys/kernel/mm/ksm/run", "1\n", "ksm", "warn"),
    ("sys/kernel/mm/transparent_hugepage/enabled", "always madvise [never]\n", "hugepages", "warn"),
    ("sys/fs/cgroup/cgroup.controllers", "cpuset cpu io pids\n", "cgroup", "warn"),
    ("sys/fs/cgroup/cgroup.controllers", "memory.x pids\n", "cgroup", "warn"),
    ("sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet\n", "clock", "warn"),
    ("proc/swaps", GOOD["proc/swaps"] + "/dev/sda2 partition 1 0 -2\n", "swap", "warn"),
    ("proc/self/limits", LIMITS.format(files=8192, memlock="unlimited"), "files", "warn"),
    ("proc/self/limits", LIMITS.format(files=1024, memlock="unlimited"), "files", "bad"),
    ("proc/self/limits", LIMITS.format(files=1048576, memlock=65536), "memlock", "warn"),
    ("proc/self/limits", "nothing\n", "limits", "warn"),
    ("proc/swaps", "x" * 9000, "swap", "warn"),
])
def test_one_setting(host, name, text, check, verdict):
    host.write(name, text)
    assert host.not_ok() == {check: verdict}
    assert host.findings()[check][2] != ""


def test_swap_in_memory_is_no_swap_on_a_disk(host):
    host.write("proc/swaps", GOOD["proc/swaps"] + "/dev/zram0 partition 1 0 -2\n")
    assert host.not_ok() == {}


@pytest.mark.parametrize("mib, expected", [(300, {"memory": "bad", "sizes": "warn"}), (2048, {"memory": "warn", "sizes": "warn"})])
def test_little_memory(host, mib, expected):
    host.write("proc/meminfo", f"MemAvailable: {mib * 1024} kB\n")
    assert host.not_ok() == expected


def test_sizes_need_cpus_too(host):
    host.write("sys/devices/system/cpu/online", "0\n")
    assert host.findings()["sizes"][1] == "instance types up to m5.large, c5.large, r5.large fit"
    host.write("sys/devices/system/cpu/online", "0-x\n")
    assert host.findings()["sizes"][0] == "warn"


@pytest.mark.parametrize("version, verdict", [("7.2.0", "ok"), ("10.0.2", "ok"), ("7.1.9", "bad"), ("6.9", "bad"), ("", "bad")])
def test_version_of_qemu(host, version, verdict):
    host.qemu(version)
    assert host.findings()["qemu"][0] == verdict


def test_without_qemu_nothing_works(host):
    host.remove("usr/bin/qemu-system-x86_64")
    result = host.doctor()
    assert result.returncode == 10
    assert "bad   qemu" in result.stdout and "apt-get install qemu-system-x86" in result.stdout


def test_missing_programs_are_named_with_their_packages(host):
    host.remove("usr/bin/docker")
    host.remove("usr/bin/sfdisk")
    verdict, text, remedy = host.findings()["programs"]
    assert (verdict, remedy) == ("warn", "apt-get install buildah fdisk")
    assert text.endswith("there is no docker, sfdisk")
    script(os.path.join(host.root, "usr/sbin/sfdisk"), "")
    script(os.path.join(host.root, "usr/bin/buildah"), "")
    assert host.findings()["programs"][0] == "ok"


@pytest.mark.parametrize("code, verdict", [(0, "ok"), (1, "warn"), (2, "warn"), (137, "warn")])
def test_kvm_is_what_the_probe_says(host, code, verdict):
    host.kvm(code)
    assert host.findings()["kvm"][:2] == (
        verdict, ("" if code == 0 else "virtual machines are emulated, which is slow and no security boundary: ") +
        f"the probe says {code}")


def test_warnings_do_not_fail(host):
    host.kvm(1)
    assert host.doctor().returncode in (0, 10)  # the disk is this machine's
    lines = [line for line in host.doctor().stdout.splitlines() if "disk" not in line]
    assert [line.split()[0] for line in lines].count("warn") == 1 and not any(line.startswith("bad") for line in lines)


def test_text_of_a_file_does_nothing_to_the_terminal(host):
    host.write("sys/devices/system/cpu/smt/control", "\x1b[31mred\n")
    assert "\x1b" not in host.doctor().stdout


def test_wrong_usage(host):
    assert subprocess.run([REDOUBT, "doctor", "--roots"], capture_output=True, check=False).returncode == 2
    assert subprocess.run([REDOUBT, "doctor", "now"], capture_output=True, check=False).returncode == 2
    assert subprocess.run([REDOUBT, "doctor", "--root", host.root + "/nowhere"], capture_output=True, check=False).returncode == 1
