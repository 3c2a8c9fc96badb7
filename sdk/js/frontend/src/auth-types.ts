// What `auth` and `reconnect` take, say on the way, and answer.

import type { AuthError } from './auth-error.js';
import type { Credentials } from './credentials.js';
import type { SessionToken } from './session-token.js';

/** A connection that was made or repaired. */
export interface AuthResult {
  /** The integration's id. */
  providerConfigKey: string;
  /** The connection's id: what your backend asks for credentials with. */
  connectionId: string;
  /** Whether the provider still has to confirm. A webhook tells your backend when it has. */
  isPending: boolean;
}

/** What `auth` and `reconnect` can be told beside the integration. */
export interface AuthOptions {
  /** Instead of the one given to the constructor. */
  sessionToken?: SessionToken;
  /** The connection's configuration, such as `{ subdomain: 'acme' }`. */
  params?: Record<string, string | undefined>;
  /** What the user entered in your form, or overrides of the OAuth client. Without it a popup opens. */
  credentials?: Credentials;
  /** Parameters for the provider's authorization page; `undefined` removes one that is preset. */
  authorizationParams?: Record<string, string | undefined>;
  /** Scopes of the user's own token, for providers that tell them apart from the app's (Slack). */
  userScope?: string[];
  /** Options for the exchange of credentials in steps. */
  assertionOption?: Record<string, string>;
  /** `outbound`: the user installs the app at the provider, and no window opens. */
  installation?: 'outbound';
  /**
   * Fail with `window_closed` when the user closes the popup. Off by default, because a provider can
   * make an open popup look closed (`Cross-Origin-Opener-Policy`).
   */
  watchClosed?: boolean;
  /** The same as `watchClosed`, under the name that other clients have for it. */
  detectClosedAuthWindow?: boolean;
  /** Gives up: closes the popup, and fails with `aborted`. */
  signal?: AbortSignal;
  /** Told at each step. */
  onState?: (state: AuthState) => void;
}

/** What {@link PopupBlockedError.wait} can be told. */
export type WaitOptions = Pick<AuthOptions, 'signal' | 'onState'>;

/** A step of one attempt. The last one is `connected` or `failed`, once. */
export type AuthState =
  /** The popup is open, still empty. `focus` brings it to the front. */
  | { state: 'popup_opened'; focus: () => void }
  /** The user is at the provider; the outcome comes by WebSocket, or is asked for again and again. */
  | { state: 'waiting'; channel: 'socket' | 'polling' }
  /** The popup is closed, or looks so. The outcome can still come. */
  | { state: 'popup_closed' }
  /** The form is on its way. */
  | { state: 'submitting' }
  | { state: 'connected'; result: AuthResult }
  | { state: 'failed'; error: AuthError };

/** Names of the steps. */
export type AuthStateName = AuthState['state'];
