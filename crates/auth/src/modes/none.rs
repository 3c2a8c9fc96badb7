//! NONE: a connection without credentials.

use serde_json::Value;
use valetkey_catalog::AuthMode;

use crate::body::{BodyIssue, Reader};
use crate::credentials::Credentials;
use crate::mode::{AuthorizeInput, CallbackInput, Context, Grant, Mode, Pending, Step};
use crate::modes::{no_browser_flow, nothing_to_refresh};
use crate::request::HttpReply;

pub(super) struct NoAuth;

impl Mode for NoAuth {
    fn mode(&self) -> AuthMode {
        AuthMode::None
    }

    fn authorize(&self, _: &Context<'_>, _: &AuthorizeInput<'_>) -> Step {
        no_browser_flow(self.mode())
    }

    fn callback(&self, _: &Context<'_>, _: &CallbackInput<'_>) -> Step {
        no_browser_flow(self.mode())
    }

    /// Whatever the body holds, there is nothing to take from it.
    fn submit(&self, _: &Context<'_>, _: &Value) -> Result<Step, Vec<BodyIssue>> {
        Ok(Step::Done(Grant {
            credentials: Credentials::default(),
            connection_config: serde_json::Map::new(),
        }))
    }

    fn refresh(&self, _: &Context<'_>, _: &Credentials) -> Step {
        nothing_to_refresh(self.mode())
    }

    fn reply(&self, _: &Context<'_>, _: &Pending, _: &HttpReply) -> Step {
        nothing_to_refresh(self.mode())
    }

    fn import(&self, credentials: &Value) -> Result<Credentials, Vec<BodyIssue>> {
        let mut reader = Reader::new(credentials, &["credentials"]);
        reader.ignore("type");
        let issues = reader.strict();
        if issues.is_empty() { Ok(Credentials::default()) } else { Err(issues) }
    }
}
