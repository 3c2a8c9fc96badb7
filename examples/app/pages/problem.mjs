import { html } from './html.mjs';
import { layout } from './layout.mjs';

/** A page that says why there is no other. */
export const problemPage = (title, text, user) =>
  layout({
    title,
    user,
    content: html`<div class="narrow stack">
      <div class="stack tight"><h1>${title}</h1><p class="soft">${text}</p></div>
      <p><a class="button" href="/">Back to your accounts</a></p>
    </div>`,
  });
