// SPDX-License-Identifier: Apache-2.0
// DER that is not DER, and certificates that are not well-formed.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { fromHex, toHex } from '../../../examples/payments/web/redoubt/bytes.js';
import { DerError, DerReader } from '../../../examples/payments/web/redoubt/der.js';
import { importKey, isSignedBy, parseCertificate, pemToDer } from '../../../examples/payments/web/redoubt/x509.js';

const DATA = new URL('../../data/attestation/', import.meta.url);
const PEM = readFileSync(new URL('aws-nitro-enclaves-root-g1.pem', DATA), 'ascii');
const ROOT = new Uint8Array(readFileSync(new URL('aws-nitro-enclaves-root-g1.der', DATA)));

function refuses(read) {
  assert.throws(read, DerError);
}

function der(hex) {
  return new DerReader(fromHex(hex));
}

test('refuses lengths that are long, indefinite or not true', () => {
  assert.equal(toHex(der('0401aa').element().body), 'aa');
  for (const hex of ['', '04', '0401', '0481', '048101aa', '04820001aa', '0480aa0000', '0482', '0483000001aa', '04ff',
    '0482ffff00']) refuses(() => der(hex).element());
  refuses(() => der('1f810100').element());
});

test('refuses booleans, numbers and bit strings in other forms', () => {
  assert.equal(der('0101ff').boolean(), true);
  for (const hex of ['010101', '010180', '0102ffff', '0100']) refuses(() => der(hex).boolean());
  assert.equal(der('02020080').small(), 128);
  for (const hex of ['0200', '02020001', '0202ffff', '020180', '020500ffffffff']) refuses(() => der(hex).small());
  assert.deepEqual(der('03020186').namedBits(), [0, 5, 6]);
  assert.deepEqual(der('030100').namedBits(), []);
  for (const hex of ['0300', '030101', '03020800', '03020086', '03020187', '0303018600']) refuses(() => der(hex).namedBits());
  refuses(() => der('03020180').octets());
});

test('refuses object identifiers in other forms', () => {
  assert.equal(der('06052b81040022').oid(), '1.3.132.0.34');
  assert.equal(der('0603883703').oid(), '2.999.3');
  for (const hex of ['0600', '060180', '06028001', '06032a8001', '060c2affffffffffffffffffff7f']) refuses(() => der(hex).oid());
});

test('reads both kinds of time, and only those that exist', () => {
  const time = (tag, text) => new DerReader(Uint8Array.from([tag, text.length, ...Buffer.from(text)])).time();
  assert.equal(time(0x17, '191028132805Z'), Date.UTC(2019, 9, 28, 13, 28, 5) / 1000);
  assert.equal(time(0x17, '500101000000Z'), Date.UTC(1950, 0, 1) / 1000);
  assert.equal(time(0x18, '20500910235959Z'), Date.UTC(2050, 8, 10, 23, 59, 59) / 1000);
  for (const text of ['190229000000Z', '191328132805Z', '191028242805Z', '191028136005Z', '191028132860Z', '1910281328Z',
    '191028132805+0000', '191028132805', ' 91028132805Z']) refuses(() => time(0x17, text));
  for (const text of ['20500910235959.5Z', '20500910235959']) refuses(() => time(0x18, text));
});

test('reads AWS\'s root, and that it signed itself', async () => {
  assert.deepEqual(pemToDer(PEM), ROOT);
  const root = parseCertificate(ROOT);
  assert.equal(root.version, 3);
  assert.equal(root.subject.commonName, 'aws.nitro-enclaves');
  assert.equal(root.notAfter, Date.UTC(2049, 9, 28, 14, 28, 5) / 1000);
  assert.ok(root.isCa && root.pathLength === undefined && !root.hasUnknownCritical);
  assert.deepEqual([...root.keyUsage], [0, 5, 6]);
  assert.equal(toHex(root.serial), '00f93175681b90afe11d46ccb4e4e7f856');
  assert.ok(await isSignedBy(root, await importKey(root.key)));
});

test('refuses PEM files of none, of two and with something else in them', () => {
  for (const text of ['', PEM + PEM, PEM.replace('BEGIN CERTIFICATE', 'BEGIN PUBLIC KEY'), `x${PEM}`]) refuses(() => pemToDer(text));
});

// Whatever happens to a certificate, it is refused, or it is one that its key has not signed.
test('a changed certificate never verifies', async () => {
  const key = await importKey(parseCertificate(ROOT).key);
  for (let at = 0; at < ROOT.length; at++) {
    const changed = ROOT.slice();
    changed[at] ^= 1 << (at % 8);
    try {
      assert.ok(!await isSignedBy(parseCertificate(changed), key), `byte ${at}`);
    } catch (error) {
      assert.ok(error instanceof DerError, `byte ${at}: ${error.stack}`);
    }
  }
});

test('a certificate that is cut or has a tail is refused', () => {
  for (let length = 0; length < ROOT.length; length++) refuses(() => parseCertificate(ROOT.slice(0, length)));
  refuses(() => parseCertificate(Uint8Array.from([...ROOT, 0])));
});
