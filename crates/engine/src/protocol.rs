//! Running an auth mode: it says what to send, this sends it and hands back the answer.

use std::time::Duration;

use serde_json::{Map, Value};
use valetkey_auth::{
    AuthError, Class, Client, Context, Credentials, Grant, HttpReply, HttpRequest, Mode, Pending,
    Redirect, Step,
};
use valetkey_catalog::Provider;
use valetkey_egress::{EgressError, Identity, Redirects, Request};

use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::integrations::IntegrationView;

/// Requests one exchange or refresh may need before something must be wrong.
const REQUESTS_MAX: usize = 12;

/// The parts of an auth mode's context that outlive one step.
pub(crate) struct Party<'a> {
    pub(crate) provider: &'a Provider,
    pub(crate) client: &'a Client,
    pub(crate) config: &'a Map<String, Value>,
    /// What is stored with the connection that is being repaired.
    pub(crate) repairs: Option<&'a Map<String, Value>>,
}

/// Where a run of steps ends.
pub(crate) enum Ending {
    /// With credentials.
    Granted(Grant),
    /// With a browser to be sent away.
    Redirected(Redirect),
}

impl Engine {
    pub(crate) fn context<'a>(&'a self, party: &Party<'a>) -> Context<'a> {
        Context {
            provider: party.provider,
            client: party.client,
            connection_config: party.config,
            repairs: party.repairs,
            now: self.clock.now(),
            rng: &self.rng,
        }
    }

    /// Sends what a mode asks for until it has credentials.
    pub(crate) async fn run_steps(
        &self,
        mode: &dyn Mode,
        party: &Party<'_>,
        first: Step,
    ) -> Result<Grant, AuthError> {
        match self.run_to_end(mode, party, first).await? {
            Ending::Granted(grant) => Ok(grant),
            Ending::Redirected(_) => Err(ours(
                "provider_config_err",
                "The provider entry asks for a browser where none is.",
            )),
        }
    }

    /// Sends what a mode asks for until it is done, within one time limit for everything.
    pub(crate) async fn run_to_end(
        &self,
        mode: &dyn Mode,
        party: &Party<'_>,
        first: Step,
    ) -> Result<Ending, AuthError> {
        let deadline = tokio::time::Instant::now() + self.settings.token_timeout;
        let mut step = first;
        for _ in 0..REQUESTS_MAX {
            let (request, pending) = match step {
                Step::Done(grant) => return Ok(Ending::Granted(grant)),
                Step::Failed(error) => return Err(error),
                Step::Redirect(redirect) => return Ok(Ending::Redirected(redirect)),
                Step::Send { request, pending } => (request, pending),
            };
            let left = deadline.saturating_duration_since(tokio::time::Instant::now());
            let redirects =
                if pending.takes_redirects() { Redirects::Return } else { Redirects::Refuse };
            let reply = self.exchange(request, left, redirects).await;
            let context = self.context(party);
            step = match reply {
                Ok(reply) => mode.reply(&context, &pending, &reply),
                Err(error) => mode.unanswered(&context, &pending, not_sent(&pending, &error)),
            };
        }
        Err(ours("provider_config_err", "The provider entry needs more requests than allowed."))
    }

    /// A request with the client's secret never follows a redirect; a test call may.
    pub(crate) async fn exchange(
        &self,
        request: HttpRequest,
        timeout: Duration,
        redirects: Redirects,
    ) -> Result<HttpReply, EgressError> {
        let (content_type, body) = request.body.encode();
        let mut headers = request.headers;
        if let Some(content_type) = content_type
            && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"))
        {
            headers.push(("content-type".to_owned(), content_type.to_owned()));
        }
        let reply = self
            .egress
            .send(Request {
                method: request.method,
                url: request.url,
                headers,
                body: body.into(),
                timeout: Some(timeout),
                redirects,
                identity: request.identity.map(|identity| Identity {
                    certificate_pem: identity.certificate,
                    key_pem: identity.key,
                }),
            })
            .await?;
        Ok(HttpReply { status: reply.status, headers: reply.headers, body: reply.body.to_vec() })
    }

    /// Makes the provider's own check of credentials, if it has one.
    ///
    /// # Errors
    /// [`Error::CredentialsRejected`] when no check answers with success.
    pub(crate) async fn verify(
        &self,
        view: &IntegrationView,
        config: &Map<String, Value>,
        credentials: &Credentials,
    ) -> Result<()> {
        let client = view.client();
        let party = Party { provider: &view.provider, client: &client, config, repairs: None };
        let requests = valetkey_auth::verification(&self.context(&party), credentials);
        let mut last = None;
        for request in requests {
            match self.exchange(request, self.settings.token_timeout, Redirects::Follow).await {
                Ok(reply) if valetkey_auth::accepts(&view.provider, &reply) => return Ok(()),
                Ok(reply) => {
                    last = Some(format!(
                        "{} answered {} to a test call, so these credentials were not saved. Check them and try again.",
                        view.provider.display_name, reply.status
                    ));
                }
                Err(error) => {
                    last = Some(format!(
                        "The credentials could not be tested with {}: {error}.",
                        view.provider.display_name
                    ));
                }
            }
        }
        last.map_or(Ok(()), |message| Err(Error::CredentialsRejected(message)))
    }

    /// Tells the provider that a deleted connection's token is no longer needed (RFC 7009), as far
    /// as it can be told. The outcome is logged; the deletion does not wait for it.
    pub(crate) async fn revoke_at_provider(
        self,
        row: valetkey_store::Connection,
        view: IntegrationView,
    ) {
        let Ok((credentials, config)) = self.open_connection(&row).await else {
            return;
        };
        let client = view.client();
        let party =
            Party { provider: &view.provider, client: &client, config: &config, repairs: None };
        for request in valetkey_auth::revocation(&self.context(&party), &credentials) {
            let outcome = match self
                .exchange(request, self.settings.token_timeout, Redirects::Refuse)
                .await
            {
                Ok(reply) if reply.status < 400 => "connection.revoked_at_provider",
                Ok(_) | Err(_) => "connection.revocation_failed",
            };
            self.recorder.audit(
                Some(row.environment_id),
                "system",
                outcome,
                row.connection_id.clone(),
            );
        }
    }
}

pub(crate) fn ours(code: &str, message: &str) -> AuthError {
    AuthError {
        class: Class::Ours,
        code: code.to_owned(),
        message: message.to_owned(),
        provider_status: None,
        provider_error: None,
        provider_description: None,
        retry_after_seconds: None,
    }
}

fn not_sent(pending: &Pending, error: &EgressError) -> AuthError {
    if error.is_transient() {
        let timed_out = matches!(error, EgressError::Timeout { .. });
        return valetkey_auth::transport_failure(pending, timed_out, &error.to_string());
    }
    ours(
        pending.error_code(),
        &format!("The request to the provider was refused by this server: {error}."),
    )
}

/// The word for a class in the database and the log.
pub(crate) fn class_name(class: Class) -> &'static str {
    match class {
        Class::Transient => "transient",
        Class::Terminal => "terminal",
        Class::Ours => "ours",
    }
}
