// A connect session's token: short-lived, made by the app's backend.

import { AuthError } from './auth-error.js';

/** A connect session's token, or what brings one from your backend. */
export type SessionToken = string | (() => string | Promise<string>);

/** The token itself. */
export async function readToken(source: SessionToken | undefined): Promise<string> {
  const text = 'There is no session token: give `sessionToken`, or a function that brings one.';
  let token: string | undefined;
  try {
    token = typeof source === 'function' ? await source() : source;
  } catch (cause) {
    throw new AuthError('missing_auth_token', 'The session token could not be fetched.', { cause });
  }
  if (!token) throw new AuthError('missing_auth_token', text);
  return token;
}
