// Client certificates at a real TLS server that asks for one (RFC 8705): shown when the provider wants
// them, and the server's own certificate is verified all the same.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import https from 'node:https';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { authority, clientCertificate, serverCertificate } from './harness/certificates.mjs';
import { bodyOf, json } from './harness/listening.mjs';
import { openStage } from './harness/stage.mjs';

const CLIENT = { client_id: 'machine', client_secret: 'machine-secret' };

let folder;
let trusted;
let client;
let stranger;
before(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'valetkey-tls-'));
  trusted = authority('e2e authority');
  client = clientCertificate(trusted, 'machine');
  stranger = clientCertificate(authority('another authority'), 'machine');
  fs.writeFileSync(path.join(folder, 'authority.pem'), trusted.cert);
});
after(() => fs.rmSync(folder, { recursive: true, force: true }));

/** A token endpoint that wants a certificate of the trusted authority. */
async function startTokenServer() {
  const own = serverCertificate(trusted);
  const shown = [];
  const options = { key: own.key, cert: own.cert, ca: trusted.cert, requestCert: true, rejectUnauthorized: true };
  const server = https.createServer(options, async (request, response) => {
    shown.push(request.socket.getPeerCertificate().subject?.CN);
    const form = new URLSearchParams((await bodyOf(request)).toString());
    if (form.get('client_secret') !== CLIENT.client_secret) return json(response, 401, { error: 'invalid_client' });
    return json(response, 200, { access_token: `token-${shown.length}`, token_type: 'Bearer', expires_in: 60 });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    shown,
    url: `https://localhost:${server.address().port}`,
    close: () => new Promise((resolve) => (server.close(resolve), server.closeAllConnections())),
  };
}

async function withStage(env, work) {
  const tokens = await startTokenServer();
  const entry = {
    display_name: 'E2E certificates',
    categories: ['dev-tools'],
    docs: 'https://docs.example.com/e2e',
    auth_mode: 'OAUTH2_CC',
    require_client_certificate: true,
    token_url: `${tokens.url}/token`,
    token_params: { grant_type: 'client_credentials' },
    proxy: { base_url: tokens.url },
  };
  let stage;
  try {
    stage = await openStage({ engine: 'sqlite', providers: { 'e2e-certificates': entry }, env });
    await stage.integrate('e2e-certificates');
    await work(stage, tokens);
  } finally {
    await stage?.close();
    await tokens.close();
  }
}

async function submit(stage, body) {
  const token = await stage.session('e2e-certificates');
  const target = `/oauth2/auth/e2e-certificates?connect_session_token=${token}`;
  const reply = await fetch(stage.servers[0].url + target, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: reply.status, body: await reply.json() };
}

test('the certificate is shown when connecting and when refreshing', () =>
  withStage({ SSL_CERT_FILE: path.join(folder, 'authority.pem') }, async (stage, tokens) => {
    const pair = { client_certificate: client.cert, client_private_key: client.key };
    const made = await submit(stage, { ...CLIENT, ...pair });
    assert.equal(made.status, 200, JSON.stringify(made.body));
    assert.deepEqual(tokens.shown, ['machine']);

    const target = `/connections/${made.body.connectionId}?provider_config_key=e2e-certificates&force_refresh=true`;
    const read = await stage.call('GET', target);
    assert.equal(read.body.credentials.token, 'token-2');
    assert.deepEqual(tokens.shown, ['machine', 'machine']);

    const wrong = await submit(stage, { ...CLIENT, client_certificate: stranger.cert, client_private_key: stranger.key });
    assert.equal(wrong.status, 400, JSON.stringify(wrong.body));
    assert.ok(!JSON.stringify(wrong.body).includes('PRIVATE KEY'));
    const mismatched = await submit(stage, { ...CLIENT, client_certificate: client.cert, client_private_key: stranger.key });
    assert.equal(mismatched.status, 400, JSON.stringify(mismatched.body));
    assert.equal(tokens.shown.length, 2, 'no request got through');
  }));

test('a server that nobody vouches for gets nothing, certificate or not', () =>
  withStage({}, async (stage, tokens) => {
    const pair = { client_certificate: client.cert, client_private_key: client.key };
    const refused = await submit(stage, { ...CLIENT, ...pair });
    assert.equal(refused.status, 400, JSON.stringify(refused.body));
    assert.match(refused.body.error.message, /certificate|TLS|trust/i);
    assert.deepEqual(tokens.shown, []);
  }));
