// What the page does by itself: it opens the Connect UI, shows changes without being loaded again, asks before it
// disconnects, and says times in the reader's own. Without it, every button is a form that works.

import { openConnectUI } from './open-connect-ui.js';

/** How long after a connect the webhook may take before the page says that something is missing, in milliseconds. */
const WEBHOOK_MS_MAX = 15_000;

const status = document.getElementById('status');
const list = document.getElementById('accounts');

/** Shows a sentence, and has it read out. */
function say(text) {
  status.textContent = text;
}

/** The accounts as they came last. */
let shown;

/** Puts the accounts as they are now in the place of those that are shown. */
async function refresh() {
  const reply = await fetch('/accounts');
  // Signed out meanwhile, perhaps in another tab.
  if (!reply.ok) return location.reload();
  const text = await reply.text();
  if (text === shown) return;
  shown = text;
  const focused = list.contains(document.activeElement) ? document.activeElement : null;
  list.innerHTML = text;
  localizeTimes(list);
  // What had the focus may be gone with a change of its account; then the heading is where to go on from.
  if (focused) (document.getElementById(focused.id) ?? document.getElementById('yours')).focus();
}

/** One refresh after the other, so that an older answer never comes last. */
let refreshed = Promise.resolve();
const refreshSoon = () => (refreshed = refreshed.then(refresh).catch(() => {}));

const events = new EventSource('/events');
events.addEventListener('accounts', ({ data }) => {
  const { announcement } = JSON.parse(data);
  if (announcement) say(announcement);
  refreshSoon();
});
// Also after a break, in which something may have happened.
events.addEventListener('open', refreshSoon);

document.addEventListener('submit', async (event) => {
  const form = event.target;
  if (form.dataset.connect) {
    event.preventDefault();
    connect(form);
  } else if (form.dataset.quiet !== undefined) {
    event.preventDefault();
    if (!form.dataset.sure || (await isSure(form.dataset.sure))) post(form);
  }
});

async function connect(form) {
  say('');
  const connected = await openConnectUI(form.action, { title: form.dataset.connect, failed: say });
  if (connected.length === 0) return;
  await refreshSoon();
  if (connected.every(isShown)) return;
  say('Almost done …');
  setTimeout(() => {
    if (connected.every(isShown)) return;
    say('The account is connected, but Quaybell has not been told yet. Does the webhook URL lead here?');
  }, WEBHOOK_MS_MAX);
}

const isShown = (id) => list.querySelector(`[data-connection="${CSS.escape(id)}"]`) !== null;

async function post(form) {
  const button = form.querySelector('button');
  button.disabled = true;
  try {
    const reply = await fetch(form.action, { method: 'POST', headers: { accept: 'application/json' } });
    say((await reply.json()).message);
    await refreshSoon();
  } catch {
    say('Quaybell cannot be reached. Please try again.');
  }
  button.disabled = false;
}

/** Asks first. */
function isSure(question) {
  const dialog = document.getElementById('sure');
  document.getElementById('sure-title').textContent = question;
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), { once: true });
  });
}

function localizeTimes(root) {
  const format = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });
  const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
  for (const element of root.querySelectorAll('time')) {
    const date = new Date(element.dateTime);
    element.textContent = format.format(date);
    element.title = full.format(date);
  }
}

for (const button of document.querySelectorAll('[data-copy]')) {
  button.hidden = !navigator.clipboard;
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).href);
    say('Copied.');
  });
}

localizeTimes(document);
// A notice of an action is for once: not for the bookmark, nor for when the page is loaded again.
if (location.search) history.replaceState(null, '', location.pathname);
