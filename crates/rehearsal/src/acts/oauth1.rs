//! OAuth 1.0a.

use serde_json::{Map, Value};
use valetkey_auth::follow_up::Occasion;
use valetkey_auth::{Grant, HttpReply, HttpRequest, Step};
use valetkey_catalog::schema::OAuth1Signature;

use super::{call, facts, refusals};
use crate::Script;
use crate::expect;
use crate::personality::Personality;
use crate::stage::{Ending, STATE, Stage};

pub(super) fn play(stage: &Stage<'_>, script: &mut Script) {
    let memory = script.scene_with("authorize", || authorize(stage));
    let Some(memory) = memory else { return };
    script.scene("denial", || denial(stage, &memory));
    let good = [("oauth_token", "request-1"), ("oauth_verifier", "verifier-1"), ("state", STATE)];
    let granted = script.scene_with("exchange", || {
        let answer = |request: &HttpRequest, _| {
            signed(
                stage,
                request,
                stage.provider.token_url.as_deref(),
                stage.provider.oauth1.token_by_get,
            )?;
            Ok(form_reply("oauth_token=access-1&oauth_token_secret=secret-9&user_id=7"))
        };
        let mut personality = Personality::new(stage.context(), Box::new(answer));
        let grant =
            stage.granted(&stage.config, stage.callback(&good, &memory), &mut personality)?;
        stored(&grant)?;
        Ok(grant)
    });
    script.scene("foreign token", || {
        let foreign =
            [("oauth_token", "other"), ("oauth_verifier", "verifier-1"), ("state", STATE)];
        match stage.callback(&foreign, &memory) {
            Step::Failed(_) => Ok(()),
            _ => Err("a token of another flow is taken".to_owned()),
        }
    });
    let Some(grant) = granted else { return };
    let begin = || stage.callback(&good, &memory);
    script.scene("refusals", || refusals(stage, &begin, false, false));
    let Some(grant) = script.scene_with("facts", || facts(stage, grant, Occasion::Connect)) else {
        return;
    };
    script.scene("call", || call(stage, &grant));
    script.scene("no refresh", || {
        if stage.mode.can_refresh(stage.provider, &grant.credentials) {
            return Err("OAuth 1 tokens do not age".to_owned());
        }
        Ok(())
    });
}

fn authorize(stage: &Stage<'_>) -> Result<Map<String, Value>, String> {
    let oauth1 = &stage.provider.oauth1;
    let first = stage.authorize();
    let Step::Send { request, pending } = first else {
        return Err("no request token is asked for".to_owned());
    };
    signed(stage, &request, oauth1.request_url.as_deref(), oauth1.request_by_get)?;
    let reply = form_reply(
        "oauth_token=request-1&oauth_token_secret=secret-1&oauth_callback_confirmed=true",
    );
    let Step::Redirect(redirect) = stage.mode.reply(&stage.context(), &pending, &reply) else {
        return Err("a request token does not lead to a redirect".to_owned());
    };
    let pairs = expect::pairs(&redirect.url);
    if pairs.get("oauth_token").and_then(Value::as_str) != Some("request-1") {
        return Err("the redirect does not name the request token".to_owned());
    }
    let refused = HttpReply { status: 401, headers: Vec::new(), body: b"nope".to_vec() };
    let mut personality = Personality::always(stage.context(), refused);
    match stage.run(&stage.config, stage.authorize(), &mut personality)? {
        Ending::Failed(error) if !error.message.is_empty() => Ok(redirect.memory),
        _ => Err("a refused request token leads on".to_owned()),
    }
}

/// The request goes where the entry says and carries a signature and what it covers.
fn signed(
    stage: &Stage<'_>,
    request: &HttpRequest,
    url: Option<&str>,
    by_get: bool,
) -> Result<(), String> {
    let expected = url.unwrap_or_default();
    let found = &request.url;
    if !expected.starts_with(&format!("{}{}", found.origin().ascii_serialization(), found.path())) {
        return Err(format!("the address is {found}, not {expected}"));
    }
    let method = if by_get { http::Method::GET } else { http::Method::POST };
    if request.method != method {
        return Err(format!("the method is {}, not {method}", request.method));
    }
    let header = expect::header(request, "authorization").unwrap_or_default();
    let name = match stage.provider.oauth1.signature {
        OAuth1Signature::HmacSha1 => "HMAC-SHA1",
        OAuth1Signature::HmacSha256 => "HMAC-SHA256",
        OAuth1Signature::RsaSha1 => "RSA-SHA1",
        OAuth1Signature::Plaintext => "PLAINTEXT",
    };
    for part in
        ["OAuth ", "oauth_consumer_key=\"client-1\"", "oauth_signature=\"", "oauth_nonce=\"", name]
    {
        if !header.contains(part) {
            return Err(format!("the Authorization header lacks {part}"));
        }
    }
    Ok(())
}

fn denial(stage: &Stage<'_>, memory: &Map<String, Value>) -> Result<(), String> {
    for query in [
        &[("denied", "request-1"), ("state", STATE)][..],
        &[("oauth_token", "request-1"), ("state", STATE)][..],
    ] {
        match stage.callback(query, memory) {
            Step::Failed(error) if error.code == "callback_err" => {}
            other => return Err(format!("a callback without a verifier gives {other:?}")),
        }
    }
    Ok(())
}

fn stored(grant: &Grant) -> Result<(), String> {
    let map = grant.credentials.as_map();
    let has = |name: &str, value: &str| map.get(name).and_then(Value::as_str) == Some(value);
    if has("oauth_token", "access-1")
        && has("oauth_token_secret", "secret-9")
        && has("type", "OAUTH1")
    {
        Ok(())
    } else {
        Err("the tokens of the answer are not the ones stored".to_owned())
    }
}

fn form_reply(text: &str) -> HttpReply {
    HttpReply {
        status: 200,
        headers: vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())],
        body: text.as_bytes().to_vec(),
    }
}
