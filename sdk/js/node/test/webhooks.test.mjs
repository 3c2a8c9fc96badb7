// Webhooks as the running server sends them, and everything that is not one.

import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { after, before, describe, test } from 'node:test';

import { Valetkey, ValetkeyError } from '@valetkey/node';
import { verifyWebhook } from '@valetkey/node/webhooks';

import { authorize } from './stage/customer.mjs';
import { startDev } from './stage/dev.mjs';
import { makeGrant } from './stage/grant.mjs';
import { listen } from './stage/listening.mjs';
import { until } from './stage/waiting.mjs';

const KEY = 'emulator-api-key';

let dev;
let client;
let receiver;
/** What the receiver answers. */
let status = 200;

before(async () => {
  dev = await startDev();
  client = new Valetkey({ host: dev.url, apiKey: dev.key });
  receiver = await listen((_, response) => response.writeHead(status).end());
  await dev.set(`webhook_url=${receiver.url}/hooks`, 'on_auth_creation=true', 'on_auth_refresh_success=true', 'on_auth_refresh_error=true');
  // The server notices a moment later, and tells of what happens from then on.
  let count = 0;
  await until('the settings hold', async () => {
    await importKey(`probe-${(count += 1)}`);
    return receiver.requests.length > 0;
  });
});
after(async () => {
  await receiver?.close();
  await dev?.stop();
});

const importKey = (id, tags = {}) =>
  client.connections.import({
    provider_config_key: KEY,
    connection_id: id,
    credentials: { type: 'API_KEY', apiKey: 'emk_demo_1234567890' },
    tags,
  });
/** The delivery for a connection. */
const delivered = (id, operation) =>
  until(`a webhook for ${id}`, () =>
    receiver.requests.find(({ body }) => {
      const event = JSON.parse(body);
      return event.connectionId === id && event.operation === operation;
    }),
  );
const check = (request, more = {}) =>
  verifyWebhook({ body: request.body, headers: request.headers, signingKey: dev.signingKey, ...more });
const refused = (code, run) =>
  assert.throws(run, (error) => {
    assert.ok(error instanceof ValetkeyError);
    assert.equal(error.code, code);
    assert.ok(!error.message.includes(dev.signingKey));
    return true;
  });

describe('what the server sends', () => {
  test('a creation verifies, from bytes and from text, with headers of any kind', async () => {
    await importKey('created', { name: 'Zoë ✓' });
    const request = await delivered('created', 'creation');
    assert.equal(request.url, '/hooks');
    const event = check(request);
    assert.deepEqual(event, {
      from: 'nango',
      type: 'auth',
      operation: 'creation',
      success: true,
      connectionId: 'created',
      providerConfigKey: KEY,
      provider: KEY,
      environment: 'dev',
      authMode: 'API_KEY',
      tags: { name: 'Zoë ✓' },
    });
    assert.deepEqual(check(request, { body: request.body.toString() }), event);
    assert.deepEqual(check(request, { body: new Uint8Array(request.body) }), event);
    assert.deepEqual(check(request, { headers: new Headers(request.headers) }), event);
    const upper = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name.toUpperCase(), [value]]));
    assert.deepEqual(check(request, { headers: upper }), event);
  });

  test('the key counts in either spelling, and one of several is enough', async () => {
    const request = await delivered('created', 'creation');
    const encoded = `whsec_${Buffer.from(dev.signingKey).toString('base64')}`;
    const none = { signingKey: undefined };
    assert.ok(check(request, { signingKey: encoded }));
    assert.ok(check(request, { ...none, signingKeys: ['another', dev.signingKey] }));
    assert.ok(check(request, { signingKeys: ['another'] }));
    refused('webhook_signature_invalid', () => check(request, { signingKey: 'another' }));
    refused('webhook_signature_invalid', () => check(request, { ...none, signingKeys: ['another', 'one more'] }));
  });

  test('a customer connects, connects again, and declines', async () => {
    const end_user = { id: 'u-1', email: 'u@example.com', tags: { plan: 'pro' } };
    const session = await client.connectSessions.create({ end_user, organization: { id: 'o-1' }, allowed_integrations: ['emulator'] });
    await authorize(dev.url, 'emulator', session.token);
    const [{ connection_id: id }] = await client.connections.list({ endUserId: 'u-1' });
    const creation = check(await delivered(id, 'creation'));
    assert.deepEqual([creation.operation, creation.success, creation.authMode], ['creation', true, 'OAUTH2']);
    assert.deepEqual(creation.endUser, { endUserId: 'u-1', endUserEmail: 'u@example.com', organizationId: 'o-1', tags: { plan: 'pro' } });

    const named = { connection_id: creation.connectionId, integration_id: 'emulator' };
    const repair = await client.connectSessions.reconnect(named);
    await authorize(dev.url, 'emulator', repair.token);
    const override = check(await delivered(creation.connectionId, 'override'));
    assert.deepEqual([override.success, override.connectionId], [true, creation.connectionId]);

    const other = await client.connectSessions.create({ end_user, allowed_integrations: ['emulator'] });
    await authorize(dev.url, 'emulator', other.token, 'deny');
    const declined = await until('a webhook', () =>
      receiver.requests.find(({ body }) => JSON.parse(body).success === false),
    );
    const failure = check(declined);
    assert.equal(failure.operation, 'creation');
    assert.ok(failure.error.type && failure.error.description);
  });

  test('refreshes, good and failed', async () => {
    const { credentials, withdraw } = await makeGrant(dev.providerUrl);
    const { connection_id: id } = await client.connections.import({ provider_config_key: 'emulator', credentials });
    await client.connections.token(id, 'emulator', { forceRefresh: true });
    const good = check(await delivered(id, 'refresh'));
    assert.deepEqual([good.type, good.operation, good.success, good.authMode], ['auth', 'refresh', true, 'OAUTH2']);

    receiver.requests.splice(0);
    const { credentials: fresh } = await client.connections.get(id, 'emulator', { withRefreshToken: true });
    await withdraw(fresh.refresh_token);
    await assert.rejects(client.connections.token(id, 'emulator', { forceRefresh: true }), { needsReconnect: true });
    const failed = check(await delivered(id, 'refresh'));
    assert.deepEqual([failed.operation, failed.success], ['refresh', false]);
    assert.ok(failed.error.type && failed.error.description);
  });

  test('a repeated delivery has the same id and a time of its own', async () => {
    status = 500;
    await importKey('repeated');
    const first = await delivered('repeated', 'creation');
    const { id } = (await client.events.list({ limit: 1000 })).find((event) => event.payload.connectionId === 'repeated');
    status = 200;
    receiver.requests.splice(0);
    const again = await delivered('repeated', 'creation');
    assert.equal(first.headers['webhook-id'], again.headers['webhook-id']);
    assert.equal(again.headers['webhook-id'], id);
    assert.deepEqual(check(again), check(first));
  });

  test('after the key is replaced, old and new one both fit', async () => {
    const newKey = await client.signingKey.rotate();
    await importKey('rotated');
    const request = await delivered('rotated', 'creation');
    assert.equal(request.headers['webhook-signature'].split(' ').length, 2);
    for (const signingKey of [dev.signingKey, newKey]) assert.equal(check(request, { signingKey }).connectionId, 'rotated');
    refused('webhook_signature_invalid', () => check(request, { signingKey: 'another' }));
  });
});

describe('what is not from the server', () => {
  let request;
  before(async () => {
    receiver.requests.splice(0);
    await importKey('target');
    request = await delivered('target', 'creation');
  });

  test('every changed byte is noticed', () => {
    for (let index = 0; index < request.body.length; index += 1) {
      const body = Buffer.from(request.body);
      body[index] ^= 1;
      refused('webhook_signature_invalid', () => check(request, { body }));
    }
    const headers = (more) => ({ headers: { ...request.headers, ...more } });
    const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature } = request.headers;
    refused('webhook_signature_invalid', () => check(request, headers({ 'webhook-id': `${id}x` })));
    refused('webhook_signature_invalid', () => check(request, headers({ 'webhook-timestamp': String(Number(timestamp) - 1) })));
    const [first] = signature.split(' ');
    for (let index = 0; index < first.length; index += 1) {
      const other = first[index] === 'A' ? 'B' : 'A';
      const changed = first.slice(0, index) + other + first.slice(index + 1);
      refused('webhook_signature_invalid', () => check(request, headers({ 'webhook-signature': changed })));
    }
    for (const odd of ['v1,', ',', ' ', 'v1', first.slice(0, -1), `${first}=`, first.replace('v1,', 'v2,')]) {
      refused('webhook_signature_invalid', () => check(request, headers({ 'webhook-signature': odd })));
    }
  });

  test('old and early ones are refused, at exactly the tolerance', () => {
    const sent = Number(request.headers['webhook-timestamp']);
    const at = (seconds) => ({ now: new Date((sent + seconds) * 1000) });
    for (const seconds of [-300, 0, 300]) assert.ok(check(request, at(seconds)));
    for (const seconds of [-301, 301]) refused('webhook_timestamp_invalid', () => check(request, at(seconds)));
    assert.ok(check(request, { ...at(10), toleranceSeconds: 10 }));
    refused('webhook_timestamp_invalid', () => check(request, { ...at(11), toleranceSeconds: 10 }));
    for (const timestamp of ['', 'x', '1e9', '-1', ` ${sent}`, `${sent}.5`, 'NaN']) {
      const code = timestamp === '' ? 'webhook_header_missing' : 'webhook_timestamp_invalid';
      refused(code, () => check(request, { headers: { ...request.headers, 'webhook-timestamp': timestamp } }));
    }
    refused('webhook_timestamp_invalid', () => check(request, { toleranceSeconds: Number.NaN }));
  });

  test('missing headers, missing keys and parsed bodies are refused', () => {
    for (const name of ['webhook-id', 'webhook-timestamp', 'webhook-signature']) {
      refused('webhook_header_missing', () => check(request, { headers: { ...request.headers, [name]: undefined } }));
    }
    for (const keys of [{ signingKey: undefined }, { signingKey: '' }, { signingKey: 'whsec_' }, { signingKeys: [''] }]) {
      refused('invalid_argument', () => check(request, keys));
    }
    refused('invalid_argument', () => check(request, { body: JSON.parse(request.body) }));
  });

  test('a signature over something else is of no use', () => {
    for (const body of ['not json', '"text"', 'null']) {
      const timestamp = String(Math.floor(Date.now() / 1000));
      const tag = crypto.createHmac('sha256', 'key').update(`m.${timestamp}.${body}`).digest('base64');
      const headers = { 'webhook-id': 'm', 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${tag}` };
      refused('webhook_body_invalid', () => verifyWebhook({ body, headers, signingKey: 'key' }));
    }
  });

  test('the specification’s own example verifies', () => {
    const event = verifyWebhook({
      body: '{"test": 2432232314}',
      headers: {
        'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
        'webhook-timestamp': '1614265330',
        'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
      },
      signingKey: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
      now: new Date(1_614_265_330_000),
    });
    assert.deepEqual(event, { test: 2432232314 });
  });
});
