//! `webhook_url_override`, which sessions and connections have.

use std::sync::Arc;

use url::Url;
use valetkey_engine::Engine;

use crate::error::{ApiError, ApiResult, Part};
use crate::schema::named::{self, UrlPolicy};
use crate::schema::{Issue, Schema};

/// The name of the member.
pub const FIELD: &str = "webhook_url_override";

/// The form of the value. Whether this server may call it is asked by [`check`], because schemas
/// are built without an engine.
pub fn schema() -> Schema {
    let any: UrlPolicy = Arc::new(|_| Ok(()));
    named::webhook_url(&any)
}

/// Refuses a URL that the server may not call.
///
/// # Errors
/// 400 `invalid_body` with one `custom` issue at the field.
pub fn check(engine: &Engine, url: Option<&str>) -> ApiResult<()> {
    match url.and_then(|url| issue(engine, url, &[FIELD])) {
        Some(issue) => Err(ApiError::validation(Part::Body, vec![issue])),
        None => Ok(()),
    }
}

/// The issue of a URL that the server may not call. What is no URL was refused by [`schema`].
pub fn issue(engine: &Engine, url: &str, path: &[&str]) -> Option<Issue> {
    let error = engine.egress().check_url(&Url::parse(url).ok()?).err()?;
    Some(Issue::custom(format!("The server may not call this URL: {error}"), path))
}
