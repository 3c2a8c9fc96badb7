use axum::body::Body;
use axum::http::{Request, Response};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use super::*;

const BODY: &str = r#"{"type":"auth","operation":"creation","connectionId":"<b>c1</b>"}"#;

fn setup(key: Option<&str>) -> (InboxState, Router) {
    let state = InboxState::new(InboxOptions {
        base_url: "http://127.0.0.1:4020".to_owned(),
        clock: Clock::manual(Timestamp::from_millis(1_772_356_211_120)),
        signing_key: key.map(Secret::new),
    });
    (state.clone(), router(state))
}

async fn send(router: &Router, request: Request<Body>) -> Response<Body> {
    router.clone().oneshot(request).await.unwrap()
}

async fn post(router: &Router, signature: Option<&str>) -> StatusCode {
    let mut request = Request::post("/webhooks").header("content-type", "application/json");
    if let Some(signature) = signature {
        request = request.header("X-Nango-Hmac-Sha256", signature);
    }
    send(router, request.body(Body::from(BODY)).unwrap()).await.status()
}

async fn page(router: &Router, path: &str) -> String {
    let response = send(router, Request::get(path).body(Body::empty()).unwrap()).await;
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn signed(key: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    hex::encode(hmac::sign(&key, BODY.as_bytes()))
}

#[tokio::test]
async fn signatures_are_judged_by_the_raw_body() {
    let (state, router) = setup(None);
    post(&router, Some(&signed("k"))).await;
    state.set_signing_key(Secret::new("k"));
    post(&router, Some(&signed("k"))).await;
    post(&router, Some(&signed("other"))).await;
    post(&router, None).await;
    let json = state.to_json();
    let names: Vec<&str> = json["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["signature"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["missing", "invalid", "valid", "key_unknown"]);
    assert_eq!(json["entries"][0]["received_at"], "2026-03-01T09:10:11.120Z");
    assert_eq!(json["entries"][0]["json"]["type"], "auth");
}

#[tokio::test]
async fn the_page_escapes_what_it_received() {
    let (_, router) = setup(Some("k"));
    post(&router, Some(&signed("k"))).await;
    for path in ["/inbox", "/inbox/entries"] {
        let page = page(&router, path).await;
        assert!(page.contains("auth creation") && page.contains("✓"), "{path}");
        assert!(page.contains("c1") && !page.contains("<b>"), "{path}");
    }
}

#[tokio::test]
async fn deliveries_fail_on_demand() {
    let (_, router) = setup(None);
    let request = Request::post("/inbox/fail?times=2&status=503").body(Body::empty()).unwrap();
    assert_eq!(send(&router, request).await.status(), 200);
    assert_eq!(post(&router, None).await, 503);
    assert_eq!(post(&router, None).await, 503);
    assert_eq!(post(&router, None).await, 200);
    let request = Request::post("/inbox/fail?status=99").body(Body::empty()).unwrap();
    assert_eq!(send(&router, request).await.status(), 400);
}

#[tokio::test]
async fn the_last_hundred_are_kept_and_large_bodies_refused() {
    let (state, router) = setup(None);
    for _ in 0..ENTRIES_MAX + 3 {
        post(&router, None).await;
    }
    let json = state.to_json();
    assert_eq!(json["entries"].as_array().unwrap().len(), ENTRIES_MAX);
    assert_eq!(json["received"], ENTRIES_MAX + 3);
    let large = Body::from(vec![b'x'; page::BODY_BYTES_MAX + 1]);
    let request = Request::post("/webhooks").body(large).unwrap();
    assert_eq!(send(&router, request).await.status(), 413);
    let request = Request::delete("/inbox").body(Body::empty()).unwrap();
    assert_eq!(send(&router, request).await.status(), 204);
    assert_eq!(state.to_json()["entries"], json!([]));
}

#[tokio::test]
async fn an_unchanged_list_is_not_sent_again() {
    let (_, router) = setup(None);
    let first = send(&router, Request::get("/inbox/entries").body(Body::empty()).unwrap()).await;
    let tag = first.headers()[header::ETAG].clone();
    let ask = || {
        let request = Request::get("/inbox/entries").header(header::IF_NONE_MATCH, tag.clone());
        request.body(Body::empty()).unwrap()
    };
    assert_eq!(send(&router, ask()).await.status(), 304);
    post(&router, None).await;
    assert_eq!(send(&router, ask()).await.status(), 200);
}
