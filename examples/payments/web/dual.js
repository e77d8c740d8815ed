// SPDX-License-Identifier: Apache-2.0
// Dual control (wire/link.h): what two custodians sign for the export of a card number, their signatures, and the card that
// comes back sealed to a key of this page.

import { fromBase64, utf8, webcrypto } from './redoubt/bytes.js';
import { Reader, encodeArray, encodeBytes, encodeText } from './redoubt/cbor.js';
import { open } from './redoubt/hpke.js';

const LABEL = 'redoubt-payments export v1';
// The signatures that the enclave wants, each by another custodian.
export const SIGNATURES = 2;

// ["redoubt-payments export v1", nonce, merchant, token, recipient, reason]
export function encodeExport({ nonce, merchant, token, recipient, reason }) {
  return encodeArray(encodeText(LABEL), encodeBytes(nonce), encodeText(merchant), encodeText(token), encodeBytes(recipient), encodeText(reason));
}

// A custodian's P-256 key out of a PKCS #8 PEM file: it can sign here, and cannot be taken out again.
export async function importSigner(pem) {
  const match = /-----BEGIN PRIVATE KEY-----\s+([A-Za-z0-9+/=\s]+)-----END PRIVATE KEY-----/.exec(pem);
  if (!match) throw new TypeError('This is no PKCS #8 file (-----BEGIN PRIVATE KEY-----).');
  try {
    return await webcrypto().subtle.importKey('pkcs8', fromBase64(match[1].replace(/\s/g, '')), { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']);
  } catch (error) {
    throw new TypeError('This is no private key on P-256.', { cause: error });
  }
}

// r || s over the request's bytes.
export async function signRequest(signer, request) {
  return new Uint8Array(await webcrypto().subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, signer, request));
}

// {pan, month, year} of what the enclave sealed to this pair for this request and no other.
export async function openExport(pair, request, sealed) {
  const reader = new Reader(await open(pair, utf8(LABEL), request, sealed));
  const card = {};
  const takes = { 1: () => { card.pan = reader.text(); }, 2: () => { card.month = reader.uint(12); }, 3: () => { card.year = reader.uint(9999); } };
  for (reader.map(); reader.more();) {
    const key = reader.uint();
    if (!takes[key]) throw new RangeError('The exported card has an unknown part.');
    takes[key]();
    delete takes[key];
  }
  reader.finish();
  if (Object.keys(takes).length > 0) throw new RangeError('The exported card lacks a part.');
  return card;
}
