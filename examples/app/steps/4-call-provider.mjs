// Step 4, in the backend: a call to the provider, with credentials this app never sees.

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
 * The call goes through Valetkey, which knows where the provider's API is and adds the credentials. It has refreshed them
 * by then, and does so again when the provider refuses them before their time.
 *
 * @param {import('../store.mjs').Account} account
 * @returns {Promise<Pick<import('../store.mjs').Account, 'status' | 'person' | 'problem'>>}
 */
export async function askProvider(account) {
  const { connectionId, integrationId } = account;
  try {
    const api = providerApi(account.provider);
    if (!api) {
      // A read says whether the credentials still work, too.
      await valetkey.connections.get(connectionId, integrationId);
      return { status: 'working', problem: undefined };
    }
    const reply = await valetkey.proxy.get(api.path, {
      integration: integrationId,
      connectionId,
      headers: { accept: 'application/json', 'user-agent': 'quaybell' },
      timeoutMs: PROVIDER_MS_MAX,
    });
    if (reply.status === 401) return broken();
    if (!reply.ok) return unsure('The provider does not answer as it should. Quaybell tries again by itself.');
    return { status: 'working', person: api.person(await reply.json()), problem: undefined };
  } catch (error) {
    // Only the user can repair it: the page offers a reconnect.
    if (error instanceof ValetkeyError && error.needsReconnect) return broken();
    if (error instanceof ValetkeyError && (GONE.has(error.code) || GONE.has(error.payload?.code))) {
      return { status: 'gone', problem: 'This account was disconnected elsewhere. Connect it again to go on.' };
    }
    // Everything else may pass.
    console.error(`asking for ${connectionId}: ${error.message}`);
    return unsure('The provider cannot be reached. Quaybell tries again by itself.');
  }
}

const broken = () => ({ status: 'broken', problem: 'Access has ended. Reconnect to go on; nothing else is lost.' });
const unsure = (problem) => ({ status: 'unsure', problem });
