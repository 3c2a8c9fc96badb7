// What happens with connected accounts, apart from the four steps: keeping what is shown true, and ending.

import { ValetkeyError } from '@valetkey/node';

import { askProvider } from './steps/4-call-provider.mjs';
import { valetkey } from './valetkey.mjs';

/** An account that somebody looks at is asked about again when the last answer is older, in milliseconds. */
const FRESH_MS = 60_000;

export class Accounts {
  #store;
  #live;
  /** Checks under way, and those that follow them, by connection. */
  #running = new Map();
  #next = new Map();

  /** @param {import('./store.mjs').Store} store @param {import('./live.mjs').Live} live */
  constructor(store, live) {
    this.#store = store;
    this.#live = live;
  }

  /** This user's accounts; those not asked about for a while are, and the page hears of it. */
  lookedAtBy(user) {
    const accounts = this.#store.accountsOf(user.id);
    const old = Date.now() - FRESH_MS;
    for (const account of accounts) {
      if (!account.checkedAt || Date.parse(account.checkedAt) < old) this.checkSoon(account);
    }
    return accounts;
  }

  /** This user's account, or undefined. An id from a browser proves nothing. */
  ownedBy(user, connectionId) {
    const account = this.#store.account(connectionId);
    return account?.userId === user.id ? account : undefined;
  }

  /** Asks the provider in the background. The pages of its owner are told now, and when the answer is there. */
  checkSoon(account, told) {
    this.#live.tell(account.userId, told);
    this.check(account).catch((error) => console.error(`checking ${account.connectionId}: ${error.message}`));
  }

  /** Asks the provider; answers the account as it is then, or undefined when it was disconnected meanwhile. */
  async check({ connectionId: id }) {
    const running = this.#running.get(id);
    if (running) {
      // That one may have asked before what happened just now. One more will do for all who wait.
      if (!this.#next.has(id)) this.#next.set(id, running.catch(() => {}).then(() => this.#begin(id)));
      await this.#next.get(id);
    } else {
      await this.#begin(id);
    }
    return this.#store.account(id);
  }

  #begin(id) {
    this.#next.delete(id);
    const check = this.#ask(id).finally(() => this.#running.delete(id));
    this.#running.set(id, check);
    return check;
  }

  async #ask(id) {
    const account = this.#store.account(id);
    if (!account) return;
    const found = await askProvider(account);
    if (!this.#store.account(id)) return;
    await this.#store.change(id, { ...found, checkedAt: new Date().toISOString() });
    this.#live.tell(account.userId, newsOf(account.status, found.status));
  }

  /** Ends it at Valetkey, which forgets the credentials, and here. */
  async disconnect(account) {
    await valetkey.connections.delete(account.connectionId, account.integrationId).catch((error) => {
      // What is gone already needs no ending.
      if (!(error instanceof ValetkeyError && error.status === 404)) throw error;
    });
    await this.#store.remove(account.connectionId);
    this.#live.tell(account.userId);
  }
}

/** What is read out when a check ends. */
function newsOf(before, now) {
  if (before === 'broken' && now === 'working') return 'Your account works again.';
  if (before !== 'broken' && now === 'broken') return 'An account needs your attention.';
  return undefined;
}
