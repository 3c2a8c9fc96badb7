// Makes a connection through Valetkey and outlives its first token. The client is the published one.

import { setTimeout as sleep } from 'node:timers/promises';

import { Nango } from '@nangohq/node';

const HOST = process.env.VALETKEY_PUBLIC_URL ?? 'http://127.0.0.1:3003';
const INTEGRATION = 'example-oidc';
const CONNECT_SECONDS_MAX = 600;

const apiKey = process.env.VALETKEY_API_KEY_DEV;
if (!apiKey) throw new Error('VALETKEY_API_KEY_DEV is not set; give it the key the server was started with');
const nango = new Nango({ host: HOST, apiKey });

await makeIntegration();
const user = `user-${Date.now()}`;
const session = await nango.createConnectSession({
  tags: { end_user_id: user },
  allowed_integrations: [INTEGRATION],
});
console.log(`Open this link and allow:\n\n  ${session.data.connect_link}\n`);

const id = await connectionOf(user);
console.log(`Connected: ${id}`);

const first = await nango.getConnection(INTEGRATION, id);
const expiresAt = Date.parse(first.credentials.expires_at);
console.log(`Token: ${short(first.credentials.access_token)}, expires ${first.credentials.expires_at}`);

const again = await nango.getToken(INTEGRATION, id);
console.log(`Read again: ${short(again)}, ${again === first.credentials.access_token ? 'the same' : 'changed'}`);

console.log('Waiting for it to expire …');
await sleep(Math.max(0, expiresAt - Date.now()) + 1000);
const later = await nango.getToken(INTEGRATION, id);
console.log(`Read again: ${short(later)}, ${later === first.credentials.access_token ? 'the same' : 'changed'}`);

const reply = await fetch('http://127.0.0.1:4000/me', { headers: { authorization: `Bearer ${later}` } });
console.log(`GET /me with it: ${reply.status} ${await reply.text()}`);

/** An integration says with which client of the provider connections are made. */
async function makeIntegration() {
  const { configs } = await nango.listIntegrations();
  if (configs.some((one) => one.unique_key === INTEGRATION)) return;
  await nango.createIntegration({
    provider: 'example-oidc',
    unique_key: INTEGRATION,
    credentials: { type: 'OAUTH2', client_id: 'valetkey', client_secret: 'example-secret' },
  });
}

/** Wait for the user's connection. An app would wait for the webhook instead. */
async function connectionOf(userId) {
  for (let second = 0; second < CONNECT_SECONDS_MAX; second += 1) {
    const { connections } = await nango.listConnections({ tags: { end_user_id: userId } });
    if (connections.length > 0) return connections[0].connection_id;
    await sleep(1000);
  }
  throw new Error(`nobody connected within ${CONNECT_SECONDS_MAX} seconds`);
}

function short(token) {
  return `${token.slice(0, 6)}…`;
}
