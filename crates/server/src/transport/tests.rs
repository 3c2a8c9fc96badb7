//! The order of the steps, and one exemplar endpoint as every handler file has it.

use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use http_body_util::BodyExt as _;
use serde::Deserialize;
use serde_json::json;
use valetkey_base::{ScopeSet, Timestamp};

use super::*;
use crate::middleware::client_address::ClientAddress;
use crate::reply;
use crate::schema::{array, boolean_word, field, named, object};

// --- The exemplar: what a file of `api/` looks like. ---

/// `PATCH /connections/{connectionId}`: changes what the app may change.
fn endpoint() -> Endpoint<Fake> {
    Endpoint::new(Method::PATCH, "/connections/{connectionId}", Auth::ApiKey(UPDATE), patch)
        .alias("/connection/{connectionId}")
        .documented("Connections", "Change a connection")
        .parameter("connectionId", named::connection_id())
        .query(vec![
            field("provider_config_key", named::integration_key()),
            field("force", boolean_word().default(false)),
        ])
        .body(object(vec![
            field("tags", named::tags().optional()),
            field("allowed", array(named::integration_key()).optional()),
        ]))
        .body_bytes_max(64 * 1024)
        .answers(StatusCode::OK, "The connection was changed")
}

const UPDATE: &[&str] = &["environment:connections:update"];

#[derive(Deserialize)]
struct PatchQuery {
    provider_config_key: String,
    force: bool,
}

#[derive(Deserialize)]
struct PatchBody {
    tags: Option<Map<String, Value>>,
}

async fn patch(mut call: Call<Fake>) -> ApiResult {
    let query: PatchQuery = call.query()?;
    let body: PatchBody = call.body()?;
    let account = call.caller()?.account_id();
    if call.path("connectionId") == "gone" {
        return Err(ApiError::not_found("There is no such connection"));
    }
    Ok(reply::ok(&json!({
        "account": account,
        "id": call.path("connectionId"),
        "key": query.provider_config_key,
        "force": query.force,
        "tags": body.tags,
    })))
}

// --- The application behind it. ---

#[derive(Clone)]
struct Fake;

struct Someone {
    scopes: ScopeSet,
    has_environment: bool,
}

impl crate::route::Principal for Someone {
    fn account_id(&self) -> i64 {
        7
    }

    fn scopes(&self) -> &ScopeSet {
        &self.scopes
    }

    fn has_environment(&self) -> bool {
        self.has_environment
    }
}

impl Host for Fake {
    type Caller = Someone;

    async fn authenticate(
        &self,
        credential: Credential,
        _: Option<ClientAddress>,
    ) -> ApiResult<Someone> {
        let (scope, has_environment) = match &credential {
            Credential::Session(_) => ("environment:integrations:list", true),
            Credential::ApiKey(key) => match key.expose() {
                "vk_full" => ("environment:*", true),
                "vk_records" => ("environment:records:read", true),
                "vk_account" => ("account:*", false),
                _ => return Err(Refusal::UnknownKey.into()),
            },
        };
        Ok(Someone { scopes: ScopeSet::new(vec![scope.to_owned()]), has_environment })
    }
}

struct Bench {
    router: Router,
    clock: Clock,
}

fn bench() -> Bench {
    let answer = |_| async { Ok(reply::ok(&json!({"a": 1}))) };
    let endpoints = vec![
        endpoint(),
        Endpoint::new(Method::GET, "/connect/session", Auth::Session, answer),
        Endpoint::new(Method::GET, "/integrations", Auth::ApiKeyOrSession(LIST), answer),
        Endpoint::new(Method::POST, "/environments", Auth::AccountKey(CREATE), answer),
        Endpoint::new(Method::GET, "/oauth/connect/{k}", Auth::BrowserSession, answer).any_query(),
        Endpoint::new(Method::GET, "/panic", Auth::None, |_| async { panic!("secret plan") }),
        Endpoint::new(Method::GET, "/broken", Auth::None, |_| async {
            Err(ApiError::internal("secret plan"))
        }),
        Endpoint::new(
            Method::POST,
            "/proxy/{*rest}",
            Auth::None,
            |mut call: Call<Fake>| async move {
                let bytes = call.body_bytes();
                let rest = call.path("rest").to_owned();
                Ok(reply::ok(&json!({"rest": rest, "length": bytes.len()})))
            },
        )
        .any_query()
        .body_rule(BodyRule::Bytes),
    ];
    let pages = Router::new().route("/page", axum::routing::get(async || "a page"));
    let settings = Settings { rate_limit_per_min: 3, ..Settings::default() };
    let clock = Clock::manual(Timestamp::from_millis(1_000_000));
    let tools = (clock.clone(), Rng::seeded(1));
    Bench { router: router(Fake, endpoints, pages, settings, tools), clock }
}

const LIST: &[&str] = &["environment:integrations:list"];
const CREATE: &str = "account:environments:create";

struct Answered {
    status: u16,
    headers: http::HeaderMap,
    text: String,
}

impl Answered {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    fn code(&self) -> (u16, String) {
        (self.status, self.json()["error"]["code"].as_str().unwrap_or_default().to_owned())
    }
}

impl Bench {
    async fn send(&self, line: &str, headers: &[(http::HeaderName, &str)], body: &str) -> Answered {
        let (method, uri) = line.split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answered {
            status: parts.status.as_u16(),
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    async fn with_key(&self, line: &str, key: &str, body: &str) -> Answered {
        let bearer = format!("Bearer {key}");
        self.send(line, &[(AUTHORIZATION, &bearer), (CONTENT_TYPE, "application/json")], body).await
    }
}

fn fails(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

const LINE: &str = "PATCH /connections/Conn%2F1?provider_config_key=github-prod&force=yes";

#[tokio::test]
async fn a_valid_call_reaches_its_handler_with_checked_inputs() {
    let answer = bench().with_key(LINE, "vk_full", r#"{"tags":{"Plan":"pro"}}"#).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(
        answer.text,
        r#"{"account":7,"id":"Conn/1","key":"github-prod","force":true,"tags":{"plan":"pro"}}"#
    );
    assert_eq!(answer.headers[CONTENT_TYPE], "application/json; charset=utf-8");
    assert_eq!(answer.headers["x-ratelimit-limit"], "3");
    assert_eq!(answer.headers["x-ratelimit-remaining"], "2");
    assert_eq!(answer.headers["x-ratelimit-reset"], "1060");
    assert_eq!(answer.headers["access-control-allow-origin"], "*");
    assert_eq!(answer.headers["strict-transport-security"], "max-age=5184000; includeSubDomains");
}

#[tokio::test]
async fn the_first_failing_step_decides_the_error() {
    let bench = bench();
    let text = [(CONTENT_TYPE, "text/plain")];
    assert_eq!(bench.send(LINE, &text, "x").await.code(), fails(415, "invalid_content_type"));
    let json = [(CONTENT_TYPE, "application/json")];
    assert_eq!(bench.send(LINE, &json, "{").await.code(), fails(400, "invalid_json"));
    let large = "x".repeat(65 * 1024);
    assert_eq!(bench.send(LINE, &json, &large).await.code(), fails(413, "payload_too_large"));
    let missing = bench.send(LINE, &json, "{}").await;
    assert_eq!(missing.code(), fails(401, "missing_auth_header"));
    assert_eq!(missing.headers[WWW_AUTHENTICATE], "Bearer realm=\"valetkey\"");
    assert!(!missing.headers.contains_key("x-ratelimit-limit"));
    assert_eq!(missing.json()["error"]["payload"], json!({}));
    let scope = bench.with_key(LINE, "vk_records", "{}").await;
    assert_eq!(scope.code(), fails(403, "forbidden"));
    assert!(scope.text.contains(UPDATE[0]) && scope.headers.contains_key("x-ratelimit-limit"));
}

#[tokio::test]
async fn inputs_are_checked_in_order_and_only_the_first_part_is_reported() {
    let bench = bench();
    let both = "PATCH /connections/%C3%A9?foo=1";
    let query = bench.with_key(both, "vk_full", "[]").await;
    assert_eq!(query.code(), fails(400, "invalid_query_params"));
    assert_eq!(query.json()["error"]["errors"][1]["code"], "unrecognized_keys");
    let body = bench.with_key("PATCH /connections/x?provider_config_key=a", "vk_full", "[]").await;
    assert_eq!(
        body.json()["error"]["errors"],
        json!([{
            "code": "invalid_type",
            "message": "Invalid input: expected object, received array",
            "path": [],
        }])
    );
    let path =
        bench.with_key("PATCH /connections/%E0%A4?provider_config_key=a", "vk_full", "").await;
    assert_eq!(path.code(), fails(400, "invalid_uri_params"));
    assert_eq!(path.json()["error"]["errors"][0]["path"], json!(["connectionId"]));
}

#[tokio::test]
async fn each_endpoint_takes_the_credentials_it_names() {
    let bench = bench();
    let session = format!("{}{}", auth_header::SESSION_PREFIX, "a".repeat(64));
    let code = async |line: &str, key: &str| bench.with_key(line, key, "").await.code();
    assert_eq!(
        code("GET /connect/session", "vk_full").await.1,
        "invalid_connect_session_token_format"
    );
    assert_eq!(code("GET /connect/session", &session).await.0, 200);
    assert_eq!(code("GET /integrations", &session).await.0, 200);
    assert_eq!(code("GET /integrations", "vk_none").await, fails(401, "unknown_account"));
    assert_eq!(code(LINE, &session).await, fails(401, "invalid_secret_key_format"));
    assert_eq!(code("POST /environments", "vk_full").await, fails(403, "forbidden"));
    assert_eq!(code("POST /environments", "vk_account").await.0, 200);
    assert_eq!(code("GET /integrations", "vk_account").await, fails(403, "forbidden"));
    let line = format!("GET /oauth/connect/k?connect_session_token={session}");
    assert_eq!(bench.send(&line, &[], "").await.status, 200);
    let public = bench.send("GET /oauth/connect/k?public_key=x", &[], "").await;
    assert_eq!(public.code(), fails(401, "deprecated_authentication"));
    let nothing = bench.send("GET /oauth/connect/k", &[], "").await;
    assert_eq!(nothing.code(), fails(401, "missing_public_key"));
}

#[tokio::test]
async fn too_many_requests_wait_for_the_next_window() {
    let bench = bench();
    for _ in 0..3 {
        assert_eq!(bench.with_key("GET /integrations", "vk_full", "").await.status, 200);
    }
    let refused = bench.with_key("GET /integrations?a=1", "vk_full", "").await;
    assert_eq!(
        (refused.status, refused.text.as_str()),
        (429, r#"{"error":{"code":"too_many_request","method":"GET","path":"/integrations"}}"#)
    );
    assert_eq!(refused.headers["retry-after"], "60");
    bench.clock.advance(Duration::from_mins(1));
    assert_eq!(bench.with_key("GET /integrations", "vk_full", "").await.status, 200);
}

#[tokio::test]
async fn unknown_paths_and_methods_are_json_and_pages_are_reached() {
    let bench = bench();
    assert_eq!(bench.send("GET /nothing", &[], "").await.code(), fails(404, "not_found"));
    assert_eq!(bench.send("GET /page", &[], "").await.text, "a page");
    let other = bench.send("PUT /Connection/x/", &[], "").await;
    assert_eq!(other.code(), fails(405, "method_not_allowed"));
    assert_eq!(other.headers[ALLOW], "PATCH");
}

#[tokio::test]
async fn options_and_head_are_answered_everywhere() {
    let bench = bench();
    let preflight = bench.send("OPTIONS /proxy/x", &[], "").await;
    assert_eq!((preflight.status, preflight.text.as_str()), (204, ""));
    assert_eq!(preflight.headers["access-control-allow-methods"], "GET,HEAD,PUT,PATCH,POST,DELETE");
    assert_eq!(preflight.headers["access-control-max-age"], "600");
    let head = bench.with_key("HEAD /integrations", "vk_full", "").await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    assert_eq!(head.headers[CONTENT_LENGTH], "7");
}

#[tokio::test]
async fn panics_and_internal_errors_give_a_reference_and_no_detail() {
    let bench = bench();
    for line in ["GET /panic", "GET /broken"] {
        let answer = bench.send(line, &[], "").await;
        assert_eq!(answer.code(), fails(500, "generic_error_support"));
        assert!(!answer.text.contains("secret"));
        let reference = answer.json()["error"]["payload"].as_str().unwrap().to_owned();
        assert_eq!(answer.headers["x-request-id"], reference.as_str());
    }
}

#[tokio::test]
async fn a_wildcard_path_and_its_bytes_arrive_as_sent() {
    let kind = [(CONTENT_TYPE, "a/b")];
    let answer = bench().send("POST /Proxy/v1/a%20b//c/?x=1", &kind, "12345").await;
    assert_eq!(answer.text, r#"{"rest":"v1/a%20b//c/","length":5}"#);
}

#[tokio::test]
async fn the_openapi_document_lists_the_documented_endpoints() {
    let document = bench().send("GET /openapi.json", &[], "").await.json();
    let operation = &document["paths"]["/connections/{connectionId}"]["patch"];
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["paths"].as_object().unwrap().len(), 1);
    assert_eq!(operation["operationId"], "patch_connections_connectionId");
    assert_eq!(operation["parameters"][0]["in"], "path");
    assert_eq!(operation["parameters"][1]["name"], "provider_config_key");
    assert_eq!(operation["requestBody"]["required"], true);
    assert_eq!(operation["security"], json!([{"apiKey": []}]));
    assert_eq!(operation["responses"]["200"]["description"], "The connection was changed");
}
