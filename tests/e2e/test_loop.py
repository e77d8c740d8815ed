# SPDX-License-Identifier: Apache-2.0
"""Twenty enclaves, four at a time: nothing of them is left, in the system or in the daemon."""

import concurrent.futures
import glob
import os

import images
from redoubt import Guest, wait_for

ROUNDS = 5
AT_ONCE = 4
# What the daemon's heap may keep after the first round: one record of an end for each enclave, and malloc's own. A
# leaked image or message buffer would be 64 KiB or more for each of sixteen.
GROWTH_MAX_KIB = 512


def status_kib(pid, key):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(key + ":"))


def descriptors(pid):
    return sorted(os.readlink(f"/proc/{pid}/fd/{fd}").split(":[")[0] for fd in os.listdir(f"/proc/{pid}/fd"))


def cgroups(enclaves):
    slots = {e["EnclaveID"].rsplit("-enc", 1)[1] for e in enclaves}
    return [path for path in glob.glob("/sys/fs/cgroup/**/enclave-*", recursive=True)
            if path.rsplit("enclave-", 1)[1] in slots]


def shared_memory():
    """Our files in /dev/shm; others may come and go."""
    return sorted(entry.name for entry in os.scandir("/dev/shm") if entry.stat().st_uid == os.geteuid())


def one_life(host, eif, number):
    """Half of them end of themselves, half are terminated."""
    enclave = host.start(eif)
    with Guest(host, enclave) as guest:
        if number % 2 == 0:
            guest.tell("exit", number)
            assert host.ended(enclave)["ExitStatus"] == number
        else:
            assert guest.ask("print", "alive") == (0, b"")
            assert host.terminate(enclave)["Terminated"] is True
    return enclave


def test_twenty_enclaves_leave_nothing(make_host):
    host = make_host(config={"cpu_count": AT_ONCE, "memory_mib": AT_ONCE * 256})
    eif, _ = images.guest(host)
    shared_before = shared_memory()
    wait_for("the end of the KVM probe", lambda: "engine: " in host.read_log())
    descriptors_before = descriptors(host.daemon.pid)
    kib_after = []
    seen = []
    for start in range(0, ROUNDS * AT_ONCE, AT_ONCE):
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            lives = [pool.submit(one_life, host, eif, number) for number in range(start, start + AT_ONCE)]
            seen += [life.result() for life in lives]
        wait_for("the daemon alone", lambda: list(host.processes().values()) == ["redoubtd"])
        kib_after.append(status_kib(host.daemon.pid, "VmRSS"))

    assert len({e["EnclaveID"] for e in seen}) == len({e["EnclaveCID"] for e in seen}) == ROUNDS * AT_ONCE
    assert host.describe() == []
    assert len(host.describe("--ended")) == ROUNDS * AT_ONCE
    # Memory files too: whoever else could have one open is gone.
    assert descriptors(host.daemon.pid) == descriptors_before
    assert kib_after[-1] - kib_after[0] <= GROWTH_MAX_KIB, kib_after
    for where in ("enclaves", "records"):
        assert os.listdir(host.path("run", where)) == []
    assert shared_memory() == shared_before
    assert cgroups(seen) == []
