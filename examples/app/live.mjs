// Tells open pages that something changed, by server-sent events. What changed, they ask for.

const PAGES_PER_USER_MAX = 20;
/** Often enough that nothing in between takes the stream for dead. */
const HEARTBEAT_MS = 20_000;

export class Live {
  /** @type {Map<string, Set<import('node:http').ServerResponse>>} */
  #pages = new Map();
  #heartbeat = setInterval(() => this.#write([...this.#pages.values()].flatMap((set) => [...set]), ':\n\n'), HEARTBEAT_MS);

  /** Keeps a page posted; false when the user has too many open. */
  join(userId, response) {
    const pages = this.#pages.get(userId) ?? new Set();
    if (pages.size >= PAGES_PER_USER_MAX) return false;
    this.#pages.set(userId, pages.add(response));
    response.on('close', () => {
      pages.delete(response);
      if (pages.size === 0 && this.#pages.get(userId) === pages) this.#pages.delete(userId);
    });
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.write(': hello\n\n');
    return true;
  }

  /** The accounts of this user changed. `announcement` is read out. */
  tell(userId, announcement = '') {
    this.#write(this.#pages.get(userId) ?? [], `event: accounts\ndata: ${JSON.stringify({ announcement })}\n\n`);
  }

  /** Ends all streams. */
  close() {
    clearInterval(this.#heartbeat);
    for (const page of [...this.#pages.values()].flatMap((set) => [...set])) page.end();
  }

  #write(pages, text) {
    for (const page of pages) page.write(text);
  }
}
