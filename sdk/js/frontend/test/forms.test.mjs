// Connecting without a popup: each mode against the real server and the emulated provider, and each
// request compared with the wire contract.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { openStage } from './stage/stage.mjs';

const LOGIN = { username: 'demo', password: 'emulator-password' };
const CLIENT = { client_id: 'emulator-client', client_secret: 'emulator-secret' };
const TOKENS = { token_id: 'emulator-token', token_secret: 'emulator-token-secret' };
const SIGNER = { keyId: 'emulator-key', secret: '6465766f6e6c792d6465766f6e6c792d6465766f6e6c79' };
const BILL = { ...LOGIN, organization_id: 'org_demo', dev_key: 'emulator-developer-key' };

/** What the emulated provider takes and refuses, by its entry in the catalogue. */
const MODES = [
  { provider: 'api-key', given: { apiKey: 'emk_demo_1234567890' }, wrong: { apiKey: 'emk_short' }, type: 'API_KEY' },
  { provider: 'basic', given: LOGIN, wrong: { ...LOGIN, password: 'x' }, type: 'BASIC' },
  { provider: 'oauth2-cc', given: CLIENT, wrong: { ...CLIENT, client_secret: 'x' }, type: 'OAUTH2_CC' },
  { provider: 'two-step', given: { type: 'TWO_STEP', ...LOGIN }, wrong: { type: 'TWO_STEP', ...LOGIN, password: 'x' }, type: 'TWO_STEP' },
  { provider: 'jwt', given: { type: 'JWT', ...SIGNER }, wrong: { type: 'JWT', ...SIGNER, secret: 'abcd' }, type: 'JWT' },
  { provider: 'signature', given: { type: 'SIGNATURE', ...LOGIN }, wrong: { type: 'SIGNATURE', ...LOGIN, password: 'x' }, type: 'SIGNATURE' },
  {
    provider: 'tba',
    integration: { credentials: { type: 'TBA', ...CLIENT } },
    params: { accountId: '1234567-sb1' },
    given: TOKENS,
    wrong: { ...TOKENS, token_secret: 'x' },
    type: 'TBA',
  },
  { provider: 'bill', given: BILL, wrong: { ...BILL, dev_key: 'x' }, type: 'BILL' },
];

/** Options, and the path and body they become. `T` stands for the session token. */
const OVERRIDES = { oauth_client_id_override: 'i', oauth_client_secret_override: 's' };
const PAIR = { privateKey: { id: 'a', secret: 'b' } };
const WIRE = [
  [{ credentials: { apiKey: 'x' }, params: { sub: 'a' } }, '/api-auth/api-key/k?connect_session_token=T&params%5Bsub%5D=a', { apiKey: 'x' }],
  [{ credentials: { type: 'API_KEY', apiKey: 'x' }, params: { a: undefined } }, '/api-auth/api-key/k?connect_session_token=T', { apiKey: 'x' }],
  [{ credentials: { type: 'BASIC', username: 'u', password: 'p' } }, '/api-auth/basic/k?connect_session_token=T', { username: 'u', password: 'p' }],
  [{ credentials: { password: 'p' } }, '/api-auth/basic/k?connect_session_token=T', { password: 'p' }],
  [{ credentials: { type: 'OAUTH2_CC', client_id: 'i', client_private_key: 'k' } }, '/oauth2/auth/k?connect_session_token=T', { client_id: 'i', client_private_key: 'k' }],
  [{ credentials: { type: 'JWT', a: '1' } }, '/auth/jwt/k?connect_session_token=T', { a: '1', type: 'JWT' }],
  [{ credentials: PAIR }, '/auth/jwt/k?connect_session_token=T', PAIR],
  [{ credentials: { type: 'JWT', ...PAIR } }, '/auth/jwt/k?connect_session_token=T', PAIR],
  [
    { credentials: { type: 'TWO_STEP', client_id: 'i', client_secret: 's' }, params: { d: 'x' }, assertionOption: { o: '1' } },
    '/auth/two-step/k?connect_session_token=T&params%5Bd%5D=x',
    { client_id: 'i', client_secret: 's', type: 'TWO_STEP', assertionOption: { o: '1' } },
  ],
  [{ credentials: { type: 'TWO_STEP', a: 'b' }, assertionOption: {} }, '/auth/two-step/k?connect_session_token=T', { a: 'b', type: 'TWO_STEP' }],
  [{ credentials: { token_id: 'a', token_secret: 'b', ...OVERRIDES } }, '/auth/tba/k?connect_session_token=T', { token_id: 'a', token_secret: 'b', ...OVERRIDES }],
  [{ credentials: { type: 'BILL', ...BILL } }, '/auth/bill/k?connect_session_token=T', BILL],
  [{ credentials: { type: 'SIGNATURE', username: 'u', password: 'p' } }, '/auth/signature/k?connect_session_token=T', { type: 'SIGNATURE', username: 'u', password: 'p' }],
  [
    { credentials: { type: 'AWS_SIGV4', role_arn: 'arn', region: 'us' }, params: { external_id: 'e' } },
    '/auth/aws-sigv4/k?connect_session_token=T&params%5Bexternal_id%5D=e',
    { role_arn: 'arn', region: 'us' },
  ],
  [{ credentials: { role_arn: 'arn', region: '' } }, '/auth/aws-sigv4/k?connect_session_token=T', { role_arn: 'arn' }],
  [{ credentials: { type: 'NONE' }, params: { a: '1 &' } }, '/auth/unauthenticated/k?connect_session_token=T&params%5Ba%5D=1+%26', null],
  [{ credentials: { type: 'OAUTH2' }, installation: 'outbound' }, '/auth/oauth-outbound/k?connect_session_token=T', null],
  [{ installation: 'outbound' }, '/auth/oauth-outbound/k?connect_session_token=T', null],
  [
    { credentials: { apiKey: 'x' }, params: { a: 'b' }, userScope: ['a', 'b'], authorizationParams: { x: '1', y: undefined } },
    '/api-auth/api-key/k?connect_session_token=T&params%5Ba%5D=b&user_scope=a%2Cb&authorization_params%5Bx%5D=1&authorization_params%5By%5D=undefined',
    { apiKey: 'x' },
  ],
];

let stage;
let dev;
let customer;
before(async () => {
  stage = await openStage();
  dev = stage.dev;
  customer = await stage.open('/');
});
after(() => stage?.close());

const submit = async ({ host, sessionToken, key, ...options }) => {
  const states = [];
  const onState = ({ state }) => states.push(state);
  const result = await new window.Valetkey({ host, sessionToken }).auth(key, { ...options, onState });
  return { result, states };
};

describe('a form', () => {
  for (const { provider, integration, params, given, wrong, type } of MODES) {
    test(`for ${type}: refused, then taken`, async () => {
      const key = `form-${provider}`;
      await dev.integrate({ provider: `emulator-${provider}`, unique_key: key, ...integration });
      const args = { host: dev.url, sessionToken: await dev.session(key), key, ...(params ? { params } : {}) };

      const answered = customer.page.waitForResponse((response) => response.request().method() === 'POST');
      const refused = await (await customer.press(submit, { ...args, credentials: wrong })).outcome;
      const { error: wire } = await (await answered).json();
      assert.equal(refused.error?.isAuthError, true, JSON.stringify(refused));
      assert.ok(refused.error.message.length > 10, refused.error.message);
      assert.ok(refused.error.status >= 400, 'with its HTTP status');
      const { type: code, message, operationId, reason } = refused.error;
      assert.deepEqual([code, message, operationId, reason], [wire.code, wire.message, wire.operation_id, wire.cause]);
      assert.equal(await dev.count(key), 0, 'nothing is stored');

      const made = await (await customer.press(submit, { ...args, credentials: given })).outcome;
      assert.deepEqual(made.value?.states, ['submitting', 'connected'], JSON.stringify(made));
      const { providerConfigKey, connectionId, isPending } = made.value.result;
      assert.deepEqual([providerConfigKey, isPending], [key, false]);
      assert.equal((await dev.connection(key, connectionId)).credentials.type, type);
    });
  }

  test('tells what is wrong with which field', async () => {
    const args = { host: dev.url, sessionToken: await dev.session('emulator-api-key'), key: 'emulator-api-key' };
    const { error } = await (await customer.press(submit, { ...args, credentials: { apiKey: '' } })).outcome;
    assert.equal(error.type, 'invalid_body');
    assert.equal(error.status, 400);
    assert.deepEqual(error.issues.map(({ path }) => path), [['apiKey']]);
    assert.ok(error.issues[0].message && error.issues[0].code);
  });

  test('tells what is wrong with which parameter', async () => {
    const args = { host: dev.url, sessionToken: await dev.session('form-tba'), key: 'form-tba' };
    const params = { accountId: 'no good/' };
    const { error } = await (await customer.press(submit, { ...args, params, credentials: TOKENS })).outcome;
    assert.equal(error.type, 'invalid_query_params', error.message);
    assert.deepEqual(error.issues.map(({ path }) => path), [['params', 'accountId']]);
  });

  test('of a session that has ended is refused with a code', async () => {
    const sessionToken = `nango_connect_session_${'0'.repeat(64)}`;
    const args = { host: dev.url, sessionToken, key: 'emulator-api-key', credentials: { apiKey: 'x' } };
    const { error } = await (await customer.press(submit, args)).outcome;
    assert.deepEqual([error.type, error.status], ['unknown_connect_session_token', 401]);
  });

  test('of an integration the session does not allow is refused', async () => {
    const args = { host: dev.url, sessionToken: await dev.session('emulator'), key: 'emulator-api-key' };
    const { error } = await (await customer.press(submit, { ...args, credentials: { apiKey: 'emk_demo_1234567890' } })).outcome;
    assert.equal(error.type, 'integration_not_allowed');
  });

  test('without a server is unreachable', async () => {
    // Port 9 is the discard service's: nobody listens there on this machine.
    const args = { host: 'http://127.0.0.1:9', sessionToken: 't', key: 'k', credentials: { apiKey: 'x' } };
    const { error } = await (await customer.press(submit, args)).outcome;
    assert.equal(error.type, 'unreachable');
  });

  test('that meets something else than the server says so', async () => {
    await customer.page.route('**/elsewhere/**', (route) => route.fulfill({ status: 502, body: '<h1>Bad gateway</h1>', headers: { 'access-control-allow-origin': '*' } }));
    const args = { host: `${dev.url}/elsewhere`, sessionToken: 't', key: 'k', credentials: { type: 'NONE' } };
    const { error } = await (await customer.press(submit, args)).outcome;
    assert.deepEqual([error.type, error.status], ['unknown_error', 502]);
    assert.match(error.message, /502/);
  });

  test('is given up by its signal', async () => {
    await customer.page.route('**/auth/unauthenticated/slow?**', () => {});
    const { outcome } = await customer.press(
      ({ host }) => {
        const controller = new AbortController();
        setTimeout(() => controller.abort(), 100);
        const options = { credentials: { type: 'NONE' }, signal: controller.signal };
        return new window.Valetkey({ host, sessionToken: 't' }).auth('slow', options);
      },
      { host: dev.url },
    );
    assert.equal((await outcome).error.type, 'aborted');
    await customer.page.unroute('**/auth/unauthenticated/slow?**');
  });

  test('of no known shape is an error, not a popup', async () => {
    const args = { host: dev.url, sessionToken: 't', key: 'k', credentials: { what: 'ever' } };
    const { error } = await (await customer.press(submit, args)).outcome;
    assert.equal(error.type, 'missing_credentials');
  });
});

describe('on the wire', () => {
  for (const [options, path, body] of WIRE) {
    const name = `${path.slice(0, path.indexOf('/k?'))} ${JSON.stringify(body)}`;
    test(name, async () => {
      // Written out in the page, because `undefined` means something.
      const code = JSON.stringify(options, (_, value) => (value === undefined ? '__undefined__' : value));
      const requested = customer.page.waitForRequest((request) => request.method() === 'POST');
      const { outcome } = await customer.press(
        ({ host, code }) => {
          const options = new Function(`return ${code.replaceAll('"__undefined__"', 'undefined')}`)();
          return new window.Valetkey({ host, sessionToken: 'T' }).auth('k', options);
        },
        { host: dev.url, code },
      );
      const request = await requested;
      assert.equal(request.url(), dev.url + path);
      assert.deepEqual(request.postDataJSON(), body);
      assert.equal(request.headers()['content-type'], 'application/json');
      assert.equal((await outcome).error.isAuthError, true, 'the token T is refused');
    });
  }

  test('an integration id is encoded, and a host keeps its path', async () => {
    const requested = customer.page.waitForRequest((request) => request.method() === 'POST');
    const args = { host: `${dev.url}/base//`, sessionToken: 'T', key: 'a/b c', credentials: { type: 'NONE' } };
    const { outcome } = await customer.press(submit, args);
    assert.equal((await requested).url(), `${dev.url}/base/auth/unauthenticated/a%2Fb%20c?connect_session_token=T`);
    assert.equal((await outcome).error.isAuthError, true);
  });
});

describe('a popup and not a form', () => {
  for (const credentials of [undefined, {}, { type: 'OAUTH2' }, { oauth_client_id_override: 'i' }, { type: 'OAUTH1', ...OVERRIDES }]) {
    test(JSON.stringify(credentials) ?? 'no credentials', async () => {
      const opened = customer.page.waitForEvent('popup');
      const requested = customer.context.waitForEvent('request', (request) => request.url().includes('/oauth/connect/'));
      const { outcome } = await customer.press(submit, { host: dev.url, sessionToken: 'T', key: 'k', credentials });
      const { searchParams } = new URL((await requested).url());
      const { type: _, ...overrides } = credentials ?? {};
      for (const [name, value] of Object.entries(overrides)) assert.equal(searchParams.get(`credentials[${name}]`), value);
      assert.equal(searchParams.get('credentials[type]'), null);
      assert.equal((await outcome).error.type, 'invalid_connect_session_token_format');
      await opened;
    });
  }
});
