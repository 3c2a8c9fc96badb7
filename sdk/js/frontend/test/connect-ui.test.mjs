// The Connect UI in its frame: the real page of the real server, from another origin.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { page as pageWith, startPages } from './stage/pages.mjs';
import { decide, openStage } from './stage/stage.mjs';
import { until } from './stage/waiting.mjs';

const FRAME = 'iframe[title="Connect an account"]';

let stage;
let dev;
before(async () => {
  stage = await openStage();
  dev = stage.dev;
  stage.app.add('/tall', pageWith('<p style="height: 3000px">Long.</p><button id="other">Other</button>'));
});
after(() => stage?.close());

/** A test with a page of its own, closed at the end. */
const inPage = (name, run, path = '/') =>
  test(name, async () => {
    const customer = await stage.open(path);
    try {
      await run(customer);
      assert.deepEqual(customer.errors, []);
    } finally {
      await customer.close();
    }
  });

/** Runs in the page: opens the Connect UI and keeps what it says. */
const openUI = ({ host, token, ...options }) => {
  window.events = [];
  window.states = [];
  window.result = null;
  window.controller = new AbortController();
  window.valetkey = new window.Valetkey({ host, ...(token ? { sessionToken: token } : {}) });
  window.ui = window.valetkey.openConnectUI({
    ...options,
    signal: window.controller.signal,
    onEvent: (event) => window.events.push(event),
  });
  window.ui.on('state', ({ state }) => window.states.push(state));
  window.ui.result.then((result) => (window.result = result));
};

const told = (page) => page.evaluate(() => ({ events: window.events, states: window.states, result: window.result }));
const types = async (page) => (await told(page)).events.map(({ type }) => type);
const connectButton = (frame) => frame.getByRole('button', { name: /connect/i }).last();
const close = (frame) => frame.getByRole('button', { name: /close|finish|done/i }).last().click();

/** A page that says `first` and repeats to the page around it whatever it is told. */
const thief = (first) => `<!doctype html><title>Thief</title><script>
  addEventListener('message', ({ data }) => parent.postMessage({ type: 'heard: ' + (data.type ?? data) }, '*'));
  parent.postMessage({ type: '${first}' }, '*');
</script>`;

/** A message to the frame that is answered at once: what came before it has been answered too. */
const knock = async (page) => {
  await page.evaluate(() => document.querySelector('iframe').contentWindow.postMessage('knock', '*'));
  await page.waitForFunction(() => window.heard.includes('heard: knock'));
};

inPage('the whole walk with a popup', async ({ page, press }) => {
  const { outcome } = await press(openUI, { host: dev.url, token: await dev.session('emulator') });
  assert.equal((await outcome).error, undefined);
  const frame = page.frameLocator(FRAME);
  const opened = page.waitForEvent('popup');
  await connectButton(frame).click();
  await decide(await opened, 'Approve');
  await frame.getByRole('heading', { name: /connected/i }).waitFor();
  assert.equal((await told(page)).result, null, 'it is open until the user closes it');
  await close(frame);
  await page.waitForFunction(() => window.result);

  const { events, states, result } = await told(page);
  assert.deepEqual(events.map(({ type }) => type), ['ready', 'connect', 'close']);
  const { providerConfigKey, connectionId } = events[1].payload;
  assert.equal(providerConfigKey, 'emulator');
  assert.deepEqual(result, { status: 'connected', connections: [events[1].payload] });
  assert.deepEqual(states, ['active', 'connected', 'closed']);
  assert.equal((await dev.connection('emulator', connectionId)).credentials.type, 'OAUTH2');
  assert.equal(await page.locator('iframe').count(), 0);
});

inPage('the whole walk with a form, refused first', async ({ page, press }) => {
  await press(openUI, { host: dev.url, token: await dev.session('emulator-api-key') });
  const frame = page.frameLocator(FRAME);
  await frame.locator('input:visible').first().fill('emk_short');
  await connectButton(frame).click();
  await page.waitForFunction(() => window.events.some(({ type }) => type === 'error'));
  const { events } = await told(page);
  assert.equal(events.at(-1).payload.errorType, 'connection_test_failed');
  assert.ok(events.at(-1).payload.errorMessage.length > 10);
});

inPage('closed without a connection', async ({ page, press }) => {
  await press(openUI, { host: dev.url, token: await dev.session('emulator') });
  const frame = page.frameLocator(FRAME);
  await connectButton(frame).waitFor();
  await close(frame);
  await page.waitForFunction(() => window.result);
  const { events, states, result } = await told(page);
  assert.deepEqual(events, [{ type: 'ready' }, { type: 'close' }]);
  assert.deepEqual(states, ['active', 'closed']);
  assert.deepEqual(result, { status: 'closed' });
});

inPage('the frame is as the contract wants it', async ({ page, press }) => {
  const options = { lang: 'fr', theme: 'dark', watchClosed: true };
  await press(openUI, { host: dev.url, token: await dev.session('emulator'), ...options });
  const frame = page.locator(FRAME);
  const { src, allow, rect, position, token } = await frame.evaluate((element) => ({
    src: element.src,
    allow: element.allow,
    rect: element.getBoundingClientRect().toJSON(),
    position: element.style.position,
    token: element.outerHTML.includes('connect_session'),
  }));
  const apiURL = encodeURIComponent(dev.url);
  assert.equal(src, `${dev.url}/connect-ui/?apiURL=${apiURL}&detectClosedAuthWindow=true&lang=fr&theme=dark`);
  assert.equal(allow, 'clipboard-write');
  assert.equal(position, 'fixed');
  assert.equal(token, false, 'no token in the page');
  const { width, height } = page.viewportSize();
  assert.deepEqual([rect.x, rect.y, rect.width, rect.height], [0, 0, width, height]);
});

inPage('a token that comes later, and one by a function', async ({ page, press }) => {
  await press(openUI, { host: dev.url });
  await page.waitForFunction(() => window.states.includes('waiting_for_token'));
  const frame = page.frameLocator(FRAME);
  assert.equal(await connectButton(frame).count(), 0);
  const token = await dev.session('emulator');
  await page.evaluate((token) => window.ui.setSessionToken(token), token);
  await connectButton(frame).waitFor();
  assert.deepEqual((await told(page)).states, ['waiting_for_token', 'active']);
  await page.evaluate(() => window.ui.close());

  await press(
    ({ host, token }) => {
      const later = () => new Promise((resolve) => setTimeout(() => resolve(token), 300));
      window.ui = new window.Valetkey({ host, sessionToken: later }).openConnectUI();
    },
    { host: dev.url, token },
  );
  await connectButton(frame).waitFor();
});

inPage('a token that cannot be fetched is an event', async ({ page, press }) => {
  await press(
    ({ host }) => {
      window.events = [];
      const sessionToken = () => Promise.reject(new Error('backend down'));
      const onEvent = (event) => window.events.push(event);
      window.ui = new window.Valetkey({ host }).openConnectUI({ sessionToken, onEvent });
    },
    { host: dev.url },
  );
  await page.waitForFunction(() => window.events.some(({ type }) => type === 'error'));
  const error = await page.evaluate(() => window.events.find(({ type }) => type === 'error'));
  assert.equal(error.payload.errorType, 'missing_auth_token');
});

inPage('focus and scrolling come back as they were', async ({ page, press }) => {
  await page.evaluate(() => {
    document.body.style.overflow = 'scroll';
    scrollTo(0, 1234);
  });
  // A press scrolls to its button, so this one is pressed from where the page is.
  await page.evaluate(() => document.getElementById('other').focus({ preventScroll: true }));
  await page.evaluate(
    ([code, args]) => new Function(`return ${code}`)()(args),
    [String(openUI), { host: dev.url, token: await dev.session('emulator') }],
  );
  const look = () =>
    page.evaluate(() => [document.activeElement.id || document.activeElement.tagName, document.body.style.overflow, scrollY]);
  const frame = page.frameLocator(FRAME);
  await connectButton(frame).waitFor();
  assert.deepEqual(await look(), ['IFRAME', 'hidden', 1234]);
  await close(frame);
  await page.waitForFunction(() => window.result);
  assert.deepEqual(await look(), ['other', 'scroll', 1234]);
}, '/tall');

inPage('a second open joins the first', async ({ page, press }) => {
  await press(openUI, { host: dev.url, token: await dev.session('emulator') });
  const again = await page.evaluate((host) => {
    window.more = [];
    const onEvent = ({ type }) => window.more.push(type);
    const other = new window.Valetkey({ host });
    return [window.valetkey.openConnectUI() === window.ui, other.openConnectUI({ onEvent }) === window.ui];
  }, dev.url);
  assert.deepEqual(again, [true, true]);
  assert.equal(await page.locator('iframe').count(), 1);
  const frame = page.frameLocator(FRAME);
  await connectButton(frame).waitFor();
  await close(frame);
  await page.waitForFunction(() => window.result);
  // Whether it hears `ready` depends on who was faster.
  const more = await page.evaluate(() => window.more);
  assert.deepEqual(more.filter((type) => type !== 'ready'), ['close']);
  assert.equal(await page.evaluate(() => document.body.style.overflow), '');

  await press(openUI, { host: dev.url, token: await dev.session('emulator') });
  await connectButton(frame).waitFor();
  assert.equal(await page.locator('iframe').count(), 1, 'after a close it opens again');
});

inPage('its signal takes it away', async ({ page, press }) => {
  await press(openUI, { host: dev.url, token: await dev.session('emulator') });
  await connectButton(page.frameLocator(FRAME)).waitFor();
  await page.evaluate(() => window.controller.abort());
  assert.equal(await page.locator('iframe').count(), 0);
  await page.waitForFunction(() => window.result);
  const { result } = await told(page);
  assert.deepEqual(result, { status: 'closed' });
  await page.evaluate(() => (window.ui.close(), window.ui.close()));
  assert.deepEqual(await types(page), ['ready', 'close'], 'once');

  const aborted = await page.evaluate(async () => {
    const handle = window.valetkey.openConnectUI({ signal: AbortSignal.abort() });
    return [await handle.result, document.querySelectorAll('iframe').length, document.body.style.overflow];
  });
  assert.deepEqual(aborted, [{ status: 'closed' }, 0, '']);
});

inPage('Escape closes it while it is not there yet', async ({ page, press }) => {
  await page.route('**/connect-ui/**', () => {});
  await press(openUI, { host: dev.url, token: 't' });
  await page.locator(FRAME).waitFor();
  await page.keyboard.press('Escape');
  await page.waitForFunction(() => window.result);
  assert.deepEqual(await types(page), ['close']);
});

inPage('one that does not come is told of and goes away', async ({ page, press }) => {
  await page.clock.install();
  await press(openUI, { host: 'http://127.0.0.1:9', token: 't' });
  await page.clock.runFor(31_000);
  await page.waitForFunction(() => window.result);
  const { events, result } = await told(page);
  assert.equal(events[0].payload.errorType, 'unreachable');
  assert.deepEqual([events[1], result], [{ type: 'close' }, { status: 'closed' }]);
});

inPage('lies in the container it is given', async ({ page, press }) => {
  await page.evaluate(() => document.body.insertAdjacentHTML('beforeend', '<dialog id="modal">Settings</dialog>'));
  await press(
    ({ host, token }) => {
      const container = document.getElementById('modal');
      container.showModal();
      window.ui = new window.Valetkey({ host, sessionToken: token }).openConnectUI({ container });
    },
    { host: dev.url, token: await dev.session('emulator') },
  );
  await connectButton(page.frameLocator(`#modal > ${FRAME}`)).waitFor();
  // Elsewhere the dialog would have made it inert.
  await close(page.frameLocator(FRAME));
  await until('it is closed', async () => (await page.locator('iframe').count()) === 0);
});

inPage('messages of other windows and origins are ignored', async ({ page, press }) => {
  const foreign = await startPages();
  try {
    foreign.add(
      '/noise',
      `<!doctype html><title>Noise</title><script>
        for (const type of ['ready', 'connect', 'close', 'state'])
          parent.postMessage({ type, payload: { providerConfigKey: 'x', connectionId: 'y' } }, '*');
        addEventListener('message', ({ data }) => data.type === 'session_token' && parent.postMessage({ type: 'stolen' }, '*'));
      </script>`,
    );
    await press(openUI, { host: dev.url, token: await dev.session('emulator') });
    await connectButton(page.frameLocator(FRAME)).waitFor();
    await page.evaluate(
      ([origin, server]) => {
        window.heard = [];
        addEventListener('message', ({ data }) => window.heard.push(data?.type));
        // A foreign frame, another window of the right origin, and the page itself.
        for (const src of [`${origin}/noise`, `${server}/connect-ui/`])
          document.body.append(Object.assign(document.createElement('iframe'), { src }));
        postMessage({ type: 'close' }, '*');
        postMessage('close', '*');
        postMessage(null, '*');
      },
      [foreign.url, dev.url],
    );
    await page.waitForFunction(() => window.heard.filter((type) => type === 'ready').length >= 2);
    const { events, result } = await told(page);
    assert.deepEqual(events, [{ type: 'ready' }]);
    assert.equal(result, null);
  } finally {
    await foreign.close();
  }
});

inPage('a frame that is led elsewhere gets no token', async ({ page, press }) => {
  const foreign = await startPages();
  try {
    foreign.add('/', thief('ready'));
    await page.route('**/connect-ui/**', (route) => route.fulfill({ status: 302, headers: { location: foreign.url } }));
    await page.evaluate(() => {
      window.heard = [];
      addEventListener('message', ({ data }) => window.heard.push(data.type));
    });
    await press(openUI, { host: dev.url, token: await dev.session('emulator') });
    await page.waitForFunction(() => window.heard.includes('ready'));
    await page.evaluate(() => window.ui.setSessionToken('nango_connect_session_x'));
    await knock(page);
    const { events } = await told(page);
    assert.deepEqual(events, []);
    assert.deepEqual(await page.evaluate(() => window.heard), ['ready', 'heard: knock']);
  } finally {
    await foreign.close();
  }
});

inPage('a frame that goes elsewhere after it was ready gets no token', async ({ page, press }) => {
  const foreign = await startPages();
  try {
    foreign.add('/', thief('thief'));
    await page.evaluate(() => {
      window.heard = [];
      addEventListener('message', ({ data }) => window.heard.push(data.type));
    });
    await press(openUI, { host: dev.url });
    await page.waitForFunction(() => window.states.includes('waiting_for_token'));
    await page.evaluate((url) => (document.querySelector('iframe').contentWindow.location = url), foreign.url);
    await page.waitForFunction(() => window.heard.includes('thief'));
    await page.evaluate(() => window.ui.setSessionToken('nango_connect_session_x'));
    await knock(page);
    assert.deepEqual(await page.evaluate(() => window.heard), ['ready', 'thief', 'heard: knock']);
  } finally {
    await foreign.close();
  }
});

inPage('addresses that are none are refused in words', async ({ press }) => {
  const { outcome } = await press(({ host }) => {
    const told = [];
    const attempt = (make) => {
      try {
        make();
      } catch (error) {
        told.push([error instanceof window.AuthError, error.type, error.message]);
      }
    };
    attempt(() => new window.Valetkey({ host: 'connect.example.com' }));
    attempt(() => new window.Valetkey({ host: 'javascript:alert(1)' }));
    attempt(() => new window.Valetkey({}));
    attempt(() => new window.Valetkey());
    attempt(() => new window.Valetkey({ host }).openConnectUI({ baseURL: '/connect-ui/' }));
    return told;
  }, { host: dev.url });
  const { value } = await outcome;
  assert.equal(value.length, 5);
  for (const [isAuthError, type] of value) assert.deepEqual([isAuthError, type], [true, 'invalid_host_url']);
  assert.match(value[0][2], /^host must be an absolute address such as "https:.*not "connect\.example\.com"\.$/);
  assert.match(value[2][2], /not undefined\.$/);
  assert.match(value[4][2], /^baseURL/);
});
