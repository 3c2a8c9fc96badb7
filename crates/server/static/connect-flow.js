// @ts-check
// Making a connection: a form is posted, or a popup goes to the provider while this page waits at
// the WebSocket and, where that fails, asks again and again.

/** How long the WebSocket may take to open before the flow goes on without it, in milliseconds. */
const SOCKET_OPENS_MS = 2500;
/** How often the outcome is asked for and the popup looked at, in milliseconds. */
const LOOK_EVERY_MS = 1500;
/** How long the popup may still talk to this page after the outcome, in milliseconds. */
const CLOSE_POPUP_AFTER_MS = 500;

/** @typedef {{ providerConfigKey: string, connectionId: string, isPending?: boolean }} Connected */
/** @typedef {{ code: string, message: string, path: string[] }} Issue */

/** A failed attempt: `type` for programs, `message` for people, `issues` for the form. */
export class ConnectError extends Error {
  /** @param {string} type @param {string} message @param {Issue[]} [issues] */
  constructor(type, message, issues = []) {
    super(message);
    this.name = 'ConnectError';
    this.type = type;
    this.issues = issues;
  }
}

/** The server as one session sees it. */
export class Api {
  /** @param {string} base @param {string} socketUrl @param {string} token */
  constructor(base, socketUrl, token) {
    this.base = base;
    this.socketUrl = socketUrl;
    this.token = token;
  }

  /** @param {string} path @returns {Promise<any>} the `data` of the answer */
  async get(path) {
    const headers = { Authorization: `Bearer ${this.token}` };
    return (await answer(fetch(this.base + path, { headers }))).data;
  }

  /**
   * @param {string} path @param {Record<string, string>} params @param {object} body
   * @returns {Promise<Connected>}
   */
  async post(path, params, body) {
    const request = {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    };
    return answer(fetch(`${this.base}${path}?${this.#query(params)}`, request));
  }

  /** @param {string} key @param {Record<string, string>} params @param {string} clientId */
  popupUrl(key, params, clientId) {
    const query = this.#query(params);
    query.set('ws_client_id', clientId);
    return `${this.base}/oauth/connect/${encodeURIComponent(key)}?${query}`;
  }

  /** @param {Record<string, string>} params */
  #query(params) {
    const query = new URLSearchParams({ connect_session_token: this.token });
    for (const [name, value] of Object.entries(params)) query.set(`params[${name}]`, value);
    return query;
  }
}

/** @param {Promise<Response>} request @returns {Promise<any>} */
async function answer(request) {
  const response = await request.catch(() => {
    throw new ConnectError('unreachable', 'The server does not answer. Check your network and try again.');
  });
  const body = await response.json().catch(() => null);
  if (response.ok && body) return body;
  const { code, message, errors } = body?.error ?? {};
  const type = response.status === 401 ? 'session_expired' : (code ?? 'unknown_error');
  throw new ConnectError(type, message ?? `The server answered ${response.status}.`, errors ?? []);
}

/**
 * A redirect flow under way. `done` settles with its outcome; until then the popup can be brought
 * to the front, or all of it given up.
 */
export class PopupFlow {
  /**
   * Call it in the click's own handler: browsers block windows that open later.
   * @param {Api} api @param {string} key @param {Record<string, string>} params
   * @param {{ onBlocked: (url: string) => void, onClosed: () => void }} events
   */
  constructor(api, key, params, events) {
    this.api = api;
    this.popup = openWindow();
    this.ended = new AbortController();
    /** @type {Promise<Connected>} */
    this.done = this.#run(key, params, events).finally(() => this.#end());
  }

  focus() {
    this.popup?.focus();
  }

  cancel() {
    this.ended.abort();
    this.popup?.close();
  }

  #end() {
    this.ended.abort();
    const popup = this.popup;
    setTimeout(() => popup?.close(), CLOSE_POPUP_AFTER_MS);
  }

  /**
   * @param {string} key @param {Record<string, string>} params
   * @param {{ onBlocked: (url: string) => void, onClosed: () => void }} events
   */
  async #run(key, params, events) {
    const signal = this.ended.signal;
    const socket = await openSocket(this.api.socketUrl, signal);
    const clientId = socket?.clientId ?? randomId();
    const url = this.api.popupUrl(key, params, clientId);
    if (this.popup) this.popup.location.href = url;
    else events.onBlocked(url);
    const asked = this.#ask(clientId, events);
    const result = await (socket ? Promise.race([socket.result, asked]) : asked);
    if (result.message_type !== 'success')
      throw new ConnectError(result.error_type ?? 'unknown_error', result.error_desc ?? 'The connection failed.');
    return {
      providerConfigKey: result.provider_config_key,
      connectionId: result.connection_id,
      isPending: Boolean(result.is_pending),
    };
  }

  /**
   * Asks until there is an outcome. A window that looks closed may be one that only cut its ties to
   * this page, so that ends nothing.
   * @param {string} clientId @param {{ onClosed: () => void }} events
   * @returns {Promise<any>}
   */
  async #ask(clientId, events) {
    let seenClosed = false;
    for (;;) {
      await pause(LOOK_EVERY_MS, this.ended.signal);
      const response = await fetch(`${this.api.base}/connect/result/${clientId}`).catch(() => null);
      if (response?.status === 200) return (await response.json()).data;
      if (this.popup?.closed && !seenClosed) {
        seenClosed = true;
        events.onClosed();
      }
    }
  }
}

function openWindow() {
  const [width, height] = [500, 680];
  const left = Math.round(window.screenX + (window.outerWidth - width) / 2);
  const top = Math.round(window.screenY + (window.outerHeight - height) / 2);
  return window.open('', '_blank', `popup,width=${width},height=${height},left=${left},top=${top}`);
}

/**
 * Resolves with null when there is no WebSocket to be had.
 * @param {string} url @param {AbortSignal} signal
 * @returns {Promise<{ clientId: string, result: Promise<any> } | null>}
 */
function openSocket(url, signal) {
  return new Promise((resolve) => {
    const socket = new WebSocket(url);
    signal.addEventListener('abort', () => socket.close());
    setTimeout(() => resolve(null), SOCKET_OPENS_MS);
    socket.addEventListener('error', () => resolve(null));
    socket.addEventListener('close', () => resolve(null));
    // A socket that drops later leaves this open for ever: then the asking has the last word.
    const result = new Promise((settle) => {
      socket.addEventListener('message', (event) => {
        const message = JSON.parse(event.data);
        if (message.message_type === 'connection_ack')
          resolve({ clientId: message.ws_client_id, result });
        else if (message.message_type === 'success' || message.message_type === 'error')
          settle(message);
      });
    });
  });
}

/** @param {number} ms @param {AbortSignal} signal @returns {Promise<void>} */
function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => reject(new ConnectError('cancelled', 'Cancelled.'));
    if (signal.aborted) return stop();
    signal.addEventListener('abort', stop, { once: true });
    setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
  });
}

/** A version 4 UUID; `crypto.randomUUID` is missing on plain HTTP. */
function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
