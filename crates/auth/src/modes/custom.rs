//! CUSTOM: an installation of a GitHub App together with its user's token.
//!
//! The credentials are those of the installation; the person's token lies beside them as
//! `userCredentials`. A connection whose installation waits for an approval has only the latter.

use serde_json::Value;
use valetkey_catalog::{AuthMode, Provider, scalar_text};

use super::app::{import, installation_id, renewed_app_token};
use crate::body::BodyIssue;
use crate::credentials::Credentials;
use crate::error::AuthError;
use crate::github_app::{self, Journey, Returned, checked_id, may_renew, stored_user};
use crate::mode::{AuthorizeInput, CallbackInput, Context, Mode, Pending, Step};
use crate::request::HttpReply;

pub(super) struct Custom;

fn repaired(context: &Context<'_>) -> Option<String> {
    let id = context.repairs?.get("installation_id").and_then(scalar_text)?;
    checked_id(&id)
}

impl Mode for Custom {
    fn mode(&self) -> AuthMode {
        AuthMode::Custom
    }

    fn uses_browser(&self) -> bool {
        true
    }

    fn authorize(&self, context: &Context<'_>, input: &AuthorizeInput<'_>) -> Step {
        github_app::install_page(context, input)
    }

    fn callback(&self, context: &Context<'_>, input: &CallbackInput<'_>) -> Step {
        match Returned::read(context, input) {
            Ok(Returned { installation_id, code }) => {
                // A person who only signs in again repairs what they had.
                let id = installation_id.or_else(|| repaired(context));
                Journey::connect(context, id, code, input.redirect_uri, input.started_at)
            }
            Err(error) => Step::Failed(error),
        }
    }

    fn can_refresh(&self, _: &Provider, credentials: &Credentials) -> bool {
        match credentials.kind() {
            Some(AuthMode::App) => true,
            _ => credentials.refresh_token().is_some(),
        }
    }

    fn refresh(&self, context: &Context<'_>, credentials: &Credentials) -> Step {
        if credentials.kind() != Some(AuthMode::App) {
            return Journey::refresh_user(context, credentials);
        }
        match installation_id(context) {
            Ok(id) => {
                let user = stored_user(context).filter(|user| may_renew(context, user));
                Journey::refresh(context, id, user)
            }
            Err(error) => Step::Failed(error),
        }
    }

    fn renew_app_token(&self, context: &Context<'_>, credentials: &Credentials) -> Option<Step> {
        renewed_app_token(context, credentials)
    }

    fn reply(&self, context: &Context<'_>, pending: &Pending, reply: &HttpReply) -> Step {
        github_app::reply(context, pending, reply)
    }

    fn unanswered(&self, context: &Context<'_>, pending: &Pending, error: AuthError) -> Step {
        github_app::unanswered(context, pending, error)
    }

    fn import_step(
        &self,
        context: &Context<'_>,
        credentials: &Value,
    ) -> Result<Step, Vec<BodyIssue>> {
        import(context, credentials)
    }
}
