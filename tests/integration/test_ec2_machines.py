# SPDX-License-Identifier: Apache-2.0
"""redoubt-ec2 over a real redoubtd: virtual machines that run, stop, start and end, and what is left when something is
killed in between. The disk has a boot sector that halts; what runs in a guest is for the end-to-end tests.
"""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess

import pytest
from botocore.exceptions import ClientError
from ec2_host import Credentials, Ec2, Kms, until

OFF = {"HttpEndpoint": "disabled"}


class Daemon:
    def __init__(self, kms):
        self.env, self.log = kms.env, open(kms.path("redoubtd.log"), "ab")
        self.start()

    def start(self):
        self.process = subprocess.Popen([os.environ["REDOUBTD"], "--no-cgroup"], env=self.env, stderr=self.log)

    def stop(self, signo=signal.SIGTERM):
        self.process.send_signal(signo)
        self.process.wait(60)

    def close(self):
        self.stop()
        self.log.close()


@pytest.fixture(scope="module", name="kms")
def kms_fixture():
    kms = Kms()
    yield kms
    kms.close()


@pytest.fixture(scope="module", name="daemon")
def daemon_fixture(kms):
    daemon = Daemon(kms)
    yield daemon
    daemon.close()


@pytest.fixture(name="ec2")
def ec2_fixture(kms, daemon):
    ec2 = Ec2(kms)
    if until(lambda: "connected to redoubtd" in ec2.log_text(), 20):
        yield ec2
    client = ec2.client()
    left = [i["InstanceId"] for i in all_of(client) if i["State"]["Name"] != "terminated"]
    if left:
        client.terminate_instances(InstanceIds=left)
        until(lambda: all(i["State"]["Name"] == "terminated" for i in all_of(client)), 30)
    ec2.assert_well()
    ec2.close()
    assert daemon.process.poll() is None
    assert not os.listdir(kms.path("state", "instances")), "overlays are left"
    assert not os.listdir(kms.path("run", "instances")), "directories are left"


def all_of(client):
    return [i for r in client.describe_instances()["Reservations"] for i in r["Instances"]]


def image_of(ec2, client):
    found = client.describe_images()["Images"]
    return found[0]["ImageId"] if found else client.register_image(Name="halts", ImageLocation=ec2.image())["ImageId"]


def run(ec2, client, **more):
    return client.run_instances(**{"ImageId": image_of(ec2, client), "MinCount": 1, "MaxCount": 1,
                                   "InstanceType": "c5.large", "MetadataOptions": OFF, **more})["Instances"]


def state(client, one):
    return client.describe_instances(InstanceIds=[one])["Reservations"][0]["Instances"][0]


def becomes(client, one, name):
    return until(lambda: state(client, one)["State"]["Name"] == name, 40), state(client, one)


def test_a_life(ec2):
    client = ec2.client()
    one = run(ec2, client, EnclaveOptions={"Enabled": True})[0]["InstanceId"]
    assert becomes(client, one, "running")[0]
    status = client.describe_instance_status(InstanceIds=[one])["InstanceStatuses"][0]
    assert status["SystemStatus"]["Status"] == "ok" and status["InstanceStatus"]["Status"] == "initializing"
    assert client.get_console_output(InstanceId=one)["InstanceId"] == one
    client.reboot_instances(InstanceIds=[one])
    client.stop_instances(InstanceIds=[one], Force=True)
    assert becomes(client, one, "stopped")[1]["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
    client.modify_instance_attribute(InstanceId=one, InstanceType={"Value": "m5.large"})
    client.start_instances(InstanceIds=[one])
    assert becomes(client, one, "running")[1]["InstanceType"] == "m5.large"
    client.terminate_instances(InstanceIds=[one])
    assert becomes(client, one, "terminated")[0]
    assert client.describe_volumes()["Volumes"] == [] and client.describe_network_interfaces()["NetworkInterfaces"] == []


def test_capacity(ec2):
    client = ec2.client()
    for kind in ("r5.24xlarge", "m5.16xlarge"):
        with pytest.raises(ClientError, match="InsufficientInstanceCapacity"):
            run(ec2, client, InstanceType=kind, ClientToken="the same")
    # The token of a call that was taken back is free again.
    with pytest.raises(ClientError, match="InsufficientInstanceCapacity"):
        run(ec2, client, InstanceType="m5.16xlarge", ClientToken="the same")
    some = run(ec2, client, MinCount=1, MaxCount=8)
    assert 1 <= len(some) < 8
    with pytest.raises(ClientError, match="InsufficientInstanceCapacity"):
        run(ec2, client, MinCount=8, MaxCount=8)
    assert {i["InstanceId"] for i in all_of(client) if i["State"]["Name"] in ("pending", "running")} == \
        {i["InstanceId"] for i in some}


def test_kills(kms, daemon, ec2):
    client = ec2.client()
    one = run(ec2, client)[0]["InstanceId"]
    assert becomes(client, one, "running")[0]
    ec2.restart(signal.SIGKILL)
    client = ec2.client()
    assert state(client, one)["State"]["Name"] == "running"
    daemon.stop(signal.SIGKILL)
    client.stop_instances(InstanceIds=[one], Force=True)  # on record, though nobody can be told
    ec2.restart(signal.SIGKILL)
    daemon.start()
    client = ec2.client()
    assert becomes(client, one, "stopped")[0], ec2.log_text()


def test_what_is_asked_while_redoubtd_is_away_is_done_later(daemon, ec2):
    client = ec2.client()
    daemon.stop()
    one = run(ec2, client)[0]["InstanceId"]
    assert state(client, one)["State"]["Name"] == "pending"
    daemon.start()
    assert becomes(client, one, "running")[0], ec2.log_text()


def test_a_machine_that_dies_is_stopped_with_a_reason(kms, daemon, ec2):
    client = ec2.client()
    one = run(ec2, client)[0]["InstanceId"]
    assert becomes(client, one, "running")[0]
    # Its vmm has the instance's directory for its name.
    pids = [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and one in command_of(pid)]
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    assert becomes(client, one, "stopped")[1]["StateReason"]["Code"] == "Server.InternalError"


@pytest.mark.parametrize("first", ["redoubtd", "redoubt-ec2"])
def test_a_host_that_reboots(kms, daemon, ec2, first):
    client = ec2.client()
    stopped = run(ec2, client)[0]["InstanceId"]
    assert becomes(client, stopped, "running")[0]
    client.stop_instances(InstanceIds=[stopped], Force=True)
    assert becomes(client, stopped, "stopped")[0]
    runs, ends = (run(ec2, client)[0]["InstanceId"] for _ in range(2))
    for one in (runs, ends):
        assert becomes(client, one, "running")[0]
    disks = {one: os.stat(kms.path("state", "instances", one, "disk.qcow2")).st_ino for one in (runs, stopped)}
    before = state(client, runs)

    # The power goes: nothing is told to end, and of /run nothing is left.
    ec2.stop(signal.SIGKILL)
    daemon.stop(signal.SIGKILL)
    for pid in (int(pid) for pid in os.listdir("/proc") if pid.isdigit() and {runs, ends} & set(words_of(pid))):
        os.kill(pid, signal.SIGKILL)
    for name in os.listdir(kms.path("run")):
        if name != "kms":  # redoubt-kms goes on: its part in this is test_kms_servers' concern
            path = kms.path("run", name)
            shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
    if first == "redoubtd":
        daemon.start()
        ec2.start()
        client = ec2.client()
        client.terminate_instances(InstanceIds=[ends])
    else:
        ec2.start()
        client = ec2.client()
        client.terminate_instances(InstanceIds=[ends])  # on record, though nobody can be told
        daemon.start()

    assert until(lambda: f"{runs}: started" in ec2.log_text(), 40), ec2.log_text()
    after = becomes(client, runs, "running")[1]
    assert after["State"]["Name"] == "running" and after["PrivateIpAddress"] == before["PrivateIpAddress"]
    assert any(runs in words_of(pid) for pid in os.listdir("/proc") if pid.isdigit())
    assert becomes(client, ends, "terminated")[0]
    assert state(client, stopped)["State"]["Name"] == "stopped"
    # With the disks that they had; and what was stopped can be started.
    client.start_instances(InstanceIds=[stopped])
    assert becomes(client, stopped, "running")[0]
    assert {one: os.stat(kms.path("state", "instances", one, "disk.qcow2")).st_ino for one in disks} == disks
    assert not os.path.exists(kms.path("state", "instances", ends))


def words_of(pid):
    return re.findall(r"i-[0-9a-f]{17}", command_of(pid))


def command_of(pid):
    try:
        with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


# --- metadata, asked for at the instance's own socket, as redoubt-net does for the guest ---


class Metadata:
    def __init__(self, kms, one):
        self.path = kms.path("run", "imds", f"{one}.sock")

    def ask(self, path, method="GET", **headers):
        connection = http.client.HTTPConnection("169.254.169.254")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(20)
        connection.sock.connect(self.path)
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return response.status, response.read().decode()

    def get(self, path):
        status, token = self.ask("/latest/api/token", "PUT", X_aws_ec2_metadata_token_ttl_seconds="60")
        assert status == 200, token
        status, text = self.ask("/latest/" + path, X_aws_ec2_metadata_token=token)
        assert status == 200, (path, text)
        return text


def test_metadata(kms, ec2):
    client, iam = ec2.client(), kms.client("iam")
    iam.create_role(RoleName="parent", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}))
    iam.create_instance_profile(InstanceProfileName="parent")
    iam.add_role_to_instance_profile(InstanceProfileName="parent", RoleName="parent")
    client.create_key_pair(KeyName="login", KeyType="ed25519")
    made = run(ec2, client, MetadataOptions={"InstanceMetadataTags": "enabled"}, KeyName="login", UserData="#!/bin/sh\n",
               IamInstanceProfile={"Name": "parent"},
               TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "p"}]}])[0]
    one = made["InstanceId"]
    client.delete_key_pair(KeyName="login")  # the instance keeps what it was launched with
    assert becomes(client, one, "running")[0], ec2.log_text()
    assert client.describe_instance_status(InstanceIds=[one])["InstanceStatuses"][0]["InstanceStatus"]["Status"] == \
        "initializing"
    metadata = Metadata(kms, one)
    assert metadata.ask("/latest/meta-data/instance-id")[0] == 401  # version 2 is required
    assert metadata.get("meta-data/instance-id") == one
    assert metadata.get("user-data") == "#!/bin/sh\n"
    assert metadata.get("meta-data/public-keys/0/openssh-key").startswith("ssh-ed25519 ")
    assert metadata.get("meta-data/local-ipv4") == made["PrivateIpAddress"]
    assert metadata.get("meta-data/security-groups") == "default"
    assert metadata.get("meta-data/tags/instance/Name") == "p"
    assert json.loads(metadata.get("dynamic/instance-identity/document"))["instanceId"] == one
    given = json.loads(metadata.get("meta-data/iam/security-credentials/parent"))
    who = kms.client("sts", Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["Token"]))
    assert who.get_caller_identity()["Arn"].endswith(f"assumed-role/parent/{one}")
    assert until(lambda: client.describe_instance_status(InstanceIds=[one])["InstanceStatuses"][0][
        "InstanceStatus"]["Status"] == "ok", 10)
    ec2.restart(signal.SIGKILL)
    assert metadata.get("meta-data/instance-id") == one
    ec2.client().terminate_instances(InstanceIds=[one])
    assert becomes(ec2.client(), one, "terminated")[0]
    assert until(lambda: os.listdir(kms.path("run", "imds")) == [], 10)
