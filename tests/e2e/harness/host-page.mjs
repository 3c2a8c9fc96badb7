// The customer's page around the Connect UI: it opens the frame with a published frontend package and
// keeps what the frame says.

import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

import { listen } from './listening.mjs';
import { FRONTEND_SDKS, OLDEST_FRONTEND_SDK } from './sdks.mjs';

const WAIT_MS = 20_000;
/** The customer's page: what the frame says is kept, in order, and so is what was said to it. */
const PAGE = `<!doctype html><meta charset="utf-8"><title>Host</title>
<button id="open">Open</button>
<script type="module">
  window.events = [];
  window.raw = [];
  addEventListener('message', (event) => window.raw.push({ origin: event.origin, data: event.data }));
  window.openUi = async (folder, options) => {
    const { default: Frontend } = await import('/sdk/' + folder + '/index.js');
    const frontend = new Frontend({ host: options.apiURL, connectSessionToken: options.sessionToken || 'x' });
    window.ui = frontend.openConnectUI({ ...options, onEvent: (event) => window.events.push(event) });
  };
  window.loaded = true;
</script>`;


/** Start it. */
export async function startHostPage() {
  const server = await listen(serve);
  return { ...server, open: (browser, request) => open(server.url, browser, request) };
}

function serve(request, response) {
  const { pathname } = new URL(request.url, 'http://app');
  const [, folder, name] = /^\/sdk\/([a-z-]+)\/([A-Za-z.]+\.js)$/.exec(pathname) ?? [];
  const sdk = [...FRONTEND_SDKS, OLDEST_FRONTEND_SDK].find((one) => one.folder === folder);
  if (!sdk) {
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(PAGE);
    return;
  }
  const roots = createRequire(import.meta.url).resolve.paths(sdk.npm) ?? [];
  const file = roots.map((root) => path.join(root, sdk.npm, 'dist', name)).find((one) => fs.existsSync(one));
  response.writeHead(file ? 200 : 404, { 'content-type': 'text/javascript; charset=utf-8' }).end(file ? fs.readFileSync(file) : '');
}

/**
 * Open the page and, in it, the Connect UI, with the options of the package's `openConnectUI`.
 * @param {{ sdk?: string, options: object, viewport?: object }} request
 */
async function open(url, browser, { sdk = 'current', options, viewport = { width: 1000, height: 800 } }) {
  const context = await browser.newContext({ viewport });
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT_MS);
  await page.goto(url);
  await page.waitForFunction(() => window.loaded);
  await page.evaluate(([folder, given]) => window.openUi(folder, given), [sdk, options]);
  const frame = page.frameLocator('iframe#connect-ui');
  return {
    context,
    page,
    frame,
    /** What stands for the frame where a popup has to be waited for. */
    popups: { waitForEvent: (...args) => page.waitForEvent(...args), locator: (...args) => frame.locator(...args) },
    events: () => page.evaluate(() => window.events),
  };
}
