import type { CallOptions, Http } from '../http.js';
import type { Query, Reply } from '../route.js';

/** Which functions to list. */
export type FunctionPage = Query<'GET /integrations/{uniqueKey}/functions'>;
/** A page of functions. */
export type FunctionList = Reply<'GET /integrations/{uniqueKey}/functions'>;
/** The kind of a function. */
export type FunctionType = NonNullable<FunctionPage['type']>;

/** Options of a read of one function. */
export interface GetFunctionOptions extends CallOptions {
  /** Needed when two functions of different kinds have the name. */
  type?: FunctionType;
}

/** Functions of integrations. Servers of this version run none: lists are empty. */
export class Functions {
  readonly #http: Http;

  constructor(http: Http) {
    this.#http = http;
  }

  /** List the functions of an integration. */
  async list(uniqueKey: string, page: FunctionPage = {}, options?: CallOptions): Promise<FunctionList> {
    return this.#http.send('GET /integrations/{uniqueKey}/functions', { path: { uniqueKey }, query: page }, options);
  }

  /** Read one. */
  async get(uniqueKey: string, name: string, options: GetFunctionOptions = {}): Promise<unknown> {
    const input = { path: { uniqueKey, name }, query: { type: options.type } };
    return this.#http.send('GET /integrations/{uniqueKey}/functions/{name}', input, options);
  }

  /** Read one's code. */
  async code(uniqueKey: string, name: string, options: GetFunctionOptions = {}): Promise<unknown> {
    const input = { path: { uniqueKey, name }, query: { type: options.type } };
    return this.#http.send('GET /integrations/{uniqueKey}/functions/{name}/code', input, options);
  }

  /** Delete one. */
  async delete(
    uniqueKey: string,
    name: string,
    type: Exclude<FunctionType, 'on-event'>,
    options?: CallOptions,
  ): Promise<void> {
    const input = { path: { uniqueKey, name }, query: { type } };
    await this.#http.send('DELETE /integrations/{uniqueKey}/functions/{name}', input, options);
  }

  /** The functions of all integrations. */
  async config(options?: CallOptions): Promise<unknown[]> {
    return this.#http.send('GET /scripts/config', {}, options);
  }
}
