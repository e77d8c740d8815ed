# SPDX-License-Identifier: Apache-2.0
"""A redoubt-ec2 of the test's own beside a redoubt-kms, whose service door knows its callers.

Programs are in the environment as REDOUBT_EC2 and REDOUBT_KMS. Every answer to client() is held against botocore's
service model, element by element.
"""

import os
import re
import signal
import struct
import subprocess
import tempfile
import xml.etree.ElementTree

import botocore.config
from kms_host import ANSWER_S, AWS, REGION, SESSION, SESSION_LOCK, START_S, Credentials, Kms, until

REDOUBT_EC2 = os.environ["REDOUBT_EC2"]
# What newer models have, and answers of operations that older ones give none.
NEWER = {"requestId", "nitroEnclavesSupport", "return", "keyPairId", "groupId", "tagSet", "disableApiStop"}


def bare(tag):
    return tag.rpartition("}")[2]


def members_of(shape):
    return {member.serialization.get("name", name): member for name, member in shape.members.items()}


def check_scalar(shape, text, where):
    if shape.type_name in ("integer", "long"):
        int(text)
    elif shape.type_name == "boolean":
        assert text in ("true", "false"), (where, text)
    elif shape.type_name == "timestamp":
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text), (where, text)


def check_shape(shape, element, where):
    """Every element is a member of the model's shape, and of its type."""
    if shape is None or shape.type_name == "structure":
        members = members_of(shape) if shape else {}
        seen = set()
        for child in element:
            name = bare(child.tag)
            assert name in members or name in NEWER, f"{where}: <{name}> is not in the model"
            assert name not in seen, f"{where}: <{name}> twice"
            seen.add(name)
            if name in members:
                check_shape(members[name], child, f"{where}/{name}")
    elif shape.type_name == "list":
        for child in element:
            assert bare(child.tag) == "item", f"{where}: <{bare(child.tag)}> in a list"
            check_shape(shape.member, child, f"{where}/item")
    else:
        assert len(element) == 0, f"{where}: elements in a {shape.type_name}"
        check_scalar(shape, element.text or "", where)


def check_answer(operation_model, response_dict, **_):
    root = xml.etree.ElementTree.fromstring(response_dict["body"])
    if response_dict["status_code"] != 200:
        assert [bare(e.tag) for e in root] == ["Errors", "RequestID"], response_dict["body"]
        return
    assert bare(root.tag) == operation_model.name + "Response"
    assert root.tag.startswith("{http://ec2.amazonaws.com/doc/2016-11-15/}")
    check_shape(operation_model.output_shape, root, operation_model.name)


def make_disk(path, mib=64):
    """A raw disk with a boot sector; whoever boots it stops there."""
    with open(path, "wb") as file:
        file.write(bytes([0xF4, 0xEB, 0xFD]).ljust(510, b"\0") + b"\x55\xaa")
        file.truncate(mib << 20)


def qcow2_head(*, version=3, backing=0, size=1 << 30, incompatible=0, cluster_bits=16, crypt=0):
    return struct.pack(">4sIQIIQIIQQIIQQQQII", b"QFI\xfb", version, backing, 4 if backing else 0, cluster_bits, size,
                       crypt, min(size >> 29, 1 << 16), 0x30000, 0x10000, 1, 0, 0, incompatible, 0, 0, 4, 104).ljust(0x40000, b"\0")


class Ec2:
    """redoubt-ec2 on a port of its own, in the home of a redoubt-kms."""

    def __init__(self, kms, config=""):
        self.kms, self.home, self.admin = kms, kms.home, kms.admin
        self.env, self.config = kms.env, config
        self.log = tempfile.TemporaryFile()
        self.process = None
        os.makedirs(kms.path("state", "images"), exist_ok=True)
        with open(kms.path("config", "ec2.yaml"), "w", encoding="utf-8") as file:
            file.write('listen: "127.0.0.1:0"\nmetrics: "127.0.0.1:0"\n' + f"region: {REGION}\n" + config)
        self.start()

    def start(self):
        seen = len(self.log_text())
        self.process = subprocess.Popen([REDOUBT_EC2], env=self.env, stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=self.log, cwd="/")
        found = until(lambda: self.process.poll() is not None or
                      re.search(r"serves (https?)://127\.0\.0\.1:(\d+), ", self.log_text()[seen:]))
        if found is None or found is True:
            raise RuntimeError(f"redoubt-ec2 did not start: {self.log_text()[-2000:]}")
        self.port = int(found.group(2))
        self.url = f"{found.group(1)}://127.0.0.1:{self.port}"

    def log_text(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def client(self, credentials=None, verify=None, **config):
        who = credentials or self.admin
        settings = botocore.config.Config(
            **{"retries": {"total_max_attempts": 1}, "read_timeout": ANSWER_S, "max_pool_connections": 20, **config})
        with SESSION_LOCK:
            client = SESSION.create_client("ec2", REGION, endpoint_url=self.url, aws_access_key_id=who.akid,
                                           aws_secret_access_key=who.secret, aws_session_token=who.token,
                                           verify=verify, config=settings)
        client.meta.events.register("before-parse.ec2.*", check_answer)
        return client

    def aws(self, *args, credentials=None, ok=True):
        """The AWS CLI; what it prints."""
        who = credentials or self.admin
        env = {"PATH": "/usr/bin:/bin", "HOME": self.home, "AWS_ACCESS_KEY_ID": who.akid,
               "AWS_SECRET_ACCESS_KEY": who.secret, "AWS_DEFAULT_REGION": REGION, "AWS_PAGER": "",
               "AWS_MAX_ATTEMPTS": "1"}
        done = subprocess.run([AWS, "--endpoint-url", self.url, "--output", "json", "ec2", *args], env=env,
                              capture_output=True, text=True, timeout=2 * ANSWER_S, check=False)
        assert (done.returncode == 0) == ok, done.stdout + done.stderr
        return done.stdout if ok else done.stderr

    def image(self, name="first"):
        path = self.kms.path("state", "images", f"{name}.raw")
        make_disk(path)
        return path

    def stop(self, signo=signal.SIGTERM):
        self.process.send_signal(signo)
        return self.process.wait(START_S)

    def restart(self, signo=signal.SIGTERM):
        self.stop(signo)
        self.start()

    def assert_well(self):
        assert self.process.poll() is None, self.log_text()
        assert "Sanitizer" not in self.log_text() and "runtime error" not in self.log_text(), self.log_text()

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.stop()
        self.log.close()


def new_user(kms, name, policy):
    """Credentials of a user with one policy."""
    kms.ask("iam", "create-user", "--user-name", name)
    if policy is not None:
        kms.ask("iam", "put-user-policy", "--user-name", name, "--policy-name", "p", "--policy-document", policy)
    return Credentials.of(kms.ask("iam", "create-access-key", "--user-name", name)["AccessKey"])


__all__ = ["Credentials", "Ec2", "Kms", "make_disk", "new_user", "qcow2_head", "until"]
