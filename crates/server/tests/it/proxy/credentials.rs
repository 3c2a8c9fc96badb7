//! Credentials of every kind in the calls, as the provider entries say.

use serde_json::json;

use super::{Bench, api::Api};
use crate::app::on_each;

async fn bench(app: crate::app::TestApp) -> Bench {
    let api = Api::start(&app).await;
    Bench { app, api }
}

#[tokio::test]
async fn keys_and_passwords_stand_where_the_entry_says() {
    for (mode, credentials, proxy, header, value, target) in [
        (
            "BASIC",
            json!({"type": "BASIC", "username": "u", "password": "p:w"}),
            "",
            "authorization",
            "Basic dTpwOnc=",
            "/x?key=mine&z",
        ),
        (
            "API_KEY",
            json!({"type": "API_KEY", "apiKey": "k-1"}),
            "    headers: {X-Api-Key: '${apiKey}', user-agent: own/1}\n",
            "x-api-key",
            "k-1",
            "/x?key=mine&z",
        ),
        (
            "API_KEY",
            json!({"type": "API_KEY", "apiKey": "k 1"}),
            "    query: {key: '${apiKey}'}\n",
            "authorization",
            "",
            "/x?z&key=k+1",
        ),
        (
            "API_KEY",
            json!({"type": "API_KEY", "apiKey": "k-1"}),
            "    headers: {authorization: 'Token ${base64(${apiKey}:x)}'}\n",
            "authorization",
            "Token ay0xOng=",
            "/x?key=mine&z",
        ),
    ] {
        on_each(async |app| {
            let bench = bench(app).await;
            let entry = format!(
                "  auth_mode: {mode}\n  categories: [other]\n  docs: https://example.com\n  \
                 source: https://example.com\n  checked: '2026-11-22'\n  proxy:\n    \
                 base_url: '{}'\n{proxy}",
                bench.api.base
            );
            plain(&bench, &entry).await;
            bench.import(credentials.clone(), json!({})).await;
            let got = bench.get("/x?key=mine&z", &[("nango-proxy-user-agent", "theirs/1")]).await;
            assert_eq!(got.status, 200, "{}", got.text());
            let seen = bench.api.only();
            assert_eq!((seen.header(header), seen.target.as_str()), (value, target));
            let agent = if proxy.contains("user-agent") { "own/1" } else { "theirs/1" };
            assert_eq!(seen.header("user-agent"), agent);
        })
        .await;
    }
}

/// The provider `own` from a whole entry, and its integration.
async fn plain(bench: &Bench, entry: &str) {
    let entry = format!("own:\n  display_name: Own\n{entry}");
    let (catalog, findings) = bench.app.engine.catalog().overlay(&entry, "own").unwrap();
    assert!(findings.is_empty(), "{findings:?}");
    bench.app.engine.set_catalog(catalog);
    bench.app.integration("own", "own").await;
}

#[tokio::test]
async fn members_of_the_entry_come_into_the_body() {
    on_each(async |app| {
        let bench = bench(app).await;
        let entry = format!(
            "  auth_mode: API_KEY\n  categories: [other]\n  docs: https://example.com\n  \
             source: https://example.com\n  checked: '2026-11-22'\n  proxy:\n    base_url: '{}'\n    \
             body: {{key: '${{apiKey}}', missing: '${{connectionConfig.nothing}}'}}\n",
            bench.api.base
        );
        let entry = entry.replace(", missing: '${connectionConfig.nothing}'", "");
        plain(&bench, &entry).await;
        bench.import(json!({"type": "API_KEY", "apiKey": "k-1"}), json!({})).await;
        for (kind, body, expected) in [
            ("application/json", "{\"a\":1,\"key\":\"x\"}", "{\"a\":1,\"key\":\"k-1\"}"),
            ("application/x-www-form-urlencoded", "a=1&key=x", "a=1&key=k-1"),
            ("text/plain", "as it is", "as it is"),
        ] {
            bench.send("POST", "/x", &[("content-type", kind)], body).await;
            assert_eq!(bench.api.last().body, expected);
        }
    })
    .await;
}

#[tokio::test]
async fn a_signed_call_covers_its_body() {
    on_each(async |app| {
        let bench = bench(app).await;
        let entry = format!(
            "  auth_mode: API_KEY\n  categories: [other]\n  docs: https://example.com\n  \
             source: https://example.com\n  checked: '2026-11-22'\n  proxy:\n    base_url: '{}'\n    \
             headers:\n      x-signed: '${{sha256Hex(${{method}} ${{endpoint}} ${{bodyCanonicalParams}})}}'\n",
            bench.api.base
        );
        plain(&bench, &entry).await;
        bench.import(json!({"type": "API_KEY", "apiKey": "k-1"}), json!({})).await;
        bench.send("POST", "/x?a=1", &[("content-type", "text/plain")], "hello").await;
        let seen = bench.api.only();
        assert_eq!(seen.body, "hello");
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"POST /x?a=1 hello");
        assert_eq!(seen.header("x-signed"), hex::encode(digest));
    })
    .await;
}
