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
        let shown = owner.post(&save, &fields).await;
        assert!(shown.text.contains("<del>pro</del>") && shown.text.contains("<ins>free</ins>"));
        assert!(owner.get(path).await.text.contains("&#34;pro&#34;"), "not yet saved");
        let sure = shown.text.split_once("name=\"sure\" value=\"").unwrap().1;
        let sure = ("sure", sure.split('"').next().unwrap());
        let other = [("mark", mark), ("metadata", "{}"), sure];
        assert_eq!(owner.post(&save, &other).await.status, 200, "another text was confirmed");
        let fields = [fields[0], fields[1], sure];
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

#[tokio::test]
async fn tags_are_edited_by_the_rules_of_the_api_and_find_the_connection() {
    on_each(async |app: TestApp| {
        let owner = app.owner().await;
        app.integration("emulator-api-key", "keys").await;
        import(&app, "alpha-1", "ada@acme.example").await;
        let path = "/dev/connections/keys/alpha-1/tags";
        for (lines, said) in [("plan", "Line 1: expected"), ("1x=y", "1x:")] {
            let refused = owner.post(path, &[("tags", lines)]).await;
            assert_eq!(refused.status, 400, "{lines}");
            assert!(refused.text.contains("id=\"tags-issue\"") && refused.text.contains(said));
            assert!(refused.text.contains(&format!(">{lines}</textarea>")), "it is kept");
        }
        let eleven = "abcdefghijk".chars().map(|it| format!("{it}=x")).collect::<Vec<_>>();
        assert_eq!(owner.post(path, &[("tags", &eleven.join("\n"))]).await.status, 400);
        let right = "end_user_display_name=Ada Moreau\r\nplan=gold";
        assert_eq!(owner.post(path, &[("tags", right)]).await.status, 303);
        let found = owner.get("/dev/connections?q=gold").await;
        assert!(found.text.contains("Ada Moreau") && !found.text.contains("ada@acme.example"));
        let support = app.person(Role::Support).await;
        assert_eq!(support.post(path, &[("tags", right)]).await.status, 403);
    })
    .await;
}

#[tokio::test]
async fn several_connections_get_links_or_go_at_once() {
    on_each(async |app: TestApp| {
        let support = app.person(Role::Support).await;
        app.integration("emulator-api-key", "keys").await;
        for id in ["alpha-1", "alpha 2", "alpha-3"] {
            import(&app, id, "ada@acme.example").await;
        }
        let bulk = "/dev/connections/bulk";
        let rows = [("row", "keys/alpha-1"), ("row", "keys/alpha%202"), ("row", "keys/gone")];
        let ask = |action: &'static str| [rows[0], rows[1], rows[2], ("action", action)];
        assert_eq!(support.post(bulk, &[("action", "links")]).await.status, 400);
        let links = support.post(bulk, &ask("links")).await;
        assert_eq!(links.text.matches("session_token=").count(), 2, "{}", links.text);
        assert_eq!(links.text.matches("chip bad").count(), 1, "{}", links.text);
        assert_eq!(support.post(bulk, &ask("delete-sure")).await.status, 403);

        assert_eq!(support.post(bulk, &ask("tag")).await.status, 403);

        let owner = app.owner().await;
        let tag = async |name: &'static str, value: &'static str| {
            let tag = [("action", "tag-sure"), ("tag_name", name), ("tag_value", value)];
            owner.post(bulk, &[&rows[..], &tag].concat()).await
        };
        assert!(owner.post(bulk, &ask("tag")).await.text.contains("name=\"tag_name\""));
        for (name, issue) in [("", "tag_name-issue"), ("1x", "tag_name-issue")] {
            let refused = tag(name, "gold").await;
            assert!(refused.status == 400 && refused.text.contains(issue), "{}", refused.text);
        }
        assert_eq!(tag("Plan", "gold").await.text.matches("chip good\">tagged").count(), 2);
        let found = owner.get("/dev/connections?q=gold").await.text;
        assert!(found.contains("alpha-1") && found.contains("alpha 2"), "{found}");
        assert!(found.contains("ada@acme.example") && !found.contains("alpha-3"), "others stay");
        tag("plan", "").await;
        assert!(owner.get("/dev/connections?q=gold").await.text.contains("Nothing matches"));

        let asked = owner.post(bulk, &ask("delete")).await;
        assert!(asked.text.contains("Type <code>3</code>"));
        assert_eq!(owner.post(bulk, &ask("delete-sure")).await.status, 400);
        assert!(owner.get("/dev/connections").await.text.contains("3 connections"));
        let sure = [rows[0], rows[1], rows[2], ("action", "delete-sure"), ("confirm", "3")];
        let done = owner.post(bulk, &sure).await;
        assert_eq!(done.text.matches("chip good\">deleted").count(), 2);
        assert!(owner.get("/dev/connections").await.text.contains("1 connection,"));
    })
    .await;
}

#[tokio::test]
async fn a_connection_shows_what_the_app_was_told_of_it() {
    on_each(async |app: TestApp| {
        let owner = app.owner().await;
        app.integration("emulator-api-key", "keys").await;
        let set = [("webhook_url", "http://127.0.0.1:9/hook"), ("on_auth_creation", "true")];
        assert_eq!(owner.post("/dev/settings/webhooks", &set).await.status, 303);
        let session = app.session(json!({"allowed_integrations": ["keys"]})).await;
        let form = json!({"apiKey": SECRET});
        let uri = format!("/api-auth/api-key/keys?connect_session_token={session}");
        let made = app.post(uri).json(&form).send().await;
        assert_eq!(made.status, 200, "{}", made.text);
        let id = made.json()["connectionId"].as_str().unwrap().to_owned();
        let page = owner.get(&format!("/dev/connections/keys/{id}")).await;
        let (_, events) = page.text.split_once("Events sent").unwrap();
        assert!(events.contains("auth.creation") && events.contains("under way"), "{events}");
    })
    .await;
}
