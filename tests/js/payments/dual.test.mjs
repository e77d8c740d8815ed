// SPDX-License-Identifier: Apache-2.0
// What custodians sign, byte for byte, and the card that comes back.
import assert from 'node:assert/strict';
import { generateKeyPairSync, verify } from 'node:crypto';
import test from 'node:test';
import { encodeExport, importSigner, openExport, signRequest } from '../../../examples/payments/web/dual.js';
import { fromHex, toHex, utf8 } from '../../../examples/payments/web/redoubt/bytes.js';
import { encodeMap, encodeText, encodeUint } from '../../../examples/payments/web/redoubt/cbor.js';
import { generateKeyPair, seal } from '../../../examples/payments/web/redoubt/hpke.js';

const LABEL = 'redoubt-payments export v1';
const pemOf = (key) => key.export({ type: 'pkcs8', format: 'pem' });

function requestFor(point) {
  return encodeExport({ nonce: new Uint8Array(32).fill(1), merchant: 'shop-1', token: 'tok_x', recipient: point, reason: 'why' });
}

test('a request is what wire/link.h says', () => {
  const hex = (text) => toHex(utf8(text));
  assert.equal(toHex(requestFor(new Uint8Array(65).fill(4))), ['86', `781a${hex(LABEL)}`, `5820${'01'.repeat(32)}`, `66${hex('shop-1')}`,
    `65${hex('tok_x')}`, `5841${'04'.repeat(65)}`, `63${hex('why')}`].join(''));
});

test('a key file signs, and others are refused', async () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const signature = await signRequest(await importSigner(pemOf(privateKey)), utf8('request'));
  assert.ok(verify('sha256', utf8('request'), { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature));
  assert.ok(!verify('sha256', utf8('Request'), { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature));
  const others = ['', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----', pemOf(generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey),
    pemOf(generateKeyPairSync('ed25519').privateKey), privateKey.export({ type: 'sec1', format: 'pem' })];
  for (const pem of others) await assert.rejects(importSigner(pem), TypeError);
});

test('an exported card opens for its own request, whole and with nothing more in it', async () => {
  const pair = await generateKeyPair();
  const request = requestFor(pair.point);
  const card = encodeMap(encodeUint(1), encodeText('4111111111111111'), encodeUint(2), encodeUint(3), encodeUint(3), encodeUint(2030));
  const sealed = (plaintext) => seal(pair.point, utf8(LABEL), request, plaintext);
  const good = await sealed(card);
  assert.deepEqual(await openExport(pair, request, good), { pan: '4111111111111111', month: 3, year: 2030 });
  await assert.rejects(openExport(pair, requestFor(new Uint8Array(65)), good));
  await assert.rejects(openExport(await generateKeyPair(), request, good));
  for (const hex of ['a0', 'a3', 'a20161310203', 'a30161310203020303', 'a401613102030319075d0400', 'a301613102030319075d00', 'a3020301613103f6']) {
    await assert.rejects(async () => openExport(pair, request, await sealed(fromHex(hex))), hex);
  }
});
