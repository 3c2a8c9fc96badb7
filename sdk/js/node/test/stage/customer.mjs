// A customer without a screen: opens an authorization, decides at the emulated provider, and comes back.

/** Authorize an integration with a connect session's token. `decision` is `approve` or `deny`. */
export async function authorize(serverUrl, integration, sessionToken, decision = 'approve') {
  const query = new URLSearchParams({ connect_session_token: sessionToken });
  const start = await fetch(`${serverUrl}/oauth/connect/${encodeURIComponent(integration)}?${query}`, { redirect: 'manual' });
  const cookie = start.headers.getSetCookie().map((line) => line.split(';')[0]).join('; ');
  const consent = await fetch(`${locationOf(start)}&auto=${decision}`, { redirect: 'manual' });
  await fetch(locationOf(consent), { headers: { cookie } });
}

function locationOf(reply) {
  const location = reply.headers.get('location');
  if (!location) throw new Error(`no redirect but ${reply.status} from ${reply.url}`);
  return location;
}
