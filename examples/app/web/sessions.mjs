// Who is signed in: a cookie with a random name for a session that is kept here. They end with this process.

import { randomBytes } from 'node:crypto';

import { userById } from '../users.mjs';

const COOKIE = 'quaybell_session';
const LIFE_MS = 12 * 60 * 60_000;
const SESSIONS_MAX = 1_000;

/** @typedef {{ userId: string, endsAt: number, flash?: object }} Session `flash` is shown once, on the next page */

export class Sessions {
  /** @type {Map<string, Session>} */
  #sessions = new Map();

  /** The session of a request and its user, or undefined. */
  of(request) {
    const session = this.#sessions.get(idIn(request));
    const user = session && session.endsAt > Date.now() ? userById(session.userId) : undefined;
    return user && { session, user };
  }

  /** Signs a user in; answers the cookie to set. The id is new each time, so none can be planted beforehand. */
  begin(request, userId) {
    this.end(request);
    // The oldest makes room.
    if (this.#sessions.size >= SESSIONS_MAX) this.#sessions.delete(this.#sessions.keys().next().value);
    const id = randomBytes(32).toString('base64url');
    this.#sessions.set(id, { userId, endsAt: Date.now() + LIFE_MS });
    // Over HTTPS it would be `Secure` as well.
    return `${COOKIE}=${id}; HttpOnly; SameSite=Lax; Path=/; Max-Age=${LIFE_MS / 1000}`;
  }

  /** Signs out; answers the cookie to set. */
  end(request) {
    this.#sessions.delete(idIn(request));
    return `${COOKIE}=; HttpOnly; SameSite=Lax; Path=/; Max-Age=0`;
  }
}

function idIn(request) {
  const pairs = (request.headers.cookie ?? '').split(';').map((pair) => pair.trim());
  return pairs.find((pair) => pair.startsWith(`${COOKIE}=`))?.slice(COOKIE.length + 1);
}
