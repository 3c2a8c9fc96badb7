//! The HTTP server. Every operation of the API is an [`route::Endpoint`] in one list; the
//! transport checks whatever can be checked before a handler runs.

pub mod auth_header;
pub mod call;
pub mod error;
pub mod extract;
pub mod middleware;
pub mod openapi;
pub mod query;
pub mod reply;
pub mod route;
pub mod schema;
pub mod transport;
