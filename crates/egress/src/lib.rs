#![doc = include_str!("../README.md")]

mod client;
mod error;
mod guard;
mod limits;
mod policy;
mod redirect;
mod resolver;
#[cfg(test)]
mod tests;

pub use bytes::Bytes;
pub use client::{Egress, Identity, Redirects, Reply, Request};
pub use error::EgressError;
pub use guard::Refusal;
pub use http::Method;
pub use limits::Limits;
pub use policy::{AllowList, Policy};
pub use url::Url;
