// Waiting that an AbortSignal ends, and telling those who listen.

import { AuthError } from './auth-error.js';

/** Rejects when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const stop = () => reject(reasonOf(signal));
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}

/** Resolves after a time, in milliseconds; rejects when the signal is aborted before. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(reasonOf(signal));
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop);
  });
}

function reasonOf({ reason }: AbortSignal): AuthError {
  return new AuthError('aborted', 'Cancelled.', { cause: reason });
}

/** A controller that is aborted with this signal. */
export function following(signal: AbortSignal | undefined): AbortController {
  const controller = new AbortController();
  const stop = () => controller.abort(signal?.reason);
  if (signal?.aborted) stop();
  // Removed when the controller ends, because the signal may be one for a whole page.
  else signal?.addEventListener('abort', stop, { signal: controller.signal });
  return controller;
}

/** Calls somebody else's function, whose failure is not ours: it is reported and changes nothing. */
export function tell<T>(listener: ((value: T) => void) | undefined, value: T): void {
  try {
    listener?.(value);
  } catch (error) {
    setTimeout(() => {
      throw error;
    });
  }
}
