//! OAUTH2_CC: the client credentials grant (RFC 6749 §4.4) with a client the person brings.

use serde_json::{Map, Value};
use valetkey_base::Secret;
use valetkey_catalog::{AuthMode, ClientAuth, PrivateKey, Provider, scalar_text};

use crate::body::{BodyIssue, Reader};
use crate::client_auth::ActiveClient;
use crate::credentials::Credentials;
use crate::error::{AuthError, Class};
use crate::expiry;
use crate::keys::client_identity;
use crate::mode::{Context, Grant, Mode, Pending, Purpose, Step};
use crate::request::{ClientIdentity, HttpReply, HttpRequest};
use crate::token_reply::{Names, read};
use crate::token_request::{Draft, build, endpoint, joined_scopes, render_params, secrets_of};

/// Lifetime of a token whose reply names none, in seconds.
const DEFAULT_LIFETIME_SECONDS: f64 = 55.0 * 60.0;

const CLIENT_ID_CHARS_MAX: usize = 255;
const CLIENT_SECRET_CHARS_MAX: usize = 2048;
const PEM_CHARS_MAX: usize = 10_000;
const TOKEN_CHARS_MAX: usize = 4096;

/// What the person typed, in the order it is stored.
const INPUTS: [&str; 4] =
    ["client_id", "client_secret", "client_certificate", "client_private_key"];

/// Names of a client that extra parameters cannot replace.
const CLIENT_PARAMS: [&str; 5] =
    ["client_id", "client_secret", "client_assertion", "username", "password"];

pub(super) struct OAuth2Cc;

impl Mode for OAuth2Cc {
    fn mode(&self) -> AuthMode {
        AuthMode::OAuth2Cc
    }

    fn submit(&self, context: &Context<'_>, body: &Value) -> Result<Step, Vec<BodyIssue>> {
        let given =
            |name: &str| body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let missing = |code: &str, name: &str, message: &str| {
            Err(vec![BodyIssue {
                code: code.to_owned(),
                message: message.to_owned(),
                path: vec![name.to_owned()],
            }])
        };
        if given("client_id").is_none() {
            let message = "A client id is required.";
            return missing("missing_client_id", "client_id", message);
        }
        let has_key = given("client_secret").is_some() || given("client_private_key").is_some();
        if !has_key && context.provider.token_client_auth != ClientAuth::Public {
            let message = "A client secret or a client private key is required.";
            return missing("missing_client_secret", "client_secret", message);
        }
        let typed = INPUTS
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), Value::from(given(name)?))))
            .collect();
        let typed = Credentials::new(typed);
        if let Some(issue) = key_issue(context, &typed) {
            return Err(vec![issue]);
        }
        Ok(self.refresh(context, &typed))
    }

    fn can_refresh(&self, _: &Provider, credentials: &Credentials) -> bool {
        credentials.text("client_id").is_some()
    }

    /// Asks for a token with the stored client; connecting and refreshing are the same request.
    fn refresh(&self, context: &Context<'_>, credentials: &Credentials) -> Step {
        match request(context, credentials) {
            Ok((request, pending)) => Step::Send { request, pending },
            Err(error) => Step::Failed(error),
        }
    }

    fn reply(&self, context: &Context<'_>, pending: &Pending, reply: &HttpReply) -> Step {
        let names = Names::ClientCredentials;
        let tokens = match read(context.provider, pending, reply, names, context.now) {
            Ok(tokens) => tokens,
            Err(error) => return Step::Failed(error),
        };
        let before = pending.before.clone().unwrap_or_default();
        let expires_at =
            tokens.expires_at.or_else(|| expiry::after(context.now, DEFAULT_LIFETIME_SECONDS));
        let mut map = Map::new();
        map.insert("type".to_owned(), "OAUTH2_CC".into());
        map.insert("token".to_owned(), tokens.access_token.into());
        for name in INPUTS {
            match before.text(name) {
                Some(text) => map.insert(name.to_owned(), text.into()),
                None if name == "client_secret" => map.insert(name.to_owned(), "".into()),
                None => None,
            };
        }
        if let Some(expires_at) = expires_at {
            map.insert("expires_at".to_owned(), expires_at.to_iso_z().into());
        }
        map.insert("raw".to_owned(), Value::Object(tokens.raw));
        let mut learned = tokens.metadata;
        if let Some(scopes) = integration_scopes(context) {
            learned.insert("oauth_scopes".to_owned(), scopes.into());
        }
        Step::Done(Grant { credentials: Credentials::new(map), connection_config: learned })
    }

    fn import(&self, credentials: &Value) -> Result<Credentials, Vec<BodyIssue>> {
        let mut reader = Reader::new(credentials, &["credentials"]);
        reader.ignore("type");
        let token = reader.text("token", 1, TOKEN_CHARS_MAX);
        let client_id = reader.text("client_id", 1, CLIENT_ID_CHARS_MAX);
        let client_secret = reader.text("client_secret", 1, CLIENT_SECRET_CHARS_MAX);
        let optional = ["client_certificate", "client_private_key"]
            .map(|name| (name, reader.optional_text(name, 1, PEM_CHARS_MAX)));
        let expires_at = reader.optional_date("expires_at");
        let issues = reader.strict();
        if !issues.is_empty() {
            return Err(issues);
        }
        let mut map = Map::new();
        map.insert("type".to_owned(), "OAUTH2_CC".into());
        map.insert("token".to_owned(), token.into());
        map.insert("client_id".to_owned(), client_id.into());
        map.insert("client_secret".to_owned(), client_secret.into());
        for (name, text) in optional {
            if let Some(text) = text {
                map.insert(name.to_owned(), text.into());
            }
        }
        if let Some(expires_at) = expires_at {
            map.insert("expires_at".to_owned(), expires_at.to_iso_z().into());
        }
        let raw = map.clone();
        map.insert("raw".to_owned(), Value::Object(raw));
        Ok(Credentials::new(map))
    }
}

/// The integration's scopes as a comma list, where the connection names none itself.
fn integration_scopes(context: &Context<'_>) -> Option<String> {
    let own = context.connection_config.get("oauth_scopes").and_then(Value::as_str);
    let is_unset = own.is_none_or(str::is_empty) && !context.client.scopes.is_empty();
    is_unset.then(|| context.client.scopes.join(","))
}

/// The TLS certificate of the connection's client, when it has one. The error names a field.
pub(crate) fn identity(
    credentials: &Credentials,
) -> Result<Option<ClientIdentity>, (&'static str, String)> {
    let pair = credentials.text("client_certificate").zip(credentials.text("client_private_key"));
    pair.map(|(certificate, key)| client_identity(certificate, key)).transpose()
}

/// What is wrong with the keys among the inputs.
fn key_issue(context: &Context<'_>, credentials: &Credentials) -> Option<BodyIssue> {
    let issue = |name: &str, problem: &str| {
        let field = context.provider.credentials.iter().find(|field| field.name == name);
        let title = match name {
            "client_certificate" => "Client certificate",
            _ => "Client private key",
        };
        let title = field.map_or(title, |field| field.title.as_str());
        BodyIssue {
            code: "custom".to_owned(),
            message: format!("{title} {problem}."),
            path: vec![name.to_owned()],
        }
    };
    if let Err((name, problem)) = identity(credentials) {
        return Some(issue(name, &problem));
    }
    let signs = context.provider.token_client_auth == ClientAuth::PrivateKeyJwt;
    let name = ["client_private_key", "client_secret"]
        .into_iter()
        .find(|name| signs && credentials.text(name).is_some())?;
    let problem = PrivateKey::read(credentials.text(name)?).err()?;
    Some(issue(name, &problem.to_string()))
}

fn request(
    context: &Context<'_>,
    credentials: &Credentials,
) -> Result<(HttpRequest, Pending), AuthError> {
    let provider = context.provider;
    let Some(id) = credentials.text("client_id") else {
        let message = "The connection holds no client id. The person has to connect again.";
        return Err(AuthError::new(Class::Terminal, "missing_client_id", message));
    };
    let client = ActiveClient {
        id: id.to_owned(),
        secret: Secret::from(credentials.text("client_secret").unwrap_or_default()),
        private_key: credentials.text("client_private_key").map(Secret::from),
        identity: identity(credentials).map_err(|(name, problem)| {
            let message = format!("The connection's {name} {problem}.");
            AuthError::new(Class::Terminal, "invalid_client_private_key", message)
        })?,
    };
    let scope = context.scope(context.connection_config).with_credentials(credentials.as_map());
    let url = endpoint(provider, &scope, false)?;
    let mut params = render_params(&provider.token_params, &scope)?;
    let own = context.connection_config.get("oauth_scopes").and_then(Value::as_str);
    let scopes = match own.filter(|own| !own.is_empty()) {
        Some(own) => joined_scopes(provider, &[own]),
        None => joined_scopes(provider, &context.client.scopes),
    };
    if !scopes.is_empty() {
        params.insert("scope".to_owned(), scopes.into());
    }
    let extra = context.connection_config.get("authorization_params").and_then(Value::as_object);
    for (name, value) in extra.into_iter().flatten() {
        if let Some(text) = scalar_text(value)
            && !CLIENT_PARAMS.contains(&name.as_str())
        {
            params.insert(name.clone(), text.into());
        }
    }
    let draft = Draft {
        url,
        params,
        client: &client,
        auth: provider.token_client_auth,
        omit: &provider.token_request_omit,
        by_get: false,
    };
    let request = build(context, &scope, draft)?;
    let pending = Pending {
        before: Some(credentials.clone()),
        secrets: secrets_of(&client, &[]),
        ..Pending::new(Purpose::ClientCredentials)
    };
    Ok((request, pending))
}

#[cfg(test)]
#[path = "oauth2_cc_tests.rs"]
mod tests;
