# SPDX-License-Identifier: Apache-2.0
"""The choice of engine: within a second, in one line, with its reason."""

import datetime
import os

import images
import pytest
from redoubt import wait_for


def engine_lines(host):
    return [line for line in host.read_log().splitlines() if "engine: qemu with " in line]


def moment(line):
    return datetime.datetime.strptime(line.split("[")[2].rstrip("] ").split("]")[0], "%Y-%m-%dT%H:%M:%S.%fZ")


def test_auto_decides_within_a_second_and_says_why(host):
    """KVM is judged by running code, so a /dev/kvm that interprets is found out too."""
    wait_for("the choice of engine", lambda: engine_lines(host), 10)
    (line,) = engine_lines(host)
    (ready,) = [entry for entry in host.read_log().splitlines() if "] ready: " in entry]
    # The probe starts a moment before the daemon is ready; a busy machine may be late with the news.
    assert (moment(line) - moment(ready)).total_seconds() < 1.25
    how, reason = line.split("engine: qemu with ", 1)[1].split(": ", 1)
    assert how in ("KVM", "TCG (emulation)") and reason
    if not os.path.exists("/dev/kvm"):
        assert (how, reason) == ("TCG (emulation)", "/dev/kvm is not there or not ours to use")
    elif how == "TCG (emulation)":
        assert "kvm" in reason.lower()


def test_the_choice_uses_what_it_says(host):
    eif, _ = images.guest(host)
    host.start(eif)
    (line,) = engine_lines(host)
    (qemu,) = [pid for pid, name in host.processes().items() if name.startswith("qemu")]
    with open(f"/proc/{qemu}/cmdline", "rb") as file:
        words = file.read().decode().split("\0")
    accel = "kvm" if "with KVM" in line else "tcg"
    assert any(f"accel={accel}" in word or word == accel or word.startswith(accel + ",") for word in words), words
    sandbox = words[words.index("-sandbox") + 1]
    assert sandbox.startswith("on")


@pytest.mark.parametrize("configured,said", [("qemu", "TCG (emulation): configured"), ("qemu-kvm", "KVM: configured")])
def test_a_configured_engine_is_not_judged(make_host, configured, said):
    host = make_host(config={"engine": configured})
    (line,) = wait_for("the choice of engine", lambda: engine_lines(host), 10)
    assert line.endswith("engine: qemu with " + said)
