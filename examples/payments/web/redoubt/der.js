// SPDX-License-Identifier: Apache-2.0
// DER (X.690): a bounded reader of what certificates hold. Every form that DER forbids is refused, so that what is read
// has only one encoding.

export class DerError extends Error {
  constructor(message) {
    super(`DER: ${message}`);
    this.name = 'DerError';
  }
}

function ensure(condition, message) {
  if (!condition) throw new DerError(message);
}

export const TAG = {
  BOOLEAN: 0x01, INTEGER: 0x02, BIT_STRING: 0x03, OCTET_STRING: 0x04, OID: 0x06, UTF8_STRING: 0x0c,
  PRINTABLE_STRING: 0x13, UTC_TIME: 0x17, GENERALIZED_TIME: 0x18, SEQUENCE: 0x30, SET: 0x31,
};

// A context-specific tag of a constructed element, [n].
export function contextTag(n) {
  return 0xa0 | n;
}

export class DerReader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  get left() {
    return this.bytes.length - this.at;
  }

  // The next element's tag; undefined at the end.
  peek() {
    return this.bytes[this.at];
  }

  byte() {
    ensure(this.left > 0, 'the input ends inside of an element');
    this.at += 1;
    return this.bytes[this.at - 1];
  }

  length() {
    const first = this.byte();
    if (first < 0x80) return first;
    const size = first & 0x7f;
    // Nothing that is read here reaches 64 KiB; 0x80 is an indefinite length.
    ensure(size === 1 || size === 2, 'a length that is indefinite or out of bounds');
    let value = 0;
    for (let i = 0; i < size; i++) value = value << 8 | this.byte();
    ensure(value >= (size === 1 ? 0x80 : 0x100), 'a length that is not in its shortest form');
    return value;
  }

  // The next element: {tag, body, der (with its head)}.
  element() {
    const start = this.at;
    const tag = this.byte();
    ensure((tag & 0x1f) !== 0x1f, 'a tag of several bytes');
    const length = this.length();
    ensure(length <= this.left, 'the input ends inside of an element');
    this.at += length;
    return { tag, body: this.bytes.subarray(this.at - length, this.at), der: this.bytes.subarray(start, this.at) };
  }

  typed(tag) {
    const found = this.element();
    ensure(found.tag === tag, `tag 0x${tag.toString(16)} wanted, 0x${found.tag.toString(16)} found`);
    return found;
  }

  // The element if it has this tag and differs from undefined; the cursor stays where it is otherwise.
  optional(tag) {
    return this.peek() === tag ? this.element() : undefined;
  }

  // A constructed element's content, to be read in its turn.
  enter(tag = TAG.SEQUENCE) {
    return new DerReader(this.typed(tag).body);
  }

  boolean() {
    const { body } = this.typed(TAG.BOOLEAN);
    ensure(body.length === 1 && (body[0] === 0 || body[0] === 0xff), 'a boolean that is neither');
    return body[0] === 0xff;
  }

  // An INTEGER's two's complement, shortest form.
  integer() {
    const { body } = this.typed(TAG.INTEGER);
    ensure(body.length > 0, 'a number without bytes');
    ensure(body.length === 1 || !(body[0] === 0 && body[1] < 0x80 || body[0] === 0xff && body[1] >= 0x80),
      'a number that is not in its shortest form');
    return body;
  }

  // An INTEGER that is not negative, big-endian without leading zeros.
  unsigned() {
    const body = this.integer();
    ensure(body[0] < 0x80, 'a number that is negative');
    return body[0] === 0 ? body.subarray(1) : body;
  }

  small() {
    const body = this.unsigned();
    ensure(body.length <= 3, 'a number that is too large');
    return body.reduce((sum, byte) => sum << 8 | byte, 0);
  }

  oid() {
    const { body } = this.typed(TAG.OID);
    ensure(body.length > 0 && body[body.length - 1] < 0x80, 'an object identifier that does not end');
    const numbers = [];
    let value = 0;
    body.forEach((byte, i) => {
      ensure(byte !== 0x80 || value !== 0 || (i > 0 && body[i - 1] >= 0x80), 'an object identifier with padding');
      ensure(value < 2 ** 40, 'an object identifier that is out of bounds');
      value = value * 128 + (byte & 0x7f);
      if (byte < 0x80) {
        numbers.push(value);
        value = 0;
      }
    });
    const [first, ...rest] = numbers;
    const top = Math.min(Math.floor(first / 40), 2);
    return [top, first - 40 * top, ...rest].join('.');
  }

  // Bit strings of whole bytes, as keys and signatures are.
  octets() {
    const { body } = this.typed(TAG.BIT_STRING);
    ensure(body.length > 0 && body[0] === 0, 'a bit string that is not of whole bytes');
    return body.subarray(1);
  }

  // A named bit list (X.690 11.2.2): no trailing zero bits. The numbers of the bits that are set.
  namedBits() {
    const { body } = this.typed(TAG.BIT_STRING);
    ensure(body.length > 0 && body[0] < 8 && (body.length > 1 || body[0] === 0), 'a bit string with a wrong head');
    const set = [];
    for (let bit = 0; bit < (body.length - 1) * 8; bit++) {
      if (body[1 + (bit >> 3)] & 0x80 >> (bit & 7)) set.push(bit);
    }
    const length = (body.length - 1) * 8 - body[0];
    ensure(length === 0 || set[set.length - 1] === length - 1, 'a bit list that ends in zeros, or has bits behind its end');
    return set;
  }

  // UTCTime or GeneralizedTime as RFC 5280 4.1.2.5 has them, in seconds since the epoch.
  time() {
    const { tag, body } = this.element();
    ensure(tag === TAG.UTC_TIME || tag === TAG.GENERALIZED_TIME, 'a time wanted');
    const text = String.fromCharCode(...body);
    const form = tag === TAG.UTC_TIME ? /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/ : /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;
    const match = form.exec(text);
    ensure(match, 'a time in another form');
    const [digits, month, day, hour, minute, second] = match.slice(1).map(Number);
    const year = tag === TAG.GENERALIZED_TIME ? digits : digits + (digits < 50 ? 2000 : 1900);
    const date = new Date(0);
    date.setUTCFullYear(year, month - 1, day);
    date.setUTCHours(hour, minute, second);
    ensure(date.getUTCMonth() === month - 1 && date.getUTCDate() === day && date.getUTCHours() === hour &&
      date.getUTCMinutes() === minute && date.getUTCSeconds() === second, 'a time that does not exist');
    return date.getTime() / 1000;
  }

  finish() {
    ensure(this.left === 0, 'bytes follow the end');
  }
}
