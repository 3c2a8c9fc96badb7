// The Connect UI in a frame over the page. It says `ready`, gets the session token, and says what
// happens; messages count only when they come from that frame's window and its own origin.

import { tell } from './attending.js';
import { AuthError } from './auth-error.js';
import type {
  ConnectUIEvent,
  ConnectUIHandle,
  ConnectUIOptions,
  ConnectUIOutcome,
  ConnectUIStateEvent,
  ConnectUIStateName,
} from './connect-ui-types.js';
import { readAddress, type Server } from './server.js';
import { readToken } from './session-token.js';

/** How long the Connect UI may take to say that it is there, in milliseconds. */
const READY_MS_MAX = 30_000;
const STYLE = {
  position: 'fixed',
  inset: '0',
  width: '100vw',
  height: '100vh',
  border: '0',
  // Over everything the page has; no page can have more.
  zIndex: '2147483647',
  // A frame whose colour scheme differs from the page's would be painted opaque.
  colorScheme: 'normal',
};

type Told = ConnectUIEvent | ConnectUIStateEvent;
type Listener = (event: Told) => void;

interface Frame {
  handle: ConnectUIHandle;
  /** Adds a listener for one type, or for all the frame says. */
  listen: (type: Told['type'] | undefined, listener: Listener | undefined) => () => void;
}

/** The one that is open in this document. */
let current: Frame | undefined;

/** Opens the Connect UI, or joins the one that is open. */
export function openConnectUI(server: Server, options: ConnectUIOptions): ConnectUIHandle {
  const address = frameAddress(server, options);
  const { handle, listen } = current ?? openFrame(address, options);
  const { onEvent, signal } = options;
  listen(undefined, onEvent as Listener | undefined);
  if (signal?.aborted) handle.close();
  else if (signal) {
    signal.addEventListener('abort', handle.close);
    // The signal may be one for a whole page.
    listen('close', () => signal.removeEventListener('abort', handle.close));
  }
  return handle;
}

function frameAddress(server: Server, options: ConnectUIOptions): URL {
  const url = readAddress('baseURL', options.baseURL ?? `${server.base}/connect-ui/`);
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  const query = url.searchParams;
  query.set('apiURL', server.base);
  if (options.watchClosed ?? options.detectClosedAuthWindow) query.set('detectClosedAuthWindow', 'true');
  if (options.lang) query.set('lang', options.lang);
  if (options.theme) query.set('theme', options.theme);
  return url;
}

function openFrame(address: URL, options: ConnectUIOptions): Frame {
  const { body, activeElement } = document;
  const { overflow } = body.style;
  const iframe = document.createElement('iframe');
  const listeners = new Set<[type: Told['type'] | undefined, listener: Listener]>();
  const ended = new AbortController();
  const connections: ConnectUIStateEvent['connections'] = [];
  let state: ConnectUIStateName = 'loading';
  let isReady = false;
  let token: string | undefined;
  let settle: (outcome: ConnectUIOutcome) => void;
  const result = new Promise<ConnectUIOutcome>((resolve) => (settle = resolve));

  const emit = (event: Told) => {
    for (const [type, listener] of [...listeners])
      if (type ? type === event.type : event.type !== 'state') tell(listener, event);
  };
  const become = (next: ConnectUIStateName) => {
    if (next === state) return;
    state = next;
    emit({ type: 'state', state, connections: [...connections] });
  };
  const fail = ({ type, message }: AuthError) =>
    emit({ type: 'error', payload: { errorType: type, errorMessage: message } });

  const handToken = () => {
    if (!isReady) return;
    if (!token) return become('waiting_for_token');
    // To the exact origin: the frame may have been led elsewhere.
    iframe.contentWindow?.postMessage({ type: 'session_token', sessionToken: token }, address.origin);
    if (!connections.length) become('active');
  };

  const onMessage = ({ source, origin, data }: MessageEvent) => {
    if (source !== iframe.contentWindow || origin !== address.origin || !data?.type) return;
    if (data.type === 'close') return close();
    if (data.type === 'ready') {
      if (!isReady) iframe.focus();
      isReady = true;
      clearTimeout(timer);
      handToken();
    } else if (data.type === 'connect') {
      connections.push(data.payload);
      become('connected');
    }
    // Only what the Connect UI says itself: `state` is this side's word.
    if (data.type !== 'state') emit(data);
  };

  const close = () => {
    if (ended.signal.aborted) return;
    ended.abort();
    clearTimeout(timer);
    current = undefined;
    if (iframe.isConnected) {
      iframe.remove();
      body.style.overflow = overflow;
      (activeElement as HTMLElement | null)?.focus?.({ preventScroll: true });
    }
    settle(connections.length ? { status: 'connected', connections } : { status: 'closed' });
    become('closed');
    emit({ type: 'close' });
    listeners.clear();
  };

  const handle: ConnectUIHandle = {
    close,
    setSessionToken(given) {
      token = given;
      handToken();
    },
    on: (type: Told['type'], listener: (event: never) => void) => listen(type, listener as Listener),
    result,
  };
  const listen: Frame['listen'] = (type, listener) => {
    if (!listener) return () => {};
    const entry: [typeof type, Listener] = [type, listener];
    listeners.add(entry);
    return () => listeners.delete(entry);
  };

  const { signal } = ended;
  addEventListener('message', onMessage, { signal });
  // While there is nothing to press in the frame, the page must not be stuck under it.
  addEventListener('keydown', ({ key }) => !isReady && key === 'Escape' && close(), { signal });
  const timer = setTimeout(() => {
    fail(new AuthError('unreachable', `The Connect UI at ${address.origin} does not answer.`));
    close();
  }, READY_MS_MAX);

  if (!options.signal?.aborted) {
    current = { handle, listen };
    iframe.title = options.title ?? 'Connect an account';
    iframe.allow = 'clipboard-write';
    iframe.src = address.href;
    Object.assign(iframe.style, STYLE);
    (options.container ?? body).append(iframe);
    body.style.overflow = 'hidden';
    if (options.sessionToken) {
      readToken(options.sessionToken).then(
        (fetched) => token ?? handle.setSessionToken(fetched),
        (error) => signal.aborted || fail(error),
      );
    }
  }
  return { handle, listen };
}
