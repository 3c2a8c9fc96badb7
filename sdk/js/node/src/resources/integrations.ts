import type { CallOptions, Http } from '../http.js';
import type { Body, Query, Reply } from '../route.js';

/** A provider as it is offered in an environment: its app's credentials and settings. */
export type Integration = Reply<'GET /integrations/{uniqueKey}'>['data'];
/** An integration to make. */
export type NewIntegration = Body<'POST /integrations'>;
/** What to change; what is left out stays. */
export type IntegrationChange = Body<'PATCH /integrations/{uniqueKey}'>;
/** An integration with an app that the server shares. */
export type NewSharedIntegration = Body<'POST /integrations/quickstart'>;

/** Options of a read of one integration. */
export interface GetIntegrationOptions extends CallOptions {
  /** What to add; credentials need a scope of their own. */
  include?: Query<'GET /integrations/{uniqueKey}'>['include'];
}

/** The integrations of an environment. */
export class Integrations {
  readonly #http: Http;

  constructor(http: Http) {
    this.#http = http;
  }

  /** List all. */
  async list(options?: CallOptions): Promise<Integration[]> {
    return (await this.#http.send('GET /integrations', {}, options)).data;
  }

  /** Read one by its key. */
  async get(uniqueKey: string, options: GetIntegrationOptions = {}): Promise<Integration> {
    const input = { path: { uniqueKey }, query: { include: options.include } };
    return (await this.#http.send('GET /integrations/{uniqueKey}', input, options)).data;
  }

  /** Make one. */
  async create(integration: NewIntegration, options?: CallOptions): Promise<Integration> {
    return (await this.#http.send('POST /integrations', { body: integration }, options)).data;
  }

  /** Make one with an app that the server shares. A server that shares none refuses. */
  async createShared(integration: NewSharedIntegration, options?: CallOptions): Promise<Integration> {
    return (await this.#http.send('POST /integrations/quickstart', { body: integration }, options)).data;
  }

  /** Change one. */
  async update(uniqueKey: string, change: IntegrationChange, options?: CallOptions): Promise<Integration> {
    const input = { path: { uniqueKey }, body: change };
    return (await this.#http.send('PATCH /integrations/{uniqueKey}', input, options)).data;
  }

  /** Delete one with its connections. */
  async delete(uniqueKey: string, options?: CallOptions): Promise<void> {
    await this.#http.send('DELETE /integrations/{uniqueKey}', { path: { uniqueKey } }, options);
  }
}
