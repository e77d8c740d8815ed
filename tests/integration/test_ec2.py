# SPDX-License-Identifier: Apache-2.0
"""redoubt-ec2 with every part real but redoubtd: users and policies of redoubt-kms, the AWS CLI and botocore.

Without redoubtd instances stay pending: what they are to come to is on record all the same.
"""

import base64
import json
import os
import re
import signal
import subprocess
import threading
import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ClientError, SSLError
from ec2_host import Credentials, Ec2, Kms, new_user, qcow2_head, until

IDS = {"min": {"MinCount": 1, "MaxCount": 1}}


@pytest.fixture(scope="module", name="kms")
def kms_fixture():
    kms = Kms()
    yield kms
    kms.assert_well()
    kms.close()


@pytest.fixture(scope="module", name="ec2")
def ec2_fixture(kms):
    database = os.environ.get("TEST_POSTGRES")
    ec2 = Ec2(kms, f'database: "{database}"\n' if database else "")
    yield ec2
    ec2.assert_well()
    ec2.close()


@pytest.fixture(scope="module", name="client")
def client_fixture(ec2):
    return ec2.client()


@pytest.fixture(scope="module", name="image")
def image_fixture(ec2, client):
    return client.register_image(Name="first image", ImageLocation=ec2.image(), Architecture="x86_64",
                                 RootDeviceName="/dev/xvda", VirtualizationType="hvm")["ImageId"]


def run(client, image, **more):
    return client.run_instances(**{"ImageId": image, "MinCount": 1, "MaxCount": 1, **more})


def code(function, *args, **kwargs):
    with pytest.raises(ClientError) as caught:
        function(*args, **kwargs)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"], caught.value.response["ResponseMetadata"]["HTTPStatusCode"]


def instances(answer):
    return [i for r in answer["Reservations"] for i in r["Instances"]]


# --- who calls ---


def test_the_command_of_the_lesson(ec2, image):
    done = json.loads(ec2.aws("run-instances", "--image-id", image, "--instance-type", "m5.large", "--enclave-options",
                              "Enabled=true"))
    assert done["Instances"][0]["State"]["Name"] == "pending"
    shown = json.loads(ec2.aws("describe-instances", "--instance-ids", done["Instances"][0]["InstanceId"]))
    assert shown["Reservations"][0]["Instances"][0]["EnclaveOptions"] == {"Enabled": True}


def test_unsigned_and_wrongly_signed_calls_are_refused(ec2):
    request = urllib.request.Request(ec2.url, b"Action=DescribeInstances&Version=2016-11-15")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    assert caught.value.code == 403 and b"<Code>MissingAuthenticationToken</Code>" in caught.value.read()
    wrong = type(ec2.admin)(ec2.admin.akid, "x" * 40)
    assert code(ec2.client(wrong).describe_instances)[::2] == ("SignatureDoesNotMatch", 403)
    unknown = type(ec2.admin)("AKIAAAAAAAAAAAAAAAAA", "x" * 40)
    assert code(ec2.client(unknown).describe_instances)[::2] == ("AuthFailure", 401)


def test_policies_decide(kms, ec2, image):
    nobody = ec2.client(new_user(kms, "nobody", None))
    for operation, parameters in (("describe_instances", {}), ("create_key_pair", {"KeyName": "k"}),
                                  ("run_instances", {"ImageId": image, **IDS["min"]}),
                                  ("terminate_instances", {"InstanceIds": ["i-00000000000000000"]})):
        refused = code(getattr(nobody, operation), **parameters)
        assert refused[::2] == ("UnauthorizedOperation", 403) and "is not authorized to perform" in refused[1]
    small = ec2.client(new_user(kms, "small", json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "ec2:RunInstances", "Resource": "*"},
        {"Effect": "Deny", "Action": "ec2:RunInstances", "Resource": "arn:aws:ec2:*:*:instance/*",
         "Condition": {"StringNotEquals": {"ec2:InstanceType": "c5.large"}}}]})))
    assert code(run, small, image, InstanceType="m5.large")[0] == "UnauthorizedOperation"
    assert run(small, image, InstanceType="c5.large")["Instances"][0]["InstanceType"] == "c5.large"
    tagged = {"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "b"}]}
    assert code(run, small, image, InstanceType="c5.large", TagSpecifications=[tagged])[0] == "UnauthorizedOperation"


def test_enclaves_by_policy(kms, ec2, image):
    client = ec2.client(new_user(kms, "noenclaves", json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "ec2:*", "Resource": "*"},
        {"Effect": "Deny", "Action": "ec2:RunInstances", "Resource": "*",
         "Condition": {"Bool": {"redoubt:EnclaveOptionsEnabled": "true"}}}]})))
    assert run(client, image)["Instances"][0]["EnclaveOptions"] == {"Enabled": False}
    assert code(run, client, image, EnclaveOptions={"Enabled": True})[0] == "UnauthorizedOperation"


def test_dry_run(client, image):
    refused = code(client.run_instances, ImageId=image, MinCount=1, MaxCount=1, DryRun=True)
    assert refused[::2] == ("DryRunOperation", 412)
    before = len(instances(client.describe_instances()))
    assert code(client.terminate_instances, InstanceIds=[instances(client.describe_instances())[0]["InstanceId"]],
                DryRun=True)[0] == "DryRunOperation"
    assert len(instances(client.describe_instances())) == before


# --- requests that are none ---


def post(ec2, body):
    """Signed by botocore, whatever the body is."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials as Signing
    request = AWSRequest(method="POST", url=ec2.url + "/", data=body,
                         headers={"Content-Type": "application/x-www-form-urlencoded"})
    SigV4Auth(Signing(ec2.admin.akid, ec2.admin.secret), "ec2", "us-east-1").add_auth(request)
    plain = urllib.request.Request(ec2.url + "/", body, dict(request.headers.items()))
    try:
        with urllib.request.urlopen(plain) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.mark.parametrize(("body", "fault"), [
    (b"Version=2016-11-15", "MissingParameter"),
    (b"Action=DescribeInstances", "NoSuchVersion"),
    (b"Action=DescribeInstances&Version=2012-01-01", "NoSuchVersion"),
    (b"Action=LaunchMissiles&Version=2016-11-15", "InvalidAction"),
    (b"Action=DescribeInstances&Version=2016-11-15&Foo=1", "UnknownParameter"),
    (b"Action=RunInstances&Version=2016-11-15&CreditSpecification.CpuCredits=x", "UnknownParameter"),
    (b"Action=DescribeInstances&Version=2016-11-15&InstanceId.2=i-1", "InvalidParameterValue"),
    (b"Action=DescribeInstances&Version=2016-11-15&InstanceId.01=i-1", "InvalidParameterValue"),
    (b"Action=DescribeInstances&Version=2016-11-15&MaxResults=many", "InvalidParameterValue"),
    (b"Action=DescribeInstances&Action=DescribeInstances", "MalformedQueryString"),
    (b"Action=%zz&Version=2016-11-15", "MalformedQueryString"),
    (b"Action=Describe%00Instances&Version=2016-11-15", "MalformedQueryString"),
    (b"Action=\xff\xfe&Version=2016-11-15", "MalformedQueryString"),
    (b"=&=&=", "MalformedQueryString"),
    (b"&".join(b"P%d=1" % i for i in range(500)), "MalformedQueryString"),
    (b"A" * 5000 + b"=1", "MalformedQueryString"),
], ids=lambda value: value[:40].decode("latin-1") if isinstance(value, bytes) else value)
def test_malformed_queries(ec2, body, fault):
    status, text = post(ec2, body)
    assert 400 <= status < 500 and f"<Code>{fault}</Code>" in text, text


def test_huge_query(ec2):
    status, text = post(ec2, b"Action=DescribeInstances&Version=2016-11-15&X=" + b"a" * (600 << 10))
    assert status == 413 and "RequestEntityTooLarge" in text


# --- instances ---


@pytest.mark.parametrize(("more", "fault"), [
    ({"ImageId": "ami-00000000"}, "InvalidAMIID.NotFound"),
    ({"ImageId": "ami-nonsense"}, "InvalidAMIID.Malformed"),
    ({"InstanceType": "t2.micro"}, "InvalidParameterValue"),
    ({"InstanceType": "m5.metal"}, "InvalidParameterValue"),
    ({"SubnetId": "subnet-00000000"}, "InvalidSubnetID.NotFound"),
    ({"KeyName": "no such key"}, "InvalidKeyPair.NotFound"),
    ({"SecurityGroupIds": ["sg-00000000"]}, "InvalidGroup.NotFound"),
    ({"SecurityGroups": ["nothing"]}, "InvalidGroup.NotFound"),
    ({"Placement": {"AvailabilityZone": "us-east-1z"}}, "InvalidParameterValue"),
    ({"Placement": {"Tenancy": "host"}}, "UnsupportedOperation"),
    ({"IamInstanceProfile": {"Name": "nothing"}}, "InvalidParameterValue"),
    ({"MinCount": 3, "MaxCount": 2}, "InvalidParameterValue"),
    ({"MaxCount": 101}, "InvalidParameterValue"),
    ({"UserData": "x" * 16385}, "InvalidParameterValue"),
    ({"PrivateIpAddress": "10.0.0.1"}, "InvalidParameterValue"),
    ({"PrivateIpAddress": "172.31.16.1"}, "InvalidParameterValue"),
    ({"BlockDeviceMappings": [{"DeviceName": "/dev/sdb", "Ebs": {"VolumeSize": 8}}]}, "InvalidBlockDeviceMapping"),
    ({"MetadataOptions": {"HttpTokens": "maybe"}}, "InvalidParameterValue"),
    ({"InstanceInitiatedShutdownBehavior": "explode"}, "InvalidParameterValue"),
    ({"TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "aws:x", "Value": ""}]}]},
     "InvalidParameterValue"),
    ({"TagSpecifications": [{"ResourceType": "dedicated-host", "Tags": [{"Key": "x", "Value": ""}]}]},
     "InvalidParameterValue"),
    ({"LaunchTemplate": {"LaunchTemplateName": "nothing"}}, "InvalidLaunchTemplateName.NotFoundException"),
], ids=lambda value: next(iter(value)) if isinstance(value, dict) else value)
def test_run_instances_refuses(client, image, more, fault):
    before = len(instances(client.describe_instances()))
    assert code(run, client, image, **more)[0] == fault
    assert len(instances(client.describe_instances())) == before


def test_everything_that_was_asked_for_is_on_record(client, image):
    key = client.create_key_pair(KeyName="for record")["KeyName"]
    data = "#!/bin/sh\necho hello\n"
    done = run(client, image, InstanceType="r5.xlarge", KeyName=key, UserData=data, MinCount=2, MaxCount=2,
               EnclaveOptions={"Enabled": True}, DisableApiTermination=True, InstanceInitiatedShutdownBehavior="terminate",
               MetadataOptions={"HttpTokens": "optional", "HttpPutResponseHopLimit": 3, "InstanceMetadataTags": "enabled"},
               BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 12}}],
               TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "Größe & <mehr>"}]},
                                  {"ResourceType": "volume", "Tags": [{"Key": "v", "Value": "1"}]}])
    first, second = done["Instances"]
    assert first["AmiLaunchIndex"] == 0 and second["AmiLaunchIndex"] == 1
    assert first["CpuOptions"] == {"CoreCount": 2, "ThreadsPerCore": 2}
    assert first["MetadataOptions"]["HttpTokens"] == "optional" and first["MetadataOptions"]["HttpPutResponseHopLimit"] == 3
    assert first["Tags"] == [{"Key": "Name", "Value": "Größe & <mehr>"}]
    assert first["PrivateIpAddress"] != second["PrivateIpAddress"]
    assert first["PrivateDnsName"] == f"ip-{first['PrivateIpAddress'].replace('.', '-')}.us-east-1.compute.internal"
    one = first["InstanceId"]
    attribute = client.describe_instance_attribute
    assert base64.b64decode(attribute(InstanceId=one, Attribute="userData")["UserData"]["Value"]).decode() == data
    assert attribute(InstanceId=one, Attribute="disableApiTermination")["DisableApiTermination"] == {"Value": True}
    assert attribute(InstanceId=one, Attribute="enclaveOptions")["EnclaveOptions"] == {"Enabled": True}
    assert attribute(InstanceId=one, Attribute="instanceInitiatedShutdownBehavior")[
        "InstanceInitiatedShutdownBehavior"] == {"Value": "terminate"}
    for name in ("instanceType", "disableApiStop", "rootDeviceName", "blockDeviceMapping", "groupSet", "sourceDestCheck",
                 "ebsOptimized", "enaSupport", "kernel", "ramdisk", "productCodes", "sriovNetSupport"):
        attribute(InstanceId=one, Attribute=name)
    volume = client.describe_volumes(Filters=[{"Name": "attachment.instance-id", "Values": [one]}])["Volumes"][0]
    assert volume["Size"] == 12 and volume["Tags"] == [{"Key": "v", "Value": "1"}]
    interface = client.describe_network_interfaces(Filters=[{"Name": "attachment.instance-id", "Values": [one]}])
    assert interface["NetworkInterfaces"][0]["MacAddress"] == first["NetworkInterfaces"][0]["MacAddress"]
    assert code(client.terminate_instances, InstanceIds=[one, second["InstanceId"]])[0] == "OperationNotPermitted"
    client.modify_instance_attribute(InstanceId=one, DisableApiTermination={"Value": False})
    assert client.terminate_instances(InstanceIds=[one])["TerminatingInstances"][0]["CurrentState"]["Name"] == "shutting-down"


def test_states_and_their_reasons(client, image):
    one = run(client, image)["Instances"][0]["InstanceId"]
    stopping = client.stop_instances(InstanceIds=[one])["StoppingInstances"][0]
    assert (stopping["PreviousState"]["Name"], stopping["CurrentState"]["Name"]) == ("pending", "stopping")
    shown = instances(client.describe_instances(InstanceIds=[one]))[0]
    assert shown["StateReason"] == {"Code": "Client.UserInitiatedShutdown",
                                    "Message": "Client.UserInitiatedShutdown: User initiated shutdown"}
    assert shown["StateTransitionReason"].startswith("User initiated (") and shown["StateTransitionReason"].endswith(" GMT)")
    assert code(client.start_instances, InstanceIds=[one])[0] == "IncorrectInstanceState"
    assert code(client.reboot_instances, InstanceIds=[one])[0] == "IncorrectInstanceState"
    ending = client.terminate_instances(InstanceIds=[one])["TerminatingInstances"][0]
    assert ending["CurrentState"] == {"Code": 32, "Name": "shutting-down"}
    assert code(client.stop_instances, InstanceIds=[one])[0] == "IncorrectInstanceState"
    assert code(client.stop_instances, InstanceIds=["i-0123456789abcdef0"])[0] == "InvalidInstanceID.NotFound"
    assert code(client.stop_instances, InstanceIds=["nonsense"])[0] == "InvalidInstanceID.Malformed"
    status = client.describe_instance_status(InstanceIds=[one], IncludeAllInstances=True)["InstanceStatuses"][0]
    assert status["InstanceStatus"]["Status"] == "not-applicable"


def test_one_token_is_one_reservation(client, image):
    first = run(client, image, ClientToken="a token")
    again = run(client, image, ClientToken="a token")
    assert first["ReservationId"] == again["ReservationId"]
    assert [i["InstanceId"] for i in first["Instances"]] == [i["InstanceId"] for i in again["Instances"]]
    assert code(run, client, image, ClientToken="a token", InstanceType="c5.large")[0] == "IdempotentParameterMismatch"


def test_two_calls_with_one_token_at_once_make_one(ec2, client, image):
    before = {i["InstanceId"] for i in instances(client.describe_instances())}
    clients = [ec2.client() for _ in range(8)]
    made = []
    threads = [threading.Thread(target=lambda c=c: made.append(run(c, image, ClientToken="at once"))) for c in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 8 and len({m["ReservationId"] for m in made}) == 1
    assert len({i["InstanceId"] for i in instances(client.describe_instances())} - before) == 1


def test_filters_and_pages(client, image):
    for name in ("page-a", "page-b", "page-b", "page-c", "page-d", "page-e", "page-f"):
        run(client, image, TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "set", "Value": name}]}])
    by = lambda *values, name="tag:set": instances(client.describe_instances(Filters=[{"Name": name, "Values": list(values)}]))
    assert len(by("page-b")) == 2 and len(by("page-*")) == 7 and len(by("page-?")) == 7 and len(by("page")) == 0
    assert len(by("page-a", "page-c")) == 2
    assert len(by("set", name="tag-key")) == 7
    both = [{"Name": "tag:set", "Values": ["page-*"]}, {"Name": "instance-state-name", "Values": ["running"]}]
    assert instances(client.describe_instances(Filters=both)) == []
    assert code(client.describe_instances, Filters=[{"Name": "colour", "Values": ["red"]}])[0] == "InvalidParameterValue"
    wanted = [{"Name": "tag:set", "Values": ["page-*"]}]
    first = client.describe_instances(Filters=wanted, MaxResults=5)
    second = client.describe_instances(Filters=wanted, MaxResults=5, NextToken=first["NextToken"])
    assert len(instances(first)) == 5 and len(instances(second)) == 2 and "NextToken" not in second
    ids = [i["InstanceId"] for i in instances(first) + instances(second)]
    assert len(set(ids)) == 7
    assert code(client.describe_instances, NextToken="bm9uc2Vuc2U=")[0] == "InvalidNextToken"
    assert code(client.describe_instances, MaxResults=4)[0] == "InvalidParameterValue"
    assert code(client.describe_instances, InstanceIds=ids[:1], MaxResults=5)[0] == "InvalidParameterCombination"


# --- the rest ---


def test_images(ec2, client, kms, image):
    shown = client.describe_images(ImageIds=[image], Owners=["self"])["Images"][0]
    assert shown["Name"] == "first image" and shown["State"] == "available" and shown["OwnerId"] == "111122223333"
    assert client.describe_images(Owners=["amazon"])["Images"] == []
    assert code(client.register_image, Name="first image", ImageLocation=ec2.image())[0] == "InvalidAMIName.Duplicate"
    named = client.register_image(Name="ami-12345678", ImageLocation=ec2.image("named"))
    assert named["ImageId"] == "ami-12345678"
    assert run(client, "ami-12345678")["Instances"][0]["ImageId"] == "ami-12345678"
    client.deregister_image(ImageId="ami-12345678")
    assert code(client.describe_images, ImageIds=["ami-12345678"])[0] == "InvalidAMIID.NotFound"
    outside = kms.path("outside.raw")
    with open(outside, "wb") as file:
        file.write(b"\0" * 510 + b"\x55\xaa")
    link = kms.path("state", "images", "link.raw")
    os.symlink(outside, link)
    for number, location in enumerate((outside, link, "/etc/passwd", kms.path("state", "images", "absent.raw"),
                                       kms.path("state", "images"), kms.path("state", "images", "..", "ec2", "ec2.db"))):
        assert code(client.register_image, Name=f"bad {number}", ImageLocation=location)[0] == "InvalidManifest", location
    for number, head in enumerate((qcow2_head(backing=512), qcow2_head(incompatible=4), qcow2_head(crypt=1),
                                   qcow2_head(version=9), qcow2_head(size=0), qcow2_head(size=1 << 62),
                                   qcow2_head(cluster_bits=200), qcow2_head(incompatible=2), b"QFI\xfb", b"", b"garbage" * 99)):
        path = kms.path("state", "images", f"bad{number}.qcow2")
        with open(path, "wb") as file:
            file.write(head)
        assert code(client.register_image, Name=f"corrupt {number}", ImageLocation=path)[0] == "InvalidManifest", number
    good = kms.path("state", "images", "good.qcow2")
    with open(good, "wb") as file:
        file.write(qcow2_head(size=3 << 30))
    fine = client.register_image(Name="qcow2", ImageLocation=good)["ImageId"]
    assert client.describe_images(ImageIds=[fine])["Images"][0]["BlockDeviceMappings"][0]["Ebs"]["VolumeSize"] == 3
    assert code(run, client, fine, BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 2}}])[0] == \
        "InvalidBlockDeviceMapping"


@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
def test_key_pairs(client, tmp_path, kind):
    made = client.create_key_pair(KeyName=f"made {kind}", KeyType=kind)
    private = tmp_path / "key"
    private.write_text(made["KeyMaterial"] + "\n")
    private.chmod(0o600)
    public = subprocess.run(["ssh-keygen", "-y", "-f", private], capture_output=True, text=True, check=True).stdout.strip()
    shown = client.describe_key_pairs(KeyNames=[f"made {kind}"], IncludePublicKey=True)["KeyPairs"][0]
    assert shown["PublicKey"] == " ".join(public.split()[:2]) and shown["KeyType"] == kind
    print_ = subprocess.run(["ssh-keygen", "-l", "-f", private], capture_output=True, text=True, check=True).stdout.split()[1]
    assert "SHA256:" + shown["KeyFingerprint"].rstrip("=") == print_
    assert code(client.create_key_pair, KeyName=f"made {kind}")[0] == "InvalidKeyPair.Duplicate"
    imported = client.import_key_pair(KeyName=f"imported {kind}", PublicKeyMaterial=(public + " me@here").encode())
    assert imported["KeyFingerprint"] == shown["KeyFingerprint"]
    client.delete_key_pair(KeyName=f"made {kind}")
    assert code(client.describe_key_pairs, KeyNames=[f"made {kind}"])[0] == "InvalidKeyPair.NotFound"
    client.delete_key_pair(KeyName=f"made {kind}")


@pytest.mark.parametrize("material", [b"", b"ssh-rsa", b"ssh-rsa AAAA", b"ssh-dss AAAAB3NzaC1kc3M=", b"\xff" * 40,
                                      b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA==", b"-----BEGIN PUBLIC KEY-----"])
def test_public_keys_that_are_none(client, material):
    assert code(client.import_key_pair, KeyName="bad", PublicKeyMaterial=material)[0] == "InvalidKey.Format"


def test_tags(client, image):
    one = run(client, image)["Instances"][0]["InstanceId"]
    client.create_tags(Resources=[one, image], Tags=[{"Key": "team", "Value": "red"}, {"Key": "empty", "Value": ""}])
    found = client.describe_tags(Filters=[{"Name": "key", "Values": ["team"]}])["Tags"]
    assert {(t["ResourceId"], t["ResourceType"], t["Value"]) for t in found} == {(one, "instance", "red"),
                                                                                 (image, "image", "red")}
    client.delete_tags(Resources=[one], Tags=[{"Key": "team", "Value": "blue"}])
    assert len(client.describe_tags(Filters=[{"Name": "key", "Values": ["team"]}])["Tags"]) == 2
    client.delete_tags(Resources=[one, image], Tags=[{"Key": "team"}])
    assert client.describe_tags(Filters=[{"Name": "key", "Values": ["team"]}])["Tags"] == []
    assert code(client.create_tags, Resources=["i-0123456789abcdef0"], Tags=[{"Key": "a", "Value": "b"}])[0] == \
        "InvalidInstanceID.NotFound"
    assert code(client.create_tags, Resources=["nonsense"], Tags=[{"Key": "a", "Value": "b"}])[0] == "InvalidID"
    assert code(client.create_tags, Resources=[one], Tags=[{"Key": "aws:a", "Value": "b"}])[0] == "InvalidParameterValue"
    many = [{"Key": f"k{i}", "Value": ""} for i in range(50)]
    assert code(client.create_tags, Resources=[one], Tags=many)[0] == "TagLimitExceeded"  # it has one already
    client.delete_tags(Resources=[one], Tags=[{"Key": "empty"}])
    client.create_tags(Resources=[one], Tags=many)
    # As many anew: what is asked about that is the longest question there is.
    client.create_tags(Resources=[one], Tags=[{**tag, "Value": "new"} for tag in many])
    shown = instances(client.describe_instances(InstanceIds=[one]))[0]["Tags"]
    assert len(shown) == 50 and all(tag["Value"] == "new" for tag in shown)
    assert code(client.create_tags, Resources=[one], Tags=[{"Key": "k50", "Value": ""}])[0] == "TagLimitExceeded"


def test_launch_templates(client, image):
    data = {"ImageId": image, "InstanceType": "c5.xlarge", "EnclaveOptions": {"Enabled": True}, "UserData": "aGVsbG8=",
            "TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "from", "Value": "template"}]}],
            "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 2}, "SecurityGroups": ["default"]}
    made = client.create_launch_template(LaunchTemplateName="parents", LaunchTemplateData=data)["LaunchTemplate"]
    assert made["LatestVersionNumber"] == 1
    assert code(client.create_launch_template, LaunchTemplateName="parents", LaunchTemplateData=data)[0] == \
        "InvalidLaunchTemplateName.AlreadyExistsException"
    version = client.create_launch_template_version(LaunchTemplateName="parents", SourceVersion="1",
                                                    LaunchTemplateData={"InstanceType": "r5.large"})
    shown = version["LaunchTemplateVersion"]["LaunchTemplateData"]
    assert shown["InstanceType"] == "r5.large" and shown["ImageId"] == image and shown["EnclaveOptions"] == {"Enabled": True}
    by_default = client.run_instances(MinCount=1, MaxCount=1, LaunchTemplate={"LaunchTemplateName": "parents"})["Instances"][0]
    assert by_default["InstanceType"] == "c5.xlarge" and by_default["EnclaveOptions"] == {"Enabled": True}
    tags = {t["Key"]: t["Value"] for t in by_default["Tags"]}
    assert tags["from"] == "template" and tags["aws:ec2launchtemplate:id"] == made["LaunchTemplateId"]
    latest = client.run_instances(MinCount=1, MaxCount=1, InstanceType="m5.xlarge", EnclaveOptions={"Enabled": False},
                                  LaunchTemplate={"LaunchTemplateId": made["LaunchTemplateId"], "Version": "$Latest"})
    assert latest["Instances"][0]["InstanceType"] == "m5.xlarge"
    assert latest["Instances"][0]["EnclaveOptions"] == {"Enabled": False}
    client.modify_launch_template(LaunchTemplateName="parents", DefaultVersion="2")
    assert client.describe_launch_templates()["LaunchTemplates"][0]["DefaultVersionNumber"] == 2
    versions = client.describe_launch_template_versions(LaunchTemplateName="parents")["LaunchTemplateVersions"]
    assert [v["VersionNumber"] for v in versions] == [2, 1] and versions[0]["DefaultVersion"]
    assert code(client.modify_launch_template, LaunchTemplateName="parents", DefaultVersion="9")[0] == \
        "InvalidLaunchTemplateId.VersionNotFound"
    assert code(client.create_launch_template, LaunchTemplateName="bad", LaunchTemplateData={
        "CreditSpecification": {"CpuCredits": "unlimited"}})[0] == "UnknownParameter"
    assert code(client.create_launch_template, LaunchTemplateName="bad",
                LaunchTemplateData={"UserData": "%%%"})[0] == "InvalidUserData.Malformed"
    # 2 is the default one, 9 is not there; and a number is never given again.
    assert client.create_launch_template_version(LaunchTemplateName="parents", SourceVersion="1", LaunchTemplateData={})[
        "LaunchTemplateVersion"]["VersionNumber"] == 3
    gone = client.delete_launch_template_versions(LaunchTemplateName="parents", Versions=["3", "1", "2", "9"])
    assert [v["VersionNumber"] for v in gone["SuccessfullyDeletedLaunchTemplateVersions"]] == [3, 1]
    assert [(v["VersionNumber"], v["ResponseError"]["Code"]) for v in gone["UnsuccessfullyDeletedLaunchTemplateVersions"]] == \
        [(2, "unexpectedError"), (9, "launchTemplateVersionDoesNotExist")]
    assert client.describe_launch_templates()["LaunchTemplates"][0]["LatestVersionNumber"] == 2
    assert code(run, client, image, LaunchTemplate={"LaunchTemplateName": "parents", "Version": "3"})[0] == \
        "InvalidLaunchTemplateId.VersionNotFound"
    assert client.create_launch_template_version(LaunchTemplateName="parents", SourceVersion="$Latest", LaunchTemplateData={})[
        "LaunchTemplateVersion"]["VersionNumber"] == 4
    for bad in ([], ["x"], ["0"], [str(n) for n in range(1, 202)]):
        assert code(client.delete_launch_template_versions, LaunchTemplateName="parents", Versions=bad)[0] in \
            ("InvalidParameterValue", "MissingParameter"), bad
    assert code(client.delete_launch_template_versions, LaunchTemplateName="nobodys", Versions=["1"])[0] == \
        "InvalidLaunchTemplateName.NotFoundException"
    client.delete_launch_template(LaunchTemplateName="parents")
    assert client.describe_launch_templates()["LaunchTemplates"] == []


def test_security_groups(client, image):
    groups = client.describe_security_groups()["SecurityGroups"]
    assert [g["GroupName"] for g in groups] == ["default"]
    group = client.create_security_group(GroupName="ssh", Description="for ssh")["GroupId"]
    assert code(client.create_security_group, GroupName="ssh", Description="again")[0] == "InvalidGroup.Duplicate"
    one = run(client, image, SecurityGroupIds=[group])["Instances"][0]["InstanceId"]
    tags = lambda: {t["Key"]: t["Value"] for t in instances(client.describe_instances(InstanceIds=[one]))[0].get("Tags", [])}
    assert tags() == {}
    client.authorize_security_group_ingress(GroupId=group, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="0.0.0.0/0")
    assert tags()["redoubt:tcp:22"].startswith("127.0.0.1:2")
    rules = [{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 82, "IpRanges": [{"CidrIp": "127.0.0.0/8", "Description": "web"}]},
             {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]}]
    made = client.authorize_security_group_ingress(GroupId=group, IpPermissions=rules)["SecurityGroupRules"]
    assert len(made) == 2 and len(tags()) == 4 and len(set(tags().values())) == 4
    assert code(client.authorize_security_group_ingress, GroupId=group, IpProtocol="tcp", FromPort=22, ToPort=22,
                CidrIp="0.0.0.0/0")[0] == "InvalidPermission.Duplicate"
    listed = client.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"]
    assert len(listed) == 4
    client.revoke_security_group_ingress(GroupId=group, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="0.0.0.0/0")
    assert "redoubt:tcp:22" not in tags() and len(tags()) == 3
    assert code(client.revoke_security_group_ingress, GroupId=group, IpProtocol="tcp", FromPort=22, ToPort=22,
                CidrIp="0.0.0.0/0")[0] == "InvalidPermission.NotFound"
    for bad in ({"FromPort": 1, "ToPort": 60000, "CidrIp": "0.0.0.0/0"}, {"FromPort": 9, "ToPort": 8, "CidrIp": "0.0.0.0/0"},
                {"FromPort": 22, "ToPort": 22, "CidrIp": "0.0.0.0"}, {"FromPort": 22, "ToPort": 22, "CidrIp": "300.0.0.0/8"}):
        assert code(client.authorize_security_group_ingress, GroupId=group, IpProtocol="tcp", **bad)[0] == \
            "InvalidParameterValue", bad
    # Sources that nobody can have who comes to the host's loopback.
    for n, source in enumerate(({"CidrIp": "10.0.0.0/8"}, {"CidrIp": "127.0.0.2/32"}, {"CidrIp": "0.0.0.0/1"})):
        client.authorize_security_group_ingress(GroupId=group, IpProtocol="tcp", FromPort=90 + n, ToPort=90 + n, **source)
    six = {"IpProtocol": "tcp", "FromPort": 93, "ToPort": 93, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}
    client.authorize_security_group_ingress(GroupId=group, IpPermissions=[six])
    assert {"redoubt:tcp:92"} == {key for key in tags() if key.startswith("redoubt:tcp:9")}  # 0.0.0.0/1 has 127.0.0.1
    assert code(client.delete_security_group, GroupId=group)[0] == "DependencyViolation"
    assert code(client.delete_security_group, GroupName="default")[0] == "CannotDelete"
    client.modify_instance_attribute(InstanceId=one, Groups=[groups[0]["GroupId"]])
    assert tags() == {}
    client.delete_security_group(GroupId=group)
    assert code(client.describe_security_groups, GroupIds=[group])[0] == "InvalidGroup.NotFound"


def test_instance_types(client):
    shown = {t["InstanceType"]: t for t in client.describe_instance_types()["InstanceTypes"]}
    assert {name.split(".")[0] for name in shown} == {"m5", "m5d", "m5n", "c5", "c5n", "r5", "r5d"}
    large = shown["m5.large"]
    assert large["VCpuInfo"]["DefaultVCpus"] == 2 and large["VCpuInfo"]["DefaultCores"] == 1
    assert large["MemoryInfo"]["SizeInMiB"] == 8192
    assert shown["c5n.9xlarge"]["VCpuInfo"]["DefaultVCpus"] == 36 and shown["c5n.9xlarge"]["MemoryInfo"]["SizeInMiB"] == 98304
    assert code(client.describe_instance_types, InstanceTypes=["t2.micro"])[0] == "InvalidInstanceType"
    pages = [len(p["InstanceTypes"]) for p in client.get_paginator("describe_instance_types").paginate(
        PaginationConfig={"PageSize": 20})]
    assert sum(pages) == len(shown) and len(pages) > 1
    big = client.describe_instance_types(Filters=[{"Name": "vcpu-info.default-vcpus", "Values": ["96"]}])["InstanceTypes"]
    assert {t["InstanceType"].split(".")[1] for t in big} == {"24xlarge"}
    offered = client.describe_instance_type_offerings(LocationType="availability-zone")["InstanceTypeOfferings"]
    assert len(offered) == len(shown) and offered[0]["Location"] == "us-east-1a"


def test_account(client):
    assert [r["RegionName"] for r in client.describe_regions()["Regions"]] == ["us-east-1"]
    assert [z["ZoneName"] for z in client.describe_availability_zones()["AvailabilityZones"]] == ["us-east-1a"]
    vpc = client.describe_vpcs()["Vpcs"][0]
    assert vpc["CidrBlock"] == "172.31.0.0/16" and vpc["IsDefault"]
    subnet = client.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc["VpcId"]]}])["Subnets"][0]
    assert subnet["AvailableIpAddressCount"] < 4091
    attributes = client.describe_account_attributes(AttributeNames=["default-vpc"])["AccountAttributes"]
    assert attributes[0]["AttributeValues"][0]["AttributeValue"] == vpc["VpcId"]
    assert code(client.describe_vpcs, VpcIds=["vpc-00000000"])[0] == "InvalidVpcID.NotFound"


def test_instance_profiles(kms, client, image, ec2):
    trust = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]})
    iam = kms.client("iam")
    iam.create_role(RoleName="parent", AssumeRolePolicyDocument=trust)
    profile = iam.create_instance_profile(InstanceProfileName="parent")["InstanceProfile"]
    iam.add_role_to_instance_profile(InstanceProfileName="parent", RoleName="parent")
    one = run(client, image, IamInstanceProfile={"Name": "parent"})["Instances"][0]
    assert one["IamInstanceProfile"]["Arn"] == profile["Arn"]
    limited = ec2.client(new_user(kms, "nopass", json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}]})))
    refused = code(run, limited, image, IamInstanceProfile={"Arn": profile["Arn"]})
    assert refused[0] == "UnauthorizedOperation" and "iam:PassRole" in refused[1]
    association = client.describe_iam_instance_profile_associations(
        Filters=[{"Name": "instance-id", "Values": [one["InstanceId"]]}])["IamInstanceProfileAssociations"][0]
    client.disassociate_iam_instance_profile(AssociationId=association["AssociationId"])
    assert code(client.disassociate_iam_instance_profile, AssociationId=association["AssociationId"])[0] == \
        "InvalidAssociationID.NotFound"
    client.associate_iam_instance_profile(InstanceId=one["InstanceId"], IamInstanceProfile={"Name": "parent"})
    assert code(client.associate_iam_instance_profile, InstanceId=one["InstanceId"],
                IamInstanceProfile={"Name": "parent"})[0] == "IncorrectState"


def test_metadata_options(client, image):
    one = run(client, image)["Instances"][0]["InstanceId"]
    now = client.modify_instance_metadata_options(InstanceId=one, HttpTokens="optional", HttpPutResponseHopLimit=5)
    assert now["InstanceMetadataOptions"]["HttpTokens"] == "optional"
    assert instances(client.describe_instances(InstanceIds=[one]))[0]["MetadataOptions"]["HttpPutResponseHopLimit"] == 5
    assert code(client.modify_instance_metadata_options, InstanceId=one, HttpPutResponseHopLimit=65)[0] == \
        "InvalidParameterValue"


def test_what_was_acknowledged_survives_a_kill(ec2, image):
    client = ec2.client()
    made = [run(client, image)["Instances"][0]["InstanceId"] for _ in range(3)]
    ec2.restart(signal.SIGKILL)
    after = ec2.client()
    assert {i["InstanceId"] for i in instances(after.describe_instances(InstanceIds=made))} == set(made)


# --- another server, in the same home ---


def certificate(directory, name):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3",
                    "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", directory / "key.pem",
                    "-out", directory / "cert.pem"], check=True, capture_output=True)


def test_tls_and_a_new_certificate(kms, ec2, tmp_path):
    assert subprocess.run([os.environ["REDOUBT_EC2"]], env=ec2.env, capture_output=True, check=False).returncode == 3
    ec2.stop()
    certificate(tmp_path, "first")
    tls = Ec2(kms, f"tls_certificate: {tmp_path}/cert.pem\ntls_key: {tmp_path}/key.pem\n")
    try:
        assert tls.url.startswith("https://")
        first = (tmp_path / "cert.pem").read_bytes()
        assert tls.client(verify=str(tmp_path / "cert.pem")).describe_regions()["Regions"]
        certificate(tmp_path, "second")
        tls.process.send_signal(signal.SIGHUP)
        assert until(lambda: "the certificate is reloaded" in tls.log_text(), 20)
        assert tls.client(verify=str(tmp_path / "cert.pem")).describe_regions()["Regions"]
        (tmp_path / "old.pem").write_bytes(first)
        with pytest.raises(SSLError):
            tls.client(verify=str(tmp_path / "old.pem")).describe_regions()
        tls.assert_well()
    finally:
        tls.close()
        with open(kms.path("config", "ec2.yaml"), "w", encoding="utf-8") as file:
            file.write('listen: "127.0.0.1:0"\nmetrics: "127.0.0.1:0"\nregion: us-east-1\nstrict: true\n' + ec2.config)
        ec2.start()


def test_metrics(ec2):
    port = re.findall(r"metrics on port (\d+)", ec2.log_text())[-1]

    def page():
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as response:
            assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            return response.read().decode()

    def value(sample):
        found = re.search(rf"^redoubt_ec2_{re.escape(sample)} (\S+)$", page(), re.MULTILINE)
        return float(found.group(1)) if found else 0

    good = 'requests_total{operation="DescribeRegions",outcome="OK"}'
    bad = 'requests_total{operation="DescribeInstances",outcome="InvalidInstanceID.NotFound"}'
    unknown = 'requests_total{operation="None",outcome="AuthFailure"}'
    before = [value(sample) for sample in (good, bad, unknown)]
    client = ec2.client()
    client.describe_regions()
    assert code(client.describe_instances, InstanceIds=["i-00000000000000000"])[0] == "InvalidInstanceID.NotFound"
    stranger = ec2.client(Credentials("AKIAAAAAAAAAAAAAAAAA", "x" * 40))
    assert code(stranger.describe_regions)[0] == "AuthFailure"
    assert [value(sample) for sample in (good, bad, unknown)] == [n + 1 for n in before]
    assert value('request_seconds_count{operation="DescribeRegions"}') >= 1
    assert value('instances{state="running"}') == 0 and 'instances{state="terminated"}' in page()
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=20)


def test_strict_mode(ec2, image):
    client = ec2.client()  # of the configuration that the test above has left
    types = {t["InstanceType"] for t in client.describe_instance_types(
        Filters=[{"Name": "nitro-enclaves-support", "Values": ["supported"]}])["InstanceTypes"]}
    assert "m5.xlarge" in types and "m5.large" not in types
    assert code(run, client, image, InstanceType="m5.large", EnclaveOptions={"Enabled": True})[0] == "UnsupportedOperation"
    assert run(client, image, InstanceType="m5.xlarge", EnclaveOptions={"Enabled": True})["Instances"]


def test_without_the_service_door_nobody_is_served(kms, ec2):
    kms.process.send_signal(signal.SIGSTOP)
    try:
        client = ec2.client()
        assert code(client.describe_instances)[::2] == ("Unavailable", 503)
    finally:
        kms.process.send_signal(signal.SIGCONT)
    assert ec2.client().describe_regions()["Regions"]
