# SPDX-License-Identifier: Apache-2.0
"""A payments-gateway of a test's own, and a client that speaks ISO 8583 by an encoder of its own, written from the
field list of the dialect and not from the C sources.
"""

import base64
import hashlib
import json
import os
import signal
import socket
import ssl
import struct
import subprocess
import time

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

GATEWAY = os.environ["PAYMENTS_GATEWAY"]
REDOUBT = os.environ["REDOUBT"]
# Digits of the length before a value; all other fields are of fixed size.
VARIABLE = {2: 2, 35: 2, 48: 3, 55: 3}
FIXED = {3: 6, 4: 12, 7: 10, 11: 6, 12: 6, 13: 4, 14: 4, 22: 3, 24: 3, 37: 12, 38: 6, 39: 2, 41: 8, 42: 15, 49: 3, 52: 8,
         64: 8, 70: 3, 90: 42, 128: 8}
PAN = "4111111111111111"


def encode(mti, fields):
    """fields: number to text (Latin-1)."""
    bits, body = 0, b""
    for number in sorted(fields):
        bits |= 1 << (128 - number)
        value = fields[number].encode("latin-1")
        digits = VARIABLE.get(number)
        body += (b"%0*d" % (digits, len(value)) if digits else b"") + value
    bitmap = bits.to_bytes(16, "big")
    bitmap = (bits | 1 << 127).to_bytes(16, "big") if any(bitmap[8:]) else bitmap[:8]
    return mti.encode() + bitmap + body


def decode(message):
    """(MTI, fields)"""
    mti, bits, at, fields = message[:4].decode(), int.from_bytes(message[4:12], "big") << 64, 12, {}
    if bits >> 127:
        bits, at = int.from_bytes(message[4:20], "big") & ~(1 << 127), 20
    for number in range(2, 129):
        if bits >> (128 - number) & 1:
            length = FIXED.get(number)
            if length is None:
                digits = VARIABLE[number]
                length, at = int(message[at:at + digits]), at + digits
            fields[number] = message[at:at + length].decode("latin-1")
            assert len(fields[number]) == length
            at += length
    assert at == len(message), (at, message)
    return mti, fields


def subfields(values):
    return "".join(f"{tag:02}{len(value):02}{value}" for tag, value in sorted(values.items()))


def split_subfields(text):
    values = {}
    while text:
        tag, length = int(text[:2]), int(text[2:4])
        values[tag], text = text[4:4 + length], text[4 + length:]
    return values


def in_parts(first_tag, parts, data):
    text = base64.b64encode(data).decode()
    size = len(text) // parts
    return {first_tag + i: text[i * size:(i + 1) * size] for i in range(parts)}


class Messages:
    """Requests with RRNs and STANs of their own."""

    def __init__(self, prefix="R"):
        self.prefix, self.count = prefix, 0

    def rrn(self):
        self.count += 1
        return f"{self.prefix}{self.count:0{12 - len(self.prefix)}}"

    @staticmethod
    def stan(rrn):
        return f"{int(hashlib.sha256(rrn.encode()).hexdigest(), 16) % 10**6:06}"

    def operation(self, rrn, amount, sent="0203040506", merchant="Shop", stan=None):
        return {3: "000000", 4: f"{amount:012}", 7: sent, 11: stan or self.stan(rrn), 12: sent[4:], 13: sent[:4], 37: rrn,
                41: "TERM0001", 42: f"{merchant:15}", 49: "978"}

    def authorise(self, amount, rrn=None, pan=PAN, cvv="737", **more):
        rrn = rrn or self.rrn()
        fields = self.operation(rrn, amount, **more) | {2: pan, 14: "3112", 22: "812", 24: "100"}
        return encode("0100", fields | ({48: subfields({92: cvv})} if cvv else {})), rrn

    def capture(self, original, amount, rrn=None, **more):
        rrn = rrn or self.rrn()
        return encode("0200", self.operation(rrn, amount, **more) | {24: "201", 48: subfields({37: original})}), rrn

    def refund(self, original, amount, rrn=None, **more):
        rrn = rrn or self.rrn()
        return encode("0200", self.operation(rrn, amount, **more) |
                      {3: "200000", 24: "200", 48: subfields({37: original})}), rrn

    def reverse(self, rrn, amount, original_stan=None, stan="990000", **more):
        fields = self.operation(rrn, amount, stan=stan, **more)
        return encode("0400", fields | {24: "400", 90: "0100" + (original_stan or self.stan(rrn)) + "0" * 32})

    @staticmethod
    def network(code, private=None, stan="000001"):
        fields = {7: "0203040506", 11: stan, 70: code}
        return encode("0800", fields | ({48: subfields(private)} if private else {}))

    def echo(self, stan="000001"):
        return self.network("301", stan=stan)


class Answer:
    def __init__(self, message):
        self.bytes = message
        self.mti, self.fields = decode(message)
        self.private = split_subfields(self.fields.get(48, ""))

    @property
    def code(self):
        return self.fields[39]

    @property
    def reason(self):
        return self.private.get(80, "")

    @property
    def head(self):
        parts = [self.private.get(tag, "") for tag in (60, 61, 62)]
        return base64.b64decode("".join(parts)) if all(parts) else None


class Closed(Exception):
    """The gateway has ended the connection."""


class Client:
    def __init__(self, gateway, timeout=20, context=None):
        raw = socket.create_connection((gateway.address, gateway.port), timeout=timeout)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self.tls = (context or gateway.context()).wrap_socket(raw, server_hostname="gateway.test")
        except OSError:
            raw.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.tls.close()

    def send(self, *messages):
        try:
            self.tls.sendall(b"".join(struct.pack(">H", len(m)) + m for m in messages))
        except OSError as gone:
            raise Closed from gone

    def raw(self):
        """One frame's content."""
        return self.take(struct.unpack(">H", self.take(2))[0])

    def take(self, size):
        data = b""
        while len(data) < size:
            try:
                piece = self.tls.recv(size - len(data))
            except (ConnectionError, ssl.SSLError) as gone:
                raise Closed from gone
            if not piece:
                raise Closed
            data += piece
        return data

    def hear(self):
        return Answer(self.raw())

    def ask(self, message):
        self.send(message)
        return self.hear()

    def silent(self, seconds):
        """Whether nothing comes for so long."""
        before = self.tls.gettimeout()
        self.tls.settimeout(seconds)
        try:
            piece = self.tls.recv(1)
            raise AssertionError(f"something came: {piece}")
        except TimeoutError:
            return True
        finally:
            self.tls.settimeout(before)


class Gateway:
    """One state directory; may be killed and started again at the same port."""

    def __init__(self, where, script=None, options=(), address="127.0.0.1"):
        self.where, self.state, self.address = where, where / "state", address
        self.log = where / "stderr"
        self.options, self.port, self.process = list(options), 0, None
        if script is not None:
            (where / "script").write_text(script)
            self.options += ["--script", str(where / "script")]
        subprocess.run([REDOUBT, "pki", "tls", "--name", "gateway.test", "--out", str(where / "tls")], check=True,
                       capture_output=True, timeout=60)
        self.start()

    def arguments(self, *more):
        return [GATEWAY, "--state", str(self.state), "--cert", str(self.where / "tls" / "server.pem"),
                "--key", str(self.where / "tls" / "server.key"), *self.options, *more]

    def start(self):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.arguments("--listen", f"{self.address}:{self.port}"), stdout=subprocess.PIPE,
                                            stderr=log, text=True)
        line = self.process.stdout.readline()
        assert line.startswith("listening on port "), self.log.read_text()
        self.port = int(line.split()[-1])

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)
        self.process.stdout.close()

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(30) == 0, self.log.read_text()
        self.process.stdout.close()

    def context(self):
        context = ssl.create_default_context(cafile=str(self.where / "tls" / "ca.pem"))
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        return context

    def client(self, **more):
        return Client(self, **more)

    def report(self):
        done = subprocess.run([GATEWAY, "--report", str(self.state)], capture_output=True, text=True, timeout=60,
                              check=True)
        return json.loads(done.stdout)

    def operation(self, rrn):
        found = [o for o in self.report()["operations"] if o["rrn"] == rrn]
        assert len(found) == 1, (rrn, found)
        return found[0]

    def said(self, text, seconds=10):
        """Waits until stderr has it."""
        end = time.monotonic() + seconds
        while text not in self.log.read_text():
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.02)


class Log:
    """The author of an audit log, as far as its heads go."""

    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.spki = self.key.public_key().public_bytes(serialization.Encoding.DER,
                                                       serialization.PublicFormat.SubjectPublicKeyInfo)
        self.pem = self.key.public_key().public_bytes(serialization.Encoding.PEM,
                                                      serialization.PublicFormat.SubjectPublicKeyInfo)
        self.id = hashlib.sha256(self.spki).digest()

    def head(self, size, root=b"r", at_ms=1_700_000_000_000, log_id=None):
        body = b"RDLOGH2\0" + (log_id or self.id) + struct.pack(">QQ", at_ms, size) + hashlib.sha256(root).digest()
        r, s = utils.decode_dss_signature(self.key.sign(body, ec.ECDSA(hashes.SHA256())))
        return body + r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def sign_on(self, head, key=None):
        return Messages.network("001", in_parts(60, 3, head) | (in_parts(66, 2, key) if key else {}))
