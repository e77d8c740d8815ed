# SPDX-License-Identifier: Apache-2.0
"""Card payments in instance mode: payments-server, vsock-proxy and nitro-cli in a parent instance, the enclave beside it,
customers at a published port. Programs and image are those of local mode (test_payments.py)."""

import base64
import contextlib
import functools
import hashlib
import io
import json
import os
import pathlib
import re
import socket
import ssl
import subprocess
import tarfile
import time

import pytest
from document import Document
from instances import Instances
from node import END_S, Node, missing
from parent_disk import libraries
from payments_customer import Api, Channel, Customer
from payments_gateway_host import Gateway
from payments_vm import EXAMPLE, GATEWAY_PORT, KMS_PORT, ROOT, START_S, build_image, uses_of_keys
from redoubt import descendants, wait_for

FIND = pathlib.Path(__file__).resolve().parents[2] / "examples" / "payments" / "find-number"
TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"},
                                                 "Action": "sts:AssumeRole"}]}
GOOD, DECLINED = "4000001234567899", "4000000000000002"
MASKED = "400000******7899"
SERVER_PORT, CID = 8480, 16
UNAVAILABLE = 503
OTHER_INSTANCE = "i-0fedcba9876543210"
# Of the C library, which the instance has: the program's linker is the instance's, too.
OF_LIBC = re.compile(r"/(ld-linux|lib(c|m|resolv|dl|pthread|rt)\.so)")


def own_address():
    """An address of this host that instances reach: never its loopback. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        return probe.getsockname()[0]


WHY = missing() or (None if own_address() else "needs an IPv4 address besides the loopback's")
pytestmark = pytest.mark.skipif(WHY is not None, reason=str(WHY))


def register_of(text):
    """What PCR3 holds for a role's ARN, and PCR4 for an instance's id."""
    return hashlib.sha384(bytes(48) + text.encode()).hexdigest()


class Parent:
    """A node, a gateway, and a parent instance in which the application is."""

    def __init__(self, stack, directory):
        self.address = own_address()
        self.node = Node(self.address)
        stack.callback(self.node.close)
        self.kms = self.node.kms
        self.gateway = Gateway(directory, f"0100 last4={DECLINED[-4:]} decline=05\n", address=self.address)
        stack.callback(self.gateway.close)
        self.eif, self.pcr0 = build_image(self.node.host, 1, self.kms.ca, self.gateway)
        self.role = self.make_role()
        self.key = self.kms.client().create_key(Policy=self.policy(OTHER_INSTANCE))["KeyMetadata"]["KeyId"]
        self.kms.client().create_alias(AliasName="alias/payments", TargetKeyId=self.key)
        self.node.build_image()
        self.node.open_ssh()
        self.node.open_port(SERVER_PORT)
        self.instance = self.node.run("c5.large", "--iam-instance-profile", "Name=payments")
        self.instance.wait_for_ssh()
        self.install()

    def make_role(self):
        """Of the instance: its metadata service has the credentials."""
        iam = self.kms.client("iam")
        role = iam.create_role(RoleName="payments", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
        iam.create_instance_profile(InstanceProfileName="payments")
        iam.add_role_to_instance_profile(InstanceProfileName="payments", RoleName="payments")
        return role

    def policy(self, instance):
        """For this image, under this role, in an instance."""
        registers = {0: self.pcr0, 3: register_of(self.role), 4: register_of(instance)}
        return json.dumps({"Version": "2012-10-17", "Statement": [
            {"Sid": "Administration", "Effect": "Allow", "Principal": {"AWS": ROOT}, "Resource": "*",
             "Action": ["kms:DescribeKey", "kms:PutKeyPolicy", "kms:CreateAlias"]},
            {"Sid": "ThisImageHere", "Effect": "Allow", "Principal": {"AWS": self.role}, "Resource": "*",
             "Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Condition": {"StringEqualsIgnoreCase": {
                 f"kms:RecipientAttestation:PCR{n}": value for n, value in registers.items()}}}]})

    def install(self):
        """The application's folder, in the home of the user who has the instance."""
        tls = pathlib.Path(self.node.tls("server-tls", "127.0.0.1"))
        self.tls = ssl.create_default_context(cafile=tls / "ca.pem")
        targets = {KMS_PORT: self.kms.port, GATEWAY_PORT: self.gateway.port}
        allowed = "".join(f"- {{address: {self.address}, port: {port}}}\n" for port in targets.values())
        server = EXAMPLE / "payments-server"
        texts = {"allowlist.yaml": "allowlist:\n" + allowed,
                 "server/server.yaml": f'listen: "0.0.0.0:{SERVER_PORT}"\ntls_certificate: server.pem\ntls_key: server.key\n'
                                       f"credentials: imds\nenclaves:\n- vsock:{CID}\n"}
        files = {"payments.eif": self.eif, "payments-server": server, "find-number": FIND, "server/server.pem": tls / "server.pem",
                 "server/server.key": tls / "server.key",
                 **{f"lib/{os.path.basename(path)}": path for path in libraries(server) if not OF_LIBC.search(path)}}
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w", dereference=True) as tar:
            for name, text in texts.items():
                member = tarfile.TarInfo("payments/" + name)
                member.size = len(text)
                tar.addfile(member, io.BytesIO(text.encode()))
            for name, path in files.items():
                tar.add(path, "payments/" + name)
        self.instance.run("tar --no-same-owner -xf -", input=packed.getvalue())
        self.proxies = [self.begin(f"vsock-proxy-{port}", f"vsock-proxy --config allowlist.yaml {port} {self.address} {target}")
                        for port, target in targets.items()]

    def run(self, command, **more):
        return self.instance.run("cd payments && " + command, **more).stdout.decode().strip()

    def begin(self, name, command):
        """Its process id in the instance; what it says is in the file NAME.log."""
        return self.run(f"{{ setsid {command} >{name}.log 2>&1 </dev/null & echo $!; }}")

    def serve(self):
        program = "env LD_LIBRARY_PATH=lib ./payments-server --config server/server.yaml"
        merchant = self.run(f"{program} --add-merchant shop")
        till = self.run(f"{program} --add-key merchant --name till --merchant {merchant}")
        self.server = self.begin("server/server", program)
        port = int(self.instance.published(SERVER_PORT))
        self.connect = functools.partial(Api, lambda: ("127.0.0.1", port), till, self.tls)
        self.api = self.connect()
        self.channel = Channel(self.api)

    def enclave(self):
        """Begun in the instance; what run-enclave says."""
        return json.loads(self.run(f"nitro-cli run-enclave --eif-path payments.eif --cpu-count 1 --memory 256 --enclave-cid {CID}"))

    def put_policy(self, instance):
        self.kms.client().put_key_policy(KeyId=self.key, PolicyName="default", Policy=self.policy(instance))

    def document(self):
        """The enclave's, once it serves; from outside."""
        nonce = os.urandom(32)
        _, answer = self.api.until_heard("GET", f"/v1/attestation?nonce={nonce.hex()}", end=time.monotonic() + START_S)
        document = Document(base64.b64decode(answer["document"]), self.node.host.root_pem)
        self.node.host.verify(document.raw)
        assert document.doc["nonce"] == nonce
        return document.doc

    def pay(self, name, card):
        customer = Customer(self.api, self.channel, time.monotonic() + START_S)
        return customer.pay(customer.order(name, 1000), f"pay-{name}", 1000, card)

    def status(self):
        """Of a request, in HTTP's numbers; on a connection of its own, as the server closes those that are idle for long."""
        return self.connect().call("GET", f"/v1/attestation?nonce={bytes(32).hex()}")[0]

    def server_log(self):
        return self.run("cat server/server.log")

    def search_machine(self):
        """find-number in the process whose memory is the parent's."""
        vmm = Instances(self.node.host).describe(self.instance.id)[0]["pid"]
        machine = next(pid for pid, name in descendants(vmm).items() if name.startswith("qemu"))
        return subprocess.run([FIND, GOOD, MASKED, f"pid:{machine}"], capture_output=True, text=True, timeout=START_S, check=False)


@pytest.fixture(name="parent")
def parent_fixture(tmp_path):
    with contextlib.ExitStack() as stack:
        parent = Parent(stack, tmp_path)
        yield parent
        print(parent.run("tail -n 50 *.log server/*.log", check=False))


def refused_with(parent):
    """Registers of a document that the key server has refused, or None."""
    refused = [use for use in uses_of_keys(parent.node.host) if use.get("errorCode") == "AccessDeniedException"]
    return refused[-1]["additionalEventData"]["recipient"]["pcrs"] if refused else None


def check_document(parent, enclave, registers):
    """Of this image, under this role, in this instance; and its key is the one that cards are sealed to."""
    document = parent.document()
    # An enclave's number is 16 digits here, and as long as it is in nitro-cli's words.
    instance, number = document["module_id"].split("-enc")
    assert enclave["EnclaveID"] == f"{instance}-enc{int(number, 16):x}" and instance == parent.instance.id
    assert {n: document["pcrs"][int(n)].hex() for n in registers} == registers
    assert parent.channel.point() == document["public_key"]


def check_nobody_has_the_number(parent):
    # All memory of the parent, whoever's it is there; from outside, as a search inside has the number in its own.
    found = parent.search_machine()
    assert found.returncode == 0, found.stdout
    # What its root sees of the application.
    proxies = " ".join(f"pid:{pid}" for pid in parent.proxies)
    parent.run(f"sudo ./find-number {GOOD} '{MASKED}' pid:{parent.server} server")
    parent.run(f"sudo ./find-number {GOOD} '?' {proxies}")
    # And the search of all memory finds a number that is there.
    parent.run(f"echo {GOOD} >copy")
    found = parent.search_machine()
    assert found.returncode == 1 and re.search(r"FOUND as (.*, )?digits", found.stdout), found.stdout


def test_payments_in_a_parent_instance(parent):
    # The server is there before its enclave.
    parent.serve()
    wait_for("the server's look for an enclave", lambda: f"no enclave at vsock:{CID}: " in parent.server_log())
    enclave = parent.enclave()
    here = {"0": parent.pcr0, "3": register_of(parent.role), "4": register_of(parent.instance.id)}

    # The policy names another instance: neither the right image nor the right role helps.
    found = wait_for("a refusal", lambda: refused_with(parent), START_S)
    assert {n: found[n] for n in here} == here
    wait_for("the server's word", lambda: "it does not start (keys)" in parent.server_log())
    assert parent.status() == UNAVAILABLE
    parent.put_policy(parent.instance.id)

    check_document(parent, enclave, here)
    approved = parent.pay("approved", GOOD)
    assert (approved["state"], approved["masked"]) == ("AUTHORISED", MASKED)
    assert parent.pay("declined", DECLINED)["state"] == "DECLINED"
    assert [(o["kind"], o["response"]) for o in parent.gateway.report()["operations"]] == [("authorise", "00"), ("authorise", "05")]
    check_nobody_has_the_number(parent)

    parent.run(f"nitro-cli terminate-enclave --enclave-id {enclave['EnclaveID']}")
    wait_for("the server's notice of the enclave's end", lambda: parent.status() == UNAVAILABLE)
    parent.node.ec2.aws("terminate-instances", "--instance-ids", parent.instance.id)
    wait_for("the instance's end", lambda: not parent.node.listed(), END_S)
    parent.kms.assert_well()
