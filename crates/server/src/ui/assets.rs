//! Styles, scripts and the icon, in the binary. Their address has a fingerprint of all of them, so
//! browsers keep them for good and modules import each other by relative names.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};

use super::Pages;
use crate::error::ApiError;

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// Name, content type and content.
const FILES: [(&str, &str, &str); 28] = [
    ("style.css", CSS, include_str!("../../static/style.css")),
    ("icon.svg", SVG, include_str!("../../static/icon.svg")),
    ("dashboard.css", CSS, include_str!("../../static/dashboard.css")),
    ("dashboard.js", JS, include_str!("../../static/dashboard.js")),
    ("dashboard-logs.css", CSS, include_str!("../../static/dashboard-logs.css")),
    ("dashboard-logs.js", JS, include_str!("../../static/dashboard-logs.js")),
    ("dashboard-settings.css", CSS, include_str!("../../static/dashboard-settings.css")),
    ("dashboard-settings.js", JS, include_str!("../../static/dashboard-settings.js")),
    ("dashboard-start.js", JS, include_str!("../../static/dashboard-start.js")),
    ("dashboard-home.css", CSS, include_str!("../../static/dashboard-home.css")),
    ("dashboard-home.js", JS, include_str!("../../static/dashboard-home.js")),
    ("dashboard-passkeys.js", JS, include_str!("../../static/dashboard-passkeys.js")),
    ("callback.js", JS, include_str!("../../static/callback.js")),
    ("connect.css", CSS, include_str!("../../static/connect.css")),
    ("connect.js", JS, include_str!("../../static/connect.js")),
    ("connect-dom.js", JS, include_str!("../../static/connect-dom.js")),
    ("connect-copy.js", JS, include_str!("../../static/connect-copy.js")),
    ("connect-host.js", JS, include_str!("../../static/connect-host.js")),
    ("connect-api.js", JS, include_str!("../../static/connect-api.js")),
    ("connect-flow.js", JS, include_str!("../../static/connect-flow.js")),
    ("connect-theme.js", JS, include_str!("../../static/connect-theme.js")),
    ("connect-shell.js", JS, include_str!("../../static/connect-shell.js")),
    ("connect-fields.js", JS, include_str!("../../static/connect-fields.js")),
    ("connect-check.js", JS, include_str!("../../static/connect-check.js")),
    ("connect-list.js", JS, include_str!("../../static/connect-list.js")),
    ("connect-form.js", JS, include_str!("../../static/connect-form.js")),
    ("connect-attempt.js", JS, include_str!("../../static/connect-attempt.js")),
    ("connect-endings.js", JS, include_str!("../../static/connect-endings.js")),
];

/// What `connect.js` imports, so that browsers fetch all of it at once.
pub(super) const CONNECT_MODULES: &[&str] = &[
    "connect-dom.js",
    "connect-copy.js",
    "connect-host.js",
    "connect-api.js",
    "connect-flow.js",
    "connect-theme.js",
    "connect-shell.js",
    "connect-fields.js",
    "connect-check.js",
    "connect-list.js",
    "connect-form.js",
    "connect-attempt.js",
    "connect-endings.js",
];

/// Where the files are.
pub(super) struct Assets {
    fingerprint: String,
    /// The folder in pages, with the server's base path, without a slash at the end.
    pub(super) folder: String,
    /// The same at the Connect UI's own address.
    pub(super) connect_folder: String,
    /// What is sent, in the order of [`FILES`].
    sent: Vec<Bytes>,
}

impl Assets {
    pub(super) fn new(base_path: &str, connect_path: &str) -> Self {
        // Not a matter of security, only of telling one release's files from another's.
        let mut hasher = DefaultHasher::new();
        FILES.hash(&mut hasher);
        let fingerprint = format!("{:016x}", hasher.finish());
        let folder = |path: &str| format!("{path}/static/{fingerprint}");
        Self {
            folder: folder(base_path),
            connect_folder: folder(connect_path),
            sent: FILES
                .iter()
                .map(|(.., content)| Bytes::from(without_comments(content)))
                .collect(),
            fingerprint,
        }
    }
}

/// Answers `GET /static/{fingerprint}/{name}`. While replicas of two releases run side by side, one
/// is asked for the other's files: it gives its own, for now.
pub(super) async fn serve(
    State(pages): State<Pages>,
    Path((fingerprint, name)): Path<(String, String)>,
) -> Response {
    let Some(at) = FILES.iter().position(|(known, ..)| *known == name) else {
        return ApiError::not_found("There is no such file").into_response();
    };
    let caching = if fingerprint == pages.assets.fingerprint {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(FILES[at].1)),
        (CACHE_CONTROL, HeaderValue::from_static(caching)),
    ];
    (StatusCode::OK, headers, pages.assets.sent[at].clone()).into_response()
}

/// A file without what only its readers need: comments that fill their lines, and indentation. They
/// are a third of it, also compressed. Line by line: no text of ours spans lines.
fn without_comments(content: &str) -> String {
    let mut kept = String::with_capacity(content.len());
    let mut in_comment = false;
    for line in content.lines().map(str::trim) {
        let mut rest = line;
        if in_comment || rest.starts_with("/*") {
            let Some((_, after)) = rest.split_once("*/") else {
                in_comment = true;
                continue;
            };
            in_comment = false;
            rest = after.trim_start();
        }
        if !rest.is_empty() && !rest.starts_with("//") {
            kept.push_str(rest);
            kept.push('\n');
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_comments_are_left_out() {
        let content =
            "// a\n/** b\n * c */\nlet x = 1; // d\n  /** @type {T} */ (y).z();\n\n* { e }\n";
        assert_eq!(without_comments(content), "let x = 1; // d\n(y).z();\n* { e }\n");
        for (name, _, content) in FILES {
            let backticks = content.lines().filter(|line| line.matches('`').count() % 2 == 1);
            assert_eq!(backticks.count(), 0, "{name} has a text that spans lines");
        }
    }
}
