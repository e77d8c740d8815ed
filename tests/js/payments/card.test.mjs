// SPDX-License-Identifier: Apache-2.0
// Hints about cards, and the message that is sealed.
import assert from 'node:assert/strict';
import test from 'node:test';
import { brandOf, checkCvv, checkExpiry, checkPan, encodeBinding, encodeCard, groupDigits, isLuhn, panOf, parseExpiry, sealCard }
  from '../../../examples/payments/web/card.js';
import { toHex, utf8 } from '../../../examples/payments/web/redoubt/bytes.js';
import { Reader } from '../../../examples/payments/web/redoubt/cbor.js';
import { generateKeyPair, open } from '../../../examples/payments/web/redoubt/hpke.js';

// Published test numbers of the brands.
const CARDS = { Visa: ['4111111111111111', '4222222222222'], Mastercard: ['5555555555554444', '2223000048400011'],
  'American Express': ['378282246310005'], Discover: ['6011111111111117'], JCB: ['3530111333300000'], 'Diners Club': ['30569309025904'],
  UnionPay: ['6200000000000005'] };
const CARD = { pan: '4111111111111111', month: 3, year: 2029, cvv: '123' };
const BINDING = { order: 'ord_1', payment: 'pk-1', amount: 1250, currency: 'EUR' };

test('good numbers of each brand pass, and no wrong digit or swap does', () => {
  for (const [name, numbers] of Object.entries(CARDS)) {
    for (const pan of numbers) {
      assert.equal(brandOf(pan).name, name);
      assert.equal(checkPan(groupDigits(pan)), undefined, pan);
      for (let at = 6; at < pan.length; at++) {
        const wrong = pan.slice(0, at) + (Number(pan[at]) + 1) % 10 + pan.slice(at + 1);
        assert.ok(!isLuhn(wrong) && checkPan(wrong), wrong);
      }
    }
  }
});

test('numbers of other lengths and characters are refused', () => {
  for (const text of ['', '4111', '41111111111111111', '4111 1111 1111 111a', '4111111111111111111111', '\u0664111111111111111']) {
    assert.ok(checkPan(text), text);
  }
  assert.equal(panOf(' 4111-1111 1111\t1111 '), '4111111111111111');
  assert.equal(groupDigits('378282246310005'), '3782 822463 10005');
});

test('a card is good to the end of its month', () => {
  const now = new Date(Date.UTC(2026, 10, 26));
  for (const text of ['11/26', '12/2026', ' 1 / 27', '0130', '11/46']) assert.equal(checkExpiry(text, now), undefined, text);
  for (const text of ['', '10/26', '12/25', '13/27', '00/27', '1/2', '11/47', '11/1927', 'ab/cd']) assert.ok(checkExpiry(text, now), text);
  assert.deepEqual(parseExpiry('3/29'), { month: 3, year: 2029 });
});

test('the security code has as many digits as the brand has', () => {
  assert.equal(checkCvv('123', CARD.pan), undefined);
  assert.equal(checkCvv('1234', '378282246310005'), undefined);
  for (const [text, pan] of [['', ''], ['12', ''], ['12345', ''], ['abc', ''], ['1234', CARD.pan], ['123', '378282246310005']]) {
    assert.ok(checkCvv(text, pan), text);
  }
});

test('every card has one length', () => {
  for (const pan of ['4'.repeat(12), '4'.repeat(16), '4'.repeat(19)]) {
    for (const cvv of ['123', '1234']) assert.equal(encodeCard({ ...CARD, pan, cvv, month: 12 }).length, 256);
  }
});

test('the message is what wire/card.h says', () => {
  const reader = new Reader(encodeCard(CARD));
  const found = [];
  for (reader.map(); reader.more();) found.push([reader.uint(), reader.peek() === 'uint' ? reader.uint() : reader.peek() === 'text'
    ? reader.text() : toHex(reader.byteString())]);
  reader.finish();
  assert.deepEqual(found.slice(0, 4), [[1, CARD.pan], [2, 3], [3, 2029], [4, '123']]);
  assert.match(found[4][1], /^(00)+$/);
  assert.equal(toHex(encodeBinding(BINDING)), `85${'6463617264'}${'656f72645f31'}${'64706b2d31'}${'1904e2'}${'63455552'}`);
});

test('a sealed card opens for this key and this payment alone', async () => {
  const pair = await generateKeyPair();
  const info = utf8('redoubt-payments card v1');
  const message = await sealCard(CARD, BINDING, pair.point);
  assert.equal(message.length, 65 + 256 + 16);
  assert.equal(toHex(await open(pair, info, encodeBinding(BINDING), message)), toHex(encodeCard(CARD)));
  for (const change of [{ order: 'ord_2' }, { payment: 'pk-2' }, { amount: 1251 }, { currency: 'USD' }]) {
    await assert.rejects(open(pair, info, encodeBinding({ ...BINDING, ...change }), message));
  }
});
