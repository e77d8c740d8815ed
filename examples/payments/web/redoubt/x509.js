// SPDX-License-Identifier: Apache-2.0
// X.509 v3 certificates (RFC 5280), as much as a chain of NIST keys needs: what is in one, and whether a key signed it.

import { concat, equal, fromBase64, webcrypto } from './bytes.js';
import { DerError, DerReader, TAG, contextTag } from './der.js';

// The richest certificates of public CAs have a dozen.
const EXTENSIONS_MAX = 32;

const OID = {
  EC_PUBLIC_KEY: '1.2.840.10045.2.1',
  COMMON_NAME: '2.5.4.3',
  BASIC_CONSTRAINTS: '2.5.29.19',
  KEY_USAGE: '2.5.29.15',
};

// Curves by their OID, and the signature algorithm that goes with each (RFC 5758: without parameters).
const CURVES = {
  '1.2.840.10045.3.1.7': { name: 'P-256', hash: 'SHA-256', size: 32, signature: '1.2.840.10045.4.3.2' },
  '1.3.132.0.34': { name: 'P-384', hash: 'SHA-384', size: 48, signature: '1.2.840.10045.4.3.3' },
};

export const KEY_USAGE = { DIGITAL_SIGNATURE: 0, KEY_CERT_SIGN: 5 };

// The DER of a PEM file's only certificate.
export function pemToDer(pem) {
  const match = /^\s*-----BEGIN CERTIFICATE-----\s+([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----\s*$/.exec(pem);
  if (!match) throw new DerError('no PEM file of one certificate');
  return fromBase64(match[1].replace(/\s/g, ''));
}

function readAlgorithm(reader) {
  const der = reader.peek() === TAG.SEQUENCE ? reader.element() : undefined;
  if (!der) throw new DerError('an algorithm wanted');
  const body = new DerReader(der.body);
  return { der: der.der, oid: body.oid(), hasParameters: body.left > 0 };
}

// The types that a part of a name may have: UTF8String, NumericString to IA5String, VisibleString to BMPString.
const STRINGS = [0x0c, 0x12, 0x13, 0x14, 0x16, 0x1a, 0x1c, 0x1e];

// One common name or undefined: with several, which one counts would be anybody's guess.
function readName(reader) {
  const { tag, body, der } = reader.element();
  if (tag !== TAG.SEQUENCE) throw new DerError('a name wanted');
  const names = [];
  for (const sets = new DerReader(body); sets.left > 0;) {
    const set = sets.enter(TAG.SET);
    if (set.left === 0) throw new DerError('a name with an empty part');
    while (set.left > 0) {
      const pair = set.enter();
      const type = pair.oid();
      const value = pair.element();
      pair.finish();
      if (!STRINGS.includes(value.tag)) throw new DerError('a name that is not of strings');
      if (type === OID.COMMON_NAME) names.push(value);
    }
  }
  return { der, commonName: names.length === 1 ? readText(names[0]) : undefined };
}

function readText({ tag, body }) {
  if (tag !== TAG.UTF8_STRING && tag !== TAG.PRINTABLE_STRING) return undefined;
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
    return text.includes('\0') ? undefined : text;
  } catch {
    return undefined;
  }
}

// {curve, point} of a key on a known curve, uncompressed; null for any other.
function readKey(reader) {
  const algorithm = reader.enter();
  const oid = algorithm.oid();
  const key = reader.octets();
  reader.finish();
  if (oid !== OID.EC_PUBLIC_KEY || algorithm.peek() !== TAG.OID) return null;
  const curve = CURVES[algorithm.oid()];
  algorithm.finish();
  return curve && key.length === 1 + 2 * curve.size && key[0] === 4 ? { curve, point: key } : null;
}

function readBasicConstraints(body, cert) {
  const reader = new DerReader(body).enter();
  cert.hasBasicConstraints = true;
  if (reader.peek() === TAG.BOOLEAN) {
    cert.isCa = reader.boolean();
    if (!cert.isCa) throw new DerError('a default that is written');
  }
  if (reader.peek() === TAG.INTEGER) cert.pathLength = reader.small();
  reader.finish();
}

function readExtension(reader, cert, seen) {
  const oid = reader.oid();
  let critical = false;
  if (reader.peek() === TAG.BOOLEAN) {
    critical = reader.boolean();
    if (!critical) throw new DerError('a default that is written');
  }
  const { body } = reader.typed(TAG.OCTET_STRING);
  reader.finish();
  if (seen.has(oid)) throw new DerError('an extension that comes twice');
  seen.add(oid);
  if (oid === OID.BASIC_CONSTRAINTS) {
    readBasicConstraints(body, cert);
  } else if (oid === OID.KEY_USAGE) {
    const bits = new DerReader(body);
    cert.keyUsage = new Set(bits.namedBits());
    bits.finish();
  } else if (critical) {
    cert.hasUnknownCritical = true;
  }
}

function readExtensions(reader, cert) {
  const list = reader.enter(contextTag(3)).enter();
  const seen = new Set();
  while (list.left > 0) {
    if (seen.size === EXTENSIONS_MAX) throw new DerError('too many extensions');
    readExtension(list.enter(), cert, seen);
  }
}

// What a certificate says; throws a DerError for what is not well-formed. Nothing is verified.
export function parseCertificate(der) {
  const outer = new DerReader(der);
  const certificate = outer.enter();
  outer.finish();
  const signed = certificate.typed(TAG.SEQUENCE);
  const algorithm = readAlgorithm(certificate);
  const signature = certificate.octets();
  certificate.finish();

  const tbs = new DerReader(signed.body);
  const cert = { der, tbs: signed.der, algorithm, signature, version: 1, hasBasicConstraints: false, isCa: false,
    pathLength: undefined, keyUsage: undefined, hasUnknownCritical: false };
  if (tbs.peek() === contextTag(0)) {
    const version = tbs.enter(contextTag(0));
    cert.version = version.small() + 1;
    version.finish();
  }
  cert.serial = tbs.integer();
  cert.signedAlgorithm = readAlgorithm(tbs);
  cert.issuer = readName(tbs);
  const validity = tbs.enter();
  cert.notBefore = validity.time();
  cert.notAfter = validity.time();
  validity.finish();
  cert.subject = readName(tbs);
  cert.key = readKey(tbs.enter());
  if (tbs.peek() === contextTag(3)) readExtensions(tbs, cert);
  tbs.finish();
  return cert;
}

// r || s of fixed size out of Ecdsa-Sig-Value; null when it is none.
function fixedSignature(der, size) {
  try {
    const outer = new DerReader(der);
    const pair = outer.enter();
    const parts = [pair.unsigned(), pair.unsigned()];
    pair.finish();
    outer.finish();
    if (parts.some((part) => part.length > size)) return null;
    return concat(...parts.flatMap((part) => [new Uint8Array(size - part.length), part]));
  } catch (error) {
    if (error instanceof DerError) return null;
    throw error;
  }
}

// The key made ready for verifySignature; null for a point that is not on its curve.
export async function importKey({ curve, point }) {
  const { subtle } = webcrypto();
  try {
    const handle = await subtle.importKey('raw', point, { name: 'ECDSA', namedCurve: curve.name }, false, ['verify']);
    return { curve, handle };
  } catch (error) {
    if (error instanceof TypeError) throw error;
    return null;
  }
}

// The same for a point that comes without a certificate.
export async function importPoint(curveName, point) {
  const curve = Object.values(CURVES).find((one) => one.name === curveName);
  return point.length === 1 + 2 * curve.size && point[0] === 4 ? importKey({ curve, point }) : null;
}

// Whether r || s is the key's signature over the bytes.
export async function verifySignature(key, signature, bytes) {
  return webcrypto().subtle.verify({ name: 'ECDSA', hash: key.curve.hash }, key.handle, signature, bytes);
}

// Whether the certificate names, inside and outside, the algorithm that goes with the issuer's key.
export function isSignedAs(cert, key) {
  return equal(cert.algorithm.der, cert.signedAlgorithm.der) && !cert.algorithm.hasParameters &&
    cert.algorithm.oid === key.curve.signature;
}

// Whether the issuer's key signed the certificate.
export async function isSignedBy(cert, key) {
  const signature = fixedSignature(cert.signature, key.curve.size);
  return isSignedAs(cert, key) && signature !== null && verifySignature(key, signature, cert.tbs);
}
