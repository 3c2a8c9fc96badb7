// The proxy as the official Node package uses it, unmodified, and as raw HTTP: every method and kind
// of body arrives at a real API as it was handed in.

import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import { Readable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import zlib from 'node:zlib';

import { onEachEngine } from './harness/engines.mjs';
import { listen } from './harness/listening.mjs';
import { NODE_SDKS } from './harness/sdks.mjs';
import { openStage } from './harness/stage.mjs';

const KEY = 'e2e-echo';
const PIECE = 1024 * 1024;
const GIGABYTES_TWO = 2048;
/** A server that carries bodies must not grow with them. */
const GROWTH_MAX_KB = 48 * 1024;

/** An API that tells what it was sent, and answers as its path says. */
async function startEcho() {
  const server = await listen(async (request, response) => {
    const [path] = request.url.split('?');
    if (path === '/api/too-large') {
      // The body is not even looked at.
      response.writeHead(413, { 'content-type': 'application/json' });
      return response.end('{"why":"too large"}');
    }
    if (path === '/api/download') {
      response.writeHead(200, { 'content-type': 'application/octet-stream' });
      return Readable.from(pieces(Number(request.headers['x-pieces']))).pipe(response);
    }
    const hash = crypto.createHash('sha256');
    const chunks = [];
    let bytes = 0;
    for await (const chunk of request) {
      hash.update(chunk);
      bytes += chunk.length;
      if (bytes < 1e6) chunks.push(chunk);
    }
    if (path === '/api/gzip') {
      response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' });
      return response.end(zlib.gzipSync('{"packed":true}'));
    }
    if (path.startsWith('/api/status/')) {
      response.writeHead(Number(path.split('/').pop()), { 'content-type': 'application/json', 'x-theirs': 'yes' });
      return response.end('{"big":12345678901234567890}');
    }
    const body = Buffer.concat(chunks);
    response.setHeader('content-type', 'application/json');
    response.end(
      JSON.stringify({
        method: request.method,
        url: request.url,
        headers: request.headers,
        text: body.toString('utf8'),
        bytes,
        sha256: hash.digest('hex'),
      }),
    );
  });
  return server;
}

function* pieces(count) {
  for (let number = 0; number < count; number += 1) yield Buffer.alloc(PIECE, number % 251);
}

function hashOf(count) {
  const hash = crypto.createHash('sha256');
  for (const piece of pieces(count)) hash.update(piece);
  return hash.digest('hex');
}

onEachEngine((engine) => {
  let stage;
  let echo;
  const id = 'proxied';
  before(async () => {
    echo = await startEcho();
    const providers = {
      [KEY]: {
        display_name: 'E2E echo',
        categories: ['dev-tools'],
        docs: 'https://docs.example.com/e2e',
        auth_mode: 'API_KEY',
        proxy: { base_url: `${echo.url}/api`, headers: { 'x-key': '${apiKey}' } },
      },
    };
    stage = await openStage({ engine, providers });
    await stage.expect(200, 'POST', '/integrations', { provider: KEY, unique_key: KEY });
    await stage.expect(201, 'POST', '/connections', {
      provider_config_key: KEY,
      connection_id: id,
      credentials: { type: 'API_KEY', apiKey: 'the-key' },
    });
  });
  after(async () => {
    await stage?.close();
    await echo?.close();
  });

  for (const sdk of NODE_SDKS) {
    describe(sdk.name, () => {
      const call = (more) => ({ providerConfigKey: KEY, connectionId: id, endpoint: '/echo', ...more });
      const client = () => sdk.open({ host: stage.servers[0].url, key: stage.key });

      test('each method reaches the API with the key', async () => {
        for (const method of ['get', 'post', 'put', 'patch', 'delete']) {
          const { data, status } = await client()[method](call({ params: { a: '1', b: 'x y' } }));
          assert.equal(status, 200);
          assert.equal(data.method, method.toUpperCase());
          assert.equal(data.headers['x-key'], 'the-key');
          assert.match(data.url, /^\/api\/echo\?a=1&b=x(%20|\+)y$/);
          for (const name of ['authorization', 'provider-config-key', 'connection-id', 'nango-is-sync']) {
            assert.equal(data.headers[name], undefined, name);
          }
        }
        const { data } = await client().proxy(call({ method: 'PATCH', endpoint: 'echo', data: { n: 1 } }));
        assert.equal(data.text, '{"n":1}');
      });

      test('objects, texts, forms and bytes arrive as they are', async () => {
        const sent = { text: 'ümlaut', nested: { list: [1, 2.5, null] } };
        const { data } = await client().post(call({ data: sent, headers: { 'X-Mine': 'yes' } }));
        assert.deepEqual(JSON.parse(data.text), sent);
        assert.match(data.headers['content-type'], /^application\/json/);
        assert.equal(data.headers['x-mine'], 'yes');
        const form = await client().post(
          call({ data: 'a=1&b=%20', headers: { 'Content-Type': 'application/x-www-form-urlencoded' } }),
        );
        assert.equal(form.data.text, 'a=1&b=%20');
        assert.match(form.data.headers['content-type'], /^application\/x-www-form-urlencoded/);
        const bytes = crypto.randomBytes(300_000);
        const binary = await client().put(
          call({ data: bytes, headers: { 'Content-Type': 'application/octet-stream' } }),
        );
        assert.equal(binary.data.sha256, crypto.createHash('sha256').update(bytes).digest('hex'));
      });

      test("the API's refusals and statuses are the caller's", async () => {
        await assert.rejects(client().get(call({ endpoint: '/status/418' })), (error) => {
          assert.equal(error.response.status, 418);
          assert.equal(error.response.headers['x-theirs'], 'yes');
          return true;
        });
        for (const status of [201, 202]) {
          const answer = await client().post(call({ endpoint: `/status/${status}`, data: {} }));
          assert.equal(answer.status, status);
        }
        const { data } = await client().get(call({ endpoint: '/gzip' }));
        assert.deepEqual(data, { packed: true });
        const whole = await client().get(call({ endpoint: '/download', responseType: 'arraybuffer', headers: { 'x-pieces': '3' } }));
        assert.equal(crypto.createHash('sha256').update(Buffer.from(whole.data)).digest('hex'), hashOf(3));
      });
    });
  }

  // Bodies never meet the database: once is enough.
  if (engine !== 'sqlite') return;
  test('a refusal reaches whoever is still sending', async () => {
    const headers = { authorization: `Bearer ${stage.key}`, 'provider-config-key': KEY, 'connection-id': id };
    for (let turn = 0; turn < 5; turn += 1) {
      const request = http.request(`${stage.servers[0].url}/proxy/too-large`, { method: 'POST', headers });
      // Sent to the end, answer or no answer, as many clients do.
      const answered = new Promise((resolve, reject) => request.on('response', resolve).on('error', reject));
      Readable.from(pieces(20)).pipe(request);
      const answer = await answered;
      assert.equal(answer.statusCode, 413);
      assert.equal(Buffer.concat(await answer.toArray()).toString(), '{"why":"too large"}');
      // Node's client stops sending once it has the answer, and keeps the connection.
      request.destroy();
    }
  });

  test('two gigabytes pass each way, and the server does not grow', async () => {
    const { pid } = stage.servers[0];
    const resident = () => Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
    const headers = {
      authorization: `Bearer ${stage.key}`,
      'provider-config-key': KEY,
      'connection-id': id,
    };
    const open = (path, more) =>
      http.request(`${stage.servers[0].url}/proxy${path}`, { headers: { ...headers, ...more.headers }, method: more.method });
    const expected = hashOf(GIGABYTES_TWO);
    const before = resident();
    let most = before;
    const watch = setInterval(() => (most = Math.max(most, resident())), 50);
    try {
      const up = open('/echo', { method: 'POST', headers: { 'content-type': 'application/octet-stream' } });
      Readable.from(pieces(GIGABYTES_TWO)).pipe(up);
      const answer = await new Promise((resolve, reject) => up.on('response', resolve).on('error', reject));
      const told = JSON.parse(Buffer.concat(await answer.toArray()).toString());
      assert.equal(told.bytes, GIGABYTES_TWO * PIECE);
      assert.equal(told.sha256, expected);

      const down = open('/download', { method: 'GET', headers: { 'nango-proxy-x-pieces': String(GIGABYTES_TWO) } });
      down.end();
      const stream = await new Promise((resolve, reject) => down.on('response', resolve).on('error', reject));
      const hash = crypto.createHash('sha256');
      let bytes = 0;
      for await (const chunk of stream) {
        hash.update(chunk);
        bytes += chunk.length;
      }
      assert.equal(bytes, GIGABYTES_TWO * PIECE);
      assert.equal(hash.digest('hex'), expected);
    } finally {
      clearInterval(watch);
    }
    assert.ok(most - before < GROWTH_MAX_KB, `it grew by ${most - before} kB`);
  });
});
