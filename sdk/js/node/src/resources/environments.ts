import type { CallOptions, Http } from '../http.js';
import type { Body, Reply } from '../route.js';

/** An environment to make. */
export type NewEnvironment = Body<'POST /environments'>;
/** An environment. */
export type Environment = Reply<'POST /environments'>['data'];
/** An API key to make. */
export type NewApiKey = Body<'POST /environment/api-keys'>;
/** An API key; its secret is shown this once. */
export type ApiKey = Reply<'POST /environment/api-keys'>['data'];
/** A variable of an environment. */
export type Variable = Reply<'GET /environment-variables'>[number];

/** Environments. Needs an API key of the account. */
export class Environments {
  readonly #http: Http;

  constructor(http: Http) {
    this.#http = http;
  }

  /** Make one. */
  async create(environment: NewEnvironment, options?: CallOptions): Promise<Environment> {
    return (await this.#http.send('POST /environments', { body: environment }, options)).data;
  }

  /** Delete one with everything in it. */
  async delete(environmentId: number, options?: CallOptions): Promise<void> {
    await this.#http.send('DELETE /environments/{environmentId}', { path: { environmentId } }, options);
  }
}

/** API keys of environments. Needs an API key of the account. */
export class Keys {
  readonly #http: Http;

  constructor(http: Http) {
    this.#http = http;
  }

  /** Make a key with every scope of an environment. */
  async create(key: NewApiKey, options?: CallOptions): Promise<ApiKey> {
    return (await this.#http.send('POST /environment/api-keys', { body: key }, options)).data;
  }

  /** Revoke a key. */
  async delete(key: Body<'DELETE /environment/api-keys'>, options?: CallOptions): Promise<void> {
    await this.#http.send('DELETE /environment/api-keys', { body: key }, options);
  }
}

/** The key that signs webhooks. */
export class SigningKey {
  readonly #http: Http;

  constructor(http: Http) {
    this.#http = http;
  }

  /** Replace it, and answer the new one. The old one signs on for a day, beside the new one. */
  async rotate(options?: CallOptions): Promise<string> {
    return (await this.#http.send('POST /environment/webhook-signing-key/rotate', {}, options)).data.webhook_signing_key;
  }
}

/** Variables of the environment. */
export class Variables {
  readonly #http: Http;

  constructor(http: Http) {
    this.#http = http;
  }

  /** List all with their values. */
  async list(options?: CallOptions): Promise<Variable[]> {
    return this.#http.send('GET /environment-variables', {}, options);
  }
}
