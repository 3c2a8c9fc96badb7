// @ts-check
// Passkeys: the browser is asked to make or use one, and what it says is sent as an ordinary form.
export {};

/** @typedef {Omit<PublicKeyCredentialCreationOptions, 'challenge' | 'user' | 'excludeCredentials'> & {
 *   challenge: string, user: { id: string, name: string, displayName: string },
 *   excludeCredentials: { type: 'public-key', id: string }[] }} MakeOptions */

/** @param {string} text base64url */
function bytesOf(text) {
  return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (character) => character.charCodeAt(0));
}

/** @param {ArrayBuffer | null} bytes */
function textOf(bytes) {
  const characters = Array.from(new Uint8Array(bytes ?? []), (byte) => String.fromCharCode(byte)).join('');
  return btoa(characters).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** What went wrong, as a person may read it. @param {unknown} error */
function sentence(error) {
  const name = error instanceof Error ? error.name : '';
  if (name === 'NotAllowedError') return 'Nothing happened: it was cancelled, took too long, or no passkey is here. Try again, or go another way.';
  if (name === 'InvalidStateError') return 'There is a passkey for you on this device already.';
  if (name === 'NotSupportedError' || name === 'ConstraintError') return 'This device cannot keep such a passkey. Choose another one.';
  if (name === 'SecurityError') return 'The browser does not use passkeys at this address.';
  return 'That did not work. Reload the page and try again.';
}

/** Make a passkey. @param {string} text the server's options @returns {Promise<Record<string, string>>} */
async function make(text) {
  /** @type {MakeOptions} */
  const options = JSON.parse(text);
  const publicKey = {
    ...options,
    challenge: bytesOf(options.challenge),
    user: { ...options.user, id: bytesOf(options.user.id) },
    excludeCredentials: options.excludeCredentials.map((known) => ({ ...known, id: bytesOf(known.id) })),
  };
  const made = /** @type {PublicKeyCredential} */ (await navigator.credentials.create({ publicKey }));
  const response = /** @type {AuthenticatorAttestationResponse} */ (made.response);
  return { client_data: textOf(response.clientDataJSON), attestation: textOf(response.attestationObject) };
}

/**
 * Use a passkey. The question is fetched now, because it is good for minutes only.
 * @param {string} url where from @param {string} csrf @returns {Promise<Record<string, string>>}
 */
async function use(url, csrf) {
  const reply = await fetch(url, { method: 'POST', body: new URLSearchParams({ csrf }) });
  if (!reply.ok) throw new Error(`the server answered ${reply.status}`);
  const options = await reply.json();
  const publicKey = { ...options, challenge: bytesOf(options.challenge) };
  const used = /** @type {PublicKeyCredential} */ (await navigator.credentials.get({ publicKey }));
  const response = /** @type {AuthenticatorAssertionResponse} */ (used.response);
  return {
    id: textOf(used.rawId),
    client_data: textOf(response.clientDataJSON),
    authenticator_data: textOf(response.authenticatorData),
    signature: textOf(response.signature),
    user_handle: textOf(response.userHandle),
  };
}

/** @param {HTMLFormElement} form */
function prepare(form) {
  const { passkey = '', passkeyFrom, origin } = form.dataset;
  const button = form.querySelector('button');
  const problem = form.querySelector('[role="alert"]');
  if (!button || !(problem instanceof HTMLElement)) return;
  /** @param {string} text */
  const say = (text) => {
    problem.textContent = text;
    problem.hidden = text === '';
  };
  if (origin !== location.origin) {
    form.hidden = false;
    problem.className = 'soft';
    say(`Passkeys work at ${origin}, not at this address.`);
    return;
  }
  if (!('credentials' in navigator) || !('PublicKeyCredential' in globalThis)) {
    if (!passkeyFrom) say('This browser cannot make passkeys.');
    return;
  }
  form.hidden = false;
  button.hidden = false;
  button.addEventListener('click', async () => {
    say('');
    button.disabled = true;
    try {
      const csrf = /** @type {HTMLInputElement} */ (form.elements.namedItem('csrf')).value;
      const fields = passkeyFrom ? await use(passkeyFrom, csrf) : await make(passkey);
      for (const [name, value] of Object.entries(fields)) {
        /** @type {HTMLInputElement} */ (form.elements.namedItem(name)).value = value;
      }
      form.submit();
    } catch (error) {
      button.disabled = false;
      button.focus();
      say(sentence(error));
    }
  });
}

for (const form of document.querySelectorAll('form[data-passkey], form[data-passkey-from]')) {
  prepare(/** @type {HTMLFormElement} */ (form));
}
/** Back from the next page, the button works again. */
addEventListener('pageshow', (event) => {
  if (event.persisted) for (const button of document.querySelectorAll('button:disabled')) button.removeAttribute('disabled');
});
