//! BASIC: a user name and a password (RFC 7617). Either may be empty.

use serde_json::{Map, Value, json};
use valetkey_catalog::{AuthMode, validate_credentials};

use crate::body::{BodyIssue, Reader};
use crate::credentials::Credentials;
use crate::mode::{AuthorizeInput, CallbackInput, Context, Grant, Mode, Pending, Step};
use crate::modes::{no_browser_flow, nothing_to_refresh};
use crate::request::HttpReply;
use crate::verify::ensure_testable;

const CHARS_MAX: usize = 1024;

pub(super) struct Basic;

fn stored(username: &str, password: &str) -> Credentials {
    Credentials::from_json(json!({"type": "BASIC", "username": username, "password": password}))
}

impl Mode for Basic {
    fn mode(&self) -> AuthMode {
        AuthMode::Basic
    }

    fn authorize(&self, _: &Context<'_>, _: &AuthorizeInput<'_>) -> Step {
        no_browser_flow(self.mode())
    }

    fn callback(&self, _: &Context<'_>, _: &CallbackInput<'_>) -> Step {
        no_browser_flow(self.mode())
    }

    fn submit(&self, context: &Context<'_>, body: &Value) -> Result<Step, Vec<BodyIssue>> {
        let mut reader = Reader::new(body, &[]);
        let username = reader.text("username", 0, CHARS_MAX);
        let password = reader.text("password", 0, CHARS_MAX);
        let issues = reader.strict();
        if !issues.is_empty() {
            return Err(issues);
        }
        let given = Map::from_iter([
            ("username".to_owned(), Value::from(username.as_str())),
            ("password".to_owned(), Value::from(password.as_str())),
        ]);
        validate_credentials(context.provider, &given)
            .map_err(|issues| issues.into_iter().map(BodyIssue::from).collect::<Vec<_>>())?;
        let credentials = stored(&username, &password);
        if let Err(error) = ensure_testable(context, &credentials) {
            return Ok(Step::Failed(error));
        }
        Ok(Step::Done(Grant { credentials, connection_config: Map::new() }))
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
        let username = reader.text("username", 0, CHARS_MAX);
        let password = reader.text("password", 0, CHARS_MAX);
        let issues = reader.strict();
        if issues.is_empty() { Ok(stored(&username, &password)) } else { Err(issues) }
    }
}
