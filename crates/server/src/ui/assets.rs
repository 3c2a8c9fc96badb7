//! Styles, scripts and the icon, in the binary. Their address has a fingerprint of all of them, so
//! browsers keep them for good and modules import each other by relative names.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};

use super::Pages;
use crate::error::ApiError;

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// Name, content type and content.
const FILES: [(&str, &str, &str); 6] = [
    ("style.css", CSS, include_str!("../../static/style.css")),
    ("icon.svg", SVG, include_str!("../../static/icon.svg")),
    ("callback.js", JS, include_str!("../../static/callback.js")),
    ("connect.js", JS, include_str!("../../static/connect.js")),
    ("connect-form.js", JS, include_str!("../../static/connect-form.js")),
    ("connect-flow.js", JS, include_str!("../../static/connect-flow.js")),
];

/// Where the files are.
pub(super) struct Assets {
    fingerprint: String,
    /// The folder in pages, with the server's base path, without a slash at the end.
    pub(super) folder: String,
}

impl Assets {
    pub(super) fn new(base_path: &str) -> Self {
        // Not a matter of security, only of telling one release's files from another's.
        let mut hasher = DefaultHasher::new();
        FILES.hash(&mut hasher);
        let fingerprint = format!("{:016x}", hasher.finish());
        Self { folder: format!("{base_path}/static/{fingerprint}"), fingerprint }
    }
}

/// Answers `GET /static/{fingerprint}/{name}`. While replicas of two releases run side by side, one
/// is asked for the other's files: it gives its own, for now.
pub(super) async fn serve(
    State(pages): State<Pages>,
    Path((fingerprint, name)): Path<(String, String)>,
) -> Response {
    let Some((_, kind, content)) = FILES.iter().find(|(known, ..)| *known == name) else {
        return ApiError::not_found("There is no such file").into_response();
    };
    let caching = if fingerprint == pages.assets.fingerprint {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(kind)),
        (CACHE_CONTROL, HeaderValue::from_static(caching)),
    ];
    (StatusCode::OK, headers, *content).into_response()
}
