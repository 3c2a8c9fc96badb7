// Somebody who reads no manual: sets up an integration, connects an account, breaks it at the provider,
// finds out why, and repairs it. Then every link of the dashboard is followed: none is dead, and no page
// holds a secret.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { violations } from './harness/axe.mjs';
import { startChromium } from './harness/browser.mjs';
import { startDev } from './harness/dev.mjs';
import { makeOwner } from './harness/people.mjs';

const WAIT_MS = 20_000;
const CLIENT_SECRET = 'emulator-secret';
/** Most pages the crawl looks at: it stops by itself. */
const PAGES_MAX = 250;

let dev;
let browser;
let page;
let context;
let connectionPage;
before(async () => {
  dev = await startDev();
  browser = await startChromium();
  const owner = await makeOwner(dev, browser);
  context = await browser.newContext({ storageState: owner.state, reducedMotion: 'reduce', viewport: { width: 1440, height: 900 } });
  page = await context.newPage();
  page.setDefaultTimeout(WAIT_MS);
});
after(async () => {
  await browser?.close();
  await dev?.stop();
});

/** What happens in the Connect UI, with a provider that asks for consent. */
async function consent(ui, verb) {
  ui.setDefaultTimeout(WAIT_MS);
  const [popup] = await Promise.all([ui.waitForEvent('popup'), ui.getByRole('button', { name: verb, exact: true }).click()]);
  await popup.getByRole('button', { name: 'Approve' }).click();
  await ui.getByRole('heading', { name: /connected/i }).waitFor();
}

test('an integration is found in the catalogue and set up', async () => {
  await page.goto(`${dev.url}/dashboard/dev/integrations`);
  await page.getByRole('link', { name: /^Set up/ }).first().click();
  await page.getByLabel('Name, category or mode').fill('emulator');
  await page.getByRole('button', { name: 'Show' }).click();
  await page.getByRole('link', { name: /Emulator \(OAuth 2\)/ }).click();
  await page.getByText(`${dev.url}/oauth/callback`).first().waitFor();
  await page.getByLabel('Client id').fill('emulator-client');
  await page.getByLabel('Client secret').fill(CLIENT_SECRET);
  await page.getByLabel('Key, by which').fill('newcomer');
  await page.locator('#content').getByRole('button', { name: 'Create' }).click();
  await page.getByText('Created.').waitFor();
  assert.match(page.url(), /\/integrations\/newcomer/);
});

test('an account is connected, and getting started notices by itself', async () => {
  const steps = await context.newPage();
  await steps.goto(`${dev.url}/dashboard/dev/start`);
  const ticks = () => steps.locator('[data-steps] .chip.good').count();
  const before = await ticks();

  await page.getByRole('link', { name: 'Add test connection' }).click();
  await page.getByLabel(/E-mail/).fill('ada@example.com');
  await page.getByRole('button', { name: 'Authorize' }).click();
  await consent(page, 'Connect');
  await page.goto(`${dev.url}/dashboard/dev/connections?q=ada`);
  await page.locator('tbody th a').first().click();
  await page.locator('.chip.good', { hasText: 'works' }).waitFor();
  connectionPage = page.url();

  assert.equal(before, 0);
  // The demo's own integration has none yet; the step is about that one.
  await page.goto(await steps.getByRole('link', { name: 'Connect an account' }).getAttribute('href').then((href) => new URL(href, dev.url).href));
  await page.getByRole('button', { name: 'Authorize' }).click();
  await consent(page, 'Connect');
  await steps.bringToFront();
  await steps.locator('[data-steps] .chip.good').first().waitFor();
  await steps.close();
});

test('it is broken at the provider, and the pages say why and who must act', async () => {
  const provider = await browser.newPage();
  await provider.goto(dev.providerUrl);
  for (let left = await provider.getByRole('button', { name: 'Revoke' }).count(); left > 0; left -= 1) {
    await provider.getByRole('button', { name: 'Revoke' }).first().click();
    await provider.waitForLoadState();
  }
  await provider.close();
  await page.goto(connectionPage);
  await page.getByRole('button', { name: 'Refresh now' }).click();
  await page.getByText('That did not work').waitFor();
  await page.getByText('Its owner has to authorize again').waitFor();
  assert.deepEqual(await violations(page), []);
  await page.getByRole('link', { name: 'What the provider said' }).click();
  await page.getByText('invalid_grant').first().waitFor();
  await page.getByText('Somebody took the access back at the provider').first().waitFor();
});

test('it is repaired by a link, with the same id', async () => {
  await page.goto(connectionPage);
  await page.getByRole('button', { name: 'Make a reconnect link' }).first().click();
  const link = await page.locator('code', { hasText: 'session_token' }).innerText();
  const customer = await browser.newContext();
  const theirs = await customer.newPage();
  await theirs.goto(link);
  await consent(theirs, 'Reconnect');
  await customer.close();
  await page.goto(connectionPage);
  await page.locator('.chip.good', { hasText: 'works' }).waitFor();
});

test('no link is dead, and no page holds a secret', async () => {
  const id = decodeURIComponent(new URL(connectionPage).pathname.split('/').pop());
  const { credentials } = await dev.call('GET', `/connections/${encodeURIComponent(id)}?provider_config_key=newcomer&refresh_token=true`);
  const secrets = [credentials.access_token, credentials.refresh_token, CLIENT_SECRET, dev.signingKey, dev.key];
  assert.ok(secrets.every((secret) => secret?.length > 10), 'they are known');
  const root = `${dev.url}/dashboard/`;
  const seen = new Set([`${root}dev`]);
  for (const address of seen) {
    const answer = await context.request.get(address);
    assert.equal(answer.status(), 200, address);
    const text = await answer.text();
    for (const secret of secrets) assert.ok(!text.includes(secret), `${address} holds a secret`);
    for (const [, href] of text.matchAll(/<a [^>]*href="([^"]+)"/g)) {
      const next = new URL(href.replaceAll('&amp;', '&').replaceAll('&#38;', '&'), address);
      next.hash = '';
      const isOurs = next.href.startsWith(root) && !next.pathname.includes('/integrations/new/');
      if (isOurs && seen.size < PAGES_MAX) seen.add(next.href);
    }
  }
  assert.ok(seen.size > 40, `${seen.size} pages`);
});
