// Step 4, in the backend: credentials that work, and a call to the provider with them.

import { ValetkeyError } from '@valetkey/node';

import { providerApi } from '../provider-apis.mjs';
import { valetkey } from '../valetkey.mjs';

/** Longest wait for a provider, in milliseconds. */
const PROVIDER_MS_MAX = 10_000;
/** Somebody deleted the connection, or its integration with all connections. */
const GONE = new Set(['not_found', 'unknown_connection', 'unknown_provider_config']);

/**
 * Asks the provider whose account this is.
 *
 * Nothing is kept of the credentials: they are read each time they are needed, and Valetkey has refreshed them by then.
 *
 * @param {import('../store.mjs').Account} account
 * @returns {Promise<Pick<import('../store.mjs').Account, 'status' | 'person' | 'problem'>>}
 */
export async function askProvider(account) {
  const { connectionId, integrationId } = account;
  try {
    const credentials = await valetkey.connections.credentials(connectionId, integrationId);
    const api = await providerApi(account.provider);
    if (!api) return { status: 'working', problem: undefined };

    let reply = await call(api, credentials);
    if (reply.status === 401) {
      // Withdrawn before its time. A forced refresh brings another token, or finds out that there will be none.
      const other = await valetkey.connections.credentials(connectionId, integrationId, { forceRefresh: true });
      reply = await call(api, other);
    }
    if (reply.status === 401) return broken();
    if (!reply.ok) return unsure('The provider does not answer as it should. Quaybell tries again by itself.');
    return { status: 'working', person: api.person(await reply.json()), problem: undefined };
  } catch (error) {
    // Only the user can repair it: the page offers a reconnect.
    if (error instanceof ValetkeyError && error.needsReconnect) return broken();
    if (error instanceof ValetkeyError && GONE.has(error.code)) {
      return { status: 'gone', problem: 'This account was disconnected elsewhere. Connect it again to go on.' };
    }
    // Everything else may pass.
    console.error(`asking for ${connectionId}: ${error.message}`);
    return unsure('The provider cannot be reached. Quaybell tries again by itself.');
  }
}

function call(api, credentials) {
  const headers = { accept: 'application/json', 'user-agent': 'quaybell', ...api.headers(credentials) };
  // A redirect could carry the credentials to another host.
  return fetch(api.url, { headers, redirect: 'error', signal: AbortSignal.timeout(PROVIDER_MS_MAX) });
}

const broken = () => ({ status: 'broken', problem: 'Access has ended. Reconnect to go on; nothing else is lost.' });
const unsure = (problem) => ({ status: 'unsure', problem });
