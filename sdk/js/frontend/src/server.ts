// The server's addresses and what it answers.

import { pause } from './attending.js';
import { AuthError } from './auth-error.js';
import type { AuthOptions, AuthResult } from './auth-types.js';
import type { Form } from './credentials.js';

/** How long one question for an outcome may take, in milliseconds. */
const ASK_MS_MAX = 10_000;

/** The end of a redirect flow, as it comes by WebSocket and as the answer to a question. */
export interface Outcome {
  message_type: 'success' | 'error';
  provider_config_key?: string;
  connection_id?: string;
  is_pending?: boolean;
  error_type?: string;
  error_desc?: string;
  operation_id?: string;
  cause?: string;
}

/** Checks an absolute HTTP address. `name` is the option it came in. */
export function readAddress(name: string, address: unknown): URL {
  try {
    const url = new URL(address as string);
    if (/^https?:$/.test(url.protocol)) return url;
  } catch {
    // Told below, together with addresses that are none of HTTP.
  }
  const given = typeof address === 'string' ? `"${address}"` : typeof address;
  throw new AuthError(
    'invalid_host_url',
    `${name} must be an absolute address such as "https://connect.example.com", not ${given}.`,
  );
}

/** One Valetkey server. */
export class Server {
  /** With the path that the server lies under, without a slash at the end. */
  readonly base: string;
  readonly origin: string;
  readonly socketUrl: string;

  constructor(host: unknown, websocketsPath: string) {
    const url = readAddress('host', host);
    this.origin = url.origin;
    this.base = url.origin + url.pathname.replace(/\/+$/, '');
    this.socketUrl = `${this.base.replace(/^http/, 'ws')}/${websocketsPath.replace(/^\/+/, '')}`;
  }

  /** Posts a form. */
  async submit(
    form: Form,
    integrationId: string,
    query: URLSearchParams,
    signal: AbortSignal,
  ): Promise<AuthResult> {
    const request: RequestInit = {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: form.body ? JSON.stringify(form.body) : null,
      signal,
    };
    const url = `${this.base}/${form.path}/${encodeURIComponent(integrationId)}?${query}`;
    const response = await fetch(url, request).catch((cause: unknown) => {
      throw new AuthError('unreachable', 'The server does not answer.', { cause });
    });
    // Whatever answers, perhaps something in between, need not speak JSON.
    const body = await response.json().catch(() => null);
    if (response.ok && body?.connectionId) {
      const { providerConfigKey, connectionId, isPending = false } = body;
      return { providerConfigKey, connectionId, isPending };
    }
    const { code = 'unknown_error', message, errors, operation_id, cause } = body?.error ?? {};
    throw new AuthError(code, message ?? `The server answered ${response.status}.`, {
      issues: errors,
      operationId: operation_id,
      reason: cause,
      status: response.status,
    });
  }

  /** Where a popup goes. */
  flowUrl(integrationId: string, query: URLSearchParams, clientId: string): string {
    const key = encodeURIComponent(integrationId);
    return `${this.base}/oauth/connect/${key}?${query}&ws_client_id=${clientId}`;
  }

  /** How the flow ended; null while it goes on, and when the server cannot be asked. */
  async outcome(clientId: string, signal: AbortSignal): Promise<Outcome | null> {
    const asked = fetch(`${this.base}/connect/result/${clientId}`, { signal });
    const answer = asked.then((response) => (response.status === 200 ? response.json() : null));
    try {
      return (await Promise.race([answer, pause(ASK_MS_MAX, signal)]))?.data ?? null;
    } catch {
      return null;
    }
  }
}

/** What a browser says about itself and the connection it wants, as nested query parameters. */
export function queryOf(token: string, options: AuthOptions, inPopup: boolean): URLSearchParams {
  const query = new URLSearchParams({ connect_session_token: token });
  const nest = (name: string, values: object = {}) => {
    for (const [key, value] of Object.entries(values)) query.set(`${name}[${key}]`, String(value));
  };
  nest('params', given(options.params));
  if (options.userScope?.length) query.set('user_scope', options.userScope.join(','));
  if (inPopup) {
    const { type: _, ...overrides } = options.credentials ?? {};
    nest('credentials', given(overrides));
  }
  // Here the text "undefined" means: leave this parameter out.
  nest('authorization_params', options.authorizationParams);
  return query;
}

function given(values: object = {}): object {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
