//! What goes out is what was handed in, and what comes back is what was answered.

use axum::body::{Body, Bytes};
use axum::response::Response;
use futures::StreamExt as _;
use http_body_util::BodyExt as _;
use serde_json::json;

use super::{by_name, on_each};

#[tokio::test]
async fn every_method_path_and_query_arrives_as_it_was() {
    on_each("", async |bench| {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "PROPFIND", "QUERY"] {
            bench.send(method, "/v1", &[], Body::empty()).await;
            assert_eq!(bench.api.last().method.as_str(), method);
        }
        for (path, expected) in [
            ("", "/base"),
            ("/", "/base"),
            ("/a/", "/base/a/"),
            ("/a//b", "/base/a//b"),
            ("/a%2Fb%20c%C3%A9?x=1&x=%20+2&y", "/base/a%2Fb%20c%C3%A9?x=1&x=%20+2&y"),
            ("/a:b;c=d@e,f!$&()*+~?q=[1]", "/base/a:b;c=d@e,f!$&()*+~?q=[1]"),
            ("/%zz?%", "/base/%zz?%"),
            ("/${access_token}?t=${accessToken}", "/base/$%7Baccess_token%7D?t=${accessToken}"),
        ] {
            let got = bench.get(path, &[]).await;
            assert_eq!((got.status, bench.api.last().target.as_str()), (200, expected), "{path}");
        }
        let base = bench.api.base.clone();
        bench.get(&format!("/{base}/base/whole?a=1"), &[]).await;
        assert_eq!(bench.api.last().target, "/base/whole?a=1");
        let elsewhere = bench.get("/https://example.com/x", &[]).await;
        assert_eq!((elsewhere.status, elsewhere.code().as_str()), (400, "invalid_request_url"));
    })
    .await;
}

#[tokio::test]
async fn bodies_arrive_byte_for_byte() {
    on_each("", async |bench| {
        let numbers = r#"{"big":12345678901234567890123,"one":1.0,"b":2,"a": "\u00e9"}"#;
        let binary: Vec<u8> = (0..=255).cycle().take(100_000).collect();
        let multipart = "--x\r\ncontent-disposition: form-data; name=\"f\"; filename=\"a b\"\r\n\r\n\0\r\n--x--\r\n";
        for (kind, body) in [
            ("application/json", numbers.as_bytes()),
            ("application/x-www-form-urlencoded", b"a=1&b=%20+&a=2"),
            ("application/octet-stream", &binary),
            ("multipart/form-data; boundary=x", multipart.as_bytes()),
            ("application/json", b""),
            ("text/weird; charset=\"ISO-8859-1\"", b"\xe9\xff"),
        ] {
            for method in ["POST", "PUT", "PATCH", "DELETE", "GET"] {
                let headers = [("content-type", kind)];
                let got = bench.send(method, "/x", &headers, Bytes::copy_from_slice(body)).await;
                let seen = bench.api.last();
                assert_eq!((got.status, &seen.body[..]), (200, body), "{method} {kind}");
                assert_eq!(seen.header("content-type"), kind);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn answers_come_back_with_status_headers_and_bytes() {
    on_each("", async |bench| {
        for status in [200, 201, 202, 204, 206, 226, 299, 304, 400, 402, 404, 409, 418, 451, 599] {
            let has_body = !matches!(status, 204 | 304);
            let body = if has_body { "{\"n\":1.0}" } else { "" };
            let headers = [
                ("content-type", "application/vnd.x+json"),
                ("x-thing", "a"),
                ("x-thing", "b"),
                ("etag", "\"1\""),
                ("set-cookie", "s=1; Path=/"),
                ("x-ratelimit-remaining", "12"),
                ("cache-control", "max-age=60"),
                ("access-control-allow-origin", "https://theirs.test"),
                ("connection", "x-hop"),
                ("x-hop", "1"),
                ("keep-alive", "timeout=5"),
            ];
            bench.api.then_status(status, &headers, body);
            let got = bench.get("/x", &[]).await;
            assert_eq!((got.status, got.text().as_str()), (status, body));
            let things: Vec<_> = got.headers.get_all("x-thing").iter().collect();
            assert_eq!(things, ["a", "b"], "{status}");
            let seen = by_name(&got.headers);
            for (name, value) in [
                ("content-type", "application/vnd.x+json"),
                ("etag", "\"1\""),
                ("set-cookie", "s=1; Path=/"),
                ("x-ratelimit-remaining", "12"),
                ("cache-control", "max-age=60"),
                ("access-control-allow-origin", "*"),
            ] {
                assert_eq!(seen.get(name), Some(&value), "{status} {name}");
            }
            for name in ["connection", "x-hop", "keep-alive", "content-security-policy"] {
                assert!(!seen.contains_key(name), "{status} {name}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn compressed_answers_stay_so_unless_plain_ones_are_wanted() {
    // The text "plain" as gzip.
    const GZIP: &[u8] = &[
        31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 43, 200, 73, 204, 204, 3, 0, 207, 98, 32, 25, 5, 0, 0, 0,
    ];
    on_each("", async |bench| {
        let packed = || {
            let builder = Response::builder().header("content-encoding", "gzip");
            builder.body(Body::from(GZIP)).unwrap()
        };
        bench.api.then(packed);
        let got = bench.get("/x", &[("accept-encoding", "gzip, br")]).await;
        assert_eq!(
            (got.body.as_slice(), &got.headers["content-encoding"]),
            (GZIP, &"gzip".parse().unwrap())
        );
        assert_eq!(bench.api.last().header("accept-encoding"), "gzip, br");
        bench.get("/x", &[]).await;
        assert_eq!(bench.api.last().header("accept-encoding"), "", "none was asked for");
        bench.api.then(packed);
        let got = bench.get("/x", &[("decompress", "true"), ("accept-encoding", "br")]).await;
        assert_eq!(got.text(), "plain");
        assert!(!got.headers.contains_key("content-encoding"));
        assert_eq!(bench.api.last().header("accept-encoding"), "gzip");
        bench.send("POST", "/x", &[("content-encoding", "gzip")], GZIP).await;
        let seen = bench.api.last();
        assert_eq!((seen.header("content-encoding"), &seen.body[..]), ("gzip", GZIP));
    })
    .await;
}

#[tokio::test]
async fn what_arrives_goes_on_before_the_rest_is_there() {
    on_each("", async |bench| {
        // The answer begins when the request's first piece is there, and the other way round.
        let (release, released) = tokio::sync::oneshot::channel::<()>();
        let first = futures::stream::iter([Ok::<_, std::io::Error>(Bytes::from("data: 1\n\n"))]);
        let second = futures::stream::once(async {
            released.await.unwrap();
            Ok(Bytes::from("data: 2\n\n"))
        });
        bench.api.then(move || {
            let builder = Response::builder().header("content-type", "text/event-stream");
            builder.body(Body::from_stream(first.chain(second))).unwrap()
        });
        let answer = bench.get_head("/events").await;
        let mut body = answer.into_body();
        let piece = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(piece, "data: 1\n\n");
        release.send(()).unwrap();
        assert_eq!(body.collect().await.unwrap().to_bytes(), "data: 2\n\n");
    })
    .await;
}

#[tokio::test]
async fn large_bodies_pass_in_both_directions() {
    const PIECE: usize = 256 * 1024;
    const PIECES: usize = 200;
    on_each("", async |bench| {
        let pieces = || {
            futures::stream::iter((0..PIECES).map(|number| {
                let byte = u8::try_from(number).unwrap();
                Ok::<_, std::io::Error>(Bytes::from(vec![byte; PIECE]))
            }))
        };
        bench.api.then(move || Response::new(Body::from_stream(pieces())));
        let got = bench.send("POST", "/x", &[], Body::from_stream(pieces())).await;
        let expected: Vec<u8> =
            (0..PIECES).flat_map(|number| vec![u8::try_from(number).unwrap(); PIECE]).collect();
        assert!(got.body == expected && bench.api.last().body == expected);
        let seen = bench.api.last();
        assert_eq!(seen.header("transfer-encoding"), "chunked");
        let known = Bytes::from(vec![7; PIECE]);
        bench.send("POST", "/x", &[("content-length", "262144")], known).await;
        assert_eq!(bench.api.last().header("content-length"), "262144");
    })
    .await;
}

#[tokio::test]
async fn only_what_is_asked_for_goes_along() {
    on_each("", async |bench| {
        let headers = [
            ("accept", "application/json"),
            ("range", "bytes=0-1"),
            ("idempotency-key", "k-1"),
            ("cookie", "mine=1"),
            ("x-mine", "1"),
            ("user-agent", "their-sdk/1"),
            ("Nango-Proxy-X-Custom", "yes"),
            ("nango-proxy-x-custom", "twice"),
            ("NANGO-PROXY-Accept-Language", "fr"),
            ("accept-language", "de"),
            ("nango-proxy-host", "evil.test"),
            ("nango-proxy-connection", "close, x-custom"),
            ("nango-proxy-transfer-encoding", "gzip"),
        ];
        bench.get("/x", &headers).await;
        let seen = bench.api.only();
        for (name, value) in [
            ("accept", "application/json"),
            ("range", "bytes=0-1"),
            ("idempotency-key", "k-1"),
            ("accept-language", "fr"),
            ("authorization", "Bearer the-token"),
        ] {
            assert_eq!(seen.header(name), value, "{name}");
        }
        assert!(bench.api.base.ends_with(seen.header("host")));
        for name in
            ["cookie", "x-mine", "provider-config-key", "connection-id", "transfer-encoding"]
        {
            assert!(!seen.headers.contains_key(name), "{name}");
        }
        assert!(!seen.header("user-agent").contains("their-sdk"));
        let text = format!("{:?}", seen.headers);
        assert!(!text.contains(&bench.app.api_key) && !text.contains("nango"), "{text}");
        bench.get("/x", &[("nango-proxy-authorization", "Own 1"), ("nango-proxy-x", "1")]).await;
        assert_eq!(bench.api.last().header("authorization"), "Own 1", "the app may bring its own");
    })
    .await;
}

#[tokio::test]
async fn a_head_keeps_the_length_it_speaks_of() {
    on_each("", async |bench| {
        bench.api.then_status(200, &[("content-length", "1234")], "");
        let got = bench.send("HEAD", "/x", &[], Body::empty()).await;
        assert_eq!((got.status, got.body.len()), (200, 0));
        assert_eq!(got.headers["content-length"], "1234");
        let wrong = bench.send("POST", "/x", &[("retries", "many")], Body::from("x")).await;
        assert_eq!((wrong.status, wrong.code().as_str()), (400, "invalid_headers"));
        assert_eq!(wrong.json()["error"]["errors"][0]["path"], json!(["retries"]));
    })
    .await;
}
