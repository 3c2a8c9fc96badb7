// @ts-check
// The sample app's page: one card per integration.

import { ConnectError, connectApiKey, connectOAuth, openPopup, reason } from './connect.js';

const host = document.body.dataset.valetkeyUrl ?? '';
const wsUrl = document.body.dataset.valetkeyWsUrl ?? '';

/** @typedef {'good' | 'warn' | 'bad' | ''} Tone */
/** @typedef {{ status: number, body: any }} Answer */

class Card {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    this.integration = root.dataset.integration ?? '';
    this.isOAuth = root.dataset.kind === 'oauth';
    this.connectionId = '';
    /** @type {Window | null} */
    this.popup = null;
    /** @type {AbortController | null} */
    this.running = null;
    this.expiresAt = 0;
    root.addEventListener('click', (event) => this.clicked(event));
    root.addEventListener('submit', (event) => {
      event.preventDefault();
      this.submitKey();
    });
  }

  /** @param {string} name @returns {HTMLElement | null} */
  part(name) {
    return this.root.querySelector(`[data-part="${name}"]`);
  }

  /** @param {string} name @param {boolean} visible */
  show(name, visible) {
    const part = this.part(name);
    if (part) part.hidden = !visible;
  }

  /** @param {string} name @param {string} text */
  write(name, text) {
    const part = this.part(name);
    if (part) part.textContent = text;
  }

  /** @param {string} text @param {Tone} [tone] */
  status(text, tone = '') {
    this.write('status', text);
    const part = this.part('status');
    if (part) part.className = `badge ${tone}`;
    this.root.querySelector('[data-action="repair"]')?.classList.toggle('main', tone === 'bad');
  }

  /** @param {string} text @param {Tone} [tone] */
  message(text, tone = '') {
    const part = this.part('message');
    if (!part) return;
    part.hidden = text === '';
    part.className = `note ${tone}`;
    part.textContent = text;
  }

  /** Shows a connection, or the way to make one. @param {any} connection */
  settle(connection) {
    this.connectionId = connection?.connection_id ?? '';
    const connected = this.connectionId !== '';
    this.show('connection', connected);
    this.show('start', !connected);
    this.show('waiting', false);
    this.write('id', this.connectionId);
    if (!connected) this.status('Not connected');
    else if (connection.errors?.length > 0) this.status('Needs repair', 'bad');
    else this.status('Connected', 'good');
    this.forget();
  }

  /** Clears what was read of the credentials. */
  forget() {
    this.expiresAt = 0;
    this.write('token', 'not read yet');
    this.write('expires', 'not read yet');
  }

  /** @param {Event} event */
  clicked(event) {
    const button = event.target instanceof Element ? event.target.closest('button') : null;
    const action = button?.dataset.action;
    if (action === 'connect') this.connect('/api/session', {});
    else if (action === 'repair' && this.isOAuth) this.repair();
    else if (action === 'repair') this.askForKey(true);
    else if (action === 'keep') this.askForKey(false);
    else if (action === 'front') this.popup?.focus();
    else if (action === 'cancel') this.running?.abort();
    else if (action && button) this.act(action, button);
  }

  repair() {
    return this.connect('/api/session/reconnect', { connection_id: this.connectionId });
  }

  /** The popup flow, for a new connection and for a repair alike.
   * @param {string} path @param {Record<string, string>} fields */
  async connect(path, fields) {
    let popup;
    try {
      popup = openPopup();
    } catch (error) {
      return this.failed(error);
    }
    this.popup = popup;
    this.running?.abort();
    const running = new AbortController();
    this.running = running;
    this.message('');
    this.show('waiting', true);
    this.show('start', false);
    try {
      const token = await this.sessionToken(path, fields);
      await connectOAuth({
        host,
        wsUrl,
        integration: this.integration,
        token,
        popup,
        signal: running.signal,
      });
      this.message(
        this.connectionId ? 'Repaired. It is the same connection as before.' : 'Connected.',
        'good',
      );
      this.show('answer', false);
    } catch (error) {
      popup.close();
      this.failed(error);
    }
    if (this.running === running) await load();
  }

  async submitKey() {
    const input = this.root.querySelector('input');
    if (!input) return;
    this.fieldError('');
    const repairing = this.connectionId !== '';
    const [path, fields] = repairing
      ? ['/api/session/reconnect', { connection_id: this.connectionId }]
      : ['/api/session', {}];
    const button = this.part('submit');
    busy(button, true);
    try {
      const token = await this.sessionToken(path, fields);
      await connectApiKey({
        host,
        integration: this.integration,
        token,
        apiKey: input.value.trim(),
      });
      input.value = '';
      this.askForKey(false);
      this.message(repairing ? 'The key was replaced.' : 'Connected.', 'good');
      this.show('answer', false);
      await load();
    } catch (error) {
      this.fieldError(error instanceof Error ? error.message : String(error));
      input.focus();
    } finally {
      busy(button, false);
    }
  }

  /** @param {boolean} visible */
  askForKey(visible) {
    this.show('start', visible);
    this.show('connection', !visible);
    const keep = this.root.querySelector('[data-action="keep"]');
    if (keep instanceof HTMLElement) keep.hidden = !visible;
    this.write('submit', visible ? 'Replace' : 'Connect');
    this.message('');
    this.fieldError('');
    if (visible) this.root.querySelector('input')?.focus();
  }

  /** @param {string} text */
  fieldError(text) {
    this.write('field-error', text);
    this.root.querySelector('input')?.setAttribute('aria-invalid', String(text !== ''));
  }

  /** @param {unknown} error */
  failed(error) {
    const known = error instanceof ConnectError;
    const text = error instanceof Error ? error.message : String(error);
    if (known && error.type === 'cancelled') return this.message('Cancelled.');
    this.message(known ? `${text} (${error.type})` : text, 'bad');
  }

  /** @param {string} path @param {Record<string, string>} fields @returns {Promise<string>} */
  async sessionToken(path, fields) {
    const { status, body } = await send('POST', path, { integration: this.integration, ...fields });
    const token = body?.data?.token;
    if (typeof token !== 'string')
      throw new ConnectError(reason(body, status), body?.error?.code ?? 'no_session');
    return token;
  }

  /** Read, refresh, break, remove. @param {string} action @param {HTMLButtonElement} button */
  async act(action, button) {
    const base = `/api/connections/${encodeURIComponent(this.connectionId)}`;
    const query = `?integration=${encodeURIComponent(this.integration)}`;
    /** @type {Record<string, [string, string]>} */
    const requests = {
      read: ['GET', base + query],
      refresh: ['POST', `${base}/refresh${query}`],
      break: ['POST', `${base}/break${query}`],
      remove: ['DELETE', base + query],
    };
    const request = requests[action];
    if (!request) return;
    busy(button, true);
    const answer = await send(...request);
    busy(button, false);
    this.answered(action, answer);
    if (action === 'remove' && answer.status < 300) {
      await load();
      this.show('answer', false);
      this.message('Disconnected.');
    }
  }

  /** @param {string} action @param {Answer} answer */
  answered(action, { status, body }) {
    const ok = status < 300;
    /** @type {Record<string, string>} */
    const calls = {
      read: 'GET /connections/{id}',
      refresh: 'GET /connections/{id}?force_refresh=true',
      break: 'Withdrawn at the provider',
      remove: 'DELETE /connections/{id}',
    };
    this.show('answer', true);
    this.write('request', `${calls[action]} → ${status || 'no answer'}`);
    this.write('json', JSON.stringify(body, null, 2));
    if (!ok) {
      const dead = body?.error?.code === 'invalid_credentials';
      if (dead) this.status('Needs repair', 'bad');
      this.message(
        dead ? `${reason(body, status)} Press Repair to connect again.` : reason(body, status),
        'bad',
      );
    } else if (action === 'break') {
      this.message(
        'The provider no longer honours this grant. Force refresh, and Valetkey finds out.',
        'warn',
      );
    } else if (action === 'read' || action === 'refresh') {
      this.message(
        action === 'read'
          ? 'Valetkey answered with a working credential.'
          : 'Valetkey fetched a new token.',
        'good',
      );
      this.status('Connected', 'good');
      const credentials = body.credentials ?? {};
      this.write('token', credentials.access_token ?? credentials.apiKey ?? 'none');
      this.expiresAt = credentials.expires_at ? Date.parse(credentials.expires_at) : 0;
      this.tick();
    }
  }

  /** Counts down to the expiry. */
  tick() {
    if (this.expiresAt === 0) return;
    const left = Math.round((this.expiresAt - Date.now()) / 1000);
    const text =
      left > 0
        ? `in ${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')}`
        : 'expired: read it again';
    this.write('expires', text);
  }
}

/** @param {HTMLElement | null} button @param {boolean} on */
function busy(button, on) {
  if (button instanceof HTMLButtonElement) button.disabled = on;
}

/**
 * Calls the app's own backend.
 * @param {string} method @param {string} path @param {object} [fields]
 * @returns {Promise<Answer>}
 */
async function send(method, path, fields) {
  try {
    const response = await fetch(path, {
      method,
      headers: fields ? { 'Content-Type': 'application/json' } : {},
      body: fields ? JSON.stringify(fields) : undefined,
    });
    return { status: response.status, body: await response.json() };
  } catch {
    const message = 'The app’s backend does not answer. Is valetkey dev still running?';
    return { status: 0, body: { error: { code: 'unreachable', message } } };
  }
}

const cards = [...document.querySelectorAll('[data-integration]')]
  .filter((element) => element instanceof HTMLElement)
  .map((element) => new Card(element));

/** Shows the connections the backend knows of this user. */
async function load() {
  const { status, body } = await send('GET', '/api/connections');
  for (const card of cards) {
    if (status !== 200) {
      card.settle(null);
      card.message(reason(body, status), 'bad');
      continue;
    }
    /** @type {any[]} */
    const connections = body.connections;
    card.settle(
      connections.find((connection) => connection.provider_config_key === card.integration),
    );
  }
}

setInterval(() => cards.forEach((card) => card.tick()), 1000);
load();
