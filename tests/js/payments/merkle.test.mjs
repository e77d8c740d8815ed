// SPDX-License-Identifier: Apache-2.0
// Trees against RFC 6962's definition and Certificate Transparency's published roots, and heads against forgers.
import assert from 'node:assert/strict';
import { createHash, webcrypto } from 'node:crypto';
import test from 'node:test';
import { concat, fromHex, toHex, utf8 } from '../../../examples/payments/web/redoubt/bytes.js';
import { HEAD_SIZE, LogRefusal, Tree, publicKeyFromPem, verifyHead } from '../../../examples/payments/web/redoubt/merkle.js';

const { subtle } = webcrypto;
const sha256 = (...parts) => new Uint8Array(createHash('sha256').update(concat(...parts)).digest());

// RFC 6962 2.1, as it is written there.
function rootOf(entries) {
  if (entries.length === 0) return sha256(new Uint8Array(0));
  if (entries.length === 1) return sha256(Uint8Array.of(0), entries[0]);
  let split = 1;
  while (split * 2 < entries.length) split *= 2;
  return sha256(Uint8Array.of(1), rootOf(entries.slice(0, split)), rootOf(entries.slice(split)));
}

test('roots are those of the definition, at every size', async () => {
  const entries = [];
  const tree = new Tree();
  for (let i = 0; i <= 130; i++) {
    assert.equal(toHex(await tree.root()), toHex(rootOf(entries)), `size ${i}`);
    entries.push(utf8(`record ${i}`));
    await tree.append(entries[i]);
  }
});

test('roots are those that Certificate Transparency publishes for its reference entries', async () => {
  const entries = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];
  const roots = { 1: '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
    2: 'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
    3: 'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
    8: '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328' };
  const tree = new Tree();
  for (const entry of entries) {
    await tree.append(fromHex(entry));
    if (roots[tree.size]) assert.equal(toHex(await tree.root()), roots[tree.size]);
  }
});

async function makeLog() {
  const pair = await subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
  const spki = new Uint8Array(await subtle.exportKey('spki', pair.publicKey));
  const id = sha256(spki);
  const number = (value) => fromHex(value.toString(16).padStart(16, '0'));
  const head = async (size, root, magic = 'RDLOGH2\0') => {
    const body = concat(utf8(magic), id, number(1764150000000), number(size), root);
    return concat(body, new Uint8Array(await subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, pair.privateKey, body)));
  };
  return { spki, id, head };
}

const refuses = (promise, code) => assert.rejects(promise, (error) => error instanceof LogRefusal && error.code === code);

test('a head is believed whole, from its own key alone', async () => {
  const log = await makeLog();
  const other = await makeLog();
  const root = rootOf([utf8('a')]);
  const bytes = await log.head(1, root);
  assert.equal(bytes.length, HEAD_SIZE);
  const read = await verifyHead(bytes, log.spki, log.id);
  assert.deepEqual([read.size, read.timeMs, toHex(read.root)], [1, 1764150000000, toHex(root)]);
  await refuses(verifyHead(bytes, other.spki, log.id), 'KEY');
  await refuses(verifyHead(bytes, other.spki, other.id), 'KEY');
  await refuses(verifyHead(bytes.subarray(1), log.spki, log.id), 'FORM');
  await refuses(verifyHead(await log.head(1, root, 'RDLOGH1\0'), log.spki, log.id), 'FORM');
  for (let at = 0; at < bytes.length; at++) {
    const changed = bytes.slice();
    changed[at] ^= 1;
    await assert.rejects(verifyHead(changed, log.spki, log.id), LogRefusal, `byte ${at}`);
  }
});

test('a key comes from one PEM file of a public key', async () => {
  const { spki } = await makeLog();
  const pem = `-----BEGIN PUBLIC KEY-----\n${Buffer.from(spki).toString('base64')}\n-----END PUBLIC KEY-----\n`;
  assert.deepEqual(publicKeyFromPem(pem), spki);
  for (const text of ['', pem + pem, pem.replaceAll('PUBLIC', 'PRIVATE')]) assert.throws(() => publicKeyFromPem(text), LogRefusal);
});
