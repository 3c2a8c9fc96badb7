//! Passkeys: public keys that members sign in with.

use valetkey_base::Timestamp;

use crate::db::{Row, Tx, params};
use crate::error::Result;
use crate::open::Store;

/// A passkey of a member.
#[derive(Clone, Debug)]
pub struct Passkey {
    /// The credential id in base64url.
    pub id: String,
    /// Whose.
    pub member_id: i64,
    /// The public key as a COSE key.
    pub public_key: Vec<u8>,
    /// The authenticator's counter when it was last used; 0 for one that does not count.
    pub sign_count: i64,
    /// Whether the authenticator may copy it to other devices.
    pub is_syncable: bool,
    /// Whether it did.
    pub is_synced: bool,
    /// What its owner calls it.
    pub name: String,
    /// When it was added.
    pub created_at: Timestamp,
    /// When somebody last signed in with it.
    pub last_used_at: Option<Timestamp>,
}

/// What is noted when somebody signs in with a passkey.
#[derive(Clone, Copy, Debug)]
pub struct PasskeyUse {
    /// The authenticator's counter.
    pub sign_count: i64,
    /// Whether it was copied to other devices.
    pub is_synced: bool,
    /// When.
    pub at: Timestamp,
}

macro_rules! columns {
    () => {
        "id, member_id, public_key, sign_count, is_syncable, is_synced, name, created_at,
     last_used_at"
    };
}

const BY_ID: &str = concat!("SELECT ", columns!(), " FROM passkeys WHERE id = $1");
const OF_MEMBER: &str =
    concat!("SELECT ", columns!(), " FROM passkeys WHERE member_id = $1 ORDER BY created_at, id");
const COUNT: &str = "SELECT COUNT(*) AS n FROM passkeys WHERE member_id = $1";
const INSERT: &str =
    concat!("INSERT INTO passkeys (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)");
/// A counter only goes up; an authenticator without one always says 0.
const USED: &str = "UPDATE passkeys SET sign_count = $2, is_synced = $3, last_used_at = $4
     WHERE id = $1 AND (sign_count < $2 OR (sign_count = 0 AND $2 = 0))";
const RENAME: &str = "UPDATE passkeys SET name = $3 WHERE member_id = $1 AND id = $2";
const REMOVE: &str = "DELETE FROM passkeys WHERE member_id = $1 AND id = $2";
const REMOVE_ALL: &str = "DELETE FROM passkeys WHERE member_id = $1";

fn passkey(row: &Row) -> Result<Passkey> {
    Ok(Passkey {
        id: row.get("id")?,
        member_id: row.get("member_id")?,
        public_key: row.get("public_key")?,
        sign_count: row.get("sign_count")?,
        is_syncable: row.get("is_syncable")?,
        is_synced: row.get("is_synced")?,
        name: row.get("name")?,
        created_at: row.get("created_at")?,
        last_used_at: row.get("last_used_at")?,
    })
}

impl Store {
    /// A passkey by credential id, whosever it is.
    pub async fn passkey(&self, id: &str) -> Result<Option<Passkey>> {
        self.db.fetch_optional(BY_ID, params![id]).await?.as_ref().map(passkey).transpose()
    }

    /// Passkeys of a member, the first one first.
    pub async fn passkeys(&self, member_id: i64) -> Result<Vec<Passkey>> {
        self.db.fetch_all(OF_MEMBER, params![member_id]).await?.iter().map(passkey).collect()
    }
}

impl Tx {
    /// How many passkeys a member has.
    pub async fn passkey_count(&mut self, member_id: i64) -> Result<i64> {
        self.fetch_one(COUNT, params![member_id]).await?.get("n")
    }

    /// Stores a passkey. A credential id that somebody has is [`crate::Error::Duplicate`].
    pub async fn insert_passkey(&mut self, new: &Passkey) -> Result<()> {
        let values = params![
            &new.id,
            new.member_id,
            &new.public_key,
            new.sign_count,
            new.is_syncable,
            new.is_synced,
            &new.name,
            new.created_at,
            new.last_used_at,
        ];
        self.execute(INSERT, values).await.map(|_| ())
    }

    /// Notes that a passkey was used, unless its counter does not go up.
    pub async fn passkey_used(&mut self, id: &str, by: PasskeyUse) -> Result<bool> {
        let values = params![id, by.sign_count, by.is_synced, by.at];
        Ok(self.execute(USED, values).await? > 0)
    }

    /// Gives a passkey of a member another name.
    pub async fn rename_passkey(&mut self, member_id: i64, id: &str, name: &str) -> Result<bool> {
        Ok(self.execute(RENAME, params![member_id, id, name]).await? > 0)
    }

    /// Removes a passkey of a member.
    pub async fn remove_passkey(&mut self, member_id: i64, id: &str) -> Result<bool> {
        Ok(self.execute(REMOVE, params![member_id, id]).await? > 0)
    }

    /// Removes every passkey of a member.
    pub async fn remove_passkeys_of(&mut self, member_id: i64) -> Result<()> {
        self.execute(REMOVE_ALL, params![member_id]).await.map(|_| ())
    }
}
