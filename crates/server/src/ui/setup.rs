//! `/setup`: the first member, the owner, is created through the link that the first start prints.

use askama::Template;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode, Uri};
use url::form_urlencoded;
use valetkey_base::Secret;
use valetkey_engine::Error;
use valetkey_engine::members::PASSWORD_CHARACTERS_MIN;

use super::{Pages, page};
use crate::error::{ApiError, ApiResult};
use crate::extract::body;

/// Most bytes of the form.
const FORM_BYTES_MAX: usize = 8 * 1024;
const FORM: &str = "application/x-www-form-urlencoded";
/// What the pages may do beside loading our files.
const FORM_POLICY: &str = "form-action 'self'; frame-ancestors 'none'";

#[derive(Template)]
#[template(path = "setup.html")]
struct SetupForm<'a> {
    assets: &'a str,
    base_path: &'a str,
    token: &'a str,
    email: &'a str,
    email_issue: Option<&'a str>,
    password_issue: Option<&'a str>,
    password_characters_min: usize,
}

#[derive(Template)]
#[template(path = "setup_done.html")]
struct SetupDone<'a> {
    assets: &'a str,
    base_path: &'a str,
    email: &'a str,
}

#[derive(Template)]
#[template(path = "setup_gone.html")]
struct SetupGone<'a> {
    assets: &'a str,
}

/// Answers `GET /setup?token=…`.
pub(super) async fn ask(State(pages): State<Pages>, uri: Uri) -> ApiResult<Response> {
    let token = value(uri.query().unwrap_or_default().as_bytes(), "token");
    if !pages.app.engine.owner_link_is_live(&token).await? {
        return Ok(gone(&pages));
    }
    Ok(form(&pages, StatusCode::OK, &token, "", &Error::Invalid(Vec::new())))
}

/// Answers `POST /setup`.
pub(super) async fn create(State(pages): State<Pages>, request: Request) -> ApiResult<Response> {
    let (parts, content) = request.into_parts();
    check_form(&parts.headers)?;
    let content = body::read(&parts.headers, content, FORM_BYTES_MAX).await?;
    let token = value(&content, "token");
    let email = value(&content, "email");
    let password = Secret::new(value(&content, "password"));
    match pages.app.engine.create_owner(&token, &email, &password).await {
        Ok(member) => {
            let template = SetupDone {
                assets: &pages.assets.folder,
                base_path: &pages.place.base_path,
                email: &member.email,
            };
            Ok(page(StatusCode::OK, &template, FORM_POLICY))
        }
        Err(Error::NotFound(_)) => Ok(gone(&pages)),
        Err(error @ Error::Invalid(_)) => {
            Ok(form(&pages, StatusCode::BAD_REQUEST, &token, &email, &error))
        }
        Err(error) => Err(error.into()),
    }
}

fn check_form(headers: &HeaderMap) -> Result<(), ApiError> {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
    if kind.trim().eq_ignore_ascii_case(FORM) {
        return Ok(());
    }
    Err(ApiError::simple(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "invalid_content_type",
        "Send the form of this page",
    ))
}

fn value(form: &[u8], name: &str) -> String {
    form_urlencoded::parse(form)
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

fn form(pages: &Pages, status: StatusCode, token: &str, email: &str, error: &Error) -> Response {
    let issue = |name: &str| match error {
        Error::Invalid(issues) => issues
            .iter()
            .find(|issue| issue.path.first().is_some_and(|first| first == name))
            .map(|issue| issue.message.as_str()),
        _ => None,
    };
    let template = SetupForm {
        assets: &pages.assets.folder,
        base_path: &pages.place.base_path,
        token,
        email,
        email_issue: issue("email"),
        password_issue: issue("password"),
        password_characters_min: PASSWORD_CHARACTERS_MIN,
    };
    page(status, &template, FORM_POLICY)
}

fn gone(pages: &Pages) -> Response {
    let template = SetupGone { assets: &pages.assets.folder };
    page(StatusCode::NOT_FOUND, &template, FORM_POLICY).into_response()
}
