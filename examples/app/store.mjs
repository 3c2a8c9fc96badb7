// What this product remembers: which user has which account. Credentials are not among it; they stay with Valetkey.
//
// A JSON file that is replaced whole, so that a crash leaves the old one or the new one. A product with more than one
// process has a table instead: connection_id, user_id, integration_id, status.

import fs from 'node:fs/promises';
import path from 'node:path';

const ACCOUNTS_MAX = 10_000;

/**
 * An account that a user has connected.
 * @typedef {object} Account
 * @property {string} connectionId what credentials are asked for with; it outlives every repair
 * @property {string} integrationId
 * @property {string} provider
 * @property {string} userId whose it is
 * @property {'new' | 'working' | 'broken' | 'gone' | 'unsure'} status `new` until the provider was asked once
 * @property {string} connectedAt ISO 8601
 * @property {string} [checkedAt] when the provider was asked last, ISO 8601
 * @property {{ name: string, email?: string }} [person] whom the provider says that it belongs to
 * @property {string} [problem] a sentence for the user
 */

export class Store {
  #file;
  /** @type {Map<string, Account>} */
  #accounts = new Map();
  #written = Promise.resolve();

  constructor(folder) {
    this.#file = path.join(folder, 'accounts.json');
  }

  static async open(folder) {
    const store = new Store(folder);
    await fs.mkdir(folder, { recursive: true, mode: 0o700 });
    const text = await fs.readFile(store.#file, 'utf8').catch((error) => {
      if (error.code === 'ENOENT') return '{"accounts":[]}';
      throw error;
    });
    for (const account of JSON.parse(text).accounts) store.#accounts.set(account.connectionId, account);
    return store;
  }

  /** @returns {Account[]} this user's, newest first */
  accountsOf(userId) {
    const mine = [...this.#accounts.values()].filter((account) => account.userId === userId);
    return mine.sort((one, other) => other.connectedAt.localeCompare(one.connectedAt));
  }

  /** @returns {Account | undefined} */
  account(connectionId) {
    return this.#accounts.get(connectionId);
  }

  /** Adds an account. Settles when it is on disk. @param {Account} account */
  add(account) {
    if (this.#accounts.size >= ACCOUNTS_MAX) throw new Error(`there are ${ACCOUNTS_MAX} accounts already`);
    this.#accounts.set(account.connectionId, account);
    return this.#save();
  }

  /** Changes fields of an account that is there. Settles when it is on disk. */
  change(connectionId, fields) {
    const account = this.#accounts.get(connectionId);
    if (account) this.#accounts.set(connectionId, { ...account, ...fields });
    return this.#save();
  }

  /** Settles when it is on disk. */
  remove(connectionId) {
    this.#accounts.delete(connectionId);
    return this.#save();
  }

  #save() {
    // One write after the other; a write that failed does not keep the next from trying.
    this.#written = this.#written.catch(() => {}).then(() => this.#write());
    return this.#written;
  }

  async #write() {
    const draft = `${this.#file}.draft`;
    const file = await fs.open(draft, 'w', 0o600);
    try {
      await file.writeFile(JSON.stringify({ accounts: [...this.#accounts.values()] }, null, 2));
      await file.sync();
    } finally {
      await file.close();
    }
    await fs.rename(draft, this.#file);
  }
}
