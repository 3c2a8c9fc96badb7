// The sample app in examples/app with a real server, the emulated provider and a browser: what a customer of it sees
// from the first connect over a repair to the end, and what nobody else can do to it.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { colourViolations, violations } from './harness/axe.mjs';
import { startChromium } from './harness/browser.mjs';
import { startDev } from './harness/dev.mjs';
import { freePort } from './harness/listening.mjs';
import { environment, runCommand } from './harness/valetkey.mjs';
import { until, within } from './harness/waiting.mjs';

const APP = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../examples/app');
const STEP_MS = 20_000;
const STOP_MS = 10_000;
const OAUTH = 'Emulator (OAuth 2)';
const API_KEY = 'Emulator (API key)';
const INES = 'Inês Carvalho';
const JONAS = 'Jonas Weber';
/** Least size of what a finger has to hit, in CSS pixels. */
const TARGET_PX = 44;
/** Where pictures of all states go, when somebody asks for them. */
const PICTURES = process.env.VALETKEY_TEST_PICTURES;
const SIZES = { desktop: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } };

/** What the app keeps is in here. */
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'valetkey-sample-app-'));
let dev;
let app;
let browser;
let ines;
let jonas;

before(async () => {
  dev = await startServer();
  app = await startApp(dev, await freePort());
  browser = await startChromium();
  ines = await signIn(INES);
  jonas = await signIn(JONAS);
});

after(async () => {
  await browser?.close();
  await app?.stop();
  await dev?.stop();
  fs.rmSync(folder, { recursive: true, force: true });
});

/** `valetkey dev`, and a way to change its environment's settings beside it. */
async function startServer() {
  const started = await startDev();
  const settings = { VALETKEY_DATA_DIR: started.folder, VALETKEY_EGRESS_ALLOW: '127.0.0.0/8' };
  return { ...started, setEnvironment: (...changes) => runCommand(['env', 'set', 'dev', ...changes], settings) };
}

/** The app as a process, with webhooks on their way to it. */
async function startApp({ url: host, key, signingKey, setEnvironment }, port) {
  const url = `http://127.0.0.1:${port}`;
  await setEnvironment(`webhook_url=${url}/webhooks`);
  const dataDir = path.join(folder, 'app');
  const child = spawn(process.execPath, ['server.mjs'], {
    cwd: APP,
    env: {
      ...environment(),
      VALETKEY_HOST: host,
      VALETKEY_API_KEY: key,
      VALETKEY_SIGNING_KEY: signingKey,
      PORT: String(port),
      DATA_DIR: dataDir,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text));
  const exit = new Promise((resolve) => child.once('close', resolve));
  const onExit = () => child.kill('SIGKILL');
  process.once('exit', onExit);
  await until('the app is ready', async () => child.exitCode !== null || (await fetch(`${url}/health`)).ok);
  if (child.exitCode !== null) throw new Error(`the app ended; is it installed (npm ci in examples/app)?\n${output}`);
  return {
    url,
    port,
    output: () => output,
    /** What it has on disk. */
    saved: () => fs.readFileSync(path.join(dataDir, 'accounts.json'), 'utf8'),
    stop: async () => {
      child.kill('SIGTERM');
      const code = await within(STOP_MS, 'the app stops', exit);
      process.off('exit', onExit);
      assert.equal(code, 0, output);
    },
  };
}

/** A browser of their own, in which somebody is signed in. `complaints` collects what the browser refused to do. */
async function signIn(name, options = {}) {
  const context = await browser.newContext({ viewport: SIZES.desktop, ...options });
  const complaints = [];
  context.on('console', (message) => {
    if (message.type() === 'error' && message.page()?.url().startsWith(app.url)) complaints.push(message.text());
  });
  const page = await context.newPage();
  page.setDefaultTimeout(STEP_MS);
  await page.goto(app.url);
  await page.getByRole('button', { name }).click();
  await page.getByRole('heading', { name: 'Connected accounts' }).waitFor();
  return { context, page, complaints };
}

const cards = (page) => page.locator('[data-connection]');
const card = (page, id) => page.locator(`[data-connection="${id}"]`);
const connectUI = (page) => page.frameLocator('iframe');
const button = (where, name) => where.getByRole('button', { name, exact: true });

/** What happens in the Connect UI, in a frame or a tab, with a provider that asks for consent. */
async function consent(page, ui, verb) {
  const [popup] = await Promise.all([page.waitForEvent('popup'), button(ui, verb).click()]);
  await popup.getByRole('button', { name: 'Approve' }).click();
  await ui.getByRole('heading', { name: /connected/i }).waitFor();
}

/** Withdraw what was granted last, on the provider's own page. */
async function withdrawAtProvider() {
  const page = await browser.newPage();
  await page.goto(dev.providerUrl);
  await page.getByRole('button', { name: 'Revoke' }).first().click();
  await page.getByText('Revoked').first().waitFor();
  await page.close();
}

/** Pictures for people, and what a machine can find wrong. */
async function look({ page }, name) {
  for (const [device, size] of Object.entries(SIZES)) {
    await page.setViewportSize(size);
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      if (PICTURES) {
        fs.mkdirSync(PICTURES, { recursive: true });
        await page.screenshot({ path: path.join(PICTURES, `${name}-${device}-${colorScheme}.png`), fullPage: true });
      }
      const look = colorScheme === 'light' ? violations : colourViolations;
      assert.deepEqual(await look(page), [], `axe: ${name}, ${device}, ${colorScheme}`);
      assert.deepEqual(await misfits(page), [], `${name}, ${device}`);
    }
  }
  await page.setViewportSize(SIZES.desktop);
  await page.emulateMedia({ colorScheme: 'light' });
}

/** What is too small to hit, or sticks out. Links in the text of a letter are as high as its lines. */
const misfits = (page) =>
  page.evaluate((least) => {
    const found = [];
    const { scrollWidth } = document.documentElement;
    if (scrollWidth > innerWidth) found.push(`the page is ${scrollWidth} wide`);
    for (const element of document.querySelectorAll('button, a[href]:not(.skip, .letter a)')) {
      const { width, height } = element.getBoundingClientRect();
      if (width && (height < least - 0.5 || width < least - 0.5)) found.push(`${element.outerHTML.slice(0, 80)} is ${width} by ${height}`);
    }
    return found;
  }, TARGET_PX);

/** The connection at the server, without credentials; null when there is none. */
async function connectionAtServer(id) {
  const { connections } = await dev.call('GET', '/connections');
  return connections.find(({ connection_id: one }) => one === id) ?? null;
}

let connectionId;

test('a customer connects in the Connect UI, and the page shows it without being loaded again', async () => {
  const { page } = ines;
  await page.getByText('No account yet.').waitFor();
  await look(ines, 'empty');
  await page.evaluate(() => (window.loadedOnce = true));

  await button(page, `Connect ${OAUTH}`).click();
  const ui = connectUI(page);
  await button(ui, 'Connect').waitFor();
  if (PICTURES) await page.screenshot({ path: path.join(PICTURES, 'connect-ui.png') });
  await consent(page, ui, 'Connect');
  await button(ui, 'Finish').click();
  await page.locator('iframe').waitFor({ state: 'detached' });

  await cards(page).getByText('Ada Moreau').first().waitFor();
  assert.equal(await page.evaluate(() => window.loadedOnce), true);
  connectionId = await cards(page).getAttribute('data-connection');
  assert.equal(await card(page, connectionId).getByText('Connected', { exact: true }).count(), 1);

  const { tags } = await connectionAtServer(connectionId);
  assert.deepEqual(tags, { end_user_id: 'user-ines', end_user_email: 'ines@brightloaf.example' });
  await page.reload();
  await card(page, connectionId).getByText('Ada Moreau').first().waitFor();
  await look(ines, 'connected');
});

test('a key is connected by a form of the Connect UI', async () => {
  const { page } = ines;
  await button(page, `Connect ${API_KEY}`).click();
  const ui = connectUI(page);
  await ui.getByLabel('API key', { exact: true }).fill('emk_demo_1234567890');
  await button(ui, 'Connect').click();
  await ui.getByRole('heading', { name: /connected/i }).waitFor();
  await button(ui, 'Finish').click();
  await cards(page).getByText('Demo workspace').waitFor();
  assert.equal(await cards(page).count(), 2);
});

test('when the provider withdraws access the app offers Reconnect, and the same connection works again', async () => {
  const { page } = ines;
  await withdrawAtProvider();
  const mine = card(page, connectionId);
  await button(mine, `Check now ${OAUTH}`).click();
  await mine.getByText('Needs attention').waitFor();
  await look(ines, 'broken');

  await button(mine, `Reconnect ${OAUTH}`).click();
  const ui = connectUI(page);
  await consent(page, ui, 'Reconnect');
  await button(ui, 'Finish').click();

  await mine.getByText('Connected', { exact: true }).waitFor();
  await mine.getByText('Ada Moreau').first().waitFor();
  await page.getByRole('status').getByText('Your account works again.').waitFor();
  assert.equal(await cards(page).count(), 2, 'no second account');
  const read = await dev.call('GET', `/connections/${connectionId}?provider_config_key=emulator`);
  const reply = await fetch(`${dev.providerUrl}/userinfo`, { headers: { authorization: `Bearer ${read.credentials.access_token}` } });
  assert.equal(reply.status, 200, 'the connection has a token that works');
});

test('trouble that passes asks nothing of the customer', async () => {
  const { page } = ines;
  const key = page.getByRole('listitem', { name: API_KEY }).and(cards(page));
  const reply = await fetch(`${dev.providerUrl}/control/faults`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ target: 'userinfo', kind: 'http_500' }),
  });
  assert.equal(reply.status, 200);
  await button(key, `Check now ${API_KEY}`).click();
  await key.getByText('Connected, not checked').waitFor();
  assert.equal(await button(key, `Reconnect ${API_KEY}`).count(), 0);
  await button(key, `Check now ${API_KEY}`).click();
  await key.getByText('Connected', { exact: true }).waitFor();
});

test('an account that dies by itself is noticed by webhook while the page is open', async () => {
  const { page } = ines;
  await withdrawAtProvider();
  // Somebody else reads it: a nightly job of the product, say.
  await assert.rejects(dev.call('GET', `/connections/${connectionId}?provider_config_key=emulator&force_refresh=true`), /invalid_credentials/);
  const mine = card(page, connectionId);
  await mine.getByText('Needs attention').waitFor();
  await page.getByRole('status').getByText('An account needs your attention.').waitFor();
});

test('a repair works by link, too, on a page without the app', async () => {
  const { page, context } = ines;
  const mine = card(page, connectionId);
  await button(mine, `Send me a link to reconnect ${OAUTH}`).click();
  const link = await page.locator('#connect-link').getAttribute('href');
  const elsewhere = await context.newPage();
  elsewhere.setDefaultTimeout(STEP_MS);
  await elsewhere.goto(link);
  await consent(elsewhere, elsewhere, 'Reconnect');
  await mine.getByText('Connected', { exact: true }).waitFor();
  await elsewhere.close();
});

test('the other user sees nothing of it and can do nothing to it', async () => {
  const { page, context } = jonas;
  await page.reload();
  await page.getByText('No account yet.').waitFor();
  assert.ok(!(await page.content()).includes(connectionId));
  const to = (action) => `${app.url}/accounts/${connectionId}/${action}`;
  const headers = { origin: app.url, accept: 'application/json' };
  for (const action of ['check', 'reconnect', 'reconnect-link', 'disconnect']) {
    const reply = await context.request.post(to(action), { headers });
    assert.equal(reply.status(), 404, action);
  }
  assert.ok(!(await (await context.request.get(`${app.url}/accounts`)).text()).includes(connectionId));
  assert.ok(await connectionAtServer(connectionId), 'it is still there');
});

test('a link is connected on a page of its own, and leads back to the app', async () => {
  const { page } = jonas;
  await button(page, `Send me a link to connect ${OAUTH}`).click();
  await page.getByRole('heading', { name: 'A message for you' }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement?.id), 'mail', 'the focus is on what is new');
  await look(jonas, 'link');
  const link = await page.locator('#connect-link').getAttribute('href');
  await page.goto(link);
  await consent(page, page, 'Connect');
  await page.getByRole('link', { name: 'Continue to Quaybell' }).click();
  await page.getByRole('heading', { name: 'Connected accounts' }).waitFor();
  await page.getByText('Welcome back.').waitFor();
  await cards(page).getByText('Ada Moreau').first().waitFor();
  await page.waitForURL((url) => url.search === '', { timeout: 10_000 }); // The notice is for once.
  assert.notEqual(await cards(page).getAttribute('data-connection'), connectionId);
  assert.equal(await cards(ines.page).count(), 2, 'nothing of it at the first user');
});

test('without a script, Connect leads to a link', async () => {
  const { page, context } = await signIn(INES, { javaScriptEnabled: false });
  const [reply] = await Promise.all([
    page.waitForResponse((one) => one.url().includes('/connect-ui/')),
    button(page, `Connect ${OAUTH}`).click(),
  ]);
  assert.equal(reply.status(), 200);
  assert.ok(new URL(reply.url()).searchParams.get('session_token'));
  await context.close();
});

test('a forged webhook is refused and changes nothing', async () => {
  const saved = app.saved();
  const forged = JSON.stringify({
    from: 'nango',
    type: 'auth',
    operation: 'creation',
    connectionId: 'forged',
    providerConfigKey: 'emulator',
    environment: 'dev',
    authMode: 'OAUTH2',
    provider: 'emulator-oauth2',
    success: true,
    tags: { end_user_id: 'user-jonas' },
  });
  const send = (body, headers) => fetch(`${app.url}/webhooks`, { method: 'POST', body, headers });
  const signed = (body, key, at = Date.now()) => {
    const [id, timestamp] = ['msg_1', String(Math.floor(at / 1000))];
    const tag = crypto.createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
    return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${tag}` };
  };
  const forgeries = {
    'no signature': [forged, {}],
    'another key': [forged, signed(forged, crypto.randomUUID())],
    'another body': [forged.replace('forged', 'forged2'), signed(forged, dev.signingKey)],
    'an hour old': [forged, signed(forged, dev.signingKey, Date.now() - 3_600_000)],
  };
  for (const [how, [body, headers]] of Object.entries(forgeries)) {
    assert.equal((await send(body, headers)).status, 401, how);
  }
  assert.equal(app.saved(), saved);

  // What is signed well and none of ours is accepted and changes nothing either.
  for (const other of ['{"type":"forward"}', forged.replace('user-jonas', 'nobody')]) {
    assert.equal((await send(other, signed(other, dev.signingKey))).status, 204);
  }
  assert.equal(app.saved(), saved);
  await jonas.page.reload();
  assert.equal(await cards(jonas.page).count(), 1);
});

test('requests of other sites, of other hosts, of nobody and of too much are refused', async () => {
  const { context } = ines;
  const disconnect = `${app.url}/accounts/${connectionId}/disconnect`;
  for (const headers of [{ origin: 'https://elsewhere.example' }, { origin: 'null' }, {}]) {
    assert.equal((await context.request.post(disconnect, { headers })).status(), 403);
  }
  assert.ok(await connectionAtServer(connectionId));
  const own = { origin: app.url };
  assert.equal((await fetch(disconnect, { method: 'POST', headers: own })).status, 401);
  assert.equal((await fetch(`${app.url}/accounts`)).status, 401);
  const large = 'x'.repeat(300 * 1024);
  assert.equal((await fetch(`${app.url}/webhooks`, { method: 'POST', body: large })).status, 413);
  assert.equal((await fetch(`${app.url}/sign-in`, { method: 'POST', headers: own, body: large })).status, 413);
  const rebound = await context.request.get(app.url, { headers: { host: 'elsewhere.example' } });
  assert.equal(rebound.status(), 421);
  const [cookie] = await context.cookies(app.url);
  assert.equal(cookie.httpOnly && cookie.sameSite, 'Lax');
});

test('disconnecting asks first, and ends the connection at the server', async () => {
  const { page } = ines;
  const mine = card(page, connectionId);
  await button(mine, `Disconnect ${OAUTH}`).click();
  await look(ines, 'sure');
  await page.getByRole('button', { name: 'Keep it' }).click();
  assert.ok(await connectionAtServer(connectionId));

  await button(mine, `Disconnect ${OAUTH}`).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Disconnect' }).click();
  await mine.waitFor({ state: 'detached' });
  assert.equal(await connectionAtServer(connectionId), null);
  assert.equal(await cards(page).count(), 1, 'the other account stays');
  assert.ok(!app.saved().includes(connectionId));
});

test('signing out ends the session; the choice of users has nothing of them', async () => {
  const { page, context } = ines;
  await page.getByRole('button', { name: 'Switch user' }).click();
  await page.getByRole('heading', { name: 'Sign in to Quaybell' }).waitFor();
  assert.equal((await context.request.get(`${app.url}/accounts`)).status(), 401);
  await look(ines, 'sign-in');
});

test('the README quotes the code as it is', () => {
  const bare = (text) => text.split('\n').map((line) => line.trim()).filter(Boolean).join('\n');
  const readme = fs.readFileSync(path.join(APP, 'README.md'), 'utf8');
  const quotes = [...readme.matchAll(/```js\n\/\/ (\S+)\n([^]*?)```/g)];
  assert.equal(quotes.length, 8);
  for (const [, file, code] of quotes) {
    assert.ok(bare(fs.readFileSync(path.join(APP, file), 'utf8')).includes(bare(code)), `${file} has not: ${code}`);
  }
});

test('the browser never complained, and no secret was written to the log', async () => {
  assert.deepEqual([...ines.complaints, ...jonas.complaints], []);
  const log = app.output();
  assert.ok(!log.includes(dev.key) && !log.includes(dev.signingKey) && !log.includes('nango_connect_session_'), log);
  assert.ok(!app.saved().includes('emu_at_') && !app.saved().includes('emk_'), 'no credentials on disk');
});

test('accounts outlive the app', async () => {
  await Promise.all([ines.context.close(), jonas.context.close()]);
  await app.stop();
  app = await startApp(dev, app.port);
  const { page } = await signIn(INES);
  await cards(page).getByText('Demo workspace').waitFor();
  assert.equal(await cards(page).count(), 1);
});
