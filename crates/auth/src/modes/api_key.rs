//! API_KEY: one key, kept as it was typed. How a call shows it is the provider's data.

use serde_json::{Map, Value, json};
use valetkey_catalog::{AuthMode, validate_credentials};

use crate::body::{BodyIssue, Reader};
use crate::credentials::Credentials;
use crate::mode::{AuthorizeInput, CallbackInput, Context, Grant, Mode, Pending, Step};
use crate::modes::{no_browser_flow, nothing_to_refresh};
use crate::request::HttpReply;
use crate::verify::ensure_testable;

const KEY_CHARS_MAX: usize = 1024;

pub(super) struct ApiKey;

fn stored(key: &str) -> Credentials {
    Credentials::from_json(json!({"type": "API_KEY", "apiKey": key}))
}

impl Mode for ApiKey {
    fn mode(&self) -> AuthMode {
        AuthMode::ApiKey
    }

    fn authorize(&self, _: &Context<'_>, _: &AuthorizeInput<'_>) -> Step {
        no_browser_flow(self.mode())
    }

    fn callback(&self, _: &Context<'_>, _: &CallbackInput<'_>) -> Step {
        no_browser_flow(self.mode())
    }

    fn submit(&self, context: &Context<'_>, body: &Value) -> Result<Step, Vec<BodyIssue>> {
        let mut reader = Reader::new(body, &[]);
        let key = reader.text("apiKey", 1, KEY_CHARS_MAX);
        let issues = reader.strict();
        if !issues.is_empty() {
            return Err(issues);
        }
        let given = Map::from_iter([("apiKey".to_owned(), Value::from(key.as_str()))]);
        validate_credentials(context.provider, &given)
            .map_err(|issues| issues.into_iter().map(BodyIssue::from).collect::<Vec<_>>())?;
        let credentials = stored(&key);
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
        let key = reader.text("apiKey", 1, KEY_CHARS_MAX);
        let issues = reader.strict();
        if issues.is_empty() { Ok(stored(&key)) } else { Err(issues) }
    }
}
