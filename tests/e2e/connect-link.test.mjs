// A connect link, bare in a browser: no page around it, no script of the app. What happens to its token,
// to a reload, to a browser that lets no window open or no WebSocket through, and where it leads afterwards.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { startChromium } from './harness/browser.mjs';
import { decide, makeIntegrations, makeSession, openPopup } from './harness/connect-screens.mjs';
import { startDev } from './harness/dev.mjs';
import { startHostPage } from './harness/host-page.mjs';
import { freePort, listen } from './harness/listening.mjs';
import { OLDEST_FRONTEND_SDK } from './harness/sdks.mjs';
import { openStage } from './harness/stage.mjs';
import { until } from './harness/waiting.mjs';

const WAIT_MS = 20_000;
const KEY = 'emk_demo_1234567890';

let dev;
let browser;
before(async () => {
  dev = await startDev();
  browser = await startChromium();
  await makeIntegrations(dev);
});
after(async () => {
  await browser?.close();
  await dev?.stop();
});

/** A page of a browser that was never here, at a new session's link. */
async function open(session, { prepare, locale = 'en' } = {}) {
  const { connect_link: link, token } = await makeSession(dev, session);
  const context = await browser.newContext({ locale });
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT_MS);
  await prepare?.(page, context);
  await page.goto(link);
  return { context, page, token };
}

const connectedTo = (page, name) => page.getByRole('heading', { name: `${name} is connected` }).waitFor();
const blockWindows = (page) => page.addInitScript(() => (window.open = () => null));

test('the token leaves the address at once, and a reload goes on where the page was', async () => {
  const { page, token, context } = await open({ allowed_integrations: ['screen-oauth', 'screen-key'] });
  await page.getByRole('button', { name: 'Emulator (API key)' }).waitFor();
  assert.ok(!page.url().includes(token.slice(-20)), page.url());
  assert.equal(await page.evaluate(() => history.length), 2, 'no entry of the history has it');
  await page.getByRole('button', { name: 'Emulator (API key)' }).click();
  await page.getByLabel('API key', { exact: true }).waitFor();
  await page.reload();
  await page.getByLabel('API key', { exact: true }).fill(KEY);
  await page.getByRole('button', { name: 'Connect', exact: true }).click();
  await connectedTo(page, 'Emulator (API key)');
  const other = await context.newPage();
  await other.goto(`${dev.url}/connect-ui/`);
  await other.getByRole('heading', { name: 'Open this page from your app' }).waitFor();
  await context.close();
});

test('the token may also come after the #, which reaches no log', async () => {
  const { token } = await makeSession(dev, { allowed_integrations: ['screen-key'] });
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${dev.url}/connect-ui/#session_token=${token}`);
  await page.getByRole('heading', { name: 'Connect Emulator (API key)' }).waitFor();
  assert.equal(new URL(page.url()).hash, '');
  await context.close();
});

test('a reload while the other window is open still learns how it ended', async () => {
  const { page, context } = await open({ allowed_integrations: ['screen-oauth'] });
  const popup = await openPopup(page);
  await page.reload();
  await page.getByRole('heading', { name: 'Waiting for the other window' }).waitFor();
  await decide(popup, 'approve');
  await connectedTo(page, 'Emulator');
  await context.close();
});

test('a blocked window: the link opens a tab, and this page learns how it ended', async () => {
  const { page, context } = await open({ allowed_integrations: ['screen-oauth'] }, { prepare: blockWindows });
  await page.getByRole('button', { name: 'Connect', exact: true }).click();
  await page.getByText('Your browser blocked the window.').first().waitFor();
  const [tab] = await Promise.all([context.waitForEvent('page'), page.getByRole('link', { name: /Open Emulator in a new tab/ }).click()]);
  await decide(tab, 'approve');
  await connectedTo(page, 'Emulator');
  await context.close();
});

for (const decision of ['approve', 'deny']) {
  test(`a blocked window: the way leads through this tab, there and back (${decision})`, async () => {
    const { page, context } = await open({ allowed_integrations: ['screen-oauth', 'screen-key'] }, { prepare: blockWindows });
    await page.getByRole('button', { name: 'Emulator', exact: true }).click();
    await page.getByRole('button', { name: 'Connect', exact: true }).click();
    await page.getByRole('button', { name: 'Continue in this tab' }).click();
    await page.waitForURL((url) => url.pathname.endsWith('/oauth/authorize'));
    await decide(page, decision);
    const heading = decision === 'approve' ? 'Emulator is connected' : 'Emulator was not connected';
    await page.getByRole('heading', { name: heading }).waitFor();
    assert.equal(new URL(page.url()).search, '?lang=en', 'nothing is left in the address');
    if (decision === 'deny') {
      await page.getByRole('button', { name: 'Try again' }).click();
      await page.getByRole('heading', { name: 'Connect Emulator' }).waitFor();
    }
    await context.close();
  });
}

test('a proxy that lets no WebSocket through changes nothing but the pace', async () => {
  const prepare = (page) => page.routeWebSocket(/.*/, (socket) => socket.close());
  const { page, context } = await open({ allowed_integrations: ['screen-oauth'] }, { prepare });
  await decide(await openPopup(page), 'approve');
  await connectedTo(page, 'Emulator');
  await context.close();
});

test('a provider that cuts the ties between the windows changes nothing', async () => {
  // Cross-Origin-Opener-Policy, as real providers send it: the window looks closed and has no opener.
  const prepare = (_, context) =>
    context.route(/\/oauth\/authorize/, async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, headers: { ...response.headers(), 'cross-origin-opener-policy': 'same-origin' } });
    });
  const { page, context } = await open({ allowed_integrations: ['screen-oauth'] }, { prepare });
  const popup = await openPopup(page);
  await decide(popup, 'approve');
  await connectedTo(page, 'Emulator');
  await context.close();
});

test('it leads back to the app where the session says so', async () => {
  const app = await listen((_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Back in the app</h1>'));
  const session = { allowed_integrations: ['screen-key'], return_url: `${app.url}/settings?tab=accounts`, connect_ui_settings: { name: 'Acme' } };
  const { page, context } = await open(session);
  await page.getByLabel('API key', { exact: true }).fill(KEY);
  await page.getByRole('button', { name: 'Connect', exact: true }).click();
  await page.getByRole('link', { name: 'Continue to Acme' }).click();
  await page.getByRole('heading', { name: 'Back in the app' }).waitFor();
  assert.equal(page.url(), `${app.url}/settings?tab=accounts`);
  await context.close();
  await app.close();
});

test('the language is the one of the link, then the browser’s; failures included', async () => {
  const { page, context } = await open({ allowed_integrations: ['screen-key'], lang: 'fr' }, { locale: 'de' });
  await page.getByRole('button', { name: 'Connecter', exact: true }).click();
  await page.getByText('Veuillez remplir ce champ.').waitFor();
  assert.equal(await page.locator('html').getAttribute('lang'), 'fr');
  await page.getByLabel('Clé API', { exact: true }).fill('emk_short');
  await page.getByRole('button', { name: 'Connecter', exact: true }).click();
  await page.getByRole('alert').filter({ hasText: 'n’a pas accepté' }).waitFor();
  await context.close();

  const german = await open({ allowed_integrations: ['screen-key'] }, { locale: 'de-AT' });
  await german.page.getByRole('button', { name: 'Verbinden' }).waitFor();
  await german.context.close();
});

test('what is typed is put right, and what is wrong is said beside it', async () => {
  const { page, context } = await open({ allowed_integrations: ['screen-address'] });
  const input = page.getByLabel('Subdomain', { exact: true });
  await input.fill('https://acme.zendesk.com/agent/filters/1');
  await input.blur();
  assert.equal(await input.inputValue(), 'acme');
  await page.getByText('Address: https://acme.zendesk.com').waitFor();
  await input.fill('not valid!');
  await input.blur();
  await page.getByText('This does not have the expected form. It looks like: acme').waitFor();
  assert.equal(await input.getAttribute('aria-invalid'), 'true');
  await context.close();
});

test('a colour that cannot be read is made readable, in both schemes', async () => {
  const yellow = { theme: { light: { primary: '#ffee00' }, dark: { primary: '#101010' }, radius: 2 } };
  const { page, context } = await open({ allowed_integrations: ['screen-key'], connect_ui_settings: yellow });
  const button = page.getByRole('button', { name: 'Connect', exact: true });
  await button.waitFor();
  const painted = () => button.evaluate((element) => {
    const { color, backgroundColor, borderTopColor, borderRadius } = getComputedStyle(element);
    return { color, backgroundColor, borderTopColor, borderRadius, panel: getComputedStyle(element.closest('main')).backgroundColor };
  });
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    const { color, backgroundColor, borderTopColor, borderRadius, panel } = await painted();
    assert.ok(contrast(color, backgroundColor) >= 4.5, `${colorScheme}: ${color} on ${backgroundColor}`);
    assert.ok(contrast(borderTopColor, panel) >= 3, `${colorScheme}: ${borderTopColor} on ${panel}`);
    assert.equal(borderRadius, '2px');
  }
  await context.close();
});

/** The contrast ratio of WCAG 2.2. */
function contrast(...colours) {
  const [one, other] = colours.map((colour) => {
    const [red, green, blue] = colour.match(/[\d.]+/g).slice(0, 3).map((value) => {
      const part = Number(value) / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  });
  return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
}

describe('at an address of its own, with words of its own', () => {
  let stage;
  let port;
  before(async () => {
    port = await freePort();
    const folder = fs.mkdtempSync('/tmp/valetkey-copy-');
    const copy = path.join(folder, 'copy.json');
    fs.writeFileSync(copy, JSON.stringify({ en: { 'form.connect': 'Link it' }, '*': { 'done.finish': 'Done' } }));
    stage = await openStage({
      engine: 'sqlite',
      env: { VALETKEY_CONNECT_LISTEN: `127.0.0.1:${port}`, VALETKEY_CONNECT_COPY: copy },
    });
    await stage.call('POST', '/integrations', { provider: 'e2e-key', unique_key: 'key' });
  });
  after(() => stage?.close());

  test('links lead there, and it talks to the API at its own address', async () => {
    const { data } = await session();
    assert.ok(data.connect_link.startsWith(`http://127.0.0.1:${port}/?session_token=`), data.connect_link);
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(data.connect_link);
    await page.getByLabel('API key', { exact: true }).fill('key-7c1d');
    await page.getByRole('button', { name: 'Link it' }).click();
    await page.getByRole('heading', { name: /is connected$/ }).waitFor();
    await context.close();
  });

  test(`${OLDEST_FRONTEND_SDK.name} opens it and hears all it says`, async () => {
    const app = await startHostPage();
    const { data } = await session();
    const ui = await app.open(browser, {
      sdk: OLDEST_FRONTEND_SDK.folder,
      // It compares the origin with this text as it stands.
      options: { baseURL: `http://127.0.0.1:${port}`, apiURL: stage.publicUrl, sessionToken: data.token },
    });
    await ui.frame.getByLabel('API key', { exact: true }).fill('key-7c1d');
    await ui.frame.getByRole('button', { name: 'Link it' }).click();
    await ui.frame.getByRole('button', { name: 'Done' }).click();
    await until('the frame goes', async () => (await ui.page.locator('iframe').count()) === 0);
    assert.deepEqual((await ui.events()).map(({ type }) => type), ['ready', 'connect', 'close']);
    await ui.context.close();
    await app.close();
  });

  const session = async () =>
    (await stage.call('POST', '/connect/sessions', { tags: { a: 'b' }, allowed_integrations: ['key'] })).body;
});
