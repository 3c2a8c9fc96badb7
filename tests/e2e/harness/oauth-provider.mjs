// A real OAuth 2 / OpenID server on loopback: authorization code with PKCE, rotating refresh tokens,
// revocation, client credentials. Its consent step decides by itself, as `decision` says.

import crypto from 'node:crypto';

import Provider, { errors } from 'oidc-provider';

import { listen } from './listening.mjs';
import { gate, until } from './waiting.mjs';

export const WEB_CLIENT = { id: 'valetkey-web', secret: 'web-secret-41d0' };
/** The dashboard, at which people sign in with this server. */
export const DASHBOARD_CLIENT = { id: 'valetkey-dashboard', secret: 'dashboard-secret-77f1' };
export const MACHINE_CLIENT = { id: 'valetkey-machine', secret: 'machine-secret-9b3c' };
const EC_PAIR = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
const RSA_PAIR = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
/** Clients that prove themselves with a signed assertion (RFC 7523). The keys are in the older PEM forms. */
export const MACHINE_KEY_CLIENT = {
  id: 'valetkey-machine-key',
  key: EC_PAIR.privateKey.export({ format: 'pem', type: 'sec1' }),
};
export const WEB_KEY_CLIENT = {
  id: 'valetkey-web-key',
  key: RSA_PAIR.privateKey.export({ format: 'pem', type: 'pkcs1' }),
};
const ACCOUNT = 'customer-1';
const SCOPES = ['openid', 'offline_access', 'email', 'profile'];

/**
 * Start it for these redirect URIs. With a `resource` it also registers clients, lets them change
 * their registration, and makes tokens with `resourceScopes` for that resource.
 *
 * - `decision`: `approve` or `deny`, what the customer does at the consent step
 * - `accessTokenSeconds`, `machineTokenSeconds`: lifetimes given from now on
 * - `tokenRequests`: every request to the token endpoint, `{ grantType, status, error }`
 * - `person`: who signs in, `{ sub, email, email_verified }`
 * - `authorizations`: the query of every authorization request
 */
export async function startOAuthProvider(redirectUris, { resource, resourceScopes = [] } = {}) {
  const control = {
    resource,
    resourceScopes,
    decision: 'approve',
    person: { sub: ACCOUNT },
    accessTokenSeconds: 3600,
    machineTokenSeconds: 3600,
    tokenRequests: [],
    authorizations: [],
    hold: undefined,
  };
  let serve = (_request, response) => response.writeHead(503).end();
  const server = await listen((request, response) => serve(request, response));
  const provider = new Provider(server.url, configuration(redirectUris, control));
  provider.use((context, next) => watch(control, context, next));
  const answer = provider.callback();
  serve = (request, response) =>
    request.url.startsWith('/interaction/')
      ? interact(provider, control, request, response)
      : answer(request, response);

  return Object.assign(control, server, {
    /** Token requests of one kind that were answered with tokens. */
    granted: (grantType) =>
      control.tokenRequests.filter((one) => one.grantType === grantType && one.status === 200),
    /** All token requests of one kind, refused ones too. */
    asked: (grantType) => control.tokenRequests.filter((one) => one.grantType === grantType),
    holdTokens: (where) => holdTokens(control, where),
    /** Whether the server honours this access token. */
    accepts: async (token) => {
      const reply = await fetch(`${server.url}/me`, { headers: { authorization: `Bearer ${token}` } });
      await reply.arrayBuffer();
      return reply.status === 200;
    },
    /** Revoke a token (RFC 7009). With a refresh token the whole grant ends. */
    revoke: async (token) => {
      const form = new URLSearchParams({ token, client_id: WEB_CLIENT.id, client_secret: WEB_CLIENT.secret });
      const reply = await fetch(`${server.url}/token/revocation`, { method: 'POST', body: form });
      if (reply.status !== 200) throw new Error(`revocation answered ${reply.status}`);
    },
  });
}

/**
 * Hold token requests: `before` the server looks at them (nothing is spent), or `after` (tokens are
 * spent, the reply is not sent). `arrived()` waits for the first; `release()` lets all go on;
 * `drop()` cuts those that wait.
 */
function holdTokens(control, where) {
  const hold = { where, waiting: 0, gate: gate() };
  control.hold = hold;
  const end = () => {
    if (control.hold === hold) control.hold = undefined;
  };
  return {
    arrived: () => until(`a token request held ${where} processing`, () => hold.waiting > 0),
    release: () => {
      end();
      hold.gate.open();
    },
    drop: () => {
      end();
      hold.gate.refuse(new Error('dropped'));
    },
  };
}

async function watch(control, context, next) {
  if (context.path === '/auth') control.authorizations.push({ ...context.query });
  if (context.path !== '/token') return next();
  const { hold } = control;
  const wait = async (where) => {
    if (hold?.where !== where) return true;
    hold.waiting += 1;
    return hold.gate.opened.then(
      () => true,
      () => false,
    );
  };
  if (!(await wait('before'))) return cut(context);
  await next();
  control.tokenRequests.push({
    grantType: context.oidc?.params?.grant_type,
    status: context.status,
    error: context.body?.error,
  });
  if (!(await wait('after'))) cut(context);
}

function cut(context) {
  context.respond = false;
  context.req.socket.destroy();
}

async function interact(provider, control, request, response) {
  const details = await provider.interactionDetails(request, response);
  if (control.decision === 'deny') {
    const refusal = { error: 'access_denied', error_description: 'the customer said no' };
    return provider.interactionFinished(request, response, refusal, { mergeWithLastSubmission: false });
  }
  if (details.prompt.name === 'login') {
    return provider.interactionFinished(request, response, { login: { accountId: control.person.sub } });
  }
  const grant =
    (details.grantId && (await provider.Grant.find(details.grantId))) ||
    new provider.Grant({ accountId: control.person.sub, clientId: details.params.client_id });
  grant.addOIDCScope(SCOPES.join(' '));
  if (control.resource) grant.addResourceScope(control.resource, control.resourceScopes.join(' '));
  const consent = { grantId: await grant.save() };
  return provider.interactionFinished(request, response, { consent }, { mergeWithLastSubmission: true });
}

function keyClient({ publicKey }, alg) {
  return {
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: alg,
    jwks: { keys: [{ ...publicKey.export({ format: 'jwk' }), alg, use: 'sig' }] },
  };
}

function resourceFeatures(control) {
  return {
    registration: { enabled: true },
    registrationManagement: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_context, resource) => {
        if (resource !== control.resource) throw new errors.InvalidTarget();
        const scope = control.resourceScopes.join(' ');
        return { scope, audience: resource, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } } };
      },
      useGrantedResource: () => true,
    },
  };
}

function configuration(redirectUris, control) {
  const { privateKey } = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    clients: [
      {
        client_id: WEB_CLIENT.id,
        client_secret: WEB_CLIENT.secret,
        redirect_uris: redirectUris,
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        token_endpoint_auth_method: 'client_secret_post',
      },
      {
        client_id: DASHBOARD_CLIENT.id,
        client_secret: DASHBOARD_CLIENT.secret,
        redirect_uris: redirectUris,
        grant_types: ['authorization_code'],
        response_types: ['code'],
        token_endpoint_auth_method: 'client_secret_basic',
      },
      {
        client_id: MACHINE_CLIENT.id,
        client_secret: MACHINE_CLIENT.secret,
        redirect_uris: [],
        grant_types: ['client_credentials'],
        response_types: [],
        token_endpoint_auth_method: 'client_secret_post',
      },
      {
        client_id: WEB_KEY_CLIENT.id,
        redirect_uris: redirectUris,
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        ...keyClient(RSA_PAIR, 'RS256'),
      },
      {
        client_id: MACHINE_KEY_CLIENT.id,
        redirect_uris: [],
        grant_types: ['client_credentials'],
        response_types: [],
        ...keyClient(EC_PAIR, 'ES256'),
      },
    ],
    scopes: SCOPES,
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig' }] },
    enabledJWA: { idTokenSigningAlgValues: ['ES256'] },
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    cookies: { keys: [crypto.randomBytes(16).toString('hex')] },
    pkce: { required: () => true },
    rotateRefreshToken: true,
    findAccount: (_context, id) => ({ accountId: id, claims: () => ({ ...control.person, sub: id }) }),
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
    interactions: { url: (_context, interaction) => `/interaction/${interaction.uid}` },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      revocation: { enabled: true },
      ...(control.resource ? resourceFeatures(control) : {}),
    },
    ttl: {
      AccessToken: () => control.accessTokenSeconds,
      ClientCredentials: () => control.machineTokenSeconds,
      AuthorizationCode: 60,
      Grant: 86_400,
      IdToken: 3600,
      Interaction: 600,
      RefreshToken: 86_400,
      Session: 86_400,
    },
  };
}
