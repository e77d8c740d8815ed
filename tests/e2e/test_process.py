# SPDX-License-Identifier: Apache-2.0
"""The application is started as a container engine would, and how it ends is reported."""

import signal
import tarfile

import images
import pytest
from redoubt import Guest

PASSWD = b"root:x:0:0:root:/root:/bin/sh\nweb:x:1000:100:web:/home/web:/bin/sh\n"
GROUP = b"root:x:0:\nusers:x:100:\nextra:x:200:web\nother:x:300:\nmore:x:400:web,root\n"
ETC = [("etc", {"type": tarfile.DIRTYPE}), ("etc/passwd", {"data": PASSWD, "mode": 0o644}),
       ("etc/group", {"data": GROUP, "mode": 0o644})]


def values(report, name):
    return [value for key, value in report if key == name]


def assert_died_of(host, enclave, number):
    ended = host.ended(enclave)
    assert ended["ExitStatus"] == 128 + number
    assert f"signal {int(number)}" in ended["ExitReason"]


def test_entrypoint_cmd_env_workdir_and_user_apply(any_host):
    host = any_host
    eif, _ = images.guest(host, more=ETC, Entrypoint=["guest", "first word"], Cmd=["", "two\nlines"],
                          Env=["PATH=/nowhere:/", "GREETING=good=day", "LINES=a\nb"], WorkingDir="/srv/made for it",
                          User="web")
    enclave = host.start(eif)
    with Guest(host, enclave) as guest:
        report = guest.report()
        assert guest.ask("loopback") == (0, b"")
        guest.tell("signal", int(signal.SIGSEGV))
        assert_died_of(host, enclave, signal.SIGSEGV)
    assert values(report, "arg") == ["guest", "first word", "", "two\nlines"]
    assert set(values(report, "env")) == {"PATH=/nowhere:/", "GREETING=good=day", "LINES=a\nb", "HOME=/home/web"}
    assert values(report, "cwd") == ["/srv/made for it"]
    assert (values(report, "uid"), values(report, "gid")) == (["1000"], ["100"])
    assert set(values(report, "group")) - {"100"} == {"200", "400"}


def test_without_a_word_it_is_root_in_the_root_directory(host):
    eif, _ = images.guest(host)
    enclave = host.start(eif)
    with Guest(host, enclave) as guest:
        report = guest.report()
        guest.tell("signal", int(signal.SIGKILL))
        assert_died_of(host, enclave, signal.SIGKILL)
    assert values(report, "arg") == ["/guest"]
    assert (values(report, "uid"), values(report, "gid"), values(report, "cwd")) == (["0"], ["0"], ["/"])
    assert "HOME=/" in values(report, "env")
    assert any(entry.startswith("PATH=/usr/local/sbin:") for entry in values(report, "env"))


def test_exit_status_is_reported(host):
    eif, _ = images.guest(host, Cmd=["exit", "7"])
    ended = host.ended(host.start(eif))
    assert (ended["ExitStatus"], ended["ExitReason"]) == (7, "the application exited with code 7")


@pytest.mark.parametrize("config,words", [
    ({"Entrypoint": ["/none"]}, ["cannot execute", "/none", "No such file"]),
    ({"Entrypoint": ["/etc/passwd"]}, ["cannot execute", "/etc/passwd", "Permission denied"]),
])
def test_what_cannot_be_started_is_named(host, config, words):
    eif, _ = images.guest(host, more=ETC, **config)
    ended = host.ended(host.start(eif))
    assert ended["ExitStatus"] is None
    assert all(word in ended["ExitReason"] for word in words), ended["ExitReason"]
