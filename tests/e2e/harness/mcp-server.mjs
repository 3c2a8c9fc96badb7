// A real MCP server with the authorization server of its own package: dynamic registration, PKCE,
// refresh, and a tool that only works with a token made for this server. Who comes is let in at once.

import crypto from 'node:crypto';

import { mcpAuthRouter, getOAuthProtectedResourceMetadataUrl } from '@modelcontextprotocol/sdk/server/auth/router.js';
import { InvalidGrantError, InvalidTokenError } from '@modelcontextprotocol/sdk/server/auth/errors.js';
import { requireBearerAuth } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import express from 'express';

import { listen } from './listening.mjs';

const SCOPES = ['tools'];

/**
 * Start it. `url` is its MCP address; `clients` are those registered; `tokenRequests` hold
 * `{ grantType, client, resource }`.
 */
export async function startMcpServer() {
  const app = express();
  const server = await listen(app);
  const url = new URL('/mcp', server.url);
  const authority = new Authority();
  const unlimited = { rateLimit: false };
  app.use(
    mcpAuthRouter({
      provider: authority,
      issuerUrl: new URL(server.url),
      resourceServerUrl: url,
      scopesSupported: SCOPES,
      authorizationOptions: unlimited,
      tokenOptions: unlimited,
      clientRegistrationOptions: unlimited,
      revocationOptions: unlimited,
    }),
  );
  const resourceMetadataUrl = getOAuthProtectedResourceMetadataUrl(url);
  const guard = requireBearerAuth({
    verifier: authority,
    requiredScopes: SCOPES,
    resourceMetadataUrl,
    expectedResource: url,
  });
  app.post('/mcp', guard, express.json(), serveTools);
  return {
    url: url.href,
    issuer: `${server.url}/`,
    clients: authority.clients,
    tokenRequests: authority.tokenRequests,
    close: server.close,
    /** The names of the server's tools, as an MCP client with this token sees them. */
    tools: (token) => listTools(url, token),
  };
}

async function serveTools(request, response) {
  const server = new McpServer({ name: 'e2e', version: '1.0.0' });
  server.registerTool('greet', { description: 'Says hello' }, () => ({
    content: [{ type: 'text', text: 'hello' }],
  }));
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined });
  response.on('close', () => {
    transport.close();
    server.close();
  });
  await server.connect(transport);
  await transport.handleRequest(request, response, request.body);
}

async function listTools(url, token) {
  const client = new Client({ name: 'e2e', version: '1.0.0' });
  const headers = { authorization: `Bearer ${token}` };
  await client.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers } }));
  try {
    const { tools } = await client.listTools();
    return tools.map((tool) => tool.name);
  } finally {
    await client.close();
  }
}

/** The provider the package's endpoints ask. */
class Authority {
  clients = new Map();
  tokenRequests = [];
  #codes = new Map();
  #tokens = new Map();

  get clientsStore() {
    return {
      getClient: (id) => this.clients.get(id),
      registerClient: (client) => {
        this.clients.set(client.client_id, client);
        return client;
      },
    };
  }

  authorize(client, { state, scopes, redirectUri, codeChallenge, resource }, response) {
    const code = crypto.randomUUID();
    this.#codes.set(code, { client: client.client_id, scopes, redirectUri, codeChallenge, resource });
    const target = new URL(redirectUri);
    target.searchParams.set('code', code);
    if (state) target.searchParams.set('state', state);
    response.redirect(target.href);
  }

  challengeForAuthorizationCode(client, code) {
    return this.#grant(client, this.#codes.get(code)).codeChallenge;
  }

  exchangeAuthorizationCode(client, code, _verifier, redirectUri, resource) {
    const grant = this.#grant(client, this.#codes.get(code));
    this.#codes.delete(code);
    if (redirectUri !== grant.redirectUri) throw new InvalidGrantError('another redirect_uri');
    return this.#issue('authorization_code', grant, resource);
  }

  exchangeRefreshToken(client, token, _scopes, resource) {
    const grant = this.#grant(client, this.#tokens.get(token));
    if (!grant.refreshes) throw new InvalidGrantError('not a refresh token');
    this.#tokens.delete(token);
    return this.#issue('refresh_token', grant, resource);
  }

  verifyAccessToken(token) {
    const grant = this.#tokens.get(token);
    if (!grant || grant.refreshes) throw new InvalidTokenError('unknown token');
    const { client, scopes, resource, expiresAt } = grant;
    return { token, clientId: client, scopes, resource, expiresAt };
  }

  revokeToken(_client, { token }) {
    this.#tokens.delete(token);
  }

  #grant(client, grant) {
    if (!grant || grant.client !== client.client_id) throw new InvalidGrantError('unknown grant');
    return grant;
  }

  #issue(grantType, { client, scopes, resource: granted }, resource) {
    if (String(granted) !== String(resource)) throw new InvalidGrantError('another resource');
    this.tokenRequests.push({ grantType, client, resource: String(resource) });
    const [access, refresh] = [crypto.randomUUID(), crypto.randomUUID()];
    const grant = { client, scopes, resource, expiresAt: Math.floor(Date.now() / 1000) + 3600 };
    this.#tokens.set(access, grant);
    this.#tokens.set(refresh, { ...grant, refreshes: true });
    return { access_token: access, token_type: 'bearer', expires_in: 3600, refresh_token: refresh, scope: scopes.join(' ') };
  }
}
