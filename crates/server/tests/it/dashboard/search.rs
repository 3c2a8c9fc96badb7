//! One box that finds everything.

use serde_json::json;

use crate::app::{TestApp, on_each};

#[tokio::test]
async fn one_find_is_gone_to_several_are_listed() {
    on_each(async |app: TestApp| {
        let owner = app.owner().await;
        app.integration("emulator-api-key", "keys").await;
        for id in ["alpha-1", "alpha-2"] {
            let body = json!({"provider_config_key": "keys", "connection_id": id,
                "credentials": {"type": "API_KEY", "apiKey": "emk_1234567890123"},
                "tags": {"end_user_email": format!("{id}@acme.example")}});
            let made = app.post("/connections").bearer(&app.api_key).json(&body).send().await;
            assert_eq!(made.status, 201);
        }
        let several = owner.get("/dev/search?q=alpha").await;
        assert!(several.text.contains("alpha-1") && several.text.contains("alpha-2"));
        let one = owner.get("/dev/search?q=alpha-2%40").await;
        assert_eq!(one.location(), "/dashboard/dev/connections/keys/alpha-2");
        let integration = owner.get("/dev/search?q=KEYS").await;
        assert_eq!(integration.location(), "/dashboard/dev/integrations/keys");
        let operations = app.engine.operations(app.environment.id, None, None, 1).await.unwrap();
        let operation = owner.get(&format!("/dev/search?q={}", operations[0].id)).await;
        assert_eq!(operation.location(), format!("/dashboard/dev/logs/{}", operations[0].id));
        let nothing = owner.get("/dev/search?q=%3Cscript%3E").await;
        assert!(
            nothing.text.contains("Nothing begins with this") && !nothing.text.contains("<script>")
        );
        assert!(owner.get("/prod/search?q=alpha").await.text.contains("Nothing begins with this"));
    })
    .await;
}
