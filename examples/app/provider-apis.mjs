// What this product can ask at which provider. An account of any other provider is connected all the same; Quaybell
// then shows it without a name.

const person = ({ name, email }) => ({ name, email });

const APIS = {
  'emulator-oauth2': { path: '/userinfo', person },
  'emulator-api-key': { path: '/api/me', person },
  github: { path: '/user', person: ({ name, login, email }) => ({ name: name ?? login, email }) },
};

/**
 * Where this provider says whose account it is; null when Quaybell does not know.
 * @returns {{ path: string, person: (body: object) => object } | null}
 */
export const providerApi = (provider) => (Object.hasOwn(APIS, provider) ? APIS[provider] : null);
