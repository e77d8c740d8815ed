// SPDX-License-Identifier: Apache-2.0
// The audit log, checked in the page: that its key is the one that the attested enclave names, that the head is signed by it,
// that the server's records are those of the head, and that they go on from the head that this browser saw last.

import { ApiLost, call } from './api.js';
import { equal, fromBase64, fromHex, toHex, utf8 } from './redoubt/bytes.js';
import { LogRefusal, Tree, publicKeyFromPem, verifyHead } from './redoubt/merkle.js';

// The server gives 200 at most.
const PAGE_SIZE = 200;

function refuse(code, message) {
  throw new LogRefusal(code, message);
}

// Where the head that was seen last is kept: nobody but this browser can put it back.
function rememberedName(logId) {
  return `log ${toHex(logId)}`;
}

export function remembered(logId) {
  const match = /^(\d{1,15}) ([0-9a-f]{64})$/.exec(localStorage.getItem(rememberedName(logId)) ?? '');
  return match ? { size: Number(match[1]), root: fromHex(match[2]) } : undefined;
}

async function fetchHead(key, logId) {
  const { head, key: pem } = await call('GET', '/v1/audit/head', { key });
  let bytes;
  try {
    bytes = fromBase64(head);
  } catch {
    refuse('FORM', 'the server\'s answer is no tree head');
  }
  if (typeof pem !== 'string') refuse('KEY', 'the server gave no key');
  return verifyHead(bytes, publicKeyFromPem(pem), logId);
}

async function* fetchRecords(key, size) {
  for (let from = 0; from < size;) {
    const { records } = await call('GET', `/v1/audit/records?from=${from}&limit=${Math.min(PAGE_SIZE, size - from)}`, { key });
    if (!Array.isArray(records)) throw new ApiLost('The server\'s answer has no records.');
    if (records.length === 0) refuse('MISSING', `the head covers ${size} records, the server has ${from}`);
    for (const record of records.slice(0, size - from)) {
      if (typeof record !== 'string') refuse('FORM', 'a record that is no text');
      yield record;
    }
    from += records.length;
  }
}

// Resolves to {head, last (the newest records, newest first), grownFrom (the size at the last visit, or undefined)}.
// Rejects with a LogRefusal, or call's errors. onProgress is told how many records have been hashed, of how many.
export async function checkLog(key, logId, { keep = 20, onProgress = () => {} } = {}) {
  const head = await fetchHead(key, logId);
  const before = remembered(logId);
  if (before && before.size > head.size) {
    refuse('ROLLED_BACK', `the log had ${before.size} records when this browser last saw it, and has ${head.size} now`);
  }
  const tree = new Tree();
  const last = [];
  const compare = async () => {
    if (before?.size === tree.size && !equal(await tree.root(), before.root)) refuse('FORKED', 'the log is not the one that this browser saw last');
  };
  await compare();
  for await (const record of fetchRecords(key, head.size)) {
    await tree.append(utf8(record));
    await compare();
    last.unshift(record);
    last.length = Math.min(last.length, keep);
    if (tree.size % PAGE_SIZE === 0) onProgress(tree.size, head.size);
  }
  if (!equal(await tree.root(), head.root)) refuse('ALTERED', 'records were altered, dropped, inserted or reordered');
  localStorage.setItem(rememberedName(logId), `${head.size} ${toHex(head.root)}`);
  return { head, last, grownFrom: before?.size };
}
