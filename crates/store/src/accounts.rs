//! Accounts, and the one-time link that creates the owner.

use valetkey_base::Timestamp;

use crate::db::{Row, Tx, params};
use crate::error::Result;
use crate::open::Store;

/// The organisation that runs this server.
#[derive(Clone, Debug)]
pub struct Account {
    /// Row id.
    pub id: i64,
    /// Its name.
    pub name: String,
}

const FIRST_ACCOUNT: &str = "SELECT id, name FROM accounts ORDER BY id LIMIT 1";
const INSERT_ACCOUNT: &str =
    "INSERT INTO accounts (name, created_at) VALUES ($1, $2) RETURNING id, name";
const DROP_OWNER_LINKS: &str = "DELETE FROM owner_links WHERE account_id = $1 AND used_at IS NULL";
const INSERT_OWNER_LINK: &str =
    "INSERT INTO owner_links (token_hash, account_id, expires_at) VALUES ($1, $2, $3)";
const OWNER_LINK_LIVE: &str = "SELECT account_id FROM owner_links
     WHERE token_hash = $1 AND used_at IS NULL AND expires_at > $2";
const USE_OWNER_LINK: &str = "UPDATE owner_links SET used_at = $2
     WHERE token_hash = $1 AND used_at IS NULL AND expires_at > $2 RETURNING account_id";

fn account(row: &Row) -> Result<Account> {
    Ok(Account { id: row.get("id")?, name: row.get("name")? })
}

impl Store {
    /// The account the first run made.
    pub async fn first_account(&self) -> Result<Option<Account>> {
        self.db.fetch_optional(FIRST_ACCOUNT, params![]).await?.as_ref().map(account).transpose()
    }

    /// Whether a one-time owner link can still be used.
    pub async fn owner_link_is_live(&self, token_hash: &str, now: Timestamp) -> Result<bool> {
        Ok(self.db.fetch_optional(OWNER_LINK_LIVE, params![token_hash, now]).await?.is_some())
    }
}

impl Tx {
    /// The account the first run made, seen from inside a transaction.
    pub async fn first_account(&mut self) -> Result<Option<Account>> {
        self.fetch_optional(FIRST_ACCOUNT, params![]).await?.as_ref().map(account).transpose()
    }

    /// Keeps other processes from doing the first run at the same time, until commit.
    pub async fn lock_first_run(&mut self) -> Result<()> {
        if self.is_postgres() {
            // The number only has to be the same in every release.
            self.fetch_optional("SELECT pg_advisory_xact_lock(7616516) IS NULL AS done", params![])
                .await?;
        }
        Ok(())
    }

    /// Makes an account.
    pub async fn insert_account(&mut self, name: &str, now: Timestamp) -> Result<Account> {
        account(&self.fetch_one(INSERT_ACCOUNT, params![name, now]).await?)
    }

    /// Replaces every unused owner link of the account by this one.
    pub async fn replace_owner_link(
        &mut self,
        account_id: i64,
        token_hash: &str,
        expires_at: Timestamp,
    ) -> Result<()> {
        self.execute(DROP_OWNER_LINKS, params![account_id]).await?;
        self.execute(INSERT_OWNER_LINK, params![token_hash, account_id, expires_at]).await?;
        Ok(())
    }

    /// Consumes an owner link and names its account; `None` when it was used or has expired.
    pub async fn use_owner_link(
        &mut self,
        token_hash: &str,
        now: Timestamp,
    ) -> Result<Option<i64>> {
        let row = self.fetch_optional(USE_OWNER_LINK, params![token_hash, now]).await?;
        row.map(|row| row.get("account_id")).transpose()
    }
}
