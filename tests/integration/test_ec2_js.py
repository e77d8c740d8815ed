# SPDX-License-Identifier: Apache-2.0
"""redoubt-ec2 as @aws-sdk/client-ec2 uses it: calls, errors by their code, paginators."""

import pytest
from ec2_host import Ec2, Kms
from kms_js import Js, JsRefused


@pytest.fixture(scope="module", name="kms")
def kms_fixture():
    kms = Kms()
    yield kms
    kms.assert_well()
    kms.close()


@pytest.fixture(scope="module", name="ec2")
def ec2_fixture(kms):
    ec2 = Ec2(kms)
    yield ec2
    ec2.assert_well()
    ec2.close()


@pytest.fixture(scope="module", name="ask")
def ask_fixture(kms, ec2):
    js = Js(kms)
    yield lambda operation=None, how=None, **input_: js.ask("ec2", url=ec2.url, operation=operation, input=input_,
                                                            **(how or {}))["output"]
    js.close()


@pytest.fixture(scope="module", name="image")
def image_fixture(ec2, ask):
    return ask("RegisterImage", Name="ami-12345678", ImageLocation=ec2.image())["ImageId"]


def test_a_parent_instance(ask, image):
    made = ask("RunInstances", ImageId=image, InstanceType="m5.xlarge", MinCount=1, MaxCount=1,
               EnclaveOptions={"Enabled": True}, UserData="aGVsbG8=",
               TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "p\u00e4rent <&>"}]}])
    one = made["Instances"][0]
    assert one["EnclaveOptions"] == {"Enabled": True} and one["State"] == {"Code": 0, "Name": "pending"}
    shown = ask("DescribeInstances", InstanceIds=[one["InstanceId"]])["Reservations"][0]["Instances"][0]
    assert shown["Tags"] == [{"Key": "Name", "Value": "p\u00e4rent <&>"}]
    assert shown["LaunchTime"] == one["LaunchTime"] and "$date" in shown["LaunchTime"]
    data = ask("DescribeInstanceAttribute", InstanceId=one["InstanceId"], Attribute="userData")
    assert data["UserData"] == {"Value": "aGVsbG8="}
    ended = ask("TerminateInstances", InstanceIds=[one["InstanceId"]])["TerminatingInstances"][0]
    assert ended["CurrentState"]["Name"] == "shutting-down"


def test_the_sdk_makes_its_own_client_token(ask, image):
    one, two = (ask("RunInstances", ImageId=image, MinCount=1, MaxCount=1)["Instances"][0] for _ in range(2))
    assert one["ClientToken"] and one["ClientToken"] != two["ClientToken"] and one["InstanceId"] != two["InstanceId"]


@pytest.mark.parametrize(("operation", "parameters", "code", "status"), [
    ("RunInstances", {"ImageId": "ami-00000000", "MinCount": 1, "MaxCount": 1}, "InvalidAMIID.NotFound", 400),
    ("DescribeInstances", {"InstanceIds": ["i-00000000"]}, "InvalidInstanceID.NotFound", 400),
    ("DescribeInstances", {"DryRun": True}, "DryRunOperation", 412),
    ("DeleteSecurityGroup", {"GroupName": "default"}, "CannotDelete", 400),
])
def test_errors_have_their_codes(ask, operation, parameters, code, status):
    with pytest.raises(JsRefused) as caught:
        ask(operation, **parameters)
    assert (caught.value.name, caught.value.status) == (code, status) and caught.value.message


def test_paginators(ask, image):
    ask("RunInstances", ImageId=image, MinCount=12, MaxCount=12, InstanceType="r5.large")
    pages = ask(how={"paginator": "paginateDescribeInstances", "pageSize": 5},
                Filters=[{"Name": "instance-type", "Values": ["r5.*"]}])
    found = [i["InstanceId"] for page in pages for r in page["Reservations"] for i in r["Instances"]]
    assert len(pages) == 3 and len(found) == len(set(found)) == 12
    types = ask(how={"paginator": "paginateDescribeInstanceTypes", "pageSize": 20})
    assert sum(len(page["InstanceTypes"]) for page in types) > 40
