//! BASIC: a user name and a password (RFC 7617). Either may be empty.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use valetkey_catalog::{AuthMode, validate_credentials};

use crate::api_request::authorize_with;
use crate::body::{BodyIssue, Reader};
use crate::credentials::Credentials;
use crate::mode::{Context, Grant, Mode, Step};
use crate::request::HttpRequest;
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

    fn takes_typed_secrets(&self) -> bool {
        true
    }

    fn authorize_call(
        &self,
        _: &Context<'_>,
        credentials: &Credentials,
        request: &mut HttpRequest,
    ) {
        let member = |name: &str| credentials.as_map().get(name).and_then(Value::as_str);
        if let Some(username) = member("username") {
            let pair = format!("{username}:{}", member("password").unwrap_or_default());
            authorize_with(request, format!("Basic {}", STANDARD.encode(pair)));
        }
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

    fn import(&self, credentials: &Value) -> Result<Credentials, Vec<BodyIssue>> {
        let mut reader = Reader::new(credentials, &["credentials"]);
        reader.ignore("type");
        let username = reader.text("username", 0, CHARS_MAX);
        let password = reader.text("password", 0, CHARS_MAX);
        let issues = reader.strict();
        if issues.is_empty() { Ok(stored(&username, &password)) } else { Err(issues) }
    }
}
