// @ts-check
// The panel that every screen is shown in: its head and foot, where the focus goes, and the ways
// out of it.

import { badge, button, h, ICONS, iconButton, present } from './connect-dom.js';
import { t } from './connect-copy.js';
import { isEmbedded, isFramed, isPreview, tellClose } from './connect-host.js';

/** From how little time on it is shown, in milliseconds. */
const TIME_SHOWN_MS = 2 * 60 * 1000;
const PRODUCT = 'Valetkey';

const panel = /** @type {HTMLElement} */ (document.getElementById('connect'));
const polite = h('p', { class: 'unseen', role: 'status', 'aria-live': 'polite' });
const foot = h('footer', { class: 'foot' });
const timeLeft = h('p', { class: 'time' });
const dialog = /** @type {HTMLDialogElement} */ (h('dialog', { class: 'leave', 'aria-labelledby': 'leave-title' }));

/** @type {{ name?: string, logo?: string, showWatermark?: boolean }} */
let brand = {};
/** What would be lost by leaving now. @type {() => 'typed' | 'waiting' | null} */
let unsaved = () => null;
/** Called when the person leaves. */
let onLeave = (/** @type {'close' | 'outside'} */ _way) => {};
/** @type {ReturnType<typeof setInterval> | undefined} */
let clock;

/** @typedef {import('./connect-dom.js').Child} Child */

/** Prepares the page once. @param {(way: 'close' | 'outside') => void} left */
export function openShell(left) {
  onLeave = left;
  if (isFramed) {
    document.documentElement.classList.add(isEmbedded ? 'embedded' : 'framed');
    panel.setAttribute('role', 'dialog');
    panel.setAttribute('aria-modal', 'true');
    panel.setAttribute('aria-labelledby', 'connect-title');
    document.addEventListener('keydown', onKey);
    if (!isEmbedded) document.addEventListener('pointerdown', onPointer);
  }
  document.body.append(polite, dialog);
}

/** @param {{ name?: string, logo?: string, showWatermark?: boolean }} settings */
export function setBrand(settings) {
  brand = settings;
  foot.replaceChildren(
    ...present([timeLeft, brand.showWatermark && h('p', {}, t('watermark', { product: PRODUCT }))]),
  );
}

/**
 * Shows a screen. The first heading names it, gets the focus and is read out by that.
 * @param {Child[]} children
 * @param {{ back?: (() => void) | null, unsaved?: () => 'typed' | 'waiting' | null, kind?: string }} [options]
 */
export function show(children, { back = null, unsaved: loses = () => null, kind = '' } = {}) {
  unsaved = loses;
  dialog.close();
  panel.className = `card ${kind}`;
  panel.removeAttribute('aria-busy');
  panel.replaceChildren(...present([topBar(back), h('div', { class: 'body' }, ...children), foot]));
  const heading = panel.querySelector('h1');
  heading?.setAttribute('id', 'connect-title');
  heading?.setAttribute('tabindex', '-1');
  document.title = heading?.textContent ?? document.title;
  heading?.focus({ preventScroll: true });
  window.scrollTo(0, 0);
}

/** Back, the app's mark, and close; nothing where there is none of them. @param {(() => void) | null} back */
function topBar(back) {
  const { name, logo } = brand;
  const mark = name || logo;
  if (!back && !isFramed && !mark) return null;
  return h(
    'div',
    { class: 'top' },
    back && iconButton(t('back'), ICONS.back, back),
    h(
      'div',
      { class: 'brand' },
      logo && h('img', { src: logo, alt: name ? '' : PRODUCT, height: 28 }),
      name && h('span', {}, name),
    ),
    isFramed && iconButton(t('close'), ICONS.close, () => leave('close')),
  );
}

export function showLoading() {
  if (panel.getAttribute('aria-busy') === 'true') return;
  const blocks = [h('div', { class: 'bone title' }), h('div', { class: 'bone' })];
  for (let count = 0; count < 3; count += 1) blocks.push(h('div', { class: 'bone box' }));
  show([h('h1', { class: 'unseen' }, t('loading')), h('div', { class: 'bones', 'aria-hidden': 'true' }, ...blocks)]);
  panel.setAttribute('aria-busy', 'true');
}

/** An ending with a mark, a heading and a sentence. @param {'good' | 'bad' | 'warn'} kind @param {string} title @param {Child[]} more */
export const ending = (kind, title, ...more) => [
  badge(kind),
  h('div', { class: 'stack' }, h('h1', {}, title), ...more),
];

/** @param {Child[]} actions */
export const actionRow = (...actions) => {
  const given = present(actions);
  return given.length ? h('div', { class: 'actions' }, ...given) : null;
};

/** A way to close, where there is something to close. @param {Record<string, any>} [props] */
export const closeButton = (props = {}) => isFramed && button(t('close'), () => leave('close'), props);

/** Reads a text out without showing it. @param {string} text */
export function announce(text) {
  polite.textContent = text;
}

/** Shows how much time there is, when there is little, and says when there is none. @param {string} expiresAt @param {() => void} onEnd */
export function watchTime(expiresAt, onEnd) {
  clearInterval(clock);
  const end = Date.parse(expiresAt);
  let told = false;
  const look = () => {
    const left = end - Date.now();
    timeLeft.hidden = left > TIME_SHOWN_MS;
    if (left <= 0) {
      clearInterval(clock);
      onEnd();
      return;
    }
    if (timeLeft.hidden) return;
    const seconds = Math.ceil(left / 1000);
    timeLeft.textContent = t('time_left', { time: `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}` });
    if (!told) announce(timeLeft.textContent);
    told = true;
  };
  look();
  clock = setInterval(look, 1000);
}

/** Leaves, after a question where something would be lost. @param {'close' | 'outside'} way */
export function leave(way) {
  if (isPreview) return;
  const loses = unsaved();
  if (!loses) {
    onLeave(way);
    tellClose();
    return;
  }
  if (dialog.open) return;
  const go = () => {
    dialog.close();
    onLeave(way);
    tellClose();
  };
  dialog.replaceChildren(
    h('h2', { id: 'leave-title' }, t('leave.title')),
    h('p', {}, t(`leave.${loses}`)),
    h('div', { class: 'actions' }, button(t('leave.stay'), () => dialog.close(), { class: 'primary', autofocus: true }), button(t('leave.go'), go)),
  );
  dialog.showModal();
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  if (dialog.open) return;
  if (event.key === 'Escape') {
    event.preventDefault();
    leave('close');
  } else if (event.key === 'Tab') {
    keepFocus(event);
  }
}

/** The page around the frame is covered, so the focus stays inside. @param {KeyboardEvent} event */
function keepFocus(event) {
  const reachable = Array.from(
    panel.querySelectorAll('a[href], button:not(:disabled), input, select, textarea, summary'),
  ).filter((element) => /** @type {HTMLElement} */ (element).offsetParent !== null);
  const [first, last] = [reachable[0], reachable.at(-1)];
  const at = document.activeElement;
  const leaves = event.shiftKey ? at === first || at === panel.querySelector('h1') : at === last;
  if (!leaves && panel.contains(at)) return;
  event.preventDefault();
  /** @type {HTMLElement | undefined} */ (event.shiftKey ? last : first)?.focus();
}

/** @param {PointerEvent} event */
function onPointer(event) {
  if (event.target === document.body || event.target === document.documentElement) leave('outside');
}
