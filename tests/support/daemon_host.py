# SPDX-License-Identifier: Apache-2.0
"""A redoubtd of the test's own, commands as several users, and a look at what they leave behind."""

import grp
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile

import cbor2
from redoubt import below, until

NITRO_CLI, REDOUBTD = os.environ["NITRO_CLI"], os.environ["REDOUBTD"]
# Ids that no account has, in a group that every Debian has.
GROUP = grp.getgrnam("users")
OWNER, OTHER, OUTSIDER = 54321, 54322, 54323
RUN, DESCRIBE, TERMINATE, CONSOLE = 1, 2, 3, 4
ENCLAVE, DONE, ERROR = 19, 22, 23
# Far above what a busy machine needs, far below any time-out of the daemon's.
ANSWER_S = 8


def become(uid):
    """For preexec_fn: an ordinary user; those but OUTSIDER are in the daemon's group."""
    gid = 65534 if uid == OUTSIDER else GROUP.gr_gid
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def environment(home, **more):
    keep = {k: v for k, v in os.environ.items() if k in ("PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS")}
    return {**keep, "REDOUBT_HOME": home, "HOME": home, "NITRO_CLI_LOGS_PATH": "/nonexistent", **more}


def run_cli(home, *args, uid=None, program=NITRO_CLI, prefix=(), env=None, preexec=None, timeout=120):
    def before():
        if preexec is not None:
            preexec()
        if uid is not None:
            become(uid)
    done = subprocess.run([*prefix, program, *map(str, args)], env=environment(home, **(env or {})), text=True, cwd="/",
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, check=False,
                          timeout=timeout, preexec_fn=before)
    assert "Sanitizer" not in done.stderr, done.stderr
    return done


def refused(done, code, *words):
    """One block: [ Exx ] with cause and remedy on one line, where to read more; nothing on stdout."""
    assert done.returncode == code, f"exit {done.returncode}, wanted {code}:\n{done.stderr}"
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    blocks = [line for line in lines if line.startswith("[ E")]
    assert len(blocks) == 1 and blocks[0].startswith(f"[ E{code:02d} ] "), done.stderr
    at = lines.index(blocks[0])
    assert lines[at + 1] == "" and lines[at + 2].endswith(f"cli-errors.html#E{code:02d}"), done.stderr
    for word in words:
        assert word in blocks[0], blocks[0]
    return blocks[0]


def children(pid):
    """Process ids below pid, of the dead too."""
    return list(below(pid))


class Host:
    """redoubtd under a directory that every user may pass through."""

    def __init__(self, config, prefix=(), preexec=None, home=None):
        self.made = home is None
        self.home = home or tempfile.mkdtemp(prefix="rdr-", dir="/tmp")
        os.chmod(self.home, 0o755)
        os.makedirs(os.path.join(self.home, "config"), exist_ok=True)
        with open(os.path.join(self.home, "config", "redoubtd.yaml"), "w", encoding="ascii") as file:
            file.write(config)
        # A user may not be able to reach the build directory.
        self.program = shutil.copy(NITRO_CLI, tempfile.mkdtemp(prefix="rdr-bin-", dir="/tmp"))
        os.chmod(os.path.dirname(self.program), 0o755)
        self.log = tempfile.TemporaryFile()
        self.daemon = subprocess.Popen([*prefix, REDOUBTD, "--no-cgroup"], env=environment(self.home), cwd="/",
                                       stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, preexec_fn=preexec)
        self.socket = os.path.join(self.home, "run", "redoubtd.sock")
        if not until(lambda: self.daemon.poll() is not None or self.answers(), 30) or self.daemon.poll() is not None:
            text = self.log_text()
            self.close()
            raise RuntimeError(f"redoubtd did not start: {text[-1000:]}")
        # No earlier connection is open when this one's end has come: the daemon has one thread.
        until(lambda: "engine: qemu" in self.log_text(), ANSWER_S)
        self.ask(DESCRIBE, {})
        self.fds = self.fd_count()

    def answers(self):
        return os.path.exists(self.socket) and self.cli("describe-enclaves").returncode == 0

    def log_text(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def cli(self, *args, **how):
        return run_cli(self.home, *args, program=self.program if how.get("uid") else NITRO_CLI, **how)

    def good(self, *args, **how):
        done = self.cli(*args, **how)
        assert done.returncode == 0, done.stderr + self.log_text()[-2000:]
        return json.loads(done.stdout)

    def described(self, **how):
        return self.good("describe-enclaves", **how)

    def fd_count(self):
        return len(os.listdir(f"/proc/{self.daemon.pid}/fd"))

    def file(self, name, data, mode=0o644):
        path = os.path.join(self.home, name)
        with open(path, "wb") as file:
            file.write(data)
        os.chmod(path, mode)
        return path

    def leftovers(self, slots=()):
        """What is there beside the enclaves of these slots; empty when nothing was left behind."""
        found = []
        for folder in ("run/enclaves", "run/records"):
            found += [f"{folder}/{n}" for n in os.listdir(os.path.join(self.home, folder)) if n not in slots]
        for where, _, names in os.walk(self.home):
            found += [os.path.join(where, n) for n in names if n.endswith(".tmp")]
        if not slots:
            found += [f"process {pid}" for pid in children(self.daemon.pid)]
            if self.fd_count() != self.fds:
                found.append(f"{self.fd_count()} descriptors instead of {self.fds}")
        return found

    def assert_clean(self, slots=()):
        assert self.daemon.poll() is None, self.log_text()
        until(lambda: not self.leftovers(slots), ANSWER_S)
        found = self.leftovers(slots)
        assert not found, f"left behind: {found}"
        assert "Sanitizer" not in self.log_text(), self.log_text()

    def connect(self):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # Blocks while the daemon's queue is full, which a time-out would make an error of.
        sock.connect(self.socket)
        sock.settimeout(ANSWER_S)
        return sock

    def ask(self, kind, fields, fds=()):
        """All answers to one request, as [type, fields]."""
        with self.connect() as sock:
            socket.send_fds(sock, [cbor2.dumps([kind, fields])], list(fds))
            return answers(sock)

    def close(self):
        if self.daemon.poll() is None:
            self.cli("terminate-enclave", "--all")
            self.daemon.send_signal(signal.SIGTERM)
            self.daemon.wait(30)
        self.log.close()
        shutil.rmtree(os.path.dirname(self.program))
        if self.made:
            shutil.rmtree(self.home)


def answers(sock):
    got = []
    while True:
        try:
            data, fds, _, _ = socket.recv_fds(sock, 65536, 4)
        except ConnectionResetError:  # told once when it did not read all of ours; its answers come after that
            continue
        for fd in fds:
            os.close(fd)
        if not data:
            return got
        got.append(cbor2.loads(data))
