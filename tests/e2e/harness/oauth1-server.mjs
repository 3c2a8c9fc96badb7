// A real OAuth 1.0a service: RFC 5849 as the Python package oauthlib checks it, in a process of its own.

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { within } from './waiting.mjs';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const SCRIPT = path.resolve(HERE, '../python/oauth1_server.py');
const PYTHON = process.env.VALETKEY_TEST_PYTHON ?? path.resolve(HERE, '../../../target/e2e-python/bin/python');
const START_MS = 30_000;
const STOP_MS = 10_000;
const LOG_CHARS_MAX = 50_000;

/** Consumers of the service by the signature each has to make. oauthlib wants keys of 20 to 30 characters. */
export const CONSUMERS = {
  'HMAC-SHA1': { key: 'consumerWithSha1Hmac', secret: 'sha1-hush-4c & more' },
  'HMAC-SHA256': { key: 'consumerWithSha256Hmac', secret: 'sha256-hush-91+8' },
  PLAINTEXT: { key: 'consumerWithPlainText', secret: 'plain-hush-%7e' },
};

/** A consumer whose calls name an account as their realm, and a token made for it beforehand. */
export const ACCOUNT = {
  key: 'consumerOfAnAccount0',
  secret: 'account-hush-2b',
  realm: '1234567_SB1',
  token: { id: 'tokenMadeBeforehand1', secret: 'token-hush-7d' },
};

/** Why the service cannot run here, or false. CI does not accept a reason. */
export function oauth1Missing() {
  if (fs.existsSync(PYTHON)) return false;
  const reason = `there is no ${PYTHON}; cargo xtask test installs it, VALETKEY_TEST_PYTHON names another`;
  if (process.env.CI) throw new Error(`CI must run the OAuth 1 suite, but ${reason}`);
  console.error(`SKIPPED: the OAuth 1 suite: ${reason}`);
  return reason;
}

/** Start it. `seen()` lists the signed requests that came in: `{ path, method, scheme, said }`. */
export async function startOAuth1Server() {
  const child = spawn(PYTHON, [SCRIPT, JSON.stringify(known())], { stdio: ['pipe', 'pipe', 'pipe'] });
  let log = '';
  child.stderr.setEncoding('utf8');
  child.stderr.on('data', (text) => (log = (log + text).slice(-LOG_CHARS_MAX)));
  const exit = new Promise((resolve) => {
    child.once('error', resolve);
    child.once('exit', resolve);
  });
  // It ends with its standard input, so also when this process is ended without a word.
  child.stdin.on('error', () => {});
  const close = async () => {
    child.stdin.end();
    await within(STOP_MS, 'the OAuth 1 server ends', exit).catch(() => child.kill('SIGKILL'));
  };
  try {
    const lines = createInterface({ input: child.stdout });
    const first = new Promise((resolve) => lines.once('line', resolve));
    const port = await within(START_MS, 'the OAuth 1 server listens', Promise.race([first, exit]));
    if (!/^\d+$/.test(port)) throw new Error('the OAuth 1 server ended at its start');
    const url = `http://127.0.0.1:${port}`;
    return { url, close, seen: async () => (await fetch(`${url}/seen`)).json() };
  } catch (error) {
    await close();
    throw new Error(`${error.message}\n${log}`, { cause: error });
  }
}

/** What the service knows at its start. */
function known() {
  const consumers = Object.entries(CONSUMERS).map(([method, { key, secret }]) => [key, { secret, method }]);
  const { key, secret, realm, token } = ACCOUNT;
  return {
    clients: { ...Object.fromEntries(consumers), [key]: { secret, method: 'HMAC-SHA256', realm } },
    tokens: { [token.id]: { client: key, secret: token.secret } },
  };
}
