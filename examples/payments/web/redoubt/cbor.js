// SPDX-License-Identifier: Apache-2.0
// CBOR (RFC 8949): a bounded reader for bytes that an enemy may have written, and the few writers that are needed.
//
// A Reader is a cursor. Its typed readers take one item each and throw a CborError with a code when the next item is another;
// array() and map() enter a container, more() counts its entries and leaves it after the last. Only shortest heads are
// taken; indefinite lengths of arrays and maps only where the caller says so, of strings never.

import { concat, utf8 } from './bytes.js';

// The deepest message that is read here has four levels; an unknown field of somebody else's may have a few more.
const DEPTH_MAX = 16;
// Keys that fields() does not know and still checks for duplicates.
const UNKNOWN_KEYS_MAX = 16;

const MAJOR = { UINT: 0, NINT: 1, BYTES: 2, TEXT: 3, ARRAY: 4, MAP: 5, TAG: 6, SIMPLE: 7 };
const NAMES = ['uint', 'nint', 'bytes', 'text', 'array', 'map', 'tag', 'simple'];

// code: TRUNCATED, BAD_TYPE, OUT_OF_RANGE, MALFORMED, NONCANONICAL, TOO_DEEP, DUPLICATE, LIMIT or TRAILING.
export class CborError extends Error {
  constructor(code, message) {
    super(`CBOR: ${message}`);
    this.name = 'CborError';
    this.code = code;
  }
}

function fail(code, message) {
  throw new CborError(code, message);
}

// An argument's bytes by the low five bits of the initial byte; what they are not used for in shortest form.
const ARGUMENT = { 24: { size: 1, least: 24n }, 25: { size: 2, least: 0x100n }, 26: { size: 4, least: 0x10000n },
  27: { size: 8, least: 0x100000000n } };

export class Reader {
  constructor(bytes, { indefinite = false } = {}) {
    this.bytes = bytes;
    this.at = 0;
    this.indefinite = indefinite;
    this.stack = [];
  }

  get left() {
    return this.bytes.length - this.at;
  }

  // The next item's type: one of NAMES, 'break', or undefined at the end.
  peek() {
    if (this.left === 0) return undefined;
    return this.bytes[this.at] === 0xff ? 'break' : NAMES[this.bytes[this.at] >> 5];
  }

  take(length) {
    if (length > this.left) fail('TRUNCATED', 'the input ends inside of an item');
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  argument(info) {
    if (info < 24) return BigInt(info);
    const form = ARGUMENT[info];
    if (!form) fail('MALFORMED', 'a reserved head');
    const value = this.take(form.size).reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
    if (value < form.least) fail('NONCANONICAL', 'a head that is not in its shortest form');
    return value;
  }

  // {major, value (BigInt), body (strings), indefinite}; the cursor is behind it and a string's body.
  head() {
    const [initial] = this.take(1);
    const major = initial >> 5;
    const info = initial & 31;
    if (major === MAJOR.SIMPLE) return { major, value: this.simple(info) };
    if (info === 31) {
      if (major === MAJOR.UINT || major === MAJOR.NINT || major === MAJOR.TAG) fail('MALFORMED', 'a reserved head');
      if (!this.indefinite || major < MAJOR.ARRAY) fail('NONCANONICAL', 'an indefinite length');
      return { major, indefinite: true };
    }
    const value = this.argument(info);
    // Every entry takes a byte at least: a count beyond what is left cannot be true.
    const unit = { [MAJOR.BYTES]: 1n, [MAJOR.TEXT]: 1n, [MAJOR.ARRAY]: 1n, [MAJOR.MAP]: 2n }[major];
    if (unit && value * unit > BigInt(this.left)) fail('TRUNCATED', 'the input ends inside of an item');
    const isString = major === MAJOR.BYTES || major === MAJOR.TEXT;
    return { major, value, body: isString ? this.take(Number(value)) : undefined };
  }

  // false, true, null, undefined and floats; the number that is returned is the simple value's, or the head's for a float.
  simple(info) {
    if (info >= 20 && info <= 23) return info;
    if (info >= 25 && info <= 27) this.take(1 << (info - 24));
    else fail('MALFORMED', 'a simple value that is not assigned');
    return info;
  }

  typed(major) {
    const head = this.head();
    if (head.major !== major) fail('BAD_TYPE', `${NAMES[major]} wanted, ${NAMES[head.major]} found`);
    return head;
  }

  // max may be a BigInt above what a number holds exactly; what is returned is then the nearest number.
  uint(max = Number.MAX_SAFE_INTEGER) {
    const { value } = this.typed(MAJOR.UINT);
    if (value > BigInt(max)) fail('OUT_OF_RANGE', 'a number that is too large');
    return Number(value);
  }

  // Of either sign, as far as a number is exact.
  int() {
    const { major, value } = this.head();
    if (major !== MAJOR.UINT && major !== MAJOR.NINT) fail('BAD_TYPE', `a number wanted, ${NAMES[major]} found`);
    if (value >= BigInt(Number.MAX_SAFE_INTEGER)) fail('OUT_OF_RANGE', 'a number that is too large');
    return major === MAJOR.UINT ? Number(value) : -1 - Number(value);
  }

  byteString() {
    return this.typed(MAJOR.BYTES).body;
  }

  byteStringOrNull() {
    const { major, value, body } = this.head();
    if (major === MAJOR.BYTES) return body;
    return major === MAJOR.SIMPLE && value === 22 ? null : fail('BAD_TYPE', 'bytes or null wanted');
  }

  text() {
    return decodeText(this.typed(MAJOR.TEXT).body);
  }

  enter(major) {
    const head = this.typed(major);
    if (this.stack.length >= DEPTH_MAX) fail('TOO_DEEP', 'containers inside of containers');
    this.stack.push(head.indefinite ? { indefinite: true } : { count: Number(head.value) });
  }

  array() {
    this.enter(MAJOR.ARRAY);
  }

  // An array of exactly this many entries, to be read straight on; the last more() after them leaves it.
  arrayOf(count) {
    this.enter(MAJOR.ARRAY);
    const [top] = this.stack.slice(-1);
    if (top.indefinite || top.count !== count) fail('BAD_TYPE', `an array of ${count} wanted`);
    top.count = 0;
  }

  map() {
    this.enter(MAJOR.MAP);
  }

  // Counts the next entry of the innermost container (a map's is a pair); leaves it and says false after the last.
  more() {
    const [top] = this.stack.slice(-1);
    if (top.indefinite ? this.peek() !== 'break' : top.count > 0) {
      if (!top.indefinite) top.count -= 1;
      return true;
    }
    if (top.indefinite) this.at += 1;
    this.stack.pop();
    return false;
  }

  // A map with text keys, each once: readers[key]() takes a known one's value, those of unknown keys are skipped. Returns
  // the keys that came.
  fields(readers) {
    const seen = new Set();
    let unknown = 0;
    for (this.map(); this.more();) {
      const key = this.text();
      if (seen.has(key)) fail('DUPLICATE', `the key ${key} comes twice`);
      seen.add(key);
      if (Object.hasOwn(readers, key)) {
        readers[key]();
      } else {
        unknown += 1;
        if (unknown > UNKNOWN_KEYS_MAX) fail('LIMIT', 'too many unknown keys');
        this.skip();
      }
    }
    return seen;
  }

  // One whole item of any type.
  skip() {
    const head = this.head();
    if (head.major === MAJOR.TEXT) decodeText(head.body);
    if (head.major < MAJOR.ARRAY || head.major === MAJOR.SIMPLE) return;
    if (this.stack.length >= DEPTH_MAX) fail('TOO_DEEP', 'containers inside of containers');
    const isTag = head.major === MAJOR.TAG;
    this.stack.push(head.indefinite ? { indefinite: true } : { count: isTag ? 1 : Number(head.value) });
    while (this.more()) {
      this.skip();
      if (head.major === MAJOR.MAP) this.skip();
    }
  }

  tag() {
    return this.typed(MAJOR.TAG).value;
  }

  finish() {
    if (this.stack.length > 0 || this.left > 0) fail('TRAILING', 'bytes follow the end');
  }
}

function decodeText(bytes) {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return fail('MALFORMED', 'a text that is not UTF-8');
  }
}

function encodeHead(major, value) {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError('CBOR: not an unsigned integer');
  if (value < 24) return Uint8Array.of(major << 5 | value);
  const info = value < 0x100 ? 24 : value < 0x10000 ? 25 : value < 0x100000000 ? 26 : 27;
  const out = new Uint8Array(1 + (1 << (info - 24)));
  out[0] = major << 5 | info;
  for (let i = out.length - 1, rest = value; i > 0; i--, rest = Math.floor(rest / 256)) out[i] = rest % 256;
  return out;
}

export function encodeUint(value) {
  return encodeHead(MAJOR.UINT, value);
}

export function encodeBytes(bytes) {
  return concat(encodeHead(MAJOR.BYTES, bytes.length), bytes);
}

export function encodeText(text) {
  const bytes = utf8(text);
  return concat(encodeHead(MAJOR.TEXT, bytes.length), bytes);
}

// Of items that are encoded already.
export function encodeArray(...items) {
  return concat(encodeHead(MAJOR.ARRAY, items.length), ...items);
}

// Of encoded keys and values in turns, in the order in which they are given.
export function encodeMap(...items) {
  return concat(encodeHead(MAJOR.MAP, items.length / 2), ...items);
}
