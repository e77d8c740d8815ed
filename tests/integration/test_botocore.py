# SPDX-License-Identifier: Apache-2.0
"""lib/aws against botocore, the code inside the AWS CLI: its signatures verify here and ours are its own, its form
bodies are read here and our replies by its parsers. Each signed request is then changed in every part.
"""
import datetime
import json
import os
import subprocess

import botocore.session
import pytest
from botocore import parsers, serialize
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import formatdate
from botocore.credentials import Credentials

TOOL = os.environ["AWS_TOOL"]
AKID, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TOKEN = "tok/en+1=="
TARGET = "TrentService.GenerateRandom"


def run(*args, data=b"", ok=True):
    done = subprocess.run([TOOL, *args], input=data, capture_output=True, timeout=60, check=False)
    assert (done.returncode == 0) == ok, done.stderr
    return done.stdout.decode() if ok else done.stderr.decode()


class Signed:
    """A request that botocore signed now, as it goes over the wire."""

    def __init__(self, service="kms", method="POST", path="/", headers=None, body=b'{"NumberOfBytes": 32}', token=None):
        self.method, self.service, self.body, self.path = method, service, body, path
        self.now = int(datetime.datetime.now(datetime.timezone.utc).timestamp())
        request = AWSRequest(method=method, url="http://127.0.0.1:8080" + path, data=body, headers=headers or {
            "Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": TARGET})
        SigV4Auth(Credentials(AKID, SECRET, token), service, "us-east-1").add_auth(request)
        self.headers = [("Host", "127.0.0.1:8080"), *((k, v if isinstance(v, str) else v.decode())
                                                     for k, v in request.headers.items())]

    def bytes(self):
        head = f"{self.method} {self.path}\n" + "".join(f"{k}:{v}\n" for k, v in self.headers)
        return head.encode() + b"\n" + self.body

    def verify(self, secret=SECRET, skew=0):
        return run("verify", secret, self.service, str(self.now + skew), data=self.bytes())

    def set(self, name, value):
        self.headers = [(k, value if k.lower() == name else v) for k, v in self.headers]

    def get(self, name):
        return next(v for k, v in self.headers if k.lower() == name)

    def drop(self, name):
        self.headers = [(k, v) for k, v in self.headers if k.lower() != name]


SHAPES = {
    "kms": {},
    "token": {"token": TOKEN},
    "sts": {"service": "sts", "headers": {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"},
            "body": b"Action=GetCallerIdentity&Version=2011-06-15"},
    "empty body": {"body": b""},
    "path": {"path": "/a/../b%20c//d/./e f"},
    "query": {"path": "/?b=2&a=1&a=0&c=%20%2F~"},
    "blanks": {"headers": {"X-Amz-Target": TARGET, "X-Amz-Note": "  two   words  "}},
    "date": {"headers": {"X-Amz-Target": TARGET, "Date": formatdate(usegmt=True)}},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_accepts_what_botocore_signs(shape):
    signed = Signed(**SHAPES[shape])
    assert signed.verify() == f"accepted {AKID} {SHAPES[shape].get('token', '')}"
    # What is on the wire may be spelled in any case, as JavaScript's client does.
    signed.headers = [(k.lower(), v) for k, v in signed.headers]
    assert signed.verify().startswith("accepted")


@pytest.mark.parametrize("shape", SHAPES)
def test_refuses_each_change(shape):
    signed = Signed(**SHAPES[shape])
    signed_names = signed.get("authorization").split("SignedHeaders=")[1].split(",")[0].split(";")
    assert signed.verify(secret="other").startswith("InvalidSignatureException: The request signature")
    for name in signed_names:
        before = signed.get(name)
        if name in ("x-amz-date", "date"):
            continue
        signed.set(name, before + "x")
        assert signed.verify().startswith("InvalidSignatureException"), name
        signed.set(name, before)
        kept = list(signed.headers)
        signed.drop(name)
        assert signed.verify().startswith("IncompleteSignatureException"), name
        signed.headers = kept
    for attribute, value in (("body", signed.body + b" "), ("method", "PUT"), ("path", "/other"), ("path", "/?x=1")):
        before = getattr(signed, attribute)
        setattr(signed, attribute, value)
        assert signed.verify().startswith("InvalidSignatureException"), attribute
        setattr(signed, attribute, before)
    signed.headers.append(("X-Amz-Smuggled", "1"))
    assert signed.verify().startswith("IncompleteSignatureException: Header must be a 'SignedHeader'")
    signed.headers.pop()
    assert signed.verify(skew=310).startswith("InvalidSignatureException: Signature expired")
    assert signed.verify(skew=-310).startswith("InvalidSignatureException: Signature not yet current")
    assert signed.verify(skew=290).startswith("accepted")


def test_each_part_of_the_header_counts():
    signed = Signed()
    good = signed.get("authorization")
    for old, new, want in (
            ("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1", "IncompleteSignatureException"),
            ("Credential=", "Credentials=", "IncompleteSignatureException"),
            ("/us-east-1/", "/eu-central-1/", "InvalidSignatureException: The request signature"),
            ("/us-east-1/", "/mars-north-1/", "InvalidSignatureException: Credential should be scoped to a valid region"),
            ("/kms/", "/s3/", "InvalidSignatureException: Credential should be scoped to correct service: 'kms'"),
            ("/aws4_request", "/aws4", "InvalidSignatureException"),
            (";x-amz-target", "", "IncompleteSignatureException: Header must be a 'SignedHeader': 'X-Amz-Target'"),
            ("content-type;host", "host;content-type", "IncompleteSignatureException"),
            (", Signature=", ", Signature=0", "IncompleteSignatureException")):
        assert old in good
        signed.set("authorization", good.replace(old, new))
        assert signed.verify().startswith(want), new
    signed.drop("authorization")
    assert signed.verify() == "MissingAuthenticationTokenException: Missing Authentication Token"


@pytest.mark.parametrize("shape", ["kms", "token", "sts", "query", "blanks"])
def test_signs_as_botocore_does(shape):
    signed = Signed(**SHAPES[shape])
    want = signed.get("authorization")
    signed.drop("authorization")
    assert run("sign", AKID, SECRET, signed.service, data=signed.bytes()) == want


def model(service):
    return botocore.session.get_session().get_service_model(service)


def test_reads_botocore_s_form_bodies():
    operation = model("iam").operation_model("CreateUser")
    request = serialize.create_serializer("query").serialize_to_request(
        {"UserName": "bäb +&=%", "Path": "/", "Tags": [{"Key": "k1", "Value": "v 1"}, {"Key": "k2", "Value": ""}]}, operation)
    body = AWSRequest(method="POST", url="http://h/", data=request["body"]).prepare().body
    got = json.loads(run("query", data=body if isinstance(body, bytes) else body.encode()))
    assert got == {"Action": "CreateUser", "Version": "2010-05-08", "UserName": "bäb +&=%", "Path": "/",
                   "Tags.member.1.Key": "k1", "Tags.member.1.Value": "v 1",
                   "Tags.member.2.Key": "k2", "Tags.member.2.Value": ""}
    assert "RD_DUPLICATE" in run("query", data=b"a=1&a=2", ok=False)


def parse(service, operation, body, status=200):
    service_model = model(service)
    parser = parsers.create_parser(service_model.metadata["protocol"])
    reply = {"status_code": status, "headers": {}, "body": body.encode()}
    return parser.parse(reply, service_model.operation_model(operation).output_shape)


def test_botocore_reads_our_xml():
    name = "a<b>&\"c\" ]]> ä"
    got = parse("iam", "GetUser", run("user", name))
    assert got["User"]["UserName"] == name
    assert got["User"]["Tags"] == [{"Key": "k", "Value": name}]
    assert got["User"]["CreateDate"] == datetime.datetime(2026, 1, 1, tzinfo=got["User"]["CreateDate"].tzinfo)
    assert got["ResponseMetadata"]["RequestId"] == "id-1"
    arn = "arn:aws:iam::111122223333:user/x"
    assert parse("sts", "GetCallerIdentity", run("identity", arn))["Arn"] == arn


def test_botocore_reads_our_errors():
    got = parse("iam", "GetUser", run("xml-error", "NoSuchEntity", "user <x> not found"), 404)
    assert got["Error"] == {"Type": "Sender", "Code": "NoSuchEntity", "Message": "user <x> not found"}
    assert got["ResponseMetadata"]["RequestId"] == "id-1"
    for kind in ("NotFoundException", "AccessDeniedException"):
        got = parse("kms", "Decrypt", run("error", kind, "no \"such\" key"), 400)
        assert got["Error"] == {"Code": kind, "Message": 'no "such" key'}
    got = parse("kms", "Decrypt", run("error", "InvalidCiphertextException", "secret detail"), 400)
    assert got["Error"] == {"Code": "InvalidCiphertextException", "Message": ""}
