// @ts-check
// The page around this one, if it is in a frame. It is told what happens, and says which session
// to use. Its origin is not known in advance: it is that of the first message with a token, and
// from then on nothing is taken from, or told to, any other.

/** @typedef {import('./connect-api.js').Connected} Connected */

/** Whether this page is in a frame. */
export const isFramed = window.parent !== window;

const address = new URL(location.href).searchParams;
/** Whether the page only shows how it would look. */
export const isPreview = isFramed && address.get('preview') === 'true';
/** Whether the page fills its frame instead of lying over another page. */
export const isEmbedded = isFramed && address.get('embedded') === 'true';

/** @type {string | null} */
let parentOrigin = null;

/** @param {object} message */
function tell(message) {
  if (isFramed) window.parent.postMessage(message, parentOrigin ?? '*');
}

export const tellReady = () => tell({ type: 'ready' });

/** @param {Connected} payload */
export const tellConnected = (payload) => tell({ type: 'connect', payload });

/** The end of an attempt that failed. @param {string} errorType @param {string} errorMessage */
export const tellError = (errorType, errorMessage) => tell({ type: 'error', payload: { errorType, errorMessage } });

export const tellClose = () => {
  if (!isPreview) tell({ type: 'close' });
};

/**
 * @param {{ onToken: (token: string) => void, onSettings: (settings: any) => void }} events
 */
export function listenToParent({ onToken, onSettings }) {
  window.addEventListener('message', (event) => {
    if (!isFramed || event.source !== window.parent) return;
    if (parentOrigin !== null && event.origin !== parentOrigin) return;
    const { type, sessionToken, payload } = event.data ?? {};
    if (type === 'session_token' && typeof sessionToken === 'string') {
      // Sandboxed and local pages have the origin "null", which cannot be written to by name.
      if (event.origin !== 'null') parentOrigin = event.origin;
      onToken(sessionToken);
    } else if (type === 'settings_changed' && isPreview && payload) {
      onSettings(payload);
    }
  });
}
