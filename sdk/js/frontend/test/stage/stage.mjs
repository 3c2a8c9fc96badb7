// The server, the customer's app and a browser, started together and stopped together.

import { chromium } from 'playwright-core';

import { startDev } from './dev.mjs';
import { startPages } from './pages.mjs';

const EXECUTABLE = process.env.VALETKEY_TEST_CHROMIUM ?? '/usr/bin/chromium';
const WAIT_MS = 20_000;
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Open a stage. */
export async function openStage() {
  const undo = [];
  const close = async () => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    const dev = await startDev();
    undo.push(() => dev.stop());
    const app = await startPages();
    undo.push(() => app.close());
    // Windows are blocked here as they are for users.
    const browser = await chromium.launch({
      executablePath: EXECUTABLE,
      args: FLAGS,
      ignoreDefaultArgs: ['--disable-popup-blocking'],
    });
    undo.push(() => browser.close());
    const open = (path) => openPage(browser, app.url + path);
    return { dev, app, close, open };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A page of a customer who has never been here. `popup()` is the next popup. */
async function openPage(browser, url) {
  const context = await browser.newContext();
  context.setDefaultTimeout(WAIT_MS);
  const page = await context.newPage();
  const errors = [];
  page.on('pageerror', (error) => errors.push(error));
  await page.goto(url);
  await page.waitForFunction(() => window.loaded);
  return {
    page,
    context,
    /** What the page threw and nobody caught. */
    errors,
    /** Run `task(args)` in the page, from a click. Answers `{ value }` or `{ error }`. */
    press: async (task, args = {}) => {
      await page.evaluate(
        ([code, args]) => {
          const run = new Function(`return ${code}`)();
          window.go = async () => {
            try {
              return { value: await run(args) };
            } catch (error) {
              const { name, type, message, issues, status, reason, operationId } = error;
              const isAuthError = error instanceof window.AuthError;
              return { error: { name, type, message, issues, status, reason, operationId, isAuthError } };
            }
          };
        },
        [String(task), args],
      );
      await page.click('#go');
      const outcome = page.evaluate(() => window.outcome);
      // Who awaits it comes later.
      outcome.catch(() => {});
      return { outcome };
    },
    close: () => context.close(),
  };
}

/** Answer the emulated provider's question in its popup. */
export const decide = (popup, name) => popup.getByRole('button', { name }).click();
