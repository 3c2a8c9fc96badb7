// What goes wrong, as a value that programs can tell apart.

import type { AuthResult, WaitOptions } from './auth-types.js';

/**
 * Names of failures. The first group comes from this package; the second holds the server's codes an
 * app may want to treat by itself. The server may answer others.
 */
export type AuthErrorType =
  /** The signal was aborted, `clear()` was called, or another popup took this one's place. */
  | 'aborted'
  /** The browser did not open the popup. See {@link PopupBlockedError}. */
  | 'blocked_by_browser'
  /** `host` or `baseURL` is not an absolute HTTP address. */
  | 'invalid_host_url'
  /** There is no session token, or the function that brings it failed. */
  | 'missing_auth_token'
  /** The credentials belong to no known mode. */
  | 'missing_credentials'
  /** No outcome within the hour that the server keeps a flow. */
  | 'timed_out'
  /** The server did not answer. */
  | 'unreachable'
  /** The user closed the popup, and `watchClosed` is on. */
  | 'window_closed'
  /** The server failed without saying how. */
  | 'unknown_error'
  /** The provider did not give the authorization; most often, the user declined. */
  | 'callback_err'
  /** The provider did not accept the credentials. */
  | 'connection_test_failed'
  /** Fields of the form are not valid. See {@link AuthError.issues}. */
  | 'invalid_body'
  /** `params` are not valid. See {@link AuthError.issues}. */
  | 'invalid_query_params'
  /** The session does not allow this integration. */
  | 'integration_not_allowed'
  /** The session has expired, or never was. */
  | 'unknown_connect_session_token'
  | (string & {});

/** One thing that is wrong with one field. */
export interface Issue {
  /** Where: `['apiKey']` in the credentials, `['params', 'subdomain']` in `params`. */
  path: string[];
  /** What is wrong, in English. */
  message: string;
  /** A name for the kind of problem, such as `too_small`. */
  code: string;
}

/** What may be known about a failure beside its type and message. */
export interface AuthErrorDetails {
  issues?: Issue[] | undefined;
  operationId?: string | undefined;
  reason?: string | undefined;
  status?: number | undefined;
  cause?: unknown;
}

/** A failed attempt to connect. */
export class AuthError extends Error {
  /** What happened, for programs. */
  readonly type: AuthErrorType;
  /** What is wrong with which field; empty unless the server found fault with fields. */
  readonly issues: Issue[];
  /** The server's log operation, to quote to support. Not every failure has one. */
  readonly operationId: string | undefined;
  /** What is behind it, in the server's words for programs, such as `declined` or `scope`. */
  readonly reason: string | undefined;
  /** The HTTP status, when the failure is an HTTP answer. */
  readonly status: number | undefined;

  constructor(type: AuthErrorType, message: string, details: AuthErrorDetails = {}) {
    super(message, details);
    this.name = 'AuthError';
    this.type = type;
    this.issues = details.issues ?? [];
    this.operationId = details.operationId;
    this.reason = details.reason;
    this.status = details.status;
  }
}

/** How a blocked popup can go on. */
interface Remedy {
  url: string;
  retry: () => Promise<AuthResult>;
  wait: (options: WaitOptions) => Promise<AuthResult>;
}

/** The browser blocked the popup. Nothing is lost: offer `url` as a link, or a button for `retry`. */
export class PopupBlockedError extends AuthError {
  // Private, because the address holds the session token: whoever logs the error must not log that.
  readonly #remedy: Remedy;

  /** @internal */
  constructor(remedy: Remedy) {
    super('blocked_by_browser', 'The browser blocked the window. Open it from a click.');
    this.#remedy = remedy;
  }

  /**
   * Where the popup would have gone. It works once: put it into a link with `target="_blank"`, and
   * call {@link wait} to hear how it ends. It holds the session token, so keep it out of logs.
   */
  get url(): string {
    return this.#remedy.url;
  }

  /** Tries again with the same arguments. Call it in a click's handler. */
  retry(): Promise<AuthResult> {
    return this.#remedy.retry();
  }

  /** Waits for the outcome of {@link url}, opened as a link. */
  wait(options: WaitOptions = {}): Promise<AuthResult> {
    return this.#remedy.wait(options);
  }
}
