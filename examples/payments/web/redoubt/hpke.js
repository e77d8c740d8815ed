// SPDX-License-Identifier: Apache-2.0
// HPKE (RFC 9180), base mode, with one suite: DHKEM(P-256, HKDF-SHA256) 0x0010, HKDF-SHA256 0x0001, AES-256-GCM 0x0002.
// Everything secret is WebCrypto's work; what is here is the order in which it is asked.

import { concat, fromHex, toBase64, utf8, webcrypto } from './bytes.js';

// Sizes of the suite: a point and a secret of P-256, a hash, and of AES-256-GCM key, nonce and tag.
export const POINT_SIZE = 65;
const SECRET_SIZE = 32;
const KEY_SIZE = 32;
const NONCE_SIZE = 12;
export const TAG_SIZE = 16;

const KEM_SUITE = concat(utf8('KEM'), fromHex('0010'));
const HPKE_SUITE = concat(utf8('HPKE'), fromHex('001000010002'));
const MODE_BASE = 0;
const VERSION = utf8('HPKE-v1');
const EMPTY = new Uint8Array(0);

async function hmac(key, bytes) {
  const { subtle } = webcrypto();
  // An empty key is one of zeros (RFC 5869 2.2), which WebCrypto wants to see.
  const material = key.length > 0 ? key : new Uint8Array(SECRET_SIZE);
  const handle = await subtle.importKey('raw', material, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  return new Uint8Array(await subtle.sign('HMAC', handle, bytes));
}

function labeledExtract(suite, salt, label, secret) {
  return hmac(salt, concat(VERSION, suite, utf8(label), secret));
}

// Of no more than one hash, which is all that this suite asks for.
async function labeledExpand(suite, secret, label, info, length) {
  const size = Uint8Array.of(length >> 8, length & 0xff);
  const block = await hmac(secret, concat(size, VERSION, suite, utf8(label), info, Uint8Array.of(1)));
  return block.subarray(0, length);
}

async function diffieHellman(privateKey, point) {
  const { subtle } = webcrypto();
  const curve = { name: 'ECDH', namedCurve: 'P-256' };
  // Refuses a point that is not on the curve (RFC 9180 7.1.4).
  const publicKey = await subtle.importKey('raw', point, curve, false, []);
  return new Uint8Array(await subtle.deriveBits({ name: 'ECDH', public: publicKey }, privateKey, 8 * SECRET_SIZE));
}

// ExtractAndExpand (RFC 9180 4.1).
async function sharedSecret(dh, enc, recipient) {
  const secret = await labeledExtract(KEM_SUITE, EMPTY, 'eae_prk', dh);
  return labeledExpand(KEM_SUITE, secret, 'shared_secret', concat(enc, recipient), SECRET_SIZE);
}

// KeySchedule for the base mode, whose pre-shared key and its id are empty (RFC 9180 5.1).
async function keySchedule(shared, info) {
  const pskIdHash = await labeledExtract(HPKE_SUITE, EMPTY, 'psk_id_hash', EMPTY);
  const infoHash = await labeledExtract(HPKE_SUITE, EMPTY, 'info_hash', info);
  const context = concat(Uint8Array.of(MODE_BASE), pskIdHash, infoHash);
  const secret = await labeledExtract(HPKE_SUITE, shared, 'secret', EMPTY);
  const key = await labeledExpand(HPKE_SUITE, secret, 'key', context, KEY_SIZE);
  const nonce = await labeledExpand(HPKE_SUITE, secret, 'base_nonce', context, NONCE_SIZE);
  return { key, nonce };
}

// Messages in a row under one key, sealed or opened; each has the next nonce (RFC 9180 5.2).
class Context {
  constructor(handle, nonce) {
    this.handle = handle;
    this.nonce = nonce;
    this.sequence = 0;
  }

  // Counted before it is used: two calls at once have two nonces.
  algorithm(aad) {
    const iv = this.nonce.slice();
    if (this.sequence === Number.MAX_SAFE_INTEGER) throw new RangeError('HPKE: too many messages');
    for (let i = NONCE_SIZE - 1, rest = this.sequence; rest > 0; i--, rest = Math.floor(rest / 256)) iv[i] ^= rest % 256;
    this.sequence += 1;
    return { name: 'AES-GCM', iv, additionalData: aad, tagLength: 8 * TAG_SIZE };
  }

  async seal(aad, plaintext) {
    return new Uint8Array(await webcrypto().subtle.encrypt(this.algorithm(aad), this.handle, plaintext));
  }

  // Rejects when the message is not authentic; it has then used up its nonce, as a sender's has.
  async open(aad, ciphertext) {
    return new Uint8Array(await webcrypto().subtle.decrypt(this.algorithm(aad), this.handle, ciphertext));
  }
}

async function makeContext(shared, info, usage) {
  const { key, nonce } = await keySchedule(shared, info);
  const handle = await webcrypto().subtle.importKey('raw', key, 'AES-GCM', false, [usage]);
  key.fill(0);
  return new Context(handle, nonce);
}

// A pair whose private half cannot be taken out of WebCrypto: {privateKey, point}.
export async function generateKeyPair() {
  const { subtle } = webcrypto();
  const pair = await subtle.generateKey({ name: 'ECDH', namedCurve: 'P-256' }, false, ['deriveBits']);
  return { privateKey: pair.privateKey, point: new Uint8Array(await subtle.exportKey('raw', pair.publicKey)) };
}

function base64url(bytes) {
  return toBase64(bytes).replace(/=+$/, '').replaceAll('+', '-').replaceAll('/', '_');
}

// The same of 32 bytes that are kept elsewhere, and their point.
export async function importKeyPair(secret, point) {
  const [d, x, y] = [secret, point.subarray(1, 33), point.subarray(33)].map(base64url);
  const curve = { name: 'ECDH', namedCurve: 'P-256' };
  const jwk = { kty: 'EC', crv: 'P-256', d, x, y };
  return { privateKey: await webcrypto().subtle.importKey('jwk', jwk, curve, false, ['deriveBits']), point };
}

// To seal for the owner of recipient (an uncompressed point): {enc, context}. ephemeral is for test vectors alone: a pair
// that is used twice gives the messages away.
export async function setupSender(recipient, info, ephemeral) {
  const pair = ephemeral ?? await generateKeyPair();
  const dh = await diffieHellman(pair.privateKey, recipient);
  const shared = await sharedSecret(dh, pair.point, recipient);
  return { enc: pair.point, context: await makeContext(shared, info, 'encrypt') };
}

// To open what was sealed for this pair.
export async function setupReceiver(enc, pair, info) {
  const dh = await diffieHellman(pair.privateKey, enc);
  return makeContext(await sharedSecret(dh, enc, pair.point), info, 'decrypt');
}

// One message: enc || ciphertext || tag.
export async function seal(recipient, info, aad, plaintext) {
  const { enc, context } = await setupSender(recipient, info);
  return concat(enc, await context.seal(aad, plaintext));
}

export async function open(pair, info, aad, message) {
  if (message.length < POINT_SIZE + TAG_SIZE) throw new RangeError('HPKE: a message that is too short');
  const context = await setupReceiver(message.subarray(0, POINT_SIZE), pair, info);
  return context.open(aad, message.subarray(POINT_SIZE));
}
