// SPDX-License-Identifier: Apache-2.0
// Asks the enclave behind the server what it is, and compares the answer with what this page was made for.
//
// What that is stands in pins.json, beside the page and from the page's own server:
//
//	{"roots": ["-----BEGIN CERTIFICATE-----…"], "max_age_s": 300,
//	 "images": [{"name": "payments 1.0", "pcrs": {"0": "hex", "8": "hex"}}]}
//
// An enclave must have all PCRs of one of the images. Without the file nothing is verified, and nothing is paid.

import { ApiLost, call } from './api.js';
import { Refusal, verify } from './redoubt/attestation.js';
import { fromBase64, randomBytes, toHex } from './redoubt/bytes.js';
import { CborError, Reader } from './redoubt/cbor.js';
import { POINT_SIZE } from './redoubt/hpke.js';

const NONCE_SIZE = 32;
const LOG_ID_SIZE = 32;
const APP = 'redoubt-payments';
const MAX_AGE_S = 300;

// The enclave is genuine, but not one that takes cards.
export class NotForPayments extends Error {
  constructor(message) {
    super(message);
    this.name = 'NotForPayments';
  }
}

export async function loadPins() {
  const pins = await call('GET', 'pins.json');
  const { roots, images, max_age_s: maxAgeS = MAX_AGE_S } = pins;
  if (!Array.isArray(roots) || roots.length === 0 || !Array.isArray(images) || images.length === 0) {
    throw new NotForPayments('pins.json names no root certificate, or no image.');
  }
  return { roots, images, maxAgeS };
}

// {"app": …, "version": …, "log": …}, as the enclave puts it into its documents.
function readUserData(bytes) {
  const found = {};
  const reader = new Reader(bytes);
  try {
    reader.fields({ app: () => { found.app = reader.text(); }, version: () => { found.version = reader.uint(); },
      log: () => { found.log = reader.byteString(); } });
    reader.finish();
  } catch (error) {
    throw error instanceof CborError ? new NotForPayments('Its document says nothing about payments.') : error;
  }
  return found;
}

// Resolves to what a document proves: verify()'s result with nonce, name (of the image), version, log (id) and madeAgoS.
// Rejects with a Refusal, NotForPayments, or call's errors.
export async function askEnclave(pins) {
  const nonce = randomBytes(NONCE_SIZE);
  const { document } = await call('GET', `/v1/attestation?nonce=${toHex(nonce)}`);
  let bytes;
  try {
    bytes = fromBase64(document);
  } catch {
    throw new Refusal('NOT_COSE');
  }
  const now = Date.now();
  const doc = await verify(bytes, { roots: pins.roots, nonce, now, maxAge: pins.maxAgeS, pcrs: pins.images.map(({ pcrs }) => pcrs) });
  if (doc.publicKey === null || doc.publicKey.length !== POINT_SIZE || doc.userData === null) {
    throw new NotForPayments('Its document has no key to encrypt cards for.');
  }
  const { app, version, log } = readUserData(doc.userData);
  if (app !== APP || !Number.isInteger(version) || log?.length !== LOG_ID_SIZE) {
    throw new NotForPayments(`Its document is not one of ${APP}.`);
  }
  return { ...doc, name: String(pins.images[doc.image].name ?? `image ${doc.image + 1}`), version, log,
    madeAgoS: Math.max(0, Math.round((now - doc.timestamp) / 1000)), checkedAt: now };
}

const CLOCK = 'The proof is out of date, or this device\'s clock is wrong.';
const ALTERED = 'The proof has been altered on its way.';
const NO_PROOF = 'What the server sent is not a proof from an enclave.';
const WORDS = {
  UNKNOWN_ROOT: 'The proof was issued by an authority that this page does not trust. Somebody may be pretending to be the enclave.',
  PCR: 'The enclave runs a program that this page does not know. It may have been changed to read cards.',
  NONCE: 'The server sent a proof that was made for somebody else, or earlier. It may be hiding what runs now.',
  DEBUG: 'The enclave runs in debug mode, in which its operator can read what is inside.',
  EXPIRED: CLOCK, NOT_YET_VALID: CLOCK, TOO_OLD: CLOCK, FUTURE: CLOCK,
  SIGNATURE: ALTERED, CERT_SIGNATURE: ALTERED,
  USAGE: 'This page was set up wrongly, so that it cannot check anything.',
  ERROR: 'This browser could not check the proof.',
};

// A refusal in a customer's words, and in the words of whoever has to find out.
export function explain(error) {
  if (error instanceof Refusal) {
    const where = error.pcr !== undefined ? ` (PCR${error.pcr})` : error.cert !== undefined ? ` (certificate ${error.cert + 1})` : '';
    return { words: WORDS[error.code] ?? NO_PROOF, code: error.code, detail: `${error.code} (${error.number}): ${error.message}${where}` };
  }
  if (error instanceof NotForPayments) return { words: 'This is not an enclave that takes payments.', code: 'NOT_FOR_PAYMENTS', detail: error.message };
  if (error instanceof ApiLost) return { words: 'The payment enclave cannot be reached.', code: 'UNREACHABLE', detail: error.message };
  return { words: 'The payment enclave could not be checked.', code: error.code ?? error.name, detail: error.message };
}
