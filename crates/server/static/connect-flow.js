// @ts-check
// A redirect flow from the side of the page that began it. The provider's pages are in another
// window, in another tab, or were in this one; the outcome comes by WebSocket and, where that does
// not open or does not last, by asking again and again. What the other window says is not believed.

import { ConnectError } from './connect-api.js';
import { randomId } from './connect-dom.js';

/** How long the WebSocket may take to open before the flow goes on without it, in milliseconds. */
const SOCKET_OPENS_MS = 2500;
/** How often the outcome is asked for and the window looked at, in milliseconds. */
const LOOK_EVERY_MS = 1500;
/** How long a flow is waited for, in milliseconds: the server gives up on one after the same hour. */
const WAIT_MS = 60 * 60 * 1000;
/** How long the window may still talk to this page after the outcome, in milliseconds. */
const CLOSE_WINDOW_AFTER_MS = 500;
/** Width and height of the window, in CSS pixels. */
const WINDOW_SIZE = [520, 700];

/** @typedef {import('./connect-api.js').Api} Api */
/** @typedef {import('./connect-api.js').Connected} Connected */
/** @typedef {{ params: Record<string, string>, overrides: Record<string, string> }} Given */

/** One flow. `done` settles once, with its outcome or a `ConnectError`. */
export class Flow {
  /** @param {Api} api @param {Window | null} popup */
  constructor(api, popup) {
    this.api = api;
    this.popup = popup;
    this.stopped = new AbortController();
    /** Called once, when the window looks closed. It may only have cut its ties to this page. */
    this.onClosed = () => {};
    /** Called with the id under which the outcome can be asked for. */
    this.onStarted = (/** @type {string} */ _clientId) => {};
    /** @type {Promise<Connected>} */
    this.done = new Promise(() => {});
  }

  /**
   * Opens the window and leads it to the provider. Call it in the click's own handler: browsers
   * block windows that open later. Null when this one was blocked.
   * @param {Api} api @param {string} key @param {Given} given
   */
  static inPopup(api, key, given) {
    const popup = openWindow();
    if (!popup) return null;
    const flow = new Flow(api, popup);
    flow.done = flow.#settle(async () => {
      const socket = await openSocket(api.socketUrl, flow.stopped.signal);
      const clientId = socket?.clientId ?? randomId();
      flow.onStarted(clientId);
      popup.location.href = api.flowUrl(key, given.params, given.overrides, clientId, false);
      const asked = flow.#ask(clientId);
      return socket ? Promise.race([socket.result, asked]) : asked;
    });
    return flow;
  }

  /**
   * Waits for a flow that runs where this page cannot see it: in a tab that a link opened, or one
   * that began before this page was loaded.
   * @param {Api} api @param {string} clientId
   */
  static elsewhere(api, clientId) {
    const flow = new Flow(api, null);
    flow.done = flow.#settle(() => flow.#ask(clientId));
    return flow;
  }

  focus() {
    this.popup?.focus();
  }

  /** Gives up: `done` rejects with `window_closed`, and the window goes. */
  cancel() {
    this.stopped.abort();
    this.popup?.close();
  }

  /** @param {() => Promise<any>} run @returns {Promise<Connected>} */
  async #settle(run) {
    try {
      const result = await run();
      if (result.message_type === 'success') {
        const { provider_config_key: providerConfigKey, connection_id: connectionId } = result;
        return { providerConfigKey, connectionId, isPending: Boolean(result.is_pending) };
      }
      const { error_type: type, error_desc: message, cause, operation_id: reference } = result;
      throw new ConnectError(type ?? 'unknown_error', message ?? 'The connection failed.', { cause, reference });
    } finally {
      this.stopped.abort();
      const { popup } = this;
      setTimeout(() => popup?.close(), CLOSE_WINDOW_AFTER_MS);
    }
  }

  /** @param {string} clientId @returns {Promise<any>} */
  async #ask(clientId) {
    const until = Date.now() + WAIT_MS;
    let seenClosed = false;
    while (Date.now() < until) {
      await pause(LOOK_EVERY_MS, this.stopped.signal);
      const closed = this.popup?.closed && !seenClosed;
      const outcome = await this.api.outcome(clientId);
      if (outcome) return outcome;
      if (closed) {
        seenClosed = true;
        this.onClosed();
      }
    }
    throw new ConnectError('state_err', 'The authorization took too long.', { cause: 'stale' });
  }
}

// The window asks to be let go; the page that opened it answers.
window.addEventListener('message', (event) => {
  if (!String(event.data?.type).startsWith('nango_oauth_callback_') || event.source === window) return;
  if (event.source && allowed.has(event.origin))
    /** @type {Window} */ (event.source).postMessage({ type: 'nango_oauth_callback_ack' }, event.origin);
});
/** Origins of the server whose windows are let go. @type {Set<string>} */
const allowed = new Set();

/** @param {string} base */
export const letGoWindowsOf = (base) => allowed.add(new URL(base).origin);

function openWindow() {
  const [width, height] = WINDOW_SIZE;
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
    const stop = () =>
      reject(new ConnectError('window_closed', 'The connection was cancelled.', { cause: 'window_closed' }));
    if (signal.aborted) return stop();
    signal.addEventListener('abort', stop, { once: true });
    setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
  });
}
