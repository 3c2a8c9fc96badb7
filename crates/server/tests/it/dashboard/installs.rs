//! Installations that began at the provider, on their pages.

use valetkey_engine::members::Role;

use super::person::Person;
use crate::app::{Answer, TestApp, on_each};
use crate::installs::{ACCESS_TOKEN, Market, accept, install};

/// Where a form leads, without what is said there.
#[track_caller]
fn leads_to(answer: &Answer) -> String {
    assert_eq!(answer.status, 303, "{}", answer.text);
    let to = answer.header("location");
    to.strip_prefix("/dashboard").unwrap_or(to).split('?').next().unwrap().to_owned()
}

async fn claim(owner: &Person<'_>, id: &str, fields: &[(&str, &str)]) -> Answer {
    owner.post(&format!("/dev/installs/{id}"), fields).await
}

#[tokio::test]
async fn one_is_listed_looked_at_and_claimed_for_a_customer() {
    on_each(async |app: TestApp| {
        Market::open(&app).await;
        let owner = app.owner().await;
        let empty = owner.get("/dev/installs").await;
        assert!(empty.text.contains("None is waiting"), "{}", empty.text);
        assert!(!owner.get("/dev/connections").await.text.contains("Say whose it is"));

        accept(&app, "shop").await;
        let (id, _) = install(&app, "good-1").await;
        assert!(owner.get("/dev/connections").await.text.contains("Say whose it is"));
        let list = owner.get("/dev/installs").await;
        assert!(list.text.contains("Acme &#60;b&#62;GmbH&#60;/b&#62;"), "{}", list.text);
        let page = owner.get(&format!("/dev/installs/{id}")).await;
        assert!(page.text.contains("by a browser") && !page.text.contains(ACCESS_TOKEN));

        let fields = [("end_user_id", "u-1"), ("email", "ada@example.com")];
        let made = leads_to(&claim(&owner, &id, &fields).await);
        let connection = owner.get(&made).await;
        assert!(connection.text.contains("u-1") && connection.text.contains("ada@example.com"));
        assert!(owner.get("/dev/installs").await.text.contains("None is waiting"));
        assert_eq!(claim(&owner, &id, &fields).await.status, 404, "it is claimed once");
        app.engine.recorder().flush().await.unwrap();
        let trail = owner.get("/account/audit?environment=dev").await;
        assert!(trail.text.contains("install.claimed"), "{}", trail.text);
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_there_is_gets_its_credentials_only_when_told_so() {
    on_each(async |app: TestApp| {
        Market::open(&app).await;
        accept(&app, "shop").await;
        let owner = app.owner().await;
        let fields = [("end_user_id", "u"), ("connection_id", "c-1")];
        let (first, _) = install(&app, "good-1").await;
        assert_eq!(leads_to(&claim(&owner, &first, &fields).await), "/dev/connections/shop/c-1");
        let (second, _) = install(&app, "good-2").await;
        let asked = claim(&owner, &second, &fields).await;
        assert_eq!(asked.status, 400);
        assert!(asked.text.contains("name=\"replace\""), "{}", asked.text);
        let sure = [fields[0], fields[1], ("replace", "true")];
        assert_eq!(leads_to(&claim(&owner, &second, &sure).await), "/dev/connections/shop/c-1");
    })
    .await;
}

#[tokio::test]
async fn one_that_nobody_wants_is_dismissed_by_those_who_may() {
    on_each(async |app: TestApp| {
        Market::open(&app).await;
        accept(&app, "shop").await;
        let (id, _) = install(&app, "good-1").await;
        let reader = app.person(Role::ReadOnly).await;
        let path = format!("/dev/installs/{id}/dismiss");
        let shown = reader.get(&format!("/dev/installs/{id}")).await;
        assert!(shown.status == 200 && !shown.text.contains("Dismiss"), "{}", shown.text);
        assert_eq!(reader.post(&path, &[]).await.status, 403);
        let owner = app.owner().await;
        assert_eq!(owner.get(&format!("/prod/installs/{id}")).await.status, 404);
        assert_eq!(owner.post(&format!("/prod/installs/{id}/dismiss"), &[]).await.status, 404);
        assert_eq!(leads_to(&owner.post(&path, &[]).await), "/dev/installs");
        assert!(owner.get("/dev/installs").await.text.contains("None is waiting"));
        assert_eq!(owner.post(&path, &[]).await.status, 404);
    })
    .await;
}

#[tokio::test]
async fn they_are_switched_on_where_the_integration_is_set_up() {
    on_each(async |app: TestApp| {
        Market::open(&app).await;
        let owner = app.owner().await;
        let path = "/dev/integrations/shop/installs";
        let on = [("accept_installs", "true"), ("claim_url", "https://elsewhere.example/claim")];
        let refused = owner.post(path, &on).await;
        assert_eq!(refused.status, 400);
        assert!(refused.text.contains("id=\"claim_url-issue\""), "{}", refused.text);
        let saved = owner.post(path, &[("accept_installs", "true"), ("claim_url", "")]).await;
        assert_eq!(leads_to(&saved), "/dev/integrations/shop");
        let page = owner.get("/dev/integrations/shop").await;
        assert!(page.text.contains("Unclaimed ones") && page.text.contains("/oauth/install/"));
    })
    .await;
}
