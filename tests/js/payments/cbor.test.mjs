// SPDX-License-Identifier: Apache-2.0
// The CBOR reader against what it must refuse, and the writers against RFC 8949's examples.
import assert from 'node:assert/strict';
import test from 'node:test';
import { concat, fromHex, toHex } from '../../../examples/payments/web/redoubt/bytes.js';
import { CborError, Reader, encodeArray, encodeBytes, encodeMap, encodeText, encodeUint } from
  '../../../examples/payments/web/redoubt/cbor.js';

function reader(hex, options) {
  return new Reader(fromHex(hex), options);
}

function refuses(code, read) {
  assert.throws(read, (error) => error instanceof CborError && error.code === code);
}

test('reads heads in their shortest form and refuses longer ones', () => {
  const good = { '00': 0, 17: 23, 1818: 24, '18ff': 255, 190100: 256, '1a00010000': 65536, '1b0000000100000000': 2 ** 32,
    '1b001fffffffffffff': 2 ** 53 - 1 };
  for (const [hex, value] of Object.entries(good)) assert.equal(reader(hex).uint(), value);
  for (const hex of ['1817', '1900ff', '1a0000ffff', '1b00000000ffffffff']) refuses('NONCANONICAL', () => reader(hex).uint());
  refuses('OUT_OF_RANGE', () => reader('1b0020000000000000').uint());
  refuses('OUT_OF_RANGE', () => reader('1820').uint(31));
});

test('reads numbers of either sign', () => {
  assert.equal(reader('3822').int(), -35);
  assert.equal(reader('01').int(), 1);
  refuses('OUT_OF_RANGE', () => reader('3bffffffffffffffff').int());
  refuses('BAD_TYPE', () => reader('40').int());
});

test('refuses heads that are reserved or cut off', () => {
  for (const hex of ['1c', '1d', '1e', '1f', '3f', 'df', 'f8', 'f800', 'e0', 'ff', 'fc']) {
    refuses('MALFORMED', () => reader(hex, { indefinite: true }).skip());
  }
  for (const hex of ['', '18', '19ff', '1b00000000', '41', '5820', '62c3', '82', 'a1', 'a101', 'd2', 'f9', 'fb000000']) {
    refuses('TRUNCATED', () => reader(hex).skip());
  }
});

test('does not believe lengths and counts', () => {
  refuses('TRUNCATED', () => reader('5b7fffffffffffffff00').byteString());
  refuses('TRUNCATED', () => reader('9b7fffffffffffffff00').array());
  refuses('TRUNCATED', () => reader('a20102').map());
});

test('takes indefinite lengths of containers where it is told to, of strings never', () => {
  const list = reader('9f0102ff', { indefinite: true });
  list.array();
  const values = [];
  while (list.more()) values.push(list.uint());
  list.finish();
  assert.deepEqual(values, [1, 2]);
  refuses('NONCANONICAL', () => reader('9f0102ff').array());
  refuses('NONCANONICAL', () => reader('5f4101ff', { indefinite: true }).byteString());
  refuses('NONCANONICAL', () => reader('7f6161ff', { indefinite: true }).text());
  refuses('MALFORMED', () => reader('bf01ff', { indefinite: true }).skip());
});

test('bounds its depth', () => {
  reader('81'.repeat(15) + '00').skip();
  refuses('TOO_DEEP', () => reader('81'.repeat(17) + '00').skip());
  refuses('TOO_DEEP', () => reader('c1'.repeat(17) + '00').skip());
  refuses('TOO_DEEP', () => reader('81'.repeat(20000) + '00').skip());
});

test('refuses texts that are not UTF-8', () => {
  assert.equal(reader('62c3bc').text(), '\u00fc');
  for (const hex of ['61ff', '62c080', '63eda080', '64f4908080', '61c3']) refuses('MALFORMED', () => reader(hex).text());
});

test('reads maps by their keys, each once', () => {
  const seen = {};
  const map = reader('a361610161620261634100');
  const keys = map.fields({ a: () => { seen.a = map.uint(); }, b: () => { seen.b = map.uint(); } });
  map.finish();
  assert.deepEqual([...keys], ['a', 'b', 'c']);
  assert.deepEqual(seen, { a: 1, b: 2 });
  refuses('DUPLICATE', () => { const twice = reader('a2616101616102'); twice.fields({ a: () => twice.uint() }); });
  refuses('DUPLICATE', () => reader('a2617801617802').fields({}));
  refuses('BAD_TYPE', () => reader('a10101').fields({}));
  const many = Array.from({ length: 17 }, (_, i) => toHex(concat(encodeText(`k${i}`), encodeUint(i)))).join('');
  refuses('LIMIT', () => reader(`b1${many}`).fields({}));
  // A name of Object's own is a key like any other.
  reader(`a1${toHex(encodeText('constructor'))}00`).fields({});
});

test('says that bytes follow', () => {
  const one = reader('0000');
  one.uint();
  refuses('TRAILING', () => one.finish());
});

test('writes what RFC 8949 has in its appendix A', () => {
  const numbers = { 0: '00', 10: '0a', 24: '1818', 100: '1864', 1000: '1903e8', 1000000: '1a000f4240',
    1000000000000: '1b000000e8d4a51000' };
  for (const [value, hex] of Object.entries(numbers)) assert.equal(toHex(encodeUint(Number(value))), hex);
  assert.equal(toHex(encodeBytes(fromHex('01020304'))), '4401020304');
  assert.equal(toHex(encodeText('\u6c34')), '63e6b0b4');
  assert.equal(toHex(encodeArray(encodeUint(1), encodeArray(encodeUint(2), encodeUint(3)))), '8201820203');
  assert.equal(toHex(encodeMap(encodeUint(1), encodeUint(2), encodeUint(3), encodeUint(4))), 'a201020304');
  for (const value of [-1, 0.5, 2 ** 53, Number.NaN]) assert.throws(() => encodeUint(value), RangeError);
});
