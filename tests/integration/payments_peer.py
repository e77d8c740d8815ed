# SPDX-License-Identifier: Apache-2.0
"""The server's end of the link to payments-enclave, written from wire/link.h and not from its C code, and the page's: cards
sealed by an HPKE of the test's own (RFC 9180). A server that keeps what it must, and can be told to withhold or to lie.
"""

import hashlib
import json
import os
import queue
import socket
import struct
import threading

import cbor2
from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

ANSWER_S = 30
TYPES = {"START": 1, "ATTEST": 2, "AUTHORISE": 3, "CAPTURE": 4, "REFUND": 5, "REVERSE": 6, "REWRAP": 7, "ROTATE": 8,
         "CHALLENGE": 9, "EXPORT": 10, "POLICY": 11, "STARTED": 32, "ATTESTED": 33, "RESULT": 34, "REWRAPPED": 35,
         "ROTATED": 36, "NONCE": 37, "EXPORTED": 38, "POLICY_SET": 39, "ERROR": 40, "PREPARED": 41, "RECORD": 64, "LOOKUP": 65,
         "PROOF": 66, "NEW_KEY": 67, "RECORDED": 80, "FOUND": 81, "PROVED": 82, "KEPT": 83}
NAMES = {number: name for name, number in TYPES.items()}
STATES = {1: "AUTHORISED", 2: "DECLINED", 3: "INVALID", 4: "REVERSED", 5: "CAPTURED", 6: "REFUNDED"}
ERRORS = dict(enumerate("- link not_started busy channel card sealed keys log witness gateway policy signatures nonce "
                        "document internal".split()))

# RFC 6962


def leaf_hash(record):
    return hashlib.sha256(b"\0" + record).digest()


def root_of(leaves):
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + root_of(leaves[:k]) + root_of(leaves[k:])).digest()


def peaks_of(leaves):
    peaks, at = b"", 0
    while at < len(leaves):
        size = 1 << (len(leaves) - at).bit_length() - 1
        peaks, at = peaks + root_of(leaves[at:at + size]), at + size
    return peaks


def path_of_last(leaves):
    """RFC 6962, 2.1.1: PATH of the last leaf."""
    if len(leaves) == 1:
        return b""
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return path_of_last(leaves[k:]) + root_of(leaves[:k])


def consistency(old, leaves, whole=True):
    """RFC 6962, 2.1.2: SUBPROOF."""
    if old == len(leaves):
        return [] if whole else [root_of(leaves)]
    k = 1 << (len(leaves) - 1).bit_length() - 1
    if old <= k:
        return consistency(old, leaves[:k], whole) + [root_of(leaves[k:])]
    return consistency(old - k, leaves[k:], False) + [root_of(leaves[:k])]


# RFC 9180: base mode, DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM

KEM, SUITE = b"KEM\0\x10", b"HPKE\0\x10\0\x01\0\x02"


def mac(key, data):
    h = hmac.HMAC(key, hashes.SHA256())
    h.update(data)
    return h.finalize()


def extract(suite, salt, label, ikm):
    return mac(salt or bytes(32), b"HPKE-v1" + suite + label + ikm)


def expand(suite, prk, label, info, length):
    return mac(prk, struct.pack(">H", length) + b"HPKE-v1" + suite + label + info + b"\1")[:length]


def point_of(key):
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def schedule(shared, enc, recipient, info):
    prk = extract(KEM, b"", b"eae_prk", shared)
    secret = expand(KEM, prk, b"shared_secret", enc + recipient, 32)
    context = b"\0" + extract(SUITE, b"", b"psk_id_hash", b"") + extract(SUITE, b"", b"info_hash", info)
    prk = extract(SUITE, secret, b"secret", b"")
    return AESGCM(expand(SUITE, prk, b"key", context, 32)), expand(SUITE, prk, b"base_nonce", context, 12)


def hpke_seal(recipient, info, aad, plaintext):
    ephemeral = ec.generate_private_key(ec.SECP256R1())
    theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), recipient)
    enc = point_of(ephemeral.public_key())
    aead, nonce = schedule(ephemeral.exchange(ec.ECDH(), theirs), enc, recipient, info)
    return enc + aead.encrypt(nonce, plaintext, aad)


def hpke_open(key, info, aad, message):
    enc = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), message[:65])
    aead, nonce = schedule(key.exchange(ec.ECDH(), enc), message[:65], point_of(key.public_key()), info)
    return aead.decrypt(nonce, message[65:], aad)


def card_plaintext(pan, month=12, year=2031, cvv="737"):
    text = b"\xa5" + b"".join(map(cbor2.dumps, (1, pan, 2, month, 3, year, 4, cvv))) + b"\x05"
    padding = 256 - len(text) - 2
    return text + bytes([0x58, padding]) + bytes(padding)


def payload_of(document):
    return cbor2.loads(cbor2.loads(document)[2])


class Closed(Exception):
    """The enclave has ended the link."""


class Refused(Exception):
    def __init__(self, fields):
        super().__init__(ERRORS[fields["code"]], fields["text"])
        self.code, self.fields = ERRORS[fields["code"]], fields


class Store:
    """What a server has on disk: the log, the keyring, tokens."""

    def __init__(self):
        self.records, self.head, self.keyring, self.policy = [], None, [], None
        self.cards = {}  # (merchant, blind index) to (token, vault)

    @property
    def leaves(self):
        return [leaf_hash(record) for record in self.records]

    def commit(self, fields):
        """A record and its head, held against the records: the server's own check of its author."""
        assert fields["index"] == len(self.records), (fields["index"], len(self.records))
        self.records.append(fields["record"])
        self.head = fields["head"]
        assert struct.unpack(">Q", self.head[48:56])[0] == len(self.records)
        assert self.head[56:88] == root_of(self.leaves)
        json.loads(fields["record"])

    def cut(self, size, head):
        """Rolled back, with the head that there was."""
        self.records, self.head = self.records[:size], head

    def events(self):
        return [json.loads(record) for record in self.records]


class Peer:
    """One link. Questions of the enclave are answered from the store unless their type is in hold."""

    def __init__(self, path, store, hold=(), greeting=b"CONNECT 7000\n"):
        self.store, self.hold, self.held = store, set(hold), queue.Queue()
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(ANSWER_S)
        self.sock.connect(path)
        self.sock.sendall(greeting)
        line = b""
        while not line.endswith(b"\n"):
            byte = self.sock.recv(1)
            assert byte, "the enclave says nothing"
            line += byte
        assert line.startswith(b"OK "), line
        self.next_id, self.lock = 0, threading.Lock()
        self.waiting, self.seen, self.ended = {}, [], None
        self.sock.settimeout(None)
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.thread.join(ANSWER_S)
        self.sock.close()

    # frames

    def send_raw(self, body):
        with self.lock:
            self.sock.sendall(struct.pack(">I", len(body)) + body)

    def send(self, name, number, fields):
        self.send_raw(cbor2.dumps([TYPES[name], number, fields], canonical=False))

    def take(self, size):
        data = b""
        while len(data) < size:
            piece = self.sock.recv(size - len(data))
            if not piece:
                raise Closed
            data += piece
        return data

    def read(self):
        try:
            while True:
                body = self.take(struct.unpack(">I", self.take(4))[0])
                kind, number, fields = cbor2.loads(body)
                self.seen.append(body)
                self.hear(NAMES[kind], number, fields)
        except (Closed, OSError):
            pass
        finally:
            for waiter in list(self.waiting.values()):
                waiter.put((None, None))
            self.held.put((None, 0, {}))

    def hear(self, name, number, fields):
        if name in self.hold:
            self.held.put((name, number, fields))
        elif name in ("RECORD", "LOOKUP", "PROOF", "NEW_KEY"):
            self.answer(name, number, fields)
        elif number == 0:
            self.ended = Refused(fields)
        else:
            if "record" in fields:
                self.store.commit(fields)
            self.waiting[number].put((name, fields))

    def answer(self, name, number, fields):
        store = self.store
        if name == "RECORD":
            store.commit(fields)
            if "vault" in fields:
                merchant = json.loads(fields["record"])["resources"][0]["merchant"]
                store.cards.setdefault((merchant, fields["blind"]), (fields["token"], fields["vault"]))
            self.send("RECORDED", number, {"size": len(store.records)})
        elif name == "LOOKUP":
            found = store.cards.get((fields["merchant"], fields["blind"]))
            self.send("FOUND", number, {"token": found[0], "vault": found[1]} if found else {})
        elif name == "PROOF":
            proof = consistency(fields["old_size"], store.leaves[:fields["size"]])
            self.send("PROVED", number, {"proof": b"".join(proof)})
        else:
            store.keyring.append([fields["purpose"], fields["version"], fields["wrapped"], fields.get("sealed", b"")])
            self.send("KEPT", number, {})

    # questions

    def begin(self, name, **fields):
        self.next_id += 1
        self.waiting[self.next_id] = queue.Queue()
        self.send(name, self.next_id, fields)
        return self.next_id

    def end(self, number, timeout=ANSWER_S):
        name, fields = self.waiting[number].get(timeout=timeout)
        if name is None:
            raise self.ended or Closed
        if name == "ERROR":
            raise Refused(fields)
        if "state" in fields:
            fields["state"] = STATES[fields["state"]]
        return fields

    def ask(self, name, timeout=ANSWER_S, **fields):
        return self.end(self.begin(name, **fields), timeout)

    def start(self, credentials, timeout=90, **changes):
        store = self.store
        fields = {"access_key_id": credentials.akid, "secret_access_key": credentials.secret, "keyring": store.keyring,
                  "size": len(store.records)}
        if credentials.token:
            fields["session_token"] = credentials.token
        if store.records:
            fields["peaks"] = peaks_of(store.leaves)
            fields["last"] = store.records[-1]
        if len(store.records) > 1:
            fields["last_proof"] = path_of_last(store.leaves)
        if store.head:
            fields["head"] = store.head
        if store.policy:
            fields["policy"] = store.policy
        return self.ask("START", timeout=timeout, **{**fields, **changes})

    def channel(self):
        """The enclave's key, as its document says."""
        return payload_of(self.ask("ATTEST", nonce=os.urandom(32))["document"])["public_key"]


class Shop:
    """A page and a merchant: sealed cards and requests about them."""

    def __init__(self, merchant="shop-1"):
        self.merchant = merchant

    @staticmethod
    def seal(channel, card, order, payment, amount, currency="EUR"):
        aad = cbor2.dumps(["card", order, payment, amount, currency])
        return hpke_seal(channel, b"redoubt-payments card v1", aad, card)

    def authorise(self, channel, payment, amount=1000, order="ord_1", card=None, **changes):
        card = card or card_plaintext("4111111111111111")
        return {"merchant": self.merchant, "order": order, "payment": payment, "amount": amount, "currency": "EUR",
                "sealed": self.seal(channel, card, order, payment, amount), "who": f"merchant:{self.merchant}",
                "origin": "127.0.0.1", **changes}

    def follow(self, payment, operation, amount=1000, order="ord_1", **changes):
        return {"merchant": self.merchant, "order": order, "payment": payment, "operation": operation, "amount": amount,
                "currency": "EUR", "who": f"merchant:{self.merchant}", **changes}
