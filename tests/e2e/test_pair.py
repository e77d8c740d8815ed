# SPDX-License-Identifier: Apache-2.0
"""Enclaves beside each other: addresses of their own, nothing between them, and vsock both ways with the host."""

import concurrent.futures
import errno
import os
import shutil
import socket
import subprocess

import images
from redoubt import SOON_S, Guest, wait_for

PORT = 7000


def connect_to_guest(host, enclave, port):
    """The host's side of a connection to a guest's port: (stream, the answer's first line)."""
    stream = socket.socket(socket.AF_UNIX)
    stream.settimeout(SOON_S)
    stream.connect(os.path.join(host.enclave_dir(enclave), "vsock.sock"))
    stream.sendall(b"CONNECT %d\n" % port)
    line = b""
    while not line.endswith(b"\n"):
        piece = stream.recv(1)
        if not piece:
            break
        line += piece
    return stream, line


def echoed(stream, data):
    stream.sendall(data)
    back = b""
    while len(back) < len(data):
        piece = stream.recv(65536)
        assert piece
        back += piece
    return back


def test_two_enclaves_are_strangers(any_host):
    host = any_host
    eif, _ = images.guest(host)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        one, two = pool.map(lambda _: host.start(eif), range(2))
    assert one["EnclaveCID"] != two["EnclaveCID"] and min(one["EnclaveCID"], two["EnclaveCID"]) >= 4
    assert not set(one["CPUIDs"]) & set(two["CPUIDs"])
    assert {e["EnclaveCID"] for e in host.describe()} == {one["EnclaveCID"], two["EnclaveCID"]}
    with Guest(host, one) as first, Guest(host, two) as second:
        for guest in (first, second):
            assert guest.ask("serve", PORT) == (0, b"")
        # Each is its own server's owner, and the host reaches either.
        for enclave, data in ((one, b"one" * 30000), (two, b"two" * 30000)):
            stream, line = connect_to_guest(host, enclave, PORT)
            with stream:
                assert line.startswith(b"OK ") and int(line[3:]) > 0
                assert echoed(stream, data) == data
        # Neither reaches the other, nor a port that nobody serves.
        for guest, other in ((first, two), (second, one)):
            status, _ = guest.ask("connect", other["EnclaveCID"], PORT)
            assert status in (errno.ECONNRESET, errno.ENODEV, errno.ENETUNREACH, errno.EHOSTUNREACH), status
            assert guest.ask("connect", 3, PORT)[0] == errno.ECONNRESET
        stream, line = connect_to_guest(host, one, PORT + 1)
        with stream:
            assert line == b""
        # One's end is not the other's.
        host.terminate(one)
        assert second.ask("loopback") == (0, b"")
    assert [e["EnclaveID"] for e in host.describe()] == [two["EnclaveID"]]


def silent_eif(host):
    """An image whose init never sends a heartbeat."""
    blobs = os.path.join(host.out, "share", "redoubt", "blobs")
    flavour = next(f for f in ("enclave", "debian") if os.path.exists(os.path.join(blobs, f, "bzImage")))
    mute = host.path("blobs")
    shutil.copytree(os.path.join(blobs, flavour), mute)
    shutil.copyfile(images.GUEST, os.path.join(mute, "init"))
    host.own(mute)
    source = images.make(host, "silent", images.guest_members(host), {"Entrypoint": ["/guest"]})
    host.environment["NITRO_CLI_BLOBS"] = mute
    eif, _ = host.build(source, "silent")
    del host.environment["NITRO_CLI_BLOBS"]
    return eif


def test_a_heartbeat_counts_for_its_sender_alone(host):
    eif, _ = images.guest(host)
    waiting = subprocess.Popen([os.path.join(host.out, "bin", "nitro-cli"), "run-enclave", "--eif-path",
                                silent_eif(host), "--cpu-count", "1", "--memory", "256"], env=host.environment,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        (silent,) = wait_for("the silent enclave", host.describe)
        loud = host.start(eif)
        with Guest(host, loud) as guest:
            # Not even one to the very address of the other's.
            assert guest.ask("connect", 3, 9000)[0] == 0
        states = {e["EnclaveID"]: e["State"] for e in host.describe()}
        assert states == {silent["EnclaveID"]: "EMPTY", loud["EnclaveID"]: "RUNNING"} or (
            states == {silent["EnclaveID"]: "EMPTY"})
        assert waiting.poll() is None
        host.terminate(silent)
        output, errors = waiting.communicate(timeout=SOON_S)
    finally:
        waiting.kill()
        waiting.wait()
    assert waiting.returncode == 36 and output == b"" and b"[ E36 ]" in errors and b"did not boot" in errors
