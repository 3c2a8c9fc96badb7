// @ts-check
// Keeps the inbox current. Without this script the page works by reloading it.

const POLL_MS = 1000;
const live = document.getElementById('live');
let tag = '';

/** @param {string} text */
function announce(text) {
  if (live && live.textContent !== text) live.textContent = text;
}

/** Puts a freshly rendered list in place of the old one; opened headers stay open.
 * @param {string} html */
function replace(html) {
  const old = document.getElementById('entries');
  const next = new DOMParser().parseFromString(html, 'text/html').getElementById('entries');
  if (!old || !next) return;
  for (const details of old.querySelectorAll('details[open]')) {
    next.querySelector(`#${CSS.escape(details.id)}`)?.setAttribute('open', '');
  }
  if (next.dataset.version === old.dataset.version) return;
  old.replaceWith(document.adoptNode(next));
  announce(`${next.dataset.received} received since start.`);
}

async function poll() {
  try {
    const response = await fetch('/inbox/entries', {
      headers: tag ? { 'If-None-Match': tag } : {},
    });
    if (response.status === 200) {
      tag = response.headers.get('ETag') ?? '';
      replace(await response.text());
    } else if (response.status !== 304) {
      announce(`The inbox answers with status ${response.status}.`);
    }
  } catch {
    tag = '';
    announce('The inbox does not answer. Is the server still running?');
  }
  setTimeout(poll, document.hidden ? POLL_MS * 5 : POLL_MS);
}

poll();
