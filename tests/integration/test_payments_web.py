# SPDX-License-Identifier: Apache-2.0
"""The checkout page in Chromium: what it does with cards, with lost answers, and with servers that lie about the enclave."""

import json
import secrets
import time

import cbor2
import pytest
from payments_browser import DESK, PHONE, Browser, skip_without_chromium
from payments_shop import DECLINED, EXPIRED_AT_BANK, SCREENSHOTS, Enclave, PageHost, Refused, Shop

skip_without_chromium()

GOOD, TYPO = "4111111111111111", "4111111111111112"
CVV = "737"


@pytest.fixture(scope="module", name="browser")
def browser_fixture():
    browser = Browser(SCREENSHOTS)
    yield browser
    browser.close()


@pytest.fixture(name="shop")
def shop_fixture(browser):
    shop = Shop()
    browser.resize(PHONE)
    browser.dark(False)
    yield shop
    shop.close()
    assert browser.log() == []


def checkout(browser, shop, order, new=True):
    url = f"{shop.url}/checkout.html?order={order['id']}"
    if new:
        browser.open(url)
    else:
        browser.reload()
    return browser.until_state("verified", "refused", "approved", "no-order", "elsewhere")


def enter(browser, pan, expiry="0330", cvv=CVV):
    browser.fill("#pan", pan)
    browser.fill("#expiry", expiry)
    browser.fill("#cvv", cvv)


def pay(browser, pan, **card):
    enter(browser, pan, **card)
    browser.click("#pay")
    return browser.until_state("approved", "declined", "invalid", "lost", "failed", "refused")


def payment_key(browser, order):
    return browser.driver.execute_script(f"return sessionStorage.getItem('payment-key {order['id']}')")


def assert_no_card_left(shop, *pans):
    """Nothing that was sent, in any request, has a card in it, plainly or as digits in groups."""
    for _, path, body in shop.requests:
        for secret in (*pans, CVV):
            assert secret.encode() not in body and secret not in path, path
    for body in shop.sent("POST", "/v1/payments"):
        assert set(json.loads(body)) == {"order", "sealed"}


def test_an_approved_card(browser, shop):
    order = shop.make_order()
    assert checkout(browser, shop, order) == "verified"
    assert browser.text("#merchant") == "Corner Books" and browser.text("#amount") == "€12.50"
    assert browser.text("#enclave-title").startswith("Verified")
    browser.shot("checkout-verified")
    browser.click("#enclave-details summary")
    facts = browser.text("#enclave-facts")
    assert "a0" * 48 in facts and "a8" * 48 in facts and "py.enclaves" in facts and "payments 7, version 7" in facts
    browser.shot("checkout-details")
    browser.click("#enclave-details summary")
    enter(browser, GOOD)
    assert browser.find("#pan").get_attribute("value") == "4111 1111 1111 1111" and browser.text("#brand") == "Visa"
    assert browser.find("#expiry").get_attribute("value") == "03/30"
    browser.shot("checkout-filled")
    browser.click("#pay")
    assert browser.until_state("approved", "declined", "invalid", "lost", "failed", "refused") == "approved"
    assert "€12.50" in browser.text("#outcome") and "Visa 411111******1111" in browser.text("#outcome")
    assert browser.focused() == "outcome" and not browser.has("#card-form")
    assert browser.find("#pan").get_attribute("value") == ""
    browser.shot("checkout-approved")
    assert len(shop.charged(order)) == 1
    assert_no_card_left(shop, GOOD)
    assert checkout(browser, shop, order, new=False) == "approved" and not browser.has("#card-form")


def test_a_declined_card_and_then_another(browser, shop):
    order = shop.make_order(amount=99)
    checkout(browser, shop, order)
    assert pay(browser, DECLINED) == "declined"
    assert "Nothing was charged" in browser.text("#outcome")
    browser.shot("checkout-declined")
    first = payment_key(browser, order)
    browser.click("#again")
    assert browser.focused() == "pan"
    assert pay(browser, GOOD) == "approved"
    assert len(shop.by_key) == 2 and first in shop.by_key and len(shop.charged(order)) == 1
    assert_no_card_left(shop, GOOD, DECLINED)


def test_typing_errors_stay_in_the_page(browser, shop):
    order = shop.make_order()
    checkout(browser, shop, order)
    browser.click("#pay")
    assert browser.focused() == "pan" and browser.text("#pan-error") == "Enter the card number."
    assert browser.find("#pan").get_attribute("aria-invalid") == "true"
    assert "pan-error" in browser.find("#pan").get_attribute("aria-describedby").split()
    enter(browser, TYPO, expiry="01/20", cvv="12")
    browser.click("#pay")
    assert "digit" in browser.text("#pan-error") and "expired" in browser.text("#expiry-error")
    assert "security code" in browser.text("#cvv-error")
    browser.shot("checkout-errors")
    enter(browser, "4111 1111-1111 1111", expiry="3 / 2030")
    assert browser.text("#pan-error") == "" and browser.find("#pan").get_attribute("aria-invalid") is None
    assert shop.sent("POST", "/v1/payments") == []


def test_a_card_that_the_enclave_refuses(browser, shop):
    order = shop.make_order()
    checkout(browser, shop, order)
    assert pay(browser, EXPIRED_AT_BANK) == "invalid"
    assert "its expiry date is not valid" in browser.text("#outcome") and shop.charged(order) == []
    browser.shot("checkout-invalid")
    browser.click("#again")
    assert pay(browser, GOOD) == "approved"


@pytest.mark.parametrize("when", ["lose_before", "lose_after"])
def test_a_lost_answer_is_asked_for_again_under_the_same_key(browser, shop, when):
    order = shop.make_order()
    checkout(browser, shop, order)
    # The browser itself repeats a request whose connection ends without an answer.
    setattr(shop, when, 2)
    assert pay(browser, GOOD) == "lost"
    key = payment_key(browser, order)
    browser.shot(f"checkout-{when.replace('_', '-')}")
    setattr(shop, when, 0)
    browser.click("#again")
    assert browser.until_state("approved", "lost", "failed") == "approved"
    assert list(shop.by_key) == [key] and len(shop.charged(order)) == 1
    sealed = [json.loads(body)["sealed"] for body in shop.sent("POST", "/v1/payments")]
    assert sealed[0] != sealed[-1]
    assert_no_card_left(shop, GOOD)


def test_a_reload_after_a_lost_answer_does_not_pay_twice(browser, shop):
    order = shop.make_order()
    checkout(browser, shop, order)
    shop.lose_after = 2
    assert pay(browser, GOOD) == "lost"
    shop.lose_after = 0
    order["state"] = "PAYING"
    assert checkout(browser, shop, order, new=False) == "verified"
    assert pay(browser, GOOD) == "approved" and len(shop.charged(order)) == 1 and len(shop.by_key) == 1


def test_a_server_that_is_away_for_a_while(browser, shop):
    order = shop.make_order()
    checkout(browser, shop, order)
    shop.busy = 2
    assert pay(browser, GOOD) == "approved"
    assert len(shop.sent("POST", "/v1/payments")) == 3 and len(shop.by_key) == 1


def test_an_enclave_that_is_replaced_while_somebody_types(browser, shop):
    order = shop.make_order()
    checkout(browser, shop, order)
    enter(browser, GOOD)
    shop.replace_enclave()
    browser.click("#pay")
    assert browser.until_state("approved", "failed", "refused", "lost") == "approved"
    assert len(shop.sent("GET", "/v1/attestation")) >= 2 and len(shop.by_key) == 1


def test_a_proof_that_grows_old_while_somebody_types_is_asked_for_again(browser, shop):
    # 30 s of it are kept for the way.
    shop.pins["max_age_s"] = 31
    order = shop.make_order()
    checkout(browser, shop, order)
    enter(browser, GOOD)
    asked = len(shop.sent("GET", "/v1/attestation"))
    time.sleep(1.1)
    browser.click("#pay")
    assert browser.until_state("approved", "failed", "refused", "lost") == "approved"
    assert len(shop.sent("GET", "/v1/attestation")) == asked + 1


def test_an_enclave_that_is_replaced_by_another_program(browser, shop):
    order = shop.make_order()
    checkout(browser, shop, order)
    enter(browser, GOOD)
    shop.replace_enclave()
    shop.attest = lambda shop, nonce: shop.enclave.document(nonce, pcrs={**shop.enclave.maker.pcrs, 0: b"\xee" * 48})
    browser.click("#pay")
    assert browser.until_state("approved", "failed", "refused", "lost") == "refused"
    assert len(shop.sent("POST", "/v1/payments")) == 1 and shop.charged(order) == []


def test_an_order_that_does_not_exist_or_is_paid_elsewhere(browser, shop):
    assert checkout(browser, shop, {"id": "ord_none"}) == "no-order"
    assert "no such thing" in browser.text("#outcome").lower()
    order = shop.make_order()
    order["state"] = "PAYING"
    assert checkout(browser, shop, order) == "elsewhere" and not browser.has("#card-form")
    order["state"] = "PAID"
    browser.click("#again")
    assert browser.until_state("approved", "verified") == "approved"


def test_a_refusal_that_settles_the_attempt_ends_its_key(browser, shop):
    order = shop.make_order()
    checkout(browser, shop, order)
    shop.refuse = Refused(409, "other_card", "Another card was under way for this payment: it is reversed.")
    assert pay(browser, GOOD) == "failed" and payment_key(browser, order) is None
    assert "it is reversed" in browser.text("#outcome")
    browser.click("#again")
    assert browser.until_state("verified", "refused") == "verified"
    assert pay(browser, GOOD) == "approved" and len(shop.charged(order)) == 1


def test_text_of_a_server_never_becomes_markup(browser, shop):
    order = shop.make_order(reference="<img src=x onerror=alert(1)>" + "W" * 80)
    order["merchant_name"] = "<script>alert(1)</script> & Sons " + "long" * 20
    checkout(browser, shop, order)
    assert "<script>alert(1)</script> & Sons" in browser.text("#merchant") and browser.find_all("#reference img") == []
    browser.shot("checkout-long-names")


def other_root(shop, nonce):
    """The key of an attacker's in a document of the same names and measurements, under a root of the attacker's."""
    attacker = Enclave()
    try:
        attacker.maker.pcrs = shop.enclave.maker.pcrs
        return attacker.document(nonce)
    finally:
        attacker.close()


def other_root_behind_ours(shop, nonce):
    attacker = Enclave()
    try:
        return attacker.document(nonce, cabundle=[shop.enclave.maker.ders[0], *attacker.maker.ders[1:-1]])
    finally:
        attacker.close()


def swapped_key(shop, nonce):
    """A genuine document with another key written over its own."""
    attacker = Enclave()
    payload = shop.enclave.payload(nonce)
    genuine = shop.enclave.document(nonce, timestamp=payload["timestamp"])
    forged = genuine.replace(payload["public_key"], attacker.payload(nonce)["public_key"])
    attacker.close()
    assert forged != genuine
    return forged


def expired_chain(shop, nonce):
    maker = shop.enclave.maker
    return shop.enclave.document(nonce, certificate=maker.issue(4, hours_ago=5))


def replayed(shop, _nonce):
    return shop.enclave.document(secrets.token_bytes(32))


def stale(shop, nonce):
    return shop.enclave.document(nonce, timestamp=shop.enclave.payload(nonce)["timestamp"] - 600000)


def with_pcrs(**pcrs):
    changed = {int(name[3:]): bytes([value]) * 48 for name, value in pcrs.items()}
    return lambda shop, nonce: shop.enclave.document(nonce, pcrs={**shop.enclave.maker.pcrs, **changed})


def user_data(value):
    return lambda shop, nonce: shop.enclave.maker.sign(
        cbor2.dumps({**shop.enclave.payload(nonce), "user_data": value and cbor2.dumps(value)}))


def public_key(value):
    return lambda shop, nonce: shop.enclave.maker.sign(cbor2.dumps({**shop.enclave.payload(nonce), "public_key": value}))


TAMPERED = {
    "other-root": (other_root, "UNKNOWN_ROOT"),
    "other-root-behind-ours": (other_root_behind_ours, "CERT_SIGNATURE"),
    "swapped-key": (swapped_key, "SIGNATURE"),
    "other-program": (with_pcrs(PCR0=0xEE), "PCR"),
    "other-signer": (with_pcrs(PCR8=0xEE), "PCR"),
    "debug": (with_pcrs(PCR0=0, PCR1=0, PCR2=0, PCR8=0), "DEBUG"),
    "replayed": (replayed, "NONCE"),
    "stale": (stale, "TOO_OLD"),
    "expired-chain": (expired_chain, "EXPIRED"),
    "garbage": (lambda shop, nonce: secrets.token_bytes(4000), "NOT_COSE"),
    "empty": (lambda shop, nonce: b"", "NOT_COSE"),
    "not-base64": (lambda shop, nonce: "<html>", "NOT_COSE"),
    "other-application": (user_data({"app": "something", "version": 7, "log": bytes(32)}), "NOT_FOR_PAYMENTS"),
    "no-user-data": (user_data(None), "NOT_FOR_PAYMENTS"),
    "no-key": (public_key(None), "NOT_FOR_PAYMENTS"),
    "short-key": (public_key(bytes(64)), "NOT_FOR_PAYMENTS"),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_a_tampered_server_is_shown_and_gets_no_card(browser, shop, name):
    shop.attest, code = TAMPERED[name]
    order = shop.make_order()
    assert checkout(browser, shop, order) == "refused"
    assert browser.find("#enclave").get_attribute("data-code") == code
    assert browser.text("#enclave-title").startswith("Not verified") and browser.text("#enclave-text") != ""
    assert not browser.has("#card-form") and not browser.has("#pay")
    browser.click("#enclave-details summary")
    if code != "NOT_FOR_PAYMENTS":
        assert code in browser.text("#enclave-facts")
    browser.shot(f"tampered-{name}")
    # Whoever submits the form in spite of it all sends nothing.
    asked = len(shop.sent("GET", "/v1/attestation"))
    browser.driver.execute_script(
        "for (const [id, text] of arguments[0]) document.getElementById(id).value = text;"
        "document.getElementById('card-form').requestSubmit()", [["pan", GOOD], ["expiry", "03/30"], ["cvv", CVV]])
    browser.until(lambda: len(shop.sent("GET", "/v1/attestation")) > asked, "the enclave is not asked again")
    browser.until_state("refused")
    assert shop.sent("POST", "/v1/payments") == []
    shop.attest = None
    browser.click("#check-again")
    assert browser.until_state("verified", "refused") == "verified" and browser.has("#card-form")


def test_a_page_without_pins_pays_nobody(browser, shop):
    for pins in ({}, {"roots": [], "images": []}, {**shop.pins, "images": [{"name": "debug", "pcrs": {"0": "00" * 48}}]},
                 {**shop.pins, "images": [{"name": "any", "pcrs": {}}]}, {**shop.pins, "roots": ["no PEM"]}):
        shop.pins = pins
        assert checkout(browser, shop, shop.make_order()) == "refused", pins
        assert not browser.has("#card-form")


def test_pages_of_another_origin_ask_across(browser, shop):
    pages = PageHost(shop)
    try:
        order = shop.make_order()
        browser.open(f"{pages.url}/checkout.html?order={order['id']}")
        assert browser.until_state("verified", "refused", "no-order") == "no-order"
        assert any("CORS" in line for line in browser.log())
        shop.page_origin = pages.url
        browser.click("#again")
        assert browser.until_state("verified", "refused", "no-order") == "verified"
        shop.busy = 1
        assert pay(browser, GOOD) == "approved" and len(shop.charged(order)) == 1
        assert not any(path.endswith((".html", ".js", ".css")) for _, path, _ in shop.requests)
    finally:
        pages.close()


def test_it_is_operable_by_keyboard_and_named_for_readers(browser, shop):
    checkout(browser, shop, shop.make_order())
    for css in ("#pan", "#expiry", "#cvv"):
        field = browser.find(css)
        assert field.accessible_name and field.get_attribute("autocomplete").startswith("cc-")
        assert field.get_attribute("inputmode") == "numeric" and field.get_attribute("name") == ""
    assert browser.find("#pay").accessible_name == "Pay €12.50" and browser.find("#pay").aria_role == "button"
    order = browser.driver.execute_script(
        "return [...document.querySelectorAll('summary, input, button')].filter((e) => e.offsetParent).map((e) => e.id || e.localName)")
    assert order == ["enclave-summary", "pan", "expiry", "cvv", "pay"]
    browser.driver.execute_script("document.getElementById('pan').focus()")
    browser.driver.switch_to.active_element.send_keys(GOOD + "\t" + "0330" + "\t" + CVV + "\n")
    assert browser.until_state("approved", "failed") == "approved"


@pytest.mark.parametrize("size", [PHONE, DESK])
def test_by_day_and_by_night(browser, shop, size):
    browser.resize(size)
    for night in (False, True):
        browser.dark(night)
        checkout(browser, shop, shop.make_order())
        enter(browser, GOOD)
        browser.shot(f"checkout-{size[0]}-{'dark' if night else 'light'}")
