import { type Credentials, tokenOf } from '../credentials.js';
import type { CallOptions, Http } from '../http.js';
import type { Body, Query, Reply } from '../route.js';

type ConnectionReply = Reply<'GET /connections/{connectionId}'>;

/** A connection with its credentials. */
export interface Connection extends Omit<ConnectionReply, 'credentials' | 'connection_config'> {
  /** What belongs to the account rather than to its credentials, such as a subdomain. */
  connection_config: Record<string, unknown>;
  credentials: Credentials;
}

/** A connection in a list. */
export type ListedConnection = Reply<'GET /connections'>['connections'][number];

/** Which connections to list. */
export interface ConnectionFilter extends Omit<Query<'GET /connections'>, 'integrationId' | 'limit' | 'page'> {
  /** One integration or several. */
  integrationId?: string | readonly string[];
}

/** Which page of connections to list. */
export interface ConnectionPage extends ConnectionFilter {
  /** Connections in a page, at most 2000. All when left out, at most 10,000. */
  limit?: number;
  /** Counted from 0. */
  page?: number;
}

/** A connection to import. */
export type NewConnection = Body<'POST /connections'>;
/** What to change; what is left out stays. */
export type ConnectionChange = Body<'PATCH /connections/{connectionId}'>;
/** Metadata and the connections it was written to. */
export type MetadataReply = Reply<'PATCH /connections/metadata'>;
/** What an app keeps with a connection. */
export type Metadata = Record<string, unknown>;

/** Options of a read. */
export interface ReadOptions extends CallOptions {
  /** Refresh even a token that is still good. */
  forceRefresh?: boolean;
}

/** Options of a read of everything. */
export interface GetOptions extends ReadOptions {
  /** Leave refresh tokens in the answer. */
  withRefreshToken?: boolean;
  /** Only for GitHub Apps: sign a new token of the app. */
  renewAppToken?: boolean;
}

/** Connections in a page of {@link Connections.all}. */
const PAGE_SIZE = 500;

/** Accounts that were connected. Most methods name one by its id and its integration's key. */
export class Connections {
  readonly #http: Http;

  constructor(http: Http) {
    this.#http = http;
  }

  /** List connections, newest first. */
  async list(page: ConnectionPage = {}, options?: CallOptions): Promise<ListedConnection[]> {
    const { integrationId, ...rest } = page;
    const query = { ...rest, integrationId: typeof integrationId === 'object' ? integrationId.join(',') : integrationId };
    return (await this.#http.send('GET /connections', { query }, options)).connections;
  }

  /**
   * Go through all connections, newest first, a page at a time. Connections made meanwhile do not
   * appear; deleting some meanwhile can hide others from this pass.
   */
  async *all(
    filter: ConnectionFilter & { pageSize?: number } = {},
    options?: CallOptions,
  ): AsyncGenerator<ListedConnection, void, undefined> {
    const { pageSize = PAGE_SIZE, ...rest } = filter;
    let shown = new Set<number>();
    for (let page = 0; ; page += 1) {
      const found = await this.list({ ...rest, limit: pageSize, page }, options);
      // New ones push the last of one page into the next.
      yield* found.filter(({ id }) => !shown.has(id));
      if (found.length < pageSize) return;
      shown = new Set(found.map(({ id }) => id));
    }
  }

  /**
   * Read a connection with credentials that work: they are refreshed first when they are about to end.
   *
   * @throws {ValetkeyError} with `needsReconnect` when only the account's owner can repair it.
   */
  async get(connectionId: string, integrationId: string, options: GetOptions = {}): Promise<Connection> {
    const query = {
      provider_config_key: integrationId,
      force_refresh: word(options.forceRefresh),
      refresh_token: word(options.withRefreshToken),
      refresh_github_app_jwt_token: word(options.renewAppToken),
    };
    const input = { path: { connectionId }, query };
    return (await this.#http.send('GET /connections/{connectionId}', input, options)) as Connection;
  }

  /** The credentials of {@link get} alone. */
  async credentials(connectionId: string, integrationId: string, options?: ReadOptions): Promise<Credentials> {
    return (await this.get(connectionId, integrationId, options)).credentials;
  }

  /**
   * The token that calls to the provider are made with: the access token, the API key, or what else
   * the credentials' type has.
   *
   * @throws {ValetkeyError} `no_token` for types that have no single token, such as `BASIC`.
   */
  async token(connectionId: string, integrationId: string, options?: ReadOptions): Promise<string> {
    return tokenOf(await this.credentials(connectionId, integrationId, options));
  }

  /** Import a connection whose credentials you have. */
  async import(connection: NewConnection, options?: CallOptions): Promise<Connection> {
    return (await this.#http.send('POST /connections', { body: connection }, options)) as Connection;
  }

  /** Change a connection's end user, tags or webhook address. */
  async update(
    connectionId: string,
    integrationId: string,
    change: ConnectionChange,
    options?: CallOptions,
  ): Promise<void> {
    const input = { path: { connectionId }, query: { provider_config_key: integrationId }, body: change };
    await this.#http.send('PATCH /connections/{connectionId}', input, options);
  }

  /** Delete a connection. */
  async delete(connectionId: string, integrationId: string, options?: CallOptions): Promise<void> {
    const input = { path: { connectionId }, query: { provider_config_key: integrationId } };
    await this.#http.send('DELETE /connections/{connectionId}', input, options);
  }

  /** Replace the metadata of one connection, or of up to 1000. */
  async setMetadata(
    connectionId: string | string[],
    integrationId: string,
    metadata: Metadata,
    options?: CallOptions,
  ): Promise<MetadataReply> {
    const body = { connection_id: connectionId, provider_config_key: integrationId, metadata };
    return this.#http.send('POST /connections/metadata', { body }, options);
  }

  /** Merge keys into the metadata of one connection, or of up to 1000. */
  async updateMetadata(
    connectionId: string | string[],
    integrationId: string,
    metadata: Metadata,
    options?: CallOptions,
  ): Promise<MetadataReply> {
    const body = { connection_id: connectionId, provider_config_key: integrationId, metadata };
    return this.#http.send('PATCH /connections/metadata', { body }, options);
  }

  /**
   * Import a connection from flat fields; answers with them and the connection's id.
   *
   * @deprecated {@link import} checks its fields.
   */
  async importFlat(
    fields: { provider_config_key: string } & Record<string, unknown>,
    options?: CallOptions,
  ): Promise<{ connection_id: string } & Record<string, unknown>> {
    const reply = await this.#http.send('POST /connection', { body: fields }, options);
    return reply as { connection_id: string } & Record<string, unknown>;
  }

  /** @deprecated The older form of {@link setMetadata}. */
  async setMetadataOfOne(
    connectionId: string,
    integrationId: string,
    metadata: Metadata,
    options?: CallOptions,
  ): Promise<Metadata> {
    const input = { path: { connectionId }, query: { provider_config_key: integrationId }, body: metadata };
    return (await this.#http.send('POST /connection/{connectionId}/metadata', input, options)) as Metadata;
  }

  /** @deprecated The older form of {@link updateMetadata}. */
  async updateMetadataOfOne(
    connectionId: string,
    integrationId: string,
    metadata: Metadata,
    options?: CallOptions,
  ): Promise<Metadata> {
    const input = { path: { connectionId }, query: { provider_config_key: integrationId }, body: metadata };
    return (await this.#http.send('PATCH /connection/{connectionId}/metadata', input, options)) as Metadata;
  }
}

function word(flag: boolean | undefined): 'true' | undefined {
  return flag ? 'true' : undefined;
}
