//! The scenes of an entry's life, by family of modes.

mod app;
mod aws;
mod login;
mod mcp;
mod oauth1;
mod oauth2;
mod two_step;
mod typed;

use serde_json::{Map, Value, json};
use valetkey_auth::follow_up::Occasion;
use valetkey_auth::{Body, Class, Grant, HttpReply, HttpRequest, ProxiedCall, Step};
use valetkey_catalog::AuthMode;

use crate::personality::Personality;
use crate::stage::{Ending, Stage, is_resolved};
use crate::{Script, expect};

/// Plays everything the entry's mode can do.
pub(crate) fn play(stage: &Stage<'_>, script: &mut Script) {
    match stage.provider.auth_mode {
        AuthMode::OAuth2 | AuthMode::McpOAuth2 => oauth2::play(stage, script),
        AuthMode::OAuth2Cc => oauth2::play_client_credentials(stage, script),
        AuthMode::OAuth1 => oauth1::play(stage, script),
        AuthMode::TwoStep => two_step::play(stage, script),
        AuthMode::Bill => login::play(stage, script),
        AuthMode::AwsSigV4 => aws::play(stage, script),
        AuthMode::App | AuthMode::Custom | AuthMode::InstallPlugin => app::play(stage, script),
        AuthMode::McpOAuth2Generic => mcp::play(stage, script),
        AuthMode::ApiKey
        | AuthMode::Basic
        | AuthMode::None
        | AuthMode::Jwt
        | AuthMode::Signature
        | AuthMode::Tba => typed::play(stage, script),
    }
}

/// The three classes of refusal, each answered to the same request.
pub(crate) fn refusals(
    stage: &Stage<'_>,
    begin: &dyn Fn() -> Step,
    is_personal: bool,
    is_refresh: bool,
) -> Result<(), String> {
    let mut cases = vec![
        (503, json!({"error": "server_error"}), Class::Transient),
        (429, json!({"error": "rate_limited"}), Class::Transient),
    ];
    if is_personal {
        cases.push((401, json!({"error": "invalid_client"}), Class::Terminal));
    } else {
        cases.push((401, json!({"error": "invalid_client"}), Class::Ours));
        cases.push((400, json!({"error": "invalid_grant"}), Class::Terminal));
    }
    for (status, body, class) in cases {
        let reply = HttpReply {
            status,
            headers: vec![("retry-after".to_owned(), "7".to_owned())],
            body: body.to_string().into_bytes(),
        };
        let mut personality = Personality::always(stage.context(), reply);
        match stage.run(&stage.config, begin(), &mut personality)? {
            Ending::Failed(error) if error.class == class => {
                if status == 429 && error.retry_after_seconds != Some(7) {
                    return Err("Retry-After is not passed on".to_owned());
                }
                if error.message.is_empty() || error.code.is_empty() {
                    return Err(format!("HTTP {status} is refused without words"));
                }
            }
            Ending::Failed(error) => {
                return Err(format!("HTTP {status} is {:?}, not {class:?}", error.class));
            }
            _ => return Err(format!("HTTP {status} is taken for a success")),
        }
    }
    nonsense(stage, begin, is_refresh)
}

/// An answer that is no token answer must not become one.
fn nonsense(stage: &Stage<'_>, begin: &dyn Fn() -> Step, is_refresh: bool) -> Result<(), String> {
    for text in ["<html>maintenance</html>", "{}", ""] {
        let reply = HttpReply { status: 200, headers: Vec::new(), body: text.as_bytes().to_vec() };
        let mut personality = Personality::always(stage.context(), reply);
        if let Ending::Granted(_) = stage.run(&stage.config, begin(), &mut personality)? {
            let what = if is_refresh { "refresh" } else { "exchange" };
            return Err(format!("the {what} takes {text:?} for a token answer"));
        }
    }
    Ok(())
}

/// A call to the API: its address and headers are whole, and it shows the credentials.
pub(crate) fn call(stage: &Stage<'_>, grant: &Grant) -> Result<(), String> {
    let provider = stage.provider;
    let Some(base_url) = &provider.proxy.base_url else {
        return Ok(());
    };
    let config = stage.stored(grant);
    let context = stage.context_with(&config);
    let request = valetkey_auth::api_request::get(&context, &grant.credentials, "/rehearsal")
        .map_err(|error| format!("proxy.base_url {base_url}: {error}"))?;
    is_whole(stage, grant, &request)?;
    is_whole(stage, grant, &proxied(stage, grant, &config)?)
}

/// The same as an app makes it through the proxy, with a body.
fn proxied(
    stage: &Stage<'_>,
    grant: &Grant,
    config: &Map<String, Value>,
) -> Result<HttpRequest, String> {
    let context = stage.context_with(config);
    let headers = [("content-type".to_owned(), "application/json".to_owned())];
    let kind = Some("application/json");
    let body = if valetkey_auth::needs_body(stage.provider, config, kind) {
        Body::Bytes(br#"{"big":12345678901234567890}"#.to_vec())
    } else {
        Body::Carried
    };
    let call = ProxiedCall {
        method: &http::Method::POST,
        path: "rehearsal/%2F",
        query: Some("own=%20"),
        base_url: None,
        headers: &headers,
        body,
    };
    let request = valetkey_auth::proxied(&context, &grant.credentials, call)
        .map_err(|error| format!("a call through the proxy: {error}"))?;
    if !request.url.path().ends_with("/rehearsal/%2F") {
        return Err(format!("the path of a call became {}", request.url.path()));
    }
    Ok(request)
}

/// Address and headers are filled in, and the credentials are shown.
fn is_whole(stage: &Stage<'_>, grant: &Grant, request: &HttpRequest) -> Result<(), String> {
    is_resolved(request)?;
    all_headers(stage, request)?;
    let provider = stage.provider;
    let names: Vec<String> = expect::pairs(&request.url).into_keys().collect();
    match provider.proxy.query.keys().find(|name| !names.contains(name)) {
        Some(name) => Err(format!("proxy.query.{name} is left out")),
        None => shows_credentials(stage, grant, request),
    }
}

/// Every header of the entry is there; one that stays open would be left out.
pub(crate) fn all_headers(stage: &Stage<'_>, request: &HttpRequest) -> Result<(), String> {
    for (name, template) in &stage.provider.proxy.headers {
        let needs_optional = is_optional(stage, template);
        if expect::header(request, &name.to_ascii_lowercase()).is_none() && !needs_optional {
            return Err(format!("proxy.headers.{name} is left out"));
        }
    }
    Ok(())
}

/// Whether a template names a setting that may be left empty.
fn is_optional(stage: &Stage<'_>, template: &Value) -> bool {
    let Some(text) = template.as_str() else { return false };
    valetkey_catalog::references(text).iter().any(|name| {
        let name = name.strip_prefix("connectionConfig.").unwrap_or(name);
        stage.provider.connection_field(name).is_some_and(|field| !field.is_required())
    })
}

/// A call without credentials in it would be anybody's.
fn shows_credentials(
    stage: &Stage<'_>,
    grant: &Grant,
    request: &HttpRequest,
) -> Result<(), String> {
    if matches!(stage.provider.auth_mode, AuthMode::None | AuthMode::Bill) {
        return Ok(());
    }
    let has_own_header = request.headers.iter().any(|(name, _)| {
        matches!(name.as_str(), "authorization" | "cookie" | "x-amz-security-token")
    });
    let is_in = |text: &str| grant.credentials.secrets().iter().any(|secret| text.contains(secret));
    let shown = has_own_header
        || request.headers.iter().any(|(_, value)| is_in(value))
        || request.url.query_pairs().any(|(_, value)| is_in(&value))
        || is_in(request.url.path());
    let in_body = !stage.provider.proxy.body.is_empty();
    let has_headers = stage.provider.proxy.headers.iter().any(|(_, template)| {
        template.as_str().is_some_and(|text| text.contains("${credentials") || text.contains("${"))
    });
    if shown || in_body || has_headers {
        Ok(())
    } else {
        Err("a call to the API shows no credentials".to_owned())
    }
}

/// Facts and second tokens; everything the entry says it learns is there afterwards.
pub(crate) fn facts(stage: &Stage<'_>, grant: Grant, occasion: Occasion) -> Result<Grant, String> {
    let refuse = Box::new(|_: &HttpRequest, _| Err("nothing more is asked".to_owned()));
    let mut personality = Personality::new(stage.context(), refuse);
    let grant = stage.follow_up(grant, occasion, &mut personality)?;
    if occasion == Occasion::Refresh {
        return Ok(grant);
    }
    let stored = stage.stored(&grant);
    for step in &stage.provider.post_connection {
        let is_passed_over = step.unless.as_ref().is_some_and(|name| stored.contains_key(name))
            || step.when.as_ref().is_some_and(|name| !stored.contains_key(name));
        for kept in step.keep.iter().filter(|_| !is_passed_over) {
            if !stored.contains_key(&kept.name) {
                return Err(format!("{} was not learned", kept.name));
            }
        }
    }
    Ok(grant)
}
