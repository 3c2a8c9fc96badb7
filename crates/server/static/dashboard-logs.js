// @ts-check
// Tells of newer operations while the list is open. Without it the list is simply not live.

const pill = /** @type {HTMLAnchorElement | null} */ (document.querySelector('[data-live]'));
const address = pill?.dataset.live;
if (pill && address) {
  /** The browser listens only while somebody can see the page. */
  /** @type {EventSource | null} */
  let source = null;
  const listen = () => {
    if (document.hidden) {
      source?.close();
      source = null;
    } else if (!source) {
      source = new EventSource(address);
      source.addEventListener('newer', (event) => {
        const count = Number(event.data);
        pill.hidden = !(count > 0);
        pill.textContent = count >= 100 ? '100+ new' : `${count} new`;
      });
    }
  };
  listen();
  document.addEventListener('visibilitychange', listen);
  addEventListener('pagehide', () => source?.close());
}

export {};
