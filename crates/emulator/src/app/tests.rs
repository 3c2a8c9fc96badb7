use std::sync::Mutex;

use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt as _;
use serde_json::json;
use tower::ServiceExt as _;

use super::*;

type Calls = Arc<Mutex<Vec<(Method, String, Option<Value>)>>>;

/// The app beside a Valetkey that knows one connection and writes down what it was asked.
fn setup() -> (Router, Calls) {
    let calls = Calls::default();
    let seen = calls.clone();
    let http: ApiCall = Arc::new(move |method, path, body| {
        let reply = if path.starts_with("/connections?") {
            json!({"connections": [
                {"connection_id": "c1", "provider_config_key": "oauth", "errors": []},
                {"connection_id": "c2", "provider_config_key": "elsewhere", "errors": []},
            ]})
        } else if path.starts_with("/connect/") {
            json!({"data": {"token": "nango_connect_session_0123456789abcdef"}})
        } else {
            json!({"credentials": {"access_token": "emu_at_abcdefghijklmnopqrst"}})
        };
        seen.lock().unwrap().push((method, path, body));
        Box::pin(async move { Ok((200, reply)) })
    });
    let router = router(AppOptions {
        base_url: "http://127.0.0.1:4030".to_owned(),
        valetkey_url: "http://127.0.0.1:3003/".parse().unwrap(),
        valetkey_ws_url: "ws://127.0.0.1:3003/".parse().unwrap(),
        oauth_integration: "oauth".to_owned(),
        api_key_integration: "key\"><script>".to_owned(),
        inbox_url: None,
        emulator: None,
        http,
    });
    (router, calls)
}

async fn send(router: &Router, method: &str, path: &str, body: &str) -> (StatusCode, String) {
    let request = Request::builder().method(method).uri(path);
    let request = request.header("content-type", "application/json");
    let request = request.body(Body::from(body.to_owned())).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

#[tokio::test]
async fn a_session_is_made_for_this_user_and_a_known_integration() {
    let (router, calls) = setup();
    let body = r#"{"integration":"oauth"}"#;
    let (status, reply) = send(&router, "POST", "/api/session", body).await;
    assert_eq!(status, 200);
    assert!(reply.contains("nango_connect_session_0123456789abcdef"));
    let (method, path, body) = calls.lock().unwrap().remove(0);
    assert_eq!((method, path.as_str()), (Method::POST, "/connect/sessions"));
    let body = body.unwrap();
    assert_eq!(body["tags"]["end_user_id"], END_USER_ID);
    assert_eq!(body["allowed_integrations"], json!(["oauth"]));
    let body = r#"{"integration":"other"}"#;
    assert_eq!(send(&router, "POST", "/api/session", body).await.0, 400);
}

#[tokio::test]
async fn a_token_reaches_the_browser_masked_only() {
    let (router, calls) = setup();
    let path = "/api/connections/c1/refresh?integration=oauth";
    let (status, reply) = send(&router, "POST", path, "").await;
    assert_eq!(status, 200);
    assert!(reply.contains("••••") && !reply.contains("abcdefghij"), "{reply}");
    let asked = calls.lock().unwrap().last().unwrap().1.clone();
    assert_eq!(asked, "/connections/c1?provider_config_key=oauth&force_refresh=true");
}

#[tokio::test]
async fn foreign_connections_are_out_of_reach() {
    let (router, calls) = setup();
    for (method, path) in [
        ("GET", "/api/connections/c2?integration=elsewhere"),
        ("GET", "/api/connections/c9?integration=oauth"),
        ("DELETE", "/api/connections/c9?integration=oauth"),
        ("POST", "/api/connections/c1/break?integration=oauth"),
    ] {
        assert_eq!(send(&router, method, path, "").await.0, 404, "{path}");
    }
    let body = r#"{"integration":"oauth","connection_id":"c9"}"#;
    assert_eq!(send(&router, "POST", "/api/session/reconnect", body).await.0, 404);
    let calls = calls.lock().unwrap();
    assert!(calls.iter().all(|(_, path, _)| path.starts_with("/connections?")));
}

#[tokio::test]
async fn the_page_escapes_and_allows_only_valetkey() {
    let (router, _) = setup();
    let response = router.oneshot(Request::get("/").body(Body::empty()).unwrap()).await.unwrap();
    let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("connect-src 'self' http://127.0.0.1:3003 ws://127.0.0.1:3003;"));
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    let page = String::from_utf8(bytes.to_vec()).unwrap();
    assert!(page.contains("key&#34;&#62;&#60;script&#62;"), "{page}");
    assert!(!page.contains("style=") && !page.contains("onclick"));
}
