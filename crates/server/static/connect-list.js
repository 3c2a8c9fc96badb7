// @ts-check
// What can be connected: cards, with a search where there are some and groups where there are many.

import { h, ICONS, icon } from './connect-dom.js';
import { language, t, tOr } from './connect-copy.js';
import { announce } from './connect-shell.js';

/** From how many on there is a search. */
const SEARCH_FROM = 6;
/** From how many on they are in groups. */
const GROUPS_FROM = 9;
const OTHER = 'other';
/** How long after the last letter the number found is read out, in milliseconds. */
const READ_OUT_AFTER_MS = 600;

/**
 * @typedef {{ unique_key: string, provider: string, display_name: string, categories?: string[],
 *   credentials_label?: Record<string, string>, preconfigured_credentials?: string[] }} Integration
 */

/**
 * @param {Integration[]} integrations @param {string} base of the server @param {(one: Integration) => void} choose
 * @returns {import('./connect-dom.js').Child[]}
 */
export function listScreen(integrations, base, choose) {
  const list = h('div', { class: 'groups' });
  const cards = integrations.map((one) => ({ one, element: card(one, base, choose), words: wordsOf(one) }));
  const none = h('p', { class: 'soft', hidden: true });
  const show = (/** @type {string} */ query) => {
    const wanted = fold(query).split(/\s+/).filter(Boolean);
    const found = cards.filter(({ words }) => wanted.every((word) => words.includes(word)));
    list.replaceChildren(...groupsOf(found, integrations.length));
    none.hidden = found.length > 0;
    none.textContent = found.length ? '' : t('list.none', { query: query.trim() });
    return found.length;
  };
  show('');
  list.addEventListener('keydown', (event) => moveBetween(event, list));
  const title = h('h1', {}, t('list.title'));
  if (integrations.length < SEARCH_FROM) return [title, list];
  return [title, searchBox(show, list), none, list];
}

/** @param {(query: string) => number} show @param {HTMLElement} list */
function searchBox(show, list) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let later;
  const input = /** @type {HTMLInputElement} */ (
    h('input', { type: 'search', id: 'search', autocomplete: 'off', spellcheck: 'false', placeholder: t('list.search'), 'aria-label': t('list.search') })
  );
  input.addEventListener('input', () => {
    const count = show(input.value);
    clearTimeout(later);
    later = setTimeout(() => announce(t('list.found', { count })), READ_OUT_AFTER_MS);
  });
  input.addEventListener('keydown', (event) => {
    const first = /** @type {HTMLElement | null} */ (list.querySelector('.choice'));
    if (event.key === 'ArrowDown' && first) {
      event.preventDefault();
      first.focus();
    } else if (event.key === 'Enter') {
      event.preventDefault();
      if (list.querySelectorAll('.choice').length === 1) first?.click();
    } else if (event.key === 'Escape' && input.value) {
      // The first press clears, the next one closes.
      event.stopPropagation();
      input.value = '';
      show('');
    }
  });
  return h('div', { class: 'search' }, icon(ICONS.search), input);
}

/** @param {Integration} one @param {string} base @param {(one: Integration) => void} choose */
function card(one, base, choose) {
  return h(
    'li',
    {},
    h(
      'button',
      { class: 'choice', type: 'button', onclick: () => choose(one) },
      markOf(one, base, 40),
      h('span', { class: 'name' }, one.display_name),
      icon(ICONS.next),
    ),
  );
}

/** The picture of a provider. @param {Integration} one @param {string} base @param {number} size in CSS pixels */
export const markOf = (one, base, size) =>
  h('img', {
    class: 'mark',
    src: `${base}/images/template-logos/${encodeURIComponent(one.provider)}.svg`,
    alt: '',
    width: size,
    height: size,
  });

/** @param {{ one: Integration, element: HTMLElement }[]} found @param {number} total */
function groupsOf(found, total) {
  const cards = (/** @type {typeof found} */ some) => h('ul', { class: 'choices' }, ...some.map(({ element }) => element));
  if (total < GROUPS_FROM) return [cards(found)];
  /** @type {Map<string, typeof found>} */
  const groups = new Map();
  for (const item of found) {
    const [category = OTHER] = item.one.categories ?? [];
    const name = tOr(`category.${category}`, category);
    groups.set(name, [...(groups.get(name) ?? []), item]);
  }
  const last = t(`category.${OTHER}`);
  const names = [...groups.keys()].sort((one, other) =>
    Number(one === last) - Number(other === last) || one.localeCompare(other, language));
  return names.map((name) => h('section', { class: 'group' }, h('h2', {}, name), cards(groups.get(name) ?? [])));
}

/** @param {Integration} one */
const wordsOf = ({ display_name: name, unique_key: key, provider, categories = [] }) =>
  fold([name, key, provider, ...categories, ...categories.map((category) => tOr(`category.${category}`, ''))].join(' '));

/** Without case and accents. @param {string} text */
const fold = (text) => text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();

/** @param {KeyboardEvent} event @param {HTMLElement} list */
function moveBetween(event, list) {
  const all = /** @type {HTMLElement[]} */ (Array.from(list.querySelectorAll('.choice')));
  const at = all.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  const target = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
  if (target === undefined || at < 0) return;
  event.preventDefault();
  if (target < 0) document.getElementById('search')?.focus();
  else all[Math.min(target, all.length - 1)].focus();
}
