//! Where a person lands whose installation began at the provider.

use askama::Template;
use axum::response::Response;
use http::HeaderValue;
use http::StatusCode;
use http::header::{CACHE_CONTROL, REFERRER_POLICY};
use valetkey_engine::installs::Received;

use super::copy::Language;
use super::{Pages, page};

/// What the page may do beside loading our files: nothing but be left by its link.
const POLICY: &str = "form-action 'none'; frame-ancestors 'none'";

#[derive(Template)]
#[template(path = "installed.html")]
struct Page<'a> {
    assets: &'a str,
    language: &'a Language,
    title: String,
    text: String,
    /// The app's page, with a token that counts once.
    claim_url: Option<&'a str>,
}

/// It is held, and the app's page is where it goes on. The person follows a link themselves, so that
/// nobody is led there by somebody else's authorization without a word.
pub(super) fn received(pages: &Pages, language: &Language, received: &Received) -> Response {
    let provider = [("provider", received.provider_name.as_str())];
    let claim_url = received.claim_url.as_ref().map(valetkey_base::Secret::expose);
    let next = if claim_url.is_some() { "install.go_on" } else { "install.wait" };
    let account = match &received.label {
        Some(account) => {
            let values = [provider[0], ("account", account.as_str())];
            language.text("install.account", &values)
        }
        None => language.text("install.no_account", &provider),
    };
    let template = Page {
        assets: &pages.assets.folder,
        language,
        title: language.text("install.received_title", &[]),
        text: format!("{account} {}", language.text(next, &[])),
        claim_url,
    };
    let mut response = page(StatusCode::OK, &template, POLICY);
    let headers = response.headers_mut();
    // The link holds a secret.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// Nothing waits for it: connections that use it go on.
pub(super) fn saved(pages: &Pages, language: &Language) -> Response {
    let template = Page {
        assets: &pages.assets.folder,
        language,
        title: language.text("install.saved_title", &[]),
        text: language.text("install.saved", &[]),
        claim_url: None,
    };
    page(StatusCode::OK, &template, POLICY)
}
