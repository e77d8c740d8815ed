// SPDX-License-Identifier: Apache-2.0
// What both pages do with their elements. Text goes in as text: nothing that a server sends becomes markup.

import { toHex } from './redoubt/bytes.js';

export function byId(id) {
  return document.getElementById(id);
}

export function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

// [term, value] or [term, value, 'code'] in a <dl>.
export function showFacts(list, facts) {
  list.replaceChildren(...facts.flatMap(([term, value, kind]) => {
    const shown = element('dd');
    shown.append(kind === 'code' ? element('code', value) : value);
    return [element('dt', term), shown];
  }));
}

// Minor units of a currency, in the reader's language.
export function formatAmount(amount, currency) {
  if (!Number.isSafeInteger(amount) || !/^[A-Z]{3}$/.test(currency)) return '?';
  const format = new Intl.NumberFormat(undefined, { style: 'currency', currency });
  return format.format(amount / 10 ** format.resolvedOptions().maximumFractionDigits);
}

const BRANDS = { visa: 'Visa', mastercard: 'Mastercard', amex: 'American Express', discover: 'Discover', jcb: 'JCB', diners: 'Diners Club', unionpay: 'UnionPay' };

// "Visa 411111******1111"
export function formatCard(brand, masked) {
  return [BRANDS[brand], masked].filter(Boolean).join(' ');
}

export function formatTime(ms) {
  return new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' }).format(new Date(ms));
}

// What was verified about an enclave.
export function enclaveFacts(doc, { maxAgeS }) {
  const pcr = (index) => (doc.pcrs.has(index) ? toHex(doc.pcrs.get(index)) : 'none');
  const root = doc.chain[0].subject.commonName ?? `root ${doc.root + 1}`;
  const signer = doc.pcrs.has(8) && doc.pcrs.get(8).some((byte) => byte !== 0) ? [['Image signed by (PCR8)', pcr(8), 'code']] : [];
  return [
    ['Program', `${doc.name}, version ${doc.version}`],
    ['Its measurement (PCR0), as this page expects it', pcr(0), 'code'],
    ...signer,
    ['Proof issued under', `${root}, a root that is fixed in this page`],
    ['Proof made', `${doc.madeAgoS} s before it was checked; ${maxAgeS} s are allowed`],
    ['Made for this page\'s challenge', toHex(doc.nonce), 'code'],
    ['Debug mode', 'off: its operator cannot look inside'],
    ['Enclave', doc.moduleId, 'code'],
    ['Key that cards are encrypted for', toHex(doc.publicKey), 'code'],
    ['Its audit log', toHex(doc.log), 'code'],
  ];
}
