//! OAUTH1: three-legged OAuth 1.0a (RFC 5849 §2).

use aws_lc_rs::constant_time;
use serde_json::{Map, Value, json};
use url::Url;
use valetkey_catalog::template::find;
use valetkey_catalog::{AuthMode, Scope, render_url, scalar_text};

use super::oauth2::{callback_metadata, refused, value_of};
use crate::body::{BodyIssue, Reader};
use crate::classify;
use crate::client_auth::ActiveClient;
use crate::credentials::Credentials;
use crate::error::{AuthError, Class};
use crate::mode::{
    AuthorizeInput, CallbackInput, Context, Grant, Mode, Pending, Purpose, Redirect, Step,
};
use crate::oauth1_signature::Signer;
use crate::request::{Body, HttpReply, HttpRequest};
use crate::token_reply::parse_body;
use crate::token_request::{joined_scopes, render_params, secrets_of};

const TOKEN_CHARS_MAX: usize = 4096;

/// Members of a flow's memory.
const TOKEN: &str = "oauth_token";
const TOKEN_SECRET: &str = "oauth_token_secret";
const CALLBACK: &str = "oauth_callback";

pub(super) struct OAuth1;

impl Mode for OAuth1 {
    fn mode(&self) -> AuthMode {
        AuthMode::OAuth1
    }

    fn uses_browser(&self) -> bool {
        true
    }

    fn authorize(&self, context: &Context<'_>, input: &AuthorizeInput<'_>) -> Step {
        step(request_token(context, input))
    }

    fn callback(&self, context: &Context<'_>, input: &CallbackInput<'_>) -> Step {
        step(access_token(context, input))
    }

    fn reply(&self, context: &Context<'_>, pending: &Pending, reply: &HttpReply) -> Step {
        let answer = match read(pending, reply) {
            Ok(answer) => answer,
            Err(error) => return Step::Failed(error),
        };
        if pending.purpose != Purpose::RequestToken {
            return Step::Done(granted(context, pending, answer));
        }
        match redirect(context, pending, answer) {
            Ok(redirect) => Step::Redirect(redirect),
            Err(error) => Step::Failed(error),
        }
    }

    fn authorize_call(
        &self,
        context: &Context<'_>,
        credentials: &Credentials,
        request: &mut HttpRequest,
    ) {
        let token = credentials.text(TOKEN).zip(credentials.text(TOKEN_SECRET));
        let Some((token, client)) = token.zip(ActiveClient::stored(context, credentials).ok())
        else {
            return;
        };
        // A provider entry this server cannot sign for was refused when the flow began.
        let _ = signer(context, &client, Some(token)).sign(request, &[], context.now, context.rng);
    }

    fn import(&self, credentials: &Value) -> Result<Credentials, Vec<BodyIssue>> {
        let mut reader = Reader::new(credentials, &["credentials"]);
        reader.ignore("type");
        let token = reader.text(TOKEN, 1, TOKEN_CHARS_MAX);
        let secret = reader.text(TOKEN_SECRET, 1, TOKEN_CHARS_MAX);
        let issues = reader.strict();
        if !issues.is_empty() {
            return Err(issues);
        }
        let raw = json!({"type": "OAUTH1", TOKEN: token, TOKEN_SECRET: secret});
        let mut map = raw.as_object().cloned().unwrap_or_default();
        map.insert("raw".to_owned(), raw);
        Ok(Credentials::new(map))
    }
}

fn step(request: Result<(HttpRequest, Pending), AuthError>) -> Step {
    match request {
        Ok((request, pending)) => Step::Send { request, pending },
        Err(error) => Step::Failed(error),
    }
}

fn signer<'a>(
    context: &Context<'_>,
    client: &'a ActiveClient,
    token: Option<(&'a str, &'a str)>,
) -> Signer<'a> {
    Signer {
        consumer_key: &client.id,
        consumer_secret: &client.secret,
        token,
        method: context.provider.oauth1.signature,
        realm: None,
    }
}

/// A request to one of the provider's endpoints, its parameters in the query of a `GET` or in the
/// form of a `POST`.
fn endpoint(
    scope: &Scope<'_>,
    (what, template): (&str, Option<&String>),
    by_get: bool,
    params: &Map<String, Value>,
) -> Result<HttpRequest, AuthError> {
    let template = template.map_or("", String::as_str);
    let url = render_url(template, scope, false).map_err(|error| {
        let message = format!("The provider's {what} URL cannot be built: {error}.");
        AuthError::new(Class::Ours, "url_param_err", message)
    })?;
    let method = if by_get { http::Method::GET } else { http::Method::POST };
    let mut request = HttpRequest::new(method, url);
    request.headers.push(("accept".to_owned(), "*/*".to_owned()));
    let pairs: Vec<(String, String)> = render_params(params, scope)?
        .iter()
        .filter_map(|(name, value)| Some((name.clone(), scalar_text(value)?)))
        .collect();
    if by_get {
        if !pairs.is_empty() {
            request.url.query_pairs_mut().extend_pairs(pairs);
        }
    } else if !pairs.is_empty() {
        request.body = Body::Form(pairs);
    }
    Ok(request)
}

/// Asks for temporary credentials (§2.1).
fn request_token(
    context: &Context<'_>,
    input: &AuthorizeInput<'_>,
) -> Result<(HttpRequest, Pending), AuthError> {
    let oauth1 = &context.provider.oauth1;
    let client = ActiveClient::connecting(context)?;
    let scope = context.scope(context.connection_config);
    let place = ("request token", oauth1.request_url.as_ref());
    let mut request = endpoint(&scope, place, oauth1.request_by_get, &oauth1.request_params)?;
    let mut callback = Url::parse(input.redirect_uri)
        .map_err(|_| AuthError::new(Class::Ours, "url_param_err", "The callback URL is no URL."))?;
    callback.query_pairs_mut().append_pair("state", input.state);
    let extra = [(CALLBACK, callback.as_str())];
    signer(context, &client, None).sign(&mut request, &extra, context.now, context.rng)?;
    let memory = Map::from_iter([(CALLBACK.to_owned(), callback.as_str().into())]);
    let secrets = secrets_of(&client, &[]);
    Ok((request, Pending { memory, secrets, ..Pending::new(Purpose::RequestToken) }))
}

/// The page where the person agrees (§2.2).
fn redirect(
    context: &Context<'_>,
    pending: &Pending,
    answer: Answer,
) -> Result<Redirect, AuthError> {
    if answer.raw.get("oauth_callback_confirmed").and_then(Value::as_str) == Some("false") {
        let message = "The provider did not accept this server's callback URL. Register it there.";
        return Err(AuthError::new(Class::Ours, "token_err", message));
    }
    let provider = context.provider;
    let scope = context.scope(context.connection_config);
    let template = provider.authorization_url.as_deref().unwrap_or_default();
    let mut url =
        render_url(template, &scope, provider.authorization_url_raw_values).map_err(|error| {
            let message = format!("The provider's authorization URL cannot be built: {error}.");
            AuthError::new(Class::Ours, "url_param_err", message)
        })?;
    let mut query = vec![(TOKEN.to_owned(), answer.token.clone())];
    let scopes = joined_scopes(provider, &context.client.scopes);
    if !scopes.is_empty() {
        query.push(("scope".to_owned(), scopes));
    }
    for (name, value) in render_params(&provider.authorization_params, &scope)? {
        if let Some(text) = scalar_text(&value).filter(|_| name != TOKEN) {
            query.push((name, text));
        }
    }
    if let Some(callback) = pending.memory.get(CALLBACK).and_then(Value::as_str) {
        query.push((CALLBACK.to_owned(), callback.to_owned()));
    }
    url.query_pairs_mut().extend_pairs(query);
    let memory = Map::from_iter([
        (TOKEN.to_owned(), answer.token.into()),
        (TOKEN_SECRET.to_owned(), answer.secret.into()),
    ]);
    Ok(Redirect { url, memory })
}

/// Swaps the temporary credentials for lasting ones (§2.3).
fn access_token(
    context: &Context<'_>,
    input: &CallbackInput<'_>,
) -> Result<(HttpRequest, Pending), AuthError> {
    if value_of(input, "denied").is_some_and(|denied| !denied.is_empty()) {
        let message = "The authorization was declined at the provider.";
        return Err(AuthError::new(Class::Terminal, "callback_err", message));
    }
    let given = value_of(input, TOKEN).filter(|text| !text.is_empty());
    let verifier = value_of(input, "oauth_verifier").filter(|text| !text.is_empty());
    let Some((given, verifier)) = given.zip(verifier) else {
        let told = refused(input);
        let message = match told.provider_error {
            Some(_) => told.message.clone(),
            None => "The provider's answer holds no token and verifier.".to_owned(),
        };
        return Err(AuthError { message, ..told });
    };
    let remembered = |name: &str| input.memory.get(name).and_then(Value::as_str);
    let Some((token, secret)) = remembered(TOKEN).zip(remembered(TOKEN_SECRET)) else {
        let message = "This authorization is unknown or was already completed. Start again.";
        return Err(AuthError::new(Class::Terminal, "callback_err", message));
    };
    if constant_time::verify_slices_are_equal(token.as_bytes(), given.as_bytes()).is_err() {
        let message = "The provider's answer belongs to another authorization. Start again.";
        return Err(AuthError::new(Class::Terminal, "callback_err", message));
    }
    let provider = context.provider;
    let metadata = callback_metadata(provider, input)?;
    let client = ActiveClient::connecting(context)?;
    let scope = context.scope(context.connection_config);
    let place = ("token", provider.token_url.as_ref());
    let by_get = provider.oauth1.token_by_get;
    let mut request = endpoint(&scope, place, by_get, &provider.token_params)?;
    signer(context, &client, Some((token, secret))).sign(
        &mut request,
        &[("oauth_verifier", verifier)],
        context.now,
        context.rng,
    )?;
    let secrets = secrets_of(&client, &[token, secret, verifier]);
    Ok((request, Pending { metadata, secrets, ..Pending::new(Purpose::Exchange) }))
}

/// A token answer, of either kind.
struct Answer {
    token: String,
    secret: String,
    raw: Map<String, Value>,
}

fn read(pending: &Pending, reply: &HttpReply) -> Result<Answer, AuthError> {
    if !reply.is_success() {
        return Err(classify::failure(pending, reply));
    }
    let raw = parse_body(reply).unwrap_or_default();
    let text = |name: &str| raw.get(name).and_then(Value::as_str).map(str::to_owned);
    match (text(TOKEN).filter(|token| !token.is_empty()), text(TOKEN_SECRET)) {
        (Some(token), Some(secret)) => Ok(Answer { token, secret, raw }),
        _ => {
            let message = "The provider's answer to the token request holds no token.";
            Err(AuthError::new(Class::Ours, pending.parse_error_code(), message))
        }
    }
}

fn granted(context: &Context<'_>, pending: &Pending, answer: Answer) -> Grant {
    let mut learned = Map::new();
    for path in &context.provider.token_response_metadata {
        if let Some(value @ (Value::String(_) | Value::Bool(_) | Value::Number(_))) =
            find(&answer.raw, path)
        {
            learned.insert(path.clone(), value.clone());
        }
    }
    learned.extend(pending.metadata.clone());
    let mut credentials = json!({
        "type": "OAUTH1", TOKEN: answer.token, TOKEN_SECRET: answer.secret, "raw": answer.raw
    });
    let own: Map<String, Value> = ["client_id", "client_secret"]
        .into_iter()
        .filter_map(|name| {
            let given = context.connection_config.get(&format!("oauth_{name}_override"))?;
            Some((name.to_owned(), given.clone()))
        })
        .collect();
    if !own.is_empty() {
        credentials["config_override"] = Value::Object(own);
    }
    Grant { credentials: Credentials::from_json(credentials), connection_config: learned }
}

#[cfg(test)]
#[path = "oauth1_tests.rs"]
mod tests;
