//! Integrations: what is set up, setting up more, changing and deleting.

use valetkey_engine::members::Role;

use crate::app::{TestApp, on_each};

const NEW: &str = "/dev/integrations/new/emulator-oauth2";
const SECRET: &str = "very-secret-client-secret";

#[tokio::test]
async fn an_integration_is_chosen_set_up_changed_and_deleted() {
    on_each(async |app: TestApp| {
        let owner = app.owner().await;
        assert!(owner.get("/dev/integrations").await.text.contains("Nothing is set up yet"));
        let found = owner.get("/dev/integrations/new?q=emulator+oauth2").await;
        assert!(found.text.contains(NEW), "{}", found.text);
        assert!(owner.get("/dev/integrations/new?q=zzzz").await.text.contains("Nothing matches"));
        assert!(owner.get("/dev/integrations/new").await.text.contains("rel=\"next\""));
        assert!(owner.get("/dev/integrations/new?q=crm").await.text.contains("hubspot"));

        let form = owner.get(NEW).await;
        assert!(form.text.contains("http://localhost:3003/oauth/callback"), "before the form");
        assert!(form.text.contains("name=\"unique_key\" value=\"emulator-oauth2\""));
        let missing = owner.post(NEW, &[("unique_key", "bad/key")]).await;
        assert_eq!(missing.status, 400);
        assert!(missing.text.contains("id=\"client_id-issue\""));
        let fields = [
            ("client_id", "emulator-client"),
            ("client_secret", SECRET),
            ("scopes", "notes.read"),
            ("unique_key", "bad/key"),
        ];
        let wrong = owner.post(NEW, &fields).await;
        assert_eq!(wrong.status, 400);
        assert!(wrong.text.contains("id=\"unique_key-issue\""), "{}", wrong.text);
        assert!(wrong.text.contains("value=\"emulator-client\"") && !wrong.text.contains(SECRET));
        let mut fields = fields;
        fields[3].1 = "notes";
        let made = owner.post(NEW, &fields).await;
        assert_eq!(made.status, 303, "{}", made.text);
        assert_eq!(made.location(), "/dashboard/dev/integrations/notes?said=created");
        assert_eq!(owner.post(NEW, &fields).await.status, 400, "the key is taken");

        let path = "/dev/integrations/notes";
        let page = owner.get(path).await;
        assert!(page.text.contains("value=\"emulator-client\"") && !page.text.contains(SECRET));
        let saved =
            owner.post(path, &[("display_name", "<b>Notes</b>"), ("unique_key", "notes-2")]).await;
        assert_eq!(saved.location(), "/dashboard/dev/integrations/notes-2?said=saved");
        let list = owner.get("/dev/integrations").await;
        assert!(list.text.contains("notes-2") && !list.text.contains("<b>Notes"));
        let kept = app.engine.integration(app.environment.id, "notes-2").await.unwrap();
        assert_eq!(kept.secrets.client_secret.as_deref(), Some(SECRET), "an empty field keeps it");
        assert_eq!(
            (kept.row.client_id.as_deref(), kept.row.scopes.as_str()),
            (Some("emulator-client"), "notes.read")
        );

        let path = "/dev/integrations/notes-2";
        assert_eq!(owner.get("/prod/integrations/notes-2").await.status, 404);
        let delete = format!("{path}/delete");
        let unsure = owner.post(&delete, &[("confirm", "notes")]).await;
        assert!(unsure.status == 400 && unsure.text.contains("id=\"confirm-issue\""));
        assert_eq!(owner.post(&delete, &[("confirm", "notes-2")]).await.status, 303);
        assert_eq!(owner.get(path).await.status, 404);

        let list = owner.get("/dev/integrations").await;
        let (_, rest) = list.text.split_once("name=\"id\" value=\"").unwrap();
        let id = rest.split('"').next().unwrap().to_owned();
        let restore = "/dev/integrations/restore";
        assert_eq!(owner.post("/prod/integrations/restore", &[("id", &id)]).await.status, 404);
        assert_eq!(owner.post(restore, &[("id", &id)]).await.status, 303);
        assert!(owner.get(path).await.text.contains("value=\"emulator-client\""));
        assert_eq!(owner.post(restore, &[("id", &id)]).await.status, 404);
    })
    .await;
}

#[tokio::test]
async fn every_provider_of_the_catalogue_has_a_page_to_set_it_up() {
    on_each(async |app: TestApp| {
        let owner = app.owner().await;
        let names: Vec<String> = app.engine.catalog().all().map(|it| it.name.clone()).collect();
        for name in names {
            let page = owner.get(&format!("/dev/integrations/new/{name}")).await;
            assert_eq!(page.status, 200, "{name}");
            assert!(page.text.contains("name=\"unique_key\""), "{name}");
        }
    })
    .await;
}

#[tokio::test]
async fn who_may_only_look_sees_no_form() {
    on_each(async |app: TestApp| {
        app.integration("emulator-oauth2", "notes").await;
        let person = app.person(Role::ReadOnly).await;
        let page = person.get("/dev/integrations/notes").await;
        assert!(page.status == 200 && !page.text.contains("Delete the integration"));
        assert!(!person.get("/dev/integrations").await.text.contains("Set up an integration"));
    })
    .await;
}

#[tokio::test]
async fn scopes_show_what_would_change_before_it_is_saved() {
    on_each(async |app: TestApp| {
        let owner = app.owner().await;
        app.integration("emulator-oauth2", "notes").await;
        let path = "/dev/integrations/notes/scopes";
        let stored = async || {
            app.engine.integration(app.environment.id, "notes").await.unwrap().row.scopes.clone()
        };
        let before = stored().await;
        let shown = owner.post(path, &[("scopes", "notes.read\r\nnotes.write, notes.read")]).await;
        assert!(shown.status == 200 && shown.text.contains("notes.write</code></ins>"));
        assert_eq!(stored().await, before, "not yet");
        let sure = [("scopes", "notes.read\nnotes.write"), ("sure", "notes.read,notes.write")];
        assert_eq!(owner.post(path, &sure).await.status, 303);
        assert_eq!(stored().await, "notes.read,notes.write");
        let other = [("scopes", ""), ("sure", "notes.read")];
        let shown = owner.post(path, &other).await;
        assert_eq!(shown.text.matches("</code></del>").count(), 2, "another list was confirmed");
        assert_eq!(owner.post(path, &[("scopes", ""), ("sure", "")]).await.status, 303);
        assert_eq!(stored().await, "");
        let odd = [("scopes", "a<b"), ("sure", "a<b")];
        let refused = owner.post(path, &odd).await;
        assert!(refused.status == 400 && refused.text.contains("id=\"scopes-issue\""));
        let kept = app.engine.integration(app.environment.id, "notes").await.unwrap();
        assert!(kept.row.client_id.is_some() && kept.secrets.client_secret.is_some());
    })
    .await;
}

#[tokio::test]
async fn a_private_key_is_read_before_it_is_stored() {
    on_each(async |app: TestApp| {
        let owner = app.owner().await;
        let path = "/dev/integrations/new/github-app";
        let fields = |key: &'static str| {
            [
                ("app_id", "12"),
                ("app_link", "https://github.com/apps/x"),
                ("private_key", key),
                ("unique_key", "gh"),
            ]
        };
        for (key, said) in [
            ("-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----", "public"),
            ("hello", "not a private key"),
        ] {
            let refused = owner.post(path, &fields(key)).await;
            assert_eq!(refused.status, 400);
            assert!(refused.text.contains("id=\"private_key-issue\""), "{}", refused.text);
            assert!(refused.text.contains(said) && !refused.text.contains("hello"), "{said}");
        }
    })
    .await;
}

#[tokio::test]
async fn calls_through_the_proxy_are_bounded_by_a_form() {
    on_each(async |app: TestApp| {
        app.integration("emulator-oauth2", "notes").await;
        let owner = app.owner().await;
        let path = "/dev/integrations/notes/proxy";
        let fields = |hosts, all, each| {
            [
                ("allowed_hosts", hosts),
                ("calls_per_minute", all),
                ("calls_per_minute_per_connection", each),
            ]
        };
        let stored = async || {
            let view = app.engine.integration(app.environment.id, "notes").await.unwrap();
            view.secrets.proxy
        };
        let before = stored().await;
        let wrong = owner.post(path, &fields("https://x.test", "0", "many")).await;
        assert_eq!(wrong.status, 400);
        for name in ["allowed_hosts", "calls_per_minute", "calls_per_minute_per_connection"] {
            assert!(wrong.text.contains(&format!("id=\"{name}-issue\"")), "{name}");
        }
        assert!(wrong.text.contains("https://x.test") && stored().await == before);
        let right = fields("a.test\r\n*.b.test", "600", "60");
        assert_eq!(owner.post(path, &right).await.status, 303);
        let limits = stored().await;
        assert_eq!(limits.allowed_hosts, ["a.test", "*.b.test"]);
        assert_eq!(limits.calls_per_minute, Some(600));
        assert_eq!(limits.calls_per_minute_per_connection, Some(60));
        let shown = owner.get("/dev/integrations/notes").await.text;
        assert!(shown.contains("*.b.test") && shown.contains("value=\"600\""));
        assert_eq!(owner.post(path, &fields("", "", "")).await.status, 303);
        assert_eq!(stored().await, before);
    })
    .await;
}

#[tokio::test]
async fn webhooks_of_the_provider_are_set_up_without_showing_the_secret() {
    on_each(async |app: TestApp| {
        let owner = app.owner().await;
        app.integration("emulator-oauth2", "notes").await;
        let path = "/dev/integrations/notes";
        let page = owner.get(path).await;
        let address = format!("/webhook/{}/notes", app.environment.uuid);
        assert!(page.text.contains(&address) && page.text.contains("everything is refused"));
        let set = [("webhook_secret", SECRET), ("recipe", "token"), ("forward_webhooks", "true")];
        let saved = owner.post(&format!("{path}/webhooks"), &set).await;
        assert_eq!(saved.status, 303, "{}", saved.text);
        let page = owner.get(path).await;
        assert!(!page.text.contains(SECRET) && page.text.contains("Remove the stored secret"));
        let sent = async || {
            let call = app.post(&*address).json(&serde_json::json!({"n": 1}));
            call.header("x-webhook-token", SECRET).send().await
        };
        assert_eq!(sent().await.status, 200);
        let unknown = owner.post(&format!("{path}/webhooks"), &[("recipe", "magic")]).await;
        assert_eq!(unknown.status, 400);
        assert!(unknown.text.contains("id=\"recipe-issue\""));
        let removed = owner.post(&format!("{path}/webhooks"), &[("remove_secret", "true")]).await;
        assert_eq!(removed.status, 303);
        assert_eq!(sent().await.error(), (401, "webhook_missing_secret".to_owned()));
    })
    .await;
}
