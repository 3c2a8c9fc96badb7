//! The proxy: an app's calls to a provider's API, with the connection's credentials put in.
//!
//! Bytes go through as they are. A call is built anew for every attempt, so that it has the
//! credentials and the signature of that moment; its body is sent again only while it was small
//! enough to be kept ([`valetkey_egress::Replay`]).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use http_body_util::BodyExt as _;
use tokio::time::Instant;
use url::Url;
use valetkey_auth::proxied::base_url;
use valetkey_auth::{Body, HttpRequest, ProxiedCall, needs_body, proxied};
use valetkey_catalog::schema::Retry;
pub use valetkey_egress::{AnyBody, Duplex, EgressError};
use valetkey_egress::{Identity, Incoming, Outgoing, Replay};
use valetkey_store::{Connection, NewOperation};

mod budget;
mod failure;
mod hosts;
mod keys;
mod prepared;
mod record;
mod waits;

pub(crate) use budget::Budgets;
pub use budget::{Budget, Whose};
pub use failure::ProxyFailure;
pub use hosts::is_host_pattern;
pub use keys::{
    AllowedCall, Grant, NewGrant, PROXY_KEY_PREFIX, PROXY_KEYS_MAX, ProxyKey, ProxyRules,
};
pub(crate) use prepared::Prepared;
use prepared::{Secrets, Target};
pub use record::LogInto;
use record::{Record, Watched};

use crate::engine::Engine;
use crate::environments::EnvironmentView;
use crate::error::Error;
use crate::integrations::IntegrationView;
use crate::protocol::Party;
use crate::read::ReadOptions;

/// Most further attempts a call may ask for.
pub const RETRIES_MAX: u32 = 20;
/// Bytes of a failed answer's body that are read to find how long to wait.
const ANSWER_READ_MAX: usize = 64 * 1024;
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Whether a call may name another base URL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BaseUrlOverride {
    /// No.
    Off,
    /// One of the provider's own hosts, or one that the integration lists.
    #[default]
    Provider,
    /// Any that the address guard lets through.
    Any,
}

/// How calls are carried.
#[derive(Clone, Debug)]
pub struct ProxySettings {
    /// Longest wait for the head of one answer.
    pub timeout: Duration,
    /// Longest time from the call to the head of the answer, with all attempts and waits.
    pub deadline: Duration,
    /// Bytes of a request body that are kept for another attempt.
    pub replay_bytes_max: usize,
    /// Largest request body where all of it must be known before: to be signed, or added to.
    pub signed_bytes_max: usize,
    /// Whether calls may name another base URL.
    pub base_url_override: BaseUrlOverride,
}

impl Default for ProxySettings {
    fn default() -> Self {
        Self {
            timeout: Duration::from_mins(2),
            deadline: Duration::from_mins(10),
            replay_bytes_max: 1024 * 1024,
            signed_bytes_max: 16 * 1024 * 1024,
            base_url_override: BaseUrlOverride::default(),
        }
    }
}

/// A call as the app makes it, its inputs checked.
pub struct ProxyCall {
    /// The method.
    pub method: Method,
    /// The path under the base URL, still escaped.
    pub path: String,
    /// The query, still escaped.
    pub query: Option<String>,
    /// Headers for the provider, by lower-case name.
    pub headers: Vec<(String, String)>,
    /// The integration.
    pub integration_key: String,
    /// The connection.
    pub connection_id: String,
    /// In place of the provider's base URL.
    pub base_url: Option<Url>,
    /// Further attempts.
    pub retries: u32,
    /// Statuses that are worth another attempt, beside the provider's.
    pub retry_on: Vec<u16>,
    /// Whether the answer is wanted uncompressed.
    pub decompress: bool,
    /// Whether redirects within the provider's hosts get all headers.
    pub forward_headers: bool,
    /// The protocol to change to.
    pub upgrade: Option<HeaderValue>,
    /// Longest time the caller will wait for the head of the answer.
    pub deadline: Option<Duration>,
    /// Where it is logged.
    pub log: LogInto,
    /// Who calls, for the audit trail.
    pub actor: String,
    /// The calls the caller's key is for; any without.
    pub grant: Option<Arc<Grant>>,
}

/// The provider's answer.
pub struct ProxyAnswer {
    /// The status.
    pub status: StatusCode,
    /// The headers, without those of the connection.
    pub headers: HeaderMap,
    /// The body while it arrives.
    pub body: AnyBody,
    /// How often the provider was asked.
    pub attempts: u32,
    /// What is left of the tightest budget, if there is one.
    pub budget: Option<Budget>,
    /// The connection, after a change of protocol.
    pub upgraded: Option<Box<dyn Duplex>>,
}

/// What all attempts of a call share.
struct Errand<'a> {
    environment: &'a EnvironmentView,
    call: &'a ProxyCall,
    target: Arc<Target>,
    body: Replay,
    deadline: Instant,
    /// One key for all attempts, where the method is not repeatable by itself.
    idempotency_key: Option<String>,
}

impl Engine {
    /// Makes a call to the provider of a connection and hands its answer on.
    ///
    /// # Errors
    /// [`ProxyFailure`] when the provider could not be asked or did not answer. Whatever it answers
    /// is an answer.
    pub async fn proxy(
        &self,
        environment: &EnvironmentView,
        call: ProxyCall,
        body: AnyBody,
    ) -> Result<ProxyAnswer, ProxyFailure> {
        let body = Replay::new(body, self.settings.proxy.replay_bytes_max);
        if let Some(grant) = call.grant.clone() {
            self.spend_grant(&grant, &call).await?;
        }
        self.check_override(&call)?;
        let target = self.target(environment.id, &call.integration_key).await?;
        let row = self.connection_for(environment, &call, false).await?;
        let budget = self.take_budget(&target, &row).await?;
        let deadline = call.deadline.unwrap_or(self.settings.proxy.deadline);
        let errand = Errand {
            environment,
            target,
            body,
            deadline: Instant::now() + deadline.min(self.settings.proxy.deadline),
            idempotency_key: self.idempotency_key(&call),
            call: &call,
        };
        let mut record = self.record(&errand, &row).await?;
        let outcome = self.run(&errand, row, &mut record).await;
        let (incoming, attempts) = match outcome {
            Ok(found) => found,
            Err(failure) => {
                record.failure = Some((failure.code().to_owned(), failure.to_string()));
                return Err(failure);
            }
        };
        record.answered(incoming.status, &incoming.headers);
        let body = Watched { body: incoming.body, record }.boxed_unsync();
        Ok(ProxyAnswer {
            status: incoming.status,
            headers: incoming.headers,
            body,
            attempts,
            budget,
            upgraded: incoming.upgraded,
        })
    }

    fn check_override(&self, call: &ProxyCall) -> Result<(), ProxyFailure> {
        let Some(url) = &call.base_url else { return Ok(()) };
        if self.settings.proxy.base_url_override == BaseUrlOverride::Off {
            return Err(ProxyFailure::OverrideDisabled);
        }
        self.egress.check_url(url).map_err(ProxyFailure::Unsendable)
    }

    /// The connection with credentials that work.
    async fn connection_for(
        &self,
        environment: &EnvironmentView,
        call: &ProxyCall,
        force_refresh: bool,
    ) -> Result<Arc<Connection>, ProxyFailure> {
        let options = ReadOptions { with_credentials: true, force_refresh, ..Default::default() };
        let row = self
            .fresh_connection(environment, &call.integration_key, &call.connection_id, options)
            .await?;
        self.recorder.credentials_read(environment.id, &call.actor, row.id);
        Ok(row)
    }

    async fn take_budget(
        &self,
        target: &Target,
        row: &Connection,
    ) -> Result<Option<Budget>, ProxyFailure> {
        let limits = &target.view.secrets.proxy;
        let now = self.clock.now();
        let mut tightest: Option<Budget> = None;
        for (whose, per_minute) in [
            (Whose::Connection(row.id), limits.calls_per_minute_per_connection),
            (Whose::Integration(target.view.row.id), limits.calls_per_minute),
        ] {
            let Some(per_minute) = per_minute else { continue };
            let budget = self
                .budgets
                .take(&self.store, whose, per_minute, now)
                .await?
                .map_err(|budget| ProxyFailure::OverBudget { whose, budget })?;
            if tightest.is_none_or(|known| budget.left < known.left) {
                tightest = Some(budget);
            }
        }
        Ok(tightest)
    }

    /// A call that changes something gets a key by which the provider knows it again, if it may be
    /// repeated and the app sent none.
    fn idempotency_key(&self, call: &ProxyCall) -> Option<String> {
        let changes = call.method == Method::POST || call.method == Method::PATCH;
        let has_one = call.headers.iter().any(|(name, _)| name == IDEMPOTENCY_KEY);
        (changes && call.retries > 0 && !has_one).then(|| self.rng.uuid().to_string())
    }

    async fn record(&self, errand: &Errand<'_>, row: &Connection) -> Result<Record, ProxyFailure> {
        let call = errand.call;
        let mut log = call.log.clone();
        if let LogInto::Operation(id) = &log {
            let known = self.store.operation(errand.environment.id, id).await;
            if known.map_err(Error::from)?.is_none() {
                log = LogInto::OwnOperation;
            }
        }
        let operation = NewOperation {
            id: self.operation_id(),
            environment_id: errand.environment.id,
            kind: "proxy",
            action: "call",
            state: "success",
            title: String::new(),
            integration_key: Some(row.integration_key.clone()),
            provider: Some(errand.target.view.row.provider.clone()),
            connection_row: Some(row.id),
            connection_id: Some(row.connection_id.clone()),
            error: None,
            ended_at: None,
            expires_at: None,
        };
        let sources = (self.recorder.clone(), self.clock.clone());
        Ok(Record::new(sources, log, operation, call.method.clone()))
    }

    /// Asks until there is an answer that is not worth asking again.
    async fn run(
        &self,
        errand: &Errand<'_>,
        mut row: Arc<Connection>,
        record: &mut Record,
    ) -> Result<(Incoming, u32), ProxyFailure> {
        let call = errand.call;
        let rules = &errand.target.view.provider.proxy.retry;
        let (mut attempts, mut left, mut was_refreshed) = (0, call.retries, false);
        loop {
            attempts += 1;
            let outcome = self.attempt(errand, &row, record).await;
            let can_repeat = errand.body.can_be_sent();
            let (status, headers) = match &outcome {
                Ok(incoming) => (incoming.status.as_u16(), incoming.headers.clone()),
                Err(ProxyFailure::NoAnswer(error)) if error.is_transient() => (0, HeaderMap::new()),
                Err(_) => return outcome.map(|incoming| (incoming, attempts)),
            };
            // The token died before its time: one refresh, and the call once more.
            if status == 401 && !was_refreshed && can_repeat {
                was_refreshed = true;
                if let Some(fresh) = self.after_refusal(errand, &row).await {
                    record.attempted("401; the token was refreshed", 0);
                    row = fresh;
                    continue;
                }
            }
            let is_worth_it =
                status == 0 || waits::is_worth_it(rules, &call.retry_on, status, &headers);
            if !is_worth_it || left == 0 || !can_repeat {
                return outcome.map(|incoming| (incoming, attempts));
            }
            let (outcome, wait) = self.wait_of(rules, outcome, &headers, attempts).await;
            if Instant::now() + wait >= errand.deadline {
                return outcome.map(|incoming| (incoming, attempts));
            }
            record.attempted(&outcome_text(&outcome), wait.as_millis());
            drop(outcome);
            left -= 1;
            tokio::time::sleep(wait).await;
            row = self.connection_for(errand.environment, call, false).await?;
        }
    }

    /// How long to wait. The beginning of the body is read where the entry says to look there, and
    /// handed back in place.
    async fn wait_of(
        &self,
        rules: &Retry,
        outcome: Result<Incoming, ProxyFailure>,
        headers: &HeaderMap,
        failures: u32,
    ) -> (Result<Incoming, ProxyFailure>, Duration) {
        let mut outcome = outcome;
        let mut read = None;
        if let Ok(incoming) = &mut outcome
            && rules.in_body.is_some()
        {
            let body = std::mem::replace(&mut incoming.body, nothing());
            let replay = Replay::new(body, ANSWER_READ_MAX);
            read = replay.collect(ANSWER_READ_MAX).await.ok();
            incoming.body = replay.again();
        }
        let wait = waits::wait(rules, headers, read.as_deref(), failures, self.clock.now());
        (outcome, wait)
    }

    /// The connection with a newer token than the one that was refused; none when there is none.
    async fn after_refusal(
        &self,
        errand: &Errand<'_>,
        refused: &Arc<Connection>,
    ) -> Option<Arc<Connection>> {
        let fresh = self.refreshed_since(errand.environment, refused).await?;
        (fresh.generation != refused.generation).then_some(fresh)
    }

    async fn attempt(
        &self,
        errand: &Errand<'_>,
        row: &Arc<Connection>,
        record: &mut Record,
    ) -> Result<Incoming, ProxyFailure> {
        let call = errand.call;
        let secrets = self.secrets_of(row).await?;
        let request = self.request_of(errand, &secrets).await?;
        let (url, base) = (request.url.clone(), self.base_of(errand, &secrets));
        record.request_headers = request.headers.iter().map(|(name, _)| name.clone()).collect();
        record.url = Some(url.clone());
        let mut headers = HeaderMap::with_capacity(request.headers.len() + 1);
        for (name, value) in &request.headers {
            let invalid = || ProxyFailure::InvalidHeader(name.clone());
            let key = HeaderName::try_from(name.as_str()).map_err(|_| invalid())?;
            let value = HeaderValue::try_from(value.as_str()).map_err(|_| invalid())?;
            headers.append(key, value);
        }
        if let Some(key) = &errand.idempotency_key
            && let Ok(value) = HeaderValue::try_from(key.as_str())
        {
            headers.insert(HeaderName::from_static(IDEMPOTENCY_KEY), value);
        }
        let body = match request.body {
            Body::Bytes(bytes) => Replay::from_bytes(Bytes::from(bytes)),
            _ => errand.body.clone(),
        };
        let proxy = &errand.target.view.provider.proxy;
        let forwards = call.forward_headers || proxy.forward_headers_on_redirect;
        let listed = &errand.target.view.secrets.proxy.allowed_hosts;
        let trusts = |to: &Url| {
            forwards
                && base.as_ref().is_some_and(|base| {
                    base.scheme() == to.scheme()
                        && (hosts::same_owner(base, to) || hosts::is_listed(to, listed))
                })
        };
        let left = errand.deadline.saturating_duration_since(Instant::now());
        let identity = request.identity.map(|identity| Identity {
            certificate_pem: identity.certificate,
            key_pem: identity.key,
        });
        let outgoing = Outgoing {
            method: request.method,
            url,
            headers,
            body,
            identity,
            decompress: call.decompress || proxy.decompress,
            upgrade: call.upgrade.clone(),
            trusts: &trusts,
            timeout: self.settings.proxy.timeout.min(left),
        };
        self.egress.carry(outgoing).await.map_err(ProxyFailure::of)
    }

    fn base_of(&self, errand: &Errand<'_>, secrets: &Secrets) -> Option<Url> {
        let party = party(errand, secrets);
        base_url(&self.context(&party), &secrets.credentials).ok()
    }

    async fn request_of(
        &self,
        errand: &Errand<'_>,
        secrets: &Secrets,
    ) -> Result<HttpRequest, ProxyFailure> {
        let call = errand.call;
        let view = &errand.target.view;
        if let Some(wanted) = &call.base_url {
            let base = self.base_of(errand, secrets);
            self.check_host(wanted, base.as_ref(), view)?;
        }
        let content_type = call.headers.iter().find(|(name, _)| name == CONTENT_TYPE.as_str());
        let content_type = content_type.map(|(_, value)| value.as_str());
        let body = if errand.body.is_empty() && view.provider.proxy.body.is_empty() {
            Body::Empty
        } else if needs_body(&view.provider, &secrets.config, content_type) {
            let bytes = errand.body.collect(self.settings.proxy.signed_bytes_max).await;
            Body::Bytes(bytes.map_err(|error| ProxyFailure::of_body(&error))?.to_vec())
        } else {
            Body::Carried
        };
        let party = party(errand, secrets);
        proxied(
            &self.context(&party),
            &secrets.credentials,
            ProxiedCall {
                method: &call.method,
                path: &call.path,
                query: call.query.as_deref(),
                base_url: call.base_url.as_ref(),
                headers: &call.headers,
                body,
            },
        )
        .map_err(ProxyFailure::Unbuildable)
    }

    /// Whether the credentials may go to a base URL that the call names.
    fn check_host(
        &self,
        wanted: &Url,
        base: Option<&Url>,
        view: &IntegrationView,
    ) -> Result<(), ProxyFailure> {
        if self.settings.proxy.base_url_override == BaseUrlOverride::Any {
            return Ok(());
        }
        let provider = &view.provider;
        let known = [&provider.token_url, &provider.authorization_url];
        let known = known.into_iter().flatten().filter_map(|text| Url::parse(text).ok());
        let is_own = |own: &Url| own.scheme() == wanted.scheme() && hosts::same_owner(own, wanted);
        let is_fine = base.is_some_and(is_own)
            || known.into_iter().any(|own| is_own(&own))
            || hosts::is_listed(wanted, &view.secrets.proxy.allowed_hosts);
        if is_fine {
            return Ok(());
        }
        Err(ProxyFailure::OverrideNotAllowed {
            host: wanted.host_str().unwrap_or_default().to_owned(),
            integration: view.row.unique_key.clone(),
        })
    }
}

fn party<'a>(errand: &'a Errand<'_>, secrets: &'a Secrets) -> Party<'a> {
    Party {
        provider: &errand.target.view.provider,
        client: &errand.target.client,
        config: &secrets.config,
        repairs: None,
    }
}

fn outcome_text(outcome: &Result<Incoming, ProxyFailure>) -> String {
    match outcome {
        Ok(incoming) => incoming.status.as_u16().to_string(),
        Err(failure) => failure.code().to_owned(),
    }
}

fn nothing() -> AnyBody {
    http_body_util::Empty::new().map_err(|never| match never {}).boxed_unsync()
}
