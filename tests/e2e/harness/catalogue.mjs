// Catalogue entries for the servers of the harness, in the keys a provider file has.

import fs from 'node:fs';
import path from 'node:path';

/** Names of the providers in the file. */
export const PROVIDERS = ['e2e-oauth', 'e2e-machine', 'e2e-key', 'e2e-basic', 'e2e-open'];

/** Seconds before its expiry that a token counts as expired. */
export const EXPIRY_BUFFER_SECONDS = 1;

/** Write the provider file and return its path. JSON is YAML, so no YAML writer is needed. */
export function writeProviders(folder, { oauthUrl, apiUrl }) {
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
  };
  const file = path.join(folder, 'providers.yaml');
  fs.writeFileSync(file, JSON.stringify(entries, null, 2));
  return file;
}
