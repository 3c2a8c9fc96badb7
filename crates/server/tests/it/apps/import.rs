//! Installations an app's backend already knows.

use super::*;

#[tokio::test]
async fn an_imported_installation_gets_a_token_and_keeps_its_ids() {
    with_hub(async |app, hub| {
        hub.install(7, 86_400);
        for (key, kind) in [("app", "APP"), ("user", "CUSTOM")] {
            let import = |app_id: &str, installation_id: &str| {
                json!({"provider_config_key": key, "connection_id": format!("{key}-1"),
                    "connection_config": {"plan": "pro"},
                    "credentials": {"type": kind, "app_id": app_id, "installation_id": installation_id}})
            };
            let send = async |body: Value| {
                app.post("/connections").bearer(&app.api_key).json(&body).send().await
            };
            let other = send(import("1", "7")).await;
            assert_eq!(other.error(), (400, "invalid_body".to_owned()));
            assert_eq!(send(import("4711", "x")).await.error(), (400, "invalid_body".to_owned()));
            let unknown = send(import("4711", "99")).await;
            assert_eq!(unknown.error(), (400, "github_app_token_fetch_error".to_owned()));
            let made = send(import("4711", "7")).await;
            assert_eq!(made.status, 201, "{}", made.text);
            let body = made.json();
            assert_eq!(body["credentials"]["type"], "APP");
            let config = &body["connection_config"];
            assert_eq!((&config["plan"], &config["app_id"]), (&json!("pro"), &json!("4711")));
            assert_eq!(config["installation_id"], "7");
            let before = body["credentials"]["access_token"].clone();
            app.advance_s(3500);
            let uri = format!("/connections/{key}-1?provider_config_key={key}");
            let read = app.get(uri).bearer(&app.api_key).send().await.json();
            assert_ne!(read["credentials"]["access_token"], before, "it can be renewed");
        }
    })
    .await;
}

#[tokio::test]
async fn the_older_import_does_the_same() {
    with_hub(async |app, hub| {
        hub.install(7, 86_400);
        let body = json!({"provider_config_key": "app", "connection_id": "old",
            "app_id": "4711", "installation_id": "7"});
        let made = app.post("/connection").bearer(&app.api_key).json(&body).send().await;
        assert_eq!(made.status, 201, "{}", made.text);
        let read = read(&app, "").await.json();
        assert_eq!(read["credentials"]["access_token"], "ghs_1");
        assert_eq!(read["connection_config"]["installation_id"], "7");
    })
    .await;
}
