// An OAuth server on 127.0.0.1:4000: authorization code with PKCE, refresh tokens that rotate, access
// tokens of 60 seconds. Whoever comes is asked for a name and for consent. Kept in memory; a demo.

import crypto from 'node:crypto';

import Provider from 'oidc-provider';

const ISSUER = 'http://127.0.0.1:4000';
const SCOPES = 'openid offline_access';

const { privateKey } = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
const provider = new Provider(ISSUER, {
  clients: [
    {
      client_id: 'valetkey',
      client_secret: 'example-secret',
      redirect_uris: ['http://127.0.0.1:3003/oauth/callback'],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_post',
    },
  ],
  scopes: SCOPES.split(' '),
  pkce: { required: () => true },
  rotateRefreshToken: true,
  ttl: {
    AccessToken: 60,
    AuthorizationCode: 60,
    Grant: 86_400,
    IdToken: 60,
    Interaction: 600,
    RefreshToken: 86_400,
    Session: 3600,
  },
  interactions: { url: (_context, { uid }) => `/interaction/${uid}` },
  findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  features: { devInteractions: { enabled: false } },
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig' }] },
  enabledJWA: { idTokenSigningAlgValues: ['ES256'] },
  clientDefaults: { id_token_signed_response_alg: 'ES256' },
  cookies: { keys: [crypto.randomBytes(16).toString('hex')] },
});

const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Example OIDC</title>
<style>
  :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
  form { max-width: 22rem; margin: 15vh auto; padding: 0 1rem; display: grid; gap: 1rem }
  input, button { font: inherit; padding: .6rem; box-sizing: border-box; width: 100% }
</style>
<form method="post">
  <h1>Sign in</h1>
  <label>Name <input name="account" value="ann" required maxlength="40" pattern="[a-z]+"></label>
  <p>Valetkey asks to act for you, also while you are away.</p>
  <button name="decision" value="allow">Allow</button>
  <button name="decision" value="deny" formnovalidate>Deny</button>
</form>
</html>`;

provider.use(async (context, next) => {
  if (context.path === '/token' && context.method === 'POST') {
    await next();
    const { grant_type } = context.oidc?.params ?? {};
    console.log(`token request: ${grant_type}, answered with ${context.status}`);
    return;
  }
  if (!context.path.startsWith('/interaction/')) return next();
  if (context.method === 'POST') {
    context.respond = false;
    return decide(context.req, context.res);
  }
  context.type = 'html';
  context.body = PAGE;
});

/** Sign the visitor in and note what they consented to, or tell the client that they declined. */
async function decide(request, response) {
  const form = new URLSearchParams(await text(request));
  const { params } = await provider.interactionDetails(request, response);
  if (form.get('decision') !== 'allow') {
    const refusal = { error: 'access_denied', error_description: 'The person said no.' };
    return provider.interactionFinished(request, response, refusal, { mergeWithLastSubmission: false });
  }
  const accountId = form.get('account') || 'ann';
  const grant = new provider.Grant({ accountId, clientId: params.client_id });
  grant.addOIDCScope(SCOPES);
  const result = { login: { accountId }, consent: { grantId: await grant.save() } };
  return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

async function text(request) {
  let body = '';
  for await (const chunk of request) {
    body += chunk;
    if (body.length > 10_000) throw new Error('the form is too large');
  }
  return body;
}

provider.listen(4000, '127.0.0.1', () => console.log(`OAuth server at ${ISSUER}`));
