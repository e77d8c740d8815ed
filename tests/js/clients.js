// SPDX-License-Identifier: Apache-2.0
// The AWS SDK for JavaScript and the AWS Encryption SDK, for the tests: a command in each line of JSON on stdin, what came
// of it in a line on stdout. Bytes are {"$bytes": base64} on both sides, and a Date is {"$date": ISO 8601}.
'use strict';

const readline = require('node:readline');
const ec2 = require('@aws-sdk/client-ec2');
const kms = require('@aws-sdk/client-kms');
const esdk = require('@aws-crypto/client-node');

const clients = new Map();
const { encrypt, decrypt } = esdk.buildClient(esdk.CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT);

function toWire(value) {
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString('base64') };
  if (value instanceof Date) return { $date: value.toISOString() };
  if (Array.isArray(value)) return value.map(toWire);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, toWire(member)]));
}

function fromWire(value) {
  if (Array.isArray(value)) return value.map(fromWire);
  if (value === null || typeof value !== 'object') return value;
  if (value.$bytes !== undefined) return Buffer.from(value.$bytes, 'base64');
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, fromWire(member)]));
}

// One for each configuration: a client remembers how far its clock is off.
function clientFor(config) {
  const name = JSON.stringify(config);
  if (!clients.has(name)) clients.set(name, new kms.KMS(config));
  return clients.get(name);
}

function keyringFor(command) {
  const { generatorKeyId, keyIds } = command;
  return new esdk.KmsKeyringNode({ generatorKeyId, keyIds, clientProvider: () => clientFor(command.config) });
}

const purposes = {
  async call(command) {
    const client = clientFor(command.config);
    const done = await client.send(new kms[`${command.operation}Command`](fromWire(command.input)));
    const { $metadata: metadata, ...output } = done;
    return { output, attempts: metadata.attempts, requestId: metadata.requestId };
  },
  // A paginator or a waiter of the SDK's, or one operation.
  async ec2(command) {
    const client = new ec2.EC2Client(command.config);
    const input = fromWire(command.input);
    if (command.waiter) {
      const done = await ec2[command.waiter]({ client, maxWaitTime: 60, minDelay: 1, maxDelay: 2 }, input);
      return { output: done.state };
    }
    if (command.paginator) {
      const pages = [];
      for await (const page of ec2[command.paginator]({ client, pageSize: command.pageSize }, input)) {
        const { $metadata: metadata, ...output } = page;
        pages.push(output);
      }
      return { output: pages };
    }
    const { $metadata: metadata, ...output } = await client.send(new ec2[`${command.operation}Command`](input));
    return { output, requestId: metadata.requestId };
  },
  async seal(command) {
    const options = { encryptionContext: command.context };
    const { result } = await encrypt(keyringFor(command), fromWire(command.data), options);
    return { output: result };
  },
  async open(command) {
    const { plaintext, messageHeader } = await decrypt(keyringFor(command), fromWire(command.data));
    return { output: plaintext, context: { ...messageHeader.encryptionContext } };
  },
};

async function answer(line) {
  const command = JSON.parse(line);
  let result;
  try {
    result = await purposes[command.purpose](command);
  } catch (error) {
    result = {
      error: error.name,
      message: error.message,
      modeled: Boolean(kms[error.name]) && error instanceof kms[error.name],
      status: error.$metadata?.httpStatusCode,
      attempts: error.$metadata?.attempts,
    };
  }
  result.clockOffset = clientFor(command.config).config.systemClockOffset;
  process.stdout.write(`${JSON.stringify(toWire(result))}\n`);
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) await answer(line);
}

main();
