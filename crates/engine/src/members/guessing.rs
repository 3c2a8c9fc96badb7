//! Against guessing: whoever is wrong too often waits, longer each time.
//!
//! Counted by what is guessed at together with where it comes from, so that a stranger elsewhere
//! locks nobody out of their own account; and by what is guessed at alone, much later, against
//! guessers with many addresses.

use std::time::Duration;

use valetkey_base::Timestamp;
use valetkey_store::SignInFailures;
use valetkey_vault::token_hash_hex;

use crate::engine::Engine;
use crate::error::{Error, Result};

/// Wrong guesses from one place that cost nothing.
const FREE_FROM_ONE_PLACE: i64 = 5;
/// Wrong guesses from anywhere that cost nothing.
const FREE_FROM_ANYWHERE: i64 = 50;
/// The first pause; each further wrong guess doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(15);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_mins(15);
/// After this much quiet, counting begins anew.
const FORGOTTEN_AFTER: Duration = Duration::from_hours(24);

/// What is guessed at, from one place and from anywhere, with what each allows.
pub(super) struct Target([(String, i64); 2]);

impl Target {
    /// `what` is an address or a member; `place` is where the guess comes from.
    pub(super) fn new(what: &str, place: &str) -> Self {
        // Hashes: what people type into the wrong field may be a password.
        Self([
            (token_hash_hex(&format!("{what}\n{place}")), FREE_FROM_ONE_PLACE),
            (token_hash_hex(what), FREE_FROM_ANYWHERE),
        ])
    }
}

fn pause(failures: i64, free: i64) -> Duration {
    let over = u32::try_from(failures - free).unwrap_or(0);
    if over == 0 {
        return Duration::ZERO;
    }
    FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(over - 1)).min(PAUSE_MAX)
}

fn after_failure(before: Option<SignInFailures>, free: i64, now: Timestamp) -> SignInFailures {
    let recent = before.filter(|before| before.failed_at.plus(FORGOTTEN_AFTER) > now);
    let failures = recent.map_or(0, |before| before.failures) + 1;
    SignInFailures { failures, locked_until: now.plus(pause(failures, free)), failed_at: now }
}

impl Engine {
    /// # Errors
    /// [`Error::Refused`] (`too_many_attempts`) while the target is locked, with the time to wait.
    pub(super) async fn check_not_locked(&self, target: &Target) -> Result<()> {
        let now = self.clock.now();
        for (subject, _) in &target.0 {
            let Some(failures) = self.store.sign_in_failures(subject).await? else { continue };
            let left_ms = failures.locked_until.millis() - now.millis();
            if left_ms > 0 {
                return Err(Error::Refused {
                    code: "too_many_attempts",
                    message: format!("Too many wrong attempts. Try again in {}.", minutes(left_ms)),
                });
            }
        }
        Ok(())
    }

    /// Counts a wrong guess.
    pub(super) async fn count_wrong_guess(&self, target: Target) -> Result<()> {
        let now = self.clock.now();
        self.store
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move {
                    for (subject, free) in &target.0 {
                        let before = tx.sign_in_failures(subject).await?;
                        let after = after_failure(before, *free, now);
                        tx.save_sign_in_failures(subject, after).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Forgets wrong guesses after a right one.
    pub(super) async fn forget_wrong_guesses(&self, target: Target) -> Result<()> {
        self.store
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move {
                    for (subject, _) in &target.0 {
                        tx.forget_sign_in_failures(subject).await?;
                    }
                    Ok(())
                })
            })
            .await
    }
}

fn minutes(ms: i64) -> String {
    match ms.div_euclid(1000) + 1 {
        1 => "a second".to_owned(),
        seconds @ 2..=90 => format!("{seconds} seconds"),
        seconds => format!("{} minutes", (seconds + 59) / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_begin_after_the_free_ones_double_and_have_an_end() {
        let seconds = |failures| pause(failures, 5).as_secs();
        assert_eq!([seconds(1), seconds(5), seconds(6), seconds(7)], [0, 0, 15, 30]);
        assert_eq!(seconds(50), 15 * 60);
        assert_eq!(seconds(i64::MAX), 0, "more than can be counted never happens");
    }

    #[test]
    fn a_quiet_day_begins_anew() {
        let now = Timestamp::from_millis(1_000_000_000_000);
        let old = SignInFailures { failures: 9, locked_until: now, failed_at: now };
        assert_eq!(after_failure(Some(old), 5, now.plus(Duration::from_mins(1))).failures, 10);
        assert_eq!(after_failure(Some(old), 5, now.plus(Duration::from_hours(24))).failures, 1);
    }

    #[test]
    fn waiting_is_said_in_words() {
        assert_eq!(minutes(100), "a second");
        assert_eq!(minutes(14_900), "15 seconds");
        assert_eq!(minutes(15 * 60_000 - 10), "15 minutes");
    }
}
