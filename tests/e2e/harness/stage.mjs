// Everything one suite needs, started together and stopped together: an OAuth server, an HTTP API, a
// webhook sink, a database, the provider file, and one or more Valetkey servers on that database.

import crypto from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { writeProviders } from './catalogue.mjs';
import { createDatabase } from './database.mjs';
import { startHttpApi } from './http-api.mjs';
import { freePort } from './listening.mjs';
import { startOAuthProvider, WEB_CLIENT } from './oauth-provider.mjs';
import { runCommand, startServer } from './valetkey.mjs';
import { startWebhookSink } from './webhook-sink.mjs';

/** Longer than a read that waits for another process's refresh. */
const CALL_MS = 120_000;

/**
 * Open a stage. With several servers they share the database and the public URL, which is the last
 * one's: a callback always lands there. `providers` are entries beside the harness's own.
 */
export async function openStage({ engine, servers = 1, redirectUris = [], providers = {}, env = {} }) {
  const stage = new Stage();
  try {
    await stage.open({ engine, servers, redirectUris, providers, env });
    return stage;
  } catch (error) {
    await stage.close().catch(() => {});
    throw error;
  }
}

class Stage {
  /** Undo steps, run last first. */
  #undo = [];
  #env;
  #ports;
  servers = [];
  key = crypto.randomUUID();

  async open({ engine, servers, redirectUris, providers: more, env }) {
    this.engine = engine;
    this.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'valetkey-e2e-'));
    this.#undo.push(() => fs.rmSync(this.folder, { recursive: true, force: true }));
    this.#ports = [];
    for (let index = 0; index < servers; index += 1) this.#ports.push(await freePort());
    this.publicUrl = `http://127.0.0.1:${this.#ports.at(-1)}`;
    this.callbackUrl = `${this.publicUrl}/oauth/callback`;

    this.oauth = await startOAuthProvider([this.callbackUrl, ...redirectUris]);
    this.#undo.push(() => this.oauth.close());
    this.api = await startHttpApi();
    this.#undo.push(() => this.api.close());
    this.sink = await startWebhookSink();
    this.#undo.push(() => this.sink.close());

    const urls = { oauthUrl: this.oauth.url, apiUrl: this.api.url };
    const providers = writeProviders(this.folder, urls, more);
    this.#env = {
      ...(await this.#storage(engine)),
      VALETKEY_MASTER_KEY: crypto.randomBytes(32).toString('base64'),
      VALETKEY_API_KEY_DEV: this.key,
      VALETKEY_PUBLIC_URL: this.publicUrl,
      VALETKEY_EGRESS_ALLOW: '127.0.0.0/8,::1/128,localhost',
      VALETKEY_PROVIDERS: providers,
      VALETKEY_RATE_LIMIT_PER_MIN: '0',
      ...env,
    };
    this.#undo.push(async () => {
      for (const server of this.servers) await server.stop();
    });
    for (let index = 0; index < servers; index += 1) await this.start(index);
  }

  async #storage(engine) {
    const folder = path.join(this.folder, 'data');
    if (engine === 'sqlite') return { VALETKEY_DATA_DIR: folder };
    const database = await createDatabase();
    this.#undo.push(() => database.drop());
    return { VALETKEY_DATA_DIR: folder, DATABASE_URL: database.url };
  }

  /** Start a server, or start it again after it was stopped or killed. */
  async start(index = 0) {
    this.servers[index] = await startServer({ port: this.#ports[index], env: this.#env });
    return this.servers[index];
  }

  /** Run a command of the binary beside the servers. */
  command(...args) {
    return runCommand(args, this.#env);
  }

  /** Change settings of the `dev` environment: `{ webhook_url: '…' }`. */
  setEnvironment(settings) {
    return this.command('env', 'set', 'dev', ...Object.entries(settings).map(([key, value]) => `${key}=${value}`));
  }

  /** Send the webhooks of `dev` to the sink. */
  sendWebhooks() {
    return this.setEnvironment({ webhook_url: `${this.sink.url}/hook` });
  }

  /** Call the public API. */
  async call(method, target, body, { server = 0, key = this.key } = {}) {
    const reply = await fetch(`${this.servers[server].url}${target}`, {
      method,
      signal: AbortSignal.timeout(CALL_MS),
      headers: {
        authorization: `Bearer ${key}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await reply.text();
    return { status: reply.status, headers: reply.headers, body: text ? JSON.parse(text) : undefined };
  }

  /** Call the public API and require this status. */
  async expect(status, method, target, body, options) {
    const reply = await this.call(method, target, body, options);
    if (reply.status !== status) {
      throw new Error(`${method} ${target}: ${reply.status} ${JSON.stringify(reply.body)}, wanted ${status}`);
    }
    return reply.body;
  }

  /** Make an integration for one of the harness's providers, named like it. */
  async integrate(provider, more = {}) {
    const credentials =
      provider.startsWith('e2e-oauth')
        ? {
            type: 'OAUTH2',
            client_id: WEB_CLIENT.id,
            client_secret: WEB_CLIENT.secret,
            scopes: 'openid,offline_access',
          }
        : undefined;
    const body = { provider, unique_key: provider, credentials, ...more };
    return (await this.expect(200, 'POST', '/integrations', body)).data;
  }

  /** A connect session's token. */
  async session(integration, more = {}, options) {
    const body = { tags: { end_user_id: 'customer-1' }, allowed_integrations: [integration], ...more };
    return (await this.expect(201, 'POST', '/connect/sessions', body, options)).data.token;
  }

  /** A session's token that repairs an existing connection. */
  async reconnectSession(integration, connectionId, more = {}) {
    const body = { integration_id: integration, connection_id: connectionId, ...more };
    return (await this.expect(201, 'POST', '/connect/sessions/reconnect', body)).data.token;
  }

  /** One connection as the API answers it. */
  connection(integration, connectionId, { server = 0, ...flags } = {}) {
    const query = new URLSearchParams({ provider_config_key: integration, ...flags });
    const target = `/connections/${encodeURIComponent(connectionId)}?${query}`;
    return this.call('GET', target, undefined, { server });
  }

  /** All connections of an integration. */
  async connections(integration) {
    const list = await this.expect(200, 'GET', `/connections?integrationId=${integration}`);
    return list.connections;
  }

  /** A fresh signing key of `dev`; the one before stops counting. */
  async signingKey() {
    const reply = await this.expect(200, 'POST', '/environment/webhook-signing-key/rotate');
    return reply.data.webhook_signing_key;
  }

  /** Stop everything; the first thing that went wrong is thrown once all is down. */
  async close() {
    const problems = [];
    for (const step of this.#undo.splice(0).reverse()) {
      try {
        await step();
      } catch (error) {
        problems.push(error);
      }
    }
    if (problems.length > 0) throw problems[0];
  }
}
