#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A parent instance: from RunInstances to ssh's greeting, against the same image in plain QEMU without any of us; and
run-enclave in the parent, with and without memory that its allocator service has set aside, against run-enclave of the same image where
the host itself is the parent."""

import os
import re
import socket
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
OUT = os.environ.setdefault("REDOUBT_OUT", os.path.join(ROOT, "out"))
for program in ("redoubt-kms", "redoubt-ec2"):
    os.environ.setdefault(program.upper().replace("-", "_"), os.path.join(OUT, "bin", program))
sys.path[:0] = [os.path.join(HERE, "..", "integration"), os.path.join(HERE, "..", "support")]
from node import END_S, IMAGE, Node, lesson, missing  # noqa: E402  pylint: disable=wrong-import-position
from redoubt import wait_for  # noqa: E402  pylint: disable=wrong-import-position

BOOTS, RUNS = 3, 5
KIND, MEMORY_MIB, CPUS = "c5.large", 4096, 2
BOOT_S = 300


def greeted(port):
    """Whether ssh says who it is; a forwarded port accepts before there is an ssh."""
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as sock:
            sock.settimeout(30)
            return sock.recv(4) == b"SSH-"
    except OSError:
        return False


def boot_ours(node, client):
    began = time.monotonic()
    done = client.run_instances(ImageId=IMAGE, InstanceType=KIND, MinCount=1, MaxCount=1, KeyName="key",
                                EnclaveOptions={"Enabled": True})
    name = done["Instances"][0]["InstanceId"]
    found = client.describe_instances(InstanceIds=[name])["Reservations"][0]["Instances"][0]["Tags"]
    port = next(int(tag["Value"].rpartition(":")[2]) for tag in found if tag["Key"] == "redoubt:tcp:22")
    wait_for("ssh's greeting", lambda: greeted(port), BOOT_S)
    seconds = time.monotonic() - began
    client.terminate_instances(InstanceIds=[name])
    wait_for("the instance's end", lambda: not node.listed(), END_S)
    return seconds


def boot_plain(node, accel):
    image, overlay = node.kms.path("state", "images", "parent.qcow2"), node.kms.path("plain.qcow2")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    began = time.monotonic()
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", image, overlay], check=True)
    with subprocess.Popen(["qemu-system-x86_64", "-nodefaults", "-display", "none", "-machine", f"q35,accel={accel}", "-cpu", "max",
                           "-smp", str(CPUS), "-m", str(MEMORY_MIB), "-serial", "null",
                           "-drive", f"if=virtio,format=qcow2,file={overlay}", "-netdev", f"user,id=n,hostfwd=tcp:127.0.0.1:{port}-:22",
                           "-device", "virtio-net-pci,netdev=n"], stdin=subprocess.DEVNULL) as machine:
        try:
            wait_for("ssh's greeting in plain QEMU", lambda: greeted(port), BOOT_S)
            return time.monotonic() - began
        finally:
            machine.kill()
            machine.wait()
            os.unlink(overlay)


def enclaves(node):
    """[(seconds in the parent, seconds in local mode)]: nothing set aside, and 512 MiB"""
    parent = node.run(KIND)
    parent.wait_for_ssh()
    lesson(parent)
    eif = node.kms.path("my-app.eif")
    with open(eif, "wb") as file:
        file.write(parent.run("cat my-app.eif").stdout)
    words = "run-enclave --memory 512 --cpu-count 2 --eif-path"
    timed = f"TIMEFORMAT=%R; time nitro-cli {words} my-app.eif >/dev/null 2>&1"

    def end_parent():
        parent.run("nitro-cli terminate-enclave --all")

    def local(*arguments):
        began = time.monotonic()
        subprocess.run([os.path.join(OUT, "bin", "nitro-cli"), *arguments], env=node.kms.env, check=True, capture_output=True)
        return time.monotonic() - began

    def once(run, end):
        seconds = run()
        end()
        return seconds

    def measure(allocator):
        parent.run(f"sudo systemctl {allocator} nitro-enclaves-allocator.service")
        pairs = [(once(lambda: float(parent.run(timed).stderr), end_parent),
                  once(lambda: local(*words.split(), eif), lambda: local("terminate-enclave", "--all"))) for _ in range(RUNS)]
        return tuple(statistics.median(values) for values in zip(*pairs))

    end_parent()
    return [measure("stop"), measure("start")]


def main():
    why = missing()
    if why is not None:
        print(why, file=sys.stderr)
        return 77
    node = Node()
    try:
        node.build_image()
        node.open_ssh()
        client = node.ec2.client()
        pairs = [(boot_ours(node, client), boot_plain(node, accelerator(node))) for _ in range(BOOTS)]
        ours, plain = (statistics.median(values) for values in zip(*pairs))
        print(f"instance-boot-to-ssh {ours:.1f} s plain-qemu {plain:.1f} {ours / plain:.2f} <=1.1", flush=True)
        for name, (inside, local) in zip(("run-enclave-in-parent", "run-enclave-of-memory-set-aside"), enclaves(node)):
            print(f"{name} {inside:.2f} s local-mode {local:.2f} {inside / local:.2f} <=1.3")
    finally:
        node.close()
    return 0


def accelerator(node):
    """What redoubtd has chosen: the baseline gets the same."""
    with open(node.kms.path("redoubtd.log"), encoding="utf-8") as log:
        return "tcg" if re.search(r"engine: qemu with TCG", log.read()) else "kvm"


if __name__ == "__main__":
    sys.exit(main())
