// @ts-check
// What makes pages livelier. Everything here works without it, only less quickly.

/** A key that opens the search box, where nothing is being typed. */
document.addEventListener('keydown', (event) => {
  const box = /** @type {HTMLInputElement | null} */ (document.querySelector('[data-find]'));
  const isTyping = event.target instanceof HTMLElement && event.target.closest('input, textarea, select, [contenteditable]');
  const opens = (event.key === '/' && !isTyping) || (event.key === 'k' && (event.metaKey || event.ctrlKey));
  if (!box || !opens || event.altKey) return;
  event.preventDefault();
  box.focus();
  box.select();
});

/** Menus close when something else is wanted. */
document.addEventListener('click', (event) => {
  for (const menu of document.querySelectorAll('details.picker[open]')) {
    if (event.target instanceof Node && !menu.contains(event.target)) menu.removeAttribute('open');
  }
});
document.addEventListener('keydown', (event) => {
  if (event.key !== 'Escape') return;
  for (const menu of document.querySelectorAll('details.picker[open]')) {
    menu.removeAttribute('open');
    menu.querySelector('summary')?.focus();
  }
});

/** A button beside what is there to be copied. */
for (const text of document.querySelectorAll('[data-copy]')) {
  if (!navigator.clipboard) break;
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'copy';
  button.textContent = 'Copy';
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(text.getAttribute('data-copy') || text.textContent || '');
    button.textContent = 'Copied';
    setTimeout(() => (button.textContent = 'Copy'), 2000);
  });
  text.after(' ', button);
}

/** Nothing is sent twice, and it shows that something is under way. */
document.addEventListener('submit', (event) => {
  const form = /** @type {HTMLFormElement} */ (event.target);
  if (form.dataset.sent && form.method === 'post') {
    event.preventDefault();
    return;
  }
  form.dataset.sent = 'yes';
  form.setAttribute('aria-busy', 'true');
});
addEventListener('pageshow', () => {
  for (const form of document.querySelectorAll('form[data-sent]')) {
    form.removeAttribute('data-sent');
    form.removeAttribute('aria-busy');
  }
});
