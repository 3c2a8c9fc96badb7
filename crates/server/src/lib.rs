//! The HTTP server. Every operation of the API is an [`route::Endpoint`] in one list; the
//! transport checks whatever can be checked before a handler runs.

pub mod api;
pub mod app;
pub mod auth_header;
pub mod call;
pub mod connect;
pub mod engine_error;
pub mod error;
mod etag;
pub mod extract;
pub mod middleware;
pub mod openapi;
pub mod query;
pub mod reply;
pub mod route;
pub mod schema;
pub mod transport;
pub mod ui;

/// The OpenAPI document of this release, as `docs/reference/openapi.json` holds it.
pub fn openapi_document() -> serde_json::Value {
    openapi::document(&app::endpoints(), "http://localhost:3003")
}
