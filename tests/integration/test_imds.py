# SPDX-License-Identifier: Apache-2.0
"""The instance metadata service: by raw requests, by the AWS CLI and botocore with nothing but its endpoint (a bridge of
socat's from TCP), with credentials that a real redoubt-kms gives, and signatures that openssl verifies."""

import base64
import datetime
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time

import botocore.session
import pytest

from kms_door import TRUST_EC2, UnixConnection
from kms_host import ACCOUNT, REGION, Kms, until

IMDS_HOST = os.environ["IMDS_HOST"]
ID = "i-0123456789abcdef0"
TTL = "X-aws-ec2-metadata-token-ttl-seconds"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFIY4hd3n2OSFwbNLVNFuJzg6QSMuRKUVWCKfyVQr5uL laptop"
MAC = "06:00:ac:1f:10:05"
DAY_MS = 86400000


def instance():
    return {"id": ID, "type": "m5.large", "image": "ami-12345678", "account": ACCOUNT, "region": REGION,
            "zone": f"{REGION}a", "zone_id": "use1-az1", "private_ip": "172.31.16.5", "mac": MAC,
            "hostname": "ip-172-31-16-5.ec2.internal", "reservation": "r-0aaa", "key_name": "laptop", "public_key": KEY,
            "security_groups": "default\nweb", "security_group_ids": "sg-1\nsg-2", "interface": "eni-1",
            "subnet": "subnet-1", "subnet_cidr": "172.31.16.0/20", "vpc": "vpc-1", "vpc_cidr": "172.31.0.0/16",
            "root_device": "/dev/xvda", "launched_ms": 1767225600000, "user_data": "#!/bin/sh\necho hello\n",
            "tags": {"Name": "web one", "team": "blue"}, "tokens_required": True}


class Imds:
    """The service of one instance, and a client of its socket."""

    def __init__(self, door="/nonexistent", state=None):
        self.home = tempfile.mkdtemp(prefix="rdi-", dir="/tmp")
        self.state = state or self.home
        self.path = f"{self.home}/imds/{ID}.sock"
        self.file = f"{self.home}/instance.json"
        self.now = instance()
        self.bridge = None
        self.door = door
        self.set()
        self.start()

    def start(self):
        self.process = subprocess.Popen([IMDS_HOST, self.home, self.state, self.file, self.door], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        ready = self.process.stdout.readline()
        assert ready == b"ready\n", self.process.stderr.read()

    def stop(self):
        out, err = self.process.communicate(b"", 60)
        assert self.process.returncode == 0 and b"Sanitizer" not in err and b"runtime error" not in err, err
        return int(out.split()[1])

    def set(self, **change):
        self.now.update(change)
        with open(self.file + ".new", "w", encoding="utf-8") as file:
            json.dump({key: value for key, value in self.now.items() if value is not None}, file)
        os.rename(self.file + ".new", self.file)

    def request(self, method, path, headers=None):
        connection = UnixConnection(self.path)
        try:
            connection.request(method, path, headers=headers or {})
            response = connection.getresponse()
            return response.status, response.read().decode(), response.headers
        finally:
            connection.close()

    def token(self, ttl="60"):
        status, token, headers = self.request("PUT", "/latest/api/token", {TTL: ttl})
        assert (status, headers[TTL]) == (200, ttl)
        return token

    def get(self, path, status=200):
        got, text, _ = self.request("GET", path, {"X-aws-ec2-metadata-token": self.token()})
        assert got == status, (path, got, text)
        return text

    def meta(self, path, status=200):
        return self.get(f"/latest/meta-data/{path}", status)

    def serve_tcp(self):
        """An endpoint for clients that know TCP only."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.bridge = subprocess.Popen(["socat", f"TCP-LISTEN:{port},bind=127.0.0.1,fork,reuseaddr",
                                        f"UNIX-CONNECT:{self.path}"])
        end = time.monotonic() + 20
        while time.monotonic() < end:
            with socket.socket() as sock:
                if sock.connect_ex(("127.0.0.1", port)) == 0:
                    return f"http://127.0.0.1:{port}"
            time.sleep(0.05)
        raise RuntimeError("socat does not listen")

    def close(self):
        if self.bridge:
            self.bridge.terminate()
            self.bridge.wait(20)
        if self.process.poll() is None:
            self.stop()
        shutil.rmtree(self.home)


@pytest.fixture(scope="module")
def state():
    path = tempfile.mkdtemp(prefix="rdi-", dir="/tmp")
    yield path
    shutil.rmtree(path)


@pytest.fixture
def imds(state):
    one = Imds(state=state)
    yield one
    one.close()


@pytest.fixture(scope="module")
def kms():
    server = Kms()
    server.ask("iam", "create-role", "--role-name", "web", "--assume-role-policy-document", json.dumps(TRUST_EC2))
    server.ask("iam", "create-instance-profile", "--instance-profile-name", "front")
    server.ask("iam", "add-role-to-instance-profile", "--instance-profile-name", "front", "--role-name", "web")
    server.profile = server.ask("iam", "get-instance-profile", "--instance-profile-name", "front")["InstanceProfile"]
    yield server
    server.assert_well()
    server.close()


@pytest.fixture
def with_role(kms, state):
    one = Imds(kms.path("run", "kms", "service.sock"), state)
    one.set(profile_arn=kms.profile["Arn"], profile_id=kms.profile["InstanceProfileId"],
            role_arn=kms.profile["Roles"][0]["Arn"])
    yield one
    one.close()


# --- version 2, version 1, off ---


def test_a_token_opens_it(imds):
    token = imds.token("21600")
    assert len(token) == 56
    status, text, headers = imds.request("GET", "/latest/meta-data/instance-id", {"X-aws-ec2-metadata-token": token})
    assert (status, text) == (200, ID)
    assert 21590 <= int(headers[TTL]) <= 21600
    assert headers["Content-Type"] == "text/plain" and headers["Server"] == "EC2ws" and headers["Connection"] == "close"


def test_without_a_token_it_is_closed(imds):
    for path in ("/latest/meta-data/", "/latest/user-data", "/", "/nowhere"):
        assert imds.request("GET", path)[0] == 401, path


def test_tokens_that_are_none(imds):
    token = imds.token()
    other = Imds(state=imds.state)
    try:
        foreign = other.token()
    finally:
        other.close()
    raw = bytearray(base64.b64decode(token))
    longer = bytes([raw[0] ^ 0x01]) + bytes(raw[1:])
    raw[-1] ^= 1
    for wrong in (foreign, base64.b64encode(raw).decode(), base64.b64encode(longer).decode(), "", token[:-1], token + "A",
                  "x" * 56, "A" * 5000):
        status = imds.request("GET", "/latest/meta-data/ami-id", {"X-aws-ec2-metadata-token": wrong})[0]
        assert status == 401, wrong
    # Also where none is needed.
    imds.set(tokens_required=False)
    assert imds.request("GET", "/latest/meta-data/ami-id", {"X-aws-ec2-metadata-token": "x" * 56})[0] == 401
    assert imds.request("GET", "/latest/meta-data/ami-id", {"X-aws-ec2-metadata-token": token})[0] == 200


def test_a_token_ends(imds):
    token = imds.token("10")
    header = {"X-aws-ec2-metadata-token": token}
    imds.set(clock_ms=9000)
    assert imds.request("GET", "/latest/meta-data/ami-id", header)[0] == 200
    imds.set(clock_ms=10001)
    assert imds.request("GET", "/latest/meta-data/ami-id", header)[0] == 401


@pytest.mark.parametrize("headers, status", [
    ({}, 400), ({TTL: "0"}, 400), ({TTL: "21601"}, 400), ({TTL: "x"}, 400), ({TTL: "-1"}, 400), ({TTL: ""}, 400),
    ({TTL: "60", "X-Forwarded-For": "10.0.0.1"}, 403), ({"X-Forwarded-For": ""}, 403),
])
def test_tokens_are_not_for_everyone(imds, headers, status):
    assert imds.request("PUT", "/latest/api/token", headers)[0] == status


def test_other_methods_and_places(imds):
    assert imds.request("PUT", "/latest/meta-data/ami-id", {TTL: "60"})[0] == 405
    assert imds.request("PUT", "/2021-07-15/api/token", {TTL: "60"})[0] == 405
    for method in ("POST", "DELETE", "OPTIONS"):
        assert imds.request(method, "/latest/meta-data/ami-id")[0] == 405
    assert imds.get("/latest/api/token", 405)


def test_version_1_where_it_is_allowed(imds):
    imds.set(tokens_required=False)
    assert imds.request("GET", "/latest/meta-data/instance-id")[:2] == (200, ID)
    assert imds.request("GET", "/latest/meta-data/instance-id", {"X-Forwarded-For": "10.0.0.1"})[:2] == (200, ID)
    imds.set(tokens_required=True)
    assert imds.request("GET", "/latest/meta-data/instance-id")[0] == 401


def test_switched_off(imds):
    token = imds.token()
    imds.set(off=True)
    assert imds.request("PUT", "/latest/api/token", {TTL: "60"})[0] == 403
    assert imds.request("GET", "/latest/meta-data/ami-id", {"X-aws-ec2-metadata-token": token})[0] == 403
    imds.set(off=False)
    assert imds.request("GET", "/latest/meta-data/ami-id", {"X-aws-ec2-metadata-token": token})[0] == 200


def test_an_instance_that_has_gone(imds):
    imds.set(gone=True)
    assert imds.request("GET", "/latest/meta-data/ami-id")[0] == 404


# --- the tree ---


def test_lists(imds):
    assert imds.get("/").split("\n")[-1] == "latest" and "2021-07-15" in imds.get("/")
    assert imds.get("/latest/") == imds.get("/latest") == "dynamic\nmeta-data\nuser-data"
    assert imds.meta("").split("\n") == [
        "ami-id", "ami-launch-index", "ami-manifest-path", "block-device-mapping/", "events/", "hostname",
        "instance-action", "instance-id", "instance-life-cycle", "instance-type", "local-hostname", "local-ipv4", "mac",
        "network/", "placement/", "profile", "public-keys/", "reservation-id", "security-groups", "services/", "system"]
    assert imds.get("/latest/meta-data") == imds.meta("")
    assert imds.meta("placement/") == "availability-zone\navailability-zone-id\nregion"
    assert imds.meta("network/interfaces/macs/") == f"{MAC}/"
    assert imds.meta(f"network/interfaces/macs/{MAC}/").split("\n") == [
        "device-number", "interface-id", "local-hostname", "local-ipv4s", "mac", "owner-id", "security-group-ids",
        "security-groups", "subnet-id", "subnet-ipv4-cidr-block", "vpc-id", "vpc-ipv4-cidr-block", "vpc-ipv4-cidr-blocks"]
    assert imds.meta("public-keys/") == imds.meta("public-keys") == "0=laptop"
    assert imds.meta("public-keys/0/") == imds.meta("public-keys/0") == "openssh-key"
    assert imds.get("/latest/dynamic/instance-identity/") == "document\npkcs7\nrsa2048\nsignature"
    assert imds.get("/latest/dynamic/") == "instance-identity/"


def test_what_stands_there(imds):
    want = {"ami-id": "ami-12345678", "ami-launch-index": "0", "hostname": "ip-172-31-16-5.ec2.internal",
            "local-hostname": "ip-172-31-16-5.ec2.internal", "local-ipv4": "172.31.16.5", "mac": MAC,
            "instance-type": "m5.large", "instance-action": "none", "instance-life-cycle": "on-demand",
            "profile": "default-hvm", "reservation-id": "r-0aaa", "security-groups": "default\nweb",
            "services/domain": "amazonaws.com", "services/partition": "aws", "system": "nitro",
            "placement/region": REGION, "placement/availability-zone": f"{REGION}a",
            "public-keys/0/openssh-key": KEY, "block-device-mapping/ami": "xvda", "block-device-mapping/root": "/dev/xvda",
            "events/maintenance/scheduled": "[]", f"network/interfaces/macs/{MAC}/subnet-ipv4-cidr-block": "172.31.16.0/20",
            f"network/interfaces/macs/{MAC}/owner-id": ACCOUNT, f"network/interfaces/macs/{MAC.replace(':', '%3A')}/mac": MAC,
            "ami-id?x=y": "ami-12345678"}
    for path, text in want.items():
        assert imds.meta(path) == text, path
    assert imds.get("/latest/user-data") == imds.now["user_data"]
    assert imds.get("/2009-04-04/meta-data/instance-id") == ID


@pytest.mark.parametrize("path", [
    "/latest/meta-data/nothing", "/latest/meta-data/ami-id/", "/latest/meta-data/ami-id/x", "/latest/nothing", "/nothing",
    "/latest/meta-data/../user-data", "/latest/meta-data//ami-id", "/2009-04/meta-data", "/latestx/meta-data/ami-id",
    "/latest/meta-data/network/interfaces/macs/06:00:00:00:00:00/mac", "/latest/meta-data/network/interfaces/macs/{mac}/mac",
    "/latest/meta-data/tags/instance/{tag}", "/latest/meta-data/tags/instance/Name", "/latest/meta-data/tags/",
    "/latest/meta-data/iam/", "/latest/meta-data/iam/info", "/latest/meta-data/iam/security-credentials/",
    "/latest/meta-data/iam/security-credentials/web", "/latest/meta-data/public-keys/1/", "/latest/meta-data/a" + "b" * 900])
def test_what_is_not_there(imds, path):
    assert "404 - Not Found" in imds.get(path, 404)


def test_bad_paths(imds):
    for path in ("/latest/%", "/latest/%zz", "/latest/%00", "/" + "a" * 1100, "*"):
        assert imds.request("GET", path, {"X-aws-ec2-metadata-token": imds.token()})[0] == 400, path


def test_without_user_data_key_and_profile(imds):
    imds.set(user_data=None, public_key=None)
    imds.get("/latest/user-data", 404)
    assert imds.get("/latest/") == "dynamic\nmeta-data"
    imds.meta("public-keys/", 404)
    imds.meta("public-keys/0/openssh-key", 404)
    assert "public-keys/" not in imds.meta("")


def test_tags_where_they_are_shown(imds):
    imds.set(tags_shown=True)
    assert "tags/" in imds.meta("").split("\n")
    assert imds.meta("tags/") == "instance/"
    assert imds.meta("tags/instance/") == imds.meta("tags/instance") == "Name\nteam"
    assert imds.meta("tags/instance/Name") == "web one"
    imds.meta("tags/instance/Namesake", 404)
    imds.set(tags={})
    imds.meta("tags/instance/", 404)


# --- identity ---


def test_the_identity_document_is_signed(imds, tmp_path):
    base = "/latest/dynamic/instance-identity/"
    document = imds.get(base + "document")
    assert json.loads(document) == {
        "accountId": ACCOUNT, "architecture": "x86_64", "availabilityZone": f"{REGION}a", "billingProducts": None,
        "devpayProductCodes": None, "marketplaceProductCodes": None, "imageId": "ami-12345678", "instanceId": ID,
        "instanceType": "m5.large", "kernelId": None, "pendingTime": "2026-01-01T00:00:00Z", "privateIp": "172.31.16.5",
        "ramdiskId": None, "region": REGION, "version": "2017-09-30"}
    certificate = f"{imds.state}/identity.pem"
    for kind, command in (("pkcs7", "cms"), ("rsa2048", "cms"), ("rsa2048", "smime")):
        text = imds.get(base + kind)
        assert max(len(line) for line in text.split("\n")) == 64
        message = tmp_path / "message"
        message.write_text(f"-----BEGIN PKCS7-----\n{text}\n-----END PKCS7-----\n")
        verify = ["openssl", command, "-verify", "-in", str(message), "-inform", "PEM", "-certfile", certificate]
        done = subprocess.run([*verify, "-CAfile", certificate, "-purpose", "any"], capture_output=True, timeout=60,
                              check=True)
        assert done.stdout.decode() == document
        wrong = tmp_path / "wrong"
        raw = bytearray(base64.b64decode(text))
        raw[raw.index(b"m5.large")] = ord("x")
        wrong.write_text("-----BEGIN PKCS7-----\n" + base64.encodebytes(raw).decode() + "-----END PKCS7-----\n")
        verify[4] = str(wrong)
        assert subprocess.run([*verify, "-noverify"], capture_output=True, timeout=60, check=False).returncode != 0
    (tmp_path / "document").write_text(document)
    (tmp_path / "signature").write_bytes(base64.b64decode(imds.get(base + "signature")))
    key = subprocess.run(["openssl", "x509", "-in", certificate, "-pubkey", "-noout"], capture_output=True, timeout=60,
                         check=True).stdout
    (tmp_path / "key").write_bytes(key)
    subprocess.run(["openssl", "dgst", "-sha256", "-verify", str(tmp_path / "key"), "-signature",
                    str(tmp_path / "signature"), str(tmp_path / "document")], check=True, timeout=60)


def test_the_signing_key_stays_and_is_not_replaced_silently(imds):
    with open(f"{imds.state}/identity.pem", "rb") as file:
        before = file.read()
    assert os.stat(f"{imds.state}/identity.key").st_mode & 0o777 == 0o600
    first = imds.get("/latest/dynamic/instance-identity/signature")
    imds.stop()
    imds.start()
    assert imds.get("/latest/dynamic/instance-identity/signature") == first
    with open(f"{imds.state}/identity.pem", "rb") as file:
        assert file.read() == before
    other = tempfile.mkdtemp(prefix="rdi-", dir="/tmp")
    try:
        Imds(state=other).close()
        for damage, text in (("identity.pem", b"nonsense"), ("identity.pem", before), ("identity.pem", None),
                             ("identity.key", b"nonsense")):
            path = f"{other}/{damage}"
            with open(path, "rb") as file:
                good = file.read()
            if text is None:
                os.unlink(path)
            else:
                with open(path, "wb") as file:
                    file.write(text)
            with pytest.raises(AssertionError, match="identity"):
                Imds(state=other)
            with open(path, "wb") as file:
                file.write(good)
    finally:
        shutil.rmtree(other)


# --- the role ---


def test_credentials_of_the_role(kms, with_role):
    imds = with_role
    info = json.loads(imds.meta("iam/info"))
    assert (info["Code"], info["InstanceProfileArn"], info["InstanceProfileId"]) == (
        "Success", kms.profile["Arn"], kms.profile["InstanceProfileId"])
    assert imds.meta("iam/") == "info\nsecurity-credentials/"
    assert imds.meta("iam/security-credentials/") == "web"
    got = json.loads(imds.meta("iam/security-credentials/web"))
    assert set(got) == {"Code", "LastUpdated", "Type", "AccessKeyId", "SecretAccessKey", "Token", "Expiration"}
    assert (got["Code"], got["Type"]) == ("Success", "AWS-HMAC")
    # The same ones until a sixth of their six hours is left.
    assert json.loads(imds.meta("iam/security-credentials/web")) == got
    imds.set(clock_ms=int(4.9 * 3600000))
    assert json.loads(imds.meta("iam/security-credentials/web")) == got
    imds.set(clock_ms=int(5.1 * 3600000))
    new = json.loads(imds.meta("iam/security-credentials/web"))
    assert new["AccessKeyId"] != got["AccessKeyId"]
    expires = datetime.datetime.strptime(new["Expiration"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc)
    assert 21500 < expires.timestamp() - time.time() <= 21600


def test_a_role_that_does_not_trust_the_service(kms, with_role):
    role = kms.ask("iam", "create-role", "--role-name", "other", "--assume-role-policy-document", json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": ACCOUNT},
                                                 "Action": "sts:AssumeRole"}]}))["Role"]
    good = json.loads(with_role.meta("iam/security-credentials/web"))
    with_role.set(role_arn=role["Arn"])
    got = json.loads(with_role.meta("iam/security-credentials/other"))
    assert got["Code"] == "AssumeRoleUnauthorizedAccess" and "sts:AssumeRole" in got["Message"]
    assert good["SecretAccessKey"] not in json.dumps(got)
    with_role.meta("iam/security-credentials/web", 404)


def test_when_the_key_server_is_away_the_old_ones_are_told_while_they_are_good(kms, with_role):
    got = json.loads(with_role.meta("iam/security-credentials/web"))
    kms.stop()
    try:
        with_role.set(clock_ms=int(5.5 * 3600000))
        assert json.loads(with_role.meta("iam/security-credentials/web")) == got
        with_role.set(clock_ms=int(6.1 * 3600000))
        refused = json.loads(with_role.meta("iam/security-credentials/web"))
        assert refused["Code"] == "InternalError" and "AccessKeyId" not in refused
    finally:
        kms.start()
    with_role.set(clock_ms=0)


needs_socat = pytest.mark.skipif(not shutil.which("socat"), reason="a bridge from TCP: needs socat")


@needs_socat
def test_the_aws_cli_finds_its_credentials_by_itself(kms, with_role):
    endpoint = with_role.serve_tcp()
    env = {"PATH": "/usr/bin:/bin", "HOME": with_role.home, "AWS_EC2_METADATA_SERVICE_ENDPOINT": endpoint + "/",
           "AWS_DEFAULT_REGION": REGION, "AWS_PAGER": "", "AWS_MAX_ATTEMPTS": "1"}
    done = subprocess.run(["/usr/bin/aws", "--endpoint-url", kms.url, "--output", "json", "sts", "get-caller-identity"],
                          env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/web/{ID}"


@needs_socat
@pytest.mark.parametrize("required", [True, False])
def test_botocores_own_provider(with_role, required, monkeypatch):
    with_role.set(tokens_required=required)
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", with_role.serve_tcp())
    monkeypatch.setenv("HOME", with_role.home)
    session = botocore.session.Session()
    credentials = session.get_credentials()
    assert credentials.method == "iam-role"
    frozen = credentials.get_frozen_credentials()
    told = json.loads(with_role.meta("iam/security-credentials/web"))
    assert (frozen.access_key, frozen.secret_key, frozen.token) == (
        told["AccessKeyId"], told["SecretAccessKey"], told["Token"])


# --- the socket ---


def test_the_owner_is_told_that_the_guest_has_asked(imds):
    imds.meta("ami-id")
    assert imds.stop() == 2  # the token, and the question


def answers(imds):
    try:
        return imds.meta("ami-id") == "ami-12345678"
    except (ConnectionError, BlockingIOError):
        return False  # those that were held are still counted, or wait to be accepted


def test_garbage_and_slow_clients(imds):
    for data in (b"\x00\xff\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /latest HTTP/1.1\r\n\r\n",
                 b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 20000 + b"\r\n\r\n"):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(20)
            sock.connect(imds.path)
            sock.sendall(data)
            assert sock.recv(100).split()[1] in (b"400", b"431"), data[:40]
    held = []
    for _ in range(80):
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(imds.path)
        held.append(sock)
    for sock in held:
        sock.close()
    assert until(lambda: answers(imds))


def test_a_connection_is_for_one_request(imds):
    token = imds.token()
    one = f"GET /latest/meta-data/ami-id HTTP/1.1\r\nHost: x\r\nX-aws-ec2-metadata-token: {token}\r\n\r\n"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(20)
        sock.connect(imds.path)
        sock.sendall(one.encode() * 2)
        got = b""
        while piece := sock.recv(65536):
            got += piece
    assert got.count(b"HTTP/1.1 200") == 1


ASK_AS = """
import os, socket, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
s.sendall(b"PUT /latest/api/token HTTP/1.1\\r\\nHost: x\\r\\nX-aws-ec2-metadata-token-ttl-seconds: 60\\r\\n\\r\\n")
print(s.recv(4096).decode())
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="other users: needs root")
def test_other_users_of_the_host_get_nothing(imds):
    os.chmod(imds.home, 0o755)
    done = subprocess.run(["python3", "-c", ASK_AS, imds.path], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith("HTTP/1.1 403 ")
