# SPDX-License-Identifier: Apache-2.0
"""payments-enclave as its server sees it: payments through a real gateway under keys of a real key server, and what the
server cannot make it do."""

import hashlib
import json
import os
import re
import struct
import time

import cbor2
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from payments_enclave import World
from payments_peer import TYPES, Closed, Peer, Refused, Shop, Store, card_plaintext, hpke_seal, path_of_last, payload_of, peaks_of

VISA = "4111111111111111"
AMEX = "378282246310005"
MASTERCARD = "5555555555554444"
MAESTRO_SHORT = "4222222222222"  # 13 digits: no format-preserving token


@pytest.fixture(name="world", scope="module")
def world_fixture():
    world = World()
    yield world
    world.close()


@pytest.fixture(name="peer")
def peer_fixture(world):
    with world.server() as peer:
        yield peer


@pytest.fixture(name="shop", scope="module")
def shop_fixture():
    return Shop()


@pytest.fixture(name="payment")
def payment_fixture():
    return "pay_" + os.urandom(8).hex()


def refused(code, peer, name, **fields):
    with pytest.raises(Refused) as info:
        peer.ask(name, **fields)
    assert info.value.code == code, info.value
    return info.value


def charges(world, rrn):
    """What the gateway's books say of an RRN: how often it is there, not reversed, approved."""
    return len([o for o in world.operations() if o["rrn"] == rrn])


# documents and cards


def test_the_document_names_the_channels_key_the_nonce_and_the_log(world, peer):
    nonce = os.urandom(32)
    payload = payload_of(peer.ask("ATTEST", nonce=nonce)["document"])
    assert payload["nonce"] == nonce and len(payload["public_key"]) == 65 and payload["public_key"][0] == 4
    assert cbor2.loads(payload["user_data"]) == {"app": "redoubt-payments", "version": 7, "log": world.store.head[8:40]}


def test_a_payment_is_authorised_and_all_of_it_is_masked(world, peer, shop, payment):
    result = peer.ask("AUTHORISE", **shop.authorise(peer.channel(), payment))
    assert result["state"] == "AUTHORISED" and result["response"] == "00", result
    assert re.fullmatch("[0-9A-Z]{12}", result["rrn"]) and re.fullmatch("tok_[0-9A-Za-z]{22}", result["token"])
    assert result["masked"] == "411111******1111" and result["brand"] == "visa"
    assert result["fpe"][:6] + result["fpe"][-4:] == "4111111111" and result["fpe"] != VISA
    assert world.gateway.operation(result["rrn"])["amount"] == 1000
    asked, done = world.store.events()[-2:]
    assert (asked["stage"], done["stage"], done["outcome"]) == ("requested", "done", "authorised")
    assert asked["userIdentity"] == {"principalId": "merchant:shop-1"} and asked["sourceIPAddress"] == "127.0.0.1"
    assert asked["resources"] == done["resources"] == [{"merchant": "shop-1", "order": "ord_1", "payment": payment,
                                                        "token": result["token"], "masked": result["masked"]}]
    assert done["rrn"] == result["rrn"] and done["imageVersion"] == 7 and "errorCode" not in done
    for text in peer.seen + world.store.records + [world.log().encode()]:
        assert VISA.encode() not in text


def test_the_same_card_has_one_token_at_one_merchant(world, peer, shop, payment):
    channel = peer.channel()
    first, second = (peer.ask("AUTHORISE", **shop.authorise(channel, f"{payment}{i}")) for i in "ab")
    other = peer.ask("AUTHORISE", **Shop("shop-2").authorise(channel, f"{payment}c"))
    assert first["token"] == second["token"] and first["rrn"] != second["rrn"]
    assert other["token"] != first["token"] and other["fpe"] != first["fpe"]


def test_one_new_card_paid_with_many_times_at_once_gets_one_token(world, peer, shop, payment):
    channel, card = peer.channel(), card_plaintext(MASTERCARD)
    asked = [peer.begin("AUTHORISE", **shop.authorise(channel, f"{payment}{i}", card=card)) for i in range(8)]
    results = [peer.end(number) for number in asked]
    assert {r["state"] for r in results} == {"AUTHORISED"}
    assert len({r["token"] for r in results}) == 1 and len({r["rrn"] for r in results}) == 8


@pytest.mark.parametrize("card, reason", [
    (card_plaintext("4111111111111112"), "number"), (card_plaintext("9999999999999995"), "number"),
    (card_plaintext("41111111111111"), "number"), (card_plaintext(VISA, year=2020), "expiry"),
    (card_plaintext(VISA, year=2099), "expiry"), (card_plaintext(VISA, cvv="7373"), "cvv"),
    (card_plaintext(AMEX, cvv="737"), "cvv")])
def test_an_invalid_card_never_reaches_the_gateway(world, peer, shop, payment, card, reason):
    before = len(world.operations())
    result = peer.ask("AUTHORISE", **shop.authorise(peer.channel(), payment, card=card))
    assert (result["state"], result["reason"]) == ("INVALID", reason)
    assert "rrn" not in result and "token" not in result
    assert len(world.operations()) == before and world.store.events()[-1]["outcome"] == "invalid"
    assert world.store.events()[-1]["errorCode"] == "invalid"


def test_a_card_without_format_preserving_token_is_paid_with_all_the_same(peer, shop, payment):
    card = card_plaintext(MAESTRO_SHORT)
    result = peer.ask("AUTHORISE", **shop.authorise(peer.channel(), payment, card=card))
    assert result["state"] == "AUTHORISED" and "fpe" not in result


@pytest.mark.parametrize("amount, response", [(1005, "05"), (1014, "14"), (1051, "51"), (1054, "54"), (1091, "91")])
def test_a_declined_payment_says_so(peer, shop, payment, amount, response):
    result = peer.ask("AUTHORISE", **shop.authorise(peer.channel(), payment, amount))
    assert (result["state"], result["response"]) == ("DECLINED", response)


def test_the_policy_declines_before_anything_is_sent(world, peer, shop, payment):
    before = len(world.operations())
    result = peer.ask("AUTHORISE", **shop.authorise(peer.channel(), payment, 500001))
    assert (result["state"], result["reason"]) == ("DECLINED", "limit")
    fields = shop.authorise(peer.channel(), payment + "x", currency="USD")
    fields["sealed"] = hpke_seal(peer.channel(), b"redoubt-payments card v1",
                                 cbor2.dumps(["card", "ord_1", payment + "x", 1000, "USD"]), card_plaintext(VISA))
    result = peer.ask("AUTHORISE", **fields)
    assert (result["state"], result["reason"]) == ("DECLINED", "currency")
    assert len(world.operations()) == before


# the channel


def test_a_server_cannot_change_what_the_page_bound_to_the_card(world, peer, shop, payment):
    channel, before = peer.channel(), len(world.operations())
    for change in ({"amount": 1001}, {"order": "ord_2"}, {"payment": payment + "2"}, {"currency": "USD"}):
        refused("channel", peer, "AUTHORISE", **{**shop.authorise(channel, payment), **change})
    good = shop.authorise(channel, payment)
    for at in (0, 64, 65, 336):
        sealed = bytearray(good["sealed"])
        sealed[at] ^= 1
        refused("channel", peer, "AUTHORISE", **{**good, "sealed": bytes(sealed)})
    assert len(world.operations()) == before


def test_what_is_sealed_well_and_no_card_is_refused(peer, shop, payment):
    card = bytearray(card_plaintext(VISA))
    card[-1] = 1
    refused("card", peer, "AUTHORISE", **shop.authorise(peer.channel(), payment, card=bytes(card)))
    card[0] = 0xa4
    refused("card", peer, "AUTHORISE", **shop.authorise(peer.channel(), payment, card=bytes(card)))


def test_a_card_number_in_an_id_is_not_recorded(world, peer, shop):
    size = len(world.store.records)
    refused("policy", peer, "AUTHORISE", **shop.authorise(peer.channel(), VISA))
    refused("policy", peer, "AUTHORISE", **shop.authorise(peer.channel(), "p1", order=f"x-{AMEX}"))
    refused("policy", peer, "CAPTURE", **shop.follow("p1", "op", masked=VISA))
    assert len(world.store.records) == size


# the same question again


def test_a_payment_that_is_asked_for_again_is_the_same_payment(world, peer, shop, payment):
    first = peer.ask("AUTHORISE", **shop.authorise(peer.channel(), payment))
    again = peer.ask("AUTHORISE", **shop.authorise(peer.channel(), payment))
    assert (again["rrn"], again["approval"], again["state"]) == (first["rrn"], first["approval"], "AUTHORISED")
    assert charges(world, first["rrn"]) == 1


def test_a_sealed_card_that_is_replayed_is_the_same_payment_at_any_merchant(world, peer, shop, payment):
    fields = shop.authorise(peer.channel(), payment)
    first = peer.ask("AUTHORISE", **fields)
    again = peer.ask("AUTHORISE", **{**fields, "merchant": "shop-9"})
    # Another merchant is other content under the same reference: nobody is charged for it.
    assert (again["rrn"], again["state"], again["reason"]) == (first["rrn"], "DECLINED", "conflict"), again
    assert charges(world, first["rrn"]) == 1 and not world.gateway.operation(first["rrn"])["reversed"]


def test_another_card_under_the_same_payment_key_charges_neither(world, peer, shop, payment):
    first = peer.ask("AUTHORISE", **shop.authorise(peer.channel(), payment))
    again = peer.ask("AUTHORISE", **shop.authorise(peer.channel(), payment, card=card_plaintext(MASTERCARD)))
    assert (again["rrn"], again["state"], again["reason"]) == (first["rrn"], "REVERSED", "conflict")
    assert world.gateway.operation(first["rrn"])["reversed"]


def test_two_at_once_of_the_same_are_one(peer, shop, payment):
    channel = peer.channel()
    first = peer.begin("AUTHORISE", **shop.authorise(channel, payment, 1080))
    refused("busy", peer, "AUTHORISE", **shop.authorise(channel, payment, 1080))
    assert peer.end(first)["state"] == "REVERSED"


def test_a_capture_a_refund_and_a_reversal(world, peer, shop, payment):
    paid = peer.ask("AUTHORISE", **shop.authorise(peer.channel(), payment))
    captured = peer.ask("CAPTURE", **shop.follow(payment, "cap", token=paid["token"], masked=paid["masked"]))
    assert captured["state"] == "CAPTURED" and captured["rrn"] != paid["rrn"]
    again = peer.ask("CAPTURE", **shop.follow(payment, "cap"))
    assert (again["state"], again["rrn"]) == ("CAPTURED", captured["rrn"])
    second = peer.ask("CAPTURE", **shop.follow(payment, "cap2"))
    assert second["state"] == "DECLINED", "no more than was authorised"
    refunded = peer.ask("REFUND", **shop.follow(payment, "ref", 400))
    assert refunded["state"] == "REFUNDED"
    assert peer.ask("REFUND", **shop.follow(payment, "ref2", 700))["state"] == "DECLINED", "no more than was captured"
    events = [e["eventName"] for e in world.store.events()[-4:]]
    assert events == ["Refund"] * 4
    paid = peer.ask("AUTHORISE", **shop.authorise(peer.channel(), payment + "r"))
    for _ in range(2):
        undone = peer.ask("REVERSE", **shop.follow(payment + "r", "rev"))
        assert undone["state"] == "REVERSED" and undone["rrn"] == paid["rrn"]
    assert peer.ask("CAPTURE", **shop.follow(payment + "r", "cap"))["state"] == "DECLINED"


def test_a_payment_that_the_gateway_never_heard_of_can_be_reversed_and_then_never_happens(world, peer, shop, payment):
    undone = peer.ask("REVERSE", **shop.follow(payment, "rev"))
    assert undone["state"] == "REVERSED"
    late = peer.ask("AUTHORISE", **shop.authorise(peer.channel(), payment))
    assert late["state"] == "DECLINED" and late["rrn"] == undone["rrn"]


# the gateway's bad days


@pytest.mark.parametrize("amount", [1080, 1081, 1083, 1084, 1085])
def test_an_authorisation_of_which_nothing_is_heard_is_reversed(world, peer, shop, payment, amount):
    result = peer.ask("AUTHORISE", **shop.authorise(peer.channel(), payment, amount))
    assert (result["state"], result["reason"]) == ("REVERSED", "timeout")
    row = world.gateway.operation(result["rrn"])
    assert row["reversed"], row
    assert world.store.events()[-1]["outcome"] == "reversed"


def test_an_answer_that_comes_twice_counts_once(world, peer, shop, payment):
    result = peer.ask("AUTHORISE", **shop.authorise(peer.channel(), payment, 1082))
    assert result["state"] == "AUTHORISED"
    size = len(world.store.records)
    assert peer.ask("AUTHORISE", **shop.authorise(peer.channel(), payment + "n"))["state"] == "AUTHORISED"
    assert len(world.store.records) == size + 2


def test_an_outcome_that_the_gateway_does_not_know_is_reversed(peer, shop, payment):
    result = peer.ask("AUTHORISE", **shop.authorise(peer.channel(), payment, 1096))
    assert (result["state"], result["reason"]) == ("REVERSED", "unknown")


def test_slow_payments_hold_up_nobody(peer, shop, payment):
    channel = peer.channel()
    slow = [peer.begin("AUTHORISE", **shop.authorise(channel, f"{payment}s{i}", 1080)) for i in range(20)]
    began = time.monotonic()
    for i in range(5):
        assert peer.ask("AUTHORISE", **shop.authorise(channel, f"{payment}q{i}"))["state"] == "AUTHORISED"
    assert time.monotonic() - began < 1
    assert {peer.end(number)["state"] for number in slow} == {"REVERSED"}


def test_a_gateway_that_goes_and_comes_back_loses_no_payment(world, peer, shop, payment):
    channel = peer.channel()
    number = peer.begin("AUTHORISE", **shop.authorise(channel, payment, 1080))
    time.sleep(0.3)
    world.gateway.kill()
    time.sleep(0.3)
    assert refused("gateway", peer, "AUTHORISE", **shop.authorise(channel, payment + "d"))
    world.gateway.start()
    result = peer.end(number)
    assert result["state"] == "REVERSED"
    assert world.gateway.operation(result["rrn"])["reversed"]
    assert peer.ask("AUTHORISE", **shop.authorise(channel, payment + "e"))["state"] == "AUTHORISED"


# no record, no action


@pytest.mark.parametrize("question", ["LOOKUP", "RECORD"])
def test_without_the_servers_word_nothing_goes_to_the_gateway(world, shop, payment, question):
    before = len(world.operations())
    with world.server(hold=[question]) as peer:
        peer.begin("AUTHORISE", **shop.authorise(peer.channel(), payment))
        assert peer.held.get(timeout=10)[0] == question
        time.sleep(2.5)
        assert len(world.operations()) == before
    with world.server() as peer:
        assert peer.ask("AUTHORISE", **shop.authorise(peer.channel(), payment))["state"] == "AUTHORISED"


def test_a_record_that_is_acknowledged_for_less_than_its_size_ends_the_link(world, shop, payment):
    with world.server(hold=["RECORD"]) as peer:
        number = peer.begin("AUTHORISE", **shop.authorise(peer.channel(), payment))
        _, question, fields = peer.held.get(timeout=10)
        peer.send("RECORDED", question, {"size": fields["index"]})
        with pytest.raises(Refused) as info:
            peer.end(number)
        assert info.value.code == "link"


def test_every_answer_must_be_to_an_open_question(world):
    with world.server() as peer:
        peer.send("KEPT", 12345, {})
        peer.thread.join(10)
        assert peer.ended.code == "link"


# crashes


class Crash:
    """Kills the enclave at a step of an authorisation, and then the server asks again."""

    def __init__(self, world, shop, payment):
        self.world, self.shop, self.payment = world, shop, payment

    def until(self, question=None, commit=False, answer=False, amount=1000):
        with self.world.server(hold=[question] if question else []) as peer:
            number = peer.begin("AUTHORISE", **self.shop.authorise(peer.channel(), self.payment, amount))
            if question:
                name, held, fields = peer.held.get(timeout=10)
                if commit:
                    self.world.store.commit(fields)
                    self.world.store.cards.setdefault(("shop-1", fields.get("blind")), None)
                    if "vault" in fields:
                        self.world.store.cards[("shop-1", fields["blind"])] = (fields["token"], fields["vault"])
                    if self.world.store.cards[("shop-1", fields.get("blind"))] is None:
                        del self.world.store.cards[("shop-1", fields.get("blind"))]
                if answer:
                    peer.send("RECORDED", held, {"size": len(self.world.store.records)})
                    time.sleep(0.3)
                assert name == question
            else:
                peer.end(number)
            self.world.stop()
        self.world.spawn()

    def again(self, amount=1000):
        with self.world.server() as peer:
            return peer.ask("AUTHORISE", **self.shop.authorise(peer.channel(), self.payment, amount))


@pytest.mark.parametrize("step", [{"question": "LOOKUP"}, {"question": "RECORD"}, {"question": "RECORD", "commit": True},
                                  {"question": "RECORD", "commit": True, "answer": True}, {}],
                         ids=["looking", "recording", "recorded", "sent", "answered"])
def test_an_enclave_that_is_killed_at_any_step_charges_once(world, shop, payment, step):
    crash = Crash(world, shop, payment)
    crash.until(**step)
    result = crash.again()
    assert result["state"] == "AUTHORISED", result
    assert charges(world, result["rrn"]) == 1
    row = world.gateway.operation(result["rrn"])
    assert row["amount"] == 1000 and not row["reversed"]


def test_a_payment_that_was_under_way_in_a_crash_can_be_reversed_instead(world, shop, payment):
    Crash(world, shop, payment).until("RECORD", commit=True, answer=True, amount=1080)
    with world.server() as peer:
        result = peer.ask("REVERSE", **shop.follow(payment, "recovery", 1080))
    assert result["state"] == "REVERSED" and world.gateway.operation(result["rrn"])["reversed"]


def test_a_new_enclave_has_a_new_key_and_says_so(world, shop, payment):
    with world.server() as peer:
        old = peer.channel()
    world.restart()
    with world.server() as peer:
        assert peer.channel() != old
        refused("channel", peer, "AUTHORISE", **shop.authorise(old, payment))
        assert peer.ask("AUTHORISE", **shop.authorise(peer.channel(), payment))["state"] == "AUTHORISED"


# the log


def copy_of(store):
    other = Store()
    other.records, other.head, other.policy = list(store.records), store.head, store.policy
    other.keyring, other.cards = list(store.keyring), dict(store.cards)
    return other


def start_refused(world, code, store, **changes):
    with world.link(store=store) as peer:
        with pytest.raises(Refused) as info:
            peer.start(world.kms.admin, **changes)
    assert info.value.code == code, info.value
    return info.value


def pay_until_witnessed(world, shop, payment):
    with world.server() as peer:
        peer.ask("AUTHORISE", **shop.authorise(peer.channel(), payment))
        size = len(world.store.records)
        end = time.monotonic() + 15
        while max(w["size"] for w in world.gateway.report()["heads"]) < size - 1:
            assert time.monotonic() < end
            time.sleep(0.1)


def test_a_log_that_was_rolled_back_is_refused(world, shop, payment):
    with world.server() as peer:
        old = copy_of(world.store)
        peer.ask("AUTHORISE", **shop.authorise(peer.channel(), payment))
    # The same process remembers what was committed …
    assert "rolled back" in str(start_refused(world, "witness", copy_of(old)))
    pay_until_witnessed(world, shop, payment + "w")
    world.restart()
    # … and a new one has the gateway's word.
    assert "rollback" in str(start_refused(world, "witness", copy_of(old)))
    with world.server() as peer:
        assert peer.ask("AUTHORISE", **shop.authorise(peer.channel(), payment + "x"))["state"] == "AUTHORISED"


def test_a_log_that_was_forked_is_refused(world, shop, payment):
    with world.server() as peer:
        peer.ask("AUTHORISE", **shop.authorise(peer.channel(), payment))
    fork = copy_of(world.store)
    pay_until_witnessed(world, shop, payment + "a")
    # Another enclave of the same image, given the log as it was before: it may not even begin.
    world.restart()
    refusal = start_refused(world, "witness", fork)
    assert "rollback" in str(refusal) or "fork" in str(refusal)


def test_of_two_enclaves_on_two_branches_of_a_log_one_has_to_stop(fresh, shop):
    second = fresh.launch("second.sock")
    try:
        with fresh.server() as one:
            branch = copy_of(fresh.store)
            other = Peer(fresh.path("second.sock"), branch)
            other.start(fresh.kms.admin)
            ends = {}
            deadline = time.monotonic() + 30
            while not ends and time.monotonic() < deadline:
                for name, peer in (("one", one), ("other", other)):
                    try:
                        peer.ask("AUTHORISE", **shop.authorise(peer.channel(), f"{name}{time.monotonic_ns()}"))
                    except Refused as refusal:
                        # One that was under way when the gateway hung up is told that; the next one knows why.
                        if refusal.code != "gateway":
                            ends[name] = refusal
                time.sleep(0.2)
            assert ends and {r.code for r in ends.values()} == {"witness"}, ends
            other.close()
    finally:
        second.kill()
        second.wait(30)
        second.stdout.close()


def test_a_log_that_is_not_its_heads_is_refused(world):
    store = copy_of(world.store)
    store.records[0] = b'{"eventName":"Nothing"}'
    start_refused(world, "log", store)
    store = copy_of(world.store)
    head = bytearray(store.head)
    head[60] ^= 1
    start_refused(world, "log", store, head=bytes(head))
    start_refused(world, "log", store, size=len(store.records) + 1)
    start_refused(world, "log", store, peaks=peaks_of(store.leaves)[32:] or bytes(32))


def test_a_proof_that_proves_nothing_is_refused(world, shop, payment):
    with world.server() as peer:
        peer.ask("AUTHORISE", **shop.authorise(peer.channel(), payment))
    store = copy_of(world.store)
    other = Store()
    other.records, other.head, other.keyring = list(store.records), store.head, store.keyring
    world.restart()
    with world.link(hold=["PROOF"]) as peer:
        number = peer.begin("START", access_key_id=world.kms.admin.akid, secret_access_key=world.kms.admin.secret,
                            keyring=store.keyring, size=len(store.records), peaks=peaks_of(store.leaves), head=store.head,
                            last=store.records[-1], last_proof=path_of_last(store.leaves))
        name, question, fields = peer.held.get(timeout=30)
        assert name == "PROOF" and 0 < fields["old_size"] < fields["size"] == len(store.records)
        peer.send("PROVED", question, {"proof": bytes(64)})
        with pytest.raises(Refused) as info:
            peer.end(number)
        assert info.value.code == "witness"


def test_no_new_log_for_a_server_that_hides_its_keys(world):
    store = copy_of(world.store)
    store.keyring = [key for key in store.keyring if key[0] != 5]
    start_refused(world, "keys", store)


def test_a_key_is_not_good_for_another_purpose_or_version(world):
    store = copy_of(world.store)
    swap = {2: 4, 4: 2}  # "index" and "rrn"
    store.keyring = [[swap.get(purpose, purpose), *rest] for purpose, *rest in store.keyring]
    assert "InvalidCiphertext" in str(start_refused(world, "keys", store))
    store = copy_of(world.store)
    store.keyring = [[purpose, version + (purpose == 1), *rest] for purpose, version, *rest in store.keyring]
    start_refused(world, "keys", store)


def test_without_credentials_there_are_no_keys(world):
    world.restart()
    start_refused(world, "keys", copy_of(world.store), secret_access_key="wrong")


def test_an_enclave_that_prepares_opens_its_keys_and_does_nothing_else(world):
    world.restart()
    size = len(world.store.records)
    with world.link() as peer:
        with pytest.raises(Refused) as info:
            peer.start(world.kms.admin, prepare=1, secret_access_key="wrong")
        assert info.value.code == "keys"
        assert peer.start(world.kms.admin, prepare=1) == {}
        assert len(world.store.records) == size, "only who serves writes to the log"
        refused("not_started", peer, "ATTEST", nonce=os.urandom(32))
        # The key server is not asked again.
        assert peer.start(world.kms.admin, secret_access_key="wrong")["size"] == size + 1


# rotation


def test_a_new_key_is_made_while_payments_run_and_old_records_still_open(world, peer, shop, payment):
    channel = peer.channel()
    paid = peer.ask("AUTHORISE", **shop.authorise(channel, payment, card=card_plaintext("4000056655665556")))
    vault = next(v for t, v in world.store.cards.values() if t == paid["token"])
    asked = [peer.begin("AUTHORISE", **shop.authorise(channel, f"{payment}{i}")) for i in range(10)]
    rotated = peer.ask("ROTATE", who="operator:olga")
    assert {peer.end(number)["state"] for number in asked} == {"AUTHORISED"}
    assert rotated["version"] == max(v for p, v, *_ in world.store.keyring if p == 1) > 1
    again = peer.ask("REWRAP", merchant="shop-1", token=paid["token"], vault=vault)
    assert again["version"] == rotated["version"] and again["vault"] != vault
    assert peer.ask("REWRAP", merchant="shop-1", token=paid["token"], vault=again["vault"])["version"] == rotated["version"]
    assert [e["eventName"] for e in world.store.events()[-2:]] == ["Rewrap", "Rewrap"]
    new = peer.ask("AUTHORISE", **shop.authorise(channel, payment + "n", card=card_plaintext("5105105105105100")))
    vault = next(v for t, v in world.store.cards.values() if t == new["token"])
    assert struct.unpack(">I", vault[10:14])[0] == rotated["version"]


def test_a_rotation_whose_key_the_server_does_not_keep_seals_nothing(world, shop, payment):
    with world.server(hold=["NEW_KEY"]) as peer:
        peer.begin("ROTATE", who="operator:olga")
        peer.held.get(timeout=30)
        new = peer.ask("AUTHORISE", **shop.authorise(peer.channel(), payment, card=card_plaintext("2223003122003222")))
        vault = next(v for t, v in world.store.cards.values() if t == new["token"])
        assert struct.unpack(">I", vault[10:14])[0] == max(v for p, v, *_ in world.store.keyring if p == 1)


def test_a_sealed_record_of_something_else_is_refused(world, peer, shop, payment):
    paid = peer.ask("AUTHORISE", **shop.authorise(peer.channel(), payment, card=card_plaintext("4012888888881881")))
    vault = next(v for t, v in world.store.cards.values() if t == paid["token"])
    good = {"merchant": "shop-1", "token": paid["token"], "vault": vault}
    other = next(v for t, v in world.store.cards.values() if t != paid["token"])
    log_key = next(sealed for purpose, _, _, sealed in world.store.keyring if purpose == 5)
    assert peer.ask("REWRAP", **good)
    for change in ({"merchant": "shop-2"}, {"token": paid["token"][:-1] + "_"}, {"vault": other}, {"vault": log_key},
                   {"vault": vault[:13] + b"\x63" + vault[14:]}, {"vault": vault[:-1]}, {"vault": b"RDS1"},
                   {"vault": vault[:-1] + bytes([vault[-1] ^ 1])}):
        refused("sealed", peer, "REWRAP", **{**good, **change})


# dual control


class Export:
    def __init__(self, world, peer, shop, payment):
        self.world, self.peer = world, peer
        self.token = peer.ask("AUTHORISE", **shop.authorise(peer.channel(), payment))["token"]
        self.vault = next(v for t, v in world.store.cards.values() if t == self.token)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.point = self.key.public_key().public_bytes(serialization.Encoding.X962,
                                                        serialization.PublicFormat.UncompressedPoint)

    def nonce(self):
        return self.peer.ask("CHALLENGE")["nonce"]

    def request(self, nonce=None, **changes):
        members = {"label": "redoubt-payments export v1", "nonce": nonce or self.nonce(), "merchant": "shop-1",
                   "token": self.token, "recipient": self.point, "reason": "chargeback 17", **changes}
        return cbor2.dumps(list(members.values()))

    def fields(self, request, *signers, **changes):
        return {"request": request, "signatures": [c.sign(request) for c in signers], "vault": self.vault,
                "origin": "127.0.0.1", **changes}


@pytest.fixture(name="export")
def export_fixture(world, peer, shop, payment):
    return Export(world, peer, shop, payment)


def test_two_custodians_export_a_card_to_whom_they_name(world, peer, export):
    from payments_peer import hpke_open
    alice, bob, _ = world.custodians
    request = export.request()
    sealed = peer.ask("EXPORT", **export.fields(request, alice, bob))["sealed"]
    card = cbor2.loads(hpke_open(export.key, b"redoubt-payments export v1", request, sealed))
    assert card == {1: VISA, 2: 12, 3: 2031}
    event = world.store.events()[-1]
    assert (event["eventName"], event["userIdentity"]["principalId"], event["outcome"]) == ("Export", "alice,bob", "exported")
    assert event["resources"] == [{"merchant": "shop-1", "token": export.token}] and event["detail"] == "chargeback 17"


def test_an_export_leaves_only_once_it_is_recorded(world, peer, export):
    alice, bob, _ = world.custodians
    fields = export.fields(export.request(), alice, bob)
    peer.hold = {"RECORD"}
    number = peer.begin("EXPORT", **fields)
    name, question, record = peer.held.get(timeout=10)
    time.sleep(0.3)
    assert peer.waiting[number].empty()
    peer.hold = set()
    peer.answer(name, question, record)
    assert peer.end(number)["sealed"]


def test_an_export_wants_two_different_custodians(world, peer, export):
    alice, bob, carol = world.custodians
    request = export.request()
    for signers in ([alice], [alice, alice], [alice, bob, alice]):
        assert "record" in refused("signatures", peer, "EXPORT", **export.fields(request, *signers)).fields
    mallory = type(alice)("mallory")
    refused("signatures", peer, "EXPORT", **export.fields(request, alice, mallory))
    mallory.name = "bob"
    refused("signatures", peer, "EXPORT", **export.fields(request, alice, mallory))
    event = world.store.events()[-1]
    assert (event["eventName"], event["outcome"], event["reason"]) == ("Export", "denied", "signatures")
    assert peer.ask("EXPORT", **export.fields(request, bob, carol))["sealed"], "nothing of that has used up the nonce"


def test_an_export_is_of_what_was_signed(world, peer, export):
    alice, bob, _ = world.custodians
    signed = export.fields(export.request(), alice, bob)
    other = export.request(nonce=cbor2.loads(signed["request"])[1], token="tok_0000000000000000000000")
    refused("signatures", peer, "EXPORT", **{**signed, "request": other})
    other = next(v for t, v in world.store.cards.values() if t != export.token)
    refused("sealed", peer, "EXPORT", **{**signed, "vault": other})
    request = export.request(recipient=bytes(65))
    refused("sealed", peer, "EXPORT", **export.fields(request, alice, bob))
    request = export.request(label="redoubt-payments policy v1")
    refused("signatures", peer, "EXPORT", **export.fields(request, alice, bob))


def test_a_nonce_is_good_once_and_only_the_enclaves_own(world, peer, export):
    alice, bob, _ = world.custodians
    fields = export.fields(export.request(), alice, bob)
    assert peer.ask("EXPORT", **fields)["sealed"]
    refused("nonce", peer, "EXPORT", **fields)
    refused("nonce", peer, "EXPORT", **export.fields(export.request(nonce=os.urandom(32)), alice, bob))
    stale = export.request()
    for _ in range(40):
        export.nonce()
    refused("nonce", peer, "EXPORT", **export.fields(stale, alice, bob))


# a world of its own for what lasts


@pytest.fixture(name="fresh")
def fresh_fixture():
    world = World()
    yield world
    world.close()


def policy_request(peer, policy):
    nonce = peer.ask("CHALLENGE")["nonce"]
    return cbor2.dumps(["redoubt-payments policy v1", nonce, json.dumps(policy).encode()])


def test_a_policy_that_two_custodians_signed_is_in_force_and_stays(fresh, shop, payment):
    alice, bob, carol = fresh.custodians
    policy = {**fresh.policy, "version": 2, "amount_max": 500}
    with fresh.server() as peer:
        request = policy_request(peer, policy)
        refused("signatures", peer, "POLICY", request=request, signatures=[alice.sign(request)])
        changed = peer.ask("POLICY", request=request, signatures=[alice.sign(request), carol.sign(request)])
        assert changed["version"] == 2 and fresh.store.events()[-1]["policyVersion"] == 2
        fresh.store.policy = changed["sealed"]
        assert peer.ask("AUTHORISE", **shop.authorise(peer.channel(), payment))["reason"] == "limit"
        for bad in (policy, {**policy, "version": 1}, {**policy, "version": 3, "extra": 1},
                    {**policy, "version": 3, "custodians": policy["custodians"][:2]},
                    {**policy, "version": 3, "custodians": policy["custodians"][:1] * 3}):
            request = policy_request(peer, bad)
            refused("policy", peer, "POLICY", request=request, signatures=[alice.sign(request), bob.sign(request)])
    start_refused(fresh, "policy", fresh.store, policy=changed["sealed"][:-1])
    old, fresh.store.policy = fresh.store.policy, None
    start_refused(fresh, "policy", fresh.store)
    fresh.store.policy = old
    fresh.restart()
    with fresh.server() as peer:
        assert peer.ask("AUTHORISE", **shop.authorise(peer.channel(), payment))["reason"] == "limit"


def test_a_new_enclave_takes_no_policy_that_was_replaced(fresh, shop, payment):
    alice, bob, _ = fresh.custodians
    sealed = [None]  # the image's own
    with fresh.server() as peer:
        for version in (2, 3):
            request = policy_request(peer, {**fresh.policy, "version": version, "amount_max": 1000 - version})
            sealed.append(peer.ask("POLICY", request=request, signatures=[alice.sign(request), bob.sign(request)])["sealed"])
    store = fresh.store
    for fresh.store.policy in sealed[:-1]:
        fresh.restart()  # it remembers nothing
        assert "policy 3 is in force" in str(start_refused(fresh, "policy", store))
    # What says so is the last record, and no other will do.
    store.policy = sealed[1]
    start_refused(fresh, "log", store, last=store.records[0])
    start_refused(fresh, "log", store, last=store.records[0], last_proof=path_of_last(store.leaves)[:32])
    start_refused(fresh, "log", store, last=store.records[-1].replace(b'"policyVersion":3', b'"policyVersion":2'))
    start_refused(fresh, "log", store, last=b"{}")
    store.policy = sealed[-1]
    with fresh.server() as peer:
        assert peer.ask("AUTHORISE", **shop.authorise(peer.channel(), payment))["reason"] == "limit"


def test_a_card_that_is_tried_too_often_is_declined(shop):
    world = World(policy={"velocity": {"count": 3, "window_s": 3600}})
    try:
        with world.server() as peer:
            channel = peer.channel()
            states = [peer.ask("AUTHORISE", **shop.authorise(channel, f"p{i}")).get("reason") for i in (1, 2, 3, 3, 4)]
            assert states == [None, None, None, None, "velocity"]
            other = shop.authorise(channel, "p9", card=card_plaintext(MASTERCARD))
            assert peer.ask("AUTHORISE", **other)["state"] == "AUTHORISED"
    finally:
        world.close()


# the link


def test_nothing_works_before_start(world, shop):
    with world.link() as peer:
        refused("not_started", peer, "ATTEST", nonce=bytes(32))
        refused("not_started", peer, "AUTHORISE", **shop.authorise(
            ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(
                serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint), "p"))


@pytest.mark.parametrize("body", [
    b"\xff", b"", cbor2.dumps([99, 1, {}]), cbor2.dumps([TYPES["STARTED"], 1, {}]), cbor2.dumps([2, 1, {"nonce": bytes(15)}]),
    cbor2.dumps([2, 1, {"nonce": bytes(32), "more": 1}]), cbor2.dumps([2, 1, {}]), cbor2.dumps([9, 1, {}]) + b"\0",
    bytes(200000)])
def test_a_frame_that_is_no_message_ends_the_link(world, body):
    with world.link() as peer:
        try:
            peer.send_raw(body)
        except OSError:
            pass
        peer.thread.join(10)
        assert peer.ended and peer.ended.code == "link"
    with world.server() as peer:
        assert peer.channel()


def test_who_does_not_say_connect_is_not_talked_to(world):
    with pytest.raises(AssertionError):
        Peer(world.path("enclave.sock"), Store(), greeting=b"GET / HTTP/1.1\n")


def test_a_new_link_takes_the_place_of_an_old_one(world, shop, payment):
    with world.server() as old:
        with world.server() as new:
            assert new.ask("AUTHORISE", **shop.authorise(new.channel(), payment))["state"] == "AUTHORISED"
            with pytest.raises((Closed, OSError)):
                old.ask("CHALLENGE")


def test_the_logs_key_is_the_one_in_the_document(world):
    with world.link() as peer:
        started = peer.start(world.kms.admin)
        assert hashlib.sha256(started["log_key"]).digest() == started["log_id"]
        assert started["image_version"] == 7 and started["policy_version"] == 1
        payload = payload_of(peer.ask("ATTEST", nonce=bytes(32))["document"])
        assert cbor2.loads(payload["user_data"])["log"] == started["log_id"]
