// @ts-check
// The Connect UI: the page behind a connect link, also as the frame that the frontend SDK opens.
// This file decides which screen is next; each screen is in a file of its own.

import { Api, ConnectError, isOver } from './connect-api.js';
import { Attempt, blockedNotice, runFlow, waitElsewhere } from './connect-attempt.js';
import { button } from './connect-dom.js';
import { language, t } from './connect-copy.js';
import { showFailure, showNotice, showSuccess, showUnloaded, showUnsupported } from './connect-endings.js';
import { letGoWindowsOf } from './connect-flow.js';
import { Form } from './connect-form.js';
import { isFramed, isPreview, listenToParent, tellClose, tellError, tellReady } from './connect-host.js';
import { listScreen } from './connect-list.js';
import { openShell, setBrand, show, showLoading, watchTime } from './connect-shell.js';
import { applySettings } from './connect-theme.js';

/** How long a framed page waits for its token, in milliseconds. */
const TOKEN_ARRIVES_MS = 10_000;
/** Where a page that is not in a frame keeps its place, for a reload; it ends with the tab. */
const STORED = 'valetkey-connect';

/** @typedef {import('./connect-list.js').Integration} Integration */
/**
 * @typedef {{ allowed_integrations?: string[], isReconnecting?: boolean, expires_at: string,
 *   return_url?: string, single_use?: boolean,
 *   connectUISettings: import('./connect-theme.js').Settings,
 *   overrides?: Record<string, { docs_connect?: string }>,
 *   integrations_config_defaults?: Record<string, { connection_config?: Record<string, unknown> }> }} Session
 * @typedef {{ token?: string, key?: string, flow?: string }} Place
 */

const page = /** @type {HTMLElement} */ (document.getElementById('connect')).dataset;
const address = new URL(location.href);
const asked = {
  scheme: address.searchParams.get('theme'),
  reportsClosed: address.searchParams.get('detectClosedAuthWindow') === 'true',
};
const ownBase = page.apiUrl || location.origin + (page.basePath ?? '');
/** The servers a page may be told to use. What people type goes nowhere else. */
const bases = [ownBase, location.origin + (page.basePath ?? ''), ...(page.apiUrls ?? '').split(' ').filter(Boolean)];

/** @type {Api} */
let api;
/** @type {Session} */
let session;
/** @type {Integration[]} */
let integrations = [];
/** @type {Attempt | null} */
let attempt = null;
let base = ownBase;

/** The place that survives a reload; in a frame there is none, for storage there may be shared or refused. */
const place = {
  /** @returns {Place} */
  read() {
    try {
      return isFramed ? {} : JSON.parse(sessionStorage.getItem(STORED) ?? '{}');
    } catch {
      return {};
    }
  },
  /** @param {Place} change */
  note(change) {
    if (isFramed) return;
    try {
      sessionStorage.setItem(STORED, JSON.stringify({ ...place.read(), ...change }));
    } catch {
      // A browser that stores nothing forgets the page at a reload, and that is all.
    }
  },
  forget() {
    if (!isFramed) sessionStorage.removeItem(STORED);
  },
};

/** @param {string} token */
async function load(token) {
  attempt?.drop();
  const mine = new Api(base, page.websocketsPath ?? '/', token, language);
  api = mine;
  showLoading();
  try {
    const [loaded, list] = await Promise.all([mine.get('/connect/session'), mine.get('/integrations')]);
    if (api !== mine) return;
    [session, integrations] = [loaded, list];
  } catch (error) {
    if (api === mine) loadFailed(error, () => load(token));
    return;
  }
  place.note({ token });
  applySettings(session.connectUISettings, asked.scheme);
  setBrand(session.connectUISettings);
  watchTime(session.expires_at, timeIsUp);
  mine.note('open');
  resume();
}

/** Goes on where the page was: at a flow that ran in this tab, at a form, or at the beginning. */
function resume() {
  const { flow, key } = place.read();
  const chosen = integrations.find((one) => one.unique_key === key) ?? null;
  if (flow) {
    attempt = newAttempt(chosen, null);
    waitElsewhere(attempt, api, flow, { again: null, cancel: start });
    return;
  }
  if (chosen) openForm(chosen);
  else start();
}

/** The form where there is nothing to choose, otherwise the list. */
function start() {
  attempt?.drop();
  place.note({ key: undefined, flow: undefined });
  if (integrations.length === 1) openForm(integrations[0]);
  else showList();
}

function showList() {
  place.note({ key: undefined });
  if (integrations.length === 0) {
    showNotice('empty', 'warn');
    return;
  }
  api.note('view:list');
  show(listScreen(integrations, base, (one) => {
    api.note('click:integration', one.unique_key);
    openForm(one);
  }), { kind: 'list' });
}

/** @param {Integration} integration */
async function openForm(integration) {
  const mine = api;
  showLoading();
  try {
    const provider = await mine.get(`/providers/${encodeURIComponent(integration.provider)}`);
    if (api === mine) showForm(integration, provider);
  } catch (error) {
    if (api === mine) loadFailed(error, () => openForm(integration));
  }
}

/** @param {Integration} integration @param {import('./connect-fields.js').Provider} provider */
function showForm(integration, provider) {
  const { unique_key: key, display_name: name } = integration;
  place.note({ key, flow: undefined });
  const back = integrations.length > 1 ? showList : null;
  const form = new Form(
    integration,
    provider,
    base,
    {
      presets: session.integrations_config_defaults?.[key]?.connection_config ?? {},
      docs: session.overrides?.[key]?.docs_connect,
      isRepair: session.isReconnecting === true,
    },
    { submit: (entered) => (form.isPopup ? throughPopup(form, entered) : bySubmitting(form, entered)), back, note: (event) => api.note(event, key) },
  );
  if (!form.isPopup && !form.endpoint) {
    tellError('auth_mode_err', `${provider.auth_mode} is not available here.`);
    showUnsupported(name, back && button(t('failed.other'), back));
    return;
  }
  api.note('view:integration', key);
  form.show();
}

/** @param {Form} form @param {import('./connect-form.js').Entered} entered */
function bySubmitting(form, entered) {
  form.busy(true);
  attempt = newAttempt(form.integration, form);
  attempt.settle(api.post(form.endpoint + encodeURIComponent(form.integration.unique_key), entered.params, entered.body));
}

/** @param {Form} form @param {import('./connect-form.js').Entered} entered */
function throughPopup(form, entered) {
  const { integration } = form;
  const mine = newAttempt(integration, form);
  attempt = mine;
  const cancel = () => mine.flow?.cancel();
  runFlow(mine, api, integration.unique_key, entered, {
    reportsClosed: asked.reportsClosed,
    // The same click begins the next attempt, so that its window is not blocked.
    again: () => {
      mine.supersede();
      throughPopup(form, entered);
    },
    cancel,
    started: (flow) => {
      if (!mine.isOver) place.note({ flow });
    },
  });
}

/** @param {Integration | null} integration @param {Form | null} form */
function newAttempt(integration, form) {
  return new Attempt(integration, {
    connected: (result) => {
      place.note({ flow: undefined });
      api.note('view:success', result.providerConfigKey);
      const known = integration ?? integrations.find((one) => one.unique_key === result.providerConfigKey) ?? null;
      showSuccess({
        integration: known,
        isPending: result.isPending === true,
        another: integrations.length > 1 && !session.single_use ? showList : null,
        returnTo: session.return_url ? { url: session.return_url, app: session.connectUISettings.name } : null,
        finish: () => {
          api.note('click:finish');
          tellClose();
        },
      });
      if (session.single_use) place.forget();
    },
    failed: (error) => {
      place.note({ flow: undefined });
      attemptFailed(integration, form, error);
    },
  });
}

/** @param {Integration | null} integration @param {Form | null} form @param {ConnectError} error */
function attemptFailed(integration, form, error) {
  const key = integration?.unique_key;
  if (isOver(error)) {
    showExpired();
    return;
  }
  if (form && error.type === 'blocked_by_browser') {
    api.note('popup:blocked_by_browser', key);
    const wait = (/** @type {string} */ clientId) => {
      attempt = newAttempt(form.integration, form);
      waitElsewhere(attempt, api, clientId, { again: null, cancel: () => attempt?.flow?.cancel() });
    };
    const leaving = (/** @type {string} */ flow) => place.note({ key, flow });
    form.show(blockedNotice(form.integration, api, form.entered(), { opened: wait, leaving }));
    return;
  }
  if (form && error.type === 'window_closed') {
    api.note('popup:closed_early', key);
    form.show();
    return;
  }
  api.note(error.reason === 'credentials_refused' ? 'view:credentials_error' : 'view:unknown_error', key);
  if (form && !form.isPopup) {
    form.refuse(error);
    return;
  }
  const again = form ? () => form.show() : integration ? () => openForm(integration) : start;
  const other = integrations.length > 1 && button(t('failed.other'), showList);
  showFailure(integration, error, button(t('again'), again, { class: 'primary' }), other);
}

/** @param {unknown} error @param {() => void} again */
function loadFailed(error, again) {
  const known = ConnectError.of(error);
  tellError(known.type, known.message);
  if (isOver(known)) showExpired();
  else showUnloaded(again, known);
}

function timeIsUp() {
  // What runs at the provider may still end well: the server lets a flow outlive its session.
  if (attempt && !attempt.isOver) return;
  tellError('session_expired', t('expired.title'));
  showExpired();
}

function showExpired() {
  place.forget();
  showNotice('expired', 'warn');
}

const showNoToken = () => showNotice('no_token', 'warn');

/** Takes the token out of the address at once, so that it stays in no history. */
function takeToken() {
  const fromHash = new URLSearchParams(address.hash.slice(1)).get('session_token');
  const given = address.searchParams.get('session_token') ?? fromHash;
  const flow = address.searchParams.get('flow');
  for (const name of ['session_token', 'flow']) address.searchParams.delete(name);
  if (fromHash) address.hash = '';
  if (given || flow) history.replaceState(null, '', address);
  const known = place.read();
  // A new link begins anew, whatever this tab did before.
  if (given && given !== known.token) place.forget();
  if (flow && !given) place.note({ flow });
  return given ?? known.token;
}

function begin() {
  const token = takeToken();
  applySettings({}, asked.scheme);
  openShell((way) => {
    attempt?.drop();
    api?.note(way === 'outside' ? 'click:outside' : 'click:close');
  });
  const wanted = address.searchParams.get('apiURL');
  const found = wanted ? bases.find((one) => sameServer(one, wanted)) : ownBase;
  if (!found) {
    tellError('invalid_host_url', 'This page works for its own server only.');
    console.error(`apiURL must be one of: ${bases.join(', ')}`);
    showNotice('wrong_api', 'bad');
    return;
  }
  base = found;
  letGoWindowsOf(base);
  listenToParent({
    onToken: load,
    onSettings: (settings) => {
      applySettings(settings, null);
      setBrand(settings);
    },
  });
  if (!token || isFramed) showLoading();
  tellReady();
  if (token) load(token);
  else if (!isFramed) showNoToken();
  else if (!isPreview) setTimeout(() => api ?? showNoToken(), TOKEN_ARRIVES_MS);
}

/** @param {string} ours @param {string} theirs */
function sameServer(ours, theirs) {
  try {
    return new URL(ours).origin === new URL(theirs).origin;
  } catch {
    return false;
  }
}

begin();
