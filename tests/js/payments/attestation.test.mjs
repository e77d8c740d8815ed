// SPDX-License-Identifier: Apache-2.0
// The verifier in JavaScript: AWS's documents, our own, a refusal of each kind, and mutants, judged as "redoubt verify" does.
//
// MAKE_DOCUMENT and REDOUBT name the built programs of those names.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { REFUSALS, Refusal, verify } from '../../../examples/payments/web/redoubt/attestation.js';
import { concat, fromHex, toHex, utf8 } from '../../../examples/payments/web/redoubt/bytes.js';
import { encodeArray, encodeBytes, encodeMap, encodeText, encodeUint } from '../../../examples/payments/web/redoubt/cbor.js';
import { ECDSA_SHA256, LEAF, MODULE_ID, Maker, NULL, basicConstraints, encodePcrs, fill, integer, keyUsage, unknownExtension }
  from './maker.mjs';

const DATA = new URL('../../data/attestation/', import.meta.url);
const TREE = new URL('../../../', import.meta.url);
const AWS_ROOT = readFileSync(new URL('aws-nitro-enclaves-root-g1.pem', DATA), 'ascii');
const GOV_ROOT = readFileSync(new URL('aws-us-gov-nitro-enclaves-root.pem', DATA), 'ascii');
const { MAKE_DOCUMENT, REDOUBT } = process.env;

// The table of the C verifier's own test is the one place where expected results are written.
const VECTORS = [...readFileSync(new URL('tests/unit/attest/test_vectors.c', TREE), 'utf8').matchAll(
  /\{"([^"]+)", UINT64_C\((\d+)\), (true|false), RD_VERIFY_(\w+),\s+"([0-9a-f]+)", (\d+), (-?\d+), (-?\d+), (-?\d+),/g)]
  .map(([, file, timestamp, debug, want, pcr0, count, ...lengths]) => ({ bytes: load(file), file, timestamp: Number(timestamp),
    debug: debug === 'true', want, pcr0, count: Number(count), lengths: lengths.map(Number) }));

function load(file) {
  return new Uint8Array(readFileSync(new URL(file, DATA)));
}

// "OK", or the code of the refusal; anything else that is thrown is a bug.
async function judge(bytes, options) {
  try {
    await verify(bytes, options);
    return 'OK';
  } catch (error) {
    assert.ok(error instanceof Refusal, error.stack);
    return error.code;
  }
}

async function refuses(bytes, options, code, about = {}) {
  await assert.rejects(verify(bytes, options), (error) => {
    assert.equal(error.code, code, error.stack);
    assert.equal(error.number, REFUSALS[code][0]);
    for (const [name, value] of Object.entries(about)) assert.equal(error[name], value, `${code}: ${name}`);
    return true;
  });
}

test('refusals have the names, numbers and sentences of the C verifier', () => {
  const header = readFileSync(new URL('lib/attest/verify.h', TREE), 'utf8');
  const theirs = [...header.matchAll(/X\(RD_VERIFY_(\w+), (\d+), "([^"]+)"\)/g)].map(([, name, number, text]) =>
    [name, [Number(number), text]]).filter(([name]) => name !== 'OK');
  assert.ok(theirs.length > 40);
  assert.deepEqual(Object.entries(REFUSALS), theirs);
});

test('AWS\'s documents are judged as published', async () => {
  assert.equal(VECTORS.length, 20);
  for (const { bytes, file, timestamp, debug, want, pcr0, count, lengths } of VECTORS) {
    const options = { roots: [GOV_ROOT, AWS_ROOT], now: timestamp, maxAge: 1, allowDebug: true };
    assert.equal(await judge(bytes, options), want, file);
    assert.equal(await judge(bytes, { ...options, allowDebug: false }), want === 'OK' && debug ? 'DEBUG' : want, file);
    if (want !== 'OK') continue;
    const doc = await verify(bytes, options);
    assert.equal(doc.timestamp, timestamp);
    assert.equal(doc.debug, debug);
    assert.equal(doc.root, 1);
    assert.ok(toHex(doc.pcrs.get(0)).startsWith(pcr0) && doc.pcrs.size === count, file);
    assert.deepEqual([doc.publicKey, doc.userData, doc.nonce].map((field) => (field === null ? -1 : field.length)), lengths, file);
    assert.equal(await judge(bytes, { ...options, roots: [GOV_ROOT] }), 'UNKNOWN_ROOT');
    assert.equal(await judge(bytes, { ...options, now: timestamp + 86400000, maxAge: 0 }), 'EXPIRED');
    assert.equal(await judge(concat(Uint8Array.of(0xd2), bytes), options), 'OK');
  }
});

test('a document of ours verifies, and only as what it is', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'redoubt-js-'));
  try {
    assert.equal(spawnSync(MAKE_DOCUMENT, [dir]).status, 0);
    const bytes = new Uint8Array(readFileSync(join(dir, 'document.bin')));
    const options = { roots: [readFileSync(join(dir, 'root.pem'), 'ascii')], maxAge: 300,
      nonce: utf8('thirty-two bytes make up a nonce'), pcrs: { 0: '10'.repeat(48), 16: '77'.repeat(48) } };
    const doc = await verify(bytes, options);
    assert.equal(doc.moduleId, 'i-0a1b2c3d4e5f60718-enc0199aabbccddeeff');
    assert.equal(doc.publicKey.length, 0);
    await refuses(bytes, { ...options, roots: [AWS_ROOT] }, 'UNKNOWN_ROOT', { cert: 0 });
    await refuses(bytes, { ...options, nonce: fill(1, 32) }, 'NONCE');
    await refuses(bytes, { ...options, pcrs: { 0: '11'.repeat(48) } }, 'PCR', { pcr: 0 });
    await refuses(bytes, { ...options, pcrs: { 17: '11'.repeat(48) } }, 'PCR', { pcr: 17 });
    await refuses(bytes, { ...options, now: Date.now() + 400000 }, 'TOO_OLD');
    await refuses(bytes, { ...options, now: Date.now() + 10900000 }, 'EXPIRED', { cert: LEAF });
    await refuses(bytes, { ...options, now: Date.now() - 120000 }, 'NOT_YET_VALID');
  } finally {
    rmSync(dir, { recursive: true });
  }
});

const made = await Maker.make();
const base = { roots: [made.root], maxAge: 300 };

test('options that make no sense are refused, and none is lax', async () => {
  const bytes = await made.document();
  assert.equal(await judge(bytes, base), 'OK');
  for (const change of [{ roots: [] }, { roots: undefined }, { nonce: fill(1, 15) }, { nonce: 'ab' }, { pcrs: { 0: fill(0) } },
    { pcrs: { 0: fill(1, 47) } }, { pcrs: { 32: fill(1) } }, { pcrs: { x: fill(1) } }, { pcrs: {} }, { pcrs: [] }, { pcrs: [{}] },
    { now: Number.NaN }, { maxAge: -1 }]) await refuses(bytes, { ...base, ...change }, 'USAGE');
  await refuses('document', base, 'USAGE');
});

test('one image of several must fit, whole', async () => {
  const bytes = await made.document();
  const [a, b, wrong] = [{ 0: fill(0xa0), 8: fill(0xa8) }, { 0: fill(0xb0) }, { 0: fill(0xa0), 8: fill(0xb8) }];
  assert.equal((await verify(bytes, { ...base, pcrs: [b, a] })).image, 1);
  await refuses(bytes, { ...base, pcrs: [b, wrong] }, 'PCR', { pcr: 0 });
  await refuses(bytes, { ...base, pcrs: [wrong] }, 'PCR', { pcr: 8 });
});

test('nonce, age and debug', async () => {
  const nonce = fill(7, 32);
  const bytes = await made.document({ nonce: encodeBytes(nonce) });
  assert.equal(await judge(bytes, { ...base, nonce }), 'OK');
  await refuses(bytes, { ...base, nonce: fill(7, 31) }, 'NONCE');
  await refuses(await made.document(), { ...base, nonce }, 'NONCE');
  await refuses(await made.document({ timestamp: encodeUint((made.nowS - 400) * 1000) }), base, 'TOO_OLD');
  await refuses(await made.document({ timestamp: encodeUint((made.nowS + 100) * 1000) }), base, 'FUTURE');
  assert.equal(await judge(await made.document({ timestamp: encodeUint((made.nowS + 50) * 1000) }), { ...base, now: made.nowS * 1000 }), 'OK');
  for (const pcr of [0, 1, 2]) {
    const debug = await made.document({ pcr: { [pcr]: fill(0) } });
    await refuses(debug, base, 'DEBUG', { pcr });
    assert.equal((await verify(debug, { ...base, allowDebug: true })).debug, true);
  }
  await refuses(await made.document({ pcrs: encodePcrs({ 4: (await verify(bytes, base)).pcrs.get(4) }) }), base, 'DEBUG');
});

test('a payload that is none', async () => {
  const cases = [
    [{ module_id: undefined }, 'MISSING'], [{ cabundle: undefined }, 'MISSING'], [{ pcrs: undefined, nitrotpm_pcrs: encodePcrs({ 0: fill(1) }) }, 'NITROTPM'],
    [{ digest: encodeText('SHA256') }, 'DIGEST'], [{ digest: encodeBytes(utf8('SHA384')) }, 'DIGEST'],
    [{ timestamp: encodeUint(0) }, 'TIMESTAMP'], [{ timestamp: encodeText('1') }, 'TIMESTAMP'], [{ timestamp: fromHex('1bffffffffffffffff') }, 'TIMESTAMP'], [{ timestamp: fromHex('1b7fffffffffffffff') }, 'FUTURE'],
    [{ pcrs: encodeMap() }, 'PCRS'], [{ pcrs: encodePcrs({ 32: fill(1) }) }, 'PCRS'], [{ pcrs: encodePcrs({ 0: fill(1, 32) }) }, 'PCRS'],
    [{ pcrs: encodeMap(encodeUint(0), encodeBytes(fill(1)), encodeUint(0), encodeBytes(fill(1))) }, 'PCRS'],
    [{ pcrs: encodeMap(encodeText('0'), encodeBytes(fill(1))) }, 'PCRS'], [{ pcrs: encodeArray() }, 'PCRS'],
    [{ certificate: encodeBytes(fill(1, 0)) }, 'CERTIFICATE'], [{ certificate: encodeBytes(fill(1, 1025)) }, 'CERTIFICATE'], [{ certificate: NULL }, 'CERTIFICATE'],
    [{ cabundle: encodeArray() }, 'CABUNDLE'], [{ cabundle: NULL }, 'CABUNDLE'], [{ cabundle: encodeArray(encodeBytes(fill(1, 0))) }, 'CABUNDLE'],
    [{ cabundle: encodeArray(...[1, 2, 3, 4, 5].map(() => encodeBytes(made.root))) }, 'CABUNDLE'],
    [{ nonce: encodeBytes(fill(1, 1025)) }, 'FIELD'], [{ user_data: encodeText('x') }, 'FIELD'], [{ public_key: encodeUint(1) }, 'FIELD'],
    [{ module_id: encodeText('') }, 'MODULE_ID'], [{ module_id: encodeText('i-\u001b[2J') }, 'MODULE_ID'], [{ module_id: encodeText(`i-${'0'.repeat(127)}`) }, 'MODULE_ID'],
    [{ module_id: encodeText('i-0-enc00') }, 'MODULE_ID'], [{ module_id: fromHex('61ff') }, 'PAYLOAD'],
    [{ certificate: encodeBytes(fill(1, 600)) }, 'BAD_CERT'], [{ cabundle: encodeArray(encodeBytes(made.ders[1])) }, 'UNKNOWN_ROOT'],
    [{ more: encodeArray(encodeText('unknown'), NULL) }, 'OK'], [{ more: fromHex('1801') }, 'PAYLOAD'],
    [{ public_key: undefined, user_data: undefined, nonce: undefined }, 'OK'],
    [{ public_key: encodeBytes(fill(1, 1024)), user_data: encodeBytes(fill(1, 0)), nonce: encodeBytes(fill(1, 1)) }, 'OK'],
  ];
  for (const [change, want] of cases) assert.equal(await judge(await made.document(change), base), want, Object.keys(change).join());
  const payload = await made.payload();
  const twice = concat(payload, encodeText('digest'), encodeText('SHA384'));
  twice[0] += 1;
  assert.equal(await judge(await made.wrap(twice), base), 'DUPLICATE');
  assert.equal(await judge(await made.wrap(concat(payload, Uint8Array.of(0))), base), 'TRAILING');
  const indefinite = concat(Uint8Array.of(0xbf), payload.subarray(1), Uint8Array.of(0xff));
  assert.equal(await judge(await made.wrap(indefinite), base), 'OK');
});

test('a COSE message that is none', async () => {
  const payload = await made.payload();
  const bytes = await made.wrap(payload);
  const parts = (...items) => encodeArray(...items);
  const [header, map, body, signature] = [encodeBytes(fromHex('a1013822')), fromHex('a0'), encodeBytes(payload), encodeBytes(fill(1, 96))];
  const cases = [
    [new Uint8Array(0), 'NOT_COSE'], [utf8('<html>'), 'NOT_COSE'], [fill(0x84, 32769), 'TOO_LARGE'], [fill(0x84, 32768), 'NOT_COSE'],
    [concat(bytes, Uint8Array.of(0)), 'TRAILING'], [concat(Uint8Array.of(0xd1), bytes), 'NOT_COSE'], [bytes.subarray(0, -1), 'NOT_COSE'],
    [parts(header, map, body), 'NOT_COSE'], [parts(header, map, body, signature, signature), 'NOT_COSE'], [parts(header, NULL, body, signature), 'NOT_COSE'],
    [parts(header, map, NULL, signature), 'NOT_COSE'], [parts(header, map, encodeBytes(fill(0, 0)), signature), 'PAYLOAD_SIZE'],
    [parts(header, map, encodeBytes(fill(0, 16385)), signature), 'PAYLOAD_SIZE'], [parts(header, map, body, encodeBytes(fill(1, 95))), 'SIGNATURE_SIZE'],
    [parts(header, map, body, encodeBytes(fill(1, 97))), 'SIGNATURE_SIZE'], [parts(header, map, body, signature), 'SIGNATURE'],
    [parts(header, map, body, encodeBytes(fill(0, 96))), 'SIGNATURE'], [parts(header, map, body, encodeBytes(fill(0xff, 96))), 'SIGNATURE'],
    [await made.wrap(payload, { level: 3 }), 'SIGNATURE'], [await made.wrap(payload, { unprotected: fromHex('a10126') }), 'OK'],
    [await made.wrap(payload, { protectedHeader: fromHex('a10126') }), 'ALGORITHM'], [await made.wrap(payload, { protectedHeader: fromHex('a1016445533338') }), 'ALGORITHM'],
    [await made.wrap(payload, { protectedHeader: fromHex('a10140') }), 'ALGORITHM'],
    [await made.wrap(payload, { protectedHeader: fromHex('a0'), unprotected: fromHex('a1013822') }), 'PROTECTED'], [await made.wrap(payload, { protectedHeader: fill(0, 0) }), 'PROTECTED'],
    [await made.wrap(payload, { protectedHeader: fromHex('a201382202810a') }), 'PROTECTED'], [await made.wrap(payload, { protectedHeader: fromHex('a101382200') }), 'PROTECTED'],
    [await made.wrap(payload, { protectedHeader: fromHex('a2013822013822') }), 'PROTECTED'], [await made.wrap(payload, { protectedHeader: fromHex('bf013822ff') }), 'PROTECTED'],
    [await made.wrap(payload, { protectedHeader: fromHex('a101390022') }), 'PROTECTED'],
  ];
  for (const [input, want] of cases) assert.equal(await judge(input, base), want, toHex(input.subarray(0, 24)));
});

test('a chain with one certificate wrong', async () => {
  const weak = '03020780';
  const cases = [
    [{ 1: { version: new Uint8Array(0) } }, 'BAD_CERT', 1], [{ 1: { version: fromHex('a003020101') } }, 'BAD_CERT', 1],
    [{ 2: { extensions: [basicConstraints(true, 1), basicConstraints(true, 1), keyUsage('03020204')] } }, 'BAD_CERT', 2],
    [{ 3: { curve: 'P-256' } }, 'CERT_ALGORITHM', 3], [{ 4: { curve: 'P-256' } }, 'CERT_ALGORITHM', 4],
    [{ 4: { algorithm: ECDSA_SHA256, hash: 'SHA-256' } }, 'CERT_ALGORITHM', 4], [{ 4: { outerAlgorithm: ECDSA_SHA256 } }, 'CERT_ALGORITHM', 4],
    [{ 4: { algorithm: fromHex('300c06082a8648ce3d0403030500') } }, 'CERT_ALGORITHM', 4],
    [{ 1: { extensions: [basicConstraints(true, 2), keyUsage('03020204'), unknownExtension(true)] } }, 'CRITICAL', 1],
    [{ 1: { extensions: [basicConstraints(true, 2), keyUsage('03020204'), unknownExtension(false)] } }, 'OK'],
    [{ 4: { extensions: [basicConstraints(false), keyUsage(weak), unknownExtension(true)] } }, 'CRITICAL', 4],
    [{ 2: { extensions: [] } }, 'CA', 2], [{ 2: { extensions: [basicConstraints(true, 1)] } }, 'CA', 2], [{ 2: { extensions: [basicConstraints(false), keyUsage('03020204')] } }, 'CA', 2],
    [{ 2: { extensions: [basicConstraints(true, 1), keyUsage(weak)] } }, 'CA', 2], [{ 0: { extensions: [basicConstraints(true, 2), keyUsage('03020204')] } }, 'PATH_LENGTH', 0],
    [{ 1: { extensions: [basicConstraints(true, 1), keyUsage('03020204')] } }, 'PATH_LENGTH', 1], [{ 3: { extensions: [basicConstraints(true, 5), keyUsage('03020204')] } }, 'OK'],
    [{ 4: { extensions: [basicConstraints(true), keyUsage('03020284')] } }, 'LEAF', 4], [{ 4: { extensions: [basicConstraints(false, 0), keyUsage(weak)] } }, 'LEAF', 4],
    [{ 4: { extensions: [basicConstraints(false), keyUsage('03020284')] } }, 'LEAF', 4], [{ 4: { extensions: [basicConstraints(false)] } }, 'LEAF', 4],
    [{ 4: { extensions: [keyUsage(weak)] } }, 'OK'], [{ 2: { subjectName: 'somebody.else' } }, 'ISSUER', 3], [{ 4: { signedBy: 2 } }, 'CERT_SIGNATURE', 4],
    [{ 0: { notAfter: made.nowS - 1 } }, 'EXPIRED', 0], [{ 2: { notAfter: made.nowS - 1 } }, 'EXPIRED', 2], [{ 4: { notAfter: made.nowS - 1 } }, 'EXPIRED', 4],
    [{ 3: { notBefore: made.nowS + 61 } }, 'NOT_YET_VALID', 3], [{ 3: { notBefore: made.nowS + 60 } }, 'OK'], [{ 3: { notAfter: made.nowS } }, 'OK'],
    [{ 4: { subjectName: 'i-0a1b2c3d4e5f60718-enc0000000000000000.local-1.js' } }, 'LEAF_NAME'], [{ 4: { subjectName: MODULE_ID } }, 'LEAF_NAME'],
    [{ 4: { serial: integer(fill(1, 16)) } }, 'LEAF_SERIAL'], [{ 4: { serial: integer(fill(1, 17)) } }, 'LEAF_SERIAL'], [{ 4: { serial: fromHex('0201ff') } }, 'LEAF_SERIAL'],
  ];
  for (const [changes, want, cert] of cases) {
    const maker = await Maker.make(changes, made.nowS);
    const options = { roots: [maker.root], now: made.nowS * 1000 };
    const text = JSON.stringify(Object.keys(changes));
    if (want === 'OK') assert.equal(await judge(await maker.document(), options), 'OK', text);
    else await refuses(await maker.wrap(await maker.payload(), { level: changes[LEAF]?.curve ? 0 : LEAF }), options, want, { cert });
  }
});

test('a chain in another order, cut, or with something of another\'s in it', async () => {
  const other = await Maker.make({}, made.nowS);
  const cabundle = (...ders) => ({ cabundle: encodeArray(...ders.map(encodeBytes)) });
  const [root, regional, zonal, instance] = made.ders;
  const cases = [[cabundle(root, zonal, regional, instance), 'ISSUER'], [cabundle(root, regional, zonal), 'ISSUER'], [cabundle(root), 'ISSUER'],
    [cabundle(instance, zonal, regional, root), 'UNKNOWN_ROOT'], [cabundle(other.root, regional, zonal, instance), 'UNKNOWN_ROOT'],
    [cabundle(root, other.ders[1], zonal, instance), 'CERT_SIGNATURE'], [{ certificate: encodeBytes(other.ders[LEAF]) }, 'CERT_SIGNATURE']];
  for (const [change, want] of cases) assert.equal(await judge(await made.document(change), base), want);
  assert.equal(await judge(await other.document(), base), 'UNKNOWN_ROOT');
  // A whole chain of another's under the right root's name and bytes.
  assert.equal(await judge(await other.document(cabundle(root, ...other.ders.slice(1, LEAF))), base), 'CERT_SIGNATURE');
  assert.equal(await judge(await made.document({ pcr: { 4: fill(4) } }), base), 'PCR4');
  const renamed = await Maker.make({ 3: { subjectName: 'i-00.local-1.js' }, 4: {} }, made.nowS);
  renamed.ders[LEAF] = await renamed.certificate(LEAF, { issuer: renamedIssuer() });
  assert.equal(await judge(await renamed.document(), { ...base, roots: [renamed.root] }), 'INSTANCE_NAME');
});

function renamedIssuer() {
  const cn = utf8('i-00.local-1.js');
  const value = concat(Uint8Array.of(0x0c, cn.length), cn);
  const pair = concat(fromHex('0603550403'), value);
  const wrapped = concat(Uint8Array.of(0x30, pair.length), pair);
  const set = concat(Uint8Array.of(0x31, wrapped.length), wrapped);
  return concat(Uint8Array.of(0x30, set.length), set);
}

// Where a bit is flipped: everywhere that the tests can afford, and never twice at the same place.
function* mutants(bytes, count) {
  for (let i = 0; i < count; i++) {
    const at = Math.floor(i * bytes.length / count);
    const changed = bytes.slice();
    changed[at] ^= 1 << (i % 8);
    yield [at, changed];
  }
}

test('no document with a flipped bit verifies', async () => {
  for (const { bytes, file, timestamp } of VECTORS.filter(({ want }) => want === 'OK').slice(0, 4)) {
    const options = { roots: [AWS_ROOT], now: timestamp, allowDebug: true };
    for (const [at, changed] of mutants(bytes, 500)) {
      const verdict = await judge(changed, options);
      assert.notEqual(verdict, 'OK', `${file}: byte ${at}`);
    }
  }
});

test('documents that are cut off do not verify', async () => {
  const { bytes, timestamp } = VECTORS[0];
  for (let length = 0; length < bytes.length; length += 7) {
    assert.equal(await judge(bytes.subarray(0, length), { roots: [AWS_ROOT], now: timestamp }), 'NOT_COSE');
  }
});

// Equal, or both about a certificate: the two parsers of X.509 do not find the same of several flaws first.
function isSameRefusal(ours, theirs) {
  const aboutCertificate = (number) => number >= REFUSALS.BAD_CERT[0] && number <= REFUSALS.EXPIRED[0];
  return ours === theirs || aboutCertificate(ours) && aboutCertificate(theirs);
}

test('mutants are refused with the code that redoubt verify gives', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'redoubt-js-'));
  try {
    const root = join(dir, 'root.pem');
    writeFileSync(root, AWS_ROOT);
    const { bytes, timestamp } = VECTORS.find(({ file }) => file.startsWith('21-'));
    const different = [];
    for (const [at, changed] of mutants(bytes, 120)) {
      const done = spawnSync(REDOUBT, ['verify', '--root', root, '--at', String(Math.floor(timestamp / 1000)), '-'], { input: changed });
      const verdict = await judge(changed, { roots: [AWS_ROOT], now: timestamp });
      if (!isSameRefusal(REFUSALS[verdict]?.[0], done.status)) different.push(`byte ${at}: ${verdict}; ${done.stderr}`);
    }
    assert.deepEqual(different, []);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
