// One time limit over all attempts of a call, joined with the caller's own signal.

/** A running time limit. Close it when the call has ended. */
export class Deadline {
  /** Aborts when time is up, or when the caller's signal does. */
  readonly signal: AbortSignal;
  /** Whether time is up. */
  expired = false;
  readonly #endsAt: number;
  readonly #close: () => void;

  constructor(timeoutMs: number, outer: AbortSignal | undefined) {
    const controller = new AbortController();
    this.signal = controller.signal;
    this.#endsAt = performance.now() + timeoutMs;
    const onTime = () => {
      this.expired = true;
      controller.abort();
    };
    const onAbort = () => controller.abort(outer?.reason);
    const timer = setTimeout(onTime, timeoutMs);
    if (outer?.aborted) onAbort();
    outer?.addEventListener('abort', onAbort, { once: true });
    this.#close = () => {
      clearTimeout(timer);
      // A signal may live as long as the process; it must not keep every call.
      outer?.removeEventListener('abort', onAbort);
    };
  }

  /** Milliseconds left. */
  get leftMs(): number {
    return Math.max(0, this.#endsAt - performance.now());
  }

  close(): void {
    this.#close();
  }
}
