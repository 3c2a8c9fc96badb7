// Every method against the running server.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { inspect } from 'node:util';

import { tokenOf, Valetkey, ValetkeyError } from '@valetkey/node';

import { startDev } from './stage/dev.mjs';
import { failTokenRequests, installAtProvider, makeGrant } from './stage/grant.mjs';
import { METHODS, operationOf } from './stage/operations.mjs';
import { until } from './stage/waiting.mjs';

const OAUTH = 'emulator';
const KEY = 'emulator-api-key';
const API_KEY = 'emk_demo_1234567890';

let dev;
let client;
let account;
/** Operations that the server was asked for and carried out, or refused for a reason of its own. */
const called = new Set();
const recording = async (input, init) => {
  const { pathname } = new URL(input);
  // Calls through the proxy are the provider's operations.
  if (!pathname.startsWith('/proxy/')) called.add(operationOf(init.method, pathname));
  return fetch(input, init);
};

before(async () => {
  dev = await startDev();
  client = new Valetkey({ host: dev.url, apiKey: dev.key, fetch: recording });
  const accountKey = await dev.command('keys', 'create', '--account', '--name', 'provisioning');
  account = new Valetkey({ host: dev.url, apiKey: accountKey, fetch: recording });
});
after(() => dev?.stop());

const refused = (promise, wanted) =>
  assert.rejects(promise, (error) => {
    assert.ok(error instanceof ValetkeyError, inspect(error));
    for (const [name, value] of Object.entries(wanted)) assert.deepEqual(error[name], value, `${name} of ${inspect(error)}`);
    return true;
  });
const importKey = (id, more = {}) =>
  client.connections.import({
    provider_config_key: KEY,
    connection_id: id,
    credentials: { type: 'API_KEY', apiKey: API_KEY },
    ...more,
  });
const importGrant = async () => {
  const grant = await makeGrant(dev.providerUrl);
  const { connection_id: id } = await client.connections.import({
    provider_config_key: OAUTH,
    credentials: grant.credentials,
  });
  return { id, ...grant };
};

describe('connect sessions', () => {
  test('create and reconnect', async (context) => {
    const tags = { end_user_id: 'user-1' };
    const session = await client.connectSessions.create({ tags, allowed_integrations: [OAUTH] });
    assert.match(session.token, /^nango_connect_session_[0-9a-f]{64}$/);
    assert.ok(session.connect_link.includes(session.token));
    assert.ok(Date.parse(session.expires_at) > Date.now());

    await importKey('session/1');
    const repair = await client.connectSessions.reconnect({ connection_id: 'session/1', integration_id: KEY });
    assert.ok(repair.connect_link.startsWith(dev.url));

    const { paths } = await (await fetch(`${dev.url}/openapi.json`)).json();
    const { schema } = paths['/connect/sessions'].post.requestBody.content['application/json'];
    if (!schema.properties.return_url) return context.diagnostic('this server has no return_url yet');
    const styled = {
      return_url: 'http://127.0.0.1:9/done',
      lang: 'fr',
      connect_ui_settings: { defaultTheme: 'dark', theme: { light: { primary: '#112233' } } },
    };
    for (const made of [
      await client.connectSessions.create({ tags, ...styled }),
      await client.connectSessions.reconnect({ connection_id: 'session/1', integration_id: KEY, ...styled }),
    ]) {
      const reply = await fetch(`${dev.url}/connect/session`, { headers: { authorization: `Bearer ${made.token}` } });
      const { data } = await reply.json();
      assert.equal(data.return_url, styled.return_url);
      assert.equal(data.connectUISettings.defaultTheme, 'dark');
      assert.equal(data.expires_at, made.expires_at);
      assert.match(made.connect_link, /lang=fr/);
    }
  });

  test('issues name the fields', async () => {
    await assert.rejects(client.connectSessions.create({ allowed_integrations: ['nope'], tags: { a: '' } }), (error) => {
      assert.equal(error.status, 400);
      assert.equal(error.code, 'invalid_body');
      assert.equal(error.operation, 'POST /connect/sessions');
      assert.ok(error.requestId);
      assert.ok(error.issues.some(({ path }) => path.join('.') === 'tags.a'), inspect(error.issues));
      assert.equal(error.retryable, false);
      return true;
    });
  });
});

describe('connections', () => {
  test('import, get, credentials, update, delete', async () => {
    const id = 'a b/c?d=\'"\\{}';
    const awkward = id.replace('?', '$');
    const made = await importKey(awkward, { metadata: { plan: 'pro' }, tags: { team: 'x' } });
    assert.equal(made.connection_id, awkward);
    assert.deepEqual(made.credentials, { type: 'API_KEY', apiKey: API_KEY });

    const read = await client.connections.get(awkward, KEY);
    assert.deepEqual([read.provider, read.metadata, read.tags], [KEY, { plan: 'pro' }, { team: 'x' }]);
    assert.deepEqual(await client.connections.credentials(awkward, KEY), made.credentials);
    assert.equal(await client.connections.token(awkward, KEY), API_KEY);

    await client.connections.update(awkward, KEY, { tags: { team: 'y' }, end_user: { id: 'u', email: 'u@example.com' } });
    const changed = await client.connections.get(awkward, KEY);
    assert.deepEqual([changed.tags.team, changed.end_user.email], ['y', 'u@example.com']);

    await client.connections.delete(awkward, KEY);
    await refused(client.connections.get(awkward, KEY), { status: 404, code: 'not_found', retryable: false, needsReconnect: false });
  });

  test('metadata is replaced and merged, for one and for several', async () => {
    for (const id of ['meta-1', 'meta-2']) await importKey(id, { metadata: { old: true } });
    const metadata = async (id) => (await client.connections.get(id, KEY)).metadata;
    const reply = await client.connections.setMetadata(['meta-1', 'meta-2'], KEY, { a: 1 });
    assert.deepEqual(reply.connection_id, ['meta-1', 'meta-2']);
    assert.deepEqual(await metadata('meta-2'), { a: 1 });
    await client.connections.updateMetadata('meta-1', KEY, { b: [2] });
    assert.deepEqual(await metadata('meta-1'), { a: 1, b: [2] });
    await client.connections.setMetadataOfOne('meta-1', KEY, { c: 3 });
    assert.deepEqual(await metadata('meta-1'), { c: 3 });
    assert.deepEqual(await client.connections.updateMetadataOfOne('meta-1', KEY, { d: 4 }), { d: 4 });
    assert.deepEqual(await metadata('meta-1'), { c: 3, d: 4 });
    await refused(client.connections.setMetadata(['meta-1', 'none'], KEY, {}), { status: 404, code: 'unknown_connection' });
  });

  test('the older import', async () => {
    const reply = await client.connections.importFlat({ provider_config_key: KEY, connection_id: 'flat', api_key: API_KEY });
    assert.equal(reply.connection_id, 'flat');
    assert.equal(await client.connections.token('flat', KEY), API_KEY);
    await refused(client.connections.importFlat({ provider_config_key: KEY }), { status: 400, code: 'missing_api_key' });
  });

  test('lists are filtered, and gone through page by page', async () => {
    const wanted = [];
    for (let index = 0; index < 7; index += 1) {
      wanted.unshift(`page-${index}`);
      await importKey(`page-${index}`, { tags: { set: 'pages', odd: String(index % 2) } });
    }
    const tags = { set: 'pages' };
    const ids = (list) => list.map((one) => one.connection_id);
    assert.deepEqual(ids(await client.connections.list({ tags })), wanted, 'newest first');
    assert.deepEqual(ids(await client.connections.list({ tags, limit: 3, page: 1 })), wanted.slice(3, 6));
    assert.deepEqual(ids(await client.connections.list({ tags: { set: 'pages', odd: '1' } })), ['page-5', 'page-3', 'page-1']);
    assert.deepEqual(ids(await client.connections.list({ integrationId: [OAUTH, KEY], connectionId: 'page-4' })), ['page-4']);
    assert.deepEqual(ids(await client.connections.list({ integrationId: OAUTH, connectionId: 'page-4' })), []);
    for (const pageSize of [1, 3, 7, 100]) {
      const seen = [];
      for await (const one of client.connections.all({ tags, pageSize })) seen.push(one.connection_id);
      assert.deepEqual(seen, wanted, `pages of ${pageSize}`);
    }
    const seen = [];
    for await (const one of client.connections.all({ tags, pageSize: 3 })) {
      if (seen.push(one.connection_id) === 2) await importKey('page-late', { tags });
    }
    assert.deepEqual(seen, wanted, 'one that comes meanwhile repeats none');
  });

  test('a token is kept while it is good, and renewed by force', async () => {
    const { id, credentials } = await importGrant();
    const token = await client.connections.token(id, OAUTH);
    assert.equal(token, credentials.access_token);
    assert.equal(await client.connections.token(id, OAUTH), token);
    const fresh = await client.connections.token(id, OAUTH, { forceRefresh: true });
    assert.notEqual(fresh, token);
    assert.equal(await client.connections.token(id, OAUTH), fresh);
    assert.equal((await client.connections.get(id, OAUTH)).credentials.refresh_token, undefined);
    assert.ok((await client.connections.get(id, OAUTH, { withRefreshToken: true })).credentials.refresh_token);
  });

  test('a withdrawn grant needs a reconnect, and the error shows no credentials', async () => {
    const { id, credentials, withdraw } = await importGrant();
    await withdraw();
    const read = client.connections.token(id, OAUTH, { forceRefresh: true });
    await assert.rejects(read, (error) => {
      assert.equal(error.code, 'invalid_credentials');
      assert.equal(error.needsReconnect, true);
      assert.equal(error.retryable, false);
      assert.equal(error.payload.connection.connection_id, id);
      const shown = inspect(error, { depth: 9, showHidden: true }) + JSON.stringify(error) + String(error) + error.stack;
      for (const secret of [dev.key, credentials.access_token, credentials.refresh_token]) {
        assert.ok(!shown.includes(secret));
      }
      assert.ok(!shown.includes(id), 'the payload is not shown');
      return true;
    });
    const { errors } = (await client.connections.list({ connectionId: id }))[0];
    assert.equal(errors[0].type, 'auth');
    const entry = await until('the log has it', () => client.logs.get(errors[0].log_id).catch(() => undefined));
    assert.equal(entry.state, 'failed');

    const { token } = await client.connectSessions.reconnect({ connection_id: id, integration_id: OAUTH });
    assert.ok(token);
  });

  test('a withdrawn grant whose token has ended answers without asking the provider again', async () => {
    const { credentials, withdraw } = await makeGrant(dev.providerUrl);
    await withdraw();
    const { connection_id: id } = await client.connections.import({
      provider_config_key: OAUTH,
      credentials: { ...credentials, expires_at: new Date(Date.now() - 60_000).toISOString() },
    });
    const statuses = [];
    for (let turn = 0; turn < 2; turn += 1) {
      await refused(
        client.connections.get(id, OAUTH).catch((error) => {
          statuses.push(error.status);
          throw error;
        }),
        { code: 'invalid_credentials', needsReconnect: true },
      );
    }
    assert.deepEqual(statuses, [400, 424]);
  });

  test('a refresh that fails in passing needs no reconnect', async () => {
    const { id } = await importGrant();
    await failTokenRequests(dev.providerUrl, 'http_500');
    const read = client.connections.token(id, OAUTH, { forceRefresh: true });
    await refused(read, { code: 'invalid_credentials', needsReconnect: false, retryable: true });
    assert.ok(await client.connections.token(id, OAUTH));
  });

  test('ids that would change the address are refused before anything is sent', async () => {
    for (const id of ['', '.', '..', undefined]) {
      await refused(client.connections.delete(id, KEY), { code: 'invalid_argument', status: undefined });
    }
  });
});

test('integrations: create, get, update, list, delete', async () => {
  const made = await client.integrations.create({
    provider: 'emulator-oauth2',
    unique_key: 'mine',
    credentials: { type: 'OAUTH2', client_id: 'id', client_secret: 'secret', scopes: 'profile' },
  });
  assert.equal(made.unique_key, 'mine');
  assert.equal((await client.integrations.get('mine')).credentials, undefined);
  const full = await client.integrations.get('mine', { include: ['credentials', 'webhook'] });
  assert.equal(full.credentials.client_id, 'id');
  assert.ok('webhook_url' in full);
  assert.equal((await client.integrations.update('mine', { display_name: 'Mine' })).display_name, 'Mine');
  assert.ok((await client.integrations.list()).some((one) => one.unique_key === 'mine'));

  const functions = await client.functions.list('mine', { limit: 5 });
  assert.deepEqual(functions, { data: [], pagination: { total: 0, page: 0, limit: 5 } });
  await refused(client.functions.get('mine', 'sync'), { status: 404, code: 'not_found' });
  await refused(client.functions.code('mine', 'sync', { type: 'sync' }), { status: 404 });
  await refused(client.functions.delete('mine', 'sync', 'sync'), { status: 404 });
  assert.deepEqual(await client.functions.config(), []);

  await client.integrations.delete('mine');
  await refused(client.integrations.get('mine'), { status: 404, code: 'not_found' });
  await assert.rejects(client.integrations.createShared({ provider: 'emulator-oauth2', unique_key: 'shared' }), ValetkeyError);
});

test('providers', async () => {
  const found = await client.providers.list({ search: 'emulator-api' });
  assert.deepEqual(found.map((one) => one.name), [KEY]);
  assert.equal((await client.providers.get('emulator-oauth2')).auth_mode, 'OAUTH2');
  assert.deepEqual(await client.providers.templates('emulator-oauth2'), []);
  assert.ok((await client.providers.catalogue())['emulator-oauth2']);
  await refused(client.providers.get('none'), { status: 404 });
});

test('environments, their keys and variables', async () => {
  const { id, name } = await account.environments.create({ name: 'staging' });
  assert.equal(name, 'staging');
  const key = await account.keys.create({ environment_id: id, display_name: 'backend' });
  const staging = new Valetkey({ host: dev.url, apiKey: key.secret });
  assert.deepEqual(await staging.connections.list(), []);
  await account.keys.delete({ environment_id: id, key_id: key.id });
  await refused(staging.connections.list(), { status: 401 });
  await account.environments.delete(id);
  await refused(client.environments.create({ name: 'more' }), { status: 403 });

  await dev.command('env', 'variables', 'set', 'dev', 'REGION=eu');
  assert.deepEqual(await client.variables.list(), [{ name: 'REGION', value: 'eu' }]);
});

describe('calls through the proxy', () => {
  const about = (id, more = {}) => ({ integration: KEY, connectionId: id, ...more });
  before(() => importKey('proxied'));

  test('the answer is the provider’s, whatever its status', async () => {
    const answer = await client.proxy.get('/api/me', about('proxied', { query: { a: 'x y', b: [1, 2], c: undefined } }));
    assert.equal(answer.status, 200);
    assert.equal(typeof (await answer.json()), 'object');
    const missing = await client.proxy.post('/nothing', about('proxied', { json: { n: 1 }, retries: 1, retryOn: [418] }));
    assert.equal(missing.status, 404);
    assert.equal(missing.headers.get('valetkey-attempts'), '1');
  });

  test('bodies are streamed', async () => {
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode('some bytes'));
        controller.close();
      },
    });
    const answer = await client.proxy.put('/api/me', about('proxied', { body, headers: { 'content-type': 'text/plain' } }));
    assert.equal(answer.status, 405);
  });

  test('what is no answer of the provider is an error', async () => {
    await refused(client.proxy.get('/api/me', about('none')), { status: 400 });
    await refused(client.proxy.get('/api/me', about('proxied', { timeoutMs: 0.5 })), { code: 'invalid_headers' });
    const elsewhere = about('proxied', { baseUrl: 'https://example.net' });
    await refused(client.proxy.get('/', elsewhere), { code: 'base_url_override_not_allowed' });
    for (const path of ['/../connections', 'a/%2e%2E/b', '/./x', '/\\..\\x', '/a#b']) {
      await refused(client.proxy.get(path, about('proxied')), { code: 'invalid_argument' });
    }
    const reason = new Error('enough');
    await assert.rejects(client.proxy.get('/api/me', about('proxied', { signal: AbortSignal.abort(reason) })), reason);
  });

  test('a narrow key makes its calls', async () => {
    const { key, id } = await client.proxyKeys.create({ provider_config_key: KEY, calls: [{ methods: ['GET'], path: '/api/me' }] });
    const agent = new Valetkey({ host: dev.url, apiKey: key });
    assert.equal((await agent.proxy.get('/api/me', about('proxied'))).status, 200);
    await refused(agent.proxy.delete('/api/me', about('proxied')), { status: 403 });
    await client.proxyKeys.delete(id);
  });
});

test('installations that began at the provider', async () => {
  assert.deepEqual(await client.installs.list(), []);
  await client.integrations.update(OAUTH, { installs: { accept: true } });
  const { installs } = await client.integrations.get(OAUTH, { include: ['installs'] });
  await installAtProvider(dev.providerUrl, installs.url);
  const [held] = await client.installs.list({ integration: OAUTH, limit: 10 });
  assert.equal(held.source, 'callback');
  assert.deepEqual(await client.installs.get(held.id), held);
  const claimed = await client.installs.claim(held.id, { end_user: { id: 'u-install' } });
  assert.deepEqual(claimed, { connection_id: claimed.connection_id, provider_config_key: OAUTH, created: true });
  assert.equal((await client.connections.get(claimed.connection_id, OAUTH)).end_user.id, 'u-install');
  await refused(client.installs.claim(held.id), { status: 404 });

  await installAtProvider(dev.providerUrl, installs.url);
  const [second] = await client.installs.list();
  await client.installs.dismiss(second.id);
  assert.deepEqual(await client.installs.list(), []);
  await refused(client.installs.exchange('vk_claim_unknown'), { status: 404 });
  await client.integrations.update(OAUTH, { installs: { accept: false } });
});

test('keys for some calls through the proxy', async () => {
  const { key, ...made } = await client.proxyKeys.create({
    provider_config_key: KEY,
    calls: [{ methods: ['GET'], path: '/me' }],
    calls_max: 3,
  });
  assert.match(key, /^vk_proxy_/);
  assert.equal(made.calls_left, 3);
  assert.deepEqual(await client.proxyKeys.list(), [made]);
  await client.proxyKeys.delete(made.id);
  assert.deepEqual(await client.proxyKeys.list(), []);
  await refused(client.proxyKeys.delete(made.id), { status: 404 });
});

test('events are gone through from anywhere, and followed', async () => {
  await importKey('event-first');
  const all = [];
  for await (const event of client.events.all({ pageSize: 2 })) all.push(event);
  assert.ok(all.length > 3);
  assert.deepEqual(await client.events.list({ limit: 1000 }), all);
  assert.equal(all.at(-1).payload.connectionId, 'event-first');
  assert.equal(all.at(-1).payload.operation, 'creation');
  const rest = [];
  for await (const event of client.events.all({ after: all[1].id })) rest.push(event.id);
  assert.deepEqual(rest, all.slice(2).map((event) => event.id));

  const controller = new AbortController();
  const seen = [];
  const following = (async () => {
    const start = { after: all.at(-1).id, intervalMs: 20 };
    for await (const event of client.events.follow(start, { signal: controller.signal })) {
      seen.push(event.payload.connectionId);
      if (seen.length === 2) break;
    }
  })();
  for (const id of ['event-1', 'event-2']) await importKey(id);
  await following;
  assert.deepEqual(seen, ['event-1', 'event-2']);

  const waiting = client.events.follow({ after: (await client.events.list({ limit: 1000 })).at(-1).id }, { signal: controller.signal });
  const next = waiting.next();
  const reason = new Error('enough');
  setTimeout(() => controller.abort(reason), 50);
  await assert.rejects(next, reason);
});

test('deliveries are listed and sent again', async () => {
  await importKey('delivered');
  const { id } = (await client.events.list({ limit: 1000 })).find((event) => event.payload.connectionId === 'delivered');
  const delivery = await until('it is delivered', async () =>
    (await client.deliveries.list({ state: 'delivered', limit: 1000 })).find((one) => one.event_id === id),
  );
  assert.ok(dev.inboxUrl.startsWith(new URL(delivery.url).origin));
  assert.equal(delivery.last_status, 200);
  await client.deliveries.replay(delivery.id);
  const attempts = async () => (await client.deliveries.list({ limit: 1000 })).find((one) => one.id === delivery.id);
  await until('it is sent again', async () => {
    const { state, attempts: count } = await attempts();
    return state === 'delivered' && count >= 1;
  });
  await refused(client.deliveries.replay('none'), { status: 404, code: 'not_found' });
});

test('logs', async () => {
  const list = await until('something is logged', async () => {
    const found = await client.logs.list({ limit: 5 });
    return found.length > 0 && found;
  });
  const one = await client.logs.get(list[0].id);
  assert.equal(one.id, list[0].id);
  assert.ok(Array.isArray(one.messages));
});

test('the signing key is replaced', async () => {
  const key = await client.signingKey.rotate();
  assert.notEqual(key, dev.signingKey);
  assert.ok((await dev.command('env', 'signing-key', 'dev')).includes(key));
});

test('health', async () => {
  await client.health.check();
  assert.equal(await client.health.ready(), true);
});

test('a wrong key is refused, and not shown', async () => {
  const apiKey = `vk_${'wrong'.repeat(5)}`;
  const stranger = new Valetkey({ host: `${dev.url}/`, apiKey });
  await assert.rejects(stranger.connections.list(), (error) => {
    assert.equal(error.status, 401);
    assert.ok(!(inspect(error, { depth: 9 }) + JSON.stringify(error)).includes(apiKey));
    return true;
  });
  assert.ok(!(inspect(stranger, { depth: 9, showHidden: true }) + JSON.stringify(stranger)).includes(apiKey));
});

test('every operation was called for real', () => {
  assert.deepEqual([...called].sort(), Object.keys(METHODS).sort());
});

test('tokens by type', () => {
  const raw = {};
  assert.equal(tokenOf({ type: 'OAUTH2_CC', token: 't', client_id: 'i', client_secret: 's', raw }), 't');
  assert.equal(tokenOf({ type: 'APP', access_token: 'a', raw }), 'a');
  for (const type of ['JWT', 'TWO_STEP', 'SIGNATURE']) assert.equal(tokenOf({ type, token: 't' }), 't');
  assert.equal(tokenOf({ type: 'BILL', session_id: 's' }), 's');
  const without = [{}, { type: 'BASIC', username: 'u', password: 'hunter2' }, { type: 'OAUTH1', oauth_token: 'hunter2' }, { type: 'JWT' }];
  for (const credentials of without) {
    assert.throws(() => tokenOf(credentials), (error) => error.code === 'no_token' && !inspect(error).includes('hunter2'));
  }
});
