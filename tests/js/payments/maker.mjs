// SPDX-License-Identifier: Apache-2.0
// Chains and documents for the tests, with anything about them wrong that a test asks for.
import { webcrypto } from 'node:crypto';
import { concat, fromHex, utf8 } from '../../../examples/payments/web/redoubt/bytes.js';
import { encodeArray, encodeBytes, encodeMap, encodeText, encodeUint } from '../../../examples/payments/web/redoubt/cbor.js';

const { subtle } = webcrypto;
export const INSTANCE_ID = 'i-0a1b2c3d4e5f60718';
export const MODULE_ID = `${INSTANCE_ID}-enc0199aabbccddeeff`;
export const LEAF = 4;
const NAMES = ['js.enclaves', '0123456789abcdef.local-1.js.enclaves', 'fedcba9876543210.zonal.local-1.js.enclaves',
  `${INSTANCE_ID}.local-1.js.enclaves`, `${MODULE_ID}.local-1.js`];
export const NULL = Uint8Array.of(0xf6);
export const ECDSA_SHA384 = fromHex('300a06082a8648ce3d040303');
export const ECDSA_SHA256 = fromHex('300a06082a8648ce3d040302');

export function der(tag, ...parts) {
  const body = concat(...parts);
  const size = body.length < 0x80 ? [body.length] : body.length < 0x100 ? [0x81, body.length]
    : [0x82, body.length >> 8, body.length & 0xff];
  return concat(Uint8Array.of(tag, ...size), body);
}

const seq = (...parts) => der(0x30, ...parts);
const name = (cn) => seq(der(0x31, seq(fromHex('0603550403'), der(0x0c, utf8(cn)))));
const time = (seconds) => der(0x17, utf8(new Date(seconds * 1000).toISOString().slice(2, 19).replace(/[-T:]/g, '') + 'Z'));
const ext = (oid, critical, value) => seq(fromHex(oid), critical ? fromHex('0101ff') : new Uint8Array(0), der(0x04, value));

export function integer(bytes) {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  const rest = bytes.subarray(start);
  return der(0x02, rest[0] >= 0x80 ? concat(Uint8Array.of(0), rest) : rest);
}

export const basicConstraints = (isCa, pathLength) => ext('0603551d13', true, seq(isCa ? fromHex('0101ff') : new Uint8Array(0),
  pathLength === undefined ? new Uint8Array(0) : integer(Uint8Array.of(pathLength))));
export const keyUsage = (bits) => ext('0603551d0f', true, fromHex(bits));
export const unknownExtension = (critical) => ext('06052a03040506', critical, fromHex('0500'));
const SIGNS = '030206c0';
const CERTIFIES = '03020204';

// {fields that certificate() knows: other values}, for each level.
export class Maker {
  static async make(changes = {}, nowS = Math.floor(Date.now() / 1000)) {
    const maker = new Maker();
    maker.nowS = nowS;
    maker.pairs = [];
    maker.ders = [];
    for (let level = 0; level <= LEAF; level++) {
      const curve = changes[level]?.curve ?? 'P-384';
      maker.pairs.push(await subtle.generateKey({ name: 'ECDSA', namedCurve: curve }, true, ['sign', 'verify']));
      maker.ders.push(await maker.certificate(level, changes[level]));
    }
    return maker;
  }

  get root() {
    return this.ders[0];
  }

  // r || s
  async sign(level, bytes, hash = 'SHA-384') {
    return new Uint8Array(await subtle.sign({ name: 'ECDSA', hash }, this.pairs[level].privateKey, bytes));
  }

  async certificate(level, changes = {}) {
    const issuer = Math.max(level - 1, 0);
    const parts = {
      version: fromHex('a003020102'),
      serial: integer(concat(fromHex('0199aabbccddeeff'), fromHex(this.nowS.toString(16).padStart(16, '0')))),
      algorithm: ECDSA_SHA384,
      issuer: name(NAMES[issuer]),
      notBefore: this.nowS - 3,
      notAfter: this.nowS + 10800,
      subject: name(NAMES[level]),
      spki: new Uint8Array(await subtle.exportKey('spki', this.pairs[level].publicKey)),
      extensions: level === LEAF ? [basicConstraints(false), keyUsage(SIGNS)]
        : [basicConstraints(true, level === 0 ? undefined : LEAF - 1 - level), keyUsage(CERTIFIES)],
      signedBy: issuer,
      ...changes,
    };
    if (changes.subjectName) parts.subject = name(changes.subjectName);
    const tbs = seq(parts.version, parts.serial, parts.algorithm, parts.issuer,
      seq(time(parts.notBefore), time(parts.notAfter)), parts.subject, parts.spki,
      parts.extensions.length > 0 ? der(0xa3, seq(...parts.extensions)) : new Uint8Array(0));
    const rs = await this.sign(parts.signedBy, tbs, parts.hash);
    const half = rs.length / 2;
    return seq(tbs, parts.outerAlgorithm ?? parts.algorithm,
      der(0x03, Uint8Array.of(0), seq(integer(rs.subarray(0, half)), integer(rs.subarray(half)))));
  }

  // Encoded values of the payload's fields, in AWS's order; any may be another, undefined ones are left out.
  async payload(changes = {}) {
    const pcr4 = new Uint8Array(await subtle.digest('SHA-384', concat(new Uint8Array(48), utf8(INSTANCE_ID))));
    const pcrs = { 0: fill(0xa0), 1: fill(0xa1), 2: fill(0xa2), 3: fill(0), 4: pcr4, 8: fill(0xa8), ...changes.pcr };
    const fields = {
      module_id: encodeText(MODULE_ID),
      digest: encodeText('SHA384'),
      timestamp: encodeUint(this.nowS * 1000 + 123),
      pcrs: encodePcrs(pcrs),
      certificate: encodeBytes(this.ders[LEAF]),
      cabundle: encodeArray(...this.ders.slice(0, LEAF).map(encodeBytes)),
      public_key: NULL,
      user_data: NULL,
      nonce: NULL,
      ...changes,
    };
    delete fields.pcr;
    return encodeMap(...Object.entries(fields).filter(([, value]) => value !== undefined)
      .flatMap(([key, value]) => [encodeText(key), value]));
  }

  async document(changes) {
    return this.wrap(await this.payload(changes));
  }

  async wrap(payload, { protectedHeader = fromHex('a1013822'), unprotected = fromHex('a0'), level = LEAF } = {}) {
    const signed = encodeArray(encodeText('Signature1'), encodeBytes(protectedHeader), fromHex('40'), encodeBytes(payload));
    return encodeArray(encodeBytes(protectedHeader), unprotected, encodeBytes(payload), encodeBytes(await this.sign(level, signed)));
  }
}

export function fill(byte, length = 48) {
  return new Uint8Array(length).fill(byte);
}

export function encodePcrs(pcrs) {
  return encodeMap(...Object.entries(pcrs).flatMap(([index, value]) => [encodeUint(Number(index)), encodeBytes(value)]));
}
