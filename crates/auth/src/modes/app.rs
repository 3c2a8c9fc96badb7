//! APP: an installation of a GitHub App.

use serde_json::{Map, Value};
use valetkey_catalog::{AuthMode, Provider, scalar_text};

use crate::body::{BodyIssue, Reader};
use crate::credentials::Credentials;
use crate::error::{AuthError, Class};
use crate::github_app::{self, App as Registered, Journey, Returned, checked_id};
use crate::mode::{AuthorizeInput, CallbackInput, Context, Grant, Mode, Pending, Step};
use crate::request::HttpReply;

const ID_CHARS_MAX: usize = 255;

pub(super) struct App;

impl Mode for App {
    fn mode(&self) -> AuthMode {
        AuthMode::App
    }

    fn uses_browser(&self) -> bool {
        true
    }

    fn authorize(&self, context: &Context<'_>, input: &AuthorizeInput<'_>) -> Step {
        github_app::install_page(context, input)
    }

    fn callback(&self, context: &Context<'_>, input: &CallbackInput<'_>) -> Step {
        match Returned::read(context, input) {
            Ok(Returned { installation_id: Some(id), code }) => {
                Journey::connect(context, Some(id), code, input.redirect_uri, input.started_at)
            }
            Ok(Returned { installation_id: None, .. }) => {
                let message = "The installation has to be finished, or approved by an owner of the \
                               organisation, before it can be connected. Connect again then.";
                Step::Failed(AuthError::new(Class::Terminal, "callback_err", message))
            }
            Err(error) => Step::Failed(error),
        }
    }

    fn can_refresh(&self, _: &Provider, credentials: &Credentials) -> bool {
        credentials.kind() == Some(AuthMode::App)
    }

    fn refresh(&self, context: &Context<'_>, _: &Credentials) -> Step {
        match installation_id(context) {
            Ok(id) => Journey::refresh(context, id, None),
            Err(error) => Step::Failed(error),
        }
    }

    fn renew_app_token(&self, context: &Context<'_>, credentials: &Credentials) -> Option<Step> {
        renewed_app_token(context, credentials)
    }

    fn reply(&self, context: &Context<'_>, pending: &Pending, reply: &HttpReply) -> Step {
        github_app::reply(context, pending, reply)
    }

    fn import_step(
        &self,
        context: &Context<'_>,
        credentials: &Value,
    ) -> Result<Step, Vec<BodyIssue>> {
        import(context, credentials)
    }
}

/// The stored installation.
pub(super) fn installation_id(context: &Context<'_>) -> Result<String, AuthError> {
    let id = context.connection_config.get("installation_id").and_then(scalar_text);
    id.as_deref().and_then(checked_id).ok_or_else(|| {
        let message = "The connection holds no installation. The person has to connect again.";
        AuthError::new(Class::Terminal, "github_app_token_fetch_error", message)
    })
}

/// The credentials with a new token of the app's own.
pub(super) fn renewed_app_token(context: &Context<'_>, credentials: &Credentials) -> Option<Step> {
    if credentials.kind() != Some(AuthMode::App) {
        return None;
    }
    let signed = Registered::of(context).and_then(|app| app.token(context));
    Some(match signed {
        Ok(jwt) => {
            let mut map = credentials.as_map().clone();
            map.insert("jwtToken".to_owned(), jwt.as_str().into());
            let learned = Map::from_iter([("jwtToken".to_owned(), Value::from(jwt))]);
            Step::Done(Grant { credentials: Credentials::new(map), connection_config: learned })
        }
        Err(error) => Step::Failed(error),
    })
}

/// An installation the app's backend names.
pub(super) fn import(context: &Context<'_>, credentials: &Value) -> Result<Step, Vec<BodyIssue>> {
    let mut reader = Reader::new(credentials, &["credentials"]);
    reader.ignore("type");
    let app_id = reader.text("app_id", 1, ID_CHARS_MAX);
    let installation_id = reader.text("installation_id", 1, ID_CHARS_MAX);
    let issues = reader.strict();
    if !issues.is_empty() {
        return Err(issues);
    }
    let issue = |name: &str, message: &str| {
        vec![BodyIssue {
            code: "custom".to_owned(),
            message: message.to_owned(),
            path: vec!["credentials".to_owned(), name.to_owned()],
        }]
    };
    let Some(installation_id) = checked_id(&installation_id) else {
        return Err(issue("installation_id", "An installation id has only digits."));
    };
    match Registered::of(context) {
        Ok(app) if app.id != app_id => {
            Err(issue("app_id", "The integration stands for another app."))
        }
        Ok(_) => Ok(Journey::import(context, installation_id)),
        Err(error) => Ok(Step::Failed(error)),
    }
}
