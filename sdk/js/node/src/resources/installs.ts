import type { CallOptions, Http } from '../http.js';
import type { Body, Reply } from '../route.js';

/** An installation that began at the provider and belongs to nobody yet. */
export type Install = Reply<'GET /installs/{installId}'>['data'];
/** The connection that a claim makes, and whose it is. */
export type ClaimInstall = Body<'POST /installs/{installId}/claim'>;
/** What a claim made. */
export type ClaimedInstall = Reply<'POST /installs/{installId}/claim'>;

/** Which installations to list. */
export interface ListInstallsOptions extends CallOptions {
  /** Of this integration. */
  integration?: string;
  /** Those after the one with this id. */
  after?: string;
  /** At most 100, which is also the default. */
  limit?: number;
}

/** Installations that began at the provider, until one is claimed, dismissed, or its time is over. */
export class Installs {
  readonly #http: Http;

  constructor(http: Http) {
    this.#http = http;
  }

  /** List unclaimed ones, newest first. */
  async list(options: ListInstallsOptions = {}): Promise<Install[]> {
    const { integration, after, limit } = options;
    const query = { provider_config_key: integration, after, limit };
    return (await this.#http.send('GET /installs', { query }, options)).data;
  }

  /** Read one. */
  async get(id: string, options?: CallOptions): Promise<Install> {
    return (await this.#http.send('GET /installs/{installId}', { path: { installId: id } }, options)).data;
  }

  /** Spend the `claim_token` that a person came to your claim page with; says what it is for. */
  async exchange(claimToken: string, options?: CallOptions): Promise<Install> {
    const body = { claim_token: claimToken };
    return (await this.#http.send('POST /installs/exchange', { body }, options)).data;
  }

  /** Make a connection of one. Of several claims, one succeeds. */
  async claim(id: string, claim: ClaimInstall = {}, options?: CallOptions): Promise<ClaimedInstall> {
    return this.#http.send('POST /installs/{installId}/claim', { path: { installId: id }, body: claim }, options);
  }

  /** Drop one that nobody wants. At the provider the app stays installed. */
  async dismiss(id: string, options?: CallOptions): Promise<void> {
    await this.#http.send('DELETE /installs/{installId}', { path: { installId: id } }, options);
  }
}
