//! People who may sign in. The first one, the owner, is made through a link that works once.

mod guessing;
pub mod invitations;
pub mod openid;
pub mod passkeys;
mod password;
pub mod roles;
pub mod second_factor;
pub mod sign_in;
mod team;

use std::time::Duration;

use valetkey_base::Secret;
use valetkey_store::{Member, NewMember};
use valetkey_vault::token_hash_hex;

use crate::engine::Engine;
use crate::error::{Error, Issue, Result};

pub use password::{PASSWORD_BYTES_MAX, PASSWORD_CHARACTERS_MIN};
pub use roles::{Permission, Role};

/// How long an owner link works.
pub const OWNER_LINK_LIFETIME: Duration = Duration::from_hours(24);
/// Most bytes of an e-mail address (RFC 5321 section 4.5.3.1.3, without the angle brackets).
pub const EMAIL_BYTES_MAX: usize = 254;

/// Random bytes of an owner link's token.
const LINK_BYTES: usize = 32;

impl Engine {
    /// The address at which the owner can be created, once. It replaces an earlier one. `None` when
    /// the account has members already.
    pub async fn make_owner_link(&self, account_id: i64) -> Result<Option<Secret>> {
        if self.store.member_count(account_id).await? > 0 {
            return Ok(None);
        }
        let token = self.rng.base64url(LINK_BYTES);
        let hash = token_hash_hex(&token);
        let expires_at = self.clock.now().plus(OWNER_LINK_LIFETIME);
        self.store
            .write::<_, Error, _>(move |tx| {
                Box::pin(
                    async move { Ok(tx.replace_owner_link(account_id, &hash, expires_at).await?) },
                )
            })
            .await?;
        let url = format!("{}/setup?token={token}", self.settings.public_url);
        Ok(Some(Secret::new(url)))
    }

    /// Whether an owner link can still be used.
    pub async fn owner_link_is_live(&self, token: &str) -> Result<bool> {
        Ok(self.store.owner_link_is_live(&token_hash_hex(token), self.clock.now()).await?)
    }

    /// Creates the owner through a link, which is used up by that.
    ///
    /// # Errors
    /// [`Error::Invalid`] for the address (`email`) or the password (`password`); the link keeps
    /// working then. [`Error::NotFound`] when the link was used, has expired, or never was.
    pub async fn create_owner(
        &self,
        token: &str,
        email: &str,
        password: &Secret,
    ) -> Result<Member> {
        let email = email.trim().to_lowercase();
        check(&email, password)?;
        let token_hash = token_hash_hex(token);
        let now = self.clock.now();
        // Hashing is slow on purpose, so nobody without a link makes us do it.
        if !self.store.owner_link_is_live(&token_hash, now).await? {
            return Err(Error::NotFound("setup link"));
        }
        let password_hash = self.hash_password(password).await?;
        let member = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let account = tx.use_owner_link(&token_hash, now).await?;
                    let account = account.ok_or(Error::NotFound("setup link"))?;
                    let new = NewMember {
                        account_id: account,
                        email,
                        password_hash,
                        role: Role::Owner.name().to_owned(),
                        name: String::new(),
                        oidc_subject: None,
                    };
                    tx.insert_member(&new, now).await.map_err(taken)
                })
            })
            .await?;
        self.recorder.audit(None, "owner link", "member.created", member.id.to_string());
        Ok(member)
    }
}

/// Two people cannot have one address.
fn taken(error: valetkey_store::Error) -> Error {
    match error {
        valetkey_store::Error::Duplicate { .. } => Error::Invalid(vec![Issue::custom(
            &["email"],
            "Somebody with this address exists already.",
        )]),
        other => other.into(),
    }
}

fn check(email: &str, password: &Secret) -> Result<()> {
    let mut issues = Vec::new();
    if !is_email(email) {
        issues.push(Issue::custom(&["email"], "Enter an e-mail address, such as you@example.com."));
    }
    issues.extend(password::issue("password", password));
    if issues.is_empty() { Ok(()) } else { Err(Error::Invalid(issues)) }
}

/// Something before and a domain after one `@`; whether mail arrives only sending can tell.
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    text.len() <= EMAIL_BYTES_MAX
        && !local.is_empty()
        && !domain.contains('@')
        && domain.split('.').count() >= 2
        && domain.split('.').all(|label| !label.is_empty())
        && !text.contains(|c: char| c.is_whitespace() || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(email: &str, password: &str) -> Vec<String> {
        match check(email, &Secret::new(password)) {
            Err(Error::Invalid(issues)) => {
                issues.into_iter().map(|issue| issue.path.concat()).collect()
            }
            _ => Vec::new(),
        }
    }

    #[test]
    fn what_is_wrong_is_said_field_by_field() {
        assert!(wrong("ada@example.com", "correct horse battery").is_empty());
        assert_eq!(wrong("ada", "short"), ["email", "password"]);
        assert_eq!(wrong("a@b", "twelve chars."), ["email"]);
        assert_eq!(wrong("a b@example.com", "twelve chars."), ["email"]);
        assert_eq!(wrong("a@example.com", &"x".repeat(1025)), ["password"]);
        // Twelve characters, whatever their size.
        assert!(wrong("a@example.com", &"ü".repeat(12)).is_empty());
    }
}
