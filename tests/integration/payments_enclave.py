# SPDX-License-Identifier: Apache-2.0
"""payments-enclave-host with what it needs around it: a real key server behind TLS, a real gateway, Unix sockets that lead
to both, and custodians."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from kms_host import ACCOUNT, REGION, Kms
from kms_wire import Wire
from payments_gateway_host import Gateway
from payments_peer import Peer, Store, point_of

ENCLAVE = os.environ.get("PAYMENTS_ENCLAVE_HOST")  # not needed by who has a real enclave
BASE = os.environ.get("TMPDIR", "/tmp")
TIMEOUT_MS = 1000
# PCR0 of documents by document_maker.c.
PCR0 = "10" * 48


class Forward:
    """A Unix socket that leads to a TCP port of this host, as vsock-proxy does; cut() breaks what runs."""

    def __init__(self, path, port):
        self.path, self.port, self.open, self.pairs = path, port, True, []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(16)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while self.open:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self.port() if callable(self.port) else self.port), 5)
            except OSError:
                near.close()
                continue
            self.pairs += [near, far]
            for a, b in ((near, far), (far, near)):
                threading.Thread(target=self.pump, args=(a, b), daemon=True).start()

    @staticmethod
    def pump(a, b):
        with contextlib.suppress(OSError):
            while data := a.recv(65536):
                b.sendall(data)
        for s in (a, b):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)

    def cut(self):
        for s in self.pairs:
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)
        self.pairs = []

    def close(self):
        self.open = False
        self.listener.close()
        self.cut()


class Custodian:
    def __init__(self, name):
        self.name, self.key = name, ec.generate_private_key(ec.SECP256R1())

    def public(self):
        return {"name": self.name, "key": point_of(self.key.public_key()).hex()}

    def sign(self, request):
        r, s = utils.decode_dss_signature(self.key.sign(request, ec.ECDSA(hashes.SHA256())))
        return [self.name, r.to_bytes(32, "big") + s.to_bytes(32, "big")]


class World:
    """Everything around one enclave. The store outlives enclaves and links, as a server's database does."""

    def __init__(self, script=None, policy=None):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="pay-", dir=BASE))
        self.store, self.process, self.kms, self.gateway = Store(), None, None, None
        self.custodians = [Custodian(name) for name in ("alice", "bob", "carol")]
        (self.dir / "pki").mkdir()
        (self.dir / "gateway").mkdir()
        self.policy = {"version": 1, "custodians": [c.public() for c in self.custodians], "amount_max": 500000,
                       "currencies": ["EUR"], "velocity": {"count": 1000, "window_s": 3600}, **(policy or {})}
        self.forwards = []
        self.gateway = Gateway(self.dir / "gateway", script)
        self.forwards.append(Forward(self.path("gateway.sock"), lambda: self.gateway.port))
        # The first start of the host makes the chain that the key server is to trust.
        self.write_config("-", 1)
        self.spawn()
        self.stop()
        self.start_kms()
        self.spawn()

    def path(self, name):
        return str(self.dir / name)

    def start_kms(self):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "3", "-subj", "/CN=kms", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout",
                        self.path("kms.key"), "-out", self.path("kms.pem")], check=True, capture_output=True)
        self.kms = Kms(f"tls_certificate: {self.path('kms.pem')}\ntls_key: {self.path('kms.key')}\n"
                       f"roots: [\"{self.path('pki')}/cert0.pem\"]\n", ca=self.path("kms.pem"),
                       tls=ssl.create_default_context(cafile=self.path("kms.pem")))
        self.forwards.append(Forward(self.path("kms.sock"), self.kms.port))
        root = f"arn:aws:iam::{ACCOUNT}:root"
        statements = [
            {"Effect": "Allow", "Principal": {"AWS": root}, "Resource": "*",
             "Action": ["kms:DescribeKey", "kms:PutKeyPolicy"]},
            {"Effect": "Allow", "Principal": {"AWS": root}, "Resource": "*",
             "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
             "Condition": {"StringEqualsIgnoreCase": {"kms:RecipientAttestation:PCR0": PCR0}}}]
        key = Wire(self.kms).create_key(Policy=json.dumps({"Version": "2012-10-17", "Statement": statements}),
                                        BypassPolicyLockoutSafetyCheck=True)["KeyMetadata"]["Arn"]
        self.write_config(key, self.kms.port)

    def write_config(self, key, port):
        config = {"version": 7,
                  "kms": {"region": REGION, "endpoint": f"127.0.0.1:{port}", "key_id": key,
                          "ca_file": self.path("kms.pem"), "port": 8443},
                  "gateway": {"name": "gateway.test", "ca_file": self.path("gateway/tls/ca.pem"), "port": 8583,
                              "terminal": "TERM0001", "timeout_ms": TIMEOUT_MS},
                  "policy_file": self.path("policy.json")}
        (self.dir / "config.json").write_text(json.dumps(config))
        (self.dir / "policy.json").write_text(json.dumps(self.policy))

    def launch(self, link):
        """One enclave, whose link is at that socket."""
        with open(self.path("enclave.log"), "ab") as log:
            process = subprocess.Popen(
                [ENCLAVE, self.path("config.json"), self.path("policy.json"), self.path("pki"), self.path(link),
                 self.path("kms.sock"), self.path("gateway.sock")], stdout=subprocess.PIPE, stderr=log, text=True)
        assert process.stdout.readline() == "ready\n", self.log()
        end = time.monotonic() + 10
        while not os.path.exists(self.path(link)):
            assert time.monotonic() < end and process.poll() is None, self.log()
            time.sleep(0.01)
        return process

    def spawn(self):
        self.process = self.launch("enclave.sock")

    def log(self):
        return pathlib.Path(self.path("enclave.log")).read_text(errors="replace")

    def stop(self, signo=signal.SIGKILL):
        self.process.send_signal(signo)
        self.process.wait(30)
        self.process.stdout.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path("enclave.sock"))

    def restart(self):
        self.stop()
        self.spawn()

    def link(self, hold=(), store=None):
        """A link before START."""
        return Peer(self.path("enclave.sock"), store or self.store, hold)

    def server(self, hold=()):
        """A started link."""
        peer = self.link()
        peer.start(self.kms.admin)
        peer.hold = set(hold)
        return peer

    def operations(self):
        return self.gateway.report()["operations"]

    def close(self):
        alive = self.process.poll() is None
        if alive:
            self.stop()
        for forward in self.forwards:
            forward.close()
        if self.kms:
            self.kms.close()
        self.gateway.close()
        text = self.log()
        shutil.rmtree(self.dir)
        assert alive, text
        assert "Sanitizer" not in text and "runtime error" not in text, text
