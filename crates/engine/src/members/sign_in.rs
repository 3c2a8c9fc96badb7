//! Signing in: with a password and, where a member has one, a second factor.

use std::time::Duration;

use valetkey_base::Secret;
use valetkey_store::{Member, MemberSession, SignInStep};
use valetkey_vault::token_hash_hex;

use super::guessing::Target;
use super::roles::Role;
use crate::engine::Engine;
use crate::error::{Error, Result};

/// How long a session lasts after it was last seen.
pub const SESSION_IDLE: Duration = Duration::from_hours(24 * 7);
/// How long a session lasts at all.
pub const SESSION_MAX: Duration = Duration::from_hours(24 * 30);
/// How exactly it is known when a session was last seen.
const SEEN_EVERY: Duration = Duration::from_mins(1);
/// How long the second factor may take.
const STEP_LIFETIME: Duration = Duration::from_mins(5);
/// Random bytes of a session's or a step's token.
const TOKEN_BYTES: usize = 32;
/// Most bytes of what a browser calls itself that are kept.
const USER_AGENT_BYTES_MAX: usize = 256;

const CODE_STEP: &str = "code";

/// The browser somebody signs in with.
#[derive(Clone, Debug)]
pub struct Browser {
    /// What it calls itself.
    pub user_agent: String,
    /// The address it comes from.
    pub address: String,
}

/// How far a sign-in got.
pub enum SignIn {
    /// Signed in.
    Done(SignedIn),
    /// The password is right; the code of a second factor is missing. The token is for
    /// [`Engine::sign_in_with_code`].
    NeedsCode(Secret),
}

/// A new session.
pub struct SignedIn {
    /// What the cookie has.
    pub token: Secret,
    /// Who.
    pub member: Member,
}

/// A member's live session.
#[derive(Clone, Debug)]
pub struct SignedInMember {
    /// The session.
    pub session: MemberSession,
    /// Whose.
    pub member: Member,
    /// What they may do.
    pub role: Role,
}

impl SignedInMember {
    /// The name of this member in the audit trail.
    pub fn actor(&self) -> String {
        format!("member:{}", self.member.id)
    }
}

impl Engine {
    /// Signs in with an address and a password.
    ///
    /// # Errors
    /// [`Error::Refused`]: `wrong_credentials`, which does not say which of the two is wrong, or
    /// `too_many_attempts`.
    pub async fn sign_in(
        &self,
        email: &str,
        password: &Secret,
        browser: Browser,
    ) -> Result<SignIn> {
        let email = email.trim().to_lowercase();
        let target = || Target::new(&email, &browser.address);
        self.check_not_locked(&target()).await?;
        let member = self.store.member_by_email(&email).await?;
        let hash = member.as_ref().map(|member| member.password_hash.as_str());
        let is_right = self.password_is(hash, password).await?;
        let Some(member) = member.filter(|_| is_right) else {
            self.count_wrong_guess(target()).await?;
            self.recorder.audit(None, "stranger", "member.sign_in_failed", &browser.address);
            return Err(Error::Refused {
                code: "wrong_credentials",
                message: "The address or the password is wrong.".to_owned(),
            });
        };
        if member.totp.is_some() {
            let token = self.insert_step(CODE_STEP, Some(member.id), String::new()).await?;
            return Ok(SignIn::NeedsCode(token));
        }
        self.forget_wrong_guesses(target()).await?;
        Ok(SignIn::Done(self.begin_session(member, "password", browser).await?))
    }

    /// The second step: a one-time code, or a recovery code.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the first step is too long ago; [`Error::Refused`]: `wrong_code`,
    /// after which the step still works, or `too_many_attempts`.
    pub async fn sign_in_with_code(
        &self,
        step: &str,
        code: &str,
        browser: Browser,
    ) -> Result<SignedIn> {
        let (hash, now) = (token_hash_hex(step), self.clock.now());
        let found = self.store.sign_in_step(&hash, CODE_STEP, now).await?;
        let member = match found {
            Some((Some(id), _)) => self.store.member(id).await?,
            _ => None,
        };
        let member = member.ok_or(Error::NotFound("sign-in"))?;
        let target = || Target::new(&format!("code of {}", member.id), &browser.address);
        self.check_not_locked(&target()).await?;
        let Some(how) = self.take_code(&member, code).await? else {
            self.count_wrong_guess(target()).await?;
            return Err(Error::Refused {
                code: "wrong_code",
                message: "This code is wrong, or was used already.".to_owned(),
            });
        };
        let taken = self
            .store
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move { Ok(tx.take_sign_in_step(&hash, CODE_STEP, now).await?) })
            })
            .await?;
        if taken.is_none() {
            return Err(Error::NotFound("sign-in"));
        }
        self.forget_wrong_guesses(target()).await?;
        self.forget_wrong_guesses(Target::new(&member.email, &browser.address)).await?;
        self.begin_session(member, how, browser).await
    }

    pub(super) async fn insert_step(
        &self,
        kind: &'static str,
        member_id: Option<i64>,
        payload: String,
    ) -> Result<Secret> {
        let token = self.rng.base64url(TOKEN_BYTES);
        let step = SignInStep {
            token_hash: token_hash_hex(&token),
            kind,
            member_id,
            payload,
            expires_at: self.clock.now().plus(STEP_LIFETIME),
        };
        self.store
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move { Ok(tx.insert_sign_in_step(&step).await?) })
            })
            .await?;
        Ok(Secret::new(token))
    }

    pub(super) async fn begin_session(
        &self,
        member: Member,
        how: &str,
        browser: Browser,
    ) -> Result<SignedIn> {
        let (token, now) = (self.rng.base64url(TOKEN_BYTES), self.clock.now());
        let mut user_agent = browser.user_agent;
        user_agent.truncate(user_agent.floor_char_boundary(USER_AGENT_BYTES_MAX));
        let session = MemberSession {
            id: self.rng.alphanumeric(16),
            token_hash: token_hash_hex(&token),
            member_id: member.id,
            how: how.to_owned(),
            user_agent,
            address: browser.address,
            created_at: now,
            last_seen_at: now,
            expires_at: now.plus(SESSION_IDLE),
        };
        let target = format!("{how}, {}", session.address);
        self.store
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move { Ok(tx.insert_member_session(&session).await?) })
            })
            .await?;
        self.recorder.audit(None, format!("member:{}", member.id), "member.signed_in", target);
        Ok(SignedIn { token: Secret::new(token), member })
    }

    /// Whose session this is. `None` when it is unknown or over.
    pub async fn signed_in(&self, token: &str) -> Result<Option<SignedInMember>> {
        let now = self.clock.now();
        let Some(session) = self.store.member_session(&token_hash_hex(token), now).await? else {
            return Ok(None);
        };
        let Some(member) = self.store.member(session.member_id).await? else {
            return Ok(None);
        };
        let role = Role::parse(&member.role).ok_or(Error::Corrupt("role"))?;
        if session.last_seen_at.plus(SEEN_EVERY) < now {
            let id = session.id.clone();
            let ends = now.plus(SESSION_IDLE).min(session.created_at.plus(SESSION_MAX));
            self.store
                .write::<_, Error, _>(move |tx| {
                    Box::pin(async move { Ok(tx.member_session_seen(&id, now, ends).await?) })
                })
                .await?;
        }
        Ok(Some(SignedInMember { session, member, role }))
    }

    /// Live sessions of a member, the latest seen first.
    pub async fn member_sessions(&self, member_id: i64) -> Result<Vec<MemberSession>> {
        Ok(self.store.member_sessions(member_id, self.clock.now()).await?)
    }

    /// Ends a session.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the member has no such session.
    pub async fn end_member_session(&self, member_id: i64, id: &str) -> Result<()> {
        let owned = id.to_owned();
        let ended = self
            .store
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move { Ok(tx.end_member_session(member_id, &owned).await?) })
            })
            .await?;
        if !ended {
            return Err(Error::NotFound("session"));
        }
        self.recorder.audit(None, format!("member:{member_id}"), "member.session_ended", id);
        Ok(())
    }

    /// Ends every session of a member but `kept`, and says how many that were.
    pub async fn end_other_sessions(&self, member_id: i64, kept: &str) -> Result<u64> {
        let owned = kept.to_owned();
        let ended = self
            .store
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move { Ok(tx.end_member_sessions_but(member_id, &owned).await?) })
            })
            .await?;
        let actor = format!("member:{member_id}");
        self.recorder.audit(None, actor, "member.sessions_ended", ended.to_string());
        Ok(ended)
    }
}
