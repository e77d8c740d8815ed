# SPDX-License-Identifier: Apache-2.0
"""The operator's view in Chromium: payments by role, operations, and an audit log that somebody has been at."""

import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from payments_browser import DESK, PHONE, Browser, skip_without_chromium
from payments_shop import DECLINED, SCREENSHOTS, Shop

skip_without_chromium()

GOOD = "4111111111111111"
TOKEN = "tok_4v9XqT0bZr8LmNcY2kWfHd"


@pytest.fixture(scope="module", name="browser")
def browser_fixture():
    browser = Browser(SCREENSHOTS)
    yield browser
    browser.close()


@pytest.fixture(name="shop")
def shop_fixture(browser):
    shop = Shop()
    for number in range(12):
        order = shop.make_order(amount=1000 + 111 * number, reference=f"A-{number}")
        payment = shop.decide(order, {1: DECLINED if number % 4 == 3 else GOOD})
        shop.payments[payment["id"]] = payment
    browser.resize(PHONE)
    browser.dark(False)
    yield shop
    shop.close()
    assert browser.log() == []


def sign_in(browser, shop, key, new=True):
    if new:
        browser.open(f"{shop.url}/operator.html")
    else:
        browser.reload()
    browser.fill("#api-key", key)
    browser.click("#sign-in button")
    browser.until(lambda: browser.state() == "signed-in" or browser.text("#api-key-error"), "neither in nor refused")


def check_log(browser):
    browser.click("#check-log")
    browser.until(lambda: verdict(browser) in ("verified", "refused"), "no verdict on the log")
    return verdict(browser)


def verdict(browser):
    return browser.find("#log").get_attribute("data-verdict")


def test_a_key_that_is_not_known_sees_nothing(browser, shop):
    sign_in(browser, shop, "guess")
    assert browser.text("#api-key-error") == "This key is not known." and browser.focused() == "api-key"
    assert not browser.has("#list") and not browser.has("#audit")


def test_a_merchant_captures_refunds_and_reverses(browser, shop):
    sign_in(browser, shop, "merchant-key")
    assert browser.has("#list") and not browser.has("#audit")
    newest, before = [p["id"] for p in reversed(shop.payments.values()) if p["state"] == "AUTHORISED"][:2]

    def operate(payment, operation, answer, shot=None):
        browser.click(f"[data-id='{payment}'] [data-operation='{operation}']")
        browser.until(lambda: browser.has("#confirm"), "no question")
        if shot:
            browser.shot(shot, whole=False)
        browser.click(f"#confirm [value='{answer}']")
        browser.until(lambda: not browser.has("#confirm"), "the question stays")

    operate(newest, "capture", "no", shot="operator-confirm")
    assert shop.payments[newest]["state"] == "AUTHORISED"
    for payment, operation, state in ((newest, "capture", "CAPTURED"), (newest, "refund", "REFUNDED"), (before, "reverse", "REVERSED")):
        operate(payment, operation, "yes")
        browser.until(lambda: shop.payments[payment]["state"] == state, state)
        browser.until(lambda: browser.has(f"[data-id='{payment}'][data-state='{state}']"), f"{state} is not shown")
    assert not browser.has(f"[data-id='{newest}'] button")


def test_a_refusal_is_shown_and_changes_nothing(browser, shop):
    sign_in(browser, shop, "viewer-key")
    payment = next(p["id"] for p in shop.payments.values() if p["state"] == "AUTHORISED")
    assert not browser.has(f"[data-id='{payment}'] [data-operation='capture']")
    browser.click(f"[data-id='{payment}'] [data-operation='reverse']")
    browser.until(lambda: browser.has("#confirm"), "no question")
    browser.click("#confirm [value='yes']")
    browser.until(lambda: "role does not allow" in browser.text("#notice"), "no refusal")
    assert shop.payments[payment]["state"] == "AUTHORISED"


def test_filters_and_pages(browser, shop):
    shop.page_size = 5
    sign_in(browser, shop, "viewer-key")
    assert len(browser.find_all("#payments li")) == 5 and "older" in browser.text("#count")
    browser.click("#more")
    browser.until(lambda: len(browser.find_all("#payments li")) == 10, "no more")
    browser.click("#more")
    browser.until(lambda: len(browser.find_all("#payments li")) == 12, "no more")
    assert not browser.has("#more")
    browser.find("#filter-state").send_keys("declined")
    browser.until(lambda: len(browser.find_all("#payments li")) == 3, "not filtered")
    browser.fill("#filter-text", "0002")
    assert browser.text("#count").startswith("3 of 12")
    browser.fill("#filter-text", "1111")
    assert browser.text("#count").startswith("0 of 12")


def test_the_log_is_whole_and_goes_on(browser, shop):
    sign_in(browser, shop, "viewer-key")
    shop.page_size = 5
    assert check_log(browser) == "verified"
    assert browser.text("#log-title").startswith("Whole: 12 records") and "first visit" in browser.text("#log-text")
    browser.shot("operator-phone")
    browser.click("#log-details summary")
    facts = browser.text("#log-details")
    assert shop.head()[56:88].hex() in facts and "a0" * 48 in facts and "411111******1111" in facts
    browser.shot("operator-log-details")
    browser.click("#log-details summary")
    for _ in range(3):
        shop.decide(shop.make_order(), {1: GOOD})
    assert check_log(browser) == "verified"
    assert "continues the 12 records" in browser.text("#log-text")
    for size, name in ((PHONE, "phone"), (DESK, "desk")):
        for night in (False, True):
            browser.resize(size)
            browser.dark(night)
            browser.shot(f"operator-{name}-{'dark' if night else 'light'}")


def altered(shop):
    shop.head_of = shop.head()
    shop.records[5] = shop.records[5].replace("AUTHORISED", "DECLINED")


def dropped(shop):
    shop.head_of = shop.head()
    del shop.records[3]


def reordered(shop):
    shop.head_of = shop.head()
    shop.records[3], shop.records[4] = shop.records[4], shop.records[3]


def resigned(shop):
    """Altered, with a good tree, signed by a key of the server's own, which it gives out as the log's."""
    shop.records[5] = shop.records[5].replace("AUTHORISED", "DECLINED")
    shop.enclave.attested_log_id = shop.enclave.log_id()
    shop.enclave.log_key = ec.generate_private_key(ec.SECP256R1())


def unsigned(shop):
    head = bytearray(shop.head())
    head[-1] ^= 1
    shop.head_of = bytes(head)


def smaller(shop):
    head = shop.head()
    shop.head_of = head[:48] + (5).to_bytes(8, "big") + head[56:]


def other_enclave(shop):
    shop.attest = lambda shop, nonce: shop.enclave.document(nonce, pcrs={**shop.enclave.maker.pcrs, 0: b"\xee" * 48})


@pytest.mark.parametrize(("tamper", "code"), [
    (altered, "ALTERED"), (dropped, "MISSING"), (reordered, "ALTERED"), (resigned, "KEY"), (unsigned, "HEAD_SIGNATURE"),
    (smaller, "HEAD_SIGNATURE"), (other_enclave, "PCR")])
def test_a_log_that_was_tampered_with(browser, shop, tamper, code):
    tamper(shop)
    sign_in(browser, shop, "operator-key")
    assert check_log(browser) == "refused"
    assert browser.find("#log").get_attribute("data-code") == code
    assert browser.text("#log-title") == ("The log could not be checked" if code == "PCR" else "The log does not hold")
    browser.shot(f"operator-log-{tamper.__name__}")


def test_a_log_that_is_rolled_back_or_forked(browser, shop):
    """Both are well signed: only who has seen a later head can tell."""
    sign_in(browser, shop, "viewer-key")
    assert check_log(browser) == "verified"
    kept = list(shop.records)
    del shop.records[8:]
    assert check_log(browser) == "refused" and browser.find("#log").get_attribute("data-code") == "ROLLED_BACK"
    shop.records[:] = kept
    record = json.loads(shop.records[2])
    record["amount"] = 1
    shop.records[2] = json.dumps(record, separators=(",", ":"))
    shop.decide(shop.make_order(), {1: GOOD})
    assert check_log(browser) == "refused" and browser.find("#log").get_attribute("data-code") == "FORKED"
    shop.records[:] = kept
    assert check_log(browser) == "verified"


@pytest.fixture(name="custodians")
def custodians_fixture(shop, tmp_path):
    """Key files by name; mallory's key is not the enclave's to know."""
    files = {}
    for name in ("alice", "bob", "mallory"):
        key = ec.generate_private_key(ec.SECP256R1())
        files[name] = tmp_path / f"{name}.pem"
        files[name].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                                  serialization.NoEncryption()))
        if name != "mallory":
            shop.custodians[name] = key.public_key()
    shop.vault["shop-1", TOKEN] = {1: GOOD, 2: 3, 3: 2030}
    return files


def begin_export(browser, shop, token=TOKEN, key="custodian-key"):
    sign_in(browser, shop, key)
    browser.fill("#export-merchant", "shop-1")
    browser.fill("#export-token", token)
    browser.fill("#export-reason", "chargeback 4711")
    browser.click("#export-begin button")
    browser.until(lambda: browser.has("#export-sign") or browser.text("#export-error"), "not begun")


def sign_export(browser, name, file, signed):
    browser.fill("#export-custodian", name)
    browser.find("#export-key").send_keys(str(file))
    browser.click("#export-sign button")
    browser.until(lambda: len(browser.find_all("#export-signatures li")) == signed or browser.text("#export-error"), "not signed")


def test_two_custodians_export_a_card(browser, shop, custodians):
    begin_export(browser, shop)
    sign_export(browser, "alice", custodians["alice"], 1)
    assert not browser.find("#export-send").is_enabled()
    sign_export(browser, "bob", custodians["bob"], 2)
    browser.shot("operator-export-signed")
    browser.click("#export-send")
    browser.until(lambda: browser.has("#export-result"), "no card")
    assert browser.text("#export-card") == "4111 1111 1111 1111, 03/2030"
    browser.shot("operator-export-card")
    for _, _, body in shop.requests:
        assert GOOD.encode() not in body and b"PRIVATE KEY" not in body
    browser.click("#export-forget")
    assert not browser.has("#export-result") and GOOD[-4:] not in browser.find("#export-card").get_attribute("textContent")


def test_one_custodian_alone_exports_nothing(browser, shop, custodians):
    begin_export(browser, shop)
    sign_export(browser, "alice", custodians["alice"], 1)
    sign_export(browser, "alice", custodians["alice"], 1)
    assert not browser.find("#export-send").is_enabled()
    sign_export(browser, "bob", custodians["mallory"], 2)
    browser.click("#export-send")
    browser.until(lambda: "Two custodians" in browser.text("#export-error"), "no refusal")
    assert not browser.has("#export-result")


def test_an_export_that_is_refused(browser, shop, custodians, tmp_path):
    begin_export(browser, shop, key="viewer-key")
    assert "role does not allow" in browser.text("#export-error")
    begin_export(browser, shop, token="tok_unknown")
    (tmp_path / "no.pem").write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    sign_export(browser, "alice", tmp_path / "no.pem", 1)
    assert "P-256" in browser.text("#export-error") and browser.find_all("#export-signatures li") == []
    sign_export(browser, "alice", custodians["alice"], 1)
    sign_export(browser, "bob", custodians["bob"], 2)
    browser.click("#export-send")
    browser.until(lambda: "no such thing" in browser.text("#export-error"), "no refusal")
    browser.click("#export-cancel")
    assert browser.has("#export-begin") and browser.find("#export-merchant").get_attribute("value") == ""


def test_signing_out_leaves_nothing(browser, shop):
    sign_in(browser, shop, "viewer-key")
    browser.click("#sign-out")
    assert browser.state() == "signed-out" and not browser.has("#list") and browser.find_all("#payments li") == []
    assert browser.find("#api-key").get_attribute("value") == ""
    kept = browser.driver.execute_script("return JSON.stringify([{...localStorage}, {...sessionStorage}])")
    assert "viewer-key" not in kept
