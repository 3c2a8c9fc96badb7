import { ValetkeyError } from '../error.js';
import type { CallOptions, Http, SentBody } from '../http.js';
import type { Body, Reply } from '../route.js';

/** A key to make for some calls through the proxy. */
export type NewProxyKey = Body<'POST /environment/proxy-keys'>;
/** A key just made; `key` is shown this once. */
export type CreatedProxyKey = Reply<'POST /environment/proxy-keys'>['data'];
/** A key that works now. */
export type ProxyKey = Reply<'GET /environment/proxy-keys'>['data'][number];

/** A call to a provider's API with the credentials of a connection. */
export interface ProxyCall {
  /** The integration's unique key. */
  integration: string;
  connectionId: string;
  /** Added to the path's own query; a list repeats its name. */
  query?: URLSearchParams | Record<string, string | number | boolean | readonly (string | number)[] | undefined>;
  /** Headers for the provider. */
  headers?: Record<string, string>;
  /** Sent as JSON. */
  json?: unknown;
  /** Sent as it is: text, bytes, a form, a stream. */
  body?: SentBody;
  /** Attempts after the first by the server, at most 20. 0 when left out. */
  retries?: number;
  /** Statuses that are worth another attempt, beside those of the provider's entry. */
  retryOn?: readonly number[];
  /** Instead of the provider's base URL; one of its own hosts unless the integration allows more. */
  baseUrl?: string;
  /** Have the server unpack a compressed answer. */
  decompress?: boolean;
  /** For the whole call, in milliseconds, and here until the answer begins. The client's when left out. */
  timeoutMs?: number;
  /** Ends the call and what is still to be read of its answer. */
  signal?: AbortSignal;
}

/** On every answer that is the provider's. */
const ATTEMPTS = 'valetkey-attempts';
/** How long the server may need to say that time is up. */
const GRACE_MS = 2_000;

/** Calls to providers' APIs. The answer is the provider's, whatever its status, with its body unread. */
export class Proxy {
  readonly #http: Http;

  constructor(http: Http) {
    this.#http = http;
  }

  /**
   * Call the provider. Rejects with a {@link ValetkeyError} when there is no answer of the provider:
   * no such connection, credentials that are dead, a provider that cannot be reached.
   */
  async request(method: string, path: string, call: ProxyCall): Promise<Response> {
    const { integration, connectionId, timeoutMs, signal } = call;
    const headers: Record<string, string> = {
      'provider-config-key': integration,
      'connection-id': connectionId,
    };
    if (timeoutMs !== undefined) headers['valetkey-timeout-ms'] = String(timeoutMs);
    if (call.retries) headers.retries = String(call.retries);
    if (call.retryOn?.length) headers['retry-on'] = call.retryOn.join(',');
    if (call.baseUrl !== undefined) headers['base-url-override'] = call.baseUrl;
    if (call.decompress) headers.decompress = 'true';
    if (call.json !== undefined) headers['content-type'] = 'application/json';
    for (const [name, value] of Object.entries(call.headers ?? {})) headers[`nango-proxy-${name}`] = value;
    const passage = {
      method: method.toUpperCase(),
      path: `/proxy${pathOf(path, call.query)}`,
      headers,
      body: call.json === undefined ? call.body : JSON.stringify(call.json),
      timeoutMs: timeoutMs === undefined ? undefined : timeoutMs + GRACE_MS,
      signal,
    };
    return this.#http.pass(passage, (response) => !response.headers.has(ATTEMPTS));
  }

  /** {@link request} with GET. */
  get(path: string, call: ProxyCall): Promise<Response> {
    return this.request('GET', path, call);
  }

  /** {@link request} with POST. */
  post(path: string, call: ProxyCall): Promise<Response> {
    return this.request('POST', path, call);
  }

  /** {@link request} with PUT. */
  put(path: string, call: ProxyCall): Promise<Response> {
    return this.request('PUT', path, call);
  }

  /** {@link request} with PATCH. */
  patch(path: string, call: ProxyCall): Promise<Response> {
    return this.request('PATCH', path, call);
  }

  /** {@link request} with DELETE. */
  delete(path: string, call: ProxyCall): Promise<Response> {
    return this.request('DELETE', path, call);
  }
}

/** The path with its query. Dots alone would lead out of the proxy, with the API key. */
function pathOf(path: string, query: ProxyCall['query']): string {
  const [before = '', ...after] = (path.startsWith('/') ? path : `/${path}`).split('?');
  const isDots = (segment: string) => /^(\.|%2e){1,2}$/i.test(segment);
  if (before.split(/[/\\]/).some(isDots) || path.includes('#')) {
    const message = 'path is not one below the provider’s base URL: it has a segment of dots, or a #';
    throw new ValetkeyError({ code: 'invalid_argument', message });
  }
  const added = new URLSearchParams(query instanceof URLSearchParams ? query : undefined);
  if (!(query instanceof URLSearchParams)) {
    for (const [name, value] of Object.entries(query ?? {})) {
      for (const item of Array.isArray(value) ? value : [value]) {
        if (item !== undefined) added.append(name, String(item));
      }
    }
  }
  const parts = [after.join('?'), added.toString()].filter((part) => part !== '');
  return parts.length > 0 ? `${before}?${parts.join('&')}` : before;
}

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
