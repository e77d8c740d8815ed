// SPDX-License-Identifier: Apache-2.0
// The operator's view: payments and what may be done with them, and the audit log, checked in the page.
//
// A merchant's key sees and moves that merchant's payments; a key of the house sees all of them, and the log. What a key
// may do is for the server to say: the page offers what the payment's state allows.

import { ApiRefusal, call } from './api.js';
import { askEnclave, explain, loadPins } from './enclave.js';
import { offerExport } from './export.js';
import { checkLog } from './log.js';
import { byId, element, enclaveFacts, formatAmount, formatCard, formatTime, showFacts } from './page.js';
import { toHex } from './redoubt/bytes.js';
import { LogRefusal } from './redoubt/merkle.js';

const PAGE_SIZE = 50;
const KINDS = { AUTHORISED: 'good', CAPTURED: 'good', DECLINED: 'bad', INVALID: 'bad', FAILED: 'bad', REFUNDED: 'over', REVERSED: 'over' };
const STATES = ['AUTHORISING', 'AUTHORISED', 'DECLINED', 'INVALID', 'FAILED', 'CAPTURING', 'CAPTURED', 'REFUNDING', 'REFUNDED', 'REVERSING', 'REVERSED'];
// By state: which operations, and what each means.
const OPERATIONS = { AUTHORISED: ['capture', 'reverse'], CAPTURED: ['refund'] };
const MEANINGS = {
  capture: ['Capture', 'The money is taken from the card.'],
  reverse: ['Reverse', 'The authorisation is given back. The card is not charged.'],
  refund: ['Refund', 'The whole amount goes back to the card.'],
};

const session = { key: undefined, path: undefined, payments: [], next: undefined };

function notify(text, kind = 'bad') {
  byId('notice').hidden = !text;
  byId('notice').dataset.kind = kind;
  byId('notice').textContent = text ?? '';
}

/* Payments. */

function operationsOf(payment) {
  const isHouse = session.path !== '/v1/payments';
  // Money is moved by the merchant; the house can only let go of it.
  return (OPERATIONS[payment.state] ?? []).filter((operation) => !isHouse || operation === 'reverse');
}

function paymentItem(payment) {
  const item = element('li', undefined, { 'data-id': payment.id, 'data-state': payment.state });
  const actions = element('div', undefined, { class: 'actions' });
  for (const operation of operationsOf(payment)) {
    const button = element('button', MEANINGS[operation][0], { type: 'button', class: 'secondary', 'data-operation': operation });
    button.setAttribute('aria-label', `${MEANINGS[operation][0]} ${formatAmount(payment.amount, payment.currency)}, payment ${payment.id}`);
    button.addEventListener('click', () => operate(payment, operation));
    actions.append(button);
  }
  const made = Date.parse(payment.created_at);
  item.append(
    element('span', formatAmount(payment.amount, payment.currency), { class: 'sum' }),
    element('span', payment.state.toLowerCase(), { class: 'badge', 'data-kind': KINDS[payment.state] ?? 'wait' }),
    element('span', formatCard(payment.brand, payment.masked) || 'no card', { class: 'card' }),
    element('span', Number.isNaN(made) ? '' : formatTime(made), { class: 'when' }),
    element('span', [payment.id, payment.merchant, payment.reason].filter(Boolean).join(' · '), { class: 'ids' }),
    actions,
  );
  return item;
}

function isShown({ id, order, state, masked = '', merchant = '' }) {
  const words = byId('filter-text').value.trim().toLowerCase();
  const wanted = byId('filter-state').value;
  return (wanted === '' || state === wanted) && [id, order, masked, merchant].some((text) => text.toLowerCase().includes(words));
}

function showPayments() {
  const shown = session.payments.filter(isShown);
  byId('payments').replaceChildren(...shown.map(paymentItem));
  byId('count').textContent = `${shown.length} of ${session.payments.length} shown${session.next ? '; there are older ones' : ''}`;
  byId('more').hidden = !session.next;
}

// Only what has the form of a payment: the rest of the page relies on it.
function isPayment(value) {
  return typeof value?.id === 'string' && /^[A-Za-z0-9_-]{1,64}$/.test(value.id) && typeof value.order === 'string' && typeof value.state === 'string' &&
    ['masked', 'merchant'].every((name) => value[name] === undefined || typeof value[name] === 'string');
}

async function fetchPage() {
  const after = session.next ? `&after=${encodeURIComponent(session.next)}` : '';
  const { payments, next } = await call('GET', `${session.path}?limit=${PAGE_SIZE}${after}`, { key: session.key });
  session.payments.push(...(Array.isArray(payments) ? payments.filter(isPayment) : []));
  session.next = typeof next === 'string' ? next : undefined;
}

async function loadMore() {
  try {
    await fetchPage();
    showPayments();
  } catch (error) {
    notify(error.message);
  }
}

function confirmed(title, text, yes) {
  const dialog = byId('confirm');
  byId('confirm-title').textContent = title;
  byId('confirm-text').textContent = text;
  byId('confirm-yes').textContent = yes;
  dialog.returnValue = 'no';
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), { once: true });
  });
}

async function operate(payment, operation) {
  const [name, meaning] = MEANINGS[operation];
  const sum = formatAmount(payment.amount, payment.currency);
  if (!await confirmed(`${name} ${sum}?`, `${meaning} Payment ${payment.id}, ${formatCard(payment.brand, payment.masked)}.`, `${name} ${sum}`)) return;
  notify();
  try {
    const changed = await call('POST', `/v1/payments/${payment.id}/${operation}`, { key: session.key });
    if (isPayment(changed)) session.payments = session.payments.map((one) => (one.id === changed.id ? { ...one, ...changed } : one));
    notify(`${name}: payment ${payment.id} is now ${String(changed.state).toLowerCase()}.`, 'good');
  } catch (error) {
    notify(error instanceof ApiRefusal ? error.message : `It is not known whether it was done: ${error.message} Doing it again does no harm.`);
  }
  showPayments();
}

/* The log. */

function showLog(verdict, title, text, facts = [], records = []) {
  byId('log').dataset.verdict = verdict;
  byId('log-title').textContent = title;
  byId('log-text').textContent = text;
  byId('log-details').hidden = facts.length === 0;
  showFacts(byId('log-facts'), facts);
  byId('log-records').replaceChildren(...records);
}

function recordItem(record, index) {
  const { eventTime, eventName, stage, outcome, userIdentity, resources } = JSON.parse(record);
  const who = userIdentity?.principalId;
  const { payment, masked } = resources?.[0] ?? {};
  return element('li', [`#${index}`, eventTime, eventName, stage, outcome, who, payment, masked].filter((part) => part !== undefined).join(' · '));
}

function readableItem(record, index) {
  try {
    return recordItem(record, index);
  } catch {
    return element('li', `#${index} · ${record}`);
  }
}

function explainLog(error) {
  return error instanceof LogRefusal ? { words: `${error.message.replace(/^./, (first) => first.toUpperCase())}.`, code: error.code, detail: error.code } : explain(error);
}

async function verifyLog() {
  byId('check-log').disabled = true;
  delete byId('log').dataset.code;
  showLog('verifying', 'Checking…', 'The page is asking the enclave what it is.');
  try {
    const pins = await loadPins();
    const enclave = await askEnclave(pins);
    const onProgress = (done, all) => { byId('log-text').textContent = `${done} of ${all} records`; };
    const { head, last, grownFrom } = await checkLog(session.key, enclave.log, { onProgress });
    const since = grownFrom === undefined ? 'first visit of this browser' : `continues the ${grownFrom} records that this browser saw last`;
    const facts = [['Records', String(head.size)], ['Head signed', formatTime(head.timeMs)], ['Root', toHex(head.root), 'code'], ['History', since],
      ...enclaveFacts(enclave, pins)];
    showLog('verified', `Whole: ${head.size} records, all under one signed head`, `Written by ${enclave.name}, whose attested log key signed the head; ${since}.`,
      facts, last.map((record, i) => readableItem(record, head.size - 1 - i)));
  } catch (error) {
    const { words, code, detail } = explainLog(error);
    byId('log').dataset.code = code;
    showLog('refused', error instanceof LogRefusal ? 'The log does not hold' : 'The log could not be checked', words, [['Reason', detail, 'code']]);
  }
  byId('check-log').disabled = false;
}

/* Who is here. */

function showSession(isIn) {
  const isHouse = isIn && session.path !== '/v1/payments';
  byId('operator').dataset.state = isIn ? 'signed-in' : 'signed-out';
  byId('sign-in').hidden = isIn;
  byId('sign-out').hidden = !isIn;
  byId('list').hidden = !isIn;
  byId('audit').hidden = !isHouse;
  byId('export').hidden = !isHouse;
  offerExport(isHouse ? session.key : undefined);
}

// The house's list first; a merchant's key is refused there, and has its own.
async function findRole() {
  for (const path of ['/v1/operator/payments', '/v1/payments']) {
    session.path = path;
    try {
      await fetchPage();
      return;
    } catch (error) {
      if (error.status !== 403 || path === '/v1/payments') throw error;
    }
  }
}

async function signIn() {
  const key = byId('api-key').value.trim();
  Object.assign(session, { key, payments: [], next: undefined });
  byId('api-key-error').textContent = key === '' ? 'Enter an API key.' : '';
  if (key === '') {
    byId('api-key').focus();
    return;
  }
  try {
    await findRole();
  } catch (error) {
    byId('api-key-error').textContent = error.status === 401 ? 'This key is not known.' : error.message;
    byId('api-key').focus();
    return;
  }
  byId('api-key').value = '';
  notify();
  showSession(true);
  showPayments();
}

function signOut() {
  Object.assign(session, { key: undefined, payments: [], next: undefined });
  byId('payments').replaceChildren();
  showLog('idle', 'Not checked yet', 'The page checks the enclave, the key of its log, the newest signed head, and every record under it.');
  notify();
  showSession(false);
  byId('api-key').focus();
}

byId('filter-state').append(...STATES.map((state) => element('option', state.toLowerCase(), { value: state })));
byId('filter-state').addEventListener('change', showPayments);
byId('filter-text').addEventListener('input', showPayments);
byId('more').addEventListener('click', loadMore);
byId('check-log').addEventListener('click', verifyLog);
byId('sign-out').addEventListener('click', signOut);
byId('sign-in').addEventListener('submit', (event) => {
  event.preventDefault();
  signIn();
});
