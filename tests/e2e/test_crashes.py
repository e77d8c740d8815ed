# SPDX-License-Identifier: Apache-2.0
"""Whoever is killed: an enclave outlives its daemon, and what dies with a vmm or QEMU is given back."""

import os
import secrets
import signal
import subprocess

import images
import pytest
from document import Document
from redoubt import Guest, wait_for

ONE_SLOT = {"cpu_count": 1, "memory_mib": 256}


def processes_of(host, enclave):
    """{name: pid}; a vmm has QEMU and a connector."""
    found = {name[:11]: pid for pid, name in host.processes().items() if name != "redoubtd"}
    assert found["redoubt-vmm"] and "qemu-system" in found and len(found) == 3, found
    assert enclave["ProcessID"] in host.processes()
    return found


def assert_all_gone(host, enclave):
    """Nothing but the daemon; no directory."""
    wait_for("the end of its processes", lambda: list(host.processes().values()) == ["redoubtd"])
    assert not os.path.exists(host.enclave_dir(enclave))
    assert os.listdir(host.path("run", "enclaves")) == []
    assert host.describe() == []


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_an_enclave_outlives_its_daemon(make_host, how):
    host = make_host(config=ONE_SLOT)
    eif, _ = images.guest(host)
    enclave = host.start(eif)
    described = host.describe()
    with Guest(host, enclave) as guest:
        first = Document(guest.attest(), host.root_pem).doc
        host.end_daemon(how)
        # Nobody is needed for a document in between.
        nonce = secrets.token_bytes(16)
        orphaned = Document(guest.attest("--nonce-hex", nonce.hex()), host.root_pem).doc
        host.start_daemon()
        assert host.describe() == described
        raw = guest.attest("--nonce-hex", nonce.hex())
        last = Document(raw, host.root_pem).doc
        host.verify(raw, "--nonce", nonce.hex(), "--pcr", f"0={first['pcrs'][0].hex()}")
        # What it holds is still counted as taken.
        refused = host.nitro_cli("run-enclave", "--eif-path", eif, "--cpu-count", 1, "--memory", 256, check=22)
        assert b"0 free of 1" in refused.stderr
        assert host.terminate(enclave)["Terminated"] is True
    assert first["module_id"] == orphaned["module_id"] == last["module_id"]
    assert first["timestamp"] < orphaned["timestamp"] < last["timestamp"]
    assert host.ended(enclave)["ExitReason"].startswith("terminated")
    assert_all_gone(host, enclave)


def test_a_daemon_killed_during_a_boot_adopts_it(make_host):
    host = make_host(config=ONE_SLOT)
    eif, _ = images.guest(host)
    starting = subprocess.Popen([os.path.join(host.out, "bin", "nitro-cli"), "run-enclave", "--eif-path", eif,
                                 "--cpu-count", "1", "--memory", "256"], env=host.environment, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_for("QEMU", lambda: any(name.startswith("qemu") for name in host.processes().values()))
    host.end_daemon(signal.SIGKILL)
    output, errors = starting.communicate(timeout=60)
    assert starting.returncode == 39 and output == b"" and b"[ E39 ]" in errors
    host.start_daemon()
    (described,) = host.describe()
    assert described["State"] in ("EMPTY", "RUNNING")
    wait_for("its heartbeat", lambda: host.describe()[0]["State"] == "RUNNING", 150)
    host.terminate(described)
    assert_all_gone(host, described)


def test_a_killed_part_ends_the_enclave_and_gives_everything_back(make_host):
    host = make_host(config=ONE_SLOT)
    eif, _ = images.guest(host)
    first = host.start(eif)
    os.kill(processes_of(host, first)["redoubt-vmm"], signal.SIGKILL)
    ended = host.ended(first)
    assert ended["State"] == "TERMINATED" and ended["ExitStatus"] is None
    assert ended["ExitReason"] == "redoubt-vmm ended without a word (signal 9)"
    assert_all_gone(host, first)

    # The one CPU, all the memory and the very CID are there for the next one.
    second = host.start(eif, "--enclave-cid", first["EnclaveCID"])
    assert second["CPUIDs"] == first["CPUIDs"] and second["EnclaveID"] != first["EnclaveID"]
    os.kill(processes_of(host, second)["qemu-system"], signal.SIGKILL)
    ended = host.ended(second)
    assert ended["ExitStatus"] is None and "signal 9" in ended["ExitReason"]
    assert_all_gone(host, second)
    # Refused for its memory alone, which is judged after CPUs and CID.
    host.nitro_cli("run-enclave", "--eif-path", eif, "--cpu-count", 1, "--memory", 8, "--enclave-cid",
                   first["EnclaveCID"], check=26)


def test_an_enclave_that_ends_while_the_daemon_is_away(make_host):
    """Its own end is told when the daemon is back; a killed vmm's can only be noticed."""
    host = make_host()
    eif, _ = images.guest(host)
    exits, killed = host.start(eif), host.start(eif)
    with Guest(host, exits) as guest:
        host.end_daemon(signal.SIGKILL)
        guest.tell("exit", 5)
        os.kill(killed["ProcessID"], signal.SIGKILL)
        wait_for("QEMU's end", lambda: not any(n.startswith("qemu") for n in host.processes().values()))
    host.start_daemon()
    ended = host.ended(exits)
    assert (ended["ExitStatus"], ended["ExitReason"]) == (5, "the application exited with code 5")
    assert host.ended(killed)["ExitReason"] == "redoubt-vmm ended while redoubtd was away"
    assert_all_gone(host, exits)
