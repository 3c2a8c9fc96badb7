import type { CallOptions, Http } from '../http.js';
import type { Reply } from '../route.js';

/** A provider of the catalogue. */
export type Provider = Reply<'GET /providers/{provider}'>['data'];

/** Options of a list of providers. */
export interface ListProvidersOptions extends CallOptions {
  /** A regular expression for the name, in any letter case. */
  search?: string;
}

/** The catalogue: whom accounts can be connected at. */
export class Providers {
  readonly #http: Http;

  constructor(http: Http) {
    this.#http = http;
  }

  /** List providers, by name. */
  async list(options: ListProvidersOptions = {}): Promise<Provider[]> {
    return (await this.#http.send('GET /providers', { query: { search: options.search } }, options)).data;
  }

  /** Read one by its name. */
  async get(provider: string, options?: CallOptions): Promise<Provider> {
    return (await this.#http.send('GET /providers/{provider}', { path: { provider } }, options)).data;
  }

  /** Ready-made functions of a provider. */
  async templates(provider: string, options?: CallOptions): Promise<unknown[]> {
    return (await this.#http.send('GET /providers/{provider}/templates', { path: { provider } }, options)).data;
  }

  /** The whole catalogue, each entry as it is written, by name. */
  async catalogue(options?: CallOptions): Promise<Record<string, Record<string, unknown>>> {
    const all: unknown = await this.#http.send('GET /providers.json', {}, options);
    return all as Record<string, Record<string, unknown>>;
  }
}
