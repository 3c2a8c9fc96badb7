// Two server processes on one PostgreSQL database behave like one. Server 0 is "A", server 1 is "B";
// the public URL, and with it every callback, is B's.

import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { after, before, beforeEach, test } from 'node:test';

import { EXPIRY_BUFFER_SECONDS } from './harness/catalogue.mjs';
import { Customer, openSocket } from './harness/customer.mjs';
import { onPostgres } from './harness/engines.mjs';
import { GOOD_KEY } from './harness/http-api.mjs';
import { openStage } from './harness/stage.mjs';
import { quiet, until } from './harness/waiting.mjs';

const [A, B] = [0, 1];
const OAUTH = 'e2e-oauth';
const KEY = 'e2e-key';
const READERS = 300;
const IMPORTS = 60;
const CALLS_PER_MINUTE = 6;

onPostgres((engine) => {
  let stage;
  before(async () => {
    stage = await openStage({ engine, servers: 2 });
    await stage.integrate(OAUTH);
    await stage.integrate(KEY);
    await stage.sendWebhooks();
  });
  after(() => stage?.close());
  beforeEach(() => {
    stage.sink.clear();
    stage.oauth.accessTokenSeconds = 3600;
  });

  /** Authorize through B while the customer's socket is on A. Answers the connection's id. */
  const connectAcross = async () => {
    const socket = await openSocket(stage.servers[A].url);
    try {
      const token = await stage.session(OAUTH, {}, { server: A });
      const customer = new Customer();
      const page = await customer.authorize(stage.servers[A].url, OAUTH, token, { ws_client_id: socket.id });
      assert.equal(page.status, 200, page.text);
      assert.ok(page.url.startsWith(`${stage.servers[B].url}/oauth/callback`), page.url);
      const frame = await socket.next();
      assert.deepEqual(frame, {
        message_type: 'success',
        provider_config_key: OAUTH,
        connection_id: frame.connection_id,
        is_pending: false,
      });
      return frame.connection_id;
    } finally {
      socket.close();
    }
  };

  test('a socket on A hears of a callback on B', async () => {
    const id = await connectAcross();
    for (const server of [A, B]) {
      const { status } = await stage.connection(OAUTH, id, { server });
      assert.equal(status, 200);
    }
  });

  test('a socket on A hears of a refusal that lands on B', async () => {
    const socket = await openSocket(stage.servers[A].url);
    stage.oauth.decision = 'deny';
    try {
      const token = await stage.session(OAUTH);
      const page = await new Customer().authorize(stage.servers[A].url, OAUTH, token, {
        ws_client_id: socket.id,
      });
      assert.equal(page.status, 400);
      const frame = await socket.next();
      assert.equal(frame.message_type, 'error');
      assert.equal(frame.error_type, 'callback_err');
    } finally {
      stage.oauth.decision = 'approve';
      socket.close();
    }
  });

  test(`${READERS} readers on both servers spend a refresh token once`, async () => {
    stage.oauth.accessTokenSeconds = EXPIRY_BUFFER_SECONDS + 3;
    const id = await connectAcross();
    const first = (await stage.connection(OAUTH, id)).body.credentials;
    const before = stage.oauth.asked('refresh_token').length;
    stage.oauth.accessTokenSeconds = 3600;
    const expiry = Date.parse(first.expires_at);
    await until('the token has expired', () => Date.now() > expiry);

    const replies = await Promise.all(
      Array.from({ length: READERS }, (_, index) =>
        stage.connection(OAUTH, id, { server: index % 2 === 0 ? A : B }),
      ),
    );
    assert.deepEqual(new Set(replies.map((reply) => reply.status)), new Set([200]));
    const tokens = new Set(replies.map((reply) => reply.body.credentials.access_token));
    assert.equal(tokens.size, 1, 'all readers got one token');
    const [token] = tokens;
    assert.notEqual(token, first.access_token);
    assert.equal(stage.oauth.asked('refresh_token').length - before, 1, 'one token request');
    assert.equal(await stage.oauth.accepts(token), true);
  });

  test('forced refreshes on both servers at once never spend a token twice', async () => {
    const id = await connectAcross();
    const refused = () => stage.oauth.asked('refresh_token').filter((one) => one.status !== 200).length;
    const before = refused();
    const replies = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        stage.connection(OAUTH, id, { server: index % 2 === 0 ? A : B, force_refresh: 'true' }),
      ),
    );
    assert.deepEqual(new Set(replies.map((reply) => reply.status)), new Set([200]));
    assert.equal(refused(), before);
    const { body } = await stage.connection(OAUTH, id);
    assert.equal(await stage.oauth.accepts(body.credentials.access_token), true);
  });

  test('a read on B waits for the refresh that A has begun', async () => {
    stage.oauth.accessTokenSeconds = EXPIRY_BUFFER_SECONDS + 3;
    const id = await connectAcross();
    const first = (await stage.connection(OAUTH, id)).body.credentials;
    stage.oauth.accessTokenSeconds = 3600;
    const before = stage.oauth.asked('refresh_token').length;
    const hold = stage.oauth.holdTokens('before');
    await until('the token has expired', () => Date.now() > Date.parse(first.expires_at));
    const onA = stage.connection(OAUTH, id, { server: A });
    await hold.arrived();
    const onB = stage.connection(OAUTH, id, { server: B });
    hold.release();
    const replies = await Promise.all([onA, onB]);
    assert.deepEqual(replies.map((reply) => reply.status), [200, 200]);
    assert.equal(replies[0].body.credentials.access_token, replies[1].body.credentials.access_token);
    assert.equal(stage.oauth.asked('refresh_token').length - before, 1);
  });

  test(`${IMPORTS} events, two senders, each delivered once`, async () => {
    const ids = Array.from({ length: IMPORTS }, () => `import-${crypto.randomUUID()}`);
    const made = await Promise.all(
      ids.map((connection_id, index) =>
        stage.call(
          'POST',
          '/connections',
          { provider_config_key: KEY, connection_id, credentials: { type: 'API_KEY', apiKey: GOOD_KEY } },
          { server: index % 2 === 0 ? A : B },
        ),
      ),
    );
    assert.deepEqual(new Set(made.map((reply) => reply.status)), new Set([201]));
    await until('all events arrived', () => stage.sink.received.length >= IMPORTS);
    await quiet(() => stage.sink.received.length);
    const arrived = stage.sink.received.map(({ body }) => body.connectionId);
    assert.deepEqual([...arrived].sort(), [...ids].sort());
    assert.equal(new Set(stage.sink.received.map(({ id }) => id)).size, IMPORTS, 'an id each');
  });

  test('settings changed beside the servers hold on both at once', async () => {
    await stage.setEnvironment({ on_auth_creation: 'false' });
    try {
      for (const server of [A, B]) {
        const body = { provider_config_key: KEY, credentials: { type: 'API_KEY', apiKey: GOOD_KEY } };
        await stage.expect(201, 'POST', '/connections', body, { server });
      }
      await quiet(() => stage.sink.received.length);
      assert.equal(stage.sink.received.length, 0);
    } finally {
      await stage.setEnvironment({ on_auth_creation: 'true' });
    }
  });

  test('metadata merges on both servers all survive', async () => {
    const id = await connectAcross();
    const names = Array.from({ length: 40 }, (_, index) => `k${index}`);
    await Promise.all(
      names.map((name, index) =>
        stage.expect(
          200,
          'PATCH',
          '/connections/metadata',
          { provider_config_key: OAUTH, connection_id: id, metadata: { [name]: index } },
          { server: index % 2 === 0 ? A : B },
        ),
      ),
    );
    const { body } = await stage.connection(OAUTH, id);
    assert.equal(Object.keys(body.metadata).length, names.length);
  });

  test('calls through the proxies of both servers draw on one budget', async () => {
    const body = { provider_config_key: KEY, credentials: { type: 'API_KEY', apiKey: GOOD_KEY } };
    const made = await stage.expect(201, 'POST', '/connections', body);
    const limits = { calls_per_minute_per_connection: CALLS_PER_MINUTE };
    await stage.expect(200, 'PATCH', `/integrations/${KEY}`, { proxy: limits });
    const begun = Date.now();
    const answers = await Promise.all(
      Array.from({ length: CALLS_PER_MINUTE * 4 }, (_, index) =>
        fetch(`${stage.servers[index % 2 === 0 ? A : B].url}/proxy/me`, {
          headers: {
            authorization: `Bearer ${stage.key}`,
            'provider-config-key': KEY,
            'connection-id': made.connection_id,
          },
        }),
      ),
    );
    // A minute's calls at once, and what is added while this runs.
    const most = CALLS_PER_MINUTE + Math.floor(((Date.now() - begun) * CALLS_PER_MINUTE) / 60_000);
    const through = answers.filter((answer) => answer.status === 200).length;
    assert.ok(through >= CALLS_PER_MINUTE && through <= most, `${through} calls got through`);
    const refused = answers.filter((answer) => answer.status === 429).length;
    assert.equal(through + refused, answers.length);
  });
});
