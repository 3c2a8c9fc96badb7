#![doc = include_str!("../README.md")]

mod carry;
mod client;
mod error;
mod guard;
mod limits;
mod mail;
mod policy;
mod redirect;
mod replay;
mod resolver;
mod roots;
#[cfg(test)]
mod tests;

pub use bytes::Bytes;
pub use carry::{Duplex, Incoming, Outgoing, Trusts};
pub use client::{Egress, Identity, Redirects, Reply, Request};
pub use error::EgressError;
pub use guard::Refusal;
pub use http::Method;
pub use limits::Limits;
pub use mail::{Mail, MailError, Mailer, SmtpServer, is_mail_address, is_mailbox};
pub use policy::{AllowList, Policy};
pub use replay::{AnyBody, BodyError, BodyTooLarge, CollectError, Replay};
pub use url::Url;
