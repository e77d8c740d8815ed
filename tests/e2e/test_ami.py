# SPDX-License-Identifier: Apache-2.0
"""The disk image of a parent instance, made for this test: the same bytes twice, and what it does when it boots."""

import contextlib
import http.server
import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time

import pytest
from instances import BOOT_S, RUNNING, STOPPED, Instances
from redoubt import wait_for

OUT = os.environ["REDOUBT_OUT"]
REDOUBT = os.path.join(OUT, "bin", "redoubt")
# Installing 300 packages, on a busy machine.
BUILD_S = 1200
# After its prompt is there a guest still looks for its buttons; a press before that is lost.
BUTTON_S = 30
ONE = "i-0123456789abcdef0"
IMDS = "169.254.169.254"
DOCKERFILE = "FROM scratch\nCOPY nsm-cli /nsm-cli\nCMD [\"/nsm-cli\", \"describe-nsm\"]\n"
# As lessons have it, by the user whom the ssh key is for.
LESSON = f"""set -e
mkdir app
cp /usr/share/redoubt/guest/nsm-cli app/
printf '%s' '{DOCKERFILE}' > app/Dockerfile
docker build -q -t my-secure-app:latest app >&2
nitro-cli build-enclave --docker-uri my-secure-app:latest --output-file my-app.eif
"""


def needs(*programs):
    missing = [name for name in programs if shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin") is None]
    return pytest.mark.skipif(bool(missing) or os.geteuid() != 0, reason=f"needs root and {', '.join(missing)}")


pytestmark = [needs("mmdebstrap", "grub-mkimage", "qemu-img", "sfdisk", "socat", "ssh"),
              pytest.mark.skipif(not os.path.exists(os.path.join(OUT, "share/redoubt/ami/redoubt-parent.deb")),
                                 reason="the parent's package has not been made: make deb")]


def build(folder, name, *options):
    path = os.path.join(folder, name)
    result = subprocess.run([REDOUBT, "ami", "build", "--output", path, *options], capture_output=True, text=True,
                            timeout=BUILD_S, check=False, env={**os.environ, "TMPDIR": str(folder)})
    assert result.returncode == 0, result.stderr
    # Nothing of its work is left beside it.
    assert set(os.listdir(folder)) == {name, name + ".packages"}
    return path


@pytest.fixture(scope="module", name="image")
def make_image(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ami")
    yield build(folder, "parent.qcow2")
    shutil.rmtree(folder)


@pytest.fixture(scope="module", name="key")
def make_key(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("key") / "key")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return path


class Metadata(http.server.BaseHTTPRequestHandler):
    """As much of IMDSv2 as the image asks for: a token first, then values with it."""

    protocol_version = "HTTP/1.1"

    def answer(self, status, text=""):
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_PUT(self):  # pylint: disable=invalid-name
        self.answer(200 if self.path == "/latest/api/token" else 404, "token")

    def do_GET(self):  # pylint: disable=invalid-name
        value = self.server.values.get(self.path)
        if self.headers["X-aws-ec2-metadata-token"] != "token":
            self.answer(401)
        elif value is None:
            self.answer(404, "<html>not here</html>")
        else:
            self.answer(200, value)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def metadata(**values):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Metadata)
    server.values = {"/latest/" + name.replace("__", "/").replace("_", "-"): value for name, value in values.items()}
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Machine:
    """The image in plain QEMU, with a disk of its own size over it, and the metadata service at its address."""

    def __init__(self, image, folder, key, imds_port, disk="12G"):
        self.key, self.port = key, free_port()
        self.console = os.path.join(folder, "console")
        overlay = os.path.join(folder, "overlay.qcow2")
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", image, "-F", "qcow2", overlay, disk], check=True)
        net = (f"user,id=net,net=169.254.0.0/16,dhcpstart=169.254.0.15,hostfwd=tcp:127.0.0.1:{self.port}-:22,"
               f"guestfwd=tcp:{IMDS}:80-cmd:socat STDIO TCP\\:127.0.0.1\\:{imds_port}")
        self.process = subprocess.Popen([
            "qemu-system-x86_64", "-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "1024",
            "-nodefaults", "-display", "none", "-drive", f"file={overlay},if=none,id=disk,cache=unsafe",
            "-device", "virtio-blk-pci,drive=disk", "-netdev", net, "-device", "virtio-net-pci,netdev=net",
            "-device", "virtio-rng-pci", "-serial", f"file:{self.console}"])

    def ssh(self, command, user="ec2-user", check=True, timeout=BOOT_S):
        result = subprocess.run(
            ["ssh", "-q", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
             "-o", "ConnectTimeout=30", "-i", self.key, "-p", str(self.port), f"{user}@127.0.0.1", command],
            capture_output=True, text=True, timeout=timeout, check=False)
        assert result.returncode == 0 or not check, f"{command}: {result.stdout}{result.stderr}"
        return result.stdout.strip() if check else result

    def answers(self):
        assert self.process.poll() is None, "QEMU has ended"
        return self.ssh("true", check=False).returncode == 0

    def close(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module", name="machine")
def boot(image, key, tmp_path_factory):
    with open(key + ".pub", encoding="utf-8") as file:
        public = file.read()
    with metadata(meta_data__instance_id=ONE, meta_data__local_hostname="ip-172-31-16-5.local-1.compute.internal",
                  meta_data__public_keys__0__openssh_key=public,
                  user_data="#!/bin/sh\necho ran as $(id -un) >> /var/lib/ran\n") as port:
        machine = Machine(image, str(tmp_path_factory.mktemp("machine")), key, port)
        try:
            wait_for("ssh", machine.answers, BOOT_S)
            yield machine
        finally:
            machine.close()


def test_same_package_same_bytes(image, tmp_path):
    again = build(tmp_path, "again.qcow2")
    assert subprocess.run(["cmp", image, again], check=False).returncode == 0
    with open(again + ".packages", encoding="utf-8") as file:
        packages = dict(line.split() for line in file)
    assert {"redoubt-parent", "docker.io", "awscli", "socat", "openssh-server"} <= set(packages)
    shutil.rmtree(tmp_path)


def test_metadata_makes_the_instance(machine):
    wait_for("user data", lambda: machine.ssh("test -e /var/lib/ran", check=False).returncode == 0)
    assert machine.ssh("hostname") == "ip-172-31-16-5"
    assert machine.ssh("cat /var/lib/ran") == "ran as root"
    assert machine.ssh("sudo -n id -u", user="admin") == "0"
    assert machine.ssh("systemctl is-system-running; systemctl --failed --no-legend") == "running"


def test_user_data_runs_once(machine):
    machine.ssh("sudo systemctl restart redoubt-metadata")
    assert machine.ssh("cat /var/lib/ran") == "ran as root"


def test_file_system_has_the_whole_disk(machine):
    assert int(machine.ssh("df --output=size -BG / | tail -n 1").strip("G ")) >= 11


def test_nothing_of_the_image_is_secret_or_shared(machine):
    assert machine.ssh("sudo awk -F: '$2 !~ /^[!*]/ { print $1 }' /etc/shadow") == ""
    assert machine.ssh("ls /etc/ssh/ssh_host_*_key") == "/etc/ssh/ssh_host_ecdsa_key\n/etc/ssh/ssh_host_ed25519_key"
    assert machine.ssh("find /etc/ssh -name 'ssh_host_*' ! -newer /etc/os-release") == ""
    assert "passwordauthentication no" in machine.ssh("sudo /usr/sbin/sshd -T").splitlines()


def test_lesson_builds_its_image(machine):
    built = json.loads(machine.ssh(LESSON))
    assert len(built["Measurements"]["PCR0"]) == 96
    assert machine.ssh("docker run --rm my-secure-app:latest", check=False).returncode != 127
    assert machine.ssh("aws --version").startswith("aws-cli/2")


def test_only_members_of_ne_have_nitro_cli(machine):
    assert machine.ssh("stat -c '%U %G %a' /usr/bin/nitro-cli") == "root ne 750"
    assert "cap_net_bind_service" in machine.ssh("/usr/sbin/getcap /usr/bin/nitro-cli")
    assert machine.ssh("sudo -u nobody nitro-cli --version", check=False).returncode != 0


def listed(home, *options):
    return subprocess.run([REDOUBT, "instances", *options], capture_output=True, text=True, check=False, timeout=60,
                          env={**os.environ, "REDOUBT_HOME": home})


def test_redoubtd_runs_it(image, make_host):
    host = make_host()
    ours = Instances(host)
    assert json.loads(listed(host.home, "--json").stdout) == []
    ours.run(ONE, image, image_format="qcow2", memory_mib=1024)
    ours.reach(ONE, RUNNING)
    found = json.loads(listed(host.home, "--json").stdout)
    assert [(i["InstanceId"], i["State"], i["CPUCount"], i["MemoryMiB"], i["Enclaves"]) for i in found] == \
        [(ONE, "running", 2, 1024, [])]
    ours.said(ONE, "login:")
    time.sleep(BUTTON_S)
    # The power button, which the guest obeys.
    ours.stop(ONE)
    assert "powered off on request" in ours.reach(ONE, STOPPED, BOOT_S)["text"]
    lines = listed(host.home).stdout.splitlines()
    assert lines[0].split()[0] == "INSTANCE" and lines[1].split()[:3] == [ONE, "stopped", "-"]
    ours.terminate(ONE)


def test_instances_without_a_daemon():
    # Not pytest's directory, whose name may be too long for the sockets in it.
    with tempfile.TemporaryDirectory(prefix="rd-") as home:
        result = listed(home)
    assert (result.returncode, result.stdout) == (1, "")
    assert "redoubtd does not answer: start it first" in result.stderr


def test_instances_wrong_usage():
    assert subprocess.run([REDOUBT, "instances", "--table"], capture_output=True, check=False).returncode == 2
    assert subprocess.run([REDOUBT, "instances", "more"], capture_output=True, check=False).returncode == 2
