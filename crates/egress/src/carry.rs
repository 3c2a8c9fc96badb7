//! Carrying an exchange for somebody else: bytes go through in both directions while they arrive,
//! and what the other side says is handed on as it said it.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Method, StatusCode};
use http_body_util::BodyExt as _;
use tokio::io::{AsyncRead, AsyncWrite};
use url::Url;

use crate::client::{Egress, Identity, host_of};
use crate::error::EgressError;
use crate::redirect::{Hop, is_redirect, next_hop};
use crate::replay::{AnyBody, Replay};

/// Which further origins a redirect may lead to with all headers.
pub type Trusts<'a> = &'a (dyn Fn(&Url) -> bool + Sync);

/// A request of somebody else.
pub struct Outgoing<'a> {
    /// The method.
    pub method: Method,
    /// Where to.
    pub url: Url,
    /// As they are sent. Those that belong to the connection are left out.
    pub headers: HeaderMap,
    /// The body; sent again only if it was kept.
    pub body: Replay,
    /// The TLS client certificate to show, if the server asks for one.
    pub identity: Option<Identity>,
    /// Whether a compressed answer is wanted in plain.
    pub decompress: bool,
    /// The protocol to change to (RFC 9110, section 7.8), such as `websocket`.
    pub upgrade: Option<HeaderValue>,
    /// Origins beside the first one that may have the headers.
    pub trusts: Trusts<'a>,
    /// Longest wait for the head of the answer, over all redirects.
    pub timeout: Duration,
}

/// The answer: its head, and its body while it arrives.
pub struct Incoming {
    /// The status.
    pub status: StatusCode,
    /// As received, without those that belong to the connection.
    pub headers: HeaderMap,
    /// What is still to come.
    pub body: AnyBody,
    /// Who answered, after redirects.
    pub url: Url,
    /// The connection itself, after status 101.
    pub upgraded: Option<Box<dyn Duplex>>,
}

/// A connection in both directions.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

impl fmt::Debug for Outgoing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outgoing({} {})", self.method, host_of(&self.url))
    }
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Incoming({} from {})", self.status, host_of(&self.url))
    }
}

impl Egress {
    /// Sends a request of somebody else and answers as soon as the head of the answer is there.
    /// Redirects are followed; one that would carry the body or the headers where they must not go
    /// is itself the answer.
    ///
    /// # Errors
    /// Without a head; [`EgressError::Denied`] also when a redirect leads to a refused address.
    pub async fn carry(&self, outgoing: Outgoing<'_>) -> Result<Incoming, EgressError> {
        let limit = outgoing.timeout;
        tokio::time::timeout(limit, self.carry_on(outgoing))
            .await
            .unwrap_or_else(|_| Err(EgressError::timeout(limit)))
    }

    async fn carry_on(&self, outgoing: Outgoing<'_>) -> Result<Incoming, EgressError> {
        let Outgoing { body, trusts, upgrade, .. } = outgoing;
        let client = match &outgoing.identity {
            Some(identity) => self.client_with(identity, &outgoing.url)?,
            None if upgrade.is_some() => self.carriers().upgrading.clone(),
            None if outgoing.decompress => self.carriers().decompressing.clone(),
            None => self.carriers().plain.clone(),
        };
        let has_body = !body.is_empty();
        let mut headers = outgoing.headers;
        without_connection_headers(&mut headers);
        let mut hop = Hop { method: outgoing.method, url: outgoing.url, headers, has_body };
        for _ in 0..=self.limits().redirects_max {
            self.check_url(&hop.url)?;
            let mut headers = hop.headers.clone();
            if let Some(protocol) = &upgrade {
                headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
                headers.insert(header::UPGRADE, protocol.clone());
            }
            let mut request = client.request(hop.method.clone(), hop.url.clone()).headers(headers);
            if hop.has_body {
                request = request.body(reqwest::Body::wrap(body.attempt()));
            }
            let sent = request.send().await;
            let response = sent.map_err(|error| self.failure(&error, &hop.url))?;
            let status = response.status();
            let location = response.headers().get(header::LOCATION).cloned();
            let next = location
                .filter(|_| is_redirect(status))
                .and_then(|location| {
                    next_hop(hop.clone(), status, location.as_bytes(), trusts).ok()
                })
                .filter(|next| !next.has_body || body.can_be_sent());
            match next {
                Some(next) => hop = next,
                None if status == StatusCode::SWITCHING_PROTOCOLS => {
                    return self.switched(response, hop.url).await;
                }
                None => return Ok(self.incoming(response, hop.url)),
            }
        }
        Err(EgressError::TooManyRedirects)
    }

    fn incoming(&self, response: reqwest::Response, url: Url) -> Incoming {
        let (mut parts, body) = http::Response::<reqwest::Body>::from(response).into_parts();
        without_connection_headers_of_answer(&mut parts.headers);
        let (egress, from) = (self.clone(), url.clone());
        let body = body.map_err(move |error| egress.failure(&error, &from).into()).boxed_unsync();
        Incoming { status: parts.status, headers: parts.headers, body, url, upgraded: None }
    }

    async fn switched(
        &self,
        response: reqwest::Response,
        url: Url,
    ) -> Result<Incoming, EgressError> {
        let (status, headers) = (response.status(), response.headers().clone());
        let upgraded = response.upgrade().await.map_err(|error| self.failure(&error, &url))?;
        let body = http_body_util::Empty::<Bytes>::new().map_err(|never| match never {});
        let upgraded: Option<Box<dyn Duplex>> = Some(Box::new(upgraded));
        Ok(Incoming { status, headers, body: body.boxed_unsync(), url, upgraded })
    }
}

/// Headers of one connection (RFC 9110, section 7.6.1), and those that `Connection` names.
const CONNECTION_HEADERS: [HeaderName; 9] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

fn without_connection_headers_of_answer(headers: &mut HeaderMap) {
    if let Some(named) = headers.get(header::CONNECTION).cloned() {
        let names = named.to_str().unwrap_or_default().split(',').map(str::trim);
        for name in names.filter_map(|name| HeaderName::try_from(name).ok()) {
            headers.remove(name);
        }
    }
    for name in &CONNECTION_HEADERS {
        headers.remove(name);
    }
}

fn without_connection_headers(headers: &mut HeaderMap) {
    without_connection_headers_of_answer(headers);
    // The client writes these from the URL and the body.
    headers.remove(header::HOST);
    headers.remove(header::CONTENT_LENGTH);
}
