// The shapes of credentials, and which endpoint takes which.

import type { AuthOptions } from './auth-types.js';

/** Modes in which the user authorizes at the provider, in a popup. */
export type PopupMode =
  | 'OAUTH2'
  | 'OAUTH1'
  | 'APP'
  | 'CUSTOM'
  | 'MCP_OAUTH2'
  | 'MCP_OAUTH2_GENERIC'
  | 'INSTALL_PLUGIN';

/**
 * What a user enters, by the integration's mode. `type` may be left out where the shape alone says it.
 */
export type Credentials =
  | { type?: 'API_KEY'; apiKey: string }
  | { type?: 'BASIC'; username?: string; password?: string }
  | {
      type?: 'OAUTH2_CC';
      client_id: string;
      client_secret?: string;
      /** PEM. */
      client_certificate?: string;
      /** PEM. */
      client_private_key?: string;
    }
  | {
      type?: 'TBA';
      token_id: string;
      token_secret: string;
      oauth_client_id_override?: string;
      oauth_client_secret_override?: string;
    }
  | { type?: 'BILL'; username: string; password: string; organization_id: string; dev_key: string }
  | { type?: 'AWS_SIGV4'; role_arn: string; region?: string }
  | { type: 'SIGNATURE'; username: string; password: string }
  | { type: 'JWT'; [field: string]: unknown }
  | { type?: 'JWT'; privateKey: { id: string; secret: string } }
  | { type: 'TWO_STEP'; [field: string]: unknown }
  | { type: 'NONE' }
  | {
      type?: PopupMode;
      /** The user's own OAuth app instead of the integration's. */
      oauth_client_id_override?: string;
      oauth_client_secret_override?: string;
      /** A refresh token of that app: the connection is made without the provider's page. */
      oauth_refresh_token_override?: string;
    };

/** Every `type` that credentials can have. */
export type CredentialsType = NonNullable<Credentials['type']>;

/** The endpoints for forms, by mode. */
const PATHS = {
  API_KEY: 'api-auth/api-key',
  BASIC: 'api-auth/basic',
  OAUTH2_CC: 'oauth2/auth',
  JWT: 'auth/jwt',
  TWO_STEP: 'auth/two-step',
  TBA: 'auth/tba',
  BILL: 'auth/bill',
  SIGNATURE: 'auth/signature',
  AWS_SIGV4: 'auth/aws-sigv4',
  NONE: 'auth/unauthenticated',
} as const;

type FormMode = keyof typeof PATHS;

/** Shapes that say their mode, by names that must all be there. The first that fits counts. */
const SHAPES: [FormMode, ...string[]][] = [
  ['BILL', 'organization_id', 'dev_key'],
  ['API_KEY', 'apiKey'],
  ['BASIC', 'username'],
  ['BASIC', 'password'],
  ['JWT', 'privateKey'],
  ['TBA', 'token_id', 'token_secret'],
  ['OAUTH2_CC', 'client_id'],
  ['AWS_SIGV4', 'role_arn'],
];

/** A form on its way: the path without the integration, and the body. */
export interface Form {
  path: string;
  body?: Record<string, unknown>;
}

/** The form these options stand for; `popup` when they mean none; undefined when they mean nothing. */
export function formOf(options: AuthOptions): Form | 'popup' | undefined {
  if (options.installation === 'outbound') return { path: 'auth/oauth-outbound' };
  const { type, ...fields } = (options.credentials ?? {}) as Record<string, unknown>;
  const named = type as FormMode | undefined;
  const mode =
    named ?? SHAPES.find(([, ...names]) => names.every((name) => fields[name] !== undefined))?.[0];
  if (mode && Object.hasOwn(PATHS, mode)) return { path: PATHS[mode], ...bodyOf(mode, fields, options) };
  const onlyOverrides = Object.keys(fields).every((name) => /^oauth_\w+_override$/.test(name));
  return onlyOverrides ? 'popup' : undefined;
}

function bodyOf(
  mode: FormMode,
  fields: Record<string, unknown>,
  options: AuthOptions,
): Pick<Form, 'body'> {
  switch (mode) {
    case 'NONE':
      return {};
    case 'JWT':
      // The older shape goes without its type.
      return { body: isKeyPair(fields.privateKey) ? fields : { ...fields, type: mode } };
    case 'SIGNATURE':
      return { body: { ...fields, type: mode } };
    case 'TWO_STEP': {
      const assertionOption = options.assertionOption ?? {};
      const more = Object.keys(assertionOption).length > 0 ? { assertionOption } : {};
      return { body: { ...fields, type: mode, ...more } };
    }
    case 'AWS_SIGV4':
      // An empty region means the provider's default, which only a missing one does on the wire.
      return { body: { ...fields, region: fields.region || undefined } };
    default:
      return { body: fields };
  }
}

function isKeyPair(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'id' in value && 'secret' in value;
}
