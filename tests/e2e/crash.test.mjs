// kill -9 in the middle of things, then a restart on the same data.
//
// What must hold afterwards: what was answered with success is there; what was not answered is there
// completely or not at all; a connection whose refresh was cut off can be read again, or says plainly
// that it needs the customer; every event is delivered at least once, each try under one webhook-id.

import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { after, before, beforeEach, test } from 'node:test';

import { EXPIRY_BUFFER_SECONDS } from './harness/catalogue.mjs';
import { Customer } from './harness/customer.mjs';
import { onEachEngine } from './harness/engines.mjs';
import { GOOD_KEY } from './harness/http-api.mjs';
import { openStage } from './harness/stage.mjs';
import { quiet, until } from './harness/waiting.mjs';

const OAUTH = 'e2e-oauth';
const KEY = 'e2e-key';
/** A dead process's lease outlives its longest token request (30 s); then the next reader may try. */
const LEASE_MS = 90_000;
/** The first retries of a webhook come within this. */
const RETRY_MS = 120_000;

onEachEngine((engine) => {
  let stage;
  before(async () => {
    stage = await openStage({ engine });
    await stage.integrate(OAUTH);
    await stage.integrate(KEY);
    await stage.sendWebhooks();
  });
  after(() => stage?.close());
  beforeEach(() => {
    stage.sink.clear();
    stage.sink.answer = () => 200;
    stage.oauth.accessTokenSeconds = 3600;
  });

  const crash = () => stage.servers[0].kill();
  const authorize = async (token) => new Customer().authorize(stage.servers[0].url, OAUTH, token);
  /** Authorize and answer the new connection's id. */
  const connect = async () => {
    const known = new Set((await stage.connections(OAUTH)).map((one) => one.connection_id));
    const page = await authorize(await stage.session(OAUTH));
    assert.equal(page.status, 200, page.text);
    const fresh = (await stage.connections(OAUTH)).filter((one) => !known.has(one.connection_id));
    assert.equal(fresh.length, 1);
    return fresh[0].connection_id;
  };
  /** A connection whose token has expired, with the refresh token still good. */
  const connectExpired = async () => {
    stage.oauth.accessTokenSeconds = EXPIRY_BUFFER_SECONDS + 2;
    const id = await connect();
    const { body } = await stage.connection(OAUTH, id, { refresh_token: 'true' });
    stage.oauth.accessTokenSeconds = 3600;
    await stage.expect(201, 'POST', '/connections/metadata', {
      provider_config_key: OAUTH,
      connection_id: id,
      metadata: { plan: 'pro' },
    });
    return { id, credentials: body.credentials };
  };
  const expired = ({ credentials }) =>
    until('the token has expired', () => Date.now() > Date.parse(credentials.expires_at));

  test('a refresh that the provider never saw is done again', async () => {
    const one = await connectExpired();
    const before = stage.oauth.granted('refresh_token').length;
    const hold = stage.oauth.holdTokens('before');
    await expired(one);
    const reading = stage.connection(OAUTH, one.id).catch(() => 'cut');
    await hold.arrived();
    await crash();
    hold.drop();
    assert.equal(await reading, 'cut');

    await stage.start();
    const reply = await until(
      'the connection can be read again',
      async () => {
        const answer = await stage.connection(OAUTH, one.id);
        return answer.status === 200 && answer;
      },
      { timeoutMs: LEASE_MS, pauseMs: 500 },
    );
    assert.equal(await stage.oauth.accepts(reply.body.credentials.access_token), true);
    assert.deepEqual(reply.body.metadata, { plan: 'pro' });
    assert.deepEqual(reply.body.errors, []);
    assert.equal(stage.oauth.granted('refresh_token').length - before, 1);
  });

  test('a refresh whose reply was lost is repaired by a reconnect', async () => {
    const one = await connectExpired();
    const hold = stage.oauth.holdTokens('after');
    await expired(one);
    const reading = stage.connection(OAUTH, one.id).catch(() => 'cut');
    await hold.arrived();
    await crash();
    hold.drop();
    await reading;

    await stage.start();
    // The old token was spent, so this server refuses it: the API says so, with the connection.
    const refused = await until(
      'the read is decided',
      async () => {
        const answer = await stage.connection(OAUTH, one.id, { force_refresh: 'true' });
        return answer.body.error?.code === 'invalid_credentials' && answer;
      },
      { timeoutMs: LEASE_MS, pauseMs: 500 },
    );
    assert.equal(refused.body.error.payload.connection.connection_id, one.id);

    const page = await authorize(await stage.reconnectSession(OAUTH, one.id));
    assert.equal(page.status, 200, page.text);
    const { status, body } = await stage.connection(OAUTH, one.id);
    assert.equal(status, 200);
    assert.deepEqual(body.metadata, { plan: 'pro' });
    assert.deepEqual(body.errors, []);
    assert.equal(await stage.oauth.accepts(body.credentials.access_token), true);
  });

  for (const where of ['before', 'after']) {
    test(`a connect cut off ${where} the code was exchanged leaves nothing behind`, async () => {
      const known = (await stage.connections(OAUTH)).length;
      const token = await stage.session(OAUTH);
      const hold = stage.oauth.holdTokens(where);
      const trying = authorize(token).catch(() => 'cut');
      await hold.arrived();
      await crash();
      hold.drop();
      assert.equal(await trying, 'cut');

      await stage.start();
      assert.equal((await stage.connections(OAUTH)).length, known);
      // The customer presses Connect again, in the same session.
      const page = await authorize(token);
      assert.equal(page.status, 200, page.text);
      assert.equal((await stage.connections(OAUTH)).length, known + 1);
      await stage.sink.next('creation', ({ body }) => body.success && body.operation === 'creation');
      await quiet(() => stage.sink.received.length);
      const made = stage.sink.matching(({ body }) => body.success && body.operation === 'creation');
      assert.equal(made.length, 1);
    });
  }

  test('every import that was answered is there, and announced', async () => {
    const ids = Array.from({ length: 100 }, () => `import-${crypto.randomUUID()}`);
    let answered = 0;
    const imports = ids.map(async (connection_id) => {
      const body = { provider_config_key: KEY, connection_id, credentials: { type: 'API_KEY', apiKey: GOOD_KEY } };
      const reply = await stage.call('POST', '/connections', body).catch(() => undefined);
      if (reply?.status !== 201) return undefined;
      answered += 1;
      return connection_id;
    });
    await until('some imports are answered', () => answered >= 20, { pauseMs: 1 });
    await crash();
    const kept = (await Promise.all(imports)).filter(Boolean);

    await stage.start();
    const stored = new Set((await stage.connections(KEY)).map((one) => one.connection_id));
    assert.deepEqual(kept.filter((id) => !stored.has(id)), []);
    const announced = () => new Set(stage.sink.received.map(({ body }) => body.connectionId));
    const mine = ids.filter((id) => stored.has(id));
    await until('every stored import is announced', () => mine.every((id) => announced().has(id)), {
      timeoutMs: RETRY_MS,
    });
    assert.deepEqual([...announced()].filter((id) => !stored.has(id)), [], 'nothing else is');
    sameIdPerEvent(stage.sink.received);
  });

  test('a webhook that was being retried goes on after the restart', async () => {
    stage.sink.answer = () => 503;
    const connection_id = `retry-${crypto.randomUUID()}`;
    const body = { provider_config_key: KEY, connection_id, credentials: { type: 'API_KEY', apiKey: GOOD_KEY } };
    await stage.expect(201, 'POST', '/connections', body);
    await until('the first try', () => stage.sink.received.length > 0);
    await crash();
    stage.sink.answer = () => 200;
    await stage.start();
    await stage.sink.next('the retry', (one) => one.body.connectionId === connection_id, {
      timeoutMs: RETRY_MS,
    });
    sameIdPerEvent(stage.sink.received);
  });

  test('a clean stop finishes what is in flight', async () => {
    const one = await connectExpired();
    const hold = stage.oauth.holdTokens('before');
    await expired(one);
    const reading = stage.connection(OAUTH, one.id);
    await hold.arrived();
    const stopping = stage.servers[0].stop();
    hold.release();
    assert.equal((await reading).status, 200);
    await stopping;
    await stage.start();
    assert.equal((await stage.connection(OAUTH, one.id)).status, 200);
  });
});

/** Tries of one event carry one webhook-id, and no two events share one. */
function sameIdPerEvent(records) {
  const byId = new Map();
  const byEvent = new Map();
  for (const { id, raw } of records) {
    assert.ok(id, 'webhook-id is set');
    assert.equal(byId.get(id) ?? raw, raw, 'one id, one body');
    assert.equal(byEvent.get(raw) ?? id, id, 'one body, one id');
    byId.set(id, raw);
    byEvent.set(raw, id);
  }
}
