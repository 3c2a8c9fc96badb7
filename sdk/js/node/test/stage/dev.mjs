// `valetkey dev` as a process: the real server with its emulated provider, offline.

import { execFile, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { until } from './waiting.mjs';

const REPOSITORY = fileURLToPath(new URL('../../../../../', import.meta.url));
const BINARY = process.env.VALETKEY_BIN ?? path.join(REPOSITORY, 'target/debug/valetkey');
const READY_MS = 60_000;
const STOP_MS = 20_000;
const COMMAND_MS = 30_000;

/** Start it in an empty folder on free ports. */
export async function startDev() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'valetkey-node-'));
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
  const printed = (label) => output.match(new RegExp(`${label}\\s+(\\S+)`))?.[1];
  const isReady = () => ended || /Signing key\s+\S+\s/.test(output);
  await until('valetkey dev is ready', isReady, READY_MS).catch((error) => (output += error.message));
  if (ended || !printed('Server')) {
    await stop();
    throw new Error(`valetkey dev did not start:\n${output}`);
  }
  /** Run another command of the binary beside the server; answers what it printed. */
  const command = async (...args) => {
    const options = { env: { ...env, VALETKEY_EGRESS_ALLOW: '127.0.0.0/8' }, timeout: COMMAND_MS };
    const { stdout } = await promisify(execFile)(BINARY, [...args, '--data-dir', folder], options);
    return stdout.trim();
  };
  return {
    url: printed('Server'),
    key: printed('API key \\(dev\\)'),
    signingKey: printed('Signing key'),
    inboxUrl: printed('Webhook inbox'),
    providerUrl: printed('Provider'),
    command,
    /** Change settings of the environment. */
    set: (...settings) => command('env', 'set', 'dev', ...settings),
    stop,
  };
}
