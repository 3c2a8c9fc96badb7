//! Passwords: Argon2id, and what a new one must be.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use valetkey_base::Secret;

use crate::engine::Engine;
use crate::error::{Error, Issue, Result};

/// Fewest characters of a password.
pub const PASSWORD_CHARACTERS_MIN: usize = 12;
/// Most bytes of a password: hashing more only costs time.
pub const PASSWORD_BYTES_MAX: usize = 1024;

/// Argon2id passes: as in the second recommended option of RFC 9106 section 4, whose memory is the
/// default of the setting, with one lane, since a sign-in has one thread.
const ARGON2_PASSES: u32 = 3;
const ARGON2_LANES: u32 = 1;
/// Bytes of salt.
const SALT_BYTES: usize = 16;

fn argon2(memory_kib: u32) -> Option<Argon2<'static>> {
    let params = Params::new(memory_kib, ARGON2_PASSES, ARGON2_LANES, None).ok()?;
    Some(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

impl Engine {
    /// Argon2id in PHC form. Runs beside the async threads, because it takes tens of milliseconds,
    /// and never more often at once than its memory allows.
    pub(super) async fn hash_password(&self, password: &Secret) -> Result<String> {
        let _turn = self.password_turns.acquire().await;
        let (password, salt) = (password.clone(), self.rng.bytes::<SALT_BYTES>());
        let memory = self.settings.password_memory_kib;
        let hashed = tokio::task::spawn_blocking(move || {
            let password = password.expose().as_bytes();
            let hash: PasswordHash =
                argon2(memory)?.hash_password_with_salt(password, &salt).ok()?;
            Some(hash.to_string())
        });
        hashed.await.ok().flatten().ok_or(Error::Corrupt("password parameters"))
    }

    /// Whether a password is the one that was hashed. Takes as long when there is none, so that
    /// nobody learns from the time whether somebody is a member.
    pub(super) async fn password_is(&self, hash: Option<&str>, password: &Secret) -> Result<bool> {
        let Some(hash) = hash.filter(|hash| !hash.is_empty()) else {
            self.hash_password(password).await?;
            return Ok(false);
        };
        if password.expose().len() > PASSWORD_BYTES_MAX {
            return Ok(false);
        }
        let _turn = self.password_turns.acquire().await;
        let (hash, password) = (hash.to_owned(), password.clone());
        let verified = tokio::task::spawn_blocking(move || {
            let hash = PasswordHash::new(&hash).ok()?;
            // What was used for the hash is in the hash.
            Some(Argon2::default().verify_password(password.expose().as_bytes(), &hash).is_ok())
        });
        verified.await.ok().flatten().ok_or(Error::Corrupt("password hash"))
    }
}

/// What is wrong with a new password, if something is.
pub(super) fn issue(field: &str, password: &Secret) -> Option<Issue> {
    let password = password.expose();
    if password.chars().count() < PASSWORD_CHARACTERS_MIN {
        return Some(Issue::custom(
            &[field],
            format!(
                "Use at least {PASSWORD_CHARACTERS_MIN} characters. A few unrelated words do well."
            ),
        ));
    }
    (password.len() > PASSWORD_BYTES_MAX)
        .then(|| Issue::custom(&[field], format!("Use at most {PASSWORD_BYTES_MAX} characters.")))
}
