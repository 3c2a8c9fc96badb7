// Every method of the Node package that this server answers, newest package and year-old one.

import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { after, before, describe, test } from 'node:test';

import { EXPIRY_BUFFER_SECONDS, PROVIDERS } from './harness/catalogue.mjs';
import { Customer } from './harness/customer.mjs';
import { onEachEngine } from './harness/engines.mjs';
import { GOOD_KEY } from './harness/http-api.mjs';
import { MACHINE_CLIENT, WEB_CLIENT } from './harness/oauth-provider.mjs';
import { NODE_SDKS } from './harness/sdks.mjs';
import { openStage } from './harness/stage.mjs';
import { within } from './harness/waiting.mjs';
import { verifyStandardWebhook } from './harness/webhook-sink.mjs';

const OAUTH = 'e2e-oauth';
const KEY = 'e2e-key';
const TOKEN_FORMAT = /^nango_connect_session_[0-9a-f]{64}$/;

onEachEngine((engine) => {
  let stage;
  before(async () => {
    stage = await openStage({ engine });
    for (const provider of PROVIDERS) await stage.integrate(provider);
    await stage.sendWebhooks();
  });
  after(() => stage?.close());

  for (const sdk of NODE_SDKS) {
    describe(sdk.name, () => define(sdk, () => stage));
  }
});

function define(sdk, theStage) {
  let stage;
  let client;
  before(() => {
    stage = theStage();
    client = sdk.open({ host: stage.servers[0].url, key: stage.key });
  });

  /** Import an API key connection and answer its id. */
  const importKey = async (more = {}) => {
    const id = `key ${crypto.randomUUID()}`;
    const body = {
      provider_config_key: KEY,
      connection_id: id,
      credentials: { type: 'API_KEY', apiKey: GOOD_KEY },
      ...more,
    };
    const made = await stage.expect(201, 'POST', '/connections', body);
    assert.equal(made.connection_id, id);
    return id;
  };
  /** Authorize at the OAuth server and answer the connection's id. */
  const authorize = async (tags) => {
    const token = await stage.session(OAUTH, { tags });
    const page = await new Customer().authorize(stage.servers[0].url, OAUTH, token);
    assert.equal(page.status, 200, page.text);
    const connections = await stage.connections(OAUTH);
    const wanted = connections.find((one) => one.tags.end_user_id === tags.end_user_id);
    assert.ok(wanted, 'the connection is listed');
    return wanted.connection_id;
  };

  test('listProviders and getProvider', async () => {
    const { data } = await client.listProviders({ search: 'e2e-' });
    assert.deepEqual(data.map((one) => one.name).sort(), [...PROVIDERS].sort());
    const everyone = await client.listProviders({});
    assert.ok(everyone.data.length > PROVIDERS.length, 'the built-in catalogue is listed too');
    const one = await client.getProvider({ provider: OAUTH });
    assert.equal(one.data.auth_mode, 'OAUTH2');
    assert.equal(one.data.display_name, 'E2E OAuth');
    assert.equal(one.data.connection_config.region.pattern, '^(eu|us)$');
    assert.ok(one.data.logo_url.startsWith(stage.publicUrl), one.data.logo_url);
    await rejects(client.getProvider({ provider: 'no-such-provider' }), 404, 'not_found');
  });

  test('integrations: create, read, update, list, delete', async () => {
    const unique_key = `crud ${crypto.randomUUID()}`;
    const credentials = { type: 'OAUTH2', client_id: 'first', client_secret: 'shh', scopes: 'openid' };
    const made = await client.createIntegration({
      provider: OAUTH,
      unique_key,
      display_name: 'Made here',
      credentials,
    });
    assert.equal(made.data.unique_key, unique_key);
    assert.equal(made.data.provider, OAUTH);
    assert.equal(made.data.display_name, 'Made here');

    const plain = await client.getIntegration({ uniqueKey: unique_key });
    assert.equal('credentials' in plain.data, false);
    const open = await client.getIntegration({ uniqueKey: unique_key }, { include: ['credentials'] });
    assert.equal(open.data.credentials.client_id, 'first');
    assert.equal(open.data.credentials.client_secret, 'shh');
    assert.equal(open.data.credentials.scopes, 'openid');

    const changed = await client.updateIntegration(
      { uniqueKey: unique_key },
      { display_name: 'Changed', credentials: { ...credentials, client_id: 'second' } },
    );
    assert.equal(changed.data.display_name, 'Changed');
    const again = await client.getIntegration({ uniqueKey: unique_key }, { include: ['credentials'] });
    assert.equal(again.data.credentials.client_id, 'second');

    const { configs } = await client.listIntegrations();
    assert.ok(configs.some((one) => one.unique_key === unique_key));
    const duplicate = { provider: OAUTH, unique_key, credentials };
    await rejects(client.createIntegration(duplicate), 400, 'invalid_body');
    assert.equal((await client.deleteIntegration(unique_key)).status, 200);
    await rejects(client.getIntegration({ uniqueKey: unique_key }), 404, 'not_found');
  });

  if (sdk.isCurrent) {
    test('createQuickstartIntegration says that there is no shared app', async () => {
      const body = { provider: OAUTH, unique_key: `quick-${crypto.randomUUID()}` };
      await rejects(client.createQuickstartIntegration(body), 400, 'invalid_body');
    });
  }

  test('createConnectSession', async () => {
    const { data } = await client.createConnectSession({
      end_user: { id: 'usr_1', email: 'ann@example.com', display_name: 'Ann' },
      organization: { id: 'org_1', display_name: 'Acme' },
      allowed_integrations: [OAUTH],
      integrations_config_defaults: { [OAUTH]: { connection_config: { region: 'eu' } } },
    });
    assert.match(data.token, TOKEN_FORMAT);
    assert.ok(data.connect_link.endsWith(`session_token=${data.token}`), data.connect_link);
    const minutes = (Date.parse(data.expires_at) - Date.now()) / 60_000;
    assert.ok(minutes > 29 && minutes <= 30.1, `expires in ${minutes} minutes`);

    const seen = await stage.expect(200, 'GET', '/connect/session', undefined, { key: data.token });
    assert.equal(seen.data.endUser.id, 'usr_1');
    assert.deepEqual(seen.data.allowed_integrations, [OAUTH]);
    const unknown = { end_user: { id: 'usr_1' }, allowed_integrations: ['nowhere'] };
    await rejects(client.createConnectSession(unknown), 400, 'invalid_body');
  });

  test('createReconnectSession', async () => {
    const connection_id = await importKey();
    const { data } = await client.createReconnectSession({ connection_id, integration_id: KEY });
    assert.match(data.token, TOKEN_FORMAT);
    const seen = await stage.expect(200, 'GET', '/connect/session', undefined, { key: data.token });
    assert.equal(seen.data.isReconnecting, true);
    const nobody = { connection_id: 'nobody', integration_id: KEY };
    await rejects(client.createReconnectSession(nobody), 400, 'invalid_body');
  });

  test('getConnection, getMetadata, patchConnection, deleteConnection', async () => {
    const id = await importKey({ metadata: { plan: 'pro' }, tags: { team: 'red' } });
    const connection = await client.getConnection(KEY, id);
    assert.equal(connection.connection_id, id);
    assert.equal(connection.provider, KEY);
    assert.deepEqual(connection.credentials, { type: 'API_KEY', apiKey: GOOD_KEY });
    assert.deepEqual(connection.tags, { team: 'red' });
    assert.deepEqual(connection.errors, []);
    assert.match(connection.created_at, /^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}\+00:00$/);
    assert.deepEqual(await client.getMetadata(KEY, id), { plan: 'pro' });

    const target = { connectionId: id, provider_config_key: KEY };
    assert.deepEqual(await client.patchConnection(target, { tags: { Team: 'blue' } }), { success: true });
    assert.deepEqual((await client.getConnection(KEY, id)).tags, { team: 'blue' });

    assert.equal((await client.deleteConnection(KEY, id)).status, 200);
    await rejects(client.getConnection(KEY, id), 404, 'not_found');
    await rejects(client.deleteConnection(KEY, id), 400, 'unknown_connection');
  });

  test('listConnections by id, by search, by user, by tag, by page', async () => {
    const person = `usr_${crypto.randomUUID()}`;
    const end_user = { id: person, email: `${person}@example.com` };
    const id = await importKey({ end_user, tags: { color: 'green' } });

    const ids = (list) => list.connections.map((one) => one.connection_id);
    assert.deepEqual(ids(await client.listConnections(id)), [id]);
    const found = await client.listConnections(undefined, `${person}@example`);
    assert.deepEqual(ids(found), [id]);
    const [one] = found.connections;
    assert.equal(one.end_user.id, person);
    assert.equal(one.tags.color, 'green');
    assert.match(one.created, /\+00:00$/);
    assert.equal('credentials' in one, false);

    const byUser = await client.listConnections(undefined, undefined, { endUserId: person, limit: 5 });
    assert.deepEqual(ids(byUser), [id]);
    if (sdk.isCurrent) {
      const tags = { end_user_id: person };
      assert.deepEqual(ids(await client.listConnections({ tags, integrationId: [KEY, OAUTH] })), [id]);
      assert.deepEqual(ids(await client.listConnections({ tags, integrationId: OAUTH })), []);
      assert.deepEqual(ids(await client.listConnections({ userId: person, limit: 1, page: 1 })), []);
    }
  });

  test('setMetadata replaces and updateMetadata merges, for one and for several', async () => {
    const [first, second] = [await importKey(), await importKey()];
    assert.equal((await client.setMetadata(KEY, first, { a: 1, b: { c: 'é' } })).status, 201);
    assert.deepEqual(await client.getMetadata(KEY, first), { a: 1, b: { c: 'é' } });
    assert.equal((await client.updateMetadata(KEY, [first, second], { b: 2 })).status, 200);
    assert.deepEqual(await client.getMetadata(KEY, first), { a: 1, b: 2 });
    assert.deepEqual(await client.getMetadata(KEY, second), { b: 2 });
    await client.setMetadata(KEY, first, { z: null });
    assert.deepEqual(await client.getMetadata(KEY, first), { z: null });

    await rejects(client.updateMetadata(KEY, [second, 'nobody'], { b: 3 }), 404, 'unknown_connection');
    assert.deepEqual(await client.getMetadata(KEY, second), { b: 2 }, 'nothing was changed');
  });

  test('twenty simultaneous updateMetadata calls all survive', async () => {
    const id = await importKey();
    const numbers = Array.from({ length: 20 }, (_, index) => `k${index}`);
    await Promise.all(numbers.map((name) => client.updateMetadata(KEY, id, { [name]: true })));
    assert.deepEqual(Object.keys(await client.getMetadata(KEY, id)).sort(), [...numbers].sort());
  });

  test('getToken and getRawTokenResponse of an OAuth connection, refreshed on demand', async () => {
    const id = await authorize({ end_user_id: `usr_${crypto.randomUUID()}` });
    const token = await client.getToken(OAUTH, id);
    assert.equal(await stage.oauth.accepts(token), true);
    const raw = await client.getRawTokenResponse(OAUTH, id);
    assert.equal(raw.access_token, token);
    assert.equal(raw.token_type, 'Bearer');
    assert.equal('refresh_token' in raw, false, 'the refresh token stays inside');

    const closed = await client.getConnection(OAUTH, id);
    assert.equal('refresh_token' in closed.credentials, false);
    const open = await client.getConnection(OAUTH, id, false, true);
    assert.equal(typeof open.credentials.refresh_token, 'string');
    assert.match(open.credentials.expires_at, /^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}Z$/);

    const before = stage.oauth.asked('refresh_token').length;
    const fresh = await client.getToken(OAUTH, id, true);
    assert.notEqual(fresh, token);
    assert.equal(await stage.oauth.accepts(fresh), true);
    assert.equal(stage.oauth.asked('refresh_token').length, before + 1);
    assert.equal(await client.getToken(OAUTH, id), fresh);
  });

  test('getToken of client credentials and of an API key answers the credentials', async () => {
    const id = `machine-${crypto.randomUUID()}`;
    const past = new Date(Date.now() - EXPIRY_BUFFER_SECONDS * 1000).toISOString();
    const credentials = {
      type: 'OAUTH2_CC',
      token: 'stale',
      client_id: MACHINE_CLIENT.id,
      client_secret: MACHINE_CLIENT.secret,
      expires_at: past,
    };
    await stage.expect(201, 'POST', '/connections', {
      provider_config_key: 'e2e-machine',
      connection_id: id,
      credentials,
    });
    const answer = await client.getToken('e2e-machine', id);
    assert.equal(answer.type, 'OAUTH2_CC');
    assert.notEqual(answer.token, 'stale', 'an expired token is minted again');
    const key = await importKey();
    assert.deepEqual(await client.getToken(KEY, key), { type: 'API_KEY', apiKey: GOOD_KEY });
  });

  test('a revoked grant is told, with the connection in the payload', async () => {
    const id = await authorize({ end_user_id: `usr_${crypto.randomUUID()}` });
    const open = await client.getConnection(OAUTH, id, false, true);
    await stage.oauth.revoke(open.credentials.refresh_token);
    const first = await rejects(client.getToken(OAUTH, id, true), 400, 'invalid_credentials');
    assert.equal(first.payload.connection.connection_id, id);
    assert.deepEqual(first.payload.connection.credentials, {});
    assert.equal(first.payload.connection.errors[0].type, 'auth');
    const list = await stage.connections(OAUTH);
    assert.equal(list.find((one) => one.connection_id === id).errors.length, 1);
  });

  test('getEnvironmentVariables', async () => {
    assert.deepEqual(await client.getEnvironmentVariables(), []);
  });

  // Its first pause is ten seconds; once is enough.
  if (sdk.isCurrent) {
    test('waitForConnection finds the one that is there', async () => {
      const person = `usr_${crypto.randomUUID()}`;
      const id = await importKey({ end_user: { id: person } });
      const found = await within(40_000, 'waitForConnection', client.waitForConnection(KEY, person));
      assert.equal(found.connection_id, id);
    });
  }

  test('a delivered webhook verifies', async () => {
    const signingKey = await stage.signingKey();
    const id = await importKey({ tags: { note: 'é' } });
    const record = await stage.sink.next('creation', ({ body }) => body.connectionId === id);
    assert.deepEqual(record.body, {
      authMode: 'API_KEY',
      connectionId: id,
      environment: 'dev',
      from: 'nango',
      operation: 'creation',
      provider: KEY,
      providerConfigKey: KEY,
      success: true,
      tags: { note: 'é' },
      type: 'auth',
    });
    assert.equal(record.raw, JSON.stringify(record.body), 'compact');
    assert.deepEqual(Object.keys(record.body), Object.keys(record.body).sort(), 'keys are sorted');
    verifyStandardWebhook(record, signingKey);
    if (sdk.isCurrent) {
      const verifier = sdk.open({ host: stage.servers[0].url, key: stage.key, signingKey });
      assert.equal(verifier.verifyIncomingWebhookRequest(record.raw, record.headers), true);
      assert.equal(verifier.verifyIncomingWebhookRequest(`${record.raw} `, record.headers), false);
    }
  });

  test('a wrong key is told apart from a missing scope', async () => {
    const wrong = sdk.open({ host: stage.servers[0].url, key: crypto.randomUUID() });
    await rejects(wrong.listConnections(), 401, 'unknown_account');
    await rejects(client.getConnection('nowhere', 'nobody'), 400, 'unknown_provider_config');
  });

  test('an import for a client the integration knows refreshes with it', async () => {
    const id = await authorize({ end_user_id: `usr_${crypto.randomUUID()}` });
    const { credentials } = await client.getConnection(OAUTH, id, false, true);
    const copy = `copy-${crypto.randomUUID()}`;
    await stage.expect(201, 'POST', '/connections', {
      provider_config_key: OAUTH,
      connection_id: copy,
      credentials: {
        type: 'OAUTH2',
        access_token: 'stale',
        refresh_token: credentials.refresh_token,
        expires_at: new Date(Date.now() - 60_000).toISOString(),
        config_override: { client_id: WEB_CLIENT.id, client_secret: WEB_CLIENT.secret },
      },
    });
    assert.equal(await stage.oauth.accepts(await client.getToken(OAUTH, copy)), true);
  });
}

/** Require an axios error with this status and code; answers its `error` object. */
async function rejects(promise, status, code) {
  const error = await promise.then(
    (value) => assert.fail(`expected ${status} ${code}, got ${JSON.stringify(value?.data ?? value)}`),
    (reason) => reason,
  );
  assert.ok(error.response, String(error));
  assert.deepEqual([error.response.status, error.response.data.error.code], [status, code]);
  return error.response.data.error;
}
