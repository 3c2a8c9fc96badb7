//! Providers that do not answer, or badly.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::response::Response;
use http_body_util::BodyExt as _;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::on_each;

/// A server that answers every connection with these bytes and hangs up.
async fn raw(app: &crate::app::TestApp, bytes: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let stop = app.tasks.stopping();
    app.tasks.spawn(async move {
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            let Ok((mut socket, _)) = accepted else { return };
            let mut buffer = [0; 4096];
            let _ = socket.read(&mut buffer).await;
            let _ = socket.write_all(bytes).await;
            let _ = socket.shutdown().await;
        }
    });
    base
}

#[tokio::test]
async fn each_failure_to_answer_has_a_name() {
    on_each("", async |bench| {
        bench.change(json!({"allowed_hosts": ["*"]})).await;
        let nobody = {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            format!("http://{}", listener.local_addr().unwrap())
        };
        let hangs_up = raw(&bench.app, b"").await;
        let garbled = raw(&bench.app, b"SSH-2.0-hello\r\n").await;
        for base in [&nobody, &hangs_up, &garbled] {
            let got = bench.get("/x", &[("base-url-override", base)]).await;
            assert_eq!(got.status, 502, "{}", got.text());
            assert_eq!(got.code(), "provider_unreachable");
            let text = got.text();
            assert!(!text.contains("the-token") && !text.contains("/x"), "{text}");
        }
        bench.api.then(|| {
            let never = futures::stream::pending::<Result<Bytes, std::io::Error>>();
            Response::new(Body::from_stream(never))
        });
        assert_eq!(bench.api.seen().len(), 0);
        for _ in 0..7 {
            bench.api.then_status(302, &[("location", "/base/again")], "");
        }
        // The first answer was the endless one: its head comes at once.
        let begun = bench.get_head("/x").await;
        assert_eq!(begun.status(), 200);
        let got = bench.get("/x", &[]).await;
        assert_eq!((got.status, got.code().as_str()), (502, "provider_redirects"));
    })
    .await;
}

#[tokio::test]
async fn who_waits_too_long_is_told_so() {
    on_each("", async |bench| {
        bench.change(json!({"allowed_hosts": ["*"]})).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let silent = format!("http://{}", listener.local_addr().unwrap());
        let headers = [("base-url-override", silent.as_str()), ("valetkey-timeout-ms", "200")];
        let got = bench.get("/x", &headers).await;
        assert_eq!((got.status, got.code().as_str()), (504, "provider_timeout"));
        drop(listener);
    })
    .await;
}

#[tokio::test]
async fn a_body_shorter_than_announced_breaks_off() {
    on_each("", async |bench| {
        bench.change(json!({"allowed_hosts": ["*"]})).await;
        let lying = raw(&bench.app, b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort").await;
        let request = bench.request("/x").header("base-url-override", &lying);
        let request = request.body(Body::empty()).unwrap();
        let router = bench.app.router.clone();
        let answer = tower::ServiceExt::oneshot(router, request).await.unwrap();
        assert_eq!(answer.headers()["content-length"], "100");
        assert!(answer.into_body().collect().await.is_err(), "it must not look complete");
        let soon = tokio::time::timeout(Duration::from_secs(5), async {
            loop {
                bench.app.engine.recorder().flush().await.unwrap();
                let list = bench.app.get("/logs/operations").bearer(&bench.app.api_key);
                let list = list.send().await;
                if list.text.contains("\"failed\"") {
                    return list.text;
                }
                tokio::task::yield_now().await;
            }
        });
        soon.await.unwrap();
    })
    .await;
}
