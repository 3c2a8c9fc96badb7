import { ValetkeyError } from '../error.js';
import type { CallOptions, Http } from '../http.js';

/** How the server is. Asked once, without retries, unless `retries` says otherwise. */
export class Health {
  readonly #http: Http;

  constructor(http: Http) {
    this.#http = http;
  }

  /** Require that the process answers. */
  async check(options?: CallOptions): Promise<void> {
    await this.#http.send('GET /health', {}, { retries: 0, ...options });
  }

  /** Whether requests should be sent to it: false while it stops, or when its database is away. */
  async ready(options?: CallOptions): Promise<boolean> {
    try {
      await this.#http.send('GET /ready', {}, { retries: 0, ...options });
      return true;
    } catch (error) {
      if (error instanceof ValetkeyError && error.status === 503) return false;
      throw error;
    }
  }
}
