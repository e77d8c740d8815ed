# SPDX-License-Identifier: Apache-2.0
"""Who may look into an enclave's processes from outside: nobody but root, or those whom SECURITY.md names."""

import contextlib
import os
import shutil
import subprocess
import sys

import images
import pytest
from redoubt import ORDINARY_UID

QEMU = "/usr/bin/qemu-system-x86_64"
# Attaches to each process that is named, and says whether that was allowed; its end lets go of them.
TRACER = """
import ctypes, sys
libc = ctypes.CDLL(None, use_errno=True)
for pid in sys.argv[1:]:
    print("traced" if libc.ptrace(0x4206, int(pid), 0, 0) == 0 else "refused")  # PTRACE_SEIZE
"""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="plays several users, which takes root")


def trace(uid, *pids):
    done = subprocess.run([sys.executable, "-c", TRACER, *map(str, pids)], user=uid, group=uid, extra_groups=[],
                          check=True, capture_output=True)
    return done.stdout.decode().split()


def inside(host):
    """(QEMU, vmm) of the host's only enclave."""
    found = host.processes().items()
    (qemu,) = [pid for pid, name in found if name.startswith("qemu")]
    return qemu, [pid for pid, name in found if name == "redoubt-vmm"][0]


@contextlib.contextmanager
def alone(uid):
    """A process of that user, to see that tracing is found out."""
    with subprocess.Popen(["/bin/sleep", "600"], user=uid, group=uid, extra_groups=[]) as process:
        yield process.pid
        process.kill()


def test_under_roots_service_each_enclave_has_a_user_of_its_own(host):
    eif, _ = images.guest(host)
    host.start(eif)
    pids = inside(host)
    with open(f"/proc/{pids[0]}/status", encoding="ascii") as file:
        (uids,) = [line.split()[1:] for line in file if line.startswith("Uid:")]
    assert len(set(uids)) == 1 and int(uids[0]) not in (0, ORDINARY_UID), uids
    with alone(ORDINARY_UID) as own:
        assert trace(ORDINARY_UID, own, *pids) == ["traced", "refused", "refused"]


def test_a_users_own_service_keeps_the_vmm_from_that_users_programs(make_host):
    """But not a QEMU whose program they may read: the kernel lets them trace it, for they own its user namespace."""
    host = make_host(uid=ORDINARY_UID)
    eif, _ = images.guest(host)
    host.start(eif)
    assert trace(ORDINARY_UID, *inside(host)) == ["traced", "refused"]


def root_is_a_mount_point():
    """Not in a chroot; unshare cannot make a mount namespace private there."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as file:
        return any(line.split()[4] == "/" for line in file)


@pytest.mark.skipif(not root_is_a_mount_point(), reason="the root directory is no mount point here: a chroot")
def test_a_qemu_that_users_cannot_read_they_cannot_trace(make_host):
    """As after `dpkg-statoverride --update --add root root 0711 /usr/bin/qemu-system-x86_64`, in a mount namespace."""
    host = make_host(uid=ORDINARY_UID)
    host.end_daemon()
    unreadable = host.path("qemu")
    shutil.copyfile(QEMU, unreadable)
    os.chmod(unreadable, 0o711)
    identity, host.identity = host.identity, {}
    host.start_daemon("unshare", "--mount", "sh", "-c", 'mount --bind "$0" "$1" && shift && exec "$@"', unreadable, QEMU,
                      "setpriv", f"--reuid={ORDINARY_UID}", f"--regid={ORDINARY_UID}", "--clear-groups")
    host.identity = identity
    eif, _ = images.guest(host)
    host.start(eif)
    assert trace(ORDINARY_UID, *inside(host)) == ["refused", "refused"]
