/**
 * `@valetkey/frontend`: connects your users' accounts at other services, from the browser.
 *
 * @packageDocumentation
 */

export { AuthError, PopupBlockedError } from './auth-error.js';
export type { AuthErrorDetails, AuthErrorType, Issue } from './auth-error.js';
export type {
  ConnectUIEvent,
  ConnectUIEventOf,
  ConnectUIEventType,
  ConnectUIHandle,
  ConnectUIOptions,
  ConnectUIOutcome,
  ConnectUIState,
  ConnectUIStateEvent,
  ConnectUIStateName,
  Theme,
} from './connect-ui-types.js';
export type { Credentials, CredentialsType, PopupMode } from './credentials.js';
export type { AuthOptions, AuthResult, AuthState, AuthStateName, WaitOptions } from './auth-types.js';
export type { SessionToken } from './session-token.js';
export { Valetkey, Valetkey as default } from './valetkey.js';
export type { PopupSize, ValetkeyOptions } from './valetkey.js';
