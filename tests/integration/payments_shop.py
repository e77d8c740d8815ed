# SPDX-License-Identifier: Apache-2.0
"""An application server and an enclave for tests of the pages: the API of examples/payments/server, small, in Python.

It serves the pages too. Documents are document_maker.py's; sealed cards are opened by an HPKE of its own, written from
RFC 9180 over python3-cryptography. Everything that a request held is kept, to be searched.
"""

import base64
import hashlib
import hmac
import http.server
import json
import os
import pathlib
import secrets
import shutil
import socket
import sys
import tempfile
import threading
import urllib.parse

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from document_maker import Maker

WEB = pathlib.Path(__file__).resolve().parents[2] / "examples" / "payments" / "web"
TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css", ".js": "text/javascript", ".json": "application/json",
         ".svg": "image/svg+xml"}
DECLINED, EXPIRED_AT_BANK = "4000000000000002", "4000000000000069"


def point_of(key):
    return key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def hpke_keys(dh, enc, recipient, info):
    """RFC 9180, base mode, DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM: key and first nonce."""
    kem, suite = b"KEM\x00\x10", b"HPKE\x00\x10\x00\x01\x00\x02"

    def extract(ids, salt, label, ikm):
        return hmac.digest(salt or bytes(32), b"HPKE-v1" + ids + label + ikm, "sha256")

    def expand(ids, prk, label, context, size):
        return hmac.digest(prk, size.to_bytes(2, "big") + b"HPKE-v1" + ids + label + context + b"\x01", "sha256")[:size]

    shared = expand(kem, extract(kem, b"", b"eae_prk", dh), b"shared_secret", enc + recipient, 32)
    context = b"\0" + extract(suite, b"", b"psk_id_hash", b"") + extract(suite, b"", b"info_hash", info)
    secret = extract(suite, shared, b"secret", b"")
    return expand(suite, secret, b"key", context, 32), expand(suite, secret, b"base_nonce", context, 12)


def hpke_open(own, info, aad, message):
    enc, ciphertext = message[:65], message[65:]
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), enc)
    key, nonce = hpke_keys(own.exchange(ec.ECDH(), public), enc, point_of(own), info)
    return AESGCM(key).decrypt(nonce, ciphertext, aad)


def hpke_seal(point, info, aad, plaintext):
    """The same suite's other side."""
    ephemeral = ec.generate_private_key(ec.SECP256R1())
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    enc = point_of(ephemeral)
    key, nonce = hpke_keys(ephemeral.exchange(ec.ECDH(), public), enc, point, info)
    return enc + AESGCM(key).encrypt(nonce, plaintext, aad)


class Enclave:
    """A channel key, a chain, and documents for both."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="redoubt-shop-")
        self.maker = Maker(self.dir)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.log_key = ec.generate_private_key(ec.SECP256R1())
        # What documents go on to say when the server signs by a key of its own.
        self.attested_log_id = None
        self.maker.pcrs[8] = b"\xa8" * 48

    def close(self):
        shutil.rmtree(self.dir)

    def root(self):
        return pathlib.Path(self.maker.root).read_text()

    def log_spki(self):
        return self.log_key.public_key().public_bytes(serialization.Encoding.DER,
                                                      serialization.PublicFormat.SubjectPublicKeyInfo)

    def log_id(self):
        return hashlib.sha256(self.log_spki()).digest()

    def payload(self, nonce, **changes):
        log_id = self.attested_log_id or self.log_id()
        user_data = cbor2.dumps({"app": "redoubt-payments", "version": 7, "log": log_id})
        return self.maker.payload(nonce=nonce, public_key=point_of(self.key), user_data=user_data, **changes)

    def document(self, nonce, **changes):
        return self.maker.sign(cbor2.dumps(self.payload(nonce, **changes)))

    def open_card(self, order, payment, sealed):
        aad = cbor2.dumps(["card", order["id"], payment, order["amount"], order["currency"]])
        plaintext = hpke_open(self.key, b"redoubt-payments card v1", aad, sealed)
        assert len(plaintext) == 256
        card = cbor2.loads(plaintext)
        assert list(card) == [1, 2, 3, 4, 5] and not any(card[5])
        return card


def leaf_hash(record):
    return hashlib.sha256(b"\0" + record).digest()


def tree_root(leaves):
    """RFC 6962 2.1, as it is written there."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + tree_root(leaves[:split]) + tree_root(leaves[split:])).digest()


class Refused(Exception):
    def __init__(self, status, code, message, **headers):
        super().__init__(message)
        self.status, self.code, self.headers = status, code, headers


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        # Browsers hang up when a page is left.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Shop:
    """The state of the server, and how it misbehaves."""

    def __init__(self):
        self.enclave = Enclave()
        self.orders, self.payments, self.records = {}, {}, []
        self.by_key = {}
        self.requests = []
        self.nonce = None
        self.custodians = {}
        self.vault = {}
        # What a test does to the next document: takes (shop, nonce), gives the bytes, or None for an honest one.
        self.attest = None
        # How many answers to POST /v1/payments get lost, after, or before the payment has been made.
        self.lose_after = self.lose_before = 0
        # How often a payment is said to be under way, and what the next one is refused with.
        self.busy = 0
        self.refuse = None
        self.pins = {"roots": [self.enclave.root()], "max_age_s": 300,
                     "images": [{"name": "payments 7", "pcrs": {"0": "a0" * 48, "8": "a8" * 48}}]}
        self.page_size = 100
        # The one other origin whose pages may ask.
        self.page_origin = ""
        # A head that is given out instead of the records' own.
        self.head_of = None
        self.lock = threading.RLock()
        self.server = Server(("127.0.0.1", 0), handler_of(self))
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
        self.enclave.close()

    def make_order(self, amount=1250, reference="A-17"):
        order = {"id": "ord_" + secrets.token_hex(16), "merchant": "shop-1", "merchant_name": "Corner Books",
                 "amount": amount, "currency": "EUR", "reference": reference, "state": "OPEN", "payment": None,
                 "created_at": "2026-11-26T00:00:00Z"}
        self.orders[order["id"]] = order
        return order

    def replace_enclave(self):
        """Another instance of the same image: the same log, chain and measurements, a key of its own."""
        self.enclave.key = ec.generate_private_key(ec.SECP256R1())

    def record(self, name, payment, outcome):
        """As enclave/journal.c writes them."""
        self.records.append(json.dumps({
            "eventTime": "2026-11-26T09:30:00Z", "eventName": name, "stage": "done", "outcome": outcome,
            "userIdentity": {"principalId": "merchant:" + payment["merchant"]}, "sourceIPAddress": "127.0.0.1",
            "resources": [{"merchant": payment["merchant"], "order": payment["order"], "payment": payment["id"],
                           "masked": payment["masked"]}],
            "amount": payment["amount"], "currency": "EUR", "imageVersion": 7}, separators=(",", ":")))

    def sent(self, method, path):
        return [body for was, where, body in self.requests if (was, where) == (method, path)]

    def charged(self, order):
        return [p for p in self.payments.values() if p["order"] == order["id"] and p["state"] in ("AUTHORISED", "CAPTURED")]

    # The API, by the first words of its paths.

    def get_attestation(self, query, **_):
        nonce = bytes.fromhex(query["nonce"])
        assert 16 <= len(nonce) <= 64
        document = self.attest(self, nonce) if self.attest else self.enclave.document(nonce)
        return 200, {"document": document if isinstance(document, str) else base64.b64encode(document).decode()}

    def get_order(self, order, **_):
        if order not in self.orders:
            raise Refused(404, "not_found", "There is no such thing here.")
        return 200, self.orders[order]

    def post_payment(self, body, headers, **_):
        key = headers["Idempotency-Key"]
        order = self.orders[body["order"]]
        if self.busy > 0:
            self.busy -= 1
            raise Refused(409, "in_progress", "It is under way: ask again in a second.", Retry_After="1")
        if self.refuse:
            self.refuse, refused = None, self.refuse
            raise refused
        if key in self.by_key:
            return 200, self.by_key[key]
        if order["state"] == "PAID":
            raise Refused(409, "order_taken", "The order is paid, or another payment is under way.")
        try:
            card = self.enclave.open_card(order, key, base64.b64decode(body["sealed"], validate=True))
        except Exception as error:
            raise Refused(409, "sealed_to_other_key", "Not sealed to the enclave's key.") from error
        payment = self.decide(order, card)
        self.by_key[key] = self.payments[payment["id"]] = payment
        return 201, payment

    def decide(self, order, card):
        pan = card[1]
        digits = [int(d) for d in reversed(pan)]
        luhn = sum(d if i % 2 == 0 else sum(divmod(2 * d, 10)) for i, d in enumerate(digits)) % 10 == 0
        state, reason = "AUTHORISED", None
        if not luhn or pan == EXPIRED_AT_BANK:
            state, reason = "INVALID", "number" if not luhn else "expiry"
        elif pan == DECLINED:
            state, reason = "DECLINED", "response 05"
        payment = {"id": "pay_" + secrets.token_hex(8), "order": order["id"], "state": state, "amount": order["amount"],
                   "currency": order["currency"], "masked": f"{pan[:6]}{'*' * (len(pan) - 10)}{pan[-4:]}", "brand": "visa",
                   "reason": reason, "created_at": "2026-11-26T09:30:00Z", "updated_at": "2026-11-26T09:30:01Z",
                   "merchant": order["merchant"]}
        if state == "AUTHORISED":
            payment["auth_code"] = "A1B2C3"
            order.update(state="PAID", payment=payment["id"])
        self.record("Authorise", payment, state)
        return payment

    def head(self):
        leaves = [leaf_hash(record.encode()) for record in self.records]
        body = (b"RDLOGH2\0" + self.enclave.log_id() + (1764150000000).to_bytes(8, "big") +
                len(leaves).to_bytes(8, "big") + tree_root(leaves))
        r, s = decode_dss_signature(self.enclave.log_key.sign(body, ec.ECDSA(hashes.SHA256())))
        return body + r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def get_head(self, **_):
        pem = self.enclave.log_key.public_key().public_bytes(serialization.Encoding.PEM,
                                                             serialization.PublicFormat.SubjectPublicKeyInfo).decode()
        head = self.head_of or self.head()
        return 200, {"size": len(self.records), "head": base64.b64encode(head).decode(), "key": pem}

    def get_records(self, query, **_):
        start, limit = int(query.get("from", 0)), int(query.get("limit", self.page_size))
        end = min(start + min(limit, self.page_size), len(self.records))
        more = {"next": end} if end < len(self.records) else {}
        return 200, {"from": start, "records": self.records[start:end], **more}

    def get_payments(self, query, **_):
        found = list(reversed(self.payments.values()))
        if "after" in query:
            found = found[[p["id"] for p in found].index(query["after"]) + 1:]
        page = found[:self.page_size]
        return 200, {"payments": page, **({"next": page[-1]["id"]} if len(found) > len(page) else {})}

    def post_challenge(self, body, **_):
        assert body == {}
        self.nonce = secrets.token_bytes(32)
        return 200, {"nonce": self.nonce.hex()}

    def post_export(self, body, **_):
        """As the enclave does it: two different custodians of its own list, over these bytes, with its last nonce."""
        request = base64.b64decode(body["request"], validate=True)
        label, nonce, merchant, token, recipient, reason = cbor2.loads(request)
        assert label == "redoubt-payments export v1" and reason
        signed = set()
        for one in body["signatures"]:
            rs = base64.b64decode(one["signature"], validate=True)
            assert len(rs) == 64
            der = encode_dss_signature(int.from_bytes(rs[:32], "big"), int.from_bytes(rs[32:], "big"))
            try:
                self.custodians[one["custodian"]].verify(der, request, ec.ECDSA(hashes.SHA256()))
            except (KeyError, InvalidSignature) as error:
                raise Refused(403, "signatures", "Two custodians' signatures over this request are wanted.") from error
            signed.add(one["custodian"])
        if len(signed) < 2:
            raise Refused(403, "signatures", "Two custodians' signatures over this request are wanted.")
        if nonce != self.nonce:
            raise Refused(409, "nonce", "The nonce is not this enclave's, or was used, or is too old.")
        self.nonce = None
        if (merchant, token) not in self.vault:
            raise Refused(404, "not_found", "There is no such thing here.")
        card = cbor2.dumps(self.vault[merchant, token])
        return 200, {"sealed": base64.b64encode(hpke_seal(recipient, b"redoubt-payments export v1", request, card)).decode()}

    def post_operation(self, body, payment, operation, **_):
        was, then = {"capture": ("AUTHORISED", "CAPTURED"), "refund": ("CAPTURED", "REFUNDED"),
                     "reverse": ("AUTHORISED", "REVERSED")}[operation]
        assert body == {}
        found = self.payments[payment]
        if found["state"] not in (was, then):
            raise Refused(409, "wrong_state", "The payment's state does not allow it.")
        found["state"] = then
        self.record(operation.capitalize(), found, then)
        return 200, found


def route(method, path):
    parts = path.strip("/").split("/")
    roles = {"merchant-key": "merchant", "viewer-key": "viewer", "operator-key": "operator",
             "custodian-key": "custodian"}
    table = {("POST", "challenge"): (Shop.post_challenge, ("custodian",)), ("POST", "export"): (Shop.post_export, ("custodian",)),
             ("GET", "attestation"): (Shop.get_attestation, ()), ("POST", "payments"): (Shop.post_payment, ()),
             ("GET", "payments"): (Shop.get_payments, ("merchant",)),
             ("GET", "operator/payments"): (Shop.get_payments, ("viewer", "operator", "custodian")),
             ("GET", "audit/head"): (Shop.get_head, ("viewer", "operator", "custodian")),
             ("GET", "audit/records"): (Shop.get_records, ("viewer", "operator", "custodian"))}
    found = table.get((method, "/".join(parts[1:])))
    if found:
        return *found, roles, {}
    if method == "GET" and parts[1] == "orders" and len(parts) == 3:
        return Shop.get_order, (), roles, {"order": parts[2]}
    if method == "POST" and parts[1] == "payments" and len(parts) == 4:
        allowed = ("merchant", "operator") if parts[3] == "reverse" else ("merchant",)
        return Shop.post_operation, allowed, roles, {"payment": parts[2], "operation": parts[3]}
    raise Refused(404, "not_found", "There is no such thing here.")


# As examples/payments/server/pages.c sends it with every page.
CSP = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
       "form-action 'none'; frame-ancestors 'none'")


def serve_file(handler, path, change=lambda text: text, csp=CSP):
    """A file of the pages'. change: what becomes of HTML."""
    file = WEB / path.lstrip("/")
    if not file.is_file() or file.suffix not in TYPES or ".." in path:
        return handler.answer(404, b"{}")
    body = change(file.read_text()).encode() if file.suffix == ".html" else file.read_bytes()
    return handler.answer(200, body, TYPES[file.suffix], Content_Security_Policy=csp, X_Content_Type_Options="nosniff")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_args):
        pass

    def answer(self, status, body, content_type="application/json", **headers):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)


class PageHost:
    """Pages from an origin of their own, as a merchant has them who does not trust the payments server."""

    def __init__(self, shop):
        csp = CSP.replace("connect-src 'self'", f"connect-src 'self' {shop.url}")

        def change(text):
            return (text.replace("connect-src 'self'", f"connect-src 'self' {shop.url}")
                    .replace('name="payments-server" content=""', f'name="payments-server" content="{shop.url}"'))

        class Pages(Handler):
            def do_GET(self):
                path = urllib.parse.urlsplit(self.path).path
                if path == "/pins.json":
                    self.answer(200, json.dumps(shop.pins).encode())
                else:
                    serve_file(self, path, change, csp)

        self.server = Server(("127.0.0.1", 0), Pages)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def handler_of(shop):
    class Api(Handler):
        def answer(self, status, body, content_type="application/json", **headers):
            if shop.page_origin and self.headers.get("Origin") == shop.page_origin:
                headers.update(Access_Control_Allow_Origin=shop.page_origin, Access_Control_Allow_Methods="GET, POST",
                               Access_Control_Allow_Headers="Authorization, Content-Type, Idempotency-Key",
                               Access_Control_Expose_Headers="Retry-After", Vary="Origin")
            super().answer(status, body, content_type, **headers)

        def serve_file(self, path):
            if path == "/pins.json":
                return self.answer(200, json.dumps(shop.pins).encode())
            return serve_file(self, path)

        def hang_up(self):
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

        def api(self, method, url, raw):
            function, allowed, roles, names = route(method, url.path)
            if allowed:
                role = roles.get(self.headers.get("Authorization", "").removeprefix("Bearer "))
                if role is None:
                    raise Refused(401, "unauthenticated", "An API key is wanted: Authorization: Bearer.")
                if role not in allowed:
                    raise Refused(403, "forbidden", "This key's role does not allow it.")
            query = dict(urllib.parse.parse_qsl(url.query))
            return function(shop, query=query, headers=self.headers, body=json.loads(raw) if raw else None, **names)

        def handle_any(self, method):
            url = urllib.parse.urlsplit(self.path)
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            with shop.lock:
                shop.requests.append((method, url.path, raw))
                if not url.path.startswith("/v1/"):
                    return self.serve_file(url.path)
                is_payment = (method, url.path) == ("POST", "/v1/payments")
                if is_payment and shop.lose_before > 0:
                    shop.lose_before -= 1
                    return self.hang_up()
                try:
                    status, value = self.api(method, url, raw)
                except Refused as refused:
                    body = json.dumps({"error": {"code": refused.code, "message": str(refused)}}).encode()
                    return self.answer(refused.status, body, **refused.headers)
                if is_payment and shop.lose_after > 0:
                    shop.lose_after -= 1
                    return self.hang_up()
                return self.answer(status, json.dumps(value).encode())

        def do_OPTIONS(self):
            self.answer(204, b"")

        def do_GET(self):
            self.handle_any("GET")

        def do_POST(self):
            self.handle_any("POST")

    return Api


SCREENSHOTS = os.environ.get("SCREENSHOTS", os.path.join(tempfile.gettempdir(), "redoubt-screenshots"))
