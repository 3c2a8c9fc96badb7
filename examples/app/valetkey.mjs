// The one client of the Valetkey server, used by all that need it.

import { Valetkey } from '@valetkey/node';

import { config } from './config.mjs';

/** Longest wait for an answer, in milliseconds: a read may first have to refresh at a slow provider. */
const CALL_MS_MAX = 30_000;

export const valetkey = new Valetkey({
  host: config.valetkey.host,
  apiKey: config.valetkey.apiKey,
  timeoutMs: CALL_MS_MAX,
});
