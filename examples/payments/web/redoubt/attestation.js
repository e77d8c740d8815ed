// SPDX-License-Identifier: Apache-2.0
// Whether an attestation document of an enclave is to be believed: form, chain to a pinned root, signature, consistency,
// freshness and policy, in this order, with a code of its own for each refusal. The codes, their numbers and their
// sentences are those of "redoubt verify".
//
// The document's own root (cabundle[0]) is only ever compared with the pinned ones. What is verified is the bytes as they
// came: nothing is encoded again but the few bytes that the signature has in front of them.

import { concat, equal, fromHex, isZero, sha, utf8 } from './bytes.js';
import { CborError, Reader, encodeArray, encodeBytes, encodeText } from './cbor.js';
import { DerError } from './der.js';
import { KEY_USAGE, importKey, isSignedAs, isSignedBy, parseCertificate, pemToDer, verifySignature } from './x509.js';

// The largest genuine document is 7.5 KB; /dev/nsm can give 12 KB.
const INPUT_MAX = 32768;
const PAYLOAD_MAX = 16384;
const PROTECTED_MAX = 32;
const SIGNATURE_SIZE = 96;
const MODULE_ID_MAX = 128;
const CERTIFICATE_MAX = 1024;
const CABUNDLE_MAX = 4;
const FIELD_MAX = 1024;
const PCR_COUNT = 32;
const PCR_SIZE = 48;
// Beyond what a number holds exactly, it is in the future in any case.
const TIMESTAMP_MAX = 2n ** 63n - 1n;
// The register that holds the parent instance's id, and those that are zero under debug mode.
const PCR_INSTANCE = 4;
const PCR_DEBUG_LAST = 2;
// A shorter challenge can be guessed, or met twice.
const NONCE_MIN = 16;
// A fresh leaf begins 3 s before its making: a slow clock must not refuse it.
const SKEW_S = 60;

const COSE_TAG_SIGN1 = 18n;
const COSE_HEADER_ALG = 1;
const COSE_ES384 = -35;

export const REFUSALS = {
  ERROR: [1, 'the check could not be made'],
  USAGE: [2, 'what was asked for makes no sense'],
  TOO_LARGE: [10, 'the input is larger than any attestation document'],
  NOT_COSE: [11, 'the input is not a COSE_Sign1 message'],
  TRAILING: [12, 'bytes follow the document\'s end'],
  PROTECTED: [13, 'the protected header is not exactly one algorithm'],
  ALGORITHM: [14, 'the signature algorithm is not ES384'],
  SIGNATURE_SIZE: [15, 'the signature is not 96 bytes long'],
  PAYLOAD_SIZE: [16, 'the payload is empty or larger than 16384 bytes'],
  PAYLOAD: [17, 'the payload is not a well-formed attestation map'],
  DUPLICATE: [18, 'the payload has a key twice'],
  MISSING: [19, 'the payload lacks a mandatory field'],
  NITROTPM: [20, 'this is a NitroTPM document, not an enclave\'s'],
  MODULE_ID: [21, 'module_id is not of the form i-<hex>-enc<16 hex>'],
  DIGEST: [22, 'digest is not SHA384'],
  TIMESTAMP: [23, 'timestamp is zero or not a number'],
  PCRS: [24, 'the PCRs are not 1 to 32 values of 48 bytes, indexed 0 to 31'],
  CERTIFICATE: [25, 'the certificate is not 1 to 1024 bytes long'],
  CABUNDLE: [26, 'cabundle is not 1 to 4 entries of 1 to 1024 bytes'],
  FIELD: [27, 'public_key, user_data or nonce is not null or up to 1024 bytes'],
  BAD_CERT: [30, 'a certificate of the chain is not well-formed X.509 v3'],
  UNKNOWN_ROOT: [31, 'the chain does not begin at a trusted root'],
  CERT_ALGORITHM: [32, 'a certificate is not P-384 with ecdsa-with-SHA384'],
  CRITICAL: [33, 'a certificate has an unknown critical extension'],
  CA: [34, 'a certificate above the leaf is not an authority\'s'],
  PATH_LENGTH: [35, 'a certificate\'s path length is exceeded'],
  LEAF: [36, 'the leaf may not sign documents, or is an authority\'s'],
  ISSUER: [37, 'a certificate does not name the one above it as its issuer'],
  CERT_SIGNATURE: [38, 'a certificate\'s signature does not verify'],
  NOT_YET_VALID: [39, 'a certificate is not valid yet'],
  EXPIRED: [40, 'a certificate is no longer valid'],
  SIGNATURE: [50, 'the document\'s signature does not verify'],
  LEAF_NAME: [51, 'the leaf\'s name is not that of module_id'],
  LEAF_SERIAL: [52, 'the leaf\'s serial number is not that of module_id'],
  INSTANCE_NAME: [53, 'the leaf\'s issuer is not the instance of module_id'],
  PCR4: [54, 'PCR4 is not the measurement of module_id\'s instance'],
  FUTURE: [60, 'the document was made in the future'],
  TOO_OLD: [61, 'the document is too old'],
  NONCE: [62, 'the nonce is not the expected one'],
  DEBUG: [63, 'the enclave runs in debug mode: PCR0, 1 or 2 is zero'],
  PCR: [64, 'a PCR is not the expected one'],
};

// A document that is not to be believed. code: a key of REFUSALS; number: what "redoubt verify" exits with; cert: the
// index in the chain (0: root, leaf last) or pcr: the register that it concerns, if any.
export class Refusal extends Error {
  constructor(code, about = {}) {
    const [number, text] = REFUSALS[code];
    super(about.detail ? `${text}: ${about.detail}` : text);
    this.name = 'Refusal';
    this.code = code;
    this.number = number;
    this.cert = about.cert;
    this.pcr = about.pcr;
  }
}

function ensure(condition, code, about) {
  if (!condition) throw new Refusal(code, about);
}

// Bytes, or hexadecimal text.
function toBytes(value) {
  return typeof value === 'string' ? fromHex(value) : value;
}

// Expecting zeros is how a debug enclave gets accepted by accident.
function readPcrs(pcrs, allowDebug) {
  return Object.entries(pcrs).map(([key, value]) => {
    const index = Number(key);
    const want = toBytes(value);
    ensure(Number.isInteger(index) && index >= 0 && index < PCR_COUNT, 'USAGE', { detail: `there is no PCR ${key}` });
    ensure(want instanceof Uint8Array && want.length === PCR_SIZE, 'USAGE', { detail: 'a PCR has 48 bytes' });
    ensure(allowDebug || !isZero(want), 'USAGE', { detail: 'a PCR of zeros is a debug enclave\'s' });
    return { index, want };
  });
}

function readOptions(options) {
  const { roots, now = Date.now(), maxAge = 0, nonce = null, pcrs = null, allowDebug = false } = options;
  const nowS = Math.floor(Number(now) / 1000);
  const anchors = Array.isArray(roots) ? roots.map((root) => (typeof root === 'string' ? pemToDer(root) : root)) : [];
  ensure(anchors.length > 0, 'USAGE', { detail: 'no root is pinned' });
  ensure(Number.isSafeInteger(nowS) && Number.isFinite(maxAge) && maxAge >= 0, 'USAGE', { detail: 'no time' });
  const challenge = nonce === null ? null : toBytes(nonce);
  ensure(challenge === null || challenge instanceof Uint8Array && challenge.length >= NONCE_MIN, 'USAGE',
    { detail: `a nonce has ${NONCE_MIN} bytes at least` });
  const images = pcrs === null ? null : (Array.isArray(pcrs) ? pcrs : [pcrs]).map((one) => readPcrs(one, allowDebug));
  ensure(images === null || images.length > 0 && images.every((image) => image.length > 0), 'USAGE',
    { detail: 'an empty list of PCRs' });
  return { anchors, nowS, maxAge, challenge, images, allowDebug };
}

// Exactly the one header that we know.
function checkProtected(bytes) {
  ensure(bytes.length > 0 && bytes.length <= PROTECTED_MAX, 'PROTECTED');
  const reader = new Reader(bytes);
  try {
    let found = false;
    for (reader.map(); reader.more();) {
      ensure(reader.int() === COSE_HEADER_ALG && !found, 'PROTECTED');
      ensure(['uint', 'nint'].includes(reader.peek()), 'ALGORITHM');
      ensure(reader.int() === COSE_ES384, 'ALGORITHM');
      found = true;
    }
    ensure(found, 'PROTECTED');
    reader.finish();
  } catch (error) {
    throw error instanceof CborError ? new Refusal('PROTECTED') : error;
  }
}

function readCose(input) {
  ensure(input.length <= INPUT_MAX, 'TOO_LARGE');
  const reader = new Reader(input, { indefinite: true });
  let cose;
  try {
    if (reader.peek() === 'tag') ensure(reader.tag() === COSE_TAG_SIGN1, 'NOT_COSE');
    reader.arrayOf(4);
    const protectedHeader = reader.byteString();
    ensure(reader.peek() === 'map', 'NOT_COSE');
    reader.skip();
    const payload = reader.byteStringOrNull();
    cose = { protectedHeader, payload, signature: reader.byteString() };
    reader.more();
    reader.finish();
  } catch (error) {
    if (!(error instanceof CborError)) throw error;
    throw new Refusal(error.code === 'TRAILING' ? 'TRAILING' : 'NOT_COSE');
  }
  checkProtected(cose.protectedHeader);
  ensure(cose.payload !== null, 'NOT_COSE');
  ensure(cose.signature.length === SIGNATURE_SIZE, 'SIGNATURE_SIZE');
  ensure(cose.payload.length > 0 && cose.payload.length <= PAYLOAD_MAX, 'PAYLOAD_SIZE');
  return cose;
}

const OUT_OF_RANGE = new CborError('OUT_OF_RANGE', 'not what the field may hold');

function inRange(condition) {
  if (!condition) throw OUT_OF_RANGE;
}

function readSized(reader, max) {
  const bytes = reader.byteString();
  inRange(bytes.length > 0 && bytes.length <= max);
  return bytes;
}

function readPcrMap(reader) {
  const pcrs = new Map();
  for (reader.map(); reader.more();) {
    const index = reader.uint(PCR_COUNT - 1);
    const value = reader.byteString();
    inRange(value.length === PCR_SIZE && !pcrs.has(index));
    pcrs.set(index, value);
  }
  inRange(pcrs.size > 0);
  return pcrs;
}

function readCabundle(reader) {
  const bundle = [];
  for (reader.array(); reader.more();) {
    inRange(bundle.length < CABUNDLE_MAX);
    bundle.push(readSized(reader, CERTIFICATE_MAX));
  }
  inRange(bundle.length > 0);
  return bundle;
}

function readOptionalField(reader) {
  const bytes = reader.byteStringOrNull();
  inRange(bytes === null || bytes.length <= FIELD_MAX);
  return bytes;
}

function readModuleId(reader) {
  const text = reader.text();
  // It is shown: nothing but printable ASCII.
  inRange(text.length <= MODULE_ID_MAX && /^[!-~]+$/.test(text));
  return text;
}

// How each field is read, and the refusal when the value is CBOR, but not what the field may hold.
const FIELDS = {
  module_id: [readModuleId, 'MODULE_ID'],
  digest: [(reader) => inRange(reader.text() === 'SHA384'), 'DIGEST'],
  timestamp: [(reader) => {
    const value = reader.uint(TIMESTAMP_MAX);
    inRange(value > 0);
    return value;
  }, 'TIMESTAMP'],
  pcrs: [readPcrMap, 'PCRS'],
  certificate: [(reader) => readSized(reader, CERTIFICATE_MAX), 'CERTIFICATE'],
  cabundle: [readCabundle, 'CABUNDLE'],
  public_key: [readOptionalField, 'FIELD'],
  user_data: [readOptionalField, 'FIELD'],
  nonce: [readOptionalField, 'FIELD'],
  nitrotpm_pcrs: [() => inRange(false), 'NITROTPM'],
};
const MANDATORY = ['module_id', 'digest', 'timestamp', 'pcrs', 'certificate', 'cabundle'];

function readPayload(payload) {
  const reader = new Reader(payload, { indefinite: true });
  const doc = { public_key: null, user_data: null, nonce: null };
  const readers = Object.fromEntries(Object.entries(FIELDS).map(([name, [read, code]]) => [name, () => {
    try {
      doc[name] = read(reader);
    } catch (error) {
      throw ['BAD_TYPE', 'OUT_OF_RANGE'].includes(error.code) ? new Refusal(code) : error;
    }
  }]));
  try {
    const seen = reader.fields(readers);
    ensure(MANDATORY.every((name) => seen.has(name)), 'MISSING');
    reader.finish();
  } catch (error) {
    if (!(error instanceof CborError)) throw error;
    throw new Refusal({ DUPLICATE: 'DUPLICATE', TRAILING: 'TRAILING' }[error.code] ?? 'PAYLOAD');
  }
  return doc;
}

function readCertificate(der, cert) {
  try {
    return parseCertificate(der);
  } catch (error) {
    throw error instanceof DerError ? new Refusal('BAD_CERT', { cert }) : error;
  }
}

// below: how many authorities stand between this one and the leaf.
function checkAuthority(cert, below, about) {
  ensure(cert.isCa && cert.keyUsage?.has(KEY_USAGE.KEY_CERT_SIGN), 'CA', about);
  ensure(cert.pathLength === undefined || cert.pathLength >= below, 'PATH_LENGTH', about);
}

function checkLeaf(cert, about) {
  const signs = cert.keyUsage?.has(KEY_USAGE.DIGITAL_SIGNATURE);
  const certifies = cert.isCa || cert.pathLength !== undefined || cert.keyUsage?.has(KEY_USAGE.KEY_CERT_SIGN);
  ensure(signs && !certifies, 'LEAF', about);
}

// The chain in its given order, root first: each certificate has exactly one possible issuer. Validity is judged at one
// time for all, edges included (RFC 5280 4.1.2.5); only beginnings have a tolerance.
async function checkChain(doc, { anchors, nowS }) {
  const ders = [...doc.cabundle, doc.certificate];
  const root = anchors.findIndex((anchor) => equal(anchor, doc.cabundle[0]));
  ensure(root >= 0, 'UNKNOWN_ROOT', { cert: 0 });
  const chain = [];
  let issuerKey;
  for (const [i, der] of ders.entries()) {
    const about = { cert: i };
    const cert = readCertificate(der, i);
    ensure(cert.version === 3, 'BAD_CERT', about);
    const key = cert.key?.curve.name === 'P-384' ? await importKey(cert.key) : null;
    ensure(key !== null, 'CERT_ALGORITHM', about);
    // The root is the pinned one by its bytes: that it signed itself would say nothing more.
    if (i > 0) {
      ensure(equal(cert.issuer.der, chain[i - 1].subject.der), 'ISSUER', about);
      ensure(isSignedAs(cert, issuerKey), 'CERT_ALGORITHM', about);
      ensure(await isSignedBy(cert, issuerKey), 'CERT_SIGNATURE', about);
    }
    ensure(!cert.hasUnknownCritical, 'CRITICAL', about);
    if (i + 1 < ders.length) checkAuthority(cert, ders.length - 2 - i, about);
    else checkLeaf(cert, about);
    ensure(cert.notBefore - nowS <= SKEW_S, 'NOT_YET_VALID', about);
    ensure(nowS <= cert.notAfter, 'EXPIRED', about);
    chain.push(cert);
    issuerKey = key;
  }
  return { chain, root, leafKey: issuerKey };
}

async function checkSignature({ protectedHeader, payload, signature }, leafKey) {
  const signed = encodeArray(encodeText('Signature1'), encodeBytes(protectedHeader), encodeBytes(new Uint8Array(0)),
    encodeBytes(payload));
  ensure(await verifySignature(leafKey, signature, signed), 'SIGNATURE');
}

// Serial = enclave id || issue time, 16 bytes in all, of which leading zeros are not encoded.
function serialBeginsWith(serial, enclaveId) {
  if (serial[0] >= 0x80) return false;
  const bytes = serial[0] === 0 ? serial.subarray(1) : serial;
  return bytes.length <= 16 && equal(concat(new Uint8Array(16 - bytes.length), bytes).subarray(0, 8), enclaveId);
}

// The same identity is said in four places; in every genuine document they agree.
async function checkIdentity(doc, chain) {
  const match = /^(i-[0-9a-f]{1,17})-enc([0-9a-f]{16})$/.exec(doc.module_id);
  ensure(match, 'MODULE_ID');
  const [, instanceId, enclaveId] = match;
  const [instance, leaf] = chain.slice(-2);
  ensure(leaf.subject.commonName?.startsWith(`${doc.module_id}.`), 'LEAF_NAME');
  ensure(serialBeginsWith(leaf.serial, fromHex(enclaveId)), 'LEAF_SERIAL');
  ensure(instance.subject.commonName?.startsWith(`${instanceId}.`), 'INSTANCE_NAME');
  const want = await sha(384, concat(new Uint8Array(PCR_SIZE), utf8(instanceId)));
  ensure(doc.pcrs.has(PCR_INSTANCE) && equal(doc.pcrs.get(PCR_INSTANCE), want), 'PCR4');
}

function checkFreshness(doc, { nowS, maxAge, challenge }) {
  const madeS = Math.floor(doc.timestamp / 1000);
  ensure(madeS - nowS <= SKEW_S, 'FUTURE');
  ensure(maxAge === 0 || nowS - madeS <= maxAge, 'TOO_OLD');
  ensure(challenge === null || doc.nonce !== null && equal(doc.nonce, challenge), 'NONCE');
}

// An absent register proves no more than a zero one.
function checkDebug(doc, allowDebug) {
  let debug = false;
  for (let pcr = 0; pcr <= PCR_DEBUG_LAST; pcr++) {
    if (!doc.pcrs.has(pcr) || isZero(doc.pcrs.get(pcr))) {
      ensure(allowDebug, 'DEBUG', { pcr });
      debug = true;
    }
  }
  return debug;
}

// The index of the image that the document's PCRs are those of, all of them; what the first one lacks is said.
function checkImages(doc, images) {
  if (images === null) return undefined;
  const wrong = images.map((image) => image.find(({ index, want }) => !doc.pcrs.has(index) ||
    !equal(doc.pcrs.get(index), want)));
  const found = wrong.indexOf(undefined);
  ensure(found >= 0, 'PCR', { pcr: wrong[0]?.index });
  return found;
}

// Verifies a document (Uint8Array). Options:
//   roots       pinned root certificates, PEM texts or DER bytes; one at least
//   now         Date or milliseconds since the epoch, at which everything is judged; default: the clock
//   maxAge      seconds since the document was made; 0: only the leaf's life limits it
//   nonce       bytes or hex of the challenge that it must hold, 16 bytes at least; null: any
//   pcrs        {index: bytes or hex}, or a list of such: the document's must be those of one entry, whole; null: any
//   allowDebug  take an enclave in debug mode, which protects nothing
// Resolves to {moduleId, timestamp (ms), pcrs (Map), publicKey, userData, nonce (bytes or null), debug, root, image, chain}:
// root is the index of the root that it hangs on, image that of the entry of pcrs. Rejects with a Refusal.
export async function verify(document, options) {
  const wanted = readOptions(options);
  ensure(document instanceof Uint8Array, 'USAGE', { detail: 'a document is a Uint8Array' });
  const cose = readCose(document);
  const doc = readPayload(cose.payload);
  const { chain, root, leafKey } = await checkChain(doc, wanted);
  await checkSignature(cose, leafKey);
  await checkIdentity(doc, chain);
  checkFreshness(doc, wanted);
  const debug = checkDebug(doc, wanted.allowDebug);
  const image = checkImages(doc, wanted.images);
  return { moduleId: doc.module_id, timestamp: doc.timestamp, pcrs: doc.pcrs, publicKey: doc.public_key,
    userData: doc.user_data, nonce: doc.nonce, debug, root, image, chain };
}
