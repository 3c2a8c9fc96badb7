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
        let saved = owner
            .post(
                path,
                &[("display_name", "<b>Notes</b>"), ("scopes", ""), ("unique_key", "notes-2")],
            )
            .await;
        assert_eq!(saved.location(), "/dashboard/dev/integrations/notes-2?said=saved");
        let list = owner.get("/dev/integrations").await;
        assert!(list.text.contains("notes-2") && !list.text.contains("<b>Notes"));
        let kept = app.engine.integration(app.environment.id, "notes-2").await.unwrap();
        assert_eq!(kept.secrets.client_secret.as_deref(), Some(SECRET), "an empty field keeps it");
        assert_eq!(
            (kept.row.client_id.as_deref(), kept.row.scopes.as_str()),
            (Some("emulator-client"), "")
        );

        let path = "/dev/integrations/notes-2";
        assert_eq!(owner.get("/prod/integrations/notes-2").await.status, 404);
        let delete = format!("{path}/delete");
        let unsure = owner.post(&delete, &[("confirm", "notes")]).await;
        assert!(unsure.status == 400 && unsure.text.contains("id=\"confirm-issue\""));
        assert_eq!(owner.post(&delete, &[("confirm", "notes-2")]).await.status, 303);
        assert_eq!(owner.get(path).await.status, 404);
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
