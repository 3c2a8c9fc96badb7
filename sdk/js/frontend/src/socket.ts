// Waits at the server's WebSocket, which says at once how a flow ended.

import type { Outcome } from './server.js';

/** How long the WebSocket may take to open before a flow goes on without it, in milliseconds. */
const OPENS_MS_MAX = 2_500;

/** An open WebSocket. */
export interface Socket {
  /** The name under which the server tells this socket the outcome. */
  clientId: string;
  /** Never settles when the socket is lost: the outcome can still be asked for. */
  outcome: Promise<Outcome>;
  isOpen: () => boolean;
}

/** Resolves with null when there is no WebSocket to be had. */
export function openSocket(url: string, signal: AbortSignal): Promise<Socket | null> {
  return new Promise((resolve) => {
    let socket: WebSocket;
    try {
      socket = new WebSocket(url);
    } catch {
      // A page on HTTPS may not open one on HTTP.
      return resolve(null);
    }
    const giveUp = () => {
      socket.close();
      resolve(null);
    };
    const timer = setTimeout(giveUp, OPENS_MS_MAX);
    if (signal.aborted) giveUp();
    else signal.addEventListener('abort', giveUp);
    socket.onclose = giveUp;
    const outcome = new Promise<Outcome>((settle) => {
      socket.onmessage = ({ data }) => {
        const message = JSON.parse(data);
        if (message.message_type === 'connection_ack') {
          clearTimeout(timer);
          const isOpen = () => socket.readyState === WebSocket.OPEN;
          resolve({ clientId: message.ws_client_id, outcome, isOpen });
        } else if (/^(success|error)$/.test(message.message_type)) {
          settle(message);
        }
      };
    });
  });
}
