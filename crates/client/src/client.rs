//! The client: one connection pool, one API key.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method, StatusCode};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use crate::error::{ApiError, Error, Result};
use crate::proxied::Proxy;
use crate::resources::{
    connect_sessions::ConnectSessions, connections::Connections, environments::Environments,
    events::Events, functions::Functions, health::Health, installs::Installs,
    integrations::Integrations, logs::Logs, providers::Providers, proxy_keys::ProxyKeys,
};
use crate::retry;
use crate::routes::Route;
use crate::secret::Secret;

/// How long a call may take, with all its attempts, unless it was said.
const TIMEOUT: Duration = Duration::from_mins(1);
/// How often a request is sent again, unless it was said.
const RETRIES: u32 = 2;
/// Largest answer that is read.
pub(crate) const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A Valetkey server as one API key sees it. Clones share everything.
#[derive(Clone)]
pub struct Client(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) http: reqwest::Client,
    pub(crate) base: Url,
    pub(crate) authorization: HeaderValue,
    pub(crate) timeout: Duration,
    retries: u32,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("host", &self.0.base.as_str()).finish_non_exhaustive()
    }
}

/// Settings of a [`Client`].
#[derive(Clone, Debug)]
pub struct ClientBuilder {
    host: String,
    api_key: Secret,
    timeout: Duration,
    retries: u32,
}

impl ClientBuilder {
    /// How long a call may take, with all its attempts; 60 seconds unless set.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How often a request is sent again; 2 unless set.
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// The client.
    ///
    /// # Errors
    /// [`Error::Config`] when the host is no http or https URL, or the key cannot be sent.
    pub fn build(self) -> Result<Client> {
        let wrong = |what: &str| Error::Config(what.to_owned());
        let mut base = Url::parse(&self.host).map_err(|_| wrong("the host is not a URL"))?;
        if !matches!(base.scheme(), "http" | "https") || base.cannot_be_a_base() {
            return Err(wrong("the host is not an http or https URL"));
        }
        let path = base.path().trim_end_matches('/').to_owned();
        base.set_path(&path);
        base.set_query(None);
        base.set_fragment(None);
        let text = format!("Bearer {}", self.api_key.expose());
        let mut authorization =
            HeaderValue::from_str(&text).map_err(|_| wrong("the API key cannot be a header"))?;
        authorization.set_sensitive(true);
        // Who set one before has a reason.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        #[expect(clippy::disallowed_methods, reason = "the server's rule; this is its caller")]
        let http = reqwest::Client::builder()
            // A redirect would carry the key elsewhere.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| Error::Config(error.to_string()))?;
        let (timeout, retries) = (self.timeout, self.retries);
        Ok(Client(Arc::new(Inner { http, base, authorization, timeout, retries })))
    }
}

impl Client {
    /// Begins a client of the server at `host`, such as `https://connect.example.com`.
    pub fn builder(host: impl Into<String>, api_key: impl Into<String>) -> ClientBuilder {
        ClientBuilder {
            host: host.into(),
            api_key: Secret::new(api_key),
            timeout: TIMEOUT,
            retries: RETRIES,
        }
    }

    /// Sessions in which browsers connect.
    pub fn connect_sessions(&self) -> ConnectSessions<'_> {
        ConnectSessions(self)
    }

    /// Connected accounts and their credentials.
    pub fn connections(&self) -> Connections<'_> {
        Connections(self)
    }

    /// Providers that are set up.
    pub fn integrations(&self) -> Integrations<'_> {
        Integrations(self)
    }

    /// Functions of integrations.
    pub fn functions(&self) -> Functions<'_> {
        Functions(self)
    }

    /// The catalogue.
    pub fn providers(&self) -> Providers<'_> {
        Providers(self)
    }

    /// The API of a connection's provider: the server adds the credentials to calls of it.
    pub fn proxy<'a>(&'a self, integration: &'a str, connection_id: &'a str) -> Proxy<'a> {
        Proxy { client: self, integration, connection_id }
    }

    /// Installations that began at the provider.
    pub fn installs(&self) -> Installs<'_> {
        Installs(self)
    }

    /// Keys for some calls through the proxy.
    pub fn proxy_keys(&self) -> ProxyKeys<'_> {
        ProxyKeys(self)
    }

    /// Environments, their keys and variables.
    pub fn environments(&self) -> Environments<'_> {
        Environments(self)
    }

    /// The feed of events, and deliveries of webhooks.
    pub fn events(&self) -> Events<'_> {
        Events(self)
    }

    /// What happened.
    pub fn logs(&self) -> Logs<'_> {
        Logs(self)
    }

    /// Whether the server is there.
    pub fn health(&self) -> Health<'_> {
        Health(self)
    }

    pub(crate) fn call(&self, route: Route) -> Call<'_> {
        let (method, template) = route.0.split_once(' ').unwrap_or(("GET", route.0));
        Call {
            client: self,
            operation: route.0,
            method: method.parse().unwrap_or(Method::GET),
            template,
            segments: Vec::new(),
            query: Vec::new(),
            body: None,
        }
    }
}

/// One call under way.
pub(crate) struct Call<'a> {
    client: &'a Client,
    operation: &'static str,
    method: Method,
    template: &'static str,
    segments: Vec<String>,
    query: Vec<(String, String)>,
    body: Option<Value>,
}

impl Call<'_> {
    /// Fills the next parameter of the path.
    pub(crate) fn segment(mut self, value: impl Into<String>) -> Self {
        self.segments.push(value.into());
        self
    }

    pub(crate) fn query(mut self, name: &str, value: &impl ToString) -> Self {
        self.query.push((name.to_owned(), value.to_string()));
        self
    }

    pub(crate) fn query_if(self, name: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.query(name, &value),
            None => self,
        }
    }

    /// # Errors
    /// [`Error::Config`] for a value that is not JSON, such as a map with keys that are no texts.
    pub(crate) fn body(mut self, body: &impl Serialize) -> Result<Self> {
        let body = serde_json::to_value(body).map_err(|error| Error::Config(error.to_string()))?;
        self.body = Some(body);
        Ok(self)
    }

    /// Sends it and reads the answer.
    pub(crate) async fn send<T: DeserializeOwned>(self) -> Result<T> {
        let operation = self.operation;
        let bytes = self.bytes().await?;
        serde_json::from_slice(&bytes)
            .map_err(|error| Error::Decode { operation, reason: error.to_string() })
    }

    /// Sends it; what it answers with is of no interest.
    pub(crate) async fn done(self) -> Result<()> {
        self.bytes().await.map(|_| ())
    }

    /// Sends it and answers with the body.
    pub(crate) async fn bytes(self) -> Result<Vec<u8>> {
        let timeout = self.client.0.timeout;
        tokio::time::timeout(timeout, self.attempts()).await.unwrap_or(Err(Error::Timeout))
    }

    async fn attempts(self) -> Result<Vec<u8>> {
        let url = self.url()?;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let may_repeat = attempt <= self.client.0.retries;
            let (failure, pause) = match self.attempt(&url).await {
                Ok((status, _, body)) if status.is_success() => return Ok(body),
                Ok((status, retry_after, body)) => {
                    let pause =
                        retry::after_answer(&self.method, status, retry_after, attempt, jitter());
                    (Error::Api(Box::new(ApiError::read(status, retry_after, &body))), pause)
                }
                Err(error) => {
                    let repeats = self.method == Method::GET && error.is_retryable();
                    (error, repeats.then(|| retry::pause(attempt, jitter())))
                }
            };
            match pause {
                Some(pause) if may_repeat => tokio::time::sleep(pause).await,
                _ => return Err(failure),
            }
        }
    }

    async fn attempt(&self, url: &Url) -> Result<(StatusCode, Option<Duration>, Vec<u8>)> {
        let inner = &self.client.0;
        let mut request = inner
            .http
            .request(self.method.clone(), url.clone())
            .header(AUTHORIZATION, inner.authorization.clone());
        if let Some(body) = &self.body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        let mut response = request.send().await.map_err(transport)?;
        let status = response.status();
        let retry_after = retry::retry_after(response.headers());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(transport)? {
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                let reason = format!("more than {ANSWER_BYTES_MAX} bytes");
                return Err(Error::Decode { operation: self.operation, reason });
            }
            body.extend_from_slice(&chunk);
        }
        Ok((status, retry_after, body))
    }

    fn url(&self) -> Result<Url> {
        let mut url = self.client.0.base.clone();
        let mut given = self.segments.iter();
        {
            let mut path = url
                .path_segments_mut()
                .map_err(|()| Error::Config("the host has no path".to_owned()))?;
            path.pop_if_empty();
            for part in self.template.split('/').skip(1) {
                let part = if part.starts_with('{') {
                    given.next().map(String::as_str).unwrap_or_default()
                } else {
                    part
                };
                // These would address something else.
                if matches!(part, "" | "." | "..") {
                    return Err(Error::Config(format!("{} needs a name or an id", self.operation)));
                }
                path.push(part);
            }
        }
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        Ok(url)
    }
}

pub(crate) fn transport(error: reqwest::Error) -> Error {
    if error.is_timeout() {
        return Error::Timeout;
    }
    // Without its URL: ids of customers are in it.
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    Error::Transport(text)
}

/// Between 0 and 1.
fn jitter() -> f64 {
    let mut byte = [0];
    let _ = aws_lc_rs::rand::fill(&mut byte);
    f64::from(byte[0]) / 255.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::{LIST_CONNECTIONS, READ_CONNECTION};

    fn client(host: &str) -> Client {
        Client::builder(host, "vk_secret").build().unwrap()
    }

    #[test]
    fn ids_are_escaped_and_prefixes_kept() {
        let client = client("https://example.com/keys/?x=1");
        let call =
            client.call(READ_CONNECTION).segment("a/b c?").query("provider_config_key", &"x&y");
        assert_eq!(
            call.url().unwrap().as_str(),
            "https://example.com/keys/connections/a%2Fb%20c%3F?provider_config_key=x%26y"
        );
        for id in ["", ".", ".."] {
            assert!(matches!(
                client.call(READ_CONNECTION).segment(id).url(),
                Err(Error::Config(_))
            ));
        }
        assert_eq!(client.call(LIST_CONNECTIONS).url().unwrap().path(), "/keys/connections");
    }

    #[test]
    fn what_cannot_work_is_said_at_once_and_the_key_is_not_shown() {
        for host in ["", "example.com", "ftp://example.com"] {
            assert!(matches!(Client::builder(host, "k").build(), Err(Error::Config(_))), "{host}");
        }
        let shown =
            format!("{:?} {:?}", client("http://localhost:1"), Client::builder("x", "vk_secret"));
        assert!(!shown.contains("vk_secret"), "{shown}");
    }
}
