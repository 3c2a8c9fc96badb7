// @ts-check
// One attempt to connect, from the button to its end. An attempt ends once, and the page around
// hears of that once: `connect` or `error`.

import { ConnectError } from './connect-api.js';
import { button, h, randomId } from './connect-dom.js';
import { explanation, t } from './connect-copy.js';
import { Flow } from './connect-flow.js';
import { isFramed, tellConnected, tellError } from './connect-host.js';
import { actionRow, announce, show } from './connect-shell.js';

/** @typedef {import('./connect-api.js').Api} Api */
/** @typedef {import('./connect-api.js').Connected} Connected */
/** @typedef {import('./connect-list.js').Integration} Integration */

export class Attempt {
  /**
   * @param {Integration | null} integration
   * @param {{ connected: (result: Connected) => void, failed: (error: ConnectError) => void }} ends
   */
  constructor(integration, ends) {
    this.integration = integration;
    this.ends = ends;
    this.isOver = false;
    /** @type {Flow | null} */
    this.flow = null;
  }

  /** @param {Promise<Connected>} outcome */
  async settle(outcome) {
    try {
      const result = await outcome;
      this.#end(() => {
        tellConnected(result);
        this.ends.connected(result);
      });
    } catch (error) {
      this.fail(ConnectError.of(error));
    }
  }

  /** @param {ConnectError} error */
  fail(error) {
    this.#end(() => {
      tellError(error.type, error.message || explanation(error.reason, this.integration?.display_name ?? '').what);
      this.ends.failed(error);
    });
  }

  /** Ends it because the same person begins another. */
  supersede() {
    this.#end(() => tellError('window_closed', explanation('window_closed', '').what));
    this.flow?.cancel();
  }

  /** Ends it without a word: the person leaves, or the page goes on with another session. */
  drop() {
    this.isOver = true;
    this.flow?.cancel();
  }

  /** @param {() => void} how */
  #end(how) {
    if (this.isOver) return;
    this.isOver = true;
    how();
  }
}

/**
 * Leads a person through the provider's pages and shows how to get there and back.
 * @param {Attempt} attempt @param {Api} api @param {string} key
 * @param {import('./connect-flow.js').Given} given
 * @param {{ reportsClosed: boolean, again: () => void, cancel: () => void, started: (clientId: string) => void }} options
 */
export function runFlow(attempt, api, key, given, { reportsClosed, again, cancel, started }) {
  const flow = Flow.inPopup(api, key, given);
  if (!flow) {
    attempt.fail(new ConnectError('blocked_by_browser', t('wait.blocked'), { cause: 'window_closed' }));
    return;
  }
  attempt.flow = flow;
  flow.onStarted = started;
  const note = h('div', { role: 'status' });
  flow.onClosed = () => {
    if (reportsClosed) {
      flow.cancel();
      return;
    }
    note.replaceChildren(h('p', { class: 'alert warn' }, t('wait.closed')));
  };
  showWaiting(attempt, note, { show: () => flow.focus(), again, cancel });
  attempt.settle(flow.done);
}

/**
 * Waits for a flow in a tab this page has no hold on.
 * @param {Attempt} attempt @param {Api} api @param {string} clientId
 * @param {{ again: (() => void) | null, cancel: () => void }} options
 */
export function waitElsewhere(attempt, api, clientId, { again, cancel }) {
  attempt.flow = Flow.elsewhere(api, clientId);
  showWaiting(attempt, null, { show: null, again, cancel });
  attempt.settle(attempt.flow.done);
}

/** @param {Attempt} attempt @param {HTMLElement | null} note @param {{ show: (() => void) | null, again: (() => void) | null, cancel: () => void }} ways */
function showWaiting(attempt, note, ways) {
  const provider = attempt.integration?.display_name ?? t('the_provider');
  show(
    [
      h('div', { class: 'spinner large', 'aria-hidden': 'true' }),
      h('div', { class: 'stack' }, h('h1', {}, t('wait.title')), h('p', { class: 'soft' }, t('wait.text', { provider }))),
      note,
      actionRow(
        ways.show && button(t('wait.show'), ways.show, { class: 'primary' }),
        ways.again && button(t('again'), ways.again),
        button(t('cancel'), ways.cancel),
      ),
    ],
    { kind: 'center', unsaved: () => (attempt.isOver ? null : 'waiting') },
  );
}

/**
 * What to do when the browser let no window open: a link opens a tab that nothing blocks, and where
 * this page is not in a frame, the way can lead through its own tab.
 * @param {Integration} integration @param {Api} api @param {import('./connect-flow.js').Given} given
 * @param {{ opened: (clientId: string) => void, leaving: (clientId: string) => void }} events
 */
export function blockedNotice(integration, api, given, { opened, leaving }) {
  const clientId = randomId();
  const { unique_key: key, display_name: provider } = integration;
  const there = api.flowUrl(key, given.params, given.overrides, clientId, false);
  const open = h('a', { class: 'button', href: there, target: '_blank', rel: 'opener', onclick: () => opened(clientId) }, t('wait.open', { provider }));
  const here = !isFramed && button(t('wait.here'), () => {
    leaving(clientId);
    location.assign(api.flowUrl(key, given.params, given.overrides, clientId, true));
  });
  announce(t('wait.blocked'));
  return h('div', { class: 'alert warn', role: 'alert' }, h('p', {}, t('wait.blocked')), h('div', { class: 'actions' }, open, here || ''));
}

