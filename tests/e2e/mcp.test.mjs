// MCP servers with a real browser: one that is discovered from its address and used with a real MCP
// client, and a known one whose authorization server registers clients and binds tokens to a resource.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { startBrowser } from './harness/browser.mjs';
import { onEachEngine } from './harness/engines.mjs';
import { startMcpServer } from './harness/mcp-server.mjs';
import { startOAuthProvider } from './harness/oauth-provider.mjs';
import { FRONTEND_SDKS, NODE_SDKS } from './harness/sdks.mjs';
import { openStage } from './harness/stage.mjs';
import { until } from './harness/waiting.mjs';

const RESOURCE = 'https://tools.example.com/mcp';
const SCOPES = ['openid', 'offline_access', 'tools'];
const MOVED = 'https://auth.example.com/oauth/done';

onEachEngine((engine) => {
  let mcp;
  let oauth;
  let stage;
  let node;
  let browser;
  let customer;
  before(async () => {
    mcp = await startMcpServer();
    oauth = await startOAuthProvider([], { resource: RESOURCE, resourceScopes: ['tools'] });
    stage = await openStage({ engine, providers: entries(oauth.url) });
    node = NODE_SDKS[0].open({ host: stage.servers[0].url, key: stage.key });
    browser = await startBrowser();
    customer = await browser.customer();
  });
  after(async () => {
    await customer?.close();
    await browser?.close();
    await stage?.close();
    await oauth?.close();
    await mcp?.close();
  });

  const press = async (name, params) => {
    const token = await stage.session(name);
    const sdk = FRONTEND_SDKS[0].folder;
    return customer.connect({ sdk, host: stage.publicUrl, token, args: [name, { params }] });
  };
  const connect = async (name, params) => {
    const outcome = await press(name, params);
    assert.equal(outcome.error, undefined, JSON.stringify(outcome.error));
    return outcome.result.connectionId;
  };

  test('any MCP server: discovered, registered at, connected, used, refreshed', async () => {
    await stage.integrate('e2e-mcp-any');
    const id = await connect('e2e-mcp-any', { mcp_server_url: mcp.url });
    const connection = await node.getConnection('e2e-mcp-any', id);
    assert.equal(connection.credentials.type, 'OAUTH2');
    assert.deepEqual(await mcp.tools(connection.credentials.access_token), ['greet']);
    assert.equal(connection.connection_config.mcp_server_url, mcp.url);
    assert.equal(connection.connection_config.oauth_code_verifier, undefined);
    const [client] = [...mcp.clients.values()];
    assert.equal(client.token_endpoint_auth_method, 'none');
    assert.deepEqual(client.redirect_uris, [stage.callbackUrl]);

    const renewed = await node.getToken('e2e-mcp-any', id, true);
    assert.notEqual(renewed, connection.credentials.access_token);
    assert.deepEqual(await mcp.tools(renewed), ['greet']);
    assert.deepEqual(
      mcp.tokenRequests,
      ['authorization_code', 'refresh_token'].map((grantType) => ({
        grantType,
        client: client.client_id,
        resource: mcp.url,
      })),
    );
  });

  test('what is no MCP server is told in the popup', async () => {
    const outcome = await press('e2e-mcp-any', { mcp_server_url: stage.api.url });
    assert.equal(outcome.error.type, 'url_param_err', JSON.stringify(outcome));
    assert.match(outcome.error.message, /does not say how to authorize/);
    const wrong = await press('e2e-mcp-any', { mcp_server_url: 'http://tools.example.com' });
    assert.match(wrong.error.message, /https:\/\//);
  });

  test('a known server: the client registers itself and tokens are for the resource', async () => {
    const audience = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url')).aud;
    await stage.integrate('e2e-mcp-known');
    const shown = await stage.expect(200, 'GET', '/integrations/e2e-mcp-known?include=credentials');
    const id = await connect('e2e-mcp-known');
    const asked = oauth.authorizations.at(-1);
    assert.equal(asked.client_id, shown.data.credentials.client_id);
    assert.equal(asked.resource, RESOURCE);
    assert.equal(asked.code_challenge_method, 'S256');
    const token = await node.getToken('e2e-mcp-known', id);
    assert.equal(audience(token), RESOURCE);
    const renewed = await node.getToken('e2e-mcp-known', id, true);
    assert.notEqual(renewed, token);
    assert.equal(audience(renewed), RESOURCE);
  });

  test('when the callback moves, the registration moves with it', async () => {
    const { client_id: before } = oauth.authorizations.at(-1);
    await stage.setEnvironment({ callback_url: MOVED });
    const query = new URLSearchParams({ connect_session_token: await stage.session('e2e-mcp-known') });
    // The command is a process of its own; the server sees the change within its cache's lifetime.
    const target = await until('the callback is the new one', async () => {
      const start = `${stage.publicUrl}/oauth/connect/e2e-mcp-known?${query}`;
      const reply = await fetch(start, { redirect: 'manual' });
      const url = new URL(reply.headers.get('location'));
      return url.searchParams.get('redirect_uri') === MOVED && url;
    });
    assert.equal(target.searchParams.get('client_id'), before, 'changed, not registered anew');
    // The server would refuse an address that is not registered without sending anybody anywhere.
    const accepted = await fetch(target, { redirect: 'manual' });
    assert.equal(accepted.status, 303, await accepted.text());
    assert.match(accepted.headers.get('location'), /\/interaction\//);
  });
});

function entries(oauthUrl) {
  const shared = { categories: ['mcp'], docs: 'https://docs.example.com/e2e' };
  return {
    'e2e-mcp-any': {
      ...shared,
      display_name: 'E2E any MCP server',
      auth_mode: 'MCP_OAUTH2_GENERIC',
      connection_config: { mcp_server_url: { type: 'string', title: 'MCP server' } },
    },
    'e2e-mcp-known': {
      ...shared,
      display_name: 'E2E known MCP server',
      auth_mode: 'MCP_OAUTH2',
      authorization_url: `${oauthUrl}/auth`,
      authorization_params: { prompt: 'consent' },
      token_url: `${oauthUrl}/token`,
      client_registration: 'dynamic',
      registration_url: `${oauthUrl}/reg`,
      resource: RESOURCE,
      default_scopes: SCOPES,
    },
  };
}
