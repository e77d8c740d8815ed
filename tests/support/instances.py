# SPDX-License-Identifier: Apache-2.0
"""redoubt-ec2's end of redoubtd's socket, for tests: instances are run, watched and ended by control messages."""

import array
import mmap
import os
import socket

import cbor2
from redoubt import wait_for

RUN, STOP, REBOOT, TERMINATE, DESCRIBE, CONSOLE, WATCH, FORWARDS = range(64, 72)
INSTANCE, CONSOLE_FD, DONE, ERROR = 80, 21, 22, 23
PENDING, RUNNING, STOPPING, STOPPED, SHUTTING_DOWN, TERMINATED = range(1, 7)
EXITED, ASKED, VMM_LOST = 1, 4, 8
CAPACITY, INVALID, NOTFOUND, STATE, IMAGE, STORAGE = range(100, 106)
# A whole boot under emulation, on a busy machine.
BOOT_S = 240
ANSWER_S = 60


class Refused(Exception):
    def __init__(self, code, text):
        super().__init__(f"{code}: {text}")
        self.code, self.text = code, text


class Instances:
    """The instances of one host (redoubt.Host)."""

    def __init__(self, host):
        self.host = host

    def open(self):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        sock.settimeout(ANSWER_S)
        sock.connect(self.host.path("run", "redoubtd.sock"))
        return sock

    def ask(self, kind, fields=None, fd=None):
        """([INSTANCE fields], descriptor or None)"""
        with self.open() as sock:
            more = [] if fd is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))]
            sock.sendmsg([cbor2.dumps([kind, fields or {}])], more)
            found, got = [], None
            while True:
                data, passed, _, _ = sock.recvmsg(65536, socket.CMSG_SPACE(4))
                assert data, "redoubtd closed the connection"
                for _, _, raw in passed:
                    got = array.array("i", raw)[0]
                answer, values = cbor2.loads(data)
                if answer == ERROR:
                    raise Refused(values["code"], values["text"])
                if answer == INSTANCE:
                    found.append(values)
                if answer in (DONE, CONSOLE_FD):
                    return found, got

    def run(self, instance, image, **fields):
        values = {"instance_id": instance, "cpus": 2, "memory_mib": 512, "image_format": "raw", "fresh": True, **fields}
        fd = os.open(image, os.O_RDONLY)
        try:
            return self.ask(RUN, values, fd)[0][0]
        finally:
            os.close(fd)

    def stop(self, instance, hard=False):
        self.ask(STOP, {"instance_id": instance, "hard": hard})

    def reboot(self, instance, hard=False):
        self.ask(REBOOT, {"instance_id": instance, "hard": hard})

    def terminate(self, instance):
        self.ask(TERMINATE, {"instance_id": instance})

    def describe(self, instance=""):
        return self.ask(DESCRIBE, {"instance_id": instance})[0]

    def state(self, instance):
        found = [i for i in self.describe() if i["instance_id"] == instance]
        return found[0]["state"] if found else TERMINATED

    def reach(self, instance, state, seconds=ANSWER_S):
        wait_for(f"{instance} in state {state}", lambda: self.state(instance) == state, seconds)
        return self.describe(instance)[0] if state != TERMINATED else None

    def console(self, instance):
        """What was kept of its console."""
        _, fd = self.ask(CONSOLE, {"instance_id": instance})
        try:
            ring = os.pread(fd, 1 << 20, 0)
        finally:
            os.close(fd)
        assert ring[:8] == b"RDCONS01"
        capacity, written = (int.from_bytes(ring[at:at + 8], "little") for at in (8, 16))
        data = ring[mmap.PAGESIZE:mmap.PAGESIZE + capacity]
        if written <= capacity:
            return data[:written].decode(errors="replace")
        at = written % capacity
        return (data[at:] + data[:at]).decode(errors="replace")

    def said(self, instance, text, seconds=BOOT_S, count=1):
        """Waits until its console has this text so many times; the whole console."""
        def look():
            shown = self.console(instance)
            return shown if shown.count(text) >= count else None
        try:
            return wait_for(f"\"{text}\" on the console of {instance}", look, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.console(instance)[-3000:]}") from None


class Watcher:
    """INSTANCE_WATCH: what has changed since it was opened."""

    def __init__(self, instances):
        self.sock = instances.open()
        self.sock.send(cbor2.dumps([WATCH, {}]))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def next(self):
        answer, values = cbor2.loads(self.sock.recv(65536))
        assert answer == INSTANCE
        return values
