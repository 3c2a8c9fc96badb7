// What is sent, when it is sent again, and what failures look like, against a server that misbehaves.

import assert from 'node:assert/strict';
import net from 'node:net';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { inspect } from 'node:util';

import { Valetkey, ValetkeyError, VERSION } from '@valetkey/node';

import { listen } from './stage/listening.mjs';

const API_KEY = 'vk_secret-of-the-test';
const EMPTY = { connections: [] };

let server;
/** What is answered, in turn; the last one from then on. A function gets the response. */
let answers;
const json = (status, body, headers = {}) => (response) =>
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
const refusal = (status, code, headers) => json(status, { error: { code, message: `Said ${code}` } }, headers);
const reset = (response) => response.socket.destroy();
const never = () => {};

beforeEach(async () => {
  answers = [json(200, EMPTY)];
  server = await listen((request, response) => (answers.length > 1 ? answers.shift() : answers[0])(response, request));
});
afterEach(() => server.close());

const open = (more = {}) => new Valetkey({ host: server.url, apiKey: API_KEY, ...more });
const session = { tags: { end_user_id: 'u' } };
const made = json(201, { data: { token: 't', connect_link: 'l', expires_at: 'e' } });

/** The error, which shows no secret whatever way it is looked at. */
async function errorOf(promise) {
  const error = await promise.then(() => assert.fail('it should fail'), (problem) => problem);
  assert.ok(error instanceof ValetkeyError, inspect(error));
  const shown = inspect(error, { depth: 9, showHidden: true }) + JSON.stringify(error) + error.stack;
  assert.ok(!shown.includes(API_KEY), shown);
  return error;
}
async function took(promise) {
  const start = performance.now();
  await promise.catch(() => {});
  return performance.now() - start;
}

describe('requests', () => {
  test('carry key, version and exact addresses', async () => {
    const client = open({ host: `${server.url}/base/` });
    await client.connections.list({ tags: { 'a/b': 'c d' }, endUserId: 'é&', limit: 5 });
    answers = [json(200, { success: true })];
    await client.connections.update('a/b c?', 'k:1', { tags: { x: 'y' } });
    const [list, update] = server.requests;
    assert.equal(list.headers.authorization, `Bearer ${API_KEY}`);
    assert.equal(list.headers['user-agent'], `valetkey-node/${VERSION}`);
    assert.equal(list.headers['content-type'], undefined);
    assert.equal(list.url, '/base/connections?tags%5Ba%2Fb%5D=c+d&endUserId=%C3%A9%26&limit=5');
    assert.equal(update.url, '/base/connections/a%2Fb%20c%3F?provider_config_key=k%3A1');
    assert.equal(update.headers['content-type'], 'application/json');
    assert.deepEqual(JSON.parse(update.body), { tags: { x: 'y' } });
  });

  test('go through a fetch of your own', async () => {
    const seen = [];
    const client = open({ fetch: (url, init) => (seen.push(url), fetch(url, init)) });
    await client.integrations.list().catch(() => {});
    assert.deepEqual(seen, [`${server.url}/integrations`]);
  });

  test('settings that cannot work are refused, without showing the key', async () => {
    const host = server.url;
    for (const bad of [
      { host: 'example.com' }, { host: 'ftp://example.com' }, { host: 'https://user:hunter2@example.com' }, { host: undefined },
      { apiKey: '' }, { apiKey: undefined }, { apiKey: 'hunter2\nx' }, { apiKey: 'hunter2 x' }, { apiKey: 'hunter2é' },
      { timeoutMs: 0 }, { timeoutMs: Number.NaN }, { timeoutMs: 2 ** 31 }, { retries: -1 }, { retries: 11 }, { retries: 0.5 },
    ]) {
      assert.throws(() => new Valetkey({ host, apiKey: API_KEY, ...bad }), (error) => {
        assert.equal(error.code, 'invalid_argument');
        return !inspect(error).includes('hunter2');
      });
    }
    assert.equal((await errorOf(open().connections.list({}, { retries: 99 }))).code, 'invalid_argument');
    assert.equal(server.requests.length, 0);
  });
});

describe('retries', () => {
  test('reads are repeated when the server is away for a moment', async () => {
    for (const passing of [reset, json(502, {}), refusal(503, 'service_unavailable'), json(504, {}), refusal(429, 'too_many_request')]) {
      answers = [passing, json(200, EMPTY)];
      server.requests.splice(0);
      assert.deepEqual(await open().connections.list(), []);
      assert.equal(server.requests.length, 2);
    }
  });

  test('and not for ever', async () => {
    answers = [refusal(503, 'service_unavailable')];
    const error = await errorOf(open().connections.list());
    assert.deepEqual([error.status, error.code, error.retryable, server.requests.length], [503, 'service_unavailable', true, 3]);
    const [first, second, third] = server.requests.map(({ at }) => at);
    assert.ok(second - first >= 240 && second - first < 3_000, `${second - first} ms`);
    assert.ok(third - second >= 490 && third - second < 3_000, `${third - second} ms`);
    server.requests.splice(0);
    await errorOf(open({ retries: 0 }).connections.list());
    await errorOf(open().connections.list({}, { retries: 0 }));
    assert.equal(server.requests.length, 2);
  });

  test('reads are not repeated when that cannot help', async () => {
    for (const [answer, code] of [
      [refusal(400, 'invalid_body'), 'invalid_body'],
      [refusal(401, 'unknown_account'), 'unknown_account'],
      [refusal(500, 'generic_error_support'), 'generic_error_support'],
      [refusal(502, 'invalid_credentials'), 'invalid_credentials'],
    ]) {
      answers = [answer];
      server.requests.splice(0);
      assert.equal((await errorOf(open().connections.list())).code, code);
      assert.equal(server.requests.length, 1, code);
    }
  });

  test('anything else is repeated only after 429 or 503 with Retry-After', async () => {
    for (const status of [429, 503]) {
      answers = [refusal(status, 'later', { 'retry-after': '0' }), made];
      server.requests.splice(0);
      assert.equal((await open().connectSessions.create(session)).token, 't');
      assert.equal(server.requests.length, 2);
      assert.deepEqual(server.requests[0].body, server.requests[1].body);
    }
    for (const answer of [refusal(429, 'later'), refusal(503, 'later'), refusal(502, 'later', { 'retry-after': '0' }), reset]) {
      answers = [answer, made];
      server.requests.splice(0);
      assert.equal((await errorOf(open().connectSessions.create(session))).retryable, true);
      assert.equal(server.requests.length, 1);
    }
  });

  test('Retry-After is honoured, as seconds and as a date', async () => {
    const date = () => new Date(Date.now() + 2_000).toUTCString();
    for (const header of [() => '1', date]) {
      answers = [refusal(429, 'too_many_request', { 'retry-after': header() }), json(200, EMPTY)];
      server.requests.splice(0);
      await open().connections.list();
      const [first, second] = server.requests.map(({ at }) => at);
      assert.ok(second - first >= 1_000 && second - first < 8_000, `${second - first} ms`);
    }
  });

  test('a wait beyond the cap or the time limit is left to the caller, at once', async () => {
    answers = [refusal(429, 'too_many_request', { 'retry-after': '31' })];
    const error = await errorOf(open().connections.list());
    assert.deepEqual([error.retryAfterMs, error.retryable], [31_000, true]);
    answers = [refusal(429, 'too_many_request', { 'retry-after': '3' })];
    const elapsed = await took(errorOf(open({ timeoutMs: 2_000 }).connections.list()));
    assert.ok(elapsed < 2_000, `${elapsed} ms`);
    assert.equal(server.requests.length, 2);
  });
});

describe('failures', () => {
  test('no server', async () => {
    const { port } = await new Promise((resolve) => {
      const unused = net.createServer().listen(0, '127.0.0.1', () => {
        const address = unused.address();
        unused.close(() => resolve(address));
      });
    });
    const error = await errorOf(open({ host: `http://127.0.0.1:${port}`, retries: 0 }).health.check());
    assert.deepEqual([error.code, error.status, error.retryable], ['network_error', undefined, true]);
    assert.equal(error.message, 'The server cannot be reached: ECONNREFUSED');
    assert.ok(error.cause);
  });

  test('no answer in time, whether before or in the middle of it', async () => {
    const half = (response) => response.writeHead(200).write('{"connections":');
    for (const answer of [never, half]) {
      answers = [answer];
      const call = errorOf(open({ timeoutMs: 200 }).connections.list());
      assert.ok((await took(call)) < 2_000);
      const error = await call;
      assert.deepEqual([error.code, error.status, error.retryable], ['timeout', undefined, true]);
      assert.equal(error.message, 'No answer within 200 ms');
    }
    assert.equal(server.requests.length, 2, 'the limit is over all attempts');
  });

  test('answers that are not the server’s are not quoted', async () => {
    const text = (status, body, headers) => (response) => response.writeHead(status, headers).end(body);
    for (const [answer, status] of [
      [text(200, `<html>${API_KEY}</html>`), 200],
      [text(200, ''), 200],
      [text(200, 'null'), 200],
      [text(404, `<html>${API_KEY}</html>`), 404],
      [json(403, { error: API_KEY }), 403],
      [text(301, '', { location: `http://127.0.0.1:1/${API_KEY}` }), 301],
    ]) {
      answers = [answer];
      const error = await errorOf(open().connections.list());
      assert.deepEqual([error.code, error.status], ['unexpected_response', status]);
    }
  });

  test('all parts of a refusal are there', async () => {
    const issues = [{ code: 'too_small', message: 'Too small', path: ['tags', 'a'] }];
    const error = { code: 'invalid_body', message: 'No', errors: issues, payload: { a: 1 } };
    answers = [json(400, { error }, { 'x-request-id': 'r-1' })];
    const seen = await errorOf(open().connectSessions.create(session));
    const { code, message, status, payload, requestId, operation } = seen;
    assert.deepEqual(
      { code, message, status, issues: seen.issues, payload, requestId, operation },
      { code: 'invalid_body', message: 'No', status: 400, issues, payload: { a: 1 }, requestId: 'r-1', operation: 'POST /connect/sessions' },
    );
    assert.equal(JSON.parse(JSON.stringify(seen)).payload, undefined);
    answers = [json(429, { error: { code: 'too_many_request', method: 'GET', path: '/x' } })];
    assert.equal((await errorOf(open({ retries: 0 }).connections.list())).message, '429 too_many_request');
  });

  test('a server that is not ready', async () => {
    answers = [json(503, { result: 'not ready' })];
    assert.equal(await open().health.ready(), false);
    assert.equal(server.requests.length, 1);
  });
});

describe('signals', () => {
  const reason = new Error('enough');

  test('end a call that runs, that waits to be repeated, and one that has not begun', async () => {
    for (const answer of [never, refusal(503, 'later', { 'retry-after': '20' })]) {
      answers = [answer];
      const controller = new AbortController();
      setTimeout(() => controller.abort(reason), 100);
      const call = open().connections.list({}, { signal: controller.signal });
      assert.ok((await took(call)) < 2_000);
      await assert.rejects(call, reason);
    }
    const { length } = server.requests;
    await assert.rejects(open().connections.list({}, { signal: AbortSignal.abort(reason) }), reason);
    assert.equal(server.requests.length, length);
  });

  test('a call that has ended holds on to none', async () => {
    const { signal } = new AbortController();
    let listening = 0;
    const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
    signal.addEventListener = (...args) => ((listening += 1), add(...args));
    signal.removeEventListener = (...args) => ((listening -= 1), remove(...args));
    await open().connections.list({}, { signal });
    assert.equal(listening, 0);
  });
});
