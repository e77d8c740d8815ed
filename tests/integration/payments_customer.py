# SPDX-License-Identifier: Apache-2.0
"""Customers and a merchant's till in front of a real payments-server and a real enclave: they seal cards to the key of the
document that they are given, ask again until they have an answer, and remember what they were told."""

import base64
import functools
import http.client
import json
import os
import random
import threading
import time

import cbor2
from payments_peer import card_plaintext, hpke_seal, payload_of

INFO = b"redoubt-payments card v1"
# How a payment ends for the customer; the rest is on its way.
DECIDED = ("AUTHORISED", "DECLINED", "INVALID", "FAILED", "REVERSED")
# "Ask again", in the words of the API: under way, too much at a time, gateway or enclave away, outcome unknown.
AGAIN = ("in_progress", "busy", "gateway", "unavailable", "enclave")


class Told(Exception):
    """An answer that no customer should get."""


def luhn(digits):
    total = sum(sum(divmod(2 * int(d), 10)) if i % 2 == 0 else int(d) for i, d in enumerate(reversed(digits)))
    return digits + str(-total % 10)


def cards(n, seed=1):
    """Visa numbers that nobody has."""
    luck = random.Random(seed)
    return [luhn("411111" + f"{luck.randrange(10 ** 9):09}") for _ in range(n)]


class Api:
    """JSON over HTTP to wherever the server is at the moment, one connection kept by each thread. tls: an ssl.SSLContext."""

    def __init__(self, address, key, tls=None):
        self.address, self.key, self.local = address, key, threading.local()
        self.connection = http.client.HTTPConnection if tls is None else functools.partial(http.client.HTTPSConnection, context=tls)

    def call(self, method, path, body=None, **headers):
        """(status, JSON); OSError or HTTPException when nothing was heard."""
        where = self.address()
        connection = getattr(self.local, "connection", None)
        if connection is None or self.local.where != where:
            connection = self.local.connection = self.connection(*where, timeout=100)
            self.local.where = where
        headers = {"Authorization": f"Bearer {self.key}", **{name.replace("_", "-"): v for name, v in headers.items()}}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        except BaseException:
            connection.close()
            self.local.connection = None
            raise

    def until_heard(self, method, path, body=None, end=None, **headers):
        """Asks until something is heard that is neither "ask again" nor a failure."""
        while True:
            try:
                status, answer = self.call(method, path, body, **headers)
                if status < 400 or answer["error"]["code"] not in AGAIN:
                    return status, answer
            except (OSError, http.client.HTTPException, ValueError):
                pass
            assert end is None or time.monotonic() < end, f"{method} {path}: nothing was heard"
            time.sleep(0.02)


class Channel:
    """The enclave's key, as the newest document says; a customer's page would verify it, too."""

    def __init__(self, api):
        self.api, self.lock, self.key = api, threading.Lock(), None

    def point(self, end=None):
        with self.lock:
            if self.key is None:
                nonce = os.urandom(32)
                _, answer = self.api.until_heard("GET", f"/v1/attestation?nonce={nonce.hex()}", end=end)
                payload = payload_of(base64.b64decode(answer["document"]))
                assert payload["nonce"] == nonce
                self.key = payload["public_key"]
            return self.key

    def changed(self, key):
        with self.lock:
            if self.key == key:
                self.key = None


def seal(point, card, order, payment, amount):
    aad = cbor2.dumps(["card", order, payment, amount, "EUR"])
    return base64.b64encode(hpke_seal(point, INFO, aad, card_plaintext(card))).decode()


class Customer:
    def __init__(self, api, channel, end=None):
        self.api, self.channel, self.end = api, channel, end

    def order(self, name, amount):
        status, order = self.api.until_heard("POST", "/v1/orders", {"amount": amount, "currency": "EUR", "reference": name},
                                             end=self.end, Idempotency_Key=name)
        if status not in (200, 201):
            raise Told(f"no order {name}: {order}")
        return order["id"]

    def pay(self, order, payment, amount, card):
        """The payment, decided. However often it is asked for, it is this one."""
        while True:
            point = self.channel.point(self.end)
            body = {"order": order, "sealed": seal(point, card, order, payment, amount)}
            status, answer = self.api.until_heard("POST", "/v1/payments", body, end=self.end, Idempotency_Key=payment)
            if status in (200, 201) and answer["state"] in DECIDED:
                return answer
            if status in (200, 201):
                time.sleep(0.05)
            elif answer["error"]["code"] == "sealed_to_other_key":
                self.channel.changed(point)
            else:
                raise Told(f"payment {payment} of {order}: {answer}")
            assert self.end is None or time.monotonic() < self.end, f"payment {payment} is never decided: {answer}"

    def follow(self, payment, operation, state):
        """Capture or refund, until it has happened."""
        while True:
            status, answer = self.api.until_heard("POST", f"/v1/payments/{payment}/{operation}", {}, end=self.end)
            if status == 200 and answer["state"] == state:
                return answer
            if status != 200 and answer["error"]["code"] != "wrong_state":
                raise Told(f"{operation} of {payment}: {answer}")
            assert self.end is None or time.monotonic() < self.end, f"{operation} of {payment} never happens: {answer}"
            time.sleep(0.05)
