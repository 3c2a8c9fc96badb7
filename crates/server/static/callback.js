// @ts-check
// The end of a redirect flow: tells the window that opened this one how it went, and goes away.

/** How long the check mark is shown, in milliseconds. */
const CLOSE_AFTER_MS = 500;
const CHANNEL = 'nango-oauth-callback';

const { outcome, message = '', errorType = 'unknown_err' } =
  /** @type {HTMLElement} */ (document.querySelector('main')).dataset;
const failure = outcome === 'failure' ? { message, errorType } : null;
const note = failure
  ? { type: 'nango_oauth_callback_error', payload: failure }
  : { type: 'nango_oauth_callback_success' };

Object.assign(window, { __nangoOAuthError: failure });
window.addEventListener('message', (event) => {
  if (event.data?.type === 'nango_oauth_callback_ack') window.close();
});
// The opener's origin is not known here, and the note holds nothing secret.
window.opener?.postMessage(note, '*');
if ('BroadcastChannel' in window) {
  const channel = new BroadcastChannel(CHANNEL);
  channel.postMessage(note);
  channel.close();
}
if (!failure) setTimeout(() => window.close(), CLOSE_AFTER_MS);
