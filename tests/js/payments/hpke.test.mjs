// SPDX-License-Identifier: Apache-2.0
// HPKE against RFC 9180's vectors, and against whoever changes a message.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { fromHex, toHex, utf8 } from '../../../examples/payments/web/redoubt/bytes.js';
import { generateKeyPair, importKeyPair, open, seal, setupReceiver, setupSender } from
  '../../../examples/payments/web/redoubt/hpke.js';

const VECTOR = JSON.parse(readFileSync(new URL('../../data/hpke/base-p256-sha256-aes256gcm.json', import.meta.url), 'utf8'));
const hex = Object.fromEntries(Object.entries(VECTOR).filter(([, value]) => typeof value === 'string')
  .map(([name, value]) => [name, fromHex(value)]));

test('the sender makes RFC 9180\'s messages', async () => {
  const ephemeral = await importKeyPair(hex.skEm, hex.pkEm);
  const { enc, context } = await setupSender(hex.pkRm, hex.info, ephemeral);
  assert.equal(toHex(enc), VECTOR.enc);
  assert.equal(toHex(context.nonce), VECTOR.base_nonce);
  for (const one of VECTOR.encryptions) {
    context.sequence = one.sequence;
    assert.equal(toHex(await context.seal(fromHex(one.aad), fromHex(one.pt))), one.ct, `message ${one.sequence}`);
  }
});

test('the receiver opens them', async () => {
  const context = await setupReceiver(hex.enc, await importKeyPair(hex.skRm, hex.pkRm), hex.info);
  for (const one of VECTOR.encryptions) {
    context.sequence = one.sequence;
    assert.equal(toHex(await context.open(fromHex(one.aad), fromHex(one.ct))), one.pt, `message ${one.sequence}`);
  }
});

test('messages in a row have nonces of their own', async () => {
  const pair = await generateKeyPair();
  const { enc, context } = await setupSender(pair.point, utf8('info'));
  const sealed = await Promise.all([1, 2, 3].map(() => context.seal(utf8('aad'), utf8('same'))));
  assert.equal(new Set(sealed.map(toHex)).size, 3);
  const receiver = await setupReceiver(enc, pair, utf8('info'));
  for (const one of sealed) assert.equal(toHex(await receiver.open(utf8('aad'), one)), toHex(utf8('same')));
});

test('a message opens only whole, with its own key, info and aad', async () => {
  const pair = await generateKeyPair();
  const message = await seal(pair.point, utf8('info'), utf8('aad'), utf8('hello'));
  assert.equal(toHex(await open(pair, utf8('info'), utf8('aad'), message)), toHex(utf8('hello')));
  await assert.rejects(open(pair, utf8('other'), utf8('aad'), message));
  await assert.rejects(open(pair, utf8('info'), utf8('other'), message));
  await assert.rejects(open(await generateKeyPair(), utf8('info'), utf8('aad'), message));
  await assert.rejects(open(pair, utf8('info'), utf8('aad'), message.subarray(0, 80)), RangeError);
  for (let at = 0; at < message.length; at++) {
    const changed = message.slice();
    changed[at] ^= 1;
    await assert.rejects(open(pair, utf8('info'), utf8('aad'), changed), `byte ${at}`);
  }
});

test('a recipient that is no point of the curve is refused', async () => {
  const bad = hex.pkRm.slice();
  bad[64] ^= 1;
  for (const point of [bad, new Uint8Array(65), new Uint8Array(0), hex.pkRm.subarray(0, 64), fromHex('00')]) {
    await assert.rejects(seal(point, utf8('info'), utf8('aad'), utf8('hello')));
  }
});
