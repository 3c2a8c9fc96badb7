// `valetkey dev` as a process: the server with its emulated provider, offline.

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { BINARY, environment } from './valetkey.mjs';
import { until, within } from './waiting.mjs';

const READY_MS = 60_000;
const STOP_MS = 30_000;

/** Start it in an empty folder on free ports; answers where everything is. */
export async function startDev() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'valetkey-dev-'));
  const child = spawn(BINARY, ['dev', '--port-base', '0', '--data-dir', folder], {
    env: environment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text) => (output = (output + text).slice(-100_000)));
  }
  const exit = new Promise((resolve) => child.once('close', resolve));
  const onExit = () => child.kill('SIGKILL');
  process.once('exit', onExit);
  const printed = (label) => output.match(new RegExp(`${label}\\s+(\\S+)`))?.[1];
  const stop = async () => {
    child.kill('SIGTERM');
    await within(STOP_MS, 'valetkey dev stops', exit).catch(() => child.kill('SIGKILL'));
    process.off('exit', onExit);
    fs.rmSync(folder, { recursive: true, force: true });
  };
  try {
    await until('valetkey dev is ready', () => printed('Signing key') !== undefined, { timeoutMs: READY_MS });
  } catch (error) {
    await stop();
    throw new Error(`${error.message}\n${output}`);
  }
  const url = printed('Server');
  const key = printed('API key \\(dev\\)');
  /** Call the public API and require success. */
  const call = async (method, target, body) => {
    const reply = await fetch(url + target, {
      method,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await reply.text();
    if (!reply.ok) throw new Error(`${method} ${target}: ${reply.status} ${text}`);
    return text ? JSON.parse(text) : undefined;
  };
  return { url, key, folder, signingKey: printed('Signing key'), providerUrl: printed('Provider'), dashboardUrl: printed('Dashboard'), call, stop };
}
