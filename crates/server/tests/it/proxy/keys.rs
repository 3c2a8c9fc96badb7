//! Narrow keys: what an agent may be given instead of the token.

use axum::body::Body;
use serde_json::{Value, json};

use super::{Bench, Got, on_each};

async fn made(bench: &Bench, body: Value) -> Value {
    let call = bench.app.post("/environment/proxy-keys").bearer(&bench.app.api_key);
    let answer = call.json(&body).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["data"].clone()
}

/// A call with a narrow key.
async fn with(bench: &Bench, key: &Value, method: &str, path: &str, more: &[(&str, &str)]) -> Got {
    let bearer = format!("Bearer {}", key["key"].as_str().unwrap());
    let mut request = http::Request::builder()
        .method(method)
        .uri(format!("/proxy{path}"))
        .header("authorization", bearer)
        .header("connection-id", "c");
    for (name, value) in more {
        request = request.header(*name, *value);
    }
    if !more.iter().any(|(name, _)| *name == "provider-config-key") {
        request = request.header("provider-config-key", "own");
    }
    let request = request.body(Body::empty()).unwrap();
    let answer = tower::ServiceExt::oneshot(bench.app.router.clone(), request).await.unwrap();
    let (parts, body) = answer.into_parts();
    let body = http_body_util::BodyExt::collect(body).await.unwrap().to_bytes().to_vec();
    Got { status: parts.status.as_u16(), headers: parts.headers, body }
}

#[tokio::test]
async fn a_narrow_key_makes_its_calls_and_no_others() {
    on_each("", async |bench| {
        let key = made(
            &bench,
            json!({
                "provider_config_key": "own",
                "connection_id": "c",
                "calls": [
                    {"methods": ["GET"], "path": "/contacts/*"},
                    {"methods": ["POST", "PUT"], "path": "/notes/**"},
                ],
            }),
        )
        .await;
        assert_eq!(key["calls_left"], Value::Null);
        for (method, path) in
            [("GET", "/contacts/7?x=1"), ("POST", "/notes"), ("PUT", "/notes/a/b")]
        {
            assert_eq!(with(&bench, &key, method, path, &[]).await.status, 200, "{path}");
        }
        let before = bench.api.seen().len();
        for (method, path, more) in [
            ("DELETE", "/contacts/7", &[][..]),
            ("GET", "/contacts", &[]),
            ("GET", "/contacts/7/keys", &[]),
            ("GET", "/contacts/..%2fadmin", &[]),
            ("GET", "/contacts/%2e%2e", &[]),
            ("GET", "/contacts/7", &[("base-url-override", "https://example.com")]),
            ("GET", "/contacts/7", &[("nango-proxy-x-http-method-override", "DELETE")]),
            ("GET", "/contacts/7", &[("provider-config-key", "other")]),
        ] {
            let got = with(&bench, &key, method, path, more).await;
            assert_eq!((got.status, got.code().as_str()), (403, "forbidden"), "{method} {path}");
            assert!(got.text().contains("proxy key"), "{}", got.text());
        }
        assert_eq!(bench.api.seen().len(), before, "nobody was asked");
        let token = key["key"].as_str().unwrap();
        for path in ["/connections", "/connections/c?provider_config_key=own", "/integrations"] {
            let answer = bench.app.get(path).bearer(token).send().await;
            assert_eq!(answer.status, 403, "{path}");
            assert!(!answer.text.contains("the-token"));
        }
        let body = json!({"provider_config_key": "own", "calls": [{"path": "/**"}]});
        let wider =
            bench.app.post("/environment/proxy-keys").bearer(token).json(&body).send().await;
        assert_eq!(wider.status, 403, "it makes no wider one");
    })
    .await;
}

#[tokio::test]
async fn a_narrow_key_ends_by_time_by_number_and_by_hand() {
    on_each("", async |bench| {
        let calls = json!([{"path": "/**"}]);
        let counted =
            json!({"provider_config_key": "own", "calls": calls, "calls_max": 2, "expires_in_s": 60});
        let key = made(&bench, counted).await;
        for _ in 0..2 {
            assert_eq!(with(&bench, &key, "GET", "/x", &[]).await.status, 200);
        }
        let spent = with(&bench, &key, "GET", "/x", &[]).await;
        assert_eq!((spent.status, spent.code().as_str()), (429, "proxy_key_spent"));
        let timed = json!({"provider_config_key": "own", "calls": calls, "expires_in_s": 60});
        let (timed, ended) = (made(&bench, timed.clone()).await, made(&bench, timed).await);
        let list = bench.app.get("/environment/proxy-keys").bearer(&bench.app.api_key);
        let list = list.send().await;
        assert_eq!(list.json()["data"].as_array().unwrap().len(), 3);
        assert!(!list.text.contains(timed["key"].as_str().unwrap()));
        let uri = format!("/environment/proxy-keys/{}", ended["id"]);
        let delete = || bench.app.call(http::Method::DELETE, uri.clone()).bearer(&bench.app.api_key);
        assert_eq!(delete().send().await.status, 200);
        assert_eq!(delete().send().await.status, 404);
        assert_eq!(with(&bench, &ended, "GET", "/x", &[]).await.status, 401);
        assert_eq!(with(&bench, &timed, "GET", "/x", &[]).await.status, 200);
        bench.app.advance_s(61);
        assert_eq!(with(&bench, &timed, "GET", "/x", &[]).await.status, 401);
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_with_a_narrow_key_is_said() {
    on_each("", async |bench| {
        for (body, path) in [
            (json!({"provider_config_key": "own", "calls": []}), json!(["calls"])),
            (
                json!({"provider_config_key": "own", "calls": [{"path": "v1"}]}),
                json!(["calls", "0", "path"]),
            ),
            (
                json!({"provider_config_key": "own", "calls": [{"path": "/a/**/b"}]}),
                json!(["calls", "0", "path"]),
            ),
            (
                json!({"provider_config_key": "own", "calls": [{"path": "/", "methods": ["get"]}]}),
                json!(["calls", "0", "methods", "0"]),
            ),
            (
                json!({"provider_config_key": "own", "calls": [{"path": "/"}], "expires_in_s": 90_000}),
                json!(["expires_in_s"]),
            ),
        ] {
            let call = bench.app.post("/environment/proxy-keys").bearer(&bench.app.api_key);
            let answer = call.json(&body).send().await;
            assert_eq!(answer.error(), (400, "invalid_body".to_owned()), "{body}");
            assert_eq!(answer.json()["error"]["errors"][0]["path"], path, "{body}");
        }
        let body = json!({"provider_config_key": "nothing", "calls": [{"path": "/"}]});
        let call = bench.app.post("/environment/proxy-keys").bearer(&bench.app.api_key);
        assert_eq!(call.json(&body).send().await.status, 404);
    })
    .await;
}
