// The page behind a connect link has a form for every mode: filled in as a person would, against the
// emulated provider, which checks every login and signature for real.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { startChromium } from './harness/browser.mjs';
import { startDev } from './harness/dev.mjs';

const WAIT_MS = 20_000;
const PICTURES = process.env.VALETKEY_TEST_PICTURES;

/** One form: what is typed by label, and what is wrong with `bad`, by label and words. */
const FORMS = [
  {
    provider: 'emulator-api-key',
    typed: { 'API key': 'emk_demo_1234567890' },
    bad: { 'API key': 'emk_short' },
    says: /not saved|accept/i,
  },
  {
    provider: 'emulator-basic',
    typed: { 'User name': 'demo', Password: 'emulator-password' },
    bad: { Password: 'wrong' },
    says: /not saved|accept/i,
  },
  {
    provider: 'emulator-oauth2-cc',
    typed: { 'Client ID': 'emulator-client', 'Client secret': 'emulator-secret' },
    bad: { 'Client secret': 'wrong' },
    says: /refused/i,
  },
  {
    provider: 'emulator-two-step',
    typed: { 'User name': 'demo', Password: 'emulator-password' },
    bad: { Password: 'wrong' },
    says: /refused/i,
    kind: 'TWO_STEP',
  },
  {
    provider: 'emulator-jwt',
    typed: { 'Key ID': 'emulator-key', Secret: '6465766f6e6c792d6465766f6e6c792d6465766f6e6c79' },
    bad: { Secret: 'not hex' },
    beside: 'Secret',
    says: /form|hex/i,
    kind: 'JWT',
  },
  {
    provider: 'emulator-signature',
    typed: { 'User name': 'demo', Password: 'emulator-password' },
    bad: { Password: 'wrong' },
    says: /not saved|accept/i,
    kind: 'SIGNATURE',
  },
  {
    provider: 'emulator-tba',
    credentials: { type: 'TBA', client_id: 'emulator-client', client_secret: 'emulator-secret' },
    typed: { 'Account ID': '1234567-sb1', 'Token ID': 'emulator-token', 'Token secret': 'emulator-token-secret' },
    bad: { 'Token secret': 'wrong' },
    says: /not saved|accept/i,
    kind: 'TBA',
  },
  {
    provider: 'emulator-bill',
    typed: {
      'User name': 'demo',
      Password: 'emulator-password',
      'Organization ID': 'org_demo',
      'Developer key': 'emulator-developer-key',
    },
    bad: { 'Developer key': 'wrong' },
    says: /refused/i,
    kind: 'BILL',
  },
];

let dev;
let browser;
before(async () => {
  dev = await startDev();
  browser = await startChromium();
});
after(async () => {
  await browser?.close();
  await dev?.stop();
});

/** Open the form of an integration in a new session. */
async function open(integration, { width = 390, colorScheme = 'light' } = {}) {
  const session = await dev.call('POST', '/connect/sessions', {
    tags: { end_user_id: 'user-1' },
    allowed_integrations: [integration],
  });
  const context = await browser.newContext({ viewport: { width, height: 844 }, colorScheme });
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT_MS);
  await page.goto(session.data.connect_link);
  await page.getByRole('button', { name: 'Connect' }).waitFor();
  return { page, close: () => context.close() };
}

/** Keep a picture when somebody asks for them. */
async function picture(page, name) {
  if (!PICTURES) return;
  fs.mkdirSync(PICTURES, { recursive: true });
  await page.screenshot({ path: path.join(PICTURES, `${name}.png`), fullPage: true });
}

async function fill(page, values) {
  for (const [label, value] of Object.entries(values)) await page.getByLabel(label, { exact: true }).fill(value);
}

const count = async (integration) => {
  const { connections } = await dev.call('GET', '/connections');
  return connections.filter(({ provider_config_key: key }) => key === integration).length;
};

for (const form of FORMS) {
  const { provider, credentials, typed, bad, beside, says, kind } = form;
  test(`${provider}: an empty form, a refusal, a success`, async () => {
    const key = `form-${provider}`;
    await dev.call('POST', '/integrations', { provider, unique_key: key, ...(credentials ? { credentials } : {}) });
    const { page, close } = await open(key, { colorScheme: kind ? 'dark' : 'light' });
    try {
      await page.getByRole('button', { name: 'Connect' }).click();
      await page.getByText('Fill this in.').first().waitFor();

      await fill(page, { ...typed, ...bad });
      await picture(page, `${provider}-form`);
      await page.getByRole('button', { name: 'Connect' }).click();
      const told = beside
        ? page.locator('.field', { has: page.getByLabel(beside, { exact: true }) }).locator('.issue')
        : page.getByRole('alert').filter({ hasText: says });
      await told.filter({ hasText: says }).waitFor();
      await picture(page, `${provider}-refused`);
      assert.equal(await count(key), 0, 'nothing is stored');

      await fill(page, typed);
      await page.getByRole('button', { name: 'Connect' }).click();
      await page.getByRole('heading', { name: /is connected$/ }).waitFor();
      await picture(page, `${provider}-done`);
      assert.equal(await count(key), 1);
    } finally {
      await close();
    }
    const { connections } = await dev.call('GET', '/connections');
    const { connection_id: id } = connections.find(({ provider_config_key: found }) => found === key);
    const read = await dev.call('GET', `/connections/${id}?provider_config_key=${key}`);
    if (kind) assert.equal(read.credentials.type, kind);
    assert.ok(!JSON.stringify(read.connection_config).includes('emulator-secret'), 'no client secret outside credentials');
  });
}

test('a repair says so, and keeps what the connection knows', async () => {
  const key = 'form-emulator-tba';
  const { connections } = await dev.call('GET', '/connections');
  const { connection_id: id } = connections.find(({ provider_config_key: found }) => found === key);
  const session = await dev.call('POST', '/connect/sessions/reconnect', { connection_id: id, integration_id: key });
  const context = await browser.newContext({ viewport: { width: 390, height: 844 } });
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT_MS);
  try {
    await page.goto(session.data.connect_link);
    await page.getByRole('heading', { name: 'Reconnect Emulator (token pair)' }).waitFor();
    await fill(page, { 'Token ID': 'emulator-token', 'Token secret': 'emulator-token-secret' });
    await picture(page, 'repair-form');
    await page.getByRole('button', { name: 'Reconnect' }).click();
    await page.getByRole('heading', { name: /is connected$/ }).waitFor();
  } finally {
    await context.close();
  }
  const read = await dev.call('GET', `/connections/${id}?provider_config_key=${key}`);
  assert.equal(read.connection_config.accountId, '1234567-sb1');
  assert.equal(await count(key), 1, 'it is the same connection');
});
