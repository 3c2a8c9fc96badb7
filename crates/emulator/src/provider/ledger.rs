//! Everything the provider remembers: codes, grants, tokens, failures and counts.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use valetkey_base::{Rng, Timestamp};

use super::Account;
use super::fault::Queue;
use crate::bounded::Bounded;

/// How long a code can be redeemed (RFC 6749, 4.1.2 advises ten minutes at most).
const CODE_LIFETIME: Duration = Duration::from_mins(1);
/// How long a consent page can be answered.
const CONSENT_LIFETIME: Duration = Duration::from_mins(10);

/// A checked authorization request.
#[derive(Debug, Clone)]
pub(crate) struct Authorization {
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) scope: String,
    pub(crate) state: Option<String>,
    pub(crate) code_challenge: Option<String>,
}

#[derive(Debug)]
struct Code {
    authorization: Authorization,
    subject: &'static str,
    expires_at: Timestamp,
    /// Set once the code was redeemed; a second use revokes what the first one got.
    grant_id: Option<String>,
}

/// What a user (or a client on its own) allowed. Its refresh tokens are one family.
#[derive(Debug)]
pub(crate) struct Grant {
    pub(crate) client_id: String,
    pub(crate) subject: String,
    pub(crate) scope: String,
    pub(crate) created_at: Timestamp,
    pub(crate) access_expires_at: Timestamp,
    /// How many refresh requests named a token of this family.
    pub(crate) refresh_requests: u64,
    /// How many of them were answered with tokens.
    pub(crate) refreshes: u64,
    pub(crate) reuse_detected: bool,
    pub(crate) revoked: bool,
}

impl Grant {
    fn new(client_id: &str, subject: &str, scope: &str, now: Timestamp) -> Self {
        Self {
            client_id: client_id.to_owned(),
            subject: subject.to_owned(),
            scope: scope.to_owned(),
            created_at: now,
            access_expires_at: now,
            refresh_requests: 0,
            refreshes: 0,
            reuse_detected: false,
            revoked: false,
        }
    }
}

#[derive(Debug)]
struct AccessToken {
    grant_id: String,
    expires_at: Timestamp,
}

#[derive(Debug)]
struct RefreshToken {
    grant_id: String,
    spent: bool,
}

/// Why a token request is refused: the OAuth error code and a sentence (RFC 6749, 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal(pub(crate) &'static str, pub(crate) &'static str);

/// A code as the token endpoint receives it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Redemption<'a> {
    pub(crate) code: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) redirect_uri: Option<&'a str>,
    pub(crate) verifier: Option<&'a str>,
}

/// Issued tokens, as the token endpoint answers them.
pub(crate) type Tokens = Map<String, Value>;

#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) access_token_lifetime: Duration,
    pub(crate) faults: Queue,
    consents: Bounded<(Authorization, Timestamp)>,
    codes: Bounded<Code>,
    grants: Bounded<Grant>,
    access_tokens: Bounded<AccessToken>,
    refresh_tokens: Bounded<RefreshToken>,
    api_keys_revoked: Bounded<()>,
    /// The grant of each client on its own account.
    client_grants: BTreeMap<String, String>,
    token_requests: BTreeMap<&'static str, u64>,
    token_errors: BTreeMap<String, u64>,
    reuse_detections: u64,
    revocations: u64,
    resource_requests: u64,
}

impl Ledger {
    pub(crate) fn new(entries_max: usize, access_token_lifetime: Duration) -> Self {
        Self {
            access_token_lifetime,
            faults: Queue::default(),
            consents: Bounded::new(entries_max),
            codes: Bounded::new(entries_max),
            grants: Bounded::new(entries_max),
            access_tokens: Bounded::new(entries_max),
            refresh_tokens: Bounded::new(entries_max),
            api_keys_revoked: Bounded::new(entries_max),
            client_grants: BTreeMap::new(),
            token_requests: BTreeMap::new(),
            token_errors: BTreeMap::new(),
            reuse_detections: 0,
            revocations: 0,
            resource_requests: 0,
        }
    }

    /// Remembers a request while its user looks at the consent page; answers its ticket.
    pub(crate) fn open_consent(
        &mut self,
        authorization: Authorization,
        now: Timestamp,
        rng: &Rng,
    ) -> String {
        let ticket = rng.base64url(24);
        self.consents.insert(ticket.clone(), (authorization, now.plus(CONSENT_LIFETIME)));
        ticket
    }

    /// The request behind a ticket, once.
    pub(crate) fn close_consent(&mut self, ticket: &str, now: Timestamp) -> Option<Authorization> {
        let (authorization, expires_at) = self.consents.remove(ticket)?;
        (now < expires_at).then_some(authorization)
    }

    pub(crate) fn issue_code(
        &mut self,
        authorization: Authorization,
        account: &Account,
        now: Timestamp,
        rng: &Rng,
    ) -> String {
        let code = format!("emu_code_{}", rng.base64url(24));
        let expires_at = now.plus(CODE_LIFETIME);
        let entry = Code { authorization, subject: account.id, expires_at, grant_id: None };
        self.codes.insert(code.clone(), entry);
        code
    }

    /// Turns a code into a grant.
    pub(crate) fn redeem_code(
        &mut self,
        redemption: &Redemption<'_>,
        now: Timestamp,
        rng: &Rng,
    ) -> Result<String, Refusal> {
        let client_id = redemption.client_id;
        let Some(entry) = self.codes.get_mut(redemption.code) else {
            return Err(Refusal("invalid_grant", "the code is unknown"));
        };
        if let Some(grant_id) = entry.grant_id.clone() {
            // RFC 6749, 4.1.2: a code used twice may be stolen, so its tokens go.
            self.revoke(&grant_id);
            return Err(Refusal("invalid_grant", "the code was used before"));
        }
        let asked = &entry.authorization;
        if asked.client_id != client_id {
            return Err(Refusal("invalid_grant", "the code belongs to another client"));
        }
        if now >= entry.expires_at {
            return Err(Refusal("invalid_grant", "the code has expired"));
        }
        if redemption.redirect_uri != Some(asked.redirect_uri.as_str()) {
            return Err(Refusal("invalid_grant", "redirect_uri differs from the one authorized"));
        }
        verify_pkce(asked.code_challenge.as_deref(), redemption.verifier)?;
        let grant_id = format!("grant_{}", rng.hex(8));
        let grant = Grant::new(client_id, entry.subject, &asked.scope, now);
        entry.grant_id = Some(grant_id.clone());
        self.grants.insert(grant_id.clone(), grant);
        Ok(grant_id)
    }

    /// The grant a client has on its own account, made when there is none.
    pub(crate) fn client_grant(
        &mut self,
        client_id: &str,
        scope: &str,
        now: Timestamp,
        rng: &Rng,
    ) -> String {
        if let Some(id) = self.client_grants.get(client_id)
            && let Some(grant) = self.grants.get_mut(id)
            && !grant.revoked
        {
            scope.clone_into(&mut grant.scope);
            return id.clone();
        }
        let id = format!("grant_{}", rng.hex(8));
        let grant = Grant::new(client_id, &format!("client:{client_id}"), scope, now);
        self.grants.insert(id.clone(), grant);
        self.client_grants.insert(client_id.to_owned(), id.clone());
        id
    }

    /// Spends a refresh token; answers its grant. With rotation a second use revokes the family.
    pub(crate) fn spend_refresh_token(
        &mut self,
        token: &str,
        client_id: &str,
        scope: Option<&str>,
        rotate: bool,
    ) -> Result<String, Refusal> {
        let Some(entry) = self.refresh_tokens.get_mut(token) else {
            return Err(Refusal("invalid_grant", "the refresh token is unknown"));
        };
        let grant_id = entry.grant_id.clone();
        let Some(grant) = self.grants.get_mut(&grant_id) else {
            return Err(Refusal("invalid_grant", "the grant is gone"));
        };
        grant.refresh_requests += 1;
        if grant.client_id != client_id {
            return Err(Refusal("invalid_grant", "the refresh token belongs to another client"));
        }
        if entry.spent {
            if !grant.revoked {
                grant.reuse_detected = true;
                self.reuse_detections += 1;
                self.revoke(&grant_id);
            }
            return Err(Refusal("invalid_grant", "the refresh token was used before"));
        }
        if grant.revoked {
            return Err(Refusal("invalid_grant", "the grant was withdrawn"));
        }
        if let Some(scope) = scope
            && !scope.split(' ').all(|name| grant.scope.split(' ').any(|known| known == name))
        {
            return Err(Refusal("invalid_scope", "a refresh cannot ask for more than was granted"));
        }
        entry.spent = rotate;
        grant.refreshes += 1;
        Ok(grant_id)
    }

    /// Issues an access token, and a refresh token when asked to.
    pub(crate) fn issue_tokens(
        &mut self,
        grant_id: &str,
        with_refresh_token: bool,
        now: Timestamp,
        rng: &Rng,
    ) -> Tokens {
        let access_token = format!("emu_at_{}", rng.base64url(24));
        let expires_at = now.plus(self.access_token_lifetime);
        let mut reply = Tokens::new();
        reply.insert("access_token".to_owned(), json!(access_token));
        reply.insert("token_type".to_owned(), json!("Bearer"));
        reply.insert("expires_in".to_owned(), json!(self.access_token_lifetime.as_secs()));
        let entry = AccessToken { grant_id: grant_id.to_owned(), expires_at };
        self.access_tokens.insert(access_token, entry);
        if with_refresh_token {
            let refresh_token = format!("emu_rt_{}", rng.base64url(24));
            reply.insert("refresh_token".to_owned(), json!(refresh_token));
            let entry = RefreshToken { grant_id: grant_id.to_owned(), spent: false };
            self.refresh_tokens.insert(refresh_token, entry);
        }
        if let Some(grant) = self.grants.get_mut(grant_id) {
            grant.access_expires_at = expires_at;
            reply.insert("scope".to_owned(), json!(grant.scope));
        }
        reply
    }

    /// The grant of a live access token.
    pub(crate) fn grant_of_access_token(&self, token: &str, now: Timestamp) -> Option<&Grant> {
        let entry = self.access_tokens.get(token).filter(|entry| now < entry.expires_at)?;
        self.grants.get(&entry.grant_id).filter(|grant| !grant.revoked)
    }

    /// RFC 7009: a refresh token takes its whole grant along, an access token only itself.
    pub(crate) fn revoke_token(&mut self, token: &str, client_id: &str) {
        let owned = |grant: Option<&Grant>| grant.is_some_and(|grant| grant.client_id == client_id);
        if let Some(entry) = self.refresh_tokens.get(token)
            && owned(self.grants.get(&entry.grant_id))
        {
            let grant_id = entry.grant_id.clone();
            self.revoke(&grant_id);
        } else if let Some(entry) = self.access_tokens.get(token)
            && owned(self.grants.get(&entry.grant_id))
        {
            self.access_tokens.remove(token);
            self.revocations += 1;
        }
    }

    pub(crate) fn revoke_grant_of_token(&mut self, token: &str) -> bool {
        let access = self.access_tokens.get(token).map(|entry| entry.grant_id.clone());
        let refresh = || self.refresh_tokens.get(token).map(|entry| entry.grant_id.clone());
        access.or_else(refresh).is_some_and(|grant_id| self.revoke(&grant_id))
    }

    /// Withdraws a grant; false when it is unknown.
    pub(crate) fn revoke(&mut self, grant_id: &str) -> bool {
        let Some(grant) = self.grants.get_mut(grant_id) else {
            return false;
        };
        if !grant.revoked {
            grant.revoked = true;
            self.revocations += 1;
        }
        true
    }

    /// Ends a grant's access tokens now, earlier than their holder was told.
    pub(crate) fn expire_access_tokens(&mut self, grant_id: &str, now: Timestamp) -> bool {
        let Some(grant) = self.grants.get_mut(grant_id) else {
            return false;
        };
        grant.access_expires_at = grant.access_expires_at.min(now);
        for token in self.access_tokens.values_mut().filter(|token| token.grant_id == grant_id) {
            token.expires_at = token.expires_at.min(now);
        }
        true
    }

    pub(crate) fn revoke_api_key(&mut self, key: &str) {
        if !self.api_keys_revoked.contains(key) {
            self.api_keys_revoked.insert(key.to_owned(), ());
        }
    }

    pub(crate) fn api_key_is_revoked(&self, key: &str) -> bool {
        self.api_keys_revoked.contains(key)
    }

    pub(crate) fn count_token_request(&mut self, grant_type: Option<&str>) {
        let name = match grant_type {
            Some("authorization_code") => "authorization_code",
            Some("refresh_token") => "refresh_token",
            Some("client_credentials") => "client_credentials",
            _ => "other",
        };
        *self.token_requests.entry(name).or_default() += 1;
    }

    pub(crate) fn count_token_error(&mut self, code: &str) {
        *self.token_errors.entry(code.to_owned()).or_default() += 1;
    }

    pub(crate) fn count_resource_request(&mut self) {
        self.resource_requests += 1;
    }

    /// Grants, newest first.
    pub(crate) fn grants(&self) -> impl Iterator<Item = (&str, &Grant)> {
        self.grants.newest_first()
    }

    pub(crate) fn counts(&self) -> Counts {
        let of = |name| self.token_requests.get(name).copied().unwrap_or(0);
        Counts {
            codes: of("authorization_code"),
            refreshes: of("refresh_token"),
            client_credentials: of("client_credentials"),
            reuse_detections: self.reuse_detections,
            revocations: self.revocations,
            faults_served: self.faults.served,
        }
    }

    /// All counts and families. No token appears here.
    pub(crate) fn stats(&self) -> Value {
        let families: Vec<Value> = self.grants().map(|(id, grant)| family(id, grant)).collect();
        let names = ["authorization_code", "refresh_token", "client_credentials", "other"];
        let mut requests = Map::new();
        for name in names {
            let count = self.token_requests.get(name).copied().unwrap_or(0);
            requests.insert(name.to_owned(), json!(count));
        }
        let waiting: Vec<Value> = self.faults.waiting().map(waiting_fault).collect();
        json!({
            "token_requests": requests,
            "token_requests_total": self.token_requests.values().sum::<u64>(),
            "token_errors": self.token_errors,
            "reuse_detections": self.reuse_detections,
            "revocations": self.revocations,
            "resource_requests": self.resource_requests,
            "faults_served": self.faults.served,
            "faults_waiting": waiting,
            "access_token_lifetime_s": self.access_token_lifetime.as_secs(),
            "families": families,
        })
    }
}

/// The counts the control page shows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) codes: u64,
    pub(crate) refreshes: u64,
    pub(crate) client_credentials: u64,
    pub(crate) reuse_detections: u64,
    pub(crate) revocations: u64,
    pub(crate) faults_served: u64,
}

fn family(id: &str, grant: &Grant) -> Value {
    json!({
        "id": id,
        "client_id": grant.client_id,
        "subject": grant.subject,
        "scope": grant.scope,
        "created_at": grant.created_at.to_iso_z(),
        "access_expires_at": grant.access_expires_at.to_iso_z(),
        "refresh_requests": grant.refresh_requests,
        "refreshes": grant.refreshes,
        "reuse_detected": grant.reuse_detected,
        "revoked": grant.revoked,
    })
}

fn waiting_fault(fault: &super::Fault) -> Value {
    json!({
        "target": fault.target.name(),
        "kind": fault.kind.name(),
        "times": fault.times,
    })
}

/// RFC 7636, 4.6, method S256.
fn verify_pkce(challenge: Option<&str>, verifier: Option<&str>) -> Result<(), Refusal> {
    let (challenge, verifier) = match (challenge, verifier) {
        (None, None) => return Ok(()),
        (None, Some(_)) => {
            return Err(Refusal("invalid_grant", "there is a verifier but was no challenge"));
        }
        (Some(_), None) => return Err(Refusal("invalid_grant", "code_verifier is missing")),
        (Some(challenge), Some(verifier)) => (challenge, verifier),
    };
    let hash = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
    if hash == challenge {
        return Ok(());
    }
    Err(Refusal("invalid_grant", "code_verifier does not match the challenge"))
}
