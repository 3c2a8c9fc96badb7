// A headless Chromium and the customer's app in it: a page with one button that calls the frontend
// package, which is served as published.

import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

import { chromium } from 'playwright-core';

import { listen } from './listening.mjs';
import { FRONTEND_SDKS } from './sdks.mjs';

const EXECUTABLE = process.env.VALETKEY_TEST_CHROMIUM ?? '/usr/bin/chromium';
const OUTCOME_MS = 60_000;
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const PAGE = `<!doctype html>
<meta charset="utf-8">
<title>The customer's app</title>
<button id="go">Connect</button>
<script type="module">
  document.getElementById('go').addEventListener('click', async () => {
    const { sdk, host, token, method, args } = window.request;
    const { default: Frontend, AuthError } = await import('/sdk/' + sdk + '/index.js');
    const frontend = new Frontend({ host, connectSessionToken: token });
    try {
      window.outcome = { result: await frontend[method](...args) };
    } catch (error) {
      const { name, type, message } = error;
      window.outcome = { error: { name, type, message, isAuthError: error instanceof AuthError } };
    }
  });
  window.loaded = true;
</script>
`;

/** Start the browser alone. */
export const startChromium = () => chromium.launch({ executablePath: EXECUTABLE, args: FLAGS });

/** Start the browser and the app. */
export async function startBrowser() {
  const app = await listen(serveApp);
  const browser = await startChromium().catch(async (error) => {
    await app.close();
    throw error;
  });
  return {
    /** A customer who has never been here: no cookies, no sessions. */
    customer: () => openCustomer(browser, app.url),
    close: async () => {
      await browser.close();
      await app.close();
    },
  };
}

async function openCustomer(browser, appUrl) {
  const context = await browser.newContext();
  return {
    /**
     * Press Connect: `method` of the frontend package with `args`. Answers `{ result }` or `{ error }`,
     * and how many popups opened. `inPopup` is what the person does in one: it gets the popup's page.
     */
    connect: async ({ sdk, host, token, method = 'auth', args, inPopup }) => {
      const page = await context.newPage();
      const popups = [];
      let trouble;
      page.on('popup', (popup) => {
        popups.push(popup);
        inPopup?.(popup).catch((error) => (trouble = error));
      });
      try {
        await page.goto(appUrl);
        await page.waitForFunction(() => window.loaded);
        await page.evaluate((request) => (window.request = request), { sdk, host, token, method, args });
        await page.click('#go');
        await page.waitForFunction(() => window.outcome, undefined, { timeout: OUTCOME_MS }).catch((error) => {
          const where = popups.map((popup) => popup.url()).join(', ') || 'none';
          throw new Error(`no outcome in the page; popups at: ${where}`, { cause: trouble ?? error });
        });
        const outcome = await page.evaluate(() => window.outcome);
        return { ...outcome, popups: popups.length };
      } finally {
        await page.close();
      }
    },
    close: () => context.close(),
  };
}

function serveApp(request, response) {
  const { pathname } = new URL(request.url, 'http://app');
  if (pathname === '/') {
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(PAGE);
    return;
  }
  const [, folder, name] = /^\/sdk\/([a-z-]+)\/([A-Za-z.]+\.js)$/.exec(pathname) ?? [];
  const sdk = FRONTEND_SDKS.find((one) => one.folder === folder);
  const file = sdk && path.join(distFolder(sdk.npm), name);
  if (!file || !fs.existsSync(file)) {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(200, { 'content-type': 'text/javascript; charset=utf-8' }).end(fs.readFileSync(file));
}

function distFolder(npm) {
  const require = createRequire(import.meta.url);
  const roots = require.resolve.paths(npm) ?? [];
  const root = roots.map((one) => path.join(one, npm, 'dist')).find((one) => fs.existsSync(one));
  if (!root) throw new Error(`${npm} is not installed`);
  return root;
}
