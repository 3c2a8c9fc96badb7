// Step 1, in the backend: a connect session for the signed-in user.
//
// The browser gets its token and nothing else. The token lets one person connect, for half an hour, what is listed
// here; the API key never leaves this process.

import { config } from '../config.mjs';
import { valetkey } from '../valetkey.mjs';

/** How the Connect UI looks, so that people see whom they are dealing with. */
const LOOK = {
  name: 'Quaybell',
  theme: { light: { primary: '#7a2e5d' }, dark: { primary: '#e6a3ca' }, radius: 10 },
};
/** Where a link leads when it is done. In a frame it means nothing. */
const RETURN_URL = `${config.url}/?back=connect`;

/**
 * A session in which this user connects a new account.
 *
 * The tags come back with every webhook about the connection: they are how step 3 knows whose it is. They are taken
 * from the signed-in session, never from what a browser sent.
 *
 * @returns {Promise<{ token: string, connect_link: string, expires_at: string }>}
 */
export function mintSession(user, integrationId) {
  return valetkey.connectSessions.create({
    tags: { end_user_id: user.id, end_user_email: user.email },
    allowed_integrations: [integrationId],
    return_url: RETURN_URL,
    connect_ui_settings: LOOK,
  });
}

/** A session in which this user repairs one account of theirs. The connection keeps its id. */
export function mintReconnectSession(user, account) {
  return valetkey.connectSessions.reconnect({
    connection_id: account.connectionId,
    integration_id: account.integrationId,
    tags: { end_user_id: user.id, end_user_email: user.email },
    return_url: RETURN_URL,
    connect_ui_settings: LOOK,
  });
}
