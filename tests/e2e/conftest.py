# SPDX-License-Identifier: Apache-2.0
"""What all end-to-end tests share: the installed tree, and a host of their own for each test."""

import os
import pathlib
import signal
import sys

import pytest
from redoubt import ORDINARY_UID, Host, adopt_orphans

OUT = os.environ.get("REDOUBT_OUT", str(pathlib.Path(__file__).resolve().parents[2] / "out"))
# The user who runs the tests, and one without any rights.
USERS = {"root": None, "user": ORDINARY_UID} if os.geteuid() == 0 else {"user": None}


def stop(*_):
    """A time-out is no reason to leave enclaves running: as for Ctrl-C, fixtures are ended first."""
    raise KeyboardInterrupt


def pytest_configure():
    signal.signal(signal.SIGTERM, stop)
    assert os.access(os.path.join(OUT, "bin", "nitro-cli"), os.X_OK), f"{OUT}: nothing installed: run make"
    adopt_orphans()


@pytest.fixture
def make_host():
    """Hosts with a configuration or a user of the test's choice; all of them are gone after it."""
    hosts = []

    def make(**how):
        hosts.append(Host(OUT, **how))
        return hosts[-1]
    yield make
    for host in reversed(hosts):
        sys.stderr.write(host.read_log())
        host.close()


@pytest.fixture
def host(make_host):
    return make_host()


@pytest.fixture(params=list(USERS))
def any_host(make_host, request):
    """The same test as root and as an ordinary user."""
    return make_host(uid=USERS[request.param])
