import { Http } from './http.js';
import { ConnectSessions } from './resources/connect-sessions.js';
import { Connections } from './resources/connections.js';
import { Environments, Keys, SigningKey, Variables } from './resources/environments.js';
import { Deliveries, Events } from './resources/events.js';
import { Functions } from './resources/functions.js';
import { Health } from './resources/health.js';
import { Installs } from './resources/installs.js';
import { Integrations } from './resources/integrations.js';
import { Logs } from './resources/logs.js';
import { Providers } from './resources/providers.js';
import { Proxy, ProxyKeys } from './resources/proxy.js';

/** Options of a client. */
export interface ValetkeyOptions {
  /** The server: an absolute URL. A path is kept. */
  host: string;
  /** A key of an environment or, for {@link Valetkey.environments} and {@link Valetkey.keys}, of the account. */
  apiKey: string;
  /** Instead of Node's, for a proxy for example. */
  fetch?: typeof fetch;
  /** Time limit of a call with all its attempts, in milliseconds. 60,000 when left out. */
  timeoutMs?: number;
  /** Attempts after the first, at most 10. 2 when left out. */
  retries?: number;
}

const TIMEOUT_MS = 60_000;
const RETRIES = 2;

/** A client of one server. It keeps nothing but its settings; make one and share it. */
export class Valetkey {
  /** Sessions in which a browser connects an account. */
  readonly connectSessions: ConnectSessions;
  /** Connected accounts and their credentials. */
  readonly connections: Connections;
  /** Installations that began at the provider. */
  readonly installs: Installs;
  /** Providers as they are offered in this environment. */
  readonly integrations: Integrations;
  /** The catalogue. */
  readonly providers: Providers;
  /** Everything that webhooks tell. */
  readonly events: Events;
  /** Webhooks on their way. */
  readonly deliveries: Deliveries;
  /** The key that signs webhooks. */
  readonly signingKey: SigningKey;
  /** What the server did. */
  readonly logs: Logs;
  /** Variables of the environment. */
  readonly variables: Variables;
  /** Environments, with a key of the account. */
  readonly environments: Environments;
  /** API keys, with a key of the account. */
  readonly keys: Keys;
  /** Calls to providers' APIs with a connection's credentials. */
  readonly proxy: Proxy;
  /** Keys for some calls through the proxy. */
  readonly proxyKeys: ProxyKeys;
  /** Functions of integrations. */
  readonly functions: Functions;
  /** How the server is. */
  readonly health: Health;

  constructor(options: ValetkeyOptions) {
    const { host, apiKey, timeoutMs = TIMEOUT_MS, retries = RETRIES } = options;
    // Looked up at each call, so that replacing the global one later has an effect.
    const http = new Http({ host, apiKey, timeoutMs, retries, fetch: options.fetch ?? ((...args) => fetch(...args)) });
    this.connectSessions = new ConnectSessions(http);
    this.connections = new Connections(http);
    this.installs = new Installs(http);
    this.integrations = new Integrations(http);
    this.providers = new Providers(http);
    this.events = new Events(http);
    this.deliveries = new Deliveries(http);
    this.signingKey = new SigningKey(http);
    this.logs = new Logs(http);
    this.variables = new Variables(http);
    this.environments = new Environments(http);
    this.keys = new Keys(http);
    this.proxy = new Proxy(http);
    this.proxyKeys = new ProxyKeys(http);
    this.functions = new Functions(http);
    this.health = new Health(http);
  }
}
