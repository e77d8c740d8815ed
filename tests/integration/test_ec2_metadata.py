# SPDX-License-Identifier: Apache-2.0
"""What an instance's metadata service says, from redoubt-ec2's records and redoubt-kms's credentials: asked at its socket,
while its machine runs under a real redoubtd. How it says it, test_imds.py is about."""

import base64
import json
import os

import pytest
from ec2_host import Ec2, Kms, until
from kms_door import TRUST_EC2, UnixConnection
from kms_host import ACCOUNT, REGION, Credentials
from test_ec2_machines import Daemon, all_of, image_of, state

TTL, TOKEN = "X-aws-ec2-metadata-token-ttl-seconds", "X-aws-ec2-metadata-token"
# As much as EC2 takes.
USER_DATA = "#!/bin/sh\n".ljust(16384, "#")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFIY4hd3n2OSFwbNLVNFuJzg6QSMuRKUVWCKfyVQr5uL laptop"


@pytest.fixture(scope="module", name="kms")
def kms_fixture():
    kms = Kms()
    kms.ask("iam", "create-role", "--role-name", "web", "--assume-role-policy-document", json.dumps(TRUST_EC2))
    kms.ask("iam", "create-instance-profile", "--instance-profile-name", "front")
    kms.ask("iam", "add-role-to-instance-profile", "--instance-profile-name", "front", "--role-name", "web")
    yield kms
    kms.close()


@pytest.fixture(scope="module", name="ec2")
def ec2_fixture(kms):
    daemon, ec2 = Daemon(kms), Ec2(kms)
    assert until(lambda: "connected to redoubtd" in ec2.log_text(), 20), ec2.log_text()
    yield ec2
    client = ec2.client()
    left = [i["InstanceId"] for i in all_of(client) if i["State"]["Name"] != "terminated"]
    if left:
        client.terminate_instances(InstanceIds=left)
        until(lambda: all(i["State"]["Name"] == "terminated" for i in all_of(client)), 30)
    ec2.assert_well()
    ec2.close()
    daemon.close()


def request(kms, one, method, path, headers=None):
    connection = UnixConnection(kms.path("run", "imds", f"{one}.sock"))
    try:
        connection.request(method, path, headers=headers or {})
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def get(kms, one, path):
    status, token = request(kms, one, "PUT", "/latest/api/token", {TTL: "60"})
    assert status == 200, token
    return request(kms, one, "GET", path, {TOKEN: token})


def meta(kms, one, path):
    status, text = get(kms, one, f"/latest/meta-data/{path}")
    assert status == 200, (path, text)
    return text


def run(ec2, client, **more):
    one = client.run_instances(**{"ImageId": image_of(ec2, client), "MinCount": 1, "MaxCount": 1,
                                  "InstanceType": "c5.large", **more})["Instances"][0]["InstanceId"]
    assert until(lambda: state(client, one)["State"]["Name"] == "running", 60), ec2.log_text()[-2000:]
    return one


def end(client, one):
    client.terminate_instances(InstanceIds=[one])
    assert until(lambda: state(client, one)["State"]["Name"] == "terminated", 60)


def test_tells_what_is_on_record(kms, ec2):
    client = ec2.client()
    client.import_key_pair(KeyName="laptop", PublicKeyMaterial=KEY.encode())
    one = run(ec2, client, KeyName="laptop", UserData=USER_DATA, IamInstanceProfile={"Name": "front"},
              MetadataOptions={"InstanceMetadataTags": "enabled"},
              TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "web one"}]}])
    said = state(client, one)
    want = {"instance-id": one, "ami-id": said["ImageId"], "instance-type": "c5.large", "local-ipv4": said["PrivateIpAddress"],
            "placement/availability-zone": said["Placement"]["AvailabilityZone"], "placement/region": REGION,
            "public-keys/": "0=laptop", "iam/security-credentials/": "web", "tags/instance/Name": "web one",
            "security-groups": "default", "mac": said["NetworkInterfaces"][0]["MacAddress"],
            "local-hostname": said["PrivateDnsName"]}
    for path, text in want.items():
        assert meta(kms, one, path) == text, path
    mac = f"network/interfaces/macs/{want['mac']}/"
    assert meta(kms, one, mac + "subnet-id") == said["SubnetId"] and meta(kms, one, mac + "vpc-id") == said["VpcId"]
    assert meta(kms, one, mac + "security-group-ids") == said["SecurityGroups"][0]["GroupId"]
    assert meta(kms, one, "public-keys/0/openssh-key").split()[:2] == KEY.split()[:2]
    assert get(kms, one, "/latest/user-data") == (200, USER_DATA)
    document = json.loads(get(kms, one, "/latest/dynamic/instance-identity/document")[1])
    assert (document["instanceId"], document["accountId"]) == (one, ACCOUNT)
    assert base64.b64decode(get(kms, one, "/latest/dynamic/instance-identity/pkcs7")[1])
    assert json.loads(meta(kms, one, "iam/info"))["InstanceProfileArn"] == said["IamInstanceProfile"]["Arn"]
    got = json.loads(meta(kms, one, "iam/security-credentials/web"))
    assert got["Code"] == "Success", got
    who = kms.ask("sts", "get-caller-identity",
                  credentials=Credentials(got["AccessKeyId"], got["SecretAccessKey"], got["Token"]))
    assert who["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/web/{one}"
    end(client, one)


def test_a_guest_that_has_asked_is_reachable(kms, ec2):
    client = ec2.client()
    one = run(ec2, client)

    def reachable():
        status = client.describe_instance_status(InstanceIds=[one])["InstanceStatuses"][0]
        return status["InstanceStatus"]["Status"]

    assert reachable() == "initializing"
    assert meta(kms, one, "instance-id") == one
    assert reachable() == "ok"
    end(client, one)


def test_options_are_in_force_at_once(kms, ec2):
    client = ec2.client()
    one = run(ec2, client, MetadataOptions={"HttpTokens": "required"})
    assert request(kms, one, "GET", "/latest/meta-data/instance-id")[0] == 401
    client.modify_instance_metadata_options(InstanceId=one, HttpTokens="optional")
    assert request(kms, one, "GET", "/latest/meta-data/instance-id") == (200, one)
    client.modify_instance_metadata_options(InstanceId=one, HttpEndpoint="disabled")
    assert request(kms, one, "GET", "/latest/meta-data/instance-id")[0] == 403
    client.modify_instance_metadata_options(InstanceId=one, HttpEndpoint="enabled")
    assert request(kms, one, "GET", "/latest/meta-data/instance-id") == (200, one)
    said = client.modify_instance_metadata_options(InstanceId=one, HttpPutResponseHopLimit=2)
    assert said["InstanceMetadataOptions"]["HttpPutResponseHopLimit"] == 2
    assert "its hop limit" not in ec2.log_text()  # redoubtd has taken it
    end(client, one)


def test_what_is_off_at_the_start_can_be_switched_on(kms, ec2):
    client = ec2.client()
    one = run(ec2, client, MetadataOptions={"HttpEndpoint": "disabled", "HttpTokens": "optional"})
    assert request(kms, one, "PUT", "/latest/api/token", {TTL: "60"})[0] == 403
    assert request(kms, one, "GET", "/latest/meta-data/instance-id")[0] == 403
    client.modify_instance_metadata_options(InstanceId=one, HttpEndpoint="enabled")
    assert request(kms, one, "GET", "/latest/meta-data/instance-id") == (200, one)
    end(client, one)


def test_is_there_while_the_machine_is(kms, ec2):
    client = ec2.client()
    one, other = run(ec2, client), run(ec2, client)
    assert meta(kms, one, "instance-id") == one and meta(kms, other, "instance-id") == other
    for signo in (15, 9):
        ec2.stop(signo)
        ec2.start()
        assert until(lambda: "connected to redoubtd" in ec2.log_text(), 20)

        def answers():
            try:
                return meta(kms, one, "instance-id") == one
            except OSError:
                return False

        assert until(answers, 30), ec2.log_text()[-2000:]
    client = ec2.client()
    client.stop_instances(InstanceIds=[other], Force=True)
    assert until(lambda: state(client, other)["State"]["Name"] == "stopped", 90)
    assert until(lambda: not is_served(kms, other), 20)
    client.start_instances(InstanceIds=[other])
    assert until(lambda: state(client, other)["State"]["Name"] == "running", 60)
    assert meta(kms, other, "instance-id") == other
    for instance in (one, other):
        end(client, instance)
    assert until(lambda: not os.listdir(kms.path("run", "imds")), 20), os.listdir(kms.path("run", "imds"))


def is_served(kms, one):
    try:
        return request(kms, one, "GET", "/latest")[0] > 0
    except OSError:
        return False
