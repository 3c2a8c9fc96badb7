// The API that API_KEY, BASIC and NONE integrations stand for: it knows one key and one password.

import { json, listen } from './listening.mjs';

export const GOOD_KEY = 'key-7c1d';
export const GOOD_LOGIN = { username: 'ann', password: 'pass-5e2a' };

/** Start it. `calls` lists what came in: `{ path, authorization }`. */
export async function startHttpApi() {
  const calls = [];
  const basic = `Basic ${Buffer.from(`${GOOD_LOGIN.username}:${GOOD_LOGIN.password}`).toString('base64')}`;
  const server = await listen((request, response) => {
    const { authorization } = request.headers;
    calls.push({ path: request.url, authorization });
    if (request.url === '/open') return json(response, 200, { open: true });
    const known = authorization === `Bearer ${GOOD_KEY}` || authorization === basic;
    return json(response, known ? 200 : 401, { known });
  });
  return { ...server, calls };
}
