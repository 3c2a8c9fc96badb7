// Files for the browser: these and no others, read once at the start.

import { createHash } from 'node:crypto';
import fs from 'node:fs';

const FILES = {
  'style.css': ['text/css', new URL('../public/style.css', import.meta.url)],
  'page.js': ['text/javascript', new URL('../public/page.js', import.meta.url)],
  'icon.svg': ['image/svg+xml', new URL('../public/icon.svg', import.meta.url)],
  'open-connect-ui.js': ['text/javascript', new URL('../steps/2-open-connect-ui.js', import.meta.url)],
  // The package as it is published: one ES module without dependencies.
  'valetkey-frontend.js': ['text/javascript', new URL(import.meta.resolve('@valetkey/frontend'))],
};

const assets = new Map();
for (const [name, [type, file]] of Object.entries(FILES)) {
  const bytes = fs.readFileSync(file);
  const etag = `"${createHash('sha256').update(bytes).digest('base64url')}"`;
  assets.set(name, { bytes, headers: { 'content-type': `${type}; charset=utf-8`, 'cache-control': 'no-cache', etag } });
}

/** Answers `GET /assets/{name}`; false when there is no such file. */
export function serveAsset(request, response, name) {
  const asset = assets.get(name);
  if (!asset) return false;
  const known = request.headers['if-none-match'] === asset.headers.etag;
  response.writeHead(known ? 304 : 200, asset.headers).end(known ? undefined : asset.bytes);
  return true;
}
