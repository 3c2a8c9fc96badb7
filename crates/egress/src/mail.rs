//! Mail through the operator's own SMTP server (RFC 5321).
//!
//! The address guard has no say here: who runs this server names the mail server, and nobody else
//! can. What others choose is the recipient alone.

use std::fmt;
use std::time::Duration;

use lettre::address::Address;
use lettre::message::{Mailbox, MultiPart, header};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::{Error as SmtpError, PoolConfig};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use percent_encoding::percent_decode_str;
use thiserror::Error;
use url::Url;
use valetkey_base::Secret;

/// Connections to the mail server that are kept.
const CONNECTIONS_MAX: u32 = 2;
/// The port of submission (RFC 6409).
const SUBMISSION_PORT: u16 = 587;
/// The port of submission inside TLS (RFC 8314, section 3.3).
const SUBMISSIONS_PORT: u16 = 465;

/// How the connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protection {
    /// TLS from the first byte.
    Tls,
    /// STARTTLS, without which nothing is sent.
    StartTls,
    /// None: a mail server on this machine or in a trusted network.
    Plain,
}

/// Where the mail server is.
#[derive(Clone, Debug)]
pub struct SmtpServer {
    host: String,
    port: u16,
    protection: Protection,
    login: Option<(String, Secret)>,
}

impl SmtpServer {
    /// Reads `smtps://user:password@host:465` (TLS), `smtp://…:587` (STARTTLS), or
    /// `smtp://host:25?tls=none`.
    ///
    /// # Errors
    /// What is wrong, without the address.
    pub fn parse(text: &Secret) -> Result<Self, &'static str> {
        let url = Url::parse(text.expose()).map_err(|_| "it is not a URL")?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or("it names no host")?;
        let query: Vec<_> = url.query_pairs().collect();
        let is_plain = match query.as_slice() {
            [] => false,
            [(name, value)] if name == "tls" && value == "none" => true,
            _ => return Err("after the question mark there can only be tls=none"),
        };
        let (protection, port) = match (url.scheme(), is_plain) {
            ("smtps", false) => (Protection::Tls, SUBMISSIONS_PORT),
            ("smtp", false) => (Protection::StartTls, SUBMISSION_PORT),
            ("smtp", true) => (Protection::Plain, SUBMISSION_PORT),
            ("smtps", true) => return Err("smtps cannot be without TLS"),
            _ => return Err("it begins with neither smtps:// nor smtp://"),
        };
        let decoded =
            |part: &str| percent_decode_str(part).decode_utf8().map(std::borrow::Cow::into_owned);
        let login = match (url.username(), url.password()) {
            ("", None) => None,
            (_, None) | ("", _) => {
                return Err("there is a user without a password, or the reverse");
            }
            (user, Some(password)) => match (decoded(user), decoded(password)) {
                (Ok(user), Ok(password)) => Some((user, Secret::new(password))),
                _ => return Err("user or password are not UTF-8"),
            },
        };
        if login.is_some() && protection == Protection::Plain {
            return Err("a password is not sent without TLS");
        }
        if !matches!(url.path(), "" | "/") {
            return Err("it has a path");
        }
        let host = host.trim_matches(['[', ']']).to_owned();
        Ok(Self { host, port: url.port().unwrap_or(port), protection, login })
    }
}

/// Whether mail can be sent to an address.
pub fn is_mail_address(text: &str) -> bool {
    text.parse::<Address>().is_ok()
}

/// Whether mail can come from it: an address, also behind a name.
pub fn is_mailbox(text: &str) -> bool {
    text.parse::<Mailbox>().is_ok()
}

/// A mail that could not be handed over.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{reason}")]
pub struct MailError {
    /// For people: the answer of the mail server, or why there was none.
    pub reason: String,
    /// Whether the same mail will not be taken later either.
    pub is_permanent: bool,
}

impl MailError {
    fn permanent(reason: impl fmt::Display) -> Self {
        Self { reason: reason.to_string(), is_permanent: true }
    }
}

/// A mail, as text and as HTML.
#[derive(Clone, Debug)]
pub struct Mail {
    /// Tells it from others; the same mail sent again has the same.
    pub id: String,
    /// One address.
    pub to: String,
    /// On one line.
    pub subject: String,
    /// For every reader.
    pub text: String,
    /// The same for readers that show it.
    pub html: String,
}

/// Hands mails to the operator's server. Clones share its connections.
#[derive(Clone)]
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mailer from {}", self.from)
    }
}

impl Mailer {
    /// A mailer that sends from `from`, such as `Valetkey <keys@example.com>`. Connects to nobody yet.
    ///
    /// # Errors
    /// When `from` is no address, or TLS cannot be set up for the host.
    pub fn new(server: &SmtpServer, from: &str, timeout: Duration) -> Result<Self, MailError> {
        let from: Mailbox = from.parse().map_err(MailError::permanent)?;
        let tls = || TlsParameters::new(server.host.clone()).map_err(MailError::permanent);
        let tls = match server.protection {
            Protection::Tls => Tls::Wrapper(tls()?),
            Protection::StartTls => Tls::Required(tls()?),
            Protection::Plain => Tls::None,
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&server.host)
            .port(server.port)
            .tls(tls)
            .timeout(Some(timeout))
            .pool_config(PoolConfig::new().max_size(CONNECTIONS_MAX));
        if let Some((user, password)) = &server.login {
            let login = Credentials::new(user.clone(), password.expose().to_owned());
            builder = builder.credentials(login);
        }
        Ok(Self { transport: builder.build(), from })
    }

    /// Hands a mail over, and says what the server answered.
    ///
    /// # Errors
    /// [`MailError`].
    pub async fn send(&self, mail: &Mail) -> Result<String, MailError> {
        let to: Address = mail.to.parse().map_err(MailError::permanent)?;
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(mail.subject.as_str())
            .message_id(Some(format!("<{}@{}>", mail.id, self.from.email.domain())))
            // Nobody's holiday notice should answer it (RFC 3834, section 5).
            .header(AutoSubmitted)
            .header(header::MIME_VERSION_1_0)
            .multipart(MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone()))
            .map_err(MailError::permanent)?;
        match self.transport.send(message).await {
            Ok(answer) => Ok(answer.message().collect::<Vec<_>>().join(" ")),
            Err(error) => Err(refused(&error)),
        }
    }
}

/// The server's answer has no secrets: it does not repeat what was said to it.
fn refused(error: &SmtpError) -> MailError {
    let mut reason = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let text = inner.to_string();
        if !reason.contains(&text) {
            reason = format!("{reason}: {text}");
        }
        cause = inner.source();
    }
    MailError { reason, is_permanent: error.is_permanent() }
}

#[derive(Clone)]
struct AutoSubmitted;

impl header::Header for AutoSubmitted {
    fn name() -> header::HeaderName {
        header::HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> header::HeaderValue {
        header::HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<SmtpServer, &'static str> {
        SmtpServer::parse(&Secret::new(text))
    }

    #[test]
    fn an_address_says_port_and_protection() {
        for (text, host, port, protection) in [
            ("smtps://mail.example.com", "mail.example.com", 465, Protection::Tls),
            ("smtp://mail.example.com/", "mail.example.com", 587, Protection::StartTls),
            ("smtp://[::1]:25?tls=none", "::1", 25, Protection::Plain),
        ] {
            let server = read(text).unwrap();
            assert_eq!(
                (server.host.as_str(), server.port, server.protection),
                (host, port, protection)
            );
        }
        let server = read("smtps://a%40b.example:p%3Aw@mail.example.com:2465").unwrap();
        let (user, password) = server.login.as_ref().unwrap();
        assert_eq!((user.as_str(), password.expose(), server.port), ("a@b.example", "p:w", 2465));
        assert!(!format!("{server:?}").contains("p:w"));
    }

    #[test]
    fn what_would_not_do_is_refused() {
        for text in [
            "mail.example.com",
            "https://mail.example.com",
            "smtp://",
            "smtps://user@mail.example.com",
            "smtp://user:password@mail.example.com?tls=none",
            "smtps://mail.example.com?tls=none",
            "smtp://mail.example.com?tls=off",
            "smtp://mail.example.com/inbox",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
        let plain = read("smtp://127.0.0.1:2?tls=none").unwrap();
        assert!(Mailer::new(&plain, "nobody", Duration::from_secs(1)).is_err());
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_may_be_there_later() {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let server = read(&format!("smtp://127.0.0.1:{}?tls=none", closed.port())).unwrap();
        let mailer =
            Mailer::new(&server, "Keys <keys@example.com>", Duration::from_secs(5)).unwrap();
        let mail = |to: &str| Mail {
            id: "1".to_owned(),
            to: to.to_owned(),
            subject: "s".to_owned(),
            text: "t".to_owned(),
            html: "h".to_owned(),
        };
        assert!(!mailer.send(&mail("ada@example.com")).await.unwrap_err().is_permanent);
        assert!(mailer.send(&mail("ada")).await.unwrap_err().is_permanent);
    }
}
