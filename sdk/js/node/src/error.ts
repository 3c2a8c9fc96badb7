/** What is wrong with one field of a request. */
export interface Issue {
  /** Stable, such as `too_small`. */
  readonly code: string;
  /** For people. */
  readonly message: string;
  /** Where the field is: `['tags', 'user']`. */
  readonly path: readonly string[];
}

/** Codes that come from this package; all others are the server's. */
export type LocalCode =
  | 'invalid_argument'
  | 'network_error'
  | 'no_token'
  | 'timeout'
  | 'unexpected_response'
  | 'webhook_body_invalid'
  | 'webhook_header_missing'
  | 'webhook_signature_invalid'
  | 'webhook_timestamp_invalid';

/** The parts of a {@link ValetkeyError}. */
export interface ErrorDetails {
  code: LocalCode | (string & {});
  message: string;
  status?: number;
  issues?: readonly Issue[];
  payload?: unknown;
  operation?: string;
  requestId?: string;
  retryAfterMs?: number;
  cause?: unknown;
}

/** Statuses that say nothing about the request itself. */
const PASSING_STATUSES: ReadonlySet<number | undefined> = new Set([429, 502, 503, 504]);
const PASSING_CODES: ReadonlySet<string> = new Set(['network_error', 'timeout'] satisfies LocalCode[]);

/**
 * Everything this package fails with, apart from an abort by your own signal, which rejects with that
 * signal's reason. Neither its message nor what `console.log` and `JSON.stringify` show of it holds
 * an API key or credentials.
 */
export class ValetkeyError extends Error {
  /** Stable; branch on this. The server's code, or a {@link LocalCode}. */
  readonly code: LocalCode | (string & {});
  /** The HTTP status; undefined when no answer came, or when nothing was asked. */
  readonly status: number | undefined;
  /** One for each invalid field of the request. */
  readonly issues: readonly Issue[];
  /** The operation that failed: `GET /connections/{connectionId}`. */
  readonly operation: string | undefined;
  /** The server's id of the request, which its log has, too. */
  readonly requestId: string | undefined;
  /** How long the server asks to wait before the next attempt, in milliseconds. */
  readonly retryAfterMs: number | undefined;
  /** Private, and so not shown with the error: it describes somebody's connection. */
  readonly #payload: unknown;

  constructor(details: ErrorDetails) {
    super(details.message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'ValetkeyError';
    this.code = details.code;
    this.status = details.status;
    this.issues = details.issues ?? [];
    this.operation = details.operation;
    this.requestId = details.requestId;
    this.retryAfterMs = details.retryAfterMs;
    this.#payload = details.payload;
  }

  /** What the server sent beside code and message; its form depends on the code. */
  get payload(): unknown {
    return this.#payload;
  }

  /**
   * Whether the cause may pass by itself. When no answer came to anything but a read, it may have
   * been carried out all the same.
   */
  get retryable(): boolean {
    if (this.#needs !== undefined) return !this.#needs;
    return PASSING_STATUSES.has(this.status) || PASSING_CODES.has(this.code);
  }

  /**
   * Whether nobody but the connection's owner can help, by authorizing again: make a reconnect session
   * for it. False while the cause may pass, such as a provider that is down.
   */
  get needsReconnect(): boolean {
    return this.#needs === true;
  }

  /** Undefined where it is not about credentials. */
  get #needs(): boolean | undefined {
    const { needs_reconnect: needs } = (this.#payload ?? {}) as { needs_reconnect?: unknown };
    return typeof needs === 'boolean' ? needs : undefined;
  }

  /** Without the payload. */
  toJSON(): Record<string, unknown> {
    const { name, code, message, status, issues, operation, requestId, retryAfterMs } = this;
    return { name, code, message, status, issues, operation, requestId, retryAfterMs };
  }
}
