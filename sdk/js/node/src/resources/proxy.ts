import type { CallOptions, Http } from '../http.js';
import type { Body, Reply } from '../route.js';

/** A key to make for some calls through the proxy. */
export type NewProxyKey = Body<'POST /environment/proxy-keys'>;
/** A key just made; `key` is shown this once. */
export type CreatedProxyKey = Reply<'POST /environment/proxy-keys'>['data'];
/** A key that works now. */
export type ProxyKey = Reply<'GET /environment/proxy-keys'>['data'][number];

/** Keys for some calls through the proxy, to be given to an agent instead of a token. */
export class ProxyKeys {
  readonly #http: Http;

  constructor(http: Http) {
    this.#http = http;
  }

  /** Make one. */
  async create(key: NewProxyKey, options?: CallOptions): Promise<CreatedProxyKey> {
    return (await this.#http.send('POST /environment/proxy-keys', { body: key }, options)).data;
  }

  /** List those that work now, newest first. */
  async list(options?: CallOptions): Promise<ProxyKey[]> {
    return (await this.#http.send('GET /environment/proxy-keys', {}, options)).data;
  }

  /** End one. */
  async delete(id: number, options?: CallOptions): Promise<void> {
    await this.#http.send('DELETE /environment/proxy-keys/{id}', { path: { id: String(id) } }, options);
  }
}
