import { USERS } from '../users.mjs';
import { html } from './html.mjs';
import { initials, layout } from './layout.mjs';

/** The page for those who are not signed in. */
export const signInPage = () =>
  layout({
    title: 'Sign in',
    content: html`<div class="narrow stack">
      <div class="stack tight">
        <h1>Sign in to Quaybell</h1>
        <p class="soft">One inbox for everything your customers write. This is a demo: choose who you are. What one
          person connects, the other does not see.</p>
      </div>
      <form method="post" action="/sign-in" class="panel people">
        ${USERS.map(
          (user) => html`<button class="person" name="user" value="${user.id}">
          <span class="initials" aria-hidden="true">${initials(user.name)}</span>
          <span class="name"><strong>${user.name}</strong><span>${user.email}</span></span>
          <span class="arrow" aria-hidden="true">→</span>
        </button>`,
        )}
      </form>
    </div>`,
  });
