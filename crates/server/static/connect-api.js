// @ts-check
// The server as one connect session sees it.

/** How long one request may take, in milliseconds: the server may ask a slow provider meanwhile. */
const REQUEST_MS = 90_000;

/** @typedef {{ providerConfigKey: string, connectionId: string, isPending?: boolean }} Connected */
/** @typedef {{ code: string, message: string, path: string[] }} Issue */
/** @typedef {{ cause?: string, reference?: string, issues?: Issue[] }} Facts */

/**
 * A failed request or attempt: `type` for programs, `message` for support, `cause` for the sentence
 * a person reads, `reference` the log's id of it, `issues` what is wrong with which field.
 */
export class ConnectError extends Error {
  /** @param {string} type @param {string} message @param {Facts} [facts] */
  constructor(type, message, { cause = 'ours', reference, issues = [] } = {}) {
    super(message);
    this.name = 'ConnectError';
    this.type = type;
    this.reason = cause;
    this.reference = reference;
    this.issues = issues;
  }

  /** @param {unknown} error @returns {ConnectError} */
  static of(error) {
    if (error instanceof ConnectError) return error;
    console.error(error);
    return new ConnectError('unknown_error', 'The page failed.');
  }
}

/** Types that mean that the session can do nothing any more. */
const ENDED = ['session_expired', 'unknown_connect_session_token', 'invalid_connect_session_token_format'];

/** @param {ConnectError} error */
export const isOver = (error) => ENDED.includes(error.type);

export class Api {
  /** @param {string} base @param {string} websocketsPath @param {string} token @param {string} language */
  constructor(base, websocketsPath, token, language) {
    this.base = base;
    this.socketUrl = base.replace(/^http/, 'ws') + websocketsPath;
    this.token = token;
    this.language = language;
  }

  /** @param {string} path @returns {Promise<any>} the `data` of the answer */
  async get(path) {
    return (await this.#send(path, { headers: { Authorization: `Bearer ${this.token}` } })).data;
  }

  /**
   * Submits a form.
   * @param {string} path @param {Record<string, string>} params @param {object} body
   * @returns {Promise<Connected>}
   */
  post(path, params, body) {
    return this.#send(`${path}?${this.#query(params)}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    });
  }

  /** How a flow ended, or null while it goes on or cannot be asked for. @param {string} clientId */
  async outcome(clientId) {
    const response = await fetch(`${this.base}/connect/result/${clientId}`).catch(() => null);
    return response?.status === 200 ? (await response.json()).data : null;
  }

  /**
   * Where a browser goes to begin a flow.
   * @param {string} key @param {Record<string, string>} params @param {Record<string, string>} overrides
   * @param {string} clientId @param {boolean} inSameTab
   */
  flowUrl(key, params, overrides, clientId, inSameTab) {
    const query = this.#query(params);
    for (const [name, value] of Object.entries(overrides)) query.set(`credentials[${name}]`, value);
    query.set('ws_client_id', clientId);
    query.set('lang', this.language);
    if (inSameTab) query.set('same_tab', 'true');
    return `${this.base}/oauth/connect/${encodeURIComponent(key)}?${query}`;
  }

  /** Notes in the session's log what a person saw or did. @param {string} event @param {string} [integration] */
  note(event, integration) {
    const dimensions = integration ? { integration } : undefined;
    const note = { token: this.token, event, dimensions, timestamp: new Date().toISOString() };
    const body = new Blob([JSON.stringify(note)], { type: 'application/json' });
    navigator.sendBeacon?.(`${this.base}/connect/telemetry`, body);
  }

  /** @param {string} path @param {RequestInit} request @returns {Promise<any>} */
  async #send(path, request) {
    const signal = AbortSignal.timeout(REQUEST_MS);
    const response = await fetch(this.base + path, { ...request, signal }).catch(() => {
      throw new ConnectError('unreachable', 'The server did not answer.', { cause: 'unreachable' });
    });
    const body = await response.json().catch(() => null);
    if (response.ok && body) return body;
    const { code, message, errors, cause, operation_id: reference } = body?.error ?? {};
    const type = response.status === 401 ? 'session_expired' : (code ?? 'unknown_error');
    const facts = { cause: type === 'session_expired' ? 'session_ended' : cause, reference, issues: errors };
    throw new ConnectError(type, message ?? `The server answered ${response.status}.`, facts);
  }

  /** @param {Record<string, string>} params */
  #query(params) {
    const query = new URLSearchParams({ connect_session_token: this.token });
    for (const [name, value] of Object.entries(params)) query.set(`params[${name}]`, value);
    return query;
  }
}
