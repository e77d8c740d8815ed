// SPDX-License-Identifier: Apache-2.0
// RFC 6962 trees that grow, and Redoubt's signed tree heads (lib/merkle/head.h):
//
//	0 8 "RDLOGH2\0"   8 32 log id   40 8 time, ms   48 8 size   56 32 root   88 64 signature, r || s, P-256 and SHA-256

import { concat, equal, fromBase64, sha, utf8, webcrypto } from './bytes.js';

export const HEAD_SIZE = 152;
const BODY_SIZE = 88;
const MAGIC = utf8('RDLOGH2\0');

// code: the name that "redoubt audit verify" has for it: KEY, FORM, HEAD_SIGNATURE, …
export class LogRefusal extends Error {
  constructor(code, message) {
    super(message);
    this.name = 'LogRefusal';
    this.code = code;
  }
}

export function leafHash(entry) {
  return sha(256, concat(Uint8Array.of(0), entry));
}

function nodeHash(left, right) {
  return sha(256, concat(Uint8Array.of(1), left, right));
}

// A tree in the roots of the complete subtrees that its size decomposes into, largest first.
export class Tree {
  constructor() {
    this.size = 0;
    this.peaks = [];
  }

  async append(entry) {
    let hash = await leafHash(entry);
    for (let rest = this.size; rest % 2 === 1; rest = Math.floor(rest / 2)) hash = await nodeHash(this.peaks.pop(), hash);
    this.peaks.push(hash);
    this.size += 1;
  }

  async root() {
    if (this.peaks.length === 0) return sha(256, new Uint8Array(0));
    let root = this.peaks[this.peaks.length - 1];
    for (let i = this.peaks.length - 2; i >= 0; i--) root = await nodeHash(this.peaks[i], root);
    return root;
  }
}

function readNumber(bytes) {
  return Number(bytes.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n));
}

// The SPKI of a PEM file's only public key.
export function publicKeyFromPem(pem) {
  const match = /^\s*-----BEGIN PUBLIC KEY-----\s+([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----\s*$/.exec(pem);
  if (!match) throw new LogRefusal('KEY', 'the log\'s key is no PEM file of a public key');
  return fromBase64(match[1].replace(/\s/g, ''));
}

// {logId, timeMs, size, root} of a head that the key (SPKI, DER) has signed, and whose log is the one of that id.
export async function verifyHead(bytes, spki, logId) {
  const { subtle } = webcrypto();
  if (!equal(await sha(256, spki), logId)) throw new LogRefusal('KEY', 'the key is not the log\'s');
  if (bytes.length !== HEAD_SIZE || !equal(bytes.subarray(0, 8), MAGIC)) throw new LogRefusal('FORM', 'this is no signed tree head');
  if (!equal(bytes.subarray(8, 40), logId)) throw new LogRefusal('KEY', 'the head is another log\'s');
  const key = await subtle.importKey('spki', spki, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['verify']);
  const holds = await subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, key, bytes.subarray(BODY_SIZE), bytes.subarray(0, BODY_SIZE));
  if (!holds) throw new LogRefusal('HEAD_SIGNATURE', 'the tree head is not signed by the log\'s key');
  return { logId, timeMs: readNumber(bytes.subarray(40, 48)), size: readNumber(bytes.subarray(48, 56)), root: bytes.subarray(56, BODY_SIZE) };
}
