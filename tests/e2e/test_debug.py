# SPDX-License-Identifier: Apache-2.0
"""Debug mode: a console, and a document that proves nothing and says so. Without it, neither."""

import contextlib
import json
import os
import subprocess

import images
from document import Document
from redoubt import Guest, wait_for

DEBUG_REFUSED = 63
ZERO = bytes(48)
READERS = 8


def console(host, enclave, check=0):
    return host.nitro_cli("console", "--enclave-id", enclave["EnclaveID"], "--disconnect-timeout", 2, check=check)


def test_debug_mode_shows_itself_and_its_console(host):
    eif, built = images.guest(host)
    enclave = host.start(eif, "--debug-mode")
    (described,) = host.describe()
    assert described["Flags"] == "DEBUG_MODE"
    # What the module reports, not what the file would measure as.
    assert [described["Measurements"][f"PCR{n}"] for n in range(3)] == [ZERO.hex()] * 3
    with Guest(host, enclave) as guest:
        raw = guest.attest()
        assert guest.ask("print", "a line of the guest")[0] == 0
        shown = console(host, enclave).stdout
        guest.tell("exit", 3)
    pcrs = Document(raw, host.root_pem).doc["pcrs"]
    assert [pcrs[n] for n in range(3)] == [ZERO] * 3 and pcrs[4] != ZERO
    refused = host.verify(raw, check=DEBUG_REFUSED)
    assert refused.stdout == b"" and b"debug" in refused.stderr
    host.verify(raw, "--allow-debug")
    host.verify(raw, "--allow-debug", "--pcr", f"0={built['Measurements']['PCR0']}", check=64)

    head = (f"Connecting to the console for enclave {enclave['EnclaveCID']}...\n"
            "Successfully connected to the console.\n").encode()
    assert shown.startswith(head)
    # A line of its own, whatever the kernel said before it, if anything.
    assert shown.endswith(b"\na line of the guest\r\n")
    # Kept after the end, with what came last.
    assert host.ended(enclave)["Flags"] == "DEBUG_MODE"
    kept = console(host, enclave).stdout
    assert kept.startswith(shown) and b"exited with code 3" in kept[len(shown):]


def test_attach_console_implies_debug_mode_and_follows_to_the_end(host):
    eif, _ = images.guest(host, Cmd=["exit", "4"])
    done = host.nitro_cli("run-enclave", "--eif-path", eif, "--cpu-count", 1, "--memory", 256, "--attach-console")
    _, text = json.JSONDecoder().raw_decode(done.stdout.decode()), done.stdout
    assert b"}\nConnecting to the console for enclave 16...\nSuccessfully connected to the console.\n" in text
    assert b"init: the application exited with code 4\r\n" in text
    # The console ends with the engine, the record comes after it.
    (ended,) = wait_for("the record of the end", lambda: host.describe("--ended"))
    assert ended["Flags"] == "DEBUG_MODE" and ended["ExitStatus"] == 4


def test_the_ninth_reader_of_a_console_is_refused(host):
    eif, _ = images.guest(host)
    enclave = host.start(eif, "--debug-mode")
    words = [os.path.join(host.out, "bin", "nitro-cli"), "console", "--enclave-id", enclave["EnclaveID"]]
    with contextlib.ExitStack() as readers:
        all_of_them = [readers.enter_context(subprocess.Popen(words, env=host.environment, stdout=subprocess.PIPE))
                       for _ in range(READERS)]
        with Guest(host, enclave) as guest:
            guest.ask("print", "a line of the guest")
            for reader in all_of_them:
                assert any(line == b"a line of the guest\r\n" for line in reader.stdout)
            refused = console(host, enclave, check=44)
            assert refused.stderr.startswith(b"[ E44 ] ") and b"as many readers" in refused.stderr
            all_of_them[0].kill()
            guest.ask("print", "a line that one reader does not take any more")
            # It ends when the kernel comes to it, which may be after the guest's answer.
            wait_for("a place for one more reader", lambda: console(host, enclave, check=None).returncode == 0)
            guest.tell("exit", 0)


def test_no_console_without_debug_mode(host):
    eif, built = images.guest(host)
    enclave = host.start(eif)
    assert host.describe()[0]["Measurements"] == built["Measurements"]
    for end in (lambda: None, lambda: host.terminate(enclave)):
        end()
        refused = console(host, enclave, check=44)
        assert refused.stdout == b"" and refused.stderr.startswith(b"[ E44 ] ") and b"--debug-mode" in refused.stderr
    unknown = dict(enclave, EnclaveID="i-0123456789abcdef0-enc123456789abcdef")
    assert console(host, unknown, check=11).stderr.startswith(b"[ E11 ] ")
    assert host.nitro_cli("console", "--enclave-name", "none", check=58).stderr.startswith(b"[ E58 ] ")
