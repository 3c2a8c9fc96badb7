// Step 3, in the backend: the webhook, which is how this app learns of connections.

import { ValetkeyError, verifyWebhook } from '@valetkey/node';

import { config } from '../config.mjs';
import { userById } from '../users.mjs';

/**
 * Checks a webhook and saves what it says. Answers the status for the sender, once everything is on disk: any other
 * than 2xx makes it send the webhook again later.
 *
 * Webhooks can come twice and in another order than things happened. So each says what to look at, and step 4 then
 * asks what is true now.
 *
 * @param {Buffer} body the bytes as they came: the signature covers them, not what a JSON parser makes of them
 * @param {import('node:http').IncomingHttpHeaders} headers
 * @param {{ store: import('../store.mjs').Store, checkSoon: (account: object, told?: string) => void }} app
 * @returns {Promise<number>}
 */
export async function receiveWebhook(body, headers, { store, checkSoon }) {
  let event;
  try {
    event = verifyWebhook({ body, headers, signingKey: config.valetkey.signingKey });
  } catch (error) {
    if (error instanceof ValetkeyError) return 401;
    throw error;
  }
  if (event.type !== 'auth') return 204;

  const { connectionId, providerConfigKey: integrationId, provider, operation, success } = event;
  const known = store.account(connectionId);

  if (operation === 'creation' && success && !known) {
    // The tags that step 1 gave. A connection of nobody we know, made by hand for example, is not ours.
    const user = userById(event.tags?.end_user_id);
    if (!user) return 204;
    const connectedAt = new Date().toISOString();
    const account = { connectionId, integrationId, provider, userId: user.id, status: 'new', connectedAt };
    await store.add(account);
    checkSoon(account, 'Your account is connected.');
  } else if (known && ((operation === 'override' && success) || (operation === 'refresh' && !success))) {
    // Repaired, or its credentials could not be renewed.
    checkSoon(known);
  }
  return 204;
}
