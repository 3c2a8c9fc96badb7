// @ts-check
// Connects an account through Valetkey from a page: the protocol of the frontend SDK, in short.
// The page's own backend makes the connect session; its token is all that is known here.

/** How long a result may take to arrive once the window is gone, in milliseconds. */
const GRACE_MS = 1500;
const WATCH_MS = 400;

/** @typedef {{ providerConfigKey: string, connectionId: string }} Connected */

/** A failed attempt. `type` is for programs, `message` for people. */
export class ConnectError extends Error {
  /** @param {string} message @param {string} type */
  constructor(message, type) {
    super(message);
    this.name = 'ConnectError';
    this.type = type;
  }
}

/**
 * Opens the empty window. Call it directly in the click handler, before anything is awaited:
 * browsers block windows that open later.
 * @returns {Window}
 */
export function openPopup() {
  const [width, height] = [500, 680];
  const left = Math.round(window.screenX + (window.outerWidth - width) / 2);
  const top = Math.round(window.screenY + (window.outerHeight - height) / 2);
  const popup = window.open(
    '',
    '_blank',
    `popup,width=${width},height=${height},left=${left},top=${top}`,
  );
  if (!popup)
    throw new ConnectError(
      'The browser blocked the window. Allow popups for this page.',
      'blocked_by_browser',
    );
  return popup;
}

/**
 * Runs an OAuth connect in a window that is open already.
 * @param {{ host: string, wsUrl: string, integration: string, token: string, popup: Window,
 *   signal?: AbortSignal }} options
 * @returns {Promise<Connected>}
 */
export function connectOAuth({ host, wsUrl, integration, token, popup, signal }) {
  const socket = new WebSocket(wsUrl);
  const cleanup = new AbortController();
  /** @type {Promise<Connected>} */
  const result = new Promise((resolve, reject) => {
    /** @param {string} message @param {string} type */
    const fail = (message, type) => reject(new ConnectError(message, type));
    /** @param {string} message @param {string} type */
    const failSoon = (message, type) => setTimeout(fail, GRACE_MS, message, type);

    socket.addEventListener(
      'message',
      (event) => {
        const message = parse(event.data);
        if (message.message_type === 'connection_ack') {
          const url = new URL(`${host}/oauth/connect/${encodeURIComponent(integration)}`);
          url.searchParams.set('connect_session_token', token);
          url.searchParams.set('ws_client_id', String(message.ws_client_id));
          popup.location.href = url.href;
        } else if (message.message_type === 'success') {
          resolve({
            providerConfigKey: message.provider_config_key,
            connectionId: message.connection_id,
          });
        } else if (message.message_type === 'error') {
          fail(
            message.error_desc || 'The connection failed.',
            message.error_type || 'unknown_error',
          );
        }
      },
      { signal: cleanup.signal },
    );
    socket.addEventListener(
      'close',
      () => {
        failSoon('The line to the server was cut before the result arrived.', 'connection_lost');
      },
      { signal: cleanup.signal },
    );

    // The page at the end of the flow reports too; the socket says more and gets a head start.
    window.addEventListener(
      'message',
      (event) => {
        if (event.origin !== new URL(host).origin || event.source !== popup) return;
        if (event.data?.type === 'nango_oauth_callback_error') {
          const { message, errorType } = event.data.payload ?? {};
          failSoon(message || 'The connection failed.', errorType || 'unknown_error');
        }
      },
      { signal: cleanup.signal },
    );

    const watch = setInterval(() => {
      if (!popup.closed) return;
      clearInterval(watch);
      failSoon('The window was closed before the connection was made.', 'window_closed');
    }, WATCH_MS);
    cleanup.signal.addEventListener('abort', () => clearInterval(watch));
    signal?.addEventListener('abort', () => fail('Cancelled.', 'cancelled'), {
      signal: cleanup.signal,
    });
  });
  return result.finally(() => {
    cleanup.abort();
    socket.close();
    // The window may still be talking to this page.
    setTimeout(() => popup.close(), 500);
  });
}

/**
 * Sends an API key.
 * @param {{ host: string, integration: string, token: string, apiKey: string }} options
 * @returns {Promise<Connected>}
 */
export async function connectApiKey({ host, integration, token, apiKey }) {
  const url = new URL(`${host}/api-auth/api-key/${encodeURIComponent(integration)}`);
  url.searchParams.set('connect_session_token', token);
  let response;
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ apiKey }),
    });
  } catch {
    throw new ConnectError('Valetkey does not answer.', 'unreachable');
  }
  const body = parse(await response.text());
  if (response.ok)
    return { providerConfigKey: body.providerConfigKey, connectionId: body.connectionId };
  throw new ConnectError(reason(body, response.status), body.error?.code ?? 'unknown_error');
}

/**
 * The sentence of an error body.
 * @param {any} body @param {number} status
 * @returns {string}
 */
export function reason(body, status) {
  return (
    body?.error?.message ??
    body?.error?.errors?.[0]?.message ??
    body?.error?.code ??
    `Status ${status}.`
  );
}

/** @param {any} text @returns {any} */
function parse(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}
