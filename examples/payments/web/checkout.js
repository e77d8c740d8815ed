// SPDX-License-Identifier: Apache-2.0
// The checkout page.
//
//	loading ─► (order) ─► verifying ─► verified ─► paying ─► approved
//	                          │           ▲  ▲        ├────► declined, invalid ─► (new payment key) ─► verified
//	                          ▼           │  │        └────► lost ─► (same payment key) ─► paying
//	                       refused ───────┘  └ a document that has become too old is asked for again before it is used
//
// The payment key names one attempt to pay: the server and the enclave do at most one payment for it, whatever they are sent
// under it. So it stays the same until its outcome is known, over reloads too (sessionStorage), and a new one is made only
// after an outcome that charged nobody. The card itself is nowhere but in the form's fields and in the sealed message.

import { ApiLost, ApiRefusal, call } from './api.js';
import { brandOf, checkCvv, checkExpiry, checkPan, groupDigits, panOf, parseExpiry, sealCard } from './card.js';
import { askEnclave, explain, loadPins } from './enclave.js';
import { byId, enclaveFacts, formatAmount, formatCard, showFacts } from './page.js';
import { randomBytes, toBase64, toHex } from './redoubt/bytes.js';

// A first attempt that is still under way: how often, and how long, its outcome is asked for.
const ASKED_AGAIN_MAX = 10;
const ASKED_AGAIN_AFTER_MAX_S = 10;
// An enclave that is replaced while somebody pays: how often the card is sealed for the next one.
const RESEALED_MAX = 2;
// What is left of a document's age when it is used, so that it does not expire under way.
const FRESH_MARGIN_S = 30;
const ID = /^[A-Za-z0-9_-]{1,64}$/;

const PAID = ['AUTHORISED', 'CAPTURING', 'CAPTURED', 'REFUNDING', 'REFUNDED'];
const UNDONE = ['FAILED', 'REVERSING', 'REVERSED'];

const page = { pins: undefined, order: undefined, enclave: undefined };

function setState(state) {
  byId('checkout').dataset.state = state;
}

/* The payment key. */

function keyName() {
  return `payment-key ${page.order.id}`;
}

function keptKey() {
  const kept = sessionStorage.getItem(keyName());
  return ID.test(kept ?? '') ? kept : undefined;
}

function paymentKey() {
  const key = keptKey() ?? toHex(randomBytes(16));
  sessionStorage.setItem(keyName(), key);
  return key;
}

function forgetKey() {
  sessionStorage.removeItem(keyName());
}

/* What is shown. */

// again: what the button says, and what it does.
function showOutcome(state, kind, title, text, { facts = [], again } = {}) {
  setState(state);
  const outcome = byId('outcome');
  outcome.hidden = false;
  outcome.dataset.kind = kind;
  byId('outcome-title').textContent = title;
  byId('outcome-text').textContent = text;
  showFacts(byId('outcome-facts'), facts);
  byId('again').hidden = !again;
  byId('again').textContent = again?.[0] ?? '';
  byId('again').onclick = again?.[1] ?? null;
  outcome.focus();
}

function hideOutcome() {
  byId('outcome').hidden = true;
}

function showOrder() {
  const { merchant_name: merchant, reference, amount, currency } = page.order;
  byId('merchant').textContent = merchant || 'Checkout';
  byId('reference').textContent = reference ? `Order ${reference}` : '';
  byId('amount').textContent = formatAmount(amount, currency);
  byId('pay').textContent = `Pay ${formatAmount(amount, currency)}`;
  document.title = `Pay ${formatAmount(amount, currency)} – ${merchant || 'Checkout'}`;
}

function showVerdict(verdict, title, text, facts = []) {
  byId('enclave').dataset.verdict = verdict;
  byId('enclave-title').textContent = title;
  byId('enclave-text').textContent = text;
  showFacts(byId('enclave-facts'), facts);
  byId('enclave-details').hidden = facts.length === 0;
  byId('enclave-summary').textContent = verdict === 'refused' ? 'What is wrong' : 'What was checked';
  byId('check-again').hidden = verdict !== 'refused';
}

function showRefusal(error) {
  const { words, code, detail } = explain(error);
  showVerdict('refused', 'Not verified: your card stays here', words, [['Reason', detail, 'code'], ['Your card', 'has not been sent to it']]);
  byId('enclave').dataset.code = code;
  byId('card-form').hidden = true;
  hideOutcome();
  setState('refused');
}

/* The enclave. */

// Whether there is an enclave to pay by, now; shows it either way.
async function checkEnclave() {
  setState('verifying');
  page.enclave = undefined;
  showVerdict('verifying', 'Checking who reads your card…', 'This page is asking the payment enclave to prove what it is.');
  delete byId('enclave').dataset.code;
  try {
    page.pins ??= await loadPins();
    page.enclave = await askEnclave(page.pins);
  } catch (error) {
    showRefusal(error);
    return false;
  }
  showVerdict('verified', 'Verified: only the payment enclave can read your card',
    `It runs ${page.enclave.name}, the program that this page expects.`, enclaveFacts(page.enclave, page.pins));
  return true;
}

function isFresh() {
  return page.enclave !== undefined && (Date.now() - page.enclave.timestamp) / 1000 < page.pins.maxAgeS - FRESH_MARGIN_S;
}

async function offerForm() {
  if (!await checkEnclave()) return;
  byId('card-form').hidden = false;
  byId('card-fields').disabled = false;
  setState('verified');
}

/* The form. */

const FIELDS = [
  ['pan', (text) => checkPan(text)],
  ['expiry', (text) => checkExpiry(text)],
  ['cvv', (text) => checkCvv(text, byId('pan').value)],
];

function showError(id, error) {
  byId(id).toggleAttribute('aria-invalid', false);
  if (error) byId(id).setAttribute('aria-invalid', 'true');
  byId(`${id}-error`).textContent = error ?? '';
}

// Marks every wrong field and goes to the first.
function checkForm() {
  const wrong = FIELDS.filter(([id, check]) => {
    const error = check(byId(id).value);
    showError(id, error);
    return error;
  });
  if (wrong.length > 0) byId(wrong[0][0]).focus();
  return wrong.length === 0;
}

function readCard() {
  return { pan: panOf(byId('pan').value), ...parseExpiry(byId('expiry').value), cvv: byId('cvv').value.trim() };
}

function clearCard() {
  for (const [id] of FIELDS) byId(id).value = '';
  byId('brand').textContent = '';
}

function onPanInput(event) {
  const input = event.target;
  const pan = panOf(input.value);
  byId('brand').textContent = brandOf(pan)?.name ?? '';
  // Only at the end: a cursor inside would jump.
  if (/^[0-9]*$/.test(pan) && input.selectionStart === input.value.length) input.value = groupDigits(pan);
}

function onExpiryInput(event) {
  const input = event.target;
  const isTyped = event.inputType?.startsWith('insert') && input.selectionStart === input.value.length;
  if (isTyped && /^(0[1-9]|1[0-2])$/.test(input.value)) input.value += '/';
  // Whoever types the stroke that has just come by itself.
  if (isTyped) input.value = input.value.replace('//', '/');
}

/* Paying. */

async function sendSealed(card) {
  const binding = { order: page.order.id, payment: paymentKey(), amount: page.order.amount, currency: page.order.currency };
  const sealed = await sealCard(card, binding, page.enclave.publicKey);
  return call('POST', '/v1/payments', { body: { order: page.order.id, sealed: toBase64(sealed) }, payment: binding.payment });
}

function pause(seconds) {
  return new Promise((resolve) => { setTimeout(resolve, 1000 * Math.min(seconds, ASKED_AGAIN_AFTER_MAX_S)); });
}

// The payment's outcome; undefined when the enclave that would take the card now is refused.
async function pay(card) {
  let resealed = 0;
  for (let asked = 0; asked < ASKED_AGAIN_MAX;) {
    if (!isFresh() && !await checkEnclave()) return undefined;
    setState('paying');
    try {
      const payment = await sendSealed(card);
      if (payment.state !== 'AUTHORISING') return payment;
      await pause(1);
    } catch (error) {
      const isResealed = error.code === 'sealed_to_other_key' && resealed < RESEALED_MAX;
      if (!(error instanceof ApiRefusal) || !isResealed && !['in_progress', 'busy'].includes(error.code)) throw error;
      if (isResealed) {
        resealed += 1;
        if (!await checkEnclave()) return undefined;
      } else {
        await pause(error.retryAfterS);
      }
    }
    asked += 1;
  }
  throw new ApiLost('The payment takes unusually long.');
}

// The enclave does not say which rule a number broke: whoever tries numbers would learn from it.
const REASONS = { number: 'its number is not valid', expiry: 'its expiry date is not valid', cvv: 'its security code is not valid' };

function startAnew() {
  forgetKey();
  hideOutcome();
  byId('card-form').hidden = false;
  byId('card-fields').disabled = false;
  setState('verified');
  byId('pan').focus();
}

function showPayment(payment) {
  const { state, masked, brand, auth_code: approval, reason } = payment;
  const facts = [['Card', formatCard(brand, masked)], ['Approval code', approval ?? ''], ['Payment', payment.id ?? '']]
    .filter(([, value]) => value);
  const again = ['Use another card', startAnew];
  byId('card-form').hidden = true;
  if (PAID.includes(state)) {
    clearCard();
    forgetKey();
    showOutcome('approved', 'good', 'Paid', `Thank you. ${formatAmount(payment.amount, payment.currency)} has been approved.`, { facts });
  } else if (state === 'DECLINED') {
    showOutcome('declined', 'bad', 'Declined', 'The bank did not approve this card. Nothing was charged.', { facts, again });
  } else if (state === 'INVALID') {
    const why = REASONS[reason] ? `: ${REASONS[reason]}` : '';
    showOutcome('invalid', 'bad', 'Card not accepted', `This card cannot be used${why}. Nothing was charged.`, { facts, again: ['Correct the card', startAnew] });
  } else if (UNDONE.includes(state)) {
    showOutcome('declined', 'bad', 'Not paid', 'The payment did not come about, and was undone. Nothing is charged.', { facts, again: ['Try again', startAnew] });
  } else {
    throw new ApiLost('The server\'s answer has an unknown state.');
  }
}

function showLost(error) {
  byId('card-form').hidden = true;
  showOutcome('lost', 'wait', 'No answer yet', 'We do not know yet whether the payment went through. Ask again: you cannot be charged twice.',
    { facts: [['Reason', error.message]], again: ['Ask again', submit] });
}

// Refusals that settle the attempt: nobody is charged under its key, or it was never this order's.
const SETTLED = ['other_card', 'key_reused', 'not_found'];

function showFailed(error) {
  byId('card-form').hidden = true;
  if (SETTLED.includes(error.code)) forgetKey();
  showOutcome('failed', 'bad', 'Not paid', `The server refused the payment: ${error.message}`, { again: ['Start again', load] });
}

// Sends the card under the key that this attempt has; also when nothing was heard of it the first time.
async function submit() {
  hideOutcome();
  byId('card-form').hidden = false;
  if (!checkForm()) return;
  const card = readCard();
  const label = byId('pay').textContent;
  byId('card-fields').disabled = true;
  byId('pay').textContent = 'Paying…';
  try {
    const payment = await pay(card);
    if (payment) showPayment(payment);
  } catch (error) {
    if (error instanceof ApiRefusal) showFailed(error);
    else if (error instanceof ApiLost) showLost(error);
    else showRefusal(error);
  } finally {
    byId('card-fields').disabled = false;
    byId('pay').textContent = label;
  }
}

/* The order. */

async function loadOrder() {
  const id = new URLSearchParams(location.search).get('order');
  if (!ID.test(id ?? '')) throw new ApiRefusal(404, { code: 'no_order', message: 'This address names no order.' }, 0);
  const order = await call('GET', `/v1/orders/${id}`);
  if (order.id !== id || !Number.isSafeInteger(order.amount) || order.amount <= 0 || !/^[A-Z]{3}$/.test(order.currency)) {
    throw new ApiLost('The server\'s answer is not this order.');
  }
  return order;
}

async function load() {
  setState('loading');
  hideOutcome();
  byId('card-form').hidden = true;
  try {
    page.order = await loadOrder();
  } catch (error) {
    byId('enclave').hidden = true;
    showOutcome('no-order', 'bad', 'No order to pay', error.message, { again: ['Try again', load] });
    return;
  }
  showOrder();
  byId('enclave').hidden = page.order.state === 'PAID';
  if (page.order.state === 'PAID') {
    forgetKey();
    showOutcome('approved', 'good', 'Paid', 'This order has been paid. There is nothing left to do.');
  } else if (page.order.state === 'PAYING' && !keptKey()) {
    showOutcome('elsewhere', 'wait', 'Being paid', 'A payment of this order is under way, in another window perhaps.', { again: ['Look again', load] });
  } else {
    await offerForm();
  }
}

byId('card-form').addEventListener('submit', (event) => {
  event.preventDefault();
  submit();
});
byId('pan').addEventListener('input', onPanInput);
byId('expiry').addEventListener('input', onExpiryInput);
for (const [id, check] of FIELDS) {
  // Complaints come when a field is left, and go as soon as it is right.
  byId(id).addEventListener('blur', () => { if (byId(id).value !== '') showError(id, check(byId(id).value)); });
  byId(id).addEventListener('input', () => { if (!check(byId(id).value)) showError(id, undefined); });
}
byId('check-again').addEventListener('click', offerForm);
load();
