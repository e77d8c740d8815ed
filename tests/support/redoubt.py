# SPDX-License-Identifier: Apache-2.0
"""The installed tree at work: a redoubtd of one's own in a home of its own, and the programs that talk to it."""

import ctypes
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

# A boot under emulation takes seconds; on a busy machine many times that.
BOOT_MAX_S = 300
# What should happen at once.
SOON_S = 60
PR_SET_CHILD_SUBREAPER = 36
# An ordinary user. Nobody has this number, so whatever has it is a test's.
ORDINARY_UID = 64321


def until(condition, seconds):
    """condition()'s value once it is true, or its last one."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        time.sleep(0.05)


def wait_for(what, condition, seconds=SOON_S):
    """condition()'s first true value; an AssertionError that names what it waited for otherwise."""
    value = until(condition, seconds)
    assert value, f"{what}: not within {seconds} s"
    return value


def adopt_orphans():
    """Whatever a killed daemon leaves running becomes ours, to be seen and ended."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def process_table():
    """pid: (parent, command name, state) of every process."""
    table = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                text = file.read()
        except OSError:
            continue
        fields = text[text.rindex(")") + 2:].split()
        table[int(entry)] = (int(fields[1]), text[text.index("(") + 1:text.rindex(")")], fields[0])
    return table


def below(pid):
    """pid: (parent, command name, state) of every process below pid."""
    table = process_table()
    found = {}
    for child, entry in table.items():
        above = child
        while above in table and above != pid:
            above = table[above][0]
        if above == pid and child != pid:
            found[child] = entry
    return found


def descendants(pid):
    """pid: command name of every process below pid; the dead that nobody has waited for are not counted."""
    return {child: name for child, (_, name, state) in below(pid).items() if state != "Z"}


def orphans():
    """pid: state of what a killed daemon or vmm left to us (adopt_orphans)."""
    return {pid: state for pid, (parent, name, state) in process_table().items()
            if parent == os.getpid() and name.startswith(("redoubt-", "qemu-"))}


def reap_orphans():
    for pid, state in orphans().items():
        if state == "Z":
            os.waitpid(pid, os.WNOHANG)


class Host:
    """One daemon, one home, one user; a context manager that leaves nothing behind."""

    def __init__(self, out, uid=None, config=None):
        self.home = tempfile.mkdtemp(prefix="rd-", dir="/tmp")  # short: sockets live below it
        self.uid = uid
        self.identity = {} if uid is None else {"user": uid, "group": uid, "extra_groups": []}
        self.environment = {key: value for key, value in os.environ.items() if not key.startswith(("XDG_", "NITRO_"))}
        self.environment.update(REDOUBT_HOME=self.home, HOME=self.home, NITRO_CLI_LOGS_PATH=self.home)
        self.daemon = None
        try:
            self.out = self.copy_of(out) if uid is not None else out
            os.mkdir(os.path.join(self.home, "config"))
            with open(os.path.join(self.home, "config", "redoubtd.yaml"), "w", encoding="ascii") as file:
                file.write("".join(f"{key}: {value}\n" for key, value in (config or {}).items()))
            self.own(self.home)
            self.log = open(os.path.join(self.home, "redoubtd.log"), "ab")
            self.start_daemon()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # --- files ---

    def copy_of(self, out):
        """Another user may not be able to reach the tree."""
        copy = os.path.join(self.home, "out")
        subprocess.run(["cp", "-R", "--preserve=mode", out, copy], check=True)
        return copy

    def own(self, top):
        """Gives a file, or a directory and all that is below it, to the host's user."""
        if self.uid is None:
            return
        subprocess.run(["chown", "-hR", f"{self.uid}:{self.uid}", top], check=True)

    def path(self, *names):
        return os.path.join(self.home, *names)

    def read_log(self):
        with open(self.log.name, encoding="utf-8", errors="replace") as file:
            return file.read()

    @property
    def root_pem(self):
        return self.path("state", "pki", "root.pem")

    def enclave_dir(self, enclave):
        return self.path("run", "enclaves", enclave["EnclaveID"].rsplit("-enc", 1)[1])

    # --- the daemon ---

    def start_daemon(self, *wrapper):
        """wrapper: a command that becomes the daemon's."""
        self.daemon = subprocess.Popen([*wrapper, os.path.join(self.out, "bin", "redoubtd")], env=self.environment, cwd="/",
                                       stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, **self.identity)
        socket_path = self.path("run", "redoubtd.sock")

        def answers():
            assert self.daemon.poll() is None, f"redoubtd did not start: {self.read_log()[-2000:]}"
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe:
                return probe.connect_ex(socket_path) == 0
        wait_for("redoubtd's socket", answers)

    def end_daemon(self, signal_number=signal.SIGTERM):
        self.daemon.send_signal(signal_number)
        self.daemon.wait(SOON_S)

    # --- programs ---

    def run(self, program, *words, check=0, **more):
        """A program of the tree; check is the exit status that it must have, or None."""
        done = subprocess.run([os.path.join(self.out, program), *map(str, words)], env=self.environment, cwd="/",
                              stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=BOOT_MAX_S,
                              **self.identity, **more)
        if check is not None and done.returncode != check:
            raise AssertionError(f"{program} {' '.join(map(str, words))}: status {done.returncode}, not {check}: "
                                 f"{done.stderr.decode(errors='replace').strip()}")
        return done

    def nitro_cli(self, *words, check=0):
        return self.run("bin/nitro-cli", *words, check=check)

    def json(self, *words):
        """nitro-cli's standard output, which must be JSON and nothing else."""
        return json.loads(self.nitro_cli(*words).stdout)

    def build(self, source, name):
        """An image of "docker-archive:FILE", or of a directory with a Dockerfile. (EIF, nitro-cli's JSON)"""
        eif = self.path(name + ".eif")
        words = ["--docker-uri", source] if ":" in source else ["--docker-dir", source, "--docker-uri", name]
        return eif, self.json("build-enclave", *words, "--output-file", eif)

    def start(self, eif, *more, cpus=1, memory=256):
        return self.json("run-enclave", "--eif-path", eif, "--cpu-count", cpus, "--memory", memory, *more)

    def describe(self, *more):
        return self.json("describe-enclaves", *more)

    def ended(self, enclave):
        """The record of an enclave's end, once there is one."""
        def record():
            return [e for e in self.describe("--ended") if e["EnclaveID"] == enclave["EnclaveID"]]
        return wait_for(f"the end of {enclave['EnclaveID']}", record)[0]

    def terminate(self, enclave):
        return self.json("terminate-enclave", "--enclave-id", enclave["EnclaveID"])

    def verify(self, document, *words, check=0):
        path = self.path("document.bin")
        with open(path, "wb") as file:
            file.write(document)
        return self.run("bin/redoubt", "verify", "--root", self.root_pem, *words, path, check=check)

    # --- the end ---

    def processes(self):
        """pid: name of the daemon, of what it started, and of what it or a vmm left behind."""
        reap_orphans()
        tops = [] if self.daemon is None or self.daemon.poll() is not None else [self.daemon.pid]
        table = process_table()
        found = {}
        for top in tops + list(orphans()):
            if top in table:
                found[top] = table[top][1]
            found.update(descendants(top))
        return found

    def close(self):
        """Ends everything, also after a failure, and of a half-made host."""
        if self.daemon is not None:
            if self.daemon.poll() is None:
                self.nitro_cli("terminate-enclave", "--all", check=None)
                self.end_daemon()
            self.log.close()
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        shutil.rmtree(self.home, ignore_errors=True)


class Guest:
    """The parent's end of tests/e2e/guest.c in an enclave."""

    def __init__(self, host, enclave):
        path = os.path.join(host.enclave_dir(enclave), "vsock.sock_5000")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()
            host.own(path)
            listener.settimeout(SOON_S)
            self.stream, _ = listener.accept()
        self.stream.settimeout(SOON_S)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stream.close()

    def receive(self, count):
        data = b""
        while len(data) < count:
            piece = self.stream.recv(count - len(data))
            assert piece, "the guest closed the connection"
            data += piece
        return data

    def tell(self, *words):
        """A request that has no answer: the guest ends."""
        body = b"".join(str(word).encode() + b"\0" for word in words)
        self.stream.sendall(struct.pack(">I", len(body)) + body)

    def ask(self, *words):
        """(status, bytes)"""
        self.tell(*words)
        status, length = struct.unpack(">II", self.receive(8))
        return status, self.receive(length)

    def run(self, *words):
        """What a program prints; it must succeed."""
        status, output = self.ask("run", *words)
        assert status == 0, (words, status, output)
        return output

    def attest(self, *words):
        return self.run("/nsm-cli", "attest", *words)

    def report(self):
        """[(name, value)] of how the application was started."""
        status, data = self.ask("report")
        assert status == 0
        return [tuple(record.split("=", 1)) for record in data.decode().split("\0")[:-1]]
