//! What an integration is called is its owner's affair: nothing but the provider entry decides.

use serde_json::{Value, json};
use url::Url;

use crate::app::{TestApp, on_each};

/// Names that look as if they meant something.
const NAMES: [&str; 4] = ["plain", "my-sandbox", "demo-of-ghost-admin", "staging.production"];

/// Where an integration of that name sends a browser, without what is new each time.
async fn redirect(app: &TestApp, provider: &str, name: &str) -> Value {
    let key = format!("{provider}-{name}");
    app.integration(provider, &key).await;
    let token = app.session(json!({"tags": {"team": "a"}})).await;
    let answer =
        app.get(format!("/oauth/connect/{key}?connect_session_token={token}")).send().await;
    assert_eq!(answer.status, 302, "{key}: {}", answer.text);
    let url = Url::parse(&answer.location()).unwrap();
    let pairs = url.query_pairs().filter(|(name, _)| name != "state" && name != "code_challenge");
    let pairs: Vec<String> = pairs.map(|(name, value)| format!("{name}={value}")).collect();
    json!([url.host_str(), url.path(), pairs])
}

#[tokio::test]
async fn a_name_changes_nothing() {
    on_each(async |app| {
        for provider in ["docusign", "docusign-sandbox", "gusto", "github"] {
            let plain = redirect(&app, provider, NAMES[0]).await;
            for name in &NAMES[1..] {
                assert_eq!(redirect(&app, provider, name).await, plain, "{provider} {name}");
            }
        }
        let own = redirect(&app, "docusign-sandbox", "other").await;
        assert_ne!(own, redirect(&app, "docusign", "other").await, "the entry decides");
    })
    .await;
}

#[tokio::test]
async fn a_key_is_split_because_its_entry_says_so() {
    on_each(async |app| {
        for name in ["ghost-admin", "anything"] {
            app.integration("ghost-admin", name).await;
            let token = app.session(json!({"tags": {"team": "a"}})).await;
            let uri = format!(
                "/auth/jwt/{name}?connect_session_token={token}&params[adminDomain]=acme.ghost.io&params[version]=v5.0"
            );
            let body = json!({"type": "JWT", "privateKey": "not a pair"});
            let answer = app.post(uri).json(&body).send().await;
            assert_eq!(answer.status, 400, "{}", answer.text);
            assert!(answer.text.contains("privateKey"), "{name}: {}", answer.text);
        }
    })
    .await;
}
