// The dashboard in a real browser: every page as three kinds of people, light and dark, on a desk and on a
// phone, with what axe finds; by keyboard; and without scripts.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { colourViolations, violations } from './harness/axe.mjs';
import { startChromium } from './harness/browser.mjs';
import { startDev } from './harness/dev.mjs';
import { makeMember, makeOwner, PASSWORD } from './harness/people.mjs';

const SCHEMES = ['light', 'dark'];
const SIZES = { desk: { width: 1440, height: 900 }, phone: { width: 390, height: 844 }, narrow: { width: 320, height: 640 } };
const WAIT_MS = 20_000;
/** Pages looked at side by side. */
const AT_ONCE = 3;

/** Addresses after `/dashboard`, and who may look: everybody, unless it says. */
const PAGES = [
  { path: '/dev' },
  { path: '/dev/integrations' },
  { path: '/dev/integrations/emulator' },
  { path: '/dev/integrations/new?q=crm', only: ['owner'] },
  { path: '/dev/integrations/new/hubspot', only: ['owner'] },
  { path: '/dev/connections' },
  { path: '/dev/connections?q=zzz' },
  { path: '/dev/connections/emulator-api-key/demo' },
  { path: '/dev/connections/new', only: ['owner'] },
  { path: '/dev/logs' },
  { path: '/dev/search?q=emul' },
  { path: '/dev/start' },
  { path: '/dev/settings' },
  { path: '/dev/settings/keys' },
  { path: '/dev/settings/webhooks' },
  { path: '/dev/settings/alerts' },
  { path: '/dev/settings/callback-url' },
  { path: '/dev/settings/connect-ui' },
  { path: '/dev/settings/variables' },
  { path: '/account/environments' },
  { path: '/account/team' },
  { path: '/account/profile' },
  { path: '/account/profile/second-factor' },
  { path: '/account/audit', only: ['owner'] },
  { path: '/account/audit/check', only: ['owner'] },
  { path: '/dev/nothing-here', status: 404 },
];

let dev;
let browser;
const people = {};
before(async () => {
  dev = await startDev();
  browser = await startChromium();
  people.owner = await makeOwner(dev, browser);
  people.support = await makeMember(dev, browser, people.owner, 'Support');
  people['read only'] = await makeMember(dev, browser, people.owner, 'Read only');
});
after(async () => {
  await browser?.close();
  await dev?.stop();
});

async function as(who, options = {}) {
  const context = await browser.newContext({ viewport: SIZES.desk, storageState: people[who].state, reducedMotion: 'reduce', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT_MS);
  const complaints = [];
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  return { context, page, complaints };
}

for (const who of ['owner', 'support', 'read only']) {
  describe(`as ${who}`, { concurrency: AT_ONCE }, () => {
    for (const { path, only, status = 200 } of PAGES) {
      test(`${path} can be read, reached and fits`, async () => {
        const { context, page, complaints } = await as(who);
        const mayLook = !only || only.includes(who);
        const answer = await page.goto(`${dev.url}/dashboard${path}`);
        assert.equal(answer.status(), mayLook ? status : 403);
        for (const [size, viewport] of Object.entries(SIZES)) {
          await page.setViewportSize(viewport);
          const width = await page.evaluate(() => document.documentElement.scrollWidth);
          assert.ok(width <= viewport.width, `${size}: the page is ${width} wide`);
        }
        // Colours do not depend on the width, nor names and roles on the colours.
        await page.setViewportSize(SIZES.phone);
        assert.deepEqual(await violations(page), [], 'axe, phone, light');
        await page.setViewportSize(SIZES.desk);
        assert.deepEqual(await violations(page), [], 'axe, desk, light');
        await page.emulateMedia({ colorScheme: 'dark', reducedMotion: 'reduce' });
        assert.deepEqual(await colourViolations(page), [], 'axe, desk, dark');
        assert.equal(await page.locator('h1').count(), 1);
        assert.deepEqual(complaints.filter((text) => !text.includes(`status of ${answer.status()}`)), []);
        await context.close();
      });
    }
  });
}

test('everything is there without scripts', async () => {
  const { context, page } = await as('owner', { javaScriptEnabled: false });
  for (const { path, status = 200 } of PAGES) {
    const answer = await page.goto(`${dev.url}/dashboard${path}`);
    assert.equal(answer.status(), status, path);
    assert.ok(await page.locator('h1').innerText());
  }
  await page.goto(`${dev.url}/dashboard/dev`);
  await page.locator('.picker.me summary').click();
  await page.getByRole('button', { name: 'Dark' }).click();
  assert.equal(await page.locator('html').getAttribute('data-theme'), 'dark');
  await context.close();
});

test('by keyboard alone: in, to a page, to the search box, and out', async () => {
  const context = await browser.newContext({ viewport: SIZES.desk });
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT_MS);
  await page.goto(`${dev.url}/dashboard/dev`);
  await page.locator('#email:focus').waitFor();
  await page.keyboard.type(people.owner.email);
  await page.keyboard.press('Tab');
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press('Enter');
  await page.locator('#content').waitFor();
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Skip to the content');
  await page.keyboard.press('Enter');
  assert.equal(new URL(page.url()).hash, '#content');
  await page.keyboard.press('/');
  assert.equal(await page.evaluate(() => document.activeElement.name), 'q');
  const reach = async (text) => {
    for (let presses = 0; presses < 60; presses += 1) {
      await page.keyboard.press('Tab');
      const found = await page.evaluate(() => document.activeElement.textContent.trim() || document.activeElement.getAttribute('aria-label'));
      if (found?.startsWith(text)) return;
    }
    assert.fail(`${text} cannot be reached`);
  };
  await reach('Team');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Team', level: 1 }).waitFor();
  await page.locator('.picker.me summary').focus();
  await page.keyboard.press('Enter');
  await reach('Sign out');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await page.getByText('You are signed out.').waitFor();
  await context.close();
});

test('strangers see the sign-in page, which passes axe, and come back to where they wanted to go', async () => {
  const context = await browser.newContext({ viewport: SIZES.phone });
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT_MS);
  await page.goto(`${dev.url}/`);
  await page.waitForURL('**/dashboard/account/sign-in');
  for (const colorScheme of SCHEMES) {
    await page.emulateMedia({ colorScheme });
    assert.deepEqual(await violations(page), []);
  }
  await page.goto(`${dev.url}/dashboard/account/team`);
  await page.getByLabel('E-mail address').fill(people.support.email);
  await page.getByLabel('Password').fill('not this one at all');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('The address or the password is wrong.').waitFor();
  assert.deepEqual(await violations(page), []);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL('**/dashboard/account/team');
  await context.close();
});
