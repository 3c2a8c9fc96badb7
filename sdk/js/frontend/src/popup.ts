// A redirect flow: a popup goes to the provider while this page waits at the WebSocket and, where
// that fails, asks again and again.

import { pause } from './attending.js';
import { AuthError, PopupBlockedError } from './auth-error.js';
import type { AuthResult, AuthState, WaitOptions } from './auth-types.js';
import type { Outcome, Server } from './server.js';
import { openSocket, type Socket } from './socket.js';
import type { PopupSize } from './valetkey.js';

/** How often the popup is looked at, in milliseconds. */
const LOOK_EVERY_MS = 500;
/** How often the outcome is asked for without a WebSocket, in milliseconds. */
const ASK_EVERY_MS = 1_500;
/** The same beside an open one: it may be dead without anybody noticing. In milliseconds. */
const ASK_BESIDE_SOCKET_EVERY_MS = 15_000;
/** How long the popup may still talk to this page after the outcome, in milliseconds. */
const CLOSE_POPUP_AFTER_MS = 500;
/** How long after the popup closed its outcome may still be on its way, in milliseconds. */
const CLOSED_GRACE_MS = 3_000;
/** How long the server keeps a flow, in milliseconds. */
const FLOW_MS_MAX = 3_600_000;

/** One redirect flow. */
export interface Flow {
  server: Server;
  integrationId: string;
  /** Brings the query, which needs the session token. */
  query: () => Promise<URLSearchParams>;
  size: PopupSize;
  watchClosed: boolean;
  signal: AbortSignal;
  tell: (state: AuthState) => void;
  /** The same flow from the start. */
  retry: () => Promise<AuthResult>;
  /** Runs the wait for a flow whose popup was opened by hand. */
  attend: (options: WaitOptions, wait: (flow: Attended) => Promise<AuthResult>) => Promise<AuthResult>;
}

/** What every attempt is run with. */
export type Attended = Pick<Flow, 'signal' | 'tell'>;

/** Opens the popup before anything else: browsers block windows that open after a click is over. */
export async function runFlow(flow: Flow): Promise<AuthResult> {
  const { server, integrationId, signal } = flow;
  const popup = openWindow(flow.size);
  const close = () => popup?.close();
  signal.addEventListener('abort', close);
  try {
    if (popup) flow.tell({ state: 'popup_opened', focus: () => popup.focus() });
    const query = await flow.query();
    if (!popup) {
      const clientId = randomId();
      throw new PopupBlockedError({
        url: server.flowUrl(integrationId, query, clientId),
        retry: flow.retry,
        wait: (options) =>
          flow.attend(options, (attended) =>
            outcomeOf({ ...attended, server, clientId, popup: null, socket: null, watchClosed: false }),
          ),
      });
    }
    const socket = await openSocket(server.socketUrl, signal);
    const clientId = socket?.clientId ?? randomId();
    // Aborted meanwhile, the popup is gone and nothing must be asked of the server.
    await pause(0, signal);
    popup.location.href = server.flowUrl(integrationId, query, clientId);
    return await outcomeOf({ ...flow, clientId, popup, socket });
  } finally {
    signal.removeEventListener('abort', close);
    setTimeout(close, CLOSE_POPUP_AFTER_MS);
  }
}

interface Waiting extends Attended {
  server: Server;
  clientId: string;
  popup: Window | null;
  socket: Socket | null;
  watchClosed: boolean;
}

async function outcomeOf(waiting: Waiting): Promise<AuthResult> {
  const { socket, tell } = waiting;
  tell({ state: 'waiting', channel: socket ? 'socket' : 'polling' });
  const asked = poll(waiting);
  const outcome = await (socket ? Promise.race([socket.outcome, asked]) : asked);
  if (outcome.message_type !== 'success') {
    throw new AuthError(
      outcome.error_type ?? 'unknown_error',
      outcome.error_desc ?? 'The connection failed.',
      { operationId: outcome.operation_id, reason: outcome.cause },
    );
  }
  return {
    providerConfigKey: outcome.provider_config_key ?? '',
    connectionId: outcome.connection_id ?? '',
    isPending: outcome.is_pending ?? false,
  };
}

/** Asks until there is an outcome. */
async function poll(waiting: Waiting): Promise<Outcome> {
  const { server, clientId, popup, socket, watchClosed, signal } = waiting;
  const startedAt = Date.now();
  let askedAt = startedAt;
  let closedAt = 0;
  let isHinted = false;
  // The page at the end of the flow says so. That is a hint only: the outcome is the server's to tell.
  const onMessage = ({ source, origin }: MessageEvent) => {
    isHinted ||= popup !== null && source === popup && origin === server.origin;
  };
  addEventListener('message', onMessage);
  try {
    for (;;) {
      await pause(LOOK_EVERY_MS, signal);
      const now = Date.now();
      const isLost = now - startedAt > FLOW_MS_MAX;
      const isNewlyClosed = closedAt === 0 && popup?.closed === true;
      const isGivenUp = watchClosed && closedAt > 0 && now - closedAt > CLOSED_GRACE_MS;
      const every = socket?.isOpen() ? ASK_BESIDE_SOCKET_EVERY_MS : ASK_EVERY_MS;
      if (isHinted || isNewlyClosed || isGivenUp || now - askedAt >= every) {
        isHinted = false;
        const outcome = await server.outcome(clientId, signal);
        if (outcome) return outcome;
        askedAt = Date.now();
      }
      if (isGivenUp) throw new AuthError('window_closed', 'The window was closed before the end.');
      if (isLost) throw new AuthError('timed_out', 'The authorization took too long.');
      // Said only now: a popup also closes when all went well.
      if (isNewlyClosed && !signal.aborted) {
        closedAt = now;
        waiting.tell({ state: 'popup_closed' });
      }
    }
  } finally {
    removeEventListener('message', onMessage);
  }
}

function openWindow({ width = 500, height = 680 }: PopupSize): Window | null {
  const left = Math.round(screenX + (outerWidth - width) / 2);
  const top = Math.round(screenY + (outerHeight - height) / 2);
  const features = `popup,width=${width},height=${height},left=${left},top=${top}`;
  const popup = open('', '_blank', features);
  // Some blockers hand out a window that is closed already.
  return popup?.closed === false ? popup : null;
}


/** A version 4 UUID; `crypto.randomUUID` is missing on plain HTTP. */
function randomId(): string {
  const digit = () => (crypto.getRandomValues(new Uint8Array(1))[0]! & 15).toString(16);
  return 'xxxxxxxx-xxxx-4xxx-8xxx-xxxxxxxxxxxx'.replace(/x/g, digit);
}
