//! The members of an account: who is what, who goes, and what each changes about themselves.

use valetkey_base::Secret;
use valetkey_store::{Member, Tx};

use super::guessing::Target;
use super::password;
use super::roles::{Permission, Role};
use super::sign_in::SignedInMember;
use crate::engine::Engine;
use crate::error::{Error, Issue, Result};

/// Most characters of a member's name.
pub(super) const NAME_CHARACTERS_MAX: usize = 100;

/// # Errors
/// [`Error::Invalid`] (`name`).
pub(super) fn checked_name(name: &str) -> Result<String> {
    let name = name.trim();
    if name.chars().count() > NAME_CHARACTERS_MAX || name.contains(char::is_control) {
        let message = format!("Use at most {NAME_CHARACTERS_MAX} characters on one line.");
        return Err(Error::Invalid(vec![Issue::custom(&["name"], message)]));
    }
    Ok(name.to_owned())
}

fn last_owner() -> Error {
    Error::Refused {
        code: "last_owner",
        message: "This is the only owner. Make somebody else an owner first.".to_owned(),
    }
}

fn not_permitted() -> Error {
    Error::Refused { code: "not_permitted", message: "Your role does not allow this.".to_owned() }
}

async fn one_owner_stays(tx: &mut Tx, account_id: i64) -> Result<()> {
    if tx.owner_count(account_id).await? == 0 { Err(last_owner()) } else { Ok(()) }
}

impl Engine {
    /// Members of an account, the first one first.
    pub async fn members(&self, account_id: i64) -> Result<Vec<Member>> {
        Ok(self.store.members(account_id).await?)
    }

    /// Ids of the members of an account who have a passkey.
    pub async fn members_with_passkeys(&self, account_id: i64) -> Result<Vec<i64>> {
        Ok(self.store.members_with_passkeys(account_id).await?)
    }

    /// Recovery codes of a member that still work.
    pub async fn recovery_codes_left(&self, member_id: i64) -> Result<i64> {
        Ok(self.store.recovery_codes_left(member_id).await?)
    }

    /// Makes a member something else. Pages look at the role anew each time.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`] (`role`), [`Error::Refused`] (`last_owner`,
    /// `not_permitted`).
    pub async fn set_member_role(&self, by: &SignedInMember, id: i64, role: &str) -> Result<()> {
        let other = self.other_member(by, id).await?;
        let Some(role) = Role::parse(role).filter(|role| by.role.may_grant(*role)) else {
            let message = "Choose a role that is not above your own.";
            return Err(Error::Invalid(vec![Issue::custom(&["role"], message)]));
        };
        let account = other.account_id;
        self.store
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move {
                    tx.set_member_role(account, id, role.name()).await?;
                    one_owner_stays(tx, account).await
                })
            })
            .await?;
        let what = format!("{} is {}", other.email, role.name());
        self.recorder.audit(None, by.actor(), "member.role_changed", what);
        Ok(())
    }

    /// Removes a member and ends their sessions.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Refused`] (`last_owner`, `not_permitted`).
    pub async fn remove_member(&self, by: &SignedInMember, id: i64) -> Result<()> {
        let other = self.other_member(by, id).await?;
        let (account, now) = (other.account_id, self.clock.now());
        self.store
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move {
                    tx.remove_member(account, id, now).await?;
                    tx.end_member_sessions_but(id, "").await?;
                    tx.remove_passkeys_of(id).await?;
                    one_owner_stays(tx, account).await
                })
            })
            .await?;
        self.recorder.audit(None, by.actor(), "member.removed", other.email);
        Ok(())
    }

    async fn other_member(&self, by: &SignedInMember, id: i64) -> Result<Member> {
        if !by.role.may(Permission::ManageMembers) {
            return Err(not_permitted());
        }
        let other = self.store.member(id).await?;
        let other = other.filter(|other| other.account_id == by.member.account_id);
        let other = other.ok_or(Error::NotFound("member"))?;
        let role = Role::parse(&other.role).ok_or(Error::Corrupt("role"))?;
        if by.role.may_grant(role) { Ok(other) } else { Err(not_permitted()) }
    }

    /// Sets a member's own name.
    ///
    /// # Errors
    /// [`Error::Invalid`] (`name`).
    pub async fn set_own_name(&self, by: &SignedInMember, name: &str) -> Result<()> {
        let (id, name) = (by.member.id, checked_name(name)?);
        self.store
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move { Ok(tx.set_member_name(id, &name).await?) })
            })
            .await?;
        Ok(())
    }

    /// Replaces a member's own password and ends their other sessions.
    ///
    /// # Errors
    /// [`Error::Invalid`] (`current`, `password`), [`Error::Refused`] (`too_many_attempts`).
    pub async fn change_password(
        &self,
        by: &SignedInMember,
        current: &Secret,
        new: &Secret,
    ) -> Result<()> {
        self.check_password(by, "current", current).await?;
        if let Some(issue) = password::issue("password", new) {
            return Err(Error::Invalid(vec![issue]));
        }
        let hash = self.hash_password(new).await?;
        let (id, session) = (by.member.id, by.session.id.clone());
        self.store
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move {
                    tx.set_member_password(id, &hash).await?;
                    tx.end_member_sessions_but(id, &session).await?;
                    Ok(())
                })
            })
            .await?;
        self.recorder.audit(None, by.actor(), "member.password_changed", "");
        Ok(())
    }

    /// Whether somebody who is signed in is still the same person. Who has no password, because
    /// they sign in elsewhere, is taken at their session's word.
    ///
    /// # Errors
    /// [`Error::Invalid`] (`field`), [`Error::Refused`] (`too_many_attempts`).
    pub async fn check_password(
        &self,
        by: &SignedInMember,
        field: &str,
        password: &Secret,
    ) -> Result<()> {
        if by.member.password_hash.is_empty() {
            return Ok(());
        }
        let target = || Target::new(&by.member.email, &by.session.address);
        self.check_not_locked(&target()).await?;
        if self.password_is(Some(&by.member.password_hash), password).await? {
            return Ok(());
        }
        self.count_wrong_guess(target()).await?;
        Err(Error::Invalid(vec![Issue::custom(&[field], "This is not your password.")]))
    }
}
