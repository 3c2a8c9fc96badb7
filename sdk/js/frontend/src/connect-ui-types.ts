// The Connect UI as the page around it sees it.

import type { SessionToken } from './session-token.js';

/** Colours of the Connect UI. */
export type Theme = 'light' | 'dark' | 'system';

/** What the Connect UI says. */
export type ConnectUIEvent =
  /** It is there and waits for the session token. It may say so again. */
  | { type: 'ready' }
  /** A connection was made or repaired. The user has not closed the Connect UI yet. */
  | {
      type: 'connect';
      payload: { providerConfigKey: string; connectionId: string; isPending?: boolean };
    }
  /** An attempt failed. The user sees why, and can try again. */
  | { type: 'error'; payload: { errorType: string; errorMessage: string } }
  /** It is gone, whoever closed it. The last event, once. */
  | { type: 'close' };

/** Names of the events. */
export type ConnectUIEventType = ConnectUIEvent['type'];

/** The event of this name. */
export type ConnectUIEventOf<T extends ConnectUIEventType> = Extract<ConnectUIEvent, { type: T }>;

/**
 * Where the Connect UI stands: `loading`; `waiting_for_token` when it is there and the token is not;
 * `active`; `connected` once there is a connection; `closed`.
 */
export type ConnectUIStateName = 'loading' | 'waiting_for_token' | 'active' | 'connected' | 'closed';

/** Where the Connect UI stands, and what it has made so far. */
export interface ConnectUIState {
  state: ConnectUIStateName;
  connections: ConnectUIEventOf<'connect'>['payload'][];
}

/** What `on('state', …)` is told. */
export interface ConnectUIStateEvent extends ConnectUIState {
  type: 'state';
}

/** How it ended. */
export type ConnectUIOutcome =
  | { status: 'connected'; connections: ConnectUIState['connections'] }
  | { status: 'closed' };

/** What `openConnectUI` takes. */
export interface ConnectUIOptions {
  /** Instead of the one given to the constructor. It can also follow, by `setSessionToken`. */
  sessionToken?: SessionToken | undefined;
  /** Where the Connect UI is. `/connect-ui/` below the host unless said otherwise. */
  baseURL?: string;
  /** Such as `fr` or `pt-BR`. The browser's own unless said otherwise. */
  lang?: string;
  /** Instead of the one in the environment's settings. */
  theme?: Theme;
  /** Tell of a popup that closed early as an `error` event of type `window_closed`. */
  watchClosed?: boolean;
  /** The same as `watchClosed`, under the name that other clients have for it. */
  detectClosedAuthWindow?: boolean;
  /** Told of every event. */
  onEvent?: (event: ConnectUIEvent) => void;
  /** Closes the Connect UI. */
  signal?: AbortSignal;
  /** Where the frame is added; the body unless said otherwise. For a modal `<dialog>`, the dialog. */
  container?: Element;
  /** The frame's name for screen readers. */
  title?: string;
}

/** An open Connect UI. */
export interface ConnectUIHandle {
  /** Takes it away. What the page had before it, focus and scrolling, comes back. */
  close(): void;
  /** Hands over a token that came later, or another one when the first has expired. */
  setSessionToken(token: string): void;
  /** Listens; call the answer to stop. */
  on<T extends ConnectUIEventType>(
    type: T,
    listener: (event: ConnectUIEventOf<T>) => void,
  ): () => void;
  on(type: 'state', listener: (event: ConnectUIStateEvent) => void): () => void;
  /** Settles when it is closed. It never rejects: failures are `error` events. */
  readonly result: Promise<ConnectUIOutcome>;
}
