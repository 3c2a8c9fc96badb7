// A grant of the emulated provider, as a product would get it that asked for one by itself: an account
// with tokens that can be imported, and its owner, who can withdraw it.

import crypto from 'node:crypto';

const CLIENT = { client_id: 'emulator-client', client_secret: 'emulator-secret' };
// The provider only sends the code there; the test reads it from the redirect.
const REDIRECT_URI = 'http://127.0.0.1:9/callback';

/** Approve, and exchange the code. */
export async function makeGrant(providerUrl) {
  const verifier = crypto.randomBytes(32).toString('base64url');
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: CLIENT.client_id,
    redirect_uri: REDIRECT_URI,
    scope: 'profile offline_access',
    state: 'state',
    code_challenge: crypto.createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    auto: 'approve',
  });
  const redirect = await fetch(`${providerUrl}/oauth/authorize?${query}`, { redirect: 'manual' });
  const code = new URL(redirect.headers.get('location')).searchParams.get('code');
  const tokens = await post(providerUrl, '/oauth/token', {
    grant_type: 'authorization_code',
    code,
    redirect_uri: REDIRECT_URI,
    code_verifier: verifier,
  });
  /** In the form that imports take. */
  const credentials = {
    type: 'OAUTH2',
    access_token: tokens.access_token,
    refresh_token: tokens.refresh_token,
    expires_at: new Date(Date.now() + tokens.expires_in * 1000).toISOString(),
  };
  return { credentials, withdraw: (token = tokens.refresh_token) => post(providerUrl, '/oauth/revoke', { token }) };
}

/** Install the app from the provider's side: approve there, and come to the address of the integration. */
export async function installAtProvider(providerUrl, address) {
  const query = new URLSearchParams({ redirect_uri: address, auto: 'approve' });
  const redirect = await fetch(`${providerUrl}/install?${query}`, { redirect: 'manual' });
  const page = await fetch(redirect.headers.get('location'));
  const text = await page.text();
  if (!page.ok) throw new Error(`${page.status}: ${text}`);
  return text;
}

/** Make the provider's next token requests fail. */
export async function failTokenRequests(providerUrl, kind, times = 1) {
  const reply = await fetch(`${providerUrl}/control/faults`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ target: 'token', kind, times }),
  });
  if (!reply.ok) throw new Error(`faults: ${reply.status} ${await reply.text()}`);
}

async function post(providerUrl, path, fields) {
  const reply = await fetch(providerUrl + path, { method: 'POST', body: new URLSearchParams({ ...fields, ...CLIENT }) });
  const text = await reply.text();
  if (!reply.ok) throw new Error(`${path}: ${reply.status} ${text}`);
  return text ? JSON.parse(text) : undefined;
}
