# SPDX-License-Identifier: Apache-2.0
"""A redoubt-kms of the test's own, its administrator, and requests in every form: botocore, the AWS CLI, raw bytes.

The server's program is in the environment as REDOUBT_KMS. Everything is below a temporary REDOUBT_HOME.
"""

import contextlib
import datetime
import email.utils
import hashlib
import hmac
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.request

import botocore
import botocore.config
import botocore.exceptions
import botocore.session

REDOUBT_KMS = os.environ["REDOUBT_KMS"]
AWS = "/usr/bin/aws"
REGION, ACCOUNT = "us-east-1", "111122223333"
JSON = "application/x-amz-json-1.1"
# In memory, for tests whose bounds a busy disk would break: the end of a process takes nothing from either.
BASE = os.environ.get("TEST_MEMORY", "/tmp")
# Far above what a busy machine needs for a start, an RSA key or a stop.
START_S, ANSWER_S = 60, 60
# One for all, as it takes long to read its models; making clients is what threads may not do at once.
SESSION, SESSION_LOCK = botocore.session.Session(), threading.Lock()
ERROR_HEADERS = ("x-amzn-query-error", "x-amzn-errortype")


def until(condition, seconds=START_S):
    """The condition's value once it is true, or its last one."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        time.sleep(0.05)


class Credentials:
    """An access key, perhaps a temporary one."""

    def __init__(self, akid, secret, token=None):
        self.akid, self.secret, self.token = akid, secret, token

    @classmethod
    def of(cls, answer):
        """From what STS and CreateAccessKey answer."""
        return cls(answer["AccessKeyId"], answer["SecretAccessKey"], answer.get("SessionToken"))


def as_member(shape, text):
    """An argument of the AWS CLI as botocore takes it; of lists the short form with one element."""
    if shape.type_name == "list":
        return [dict(pair.split("=", 1) for pair in text.split(","))]
    return int(text) if shape.type_name == "integer" else text


def amz_time(shift_s=0):
    now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=shift_s)
    return now.strftime("%Y%m%dT%H%M%SZ")


def chain(secret, *parts):
    key = ("AWS4" + secret).encode()
    for part in parts:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


class Request:
    """A signed request, any part of which a test may set otherwise before or after it is signed."""

    def __init__(self, target="TrentService.ListKeys", body=b"{}", *, host, credentials, headers=(), method="POST",
                 path="/", region=REGION, service="kms", when=None, scope_date=None, signed=None):
        self.method, self.path = method, path
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        when = when or amz_time()
        self.headers = [("Host", host), ("Content-Type", JSON), ("X-Amz-Date", when)]
        if target is not None:
            self.headers.append(("X-Amz-Target", target))
        if credentials.token:
            self.headers.append(("X-Amz-Security-Token", credentials.token))
        names = {name.lower() for name, _ in headers}
        self.headers = [(n, v) for n, v in self.headers if n.lower() not in names]
        self.headers += [(n, v) for n, v in headers if v is not None]
        self.when, self.signed = when, signed
        self.scope = "/".join((scope_date or when[:8], region, service, "aws4_request"))
        self.credentials = credentials
        self.sign()

    def sign(self):
        names = self.signed or sorted({name.lower() for name, _ in self.headers if name.lower() != "user-agent"})
        lines = [f"{name}:" + ",".join(re.sub(" +", " ", v.strip()) for n, v in self.headers if n.lower() == name)
                 for name in names]
        path, _, query = self.path.partition("?")
        text = "\n".join([self.method, path, query, *lines, "", ";".join(names), hashlib.sha256(self.body).hexdigest()])
        string = "\n".join(["AWS4-HMAC-SHA256", self.when, self.scope, hashlib.sha256(text.encode()).hexdigest()])
        key = chain(self.credentials.secret, *self.scope.split("/"))
        mac = hmac.new(key, string.encode(), hashlib.sha256).hexdigest()
        self.set("Authorization", f"AWS4-HMAC-SHA256 Credential={self.credentials.akid}/{self.scope}, "
                                  f"SignedHeaders={';'.join(names)}, Signature={mac}")

    def set(self, name, value):
        """value None: without it."""
        self.headers = [(n, v) for n, v in self.headers if n.lower() != name.lower()]
        if value is not None:
            self.headers.append((name, value))
        return self

    def get(self, name):
        return next(v for n, v in self.headers if n.lower() == name.lower())

    def bytes(self):
        lines = [f"{self.method} {self.path} HTTP/1.1", *(f"{n}: {v}" for n, v in self.headers)]
        if not any(n.lower() == "content-length" for n, _ in self.headers):
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join([*lines, "", ""]).encode() + self.body


class Answer:
    """What came back; checks by itself what every answer of the API has (case 26)."""

    def __init__(self, response):
        self.status, self.headers, self.bytes = response.status, response.headers, response.read()
        for name in ERROR_HEADERS:
            assert name not in self.headers, self.headers.items()
        date = email.utils.parsedate_to_datetime(self.headers["Date"]).timestamp()
        assert abs(date - time.time()) < 5, self.headers.items()
        self.json = json.loads(self.bytes) if self.bytes and "json" in self.headers["Content-Type"] else None

    @property
    def type(self):
        return self.json and self.json.get("__type")

    @property
    def message(self):
        return self.json.get("message", self.json.get("Message"))


class Kms:
    """redoubt-kms on a port of its own."""

    def __init__(self, config="", home=None, env=None, admin=None, tls=None, ca=None):
        """tls: an ssl.SSLContext, where the configuration has a certificate for its address; ca alone: the file that vouches for it."""
        self.made = home is None
        self.ca = ca
        self.home = home or tempfile.mkdtemp(prefix="rdk-", dir=BASE)
        self.env = {**os.environ, "REDOUBT_HOME": self.home, **(env or {})}
        self.log = tempfile.TemporaryFile("a+b", dir=BASE)
        self.out = tempfile.TemporaryFile("a+b", dir=BASE)
        self.process = None
        self.clients = {}  # of ask()
        self.tls = tls or (ssl.create_default_context(cafile=ca) if ca else None)
        self.admin = admin  # of a database that has one already
        os.makedirs(os.path.join(self.home, "config"), exist_ok=True)
        os.makedirs(self.path("state", "kms"), mode=0o700, exist_ok=True)
        self.write_config(config)
        if "database:" in config and "master:" not in config and \
                not os.path.exists(self.path("state", "kms", "master.key")):
            self.tool("--make-master", "file:master.key")  # the server makes it for a new SQLite database alone
        self.start()

    def path(self, *names):
        return os.path.join(self.home, *names)

    def write_config(self, config):
        """The test's keys, and ours where it has none."""
        ours = {"listen": '"127.0.0.1:0"', "metrics": '"127.0.0.1:0"', "region": REGION, "account": f'"{ACCOUNT}"'}
        text = config + "".join(f"{key}: {value}\n" for key, value in ours.items() if f"{key}:" not in config)
        with open(self.path("config", "kms.yaml"), "w", encoding="utf-8") as file:
            file.write(text)

    def tool(self, *args, ok=True):
        """redoubt-kms with another purpose than serving."""
        done = subprocess.run([REDOUBT_KMS, *args], env=self.env, capture_output=True, text=True, timeout=START_S,
                              check=False)
        assert (done.returncode == 0) == ok, done.stdout + done.stderr
        return done.stdout if ok else done.stderr

    def start(self):
        seen = len(self.log_text())
        self.process = subprocess.Popen([REDOUBT_KMS], env=self.env, stdin=subprocess.DEVNULL, stdout=self.out,
                                        stderr=self.log, cwd="/")
        found = until(lambda: self.process.poll() is not None or
                      re.search(r"serves (https?)://([\d.]+):(\d+), ", self.log_text()[seen:]))
        if found is None or found is True:
            text = self.log_text()
            self.close()
            raise RuntimeError(f"redoubt-kms did not start: {text[-2000:]}")
        self.address, self.port = found.group(2), int(found.group(3))
        self.host = f"{self.address}:{self.port}"
        self.url = f"{found.group(1)}://{self.host}"
        metrics = re.search(r"metrics on port (\d+)", self.log_text()[seen:])
        self.metrics_url = f"http://127.0.0.1:{metrics.group(1)}/metrics" if metrics else None
        until(lambda: self.admin or self.find_admin())
        assert self.get("/healthz").status == 200, self.log_text()

    def find_admin(self):
        self.out.seek(0)
        found = dict(re.findall(r"export (AWS_\w+)=(\S+)", self.out.read().decode()))
        if found:
            self.admin = Credentials(found["AWS_ACCESS_KEY_ID"], found["AWS_SECRET_ACCESS_KEY"])
        return self.admin

    def log_text(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    # clients

    def client(self, service="kms", credentials=None, url=None, verify=None, **config):
        who = credentials or self.admin
        settings = botocore.config.Config(**{"retries": {"total_max_attempts": 1}, "read_timeout": ANSWER_S, **config})
        with SESSION_LOCK:
            return SESSION.create_client(
                service, REGION, endpoint_url=url or self.url, aws_access_key_id=who.akid,
                aws_secret_access_key=who.secret, aws_session_token=who.token,
                verify=verify or self.ca, config=settings)

    def ask(self, service, command, *arguments, credentials=None, ok=True):
        """As aws() does, with its arguments, but by botocore in this process, which takes no second to start."""
        who = credentials or self.admin
        name = (self.url, service, who.akid, who.secret, who.token)
        client = self.clients.get(name) or self.clients.setdefault(name, self.client(service, who))
        method = command.replace("-", "_")
        model = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[method])
        given = dict(zip(arguments[::2], arguments[1::2]))
        page = {"PaginationConfig": {"PageSize": int(given.pop("--page-size", 100))}} if client.can_paginate(method) else {}
        members = model.input_shape.members if model.input_shape else {}
        parameters = {member: as_member(shape, given.pop("--" + botocore.xform_name(member, "-")))
                      for member, shape in members.items() if "--" + botocore.xform_name(member, "-") in given}
        assert not given, given
        try:
            answer = (client.get_paginator(method).paginate(**parameters, **page).build_full_result() if page
                      else getattr(client, method)(**parameters))
        except botocore.exceptions.ClientError as error:
            assert not ok, error
            return str(error)
        assert ok, answer
        return {member: value for member, value in answer.items() if member != "ResponseMetadata"}

    def aws(self, *args, credentials=None, ok=True):
        """The AWS CLI; its answer as JSON, or what it says of a failure."""
        who = credentials or self.admin
        env = {"PATH": "/usr/bin:/bin", "HOME": self.home, "AWS_ACCESS_KEY_ID": who.akid,
               "AWS_SECRET_ACCESS_KEY": who.secret, "AWS_DEFAULT_REGION": REGION, "AWS_PAGER": "",
               "AWS_MAX_ATTEMPTS": "1", **({"AWS_SESSION_TOKEN": who.token} if who.token else {})}
        done = subprocess.run([AWS, "--endpoint-url", self.url, "--output", "json", *args], env=env,
                              capture_output=True, text=True, timeout=2 * ANSWER_S, check=False)
        assert (done.returncode == 0) == ok, done.stdout + done.stderr
        if not ok:
            return done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    def request(self, target="ListKeys", body=b"{}", credentials=None, **how):
        """A signed request; target without its prefix, or None."""
        return Request(f"TrentService.{target}" if target else target, body, host=self.host,
                       credentials=credentials or self.admin, **how)

    def call(self, target, body=b"{}", **how):
        return self.send(self.request(target, body, **how))

    def connect(self):
        sock = socket.create_connection((self.address, self.port), timeout=ANSWER_S)
        return self.tls.wrap_socket(sock, server_hostname=self.address) if self.tls else sock

    def send(self, request):
        """A Request, or bytes, on a connection of its own."""
        with self.connect() as sock:
            return self.exchange(sock, request)

    @staticmethod
    def exchange(sock, request):
        data = request if isinstance(request, bytes) else request.bytes()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused before all was sent
            sock.sendall(data)
        response = http.client.HTTPResponse(sock)
        response.begin()
        return Answer(response)

    def get(self, path):
        return self.send(f"GET {path} HTTP/1.1\r\nHost: {self.host}\r\n\r\n".encode())

    def metric(self, name, **labels):
        """The sum of the samples that have these labels."""
        with urllib.request.urlopen(self.metrics_url, timeout=ANSWER_S) as response:
            text = response.read().decode()
        total = 0
        for found in re.finditer(rf"^redoubt_kms_{name}(?:{{(.*)}})? (\S+)$", text, re.MULTILINE):
            have = dict(re.findall(r'(\w+)="([^"]*)"', found.group(1) or ""))
            if labels.items() <= have.items():
                total += float(found.group(2))
        return total

    # the end

    def stop(self, signo=signal.SIGTERM):
        self.process.send_signal(signo)
        return self.process.wait(START_S)

    def restart(self, signo=signal.SIGTERM):
        self.stop(signo)
        self.start()

    def assert_well(self):
        assert self.process.poll() is None, self.log_text()
        assert "Sanitizer" not in self.log_text() and "runtime error" not in self.log_text(), self.log_text()

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.stop()
        self.log.close()
        self.out.close()
        if self.made:
            shutil.rmtree(self.home)
