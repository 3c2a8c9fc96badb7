//! People who may sign in, and their second factors.

use valetkey_base::{Sealed, Timestamp};

use crate::db::{Row, Tx, params};
use crate::error::Result;
use crate::open::Store;

/// Somebody who may sign in.
#[derive(Clone, Debug)]
pub struct Member {
    /// Row id.
    pub id: i64,
    /// The account.
    pub account_id: i64,
    /// Lower-case e-mail address, unique on the server.
    pub email: String,
    /// Argon2id hash in PHC form; empty for somebody who signs in elsewhere only.
    pub password_hash: String,
    /// `owner`, …
    pub role: String,
    /// Their name; may be empty.
    pub name: String,
    /// Issuer and subject of an OpenID provider.
    pub oidc_subject: Option<String>,
    /// The secret of their one-time codes.
    pub totp: Option<Sealed>,
    /// The last time step whose code was taken.
    pub totp_step: Option<i64>,
    /// Since when.
    pub created_at: Timestamp,
}

/// A member to be made.
#[derive(Clone, Debug)]
pub struct NewMember {
    /// The account.
    pub account_id: i64,
    /// Lower-case e-mail address.
    pub email: String,
    /// Argon2id hash in PHC form; empty for none.
    pub password_hash: String,
    /// `owner`, …
    pub role: String,
    /// Their name; may be empty.
    pub name: String,
    /// Issuer and subject of an OpenID provider.
    pub oidc_subject: Option<String>,
}

macro_rules! columns {
    () => {
        "id, account_id, email, password_hash, role, name, oidc_subject, totp_sealed, totp_step,
     created_at"
    };
}

const COUNT: &str =
    "SELECT COUNT(*) AS n FROM members WHERE account_id = $1 AND removed_at IS NULL";
const BY_ID: &str =
    concat!("SELECT ", columns!(), " FROM members WHERE id = $1 AND removed_at IS NULL");
const BY_EMAIL: &str =
    concat!("SELECT ", columns!(), " FROM members WHERE email = $1 AND removed_at IS NULL");
const BY_OIDC: &str =
    concat!("SELECT ", columns!(), " FROM members WHERE oidc_subject = $1 AND removed_at IS NULL");
const OF_ACCOUNT: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM members WHERE account_id = $1 AND removed_at IS NULL ORDER BY created_at, id"
);
/// With the removed ones, who are still named in the audit trail.
const EMAILS: &str = "SELECT id, email FROM members WHERE account_id = $1";
const INSERT: &str = concat!(
    "INSERT INTO members (account_id, email, password_hash, role, name, oidc_subject, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING ",
    columns!()
);
const OWNERS: &str = "SELECT COUNT(*) AS n FROM members
     WHERE account_id = $1 AND role = 'owner' AND removed_at IS NULL";
const SET_ROLE: &str =
    "UPDATE members SET role = $3 WHERE account_id = $1 AND id = $2 AND removed_at IS NULL";
const SET_NAME: &str = "UPDATE members SET name = $2 WHERE id = $1 AND removed_at IS NULL";
const SET_PASSWORD: &str =
    "UPDATE members SET password_hash = $2 WHERE id = $1 AND removed_at IS NULL";
const SET_OIDC: &str = "UPDATE members SET oidc_subject = $2 WHERE id = $1 AND removed_at IS NULL";
const WITH_PASSKEYS: &str = "SELECT DISTINCT m.id AS id FROM members m
     JOIN passkeys p ON p.member_id = m.id WHERE m.account_id = $1 AND m.removed_at IS NULL";
const SET_TOTP: &str = "UPDATE members SET totp_sealed = $2, totp_step = $3
     WHERE id = $1 AND removed_at IS NULL";
/// A code is taken by moving the step forward; the same step again changes nothing.
const TAKE_TOTP_STEP: &str = "UPDATE members SET totp_step = $2
     WHERE id = $1 AND removed_at IS NULL AND (totp_step IS NULL OR totp_step < $2)";
const REMOVE: &str = "UPDATE members SET removed_at = $3, password_hash = '', totp_sealed = NULL,
     oidc_subject = NULL WHERE account_id = $1 AND id = $2 AND removed_at IS NULL";
const DROP_RECOVERY_CODES: &str = "DELETE FROM recovery_codes WHERE member_id = $1";
const INSERT_RECOVERY_CODE: &str =
    "INSERT INTO recovery_codes (member_id, code_hash) VALUES ($1, $2)";
const TAKE_RECOVERY_CODE: &str =
    "DELETE FROM recovery_codes WHERE member_id = $1 AND code_hash = $2";
const RECOVERY_CODES_LEFT: &str = "SELECT COUNT(*) AS n FROM recovery_codes WHERE member_id = $1";

fn member(row: &Row) -> Result<Member> {
    Ok(Member {
        id: row.get("id")?,
        account_id: row.get("account_id")?,
        email: row.get("email")?,
        password_hash: row.get("password_hash")?,
        role: row.get("role")?,
        name: row.get("name")?,
        oidc_subject: row.get("oidc_subject")?,
        totp: row.get("totp_sealed")?,
        totp_step: row.get("totp_step")?,
        created_at: row.get("created_at")?,
    })
}

impl Store {
    /// How many people may sign in.
    pub async fn member_count(&self, account_id: i64) -> Result<i64> {
        let row = self.db.fetch_optional(COUNT, params![account_id]).await?;
        row.map_or(Ok(0), |row| row.get("n"))
    }

    /// A member by row id.
    pub async fn member(&self, id: i64) -> Result<Option<Member>> {
        self.db.fetch_optional(BY_ID, params![id]).await?.as_ref().map(member).transpose()
    }

    /// A member by lower-case address.
    pub async fn member_by_email(&self, email: &str) -> Result<Option<Member>> {
        self.db.fetch_optional(BY_EMAIL, params![email]).await?.as_ref().map(member).transpose()
    }

    /// A member by issuer and subject.
    pub async fn member_by_oidc(&self, subject: &str) -> Result<Option<Member>> {
        self.db.fetch_optional(BY_OIDC, params![subject]).await?.as_ref().map(member).transpose()
    }

    /// Members of an account, the first one first.
    pub async fn members(&self, account_id: i64) -> Result<Vec<Member>> {
        self.db.fetch_all(OF_ACCOUNT, params![account_id]).await?.iter().map(member).collect()
    }

    /// Ids of the members of an account who have a passkey.
    pub async fn members_with_passkeys(&self, account_id: i64) -> Result<Vec<i64>> {
        let rows = self.db.fetch_all(WITH_PASSKEYS, params![account_id]).await?;
        rows.iter().map(|row| row.get("id")).collect()
    }

    /// Id and address of everybody who ever was a member.
    pub async fn member_emails(&self, account_id: i64) -> Result<Vec<(i64, String)>> {
        let rows = self.db.fetch_all(EMAILS, params![account_id]).await?;
        rows.iter().map(|row| Ok((row.get("id")?, row.get("email")?))).collect()
    }

    /// Recovery codes that still work.
    pub async fn recovery_codes_left(&self, member_id: i64) -> Result<i64> {
        let row = self.db.fetch_optional(RECOVERY_CODES_LEFT, params![member_id]).await?;
        row.map_or(Ok(0), |row| row.get("n"))
    }
}

impl Tx {
    /// Makes a member. A taken address is [`crate::Error::Duplicate`].
    pub async fn insert_member(&mut self, new: &NewMember, now: Timestamp) -> Result<Member> {
        let values = params![
            new.account_id,
            &new.email,
            &new.password_hash,
            &new.role,
            &new.name,
            &new.oidc_subject,
            now,
        ];
        member(&self.fetch_one(INSERT, values).await?)
    }

    /// How many owners an account has.
    pub async fn owner_count(&mut self, account_id: i64) -> Result<i64> {
        self.fetch_one(OWNERS, params![account_id]).await?.get("n")
    }

    /// Makes a member something else.
    pub async fn set_member_role(&mut self, account_id: i64, id: i64, role: &str) -> Result<bool> {
        Ok(self.execute(SET_ROLE, params![account_id, id, role]).await? > 0)
    }

    /// Sets a member's name.
    pub async fn set_member_name(&mut self, id: i64, name: &str) -> Result<bool> {
        Ok(self.execute(SET_NAME, params![id, name]).await? > 0)
    }

    /// Replaces a member's password.
    pub async fn set_member_password(&mut self, id: i64, hash: &str) -> Result<bool> {
        Ok(self.execute(SET_PASSWORD, params![id, hash]).await? > 0)
    }

    /// Ties a member to somebody at an OpenID provider.
    pub async fn set_member_oidc(&mut self, id: i64, subject: &str) -> Result<bool> {
        Ok(self.execute(SET_OIDC, params![id, subject]).await? > 0)
    }

    /// Sets or removes the secret of a member's one-time codes; `step` is the one that proved it.
    pub async fn set_member_totp(
        &mut self,
        id: i64,
        sealed: Option<&Sealed>,
        step: Option<i64>,
    ) -> Result<bool> {
        Ok(self.execute(SET_TOTP, params![id, sealed, step]).await? > 0)
    }

    /// Takes the one-time code of a time step, unless it or a later one was taken.
    pub async fn take_totp_step(&mut self, id: i64, step: i64) -> Result<bool> {
        Ok(self.execute(TAKE_TOTP_STEP, params![id, step]).await? > 0)
    }

    /// Removes a member: nothing of them signs in any more.
    pub async fn remove_member(
        &mut self,
        account_id: i64,
        id: i64,
        now: Timestamp,
    ) -> Result<bool> {
        Ok(self.execute(REMOVE, params![account_id, id, now]).await? > 0)
    }

    /// Replaces a member's recovery codes.
    pub async fn replace_recovery_codes(
        &mut self,
        member_id: i64,
        hashes: &[String],
    ) -> Result<()> {
        self.execute(DROP_RECOVERY_CODES, params![member_id]).await?;
        for hash in hashes {
            self.execute(INSERT_RECOVERY_CODE, params![member_id, hash]).await?;
        }
        Ok(())
    }

    /// Takes a recovery code, once.
    pub async fn take_recovery_code(&mut self, member_id: i64, hash: &str) -> Result<bool> {
        Ok(self.execute(TAKE_RECOVERY_CODE, params![member_id, hash]).await? > 0)
    }
}
