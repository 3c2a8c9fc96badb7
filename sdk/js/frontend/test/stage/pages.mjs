// The customer's app: pages on loopback, from another origin than the server, with the built package.

import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const PACKAGE = fileURLToPath(new URL('../../', import.meta.url));
const JS = 'text/javascript; charset=utf-8';
const HTML = 'text/html; charset=utf-8';
/** The page `/sever` cuts the ties to whoever opened it, as some providers' pages do, and goes on. */
const SEVERED = { 'cross-origin-opener-policy': 'same-origin' };

/** A page with the package, a button that runs `window.go`, and `more`. */
export const page = (more = '') => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>The customer's app</title>
<link rel="icon" href="data:,">
<script type="importmap">{ "imports": { "@valetkey/frontend": "/package/dist/esm/index.js" } }</script>
<button id="go">Go</button>
${more}
<script type="module">
  Object.assign(window, await import('@valetkey/frontend'));
  document.getElementById('go').addEventListener('click', () => { window.outcome = window.go(); });
  window.loaded = true;
</script>
</html>
`;

/**
 * Serve pages. `add(path, content)` adds one; a function as content is the app's backend: it gets the
 * parsed body and answers JSON.
 */
export async function startPages() {
  const added = new Map([
    ['/', page()],
    ['/sever', '<!doctype html><script>location.replace(location.hash.slice(1))</script>'],
  ]);
  const server = http.createServer(async (request, response) => {
    const { pathname } = new URL(request.url, 'http://app');
    const content = added.get(pathname);
    const file = pathname.startsWith('/package/') && path.join(PACKAGE, path.normalize(pathname.slice(9)));
    if (typeof content === 'function') {
      const body = await content(request);
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    } else if (content !== undefined) {
      const headers = pathname === '/sever' ? SEVERED : {};
      response.writeHead(200, { 'content-type': pathname.endsWith('.js') ? JS : HTML, ...headers }).end(content);
    } else if (file && file.startsWith(path.join(PACKAGE, 'dist')) && fs.existsSync(file)) {
      response.writeHead(200, { 'content-type': JS }).end(fs.readFileSync(file));
    } else {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    add: (at, content) => void added.set(at, content),
    close: () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  };
}
