# SPDX-License-Identifier: Apache-2.0
"""Card payments with the enclave in a VM of its own: redoubtd, vsock-proxy, redoubt-kms, gateway and server, all of the
installed tree, and images of two versions of the enclave."""

import json
import os
import pathlib
import signal
import subprocess
import time

from eif_support import docker_archive, layer
from kms_host import ACCOUNT, REGION, Credentials, Kms
from payments_customer import Api, Channel, Customer
from payments_gateway_host import Gateway
from payments_server_host import Server
from redoubt import Host, wait_for

OUT = pathlib.Path(os.environ["REDOUBT_OUT"])
EXAMPLE = OUT / "share" / "redoubt" / "examples" / "payments"
ROOT, ROLE = f"arn:aws:iam::{ACCOUNT}:root", f"arn:aws:iam::{ACCOUNT}:role/payments"
# Keys of an enclave under emulation on a busy machine: six RSA key pairs, a TLS handshake each.
START_S = 280
KMS_PORT, GATEWAY_PORT = 8443, 8583


def build_image(host, version, kms_ca, gateway, **limits):
    """(EIF, PCR0). limits: members of the enclave's policy that are to be others than the example's."""
    config = json.loads((EXAMPLE / "config.json").read_text())
    config["version"] = version
    config["kms"].update(region=REGION, endpoint=f"kms.{REGION}.amazonaws.com", port=KMS_PORT)
    config["gateway"].update(name="gateway.test", port=GATEWAY_PORT)
    policy = json.loads((EXAMPLE / "policy.json").read_text())
    files = {"payments-enclave": (EXAMPLE / "payments-enclave").read_bytes(),
             "etc/payments/config.json": json.dumps(config).encode(),
             "etc/payments/policy.json": json.dumps({**policy, **limits}).encode(),
             "etc/payments/kms-ca.pem": pathlib.Path(kms_ca).read_bytes(),
             "etc/payments/gateway-ca.pem": (gateway.where / "tls" / "ca.pem").read_bytes()}
    name = f"payments-{version}"
    archive = host.path(name + ".tar")
    docker_archive(archive, [layer((path, {"data": data}) for path, data in files.items())],
                   {"Entrypoint": ["/payments-enclave"]}, tag=f"{name}:1")
    eif, built = host.build(f"docker-archive:{archive}", name)
    return eif, built["Measurements"]["PCR0"]


def uses_of_keys(host):
    """Of the key server's audit log."""
    shown = host.run("bin/redoubt", "audit", "show", host.path("state", "kms", "audit")).stdout
    records = [json.loads(line) for line in shown.splitlines()]
    return [record for record in records if record["eventName"] in ("Decrypt", "GenerateDataKey")]


class VmWorld:
    """The host, key server, gateway and server; images of two versions."""

    def __init__(self, stack, directory, versions=(1, 2), **limits):
        """limits: as build_image's."""
        self.directory, self.limits, self.pcr8 = directory, limits, None
        self.host = stack.enter_context(Host(str(OUT)))
        self.kms_ca = self.start_kms(stack)
        (directory / "gateway").mkdir()
        self.gateway = Gateway(directory / "gateway")
        stack.callback(self.gateway.close)
        self.proxies = [self.proxy(stack, KMS_PORT, self.kms.port), self.proxy(stack, GATEWAY_PORT, self.gateway.port)]
        self.signer = self.make_signer()
        self.images = {version: self.image(version) for version in versions}
        self.role = self.make_role()
        self.key = self.kms.client().create_key(Policy=self.policy(1))["KeyMetadata"]["KeyId"]
        self.kms.client().create_alias(AliasName="alias/payments", TargetKeyId=self.key)
        (directory / "server").mkdir()
        self.server = Server(directory / "server", credentials="file:credentials.json", authorise_deadline_s=60)
        stack.callback(self.server.stop)
        self.write_credentials()
        self.enclaves = {}
        self.till = None

    def start_kms(self, stack):
        tls = self.host.path("tls")
        self.host.run("bin/redoubt", "pki", "tls", "--name", f"kms.{REGION}.amazonaws.com", "--name", "127.0.0.1",
                      "--out", tls)
        ca = os.path.join(tls, "ca.pem")
        self.kms = Kms(f"tls_certificate: {tls}/server.pem\ntls_key: {tls}/server.key\n", home=self.host.home, ca=ca)
        stack.callback(self.kms.close)
        return ca

    def proxy(self, stack, port, target):
        """The parent's way out for its enclaves."""
        allowlist = self.host.path(f"allowlist-{port}.yaml")
        with open(allowlist, "w", encoding="ascii") as file:
            file.write(f"allowlist:\n- {{address: 127.0.0.1, port: {target}}}\n")
        process = subprocess.Popen([str(OUT / "bin" / "vsock-proxy"), "--config", allowlist, "--listen", "local",
                                    str(port), "127.0.0.1", str(target)], env=self.host.environment, stdin=subprocess.DEVNULL)
        stack.callback(process.wait)
        stack.callback(process.terminate)
        return process

    def image(self, version):
        """Signed: what a policy may name besides the image."""
        eif, pcr0 = build_image(self.host, version, self.kms_ca, self.gateway, **self.limits)
        signed = self.host.json("sign-eif", "--eif-path", eif, "--signing-certificate", self.signer, "--private-key",
                                self.host.path("signer.key"))
        self.pcr8 = signed["Measurements"]["PCR8"]
        return eif, pcr0

    def make_signer(self):
        """Who signs all images."""
        key, certificate = self.host.path("signer.key"), self.host.path("signer.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp384r1", "-nodes",
                        "-sha384", "-days", "30", "-subj", "/CN=release", "-keyout", key, "-out", certificate],
                       check=True, capture_output=True)
        return certificate

    def version_pcr(self, version):
        path = self.host.path("version.txt")
        with open(path, "w", encoding="ascii") as file:
            file.write(f"redoubt-payments version {version}")
        return self.host.json("pcr", "--input", path)["PCR"]

    def make_role(self):
        iam, sts = self.kms.client("iam"), self.kms.client("sts")
        trust = {"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "sts:AssumeRole"}
        iam.create_role(RoleName="payments", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17",
                                                                                 "Statement": [trust]}))
        return Credentials.of(sts.assume_role(RoleArn=ROLE, RoleSessionName="test")["Credentials"])

    def write_credentials(self):
        (self.server.where / "credentials.json").write_text(json.dumps({
            "AccessKeyId": self.role.akid, "SecretAccessKey": self.role.secret, "Token": self.role.token}))

    def policy(self, *versions):
        """For these images alone."""
        return self.policy_of({"kms:RecipientAttestation:PCR0": [self.images[version][1] for version in versions]})

    def policy_from(self, version):
        """For every image of the signer from a version on, up to the tenth after it."""
        return self.policy_of({"kms:RecipientAttestation:PCR8": self.pcr8, "kms:RecipientAttestation:PCR16": [
            self.version_pcr(v) for v in range(version, version + 10)]})

    @staticmethod
    def policy_of(registers):
        return json.dumps({"Version": "2012-10-17", "Statement": [
            {"Sid": "Administration", "Effect": "Allow", "Principal": {"AWS": ROOT}, "Resource": "*",
             "Action": ["kms:DescribeKey", "kms:PutKeyPolicy", "kms:CreateAlias"]},
            {"Sid": "TheseImages", "Effect": "Allow", "Principal": {"AWS": ROLE}, "Resource": "*",
             "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
             "Condition": {"StringEqualsIgnoreCase": registers}}]})

    def put_policy(self, policy):
        self.kms.client().put_key_policy(KeyId=self.key, PolicyName="default", Policy=policy)

    def boot(self, version):
        """An enclave; the socket that leads to it."""
        enclave = self.host.start(self.images[version][0])
        enclave["socket"] = os.path.join(self.host.enclave_dir(enclave), "vsock.sock")
        return enclave

    def serve_by(self, *enclaves):
        """Best first; a running server takes it up."""
        self.server.sockets = [enclave["socket"] for enclave in enclaves]
        self.server.write()
        if self.server.process is not None:
            self.server.process.send_signal(signal.SIGHUP)

    def open(self, enclave):
        self.serve_by(enclave)
        merchant = self.server.run("--add-merchant", "shop")
        self.till = self.server.run("--add-key", "merchant", "--name", "till", "--merchant", merchant)
        self.viewer = self.server.run("--add-key", "viewer", "--name", "viewer")
        self.server.start().ready(START_S)
        self.api = Api(lambda: ("127.0.0.1", self.server.port), self.till)
        self.channel = Channel(self.api)

    def said(self, text):
        return self.server.errors.read_text().count(text)

    def wait_until_said(self, text, before):
        wait_for(f"the server's word: {text}", lambda: self.said(text) > before, START_S)

    def last_refusal(self):
        """The last use of the key, which must have been refused."""
        record = uses_of_keys(self.host)[-1]
        assert record["errorCode"] == "AccessDeniedException", record
        return record["additionalEventData"]["recipient"]

    def pay(self, name, amount=1000, card="4111111111111111"):
        customer = Customer(self.api, self.channel, time.monotonic() + START_S)
        return customer.pay(customer.order(name, amount), f"pay-{name}", amount, card)

    def operations(self):
        return self.gateway.report()["operations"]

    def charged(self):
        """Authorisations that the gateway holds."""
        return sum(o["kind"] == "authorise" and o["response"] == "00" and not o["reversed"] for o in self.operations())
