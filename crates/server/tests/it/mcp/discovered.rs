//! A server a person named: found out, registered at, asked, refreshed.

use serde_json::{Value, json};
use valetkey_server::app::Options;
use valetkey_testkit::on_each_database;

use super::server::{McpServer, OAUTH, RESOURCE_AT_PATH, RESOURCE_AT_ROOT};
use super::{Sent, add_entries, begin, connections, make, read, sent};
use crate::app::{PUBLIC_URL, TestApp, on_each};

const KEY: &str = "any";

async fn ready(app: &TestApp) -> McpServer {
    let server = McpServer::start(app).await;
    add_entries(app, &server.base, "");
    let made = make(app, json!({"provider": "discovered", "unique_key": KEY})).await;
    assert_eq!(made.status, 200, "{}", made.text);
    server
}

#[tokio::test]
async fn a_server_is_connected_and_its_tokens_refreshed_for_it_alone() {
    on_each(async |app| {
        let server = ready(&app).await;
        let browser = sent(&app, KEY, &server).await;
        assert_eq!(
            server.lines(),
            [
                "POST /mcp".to_owned(),
                format!("GET {RESOURCE_AT_PATH}"),
                format!("GET {OAUTH}"),
                "POST /register".to_owned(),
            ]
        );
        let registered = server.asked("POST /register")[0].json();
        let callback = format!("{PUBLIC_URL}/oauth/callback");
        assert_eq!(registered["redirect_uris"], json!([callback]));
        assert_eq!(registered["grant_types"], json!(["authorization_code", "refresh_token"]));
        assert_eq!(browser.asks("client_id"), "client-1");
        assert_eq!(browser.asks("resource"), server.url());
        assert_eq!(browser.asks("code_challenge_method"), "S256");
        assert_eq!(browser.asks("scope"), "tools");
        assert_eq!(browser.asks("prompt"), "", "what a browser adds does not count");

        let page = browser.back(&app, "").await;
        assert_eq!(page.status, 200, "{}", page.text);
        let exchanged = server.asked("POST /token")[0].form();
        assert_eq!(exchanged["redirect_uri"], callback);
        assert_eq!(exchanged["resource"], server.url());
        assert_eq!(exchanged["client_id"], "client-1");
        assert!(!exchanged.contains_key("client_secret"));

        let connection = connections(&app).await.remove(0);
        assert_eq!(connection["credentials"]["type"], "OAUTH2");
        assert_eq!(connection["credentials"]["access_token"], "at-1");
        let config = &connection["connection_config"];
        assert_eq!(config["mcp_server_url"], server.url());
        assert_eq!(config["oauth_resource_url"], server.url());
        let metadata: Value =
            serde_json::from_str(config["oauth_metadata"].as_str().unwrap()).unwrap();
        assert_eq!(metadata["issuer"], server.base);
        assert!(config.get("oauth_code_verifier").is_none());

        app.advance_s(3600);
        let fresh = read(&app, &connection, "").await.json();
        assert_eq!(fresh["credentials"]["access_token"], "at-2");
        let refreshed = server.asked("POST /token")[1].form();
        assert_eq!(refreshed["grant_type"], "refresh_token");
        assert_eq!(refreshed["refresh_token"], "rt-1");
        assert_eq!(refreshed["resource"], server.url());
        assert_eq!(refreshed["client_id"], "client-1");
    })
    .await;
}

#[tokio::test]
async fn a_reconnect_asks_for_nothing_and_registers_nothing_again() {
    on_each(async |app| {
        let server = ready(&app).await;
        assert_eq!(sent(&app, KEY, &server).await.back(&app, "").await.status, 200);
        let connection = connections(&app).await.remove(0);
        let request = json!({"connection_id": connection["connection_id"], "integration_id": KEY});
        let made = app.post("/connect/sessions/reconnect").bearer(&app.api_key).json(&request);
        let made = made.send().await.json();
        let token = made["data"]["token"].as_str().unwrap();
        let uri = format!("/oauth/connect/{KEY}?connect_session_token={token}");
        let answer = app.get(uri).send().await;
        assert_eq!(answer.status, 302, "{}", answer.text);
        assert!(answer.location().contains("client_id=client-1&"), "{}", answer.location());
        assert_eq!(server.asked("POST /register").len(), 1);
        let (url, cookie) = (answer.location().parse().unwrap(), answer.cookie());
        assert_eq!(Sent { url, cookie }.back(&app, "").await.status, 200);
        let repaired = connections(&app).await.remove(0);
        assert_eq!(repaired["connection_id"], connection["connection_id"]);
        assert_eq!(repaired["credentials"]["access_token"], "at-2");
    })
    .await;
}

#[tokio::test]
async fn every_place_of_a_description_is_found() {
    on_each(async |app| {
        let server = ready(&app).await;
        // Where a refusal says.
        server.is_silent_at(RESOURCE_AT_PATH);
        server.says("/hinted", 200, &server.resource());
        let hint = format!("Bearer resource_metadata=\"{}/hinted\", scope=\"read\"", server.base);
        server.challenges(&hint);
        assert_eq!(sent(&app, KEY, &server).await.asks("scope"), "read");

        // At the root.
        server.challenges("Bearer");
        server.says(RESOURCE_AT_ROOT, 200, &server.resource());
        assert_eq!(sent(&app, KEY, &server).await.asks("resource"), server.url());

        // Nowhere: the server is its own authorization server.
        server.is_silent_at(RESOURCE_AT_ROOT);
        assert_eq!(sent(&app, KEY, &server).await.asks("resource"), "");

        // One that speaks OpenID, at the root and below a path.
        let openid = "/.well-known/openid-configuration";
        server.is_silent_at(OAUTH);
        server.says(openid, 200, &server.metadata());
        sent(&app, KEY, &server).await;
        let issuer = format!("{}/tenant", server.base);
        let mut resource = server.resource();
        resource["authorization_servers"] = json!([issuer]);
        server.says(RESOURCE_AT_PATH, 200, &resource);
        let described = server.metadata_with("issuer", issuer.into());
        for path in
            [format!("{OAUTH}/tenant"), format!("{openid}/tenant"), format!("/tenant{openid}")]
        {
            server.says(&path, 200, &described);
            sent(&app, KEY, &server).await;
            server.is_silent_at(&path);
        }
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_trusted_ends_before_anything_is_sent_there() {
    on_each(async |app| {
        let server = ready(&app).await;
        let mut elsewhere = server.resource();
        elsewhere["resource"] = "https://other.example.com/mcp".into();
        let mut private = server.resource();
        private["authorization_servers"] = json!(["https://10.0.0.1"]);
        let evil = json!("https://evil.example.com");
        let cases = [
            (RESOURCE_AT_PATH, 200, elsewhere, "another resource"),
            (RESOURCE_AT_PATH, 200, private, "IP address"),
            (OAUTH, 200, server.metadata_with("issuer", evil), "must be the same"),
            (
                OAUTH,
                200,
                server.metadata_with("token_endpoint", json!("http://x.example")),
                "https://",
            ),
            (
                OAUTH,
                200,
                server.metadata_with("code_challenge_methods_supported", json!(["plain"])),
                "S256",
            ),
            (OAUTH, 503, json!({}), "answered 503"),
            (OAUTH, 404, json!({}), "does not say how to authorize"),
            ("/register", 403, json!({"error": "access_denied"}), "did not register"),
        ];
        for (path, status, body, expected) in cases {
            server.says(RESOURCE_AT_PATH, 200, &server.resource());
            server.says(OAUTH, 200, &server.metadata());
            server.forget();
            server.says(path, status, &body);
            let page = begin(&app, KEY, &server.url()).await.err().expect(expected);
            assert_eq!(page.status, 400);
            assert!(page.text.contains(expected), "{expected}: {}", page.text);
            let registered = server.asked("POST /register").len();
            assert_eq!(registered, usize::from(path == "/register"), "{expected}");
        }
        for typed in ["http://mcp.example.com", "https://10.0.0.1/mcp", "https://intranet", "x", ""]
        {
            let page = begin(&app, KEY, typed).await.err().expect(typed);
            assert!(page.text.contains("url_param_err"), "{typed}: {}", page.text);
        }
        assert_eq!(connections(&app).await.len(), 0);
    })
    .await;
}

#[tokio::test]
async fn an_answer_of_another_issuer_is_refused() {
    on_each(async |app| {
        let server = ready(&app).await;
        let flag = "authorization_response_iss_parameter_supported";
        server.says(OAUTH, 200, &server.metadata_with(flag, true.into()));
        for more in ["&iss=https%3A%2F%2Fevil.example.com", ""] {
            let page = sent(&app, KEY, &server).await.back(&app, more).await;
            assert_eq!(page.status, 400);
            assert!(page.text.contains("callback_err"), "{}", page.text);
        }
        assert_eq!(server.asked("POST /token").len(), 0);
        let page =
            sent(&app, KEY, &server).await.back(&app, &format!("&iss={}", server.base)).await;
        assert_eq!(page.status, 200, "{}", page.text);
    })
    .await;
}

#[tokio::test]
async fn a_metadata_document_is_the_client_where_the_server_reads_such() {
    on_each_database(async |database| {
        let public_url = "https://keys.example.com";
        let options = || Options { rate_limit_per_min: 0, ..Options::default() };
        let app = TestApp::at(database, options(), public_url).await;
        let server = ready(&app).await;
        let flag = "client_id_metadata_document_supported";
        server.says(OAUTH, 200, &server.metadata_with(flag, true.into()));
        let browser = sent(&app, KEY, &server).await;
        let id = browser.asks("client_id");
        let path = format!("/oauth/client-metadata/{}/{KEY}", app.environment.uuid);
        assert_eq!(id, format!("{public_url}{path}"));
        assert_eq!(server.asked("POST /register").len(), 0);
        assert_eq!(browser.back(&app, "").await.status, 200);
        assert_eq!(server.asked("POST /token")[0].form()["client_id"], id);

        let document = app.get(&path).send().await;
        assert_eq!(document.header("cache-control"), "public, max-age=300");
        assert_eq!(
            document.json(),
            json!({
                "client_id": id,
                "client_name": "Valetkey",
                "client_uri": public_url,
                "redirect_uris": [format!("{public_url}/oauth/callback")],
                "grant_types": ["authorization_code", "refresh_token"],
                "response_types": ["code"],
                "token_endpoint_auth_method": "none"
            })
        );
        app.integration("emulator-oauth2", "notes").await;
        let uuid = &app.environment.uuid;
        for (path, code) in [
            (format!("{uuid}/notes"), "unknown_provider_config"),
            (format!("{uuid}/missing"), "unknown_provider_config"),
            (format!("00000000-0000-4000-8000-000000000000/{KEY}"), "unknown_environment"),
        ] {
            let answer = app.get(format!("/oauth/client-metadata/{path}")).send().await;
            assert_eq!(answer.error(), (404, code.to_owned()));
        }
    })
    .await;
}

#[tokio::test]
async fn nobody_can_read_a_document_without_https() {
    on_each(async |app| {
        let server = ready(&app).await;
        let path = format!("/oauth/client-metadata/{}/{KEY}", app.environment.uuid);
        let answer = app.get(path).send().await;
        assert_eq!(answer.error(), (404, "feature_disabled".to_owned()));
        let flag = "client_id_metadata_document_supported";
        server.says(OAUTH, 200, &server.metadata_with(flag, true.into()));
        assert_eq!(sent(&app, KEY, &server).await.asks("client_id"), "client-1");
    })
    .await;
}

#[tokio::test]
async fn a_client_registered_by_hand_needs_its_issuer_and_goes_nowhere_else() {
    on_each(async |app| {
        let server = ready(&app).await;
        let mut request = json!({
            "provider": "discovered", "unique_key": "own",
            "credentials": {
                "type": "MCP_OAUTH2_GENERIC", "client_id": "mine", "client_secret": "hush-hush"
            }
        });
        let refused = make(&app, request.clone()).await;
        assert_eq!(refused.error().0, 400);
        assert!(refused.text.contains("oauth_issuer"), "{}", refused.text);
        request["custom"] = json!({"oauth_issuer": server.base});
        let made = make(&app, request).await;
        assert_eq!(made.status, 200, "{}", made.text);
        let methods = "token_endpoint_auth_methods_supported";
        server.says(OAUTH, 200, &server.metadata_with(methods, json!(["client_secret_basic"])));
        let browser = sent(&app, "own", &server).await;
        assert_eq!(browser.asks("client_id"), "mine");
        assert_eq!(browser.back(&app, "").await.status, 200);
        let exchanged = &server.asked("POST /token")[0];
        assert_eq!(exchanged.authorization.as_deref(), Some("Basic bWluZTpodXNoLWh1c2g="));
        let config = connections(&app).await.remove(0)["connection_config"].to_string();
        assert!(!config.contains("hush-hush"));

        let other = McpServer::start(&app).await;
        assert_eq!(sent(&app, "own", &other).await.asks("client_id"), "client-1");
    })
    .await;
}
