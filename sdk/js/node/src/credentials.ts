// The credentials of a connection, by `type`, and the one token that calls are made with.

import { ValetkeyError } from './error.js';

/** When a token ends, as ISO 8601 text in UTC; absent when it does not. */
interface Ending {
  expires_at?: string;
}

/** The provider's own answer, as it came. */
interface Raw {
  raw: Record<string, unknown>;
}

/** Members that the provider's entry in the catalogue defines. */
interface Open {
  [member: string]: unknown;
}

/** OAuth 2, and MCP servers. */
export interface OAuth2Credentials extends Ending, Raw {
  type: 'OAUTH2';
  access_token: string;
  /** Only when it was asked for. */
  refresh_token?: string;
  /** The client of this connection, when it has one of its own. */
  config_override?: { client_id?: string; client_secret?: string };
}

/** OAuth 2 with client credentials. */
export interface OAuth2ClientCredentials extends Ending, Raw {
  type: 'OAUTH2_CC';
  token: string;
  client_id: string;
  client_secret: string;
  client_certificate?: string;
  client_private_key?: string;
}

/** OAuth 1. */
export interface OAuth1Credentials extends Raw {
  type: 'OAUTH1';
  oauth_token: string;
  oauth_token_secret: string;
}

/** A user name and a password. */
export interface BasicCredentials {
  type: 'BASIC';
  username: string;
  password: string;
}

/** An API key. */
export interface ApiKeyCredentials {
  type: 'API_KEY';
  apiKey: string;
}

/** An installation of a GitHub App. */
export interface AppCredentials extends Ending, Raw {
  type: 'APP';
  access_token: string;
  /** A token of the app itself, when there is one. */
  jwtToken?: string;
}

/** An installation of a GitHub App, and a user of it. */
export interface CustomCredentials {
  type: 'CUSTOM';
  app: AppCredentials;
  user: OAuth2Credentials | null;
  raw?: Record<string, unknown>;
}

/** Token-based authentication of NetSuite. */
export interface TbaCredentials {
  type: 'TBA';
  token_id: string;
  token_secret: string;
  config_override?: { client_id?: string; client_secret?: string };
}

/** A token that the server signs. */
export interface JwtCredentials extends Ending, Open {
  type: 'JWT';
  token?: string;
  expires_at?: string;
}

/** Credentials that are exchanged for a token. */
export interface TwoStepCredentials extends Ending, Raw, Open {
  type: 'TWO_STEP';
  token?: string;
  expires_at?: string;
  raw: Record<string, unknown>;
}

/** A login that signs. */
export interface SignatureCredentials extends Ending {
  type: 'SIGNATURE';
  username: string;
  password: string;
  token?: string;
}

/** A session at BILL. */
export interface BillCredentials extends Ending, Raw {
  type: 'BILL';
  username: string;
  password: string;
  organization_id: string;
  dev_key: string;
  session_id?: string;
  user_id?: string;
}

/** A session of an AWS role. */
export interface AwsCredentials extends Ending, Raw {
  type: 'AWS_SIGV4';
  role_arn: string;
  region: string;
  service: string;
  access_key_id: string;
  secret_access_key: string;
  session_token: string;
  external_id?: string;
}

/** No credentials: the API needs none, or the API key may not read them. */
export interface NoCredentials {
  type?: undefined;
}

/** Credentials of a connection; switch on `type`. */
export type Credentials =
  | ApiKeyCredentials
  | AppCredentials
  | AwsCredentials
  | BasicCredentials
  | BillCredentials
  | CustomCredentials
  | JwtCredentials
  | NoCredentials
  | OAuth1Credentials
  | OAuth2ClientCredentials
  | OAuth2Credentials
  | SignatureCredentials
  | TbaCredentials
  | TwoStepCredentials;

/**
 * The one text that calls to the provider are made with.
 *
 * @throws {ValetkeyError} `no_token` when the type has none, or more than one.
 */
export function tokenOf(credentials: Credentials): string {
  const token = soleToken(credentials);
  if (typeof token === 'string' && token !== '') return token;
  const what = credentials.type === undefined ? 'without credentials' : `of type ${credentials.type}`;
  const message = `A connection ${what} has no single token. Read its credentials instead`;
  throw new ValetkeyError({ code: 'no_token', message });
}

function soleToken(credentials: Credentials): string | undefined {
  switch (credentials.type) {
    case 'OAUTH2':
    case 'APP':
      return credentials.access_token;
    case 'OAUTH2_CC':
    case 'JWT':
    case 'TWO_STEP':
    case 'SIGNATURE':
      return credentials.token;
    case 'API_KEY':
      return credentials.apiKey;
    case 'BILL':
      return credentials.session_id;
    default:
      return undefined;
  }
}
