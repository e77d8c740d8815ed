# SPDX-License-Identifier: Apache-2.0
"""A node of the installed tree ($REDOUBT_OUT), with parent instances that the AWS CLI runs and ssh reaches."""

import contextlib
import json
import os
import shutil
import socket
import subprocess

from ec2_host import Ec2, Kms
from kms_host import REGION
from redoubt import Host, wait_for

OUT = os.environ["REDOUBT_OUT"]
REDOUBT = os.path.join(OUT, "bin", "redoubt")
IMAGE = "ami-12345678"
# Two boots side by side under emulation, on a busy machine.
BOOT_S = 600
# Docker's first start in an instance takes most of it.
STEP_S = 600
END_S = 120
DOCKERFILE = "FROM scratch\nCOPY secret-from-kms /\nENTRYPOINT [\"/secret-from-kms\"]\n"


def missing():
    """What this machine lacks, or None."""
    if os.geteuid() != 0:
        return "needs root"
    programs = ("mmdebstrap", "grub-mkimage", "qemu-img", "sfdisk", "ssh", "aws")
    lacks = [name for name in programs if shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin") is None]
    if lacks:
        return "needs " + ", ".join(lacks)
    package = os.path.join(OUT, "share/redoubt/ami/redoubt-parent.deb")
    return None if os.path.exists(package) else "the parent's package has not been made: make deb"


def own_ports(stack):
    """The first of a hundred ports for instances that no other node of this machine gives to its own."""
    for slot in range(100):
        guard = stack.enter_context(socket.socket())
        try:
            guard.bind(("127.0.0.1", 19900 + slot))
            return 20000 + 100 * slot
        except OSError:
            guard.close()
    raise AssertionError("a hundred nodes on one machine")


class Node:
    """redoubtd, redoubt-kms and redoubt-ec2 of the installed tree, in one home.

    address: where redoubt-kms is to serve TLS for instances, which never reach this host's loopback.
    """

    def __init__(self, address=None):
        with contextlib.ExitStack() as stack:
            self.host = stack.enter_context(Host(OUT))
            self.daemon = self.host.daemon
            self.kms = self.start_kms(address)
            stack.callback(self.kms.close)
            first = own_ports(stack)
            self.ec2 = Ec2(self.kms, f"forward_first_port: {first}\nforward_last_port: {first + 99}\n")
            stack.callback(self.ec2.close)
            wait_for("redoubt-ec2's way to redoubtd", lambda: "connected to redoubtd" in self.ec2.log_text())
            self.stack = stack.pop_all()

    def start_kms(self, address):
        if address is None:
            return Kms(home=self.host.home)
        tls = self.tls("kms-tls", f"kms.{REGION}.amazonaws.com", address)
        return Kms(f'listen: "{address}:0"\ntls_certificate: {tls}/server.pem\ntls_key: {tls}/server.key\n',
                   home=self.host.home, ca=f"{tls}/ca.pem")

    def close(self):
        for instance in self.listed():
            self.ec2.aws("terminate-instances", "--instance-ids", instance)
        wait_for("the instances' ends", lambda: not self.listed(), END_S)
        self.stack.close()

    def tls(self, folder, *names):
        """The folder of a server's certificate for these names or addresses."""
        named = [word for name in names for word in ("--name", name)]
        self.host.run("bin/redoubt", "pki", "tls", *named, "--out", self.host.path(folder))
        return self.host.path(folder)

    def redoubt(self, *words, **more):
        return subprocess.run([REDOUBT, *words], env={**self.kms.env, **more}, capture_output=True, text=True, check=True,
                              timeout=STEP_S).stdout

    def listed(self):
        """{instance: its enclaves}, as whoever runs the host sees them."""
        return {i["InstanceId"]: i["Enclaves"] for i in json.loads(self.redoubt("instances", "--json"))}

    def build_image(self):
        """As an administrator does it; registered under the id that lessons have."""
        keys = {"AWS_ACCESS_KEY_ID": self.ec2.admin.akid, "AWS_SECRET_ACCESS_KEY": self.ec2.admin.secret,
                "AWS_REGION": "us-east-1", "HOME": os.environ.get("HOME", "/root")}
        path = self.kms.path("state", "images", "parent.qcow2")
        assert self.redoubt("ami", "build", "--output", path, "--endpoint-url", self.ec2.url, "--image-id", IMAGE,
                            **keys) == IMAGE + "\n"

    def open_ssh(self):
        """A key pair, and port 22 of every instance."""
        with open(os.open(self.kms.path("key.pem"), os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:
            file.write(json.loads(self.ec2.aws("create-key-pair", "--key-name", "key"))["KeyMaterial"])
        self.open_port(22)

    def open_port(self, port):
        """Of every instance, to this host."""
        self.ec2.aws("authorize-security-group-ingress", "--group-name", "default", "--protocol", "tcp", "--port", str(port),
                     "--cidr", "127.0.0.1/32")

    def run(self, kind, *more):
        done = json.loads(self.ec2.aws("run-instances", "--image-id", IMAGE, "--instance-type", kind, "--enclave-options",
                                       "Enabled=true", "--key-name", "key", *more))
        return Instance(self, done["Instances"][0]["InstanceId"])


class Instance:
    def __init__(self, node, name):
        self.node, self.id = node, name

    def about(self):
        found = json.loads(self.node.ec2.aws("describe-instances", "--instance-ids", self.id))
        return found["Reservations"][0]["Instances"][0]

    def published(self, port):
        """The host's port that is this one of the instance."""
        tags = {tag["Key"]: tag["Value"] for tag in self.about()["Tags"]}
        return tags[f"redoubt:tcp:{port}"].rpartition(":")[2]

    def wait_for_ssh(self):
        self.port = self.published(22)
        wait_for(f"ssh to {self.id}", lambda: self.run("true", check=False).returncode == 0, BOOT_S)

    def run(self, command, check=True, **more):
        return subprocess.run(["ssh", "-q", "-i", self.node.kms.path("key.pem"), "-p", self.port, "-o", "BatchMode=yes", "-o",
                               "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "ConnectTimeout=30",
                               "ec2-user@127.0.0.1", command], capture_output=True, timeout=STEP_S, check=check, **more)

    def json(self, command):
        return json.loads(self.run(command).stdout)

    def metadata(self, name):
        return self.run("curl -sf -H \"X-aws-ec2-metadata-token: $(curl -sf -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "
                        f"169.254.169.254/latest/api/token)\" 169.254.169.254/latest/meta-data/{name}").stdout.decode()


def lesson(instance):
    """Memory set aside, an image, and an enclave of it; what run-enclave says."""
    instance.run("sudo systemctl enable --now nitro-enclaves-allocator.service")
    with open(os.path.join(OUT, "share/redoubt/examples/secret-from-kms/secret-from-kms"), "rb") as program:
        instance.run("mkdir app && cat >app/secret-from-kms && chmod +x app/secret-from-kms", stdin=program)
    instance.run("cat >app/Dockerfile", input=DOCKERFILE.encode())
    instance.run("docker build -q -t my-secure-app:latest app")
    built = instance.json("nitro-cli build-enclave --docker-uri my-secure-app:latest --output-file my-app.eif")
    assert len(built["Measurements"]["PCR0"]) == 96
    return instance.json("nitro-cli run-enclave --eif-path my-app.eif --memory 512 --cpu-count 2")
