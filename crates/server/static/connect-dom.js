// @ts-check
// Making elements. Texts are texts: nothing here is ever read as HTML, so no name or message of a
// provider can become a part of the page.

const SVG = 'http://www.w3.org/2000/svg';

/** @typedef {Node | string | null | false | undefined} Child */

/**
 * Creates an element. Properties are attributes, and listeners where they begin with `on`.
 * @param {string} tag @param {Record<string, any>} [props] @param {Child[]} children
 * @returns {HTMLElement}
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value != null) element.setAttribute(name, String(value));
  }
  element.append(...present(children));
  return element;
}

/** @param {Child[]} children @returns {(Node | string)[]} */
export const present = (children) =>
  /** @type {(Node | string)[]} */ (children.filter((child) => child || child === ''));

/** @param {string} label @param {(event: Event) => void} onclick @param {Record<string, any>} [props] */
export const button = (label, onclick, props = {}) => h('button', { type: 'button', onclick, ...props }, label);

/**
 * A button of which only the picture is seen.
 * @param {string} label @param {string} path @param {(event: Event) => void} onclick
 */
export const iconButton = (label, path, onclick) =>
  h('button', { class: 'plain', type: 'button', 'aria-label': label, title: label, onclick }, icon(path));

/** Lines of pictures of 20 by 20. */
export const ICONS = {
  close: 'M5 5l10 10M15 5L5 15',
  back: 'M12 4l-6 6 6 6',
  next: 'M8 4l6 6-6 6',
  out: 'M8 5H4v11h11v-4M11 4h5v5M16 4l-7 7',
  search: 'M9 3a6 6 0 1 0 0 12A6 6 0 0 0 9 3zM13.5 13.5L17 17',
  eye: 'M1.5 10S4.5 4.5 10 4.5 18.5 10 18.5 10 15.5 15.5 10 15.5 1.5 10 1.5 10zM10 7.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5z',
  eyeShut: 'M3 3l14 14M7.2 5.1A7.5 7.5 0 0 1 10 4.5c5.5 0 8.5 5.5 8.5 5.5a14 14 0 0 1-2.2 2.900M12 12a2.8 2.8 0 0 1-4-4M5 6.4A13.5 13.5 0 0 0 1.5 10S4.5 15.5 10 15.5a8 8 0 0 0 3.600-.9',
  warn: 'M10 3l8 14H2zM10 8v4M10 14.5v.5',
};

/** @param {string} path */
export function icon(path) {
  const svg = draw('20', 'icon');
  svg.append(line(path));
  return svg;
}

/** A large mark at the head of an ending. @param {'good' | 'bad' | 'warn'} kind */
export function badge(kind) {
  const svg = draw('48', `badge ${kind}`);
  const circle = document.createElementNS(SVG, 'circle');
  for (const [name, value] of Object.entries({ cx: '24', cy: '24', r: '22' })) circle.setAttribute(name, value);
  const paths = { good: 'm15 25 6.5 6.5L34 18', bad: 'm17 17 14 14m0-14L17 31', warn: 'M24 13v14m0 7v.5' };
  svg.append(circle, line(paths[kind]));
  return svg;
}

/** @param {string} size @param {string} name */
function draw(size, name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', `0 0 ${size} ${size}`);
  svg.setAttribute('class', name);
  svg.setAttribute('aria-hidden', 'true');
  return svg;
}

/** @param {string} path */
function line(path) {
  const element = document.createElementNS(SVG, 'path');
  element.setAttribute('d', path);
  return element;
}

/** A link to another page, which opens beside this one. @param {string} href @param {string} text @param {string} hint @param {Record<string, any>} [props] */
export const outLink = (href, text, hint, props = {}) =>
  h('a', { href, target: '_blank', rel: 'noreferrer', ...props }, text, icon(ICONS.out), h('span', { class: 'unseen' }, ` (${hint})`));

/** Whether an address may be a link: nothing that runs. @param {unknown} url @returns {string | null} */
export function webAddress(url) {
  try {
    const { protocol, href } = new URL(String(url));
    return protocol === 'https:' || protocol === 'http:' ? href : null;
  } catch {
    return null;
  }
}

/** A version 4 UUID; `crypto.randomUUID` is missing on plain HTTP. */
export function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
