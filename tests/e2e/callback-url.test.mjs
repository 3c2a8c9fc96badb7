// A customer's own callback address: the environment's setting is the `redirect_uri` that is sent, and
// a 308 from that address to the server completes the flow.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { startBrowser } from './harness/browser.mjs';
import { onEachEngine } from './harness/engines.mjs';
import { listen } from './harness/listening.mjs';
import { FRONTEND_SDKS } from './harness/sdks.mjs';
import { openStage } from './harness/stage.mjs';

const OAUTH = 'e2e-oauth';

onEachEngine((engine) => {
  let stage;
  let relay;
  let browser;
  const relayed = [];
  before(async () => {
    relay = await listen((request, response) => {
      const { search } = new URL(request.url, 'http://relay');
      relayed.push(request.url);
      response.writeHead(308, { location: `${stage.callbackUrl}${search}` }).end();
    });
    stage = await openStage({ engine, redirectUris: [`${relay.url}/auth/done`] });
    await stage.integrate(OAUTH);
    browser = await startBrowser();
  });
  after(async () => {
    await browser?.close();
    await stage?.close();
    await relay?.close();
  });

  const connect = async () => {
    const customer = await browser.customer();
    try {
      const outcome = await customer.connect({
        sdk: FRONTEND_SDKS[0].folder,
        host: stage.publicUrl,
        token: await stage.session(OAUTH),
        args: [OAUTH],
      });
      assert.equal(outcome.error, undefined, JSON.stringify(outcome.error));
      return outcome.result.connectionId;
    } finally {
      await customer.close();
    }
  };

  test('set, the address is sent and the flow completes through it', async () => {
    await stage.setEnvironment({ callback_url: `${relay.url}/auth/done` });
    assert.match(await stage.command('env', 'get', 'dev'), /callback_url.*\/auth\/done/);
    const id = await connect();
    assert.equal(stage.oauth.authorizations.at(-1).redirect_uri, `${relay.url}/auth/done`);
    assert.equal(relayed.length, 1);
    const { body } = await stage.connection(OAUTH, id);
    assert.equal(await stage.oauth.accepts(body.credentials.access_token), true);
  });

  test('cleared, the server is the callback again', async () => {
    await stage.setEnvironment({ callback_url: '' });
    await connect();
    assert.equal(stage.oauth.authorizations.at(-1).redirect_uri, stage.callbackUrl);
    assert.equal(relayed.length, 1);
  });
});
