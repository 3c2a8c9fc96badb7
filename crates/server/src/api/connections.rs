//! Connections: list, read, import, change, delete, metadata.

mod change;
mod import;
mod legacy_import;
mod list;
mod metadata;
mod read;
mod view;

use http::StatusCode;
use valetkey_engine::Error;

use crate::app::App;
use crate::error::ApiError;
use crate::route::Endpoint;

/// The group in the OpenAPI document.
const TAG: &str = "Connections";

const LIST: &[&str] = &["environment:connections:list", "environment:connections:list_credentials"];
const READ: &[&str] = &["environment:connections:read", READ_CREDENTIALS];
const READ_CREDENTIALS: &str = "environment:connections:read_credentials";
const CREATE: &[&str] = &["environment:connections:create"];
const UPDATE: &[&str] = &["environment:connections:update"];
const DELETE: &[&str] = &["environment:connections:delete"];

/// Most bytes of a body with credentials or metadata.
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The operations on connections.
pub fn endpoints() -> Vec<Endpoint<App>> {
    let mut all = vec![
        list::endpoint(),
        import::endpoint(),
        legacy_import::endpoint(),
        read::endpoint(),
        change::patch_endpoint(),
        change::delete_endpoint(),
    ];
    all.extend(metadata::endpoints());
    all
}

/// Where the path names a connection, an unknown integration is the caller's mistake and not the
/// thing that was looked for: 400 instead of 404.
fn unknown_integration_is_400(error: Error) -> ApiError {
    match error {
        Error::UnknownIntegration(_) => {
            ApiError::simple(StatusCode::BAD_REQUEST, "unknown_provider_config", error.to_string())
        }
        other => other.into(),
    }
}
