import type { CallOptions, Http } from '../http.js';
import type { Body, Reply } from '../route.js';

/** Who connects what, and how it looks. */
export type NewConnectSession = Body<'POST /connect/sessions'>;
/** The connection to repair, and the rest as for a new one. */
export type NewReconnectSession = Body<'POST /connect/sessions/reconnect'>;
/** A session's token for the browser, the link that opens it, and when both end. */
export type ConnectSession = Reply<'POST /connect/sessions'>['data'];

/** Sessions in which a browser connects an account. */
export class ConnectSessions {
  readonly #http: Http;

  constructor(http: Http) {
    this.#http = http;
  }

  /** Make a session for a new connection. */
  async create(session: NewConnectSession, options?: CallOptions): Promise<ConnectSession> {
    return (await this.#http.send('POST /connect/sessions', { body: session }, options)).data;
  }

  /** Make a session that repairs one connection. It keeps its id, tags, metadata and configuration. */
  async reconnect(session: NewReconnectSession, options?: CallOptions): Promise<ConnectSession> {
    return (await this.#http.send('POST /connect/sessions/reconnect', { body: session }, options)).data;
  }
}
