//! One-time codes of an authenticator app (TOTP, RFC 6238, with the parameters every app has:
//! SHA-1, six digits, 30 seconds), and the recovery codes for whoever lost it.

use aws_lc_rs::hmac;
use data_encoding::BASE32_NOPAD;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use valetkey_base::{Sealed, Secret, Timestamp};
use valetkey_store::Member;
use valetkey_vault::token_hash_hex;

use crate::engine::Engine;
use crate::error::{Error, Issue, Result};
use crate::sealing::{Column, SERVER_ENVIRONMENT};

/// Seconds of a time step.
const STEP_S: i64 = 30;
/// Steps before and after the present one whose code is taken: clocks differ.
const DRIFT_STEPS: i64 = 1;
/// Digits of a code.
const DIGITS: u32 = 6;
/// Bytes of the shared secret (RFC 4226 section 4 recommends 20).
const SECRET_BYTES: usize = 20;
/// Recovery codes a member gets.
const RECOVERY_CODES: usize = 10;
/// Characters of a recovery code, of 32 kinds.
const RECOVERY_CODE_CHARACTERS: usize = 10;
/// A secret that was shown and is not proven yet.
const PENDING_STEP: &str = "new_totp";

/// A secret that is shown once, until a code proves that the app has it.
#[derive(Serialize, Deserialize)]
pub struct NewSecondFactor {
    /// What the form brings back.
    #[serde(skip)]
    pub step: String,
    /// The secret in Base32, for typing.
    pub secret: String,
    /// `otpauth://totp/…`, for the QR code.
    pub url: String,
}

/// The code of a time step (RFC 4226 section 5.3).
fn code(secret: &[u8], step: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let bytes = tag.as_ref();
    let at = bytes.last().map_or(0, |last| usize::from(last & 0x0f));
    let number = bytes
        .get(at..at + 4)
        .and_then(|four| four.try_into().ok())
        .map_or(0, |four| u32::from_be_bytes(four) & 0x7fff_ffff);
    format!("{:06}", number % 10_u32.pow(DIGITS))
}

/// The step whose code this is, if it is one of now.
fn step_of(secret: &[u8], typed: &str, now: Timestamp) -> Option<i64> {
    let present = now.millis().div_euclid(1000).div_euclid(STEP_S);
    (present - DRIFT_STEPS..=present + DRIFT_STEPS)
        .find(|&step| code(secret, step).as_bytes().ct_eq(typed.as_bytes()).into())
}

/// Without what people add: spaces, dashes, capitals.
fn plain(typed: &str) -> String {
    typed.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase()
}

impl Engine {
    /// A new secret for a member's authenticator app. Nothing changes until
    /// [`Self::confirm_second_factor`].
    pub async fn new_second_factor(&self, member: &Member) -> Result<NewSecondFactor> {
        let secret = BASE32_NOPAD.encode(&self.rng.bytes::<SECRET_BYTES>());
        let sealed = self
            .sealer
            .seal(SERVER_ENVIRONMENT, Column::SIGN_IN_STEP, "new_totp", secret.as_bytes())
            .await?;
        let payload = hex::encode(sealed.as_bytes());
        let step = self.insert_step(PENDING_STEP, Some(member.id), payload).await?;
        Ok(NewSecondFactor {
            step: step.expose().to_owned(),
            url: otpauth_url(&secret, &member.email),
            secret,
        })
    }

    /// The secret of an earlier [`Self::new_second_factor`], to show it again after a wrong code.
    ///
    /// # Errors
    /// [`Error::NotFound`] when that is too long ago.
    pub async fn pending_second_factor(
        &self,
        member: &Member,
        step: &str,
    ) -> Result<NewSecondFactor> {
        let found =
            self.store.sign_in_step(&token_hash_hex(step), PENDING_STEP, self.clock.now()).await?;
        let (_, payload) = found
            .filter(|(owner, _)| *owner == Some(member.id))
            .ok_or(Error::NotFound("second factor"))?;
        let sealed = hex::decode(payload).map_err(|_| Error::Corrupt("second factor"))?;
        let text = self
            .sealer
            .open(SERVER_ENVIRONMENT, Column::SIGN_IN_STEP, "new_totp", &Sealed::from_bytes(sealed))
            .await?;
        let secret = String::from_utf8(text).map_err(|_| Error::Corrupt("second factor"))?;
        let url = otpauth_url(&secret, &member.email);
        Ok(NewSecondFactor { step: step.to_owned(), secret, url })
    }

    /// Turns the second factor on with a first code, and answers recovery codes, shown once.
    ///
    /// # Errors
    /// [`Error::Invalid`] (`code`), [`Error::NotFound`] when the secret was made too long ago.
    pub async fn confirm_second_factor(
        &self,
        member: &Member,
        step: &str,
        typed: &str,
    ) -> Result<Vec<Secret>> {
        let pending = self.pending_second_factor(member, step).await?;
        let secret = BASE32_NOPAD
            .decode(pending.secret.as_bytes())
            .map_err(|_| Error::Corrupt("second factor"))?;
        let Some(time_step) = step_of(&secret, &plain(typed), self.clock.now()) else {
            let message = "This is not the code that the app shows now.";
            return Err(Error::Invalid(vec![Issue::custom(&["code"], message)]));
        };
        let id = member.id;
        let sealed =
            self.sealer.seal(SERVER_ENVIRONMENT, Column::TOTP, &id.to_string(), &secret).await?;
        let (codes, hashes) = self.make_recovery_codes();
        let (hash, now) = (token_hash_hex(step), self.clock.now());
        self.store
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move {
                    tx.take_sign_in_step(&hash, PENDING_STEP, now).await?;
                    tx.set_member_totp(id, Some(&sealed), Some(time_step)).await?;
                    Ok(tx.replace_recovery_codes(id, &hashes).await?)
                })
            })
            .await?;
        self.recorder.audit(None, format!("member:{id}"), "member.second_factor_on", "");
        Ok(codes)
    }

    /// Turns the second factor off.
    pub async fn remove_second_factor(&self, member_id: i64, actor: &str) -> Result<()> {
        self.store
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move {
                    tx.set_member_totp(member_id, None, None).await?;
                    Ok(tx.replace_recovery_codes(member_id, &[]).await?)
                })
            })
            .await?;
        self.recorder.audit(None, actor, "member.second_factor_off", member_id.to_string());
        Ok(())
    }

    /// Replaces a member's recovery codes; they are answered once.
    pub async fn new_recovery_codes(&self, member_id: i64) -> Result<Vec<Secret>> {
        let (codes, hashes) = self.make_recovery_codes();
        self.store
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move { Ok(tx.replace_recovery_codes(member_id, &hashes).await?) })
            })
            .await?;
        let actor = format!("member:{member_id}");
        self.recorder.audit(None, actor, "member.recovery_codes_made", "");
        Ok(codes)
    }

    /// Takes a one-time code or a recovery code, once, and says which it was.
    pub(super) async fn take_code(
        &self,
        member: &Member,
        typed: &str,
    ) -> Result<Option<&'static str>> {
        let (typed, id) = (plain(typed), member.id);
        if let Some(sealed) = &member.totp {
            let row = id.to_string();
            let secret = self.sealer.open(SERVER_ENVIRONMENT, Column::TOTP, &row, sealed).await?;
            if let Some(step) = step_of(&secret, &typed, self.clock.now()) {
                let is_new = self
                    .store
                    .write::<_, Error, _>(move |tx| {
                        Box::pin(async move { Ok(tx.take_totp_step(id, step).await?) })
                    })
                    .await?;
                return Ok(is_new.then_some("password and code"));
            }
        }
        if typed.len() != RECOVERY_CODE_CHARACTERS {
            return Ok(None);
        }
        let hash = token_hash_hex(&typed);
        let was_one = self
            .store
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move { Ok(tx.take_recovery_code(id, &hash).await?) })
            })
            .await?;
        Ok(was_one.then_some("password and recovery code"))
    }

    fn make_recovery_codes(&self) -> (Vec<Secret>, Vec<String>) {
        (0..RECOVERY_CODES)
            .map(|_| {
                let text = BASE32_NOPAD.encode(&self.rng.bytes::<8>()).to_lowercase();
                let code: String = text.chars().take(RECOVERY_CODE_CHARACTERS).collect();
                let hash = token_hash_hex(&code);
                let (left, right) = code.split_at(RECOVERY_CODE_CHARACTERS / 2);
                (Secret::new(format!("{left}-{right}")), hash)
            })
            .unzip()
    }
}

fn otpauth_url(secret: &str, email: &str) -> String {
    let label: String = url::form_urlencoded::byte_serialize(email.as_bytes()).collect();
    format!("otpauth://totp/Valetkey:{label}?secret={secret}&issuer=Valetkey")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_standard() {
        // RFC 6238 appendix B, SHA-1, the last six digits.
        let secret = b"12345678901234567890";
        for (seconds, expected) in
            [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000_i64, "353130")]
        {
            assert_eq!(code(secret, seconds / STEP_S), expected);
            let now = Timestamp::from_millis(seconds * 1000);
            assert_eq!(step_of(secret, expected, now), Some(seconds / STEP_S));
            assert_eq!(
                step_of(secret, expected, now.plus(std::time::Duration::from_secs(90))),
                None
            );
        }
    }

    #[test]
    fn what_people_add_does_not_matter() {
        assert_eq!(plain(" 287 082 "), "287082");
        assert_eq!(plain("ABCDE-fghij"), "abcdefghij");
    }
}
