// @ts-check
// The preview of the Connect UI follows what is typed.
export {};

/** Largest picture that is taken, in bytes: its text is a third longer, and has to fit 32 KiB. */
const LOGO_BYTES_MAX = 24 * 1024;

const form = /** @type {HTMLFormElement} */ (document.querySelector('[data-theme-form]'));
const preview = /** @type {HTMLIFrameElement | null} */ (document.querySelector('[data-preview]'));

/** What is typed, in the form in which the Connect UI takes it; what is empty is left to its default. */
function chosen() {
  const data = new FormData(form);
  /** @param {string} name */
  const text = (name) => String(data.get(`connect_ui_${name}`) ?? '').trim() || undefined;
  const radius = text('radius');
  return {
    name: text('name'),
    logo: text('logo'),
    defaultTheme: text('theme') ?? 'system',
    showWatermark: data.get('connect_ui_watermark') === 'true',
    theme: {
      light: { primary: text('primary_light') ?? '#1c6a50' },
      dark: { primary: text('primary_dark') ?? '#71cda8' },
      radius: radius === undefined ? undefined : Number(radius),
      fontFamily: text('font_family'),
    },
  };
}

/** @param {object} message */
const tell = (message) => preview?.contentWindow?.postMessage(message, location.origin);
const show = () => tell({ type: 'settings_changed', payload: chosen() });

form.addEventListener('input', show);

/** The frame shows a real form, for which it needs a session. */
async function begin() {
  if (!preview) return;
  const body = new URLSearchParams({ csrf: String(new FormData(form).get('csrf')) });
  const answer = await fetch(preview.dataset.session ?? '', { method: 'POST', body });
  if (answer.ok) tell({ type: 'session_token', sessionToken: (await answer.json()).token });
}

// The page in the frame says when it listens, and when it shows something.
let begun = false;
addEventListener('message', (event) => {
  if (event.source !== preview?.contentWindow || event.data?.type !== 'ready') return;
  if (!begun) begin();
  begun = true;
});

/** A picture from the disk, as the text the field wants. */
const logo = /** @type {HTMLTextAreaElement} */ (form.elements.namedItem('connect_ui_logo'));
if (!logo.disabled && !form.querySelector('fieldset[disabled]')) {
  const label = document.createElement('label');
  const picker = Object.assign(document.createElement('input'), { type: 'file', accept: 'image/svg+xml,image/png,image/webp,image/jpeg' });
  label.append('Take it from a file ', picker);
  const problem = Object.assign(document.createElement('p'), { className: 'issue', hidden: true });
  problem.setAttribute('role', 'alert');
  picker.addEventListener('change', () => {
    const file = picker.files?.[0];
    if (!file) return;
    problem.hidden = file.size <= LOGO_BYTES_MAX;
    problem.textContent = 'Choose a picture of at most 24 KiB.';
    if (!problem.hidden) return;
    const reader = new FileReader();
    reader.addEventListener('load', () => {
      logo.value = String(reader.result);
      show();
    });
    reader.readAsDataURL(file);
  });
  logo.after(label, problem);
}
