// Every snippet of the README, taken out of it and run against the real server, or type-checked.

import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { Valetkey } from '@valetkey/node';

import { startDev } from './stage/dev.mjs';
import { makeGrant } from './stage/grant.mjs';
import { listen } from './stage/listening.mjs';
import { until } from './stage/waiting.mjs';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
const API = 'https://api.example.com';
const STEP_MS = 60_000;

const readme = fs.readFileSync(path.join(PACKAGE, 'README.md'), 'utf8');
/** By the file name in their first line. */
const snippets = new Map(
  [...readme.matchAll(/^```m?[jt]s\n\/\/ ([\w.-]+)\n([\s\S]*?)^```$/gm)].map(([, name, code]) => [name, code]),
);
const unused = new Set(snippets.keys());

let dev;
let client;
let folder;
let env;
before(async () => {
  dev = await startDev();
  client = new Valetkey({ host: dev.url, apiKey: dev.key });
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'valetkey-readme-'));
  fs.mkdirSync(path.join(folder, 'node_modules/@valetkey'), { recursive: true });
  fs.symlinkSync(PACKAGE, path.join(folder, 'node_modules/@valetkey/node'));
  fs.symlinkSync(path.join(PACKAGE, 'node_modules/@types'), path.join(folder, 'node_modules/@types'));
  env = { PATH: process.env.PATH, VALETKEY_URL: dev.url, VALETKEY_API_KEY: dev.key, VALETKEY_SIGNING_KEY: dev.signingKey };
});
after(async () => {
  await dev?.stop();
  if (folder) fs.rmSync(folder, { recursive: true, force: true });
});

/** Write a snippet as a file. */
function written(name) {
  unused.delete(name);
  const file = path.join(folder, name);
  fs.writeFileSync(file, snippets.get(name).replaceAll(API, `${dev.providerUrl}/api`));
  return file;
}
/** Run a snippet to its end; answers what it printed. */
async function run(name, ...args) {
  const options = { env, cwd: folder, timeout: STEP_MS };
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [written(name), ...args], options);
  assert.equal(stderr, '');
  return stdout;
}
async function importGrant() {
  const grant = await makeGrant(dev.providerUrl);
  const connection = { provider_config_key: 'emulator', credentials: grant.credentials };
  const { connection_id: id } = await client.connections.import(connection);
  return { id, ...grant };
}

test('session.mjs', async () => {
  const link = (await run('session.mjs')).trim();
  assert.equal((await fetch(link)).status, 200);
});

test('token.mjs', async () => {
  const { id } = await importGrant();
  assert.match(await run('token.mjs', id), /^200 /);
});

test('call.mjs', async () => {
  const { id } = await importGrant();
  assert.match(await run('call.mjs', id), /^200 /);
});

test('reconnect.mjs and why.mjs', async () => {
  const { id, withdraw } = await importGrant();
  assert.equal(await run('reconnect.mjs', id), '');
  const { credentials } = await client.connections.get(id, 'emulator', { withRefreshToken: true });
  await withdraw(credentials.refresh_token);
  assert.match(await run('reconnect.mjs', id), /^Please connect again: http/);
  const [{ errors }] = await client.connections.list({ connectionId: id });
  await until('the log has it', () => client.logs.get(errors[0].log_id).catch(() => undefined));
  assert.match(await run('why.mjs'), new RegExp(`^${id} terminal \\w+\n$`, 'm'));
});

test('receiver.mjs', async () => {
  const unused = await listen(() => {});
  const { port } = new URL(unused.url);
  await unused.close();
  const child = spawn(process.execPath, [written('receiver.mjs')], { env: { ...env, PORT: port }, cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  const exit = new Promise((resolve) => child.once('close', resolve));
  try {
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
    const url = `http://127.0.0.1:${port}`;
    const forged = await until('it listens', () => fetch(url, { method: 'POST', body: '{}' }).catch(() => undefined));
    assert.equal(forged.status, 401);
    await dev.set(`webhook_url=${url}`, 'on_auth_creation=true', 'on_auth_refresh_error=true');
    // The server notices a moment later, and tells of what happens from then on.
    await until('the settings hold', async () => (await importGrant()) && output.includes('connected'));
    const { id, withdraw } = await importGrant();
    await withdraw();
    await client.connections.token(id, 'emulator', { forceRefresh: true }).catch(() => {});
    await until('both are printed', () => output.includes(`connected ${id}`) && output.includes(`failed refresh ${id}`));
    assert.match(output, /^webhook_header_missing$/m);
  } finally {
    child.kill('SIGKILL');
    await exit;
  }
});

test('catch-up.mjs', async () => {
  const events = await client.events.list({ limit: 1000 });
  const lines = async (...args) => (await run('catch-up.mjs', ...args)).trim().split('\n');
  assert.equal((await lines()).length, events.length);
  const [line, ...more] = await lines(events.at(-2).id);
  const { id, payload } = events.at(-1);
  assert.deepEqual([line, more], [`${id} auth ${payload.connectionId}`, []]);
});

test('import.cjs', async () => {
  assert.match(await run('import.cjs'), /'emulator-api-key', \{ plan: 'pro' \}/);
});

test('types.mts', () => {
  written('types.mts');
  const tsc = path.join(PACKAGE, 'node_modules/typescript/bin/tsc');
  const options = ['--noEmit', '--strict', '--module', 'node16', '--target', 'es2022', '--types', 'node'];
  execFileSync(process.execPath, [tsc, ...options, 'types.mts'], { cwd: folder, timeout: STEP_MS, stdio: 'pipe' });
});

test('no snippet is left out', () => {
  assert.equal(readme.match(/^```[a-z]+$/gm).length, snippets.size, 'each has a file name in its first line');
  assert.deepEqual([...unused], []);
});
