// The API that API_KEY, BASIC, JWT and NONE integrations stand for: it knows one key, one password and
// the public half of one signing key.

import crypto from 'node:crypto';

import { json, listen } from './listening.mjs';

export const GOOD_KEY = 'key-7c1d';
export const GOOD_LOGIN = { username: 'ann', password: 'pass-5e2a' };

const SIGNING_PAIR = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
/** Signs tokens this API takes at `/signed`. */
export const SIGNING_KEY = {
  id: 'signer-1',
  pem: SIGNING_PAIR.privateKey.export({ format: 'pem', type: 'pkcs8' }),
};

/** Whether the header shows a token that the signing key signed and that has not ended. */
function isSigned(authorization = '') {
  const [head, claims, signature] = authorization.replace(/^Bearer /, '').split('.');
  if (!signature) return false;
  const key = { key: SIGNING_PAIR.publicKey, dsaEncoding: 'ieee-p1363' };
  const read = (part) => JSON.parse(Buffer.from(part, 'base64url'));
  const { exp, aud } = read(claims);
  return (
    crypto.verify('sha256', Buffer.from(`${head}.${claims}`), key, Buffer.from(signature, 'base64url')) &&
    read(head).kid === SIGNING_KEY.id &&
    aud === 'e2e' &&
    exp > Date.now() / 1000
  );
}

/** Start it. `calls` lists what came in: `{ path, authorization }`. */
export async function startHttpApi() {
  const calls = [];
  const basic = `Basic ${Buffer.from(`${GOOD_LOGIN.username}:${GOOD_LOGIN.password}`).toString('base64')}`;
  const server = await listen((request, response) => {
    const { authorization } = request.headers;
    calls.push({ path: request.url, authorization });
    if (request.url === '/open') return json(response, 200, { open: true });
    if (request.url === '/signed') {
      const signed = isSigned(authorization);
      return json(response, signed ? 200 : 401, { signed });
    }
    const known = authorization === `Bearer ${GOOD_KEY}` || authorization === basic;
    return json(response, known ? 200 : 401, { known });
  });
  return { ...server, calls };
}
