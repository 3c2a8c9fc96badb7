// The server: which address does what. The four steps of connecting accounts are in steps/.

import http from 'node:http';

import { Accounts } from './accounts.mjs';
import { config } from './config.mjs';
import { offeredIntegrations } from './integrations.mjs';
import { Live } from './live.mjs';
import { accountList, accountsPage } from './pages/accounts.mjs';
import { problemPage } from './pages/problem.mjs';
import { signInPage } from './pages/sign-in.mjs';
import { mintReconnectSession, mintSession } from './steps/1-mint-session.mjs';
import { receiveWebhook } from './steps/3-webhook.mjs';
import { Store } from './store.mjs';
import { userById } from './users.mjs';
import { serveAsset } from './web/assets.mjs';
import { readBody, readForm, TooLarge } from './web/body.mjs';
import { HEADERS, isForThisHost, isFromOwnPage } from './web/safety.mjs';
import { Sessions } from './web/sessions.mjs';

const WEBHOOK_BYTES_MAX = 256 * 1024;
const HEADERS_MS_MAX = 10_000;
const REQUEST_MS_MAX = 30_000;
const STOP_MS_MAX = 5_000;

const store = await Store.open(config.dataDir);
const live = new Live();
const accounts = new Accounts(store, live);
const sessions = new Sessions();
/** What step 3 needs of the app. */
const webhookApp = { store, checkSoon: (account, told) => accounts.checkSoon(account, told) };

/** For anybody. */
const OPEN = {
  'GET /health': ({ response }) => sendText(response, 200, 'ok\n'),
  'GET /assets/:name': ({ request, response, params }) => serveAsset(request, response, params.name) || notFound(response),
  'POST /sign-in': async ({ request, response }) => {
    const user = userById((await readForm(request)).get('user'));
    redirect(response, '/', user && sessions.begin(request, user.id));
  },
  'POST /sign-out': ({ request, response }) => redirect(response, '/', sessions.end(request)),
};

/** For those who are signed in. `user` is who, and all they can reach is their own. */
const SIGNED_IN = {
  'GET /': async ({ response, url, user, session }) => {
    const { mail, notice = url.searchParams.has('back') && 'Welcome back. What you connected is listed below.' } = session.flash ?? {};
    session.flash = undefined;
    const view = { user, accounts: accounts.lookedAtBy(user), integrations: await offeredIntegrations(), mail, notice };
    sendPage(response, 200, accountsPage(view));
  },
  'GET /accounts': async ({ response, user }) => {
    sendPage(response, 200, accountList(store.accountsOf(user.id), await offeredIntegrations()));
  },
  'GET /events': ({ response, user }) => live.join(user.id, response) || sendText(response, 429, 'too many pages are open\n'),

  'POST /integrations/:key/connect': async (call) => {
    const integration = await offered(call.params.key);
    if (!integration) return notFound(call.response, call.user);
    handSession(call, await mintSession(call.user, integration.unique_key));
  },
  'POST /integrations/:key/link': async (call) => {
    const integration = await offered(call.params.key);
    if (!integration) return notFound(call.response, call.user);
    mail(call, integration.display_name, await mintSession(call.user, integration.unique_key));
  },
  'POST /accounts/:id/reconnect': withAccount(async (call, account) => {
    handSession(call, await mintReconnectSession(call.user, account));
  }),
  'POST /accounts/:id/reconnect-link': withAccount(async (call, account) => {
    const name = (await offered(account.integrationId))?.display_name ?? account.integrationId;
    mail(call, name, await mintReconnectSession(call.user, account), true);
  }),
  'POST /accounts/:id/check': withAccount(async (call, account) => {
    const now = await accounts.check(account);
    done(call, OUTCOMES[now?.status] ?? now?.problem ?? 'Checked.');
  }),
  'POST /accounts/:id/disconnect': withAccount(async (call, account) => {
    await accounts.disconnect(account);
    done(call, 'The account is disconnected.');
  }),
};

/** What is said after a check. */
const OUTCOMES = { working: 'Checked. The account works.', broken: 'An account needs your attention.' };

function withAccount(handle) {
  return async (call) => {
    const account = accounts.ownedBy(call.user, call.params.id);
    return account ? handle(call, account) : notFound(call.response, call.user);
  };
}

const offered = async (key) => (await offeredIntegrations()).find((one) => one.unique_key === key);

/** The page's script gets the token. A form, sent without a script, is led to the link. */
function handSession({ request, response }, session) {
  if (wantsJson(request)) sendJson(response, 200, { token: session.token });
  else redirect(response, session.connect_link);
}

function mail({ response, session, user }, name, { connect_link: link, expires_at: expiresAt }, isRepair = false) {
  session.flash = { mail: { to: user.email, name, link, expiresAt, isRepair } };
  redirect(response, '/');
}

function done({ request, response, session }, notice) {
  if (wantsJson(request)) return sendJson(response, 200, { message: notice });
  session.flash = { notice };
  redirect(response, '/');
}

const wantsJson = (request) => request.headers.accept === 'application/json';

const ROUTES = [...compiled(OPEN, false), ...compiled(SIGNED_IN, true)];

function compiled(table, needsUser) {
  return Object.entries(table).map(([route, handle]) => {
    const [method, path] = route.split(' ');
    const pattern = new RegExp(`^${path.replace(/:(\w+)/g, '(?<$1>[^/]+)')}$`);
    return { method, pattern, handle, needsUser };
  });
}

async function answer(request, response) {
  for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
  const url = new URL(request.url, config.url);

  // Neither a browser nor a user of this app sends it: its signature is what counts.
  if (request.method === 'POST' && url.pathname === '/webhooks') {
    const body = await readBody(request, WEBHOOK_BYTES_MAX);
    return response.writeHead(await receiveWebhook(body, request.headers, webhookApp)).end();
  }

  if (!isForThisHost(request)) return sendText(response, 421, 'this is another host\n');
  if (!['GET', 'HEAD'].includes(request.method) && !isFromOwnPage(request)) {
    return sendPage(response, 403, problemPage('Not from here', 'This request did not come from a page of Quaybell.'));
  }
  const signedIn = sessions.of(request);
  const method = request.method === 'HEAD' ? 'GET' : request.method;
  for (const route of ROUTES) {
    const match = route.method === method && route.pattern.exec(url.pathname);
    if (!match) continue;
    if (route.needsUser && !signedIn) return demandSignIn(request, response, url);
    const params = decoded(match.groups);
    return params ? route.handle({ request, response, url, params, ...signedIn }) : notFound(response);
  }
  notFound(response, signedIn?.user);
}

function decoded(groups = {}) {
  try {
    return Object.fromEntries(Object.entries(groups).map(([name, text]) => [name, decodeURIComponent(text)]));
  } catch {
    return undefined;
  }
}

function demandSignIn(request, response, { pathname }) {
  const text = 'You are signed out. Load the page again.';
  if (wantsJson(request)) sendJson(response, 401, { message: text });
  else if (pathname === '/') sendPage(response, 200, signInPage());
  else sendPage(response, 401, signInPage());
}

function failed(request, response, error) {
  if (error instanceof TooLarge) {
    // The rest of the body is not waited for.
    response.setHeader('connection', 'close');
    return sendText(response, 413, 'too much\n');
  }
  console.error(`${request.method} ${new URL(request.url, config.url).pathname}: ${error.message}`);
  if (response.headersSent) return response.destroy();
  const text = 'That did not work. Please try again in a moment.';
  if (wantsJson(request)) sendJson(response, 502, { message: text });
  else sendPage(response, 502, problemPage('Something went wrong', text, sessions.of(request)?.user));
}

const notFound = (response, user) =>
  sendPage(response, 404, problemPage('Not found', 'There is nothing here, or it is not yours.', user));

/** Pages hold what is one user's own, session tokens among it. */
function send(response, status, type, text) {
  response.writeHead(status, { 'content-type': `${type}; charset=utf-8`, 'cache-control': 'no-store' }).end(text);
}
const sendPage = (response, status, page) => send(response, status, 'text/html', String(page));
const sendText = (response, status, text) => send(response, status, 'text/plain', text);
const sendJson = (response, status, value) => send(response, status, 'application/json', JSON.stringify(value));

function redirect(response, location, cookie) {
  response.writeHead(303, { location, 'cache-control': 'no-store', ...(cookie ? { 'set-cookie': cookie } : {}) }).end();
}

const limits = { headersTimeout: HEADERS_MS_MAX, requestTimeout: REQUEST_MS_MAX };
const server = http.createServer(limits, (request, response) => {
  answer(request, response).catch((error) => failed(request, response, error));
});
server.once('error', (error) => {
  console.error(`cannot listen on ${config.url}: ${error.message}`);
  process.exit(1);
});
server.listen(config.port, '127.0.0.1', () => {
  console.log(`Quaybell is at ${config.url}, and expects webhooks at ${config.url}/webhooks`);
});

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    live.close();
    server.close(() => process.exit(0));
    server.closeIdleConnections();
    setTimeout(() => process.exit(0), STOP_MS_MAX).unref();
  });
}
