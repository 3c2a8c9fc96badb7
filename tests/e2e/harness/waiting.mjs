// Bounded waits. A test never sleeps and hopes; it asks again until the answer is there or time is up.

const PAUSE_MS = 50;

/**
 * Ask `probe` until it answers something truthy, and return that.
 * An exception counts as "not yet" and is the reason shown when time is up.
 */
export async function until(what, probe, { timeoutMs = 30_000, pauseMs = PAUSE_MS } = {}) {
  const deadline = Date.now() + timeoutMs;
  let reason;
  for (;;) {
    try {
      const answer = await probe();
      if (answer) return answer;
      reason = undefined;
    } catch (error) {
      reason = error;
    }
    if (Date.now() >= deadline) {
      throw new Error(`after ${timeoutMs} ms still waiting: ${what}`, { cause: reason });
    }
    await pause(pauseMs);
  }
}

/** Wait until `count()` has not changed for `quietMs`: for "no more than" statements. */
export async function quiet(count, { quietMs = 1_500, timeoutMs = 30_000 } = {}) {
  const deadline = Date.now() + timeoutMs;
  let seen = count();
  let since = Date.now();
  while (Date.now() - since < quietMs) {
    if (Date.now() >= deadline) throw new Error(`never quiet for ${quietMs} ms`);
    await pause(PAUSE_MS);
    if (count() !== seen) {
      seen = count();
      since = Date.now();
    }
  }
  return seen;
}

/** Fail a promise that does not settle in time. */
export function within(timeoutMs, what, promise) {
  let timer;
  const expired = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${timeoutMs} ms: ${what}`)), timeoutMs);
  });
  return Promise.race([promise, expired]).finally(() => clearTimeout(timer));
}

/** A promise with its handles outside, for "hold this until I say so". */
export function gate() {
  let open;
  let refuse;
  const opened = new Promise((resolve, reject) => {
    open = resolve;
    refuse = reject;
  });
  opened.catch(() => {});
  return { opened, open, refuse };
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
