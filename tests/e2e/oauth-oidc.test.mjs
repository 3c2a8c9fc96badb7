// The main job in a real browser: the frontend package, a popup, a real OAuth server; then the token
// read with the Node package, refreshed, announced by webhook, and repaired.

import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { after, before, describe, test } from 'node:test';

import { startBrowser } from './harness/browser.mjs';
import { EXPIRY_BUFFER_SECONDS } from './harness/catalogue.mjs';
import { onEachEngine } from './harness/engines.mjs';
import { GOOD_KEY, GOOD_LOGIN } from './harness/http-api.mjs';
import { MACHINE_CLIENT } from './harness/oauth-provider.mjs';
import { FRONTEND_SDKS, NODE_SDKS } from './harness/sdks.mjs';
import { openStage } from './harness/stage.mjs';
import { quiet, until } from './harness/waiting.mjs';

const OAUTH = 'e2e-oauth';
const KEY = 'e2e-key';

let browser;
before(async () => {
  browser = await startBrowser();
});
after(() => browser?.close());

onEachEngine((engine) => {
  let stage;
  let signingKey;
  before(async () => {
    stage = await openStage({ engine });
    for (const name of [OAUTH, KEY, 'e2e-basic', 'e2e-open', 'e2e-machine']) await stage.integrate(name);
    await stage.sendWebhooks();
    signingKey = await stage.signingKey();
  });
  after(() => stage?.close());

  for (const frontend of FRONTEND_SDKS) {
    describe(frontend.name, () => define(frontend, () => ({ stage, signingKey })));
  }
});

function define(frontend, theStage) {
  let stage;
  let signingKey;
  let node;
  let customer;
  before(async () => {
    ({ stage, signingKey } = theStage());
    node = NODE_SDKS[0].open({ host: stage.servers[0].url, key: stage.key, signingKey });
    customer = await browser.customer();
  });
  after(() => customer?.close());

  /** Press Connect with this session. */
  const press = (token, args, method) =>
    customer.connect({ sdk: frontend.folder, host: stage.publicUrl, token, args, method });
  /** Press Connect and require a connection. */
  const connect = async (token, args, method) => {
    const outcome = await press(token, args, method);
    assert.equal(outcome.error, undefined, JSON.stringify(outcome.error));
    assert.equal(outcome.result.providerConfigKey, args[0]);
    return { id: outcome.result.connectionId, popups: outcome.popups };
  };
  /** Press Connect and require an AuthError. */
  const refuse = async (token, args, method) => {
    const outcome = await press(token, args, method);
    assert.equal(outcome.result, undefined, JSON.stringify(outcome.result));
    assert.equal(outcome.error.isAuthError, true, JSON.stringify(outcome.error));
    return outcome.error;
  };
  const announced = (what, id, operation) =>
    stage.sink.next(what, ({ body }) => body.connectionId === id && body.operation === operation);

  test('connect in a popup, read the token, get the webhook', async () => {
    const person = `usr_${crypto.randomUUID()}`;
    const token = await stage.session(OAUTH, {
      tags: undefined,
      end_user: { id: person, email: 'ann@example.com' },
      organization: { id: 'org_1' },
    });
    const { id, popups } = await connect(token, [OAUTH, { params: { region: 'eu' } }]);
    assert.equal(popups, 1);

    const asked = stage.oauth.authorizations.at(-1);
    assert.equal(asked.redirect_uri, stage.callbackUrl);
    assert.equal(asked.code_challenge_method, 'S256');
    assert.equal(asked.scope, 'openid offline_access');

    const connection = await node.getConnection(OAUTH, id);
    assert.equal(connection.end_user.id, person);
    assert.equal(connection.end_user.organization.id, 'org_1');
    assert.equal(connection.connection_config.region, 'eu');
    assert.equal(connection.tags.end_user_id, person);
    assert.equal(await stage.oauth.accepts(await node.getToken(OAUTH, id)), true);

    const record = await announced('creation', id, 'creation');
    assert.equal(node.verifyIncomingWebhookRequest(record.raw, record.headers), true);
    const { endUser, ...rest } = record.body;
    assert.equal(endUser.endUserId, person);
    assert.equal(endUser.organizationId, 'org_1');
    assert.deepEqual(
      { type: rest.type, success: rest.success, authMode: rest.authMode, environment: rest.environment },
      { type: 'auth', success: true, authMode: 'OAUTH2', environment: 'dev' },
    );
  });

  test('an expired token is refreshed with exactly one token request', async () => {
    stage.oauth.accessTokenSeconds = EXPIRY_BUFFER_SECONDS + 2;
    const { id } = await connect(await stage.session(OAUTH), [OAUTH]);
    stage.oauth.accessTokenSeconds = 3600;
    const before = stage.oauth.asked('refresh_token').length;
    // The first token may be renewed ahead of its expiry; what counts is that it happens once.
    const first = await node.getConnection(OAUTH, id);
    const renewed = await until('the token is a new one', async () => {
      const token = await node.getToken(OAUTH, id);
      return token !== first.credentials.access_token && token;
    });
    assert.equal(await stage.oauth.accepts(renewed), true);
    const again = await Promise.all(Array.from({ length: 50 }, () => node.getToken(OAUTH, id)));
    assert.deepEqual(new Set(again), new Set([renewed]));
    assert.equal(stage.oauth.asked('refresh_token').length - before, 1);
    const { credentials } = await node.getConnection(OAUTH, id);
    assert.ok(Date.parse(credentials.expires_at) > Date.now() + 3_000_000);
  });

  test('a refusal is an AuthError, and a webhook', async () => {
    const count = (await stage.connections(OAUTH)).length;
    stage.sink.clear();
    stage.oauth.decision = 'deny';
    try {
      const error = await refuse(await stage.session(OAUTH), [OAUTH]);
      assert.equal(error.type, 'callback_err');
    } finally {
      stage.oauth.decision = 'approve';
    }
    const { body } = await stage.sink.next('failure', (one) => one.body.success === false);
    assert.equal(body.operation, 'creation');
    assert.equal(body.providerConfigKey, OAUTH);
    assert.equal(body.error.type, 'invalid_callback');
    assert.equal((await stage.connections(OAUTH)).length, count);
  });

  test('a reconnect repairs the same connection and keeps what the app stored', async () => {
    const session = await stage.session(OAUTH, { tags: { team: 'red', end_user_id: 'usr_9' } });
    const { id } = await connect(session, [OAUTH, { params: { region: 'us' } }]);
    await node.setMetadata(OAUTH, id, { plan: 'pro' });
    const before = await node.getConnection(OAUTH, id, false, true);
    await stage.oauth.revoke(before.credentials.refresh_token);
    await assert.rejects(node.getToken(OAUTH, id, true));
    assert.equal((await stage.connections(OAUTH)).find((one) => one.connection_id === id).errors.length, 1);
    const failure = await announced('refresh failure', id, 'refresh');
    assert.equal(failure.body.success, false);

    const { data } = await node.createReconnectSession({ connection_id: id, integration_id: OAUTH });
    const repaired = await connect(data.token, [OAUTH], 'reconnect');
    assert.equal(repaired.id, id);
    const after = await node.getConnection(OAUTH, id);
    assert.equal(after.id, before.id);
    assert.equal(after.created_at, before.created_at);
    assert.deepEqual(after.metadata, { plan: 'pro' });
    assert.deepEqual(after.tags, before.tags);
    assert.equal(after.connection_config.region, 'us');
    assert.deepEqual(after.errors, []);
    assert.equal(await stage.oauth.accepts(after.credentials.access_token), true);
    const override = await announced('override', id, 'override');
    assert.equal(override.body.success, true);
  });

  test('an API key from a form: tested, stored, refused when wrong', async () => {
    const token = await stage.session(KEY);
    const wrong = await refuse(token, [KEY, { credentials: { apiKey: 'wrong' } }]);
    assert.equal(wrong.type, 'connection_test_failed');
    const { id, popups } = await connect(token, [
      KEY,
      { credentials: { type: 'API_KEY', apiKey: GOOD_KEY }, params: { region: 'us' } },
    ]);
    assert.equal(popups, 0);
    const connection = await node.getConnection(KEY, id);
    assert.deepEqual(connection.credentials, { type: 'API_KEY', apiKey: GOOD_KEY });
    assert.equal(connection.connection_config.region, 'us');
    await announced('creation', id, 'creation');
  });

  test('BASIC, NONE and client credentials', async () => {
    const basic = await connect(await stage.session('e2e-basic'), ['e2e-basic', { credentials: GOOD_LOGIN }]);
    const login = await node.getConnection('e2e-basic', basic.id);
    assert.deepEqual(login.credentials, { type: 'BASIC', ...GOOD_LOGIN });

    const open = await connect(await stage.session('e2e-open'), ['e2e-open'], 'create');
    assert.deepEqual((await node.getConnection('e2e-open', open.id)).credentials, {});

    const machine = { client_id: MACHINE_CLIENT.id, client_secret: MACHINE_CLIENT.secret };
    const session = await stage.session('e2e-machine');
    const { id } = await connect(session, ['e2e-machine', { credentials: machine }]);
    const { credentials } = await node.getConnection('e2e-machine', id);
    assert.equal(credentials.type, 'OAUTH2_CC');
    assert.equal(typeof credentials.token, 'string');
    assert.equal(credentials.client_id, MACHINE_CLIENT.id);
    const wrong = { ...machine, client_secret: 'wrong' };
    const error = await refuse(session, ['e2e-machine', { credentials: wrong }]);
    assert.equal(error.type, 'client_credentials_fetch_error');
  });

  test('connection_config is checked on the server, with and without a popup', async () => {
    const [keys, grants] = [(await stage.connections(KEY)).length, (await stage.connections(OAUTH)).length];
    const params = { region: 'moon' };
    const form = await refuse(await stage.session(KEY), [KEY, { credentials: { apiKey: GOOD_KEY }, params }]);
    assert.ok(form.type && form.message, JSON.stringify(form));
    const asked = stage.oauth.authorizations.length;
    const popup = await refuse(await stage.session(OAUTH), [OAUTH, { params }]);
    assert.ok(popup.type && popup.message, JSON.stringify(popup));
    assert.equal(stage.oauth.authorizations.length, asked, 'the provider was never asked');
    assert.equal((await stage.connections(KEY)).length, keys);
    assert.equal((await stage.connections(OAUTH)).length, grants);
  });

  test('a session only opens the integrations it allows', async () => {
    const token = await stage.session(KEY);
    const error = await refuse(token, ['e2e-basic', { credentials: GOOD_LOGIN }]);
    assert.equal(error.type, 'integration_not_allowed');
    const unknown = `nango_connect_session_${'0'.repeat(64)}`;
    const expired = await refuse(unknown, [KEY, { credentials: { apiKey: GOOD_KEY } }]);
    assert.equal(expired.type, 'unknown_connect_session_token');
  });

  test('every event is delivered once', async () => {
    stage.sink.clear();
    const { id } = await connect(await stage.session(OAUTH), [OAUTH]);
    await announced('creation', id, 'creation');
    await quiet(() => stage.sink.received.length);
    assert.equal(stage.sink.matching(({ body }) => body.connectionId === id).length, 1);
  });
}
