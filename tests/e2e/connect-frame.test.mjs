// The Connect UI in a frame of the customer's page, opened by the published frontend packages of two
// ages: what is said between page and frame, word for word, and what a hostile page gets out of it.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { startChromium } from './harness/browser.mjs';
import { decide, makeConnection, makeIntegrations, makeSession, openPopup } from './harness/connect-screens.mjs';
import { startDev } from './harness/dev.mjs';
import { startHostPage } from './harness/host-page.mjs';
import { listen } from './harness/listening.mjs';
import { FRONTEND_SDKS } from './harness/sdks.mjs';
import { until } from './harness/waiting.mjs';

let dev;
let browser;
let app;
let kept;
before(async () => {
  dev = await startDev();
  browser = await startChromium();
  app = await startHostPage();
  kept = await makeIntegrations(dev);
});
after(async () => {
  await browser?.close();
  await app?.close();
  await dev?.stop();
});

/** Open the Connect UI in the customer's page. */
async function open({ sdk, session, token, options = {} } = {}) {
  const sessionToken = token ?? (session ? (await makeSession(dev, session)).token : undefined);
  const more = { baseURL: `${dev.url}/connect-ui/`, apiURL: dev.url, ...(sessionToken ? { sessionToken } : {}), ...options };
  return app.open(browser, { sdk, options: more });
}

/** Press Connect; answers the provider's page in the window. */
async function connect({ frame, popups }) {
  await frame.locator('form button[type=submit]').waitFor();
  return openPopup(popups);
}

for (const { name, folder } of FRONTEND_SDKS) {
  test(`${name}: the trace of a connect is the documented one`, async () => {
    const ui = await open({ sdk: folder, session: { allowed_integrations: ['screen-oauth'] } });
    await decide(await connect(ui), 'approve');
    await ui.frame.getByRole('button', { name: 'Finish' }).click();
    await until('the frame goes', async () => (await ui.page.locator('iframe').count()) === 0);
    const [ready, connected, closed, ...more] = await ui.events();
    assert.deepEqual(more, []);
    assert.deepEqual(ready, { type: 'ready' });
    assert.deepEqual(Object.keys(connected.payload), ['providerConfigKey', 'connectionId', 'isPending']);
    assert.match(connected.payload.connectionId, /^[0-9a-f-]{36}$/);
    assert.deepEqual({ ...connected, payload: { ...connected.payload, connectionId: 'id' } }, {
      type: 'connect',
      payload: { providerConfigKey: 'screen-oauth', connectionId: 'id', isPending: false },
    });
    assert.deepEqual(closed, { type: 'close' });
    await ui.context.close();
  });
}

test('a form says the same without isPending, and one error for each attempt that fails', async () => {
  const ui = await open({ session: { allowed_integrations: ['screen-key'] } });
  const input = ui.frame.getByLabel('API key', { exact: true });
  for (let attempt = 1; attempt <= 2; attempt += 1) {
    await input.fill('emk_short');
    await ui.frame.getByRole('button', { name: 'Connect' }).click();
    await until(`error ${attempt}`, async () => (await ui.events()).length === 1 + attempt);
    await ui.frame.getByRole('alert').filter({ hasText: 'did not accept' }).waitFor();
  }
  await input.fill('emk_demo_1234567890');
  await ui.frame.getByRole('button', { name: 'Connect' }).click();
  await ui.frame.getByRole('heading', { name: /is connected$/ }).waitFor();
  const events = await ui.events();
  assert.deepEqual(events.map(({ type }) => type), ['ready', 'error', 'error', 'connect']);
  assert.equal(events[1].payload.errorType, 'connection_test_failed');
  assert.deepEqual(Object.keys(events[1].payload), ['errorType', 'errorMessage']);
  assert.deepEqual(Object.keys(events[3].payload), ['connectionId', 'providerConfigKey']);
  await ui.context.close();
});

test('a refusal at the provider is one error, of the most telling type', async () => {
  const ui = await open({ session: { allowed_integrations: ['screen-oauth'] } });
  await decide(await connect(ui), 'deny');
  await ui.frame.getByRole('heading', { name: 'Emulator was not connected' }).waitFor();
  await ui.frame.locator('.stack', { hasText: 'You did not give your consent at Emulator.' }).waitFor();
  // The page with the failure also posts its own message; nothing more may come of it.
  await until('the popup has gone', async () => ui.context.pages().length === 1);
  const events = await ui.events();
  assert.deepEqual(events.map(({ type }) => type), ['ready', 'error']);
  assert.equal(events[1].payload.errorType, 'callback_err');
  const { data: operations } = await dev.call('GET', '/logs/operations');
  await ui.frame.getByText('Details for support').click();
  const reference = await ui.frame.locator('.facts dd').last().innerText();
  assert.ok(operations.some(({ id }) => id === reference), `the reference ${reference} is an operation of the log`);
  await ui.context.close();
});

test('a cancelled attempt is one error, and the next attempt may still connect', async () => {
  const ui = await open({ session: { allowed_integrations: ['screen-oauth'] } });
  await connect(ui);
  await ui.frame.getByRole('button', { name: 'Cancel' }).click();
  await decide(await connect(ui), 'approve');
  await ui.frame.getByRole('heading', { name: 'Emulator is connected' }).waitFor();
  const events = await ui.events();
  assert.deepEqual(events.map(({ type, payload }) => [type, payload?.errorType]), [['ready', undefined], ['error', 'window_closed'], ['connect', undefined]]);
  await ui.context.close();
});

test('trying again replaces the window, and ends the attempt before', async () => {
  const ui = await open({ session: { allowed_integrations: ['screen-oauth'] } });
  const first = await connect(ui);
  const [second] = await Promise.all([ui.page.waitForEvent('popup'), ui.frame.getByRole('button', { name: 'Try again' }).click()]);
  await until('the first window is closed', () => first.isClosed());
  await second.waitForURL((url) => url.pathname.endsWith('/oauth/authorize'));
  await decide(second, 'approve');
  await ui.frame.getByRole('heading', { name: 'Emulator is connected' }).waitFor();
  assert.deepEqual((await ui.events()).map(({ type }) => type), ['ready', 'error', 'connect']);
  await ui.context.close();
});

test('a closed window is noticed: said on the page, and an error only where the app asked for it', async () => {
  const quiet = await open({ session: { allowed_integrations: ['screen-oauth'] } });
  await (await connect(quiet)).close();
  await quiet.frame.getByText('The window seems to be closed').waitFor();
  assert.deepEqual((await quiet.events()).map(({ type }) => type), ['ready']);
  await quiet.context.close();

  const told = await open({ session: { allowed_integrations: ['screen-oauth'] }, options: { detectClosedAuthWindow: true } });
  await (await connect(told)).close();
  await told.frame.getByRole('button', { name: 'Connect' }).waitFor();
  const events = await told.events();
  assert.deepEqual(events.map(({ type, payload }) => [type, payload?.errorType]), [['ready', undefined], ['error', 'window_closed']]);
  await told.context.close();
});

describe('a session', () => {
  test('that is unknown or over is told to the page, which can hand in another', async () => {
    const ui = await open({ token: `nango_connect_session_${'0'.repeat(64)}` });
    await ui.frame.getByRole('heading', { name: 'This page has expired' }).waitFor();
    assert.equal((await ui.events())[1].payload.errorType, 'session_expired');
    const { token } = await makeSession(dev, { allowed_integrations: ['screen-key'] });
    await ui.page.evaluate((given) => window.ui.setSessionToken(given), token);
    await ui.frame.getByRole('heading', { name: 'Connect Emulator (API key)' }).waitFor();
    await ui.context.close();
  });

  test('that is late shows a skeleton, and can be closed meanwhile', async () => {
    const ui = await open({ options: { sessionToken: undefined } });
    await ui.page.frameLocator('iframe').locator('main[aria-busy=true]').waitFor();
    await ui.frame.getByRole('button', { name: 'Close' }).click();
    await until('the frame goes', async () => (await ui.page.locator('iframe').count()) === 0);
    await ui.context.close();
  });

  test('does not reach an integration that it does not allow', async () => {
    const { token } = await makeSession(dev, { allowed_integrations: ['screen-key'] });
    const query = new URLSearchParams({ connect_session_token: token, lang: 'en' });
    const context = await browser.newContext();
    const page = await context.newPage();
    const answer = await page.goto(`${dev.url}/oauth/connect/screen-oauth?${query}`);
    assert.equal(answer.status(), 400);
    await page.getByText('This link is not for').waitFor();
    await context.close();
  });

  test('goes on after success, unless it is made to end with it', async () => {
    const again = await open({ session: { allowed_integrations: ['screen-key', 'screen-pair'] } });
    await again.frame.getByRole('button', { name: 'Emulator (API key)' }).click();
    await again.frame.getByLabel('API key', { exact: true }).fill('emk_demo_1234567890');
    await again.frame.getByRole('button', { name: 'Connect', exact: true }).click();
    await again.frame.getByRole('button', { name: 'Connect another' }).click();
    await again.frame.getByRole('heading', { name: 'Choose what to connect' }).waitFor();
    await again.context.close();
  });
});

describe('a hostile page', () => {
  test('cannot make the frame take a token from another window, nor from another origin', async () => {
    const ui = await open({ options: { sessionToken: undefined } });
    await ui.frame.locator('main[aria-busy=true]').waitFor();
    const { token } = await makeSession(dev, { allowed_integrations: ['screen-key'] });
    // A sibling frame of the same page is not the parent.
    await ui.page.evaluate((given) => {
      const sibling = document.createElement('iframe');
      sibling.srcdoc = `<script>setInterval(() => parent.frames[0].postMessage({ type: 'session_token', sessionToken: '${given}' }, '*'), 50)</script>`;
      document.body.append(sibling);
    }, token);
    await ui.page.waitForTimeout(600);
    assert.equal(await ui.page.frameLocator('iframe#connect-ui').locator('main[aria-busy=true]').count(), 1, 'it still waits');
    await ui.context.close();
  });

  test('cannot name another server to talk to', async () => {
    const seen = [];
    const elsewhere = await listen((request, response) => {
      seen.push(request.url);
      response.writeHead(200, { 'access-control-allow-origin': '*' }).end('{}');
    });
    const ui = await open({ session: { allowed_integrations: ['screen-key'] }, options: { apiURL: elsewhere.url } });
    await ui.frame.getByRole('heading', { name: 'This link is not right' }).waitFor();
    await until('the page is told', async () => (await ui.events()).some(({ payload }) => payload?.errorType === 'invalid_host_url'));
    assert.deepEqual(seen, [], 'nothing was sent there');
    await ui.context.close();
    await elsewhere.close();
  });

  test('cannot re-theme it, unless it is a preview, which connects nothing', async () => {
    const settings = { type: 'settings_changed', payload: { theme: { light: { primary: '#ff00aa' }, dark: { primary: '#ff00aa' } }, defaultTheme: 'light', showWatermark: true } };
    const colour = (ui) => ui.frame.locator('html').evaluate((root) => root.style.getPropertyValue('--accent'));
    const plain = await open({ session: { allowed_integrations: ['screen-key'] } });
    await plain.frame.getByRole('button', { name: 'Connect' }).waitFor();
    const before = await colour(plain);
    await plain.page.evaluate((message) => frames[0].postMessage(message, '*'), settings);
    await plain.page.waitForTimeout(300);
    assert.equal(await colour(plain), before);
    await plain.context.close();

    const preview = await open({ session: { allowed_integrations: ['screen-key'] }, options: { baseURL: `${dev.url}/connect-ui/?preview=true&embedded=true` } });
    await preview.frame.getByRole('button', { name: 'Connect' }).waitFor();
    assert.equal(await preview.frame.getByRole('button', { name: 'Connect' }).isDisabled(), true);
    await preview.page.evaluate((message) => frames[0].postMessage(message, '*'), settings);
    await until('the new colour', async () => (await colour(preview)).includes('255 0 170'));
    await preview.frame.getByText('Secured by Valetkey').waitFor();
    await preview.context.close();
  });

  test('gets no script into the page by any text that is shown', async () => {
    const evil = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>';
    await dev.call('PATCH', '/integrations/screen-key', { display_name: evil });
    try {
      const ui = await open({
        session: {
          allowed_integrations: ['screen-key'],
          connect_ui_settings: { name: 'a"><script>window.hacked=1</script>' },
          overrides: { 'screen-key': { docs_connect: 'javascript:window.hacked=1' } },
        },
      });
      await ui.frame.getByRole('heading', { name: evil }).waitFor();
      assert.equal(await ui.frame.locator('a[href^="javascript"]').count(), 0);
      await ui.frame.getByLabel('API key', { exact: true }).fill('emk_short');
      await ui.frame.getByRole('button', { name: 'Connect' }).click();
      await ui.frame.getByRole('alert').filter({ hasText: 'did not accept' }).waitFor();
      assert.equal(await ui.frame.locator('html').evaluate(() => window.hacked), undefined);
      await ui.context.close();
    } finally {
      await dev.call('PATCH', '/integrations/screen-key', { display_name: 'Emulator (API key)' });
    }
  });
});

test('the whole way works with the keyboard alone, and the focus never leaves the window', async () => {
  const ui = await open({ session: { allowed_integrations: kept.many.concat('screen-key') } });
  const focus = () => ui.frame.locator('html').evaluate(() => document.activeElement?.textContent?.trim() || document.activeElement?.id);
  const press = (key) => ui.page.keyboard.press(key);
  await until('the heading has the focus', async () => (await focus()) === 'Choose what to connect');
  await press('Tab');
  await ui.page.keyboard.type('emulator');
  await until('one is left', async () => (await ui.frame.locator('.choice').count()) === 1);
  await press('ArrowDown');
  await press('Enter');
  await until('the form', async () => /Connect Emulator/.test(await focus()));
  // Backwards from the heading to the last thing on the screen, and forwards round again.
  await press('Shift+Tab');
  assert.equal(await focus(), 'Connect');
  await press('Tab');
  assert.notEqual(await ui.page.evaluate(() => document.activeElement.tagName), 'BODY', 'still in the frame');
  await ui.frame.getByLabel('API key', { exact: true }).focus();
  await ui.page.keyboard.type('emk_demo_1234567890');
  // What was typed is not thrown away by a stray key.
  await press('Escape');
  await ui.frame.getByRole('heading', { name: 'Leave without connecting?' }).waitFor();
  assert.equal(await focus(), 'Stay');
  await press('Enter');
  await ui.frame.getByLabel('API key', { exact: true }).focus();
  await press('Enter');
  await until('success has the focus', async () => /is connected/.test(await focus()));
  await press('Escape');
  await until('the frame goes', async () => (await ui.page.locator('iframe').count()) === 0);
  assert.deepEqual((await ui.events()).map(({ type }) => type), ['ready', 'connect', 'close']);
  await ui.context.close();
});

test('a click beside the window closes it, but asks first while something would be lost', async () => {
  const ui = await open({ session: { allowed_integrations: ['screen-oauth'] } });
  const popup = await connect(ui);
  await ui.page.mouse.click(10, 10);
  await ui.frame.getByText('The connection is still being made.').waitFor();
  await ui.frame.getByRole('button', { name: 'Leave' }).click();
  await until('the frame goes', async () => (await ui.page.locator('iframe').count()) === 0);
  await until('the window too', () => popup.isClosed());
  assert.deepEqual((await ui.events()).map(({ type }) => type), ['ready', 'close']);
  await ui.context.close();
});

test('a repair says so, is for its connection alone, and keeps it', async () => {
  const id = await makeConnection(dev);
  const { data } = await dev.call('POST', '/connect/sessions/reconnect', { connection_id: id, integration_id: 'screen-pair' });
  const ui = await open({ token: data.token });
  await ui.frame.getByRole('heading', { name: 'Reconnect Emulator (token pair)' }).waitFor();
  await ui.frame.getByText('This repairs your existing connection').waitFor();
  await ui.frame.getByLabel('Token ID', { exact: true }).fill('emulator-token');
  await ui.frame.getByLabel('Token secret', { exact: true }).fill('emulator-token-secret');
  await ui.frame.getByRole('button', { name: 'Reconnect' }).click();
  await ui.frame.getByRole('heading', { name: /is connected$/ }).waitFor();
  assert.equal((await ui.events())[1].payload.connectionId, id);
  await ui.context.close();
});
