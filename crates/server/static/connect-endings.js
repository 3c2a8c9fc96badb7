// @ts-check
// How a visit or an attempt ends: connected, failed, over, or nothing to do.

import { actionRow, announce, closeButton, ending, show } from './connect-shell.js';
import { button, h, webAddress } from './connect-dom.js';
import { explanation, t } from './connect-copy.js';
import { isFramed } from './connect-host.js';

/** @typedef {import('./connect-dom.js').Child} Child */
/** @typedef {import('./connect-api.js').ConnectError} ConnectError */
/** @typedef {import('./connect-list.js').Integration} Integration */

/** @param {string} name of the texts @param {'bad' | 'warn'} kind @param {Child[]} actions */
export function showNotice(name, kind, ...actions) {
  show(
    [
      ...ending(kind, t(`${name}.title`), h('p', { class: 'soft' }, t(`${name}.text`))),
      actionRow(...actions, closeButton(actions.some(Boolean) ? {} : { class: 'primary' })),
    ],
    { kind: 'center' },
  );
}

/** @param {() => void} again @param {ConnectError} error */
export function showUnloaded(again, error) {
  const text = error.reason === 'unreachable' ? t('unloaded.text') : explanation('ours', '').what;
  show(
    [
      ...ending('bad', t('unloaded.title'), h('p', { class: 'soft' }, text)),
      actionRow(button(t('again'), again, { class: 'primary' }), closeButton()),
      detailsOf(error),
    ],
    { kind: 'center' },
  );
}

/** @param {string} provider @param {Child[]} actions */
export function showUnsupported(provider, ...actions) {
  const text = h('p', { class: 'soft' }, t('form.unsupported_text', { provider }));
  show([...ending('warn', t('form.unsupported_title'), text), actionRow(...actions, closeButton())], { kind: 'center' });
}

/**
 * @param {Integration | null} integration @param {ConnectError} error @param {Child[]} actions
 */
export function showFailure(integration, error, ...actions) {
  const provider = integration?.display_name ?? t('the_provider');
  const { what, next } = explanation(error.reason, provider);
  const title = integration ? t('failed.title', { provider }) : t('callback.failed_title');
  show(
    [
      ...ending('bad', title, h('p', {}, what), h('p', { class: 'soft' }, next)),
      actionRow(...actions, closeButton()),
      detailsOf(error, integration?.unique_key),
    ],
    { kind: 'center' },
  );
  announce(what);
}

/** What support wants to know, behind a toggle. @param {ConnectError} error @param {string} [key] */
export function detailsOf(error, key) {
  const facts = [
    [t('failed.message'), error.message],
    [t('failed.error'), error.type],
    [t('failed.integration'), key],
    [t('failed.reference'), error.reference],
  ].filter(([, value]) => value);
  const copy = button(t('failed.copy'), async () => {
    const text = facts.map(([name, value]) => `${name}: ${value}`).join('\n');
    await navigator.clipboard?.writeText(text).then(() => (copy.textContent = t('copied')), () => {});
  }, { class: 'small' });
  return h(
    'details',
    {},
    h('summary', {}, t('failed.details')),
    h('dl', { class: 'facts' }, ...facts.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', { translate: 'no', lang: 'en' }, value)))),
    copy,
  );
}

/**
 * @param {{ integration: Integration | null, isPending: boolean, another: (() => void) | null,
 *   returnTo: { url: string, app?: string } | null, finish: () => void }} result
 */
export function showSuccess({ integration, isPending, another, returnTo, finish }) {
  const provider = integration?.display_name ?? t('the_provider');
  const title = t(isPending ? 'done.title_pending' : 'done.title', { provider });
  const url = returnTo && !isFramed ? webAddress(returnTo.url) : null;
  const leave = isFramed || url ? null : h('p', { class: 'soft' }, t('done.leave'));
  const onward = url && h('a', { class: 'button primary', href: url }, returnTo?.app ? t('done.return', { app: returnTo.app }) : t('done.return_plain'));
  show(
    [
      ...ending('good', title, isPending && h('p', { class: 'soft' }, t('done.pending')), leave),
      actionRow(
        isFramed && button(t('done.finish'), finish, { class: 'primary' }),
        onward,
        another && button(t('done.another'), another),
      ),
    ],
    { kind: 'center' },
  );
}
