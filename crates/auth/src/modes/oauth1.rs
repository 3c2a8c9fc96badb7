//! OAUTH1: three-legged OAuth 1.0a (RFC 5849 §2).

use aws_lc_rs::constant_time;
use serde_json::{Map, Value, json};
use url::{Url, form_urlencoded};
use valetkey_catalog::template::find;
use valetkey_catalog::{AuthMode, Scope, render_url, scalar_text};

use super::oauth2::authorize_url::{NOT_FOR_BROWSERS, Query};
use super::oauth2::{callback_metadata, refused, value_of};
use crate::body::{BodyIssue, Reader};
use crate::classify;
use crate::client_auth::{ActiveClient, own_client};
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
/// Where the browser goes, but for the request token.
const PAGE: &str = "authorization_url";

/// Longest answer that is shown as the provider's own words, in characters.
const WORDS_CHARS_MAX: usize = 300;

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
        match redirect(pending, answer) {
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

/// The consumer of a flow: what calls it a client elsewhere is the same pair.
fn consumer(context: &Context<'_>) -> Result<ActiveClient, AuthError> {
    let client = ActiveClient::connecting(context)?;
    if client.secret.is_empty() {
        let message = "The integration has no consumer secret. Set its client secret first.";
        return Err(AuthError::new(Class::Ours, "provider_config_err", message));
    }
    Ok(client)
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
    let client = consumer(context)?;
    let scope = context.scope(context.connection_config);
    let place = ("request token", oauth1.request_url.as_ref());
    let mut request = endpoint(&scope, place, oauth1.request_by_get, &oauth1.request_params)?;
    let mut callback = Url::parse(input.redirect_uri)
        .map_err(|_| AuthError::new(Class::Ours, "url_param_err", "The callback URL is no URL."))?;
    callback.query_pairs_mut().append_pair("state", input.state);
    let page = page(context, input, &callback)?;
    let extra = [(CALLBACK, callback.as_str())];
    signer(context, &client, None).sign(&mut request, &extra, context.now, context.rng)?;
    let memory = Map::from_iter([(PAGE.to_owned(), page.as_str().into())]);
    let secrets = secrets_of(&client, &[]);
    Ok((request, Pending { memory, secrets, ..Pending::new(Purpose::RequestToken) }))
}

/// The page where the person agrees (§2.2), but for the request token, which is not there yet.
fn page(
    context: &Context<'_>,
    input: &AuthorizeInput<'_>,
    callback: &Url,
) -> Result<Url, AuthError> {
    let provider = context.provider;
    let scope = context.scope(context.connection_config);
    let template = provider.authorization_url.as_deref().unwrap_or_default();
    let mut url =
        render_url(template, &scope, provider.authorization_url_raw_values).map_err(|error| {
            let message = format!("The provider's authorization URL cannot be built: {error}.");
            AuthError::new(Class::Ours, "url_param_err", message)
        })?;
    let mut query = Query(Vec::new());
    let scopes = joined_scopes(provider, &context.client.scopes);
    if !scopes.is_empty() {
        query.set("scope", &scopes);
    }
    let is_protocol = |name: &str| name.starts_with("oauth_");
    let own = render_params(&provider.authorization_params, &scope)?;
    query.overlay(&own, |name| !is_protocol(name));
    match input.session_params {
        Some(params) => query.overlay(params, |name| !is_protocol(name)),
        None => query.overlay(input.browser_params, |name| {
            !is_protocol(name) && !NOT_FOR_BROWSERS.contains(&name)
        }),
    }
    // Some read it here and not from the request they signed off.
    query.set(CALLBACK, callback.as_str());
    url.query_pairs_mut().extend_pairs(query.0);
    Ok(url)
}

/// The way to that page, with the request token.
fn redirect(pending: &Pending, answer: Answer) -> Result<Redirect, AuthError> {
    if answer.raw.get("oauth_callback_confirmed").and_then(Value::as_str) == Some("false") {
        let message = "The provider did not accept this server's callback URL. Register it there.";
        return Err(AuthError::new(Class::Ours, "token_err", message));
    }
    let page = pending.memory.get(PAGE).and_then(Value::as_str).unwrap_or_default();
    let mut url = Url::parse(page).map_err(|_| {
        let message = "The provider's authorization URL cannot be built.";
        AuthError::new(Class::Ours, "url_param_err", message)
    })?;
    url.query_pairs_mut().append_pair(TOKEN, &answer.token);
    let memory = Map::from_iter([
        (TOKEN.to_owned(), answer.token.into()),
        (TOKEN_SECRET.to_owned(), answer.secret.into()),
    ]);
    Ok(Redirect { url, memory })
}

/// The token and the verifier of a callback, or in what words the person or the provider said no.
fn consent<'q>(input: &CallbackInput<'q>) -> Result<(&'q str, &'q str), AuthError> {
    // Who writes the word null has no value to give.
    let value = |name: &str| value_of(input, name).filter(|text| !matches!(*text, "" | "null"));
    let declined = || {
        let message = "The authorization was declined at the provider.";
        AuthError::new(Class::Terminal, "callback_err", message)
    };
    let problem = value("oauth_problem");
    if value("denied").is_some() || matches!(problem, Some("user_refused" | "permission_denied")) {
        return Err(declined());
    }
    if let Some(pair) = value(TOKEN).zip(value("oauth_verifier")) {
        return Ok(pair);
    }
    let told = refused(input);
    if told.provider_error.is_some() {
        return Err(told);
    }
    let message = match problem {
        Some(_) => "The provider did not grant the authorization.",
        None => {
            "The provider's answer holds no token and verifier: the authorization was declined \
                 or not completed."
        }
    };
    let provider_error = problem.map(|text| classify::scrubbed(text, &[], WORDS_CHARS_MAX));
    Err(AuthError { message: message.to_owned(), provider_error, ..told })
}

/// Swaps the temporary credentials for lasting ones (§2.3).
fn access_token(
    context: &Context<'_>,
    input: &CallbackInput<'_>,
) -> Result<(HttpRequest, Pending), AuthError> {
    let (given, verifier) = consent(input)?;
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
    let client = consumer(context)?;
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
        return Err(refusal(pending, reply));
    }
    let raw = parse_body(reply).unwrap_or_default();
    if !raw.contains_key(TOKEN) && (raw.contains_key("oauth_problem") || raw.contains_key("error"))
    {
        return Err(refusal(pending, reply));
    }
    let text = |name: &str| raw.get(name).and_then(Value::as_str).map(str::to_owned);
    let token = text(TOKEN).filter(|token| !token.is_empty());
    if let Some((token, secret)) = token.zip(text(TOKEN_SECRET)) {
        return Ok(Answer { token, secret, raw });
    }
    let message = "The provider's answer to the token request holds no token.";
    Err(AuthError::new(Class::Ours, pending.parse_error_code(), message))
}

/// The error of a refusal, whose words stand in the body, in a header or in plain text.
fn refusal(pending: &Pending, reply: &HttpReply) -> AuthError {
    let error = classify::failure(pending, reply);
    if error.provider_error.is_some() || error.provider_description.is_some() {
        return error;
    }
    if let Some(problem) = reply.header("www-authenticate").and_then(header_problem) {
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("oauth_problem", &problem)
            .finish()
            .into_bytes();
        return classify::failure(pending, &HttpReply { body, ..reply.clone() });
    }
    let text = std::str::from_utf8(&reply.body).unwrap_or_default().trim();
    let is_words = !text.is_empty() && !text.contains(['<', '{']);
    let words = || classify::scrubbed(text, &pending.secrets, WORDS_CHARS_MAX);
    AuthError { provider_description: is_words.then(words), ..error }
}

/// `oauth_problem` of a `WWW-Authenticate` header.
fn header_problem(header: &str) -> Option<String> {
    let (_, rest) = header.split_once("oauth_problem=")?;
    let word: String = rest
        .trim_start_matches('"')
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect();
    (!word.is_empty()).then_some(word)
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
    let Answer { token, secret, raw } = answer;
    let mut credentials = Map::new();
    credentials.insert("type".to_owned(), "OAUTH1".into());
    credentials.insert(TOKEN.to_owned(), token.into());
    credentials.insert(TOKEN_SECRET.to_owned(), secret.into());
    credentials.insert("raw".to_owned(), Value::Object(raw));
    let own = own_client(context.connection_config);
    if !own.is_empty() {
        credentials.insert("config_override".to_owned(), Value::Object(own));
    }
    Grant { credentials: Credentials::new(credentials), connection_config: learned }
}

#[cfg(test)]
#[path = "oauth1_tests.rs"]
mod tests;
