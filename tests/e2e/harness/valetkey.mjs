// The built server as a process: started, made ready, stopped or killed, and its commands beside it.

import { spawn } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { until, within } from './waiting.mjs';

const HERE = path.dirname(fileURLToPath(import.meta.url));
export const BINARY = process.env.VALETKEY_BIN ?? path.resolve(HERE, '../../../target/debug/valetkey');
const LOG_CHARS_MAX = 200_000;
const READY_MS = 60_000;
const STOP_MS = 30_000;

/** Start `valetkey serve` and wait for `GET /ready`. `env` holds its settings; nothing is inherited. */
export async function startServer({ port, env }) {
  const url = `http://127.0.0.1:${port}`;
  const settings = { ...environment(), ...env, VALETKEY_LISTEN: `127.0.0.1:${port}` };
  const child = spawn(BINARY, ['serve'], { env: settings, stdio: ['ignore', 'pipe', 'pipe'] });
  const server = { url, port, pid: child.pid, log: '' };
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text) => {
      server.log = (server.log + text).slice(-LOG_CHARS_MAX);
    });
  }
  let ended;
  const exit = new Promise((resolve) => {
    child.once('error', (error) => resolve((ended = { error })));
    child.once('exit', (code, signal) => resolve((ended = { code, signal })));
  });
  // A test run that is itself ended must leave no server behind.
  const onExit = () => child.kill('SIGKILL');
  process.once('exit', onExit);
  exit.then(() => process.off('exit', onExit));

  const trouble = (what) => new Error(`${what}\n--- server log\n${server.log}`, { cause: ended?.error });
  Object.assign(server, {
    /** Ask it to stop and require a clean exit. */
    stop: async () => {
      if (ended) return;
      child.kill('SIGTERM');
      await within(STOP_MS, 'the server stops after SIGTERM', exit).catch((error) => {
        child.kill('SIGKILL');
        throw trouble(error.message);
      });
      if (ended.code !== 0) throw trouble(`the server ended with ${JSON.stringify(ended)}`);
    },
    /** End it without warning, as a crash would. */
    kill: async () => {
      child.kill('SIGKILL');
      await exit;
    },
  });

  try {
    await until(
      `the server at ${url} is ready`,
      async () => {
        if (ended) return true;
        return (await fetch(`${url}/ready`)).status === 200;
      },
      { timeoutMs: READY_MS },
    );
  } catch (error) {
    child.kill('SIGKILL');
    throw trouble(error.message);
  }
  if (ended) throw trouble(`the server ended at its start: ${JSON.stringify(ended)}`);
  return server;
}

/** Run another command of the binary to its end and return what it printed. */
export async function runCommand(args, env) {
  const child = spawn(BINARY, args, {
    env: { ...environment(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (text) => (output += text));
  child.stderr.on('data', (text) => (output += text));
  const exit = new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const code = await within(30_000, `valetkey ${args.join(' ')}`, exit).catch((error) => {
    child.kill('SIGKILL');
    throw error;
  });
  if (code !== 0) throw new Error(`valetkey ${args.join(' ')} ended with ${code}: ${output}`);
  return output;
}

export function environment() {
  const { PATH, TMPDIR, RUST_LOG, RUST_BACKTRACE } = process.env;
  const inherited = { PATH, TMPDIR, RUST_LOG, RUST_BACKTRACE: RUST_BACKTRACE ?? '1' };
  return Object.fromEntries(Object.entries(inherited).filter(([, value]) => value !== undefined));
}
