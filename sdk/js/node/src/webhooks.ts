// Webhooks: checking that one came from the server, by the headers of Standard Webhooks
// (https://www.standardwebhooks.com), and the types of what it says.

import { createHmac, timingSafeEqual } from 'node:crypto';

import { type LocalCode, ValetkeyError } from './error.js';

/** What happened to a connection's credentials. */
export type AuthOperation = 'creation' | 'override' | 'refresh';

interface AuthEvent<O extends AuthOperation> {
  from: 'nango';
  type: 'auth';
  /** `creation`: connected. `override`: authorized again. `refresh`: renewed. */
  operation: O;
  /** The connection, or the id that it would have had. */
  connectionId: string;
  /** The integration's key. */
  providerConfigKey: string;
  /** The environment's name. */
  environment: string;
  /** Such as `OAUTH2`. */
  authMode: string;
  /** The provider's name, or `unknown`. */
  provider: string;
  /** The connection's tags; absent when no connection is stored. */
  tags?: Record<string, string>;
}

/** It went well. */
export interface AuthSucceeded<O extends AuthOperation = AuthOperation> extends AuthEvent<O> {
  success: true;
  /** Whom the connect session named. */
  endUser?: {
    endUserId: string;
    endUserEmail: string | null;
    organizationId?: string;
    tags: Record<string, string>;
  };
}

/** It did not. */
export interface AuthFailed<O extends AuthOperation = AuthOperation> extends AuthEvent<O> {
  success: false;
  /** A stable `type`, and a sentence for people. */
  error: { type: string; description: string };
}

/** A webhook of a provider, passed on. */
export interface ForwardEvent {
  type: 'forward';
  /** The provider's name. */
  from: string;
  connectionId: string;
  providerConfigKey: string;
  /** As the provider sent it. */
  payload: unknown;
}

/** What a webhook says. Switch on `type`, `operation` and `success`. */
export type WebhookEvent =
  | AuthSucceeded<'creation'>
  | AuthFailed<'creation'>
  | AuthSucceeded<'override'>
  | AuthFailed<'override'>
  | AuthSucceeded<'refresh'>
  | AuthFailed<'refresh'>
  | ForwardEvent;

/** Headers as Node has them (`request.headers`), or as `fetch` has them (`Headers`). */
export type WebhookHeaders =
  | { get(name: string): string | null }
  | Readonly<Record<string, string | readonly string[] | undefined>>;

/** What {@link verifyWebhook} needs. */
export interface VerifyWebhookInput {
  /** The request's body, byte for byte as it came: before any JSON parser. */
  body: string | Uint8Array;
  headers: WebhookHeaders;
  /** The environment's signing key, as it is shown or with the prefix `whsec_`. */
  signingKey?: string | undefined;
  /** Several, when keys are being exchanged: one that fits is enough. */
  signingKeys?: readonly string[] | undefined;
  /** How far the sender's clock may be from this one's, either way, in seconds. */
  toleranceSeconds?: number | undefined;
  /** The time now. */
  now?: Date | undefined;
}

const TOLERANCE_SECONDS = 300;
const ENCODED_KEY_PREFIX = 'whsec_';
const VERSION_PREFIX = 'v1,';

/**
 * Check a webhook and read it.
 *
 * Deliveries are repeated until they are answered with 2xx; the header `webhook-id` is the same each
 * time. Events of a type that this version does not know are returned as they are.
 *
 * @throws {ValetkeyError} `webhook_header_missing`, `webhook_timestamp_invalid`,
 * `webhook_signature_invalid`, `webhook_body_invalid`; `invalid_argument` when there is no usable key.
 */
export function verifyWebhook(input: VerifyWebhookInput): WebhookEvent {
  const { body, headers, toleranceSeconds = TOLERANCE_SECONDS, now = new Date() } = input;
  if (typeof body !== 'string' && !(body instanceof Uint8Array)) {
    throw failed('invalid_argument', 'body must be the text or the bytes that came, not a parsed value');
  }
  const keys = keysOf(input);
  const id = header(headers, 'webhook-id');
  const timestamp = header(headers, 'webhook-timestamp');
  const signatures = header(headers, 'webhook-signature').split(' ');
  checkTime(timestamp, toleranceSeconds, now);

  let fits = false;
  for (const key of keys) {
    const expected = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64');
    // All are compared, so that the time taken tells nothing about which one fits.
    for (const signature of signatures) fits = equal(signature, VERSION_PREFIX + expected) || fits;
  }
  if (!fits) throw failed('webhook_signature_invalid', 'No signature fits the body and the signing key');
  return parsed(body);
}

function keysOf({ signingKey, signingKeys }: VerifyWebhookInput): Buffer[] {
  const texts = [...(signingKey === undefined ? [] : [signingKey]), ...(signingKeys ?? [])];
  const keys = texts.map((text) =>
    text.startsWith(ENCODED_KEY_PREFIX)
      ? Buffer.from(text.slice(ENCODED_KEY_PREFIX.length), 'base64')
      : Buffer.from(text, 'utf8'),
  );
  // Anybody can sign with an empty key.
  if (keys.length === 0 || keys.some((key) => key.length === 0)) {
    throw failed('invalid_argument', 'Give a signingKey, or signingKeys, none of them empty');
  }
  return keys;
}

function header(headers: WebhookHeaders, name: string): string {
  const value = isReader(headers) ? headers.get(name) : memberOf(headers, name);
  if (typeof value !== 'string' || value === '') {
    throw failed('webhook_header_missing', `The header ${name} is missing`);
  }
  return value;
}

function isReader(headers: WebhookHeaders): headers is { get(name: string): string | null } {
  return typeof headers.get === 'function';
}

function memberOf(headers: Record<string, unknown>, name: string): unknown {
  const key = Object.keys(headers).find((candidate) => candidate.toLowerCase() === name);
  const value = key === undefined ? undefined : headers[key];
  return Array.isArray(value) && value.length === 1 ? value[0] : value;
}

function checkTime(timestamp: string, toleranceSeconds: number, now: Date): void {
  const awayS = Math.abs(now.getTime() / 1000 - Number(timestamp));
  // Written so that what is not a number is refused.
  if (!/^\d{1,12}$/.test(timestamp) || !(awayS <= toleranceSeconds)) {
    const message = `webhook-timestamp is not within ${toleranceSeconds} seconds of now`;
    throw failed('webhook_timestamp_invalid', message);
  }
}

function equal(given: string, expected: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(expected)];
  return one.length === other.length && timingSafeEqual(one, other);
}

function parsed(body: string | Uint8Array): WebhookEvent {
  const text = typeof body === 'string' ? body : Buffer.from(body).toString('utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (typeof value !== 'object' || value === null) {
    throw failed('webhook_body_invalid', 'The signature fits, but the body is not a JSON object');
  }
  return value as WebhookEvent;
}

function failed(code: LocalCode, message: string): ValetkeyError {
  return new ValetkeyError({ code, message });
}
