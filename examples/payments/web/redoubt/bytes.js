// SPDX-License-Identifier: Apache-2.0
// Byte strings and the texts that they are written as; and the platform's WebCrypto.

// Node 18 has WebCrypto only in its module, a browser only in the global object, and only in a secure context (https, or
// localhost). Where there is none it is undefined, and what needs it fails: nothing here works without.
async function findCrypto() {
  if (globalThis.crypto?.subtle) return globalThis.crypto;
  if (globalThis.process?.versions?.node) return (await import('node:crypto')).webcrypto;
  return undefined;
}

const found = await findCrypto();

// The WebCrypto object; throws where the page has none.
export function webcrypto() {
  if (!found) throw new Error('WebCrypto is missing: open this page over https (or from localhost)');
  return found;
}

export function randomBytes(length) {
  return webcrypto().getRandomValues(new Uint8Array(length));
}

export async function sha(bits, bytes) {
  return new Uint8Array(await webcrypto().subtle.digest(`SHA-${bits}`, bytes));
}

export function concat(...parts) {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

// Of equal length and content; every byte is looked at.
export function equal(a, b) {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a[i] ^ b[i];
  return difference === 0;
}

export function isZero(bytes) {
  return bytes.every((byte) => byte === 0);
}

export function toHex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export function fromHex(text) {
  if (typeof text !== 'string' || text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) {
    throw new TypeError('not a hexadecimal text of whole bytes');
  }
  return Uint8Array.from({ length: text.length / 2 }, (_, i) => parseInt(text.slice(2 * i, 2 * i + 2), 16));
}

export function toBase64(bytes) {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
}

// Strict: alphabet and padding of RFC 4648 section 4, no white space.
export function fromBase64(text) {
  if (typeof text !== 'string' || text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) {
    throw new TypeError('not base64');
  }
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
}

export function utf8(text) {
  return new TextEncoder().encode(text);
}
