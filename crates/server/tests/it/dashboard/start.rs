//! Getting started: steps tick when they have happened.

use serde_json::json;

use crate::app::{TestApp, on_each};

#[tokio::test]
async fn steps_tick_themselves_as_things_happen() {
    on_each(async |app: TestApp| {
        let owner = app.owner().await;
        let done = async || owner.get("/dev/start").await.text.matches("chip good").count();
        let page = owner.get("/dev/start").await;
        assert!(page.text.contains("Choose a provider") && page.text.contains("Comes after"));
        app.integration("emulator-oauth2", "demo").await;
        let page = owner.get("/dev/start").await;
        assert!(page.text.contains("/connections/new?integration=demo"), "{}", page.text);
        assert_eq!(done().await, 0);

        let import = async |key: &str, id: &str, credentials: serde_json::Value| {
            let body = json!({"provider_config_key": key, "connection_id": id,
                "credentials": credentials});
            let made = app.post("/connections").bearer(&app.api_key).json(&body).send().await;
            assert_eq!(made.status, 201, "{}", made.text);
        };
        import("demo", "mine", json!({"type": "OAUTH2", "access_token": "t"})).await;
        assert_eq!(done().await, 1);
        let page = owner.get("/dev/start").await.text;
        assert!(page.contains("/connections/mine?provider_config_key=demo"));
        assert!(page.contains("Then break it"));
        app.advance_s(1);
        let read = app.get("/connections/mine?provider_config_key=demo").bearer(&app.api_key);
        assert_eq!(read.send().await.status, 200);
        app.engine.recorder().flush().await.unwrap();
        assert_eq!(done().await, 2);

        app.integration("unauthenticated", "own").await;
        import("own", "first", json!({"type": "NONE"})).await;
        assert_eq!(done().await, 3);
        assert!(owner.get("/dev/start").await.text.contains("data-done"));
    })
    .await;
}
