//! API_KEY: one key, kept as it was typed. How a call shows it is the provider's data.

use serde_json::{Map, Value, json};
use valetkey_catalog::{AuthMode, validate_credentials};

use crate::body::{BodyIssue, Reader};
use crate::credentials::Credentials;
use crate::mode::{Context, Grant, Mode, Step};
use crate::request::HttpRequest;
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

    fn takes_typed_secrets(&self) -> bool {
        true
    }

    fn authorize_call(&self, _: &Context<'_>, _: &Credentials, _: &mut HttpRequest) {
        // How a key is shown is the provider entry's to say.
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

    fn import(&self, credentials: &Value) -> Result<Credentials, Vec<BodyIssue>> {
        let mut reader = Reader::new(credentials, &["credentials"]);
        reader.ignore("type");
        let key = reader.text("apiKey", 1, KEY_CHARS_MAX);
        let issues = reader.strict();
        if issues.is_empty() { Ok(stored(&key)) } else { Err(issues) }
    }
}
