# SPDX-License-Identifier: Apache-2.0
"""Parent instances as their users have them: the AWS CLI runs two of the image that "redoubt ami build" made, ssh reaches
them, the commands of every lesson make an enclave in one of them, and the other sees nothing of it."""

import os

import pytest
from node import END_S, Node, lesson, missing
from redoubt import descendants, wait_for

# nitro-cli's: there is no such enclave.
E11 = 11

pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))


@pytest.fixture(name="node")
def make_node():
    node = Node()
    yield node
    print(node.ec2.log_text())
    node.close()


def test_two_instances_and_an_enclave(node):
    aws = node.ec2.aws
    node.build_image()
    node.open_ssh()
    assert "InvalidAMIID.NotFound" in aws("run-instances", "--image-id", "ami-87654321", "--instance-type", "m5.large", ok=False)
    one, two = node.run("m5.large"), node.run("c5.large")
    for instance in (one, two):
        instance.wait_for_ssh()
        assert instance.metadata("instance-id") == instance.id
        assert instance.about()["State"]["Name"] == "running"

    enclave = lesson(one)
    assert enclave["EnclaveID"].startswith(one.id + "-enc")
    assert (enclave["MemoryMiB"], enclave["NumberOfCPUs"]) == (512, 2)
    mine = one.json("nitro-cli describe-enclaves")
    assert [(e["EnclaveID"], e["State"]) for e in mine] == [(enclave["EnclaveID"], "RUNNING")]
    assert {i: [e["EnclaveID"] for e in found] for i, found in node.listed().items()} == \
        {one.id: [enclave["EnclaveID"]], two.id: []}

    # The neighbour: nothing to see, nothing to end, nobody at that CID.
    assert two.json("nitro-cli describe-enclaves") == []
    for command in ("terminate-enclave", "console"):
        assert two.run(f"nitro-cli {command} --enclave-id {enclave['EnclaveID']}", check=False).returncode == E11
    assert two.run(f"socat -u VSOCK-CONNECT:{enclave['EnclaveCID']}:5000 -", check=False).returncode == 1
    assert one.json("nitro-cli describe-enclaves") == mine

    aws("terminate-instances", "--instance-ids", one.id, two.id)
    wait_for("the instances' ends", lambda: not node.listed(), END_S)
    assert [i.about()["State"]["Name"] for i in (one, two)] == ["terminated"] * 2
    for place in (("run", "instances"), ("run", "enclaves"), ("run", "imds"), ("state", "instances")):
        assert os.listdir(node.kms.path(*place)) == []
    wait_for("the end of every process", lambda: not {"redoubt-vmm", "redoubt-net"} & set(descendants(node.daemon.pid).values()))
