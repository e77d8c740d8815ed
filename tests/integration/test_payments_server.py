# SPDX-License-Identifier: Apache-2.0
"""payments-server: its API, and an enclave that dies, lies, is late or is replaced (payments_server_host.py).

On SQLite; with TEST_POSTGRES (tests/support/postgres) in the environment, on PostgreSQL.
"""
import base64
import http.client
import json
import os
import random
import secrets
import signal
import socket
import ssl
import subprocess
import threading
import time

import cbor2
import payments_server_host as peer
import pytest
from audit_log import records_of

REDOUBT = os.environ["REDOUBT"]
SLOW = 30


def fresh_database():
    """Another PostgreSQL database, or None for SQLite."""
    url = os.environ.get("TEST_POSTGRES")
    if not url:
        return None
    name = "p" + secrets.token_hex(6)
    subprocess.run(["psql", "-q", url, "-c", f"CREATE DATABASE {name}"], check=True, timeout=60)
    return url.replace("/postgres?", f"/{name}?")


@pytest.fixture(name="shop")
def shop_fixture(tmp_path_factory):
    shop = peer.Shop(tmp_path_factory.mktemp("s"), fresh_database()).open()
    yield shop
    shop.close()


@pytest.fixture(name="hasty")
def hasty_fixture(tmp_path_factory):
    """A shop that waits for nobody's second try."""
    shop = peer.Shop(tmp_path_factory.mktemp("s"), fresh_database(), authorise_deadline_s=2).open()
    yield shop
    shop.close()


def verify_log(shop, name="log"):
    where = shop.where / name
    shop.server.run("--export-log", str(where))
    done = subprocess.run([REDOUBT, "audit", "verify", str(where)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return [json.loads(r) for r in records(where)]


def records(where):
    return records_of((where / ("log-" + "0" * 19)).read_bytes())


def code(answer):
    return answer[0], answer[1]["error"]["code"]


# --- payments ---

def test_pays_captures_refunds(shop):
    order = shop.order()
    status, payment = shop.pay(order)
    assert status == 201 and payment["state"] == "AUTHORISED" and payment["token"].startswith("tok_")
    assert payment["masked"] == "411111******1111" and payment["auth_code"] == "123456"
    assert shop.server.call("GET", f"/v1/orders/{order}")[1]["state"] == "PAID"
    path = f"/v1/payments/{payment['id']}"
    assert code(shop.server.call("POST", path + "/refund", key=shop.key["merchant"])) == (409, "wrong_state")
    for _ in range(2):  # the second time it is the first one's answer
        status, after = shop.server.call("POST", path + "/capture", key=shop.key["merchant"])
        assert status == 200 and after["state"] == "CAPTURED"
    assert code(shop.server.call("POST", path + "/reverse", key=shop.key["merchant"])) == (409, "wrong_state")
    assert shop.server.call("POST", path + "/refund", key=shop.key["merchant"])[1]["state"] == "REFUNDED"
    assert sum(kind == peer.CAPTURE for kind, _ in shop.enclave.hear) == 1
    assert [r["event"] for r in verify_log(shop)] == ["start", "authorise", "outcome", "capture", "outcome", "refund",
                                                      "outcome"]


def test_reverses_and_order_is_open_again(shop):
    order = shop.order()
    payment = shop.pay(order)[1]["id"]
    assert code(shop.pay(order)) == (409, "order_taken")
    status, after = shop.server.call("POST", f"/v1/payments/{payment}/reverse", key=shop.key["operator"])
    assert status == 200 and after["state"] == "REVERSED"
    assert shop.gateway.charges(order) == []
    assert shop.pay(order)[1]["state"] == "AUTHORISED" and len(shop.gateway.charges(order)) == 1


def test_says_why_it_was_not_approved(shop):
    order = shop.order()
    status, payment = shop.pay(order, "decline")
    assert status == 201 and payment["state"] == "DECLINED" and payment["reason"] == "response 05"
    status, payment = shop.pay(order, "luhn")
    assert status == 201 and payment["state"] == "INVALID" and payment["reason"] == "number"
    assert shop.pay(order)[1]["state"] == "AUTHORISED"
    assert shop.server.call("GET", f"/v1/orders/{order}")[1]["state"] == "PAID"


def test_the_same_card_has_one_token_a_merchant(shop):
    tokens = {shop.pay(shop.order())[1]["token"] for _ in range(3)}
    assert len(tokens) == 1


def test_what_a_page_sees_has_no_token(shop):
    order = shop.order()
    status, payment = shop.server.call("POST", "/v1/payments", {"order": order, "sealed": peer.card("approve")},
                                       idempotency="abc")
    assert status == 201 and not {"token", "fpe_token", "auth_code", "merchant", "rrn"} & set(payment)
    assert shop.server.call("GET", f"/v1/payments/{payment['id']}")[1] == payment


# --- idempotency ---

def test_the_same_key_is_the_same_payment(shop):
    order = shop.order()
    first = shop.pay(order, key="k-1")
    again = shop.pay(order, key="k-1")
    assert first[0] == 201 and again[0] == 200 and first[1] == again[1]
    assert sum(kind == peer.AUTHORISE for kind, _ in shop.enclave.hear) == 1


def test_the_same_key_for_another_order_is_refused(shop):
    shop.pay(shop.order(), key="k-1")
    assert code(shop.pay(shop.order(99), key="k-1")) == (422, "key_reused")


def test_orders_have_keys_too(shop):
    body = {"amount": 5, "currency": "EUR", "reference": "A-17"}
    first = shop.server.call("POST", "/v1/orders", body, shop.key["merchant"], "o-1")
    again = shop.server.call("POST", "/v1/orders", body, shop.key["merchant"], "o-1")
    assert first[0] == 201 and again[0] == 200 and first[1] == again[1] and first[1]["reference"] == "A-17"
    body["amount"] = 6
    assert code(shop.server.call("POST", "/v1/orders", body, shop.key["merchant"], "o-1")) == (422, "key_reused")


def test_a_second_request_while_the_first_is_under_way(shop):
    shop.enclave.delay = 1
    order, answers = shop.order(), []
    thread = threading.Thread(target=lambda: answers.append(shop.pay(order, key="k")))
    thread.start()
    time.sleep(0.4)
    status, text, headers = shop.server.http("POST", "/v1/payments",
                                             json.dumps({"order": order, "sealed": peer.card("approve")}),
                                             headers={"Idempotency-Key": "k"})
    assert status == 409 and json.loads(text)["error"]["code"] == "in_progress" and headers["Retry-After"] == "1"
    assert code(shop.pay(order, key="other")) == (409, "order_taken")
    thread.join()
    assert answers[0][0] == 201 and len(shop.gateway.charges(order)) == 1


# --- refusals of the API ---

def test_refuses_what_is_not_an_order(shop):
    good = {"amount": 1, "currency": "EUR"}
    for change in ({"amount": 0}, {"amount": -1}, {"amount": 1.5}, {"amount": "1"}, {"amount": 10 ** 12}, {"amount": None},
                   {"currency": "USD"}, {"currency": 978}, {"reference": ""}, {"reference": "x" * 65}, {"reference": 5},
                   {"reference": "line\nbreak"}, {"pan": "4111111111111111"}):
        answer = shop.server.call("POST", "/v1/orders", dict(good, **change), shop.key["merchant"])
        assert code(answer) == (422, "invalid"), change
        assert "4111" not in json.dumps(answer[1])
    for text in ("{", "[]", '"x"', '{"amount":1,"amount":2}', "{} {}", '{"a":"\\ud800"}', "[" * 100, b"\xff"):
        status, answer, _ = shop.server.http("POST", "/v1/orders", text, shop.key["merchant"])
        assert status == 400 and json.loads(answer)["error"]["code"] == "bad_json", text
        assert answer.count(b"\n") == 1


def test_refuses_what_is_not_a_payment(shop):
    order = shop.order()
    for change in ({"order": "ord_x"}, {"order": order + "x"}, {"order": None}, {"sealed": "AAAA"}, {"sealed": "not base64"},
                   {"sealed": None}, {"pan": "4111111111111111"}, {"cvv": "123"}):
        body = dict({"order": order, "sealed": peer.card("approve")}, **change)
        assert code(shop.server.call("POST", "/v1/payments", body, idempotency="k")) == (422, "invalid"), change
    body = {"order": order, "sealed": peer.card("approve")}
    for key in (None, "a b", "x" * 65, "ü".encode().decode("latin-1"), "k:1"):
        assert code(shop.server.call("POST", "/v1/payments", body, idempotency=key)) == (400, "bad_idempotency_key"), key
    missing = "ord_" + "0" * 22
    assert code(shop.server.call("POST", "/v1/payments", dict(body, order=missing), idempotency="k")) == (404, "not_found")
    assert not any(kind == peer.AUTHORISE for kind, _ in shop.enclave.hear)


def test_refuses_paths_and_methods(shop):
    for method, path, want in (("GET", "/v1/nothing", 404), ("GET", "/", 404), ("DELETE", "/v1/orders", 405),
                               ("GET", "/v1/orders/ord_short", 404), ("GET", "/v1/orders/ord_" + "a" * 23, 404),
                               ("GET", "/v1/payments/ord_" + "a" * 22, 404), ("PUT", "/v1/payments", 405),
                               ("GET", "/v1/payments/pay_" + "a" * 22, 404), ("GET", "/v1/orders/../orders", 404)):
        status, text, _ = shop.server.http(method, path, key=shop.key["merchant"])
        assert status == want, (method, path, text)
        assert set(json.loads(text)["error"]) == {"code", "message"}
    for query in ("", "?nonce=ab", "?nonce=" + "zz" * 16, "?nonce=" + "ab" * 65, f"?nonce={'ab' * 16}&nonce={'cd' * 16}"):
        assert code(shop.server.call("GET", "/v1/attestation" + query)) == (422, "invalid"), query
    for query in ("?limit=0", "?limit=101", "?limit=-1", "?limit=x", "?after=ord_", "?after=pay_" + "." * 22):
        assert code(shop.server.call("GET", "/v1/payments" + query, key=shop.key["merchant"])) == (422, "invalid"), query


def test_too_large_a_body_is_refused(shop):
    status, text, _ = shop.server.http("POST", "/v1/orders", b" " * 70000, shop.key["merchant"])
    assert status == 413 and json.loads(text)["error"]["code"] == "too_large"


ROLES = {"merchant": {"POST /v1/orders", "GET /v1/orders", "GET /v1/payments"},
         "viewer": {"GET /v1/operator/payments", "GET /v1/operator/status", "GET /v1/audit/records", "GET /v1/audit/head",
                    "GET /metrics"}}
ROLES["operator"] = ROLES["viewer"] | {"POST /v1/operator/rotate"}
ROLES["custodian"] = ROLES["viewer"] | {"POST /v1/challenge", "POST /v1/export", "POST /v1/policy"}


def test_each_role_may_do_its_own_and_nothing_else(shop):
    everything = set().union(*ROLES.values())
    for call in sorted(everything):
        method, path = call.split()
        body = b"" if method == "POST" else None
        for key in (None, "rpk_" + "x" * 43, shop.key["viewer"][:-1], "nonsense"):
            status, text, headers = shop.server.http(method, path, body, key)
            assert status == 401 and headers["WWW-Authenticate"] == "Bearer", (call, key, text)
        for role, allowed in ROLES.items():
            status, text, _ = shop.server.http(method, path, body, shop.key[role])
            assert (status == 403) == (call not in allowed), (role, call, text)
            assert status != 401


def test_a_merchant_has_nothing_of_another(shop):
    other = shop.server.run("--add-merchant", "other")
    key = shop.server.run("--add-key", "merchant", "--name", "till", "--merchant", other)
    payment = shop.pay(shop.order())[1]["id"]
    assert code(shop.server.call("POST", f"/v1/payments/{payment}/capture", key=key)) == (404, "not_found")
    assert shop.server.call("GET", "/v1/payments", key=key) == (200, {"payments": []})
    assert shop.server.call("GET", "/v1/orders", key=key) == (200, {"orders": []})
    assert "token" not in shop.server.call("GET", f"/v1/payments/{payment}", key=key)[1]


def test_lists_come_in_pages(shop):
    made = [shop.pay(shop.order())[1]["id"] for _ in range(5)]
    for path, key in (("/v1/payments", "merchant"), ("/v1/operator/payments", "viewer")):
        seen, after = [], ""
        while after is not None:
            answer = shop.server.call("GET", f"{path}?limit=2{after and '&after=' + after}", key=shop.key[key])[1]
            seen += [p["id"] for p in answer["payments"]]
            after = answer.get("next")
        assert seen == made[::-1]
    assert len(shop.server.call("GET", "/v1/orders?limit=5", key=shop.key["merchant"])[1]["orders"]) == 5


# --- keys, custodians, the log ---

def test_rotates_and_seals_cards_anew(shop):
    payment = shop.pay(shop.order())[1]
    assert shop.server.call("POST", "/v1/operator/rotate", key=shop.key["operator"]) == (200, {"version": 2})
    end = time.time() + SLOW
    while not any(kind == peer.REWRAP for kind, _ in shop.enclave.hear):
        assert time.time() < end
        time.sleep(0.1)
    rewrap = [fields for kind, fields in shop.enclave.hear if kind == peer.REWRAP][0]
    assert rewrap["token"] == payment["token"] and rewrap["vault"] == b"sealed approve"
    time.sleep(1.5)
    assert sum(kind == peer.REWRAP for kind, _ in shop.enclave.hear) == 1
    request = cbor2.dumps(["redoubt-payments export v1", b"n" * 32, shop.merchant, payment["token"], b"\4" * 65, "audit"])
    signature = {"custodian": "a", "signature": base64.b64encode(b"s" * 64).decode()}
    body = {"request": base64.b64encode(request).decode(), "signatures": [signature, dict(signature, custodian="b")]}
    status, answer = shop.server.call("POST", "/v1/export", body, shop.key["custodian"])
    assert status == 200 and base64.b64decode(answer["sealed"]) == b"for you: anew sealed approve"


def test_custodians(shop):
    assert shop.server.call("POST", "/v1/challenge", key=shop.key["custodian"]) == (200, {"nonce": (b"n" * 32).hex()})
    signature = {"custodian": "a", "signature": base64.b64encode(b"s" * 64).decode()}
    request = base64.b64encode(b"a policy").decode()
    one = {"request": request, "signatures": [signature]}
    assert code(shop.server.call("POST", "/v1/policy", one, shop.key["custodian"])) == (403, "signatures")
    two = {"request": request, "signatures": [signature, dict(signature, custodian="b")]}
    assert shop.server.call("POST", "/v1/policy", two, shop.key["custodian"]) == (200, {"version": 2})
    assert shop.server.call("GET", "/v1/operator/status", key=shop.key["viewer"])[1]["enclave"]["policy_version"] == 2
    shop.enclave.die()
    shop.boot()
    shop.server.ready()
    assert shop.enclave.starts[0]["policy"] == b"sealed policy"
    for body in ({}, {"request": ""}, {"request": request}, {"request": request, "signatures": []},
                 {"request": request, "signatures": [signature] * 5}, {"request": request, "signatures": [5]},
                 {"request": request, "signatures": [dict(signature, signature="AAAA")]},
                 {"request": request, "signatures": [dict(signature, more=1)]}, dict(two, more=1)):
        assert code(shop.server.call("POST", "/v1/policy", body, shop.key["custodian"])) == (422, "invalid"), body
    assert code(shop.server.call("POST", "/v1/export", two, shop.key["custodian"])) == (404, "not_found")


def test_the_log_is_given_as_it_was_signed(shop):
    shop.pay(shop.order())
    status, head = shop.server.call("GET", "/v1/audit/head", key=shop.key["viewer"])
    assert status == 200 and base64.b64decode(head["head"]) == shop.enclave.log.head and head["size"] == 3
    first = shop.server.call("GET", "/v1/audit/records?limit=2", key=shop.key["viewer"])[1]
    rest = shop.server.call("GET", "/v1/audit/records?from=2", key=shop.key["viewer"])[1]
    assert first["next"] == 2 and "next" not in rest
    log = peer.Log(shop.keys.log_key)
    for record in first["records"] + rest["records"]:
        log.append(record.encode())
    assert log.root() == shop.enclave.log.root()


def test_an_altered_record_is_found_in_the_exported_log(shop):
    shop.pay(shop.order())
    verify_log(shop)
    file = shop.where / "log" / ("log-" + "0" * 19)
    file.write_bytes(file.read_bytes().replace(b'"event": "authorise"', b'"event": "authoriSe"'))
    done = subprocess.run([REDOUBT, "audit", "verify", str(shop.where / "log")], capture_output=True, timeout=60, check=False)
    assert done.returncode == 18
    again = shop.server.run("--export-log", str(shop.where / "log"), check=False)
    assert again.returncode == 1 and "cannot make" in again.stderr


# --- an enclave that goes away ---

def die_at(point):
    """A handler that lets the enclave die at a point of a payment."""
    def run(enclave, number, fields):
        if point == "heard":
            enclave.die()
            return
        token = enclave.intend(number, fields, "approve")
        if point == "recorded":
            enclave.die()
            return
        enclave.gateway.authorise(fields["order"], fields["payment"], peer.AUTHORISED)
        enclave.die()
    return run


@pytest.mark.parametrize("point", ["heard", "recorded", "charged"])
@pytest.mark.parametrize("retried", [True, False])
def test_the_enclave_dies(request, point, retried):
    shop = request.getfixturevalue("shop" if retried else "hasty")
    order = shop.order()
    shop.enclave.script["approve"] = die_at(point)
    assert code(shop.pay(order, key="k")) == (503, "unavailable")
    shop.boot()
    shop.server.ready()
    payment = shop.server.call("GET", f"/v1/orders/{order}")[1]["payment"]
    if retried:
        assert shop.state(payment) == "AUTHORISING"
        status, after = shop.pay(order, key="k")
        assert status == 201 and after["id"] == payment and after["state"] == "AUTHORISED"
        assert shop.gateway.charges(order) == ["k"]
    else:
        shop.until(payment, "FAILED")
        assert shop.gateway.charges(order) == []
        status, after = shop.pay(order, key="k")
        assert status == 200 and after["state"] == "FAILED"
        assert shop.pay(order, key="k-2")[1]["state"] == "AUTHORISED" and shop.gateway.charges(order) == ["k-2"]
    verify_log(shop)


@pytest.mark.parametrize("name,state", [("capture", "CAPTURED"), ("reverse", "REVERSED")])
def test_the_enclave_dies_in_what_follows(shop, name, state):
    order = shop.order()
    payment = shop.pay(order)[1]["id"]
    shop.enclave.script[name] = lambda enclave, number, fields: enclave.die()
    answer = shop.server.call("POST", f"/v1/payments/{payment}/{name}", key=shop.key["merchant"])
    assert code(answer) == (503, "unavailable")
    first = shop.enclave.hear[-1][1]["operation"]
    shop.boot()
    shop.until(payment, state)
    again = [fields["operation"] for kind, fields in shop.enclave.hear if kind in (peer.CAPTURE, peer.REVERSE)]
    assert again == [first]


def test_a_request_waits_for_an_enclave_that_comes_back(shop):
    order = shop.order()
    shop.enclave.die()
    answers = []
    thread = threading.Thread(target=lambda: answers.append(shop.pay(order)))
    thread.start()
    time.sleep(1)
    shop.boot()
    thread.join()
    assert answers[0][0] == 201 and answers[0][1]["state"] == "AUTHORISED"


def test_says_so_when_no_enclave_serves(shop):
    shop.enclave.die()
    end = time.time() + SLOW
    while shop.server.http("GET", "/healthz")[0] != 503:
        assert time.time() < end
        time.sleep(0.05)
    assert code(shop.server.call("GET", "/v1/attestation?nonce=" + "ab" * 16)) == (503, "unavailable")


def test_sealed_to_another_enclaves_key(shop):
    order = shop.order()
    shop.enclave.script["old key"] = lambda enclave, number, fields: enclave.answer(
        peer.ERROR, number, {"code": peer.E_CHANNEL, "text": "not for this key"}, event="refused")
    assert code(shop.pay(order, "old key", "k")) == (409, "sealed_to_other_key")
    status, payment = shop.pay(order, "approve", "k")
    assert status == 201 and payment["state"] == "AUTHORISED"
    assert "refused" in [r["event"] for r in verify_log(shop)]


def test_another_card_under_the_same_key_charges_nobody(shop):
    """The first card's charge is not forgotten because a second card was bad."""
    order = shop.order()
    shop.enclave.script["approve"] = die_at("charged")
    assert code(shop.pay(order, key="k")) == (503, "unavailable")
    shop.boot()
    shop.server.ready()
    assert shop.gateway.charges(order) == ["k"]
    assert code(shop.pay(order, "luhn", "k")) == (409, "other_card")
    payment = shop.server.call("GET", f"/v1/orders/{order}")[1]["payment"]
    shop.until(payment, "FAILED")
    assert shop.gateway.charges(order) == []


def test_the_gateway_gave_no_answer(hasty):
    shop = hasty
    order = shop.order()

    def lost(enclave, number, fields):
        enclave.intend(number, fields, "lost")
        enclave.gateway.authorise(fields["order"], fields["payment"], peer.AUTHORISED)
        enclave.answer(peer.ERROR, number, {"code": peer.E_GATEWAY, "text": "no answer"}, event="lost")
    shop.enclave.script["lost"] = lost
    assert code(shop.pay(order, "lost", "k")) == (502, "gateway")
    payment = shop.server.call("GET", f"/v1/orders/{order}")[1]["payment"]
    shop.until(payment, "FAILED")
    assert shop.gateway.charges(order) == []


# --- an enclave that lies, or is none ---

def lie(body):
    def run(enclave, number, fields):
        enclave.send_raw(body(enclave, number, fields))
    return run


LIES = {
    "garbage": lambda e, n, f: b"\xff\xff\xff",
    "no array": lambda e, n, f: cbor2.dumps({"type": 34}),
    "unknown type": lambda e, n, f: cbor2.dumps([99, n, {}]),
    "a question of ours": lambda e, n, f: cbor2.dumps([peer.AUTHORISE, n, {}]),
    "unknown field": lambda e, n, f: cbor2.dumps([peer.ATTESTED, n, {"document": b"x", "pan": "4111111111111111"}]),
    "missing field": lambda e, n, f: cbor2.dumps([peer.RESULT, n, {"state": 1}]),
    "another question's answer": lambda e, n, f: cbor2.dumps([peer.ATTESTED, n, {"document": b"x"}]),
    "an answer to nothing": lambda e, n, f: cbor2.dumps([peer.ATTESTED, n + 1000, {"document": b"x"}]),
    "a second STARTED": lambda e, n, f: cbor2.dumps(
        [peer.STARTED, n, {"size": 1, "head": b"h" * 152, "log_id": b"i" * 32, "log_key": b"k", "image_version": 1,
                           "policy_version": 1}]),
    "impossible state": lambda e, n, f: cbor2.dumps([peer.RESULT, n, dict(e.logged(event="x"), state=99)]),
    "a record that is not the next": lambda e, n, f: cbor2.dumps(
        [peer.RECORD, 1, dict(e.logged(event="x"), index=e.log.size + 5)]),
    "a record under another head": lambda e, n, f: cbor2.dumps(
        [peer.RECORD, 1, dict(e.logged(event="x"), record=b'{"event": "y"}')]),
    "a head that is not signed": lambda e, n, f: cbor2.dumps(
        [peer.RECORD, 1, dict((l := e.logged(event="x")), head=l["head"][:-1] + bytes([l["head"][-1] ^ 1]))]),
    "a proof that there is not": lambda e, n, f: cbor2.dumps([peer.PROOF, 1, {"old_size": 500, "size": 1000}]),
    "a key that is there": lambda e, n, f: cbor2.dumps([peer.NEW_KEY, 1, {"purpose": 1, "version": 1, "wrapped": b"x"}]),
}


@pytest.mark.parametrize("name", LIES)
def test_the_link_ends_when_the_enclave_lies(shop, name):
    order = shop.order()
    before = shop.server.call("GET", "/v1/audit/head", key=shop.key["viewer"])[1]["size"]
    shop.enclave.script["lie"] = lie(LIES[name])
    assert code(shop.pay(order, "lie", "k")) == (503, "unavailable")
    assert shop.server.call("GET", "/v1/audit/head", key=shop.key["viewer"])[1]["size"] <= before + 1
    shop.enclave.die()
    shop.boot()
    shop.server.ready()
    assert shop.pay(order, "approve", "k")[1]["state"] == "AUTHORISED"
    verify_log(shop)


@pytest.mark.parametrize("header", [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\1\0\1"])
def test_an_impossible_length_ends_the_link(shop, header):
    shop.enclave.script["lie"] = lambda enclave, number, fields: enclave.connection.sendall(header)
    assert code(shop.pay(shop.order(), "lie")) == (503, "unavailable")


@pytest.mark.parametrize("restarted", [False, True])
def test_another_log_key_is_refused(shop, restarted):
    shop.pay(shop.order())
    shop.enclave.die()
    if restarted:
        shop.server.stop()
        shop.server.start()
    stranger = peer.Enclave(shop.server.sockets[0], shop.gateway, peer.Secrets())
    end = time.time() + SLOW
    while len(stranger.starts) < 2:
        assert time.time() < end
        time.sleep(0.05)
    assert shop.server.http("GET", "/healthz")[0] == 503
    stranger.die()
    shop.boot()
    shop.server.ready()
    assert shop.pay(shop.order())[0] == 201
    verify_log(shop)


def test_a_start_that_fails_is_tried_again(shop):
    shop.enclave.die()
    enclave = shop.boot()
    tries = []

    def refuse(enclave, number, _fields):
        tries.append(time.time())
        enclave.send(peer.ERROR, number, {"code": 7, "text": "KMS says no"})
    enclave.script["start"] = refuse
    time.sleep(2.5)
    assert 2 <= len(tries) <= 12 and shop.server.http("GET", "/healthz")[0] == 503
    assert "KMS says no" in shop.server.errors.read_text()
    del enclave.script["start"]
    shop.server.ready()


# --- a better enclave takes over ---

def test_an_upgrade_loses_nothing(shop):
    new = shop.where / "new.sock"
    shop.server.sockets.insert(0, new)
    shop.server.write()
    shop.server.process.send_signal(signal.SIGHUP)
    results, stop = [], threading.Event()

    def customer():
        while not stop.is_set():
            results.append(shop.pay(shop.order()))
    customers = [threading.Thread(target=customer) for _ in range(4)]
    for thread in customers:
        thread.start()
    time.sleep(0.5)
    newer = peer.Enclave(new, shop.gateway, shop.keys, version=2)
    end = time.time() + SLOW
    while shop.server.call("GET", "/v1/operator/status", key=shop.key["viewer"])[1]["enclave"].get("image_version") != 2:
        assert time.time() < end
        time.sleep(0.02)
    time.sleep(0.5)
    stop.set()
    for thread in customers:
        thread.join()
    assert {(status, payment["state"]) for status, payment in results} == {(201, "AUTHORISED")}
    versions = [r["version"] for r in verify_log(shop)]
    assert versions == sorted(versions) and set(versions) == {1, 2} and len(shop.enclave.starts) == 1
    assert newer.prepared == 1
    newer.die()


def test_an_upgrade_that_fails_leaves_the_old_one(shop):
    new = shop.where / "new.sock"
    shop.server.sockets.insert(0, new)
    shop.server.write()
    shop.server.process.send_signal(signal.SIGHUP)
    newer, tries = peer.Enclave(new, shop.gateway, shop.keys, version=2), []

    def refuse(enclave, number, _fields):
        tries.append(1)
        enclave.send(peer.ERROR, number, {"code": 7, "text": "KMS does not know this image"})
    newer.script["start"] = refuse
    end = time.time() + SLOW
    while not tries:
        assert time.time() < end and shop.pay(shop.order())[1]["state"] == "AUTHORISED"
    for _ in range(50):
        assert shop.pay(shop.order())[1]["state"] == "AUTHORISED"
    assert len(tries) == 1 and len(shop.enclave.starts) == 1, "who serves was interrupted"
    newer.die()


# --- clients and servers that go away ---

def test_a_client_that_goes_away_finds_its_payment(shop):
    shop.enclave.delay = 0.5
    order = shop.order()
    body = json.dumps({"order": order, "sealed": peer.card("approve")}).encode()
    with socket.create_connection(("127.0.0.1", shop.server.port)) as s:
        s.sendall(b"POST /v1/payments HTTP/1.1\r\nHost: x\r\nIdempotency-Key: k\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        time.sleep(0.2)
    payment = shop.server.call("GET", f"/v1/orders/{order}")[1]["payment"]
    shop.until(payment, "AUTHORISED")
    status, after = shop.pay(order, key="k")
    assert status == 200 and after["id"] == payment and shop.gateway.charges(order) == ["k"]


def test_a_stop_waits_for_what_is_under_way(shop):
    shop.enclave.delay = 1
    order, answers = shop.order(), []
    thread = threading.Thread(target=lambda: answers.append(shop.pay(order)))
    thread.start()
    time.sleep(0.4)
    shop.server.stop()
    thread.join()
    assert answers[0][0] == 201 and answers[0][1]["state"] == "AUTHORISED"
    assert "stopping" in shop.server.errors.read_text()


def test_a_stop_does_not_wait_for_an_enclave_that_never_answers(shop):
    shop.enclave.script["silence"] = lambda enclave, number, fields: None
    answers = []
    thread = threading.Thread(target=lambda: answers.append(shop.pay(shop.order(), "silence")))
    thread.start()
    time.sleep(0.4)
    begun = time.time()
    shop.server.stop()
    thread.join()
    assert code(answers[0]) == (503, "unavailable") and 5 < time.time() - begun < 25


# --- the server dies ---

def test_one_server_a_folder(shop):
    again = shop.server.run(check=False)
    assert again.returncode == 3 and "another payments-server runs" in again.stderr


def test_kill_9_at_any_time(shop):
    """Customers who ask again until they hear; the server and the enclave are killed meanwhile."""
    payments, stop, results = 60, threading.Event(), {}
    luck = random.Random(7)
    shop.enclave.delay = 0.01

    def customer(names):
        for name in names:
            order = None
            while name not in results and not stop.is_set():
                try:
                    if order is None:
                        status, body = shop.server.call("POST", "/v1/orders", {"amount": 100, "currency": "EUR"},
                                                        shop.key["merchant"], name)
                        order = body["id"] if status in (200, 201) else None
                        continue
                    status, body = shop.pay(order, key=name)
                    if status in (200, 201) and body["state"] != "REVERSING":
                        results[name] = (order, body["state"])
                    time.sleep(0.02)
                except OSError:
                    time.sleep(0.05)
                except ValueError:
                    time.sleep(0.05)
    names = [f"c-{i}" for i in range(payments)]
    customers = [threading.Thread(target=customer, args=(names[i::6],)) for i in range(6)]
    for thread in customers:
        thread.start()
    end = time.time() + 150
    kills = 0
    while any(thread.is_alive() for thread in customers):
        assert time.time() < end, (len(results), shop.server.errors.read_text()[-2000:])
        time.sleep(luck.uniform(0.05, 0.4))
        if kills >= 20:
            continue
        kills += 1
        if luck.random() < 0.5:
            shop.server.kill()
            shop.server.start()
        else:
            shop.enclave.die()
            shop.boot().delay = 0.01
    shop.server.ready()
    assert len(results) == payments
    for order, state in results.values():
        assert state in ("AUTHORISED", "FAILED")
        assert len(shop.gateway.charges(order)) == (1 if state == "AUTHORISED" else 0)
        shown = shop.server.call("GET", f"/v1/orders/{order}")[1]
        assert shown["state"] == ("PAID" if state == "AUTHORISED" else "OPEN")
    listed, after = [], ""
    while after is not None:
        page = shop.server.call("GET", f"/v1/payments?limit=100{after and '&after=' + after}", key=shop.key["merchant"])[1]
        listed += page["payments"]
        after = page.get("next")
    assert len(listed) == payments
    verify_log(shop)


# --- pages, origins, the command line ---

def test_pages_and_origins(tmp_path_factory):
    where = tmp_path_factory.mktemp("s")
    pages = where / "pages"
    (pages / "js").mkdir(parents=True)
    (pages / "index.html").write_text("<!doctype html>hello")
    (pages / "js" / "a.js").write_text("export {}")
    (pages / ".hidden.html").write_text("x")
    (pages / "secret.key").write_text("x")
    (pages / "out.html").symlink_to("/etc/passwd")
    shop = peer.Shop(where, pages="pages", page_origin="https://shop.example").open()
    try:
        for path, kind, text in (("/", "text/html; charset=utf-8", b"hello"), ("/index.html?x=1", "text/html; charset=utf-8", b"hello"),
                                 ("/js/a.js", "text/javascript; charset=utf-8", b"export")):
            status, body, headers = shop.server.http("GET", path)
            assert status == 200 and headers["Content-Type"] == kind and text in body
            assert "default-src 'none'" in headers["Content-Security-Policy"] and headers["X-Content-Type-Options"] == "nosniff"
        for path in ("/.hidden.html", "/secret.key", "/../server.yaml", "/js/../../server.yaml", "/js/%2e%2e/index.html", "/out.html",
                     "/js", "/js/", "//index.html", "/none.html", "/server.yaml"):
            assert shop.server.http("GET", path)[0] == 404, path
        status, _, headers = shop.server.http("GET", "/v1/attestation?nonce=" + "ab" * 16,
                                              headers={"Origin": "https://shop.example"})
        assert status == 200 and headers["Access-Control-Allow-Origin"] == "https://shop.example"
        for origin in ("https://evil.example", "https://shop.example.evil.example", "null", "https://shop.example/"):
            _, _, headers = shop.server.http("GET", "/v1/attestation?nonce=" + "ab" * 16, headers={"Origin": origin})
            assert headers["Access-Control-Allow-Origin"] is None
        status, _, headers = shop.server.http("OPTIONS", "/v1/payments", headers={
            "Origin": "https://shop.example", "Access-Control-Request-Method": "POST"})
        assert status == 204 and "Idempotency-Key" in headers["Access-Control-Allow-Headers"]
    finally:
        shop.close()


def test_tls_and_another_certificate(tmp_path_factory):
    where = tmp_path_factory.mktemp("s")

    def certificate():
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3",
                        "-subj", "/CN=shop", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "tls.key", "-out", "tls.pem"],
                       cwd=where, check=True, capture_output=True, timeout=60)

    def healthz():
        context = ssl.create_default_context(cafile=where / "tls.pem")
        connection = http.client.HTTPSConnection("127.0.0.1", server.port, timeout=60, context=context)
        connection.request("GET", "/healthz")
        return connection.getresponse().status
    certificate()
    server = peer.Server(where, tls_certificate="tls.pem", tls_key="tls.key").start()
    assert healthz() == 503
    certificate()
    with pytest.raises(ssl.SSLError):
        healthz()
    server.process.send_signal(signal.SIGHUP)
    end = time.time() + SLOW
    while "are reloaded" not in server.errors.read_text():
        assert time.time() < end
        time.sleep(0.05)
    assert healthz() == 503
    (where / "tls.key").write_text("no key")
    server.process.send_signal(signal.SIGHUP)
    while "not reloaded" not in server.errors.read_text():
        assert time.time() < end
        time.sleep(0.05)
    assert healthz() == 503
    server.stop()


def test_the_command_line_refuses(tmp_path_factory):
    server = peer.Server(tmp_path_factory.mktemp("s"))
    for args, text in ((["--add-key", "king", "--name", "x"], "not a role"), (["--add-key", "viewer"], "not a name"),
                       (["--add-key", "merchant", "--name", "x"], "--merchant ID"),
                       (["--add-key", "viewer", "--name", "x", "--merchant", "mer_x"], "--merchant ID"),
                       (["--add-key", "merchant", "--name", "x", "--merchant", "mer_x"], "not found"),
                       (["--add-merchant", ""], "not a name"), (["--add-merchant", "a:b"], "not a name"),
                       (["--export-log", str(server.where / "l")], "no record yet"),
                       (["--export-log", str(server.where / "no" / "l")], "cannot make")):
        done = server.run(*args, check=False)
        assert done.returncode == 1 and text in done.stderr and done.stderr.count("\n") == 1, (args, done.stderr)
    assert not (server.where / "l").exists()
    server.run("--add-merchant", "shop")
    assert "exists" in server.run("--add-merchant", "shop", check=False).stderr
    assert server.run("surplus", check=False).returncode == 64
    assert "enclaves:" in server.run("--check-config")


@pytest.mark.parametrize("line,text", [
    ("listen: 0.0.0.0:80", "needs TLS"), ("listen: here", "not an address"), ("database: mysql://x", "sqlite:PATH"),
    ("enclaves: tcp:1", "unix:PATH"), ("enclaves: vsock:2", "unix:PATH"), ("credentials: mine", "environment"),
    ("page_origin: shop.example", "origin"), ("max_in_flight: 257", "256"), ("authorise_deadline_s: 1", "2"),
    ("nothing: 1", "nothing"), ("tls_key: x", "belong together"), ("workers: 0", "1")])
def test_the_configuration_is_read_strictly(tmp_path_factory, line, text):
    where = tmp_path_factory.mktemp("s")
    (where / "c.yaml").write_text(line + "\n")
    done = subprocess.run([peer.SERVER, "--config", str(where / "c.yaml")], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 78 and text in done.stderr and done.stderr.count("\n") == 1, done.stderr


# --- credentials ---

def serve_imds(answers, seen):
    listener = socket.create_server(("127.0.0.1", 0))

    def run():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                head = connection.recv(4096).decode()
                seen.append(head)
                body = next((text for path, text in answers.items() if head.split(" ")[1] == path), None)
                status = "200 OK" if body is not None else "404 Not Found"
                body = (body or "").encode()
                connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    threading.Thread(target=run, daemon=True).start()
    return listener


def test_credentials_of_the_instances_role(tmp_path_factory):
    role = "/latest/meta-data/iam/security-credentials/"
    seen = []
    listener = serve_imds({"/latest/api/token": "tok==", role: "payments", role + "payments": json.dumps(
        {"Code": "Success", "AccessKeyId": "ASIAX", "SecretAccessKey": "s/x+", "Token": "t" * 900})}, seen)
    shop = peer.Shop(tmp_path_factory.mktemp("s"), credentials="imds", imds=f'"127.0.0.1:{listener.getsockname()[1]}"').open()
    try:
        start = shop.enclave.starts[0]
        assert (start["access_key_id"], start["secret_access_key"], start["session_token"]) == ("ASIAX", "s/x+", "t" * 900)
        assert seen[0].startswith("PUT ") and all("X-aws-ec2-metadata-token: tok==" in head for head in seen[1:3])
    finally:
        shop.close()
        listener.close()


def test_credentials_of_a_file(tmp_path_factory):
    where = tmp_path_factory.mktemp("s")
    file = where / "credentials.json"
    shop = peer.Shop(where, credentials="file:credentials.json")
    shop.boot()
    shop.server.start()
    for text in ("", "{", '{"AccessKeyId": "A"}', '{"AccessKeyId": "A", "SecretAccessKey": "with blank"}'):
        file.write_text(text)
        time.sleep(0.3)
        assert shop.server.http("GET", "/healthz")[0] == 503
    file.write_text(json.dumps({"Credentials": {"AccessKeyId": "A", "SecretAccessKey": "S", "SessionToken": "T"}}))
    shop.server.ready()
    assert shop.enclave.starts[0]["session_token"] == "T"
    shop.close()
