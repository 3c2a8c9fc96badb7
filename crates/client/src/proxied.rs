//! Calls to providers' APIs through the server, which adds the credentials.

use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, TryStreamExt as _};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::client::{ANSWER_BYTES_MAX, Client, transport};
use crate::error::{ApiError, Error, Result};
use crate::retry;

/// On every answer that is the provider's.
const ATTEMPTS: &str = "valetkey-attempts";
const OPERATION: &str = "/proxy";
/// How long the server may need to say that time is up.
const GRACE: Duration = Duration::from_secs(2);

/// The API of a connection's provider.
#[derive(Clone, Copy, Debug)]
pub struct Proxy<'a> {
    pub(crate) client: &'a Client,
    pub(crate) integration: &'a str,
    pub(crate) connection_id: &'a str,
}

impl<'a> Proxy<'a> {
    /// Begins a call. The path is below the provider's base URL, with its query if it has one.
    pub fn request(&self, method: Method, path: &str) -> ProxyRequest<'a> {
        ProxyRequest {
            proxy: *self,
            method,
            path: path.to_owned(),
            query: Vec::new(),
            control: Vec::new(),
            headers: HeaderMap::new(),
            body: None,
            timeout: None,
            wrong: None,
        }
    }

    /// Begins a `GET`.
    pub fn get(&self, path: &str) -> ProxyRequest<'a> {
        self.request(Method::GET, path)
    }

    /// Begins a `POST`.
    pub fn post(&self, path: &str) -> ProxyRequest<'a> {
        self.request(Method::POST, path)
    }

    /// Begins a `PUT`.
    pub fn put(&self, path: &str) -> ProxyRequest<'a> {
        self.request(Method::PUT, path)
    }

    /// Begins a `PATCH`.
    pub fn patch(&self, path: &str) -> ProxyRequest<'a> {
        self.request(Method::PATCH, path)
    }

    /// Begins a `DELETE`.
    pub fn delete(&self, path: &str) -> ProxyRequest<'a> {
        self.request(Method::DELETE, path)
    }
}

/// A call in the making.
#[derive(Debug)]
#[must_use = "it is made by `send`"]
pub struct ProxyRequest<'a> {
    proxy: Proxy<'a>,
    method: Method,
    path: String,
    query: Vec<(String, String)>,
    control: Vec<(&'static str, String)>,
    headers: HeaderMap,
    body: Option<reqwest::Body>,
    timeout: Option<Duration>,
    /// The first thing that cannot be sent.
    wrong: Option<String>,
}

impl ProxyRequest<'_> {
    /// Adds to the path's query.
    pub fn query(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        self.query.push((name.to_owned(), value.to_string()));
        self
    }

    /// Adds a header for the provider.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let named = HeaderName::try_from(format!("nango-proxy-{name}"));
        match (named, HeaderValue::try_from(value)) {
            (Ok(name), Ok(mut value)) => {
                value.set_sensitive(true);
                self.headers.append(name, value);
            }
            _ => self.wrong = self.wrong.or(Some(format!("{name:?} cannot be such a header"))),
        }
        self
    }

    /// Sends JSON.
    pub fn json(mut self, body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(text) => self.body = Some(text.into()),
            Err(error) => self.wrong = self.wrong.or(Some(error.to_string())),
        }
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self
    }

    /// Sends bytes.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Some(reqwest::Body::from(body.into()));
        self
    }

    /// Sends bytes as they come.
    pub fn stream<S, E>(mut self, body: S) -> Self
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
    {
        self.body = Some(reqwest::Body::wrap_stream(body));
        self
    }

    /// How often the server may try again, at most 20 times; not at all unless set.
    pub fn retries(mut self, times: u32) -> Self {
        self.control.push(("retries", times.to_string()));
        self
    }

    /// Statuses that are worth another attempt, beside those of the provider's entry.
    pub fn retry_on(mut self, statuses: &[u16]) -> Self {
        let texts: Vec<String> = statuses.iter().map(u16::to_string).collect();
        self.control.push(("retry-on", texts.join(",")));
        self
    }

    /// Calls another base URL: one of the provider's own hosts, unless the integration allows more.
    pub fn base_url(mut self, url: &str) -> Self {
        self.control.push(("base-url-override", url.to_owned()));
        self
    }

    /// How long the whole call may take at the server, and here until the answer begins; the client's
    /// limit unless set.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.control.push(("valetkey-timeout-ms", timeout.as_millis().to_string()));
        self.timeout = Some(timeout + GRACE);
        self
    }

    /// Makes the call and answers what the provider says, whatever its status.
    ///
    /// # Errors
    /// [`Error::Api`] when the server has no answer of the provider, [`Error::Config`] for what
    /// cannot be sent, and the others as usual.
    pub async fn send(self) -> Result<ProxyAnswer> {
        let timeout = self.timeout.unwrap_or(self.proxy.client.0.timeout);
        tokio::time::timeout(timeout, self.exchange()).await.unwrap_or(Err(Error::Timeout))
    }

    async fn exchange(mut self) -> Result<ProxyAnswer> {
        if let Some(wrong) = self.wrong.take() {
            return Err(Error::Config(wrong));
        }
        let inner = &self.proxy.client.0;
        let mut request = inner
            .http
            .request(self.method.clone(), self.url()?)
            .header(AUTHORIZATION, inner.authorization.clone())
            .header("provider-config-key", self.proxy.integration)
            .header("connection-id", self.proxy.connection_id)
            .headers(self.headers);
        for (name, value) in self.control {
            request = request.header(name, value);
        }
        if let Some(body) = self.body {
            request = request.body(body);
        }
        let answer = ProxyAnswer(request.send().await.map_err(transport)?);
        let status = answer.status();
        if answer.headers().contains_key(ATTEMPTS)
            || !(status.is_client_error() || status.is_server_error())
        {
            return Ok(answer);
        }
        let retry_after = retry::retry_after(answer.headers());
        let body = answer.bytes().await?;
        Err(Error::Api(Box::new(ApiError::read(status, retry_after, &body))))
    }

    fn url(&self) -> Result<Url> {
        let (path, query) = self.path.split_once('?').unwrap_or((&self.path, ""));
        // Dots alone would lead out of the proxy, with the API key.
        let is_dots = |part: &str| {
            matches!(part.replace("%2e", ".").replace("%2E", ".").as_str(), "." | "..")
        };
        if path.split(['/', '\\']).any(is_dots) || self.path.contains('#') {
            return Err(Error::Config("the path has a segment of dots, or a #".to_owned()));
        }
        let mut url = self.proxy.client.0.base.clone();
        let before = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{before}/proxy/{}", path.strip_prefix('/').unwrap_or(path)));
        url.set_query((!query.is_empty()).then_some(query));
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        Ok(url)
    }
}

/// A provider's answer, its body not read yet.
#[derive(Debug)]
pub struct ProxyAnswer(reqwest::Response);

impl ProxyAnswer {
    /// The status.
    pub fn status(&self) -> StatusCode {
        self.0.status()
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        self.0.headers()
    }

    /// The next bytes of the body; none at its end.
    ///
    /// # Errors
    /// [`Error::Transport`] when it breaks off.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>> {
        self.0.chunk().await.map_err(transport)
    }

    /// The body as it comes.
    pub fn stream(self) -> impl Stream<Item = Result<Bytes>> {
        self.0.bytes_stream().map_err(transport)
    }

    /// The whole body, up to 64 MiB; what may be larger is read in pieces.
    ///
    /// # Errors
    /// [`Error::Transport`] when it breaks off, [`Error::Decode`] when it is larger.
    pub async fn bytes(mut self) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                let reason = format!("more than {ANSWER_BYTES_MAX} bytes");
                return Err(Error::Decode { operation: OPERATION, reason });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// The whole body as JSON, up to 64 MiB.
    ///
    /// # Errors
    /// [`Error::Decode`] when it is not, and those of [`Self::bytes`].
    pub async fn json<T: DeserializeOwned>(self) -> Result<T> {
        let body = self.bytes().await?;
        serde_json::from_slice(&body)
            .map_err(|error| Error::Decode { operation: OPERATION, reason: error.to_string() })
    }
}
