// Passkeys in a real browser, with the browser's own virtual authenticator.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { colourViolations, violations } from './harness/axe.mjs';
import { startChromium } from './harness/browser.mjs';
import { freePort } from './harness/listening.mjs';
import { makeOwner, PASSWORD } from './harness/people.mjs';
import { startServer } from './harness/valetkey.mjs';

const WAIT_MS = 20_000;
const SIZES = { desk: { width: 1440, height: 900 }, phone: { width: 390, height: 844 }, narrow: { width: 320, height: 640 } };

let folder;
let server;
let url;
let browser;
let owner;
before(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'valetkey-passkeys-'));
  const port = await freePort();
  // Browsers tie passkeys to names; an address has none.
  url = `http://localhost:${port}`;
  server = await startServer({ port, env: { VALETKEY_DATA_DIR: folder, VALETKEY_PUBLIC_URL: url } });
  browser = await startChromium();
  owner = await makeOwner({ dashboardUrl: /Create the owner: (\S+)/.exec(server.log)[1] }, browser);
});
after(async () => {
  await browser?.close();
  await server?.stop();
  fs.rmSync(folder, { recursive: true, force: true });
});

/** A page of a person with a device that keeps passkeys and knows its owner. */
async function open(options = {}) {
  const context = await browser.newContext({ viewport: SIZES.desk, reducedMotion: 'reduce', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT_MS);
  const complaints = [];
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  const devtools = await context.newCDPSession(page);
  await devtools.send('WebAuthn.enable');
  const { authenticatorId } = await devtools.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  const device = (method, more) => devtools.send(`WebAuthn.${method}`, { authenticatorId, ...more });
  return { context, page, device, complaints };
}

/** What a look at the page finds: axe in both colour schemes, and pages wider than the window. */
async function look(page, what) {
  for (const [size, viewport] of Object.entries(SIZES)) {
    await page.setViewportSize(viewport);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= viewport.width, `${what}, ${size}: the page is ${width} wide`);
    if (size !== 'narrow') assert.deepEqual(await violations(page), [], `${what}, ${size}, light`);
  }
  await page.setViewportSize(SIZES.desk);
  await page.emulateMedia({ colorScheme: 'dark', reducedMotion: 'reduce' });
  assert.deepEqual(await colourViolations(page), [], `${what}, dark`);
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
}

async function beginAdding(page) {
  await page.goto(`${url}/dashboard/account/profile`);
  await page.getByLabel('Your password, to add one').fill(PASSWORD);
  await page.getByRole('button', { name: 'Add a passkey' }).click();
  await page.getByRole('heading', { name: 'Add a passkey', level: 1 }).waitFor();
}

test('a passkey is added, signs in, gets a name, and is removed', async () => {
  const { context, page, device, complaints } = await open({ storageState: owner.state });
  await page.goto(`${url}/dashboard/account/profile`);
  await page.getByLabel('Your password, to add one').fill('not this one at all');
  await page.getByRole('button', { name: 'Add a passkey' }).click();
  await page.getByText('This is not your password.').waitFor();
  complaints.length = 0;

  await beginAdding(page);
  await look(page, 'adding');
  // Nobody touches it, the first time.
  await device('setUserVerified', { isUserVerified: false });
  await page.getByRole('button', { name: 'Create the passkey' }).click();
  await page.getByRole('alert').getByText('Nothing happened').waitFor();
  await look(page, 'adding, cancelled');
  await device('setUserVerified', { isUserVerified: true });
  await page.getByRole('button', { name: 'Create the passkey' }).click();
  await page.getByText('Your passkey is added.').waitFor();
  const row = page.getByRole('row', { name: /Chrome on Linux/ });
  await row.getByText('never').waitFor();
  await look(page, 'the profile with a passkey');
  const { credentials } = await device('getCredentials');
  assert.equal(credentials.length, 1);
  assert.equal(credentials[0].rpId, 'localhost');
  assert.ok(credentials[0].isResidentCredential);

  // The same device twice.
  await beginAdding(page);
  await page.getByRole('button', { name: 'Create the passkey' }).click();
  await page.getByText('There is a passkey for you on this device already.').waitFor();

  await page.locator('.picker.me summary').click();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByText('You are signed out.').waitFor();
  await page.goto(`${url}/dashboard/account/team`);
  await page.getByRole('button', { name: 'Use a passkey' }).waitFor();
  await look(page, 'signing in');
  await device('setUserVerified', { isUserVerified: false });
  await page.getByRole('button', { name: 'Use a passkey' }).click();
  await page.getByRole('alert').getByText('Nothing happened').waitFor();
  await look(page, 'signing in, cancelled');
  await device('setUserVerified', { isUserVerified: true });
  await page.getByRole('button', { name: 'Use a passkey' }).click();
  await page.waitForURL('**/dashboard/account/team');
  await page.goto(`${url}/dashboard/account/profile`);
  await page.getByRole('row', { name: /this one.* passkey / }).waitFor();

  await page.getByRole('link', { name: 'Chrome on Linux' }).click();
  await look(page, 'a passkey');
  await page.getByLabel('By which you know it again').fill('Laptop');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('link', { name: 'Laptop' }).click();
  await page.getByLabel('Your password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Remove the passkey' }).click();
  await page.getByText('The passkey is removed.').waitFor();
  assert.equal(await page.getByRole('link', { name: 'Laptop' }).count(), 0);
  assert.deepEqual(complaints, []);

  // The device has it still.
  await page.locator('.picker.me summary').click();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('button', { name: 'Use a passkey' }).click();
  await page.getByRole('alert').getByText('This server does not know this passkey.').waitFor();
  await look(page, 'signing in, refused');
  await context.close();
});

test('at another address than its own, the pages say where passkeys work', async () => {
  const { context, page } = await open();
  await page.goto(`${server.url}/dashboard/account/sign-in`);
  await page.getByText(`Passkeys work at ${url}, not at this address.`).waitFor();
  assert.equal(await page.getByRole('button', { name: 'Use a passkey' }).count(), 0);
  await look(page, 'signing in elsewhere');
  await context.close();
});

test('without scripts nothing is promised', async () => {
  const { context, page } = await open({ javaScriptEnabled: false, storageState: owner.state });
  await page.context().clearCookies();
  await page.goto(`${url}/dashboard/account/sign-in`);
  assert.equal(await page.getByRole('button', { name: 'Use a passkey' }).count(), 0);
  await page.getByLabel('E-mail address').fill(owner.email);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await beginAdding(page);
  // Chromium draws this where a person turned scripts off, not where the test did.
  assert.match(await page.locator('noscript').textContent(), /Browsers make passkeys with JavaScript only/);
  assert.equal(await page.getByRole('button', { name: 'Create the passkey' }).count(), 0);
  await context.close();
});
