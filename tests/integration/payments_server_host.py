# SPDX-License-Identifier: Apache-2.0
"""payments-server with an enclave of the test's: the link's messages by cbor2, heads by the cryptography package, a
gateway that remembers. What a card message says is what is to happen to it: b"approve", b"decline", b"luhn", …
"""
import base64
import hashlib
import http.client
import json
import os
import queue
import secrets
import socket
import struct
import subprocess
import threading
import time

import cbor2
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

SERVER = os.environ["PAYMENTS_SERVER"]
START, ATTEST, AUTHORISE, CAPTURE, REFUND, REVERSE, REWRAP, ROTATE, CHALLENGE, EXPORT, POLICY = range(1, 12)
STARTED, ATTESTED, RESULT, REWRAPPED, ROTATED, NONCE, EXPORTED, POLICY_SET, ERROR, PREPARED = range(32, 42)
RECORD, LOOKUP, PROOF, NEW_KEY = range(64, 68)
RECORDED, FOUND, PROVED, KEPT = range(80, 84)
AUTHORISED, DECLINED, INVALID, REVERSED, CAPTURED, REFUNDED = range(1, 7)
E_CHANNEL, E_GATEWAY, E_SIGNATURES, E_NONCE = 4, 10, 12, 13


def card(what):
    """A card message of the right size, for this peer."""
    return base64.b64encode(what.encode().ljust(337, b"\0")).decode()


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


class Log:
    """An author of the log (RFC 6962, merkle/head.h) that goes on from peaks."""

    def __init__(self, key):
        self.key, self.size, self.peaks, self.head = key, 0, [], b""
        self.spki = key.public_key().public_bytes(serialization.Encoding.DER,
                                                  serialization.PublicFormat.SubjectPublicKeyInfo)
        self.id = sha256(self.spki)

    def restore(self, size, peaks, head):
        self.size, self.head = size, head
        self.peaks = [peaks[i:i + 32] for i in range(0, len(peaks), 32)]
        assert len(self.peaks) == bin(size).count("1")
        if size:
            assert struct.unpack(">Q", head[48:56])[0] == size and head[56:88] == self.root()

    def root(self):
        root = self.peaks[-1] if self.peaks else sha256()
        for peak in reversed(self.peaks[:-1]):
            root = sha256(b"\1", peak, root)
        return root

    def append(self, record):
        node, size = sha256(b"\0", record), self.size
        while size & 1:
            node, size = sha256(b"\1", self.peaks.pop(), node), size >> 1
        self.peaks.append(node)
        self.size += 1
        body = b"RDLOGH2\0" + self.id + struct.pack(">QQ", int(time.time() * 1000), self.size) + self.root()
        r, s = utils.decode_dss_signature(self.key.sign(body, ec.ECDSA(hashes.SHA256())))
        self.head = body + r.to_bytes(32, "big") + s.to_bytes(32, "big")
        return {"index": self.size - 1, "record": record, "head": self.head}


class Gateway:
    """Outlives every enclave: the first answer to each number, and what was charged."""

    def __init__(self):
        self.lock, self.first, self.orders = threading.Lock(), {}, {}

    def authorise(self, order, payment, state):
        with self.lock:
            if (order, payment) not in self.first:
                self.first[order, payment] = state
                self.orders.setdefault(order, []).append([payment, state])
            return self.first[order, payment]

    def reverse(self, order, payment):
        with self.lock:
            self.first[order, payment] = DECLINED
            for entry in self.orders.get(order, []):
                if entry[0] == payment:
                    entry[1] = REVERSED

    def charges(self, order):
        """Payments of an order that the customer's bank holds money for."""
        with self.lock:
            return [payment for payment, state in self.orders.get(order, []) if state in (AUTHORISED, CAPTURED)]

    def operation(self, name, state):
        with self.lock:
            return self.first.setdefault(name, state)


class Secrets:
    """What KMS keeps for every instance of the image."""

    def __init__(self):
        self.log_key = ec.generate_private_key(ec.SECP256R1())


class Enclave:
    """One instance: listens on a Unix socket, serves one link."""

    def __init__(self, path, gateway, keys, version=1):
        self.path, self.gateway, self.version = str(path), gateway, version
        self.log = Log(keys.log_key)
        self.script = {}  # what the card says → a function (enclave, id, fields)
        self.started, self.starts, self.hear = threading.Event(), [], []
        self.prepared = 0
        self.delay = 0
        self.connection, self.alive = None, True
        self.write_lock, self.log_lock = threading.Lock(), threading.RLock()
        self.next_id, self.replies, self.dead = 1, {}, threading.Event()
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(self.path)
        self.listener.listen(4)
        threading.Thread(target=self.accept, daemon=True).start()

    # --- frames ---

    def accept(self):
        while self.alive:
            try:
                connection, _ = self.listener.accept()
                with connection:
                    if self.greet(connection):
                        self.connection = connection
                        self.serve(connection)
            except OSError:
                pass
            self.connection = None
            self.started.clear()

    @staticmethod
    def greet(connection):
        line = b""
        while not line.endswith(b"\n"):
            piece = connection.recv(1)
            if not piece:
                return False
            line += piece
        assert line == b"CONNECT 7000\n", line
        connection.sendall(b"OK 1073741824\n")
        return True

    def read(self, connection, size):
        data = b""
        while len(data) < size:
            piece = connection.recv(size - len(data))
            if not piece:
                raise OSError("the server has gone")
            data += piece
        return data

    def serve(self, connection):
        self.replies, self.next_id = {}, 1
        while True:
            length = struct.unpack(">I", self.read(connection, 4))[0]
            kind, number, fields = cbor2.loads(self.read(connection, length))
            if kind >= RECORDED:
                self.replies.pop(number).put((kind, fields))
            else:
                threading.Thread(target=self.handle, args=(connection, kind, number, fields), daemon=True).start()

    def send(self, kind, number, fields):
        self.send_raw(cbor2.dumps([kind, number, {k: v for k, v in fields.items() if v not in ("", b"", None)}]))

    def send_raw(self, body):
        with self.write_lock:
            if self.connection is None:
                raise OSError("there is no link")
            self.connection.sendall(struct.pack(">I", len(body)) + body)

    def ask(self, kind, fields, build=None):
        """A question of the enclave's; what build makes is sent in the log's order."""
        reply = queue.Queue()
        with self.log_lock:
            number, self.next_id = self.next_id, self.next_id + 1
            self.replies[number] = reply
            self.send(kind, number, dict(fields, **(build() if build else {})))
        return reply.get(timeout=20)

    def logged(self, **what):
        return self.log.append(json.dumps(dict(what, version=self.version)).encode())

    def answer(self, kind, number, fields, **what):
        with self.log_lock:
            self.send(kind, number, dict(fields, **self.logged(**what)))

    def die(self):
        """As a kill: nothing more is said, and nobody listens. The link goes last: who notices may start another one here."""
        self.alive = False
        if os.path.exists(self.path):
            os.unlink(self.path)
        for s in (self.listener, self.connection):
            if s is not None:
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        self.listener.close()

    # --- questions ---

    def handle(self, connection, kind, number, fields):
        self.hear.append((kind, fields))
        try:
            {START: self.start, ATTEST: self.attest, AUTHORISE: self.authorise, CAPTURE: self.follow,
             REFUND: self.follow, REVERSE: self.follow, REWRAP: self.rewrap, ROTATE: self.rotate,
             CHALLENGE: self.challenge, EXPORT: self.dual, POLICY: self.dual}[kind](number, fields, kind)
        except (OSError, queue.Empty):
            pass  # the link has gone, or the question's answer with it

    def start(self, number, fields, _kind):
        if "start" in self.script:
            self.script["start"](self, number, fields)
            return
        if "prepare" in fields:
            self.prepared += 1
            self.send(PREPARED, number, {})
            return
        self.starts.append(fields)
        self.log.restore(fields["size"], fields.get("peaks", b""), fields.get("head", b""))
        if not fields["keyring"]:
            for purpose in range(1, 7):
                assert self.ask(NEW_KEY, {"purpose": purpose, "version": 1, "wrapped": b"wrapped"})[0] == KEPT
        document = b"document of a start " + os.urandom(8)
        recipient = {"attestationDocumentSha256": hashlib.sha256(document).hexdigest()}
        assert self.ask(RECORD, {"document": document}, lambda: self.logged(
            event="start", additionalEventData={"recipient": recipient}))[0] == RECORDED
        self.send(STARTED, number, {"size": self.log.size, "head": self.log.head, "log_id": self.log.id,
                                    "log_key": self.log.spki, "image_version": self.version, "policy_version": 1})
        self.started.set()

    def attest(self, number, fields, _kind):
        self.send(ATTESTED, number, {"document": b"document of " + fields["nonce"]})

    def authorise(self, number, fields, _kind):
        what = fields["sealed"].rstrip(b"\0").decode()
        if what in self.script:
            self.script[what](self, number, fields)
            return
        self.pay(number, fields, what)

    def intend(self, number, fields, what):
        """LOOKUP and RECORD; gives the card's token."""
        blind = sha256(b"blind", what.encode())
        token = self.ask(LOOKUP, {"merchant": fields["merchant"], "blind": blind})[1].get("token")
        card_of = {} if token else {"blind": blind, "vault": b"sealed " + what.encode(), "version": 1}
        token = token or "tok_" + secrets.token_hex(11)
        record = {"request": number, "token": token, "fpe": "4111110000001111"}
        kind, _ = self.ask(RECORD, dict(record, **card_of),
                           lambda: self.logged(event="authorise", payment=fields["payment"], token=token))
        assert kind == RECORDED
        return token

    def pay(self, number, fields, what):
        if what == "luhn":
            self.answer(RESULT, number, {"state": INVALID, "reason": "number"}, event="invalid")
            return
        token = self.intend(number, fields, what)
        time.sleep(self.delay)
        state = self.gateway.authorise(fields["order"], fields["payment"],
                                       DECLINED if what == "decline" else AUTHORISED)
        self.finish(number, fields, token, state)

    def finish(self, number, fields, token, state):
        self.answer(RESULT, number,
                    {"state": state, "response": "00" if state == AUTHORISED else "05",
                     "approval": "123456" if state == AUTHORISED else "", "rrn": sha256(fields["payment"].encode()).hex()[:12],
                     "token": token, "fpe": "4111110000001111", "masked": "411111******1111", "brand": "visa"},
                    event="outcome", payment=fields["payment"], state=state)

    def follow(self, number, fields, kind):
        name = {CAPTURE: "capture", REFUND: "refund", REVERSE: "reverse"}[kind]
        if name in self.script:
            self.script[name](self, number, fields)
            return
        self.ask(RECORD, {"request": number}, lambda: self.logged(event=name, payment=fields["payment"]))
        if kind == REVERSE:
            self.gateway.reverse(fields["order"], fields["payment"])
            state = REVERSED
        else:
            state = self.gateway.operation(fields["operation"], CAPTURED if kind == CAPTURE else REFUNDED)
        self.answer(RESULT, number, {"state": state, "response": "00"}, event="outcome")

    def rewrap(self, number, fields, _kind):
        self.answer(REWRAPPED, number, {"vault": b"anew " + fields["vault"], "version": 2}, event="rewrap")

    def rotate(self, number, fields, _kind):
        assert self.ask(NEW_KEY, {"purpose": 1, "version": 2, "wrapped": b"newer"})[0] == KEPT
        self.answer(ROTATED, number, {"version": 2}, event="rotate", who=fields["who"])

    def challenge(self, number, _fields, _kind):
        self.send(NONCE, number, {"nonce": b"n" * 32})

    def dual(self, number, fields, kind):
        if len(fields["signatures"]) < 2:
            self.answer(ERROR, number, {"code": E_SIGNATURES, "text": "one is not two"}, event="refused")
        elif kind == EXPORT:
            self.ask(RECORD, {"request": number}, lambda: self.logged(event="export"))
            self.send(EXPORTED, number, {"sealed": b"for you: " + fields["vault"]})
        else:
            self.answer(POLICY_SET, number, {"version": 2, "sealed": b"sealed policy"}, event="policy")


class Server:
    """payments-server in a folder of its own."""

    def __init__(self, where, database=None, **settings):
        self.where, self.process, self.port = where, None, 0
        self.sockets = [where / "enclave.sock"]
        self.settings = {"database": database or "sqlite:payments.db", "credentials": "environment",
                         "authorise_deadline_s": 60, "threads": 2, "workers": 2}
        self.settings.update(settings)
        self.errors = where / "stderr"
        self.write()

    def write(self):
        with open(self.where / "server.yaml", "w", encoding="utf-8") as f:
            f.write('listen: "127.0.0.1:0"\n')
            for name, value in self.settings.items():
                f.write(f"{name}: {value}\n")
            f.write("enclaves:\n" + "".join(f"  - unix:{path}\n" for path in self.sockets))

    def run(self, *args, check=True):
        done = subprocess.run([SERVER, "--config", str(self.where / "server.yaml"), *args], capture_output=True, text=True,
                              timeout=60, check=False)
        assert not check or done.returncode == 0, done.stderr
        return done if not check else done.stdout.strip()

    def start(self):
        env = dict(os.environ, AWS_ACCESS_KEY_ID="AKIDEXAMPLE", AWS_SECRET_ACCESS_KEY="secret")
        before = self.errors.stat().st_size if self.errors.exists() else 0
        with open(self.errors, "ab") as errors:
            self.process = subprocess.Popen([SERVER, "--config", str(self.where / "server.yaml")],  # pylint: disable=consider-using-with
                                            stderr=errors, env=env)
        until = time.time() + 30
        while b"serves http" not in self.errors.read_bytes()[before:]:
            assert self.process.poll() is None and time.time() < until, self.errors.read_text()
            time.sleep(0.02)
        line = [x for x in self.errors.read_text().splitlines() if "serves http" in x][-1]
        self.port = int(line.rsplit(":", 1)[1])
        return self

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            assert self.process.wait(timeout=60) == 0, self.errors.read_text()[-3000:]

    def http(self, method, path, body=None, key=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = dict(headers or {})
        if key:
            headers["Authorization"] = "Bearer " + key
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, response.read(), response.headers
        finally:
            connection.close()

    def call(self, method, path, body=None, key=None, idempotency=None):
        headers = {"Idempotency-Key": idempotency} if idempotency else {}
        status, text, _ = self.http(method, path, None if body is None else json.dumps(body), key, headers)
        return status, json.loads(text)

    def ready(self, timeout=20):
        until = time.time() + timeout
        while self.http("GET", "/healthz")[0] != 200:
            assert time.time() < until, self.errors.read_text()[-3000:]
            time.sleep(0.02)


class Shop:
    """A server, its enclave, a merchant with keys."""

    def __init__(self, where, database=None, **settings):
        self.where, self.gateway, self.keys = where, Gateway(), Secrets()
        self.server = Server(where, database, **settings)
        self.merchant = self.server.run("--add-merchant", "shop")
        self.key = {role: self.server.run("--add-key", role, "--name", role)
                    for role in ("viewer", "operator", "custodian")}
        self.key["merchant"] = self.server.run("--add-key", "merchant", "--name", "till", "--merchant", self.merchant)
        self.enclave = None

    def open(self):
        self.boot()
        self.server.start().ready()
        return self

    def boot(self, version=1):
        self.enclave = Enclave(self.server.sockets[0], self.gateway, self.keys, version)
        return self.enclave

    def close(self):
        self.server.stop()
        if self.enclave is not None:
            self.enclave.die()

    def order(self, amount=1250):
        status, order = self.server.call("POST", "/v1/orders", {"amount": amount, "currency": "EUR"}, self.key["merchant"])
        assert status == 201, order
        return order["id"]

    def pay(self, order, what="approve", key=None):
        return self.server.call("POST", "/v1/payments", {"order": order, "sealed": card(what)},
                                self.key["merchant"], key or secrets.token_hex(8))

    def state(self, payment):
        return self.server.call("GET", f"/v1/payments/{payment}", key=self.key["merchant"])[1]["state"]

    def until(self, payment, *states, timeout=30):
        end = time.time() + timeout
        while self.state(payment) not in states:
            assert time.time() < end, (self.state(payment), self.server.errors.read_text()[-2000:])
            time.sleep(0.05)
