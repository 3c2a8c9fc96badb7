//! Why a refresh token is refused: RFC 6749 has one code, `invalid_grant`, for everything that can
//! be wrong with one. What the provider says beside it, and what happened to the connection before,
//! tell more. Nothing here is certain; each suspect says what speaks for it and what against.

use std::time::Duration;

use serde::Serialize;
use valetkey_auth::AuthError;
use valetkey_base::Timestamp;

const DAY: Duration = Duration::from_hours(24);
/// Unused for this long is long at most providers.
const LONG_IDLE: Duration = Duration::from_hours(24 * 30);
/// Used within this is not idle anywhere.
const SHORT_IDLE: Duration = Duration::from_hours(24 * 7);
/// How long an app in test mode gets tokens for, where providers have such a mode.
const TEST_MODE: Duration = Duration::from_hours(24 * 7);
/// So soon after a good refresh, somebody else's use of the token is likely.
const SOON: Duration = Duration::from_hours(1);

/// What is known of a connection at the moment of a failure.
#[derive(Clone, Copy, Debug)]
pub(super) struct Evidence {
    /// When it failed.
    pub(super) failed: Timestamp,
    /// When it last worked before: a refresh or an authorization.
    pub(super) worked: Option<Timestamp>,
    /// When it was last authorized.
    pub(super) authorized: Option<Timestamp>,
    /// When the integration was last changed.
    pub(super) changed: Option<Timestamp>,
}

/// What may be behind a refused refresh token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Suspect {
    /// Its name for programs.
    pub name: &'static str,
    /// What it would mean.
    pub text: &'static str,
    /// What speaks for it.
    pub speaks_for: Vec<String>,
    /// What speaks against it.
    pub speaks_against: Vec<String>,
}

/// Weighs a suspect while its evidence is gathered.
struct Weighed {
    weight: i32,
    suspect: Suspect,
}

impl Weighed {
    fn new(name: &'static str, text: &'static str) -> Self {
        let suspect = Suspect { name, text, speaks_for: Vec::new(), speaks_against: Vec::new() };
        Self { weight: 0, suspect }
    }

    fn speaks_for(&mut self, weight: i32, text: impl Into<String>) {
        self.weight += weight;
        self.suspect.speaks_for.push(text.into());
    }

    fn speaks_against(&mut self, weight: i32, text: impl Into<String>) {
        self.weight -= weight;
        self.suspect.speaks_against.push(text.into());
    }
}

fn days(time: Duration) -> String {
    let (count, unit) = match time.as_secs() {
        seconds @ 0..3600 => (seconds / 60, "minute"),
        seconds @ 3600..86_400 => (seconds / 3600, "hour"),
        seconds => (seconds / 86_400, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// Suspects, the most likely first.
pub(super) fn suspects(error: &AuthError, evidence: &Evidence) -> Vec<Suspect> {
    let said = error.provider_description.as_deref().unwrap_or_default().to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let mut all = [
        revoked(&says, &said),
        idle(&says, evidence),
        client_changed(&says, evidence),
        used_elsewhere(&says, evidence),
        clock(&says),
        test_mode(evidence),
    ];
    all.sort_by_key(|weighed| -weighed.weight);
    all.into_iter().map(|weighed| weighed.suspect).collect()
}

fn revoked(says: &dyn Fn(&[&str]) -> bool, said: &str) -> Weighed {
    let mut it = Weighed::new(
        "revoked",
        "Somebody took the access back at the provider: the customer, or an administrator there.",
    );
    it.speaks_for(2, "It is the most frequent reason.");
    if says(&["revoked", "withdrawn", "disconnected", "uninstalled", "deauthorized"]) {
        it.speaks_for(3, "The provider's answer speaks of it.");
    } else if !said.is_empty() {
        it.speaks_against(1, "The provider's answer does not speak of it.");
    }
    it
}

fn idle(says: &dyn Fn(&[&str]) -> bool, evidence: &Evidence) -> Weighed {
    let mut it =
        Weighed::new("idle", "The refresh token was not used for longer than the provider allows.");
    if says(&["inactiv", "idle", "not been used", "expired"]) {
        it.speaks_for(2, "The provider's answer speaks of something that ran out.");
    }
    match evidence.worked.map(|at| evidence.failed.since(at)) {
        Some(unused) if unused >= LONG_IDLE => {
            it.speaks_for(3, format!("It last worked {} before.", days(unused)));
        }
        Some(unused) if unused < SHORT_IDLE => {
            it.speaks_against(3, format!("It worked {} before.", days(unused)));
        }
        Some(_) => {}
        None => it.speaks_for(1, "The log has no earlier success of this connection."),
    }
    it
}

fn client_changed(says: &dyn Fn(&[&str]) -> bool, evidence: &Evidence) -> Weighed {
    let mut it = Weighed::new(
        "client_changed",
        "The token belongs to another client: the integration's client id was changed.",
    );
    if says(&["client", "another app", "issued to"]) {
        it.speaks_for(3, "The provider's answer speaks of the client.");
    }
    match (evidence.changed, evidence.worked) {
        (Some(changed), Some(worked)) if changed > worked && changed <= evidence.failed => {
            it.speaks_for(3, "The integration was changed after this connection last worked.");
        }
        (Some(changed), Some(worked)) if changed <= worked => {
            it.speaks_against(3, "The integration was not changed since this connection worked.");
        }
        _ => {}
    }
    it
}

fn used_elsewhere(says: &dyn Fn(&[&str]) -> bool, evidence: &Evidence) -> Weighed {
    let mut it = Weighed::new(
        "used_elsewhere",
        "Another program refreshed with the same token, and the provider takes each one only once.",
    );
    if says(&["already used", "already been used", "reuse", "re-use", "rotated", "replay"]) {
        it.speaks_for(5, "The provider's answer speaks of a token that was used before.");
    }
    if let Some(worked) = evidence.worked
        && evidence.failed.since(worked) < SOON
    {
        it.speaks_for(1, "It worked less than an hour before.");
    }
    it.speaks_against(1, "This server never uses a refresh token twice.");
    it
}

fn clock(says: &dyn Fn(&[&str]) -> bool) -> Weighed {
    let mut it = Weighed::new("clock", "The clocks of this server and of the provider disagree.");
    if says(&["clock", "in the future", "not yet valid", "iat"]) {
        it.speaks_for(4, "The provider's answer speaks of time.");
    } else {
        it.speaks_against(2, "The provider's answer does not speak of time.");
    }
    it
}

fn test_mode(evidence: &Evidence) -> Weighed {
    let mut it = Weighed::new(
        "test_mode",
        "The app is in test mode at the provider, where tokens end after some days.",
    );
    match evidence.authorized.map(|at| evidence.failed.since(at)) {
        Some(age) if age + DAY / 2 >= TEST_MODE && age <= TEST_MODE + DAY => {
            it.speaks_for(
                4,
                format!("It was authorized {} before, as such a mode allows.", days(age)),
            );
        }
        Some(age) if age > TEST_MODE + DAY => {
            it.speaks_against(3, format!("It worked for longer than that: {}.", days(age)));
        }
        Some(age) => it.speaks_against(1, format!("It was authorized only {} before.", days(age))),
        None => {}
    }
    it
}

#[cfg(test)]
mod tests {
    use valetkey_auth::Class;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_772_356_211_120);

    fn first(said: &str, worked: u32, authorized: u32, changed: Option<u32>) -> Suspect {
        let ago = |days: u32| NOW.minus(DAY * days);
        let error = AuthError {
            provider_error: Some("invalid_grant".to_owned()),
            provider_description: Some(said.to_owned()).filter(|said| !said.is_empty()),
            ..AuthError::new(Class::Terminal, "refresh_token_external_error", "Refused.")
        };
        let evidence = Evidence {
            failed: NOW,
            worked: Some(ago(worked)),
            authorized: Some(ago(authorized)),
            changed: changed.map(ago),
        };
        suspects(&error, &evidence).remove(0)
    }

    #[test]
    fn the_verdict_follows_the_evidence() {
        assert_eq!(first("", 1, 40, Some(50)).name, "revoked");
        assert_eq!(first("Token has been revoked", 1, 40, Some(50)).name, "revoked");
        assert_eq!(first("", 60, 60, Some(90)).name, "idle");
        assert_eq!(first("", 2, 40, Some(1)).name, "client_changed");
        assert_eq!(first("Refresh token already used", 1, 40, Some(50)).name, "used_elsewhere");
        assert_eq!(first("Token issued in the future", 1, 40, Some(50)).name, "clock");
        assert_eq!(first("", 1, 7, Some(50)).name, "test_mode");
    }

    #[test]
    fn every_suspect_says_what_speaks_for_or_against_it() {
        let idle = first("", 60, 60, Some(90));
        assert_eq!(idle.speaks_for, ["It last worked 60 days before."]);
        assert!(idle.speaks_against.is_empty());
    }
}
