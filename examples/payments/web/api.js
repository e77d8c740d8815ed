// SPDX-License-Identifier: Apache-2.0
// The application server's HTTP API (server/README.md): one request, its answer as JSON, and what can go wrong.

// Longer than the server's own patience with the gateway.
const PATIENCE_MS = 40000;
// The largest answer is a page of the audit log's records.
const ANSWER_MAX = 8 * 1024 * 1024;

// Where the API is, when that is not where the page came from: <meta name="payments-server" content="https://pay.example">. The
// page's policy must then allow it too (connect-src).
const SERVER = document.querySelector('meta[name="payments-server"]')?.content ?? '';

// The server has answered, and refused. status: HTTP's; code: of its error.
export class ApiRefusal extends Error {
  constructor(status, { code, message }, retryAfterS) {
    super(message);
    this.name = 'ApiRefusal';
    this.status = status;
    this.code = code;
    this.retryAfterS = retryAfterS;
  }
}

// Nothing is known about what became of the request: no answer, none that is one, or the server's own failure.
export class ApiLost extends Error {
  constructor(message, options) {
    super(message, options);
    this.name = 'ApiLost';
  }
}

async function readJson(response) {
  const text = await response.text();
  if (text.length > ANSWER_MAX) throw new ApiLost('The server\'s answer is too long.');
  try {
    const value = JSON.parse(text);
    if (value !== null && typeof value === 'object') return value;
  } catch {
    // Said below.
  }
  throw new ApiLost(`The server's answer (status ${response.status}) is not JSON.`);
}

function errorOf({ error }, status) {
  const text = (value, otherwise) => (typeof value === 'string' ? value.slice(0, 300) : otherwise);
  return { code: text(error?.code, `http_${status}`), message: text(error?.message, `The server answered with status ${status}.`) };
}

// method and path as in the API's list, or a file beside the page; key: an API key; payment: an idempotency key.
export async function call(method, path, { body, key, payment } = {}) {
  const headers = { Accept: 'application/json' };
  if (key) headers.Authorization = `Bearer ${key}`;
  if (payment) headers['Idempotency-Key'] = payment;
  // What takes no body takes an empty object.
  const sent = method === 'GET' ? undefined : JSON.stringify(body ?? {});
  if (sent !== undefined) headers['Content-Type'] = 'application/json';
  let response;
  let value;
  try {
    response = await fetch(path.startsWith('/') ? SERVER + path : path, { method, headers, body: sent, cache: 'no-store',
      credentials: 'omit', redirect: 'error', referrerPolicy: 'no-referrer', signal: AbortSignal.timeout(PATIENCE_MS) });
    value = await readJson(response);
  } catch (error) {
    throw error instanceof ApiLost ? error : new ApiLost('The server cannot be reached.', { cause: error });
  }
  if (response.ok) return value;
  const { code, message } = errorOf(value, response.status);
  if (response.status >= 500) throw new ApiLost(message);
  const retryAfter = Number(response.headers.get('Retry-After'));
  throw new ApiRefusal(response.status, { code, message }, Number.isInteger(retryAfter) && retryAfter > 0 ? retryAfter : 1);
}
