// Signing in to the dashboard at a real OpenID provider.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { startChromium } from './harness/browser.mjs';
import { freePort } from './harness/listening.mjs';
import { DASHBOARD_CLIENT, startOAuthProvider } from './harness/oauth-provider.mjs';
import { makeMember, makeOwner } from './harness/people.mjs';
import { startServer } from './harness/valetkey.mjs';

const WAIT_MS = 20_000;

let folder;
let server;
let provider;
let browser;
before(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'valetkey-openid-'));
  const port = await freePort();
  provider = await startOAuthProvider([`http://127.0.0.1:${port}/dashboard/account/openid/callback`]);
  server = await startServer({
    port,
    env: {
      VALETKEY_DATA_DIR: folder,
      VALETKEY_EGRESS_ALLOW: '127.0.0.0/8',
      VALETKEY_OPENID_ISSUER: provider.url,
      VALETKEY_OPENID_CLIENT_ID: DASHBOARD_CLIENT.id,
      VALETKEY_OPENID_CLIENT_SECRET: DASHBOARD_CLIENT.secret,
      VALETKEY_OPENID_DOMAINS: 'acme.example',
      VALETKEY_OPENID_ROLE: 'support',
    },
  });
  browser = await startChromium();
  server.dashboardUrl = /Create the owner: (\S+)/.exec(server.log)[1];
  const owner = await makeOwner(server, browser);
  await makeMember(server, browser, owner, 'Developer');
});
after(async () => {
  await browser?.close();
  await server?.stop();
  await provider?.close();
  fs.rmSync(folder, { recursive: true, force: true });
});

/** A browser that was never here goes to the provider as somebody and comes back. */
async function signIn(person) {
  provider.person = person;
  const context = await browser.newContext();
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT_MS);
  await page.goto(`${server.url}/dashboard/account/team`);
  await page.getByRole('link', { name: /Sign in with 127/ }).click();
  return { page, context };
}

test('somebody of an allowed domain becomes a member with the role that was set, once', async () => {
  for (const time of ['first', 'second']) {
    const { page, context } = await signIn({ sub: 'eve-1', email: 'Eve@acme.example', email_verified: true });
    await page.waitForURL('**/dashboard/account/team');
    await page.getByRole('row', { name: /eve@acme.example you Support/ }).waitFor();
    assert.equal(await page.getByRole('row', { name: /eve@acme/ }).count(), 1, `the ${time} time`);
    await context.close();
  }
});

test('a member is known by the verified address, and afterwards by the name the provider has for them', async () => {
  const first = await signIn({ sub: 'dev-1', email: 'developer@example.com', email_verified: true });
  await first.page.getByRole('row', { name: /developer@example.com you Developer/ }).waitFor();
  await first.context.close();
  const renamed = await signIn({ sub: 'dev-1', email: 'new-name@elsewhere.example', email_verified: true });
  await renamed.page.getByRole('row', { name: /developer@example.com you/ }).waitFor();
  await renamed.context.close();
});

for (const [what, person, said] of [
  ['a stranger', { sub: 's-1', email: 'mallory@evil.example', email_verified: true }, /mallory@evil.example is not a member here/],
  ['an address nobody verified', { sub: 's-2', email: 'owner@example.com', email_verified: false }, /does not say that your e-mail address is verified/],
  ['nobody with an address', { sub: 's-3' }, /does not say that your e-mail address is verified/],
  ['an address that belongs to another one there', { sub: 's-4', email: 'developer@example.com', email_verified: true }, /is not a member here/],
]) {
  test(`${what} is not let in, and told why`, async () => {
    const { page, context } = await signIn(person);
    await page.getByRole('alert').getByText(said).waitFor();
    await page.goto(`${server.url}/dashboard/`);
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await context.close();
  });
}

test('a refusal, a forged answer and an answer for another browser end at the sign-in page', async () => {
  provider.decision = 'deny';
  const { page, context } = await signIn({ sub: 'eve-1', email: 'eve@acme.example', email_verified: true });
  await page.getByText('did not sign you in (access_denied)').waitFor();
  provider.decision = 'approve';
  await page.goto(`${server.url}/dashboard/account/openid/callback?code=x&state=y`);
  await page.getByText('was begun in another browser').waitFor();
  await context.close();

  // Somebody is given the address of a sign-in that another browser began.
  const begun = await fetch(`${server.url}/dashboard/account/openid`, { redirect: 'manual' });
  const elsewhere = await browser.newContext();
  const other = await elsewhere.newPage();
  await other.goto(begun.headers.get('location'));
  await other.getByText('was begun in another browser').waitFor();
  await elsewhere.close();
});
