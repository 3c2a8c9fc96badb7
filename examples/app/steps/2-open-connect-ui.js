// Step 2, in the browser: the Connect UI over this page, with the session of step 1.

import { Valetkey } from './valetkey-frontend.js'; // In an app with a bundler: '@valetkey/frontend'.

const host = document.querySelector('meta[name="valetkey-host"]').content;
const valetkey = new Valetkey({ host });

/**
 * Lets the user connect an account, or repair one. `sessionUrl` is the address of this app that mints the session.
 *
 * What this answers is for the user's eyes only: the account itself is saved by the webhook of step 3, which also
 * comes when the user closes this page halfway, and which nobody can make up.
 *
 * @param {string} sessionUrl
 * @param {{ title: string, failed: (message: string) => void }} options
 * @returns {Promise<string[]>} ids of the connections; none when the user closed the Connect UI without connecting
 */
export async function openConnectUI(sessionUrl, { title, failed }) {
  // Opened at once, so that there is something to see while the token is on its way.
  const ui = valetkey.openConnectUI({ title });
  const handOver = async () => {
    try {
      ui.setSessionToken(await fetchToken(sessionUrl));
    } catch (error) {
      ui.close();
      failed(error.message);
    }
  };
  ui.on('error', ({ payload }) => {
    if (payload.errorType === 'session_expired') handOver();
    if (payload.errorType === 'unreachable') failed('Connecting is not possible right now. Please try again later.');
  });
  handOver();
  const outcome = await ui.result;
  return outcome.status === 'connected' ? outcome.connections.map(({ connectionId }) => connectionId) : [];
}

async function fetchToken(sessionUrl) {
  const reply = await fetch(sessionUrl, { method: 'POST', headers: { accept: 'application/json' } });
  const body = await reply.json().catch(() => ({}));
  if (!reply.ok) throw new Error(body.message ?? 'Connecting is not possible right now. Please try again later.');
  return body.token;
}
