// What this product can ask at which provider. An account of any other provider is connected all the same; Quaybell
// then shows it without a name.

import { valetkey } from './valetkey.mjs';

const bearer = ({ access_token: token }) => ({ authorization: `Bearer ${token}` });
const person = ({ name, email }) => ({ name, email });

const APIS = {
  'emulator-oauth2': { path: '/userinfo', headers: bearer, person },
  'emulator-api-key': { path: '/api/me', headers: ({ apiKey }) => ({ 'x-api-key': apiKey }), person },
  github: { path: '/user', headers: bearer, person: ({ name, login, email }) => ({ name: name ?? login, email }) },
};

/** Addresses of providers, once they are known. */
const baseUrls = new Map();

/**
 * How to ask this provider whose account it is; null when Quaybell does not know.
 * @returns {Promise<{ url: string, headers: (credentials: object) => object, person: (body: object) => object } | null>}
 */
export async function providerApi(provider) {
  const api = Object.hasOwn(APIS, provider) ? APIS[provider] : null;
  if (!api) return null;
  if (!baseUrls.has(provider)) {
    // The catalogue knows where the API is.
    const { proxy } = await valetkey.providers.get(provider);
    baseUrls.set(provider, proxy.base_url);
  }
  return { ...api, url: baseUrls.get(provider) + api.path };
}
