// SPDX-License-Identifier: Apache-2.0
// Card data in the page: hints while people type, and the message that only the enclave opens (wire/card.h).
//
// What is said here about a number is a help against typing errors. Whether a card is good is for the enclave to say.

import { encodeArray, encodeBytes, encodeMap, encodeText, encodeUint } from './redoubt/cbor.js';
import { utf8 } from './redoubt/bytes.js';
import { seal } from './redoubt/hpke.js';

// ISO/IEC 7812-1.
const PAN_MIN = 12;
const PAN_MAX = 19;
// Every card's message has one length, so that it says nothing about the card.
const PLAINTEXT_SIZE = 256;
const INFO = utf8('redoubt-payments card v1');
// No issuer's cards are good for longer.
const YEARS_AHEAD = 20;

// The first that begins the number. gaps: behind how many digits the card has a space.
const BRANDS = [
  { name: 'American Express', prefix: /^3[47]/, lengths: [15], gaps: [4, 10], cvv: 4 },
  { name: 'Diners Club', prefix: /^3(?:0[0-5]|095|[689])/, lengths: [14, 15, 16, 17, 18, 19], gaps: [4, 10], cvv: 3 },
  { name: 'JCB', prefix: /^35(?:2[89]|[3-8])/, lengths: [16, 17, 18, 19], gaps: [4, 8, 12], cvv: 3 },
  { name: 'Visa', prefix: /^4/, lengths: [13, 16, 19], gaps: [4, 8, 12, 16], cvv: 3 },
  { name: 'Mastercard', prefix: /^(?:5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/, lengths: [16], gaps: [4, 8, 12], cvv: 3 },
  { name: 'Discover', prefix: /^(?:6011|64[4-9]|65)/, lengths: [16, 17, 18, 19], gaps: [4, 8, 12], cvv: 3 },
  { name: 'UnionPay', prefix: /^62/, lengths: [16, 17, 18, 19], gaps: [4, 8, 12, 16], cvv: 3 },
];

// The number as it is sealed: what people put between digits is left out.
export function panOf(text) {
  return text.replace(/[\s-]/g, '');
}

export function brandOf(pan) {
  return BRANDS.find(({ prefix }) => prefix.test(pan));
}

// The digits in groups, as they are on the card.
export function groupDigits(pan) {
  const gaps = brandOf(pan)?.gaps ?? [4, 8, 12, 16];
  return Array.from(pan, (digit, i) => (gaps.includes(i) ? ` ${digit}` : digit)).join('');
}

// ISO/IEC 7812-1 annex B.
export function isLuhn(pan) {
  let sum = 0;
  for (let i = 0; i < pan.length; i++) {
    const digit = pan.charCodeAt(pan.length - 1 - i) - 48;
    const doubled = i % 2 === 1 ? 2 * digit : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return pan.length > 1 && sum % 10 === 0;
}

// What is wrong with each field, in words; undefined where nothing is.
export function checkPan(text) {
  const pan = panOf(text);
  if (pan === '') return 'Enter the card number.';
  if (!/^[0-9]+$/.test(pan)) return 'A card number has digits only.';
  const brand = brandOf(pan);
  if (pan.length < PAN_MIN) return 'The card number is too short.';
  if (pan.length > PAN_MAX) return 'The card number is too long.';
  if (brand && !brand.lengths.includes(pan.length)) return `This is not the length of a ${brand.name} card number.`;
  return isLuhn(pan) ? undefined : 'Check the card number: a digit is wrong, or two are swapped.';
}

// "MM/YY", "MM / YYYY" or "MMYY" as {month, year}; undefined when it is none.
export function parseExpiry(text) {
  const match = /^\s*(0?[1-9]|1[0-2])\s*[/-]\s*((?:20)?\d\d)\s*$/.exec(text) ?? /^(0[1-9]|1[0-2])(\d\d)$/.exec(text.trim());
  return match ? { month: Number(match[1]), year: Number(match[2]) + (match[2].length === 2 ? 2000 : 0) } : undefined;
}

export function checkExpiry(text, now = new Date()) {
  if (text.trim() === '') return 'Enter the expiry date.';
  const expiry = parseExpiry(text);
  if (!expiry) return 'Enter month and year as they are on the card, for example 03/29.';
  const { month, year } = expiry;
  const thisYear = now.getUTCFullYear();
  if (year < thisYear || year === thisYear && month < now.getUTCMonth() + 1) return 'This card has expired.';
  return year > thisYear + YEARS_AHEAD ? 'Check the year: no card is good for so long.' : undefined;
}

export function checkCvv(text, pan = '') {
  const length = brandOf(panOf(pan))?.cvv;
  if (text.trim() === '') return 'Enter the security code.';
  if (!/^[0-9]{3,4}$/.test(text.trim())) return 'The security code has 3 digits, or 4 on American Express.';
  return length && text.trim().length !== length ? `The security code of this card has ${length} digits.` : undefined;
}

// {1: PAN, 2: month, 3: year, 4: CVV, 5: zeros}, PLAINTEXT_SIZE bytes.
export function encodeCard({ pan, month, year, cvv }) {
  const items = [encodeUint(1), encodeText(pan), encodeUint(2), encodeUint(month), encodeUint(3), encodeUint(year),
    encodeUint(4), encodeText(cvv), encodeUint(5)];
  const used = 1 + items.reduce((sum, item) => sum + item.length, 0);
  // The padding has a head of two bytes, whatever card there is: its length is between 24 and 255.
  return encodeMap(...items, encodeBytes(new Uint8Array(PLAINTEXT_SIZE - used - 2)));
}

// ["card", order id, payment key, amount, currency]
export function encodeBinding({ order, payment, amount, currency }) {
  return encodeArray(encodeText('card'), encodeText(order), encodeText(payment), encodeUint(amount), encodeText(currency));
}

// The card, sealed to the enclave's attested key for this payment and no other.
export async function sealCard(card, binding, enclaveKey) {
  const plaintext = encodeCard(card);
  try {
    return await seal(enclaveKey, INFO, encodeBinding(binding), plaintext);
  } finally {
    plaintext.fill(0);
  }
}
