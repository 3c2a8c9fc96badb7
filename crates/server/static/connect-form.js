// @ts-check
// The form of one integration, built from what the provider asks for. The server checks every
// value; what it says about a field is shown beside the field.

/**
 * @typedef {{ title?: string, description?: string, example?: string, optional?: boolean,
 *   hidden?: boolean, automated?: boolean, secret?: boolean, prefix?: string, suffix?: string,
 *   order?: number, default_value?: string, enum?: string[], lines?: number }} Definition
 * @typedef {{ name: string, group: 'params' | 'credentials', definition: Definition,
 *   control: HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement, box: HTMLElement, issue: HTMLElement }} Field
 * @typedef {{ auth_mode: string, credentials?: Record<string, Definition>,
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
};

/** Modes this page can make connections for, and where their form goes. */
export const ENDPOINTS = /** @type {Record<string, string>} */ ({
  API_KEY: '/api-auth/api-key/',
  BASIC: '/api-auth/basic/',
  OAUTH2_CC: '/oauth2/auth/',
  NONE: '/auth/unauthenticated/',
});

/** @param {Provider} provider @returns {string[]} */
function credentialNames(provider) {
  switch (provider.auth_mode) {
    case 'API_KEY':
      return ['apiKey'];
    case 'BASIC':
      return ['username', 'password'];
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
 * @returns {Field[]}
 */
export function buildFields(provider, presets, labels) {
  const names = credentialNames(provider);
  const own = provider.auth_mode in ENDPOINTS ? (provider.credentials ?? {}) : {};
  const credentials = [...new Set([...names, ...Object.keys(own)])]
    .map((name) => entry(name, 'credentials', { ...KNOWN[name], ...own[name] }, 100));
  const params = Object.entries(provider.connection_config ?? {})
    .filter(([name]) => presets[name] === undefined)
    .map(([name, definition]) => entry(name, 'params', definition, definition.order ?? 200));
  return [...credentials, ...params]
    .filter(({ definition }) => !definition.hidden && !definition.automated)
    .sort((one, other) => one.order - other.order)
    .map(({ name, group, definition }) => build(name, group, definition, labels[name]));
}

/** @param {string} name @param {'params' | 'credentials'} group @param {Definition} definition @param {number} order */
const entry = (name, group, definition, order) => ({ name, group, definition, order });

/** @param {string} name @param {'params' | 'credentials'} group @param {Definition} definition @param {string} [label] */
function build(name, group, definition, label) {
  const id = `${group}-${name}`;
  const describedBy = `${id}-issue${definition.description ? ` ${id}-help` : ''}`;
  const required = !definition.optional && definition.default_value === undefined;
  const control = definition.enum
    ? select(id, describedBy, definition)
    : h(definition.lines ? 'textarea' : 'input', {
        id,
        type: definition.lines ? null : definition.secret ? 'password' : 'text',
        rows: definition.lines,
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
  return { name, group, definition, control: /** @type {any} */ (control), box, issue };
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

/** @param {Field[]} fields @param {'params' | 'credentials'} group @returns {Record<string, string>} */
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
    const group = path.length > 1 ? path[0] : 'credentials';
    const name = path.at(-1);
    const field = fields.find((field) => field.name === name && field.group === group);
    if (field) showIssue(field, message);
    else homeless.push(message);
  }
  fields.find(({ issue }) => !issue.hidden)?.control.focus();
  return homeless;
}
