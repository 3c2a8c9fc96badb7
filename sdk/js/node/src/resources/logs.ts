import type { CallOptions, Http } from '../http.js';
import type { Query, Reply } from '../route.js';

/** Which operations to list. */
export type LogFilter = Query<'GET /logs/operations'>;
/** A flow, a refresh, a webhook or an import. */
export type LogOperation = Reply<'GET /logs/operations'>['data'][number];
/** One with its messages. */
export type LogOperationDetail = Reply<'GET /logs/operations/{id}'>['data'];

/** What the server did. */
export class Logs {
  readonly #http: Http;

  constructor(http: Http) {
    this.#http = http;
  }

  /** List operations, newest first: at most 1000, 100 unless `limit` says otherwise. */
  async list(filter: LogFilter = {}, options?: CallOptions): Promise<LogOperation[]> {
    return (await this.#http.send('GET /logs/operations', { query: filter }, options)).data;
  }

  /** Read one. A connection's `errors` name it as `log_id`. */
  async get(id: string, options?: CallOptions): Promise<LogOperationDetail> {
    return (await this.#http.send('GET /logs/operations/{id}', { path: { id } }, options)).data;
  }
}
