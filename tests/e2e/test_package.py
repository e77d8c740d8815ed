# SPDX-License-Identifier: Apache-2.0
"""The node's Debian package under a real systemd with cgroup v2, which an instance has: a redoubtd that is killed beside an
enclave comes back each time, finds it, and limits it as before; and a purge leaves nothing that runs."""

import os
import re
import shutil

import images
import packages
import pytest
from node import STEP_S, Node, missing
from redoubt import wait_for

SERVICES = ("redoubtd", "redoubt-kms", "redoubt-ec2")
GROUP = "/sys/fs/cgroup/system.slice/redoubtd.service"
PROPERTIES = ("ActiveState", "MainPID", "NRestarts")
KILLS = 3

WHY = missing() or (None if shutil.which("dh") else "needs debhelper")
pytestmark = pytest.mark.skipif(WHY is not None, reason=str(WHY))


@pytest.fixture(name="node")
def make_node():
    node = Node()
    yield node
    node.close()


@pytest.fixture(name="machine")
def boot(node):
    """An instance that is to be a node itself."""
    node.build_image()
    node.open_ssh()
    machine = node.run("c5.large")
    machine.wait_for_ssh()
    yield machine
    print(said(machine))


def said(machine, *match):
    """By redoubtd, and by systemd about it."""
    return text(machine, f"sudo journalctl -q --no-pager -u redoubtd {' '.join(match)}")


def text(machine, command, check=True):
    return machine.run(command, check).stdout.decode().strip()


def ready(machine, former=None):
    """What systemd says of redoubtd, once another than the former process serves: a nitro-cli that asks before goes to the
    instance's own hypervisor instead."""
    unit = dict(line.split("=", 1) for line in text(machine, f"systemctl show -p {','.join(PROPERTIES)} redoubtd").splitlines())
    assert unit["ActiveState"] != "failed", said(machine)
    pid = unit["MainPID"]
    return unit if pid not in ("0", former) and "] ready: " in said(machine, f"_PID={pid}") else None


def memory_max(machine, enclave):
    """Of the enclave's group, in bytes."""
    own = f"/sys/fs/cgroup$(cut -d: -f3 /proc/{enclave['ProcessID']}/cgroup)"
    group, limit = text(machine, f"cd {own} && pwd && (cat memory.max || echo none)").split()
    assert re.fullmatch(GROUP + "/enclave-[0-9a-f]+", group)
    assert limit.isdigit(), f"{group}: memory.max is {limit}"
    return int(limit)


def kill_daemon(machine, pid):
    """What systemd says of the one that comes after it."""
    machine.run(f"sudo kill -9 {pid}")
    return wait_for("redoubtd's return", lambda: ready(machine, pid), STEP_S)


def check_purge(machine):
    machine.run("sudo DEBIAN_FRONTEND=noninteractive apt-get purge -q -y redoubt")
    names = text(machine, "ps -eo comm=").split("\n")
    assert not [name for name in names if name.startswith(("redoubt", "nitro", "qemu"))]
    assert text(machine, f"systemctl show -P LoadState {' '.join(SERVICES)}").split() == ["not-found"] * len(SERVICES)
    assert text(machine, f"ls -d {GROUP} /etc/redoubt /run/redoubt*", check=False) == ""
    # Keys are nobody's to throw away but the administrator's.
    assert text(machine, "ls /var/lib/redoubt/root.pem") == "/var/lib/redoubt/root.pem"


def test_enclave_outlives_its_daemon_under_systemd(node, machine, tmp_path):
    packages.install(machine, packages.pack(tmp_path)["redoubt"])
    shutil.rmtree(tmp_path)
    assert text(machine, f"systemctl is-active {' '.join(SERVICES)}").split() == ["active"] * len(SERVICES)
    unit = wait_for("redoubtd's start", lambda: ready(machine), STEP_S)

    eif, built = images.guest(node.host, Entrypoint=["/guest", "wait"])
    with open(eif, "rb") as file:
        machine.run(f"cat >{os.path.basename(eif)}", stdin=file)
    enclave = machine.json(f"nitro-cli run-enclave --eif-path {os.path.basename(eif)} --cpu-count 1 --memory 256")
    running = machine.json("nitro-cli describe-enclaves")
    assert [(e["EnclaveID"], e["State"], e["Measurements"]) for e in running] == \
        [(enclave["EnclaveID"], "RUNNING", built["Measurements"])]
    limit = memory_max(machine, enclave)
    assert limit > enclave["MemoryMiB"] << 20

    for kills in range(1, KILLS + 1):
        unit = kill_daemon(machine, unit["MainPID"])
        # At the first attempt.
        assert (unit["ActiveState"], unit["NRestarts"]) == ("active", str(kills))
        assert machine.json("nitro-cli describe-enclaves") == running
        assert memory_max(machine, enclave) == limit

    machine.run(f"nitro-cli terminate-enclave --enclave-id {enclave['EnclaveID']}")
    assert machine.json("nitro-cli describe-enclaves") == []
    assert text(machine, f"ls -d {GROUP}/enclave-*", check=False) == ""
    check_purge(machine)
