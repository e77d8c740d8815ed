// SPDX-License-Identifier: Apache-2.0
// The export of a card number in the operator's view: a request with the enclave's nonce and a key of this page, two
// custodians' signatures by keys out of files, and the card that only this page can open. Nothing of it is kept.

import { call } from './api.js';
import { groupDigits } from './card.js';
import { SIGNATURES, encodeExport, importSigner, openExport, signRequest } from './dual.js';
import { byId, element, showFacts } from './page.js';
import { fromBase64, fromHex, sha, toBase64, toHex } from './redoubt/bytes.js';
import { generateKeyPair } from './redoubt/hpke.js';

// A key file is a few hundred bytes.
const KEY_FILE_MAX = 10000;

// request: what is signed; pair: whom the card is sealed to; signatures: by custodian.
const state = { key: undefined, request: undefined, pair: undefined, signatures: new Map() };

function fail(error) {
  byId('export-error').textContent = error?.message ?? '';
}

function showSignatures() {
  byId('export-signatures').replaceChildren(...Array.from(state.signatures.keys(), (name) => element('li', `Signed by ${name}`)));
  byId('export-send').disabled = state.signatures.size < SIGNATURES;
}

function forget() {
  Object.assign(state, { request: undefined, pair: undefined });
  state.signatures.clear();
  byId('export-card').textContent = '';
  for (const id of ['export-sign', 'export-result', 'export-send']) byId(id).hidden = true;
  byId('export-begin').hidden = false;
  byId('export-begin').reset();
  byId('export-sign').reset();
  showFacts(byId('export-facts'), []);
  showSignatures();
  fail();
}

async function begin() {
  const [merchant, token, reason] = ['merchant', 'token', 'reason'].map((name) => byId(`export-${name}`).value.trim());
  if (!merchant || !token || !reason) throw new TypeError('Enter merchant, token and reason.');
  const { nonce } = await call('POST', '/v1/challenge', { key: state.key });
  state.pair = await generateKeyPair();
  state.request = encodeExport({ nonce: fromHex(nonce), merchant, token, recipient: state.pair.point, reason });
  state.signatures.clear();
  showFacts(byId('export-facts'), [['Merchant', merchant], ['Token', token, 'code'], ['Reason', reason],
    ['What is signed, SHA-256', toHex(await sha(256, state.request)), 'code']]);
  byId('export-begin').hidden = true;
  byId('export-sign').hidden = false;
  byId('export-send').hidden = false;
  showSignatures();
  byId('export-custodian').focus();
}

async function sign() {
  const name = byId('export-custodian').value.trim();
  const [file] = byId('export-key').files;
  if (!name || !file) throw new TypeError('Enter a custodian\'s name and choose the key file.');
  if (file.size > KEY_FILE_MAX) throw new TypeError('This file is too large for a key.');
  const signer = await importSigner(await file.text());
  state.signatures.set(name, await signRequest(signer, state.request));
  byId('export-sign').reset();
  showSignatures();
}

async function send() {
  const signatures = Array.from(state.signatures, ([custodian, signature]) => ({ custodian, signature: toBase64(signature) }));
  const { sealed } = await call('POST', '/v1/export', { key: state.key, body: { request: toBase64(state.request), signatures } });
  const { pan, month, year } = await openExport(state.pair, state.request, fromBase64(sealed));
  byId('export-card').textContent = `${groupDigits(pan)}, ${String(month).padStart(2, '0')}/${year}`;
  byId('export-result').hidden = false;
  byId('export-sign').hidden = true;
  byId('export-send').hidden = true;
}

// What is done without an answer is done again; what is refused is said.
function guarded(work) {
  return async (event) => {
    event.preventDefault();
    fail();
    try {
      await work();
    } catch (error) {
      fail(error);
    }
  };
}

// For whoever signs in: key is the API key, undefined to forget everything.
export function offerExport(key) {
  state.key = key;
  forget();
}

byId('export-begin').addEventListener('submit', guarded(begin));
byId('export-sign').addEventListener('submit', guarded(sign));
byId('export-send').addEventListener('click', guarded(send));
for (const id of ['export-cancel', 'export-forget']) byId(id).addEventListener('click', forget);
