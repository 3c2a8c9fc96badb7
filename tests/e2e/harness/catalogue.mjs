// Catalogue entries for the servers of the harness, in the keys a provider file has.

import fs from 'node:fs';
import path from 'node:path';

/** Names of the providers in the file. */
export const PROVIDERS = [
  'e2e-oauth',
  'e2e-machine',
  'e2e-key',
  'e2e-basic',
  'e2e-open',
  'e2e-oauth-key',
  'e2e-machine-key',
  'e2e-steps',
  'e2e-signed',
];

/** Seconds before its expiry that a token counts as expired. */
export const EXPIRY_BUFFER_SECONDS = 1;

/** Write the provider file and return its path. JSON is YAML, so no YAML writer is needed. */
export function writeProviders(folder, { oauthUrl, apiUrl }, more = {}) {
  const shared = { categories: ['dev-tools'], docs: 'https://docs.example.com/e2e' };
  const region = {
    type: 'string',
    title: 'Region',
    description: 'Where the account lives: eu or us',
    pattern: '^(eu|us)$',
    example: 'eu',
    optional: true,
  };
  const entries = {
    'e2e-oauth': {
      ...shared,
      display_name: 'E2E OAuth',
      auth_mode: 'OAUTH2',
      authorization_url: `${oauthUrl}/auth`,
      authorization_params: { response_type: 'code', prompt: 'consent' },
      token_url: `${oauthUrl}/token`,
      token_params: { grant_type: 'authorization_code' },
      refresh_params: { grant_type: 'refresh_token' },
      token_expiration_buffer: EXPIRY_BUFFER_SECONDS,
      default_scopes: ['openid', 'offline_access'],
      proxy: { base_url: oauthUrl },
      connection_config: { region },
    },
    'e2e-machine': {
      ...shared,
      display_name: 'E2E client credentials',
      auth_mode: 'OAUTH2_CC',
      token_url: `${oauthUrl}/token`,
      token_params: { grant_type: 'client_credentials' },
      token_expiration_buffer: EXPIRY_BUFFER_SECONDS,
      proxy: { base_url: oauthUrl },
    },
    'e2e-key': {
      ...shared,
      display_name: 'E2E API key',
      auth_mode: 'API_KEY',
      proxy: {
        base_url: apiUrl,
        headers: { authorization: 'Bearer ${apiKey}' },
        verification: { method: 'GET', endpoints: ['/me'] },
      },
      connection_config: { region },
    },
    'e2e-basic': {
      ...shared,
      display_name: 'E2E basic',
      auth_mode: 'BASIC',
      proxy: { base_url: apiUrl, verification: { method: 'GET', endpoints: ['/me'] } },
    },
    'e2e-open': {
      ...shared,
      display_name: 'E2E open',
      auth_mode: 'NONE',
      proxy: { base_url: `${apiUrl}/open` },
    },
    'e2e-oauth-key': {
      ...shared,
      display_name: 'E2E OAuth by key',
      auth_mode: 'OAUTH2',
      authorization_url: `${oauthUrl}/auth`,
      authorization_params: { response_type: 'code', prompt: 'consent' },
      token_url: `${oauthUrl}/token`,
      token_request_auth_method: 'private_key_jwt',
      refresh_params: { grant_type: 'refresh_token' },
      token_expiration_buffer: EXPIRY_BUFFER_SECONDS,
      proxy: { base_url: oauthUrl },
    },
    'e2e-machine-key': {
      ...shared,
      display_name: 'E2E client credentials by key',
      auth_mode: 'OAUTH2_CC',
      token_url: `${oauthUrl}/token`,
      token_params: { grant_type: 'client_credentials' },
      token_request_auth_method: 'private_key_jwt',
      token_expiration_buffer: EXPIRY_BUFFER_SECONDS,
      proxy: { base_url: oauthUrl },
    },
    'e2e-steps': steps(shared, oauthUrl),
    'e2e-signed': signed(shared, apiUrl),
  };
  const file = path.join(folder, 'providers.yaml');
  fs.writeFileSync(file, JSON.stringify({ ...entries, ...more }, null, 2));
  return file;
}

/** A client's assertion as a person brings it: client id, and the key once. */
function steps(shared, oauthUrl) {
  return {
    ...shared,
    display_name: 'E2E steps',
    auth_mode: 'TWO_STEP',
    token_url: `${oauthUrl}/token`,
    body_format: 'form',
    token_params: {
      grant_type: 'client_credentials',
      client_id: '${credentials.clientId}',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: '${credentials.assertion}',
    },
    token_response: {
      token: 'access_token',
      token_expiration: 'expires_in',
      token_expiration_strategy: 'expireIn',
    },
    token_expiration_buffer: EXPIRY_BUFFER_SECONDS,
    assertion: {
      type: 'jwt',
      key: '${assertionOption.privateKey}',
      lifetimeInSeconds: 60,
      header: { alg: 'ES256' },
      payload: {
        iss: '${credentials.clientId}',
        sub: '${credentials.clientId}',
        aud: `${oauthUrl}/token`,
        jti: '${random}',
      },
    },
    credentials: {
      clientId: { type: 'string', title: 'Client ID', pattern: '^[a-z-]+$', example: 'robot' },
      assertion: { type: 'string', title: 'Assertion', automated: true },
    },
    assertion_option: { privateKey: { type: 'string', title: 'Private key', secret: true } },
    proxy: { base_url: oauthUrl },
  };
}

function signed(shared, apiUrl) {
  return {
    ...shared,
    display_name: 'E2E signed',
    auth_mode: 'JWT',
    signature: { protocol: 'EC' },
    token: {
      signing_key: '${credentials.privateKey}',
      expires_in_ms: 300_000,
      header: { alg: 'ES256', kid: '${credentials.keyId}' },
      payload: { aud: 'e2e' },
    },
    credentials: {
      keyId: { type: 'string', title: 'Key ID' },
      privateKey: { type: 'string', title: 'Private key', secret: true },
    },
    proxy: { base_url: apiUrl, verification: { method: 'GET', endpoints: ['/signed'] } },
  };
}
