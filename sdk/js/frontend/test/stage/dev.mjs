// `valetkey dev` as a process: the real server with its emulated provider, offline.

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { until } from './waiting.mjs';

const REPOSITORY = fileURLToPath(new URL('../../../../../', import.meta.url));
const BINARY = process.env.VALETKEY_BIN ?? path.join(REPOSITORY, 'target/debug/valetkey');
const READY_MS = 60_000;
const STOP_MS = 20_000;
/** Who the sample app says is signed in: it breaks only this user's connections. */
const END_USER = { end_user_id: 'sample-user' };

/** Start it in an empty folder on free ports. */
export async function startDev() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'valetkey-frontend-'));
  const { PATH, TMPDIR } = process.env;
  const env = TMPDIR ? { PATH, TMPDIR } : { PATH };
  const child = spawn(BINARY, ['dev', '--port-base', '0', '--data-dir', folder], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text) => (output = (output + text).slice(-50_000)));
  }
  let ended = false;
  const exit = new Promise((resolve) => {
    child.once('error', (error) => resolve((output += error.message)));
    child.once('close', resolve);
  }).then(() => (ended = true));
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  // A run that is itself ended leaves no server behind.
  const end = () => process.exit(1);
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, end);
  const stop = async () => {
    const timer = setTimeout(kill, STOP_MS);
    child.kill('SIGTERM');
    await exit;
    clearTimeout(timer);
    process.off('exit', kill);
    for (const signal of ['SIGTERM', 'SIGINT']) process.off(signal, end);
    fs.rmSync(folder, { recursive: true, force: true });
  };
  const printed = (label) => output.match(new RegExp(`${label}\\s+(http\\S+|vk_\\S+)`))?.[1];
  const isReady = () => ended || /Signing key\s+\S/.test(output);
  await until('valetkey dev is ready', isReady, READY_MS).catch((error) => (output += error.message));
  if (ended || !printed('Server')) {
    await stop();
    throw new Error(`valetkey dev did not start:\n${output}`);
  }
  const [url, appUrl, key] = [printed('Server'), printed('Sample app'), printed('API key \\(dev\\)')];

  const call = async (method, target, body, base = url) => {
    const reply = await fetch(base + target, {
      method,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await reply.text();
    return { status: reply.status, body: text ? JSON.parse(text) : undefined };
  };
  const expect = async (method, target, body, base) => {
    const reply = await call(method, target, body, base);
    if (reply.status >= 300) throw new Error(`${method} ${target}: ${reply.status} ${JSON.stringify(reply.body)}`);
    return reply.body;
  };
  const at = (id, integration) => `/connections/${id}?provider_config_key=${integration}`;
  return {
    url,
    key,
    stop,
    integrate: (integration) => expect('POST', '/integrations', integration),
    session: async (...integrations) =>
      (await expect('POST', '/connect/sessions', { tags: END_USER, allowed_integrations: integrations })).data.token,
    reconnectSession: async (integration, id) =>
      (await expect('POST', '/connect/sessions/reconnect', { integration_id: integration, connection_id: id })).data.token,
    connection: (integration, id) => expect('GET', at(id, integration)),
    /** Ask the provider for a new token now. */
    refresh: (integration, id) => call('GET', `${at(id, integration)}&force_refresh=true`),
    /** The user withdraws the grant at the provider. */
    breakGrant: (integration, id) =>
      expect('POST', `/api/connections/${id}/break?integration=${integration}`, {}, appUrl),
    count: async (integration) =>
      (await expect('GET', `/connections?integrationId=${integration}`)).connections.length,
  };
}
