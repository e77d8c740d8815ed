# SPDX-License-Identifier: Apache-2.0
"""redoubt ami: the request that registers an image, whose signature botocore checks, and wrong command lines."""

import http.server
import os
import subprocess
import threading
import urllib.parse

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

REDOUBT = os.environ["REDOUBT"]
KEYS = ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
DONE = b"<RegisterImageResponse><imageId>ami-12345678</imageId></RegisterImageResponse>"
REFUSED = b"<Response><Errors><Error><Code>InvalidAMIName.Duplicate</Code><Message>taken</Message></Error></Errors></Response>"


class Service(http.server.BaseHTTPRequestHandler):
    """Keeps what it was asked and answers what it is told."""

    def do_POST(self):  # pylint: disable=invalid-name
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((dict(self.headers.items()), body))
        status, text = self.server.answer
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


@pytest.fixture(name="service")
def serve():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
    server.asked, server.answer = [], (200, DONE)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(name="image")
def make_image(tmp_path):
    path = tmp_path / "an image+.raw"
    path.write_bytes(b"disk")
    return str(path)


def register(service, image, *options, keys=KEYS, **env):
    url = f"http://127.0.0.1:{service.server_port}/"
    if keys:
        env = {"AWS_ACCESS_KEY_ID": keys[0], "AWS_SECRET_ACCESS_KEY": keys[1], **env}
    return subprocess.run([REDOUBT, "ami", "register", "--endpoint-url", url, *options, image], capture_output=True,
                          text=True, timeout=60, check=False, env={"PATH": os.environ["PATH"], **env})


def signature(service, headers, body, token=None, region="local-1"):
    """What botocore signs the same request with."""
    signed = headers["Authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    request = AWSRequest("POST", f"http://127.0.0.1:{service.server_port}/", data=body)
    lower = {name.lower(): value for name, value in headers.items()}
    for name in signed:
        request.headers[name] = lower[name]
    request.context["timestamp"] = lower["x-amz-date"]
    auth = SigV4Auth(Credentials(*KEYS, token), "ec2", region)
    return auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)


def test_request_is_signed_and_whole(service, image):
    result = register(service, image, "--name", "my image")
    assert (result.returncode, result.stdout) == (0, "ami-12345678\n"), result.stderr
    headers, body = service.asked[0]
    assert dict(urllib.parse.parse_qsl(body.decode())) == {
        "Action": "RegisterImage", "Version": "2016-11-15", "Name": "my image", "ImageLocation": image,
        "Architecture": "x86_64", "VirtualizationType": "hvm"}
    assert "SignedHeaders=content-type;host;x-amz-date," in headers["Authorization"]
    assert headers["Authorization"].split("Signature=")[1] == signature(service, headers, body)


def test_a_wanted_id_is_the_name(service, image):
    assert register(service, image, "--image-id", "ami-12345678").returncode == 0
    assert dict(urllib.parse.parse_qsl(service.asked[0][1].decode()))["Name"] == "ami-12345678"
    both = register(service, image, "--image-id", "ami-12345678", "--name", "mine")
    assert both.returncode == 2 and "leave out --name" in both.stderr and len(service.asked) == 1


def test_an_image_without_a_name_gets_one(service, image):
    assert register(service, image).returncode == 0
    assert dict(urllib.parse.parse_qsl(service.asked[0][1].decode()))["Name"] == "redoubt-parent"


def test_sessions_and_regions_are_signed(service, image):
    assert register(service, image, AWS_SESSION_TOKEN="a token", AWS_REGION="eu-north-1").returncode == 0
    headers, body = service.asked[0]
    assert {k.lower(): v for k, v in headers.items()}["x-amz-security-token"] == "a token"
    assert "/eu-north-1/ec2/" in headers["Authorization"]
    assert headers["Authorization"].split("Signature=")[1] == signature(service, headers, body, "a token", "eu-north-1")


def test_relative_paths_become_whole_ones(service, image):
    os.chdir(os.path.dirname(image))
    assert register(service, os.path.basename(image)).returncode == 0
    assert dict(urllib.parse.parse_qsl(service.asked[0][1].decode()))["ImageLocation"] == image


@pytest.mark.parametrize("answer, said", [
    ((400, REFUSED), "InvalidAMIName.Duplicate: taken"),
    ((200, b"<imageId>" + b"x" * 100), "not as the EC2 API does"),
    ((200, b""), "not as the EC2 API does"),
    ((404, b"\x1b[31m"), "answers 404"),
    ((200, b"x" * 70000), "cannot be asked"),
])
def test_answers_that_are_none(service, image, answer, said):
    service.answer = answer
    result = register(service, image)
    assert (result.returncode, result.stdout) == (1, "")
    assert said in result.stderr and result.stderr.count("\n") == 1


def test_what_is_needed(service, image):
    assert "AWS_ACCESS_KEY_ID" in register(service, image, keys=None).stderr
    assert register(service, image + ".none").returncode == 1
    assert register(service, os.path.dirname(image)).returncode == 1
    assert not service.asked


@pytest.mark.parametrize("options", [
    ("build", "--size", "1"), ("build", "--size", "1025"), ("build", "--size", "8G"), ("build", "--format", "vmdk"),
    ("build", "--suite", "../etc"), ("build", "--suite", ""), ("build", "more"), ("build", "--name", "ab"),
    ("build", "--image-id", "ami-1234567"), ("build", "--image-id", "ami"), ("build", "--image-id", "i-12345678"),
    ("build", "--image-id", "ami-1234567g"), ("register", "file"), ("register", "--endpoint-url", "http://x"),
    ("register", "--suite", "x", "file"), ("remove",), (),
])
def test_wrong_usage(options):
    result = subprocess.run([REDOUBT, "ami", *options], capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 2 and result.stderr.count("\n") == 1
