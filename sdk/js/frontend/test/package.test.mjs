// The package as it would be published: what is in it, how large it is, and that it loads and types
// check in both module systems.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';

import { PACKAGE } from './stage/pages.mjs';

const GZIPPED_BYTES_MAX = 5_000;
const STEP_MS = 60_000;

let folder;
let installed;
const run = (program, args, cwd = folder) =>
  execFileSync(program, args, { cwd, encoding: 'utf8', timeout: STEP_MS, stdio: ['ignore', 'pipe', 'pipe'] });

before(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'valetkey-package-'));
  const [{ filename }] = JSON.parse(
    run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], PACKAGE),
  );
  fs.writeFileSync(path.join(folder, 'package.json'), '{ "private": true }');
  run('npm', ['install', '--offline', '--no-audit', '--no-fund', path.join(folder, filename)]);
  installed = path.join(folder, 'node_modules/@valetkey/frontend');
});
after(() => fs.rmSync(folder, { recursive: true, force: true }));

test('it is small', (context) => {
  for (const format of ['esm', 'cjs']) {
    const bytes = gzipSync(fs.readFileSync(path.join(installed, 'dist', format, 'index.js')), { level: 9 }).length;
    context.diagnostic(`${format}: ${bytes} bytes gzipped, at most ${GZIPPED_BYTES_MAX}`);
    assert.ok(bytes <= GZIPPED_BYTES_MAX, `${format} has ${bytes} bytes gzipped`);
  }
});

test('it has what it needs and nothing else', () => {
  const files = fs.readdirSync(installed, { recursive: true }).map(String).sort();
  const unexpected = files.filter((file) => !/^(dist(\/(esm|cjs)(\/[\w-]+(\.d\.ts|\.js|\.js\.map|\.json))?)?|package\.json|README\.md|LICENSE)$/.test(file));
  assert.deepEqual(unexpected, []);
  assert.ok(files.includes('LICENSE') && files.includes('README.md'));
  const { dependencies } = JSON.parse(fs.readFileSync(path.join(installed, 'package.json'), 'utf8'));
  assert.equal(dependencies, undefined, 'no runtime dependency');
  for (const file of files.filter((file) => /\.(js|map|ts)$/.test(file)))
    assert.doesNotMatch(fs.readFileSync(path.join(installed, file), 'utf8'), new RegExp(PACKAGE), `${file} names no machine`);
});

const CHECK = `
  if (typeof m.Valetkey !== 'function' || m.default !== m.Valetkey) throw new Error('no Valetkey');
  const valetkey = new m.Valetkey({ host: 'https://connect.example.com', sessionToken: 'secret-token' });
  try { new m.Valetkey({ host: 'x' }); throw new Error('not refused'); }
  catch (error) { if (!(error instanceof m.AuthError) || error.type !== 'invalid_host_url') throw error; }
  if (/secret-token/.test(require('node:util').inspect(valetkey) + JSON.stringify(valetkey))) throw new Error('token shown');
  console.log('fine');
`;

test('it loads as an ES module, also on a server', () => {
  const code = `import * as m from '@valetkey/frontend'; import { createRequire } from 'node:module';
    const require = createRequire(import.meta.url); ${CHECK}`;
  fs.writeFileSync(path.join(folder, 'load.mjs'), code);
  assert.equal(run(process.execPath, ['load.mjs']).trim(), 'fine');
});

test('it loads with require', () => {
  fs.writeFileSync(path.join(folder, 'load.cjs'), `const m = require('@valetkey/frontend'); ${CHECK}`);
  assert.equal(run(process.execPath, ['load.cjs']).trim(), 'fine');
});

test('its types hold for both, and tell events and states apart', () => {
  const code = `
import Valetkey, { AuthError, PopupBlockedError, type AuthState, type ConnectUIEvent, type Credentials } from '@valetkey/frontend';

const valetkey = new Valetkey({ host: 'https://x.example', sessionToken: async () => 't', popup: { width: 1 } });
const ui = valetkey.openConnectUI({ theme: 'dark', onEvent: (event: ConnectUIEvent) => {
  if (event.type === 'connect') { const id: string = event.payload.connectionId; void id; }
  if (event.type === 'error') { const text: string = event.payload.errorMessage; void text; }
  // @ts-expect-error a ready has no payload
  if (event.type === 'ready') event.payload;
} });
const stop: () => void = ui.on('connect', ({ payload }) => payload.providerConfigKey);
ui.on('state', ({ state, connections }) => { const n: number = connections.length; void n; return state === 'active'; });
// @ts-expect-error there is no such event
ui.on('nothing', () => {});
ui.result.then((outcome) => {
  if (outcome.status === 'connected') return outcome.connections.length;
  // @ts-expect-error nothing was made
  return outcome.connections;
});
const onState = (step: AuthState) => {
  if (step.state === 'popup_opened') step.focus();
  if (step.state === 'failed') { const error: AuthError = step.error; void error.issues[0]?.path; }
  // @ts-expect-error no result yet
  if (step.state === 'waiting') step.result;
};
const apiKey: Credentials = { apiKey: 'x' };
// @ts-expect-error an API key is called apiKey
const wrong: Credentials = { type: 'API_KEY', key: 'x' };
// @ts-expect-error the host is required
void (() => new Valetkey({}));
// @ts-expect-error no such theme
void (() => valetkey.openConnectUI({ theme: 'pink' }));
valetkey.auth('k', { credentials: apiKey, onState, authorizationParams: { a: undefined } }).catch((error: unknown) => {
  if (error instanceof PopupBlockedError) { const url: string = error.url; void url; return error.retry(); }
  return null;
});
void stop; void wrong;
`;
  fs.writeFileSync(path.join(folder, 'types.mts'), code);
  // The same as CommonJS, where the default export is a member.
  const asRequired = code.replace(/^\nimport Valetkey, \{/, "\nimport { Valetkey,");
  fs.writeFileSync(path.join(folder, 'types.cts'), asRequired);
  const tsc = path.join(PACKAGE, 'node_modules/typescript/bin/tsc');
  for (const [module, files] of [['node16', ['types.mts', 'types.cts']], ['esnext', ['types.mts']]]) {
    const resolution = module === 'esnext' ? 'bundler' : module;
    const options = ['--noEmit', '--strict', '--module', module, '--moduleResolution', resolution, '--target', 'es2022', '--lib', 'es2022,dom', '--types', ''];
    try {
      run(process.execPath, [tsc, ...options, ...files]);
    } catch (error) {
      assert.fail(`${module}: ${error.stdout}${error.stderr}`);
    }
  }
});
