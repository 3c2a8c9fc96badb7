// The package as it would be published: what is in it, how large it is, and that it loads and types
// check in both module systems.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
const PACKED_BYTES_MAX = 55_000;
const UNPACKED_BYTES_MAX = 450_000;
const STEP_MS = 60_000;

let folder;
let installed;
let packed;
const run = (program, args, cwd = folder) =>
  execFileSync(program, args, { cwd, encoding: 'utf8', timeout: STEP_MS, stdio: ['ignore', 'pipe', 'pipe'] });

before(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'valetkey-package-'));
  const pack = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
  [packed] = JSON.parse(run('npm', pack, PACKAGE));
  fs.writeFileSync(path.join(folder, 'package.json'), '{ "private": true }');
  run('npm', ['install', '--offline', '--no-audit', '--no-fund', path.join(folder, packed.filename)]);
  fs.symlinkSync(path.join(PACKAGE, 'node_modules/@types'), path.join(folder, 'node_modules/@types'));
  installed = path.join(folder, 'node_modules/@valetkey/node');
});
after(() => fs.rmSync(folder, { recursive: true, force: true }));

test('it is small', (context) => {
  context.diagnostic(`${packed.size} bytes packed, at most ${PACKED_BYTES_MAX}`);
  context.diagnostic(`${packed.unpackedSize} bytes unpacked, at most ${UNPACKED_BYTES_MAX}`);
  assert.ok(packed.size <= PACKED_BYTES_MAX && packed.unpackedSize <= UNPACKED_BYTES_MAX);
});

test('it has what it needs and nothing else', () => {
  const files = fs.readdirSync(installed, { recursive: true }).map(String).sort();
  const expected = /^(dist(\/(esm|cjs)(\/resources)?(\/[\w-]+(\.d\.ts|\.js|\.json))?)?|package\.json|README\.md|LICENSE)$/;
  assert.deepEqual(files.filter((file) => !expected.test(file)), []);
  assert.ok(files.includes('LICENSE') && files.includes('README.md'));
  const manifest = JSON.parse(fs.readFileSync(path.join(installed, 'package.json'), 'utf8'));
  assert.equal(manifest.dependencies, undefined, 'no runtime dependency');
  assert.equal(manifest.license, 'Apache-2.0');
  assert.equal(manifest.sideEffects, false);
  for (const file of files.filter((file) => /\.(js|ts)$/.test(file)))
    assert.ok(!fs.readFileSync(path.join(installed, file), 'utf8').includes(PACKAGE), `${file} names no machine`);
});

const CHECK = `
  const client = new m.Valetkey({ host: 'http://127.0.0.1:1', apiKey: 'k', retries: 0 });
  if (m.default !== m.Valetkey || m.verifyWebhook.name !== w.verifyWebhook.name) throw new Error('exports');
  if ('Http' in m || 'Deadline' in m) throw new Error('what is internal is exported');
  client.health.check().then(() => { throw new Error('who answered?'); }, (error) => {
    if (!(error instanceof m.ValetkeyError) || error.code !== 'network_error') throw error;
    try { w.verifyWebhook({ body: '', headers: {}, signingKey: 'k' }); } catch (problem) {
      if (problem instanceof m.ValetkeyError && problem.code === 'webhook_header_missing') console.log('fine');
    }
  });
`;

test('it loads as an ES module', () => {
  const code = `import * as m from '@valetkey/node'; import * as w from '@valetkey/node/webhooks'; ${CHECK}`;
  fs.writeFileSync(path.join(folder, 'load.mjs'), code);
  assert.equal(run(process.execPath, ['load.mjs']).trim(), 'fine');
});

test('it loads with require', () => {
  const code = `const m = require('@valetkey/node'); const w = require('@valetkey/node/webhooks'); ${CHECK}`;
  fs.writeFileSync(path.join(folder, 'load.cjs'), code);
  assert.equal(run(process.execPath, ['load.cjs']).trim(), 'fine');
});

test('its types hold for both, and tell events and credentials apart', () => {
  const code = `
import { type Connection, type Delivery, type FeedEvent, type Integration, type NewConnectSession, Valetkey, ValetkeyError } from '@valetkey/node';
import { verifyWebhook, type WebhookEvent } from '@valetkey/node/webhooks';
import type { IncomingHttpHeaders } from 'node:http';

const client = new Valetkey({ host: 'https://x.example', apiKey: 'k', fetch, timeoutMs: 1, retries: 0 });
export async function calls(signal: AbortSignal, headers: IncomingHttpHeaders) {
  const session: NewConnectSession = { end_user: { id: 'u' }, allowed_integrations: ['a'] };
  const made: { token: string; connect_link: string; expires_at: string } = await client.connectSessions.create(session, { signal });
  // @ts-expect-error there is no such member
  await client.connectSessions.create({ endUser: 1 });
  // @ts-expect-error the connection is required
  await client.connectSessions.reconnect({ integration_id: 'a' });
  const connection: Connection = await client.connections.get('c', 'i', { forceRefresh: true, signal });
  if (connection.credentials.type === 'OAUTH2') { const token: string = connection.credentials.access_token; void token; }
  // @ts-expect-error not every type has one
  connection.credentials.access_token;
  const anything: unknown = connection.connection_config.subdomain;
  await client.connections.import({ provider_config_key: 'k', credentials: { type: 'API_KEY', apiKey: 'x' }, connection_config: { subdomain: 'a' } });
  // @ts-expect-error an API key is called apiKey
  await client.connections.import({ provider_config_key: 'k', credentials: { type: 'API_KEY', key: 'x' } });
  for await (const one of client.connections.all({ tags: { a: 'b' }, pageSize: 5 }, { signal })) { const id: string = one.connection_id; void id; }
  for await (const event of client.events.follow({ intervalMs: 5 })) { const last: FeedEvent = event; void last; }
  const waiting: Delivery[] = await client.deliveries.list({ state: 'dead' });
  // @ts-expect-error there is no such state
  await client.deliveries.list({ state: 'lost' });
  const integration: Integration = await client.integrations.get('i', { include: ['credentials'] });
  const event: WebhookEvent = verifyWebhook({ body: Buffer.from('x'), headers, signingKeys: ['k'] });
  verifyWebhook({ body: 'x', headers: new Headers(), signingKey: 'k', toleranceSeconds: 1 });
  if (event.type === 'forward') { const payload: unknown = event.payload; return payload; }
  if (!event.success) { const what: string = event.error.type; return what; }
  // @ts-expect-error nothing failed
  event.error;
  const operation: 'creation' | 'override' | 'refresh' = event.operation;
  return [made.token, anything, waiting, integration.provider, event.endUser?.endUserEmail, operation];
}
export function caught(error: unknown): boolean {
  return error instanceof ValetkeyError && (error.code === 'timeout' || error.needsReconnect || error.issues.length > 0);
}
// @ts-expect-error the API key is required
void (() => new Valetkey({ host: 'x' }));
`;
  fs.writeFileSync(path.join(folder, 'types.mts'), code);
  fs.writeFileSync(path.join(folder, 'types.cts'), code);
  const tsc = path.join(PACKAGE, 'node_modules/typescript/bin/tsc');
  for (const [module, resolution, files] of [
    ['node16', 'node16', ['types.mts', 'types.cts']],
    ['esnext', 'bundler', ['types.mts']],
    ['commonjs', 'node10', ['types.cts']],
  ]) {
    const options = ['--noEmit', '--strict', '--module', module, '--moduleResolution', resolution, '--target', 'es2022', '--lib', 'es2022', '--types', 'node'];
    try {
      run(process.execPath, [tsc, ...options, ...files]);
    } catch (error) {
      assert.fail(`${module}: ${error.stdout}${error.stderr}`);
    }
  }
});
