// @ts-check
// The screen of one integration: what it asks for, and the button that begins an attempt.

import { h, outLink, webAddress } from './connect-dom.js';
import { bodyOf, buildFields, checkAll, endpointOf, isTyped, placeIssues, usesPopup, valuesOf } from './connect-fields.js';
import { detailsOf } from './connect-endings.js';
import { explanation, t } from './connect-copy.js';
import { isPreview } from './connect-host.js';
import { markOf } from './connect-list.js';
import { announce, show } from './connect-shell.js';

/** @typedef {import('./connect-api.js').ConnectError} ConnectError */
/** @typedef {import('./connect-fields.js').Provider} Provider */
/** @typedef {import('./connect-list.js').Integration} Integration */
/**
 * @typedef {{ params: Record<string, string>, overrides: Record<string, string>,
 *   body: Record<string, unknown> }} Entered
 */

/** A form, whose values outlive the screens in front of it. */
export class Form {
  /**
   * @param {Integration} integration @param {Provider} provider @param {string} base of the server
   * @param {{ presets: Record<string, unknown>, docs?: string, isRepair: boolean }} session
   * @param {{ submit: (entered: Entered) => void, back: (() => void) | null, note: (event: string) => void }} events
   */
  constructor(integration, provider, base, session, events) {
    this.integration = integration;
    this.isPopup = usesPopup(provider);
    this.endpoint = endpointOf(provider);
    this.events = events;
    this.base = base;
    this.isRepair = session.isRepair;
    this.docs = webAddress(session.docs ?? provider.docs_connect);
    this.provider = provider;
    this.fields = buildFields(provider, {
      presets: session.presets,
      labels: integration.credentials_label ?? {},
      preconfigured: integration.preconfigured_credentials ?? [],
      isRepair: session.isRepair,
      docs: this.docs,
      ownDocs: Boolean(session.docs),
      onDocs: () => events.note('click:doc_section'),
    });
    this.presets = session.presets;
    this.notice = h('div', { class: 'notice' });
    this.verb = t(session.isRepair ? 'form.repair' : 'form.connect');
    this.button = h('button', { class: 'primary wide', type: 'submit' }, this.verb);
  }

  /** @param {Node | null} [notice] what to say above the inputs */
  show(notice = null) {
    const { integration, fields } = this;
    const provider = integration.display_name;
    this.notice.replaceChildren(...(notice ? [notice] : []));
    this.busy(false);
    const intro = this.isPopup ? t('form.popup', { provider }) : fields.length ? null : t('form.nothing', { provider });
    show(
      [
        h(
          'div',
          { class: 'head' },
          markOf(integration, this.base, 56),
          h('h1', {}, t(this.isRepair ? 'form.title_repair' : 'form.title', { provider })),
          this.isRepair && h('p', { class: 'soft' }, t('form.repair_note')),
          intro && h('p', { class: 'soft' }, intro),
        ),
        h('form', { class: 'form', novalidate: true, onsubmit: (/** @type {Event} */ event) => this.#submit(event) }, this.notice, ...fields.map(({ box }) => box), this.button),
        this.docs && outLink(this.docs, t('form.help', { provider }), t('new_tab'), { class: 'helplink', onclick: () => this.events.note('click:doc') }),
      ],
      { back: this.events.back, unsaved: () => (this.isBusy ? 'waiting' : isTyped(fields) ? 'typed' : null) },
    );
  }

  isBusy = false;

  /** @param {boolean} is */
  busy(is) {
    this.isBusy = is;
    this.button.toggleAttribute('disabled', is || isPreview);
    this.button.replaceChildren(...(is ? [h('span', { class: 'spinner', 'aria-hidden': 'true' }), t('form.busy')] : [this.verb]));
    if (is) announce(t('form.busy'));
  }

  /** Says why the server, or the provider, did not take it. @param {ConnectError} error */
  refuse(error) {
    this.busy(false);
    const provider = this.integration.display_name;
    const homeless = placeIssues(this.fields, error.issues);
    if (error.issues.length && !homeless.length) {
      this.notice.replaceChildren(alert(h('p', {}, t('form.check'))));
      return;
    }
    const preset = homeless.find(({ path }) => (path.at(-1) ?? '') in this.presets);
    const { what, next } = explanation(error.reason, provider);
    const [first, second] = preset
      ? [t('form.preset', { provider, field: preset.path.at(-1) ?? '' }), '']
      : homeless.length ? [homeless.map(({ message }) => message).join(' '), ''] : [what, next];
    this.notice.replaceChildren(
      alert(h('p', {}, h('strong', {}, first)), second ? h('p', {}, second) : null, detailsOf(error, this.integration.unique_key)),
    );
    if (!this.fields.some(({ issue }) => !issue.hidden)) {
      this.notice.setAttribute('tabindex', '-1');
      this.notice.focus();
    }
  }

  /** What was entered. @returns {Entered} */
  entered() {
    return {
      params: valuesOf(this.fields, 'params'),
      overrides: valuesOf(this.fields, 'overrides'),
      body: bodyOf(this.provider, this.fields),
    };
  }

  /** @param {Event} event */
  #submit(event) {
    event.preventDefault();
    if (this.isBusy || isPreview) return;
    this.notice.replaceChildren();
    this.events.note('click:connect');
    if (checkAll(this.fields)) this.events.submit(this.entered());
  }
}

/** @param {(Node | null)[]} children */
const alert = (...children) => h('div', { class: 'alert', role: 'alert' }, ...children);

