// The client: one server, one user.

import { aborted, following, tell } from './attending.js';
import { AuthError } from './auth-error.js';
import type { AuthOptions, AuthResult, AuthState, WaitOptions } from './auth-types.js';
import { openConnectUI } from './connect-ui.js';
import type { ConnectUIHandle, ConnectUIOptions } from './connect-ui-types.js';
import { formOf } from './credentials.js';
import { runFlow, type Attended } from './popup.js';
import { readToken, type SessionToken } from './session-token.js';
import { queryOf, Server } from './server.js';

/** Of the popup, in CSS pixels. 500 by 680 unless said otherwise. */
export interface PopupSize {
  width?: number;
  height?: number;
}

/** What the constructor takes. */
export interface ValetkeyOptions {
  /** Where the server is, such as `https://connect.example.com`. A path is kept. */
  host: string;
  /** For every call that brings none of its own. */
  sessionToken?: SessionToken;
  /** Where the server's WebSocket is, below `host`. `/` unless the server is set up otherwise. */
  websocketsPath?: string;
  popup?: PopupSize;
}

/** Connects accounts of one user. */
export class Valetkey {
  readonly #server: Server;
  readonly #sessionToken: SessionToken | undefined;
  readonly #size: PopupSize;
  #flow: AbortController | undefined;

  /** @throws {AuthError} `invalid_host_url` */
  constructor(options: ValetkeyOptions) {
    this.#server = new Server(options?.host, options?.websocketsPath ?? '/');
    this.#sessionToken = options.sessionToken;
    this.#size = options.popup ?? {};
  }

  /**
   * Shows the Connect UI over the page. While one is open, another call adds no second one: it
   * answers with the same handle, and its `onEvent` and `signal` count as well.
   *
   * @throws {AuthError} `invalid_host_url` for a `baseURL` that is none
   */
  openConnectUI(options: ConnectUIOptions = {}): ConnectUIHandle {
    const sessionToken = options.sessionToken ?? this.#sessionToken;
    return openConnectUI(this.#server, { ...options, sessionToken });
  }

  /**
   * Makes a connection: posts `credentials`, or opens a popup when there are none to post. For a
   * popup, call it in the click's own handler. A popup that is still open is closed first.
   *
   * @throws {AuthError} rejects with it, and with nothing else
   */
  auth(integrationId: string, options: AuthOptions = {}): Promise<AuthResult> {
    const form = formOf(options);
    const query = async () => {
      const token = await readToken(options.sessionToken ?? this.#sessionToken);
      return queryOf(token, options, form === 'popup');
    };
    if (form === 'popup') {
      return this.#attendFlow(options, (attended) =>
        runFlow({
          ...attended,
          server: this.#server,
          integrationId,
          query,
          size: this.#size,
          watchClosed: Boolean(options.watchClosed ?? options.detectClosedAuthWindow),
          retry: () => this.auth(integrationId, options),
          attend: (waiting, wait) => this.#attendFlow(waiting, wait),
        }),
      );
    }
    return attend(options, following(options.signal), async ({ signal, tell }) => {
      if (!form) {
        const text = 'These credentials have no known shape. Name their mode in credentials.type.';
        throw new AuthError('missing_credentials', text);
      }
      tell({ state: 'submitting' });
      return this.#server.submit(form, integrationId, await query(), signal);
    });
  }

  /**
   * Repairs a connection. The session says which: it must come from
   * `POST /connect/sessions/reconnect`. The connection keeps its id.
   *
   * @throws {AuthError} rejects with it, and with nothing else
   */
  reconnect(integrationId: string, options: AuthOptions = {}): Promise<AuthResult> {
    return this.auth(integrationId, options);
  }

  /** Ends the popup that is open, if any; its promise rejects with `aborted`. */
  clear(): void {
    this.#flow?.abort();
  }

  /** There is one popup at a time: a person can finish only one. */
  #attendFlow(options: WaitOptions, run: Run): Promise<AuthResult> {
    this.clear();
    this.#flow = following(options.signal);
    return attend(options, this.#flow, run);
  }
}

type Run = (attended: Attended) => Promise<AuthResult>;

/** Runs one attempt to its one outcome, and ends everything that still goes on for it. */
async function attend(options: WaitOptions, ended: AbortController, run: Run): Promise<AuthResult> {
  const { signal } = ended;
  const tellState = (state: AuthState) => {
    if (!signal.aborted) tell(options.onState, state);
  };
  try {
    const given = aborted(signal);
    const result = await Promise.race(
      signal.aborted ? [given] : [run({ signal, tell: tellState }), given],
    );
    tell<AuthState>(options.onState, { state: 'connected', result });
    return result;
  } catch (cause) {
    const error =
      cause instanceof AuthError
        ? cause
        : new AuthError('unknown_error', 'Something failed in this page.', { cause });
    tell<AuthState>(options.onState, { state: 'failed', error });
    throw error;
  } finally {
    ended.abort();
  }
}
