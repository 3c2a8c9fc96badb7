//! BILL: a login that gives a session of 35 minutes.

use std::time::Duration;

use serde_json::{Map, Value, json};
use valetkey_base::Secret;
use valetkey_catalog::{AuthMode, Provider, validate_credentials};

use crate::body::{BodyIssue, Reader};
use crate::classify;
use crate::credentials::Credentials;
use crate::error::{AuthError, Class};
use crate::mode::{Context, Grant, Mode, Pending, Purpose, Step};
use crate::request::{Body, HttpReply, HttpRequest};
use crate::token_reply::parse_body;
use crate::token_request::endpoint;

const INPUT_CHARS_MAX: usize = 1024;
/// How long a session holds.
const SESSION: Duration = Duration::from_mins(35);
/// What a login needs, as typed and stored, and as the provider calls it.
const INPUTS: [(&str, &str); 4] = [
    ("username", "username"),
    ("password", "password"),
    ("organization_id", "organizationId"),
    ("dev_key", "devKey"),
];

pub(super) struct Bill;

impl Mode for Bill {
    fn mode(&self) -> AuthMode {
        AuthMode::Bill
    }

    /// How the session is shown is the provider entry's to say.
    fn authorize_call(&self, _: &Context<'_>, _: &Credentials, _: &mut HttpRequest) {}

    fn submit(&self, context: &Context<'_>, body: &Value) -> Result<Step, Vec<BodyIssue>> {
        let mut reader = Reader::new(body, &[]);
        reader.ignore("type");
        let typed: Map<String, Value> = INPUTS
            .iter()
            .map(|(name, _)| ((*name).to_owned(), reader.text(name, 1, INPUT_CHARS_MAX).into()))
            .collect();
        let issues = reader.strict();
        if !issues.is_empty() {
            return Err(issues);
        }
        validate_credentials(context.provider, &typed)
            .map_err(|issues| issues.into_iter().map(BodyIssue::from).collect::<Vec<_>>())?;
        Ok(self.refresh(context, &Credentials::new(typed)))
    }

    fn can_refresh(&self, _: &Provider, credentials: &Credentials) -> bool {
        credentials.text("username").is_some()
    }

    /// Logs in; connecting and refreshing are the same request.
    fn refresh(&self, context: &Context<'_>, credentials: &Credentials) -> Step {
        match login(context, credentials) {
            Ok((request, pending)) => Step::Send { request, pending },
            Err(error) => Step::Failed(error),
        }
    }

    fn reply(&self, context: &Context<'_>, pending: &Pending, reply: &HttpReply) -> Step {
        if !reply.is_success() {
            return Step::Failed(classify::failure(pending, reply));
        }
        let raw = parse_body(reply).unwrap_or_default();
        let text =
            |name: &str| raw.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let Some(session) = text("sessionId") else {
            let is_refusal = raw.contains_key("error") || raw.contains_key("errors");
            return Step::Failed(if is_refusal {
                classify::failure(pending, reply)
            } else {
                let message = "The provider's answer to the login holds no session.";
                AuthError::new(Class::Ours, pending.parse_error_code(), message)
            });
        };
        let before = pending.before.clone().unwrap_or_default();
        let typed = |name: &str| before.text(name).unwrap_or_default();
        Step::Done(Grant {
            credentials: Credentials::from_json(json!({
                "type": "BILL",
                "username": typed("username"),
                "password": typed("password"),
                "organization_id": text("organizationId").unwrap_or(typed("organization_id")),
                "dev_key": typed("dev_key"),
                "session_id": session,
                "user_id": text("userId").unwrap_or_default(),
                "expires_at": context.now.plus(SESSION).to_iso_z(),
                "raw": raw,
            })),
            connection_config: Map::new(),
        })
    }
}

fn login(
    context: &Context<'_>,
    credentials: &Credentials,
) -> Result<(HttpRequest, Pending), AuthError> {
    let scope = context.scope(context.connection_config);
    let mut request =
        HttpRequest::new(http::Method::POST, endpoint(context.provider, &scope, false)?);
    request.headers.push(("accept".to_owned(), "application/json".to_owned()));
    let mut body = Map::new();
    for (name, wire) in INPUTS {
        let Some(text) = credentials.text(name) else {
            let message =
                "The connection holds no complete login. The person has to connect again.";
            return Err(AuthError::new(Class::Terminal, "invalid_bill_credentials", message));
        };
        body.insert(wire.to_owned(), text.into());
    }
    request.body = Body::Json(Value::Object(body));
    let secrets = ["password", "dev_key"]
        .into_iter()
        .filter_map(|name| credentials.text(name).map(Secret::from))
        .collect();
    let before = Some(credentials.clone());
    Ok((request, Pending { before, secrets, ..Pending::new(Purpose::Login) }))
}
