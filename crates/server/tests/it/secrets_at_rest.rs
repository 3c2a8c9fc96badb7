//! What lies on the disk after a day's work: nothing that opens a customer's account.

use serde_json::json;
use valetkey_store::Settings;
use valetkey_testkit::on_each_database;

use crate::app::TestApp;

const CLIENT_SECRET: &str = "a-client-secret-nobody-may-read";
const ACCESS_TOKEN: &str = "an-access-token-nobody-may-read";
const REFRESH_TOKEN: &str = "a-refresh-token-nobody-may-read";
const CONFIG_SECRET: &str = "a-configured-secret-nobody-may-read";
const PRESET_SECRET: &str = "a-preset-secret-nobody-may-read";

#[tokio::test]
async fn no_secret_is_in_the_database_in_clear() {
    on_each_database(async |database| {
        // The sealing is the same on both engines; a file can be read as bytes.
        let Settings::Sqlite { path } = database.settings() else { return };
        let app = TestApp::new(database).await;
        let made = app
            .post("/integrations")
            .bearer(&app.api_key)
            .json(&json!({"provider": "github", "unique_key": "git", "credentials": {
                "type": "OAUTH2", "client_id": "public", "client_secret": CLIENT_SECRET}}))
            .send()
            .await;
        assert_eq!(made.status, 200, "{}", made.text);
        let imported = app
            .post("/connections")
            .bearer(&app.api_key)
            .json(&json!({"provider_config_key": "git", "connection_id": "c-1",
                "credentials": {"type": "OAUTH2", "access_token": ACCESS_TOKEN,
                    "refresh_token": REFRESH_TOKEN},
                "connection_config": {"token": CONFIG_SECRET}}))
            .send()
            .await;
        assert_eq!(imported.status, 201, "{}", imported.text);
        let session = app
            .session(json!({"tags": {"marker_tag": "marker-value-in-clear"},
                "integrations_config_defaults": {"git": {"connection_config": {
                    "oauth_client_secret_override": PRESET_SECRET}}}}))
            .await;
        let signing_key = app.engine.signing_keys(app.environment.id).await.unwrap().remove(0);
        app.engine.recorder().flush().await.unwrap();

        let mut disk = std::fs::read(&path).unwrap();
        disk.extend(std::fs::read(path.with_extension("db-wal")).unwrap_or_default());
        let holds = |text: &str| disk.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(holds("c-1"), "the test looks at the wrong file");
        for secret in [CLIENT_SECRET, ACCESS_TOKEN, REFRESH_TOKEN, CONFIG_SECRET, PRESET_SECRET] {
            assert!(!holds(secret), "{secret} is on the disk");
        }
        for token in [session.as_str(), app.api_key.as_str(), signing_key.expose()] {
            assert!(!holds(token), "a token or key is on the disk");
        }
    })
    .await;
}
