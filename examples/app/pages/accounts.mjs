// The page with a user's accounts and what can be connected.

import { html } from './html.mjs';
import { layout } from './layout.mjs';

const BADGES = {
  new: ['Connected', 'good'],
  working: ['Connected', 'good'],
  unsure: ['Connected, not checked', 'warn'],
  broken: ['Needs attention', 'bad'],
  gone: ['Disconnected', 'bad'],
};

/**
 * The whole page. @param {{ user: object, accounts: object[], integrations: object[], mail?: object, notice?: string }} view
 */
export const accountsPage = ({ user, accounts, integrations, mail, notice }) =>
  layout({
    title: 'Connected accounts',
    user,
    content: html`<div class="intro">
      <h1>Connected accounts</h1>
      <p class="soft">Quaybell answers your customers from the accounts you connect here. They are yours alone: your
        colleagues do not see them.</p>
    </div>
    <p id="status" class="notice" role="status">${notice}</p>
    ${mail && mailPreview(mail)}
    <div class="columns">
      <section aria-labelledby="yours">
        <h2 id="yours" tabindex="-1">Your accounts</h2>
        <div id="accounts">${accountList(accounts, integrations)}</div>
      </section>
      <section aria-labelledby="more">
        <h2 id="more">Add an account</h2>
        ${integrations.length > 0 ? offers(integrations) : nothingOffered()}
      </section>
    </div>
    <dialog id="sure" aria-labelledby="sure-title">
      <form method="dialog" class="stack">
        <h2 id="sure-title">Disconnect this account?</h2>
        <p class="soft">Quaybell can no longer use it, and its access is deleted. You can connect it again at any time.</p>
        <div class="actions end"><button value="">Keep it</button><button class="risky" value="yes">Disconnect</button></div>
      </form>
    </dialog>`,
  });

/** The part that changes by itself. */
export function accountList(accounts, integrations) {
  if (accounts.length === 0) {
    return html`<div class="panel empty">
      <p><strong>No account yet.</strong></p>
      <p class="soft">Choose one under “Add an account”. It takes a minute, and Quaybell never sees your password.</p>
    </div>`;
  }
  return html`<ul class="cards">${accounts.map((account) => card(account, integrations))}</ul>`;
}

function card(account, integrations) {
  const { connectionId: id, status, person, problem } = account;
  const integration = integrations.find((one) => one.unique_key === account.integrationId);
  const name = integration?.display_name ?? account.integrationId;
  const [badge, tone] = BADGES[status];
  const to = (action) => `/accounts/${encodeURIComponent(id)}/${action}`;
  const isBroken = status === 'broken';
  return html`<li class="panel card ${isBroken && 'attention'}" data-connection="${id}" data-status="${status}" aria-labelledby="name-${id}">
    <div class="head">
      ${mark(integration)}
      <h3 id="name-${id}">${name}</h3>
      <span class="badge ${tone}">${badge}</span>
    </div>
    ${problem && html`<p class="problem">${problem}</p>`}
    <dl>
      ${person && html`<div><dt>Answers go out as</dt><dd><strong>${person.name}</strong>${person.email && html` <span class="soft">${person.email}</span>`}</dd></div>`}
      <div><dt>Checked</dt><dd>${account.checkedAt ? time(account.checkedAt) : 'Checking now …'}</dd></div>
      <div><dt>Connection</dt><dd><code>${id}</code></dd></div>
    </dl>
    <div class="actions">
      ${isBroken &&
      html`<form method="post" action="${to('reconnect')}" data-connect="Reconnect ${name}"><button class="main" id="reconnect-${id}">${says('Reconnect', name)}</button></form>
      <form method="post" action="${to('reconnect-link')}"><button>${says('Send me a link', `to reconnect ${name}`)}</button></form>`}
      ${!isBroken &&
      status !== 'gone' &&
      html`<form method="post" action="${to('check')}" data-quiet><button id="check-${id}">${says('Check now', name)}</button></form>`}
      <form method="post" action="${to('disconnect')}" data-quiet data-sure="Disconnect ${name}?"><button class="plain" id="disconnect-${id}">${says(status === 'gone' ? 'Remove' : 'Disconnect', name)}</button></form>
    </div>
  </li>`;
}

const offers = (integrations) => html`<ul class="panel offers">${integrations.map((integration) => {
  const { unique_key: key, display_name: name } = integration;
  const to = (action) => `/integrations/${encodeURIComponent(key)}/${action}`;
  return html`<li data-integration="${key}">
      ${mark(integration)}
      <h3>${name}</h3>
      <div class="actions">
        <form method="post" action="${to('connect')}" data-connect="Connect ${name}"><button class="main">${says('Connect', name)}</button></form>
        <form method="post" action="${to('link')}"><button class="plain">${says('Send me a link', `to connect ${name}`)}</button></form>
      </div>
    </li>`;
})}</ul>`;

const nothingOffered = () => html`<div class="panel empty">
    <p><strong>Nothing can be connected right now.</strong></p>
    <p class="soft">Please try again in a moment.</p>
  </div>`;

/** What would go out by e-mail or by a chat bot. A demo sends nothing, so it is shown. */
const mailPreview = ({ to, name, isRepair, link, expiresAt }) => html`<article class="panel mail" aria-labelledby="mail">
    <h2 id="mail" tabindex="-1" autofocus>A message for you</h2>
    <p class="soft small">A demo sends nothing. This is the e-mail, or what a chat bot would say:</p>
    <div class="letter">
      <p><span class="soft">To</span> ${to}</p>
      <p><strong>${isRepair ? `Reconnect ${name} to Quaybell` : `Connect ${name} to Quaybell`}</strong></p>
      <p>Open this link on any device. It is good until ${time(expiresAt)}, and it is meant for you alone.</p>
      <p><a id="connect-link" href="${link}">${link}</a></p>
    </div>
    <div class="actions"><button type="button" data-copy="connect-link" hidden>Copy link</button><a class="button" href="/">Done</a></div>
  </article>`;

const mark = (integration) =>
  integration?.logo
    ? html`<img class="mark" src="${integration.logo}" alt="" width="40" height="40">`
    : html`<span class="mark" aria-hidden="true"></span>`;

/** A button's label; for screen readers it goes on with what the button is about. */
const says = (label, about) => html`${label}<span class="unseen"> ${about}</span>`;

/** In UTC until the page's script says it in the reader's own time. */
const time = (iso) => html`<time datetime="${iso}">${iso.slice(11, 16)} UTC</time>`;
