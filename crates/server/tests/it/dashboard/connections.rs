//! Connections: the list, one of them, and what can be done about it.

use http::Method;
use serde_json::json;
use valetkey_engine::members::Role;

use crate::app::{TestApp, on_each};

const SECRET: &str = "emk_secret_1234567890";

/// A connection of the emulator's API key, with a tag.
async fn import(app: &TestApp, id: &str, email: &str) {
    let body = json!({"provider_config_key": "keys", "connection_id": id,
        "credentials": {"type": "API_KEY", "apiKey": SECRET},
        "tags": {"end_user_email": email}, "metadata": {"plan": "pro"}});
    let made = app.post("/connections").bearer(&app.api_key).json(&body).send().await;
    assert_eq!(made.status, 201, "{}", made.text);
}

#[tokio::test]
async fn what_people_type_finds_by_the_beginning_of_ids_and_tags() {
    on_each(async |app: TestApp| {
        let owner = app.owner().await;
        let empty = owner.get("/dev/connections").await;
        assert!(empty.text.contains("No connections yet"));
        app.integration("emulator-api-key", "keys").await;
        app.integration("emulator-api-key", "other").await;
        import(&app, "alpha-1", "ada@acme.example").await;
        import(&app, "alpha-2", "bob@acme.example").await;
        import(&app, "beta-1", "eve@acme.example").await;
        let odd = json!({"tags": {"end_user_display_name": "<script>alert(1)</script>"}});
        let named = app.call(Method::PATCH, "/connections/beta-1?provider_config_key=keys");
        assert_eq!(named.bearer(&app.api_key).json(&odd).send().await.status, 200);

        let all = owner.get("/dev/connections").await;
        assert!(all.text.contains("3 connections") && all.text.contains("0 with an error"));
        assert!(!all.text.contains("<script>alert") && all.text.contains("script"));
        for (query, expected) in [
            ("q=alpha", vec!["alpha-1", "alpha-2"]),
            ("q=alpha-2", vec!["alpha-2"]),
            ("q=ada%40", vec!["alpha-1"]),
            ("q=lpha", vec![]),
            ("q=alpha&integration=other", vec![]),
            ("integration=keys", vec!["alpha-1", "alpha-2", "beta-1"]),
            ("integration=none", vec![]),
            ("state=error", vec![]),
            ("q=%25", vec![]),
        ] {
            let page = owner.get(&format!("/dev/connections?{query}")).await;
            for id in ["alpha-1", "alpha-2", "beta-1"] {
                let link = format!("/dev/connections/keys/{id}\"");
                assert_eq!(page.text.contains(&link), expected.contains(&id), "{query} {id}");
            }
            assert_eq!(page.text.contains("Nothing matches"), expected.is_empty(), "{query}");
        }
        let csv = owner.get("/dev/connections/export.csv?q=alpha").await;
        assert_eq!(csv.text.lines().count(), 3, "{}", csv.text);
        assert!(!csv.text.contains(SECRET));
        assert!(owner.get("/prod/connections").await.text.contains("No connections yet"));
    })
    .await;
}

#[tokio::test]
async fn long_lists_come_in_pages_each_connection_once() {
    on_each(async |app: TestApp| {
        let owner = app.owner().await;
        app.integration("emulator-api-key", "keys").await;
        for n in 0..60 {
            import(&app, &format!("many-{n}-"), "a@b.example").await;
        }
        let first = owner.get("/dev/connections").await.text;
        let (before, _) = first.split_once("rel=\"next\"").unwrap();
        let href = before.rsplit_once("href=\"").unwrap().1.split('"').next().unwrap();
        let href = href.replace("&#38;", "&");
        let second = owner.get(href.strip_prefix("/dashboard").unwrap()).await.text;
        assert!(!second.contains("rel=\"next\""));
        for n in 0..60 {
            let link = format!("/dev/connections/keys/many-{n}-\"");
            assert_eq!(
                u8::from(first.contains(&link)) + u8::from(second.contains(&link)),
                1,
                "connection {n}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn credentials_are_shown_to_who_may_see_them_and_the_trail_says_so() {
    on_each(async |app: TestApp| {
        let owner = app.owner().await;
        app.integration("emulator-api-key", "keys").await;
        import(&app, "alpha-1", "ada@acme.example").await;
        let page = owner.get("/dev/connections/keys/alpha-1").await;
        assert_eq!(page.status, 200);
        assert!(page.text.contains("ada@acme.example") && !page.text.contains(SECRET));
        let shown = owner.post("/dev/connections/keys/alpha-1/credentials", &[]).await;
        assert!(shown.text.contains(SECRET));
        app.engine.recorder().flush().await.unwrap();
        let trail = owner.get("/account/audit?action=connection.credentials_revealed").await;
        assert!(trail.text.contains("alpha-1"), "{}", trail.text);

        for role in [Role::Support, Role::ReadOnly] {
            let person = app.person(role).await;
            let page = person.get("/dev/connections/keys/alpha-1").await;
            assert!(
                !page.text.contains("Show them") && !page.text.contains("Delete the connection")
            );
            let refused = person.post("/dev/connections/keys/alpha-1/credentials", &[]).await;
            assert_eq!(refused.status, 403);
            assert!(!refused.text.contains(SECRET));
        }
        for path in [
            "/dev/connections/keys/none",
            "/dev/connections/none/alpha-1",
            "/prod/connections/keys/alpha-1",
        ] {
            assert_eq!(owner.get(path).await.status, 404, "{path}");
            assert_eq!(owner.post(&format!("{path}/credentials"), &[]).await.status, 404);
        }
    })
    .await;
}

#[tokio::test]
async fn metadata_is_changed_as_a_whole_and_no_other_change_is_lost() {
    on_each(async |app: TestApp| {
        let owner = app.owner().await;
        app.integration("emulator-api-key", "keys").await;
        import(&app, "alpha-1", "ada@acme.example").await;
        let path = "/dev/connections/keys/alpha-1";
        let page = owner.get(path).await;
        let mark = page.text.split_once("name=\"mark\" value=\"").unwrap().1;
        let mark = mark.split('"').next().unwrap();
        let save = format!("{path}/metadata");
        let wrong = owner.post(&save, &[("mark", mark), ("metadata", "[1]")]).await;
        assert_eq!(wrong.status, 400);
        assert!(wrong.text.contains("id=\"metadata-issue\"") && wrong.text.contains("[1]"));
        let fields =
            [("mark", mark), ("metadata", "{\"plan\": \"free\", \"n\": 12345678901234567890}")];
        assert_eq!(owner.post(&save, &fields).await.status, 303);
        let late = owner.post(&save, &fields).await;
        assert_eq!(late.status, 400);
        assert!(late.text.contains("Somebody else changed it meanwhile"));
        let stored = app.get("/connections/alpha-1?provider_config_key=keys").bearer(&app.api_key);
        let stored = stored.send().await.json();
        assert_eq!(stored["metadata"]["plan"], "free");
    })
    .await;
}

#[tokio::test]
async fn a_dead_connection_says_who_must_act_and_is_repaired_by_a_link() {
    on_each(async |app: TestApp| {
        let support = app.person(Role::Support).await;
        app.integration("emulator-oauth2", "notes").await;
        let body = json!({"provider_config_key": "notes", "connection_id": "dead",
            "credentials": {"type": "OAUTH2", "access_token": "gone", "refresh_token": "gone",
            "expires_at": "2020-01-01T00:00:00Z"}});
        let made = app.call(Method::POST, "/connections").bearer(&app.api_key).json(&body);
        assert_eq!(made.send().await.status, 201);
        let path = "/dev/connections/notes/dead";
        let refreshed = support.post(&format!("{path}/refresh"), &[]).await;
        assert_eq!(refreshed.status, 400);
        assert!(refreshed.text.contains("That did not work:"), "{}", refreshed.text);
        let page = support.get(path).await;
        assert!(
            page.text.contains("needs reconnect")
                && page.text.contains("Its owner has to authorize")
        );
        let list = support.get("/dev/connections?state=error").await;
        assert!(list.text.contains("1 connection") && list.text.contains("needs reconnect"));
        let link = support.post(&format!("{path}/link"), &[]).await;
        assert!(link.text.contains("/connect-ui/?session_token=nango_connect_session_"));
        let open = support.post(&format!("{path}/reconnect"), &[]).await;
        assert_eq!(open.status, 303);
        assert!(open.location().contains("/connect-ui/"));

        let owner = app.owner().await;
        let delete = format!("{path}/delete");
        assert_eq!(owner.post(&delete, &[("confirm", "dea")]).await.status, 400);
        assert_eq!(owner.post(&delete, &[("confirm", "dead")]).await.status, 303);
        assert_eq!(owner.get(path).await.status, 404);
    })
    .await;
}

#[tokio::test]
async fn a_test_connection_begins_in_the_connect_ui() {
    on_each(async |app: TestApp| {
        let owner = app.owner().await;
        let nothing = owner.get("/dev/connections/new").await;
        assert!(nothing.text.contains("There is no integration yet"));
        app.integration("emulator-api-key", "keys").await;
        for integration in ["", "none"] {
            let fields = [("integration", integration), ("how", "here")];
            let wrong = owner.post("/dev/connections/new", &fields).await;
            assert_eq!(wrong.status, 400);
            assert!(wrong.text.contains("id=\"integration-issue\""));
        }
        let fields = [("integration", "keys"), ("how", "here"), ("end_user_id", "me")];
        let begun = owner.post("/dev/connections/new", &fields).await;
        assert!(begun.location().contains("/connect-ui/?session_token="));
        let fields = [("integration", "keys"), ("how", "share")];
        let shared = owner.post("/dev/connections/new", &fields).await;
        assert!(shared.text.contains("/connect-ui/?session_token="));
    })
    .await;
}
