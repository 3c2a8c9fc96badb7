// Every snippet of the README, taken out of it and run: the backend's in Node, the pages' in a page.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { build } from 'esbuild';

import { PACKAGE, page as pageWith } from './stage/pages.mjs';
import { decide, openStage } from './stage/stage.mjs';

const HOST = 'https://connect.example.com';
const CONTROLS = `<button id="connect">Connect</button>
<form id="key-form"><input name="apiKey" aria-label="Key"><button>Save</button></form>
<p id="status"></p>
<div id="root"></div>`;
const readme = fs.readFileSync(path.join(PACKAGE, 'README.md'), 'utf8');
/** By the name in their first line. */
const snippets = new Map(
  [...readme.matchAll(/^```js\n\/\/ (backend|page: \w+).*\n([\s\S]*?)^```$/gm)].map(([, name, code]) => [name, code]),
);
const unused = new Set(snippets.keys());

let stage;
let dev;
let backend;
before(async () => {
  stage = await openStage();
  dev = stage.dev;
  process.env.VALETKEY_API_KEY = dev.key;
  backend = await import(`data:text/javascript,${encodeURIComponent(snippet('backend'))}`);
  stage.app.add('/api/connect-session', () => backend.createConnectSession({ id: 'sample-user' }));
});
after(() => stage?.close());

function snippet(name) {
  unused.delete(name);
  return snippets.get(name).replaceAll(HOST, dev.url);
}

/** A test of one page with its snippet. */
const inPage = (name, run, prepare = (code) => code) =>
  test(name, async () => {
    const code = await prepare(snippet(name));
    stage.app.add('/snippet', pageWith(`${CONTROLS}<script type="module">${code}</script>`));
    const customer = await stage.open('/snippet');
    try {
      await run(customer);
      assert.deepEqual(customer.errors, []);
    } finally {
      await customer.close();
    }
  });

const frameOf = (page) => page.frameLocator('iframe');
const chooseOAuth = async (page) => {
  await frameOf(page).getByRole('button', { name: /OAuth 2/ }).click();
  const opened = page.waitForEvent('popup');
  await frameOf(page).getByRole('button', { name: /connect/i }).last().click();
  await decide(await opened, 'Approve');
  await frameOf(page).getByRole('heading', { name: /connected/i }).waitFor();
};
const finish = (page) => frameOf(page).getByRole('button', { name: /close|finish|done/i }).last().click();
const connect = (page) => page.getByRole('button', { name: 'Connect', exact: true }).click();
const status = (page, text) => page.locator('#status').filter({ hasText: text }).waitFor();

inPage('page: promise', async ({ page }) => {
  await connect(page);
  await chooseOAuth(page);
  await finish(page);
  await status(page, /^Connected: [0-9a-f-]{36}$/);
});

inPage('page: events', async ({ page }) => {
  await connect(page);
  await chooseOAuth(page);
  await status(page, /^Connected: [0-9a-f-]{36}$/);
  await finish(page);
  await page.locator('#status.closed').waitFor();
});

inPage('page: popup', async ({ page }) => {
  const opened = page.waitForEvent('popup');
  await connect(page);
  await status(page, 'Continue in the other window.');
  await decide(await opened, 'Approve');
  await status(page, /^Connected: /);

  await page.evaluate(() => (window.open = () => null));
  await connect(page);
  const linked = page.context().waitForEvent('page');
  await page.getByRole('link', { name: 'Open the window' }).click();
  await decide(await linked, 'Approve');
  await status(page, /^Connected: /);
});

inPage('page: form', async ({ page }) => {
  await page.getByRole('button', { name: 'Save' }).click();
  await status(page, /not valid/);
  assert.match(await page.getByLabel('Key').evaluate((input) => input.validationMessage), /too small/i);
  await page.getByLabel('Key').evaluate((input) => input.setCustomValidity(''));
  await page.getByLabel('Key').fill('emk_demo_1234567890');
  await page.getByRole('button', { name: 'Save' }).click();
  await status(page, /^Connected: /);
});

inPage('page: reconnect', async ({ page, press }) => {
  const token = await dev.session('emulator');
  const opened = page.waitForEvent('popup');
  const made = await press(
    ({ host, token }) => new window.Valetkey({ host, sessionToken: token }).auth('emulator'),
    { host: dev.url, token },
  );
  await decide(await opened, 'Approve');
  const { connectionId } = (await made.outcome).value;
  stage.app.add('/api/reconnect-session', async () => ({ token: await dev.reconnectSession('emulator', connectionId) }));
  const reopened = page.waitForEvent('popup');
  await connect(page);
  await decide(await reopened, 'Approve');
  await status(page, `Repaired: ${connectionId}`);
});

inPage(
  'page: react',
  async ({ page }) => {
    await page.getByRole('button', { name: 'Link it' }).click();
    await chooseOAuth(page);
    await page.getByText('connected 1', { exact: true }).waitFor();
    await finish(page);
    await page.getByText('closed 1', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Link it' }).click();
    await page.locator('iframe').waitFor();
    await page.evaluate(() => window.root.unmount());
    assert.equal(await page.locator('iframe').count(), 0);
  },
  async (hook) => {
    const app = `${hook}
      import { createElement, StrictMode } from 'react';
      import { createRoot } from 'react-dom/client';
      const sessionToken = async () => (await (await fetch('/api/connect-session', { method: 'POST' })).json()).token;
      function App() {
        const { connect, state, connections } = useConnect({ host: '${dev.url}', sessionToken });
        return createElement('p', {}, createElement('button', { onClick: connect }, 'Link it'),
          createElement('span', {}, state + ' ' + connections.length));
      }
      window.root = createRoot(document.getElementById('root'));
      window.root.render(createElement(StrictMode, {}, createElement(App)));`;
    const bundled = await build({
      stdin: { contents: app, resolveDir: PACKAGE },
      bundle: true,
      write: false,
      format: 'esm',
      external: ['@valetkey/frontend'],
      define: { 'process.env.NODE_ENV': '"development"' },
    });
    stage.app.add('/react.js', bundled.outputFiles[0].text);
    return "await import('/react.js');";
  },
);

test('no snippet is left out', () => {
  assert.equal(readme.match(/^```js$/gm).length, snippets.size, 'each has a name in its first line');
  assert.deepEqual([...unused], []);
});
