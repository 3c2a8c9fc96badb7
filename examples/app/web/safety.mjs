// What keeps other sites' pages from acting in this one.

import { config } from '../config.mjs';

const valetkey = new URL(config.valetkey.host).origin;
const HOSTS = [`127.0.0.1:${config.port}`, `localhost:${config.port}`];

/** The browser may load from here and from Valetkey, and run nothing that stands in a page. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  `img-src 'self' ${valetkey}`,
  `connect-src 'self' ${valetkey} ${valetkey.replace(/^http/, 'ws')}`,
  // The Connect UI.
  `frame-src ${valetkey}`,
  // Without JavaScript, Connect is a form that leads to a connect link.
  `form-action 'self' ${valetkey}`,
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Sent with every answer. */
export const HEADERS = {
  'content-security-policy': POLICY,
  'x-content-type-options': 'nosniff',
  // Not `no-referrer`: with that, browsers send no origin along with forms.
  'referrer-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};

/** Whether the request was made for this host: otherwise a name that points here could be anybody's. */
export const isForThisHost = (request) => HOSTS.includes(request.headers.host);

/** Whether a page of this app sent it. Beside `SameSite=Lax`, which other ports of this machine pass. */
export const isFromOwnPage = (request) => request.headers.origin === `http://${request.headers.host}`;
