// A customer without a screen: follows the redirects of an authorization with a cookie jar of its own.

import WebSocket from 'ws';

import { within } from './waiting.mjs';

const HOPS_MAX = 20;

/** A browser's cookies and redirects, nothing more. */
export class Customer {
  #cookies = [];

  /** Open a page and follow where it leads. Answers the last page and every URL on the way. */
  async visit(url) {
    const trail = [];
    let next = url;
    while (trail.length < HOPS_MAX) {
      trail.push(next);
      const reply = await fetch(next, { redirect: 'manual', headers: this.#headers(next) });
      this.#store(next, reply);
      const text = await reply.text();
      const location = reply.headers.get('location');
      if (reply.status < 300 || reply.status >= 400 || !location) {
        return { status: reply.status, headers: reply.headers, text, url: next, trail };
      }
      next = new URL(location, next).href;
    }
    throw new Error(`more than ${HOPS_MAX} redirects, the last to ${next}`);
  }

  /** Authorize an integration with a connect session, on a server of choice. */
  authorize(serverUrl, integration, sessionToken, more = {}) {
    const query = new URLSearchParams({ connect_session_token: sessionToken, ...more });
    return this.visit(`${serverUrl}/oauth/connect/${encodeURIComponent(integration)}?${query}`);
  }

  #headers(url) {
    const { hostname, pathname } = new URL(url);
    const fitting = this.#cookies.filter(
      (cookie) => cookie.host === hostname && pathname.startsWith(cookie.path),
    );
    if (fitting.length === 0) return {};
    return { cookie: fitting.map((cookie) => `${cookie.name}=${cookie.value}`).join('; ') };
  }

  #store(url, reply) {
    const { hostname } = new URL(url);
    for (const line of reply.headers.getSetCookie()) {
      const [pair, ...attributes] = line.split(';').map((part) => part.trim());
      const [name, value] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)];
      const attribute = (wanted) =>
        attributes
          .map((one) => one.split('='))
          .find(([key]) => key.toLowerCase() === wanted)
          ?.slice(1)
          .join('=');
      const path = attribute('path') ?? '/';
      this.#cookies = this.#cookies.filter(
        (cookie) => !(cookie.host === hostname && cookie.name === name && cookie.path === path),
      );
      const expires = attribute('expires');
      const gone = attribute('max-age') === '0' || (expires && Date.parse(expires) <= Date.now());
      if (!gone) this.#cookies.push({ host: hostname, name, value, path });
    }
  }
}

/** The socket a frontend opens before it sends the popup off. */
export async function openSocket(serverUrl) {
  const socket = new WebSocket(serverUrl.replace(/^http/, 'ws'));
  const messages = [];
  let wake = () => {};
  let failed;
  socket.on('message', (data) => {
    messages.push(JSON.parse(data.toString()));
    wake();
  });
  socket.on('error', (error) => {
    failed = error;
    wake();
  });
  const next = async () => {
    while (messages.length === 0) {
      if (failed) throw failed;
      await new Promise((resolve) => (wake = resolve));
    }
    return messages.shift();
  };
  const ack = await within(10_000, 'connection_ack on the WebSocket', next());
  return {
    ack,
    id: ack.ws_client_id,
    /** The next frame. */
    next: () => within(30_000, 'a frame on the WebSocket', next()),
    close: () => socket.terminate(),
  };
}
