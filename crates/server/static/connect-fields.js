// @ts-check
// The inputs of one integration: which there are, from what the provider asks for and what is known
// already, and how each is drawn.

import { clean, problemOf } from './connect-check.js';
import { button, h, ICONS, icon, outLink, randomId, webAddress } from './connect-dom.js';
import { t, tOr } from './connect-copy.js';

/**
 * @typedef {{ title?: string, description?: string, example?: string, optional?: boolean,
 *   hidden?: boolean, automated?: boolean, secret?: boolean, prefix?: string, suffix?: string,
 *   order?: number, default_value?: string, enum?: string[], pattern?: string, format?: string,
 *   doc_section?: string, pem?: boolean, readonly?: boolean }} Definition
 * @typedef {'params' | 'credentials' | 'assertionOption' | 'overrides'} Group
 * @typedef {{ name: string, group: Group, definition: Definition, label: string,
 *   control: HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement, box: HTMLElement, issue: HTMLElement }} Field
 * @typedef {{ auth_mode: string, credentials?: Record<string, Definition>,
 *   assertion_option?: Record<string, Definition>, installation?: string,
 *   integration_config?: Record<string, Definition>,
 *   connection_config?: Record<string, Definition>, require_client_certificate?: boolean,
 *   token_request_auth_method?: string, docs_connect?: string }} Provider
 * @typedef {{ presets: Record<string, unknown>, labels: Record<string, string>,
 *   preconfigured: string[], isRepair: boolean, docs: string | null, ownDocs: boolean,
 *   onDocs: () => void }} Known
 */

/** Lines of an input for a key or a certificate, which an input of one line would break. */
const PEM_ROWS = 4;
/** Names of inputs that hold one. */
const PEM_NAMES = /(private_?key|certificate)$/i;
/** What a client of the customer's own is made of. */
const CLIENT_PAIR = ['oauth_client_id_override', 'oauth_client_secret_override'];
const CLIENT_OVERRIDES = [...CLIENT_PAIR, 'oauth_refresh_token_override'];

/** Inputs that modes have without a word of the provider's entry. @type {() => Record<string, Definition>} */
const known = () => ({
  apiKey: { title: t('title.API key'), secret: true },
  username: { title: t('title.User name') },
  password: { title: t('title.Password'), secret: true },
  client_id: { title: t('title.Client ID') },
  client_secret: { title: t('title.Client secret'), secret: true },
  client_certificate: { title: t('field.client_certificate'), pem: true },
  client_private_key: { title: t('field.client_private_key'), pem: true },
  token_id: { title: t('field.token_id') },
  token_secret: { title: t('field.token_secret'), secret: true },
  oauth_client_id_override: { title: t('title.Consumer key'), optional: true },
  oauth_client_secret_override: { title: t('title.Consumer secret'), optional: true, secret: true },
  organization_id: { title: t('field.organization_id') },
  dev_key: { title: t('field.dev_key'), secret: true },
  role_arn: {
    title: t('field.role_arn'),
    example: 'arn:aws:iam::123456789012:role/name',
    description: t('field.role_arn_help'),
  },
});

/** Modes whose form is sent here, and where it goes. */
const ENDPOINTS = /** @type {Record<string, string>} */ ({
  API_KEY: '/api-auth/api-key/',
  BASIC: '/api-auth/basic/',
  OAUTH2_CC: '/oauth2/auth/',
  NONE: '/auth/unauthenticated/',
  TBA: '/auth/tba/',
  JWT: '/auth/jwt/',
  TWO_STEP: '/auth/two-step/',
  SIGNATURE: '/auth/signature/',
  BILL: '/auth/bill/',
  AWS_SIGV4: '/auth/aws-sigv4/',
});
/** Modes whose body says which it is. */
const NAMED_MODES = ['JWT', 'TWO_STEP', 'SIGNATURE'];
/** Modes that lead through the provider's own pages. */
const POPUP_MODES =
  ['OAUTH2', 'OAUTH1', 'APP', 'CUSTOM', 'INSTALL_PLUGIN', 'MCP_OAUTH2', 'MCP_OAUTH2_GENERIC'];

/** @param {Provider} provider */
export const usesPopup = (provider) =>
  POPUP_MODES.includes(provider.auth_mode) && provider.installation !== 'outbound';

/** Where the form of a provider goes; none when this page cannot connect it. @param {Provider} provider @returns {string | undefined} */
export const endpointOf = (provider) =>
  provider.installation === 'outbound' ? '/auth/oauth-outbound/' : ENDPOINTS[provider.auth_mode];

/** The body of a form. @param {Provider} provider @param {Field[]} fields */
export function bodyOf(provider, fields) {
  /** @type {Record<string, unknown>} */
  const body = valuesOf(fields, 'credentials');
  if (NAMED_MODES.includes(provider.auth_mode)) body.type = provider.auth_mode;
  if (provider.assertion_option) body.assertionOption = valuesOf(fields, 'assertionOption');
  return body;
}

/** @param {Provider} provider @returns {string[]} */
function credentialNames(provider) {
  switch (provider.auth_mode) {
    case 'API_KEY':
      return ['apiKey'];
    case 'BASIC':
    case 'SIGNATURE':
      return ['username', 'password'];
    case 'TBA':
      return ['token_id', 'token_secret', ...CLIENT_PAIR];
    case 'BILL':
      return ['username', 'password', 'organization_id', 'dev_key'];
    case 'AWS_SIGV4':
      return ['role_arn'];
    case 'OAUTH2_CC': {
      const byKey = provider.token_request_auth_method === 'private_key_jwt';
      const byCertificate = provider.require_client_certificate === true;
      return [
        'client_id',
        ...(byKey ? [] : ['client_secret']),
        ...(byCertificate ? ['client_certificate'] : []),
        ...(byKey || byCertificate ? ['client_private_key'] : []),
      ];
    }
    default:
      return [];
  }
}

/**
 * The inputs a person has to fill in, in the order to show them.
 * @param {Provider} provider @param {Known} given
 * @returns {Field[]}
 */
export function buildFields(provider, given) {
  const { presets, preconfigured, isRepair } = given;
  const all = [
    ...credentials(provider, preconfigured),
    ...entries('assertionOption', provider.assertion_option ?? {}, 150),
    ...entries('params', provider.connection_config ?? {}, 200)
      .filter(({ name }) => presets[name] === undefined)
      .map((entry) => (isRepair ? { ...entry, definition: kept(entry.definition) } : entry)),
    ...(isRepair ? [] : externalId(provider, presets)),
    ...ownClient(provider, presets),
  ];
  return all
    .filter(({ definition }) => !definition.hidden && !definition.automated)
    .sort((one, other) => one.order - other.order)
    .map(({ name, group, definition }) => build(name, group, definition, given));
}

/** @param {Group} group @param {Record<string, Definition>} definitions @param {number} order */
const entries = (group, definitions, order) =>
  Object.entries(definitions).map(([name, definition]) => entry(name, group, definition, definition.order ?? order));

/** @param {string} name @param {Group} group @param {Definition} definition @param {number} order */
const entry = (name, group, definition, order) => ({ name, group, definition, order });

/** @param {Provider} provider @param {string[]} preconfigured */
function credentials(provider, preconfigured) {
  const isForm = provider.auth_mode in ENDPOINTS;
  const own = isForm ? (provider.credentials ?? {}) : {};
  // What the integration's owner left open, the customer brings.
  const open = provider.auth_mode === 'TWO_STEP' ? (provider.integration_config ?? {}) : {};
  const base = known();
  const names = [...new Set([...credentialNames(provider), ...Object.keys(own), ...Object.keys(open)])];
  return names
    .filter((name) => !preconfigured.includes(name))
    .map((name) => entry(name, 'credentials', { ...base[name], ...open[name], ...own[name] }, 100));
}

/** A setting the connection has already. @param {Definition} definition @returns {Definition} */
function kept(definition) {
  const description = [definition.description, t('form.keep')].filter(Boolean).join(' ');
  return { ...definition, description, optional: true, default_value: undefined };
}

/**
 * What a role's trust policy must ask for, so that nobody else's app can use the role.
 * @param {Provider} provider @param {Record<string, unknown>} presets
 */
function externalId(provider, presets) {
  if (provider.auth_mode !== 'AWS_SIGV4' || presets.external_id !== undefined) return [];
  const definition = {
    title: t('field.external_id'),
    description: t('field.external_id_help'),
    default_value: randomId(),
    readonly: true,
  };
  return [entry('external_id', 'params', definition, 160)];
}

/**
 * A client of the customer's own, when the app left its halves empty for them to fill in. One half
 * alone is no client, so both are asked for.
 * @param {Provider} provider @param {Record<string, unknown>} presets
 */
function ownClient(provider, presets) {
  if (provider.auth_mode !== 'OAUTH2' || !CLIENT_OVERRIDES.some((name) => presets[name] === '')) return [];
  const titles = [t('title.Client ID'), t('title.Client secret'), t('field.oauth_refresh_token_override')];
  return CLIENT_OVERRIDES.filter((name) => (CLIENT_PAIR.includes(name) ? !presets[name] : presets[name] === '')).map((name) =>
    entry(name, 'overrides', { title: titles[CLIENT_OVERRIDES.indexOf(name)], optional: !CLIENT_PAIR.includes(name), secret: name !== CLIENT_PAIR[0] }, 300));
}

/** @param {string} name @param {Group} group @param {Definition} given @param {Known} known */
function build(name, group, given, { labels, docs, ownDocs, onDocs }) {
  const definition = { ...given, pem: given.pem ?? PEM_NAMES.test(name) };
  const id = `${group}-${name}`;
  // An app that names a field in its own words would be contradicted by the provider's description.
  const label = labels[name] ?? tOr(`title.${definition.title}`, definition.title ?? name);
  const description = labels[name] ? undefined : definition.description;
  const describedBy = [`${id}-issue`, description && `${id}-help`, definition.example && `${id}-example`].filter(Boolean).join(' ');
  const control = /** @type {Field['control']} */ (
    definition.enum ? select(id, describedBy, definition) : input(id, describedBy, definition)
  );
  const issue = h('p', { class: 'issue', id: `${id}-issue`, hidden: true });
  const section = ownDocs ? '' : definition.doc_section;
  const where = docs && section !== undefined ? webAddress(docs + section) : null;
  const box = h(
    'div',
    { class: 'field' },
    h('label', { for: id }, label, definition.optional && h('span', { class: 'optional' }, ` (${t('optional')})`)),
    frame(control, definition, label),
    issue,
    description && h('p', { class: 'help', id: `${id}-help`, lang: given.description === description ? 'en' : null }, description),
    definition.example && !labels[name] && !definition.enum && h('p', { class: 'help', id: `${id}-example` }, t('form.example', { example: definition.example })),
    where && outLink(where, t('form.where'), t('new_tab'), { class: 'help', onclick: onDocs }),
  );
  const field = { name, group, definition, label, control, box, issue };
  const address = addressOf(field);
  if (address) box.append(address);
  // What is being mended is no longer wrong until it is left or sent again.
  control.addEventListener('input', () => showIssue(field, ''));
  control.addEventListener('blur', () => settle(field, control.value !== ''));
  return field;
}

/** @param {string} id @param {string} describedBy @param {Definition} definition */
function input(id, describedBy, definition) {
  const required = !definition.optional && definition.default_value === undefined;
  return h(definition.pem ? 'textarea' : 'input', {
    id,
    type: definition.pem ? null : definition.secret ? 'password' : 'text',
    rows: definition.pem ? PEM_ROWS : null,
    readonly: definition.readonly,
    autocomplete: definition.secret ? 'new-password' : 'off',
    autocapitalize: 'none',
    autocorrect: 'off',
    spellcheck: 'false',
    inputmode: definition.format === 'email' ? 'email' : definition.format === 'uri' ? 'url' : null,
    value: definition.default_value,
    'aria-required': required ? 'true' : null,
    'aria-describedby': describedBy,
  });
}

/** @param {string} id @param {string} describedBy @param {Definition} definition */
function select(id, describedBy, { enum: choices = [], default_value: preset, optional }) {
  const options = choices.map((value) => h('option', { value, selected: value === preset }, value));
  if (optional) options.unshift(h('option', { value: '' }, t('form.choose')));
  return h('select', { id, 'aria-describedby': describedBy }, ...options);
}

/** What stands around an input. @param {Field['control']} control @param {Definition} definition @param {string} label */
function frame(control, { prefix, suffix, secret, pem, readonly }, label) {
  if (readonly) {
    const copy = button(t('copy'), async () => {
      await navigator.clipboard?.writeText(control.value).catch(() => /** @type {HTMLInputElement} */ (control).select());
      copy.textContent = t('copied');
    });
    return h('div', { class: 'affixed' }, control, copy);
  }
  if (secret && !pem) {
    const show = button('', () => {
      const hidden = control.getAttribute('type') === 'password';
      control.setAttribute('type', hidden ? 'text' : 'password');
      paint();
    }, { class: 'eye' });
    const paint = () => {
      const hidden = control.getAttribute('type') === 'password';
      show.setAttribute('aria-label', t(hidden ? 'form.show' : 'form.hide', { field: label }));
      show.setAttribute('aria-pressed', String(!hidden));
      show.replaceChildren(icon(hidden ? ICONS.eye : ICONS.eyeShut));
    };
    paint();
    return h('div', { class: 'affixed' }, control, show);
  }
  const chip = (/** @type {string | undefined} */ text) => text && h('span', {}, text);
  return prefix || suffix ? h('div', { class: 'affixed' }, chip(prefix), control, chip(suffix)) : control;
}

/** The whole address, as it is typed, where a part of one is asked for. @param {Field} field */
function addressOf({ control, definition: { prefix = '', suffix = '' } }) {
  if (!/^https?:/.test(prefix) && !suffix.startsWith('.')) return null;
  const line = h('p', { class: 'help', 'aria-live': 'off', hidden: true });
  const paint = () => {
    line.hidden = !control.value;
    line.textContent = t('form.address', { address: `${prefix}${control.value}${suffix}` });
  };
  control.addEventListener('input', paint);
  control.addEventListener('change', paint);
  return line;
}

/** Puts a value right and says what is wrong with it. @param {Field} field @param {boolean} complains */
function settle(field, complains) {
  const { control, definition } = field;
  const value = clean(control.value, definition);
  if (value !== control.value && !definition.pem) {
    control.value = value;
    control.dispatchEvent(new Event('change'));
  }
  const problem = complains ? problemOf(value, definition) : '';
  showIssue(field, problem);
  return !problem;
}

/** Checks all, goes to the first that is wrong, and answers whether none is. @param {Field[]} fields */
export function checkAll(fields) {
  const wrong = fields.filter((field) => !settle(field, true));
  wrong[0]?.control.focus();
  return wrong.length === 0;
}

/** @param {Field[]} fields @param {Group} group @returns {Record<string, string>} */
export function valuesOf(fields, group) {
  const mine = fields.filter((field) => field.group === group);
  // An optional value left empty is one that was not given.
  const given = mine.filter(({ control, definition }) => control.value !== '' || !definition.optional);
  return Object.fromEntries(given.map(({ name, control }) => [name, control.value.trim()]));
}

/** Whether anything was typed. @param {Field[]} fields */
export const isTyped = (fields) =>
  fields.some(({ control, definition }) =>
    !(control instanceof HTMLSelectElement) && control.value !== '' && control.value !== (definition.default_value ?? ''));

/** @param {Field} field @param {string} text empty when all is well */
function showIssue({ control, issue }, text) {
  issue.textContent = text;
  issue.hidden = !text;
  if (text) control.setAttribute('aria-invalid', 'true');
  else control.removeAttribute('aria-invalid');
}

/**
 * Puts the server's issues beside their fields and returns those that have none.
 * @param {Field[]} fields @param {{ message: string, path: string[] }[]} issues
 */
export function placeIssues(fields, issues) {
  const homeless = issues.filter(({ message, path }) => {
    const name = path.at(-1);
    const group = path.length > 1 && fields.some((field) => field.group === path[0]) ? path[0] : 'credentials';
    const field = fields.find((field) => field.name === name && field.group === group);
    if (field) showIssue(field, message);
    return !field;
  });
  fields.find(({ issue }) => !issue.hidden)?.control.focus();
  return homeless;
}
