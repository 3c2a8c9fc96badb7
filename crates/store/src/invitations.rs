//! Invitations to become a member.

use valetkey_base::Timestamp;

use crate::db::{Row, Tx, params};
use crate::error::Result;
use crate::open::Store;

/// An invitation that was not accepted yet.
#[derive(Clone, Debug)]
pub struct Invitation {
    /// Row id.
    pub id: i64,
    /// The account.
    pub account_id: i64,
    /// Lower-case address it was sent to.
    pub email: String,
    /// What they will be.
    pub role: String,
    /// The member who invited.
    pub invited_by: i64,
    /// When.
    pub created_at: Timestamp,
    /// Until when it works.
    pub expires_at: Timestamp,
}

const OF_ACCOUNT: &str = "SELECT id, account_id, email, role, invited_by, created_at, expires_at
     FROM invitations WHERE account_id = $1 AND expires_at > $2 ORDER BY created_at DESC, id DESC";
const BY_HASH: &str = "SELECT id, account_id, email, role, invited_by, created_at, expires_at
     FROM invitations WHERE token_hash = $1 AND expires_at > $2";
const DROP_OF_EMAIL: &str = "DELETE FROM invitations WHERE account_id = $1 AND email = $2";
const INSERT: &str = "INSERT INTO invitations
     (account_id, token_hash, email, role, invited_by, created_at, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7)";
const DROP: &str = "DELETE FROM invitations WHERE account_id = $1 AND id = $2";
const TAKE: &str = "DELETE FROM invitations WHERE token_hash = $1 AND expires_at > $2
     RETURNING id, account_id, email, role, invited_by, created_at, expires_at";

fn invitation(row: &Row) -> Result<Invitation> {
    Ok(Invitation {
        id: row.get("id")?,
        account_id: row.get("account_id")?,
        email: row.get("email")?,
        role: row.get("role")?,
        invited_by: row.get("invited_by")?,
        created_at: row.get("created_at")?,
        expires_at: row.get("expires_at")?,
    })
}

impl Store {
    /// Invitations that still work, the newest first.
    pub async fn invitations(&self, account_id: i64, now: Timestamp) -> Result<Vec<Invitation>> {
        let rows = self.db.fetch_all(OF_ACCOUNT, params![account_id, now]).await?;
        rows.iter().map(invitation).collect()
    }

    /// The invitation of a token, if it still works.
    pub async fn invitation(&self, token_hash: &str, now: Timestamp) -> Result<Option<Invitation>> {
        let row = self.db.fetch_optional(BY_HASH, params![token_hash, now]).await?;
        row.as_ref().map(invitation).transpose()
    }
}

impl Tx {
    /// Stores an invitation in place of an earlier one to the same address.
    pub async fn insert_invitation(
        &mut self,
        account_id: i64,
        token_hash: &str,
        (email, role): (&str, &str),
        invited_by: i64,
        (now, expires_at): (Timestamp, Timestamp),
    ) -> Result<()> {
        self.execute(DROP_OF_EMAIL, params![account_id, email]).await?;
        let values = params![account_id, token_hash, email, role, invited_by, now, expires_at];
        self.execute(INSERT, values).await.map(|_| ())
    }

    /// Withdraws an invitation.
    pub async fn drop_invitation(&mut self, account_id: i64, id: i64) -> Result<bool> {
        Ok(self.execute(DROP, params![account_id, id]).await? > 0)
    }

    /// Takes an invitation, once.
    pub async fn take_invitation(
        &mut self,
        token_hash: &str,
        now: Timestamp,
    ) -> Result<Option<Invitation>> {
        let row = self.fetch_optional(TAKE, params![token_hash, now]).await?;
        row.as_ref().map(invitation).transpose()
    }
}
