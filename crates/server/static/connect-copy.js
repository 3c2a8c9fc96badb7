// @ts-check
// What the page says, in the language the server chose for it.

/** @type {Record<string, string>} */
const texts = JSON.parse(document.getElementById('copy')?.textContent ?? '{}');

/** The language of the page. */
export const language = document.documentElement.lang;

/**
 * A text, with values in the place of its `{placeholders}`.
 * @param {string} name @param {Record<string, string | number>} [values]
 */
export const t = (name, values = {}) => fill(texts[name] ?? name, values);

/**
 * The text of a name that there need not be, such as the translation of a label.
 * @param {string} name @param {string} otherwise
 */
export const tOr = (name, otherwise) => texts[name] ?? otherwise;

/** @param {string} text @param {Record<string, string | number>} values */
const fill = (text, values) =>
  text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));

/** What happened and what to do, for a cause the server named. @param {string} cause @param {string} provider */
export function explanation(cause, provider) {
  const known = `cause.${cause}` in texts ? cause : 'ours';
  const say = (/** @type {string} */ group) => capital(t(`${group}.${known}`, { provider }));
  return { what: say('cause'), next: say('next') };
}

/** @param {string} text */
const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
