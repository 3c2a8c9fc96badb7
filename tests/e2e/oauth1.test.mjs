// OAuth 1.0a at a service that checks every signature, nonce and timestamp as RFC 5849 has it: a popup with
// an approval page, calls signed with the new token, and tokens that a person brings.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { startBrowser } from './harness/browser.mjs';
import { onEachEngine } from './harness/engines.mjs';
import { ACCOUNT, CONSUMERS, oauth1Missing, startOAuth1Server } from './harness/oauth1-server.mjs';
import { FRONTEND_SDKS, NODE_SDKS } from './harness/sdks.mjs';
import { openStage } from './harness/stage.mjs';

const NAMES = { 'HMAC-SHA1': 'e2e-oauth1', 'HMAC-SHA256': 'e2e-oauth1-sha256', PLAINTEXT: 'e2e-oauth1-plain' };
const SHA1 = NAMES['HMAC-SHA1'];
const WRONG = 'e2e-oauth1-wrong';
const PAIR = 'e2e-oauth1-pair';

describe('OAuth 1', { skip: oauth1Missing() }, () => onEachEngine(define));

function define(engine) {
  let oauth1;
  let stage;
  let node;
  let browser;
  let customer;
  before(async () => {
    oauth1 = await startOAuth1Server();
    stage = await openStage({ engine, providers: entries(oauth1.url) });
    node = NODE_SDKS[0].open({ host: stage.servers[0].url, key: stage.key });
    const integrate = (provider, type, { key, secret }, more) =>
      stage.integrate(provider, { credentials: { type, client_id: key, client_secret: secret }, ...more });
    for (const [method, consumer] of Object.entries(CONSUMERS)) await integrate(NAMES[method], 'OAUTH1', consumer);
    await integrate(SHA1, 'OAUTH1', { ...CONSUMERS['HMAC-SHA1'], secret: 'wrong' }, { unique_key: WRONG });
    await integrate(PAIR, 'TBA', ACCOUNT);
    await stage.sendWebhooks();
    browser = await startBrowser();
    customer = await browser.customer();
  });
  after(async () => {
    await customer?.close();
    await browser?.close();
    await stage?.close();
    await oauth1?.close();
  });

  /** Press Connect, and a button on the service's page when one is named. */
  const press = async (name, { decision, options, sdk = FRONTEND_SDKS[0], token, method } = {}) => {
    token ??= await stage.session(name);
    const inPopup = decision && ((popup) => popup.getByRole('button', { name: decision }).click());
    return customer.connect({ sdk: sdk.folder, host: stage.publicUrl, token, method, args: [name, options], inPopup });
  };
  const connect = async (name, more) => {
    const outcome = await press(name, more);
    assert.equal(outcome.error, undefined, JSON.stringify(outcome.error));
    assert.equal(outcome.result.providerConfigKey, name);
    return outcome.result.connectionId;
  };
  /** Require an AuthError of this type, in words, and that nothing was stored by it. */
  const refuse = async (type, name, more) => {
    const count = (await stage.connections(name)).length;
    const outcome = await press(name, more);
    assert.equal(outcome.error?.isAuthError, true, JSON.stringify(outcome));
    assert.equal(outcome.error.type, type, JSON.stringify(outcome.error));
    assert.equal((await stage.connections(name)).length, count, 'nothing is stored');
    return outcome.error.message;
  };

  for (const sdk of FRONTEND_SDKS) {
    for (const [method, name] of Object.entries(NAMES)) {
      test(`${sdk.name}: ${method}, approved in the popup, read, and used for a call`, async () => {
        const before = (await oauth1.seen()).length;
        const id = await connect(name, { decision: 'Approve', sdk });
        const { credentials, connection_config: config } = await node.getConnection(name, id);
        assert.deepEqual(Object.keys(credentials).sort(), ['oauth_token', 'oauth_token_secret', 'raw', 'type']);
        const { oauth_token: token, oauth_token_secret: secret } = credentials;
        assert.equal(credentials.type, 'OAUTH1');
        assert.ok(token && secret && token !== secret);
        assert.equal(credentials.raw.oauth_token, token);
        assert.equal(credentials.raw.oauth_token_secret, secret);
        assert.equal(credentials.raw.user_id, '42');
        // Learned by a call that the service only answers when it is signed with the new token.
        assert.equal(config.userName, 'Ann');

        const seen = (await oauth1.seen()).slice(before);
        assert.deepEqual(seen.map(({ path }) => path), ['/request_token', '/access_token', '/api/me']);
        for (const { scheme, said } of seen) {
          assert.equal(scheme, 'OAuth');
          assert.equal(said.oauth_signature_method, method);
          assert.equal(said.oauth_consumer_key, CONSUMERS[method].key);
        }
        const callback = new URL(decodeURIComponent(seen[0].said.oauth_callback));
        assert.equal(callback.origin + callback.pathname, stage.callbackUrl);
        assert.equal(new Set(seen.map(({ said }) => said.oauth_nonce)).size, 3);
        assert.equal(seen[2].said.oauth_token, token);
      });
    }
  }

  for (const [method, name] of Object.entries(NAMES)) {
    test(`${method}: calls through the proxy are signed, whatever stands in query and form`, async () => {
      const connectionId = await connect(name, { decision: 'Approve' });
      const call = { providerConfigKey: name, connectionId };
      const before = (await oauth1.seen()).length;
      const { data } = await node.get({ ...call, endpoint: '/api/me?q=a+b&q=a%20b%2B%26&empty=&%C3%BC=%7E' });
      assert.equal(data.name, 'Ann');
      const form = await node.post({
        ...call,
        endpoint: '/api/me?x=1',
        data: 'status=Ladies%20%2B%20Gentlemen&b=%26&b=',
        headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
      });
      assert.equal(form.data.name, 'Ann');
      const body = await node.put({ ...call, endpoint: '/api/me', data: { signed: 'not in the signature' } });
      assert.equal(body.data.name, 'Ann');
      const seen = (await oauth1.seen()).slice(before);
      assert.deepEqual(seen.map((one) => one.method), ['GET', 'POST', 'PUT']);
      assert.equal(new Set(seen.map(({ said }) => said.oauth_nonce)).size, 3);
    });
  }

  test('declined at the service: told in words, and announced', async () => {
    stage.sink.clear();
    assert.match(await refuse('callback_err', SHA1, { decision: 'Decline' }), /declined/);
    const { body } = await stage.sink.next('failure', (one) => one.body.success === false);
    assert.equal(body.providerConfigKey, SHA1);
    assert.equal(body.authMode, 'OAUTH1');
    assert.equal(body.error.type, 'invalid_callback');
  });

  test('a wrong consumer secret: told in words, before anybody is asked', async () => {
    const before = (await oauth1.seen()).length;
    const message = await refuse('token_err', WRONG);
    assert.match(message, /refused|accept/i);
    assert.ok(!message.includes(CONSUMERS['HMAC-SHA1'].secret));
    assert.deepEqual((await oauth1.seen()).slice(before).map(({ path }) => path), ['/request_token']);
  });

  test('a reconnect gives the same connection a new token', async () => {
    const id = await connect(SHA1, { decision: 'Approve' });
    const before = await node.getConnection(SHA1, id);
    await node.setMetadata(SHA1, id, { plan: 'pro' });
    const token = await stage.reconnectSession(SHA1, id);
    assert.match(await refuse('callback_err', SHA1, { decision: 'Decline', token, method: 'reconnect' }), /declined/);
    assert.equal((await node.getConnection(SHA1, id)).credentials.oauth_token, before.credentials.oauth_token);

    assert.equal(await connect(SHA1, { decision: 'Approve', token, method: 'reconnect' }), id);
    const after = await node.getConnection(SHA1, id);
    assert.equal(after.id, before.id);
    assert.deepEqual(after.metadata, { plan: 'pro' });
    assert.notEqual(after.credentials.oauth_token, before.credentials.oauth_token);
  });

  test('a token pair that a person brings is tried with a signed call', async () => {
    const params = { accountId: '1234567-sb1' };
    const pair = { token_id: ACCOUNT.token.id, token_secret: ACCOUNT.token.secret };
    const wrong = { credentials: { ...pair, token_secret: 'wrong' }, params };
    assert.ok(await refuse('connection_test_failed', PAIR, { options: wrong }));
    const elsewhere = { credentials: pair, params: { accountId: '7654321' } };
    assert.ok(await refuse('connection_test_failed', PAIR, { options: elsewhere }));

    const id = await connect(PAIR, { options: { credentials: pair, params } });
    const { credentials } = await node.getConnection(PAIR, id);
    assert.equal(credentials.type, 'TBA');
    assert.equal(credentials.token_id, pair.token_id);
    assert.equal(credentials.token_secret, pair.token_secret);

    const { data } = await node.get({ providerConfigKey: PAIR, connectionId: id, endpoint: '/api/me?q=a%20b' });
    assert.equal(data.name, 'Ann', 'signed for the account, with its realm');
  });
}

function entries(url) {
  const shared = { categories: ['dev-tools'], docs: 'https://docs.example.com/e2e' };
  const redirecting = (method) => ({
    ...shared,
    display_name: `E2E OAuth 1 with ${method}`,
    auth_mode: 'OAUTH1',
    request_url: `${url}/request_token`,
    // In the body of the request, and signed with it.
    request_params: { access: 'read & write' },
    authorization_url: `${url}/authorize`,
    token_url: `${url}/access_token`,
    signature_method: method,
    connection_config: { userName: { type: 'string', title: 'User name', automated: true } },
    proxy: { base_url: url },
    post_connection: [{ url: '/api/me?fields=id%2Cname&q=a+b', keep: { userName: 'name' }, required: true }],
  });
  return {
    ...Object.fromEntries(Object.entries(NAMES).map(([method, name]) => [name, redirecting(method)])),
    [PAIR]: {
      ...shared,
      display_name: 'E2E token pair',
      auth_mode: 'TBA',
      connection_config: { accountId: { type: 'string', title: 'Account ID', pattern: '^[A-Za-z0-9-]+$' } },
      proxy: { base_url: url, verification: { method: 'GET', endpoints: ['/api/me'] } },
    },
  };
}
