// Sends requests: address, authorization, time limit, retries, and what an answer means.

import { setTimeout as sleep } from 'node:timers/promises';

import { Deadline } from './deadline.js';
import { type Issue, ValetkeyError } from './error.js';
import { pauseBeforeRetry, retryAfterMs } from './retry.js';
import type { Input, Reply, Route } from './route.js';
import { VERSION } from './version.js';

/** Options of one call. */
export interface CallOptions {
  /** Ends the call: it rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** Instead of the client's. */
  timeoutMs?: number | undefined;
  /** Instead of the client's. */
  retries?: number | undefined;
}

/** Anything that `fetch` can send. */
export type SentBody = NonNullable<RequestInit['body']>;

/** A request whose answer is handed on as it is. */
export interface Passage {
  method: string;
  /** Below the host, with its query. */
  path: string;
  headers: Record<string, string>;
  body: SentBody | undefined;
  signal: AbortSignal | undefined;
  timeoutMs: number | undefined;
}

/** The settings of an {@link Http}. */
export interface HttpSettings {
  host: string;
  apiKey: string;
  fetch: typeof fetch;
  timeoutMs: number;
  retries: number;
}

/** Longest time limit, in milliseconds; a timer cannot hold more. */
const TIMEOUT_MS_MAX = 2_147_483_647;
const RETRIES_MAX = 10;
const NO_CONTENT = 204;
/** What a header can carry. Anything else would make `fetch` fail with the key in its message. */
const API_KEY = /^[\x21-\x7e]+$/;
const USER_AGENT = `valetkey-node/${VERSION}`;

/** The connection to one server with one API key. */
export class Http {
  readonly #base: string;
  readonly #settings: HttpSettings;

  constructor(settings: HttpSettings) {
    this.#base = baseOf(settings.host);
    if (typeof settings.apiKey !== 'string' || !API_KEY.test(settings.apiKey)) {
      throw invalid('apiKey is missing, or holds a character that no API key has');
    }
    checkLimits(settings);
    this.#settings = settings;
  }

  /** Call an operation. */
  async send<R extends Route>(route: R, input: Input<R>, options: CallOptions = {}): Promise<Reply<R>> {
    const { timeoutMs = this.#settings.timeoutMs, retries = this.#settings.retries, signal } = options;
    checkLimits({ timeoutMs, retries });
    signal?.throwIfAborted();
    const [method, template] = route.split(' ') as [string, string];
    const path = filled(template, (input.path ?? {}) as Record<string, unknown>);
    const url = this.#base + path + queryString((input.query ?? {}) as Record<string, unknown>);
    const request: RequestInit = {
      method,
      // A redirect would be followed with another method, or to another host.
      redirect: 'manual',
      headers: {
        accept: 'application/json',
        authorization: `Bearer ${this.#settings.apiKey}`,
        'user-agent': USER_AGENT,
        ...(input.body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(input.body === undefined ? {} : { body: JSON.stringify(input.body) }),
    };
    const deadline = new Deadline(timeoutMs, signal);
    try {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return (await this.#attempt(route, url, { ...request, signal: deadline.signal })) as Reply<R>;
        } catch (problem) {
          const error = ended(route, problem, deadline, signal, timeoutMs);
          const pause = attempt > retries ? undefined : pauseBeforeRetry(method, error, attempt);
          if (pause === undefined || pause >= deadline.leftMs) throw error;
          await sleep(pause, undefined, { signal: deadline.signal }).catch((interrupted: unknown) => {
            throw ended(route, interrupted, deadline, signal, timeoutMs);
          });
        }
      }
    } finally {
      deadline.close();
    }
  }

  /**
   * Send one request and answer what comes, whatever its status, with its body unread. The time limit
   * ends when the answer begins; the caller's signal holds to its end. `isOurs` tells an answer of the
   * server itself, which is thrown unless it is a success.
   */
  async pass(passage: Passage, isOurs: (response: Response) => boolean): Promise<Response> {
    const { method, path, headers, body, signal, timeoutMs = this.#settings.timeoutMs } = passage;
    checkLimits({ timeoutMs, retries: 0 });
    signal?.throwIfAborted();
    const operation = `${method} /proxy`;
    const controller = new AbortController();
    const deadline = new Deadline(timeoutMs, undefined);
    deadline.signal.addEventListener('abort', () => controller.abort(), { once: true });
    try {
      const response = await this.#settings.fetch(this.#base + path, {
        method,
        // A redirect is the provider's, and so an answer.
        redirect: 'manual',
        headers: { ...headers, authorization: `Bearer ${this.#settings.apiKey}`, 'user-agent': USER_AGENT },
        signal: signal ? AbortSignal.any([signal, controller.signal]) : controller.signal,
        ...(body === undefined ? {} : { body, duplex: 'half' }),
      } as RequestInit);
      if (response.ok || !isOurs(response)) return response;
      throw refusal(operation, response, parsed(await response.text()));
    } catch (problem) {
      throw ended(operation, problem, deadline, signal, timeoutMs);
    } finally {
      deadline.close();
    }
  }

  async #attempt(route: string, url: string, request: RequestInit): Promise<unknown> {
    const response = await this.#settings.fetch(url, request);
    const text = await response.text();
    if (response.status === NO_CONTENT) return undefined;
    const body = parsed(text);
    if (response.ok && typeof body === 'object' && body !== null) return body;
    throw refusal(route, response, body);
  }
}

/** What a failed attempt means. Throws the caller's own reason when the caller ended it. */
function ended(
  operation: string,
  problem: unknown,
  deadline: Deadline,
  signal: AbortSignal | undefined,
  timeoutMs: number,
): ValetkeyError {
  if (problem instanceof ValetkeyError) return problem;
  if (deadline.expired) {
    return new ValetkeyError({ code: 'timeout', operation, message: `No answer within ${timeoutMs} ms` });
  }
  signal?.throwIfAborted();
  return new ValetkeyError({
    code: 'network_error',
    operation,
    message: `The server cannot be reached${reason(problem)}`,
    cause: problem,
  });
}

/** The system's short name for what happened, such as `ECONNREFUSED`. */
function reason(problem: unknown): string {
  const { cause, code } = (problem ?? {}) as { cause?: { code?: unknown }; code?: unknown };
  const name = cause?.code ?? code;
  return typeof name === 'string' ? `: ${name}` : '';
}

/** An answer that is not a success. A body that is not the server's own is never quoted. */
function refusal(operation: string, response: Response, body: unknown): ValetkeyError {
  const { status, headers } = response;
  const details = {
    status,
    operation,
    requestId: headers.get('x-request-id') ?? undefined,
    retryAfterMs: retryAfterMs(headers.get('retry-after'), Date.now()),
  };
  const { error } = (typeof body === 'object' && body !== null ? body : {}) as {
    error?: { code?: unknown; message?: unknown; errors?: unknown; payload?: unknown };
  };
  if (response.ok || typeof error?.code !== 'string') {
    const hint = status >= 300 && status < 400 ? ': a redirect. Is the host right?' : '';
    const message = `The answer is not one of Valetkey's (status ${status})${hint}`;
    return new ValetkeyError({ ...details, code: 'unexpected_response', message });
  }
  return new ValetkeyError({
    ...details,
    code: error.code,
    message: typeof error.message === 'string' ? error.message : `${status} ${error.code}`,
    issues: Array.isArray(error.errors) ? (error.errors as Issue[]) : [],
    payload: error.payload,
  });
}

/** The JSON value of a body; undefined when it is not JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function baseOf(host: string): string {
  if (!URL.canParse(host)) throw invalid('host is not an absolute URL');
  const url = new URL(host);
  if (!/^https?:$/.test(url.protocol) || url.username || url.password || url.search || url.hash) {
    throw invalid('host must be an http or https URL without user name, query and fragment');
  }
  return url.origin + url.pathname.replace(/\/+$/, '');
}

function checkLimits({ timeoutMs, retries }: { timeoutMs: number; retries: number }): void {
  if (!(timeoutMs > 0 && timeoutMs <= TIMEOUT_MS_MAX)) {
    throw invalid(`timeoutMs must be more than 0 and at most ${TIMEOUT_MS_MAX} milliseconds`);
  }
  if (!Number.isInteger(retries) || retries < 0 || retries > RETRIES_MAX) {
    throw invalid(`retries must be a whole number from 0 to ${RETRIES_MAX}`);
  }
}

/** The path with its parameters. Dots alone would change which path it is, and so would nothing. */
function filled(template: string, parameters: Record<string, unknown>): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = parameters[name];
    const text = typeof value === 'number' ? String(value) : value;
    if (typeof text !== 'string' || text === '' || text === '.' || text === '..') {
      throw invalid(`${name} is missing, or cannot be part of an address`);
    }
    return encodeURIComponent(text);
  });
}

/** `?a=1&tags[b]=c`: what is undefined is left out, lists repeat, objects go one level deep. */
function queryString(query: Record<string, unknown>): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined) continue;
    if (Array.isArray(value)) {
      for (const item of value) parameters.append(name, String(item));
    } else if (typeof value === 'object' && value !== null) {
      for (const [key, item] of Object.entries(value)) {
        if (item !== undefined) parameters.append(`${name}[${key}]`, String(item));
      }
    } else {
      parameters.append(name, String(value));
    }
  }
  const text = parameters.toString();
  return text === '' ? '' : `?${text}`;
}

function invalid(message: string): ValetkeyError {
  return new ValetkeyError({ code: 'invalid_argument', message });
}
