// @ts-check
// The page behind a connect link, also as the frame that the frontend SDK opens. It talks to its
// own server only, whatever its address says.

import { Api, ConnectError, PopupFlow } from './connect-flow.js';
import { bodyOf, buildFields, endpoint, findMissing, h, placeIssues, usesPopup, values } from './connect-form.js';

/** How long a framed page waits for its token, in milliseconds. */
const TOKEN_ARRIVES_MS = 10_000;
const STORED_TOKEN = 'valetkey-connect-session';
const CROSS = 'M5 5l10 10M15 5L5 15';
const BACK = 'M12 4l-6 6 6 6';
const OK = 'm15 25 6.5 6.5L34 18';
const FAILED = 'm17 17 14 14m0-14L17 31';

/**
 * @typedef {{ unique_key: string, provider: string, display_name: string,
 *   credentials_label?: Record<string, string>, preconfigured_credentials?: string[] }} Integration
 * @typedef {{ allowed_integrations?: string[], isReconnecting?: boolean,
 *   integrations_config_defaults?: Record<string, { connection_config?: Record<string, unknown> }> }} Session
 */

const main = /** @type {HTMLElement} */ (document.getElementById('connect'));
const base = location.origin + (main.dataset.basePath ?? '');
const socketUrl = base.replace(/^http/, 'ws') + (main.dataset.websocketsPath ?? '/');
const isFramed = window.parent !== window;
const address = new URL(location.href);
const reportsClosedWindow = address.searchParams.get('detectClosedAuthWindow') === 'true';

/** @type {Api} */
let api;
/** @type {Session} */
let session;
/** @type {Integration[]} */
let integrations = [];
/** @type {string | null} the origin of the page around this one, once it has spoken */
let parentOrigin = null;
/** @type {PopupFlow | null} */
let flow = null;

/** @param {object} message */
function tellParent(message) {
  if (isFramed) window.parent.postMessage(message, parentOrigin ?? '*');
}

/** @param {string} errorType @param {string} errorMessage */
const tellError = (errorType, errorMessage) =>
  tellParent({ type: 'error', payload: { errorType, errorMessage } });

/** @param {...(Node | null)} children */
function show(...children) {
  main.replaceChildren(...children.filter((child) => child !== null));
  const heading = main.querySelector('h1');
  heading?.setAttribute('tabindex', '-1');
  heading?.focus();
}

/** @param {string} path @param {string} size @param {string} kind */
function picture(path, size, kind) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', `0 0 ${size} ${size}`);
  svg.setAttribute('aria-hidden', 'true');
  if (kind) {
    svg.setAttribute('class', `badge ${kind}`);
    const circle = document.createElementNS(svg.namespaceURI, 'circle');
    for (const name of ['cx', 'cy']) circle.setAttribute(name, '24');
    circle.setAttribute('r', '22');
    svg.append(circle);
  }
  const line = document.createElementNS(svg.namespaceURI, 'path');
  line.setAttribute('d', path);
  svg.append(line);
  return svg;
}

/** @param {string} title @param {string | null} name @param {(() => void) | null} back */
function head(title, name, back) {
  return h(
    'div',
    { class: 'head' },
    back ? h('button', { class: 'plain', type: 'button', 'aria-label': 'Back', onclick: back }, picture(BACK, '20', '')) : null,
    name ? h('span', { class: 'tile', 'aria-hidden': 'true' }, name.slice(0, 1).toUpperCase()) : null,
    h('h1', { class: 'title' }, title),
    isFramed ? h('button', { class: 'plain', type: 'button', 'aria-label': 'Close', onclick: close }, picture(CROSS, '20', '')) : null,
  );
}

function close() {
  flow?.cancel();
  tellParent({ type: 'close' });
}

/** @param {string} title @param {string} text @param {Node[]} actions */
function showEnd(title, text, ...actions) {
  show(
    picture(FAILED, '48', 'bad'),
    h('div', { class: 'stack', role: 'alert' }, h('h1', {}, title), h('p', { class: 'soft' }, text)),
    actions.length || isFramed
      ? h('div', { class: 'actions' }, ...actions, isFramed ? h('button', { type: 'button', onclick: close }, 'Close') : null)
      : null,
  );
}

function showLoading() {
  show(h('p', { class: 'waiting soft', role: 'status' }, h('span', { class: 'spinner' }), 'Loading…'));
}

const showNoToken = () =>
  showEnd('Open this page from your app', 'It needs a link from the app you want to connect for. Go back there and start again.');

/** @param {unknown} error @param {() => void} again */
function showLoadError(error, again) {
  const { type, message } = asConnectError(error);
  tellError(type, message);
  if (type === 'session_expired') {
    sessionStorage.removeItem(STORED_TOKEN);
    showEnd('This link has expired', 'Links work for a limited time. Go back to the app and start again there.');
  } else {
    const retry = h('button', { class: 'primary', type: 'button', onclick: again }, 'Try again');
    showEnd('This page could not be loaded', message, retry);
  }
}

/** @param {unknown} error */
function asConnectError(error) {
  if (error instanceof ConnectError) return error;
  console.error(error);
  return new ConnectError('unknown_error', 'Something went wrong in this page. Reload it and try again.');
}

/** @param {string} token */
async function load(token) {
  flow?.cancel();
  const mine = new Api(base, socketUrl, token);
  api = mine;
  showLoading();
  try {
    const [loaded, list] = await Promise.all([mine.get('/connect/session'), mine.get('/integrations')]);
    if (api !== mine) return;
    [session, integrations] = [loaded, list];
    if (!isFramed) sessionStorage.setItem(STORED_TOKEN, token);
    if (integrations.length === 1) await openForm(integrations[0]);
    else showList();
  } catch (error) {
    if (api === mine) showLoadError(error, () => load(token));
  }
}

function showList() {
  if (integrations.length === 0) {
    showEnd('There is nothing to connect', 'The app has no integration set up for you yet. Its team can add one.');
    return;
  }
  const choice = (/** @type {Integration} */ integration) =>
    h(
      'li',
      {},
      h(
        'button',
        { class: 'choice', type: 'button', onclick: () => openForm(integration) },
        h('span', { class: 'tile', 'aria-hidden': 'true' }, integration.display_name.slice(0, 1).toUpperCase()),
        h('span', {}, integration.display_name),
      ),
    );
  show(head('Choose what to connect', null, null), h('ul', { class: 'choices' }, ...integrations.map(choice)));
}

/** @param {Integration} integration */
async function openForm(integration) {
  const mine = api;
  showLoading();
  try {
    const provider = await mine.get(`/providers/${encodeURIComponent(integration.provider)}`);
    if (api === mine) showForm(integration, provider);
  } catch (error) {
    if (api === mine) showLoadError(error, () => openForm(integration));
  }
}

/** @param {Integration} integration @param {import('./connect-form.js').Provider} provider */
function showForm(integration, provider) {
  const inPopup = usesPopup(provider);
  const path = endpoint(provider);
  if (!inPopup && !path) {
    tellError('auth_mode_err', `${provider.auth_mode} is not available here.`);
    showEnd('Not available here', `${integration.display_name} cannot be connected through this page.`, ...backToList());
    return;
  }
  const presets = session.integrations_config_defaults?.[integration.unique_key]?.connection_config ?? {};
  const fields = buildFields(
    provider,
    presets,
    integration.credentials_label ?? {},
    integration.preconfigured_credentials ?? [],
    session.isReconnecting === true,
  );
  const verb = session.isReconnecting ? 'Reconnect' : 'Connect';
  const notice = h('div', { role: 'alert' });
  const button = h('button', { class: 'primary', type: 'submit' }, verb);
  const intro = inPopup
    ? `A window opens in which you sign in to ${integration.display_name} and confirm.`
    : fields.length === 0
      ? `${integration.display_name} needs nothing from you.`
      : null;
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    notice.replaceChildren();
    if (findMissing(fields)) return;
    const params = values(fields, 'params');
    if (inPopup) {
      runPopup(integration, provider, params);
      return;
    }
    button.setAttribute('disabled', '');
    button.textContent = 'Connecting…';
    try {
      const target = path + encodeURIComponent(integration.unique_key);
      showSuccess(integration, await api.post(target, params, bodyOf(provider, fields)));
    } catch (error) {
      const { type, message, issues } = asConnectError(error);
      if (type === 'session_expired') return showLoadError(error, () => {});
      tellError(type, message);
      const homeless = placeIssues(fields, issues);
      const text = issues.length ? homeless.join(' ') : message;
      if (text) notice.replaceChildren(h('p', { class: 'alert' }, text));
    } finally {
      button.removeAttribute('disabled');
      button.textContent = verb;
    }
  };
  show(
    head(`${verb} ${integration.display_name}`, integration.display_name, integrations.length > 1 ? showList : null),
    intro ? h('p', { class: 'soft' }, intro) : null,
    h('form', { class: 'form', novalidate: true, onsubmit: submit }, notice, ...fields.map(({ box }) => box), button),
  );
}

const backToList = () =>
  integrations.length > 1 ? [h('button', { type: 'button', onclick: showList }, 'Choose another')] : [];

/**
 * @param {Integration} integration @param {import('./connect-form.js').Provider} provider
 * @param {Record<string, string>} params
 */
async function runPopup(integration, provider, params) {
  const back = () => showForm(integration, provider);
  const retry = () => {
    running.cancel();
    runPopup(integration, provider, params);
  };
  const note = h('div', { role: 'status' });
  /** @param {string} text @param {Node[]} more */
  const say = (text, ...more) => note.replaceChildren(h('p', { class: 'alert warn' }, text, ...more));
  const running = new PopupFlow(api, integration.unique_key, params, {
    onBlocked: (url) => {
      tellError('blocked_by_browser', 'The browser blocked the window.');
      say('The browser blocked the window. ', h('a', { href: url, target: '_blank' }, `Open ${integration.display_name} yourself`));
    },
    onClosed: () => {
      if (reportsClosedWindow) tellError('window_closed', 'The window was closed before the connection was made.');
      say('The window seems to be closed. If you have not finished there, try again.');
    },
  });
  flow = running;
  show(
    head(`Connect ${integration.display_name}`, integration.display_name, null),
    h('p', { class: 'waiting', role: 'status' }, h('span', { class: 'spinner' }), 'Waiting for the other window…'),
    note,
    h(
      'div',
      { class: 'actions' },
      running.popup ? h('button', { class: 'primary', type: 'button', onclick: () => running.focus() }, 'Show the window') : null,
      h('button', { type: 'button', onclick: retry }, 'Try again'),
      h('button', { type: 'button', onclick: () => (running.cancel(), back()) }, 'Cancel'),
    ),
  );
  try {
    showSuccess(integration, await running.done);
  } catch (error) {
    const { type, message } = asConnectError(error);
    if (type === 'cancelled') return;
    tellError(type, message);
    const again = h('button', { class: 'primary', type: 'button', onclick: back }, 'Try again');
    showEnd(`${integration.display_name} was not connected`, message, again, ...backToList());
  }
}

/** @param {Integration} integration @param {import('./connect-flow.js').Connected} connected */
function showSuccess(integration, connected) {
  tellParent({ type: 'connect', payload: connected });
  const finish = h('button', { class: 'primary', type: 'button', onclick: close }, 'Finish');
  show(
    picture(OK, '48', 'good'),
    h(
      'div',
      { class: 'stack', role: 'status' },
      h('h1', {}, `${integration.display_name} is ${connected.isPending ? 'almost connected' : 'connected'}`),
      connected.isPending ? h('p', { class: 'soft' }, 'It still has to be confirmed there. Nothing more is needed here.') : null,
      isFramed ? null : h('p', { class: 'soft' }, 'You can close this page and go back to the app.'),
    ),
    isFramed || integrations.length > 1 ? h('div', { class: 'actions' }, isFramed ? finish : null, ...backToList()) : null,
  );
}

/** @param {MessageEvent} event */
function onMessage(event) {
  if (event.source === flow?.popup && event.origin === location.origin) {
    // The outcome itself comes from the server; this only lets the window go.
    if (String(event.data?.type).startsWith('nango_oauth_callback_'))
      flow?.popup?.postMessage({ type: 'nango_oauth_callback_ack' }, location.origin);
    return;
  }
  if (!isFramed || event.source !== window.parent) return;
  if (event.data?.type !== 'session_token' || typeof event.data.sessionToken !== 'string') return;
  if (parentOrigin !== null && event.origin !== parentOrigin) return;
  // Sandboxed and local pages have the origin "null", which cannot be written to by name.
  if (event.origin !== 'null') parentOrigin = event.origin;
  load(event.data.sessionToken);
}

/** Takes the token out of the address, so that it stays in no history. */
function takeToken() {
  const fromHash = new URLSearchParams(address.hash.slice(1)).get('session_token');
  const given = address.searchParams.get('session_token') ?? fromHash;
  address.searchParams.delete('session_token');
  address.hash = '';
  if (given) history.replaceState(null, '', address);
  return given ?? (isFramed ? null : sessionStorage.getItem(STORED_TOKEN));
}

function start() {
  const token = takeToken();
  const theme = address.searchParams.get('theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  if (isFramed) document.documentElement.classList.add('framed');
  const apiUrl = address.searchParams.get('apiURL');
  if (apiUrl && URL.parse?.(apiUrl)?.origin !== location.origin) {
    tellError('invalid_host_url', 'This page works for its own server only.');
    console.error(`apiURL must be ${location.origin}, the server this page comes from`);
    showEnd('This link is not right', 'It names another server than the one this page belongs to, so nothing was sent there. Developers: set apiURL to ' + location.origin + '.');
    return;
  }
  window.addEventListener('message', onMessage);
  tellParent({ type: 'ready' });
  if (token) load(token);
  else if (!isFramed) showNoToken();
  else setTimeout(() => api ?? showNoToken(), TOKEN_ARRIVES_MS);
}

start();
