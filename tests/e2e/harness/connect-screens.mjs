// Every screen of the Connect UI, and the way a person gets there, against the emulated provider. Each
// screen is reached for real: nothing is drawn that the running server did not cause.

import { within } from './waiting.mjs';

/** Integrations of a list that is long enough for a search and for groups. */
const MANY = [
  'airtable', 'asana', 'calendly', 'freshdesk', 'github', 'gmail', 'hubspot', 'intercom', 'jira', 'mailchimp',
  'notion', 'quickbooks', 'salesforce', 'shopify', 'slack', 'stripe', 'xero', 'zoom',
];
const DEMO_CLIENT = { client_id: 'emulator-client', client_secret: 'emulator-secret' };
const SCREEN_MS = 20_000;

/** Make the integrations that screens need, once per server. Answers the keys that exist. */
export async function makeIntegrations(dev) {
  const make = (unique_key, provider, more = {}) => dev.call('POST', '/integrations', { unique_key, provider, ...more });
  await make('screen-oauth', 'emulator-oauth2', { display_name: 'Emulator', credentials: { type: 'OAUTH2', ...DEMO_CLIENT } });
  await make('screen-key', 'emulator-api-key');
  await make('screen-pair', 'emulator-tba', { credentials: { type: 'TBA', ...DEMO_CLIENT } });
  await make('screen-address', 'zendesk', { credentials: { type: 'OAUTH2', ...DEMO_CLIENT } });
  await make('screen-role', 'aws-sigv4', {
    credentials: {
      type: 'AWS_SIGV4',
      aws_sigv4_config: { service: 's3', stsMode: 'builtin', awsAccessKeyId: 'AKIAIOSFODNN7EXAMPLE', awsSecretAccessKey: 'x'.repeat(40) },
    },
  }).catch(() => {});
  const many = [];
  for (const provider of MANY) {
    const made = await make(`many-${provider}`, provider, { credentials: { type: 'OAUTH2', ...DEMO_CLIENT } }).catch(() =>
      make(`many-${provider}`, provider).catch(() => null));
    if (made) many.push(`many-${provider}`);
  }
  return { many };
}

/** Where the emulated provider asks for consent. */
const isConsent = (url) => url.pathname.endsWith('/oauth/authorize');

/**
 * The screens. `session` is the body of its connect session, or null for none; `reach` gets the page at
 * the opened link and leads it to the screen; `mark` is what is there when it is.
 */
export const SCREENS = [
  { name: 'no-token', link: () => '/connect-ui/' },
  { name: 'expired', link: () => `/connect-ui/?session_token=nango_connect_session_${'0'.repeat(64)}` },
  { name: 'wrong-server', link: () => '/connect-ui/?apiURL=https%3A%2F%2Felsewhere.example' },
  {
    name: 'not-loaded',
    session: { allowed_integrations: ['screen-oauth'] },
    before: (page) => page.route('**/connect/session', (route) => route.abort()),
  },
  {
    name: 'nothing',
    session: { allowed_integrations: ['screen-gone'] },
    prepare: (dev) => dev.call('POST', '/integrations', { unique_key: 'screen-gone', provider: 'emulator-api-key' }),
    afterSession: (dev) => dev.call('DELETE', '/integrations/screen-gone'),
  },
  { name: 'list', session: { allowed_integrations: ['screen-oauth', 'screen-key', 'screen-pair'] }, mark: '.choice' },
  { name: 'list-long', session: ({ many }) => ({ allowed_integrations: many }), mark: '.search' },
  {
    name: 'list-no-match',
    session: ({ many }) => ({ allowed_integrations: many }),
    mark: '.search',
    reach: (page) => page.locator('#search').fill('zzzz'),
  },
  { name: 'form-popup', session: { allowed_integrations: ['screen-oauth'] }, mark: 'form' },
  { name: 'form', session: { allowed_integrations: ['screen-pair'] }, mark: 'form' },
  {
    name: 'form-address',
    session: { allowed_integrations: ['screen-address'] },
    mark: 'form',
    reach: (page) => page.locator('form input').first().fill('acme'),
  },
  {
    name: 'form-wrong',
    session: { allowed_integrations: ['screen-pair'] },
    mark: 'form',
    reach: (page) => submit(page),
    then: '.issue:not([hidden])',
  },
  {
    name: 'form-refused',
    session: { allowed_integrations: ['screen-key'] },
    mark: 'form',
    reach: async (page) => {
      await page.locator('form input').fill('emk_short');
      await submit(page);
    },
    then: '.alert',
  },
  { name: 'form-repair', repair: true, mark: 'form' },
  {
    name: 'waiting',
    session: { allowed_integrations: ['screen-oauth'] },
    mark: 'form',
    reach: (page) => openPopup(page),
    then: '.spinner.large',
  },
  {
    name: 'blocked',
    session: { allowed_integrations: ['screen-oauth'] },
    before: (page) => page.addInitScript(() => (window.open = () => null)),
    mark: 'form',
    reach: (page) => submit(page),
    then: '.alert.warn a',
  },
  {
    name: 'failed',
    session: { allowed_integrations: ['screen-oauth'] },
    mark: 'form',
    reach: async (page) => {
      const popup = await openPopup(page);
      await decide(popup, 'deny');
    },
    then: '.badge.bad',
    open: 'details',
  },
  {
    name: 'connected',
    session: { allowed_integrations: ['screen-oauth', 'screen-key'] },
    mark: '.choice',
    reach: async (page) => {
      await page.getByRole('button', { name: 'Emulator', exact: true }).click();
      await page.locator('form').waitFor();
      const popup = await openPopup(page);
      await decide(popup, 'approve');
    },
    then: '.badge.good',
  },
  {
    name: 'connected-return',
    session: { allowed_integrations: ['screen-key'], return_url: 'http://localhost:8080/settings', connect_ui_settings: { name: 'Acme' } },
    mark: 'form',
    reach: async (page) => {
      await page.locator('form input').fill('emk_demo_1234567890');
      await submit(page);
    },
    then: '.badge.good',
  },
  {
    name: 'little-time',
    changesClock: true,
    session: { allowed_integrations: ['screen-key'] },
    before: async (page) => {
      await page.clock.install({ time: Date.now() + 28.5 * 60_000 });
    },
    mark: 'form',
    then: '.time:not([hidden])',
  },
];

const submit = (page) => page.locator('form button[type=submit]').click();

/** Press Connect and wait for the provider's page in the window that opens. */
export async function openPopup(page) {
  const [popup] = await Promise.all([page.waitForEvent('popup', { timeout: SCREEN_MS }), submit(page)]);
  await popup.waitForURL(isConsent, { timeout: SCREEN_MS });
  return popup;
}

/** Answer the consent page of the emulated provider. @param {'approve' | 'deny'} decision */
export const decide = (popup, decision) =>
  popup.getByRole('button', { name: decision === 'approve' ? /approve/i : /deny/i }).click();

/** A connect session, made as an app's backend makes it. */
export async function makeSession(dev, body) {
  const { data } = await dev.call('POST', '/connect/sessions', { tags: { end_user_id: 'screen-user' }, ...body });
  return data;
}

/** Lead a page to a screen. `kept` is what `makeIntegrations` answered, with `connection` for repairs. */
export async function reach(dev, page, screen, kept, { lang = 'en' } = {}) {
  page.setDefaultTimeout(SCREEN_MS);
  await screen.prepare?.(dev);
  await screen.before?.(page);
  let link = screen.link?.();
  if (screen.repair) {
    const body = { connection_id: kept.connection, integration_id: 'screen-pair', tags: { end_user_id: 'screen-user' } };
    link = (await dev.call('POST', '/connect/sessions/reconnect', body)).data.connect_link;
  } else if (screen.session) {
    const body = typeof screen.session === 'function' ? screen.session(kept) : screen.session;
    link = (await makeSession(dev, body)).connect_link;
  }
  await screen.afterSession?.(dev);
  const url = new URL(link, dev.url);
  url.searchParams.set('lang', lang);
  await page.goto(url.href);
  await page.locator(screen.mark ?? '.badge').first().waitFor();
  await screen.reach?.(page);
  if (screen.then) await within(SCREEN_MS, `screen ${screen.name}`, page.locator(screen.then).first().waitFor());
  if (screen.open) await page.locator(screen.open).evaluate((element) => element.setAttribute('open', ''));
}

/** A connection that a repair can repair. */
export async function makeConnection(dev) {
  const token = (await makeSession(dev, { allowed_integrations: ['screen-pair'] })).token;
  const query = new URLSearchParams({ connect_session_token: token, 'params[accountId]': '1234567-sb1' });
  const reply = await fetch(`${dev.url}/auth/tba/screen-pair?${query}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ token_id: 'emulator-token', token_secret: 'emulator-token-secret' }),
  });
  const body = await reply.json();
  if (!reply.ok) throw new Error(JSON.stringify(body));
  return body.connectionId;
}
