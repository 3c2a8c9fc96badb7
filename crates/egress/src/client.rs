//! The one HTTP client: sends a request, follows its redirects, reads its bounded reply.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method};
use url::{Host, Url};
use valetkey_base::Secret;

use crate::error::EgressError;
use crate::limits::Limits;
use crate::policy::{Policy, has_empty_label};
use crate::redirect::{Hop, is_redirect, next_hop};
use crate::resolver::{GuardedResolver, RefusedAnswer};
use crate::roots::certificates;

/// An idle connection is dropped early: one that the server has closed meanwhile would turn the
/// next request into [`EgressError::Interrupted`].
const IDLE_CONNECTION_TIMEOUT: Duration = Duration::from_secs(15);
const IDLE_CONNECTIONS_PER_HOST_MAX: usize = 16;
/// The same for exchanges that are carried through.
const IDLE_CARRIERS_PER_HOST_MAX: usize = 256;

/// Headers that belong to one connection (RFC 9110, section 7.6.1) or that the client computes.
/// A caller's values for them are left out.
const CONNECTION_HEADERS: &[&str] = &[
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Sends requests to the outside. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Egress {
    client: reqwest::Client,
    carriers: Arc<Carriers>,
    policy: Arc<Policy>,
    limits: Arc<Limits>,
}

/// One request.
#[derive(Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Where to: `http` or `https`, without user name and password.
    pub url: Url,
    /// Names and values; a repeated name is sent repeatedly. Headers that belong to the connection
    /// (`host`, `content-length`, …) are left out.
    pub headers: Vec<(String, String)>,
    /// The body; empty means none.
    pub body: Bytes,
    /// Limit of the whole exchange, instead of [`Limits::request_timeout`].
    pub timeout: Option<Duration>,
    /// What to do with a redirect.
    pub redirects: Redirects,
    /// The TLS client certificate to show, if the server asks for one.
    pub identity: Option<Identity>,
}

/// A TLS client certificate (RFC 8446, section 4.4.2) with its key. `Debug` shows neither.
#[derive(Clone)]
pub struct Identity {
    /// Certificate chain, PEM.
    pub certificate_pem: String,
    /// Private key, PEM.
    pub key_pem: Secret,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(…)")
    }
}

/// What happens to a reply 301, 302, 303, 307 or 308 that has a `Location`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redirects {
    /// [`EgressError::RedirectRefused`].
    Refuse,
    /// Followed, each hop guarded like the first one.
    Follow,
    /// It is the reply.
    Return,
}

/// A reply of any status.
#[derive(Clone)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// Names in lower case, in the order received; a repeated name appears repeatedly.
    pub headers: Vec<(String, String)>,
    /// The whole body, decompressed.
    pub body: Bytes,
    /// The URL that answered, after redirects.
    pub url: Url,
}

impl Reply {
    /// The first value of a header. Expects the name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl fmt::Debug for Egress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Egress")
            .field("policy", &self.policy)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({} {}, {} bytes)", self.method, host_of(&self.url), self.body.len())
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply({} from {}, {} bytes)", self.status, host_of(&self.url), self.body.len())
    }
}

impl Egress {
    /// A client under this policy. On a machine without CA certificates it still serves `http`;
    /// requests to `https` then fail with [`EgressError::Tls`].
    pub fn new(policy: Policy, limits: Limits) -> Result<Self, EgressError> {
        // Refused when some provider is installed already; that one is as good.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let policy = Arc::new(policy);
        let client = builder(&policy, &limits).build();
        let setup = |error: reqwest::Error| EgressError::Setup { reason: error.to_string() };
        let client = client.map_err(setup)?;
        let carriers = Arc::new(Carriers::new(&policy, &limits).map_err(setup)?);
        Ok(Self { client, carriers, policy, limits: Arc::new(limits) })
    }

    pub(crate) fn carriers(&self) -> &Carriers {
        &self.carriers
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Whether a request to this URL would be refused before any name lookup: for telling someone
    /// who saves a URL. A name that resolves to a refused address is found only when sending.
    pub fn check_url(&self, url: &Url) -> Result<(), EgressError> {
        let invalid = |reason| EgressError::InvalidUrl { host: host_of(url), reason };
        let denied = |reason| EgressError::Denied { host: host_of(url), reason };
        if !matches!(url.scheme(), "http" | "https") {
            return Err(invalid("its scheme is neither http nor https"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid("it contains a user name or password"));
        }
        let refusal = match url.host() {
            None => return Err(invalid("it has no host")),
            Some(Host::Domain(name)) if has_empty_label(name) => {
                return Err(invalid("its host name has an empty label or ends in a dot"));
            }
            Some(Host::Domain(name)) => self.policy.name_refusal(name),
            Some(Host::Ipv4(address)) => self.policy.address_refusal(address.into()),
            Some(Host::Ipv6(address)) => self.policy.address_refusal(address.into()),
        };
        refusal.map_or(Ok(()), |reason| Err(denied(reason)))
    }

    /// Sends the request and reads the reply. A status of 400 and above is a reply, not an error.
    pub async fn send(&self, request: Request) -> Result<Reply, EgressError> {
        let limit = request.timeout.unwrap_or(self.limits.request_timeout);
        let redirects = request.redirects;
        let client = match &request.identity {
            None => self.client.clone(),
            Some(identity) => self.client_with(identity, &request.url)?,
        };
        let hop = Hop {
            headers: header_map(&request)?,
            method: request.method,
            url: request.url,
            has_body: !request.body.is_empty(),
        };
        tokio::time::timeout(limit, self.follow(&client, hop, request.body, redirects))
            .await
            .unwrap_or_else(|_| Err(EgressError::timeout(limit)))
    }

    /// A client of its own for a certificate: connections made with one must never serve another
    /// request. The server's certificate is verified as always.
    pub(crate) fn client_with(
        &self,
        identity: &Identity,
        url: &Url,
    ) -> Result<reqwest::Client, EgressError> {
        let refused =
            |reason: &str| EgressError::Tls { host: host_of(url), reason: reason.to_owned() };
        let pem = format!("{}\n{}", identity.certificate_pem, identity.key_pem.expose());
        let identity = reqwest::Identity::from_pem(pem.as_bytes())
            .map_err(|_| refused("the client certificate or its key cannot be read"))?;
        builder(&self.policy, &self.limits)
            .pool_max_idle_per_host(0)
            .identity(identity)
            .build()
            .map_err(|_| refused("the client certificate and its key do not belong together"))
    }

    async fn follow(
        &self,
        client: &reqwest::Client,
        first: Hop,
        body: Bytes,
        redirects: Redirects,
    ) -> Result<Reply, EgressError> {
        let mut hop = first;
        for _ in 0..=self.limits.redirects_max {
            // Before every hop: a literal address never reaches the resolver.
            self.check_url(&hop.url)?;
            let response = self.send_hop(client, &hop, &body).await?;
            let location = response.headers().get(header::LOCATION).cloned();
            match location.filter(|_| is_redirect(response.status())) {
                None => return self.read(response, hop.url).await,
                Some(_) if redirects == Redirects::Return => {
                    return self.read(response, hop.url).await;
                }
                Some(_) if redirects == Redirects::Refuse => {
                    return Err(EgressError::RedirectRefused {
                        host: host_of(&hop.url),
                        reason: "redirects are not followed for this request",
                    });
                }
                Some(location) => {
                    hop = next_hop(hop, response.status(), location.as_bytes(), &|_| false)?;
                }
            }
        }
        Err(EgressError::TooManyRedirects)
    }

    async fn send_hop(
        &self,
        client: &reqwest::Client,
        hop: &Hop,
        body: &Bytes,
    ) -> Result<reqwest::Response, EgressError> {
        let mut request =
            client.request(hop.method.clone(), hop.url.clone()).headers(hop.headers.clone());
        if hop.has_body {
            request = request.body(body.clone());
        }
        request.send().await.map_err(|error| self.failure(&error, &hop.url))
    }

    async fn read(&self, mut response: reqwest::Response, url: Url) -> Result<Reply, EgressError> {
        let limit_bytes = self.limits.response_bytes_max;
        let too_large = EgressError::TooLarge { limit_bytes };
        if response.content_length().is_some_and(|bytes| bytes > limit_bytes as u64) {
            return Err(too_large);
        }
        let mut body = BytesMut::new();
        while let Some(chunk) =
            response.chunk().await.map_err(|error| self.failure(&error, &url))?
        {
            if body.len() + chunk.len() > limit_bytes {
                return Err(too_large);
            }
            body.extend_from_slice(&chunk);
        }
        let headers = response.headers().iter().map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        });
        Ok(Reply {
            status: response.status().as_u16(),
            headers: headers.collect(),
            body: body.freeze(),
            url,
        })
    }

    /// The client's errors print the whole URL, so nothing of their text is used.
    pub(crate) fn failure(&self, error: &reqwest::Error, url: &Url) -> EgressError {
        let host = host_of(url);
        if let Some(RefusedAnswer(reason)) = find(error) {
            return EgressError::Denied { host, reason: *reason };
        }
        if let Some(tls) = find::<rustls::Error>(error) {
            return EgressError::Tls { host, reason: tls.to_string() };
        }
        let io_kind = find::<io::Error>(error).map(io::Error::kind);
        if error.is_timeout() && error.is_connect() {
            return EgressError::timeout(self.limits.connect_timeout);
        }
        if error.is_connect() {
            let reason = match io_kind {
                _ if error.is_dns() => "the name could not be resolved".to_owned(),
                Some(kind) => kind.to_string(),
                None => "the connection was not established".to_owned(),
            };
            return EgressError::Connect { host, reason };
        }
        let reason = match io_kind {
            _ if error.is_decode() => "the body could not be decoded".to_owned(),
            Some(io::ErrorKind::Other) | None => "the connection was closed".to_owned(),
            Some(kind) => kind.to_string(),
        };
        EgressError::Interrupted { host, reason }
    }
}

/// Clients for exchanges that are carried through: as many connections as there are callers, and
/// nothing done to the answers.
pub(crate) struct Carriers {
    /// Hands bodies on as they are.
    pub(crate) plain: reqwest::Client,
    /// Asks for gzip and hands plain bodies on.
    pub(crate) decompressing: reqwest::Client,
    /// Speaks HTTP/1.1 only: a later version has no upgrade.
    pub(crate) upgrading: reqwest::Client,
}

impl Carriers {
    fn new(policy: &Arc<Policy>, limits: &Limits) -> Result<Self, reqwest::Error> {
        let build = |change: fn(reqwest::ClientBuilder) -> reqwest::ClientBuilder| {
            change(builder(policy, limits))
                .pool_max_idle_per_host(IDLE_CARRIERS_PER_HOST_MAX)
                .read_timeout(limits.idle_timeout)
                .build()
        };
        Ok(Self {
            plain: build(reqwest::ClientBuilder::no_gzip)?,
            decompressing: build(|builder| builder)?,
            upgrading: build(|builder| builder.no_gzip().http1_only())?,
        })
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the crate that owns the client")]
fn builder(policy: &Arc<Policy>, limits: &Limits) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .user_agent(concat!("valetkey/", env!("CARGO_PKG_VERSION")))
        .tls_certs_only(certificates().iter().cloned())
        .no_proxy()
        .referer(false)
        .redirect(reqwest::redirect::Policy::none())
        // A token request must not be sent twice behind the caller's back.
        .retry(reqwest::retry::never())
        .dns_resolver(GuardedResolver::new(policy.clone()))
        .connect_timeout(limits.connect_timeout)
        .pool_idle_timeout(IDLE_CONNECTION_TIMEOUT)
        .pool_max_idle_per_host(IDLE_CONNECTIONS_PER_HOST_MAX)
}

fn header_map(request: &Request) -> Result<HeaderMap, EgressError> {
    let mut map = HeaderMap::with_capacity(request.headers.len());
    for (name, value) in &request.headers {
        let invalid =
            || EgressError::InvalidHeader { host: host_of(&request.url), name: name.clone() };
        let key = HeaderName::try_from(name.as_str()).map_err(|_| invalid())?;
        if CONNECTION_HEADERS.contains(&key.as_str()) {
            continue;
        }
        let mut value = HeaderValue::try_from(value.as_str()).map_err(|_| invalid())?;
        // Keeps the value out of HPACK tables and of debug output.
        value.set_sensitive(key != header::ACCEPT && key != header::CONTENT_TYPE);
        map.append(key, value);
    }
    Ok(map)
}

/// What errors say of a URL.
pub(crate) fn host_of(url: &Url) -> String {
    url.host_str().unwrap_or("(no host)").to_owned()
}

/// The first error of this type among the sources. An `io::Error` hides the error it was made from,
/// so it is looked into as well.
fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut current = Some(error);
    while let Some(error) = current {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        current = match inner {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_refused_by_the_resolver_is_a_denial() {
        let strict = Egress::new(Policy::default(), Limits::default()).unwrap();
        let hop = Hop {
            method: Method::GET,
            url: "http://localhost:9/?secret".parse().unwrap(),
            headers: HeaderMap::new(),
            has_body: false,
        };
        // Past the check of the name, as a public name with a private address would be.
        let error = strict.send_hop(&strict.client, &hop, &Bytes::new()).await.unwrap_err();
        assert_eq!(error.to_string(), "requests to localhost are not allowed: loopback address");
    }

    #[test]
    fn a_machine_without_certificates_gets_a_client() {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let policy = Arc::new(Policy::default());
        assert!(builder(&policy, &Limits::default()).tls_certs_only([]).build().is_ok());
    }
}
