// When a request is sent again, and how long to wait before.

import type { ValetkeyError } from './error.js';

/** Longest `Retry-After` that is waited for; a longer one is left to the caller. */
export const RETRY_AFTER_MS_MAX = 30_000;
const PAUSE_MS = 500;
const PAUSE_MS_MAX = 8_000;

/**
 * How long to wait before attempt number `attempt` + 1 of a request that failed so, in milliseconds;
 * undefined to give up. Reads are repeated whenever the cause may pass. Anything else is repeated only
 * when the server turned it away before it did anything, which it says by `Retry-After`.
 */
export function pauseBeforeRetry(method: string, error: ValetkeyError, attempt: number): number | undefined {
  const { retryAfterMs, status } = error;
  if (retryAfterMs !== undefined && retryAfterMs > RETRY_AFTER_MS_MAX) return undefined;
  const turnedAway = (status === 429 || status === 503) && retryAfterMs !== undefined;
  // The server does its own retries of a refresh; more of them from here would only press the provider.
  const passing = error.retryable && error.code !== 'invalid_credentials' && error.code !== 'timeout';
  if (!turnedAway && !(method === 'GET' && passing)) return undefined;
  return (retryAfterMs ?? 0) + backoff(attempt);
}

/** Doubling, with jitter, so that clients that failed together do not come back together. */
function backoff(attempt: number): number {
  const full = Math.min(PAUSE_MS * 2 ** (attempt - 1), PAUSE_MS_MAX);
  return full * (0.5 + Math.random() / 2);
}

/** A `Retry-After` header in milliseconds, from seconds or from an HTTP date. */
export function retryAfterMs(header: string | null, now: number): number | undefined {
  if (header === null) return undefined;
  if (/^\d+$/.test(header.trim())) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}
