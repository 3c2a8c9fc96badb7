//! An OAuth 1.0a provider (RFC 5849) with HMAC-SHA1, written apart from the server's own signing.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};

use aws_lc_rs::hmac;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Json, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use url::form_urlencoded;

pub(super) const CONSUMER_KEY: &str = "own-key";
/// Has characters that are escaped on the way into the signature's key.
pub(super) const CONSUMER_SECRET: &str = "own secret & more";

/// What the provider saw, and how it behaves.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) base_url: String,
    /// Requests whose signature held.
    pub(super) signed: usize,
    /// The query a browser last came with.
    pub(super) authorization: BTreeMap<String, String>,
    /// What the browser brings back instead of consent; `REQUEST` stands for the request token.
    pub(super) decision: Option<String>,
    /// The answer to the next request, whatever it says.
    pub(super) next_answer: Option<(u16, String)>,
    callbacks: BTreeMap<String, String>,
    nonces: HashSet<String>,
    tokens_made: usize,
}

#[derive(Clone, Default)]
pub(super) struct Provider(pub(super) Arc<Mutex<Seen>>);

impl Provider {
    pub(super) fn router(&self) -> Router {
        Router::new().fallback(answer).with_state(self.clone())
    }

    /// A browser at the consent page. Where it is sent back to.
    pub(super) fn visit(&self, page: &str) -> String {
        let mut seen = self.0.lock().unwrap();
        let query = page.strip_prefix(&format!("{}/authorize?", seen.base_url));
        let query = query.unwrap_or_else(|| panic!("sent elsewhere: {page}"));
        seen.authorization = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let token = seen.authorization["oauth_token"].clone();
        let consent = format!("oauth_token={token}&oauth_verifier=v-{token}&realm=r+1");
        let decision = seen.decision.as_ref().map(|text| text.replace("REQUEST", &token));
        format!("{}&{}", seen.callbacks[&token], decision.unwrap_or(consent))
    }
}

async fn answer(
    State(provider): State<Provider>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut seen = provider.0.lock().unwrap();
    if let Some((status, text)) = seen.next_answer.take() {
        return (StatusCode::from_u16(status).unwrap(), text).into_response();
    }
    let fields = match verified(&mut seen, &method, &uri, &headers, &body) {
        Ok(fields) => fields,
        Err(problem) => {
            let text = format!("oauth_problem={problem}");
            return (StatusCode::UNAUTHORIZED, text).into_response();
        }
    };
    seen.signed += 1;
    seen.tokens_made += 1;
    let number = seen.tokens_made;
    match uri.path() {
        "/request" => {
            assert_eq!(&body[..], b"access=read+%26+write");
            let token = format!("r{number}");
            seen.callbacks.insert(token.clone(), fields["oauth_callback"].clone());
            let text = format!("oauth_token={token}&oauth_token_secret={token}-secret");
            format!("{text}&oauth_callback_confirmed=true").into_response()
        }
        "/access" => {
            let verifier = format!("v-{}", fields["oauth_token"]);
            if fields.get("oauth_verifier") != Some(&verifier) {
                return StatusCode::UNAUTHORIZED.into_response();
            }
            format!("oauth_token=a{number}&oauth_token_secret=a{number}-secret&user_id=7")
                .into_response()
        }
        "/me" => {
            assert!(fields["oauth_token"].starts_with('a'), "{fields:?}");
            Json(json!({"name": "Ann"})).into_response()
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

/// The protocol parameters of a request whose signature holds (§3.2), or the problem.
fn verified(
    seen: &mut Seen,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<BTreeMap<String, String>, &'static str> {
    let header = headers.get("authorization").and_then(|value| value.to_str().ok());
    let header = header.and_then(|value| value.strip_prefix("OAuth ")).ok_or("parameter_absent")?;
    let mut fields = BTreeMap::new();
    for part in header.split(',') {
        let (name, value) = part.trim().split_once('=').ok_or("parameter_rejected")?;
        let pair = format!("{name}={}", value.trim_matches('"'));
        let pair = form_urlencoded::parse(pair.as_bytes()).into_owned().next().unwrap();
        fields.insert(pair.0, pair.1);
    }
    let of = |name: &str| fields.get(name).map(String::as_str).ok_or("parameter_absent");
    if of("oauth_consumer_key")? != CONSUMER_KEY {
        return Err("consumer_key_unknown");
    }
    if of("oauth_signature_method")? != "HMAC-SHA1" || of("oauth_version")? != "1.0" {
        return Err("signature_method_rejected");
    }
    if !seen.nonces.insert(of("oauth_nonce")?.to_owned()) {
        return Err("nonce_used");
    }
    let mut pairs: Vec<(String, String)> =
        fields.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    pairs.retain(|(name, _)| name != "oauth_signature");
    pairs.extend(form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned());
    pairs.extend(form_urlencoded::parse(body).into_owned());
    let mut pairs: Vec<(String, String)> =
        pairs.iter().map(|(name, value)| (escaped(name), escaped(value))).collect();
    pairs.sort();
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let address = format!("{}{}", seen.base_url, uri.path());
    let base = format!("{method}&{}&{}", escaped(&address), escaped(&pairs.join("&")));
    // A token's secret is its own name with an ending.
    let token_secret = fields.get("oauth_token").map(|token| format!("{token}-secret"));
    let key =
        format!("{}&{}", escaped(CONSUMER_SECRET), escaped(&token_secret.unwrap_or_default()));
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key.as_bytes());
    let expected = STANDARD.encode(hmac::sign(&key, base.as_bytes()));
    if of("oauth_signature")? == expected { Ok(fields) } else { Err("signature_invalid") }
}

/// §3.6.
fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
