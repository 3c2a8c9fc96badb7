// What every page has around it.

import { config } from '../config.mjs';
import { html } from './html.mjs';

/** A whole document. @param {{ title: string, user?: object, content: object }} page */
export const layout = ({ title, user, content }) => html`<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  <meta name="valetkey-host" content="${config.valetkey.host}">
  <title>${title} · Quaybell</title>
  <link rel="icon" href="/assets/icon.svg" type="image/svg+xml">
  <link rel="stylesheet" href="/assets/style.css">
  ${user && html`<script type="module" src="/assets/page.js"></script>`}
</head>
<body class="${user ? 'app' : 'door'}">
  <a class="skip" href="#content">Skip to content</a>
  <header class="bar">
    <a class="brand" href="/"><img src="/assets/icon.svg" alt="" width="28" height="28">Quaybell</a>
    ${user && who(user)}
  </header>
  <main id="content" tabindex="-1">${content}</main>
</body>
</html>
`;

const who = (user) => html`<div class="who">
      <span class="initials" aria-hidden="true">${initials(user.name)}</span>
      <span class="name"><strong>${user.name}</strong><span>${user.team}</span></span>
      <form method="post" action="/sign-out"><button class="plain">Switch user</button></form>
    </div>`;

/** First letters of the first and the last word. */
export function initials(name) {
  const words = name.split(/\s+/);
  return [words[0], words.length > 1 ? words.at(-1) : ''].map((word) => word.slice(0, 1).toUpperCase()).join('');
}
