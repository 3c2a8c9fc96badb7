// Popups against the real server and its emulated provider: every way one can end.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { page as pageWith } from './stage/pages.mjs';
import { decide, openStage } from './stage/stage.mjs';
import { until } from './stage/waiting.mjs';

let stage;
let dev;
let customer;
before(async () => {
  stage = await openStage();
  dev = stage.dev;
});
after(() => stage?.close());

/** Runs in the page: one `auth` with everything it said. */
const authorize = async ({ options, method = 'auth', ...auth }) => {
  window.states = [];
  window.steps = [];
  window.controller = new AbortController();
  const valetkey = new window.Valetkey(options);
  const result = await valetkey[method]('emulator', {
    ...auth,
    signal: window.controller.signal,
    onState: (step) => {
      window.steps.push(step);
      window.states.push(step.channel ? `${step.state}: ${step.channel}` : step.state);
    },
  });
  return { result, states: window.states };
};

const optionsOf = async (more = {}) => ({ host: dev.url, sessionToken: await dev.session('emulator'), ...more });

/** A test with a page of its own, closed at the end. */
const inPage = (name, run, path = '/') =>
  test(name, async () => {
    customer = await stage.open(path);
    try {
      await run(customer);
      assert.deepEqual(customer.errors, []);
    } finally {
      await customer.close();
    }
  });

const states = ({ page }) => page.evaluate(() => window.states);

describe('a popup', () => {
  inPage('is approved', async ({ page, press }) => {
    const opened = page.waitForEvent('popup');
    const { outcome } = await press(authorize, { options: await optionsOf() });
    const popup = await opened;
    await decide(popup, 'Approve');
    const { value } = await outcome;
    assert.deepEqual(Object.keys(value.result).sort(), ['connectionId', 'isPending', 'providerConfigKey']);
    assert.equal(value.result.providerConfigKey, 'emulator');
    assert.equal(value.result.isPending, false);
    assert.deepEqual(value.states, ['popup_opened', 'waiting: socket', 'connected']);
    const connection = await dev.connection('emulator', value.result.connectionId);
    assert.equal(connection.credentials.type, 'OAUTH2');
    await until('the popup is closed', () => popup.isClosed());
  });

  inPage('is as large as asked, and carries what the contract says', async ({ page, context, press }) => {
    const asked = context.waitForEvent('request', (request) => request.url().includes('/oauth/connect/'));
    const opened = page.waitForEvent('popup');
    const { outcome } = await press(authorize, {
      options: await optionsOf({ popup: { width: 420, height: 510 } }),
      params: { note: 'a b&' },
      userScope: ['u1', 'u2'],
      authorizationParams: { prompt: 'con sent', login_hint: undefined },
    });
    const popup = await opened;
    const url = (await asked).url();
    assert.match(url, /[?&]connect_session_token=nango_connect_session_[0-9a-f]{64}&/);
    assert.match(url, /&params%5Bnote%5D=a\+b%26&/);
    assert.match(url, /&user_scope=u1%2Cu2&/);
    assert.match(url, /&authorization_params%5Bprompt%5D=con\+sent&/);
    assert.match(url, /&ws_client_id=[0-9a-f-]{36}$/);
    await popup.getByRole('button', { name: 'Approve' }).waitFor();
    assert.deepEqual(await popup.evaluate(() => [innerWidth, innerHeight]), [420, 510]);
    await decide(popup, 'Approve');
    assert.equal((await outcome).error, undefined);
  });

  inPage('is declined', async ({ page, press }) => {
    let wire;
    page.on('websocket', (socket) => socket.on('framereceived', ({ payload }) => (wire = JSON.parse(payload))));
    const opened = page.waitForEvent('popup');
    const { outcome } = await press(authorize, { options: await optionsOf() });
    await decide(await opened, 'Deny');
    const { error } = await outcome;
    assert.equal(wire.message_type, 'error');
    assert.deepEqual([error.message, error.operationId, error.reason], [wire.error_desc, wire.operation_id, wire.cause]);
    assert.equal(error.isAuthError, true);
    assert.equal(error.name, 'AuthError');
    assert.equal(error.type, 'callback_err');
    assert.ok(error.message.length > 10, error.message);
    assert.deepEqual(error.issues, []);
    assert.deepEqual(await states({ page }), ['popup_opened', 'waiting: socket', 'failed']);
  });

  inPage('is given up by its signal', async ({ page, press }) => {
    const opened = page.waitForEvent('popup');
    const { outcome } = await press(authorize, { options: await optionsOf() });
    const popup = await opened;
    await popup.getByRole('button', { name: 'Approve' }).waitFor();
    await page.evaluate(() => window.controller.abort('enough'));
    const { error } = await outcome;
    assert.equal(error.type, 'aborted');
    await until('the popup is closed', () => popup.isClosed());
    assert.deepEqual(await states({ page }), ['popup_opened', 'waiting: socket', 'failed']);
  });

  inPage('does not open for a signal that is aborted already', async ({ page, press }) => {
    let popups = 0;
    page.on('popup', () => (popups += 1));
    const { outcome } = await press(
      ({ options }) => new window.Valetkey(options).auth('emulator', { signal: AbortSignal.abort() }),
      { options: await optionsOf() },
    );
    assert.equal((await outcome).error.type, 'aborted');
    assert.equal(popups, 0);
  });

  inPage('gives way to the next one', async ({ page, press }) => {
    const opened = page.waitForEvent('popup');
    const options = await optionsOf();
    const { outcome } = await press(
      async ({ options }) => {
        window.valetkey = new window.Valetkey(options);
        const { type } = await window.valetkey.auth('emulator').catch((error) => error);
        return type;
      },
      { options },
    );
    const first = await opened;
    const reopened = page.waitForEvent('popup');
    await page.evaluate(() => void (window.second = window.valetkey.auth('emulator')));
    assert.deepEqual(await outcome, { value: 'aborted' });
    await until('the first popup is closed', () => first.isClosed());
    await decide(await reopened, 'Approve');
    assert.equal((await page.evaluate(() => window.second)).providerConfigKey, 'emulator');
  });

  inPage('that is closed is told of, and ends nothing', async ({ page, press }) => {
    const opened = page.waitForEvent('popup');
    const { outcome } = await press(authorize, { options: await optionsOf() });
    const popup = await opened;
    await popup.getByRole('button', { name: 'Approve' }).waitFor();
    await popup.close();
    await page.waitForFunction(() => window.states.includes('popup_closed'));
    await page.evaluate(() => window.controller.abort());
    assert.equal((await outcome).error.type, 'aborted');
    assert.deepEqual(await states({ page }), ['popup_opened', 'waiting: socket', 'popup_closed', 'failed']);
  });

  for (const option of ['watchClosed', 'detectClosedAuthWindow']) {
    inPage(`that is closed is a failure with ${option}`, async ({ page, press }) => {
      const opened = page.waitForEvent('popup');
      const { outcome } = await press(authorize, { options: await optionsOf(), [option]: true });
      const popup = await opened;
      await popup.getByRole('button', { name: 'Approve' }).waitFor();
      await popup.close();
      assert.equal((await outcome).error.type, 'window_closed');
      assert.deepEqual(await states({ page }), ['popup_opened', 'waiting: socket', 'popup_closed', 'failed']);
    });
  }

  inPage('that ends well is not taken for closed', async ({ page, press }) => {
    const opened = page.waitForEvent('popup');
    const options = await optionsOf({ websocketsPath: '/nowhere' });
    const { outcome } = await press(authorize, { options, watchClosed: true });
    await decide(await opened, 'Approve');
    const { value } = await outcome;
    assert.deepEqual(value.states, ['popup_opened', 'waiting: polling', 'connected']);
  });
});

describe('without a WebSocket', () => {
  inPage('an approval is heard by asking', async ({ page, press }) => {
    const opened = page.waitForEvent('popup');
    const { outcome } = await press(authorize, { options: await optionsOf({ websocketsPath: '/nowhere' }) });
    await decide(await opened, 'Approve');
    const { value } = await outcome;
    assert.equal(value.result.providerConfigKey, 'emulator');
    assert.deepEqual(value.states, ['popup_opened', 'waiting: polling', 'connected']);
  });

  inPage('a refusal is heard by asking', async ({ page, press }) => {
    const opened = page.waitForEvent('popup');
    const { outcome } = await press(authorize, { options: await optionsOf({ websocketsPath: 'nowhere' }) });
    await decide(await opened, 'Deny');
    assert.equal((await outcome).error.type, 'callback_err');
  });

  inPage('an expired session is heard by asking', async ({ press }) => {
    const options = await optionsOf({ sessionToken: `nango_connect_session_${'0'.repeat(64)}`, websocketsPath: '/nowhere' });
    const { outcome } = await press(authorize, { options });
    assert.equal((await outcome).error.type, 'unknown_connect_session_token');
  });

  inPage('a socket that is lost on the way changes nothing', async ({ page, press }) => {
    // The browser closes it, as a proxy would.
    await page.evaluate(() => {
      const { WebSocket } = window;
      window.WebSocket = class extends WebSocket {
        constructor(...args) {
          super(...args);
          window.socket = this;
        }
      };
    });
    const opened = page.waitForEvent('popup');
    const { outcome } = await press(authorize, { options: await optionsOf() });
    const popup = await opened;
    await popup.getByRole('button', { name: 'Approve' }).waitFor();
    await page.evaluate(() => window.socket.close());
    await decide(popup, 'Approve');
    assert.deepEqual((await outcome).value.states, ['popup_opened', 'waiting: socket', 'connected']);
  });

  inPage('a popup severed from the page still finishes', async ({ page, context, press }) => {
    const viaSever = (route) =>
      route.fulfill({ status: 302, headers: { location: `${stage.app.url}/sever#${route.request().url()}` } });
    await context.route('**/oauth/connect/**', viaSever, { times: 1 });
    const opened = page.waitForEvent('popup');
    const { outcome } = await press(authorize, { options: await optionsOf({ websocketsPath: '/nowhere' }) });
    const popup = await opened;
    await popup.getByRole('button', { name: 'Approve' }).waitFor();
    await page.waitForFunction(() => window.states.includes('popup_closed'));
    assert.equal(await popup.evaluate(() => window.opener), null);
    await decide(popup, 'Approve');
    const { value } = await outcome;
    assert.equal(value.result.providerConfigKey, 'emulator');
    assert.deepEqual(value.states, ['popup_opened', 'waiting: polling', 'popup_closed', 'connected']);
    await until('the popup closes itself', () => popup.isClosed());
  });
});

describe('a blocked popup', () => {
  /** A page that connects while it loads: no browser opens a window then. */
  const openBlocked = async () => {
    stage.app.add(
      '/blocked',
      pageWith(`<p id="links"></p><script type="module">
        import { Valetkey } from '@valetkey/frontend';
        const valetkey = new Valetkey(${JSON.stringify(await optionsOf())});
        window.blocked = valetkey.auth('emulator').then(() => null, (error) => (window.error = error));
      </script>`),
    );
    const opened = await stage.open('/blocked');
    await opened.page.evaluate(() => window.blocked);
    return opened;
  };

  test('is an error with a link that works', async () => {
    const { page, press, close, errors } = await openBlocked();
    try {
      const told = await page.evaluate(() => {
        const { error, PopupBlockedError } = window;
        const link = Object.assign(document.createElement('a'), { href: error.url, target: '_blank', textContent: 'Open' });
        document.getElementById('links').append(link);
        const printed = `${JSON.stringify(error)} ${error} ${error.stack} ${Object.keys(error)}`;
        return { type: error.type, is: error instanceof PopupBlockedError, url: error.url, printed };
      });
      assert.equal(told.type, 'blocked_by_browser');
      assert.equal(told.is, true);
      assert.ok(told.url.startsWith(`${dev.url}/oauth/connect/emulator?`), told.url);
      assert.doesNotMatch(told.printed, /nango_connect_session/, 'nothing that is logged holds the token');

      const { outcome } = await press(() => window.error.wait());
      const opened = page.context().waitForEvent('page');
      await page.getByRole('link', { name: 'Open' }).click();
      await decide(await opened, 'Approve');
      assert.equal((await outcome).value?.providerConfigKey, 'emulator');
      assert.deepEqual(errors, []);
    } finally {
      await close();
    }
  });

  test('opens on a retry from a click', async () => {
    const { page, press, close, errors } = await openBlocked();
    try {
      const opened = page.waitForEvent('popup');
      const { outcome } = await press(() => window.error.retry());
      await decide(await opened, 'Approve');
      assert.equal((await outcome).value?.providerConfigKey, 'emulator');
      assert.deepEqual(errors, []);
    } finally {
      await close();
    }
  });

  inPage('is known where a blocker denies window.open', async ({ page, press }) => {
    await page.evaluate(() => (window.open = () => null));
    const { outcome } = await press(authorize, { options: await optionsOf() });
    assert.equal((await outcome).error.type, 'blocked_by_browser');
    assert.deepEqual(await states({ page }), ['failed']);
  });
});

describe('the session token', () => {
  inPage('may come from a function, and the popup still opens', async ({ page, press }) => {
    const opened = page.waitForEvent('popup');
    const { outcome } = await press(
      ({ host, token }) =>
        new window.Valetkey({
          host,
          sessionToken: () => new Promise((resolve) => setTimeout(() => resolve(token), 300)),
        }).auth('emulator'),
      { host: dev.url, token: await dev.session('emulator') },
    );
    await decide(await opened, 'Approve');
    assert.equal((await outcome).value?.providerConfigKey, 'emulator');
  });

  inPage('is missed in words, and the popup goes away', async ({ page, press }) => {
    const opened = page.waitForEvent('popup');
    const { outcome } = await press(authorize, { options: { host: dev.url } });
    const { error } = await outcome;
    assert.equal(error.type, 'missing_auth_token');
    assert.match(error.message, /sessionToken/);
    const popup = await opened;
    await until('the popup is closed', () => popup.isClosed());
  });

  inPage('that comes after all was given up starts nothing', async ({ page, press }) => {
    const sockets = [];
    page.on('websocket', (socket) => sockets.push(socket));
    const opened = page.waitForEvent('popup');
    const { outcome } = await press(
      ({ host }) => {
        window.controller = new AbortController();
        const sessionToken = () => new Promise((resolve) => (window.bring = resolve));
        return new window.Valetkey({ host, sessionToken }).auth('emulator', { signal: window.controller.signal });
      },
      { host: dev.url },
    );
    const popup = await opened;
    await page.evaluate(() => window.controller.abort());
    assert.equal((await outcome).error.type, 'aborted');
    await until('the popup is closed', () => popup.isClosed());
    await page.evaluate(() => window.bring('late'));
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve)));
    assert.ok(sockets.every((socket) => socket.isClosed()));
  });

  inPage('that cannot be fetched is an error with its cause', async ({ press }) => {
    const { outcome } = await press(
      async ({ host }) => {
        const sessionToken = () => Promise.reject(new Error('backend down'));
        const error = await new window.Valetkey({ host, sessionToken }).auth('emulator').catch((error) => error);
        return [error.type, error.cause.message];
      },
      { host: dev.url },
    );
    assert.deepEqual(await outcome, { value: ['missing_auth_token', 'backend down'] });
  });
});

test('a broken connection is repaired and keeps its id', async () => {
  const { page, press, close, errors } = await stage.open('/');
  try {
    const opened = page.waitForEvent('popup');
    const made = await press(authorize, { options: await optionsOf() });
    await decide(await opened, 'Approve');
    const { connectionId } = (await made.outcome).value.result;
    await dev.breakGrant('emulator', connectionId);
    assert.notEqual((await dev.refresh('emulator', connectionId)).status, 200, 'it is broken');

    const sessionToken = await dev.reconnectSession('emulator', connectionId);
    const reopened = page.waitForEvent('popup');
    const repaired = await press(authorize, { options: { host: dev.url, sessionToken }, method: 'reconnect' });
    await decide(await reopened, 'Approve');
    assert.equal((await repaired.outcome).value.result.connectionId, connectionId);
    assert.equal((await dev.refresh('emulator', connectionId)).status, 200, 'it works again');
    assert.deepEqual(errors, []);
  } finally {
    await close();
  }
});

test('a listener that throws is reported and changes nothing', async () => {
  const { page, press, close, errors } = await stage.open('/');
  try {
    const opened = page.waitForEvent('popup');
    const { outcome } = await press(
      ({ options }) =>
        new window.Valetkey(options).auth('emulator', {
          onState: ({ state }) => {
            throw new Error(`listener at ${state}`);
          },
        }),
      { options: await optionsOf() },
    );
    await decide(await opened, 'Approve');
    assert.equal((await outcome).value?.providerConfigKey, 'emulator');
    await until('it is reported', () => errors.length === 3);
    assert.match(errors[0].message, /listener at popup_opened/);
  } finally {
    await close();
  }
});
