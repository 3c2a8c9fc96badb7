// Bounded waits: ask again until the answer is there or time is up.

const PAUSE_MS = 50;

/** Ask `probe` until it answers something truthy, and return that. */
export async function until(what, probe, timeoutMs = 20_000) {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const answer = await probe();
    if (answer) return answer;
    if (Date.now() >= deadline) throw new Error(`after ${timeoutMs} ms still waiting: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}
