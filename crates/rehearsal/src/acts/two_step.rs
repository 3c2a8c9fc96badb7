//! Credentials exchanged for a token in one or more requests.

use serde_json::{Map, Value, json};
use valetkey_auth::follow_up::Occasion;
use valetkey_auth::{Body, Grant, HttpReply, HttpRequest, Step};
use valetkey_catalog::schema::{ExpiryStrategy, StepFormat};
use valetkey_catalog::{Scope, references};

use super::typed::{bad_input, body_of};
use super::{call, facts, refusals};
use crate::expect::{self, Fields, filled};
use crate::personality::{LIFETIME_S, Personality, put};
use crate::stage::Stage;
use crate::{Script, sample};

pub(super) fn play(stage: &Stage<'_>, script: &mut Script) {
    let Some(body) = script.scene_with("inputs", || typed(stage)) else { return };
    let begin = || submit(stage, &body);
    let granted = script.scene_with("exchange", || {
        let mut personality = provider(stage, &body, false, "access-1");
        let grant = stage.granted(&stage.config, begin()?, &mut personality)?;
        stored(stage, &grant, "access-1")?;
        Ok(grant)
    });
    script.scene("bad input", || bad_input(stage, &body));
    let Some(grant) = granted else { return };
    script.scene("refusals", || {
        let step = || submit(stage, &body).unwrap_or_else(|_| stage.authorize());
        refusals(stage, &step, true, false)
    });
    let Some(grant) = script.scene_with("facts", || facts(stage, grant, Occasion::Connect)) else {
        return;
    };
    script.scene("call", || call(stage, &grant));
    script.scene("refresh", || {
        let config = stage.stored(&grant);
        let context = stage.context_with(&config);
        let step = stage.mode.refresh(&context, &grant.credentials);
        let is_refresh = grant.credentials.refresh_token().is_some()
            && (stage.provider.two_step.refresh_params.is_some()
                || stage.provider.two_step.refresh_headers.is_some());
        let mut personality = provider(stage, &body, is_refresh, "access-2");
        let renewed = stage.granted(&config, step, &mut personality)?;
        stored(stage, &renewed, "access-2")
    });
    script.scene("secrets kept apart", || kept_apart(stage, &grant));
}

/// What the form sends: the fields, and one-time inputs beside them.
fn typed(stage: &Stage<'_>) -> Result<Map<String, Value>, String> {
    let mut body = body_of(stage)?;
    body.insert("type".to_owned(), "TWO_STEP".into());
    if !stage.provider.assertion_option.is_empty() {
        let options = sample::values(stage.provider, &stage.provider.assertion_option)?;
        body.insert("assertionOption".to_owned(), Value::Object(options));
    }
    Ok(body)
}

fn submit(stage: &Stage<'_>, body: &Map<String, Value>) -> Result<Step, String> {
    stage.mode.submit(&stage.context(), &Value::Object(body.clone())).map_err(|issues| {
        issues.into_iter().map(|issue| issue.message).collect::<Vec<_>>().join(" ")
    })
}

/// The provider's answers, step by step; each request is compared on the way.
fn provider<'s>(
    stage: &'s Stage<'_>,
    body: &'s Map<String, Value>,
    is_refresh: bool,
    token: &'s str,
) -> Personality<'s> {
    let answer = move |request: &HttpRequest, asked: usize| {
        compare(stage, body, request, asked, is_refresh)?;
        answer(stage, asked, is_refresh, token)
    };
    Personality::new(stage.context(), Box::new(answer))
}

/// How many requests an exchange is.
fn count(stage: &Stage<'_>, is_refresh: bool) -> usize {
    if is_refresh { 1 } else { 1 + stage.provider.two_step.additional.len() }
}

fn compare(
    stage: &Stage<'_>,
    body: &Map<String, Value>,
    request: &HttpRequest,
    asked: usize,
    is_refresh: bool,
) -> Result<(), String> {
    if asked > count(stage, is_refresh) {
        return Err(format!("request {asked} is one too many"));
    }
    let provider = stage.provider;
    let two_step = &provider.two_step;
    let credentials = with_integration(stage, body);
    let context = stage.context();
    let answers: Vec<(String, Value)> =
        (1..asked).map(|step| (format!("step{step}"), answered(stage, step))).collect();
    let mut flat: Vec<(&str, Value)> =
        answers.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    if is_refresh {
        flat.push(("refresh_token", json!("refresh-1")));
    }
    let scope = expect::scope(&context, &credentials, &flat);
    let empty = Map::new();
    let (url, by_get, params, headers, format) = match asked.checked_sub(2) {
        None if is_refresh => (
            provider.refresh_url.as_ref().or(provider.token_url.as_ref()).cloned(),
            two_step.by_get,
            two_step.refresh_params.as_ref().unwrap_or(&empty),
            two_step.refresh_headers.as_ref().unwrap_or(&provider.token_headers),
            two_step.format,
        ),
        None => (
            provider.token_url.clone(),
            two_step.by_get,
            &provider.token_params,
            &provider.token_headers,
            two_step.format,
        ),
        Some(index) => {
            let step = &two_step.additional[index];
            let format = step.format.unwrap_or(two_step.format);
            (Some(step.url.clone()), step.by_get, &step.params, &step.headers, format)
        }
    };
    let method = if by_get { http::Method::GET } else { http::Method::POST };
    if request.method != method {
        return Err(format!("request {asked} is a {}, not a {method}", request.method));
    }
    let url = expect::url(&url.unwrap_or_default(), &scope, false)?;
    expect::same_address(&url, &Fields::new(), &request.url)?;
    same_headers(headers, &scope, request)?;
    if by_get { Ok(()) } else { same_body(params, &scope, request, format) }
}

/// What is typed, with the integration's own values over it.
fn with_integration(stage: &Stage<'_>, body: &Map<String, Value>) -> Map<String, Value> {
    let mut credentials = body.clone();
    for field in &stage.provider.integration_config {
        if let Some(value) = stage.client.custom.get(&field.name) {
            credentials.insert(field.name.clone(), value.clone());
        }
    }
    credentials
}

fn same_headers(
    headers: &Map<String, Value>,
    scope: &Scope<'_>,
    request: &HttpRequest,
) -> Result<(), String> {
    for (name, template) in headers {
        let Some(found) = expect::header(request, &name.to_ascii_lowercase()) else {
            return Err(format!("the header {name} is missing"));
        };
        let text = template.as_str().unwrap_or_default();
        let expected = filled(&Map::from_iter([(name.clone(), template.clone())]), scope);
        let is_fixed = !varies(text);
        if let Some(expected) = expected.get(name).and_then(Value::as_str)
            && is_fixed
            && expected != found
        {
            return Err(format!("the header {name} is not what the entry says"));
        }
    }
    Ok(())
}

/// Whether a template has another value each time, or one that only the mode can make.
fn varies(text: &str) -> bool {
    ["${random", "${now", "${token}", "assertion}", "awsSigV4", "ed25519", "fingerprint"]
        .iter()
        .any(|part| text.contains(part))
}

fn same_body(
    params: &Map<String, Value>,
    scope: &Scope<'_>,
    request: &HttpRequest,
    format: StepFormat,
) -> Result<(), String> {
    let expected = filled(params, scope);
    match (&request.body, format) {
        (Body::Text { content_type, .. }, StepFormat::Xml) if content_type.contains("xml") => {
            Ok(())
        }
        (Body::Json(_), StepFormat::Json) | (Body::Form(_), StepFormat::Form) => {
            let found = expect::body_fields(&request.body);
            for (name, value) in params {
                let is_fixed = !varies(&value.to_string());
                let Some(value) = expected.get(name) else {
                    if is_fixed && found.contains_key(name) {
                        return Err(format!("body: {name} is sent without a value"));
                    }
                    continue;
                };
                let pair = |value: &Value| Fields::from([(name.clone(), value.clone())]);
                match found.get(name) {
                    Some(other) if is_fixed => {
                        expect::same_fields("body", &pair(value), &pair(other))?;
                    }
                    Some(_) => {}
                    None => return Err(format!("body: {name} is missing")),
                }
            }
            match found.keys().find(|name| !params.contains_key(*name)) {
                Some(name) => Err(format!("body: {name} is sent and not expected")),
                None => Ok(()),
            }
        }
        (Body::Empty, _) if params.is_empty() => Ok(()),
        _ => Err("the body is in the wrong format".to_owned()),
    }
}

/// What an earlier step answered, for the steps after it.
fn answered(stage: &Stage<'_>, step: usize) -> Value {
    let two_step = &stage.provider.two_step;
    let mut body = json!({});
    let prefix = format!("step{step}.");
    for later in &two_step.additional {
        let mut texts = vec![(later.url.clone(), true)];
        for map in [&later.params, &later.headers] {
            texts.extend(map.values().filter_map(|v| Some((v.as_str()?.to_owned(), false))));
        }
        for (text, is_url) in texts {
            for name in references(&text) {
                if let Some(path) = name.strip_prefix(&prefix) {
                    let starts = is_url && text.starts_with(&format!("${{{name}}}"));
                    let value = if starts { "https://step.example.com" } else { "learned1" };
                    put(&mut body, path, value.into());
                }
            }
        }
    }
    body
}

fn answer(
    stage: &Stage<'_>,
    asked: usize,
    is_refresh: bool,
    token: &str,
) -> Result<HttpReply, String> {
    let provider = stage.provider;
    let paths = &provider.two_step.response;
    let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    if provider.two_step.headers_kept.iter().any(|name| name.eq_ignore_ascii_case("set-cookie")) {
        headers.push(("set-cookie".to_owned(), "SESSION=cookie-1; Path=/; HttpOnly".to_owned()));
        headers.push(("set-cookie".to_owned(), "ROUTE=.node1; Path=/".to_owned()));
    }
    for name in &provider.two_step.headers_kept {
        if !name.eq_ignore_ascii_case("set-cookie") {
            headers.push((name.to_ascii_lowercase(), "header-1".to_owned()));
        }
    }
    let reply =
        |body: String| HttpReply { status: 200, headers: headers.clone(), body: body.into_bytes() };
    if asked < count(stage, is_refresh) {
        return Ok(reply(answered(stage, asked).to_string()));
    }
    if paths.token.is_empty() {
        return Ok(reply(token.to_owned()));
    }
    let mut body = json!({});
    for path in &provider.token_response_metadata {
        let value = match provider.connection_field(path) {
            Some(field) => sample::of(provider, field)?,
            None => "learned1".to_owned(),
        };
        put(&mut body, path, value.into());
    }
    if let Some(path) = &paths.expiration {
        let at = stage.now.seconds() + LIFETIME_S;
        let value = match paths.strategy {
            ExpiryStrategy::In => json!(LIFETIME_S),
            ExpiryStrategy::At => json!(at),
        };
        put(&mut body, path, value);
    }
    if let Some(path) = &paths.refresh_token {
        put(&mut body, path, json!("refresh-1"));
    }
    // Last: an entry may use one value as both tokens.
    put(&mut body, &paths.token, json!(token));
    if provider.two_step.format == StepFormat::Xml {
        return Ok(reply(xml(&body)));
    }
    Ok(reply(body.to_string()))
}

/// The same tree as XML.
fn xml(value: &Value) -> String {
    match value {
        Value::Object(map) => map
            .iter()
            .map(|(name, value)| match name.strip_prefix('$') {
                Some(_) => String::new(),
                None => format!("<{name}>{}</{name}>", xml(value)),
            })
            .collect(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn stored(stage: &Stage<'_>, grant: &Grant, token: &str) -> Result<(), String> {
    let provider = stage.provider;
    let two_step = &provider.two_step;
    if grant.credentials.access_token() != Some(token) {
        return Err("the token of the answer is not the one stored".to_owned());
    }
    let path = &two_step.response.refresh_token;
    if path.as_ref().is_some_and(|path| *path != two_step.response.token)
        && grant.credentials.refresh_token() != Some("refresh-1")
    {
        return Err("the refresh token of the answer is not stored".to_owned());
    }
    let off = grant.credentials.expires_at().map(|at| at.seconds() - stage.now.seconds());
    let fixed = provider.token_fixed_lifetime_seconds.map(|seconds| seconds as i64);
    let expected = match (&two_step.response.expiration, two_step.lifetime_ms) {
        _ if fixed.is_some() => fixed,
        (Some(_), _) => Some(LIFETIME_S),
        (None, Some(0)) => None,
        (None, Some(millis)) => Some((millis / 1000) as i64),
        (None, None) => return Ok(()),
    };
    if off == expected {
        Ok(())
    } else {
        Err(format!("the token ends after {off:?} s, not {expected:?}"))
    }
}

/// Values of the integration never reach a connection; one-time inputs are never shown.
fn kept_apart(stage: &Stage<'_>, grant: &Grant) -> Result<(), String> {
    let shown = grant.credentials.shown(true);
    for field in &stage.provider.integration_config {
        if shown.get(&field.name).is_some() {
            return Err(format!("{} of the integration is stored with the connection", field.name));
        }
    }
    match shown.get("assertionOption") {
        Some(_) => Err("one-time inputs are shown".to_owned()),
        None => Ok(()),
    }
}
