// @ts-check
// The form of one integration, built from what the provider asks for. The server checks every
// value; what it says about a field is shown beside the field.

/**
 * @typedef {{ title?: string, description?: string, example?: string, optional?: boolean,
 *   hidden?: boolean, automated?: boolean, secret?: boolean, prefix?: string, suffix?: string,
 *   order?: number, default_value?: string, enum?: string[], lines?: number,
 *   readonly?: boolean }} Definition
 * @typedef {'params' | 'credentials' | 'assertionOption'} Group
 * @typedef {{ name: string, group: Group, definition: Definition,
 *   control: HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement, box: HTMLElement, issue: HTMLElement }} Field
 * @typedef {{ auth_mode: string, credentials?: Record<string, Definition>,
 *   assertion_option?: Record<string, Definition>, installation?: string,
 *   connection_config?: Record<string, Definition>, require_client_certificate?: boolean,
 *   token_request_auth_method?: string }} Provider
 */

/** @type {Record<string, Definition>} */
const KNOWN = {
  apiKey: { title: 'API key', secret: true },
  username: { title: 'User name' },
  password: { title: 'Password', secret: true },
  client_id: { title: 'Client ID' },
  client_secret: { title: 'Client secret', secret: true },
  // PEM texts need their line breaks, which an input of one line drops.
  client_certificate: { title: 'Client certificate', lines: 4 },
  client_private_key: { title: 'Client private key', lines: 4 },
  token_id: { title: 'Token ID' },
  token_secret: { title: 'Token secret', secret: true },
  oauth_client_id_override: { title: 'Consumer key', optional: true },
  oauth_client_secret_override: { title: 'Consumer secret', optional: true, secret: true },
  organization_id: { title: 'Organization ID' },
  dev_key: { title: 'Developer key', secret: true },
  role_arn: {
    title: 'Role ARN',
    example: 'arn:aws:iam::123456789012:role/name',
    description: 'The role that the app may assume. Its trust policy must ask for the external ID below.',
  },
};

/** Names of inputs that hold a key or a certificate, and need their line breaks. */
const MANY_LINES = /(private_?key|certificate)$/i;

/** Modes this page can make connections for, and where their form goes. */
export const ENDPOINTS = /** @type {Record<string, string>} */ ({
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

/** Modes that lead through the provider's own pages. */
const POPUP_MODES =
  ['OAUTH2', 'OAUTH1', 'APP', 'CUSTOM', 'INSTALL_PLUGIN', 'MCP_OAUTH2', 'MCP_OAUTH2_GENERIC'];

/** @param {Provider} provider */
export const usesPopup = (provider) =>
  POPUP_MODES.includes(provider.auth_mode) && provider.installation !== 'outbound';

/**
 * Where the form of a provider goes; none when this page cannot connect it.
 * @param {Provider} provider @returns {string | undefined}
 */
export const endpoint = (provider) =>
  provider.installation === 'outbound' ? '/auth/oauth-outbound/' : ENDPOINTS[provider.auth_mode];

/**
 * What goes into the body of a form: the secrets, and what some modes want beside them.
 * @param {Provider} provider @param {Field[]} fields
 * @returns {Record<string, unknown>}
 */
export function bodyOf(provider, fields) {
  /** @type {Record<string, unknown>} */
  const body = values(fields, 'credentials');
  if (['JWT', 'TWO_STEP', 'SIGNATURE'].includes(provider.auth_mode)) body.type = provider.auth_mode;
  if (provider.assertion_option) body.assertionOption = values(fields, 'assertionOption');
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
      return ['token_id', 'token_secret', 'oauth_client_id_override', 'oauth_client_secret_override'];
    case 'BILL':
      return ['username', 'password', 'organization_id', 'dev_key'];
    case 'AWS_SIGV4':
      return ['role_arn'];
    case 'OAUTH2_CC': {
      const byKey = provider.token_request_auth_method === 'private_key_jwt';
      const certificate = provider.require_client_certificate ? ['client_certificate'] : [];
      const needsKey = byKey || provider.require_client_certificate;
      return ['client_id', ...(byKey ? [] : ['client_secret']), ...certificate, ...(needsKey ? ['client_private_key'] : [])];
    }
    default:
      return [];
  }
}

/**
 * Creates an element. Texts are texts: nothing here is ever read as HTML.
 * @param {string} tag @param {Record<string, any>} [props] @param {(Node | string | null)[]} children
 * @returns {HTMLElement}
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value != null) element.setAttribute(name, String(value));
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/**
 * The inputs a person has to fill in, in the order to show them.
 * @param {Provider} provider @param {Record<string, unknown>} presets
 * @param {Record<string, string>} labels
 * @param {string[]} preset names of secrets that the integration brings itself
 * @param {boolean} isRepair the connection exists, and what is left out of its settings stays
 * @returns {Field[]}
 */
export function buildFields(provider, presets, labels, preset, isRepair) {
  const names = credentialNames(provider);
  const own = provider.auth_mode in ENDPOINTS ? (provider.credentials ?? {}) : {};
  const credentials = [...new Set([...names, ...Object.keys(own)])]
    .filter((name) => !preset.includes(name))
    .map((name) => entry(name, 'credentials', { ...KNOWN[name], ...own[name] }, 100));
  const options = Object.entries(provider.assertion_option ?? {})
    .map(([name, definition]) => entry(name, 'assertionOption', definition, 150));
  const params = Object.entries(provider.connection_config ?? {})
    .filter(([name]) => presets[name] === undefined)
    .map(([name, definition]) => entry(name, 'params', isRepair ? kept(definition) : definition, definition.order ?? 200));
  return [...credentials, ...options, ...params, ...(isRepair ? [] : externalId(provider, presets))]
    .filter(({ definition }) => !definition.hidden && !definition.automated)
    .sort((one, other) => one.order - other.order)
    .map(({ name, group, definition }) => build(name, group, definition, labels[name]));
}

/**
 * A setting the connection has already.
 * @param {Definition} definition
 * @returns {Definition}
 */
function kept(definition) {
  const help = 'Leave this empty to keep it as it is.';
  const description = definition.description ? `${definition.description} ${help}` : help;
  return { ...definition, description, optional: true, default_value: undefined };
}

/**
 * What a role's trust policy must ask for, so that nobody else's app can use the role.
 * @param {Provider} provider @param {Record<string, unknown>} presets
 */
function externalId(provider, presets) {
  if (provider.auth_mode !== 'AWS_SIGV4' || presets.external_id !== undefined) return [];
  const definition = {
    title: 'External ID',
    description: 'Made for this connection. Put it into the trust policy of the role before you connect.',
    default_value: crypto.randomUUID(),
    readonly: true,
  };
  return [entry('external_id', 'params', definition, 160)];
}

/** @param {string} name @param {Group} group @param {Definition} definition @param {number} order */
const entry = (name, group, definition, order) => ({ name, group, definition, order });

/** @param {string} name @param {Group} group @param {Definition} definition @param {string} [label] */
function build(name, group, definition, label) {
  const lines = definition.lines ?? (MANY_LINES.test(name) ? 4 : undefined);
  const id = `${group}-${name}`;
  const describedBy = `${id}-issue${definition.description ? ` ${id}-help` : ''}`;
  const required = !definition.optional && definition.default_value === undefined;
  const control = definition.enum
    ? select(id, describedBy, definition)
    : h(lines ? 'textarea' : 'input', {
        id,
        type: lines ? null : definition.secret ? 'password' : 'text',
        rows: lines,
        readonly: definition.readonly,
        autocomplete: definition.secret ? 'new-password' : 'off',
        autocapitalize: 'none',
        spellcheck: 'false',
        placeholder: definition.example,
        value: definition.default_value,
        'aria-required': required ? 'true' : null,
        'aria-describedby': describedBy,
      });
  const issue = h('p', { class: 'issue', id: `${id}-issue`, hidden: true });
  const affixed = definition.prefix || definition.suffix;
  const shown = affixed
    ? h('div', { class: 'affixed' }, chip(definition.prefix), control, chip(definition.suffix))
    : control;
  const box = h(
    'div',
    { class: 'field' },
    h('label', { for: id }, label ?? definition.title ?? name, definition.optional ? h('span', { class: 'optional' }, ' (optional)') : null),
    shown,
    issue,
    definition.description ? h('p', { class: 'help', id: `${id}-help` }, definition.description) : null,
  );
  const field = { name, group, definition, control: /** @type {any} */ (control), box, issue };
  // What is being mended is no longer wrong until it is sent again.
  control.addEventListener('input', () => showIssue(field, ''));
  return field;
}

/** @param {string | undefined} text */
const chip = (text) => (text ? h('span', {}, text) : null);

/** @param {string} id @param {string} describedBy @param {Definition} definition */
function select(id, describedBy, definition) {
  const options = (definition.enum ?? []).map((value) =>
    h('option', { value, selected: value === definition.default_value }, value));
  if (definition.optional) options.unshift(h('option', { value: '' }, ''));
  return h('select', { id, 'aria-describedby': describedBy }, ...options);
}

/** @param {Field[]} fields @param {Group} group @returns {Record<string, string>} */
export function values(fields, group) {
  const mine = fields.filter((field) => field.group === group);
  // An optional value left empty is one that was not given.
  const given = mine.filter(({ control, definition }) => control.value !== '' || !definition.optional);
  return Object.fromEntries(given.map(({ name, control }) => [name, control.value.trim()]));
}

/** @param {Field} field @param {string} text empty when all is well */
export function showIssue({ control, issue }, text) {
  issue.textContent = text;
  issue.hidden = !text;
  if (text) control.setAttribute('aria-invalid', 'true');
  else control.removeAttribute('aria-invalid');
}

/**
 * Says what is missing and answers whether anything is.
 * @param {Field[]} fields
 */
export function findMissing(fields) {
  const missing = fields.filter(({ control }) => control.getAttribute('aria-required') === 'true' && !control.value.trim());
  for (const field of fields) showIssue(field, missing.includes(field) ? 'Fill this in.' : '');
  missing[0]?.control.focus();
  return missing.length > 0;
}

/**
 * Puts the server's issues beside their fields and returns those that have none.
 * @param {Field[]} fields @param {{ message: string, path: string[] }[]} issues
 * @returns {string[]}
 */
export function placeIssues(fields, issues) {
  const homeless = [];
  for (const { message, path } of issues) {
    const name = path.at(-1);
    const group = path.length > 1 && fields.some((field) => field.group === path[0]) ? path[0] : 'credentials';
    const field = fields.find((field) => field.name === name && field.group === group);
    if (field) showIssue(field, message);
    else homeless.push(message);
  }
  fields.find(({ issue }) => !issue.hidden)?.control.focus();
  return homeless;
}
