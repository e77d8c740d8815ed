# SPDX-License-Identifier: Apache-2.0
"""nsm-cli inside an image: what it does to the registers is what the document carries."""

import hashlib
import json

import images
from conftest import USERS
from document import Document
from redoubt import Guest

REFUSED = 3


def extended(value, data):
    return hashlib.sha384(value + data).digest()


def test_registers_of_ones_own_reach_the_document(any_host, tmp_path):
    host = any_host
    eif, built = images.guest(host)
    enclave = host.start(eif)
    want = extended(extended(bytes(48), b"configuration"), b"\x00\xff")
    with Guest(host, enclave) as guest:
        description = json.loads(guest.run("/nsm-cli", "describe"))
        assert guest.ask("run", "/nsm-cli", "lock", 3)[0] == REFUSED
        first = json.loads(guest.run("/nsm-cli", "extend", 16, "--data-hex", b"configuration".hex()))
        second = json.loads(guest.run("/nsm-cli", "extend", 16, "--data-hex", "00ff"))
        before = Document(guest.attest(), host.root_pem).doc["pcrs"]
        guest.run("/nsm-cli", "lock", 16)
        refused, why = guest.ask("run", "/nsm-cli", "extend", 16, "--data-hex", "00")
        locked = json.loads(guest.run("/nsm-cli", "pcr", 16))
        described_locked = json.loads(guest.run("/nsm-cli", "describe"))["locked_pcrs"]
        raw = guest.attest("--user-data-hex", b"mine".hex(), "--nonce-hex", "ab" * 20, "--public-key-hex", "0102")
        random = [guest.run("/nsm-cli", "random", 512) for _ in range(2)]

    slot = int(enclave["EnclaveID"].rsplit("-enc", 1)[1], 16)
    instance = enclave["EnclaveID"].rsplit("-enc", 1)[0]
    assert description["module_id"] == f"{instance}-enc{slot:016x}"
    assert (description["max_pcrs"], description["digest"]) == (32, "SHA384")
    assert description["locked_pcrs"] == list(range(16))
    assert bytes.fromhex(first["data"]) == extended(bytes(48), b"configuration")
    assert bytes.fromhex(second["data"]) == want
    assert refused == REFUSED and b"ReadOnlyIndex" in why
    assert locked == {"index": 16, "lock": True, "data": want.hex()}
    assert described_locked == list(range(17))
    assert len(random[0]) == len(random[1]) == 512 and random[0] != random[1]

    document = Document(raw, host.root_pem)
    document.check(tmp_path)
    assert document.doc["pcrs"][16] == want
    # A register of one's own is in the document once it is locked.
    assert before.get(16) in (None, want)
    assert (document.doc["user_data"], document.doc["public_key"]) == (b"mine", b"\1\2")
    host.verify(raw, "--nonce", "ab" * 20, "--pcr", f"16={want.hex()}", "--pcr", f"0={built['Measurements']['PCR0']}")
    host.verify(raw, "--pcr", f"16={extended(want, b'more').hex()}", check=64)
    host.verify(raw, "--pcr", f"17={want.hex()}", check=64)


def locked_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmLck:"))


def vmms(host):
    return [pid for pid, name in host.processes().items() if name == "redoubt-vmm"]


def test_private_keys_are_in_locked_memory(any_host):
    host = any_host
    eif, _ = images.guest(host)
    with Guest(host, host.start(eif)) as guest:
        Document(guest.attest(), host.root_pem)
        (vmm,) = vmms(host)
        assert locked_kib(host.daemon.pid) >= 64 and locked_kib(vmm) >= 64
    assert "ordinary memory" not in host.read_log()


def test_a_user_who_may_lock_nothing_is_told_and_served(make_host, tmp_path):
    host = make_host(uid=USERS["user"])
    host.end_daemon()
    host.start_daemon("prlimit", "--memlock=0:0")
    eif, _ = images.guest(host)
    with Guest(host, host.start(eif)) as guest:
        Document(guest.attest(), host.root_pem).check(tmp_path)
        (vmm,) = vmms(host)
        assert locked_kib(host.daemon.pid) == locked_kib(vmm) == 0
    assert "[WARN]" in host.read_log() and "the PKI's keys are in ordinary memory: cannot lock 65536 bytes" in host.read_log()
    assert "redoubt-vmm: the leaf's key is in ordinary memory: cannot lock 65536 bytes" in host.read_log()
