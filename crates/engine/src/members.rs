//! People who may sign in. The first one, the owner, is made through a link that works once.

use argon2::password_hash::PasswordHasher as _;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, Version};
use std::time::Duration;

use valetkey_base::Secret;
use valetkey_store::Member;
use valetkey_vault::token_hash_hex;

use crate::engine::Engine;
use crate::error::{Error, Issue, Result};

/// How long an owner link works.
pub const OWNER_LINK_LIFETIME: Duration = Duration::from_hours(24);
/// Fewest characters of a password.
pub const PASSWORD_CHARACTERS_MIN: usize = 12;
/// Most bytes of a password: hashing more only costs time.
pub const PASSWORD_BYTES_MAX: usize = 1024;
/// Most bytes of an e-mail address (RFC 5321 section 4.5.3.1.3, without the angle brackets).
pub const EMAIL_BYTES_MAX: usize = 254;

/// Random bytes of an owner link's token.
const LINK_BYTES: usize = 32;
/// Argon2id memory, in KiB, and passes: the second recommended option of RFC 9106 section 4 with
/// one lane, since a sign-in has one thread.
const ARGON2_MEMORY_KIB: u32 = 64 * 1024;
const ARGON2_PASSES: u32 = 3;
const ARGON2_LANES: u32 = 1;
/// Bytes of salt.
const SALT_BYTES: usize = 16;

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
                    tx.insert_member(account, &email, &password_hash, "owner", now).await.map_err(
                        |error| match error {
                            valetkey_store::Error::Duplicate { .. } => {
                                Error::Invalid(vec![Issue::custom(
                                    &["email"],
                                    "Somebody with this address exists already.",
                                )])
                            }
                            other => other.into(),
                        },
                    )
                })
            })
            .await?;
        self.recorder.audit(None, "owner link", "member.created", member.id.to_string());
        Ok(member)
    }

    /// Argon2id in PHC form. Runs beside the async threads, because it takes tens of milliseconds.
    async fn hash_password(&self, password: &Secret) -> Result<String> {
        let (password, salt) = (password.clone(), self.rng.bytes::<SALT_BYTES>());
        let hashed = tokio::task::spawn_blocking(move || {
            let params = Params::new(ARGON2_MEMORY_KIB, ARGON2_PASSES, ARGON2_LANES, None).ok()?;
            let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
            let hash: PasswordHash =
                argon2.hash_password_with_salt(password.expose().as_bytes(), &salt).ok()?;
            Some(hash.to_string())
        });
        hashed.await.ok().flatten().ok_or(Error::Corrupt("password parameters"))
    }
}

fn check(email: &str, password: &Secret) -> Result<()> {
    let mut issues = Vec::new();
    if !is_email(email) {
        issues.push(Issue::custom(&["email"], "Enter an e-mail address, such as you@example.com."));
    }
    let password = password.expose();
    if password.chars().count() < PASSWORD_CHARACTERS_MIN {
        issues.push(Issue::custom(
            &["password"],
            format!(
                "Use at least {PASSWORD_CHARACTERS_MIN} characters. A few unrelated words do well."
            ),
        ));
    } else if password.len() > PASSWORD_BYTES_MAX {
        issues.push(Issue::custom(
            &["password"],
            format!("Use at most {PASSWORD_BYTES_MAX} characters."),
        ));
    }
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
