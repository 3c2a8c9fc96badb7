// Takes the pictures of `docs/dashboard.md`: pages on a desk in light and on a phone in dark, with data as
// a small company has it. `node pictures-dashboard.mjs <folder>`

import fs from 'node:fs';
import path from 'node:path';

import { startChromium } from './harness/browser.mjs';
import { startDev } from './harness/dev.mjs';
import { makeOwner } from './harness/people.mjs';
import { sheet } from './harness/sheet.mjs';

const DESK = { width: 1440, height: 900 };
const PHONE = { width: 390, height: 900 };
const PEOPLE = [
  ['Ada Moreau', 'ada@northwind.example'], ['Jonas Weber', 'jonas@quaybell.example'], ['Inês Carvalho', 'ines@marlow.example'],
  ['Kenji Mori', 'kenji@halden.example'], ['Sofia Rossi', 'sofia@brightside.example'], ['Tomás Vidal', 'tomas@vidal.example'],
];
const INTEGRATIONS = ['hubspot', 'slack', 'notion', 'google-drive'];
const CLIENT = { type: 'OAUTH2', client_id: 'northwind-prod', client_secret: 'not-a-real-secret' };
const WAIT_MS = 20_000;

const [folder] = process.argv.slice(2);
if (!folder) throw new Error('Say into which folder: node pictures-dashboard.mjs <folder>');
fs.mkdirSync(folder, { recursive: true });

const dev = await startDev();
const browser = await startChromium();
try {
  const owner = await makeOwner(dev, browser);
  await makeData();
  const context = await browser.newContext({ storageState: owner.state, viewport: DESK, reducedMotion: 'reduce' });
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT_MS);
  const operation = await failedOperation(page);
  const pages = {
    home: '/dev',
    'getting-started': '/dev/start',
    integrations: '/dev/integrations',
    integration: '/dev/integrations/hubspot',
    connections: '/dev/connections',
    connection: '/dev/connections/emulator/ada-crm',
    logs: '/dev/logs',
    operation,
    keys: '/dev/settings/keys',
    webhooks: '/dev/settings/webhooks',
    'connect-ui': '/dev/settings/connect-ui',
    team: '/account/team',
    audit: '/account/audit',
  };
  for (const [name, place] of Object.entries(pages)) {
    const shots = [];
    for (const [viewport, colorScheme] of [[DESK, 'light'], [PHONE, 'dark']]) {
      await page.setViewportSize(viewport);
      await page.emulateMedia({ colorScheme });
      await page.goto(`${dev.url}/dashboard${place}`);
      if (name === 'connect-ui') await page.frameLocator('[data-preview]').getByRole('button', { name: 'Connect' }).waitFor();
      await page.waitForFunction(() => [...document.images].every((image) => image.complete || image.loading === 'lazy'));
      shots.push({ width: viewport.width, png: await page.screenshot() });
    }
    await sheet(browser, path.join(folder, `${name}.jpg`), [shots]);
    process.stdout.write(`${name}\n`);
  }
} finally {
  await browser.close();
  await dev.stop();
}

/** Integrations, customers, a connection that died, and what the app was told. */
async function makeData() {
  for (const provider of INTEGRATIONS) await dev.call('POST', '/integrations', { provider, unique_key: provider, credentials: CLIENT });
  let at = 0;
  for (const [name, email] of PEOPLE) {
    for (const provider of INTEGRATIONS.slice(0, 1 + (at % INTEGRATIONS.length))) {
      await dev.call('POST', '/connections', {
        provider_config_key: provider,
        connection_id: `${email.split('@')[0]}-${provider}`,
        credentials: { type: 'OAUTH2', access_token: 'x', refresh_token: 'x', expires_at: '2099-01-01T00:00:00Z' },
        tags: { end_user_display_name: name, end_user_email: email, plan: at % 2 ? 'team' : 'free' },
      });
    }
    at += 1;
  }
  await dev.call('POST', '/connections', {
    provider_config_key: 'emulator',
    connection_id: 'ada-crm',
    credentials: { type: 'OAUTH2', access_token: 'x', refresh_token: 'gone', expires_at: '2020-01-01T00:00:00Z' },
    tags: { end_user_display_name: 'Ada Moreau', end_user_email: 'ada@northwind.example' },
  });
  await dev.call('GET', '/connections/ada-crm?provider_config_key=emulator&force_refresh=true').catch(() => {});
}

/** The page of the refresh that failed. */
async function failedOperation(page) {
  await page.goto(`${dev.url}/dashboard/dev/connections/emulator/ada-crm`);
  const href = await page.getByRole('link', { name: 'What the provider said' }).getAttribute('href');
  return href.replace('/dashboard', '');
}
