// Every way of connecting without a popup, through the published frontend packages: they choose the
// endpoint by the shape of the credentials. The emulated provider checks each for real.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { startBrowser } from './harness/browser.mjs';
import { startDev } from './harness/dev.mjs';
import { FRONTEND_SDKS, NODE_SDKS } from './harness/sdks.mjs';

const LOGIN = { username: 'demo', password: 'emulator-password' };
const CLIENT = { client_id: 'emulator-client', client_secret: 'emulator-secret' };

/** What each mode is given, what is wrong in the second try, and what a read brings back. */
const MODES = [
  { mode: 'api-key', given: { apiKey: 'emk_demo_1234567890' }, wrong: { apiKey: 'emk_short' }, read: { type: 'API_KEY' } },
  { mode: 'basic', given: LOGIN, wrong: { ...LOGIN, password: 'x' }, read: { type: 'BASIC', username: 'demo' } },
  { mode: 'oauth2-cc', given: CLIENT, wrong: { ...CLIENT, client_secret: 'x' }, read: { type: 'OAUTH2_CC', client_id: 'emulator-client' } },
  {
    mode: 'two-step',
    given: { type: 'TWO_STEP', ...LOGIN },
    wrong: { type: 'TWO_STEP', ...LOGIN, password: 'x' },
    read: { type: 'TWO_STEP', username: 'demo' },
    renews: true,
  },
  {
    mode: 'jwt',
    given: { type: 'JWT', keyId: 'emulator-key', secret: '6465766f6e6c792d6465766f6e6c792d6465766f6e6c79' },
    wrong: { type: 'JWT', keyId: 'emulator-key', secret: 'abcd' },
    read: { type: 'JWT', keyId: 'emulator-key' },
    renews: true,
  },
  {
    mode: 'signature',
    given: { type: 'SIGNATURE', ...LOGIN },
    wrong: { type: 'SIGNATURE', ...LOGIN, password: 'x' },
    read: { type: 'SIGNATURE', username: 'demo' },
    renews: true,
  },
  {
    mode: 'tba',
    integration: { credentials: { type: 'TBA', ...CLIENT } },
    params: { accountId: '1234567-sb1' },
    given: { token_id: 'emulator-token', token_secret: 'emulator-token-secret' },
    wrong: { token_id: 'emulator-token', token_secret: 'x' },
    read: { type: 'TBA', token_id: 'emulator-token' },
  },
  {
    mode: 'bill',
    given: { ...LOGIN, organization_id: 'org_demo', dev_key: 'emulator-developer-key' },
    wrong: { ...LOGIN, organization_id: 'org_demo', dev_key: 'x' },
    read: { type: 'BILL', organization_id: 'org_demo', user_id: 'demo' },
    renews: true,
  },
];

let dev;
let browser;
before(async () => {
  dev = await startDev();
  browser = await startBrowser();
  for (const { mode, integration } of MODES) {
    await dev.call('POST', '/integrations', { provider: `emulator-${mode}`, unique_key: `sdk-${mode}`, ...integration });
  }
});
after(async () => {
  await browser?.close();
  await dev?.stop();
});

for (const frontend of FRONTEND_SDKS) {
  describe(frontend.name, () => {
    for (const { mode, params, given, wrong, read, renews } of MODES) {
      test(mode, async () => {
        const key = `sdk-${mode}`;
        const customer = await browser.customer();
        const press = async (credentials) => {
          const session = await dev.call('POST', '/connect/sessions', {
            tags: { end_user_id: 'user-1' },
            allowed_integrations: [key],
          });
          const args = [key, { credentials, ...(params ? { params } : {}) }];
          return customer.connect({ sdk: frontend.folder, host: dev.url, token: session.data.token, args });
        };
        try {
          const refused = await press(wrong);
          assert.equal(refused.error?.isAuthError, true, JSON.stringify(refused));
          assert.ok(refused.error.message.length > 10, 'in words');

          const made = await press(given);
          assert.equal(made.error, undefined, JSON.stringify(made.error));
          assert.equal(made.result.providerConfigKey, key);

          const node = NODE_SDKS[0].open({ host: dev.url, key: dev.key });
          const connection = await node.getConnection(key, made.result.connectionId);
          for (const [name, value] of Object.entries(read)) assert.equal(connection.credentials[name], value, name);
          if (renews) {
            const before = connection.credentials.expires_at;
            const again = await node.getConnection(key, made.result.connectionId, true);
            assert.ok(new Date(again.credentials.expires_at) >= new Date(before), 'a forced refresh works');
          }
        } finally {
          await customer.close();
        }
      });
    }
  });
}
