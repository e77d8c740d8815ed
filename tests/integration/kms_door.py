# SPDX-License-Identifier: Apache-2.0
"""The service door of a redoubt-kms: questions over its Unix socket, and requests as redoubt-ec2 is sent them, signed by
botocore."""

import base64
import glob
import hashlib
import http.client
import json
import re
import socket

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as Signing

from kms_host import ACCOUNT, ANSWER_S, REGION

EC2 = "ec2.amazonaws.com"
FORM = "application/x-www-form-urlencoded; charset=utf-8"
TRUST_EC2 = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": EC2}, "Action": "sts:AssumeRole"}]}


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("door", timeout=ANSWER_S)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Door:
    """A client of the door; one connection, kept."""

    def __init__(self, kms):
        self.path = kms.path("run", "kms", "service.sock")
        self.connection = UnixConnection(self.path)

    def send(self, path, body, method="POST"):
        self.connection.request(method, path, body if isinstance(body, (bytes, str)) else json.dumps(body))
        response = self.connection.getresponse()
        return response.status, json.loads(response.read())

    def ask(self, question, **members):
        status, answer = self.send(f"/{question}", members)
        assert status == 200, answer
        return answer

    def refused(self, question, **members):
        status, answer = self.send(f"/{question}", members)
        assert status != 200, answer
        assert set(answer) == {"__type", "message"}, answer
        return status, answer["__type"], answer["message"]

    def login(self, credentials, **how):
        """A handle for whoever has these credentials."""
        return self.ask("authenticate", **signed(credentials, **how))


def signed(credentials, body=b"Action=DescribeInstances&Version=2016-11-15", *, service="ec2", region=REGION,
           headers=(), with_body=False, target="/", method="POST"):
    """A request to EC2 as a client signs it, and as /authenticate takes it."""
    request = AWSRequest(method=method, url=f"http://127.0.0.1:8773{target}", data=body,
                         headers={"Content-Type": FORM, "User-Agent": "aws-cli/2", **dict(headers)})
    SigV4Auth(Signing(credentials.akid, credentials.secret, credentials.token), service, region).add_auth(request)
    # Before botocore prepares it for the wire there is no Host, which it signs all the same.
    pairs = [["Host", "127.0.0.1:8773"], *([name, value] for name, value in request.headers.items())]
    said = {"body": base64.b64encode(body).decode()} if with_body else {"body_sha256": hashlib.sha256(body).hexdigest()}
    return {"service": "ec2", "method": method, "target": target, "headers": pairs, "source_ip": "192.0.2.7",
            "tls": True, **said}


def records(kms, **want):
    """Records of the audit log that have these members."""
    found = []
    for path in sorted(glob.glob(kms.path("state", "kms", "audit", "log-*"))):
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read()
        for start in re.finditer(r'\{"additionalEventData":', text):
            record, _ = json.JSONDecoder().raw_decode(text, start.start())
            if all(record.get(name) == value for name, value in want.items()):
                found.append(record)
    return found


def arn(what):
    return f"arn:aws:ec2:{REGION}:{ACCOUNT}:{what}"
