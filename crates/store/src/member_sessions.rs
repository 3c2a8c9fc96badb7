//! Signed-in browsers, the steps on the way there, and wrong guesses.

use valetkey_base::Timestamp;

use crate::db::{Row, Tx, params};
use crate::error::Result;
use crate::open::Store;

/// A signed-in browser.
#[derive(Clone, Debug)]
pub struct MemberSession {
    /// Its name in lists; not the token.
    pub id: String,
    /// Hash of the token in the cookie.
    pub token_hash: String,
    /// Whose.
    pub member_id: i64,
    /// `password`, `password and code`, `passkey`, `openid`.
    pub how: String,
    /// What the browser calls itself.
    pub user_agent: String,
    /// Where it came from.
    pub address: String,
    /// When it signed in.
    pub created_at: Timestamp,
    /// When it last asked for a page, roughly.
    pub last_seen_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Something a browser has to bring back.
#[derive(Clone, Debug)]
pub struct SignInStep {
    /// Hash of what it was given.
    pub token_hash: String,
    /// `code`, `passkey`, `new_passkey`, `openid`.
    pub kind: &'static str,
    /// Whom it is about, when that is known.
    pub member_id: Option<i64>,
    /// JSON text.
    pub payload: String,
    /// Until when.
    pub expires_at: Timestamp,
}

/// Wrong guesses at one subject.
#[derive(Clone, Copy, Debug)]
pub struct SignInFailures {
    /// In a row.
    pub failures: i64,
    /// Until when nothing is tried.
    pub locked_until: Timestamp,
    /// When the last one was.
    pub failed_at: Timestamp,
}

macro_rules! columns {
    () => {
        "id, token_hash, member_id, how, user_agent, address, created_at, last_seen_at, expires_at"
    };
}

const BY_HASH: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM member_sessions WHERE token_hash = $1 AND expires_at > $2"
);
const OF_MEMBER: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM member_sessions WHERE member_id = $1 AND expires_at > $2 ORDER BY last_seen_at DESC"
);
const INSERT: &str = concat!(
    "INSERT INTO member_sessions (",
    columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
);
const SEEN: &str = "UPDATE member_sessions SET last_seen_at = $2, expires_at = $3 WHERE id = $1";
const END: &str = "DELETE FROM member_sessions WHERE member_id = $1 AND id = $2";
const END_OTHERS: &str = "DELETE FROM member_sessions WHERE member_id = $1 AND id <> $2";
const INSERT_STEP: &str =
    "INSERT INTO sign_in_steps (token_hash, kind, member_id, payload, expires_at)
     VALUES ($1, $2, $3, $4, $5)";
const STEP: &str = "SELECT member_id, payload FROM sign_in_steps
     WHERE token_hash = $1 AND kind = $2 AND expires_at > $3";
const TAKE_STEP: &str = "DELETE FROM sign_in_steps
     WHERE token_hash = $1 AND kind = $2 AND expires_at > $3 RETURNING member_id, payload";
const FAILURES: &str =
    "SELECT failures, locked_until, failed_at FROM sign_in_failures WHERE subject = $1";
const SAVE_FAILURES: &str =
    "INSERT INTO sign_in_failures (subject, failures, locked_until, failed_at)
     VALUES ($1, $2, $3, $4) ON CONFLICT (subject) DO UPDATE SET failures = excluded.failures,
     locked_until = excluded.locked_until, failed_at = excluded.failed_at";
const FORGET_FAILURES: &str = "DELETE FROM sign_in_failures WHERE subject = $1";

fn session(row: &Row) -> Result<MemberSession> {
    Ok(MemberSession {
        id: row.get("id")?,
        token_hash: row.get("token_hash")?,
        member_id: row.get("member_id")?,
        how: row.get("how")?,
        user_agent: row.get("user_agent")?,
        address: row.get("address")?,
        created_at: row.get("created_at")?,
        last_seen_at: row.get("last_seen_at")?,
        expires_at: row.get("expires_at")?,
    })
}

fn failures(row: &Row) -> Result<SignInFailures> {
    Ok(SignInFailures {
        failures: row.get("failures")?,
        locked_until: row.get("locked_until")?,
        failed_at: row.get("failed_at")?,
    })
}

impl Store {
    /// The live session of a token.
    pub async fn member_session(
        &self,
        token_hash: &str,
        now: Timestamp,
    ) -> Result<Option<MemberSession>> {
        let row = self.db.fetch_optional(BY_HASH, params![token_hash, now]).await?;
        row.as_ref().map(session).transpose()
    }

    /// Live sessions of a member, the latest seen first.
    pub async fn member_sessions(
        &self,
        member_id: i64,
        now: Timestamp,
    ) -> Result<Vec<MemberSession>> {
        self.db.fetch_all(OF_MEMBER, params![member_id, now]).await?.iter().map(session).collect()
    }

    /// A live step, which stays.
    pub async fn sign_in_step(
        &self,
        token_hash: &str,
        kind: &str,
        now: Timestamp,
    ) -> Result<Option<(Option<i64>, String)>> {
        let row = self.db.fetch_optional(STEP, params![token_hash, kind, now]).await?;
        row.map(|row| Ok((row.get("member_id")?, row.get("payload")?))).transpose()
    }

    /// Wrong guesses at a subject.
    pub async fn sign_in_failures(&self, subject: &str) -> Result<Option<SignInFailures>> {
        let row = self.db.fetch_optional(FAILURES, params![subject]).await?;
        row.as_ref().map(failures).transpose()
    }
}

impl Tx {
    /// Stores a session.
    pub async fn insert_member_session(&mut self, new: &MemberSession) -> Result<()> {
        let values = params![
            &new.id,
            &new.token_hash,
            new.member_id,
            &new.how,
            &new.user_agent,
            &new.address,
            new.created_at,
            new.last_seen_at,
            new.expires_at,
        ];
        self.execute(INSERT, values).await.map(|_| ())
    }

    /// Notes that a session was seen, and moves its end.
    pub async fn member_session_seen(
        &mut self,
        id: &str,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<()> {
        self.execute(SEEN, params![id, now, expires_at]).await.map(|_| ())
    }

    /// Ends one session of a member.
    pub async fn end_member_session(&mut self, member_id: i64, id: &str) -> Result<bool> {
        Ok(self.execute(END, params![member_id, id]).await? > 0)
    }

    /// Ends every session of a member but one; an empty id ends all.
    pub async fn end_member_sessions_but(&mut self, member_id: i64, id: &str) -> Result<u64> {
        self.execute(END_OTHERS, params![member_id, id]).await
    }

    /// Stores a step.
    pub async fn insert_sign_in_step(&mut self, step: &SignInStep) -> Result<()> {
        let values =
            params![&step.token_hash, step.kind, step.member_id, &step.payload, step.expires_at];
        self.execute(INSERT_STEP, values).await.map(|_| ())
    }

    /// Takes a step, once.
    pub async fn take_sign_in_step(
        &mut self,
        token_hash: &str,
        kind: &str,
        now: Timestamp,
    ) -> Result<Option<(Option<i64>, String)>> {
        let row = self.fetch_optional(TAKE_STEP, params![token_hash, kind, now]).await?;
        row.map(|row| Ok((row.get("member_id")?, row.get("payload")?))).transpose()
    }

    /// Wrong guesses at a subject, seen from inside a transaction.
    pub async fn sign_in_failures(&mut self, subject: &str) -> Result<Option<SignInFailures>> {
        let row = self.fetch_optional(FAILURES, params![subject]).await?;
        row.as_ref().map(failures).transpose()
    }

    /// Replaces what is known of wrong guesses at a subject.
    pub async fn save_sign_in_failures(
        &mut self,
        subject: &str,
        new: SignInFailures,
    ) -> Result<()> {
        let values = params![subject, new.failures, new.locked_until, new.failed_at];
        self.execute(SAVE_FAILURES, values).await.map(|_| ())
    }

    /// Forgets wrong guesses at a subject.
    pub async fn forget_sign_in_failures(&mut self, subject: &str) -> Result<()> {
        self.execute(FORGET_FAILURES, params![subject]).await.map(|_| ())
    }
}
