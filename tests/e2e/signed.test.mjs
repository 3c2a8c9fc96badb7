// Keys instead of secrets: clients that prove themselves by a signed assertion at a real OAuth server,
// credentials exchanged for a token, and tokens signed here; all through the published packages.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { startBrowser } from './harness/browser.mjs';
import { onEachEngine } from './harness/engines.mjs';
import { SIGNING_KEY } from './harness/http-api.mjs';
import { MACHINE_KEY_CLIENT, WEB_KEY_CLIENT } from './harness/oauth-provider.mjs';
import { FRONTEND_SDKS, NODE_SDKS } from './harness/sdks.mjs';
import { openStage } from './harness/stage.mjs';

const FRONTEND = FRONTEND_SDKS[0].folder;

let browser;
before(async () => {
  browser = await startBrowser();
});
after(() => browser?.close());

onEachEngine((engine) => {
  let stage;
  let node;
  let customer;
  before(async () => {
    stage = await openStage({ engine });
    const oauth = {
      type: 'OAUTH2',
      client_id: WEB_KEY_CLIENT.id,
      client_secret: WEB_KEY_CLIENT.key,
      scopes: 'openid,offline_access',
    };
    await stage.integrate('e2e-oauth-key', { credentials: oauth });
    for (const name of ['e2e-machine-key', 'e2e-steps', 'e2e-signed']) await stage.integrate(name);
    const [url] = [stage.servers[0].url];
    node = NODE_SDKS[0].open({ host: url, key: stage.key, signingKey: await stage.signingKey() });
    customer = await browser.customer();
  });
  after(async () => {
    await customer?.close();
    await stage?.close();
  });

  const press = async (integration, options) => {
    const token = await stage.session(integration);
    const args = options ? [integration, options] : [integration];
    return customer.connect({ sdk: FRONTEND, host: stage.publicUrl, token, args });
  };
  const connect = async (integration, options) => {
    const outcome = await press(integration, options);
    assert.equal(outcome.error, undefined, JSON.stringify(outcome.error));
    return outcome.result.connectionId;
  };
  const refuse = async (integration, options) => {
    const outcome = await press(integration, options);
    assert.equal(outcome.result, undefined, JSON.stringify(outcome.result));
    return outcome.error;
  };

  test('OAUTH2: the code and the refresh token are shown with a signed assertion', async () => {
    const id = await connect('e2e-oauth-key');
    const { credentials } = await node.getConnection('e2e-oauth-key', id);
    assert.equal(await stage.oauth.accepts(credentials.access_token), true);
    const renewed = await node.getConnection('e2e-oauth-key', id, true);
    assert.notEqual(renewed.credentials.access_token, credentials.access_token);
    assert.equal(await stage.oauth.accepts(renewed.credentials.access_token), true);
  });

  test('OAUTH2_CC: a key instead of a secret', async () => {
    const { id: client_id, key } = MACHINE_KEY_CLIENT;
    // As it comes out of a form of one line.
    const client_private_key = key.replaceAll('\n', '\\n');
    const id = await connect('e2e-machine-key', { credentials: { client_id, client_private_key } });
    const { credentials } = await node.getConnection('e2e-machine-key', id);
    assert.equal(credentials.type, 'OAUTH2_CC');
    const renewed = await node.getConnection('e2e-machine-key', id, true);
    assert.notEqual(renewed.credentials.token, credentials.token);
    const other = { client_id, client_private_key: SIGNING_KEY.pem };
    const refused = await refuse('e2e-machine-key', { credentials: other });
    assert.equal(refused.type, 'client_credentials_fetch_error');
  });

  test('TWO_STEP: an assertion is signed with what was typed once, again and again', async () => {
    const credentials = { type: 'TWO_STEP', clientId: MACHINE_KEY_CLIENT.id };
    const typed = (privateKey) => ({ credentials, assertionOption: { privateKey } });
    const id = await connect('e2e-steps', typed(MACHINE_KEY_CLIENT.key));
    const first = await node.getConnection('e2e-steps', id);
    assert.equal(first.credentials.type, 'TWO_STEP');
    assert.equal(first.credentials.clientId, MACHINE_KEY_CLIENT.id);
    // The server remembers every assertion's jti, so the same one would be refused.
    const second = await node.getConnection('e2e-steps', id, true, true);
    assert.notEqual(second.credentials.token, first.credentials.token);
    assert.notEqual(second.credentials.assertion, first.credentials.assertion);
    for (const connection of [first, second]) {
      assert.equal(JSON.stringify(connection).includes('PRIVATE KEY'), false);
      assert.equal('_assertion_option' in connection.credentials, false);
    }

    const stored = (await stage.connections('e2e-steps')).length;
    const unread = await refuse('e2e-steps', typed('not a key'));
    assert.equal(unread.type, 'invalid_body');
    const refused = await refuse('e2e-steps', typed(SIGNING_KEY.pem));
    assert.equal(refused.type, 'two_step_credentials_fetch_error');
    assert.equal((await stage.connections('e2e-steps')).length, stored);
  });

  test('JWT: the API accepts what was signed, and a read does not sign anew', async () => {
    const credentials = { type: 'JWT', keyId: SIGNING_KEY.id, privateKey: SIGNING_KEY.pem };
    const id = await connect('e2e-signed', { credentials });
    const first = await node.getConnection('e2e-signed', id);
    const again = await node.getConnection('e2e-signed', id);
    assert.equal(first.credentials.token, again.credentials.token);
    const headers = { authorization: `Bearer ${first.credentials.token}` };
    assert.equal((await fetch(`${stage.api.url}/signed`, { headers })).status, 200);

    const other = { ...credentials, keyId: 'another' };
    const refused = await refuse('e2e-signed', { credentials: other });
    assert.equal(refused.type, 'connection_test_failed');
    assert.equal((await stage.connections('e2e-signed')).length, 1);
  });
});
