//! Invitations: a link that makes whoever opens it a member, once.

use std::time::Duration;

use valetkey_base::Secret;
use valetkey_store::{Invitation, Member, NewMember};
use valetkey_vault::token_hash_hex;

use super::roles::Role;
use super::sign_in::SignedInMember;
use super::{LINK_BYTES, check, is_email, taken};
use crate::engine::Engine;
use crate::error::{Error, Issue, Result};

/// How long an invitation works.
pub const INVITATION_LIFETIME: Duration = Duration::from_hours(24 * 7);

impl Engine {
    /// Invites somebody and answers the link to send them. An earlier one to the same address
    /// stops working.
    ///
    /// # Errors
    /// [`Error::Invalid`] (`email`, `role`).
    pub async fn invite(&self, by: &SignedInMember, email: &str, role: &str) -> Result<Secret> {
        let email = email.trim().to_lowercase();
        let mut issues = Vec::new();
        if !is_email(&email) {
            let message = "Enter an e-mail address, such as you@example.com.";
            issues.push(Issue::custom(&["email"], message));
        } else if self.store.member_by_email(&email).await?.is_some() {
            issues.push(Issue::custom(&["email"], "Somebody with this address is a member."));
        }
        let role = Role::parse(role).filter(|role| by.role.may_grant(*role));
        if role.is_none() {
            issues.push(Issue::custom(&["role"], "Choose a role that is not above your own."));
        }
        let (Some(role), true) = (role, issues.is_empty()) else {
            return Err(Error::Invalid(issues));
        };
        let token = self.rng.base64url(LINK_BYTES);
        let (hash, now) = (token_hash_hex(&token), self.clock.now());
        let (account, member, owned) = (by.member.account_id, by.member.id, email.clone());
        self.store
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move {
                    let ends = now.plus(INVITATION_LIFETIME);
                    let whom = (owned.as_str(), role.name());
                    Ok(tx.insert_invitation(account, &hash, whom, member, (now, ends)).await?)
                })
            })
            .await?;
        self.recorder.audit(None, by.actor(), "member.invited", email);
        let url =
            format!("{}/dashboard/account/invitation?token={token}", self.settings.public_url);
        Ok(Secret::new(url))
    }

    /// Invitations that were not accepted yet, the newest first.
    pub async fn invitations(&self, account_id: i64) -> Result<Vec<Invitation>> {
        Ok(self.store.invitations(account_id, self.clock.now()).await?)
    }

    /// Withdraws an invitation.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn withdraw_invitation(&self, by: &SignedInMember, id: i64) -> Result<()> {
        let account = by.member.account_id;
        let dropped = self
            .store
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move { Ok(tx.drop_invitation(account, id).await?) })
            })
            .await?;
        if !dropped {
            return Err(Error::NotFound("invitation"));
        }
        self.recorder.audit(None, by.actor(), "member.invitation_withdrawn", id.to_string());
        Ok(())
    }

    /// The invitation of a link, if it still works.
    pub async fn invitation(&self, token: &str) -> Result<Option<Invitation>> {
        Ok(self.store.invitation(&token_hash_hex(token), self.clock.now()).await?)
    }

    /// Makes the invited person a member, which uses the link up.
    ///
    /// # Errors
    /// [`Error::Invalid`] (`password`, `email`), [`Error::NotFound`] when the link does not work.
    pub async fn accept_invitation(
        &self,
        token: &str,
        name: &str,
        password: &Secret,
    ) -> Result<Member> {
        let found = self.invitation(token).await?.ok_or(Error::NotFound("invitation"))?;
        check(&found.email, password)?;
        let name = super::team::checked_name(name)?;
        let password_hash = self.hash_password(password).await?;
        let (hash, now) = (token_hash_hex(token), self.clock.now());
        let member = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let taken_up = tx.take_invitation(&hash, now).await?;
                    let invitation = taken_up.ok_or(Error::NotFound("invitation"))?;
                    let new = NewMember {
                        account_id: invitation.account_id,
                        email: invitation.email,
                        password_hash,
                        role: invitation.role,
                        name,
                        oidc_subject: None,
                    };
                    tx.insert_member(&new, now).await.map_err(taken)
                })
            })
            .await?;
        self.recorder.audit(None, format!("member:{}", member.id), "member.joined", &member.email);
        Ok(member)
    }
}
