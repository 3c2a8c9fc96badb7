//! The audit trail.

use valetkey_engine::members::Role;

use valetkey_testkit::on_each_database;

use crate::app::{TestApp, on_each};

#[tokio::test]
async fn a_changed_or_removed_entry_shows() {
    on_each_database(async |database| {
        let app = TestApp::new(database).await;
        let owner = app.owner().await;
        for n in 0..5 {
            app.advance_s(1);
            app.engine.recorder().audit(None, "test", "test.done", format!("entry {n}"));
        }
        app.engine.recorder().flush().await.unwrap();
        assert!(owner.get("/account/audit/check").await.text.contains("Nobody changed it."));
        database.execute("UPDATE audit SET actor = 'somebody else' WHERE target = 'entry 1'").await;
        let changed = owner.get("/account/audit?action=test.done").await;
        assert_eq!(changed.text.matches(">changed<").count(), 1, "{}", changed.text);
        database.execute("DELETE FROM audit WHERE target = 'entry 3'").await;
        let gap = owner.get("/account/audit?action=test.done").await;
        assert_eq!(gap.text.matches(">changed<").count(), 2, "the one after the gap, too");
        let check = owner.get("/account/audit/check").await;
        assert!(check.text.contains("It was changed."), "{}", check.text);
        assert_eq!(check.text.matches("<li>chain").count(), 2, "{}", check.text);
    })
    .await;
}

#[tokio::test]
async fn entries_are_filtered_exported_and_checked() {
    on_each(async |app: TestApp| {
        let admin = app.person(Role::Admin).await;
        app.integration("emulator-oauth2", "=notes").await;
        app.engine.rotate_signing_key(app.environment.id, "test").await.unwrap();
        app.engine.recorder().flush().await.unwrap();

        let all = admin.get("/account/audit").await;
        for text in ["Member joined", "Integration created", "Webhook signing key rotated"] {
            assert!(all.text.contains(text), "{text}");
        }
        assert!(!all.text.contains(">changed<"));
        let one = admin.get("/account/audit?action=integration.created&environment=dev").await;
        assert!(one.text.contains("<th scope=\"row\">Integration created"));
        assert!(!one.text.contains("<th scope=\"row\">Member joined"));
        for nothing in ["environment=elsewhere", "actor=member:999", "until=2020-01-01"] {
            let page = admin.get(&format!("/account/audit?{nothing}")).await;
            assert!(page.text.contains("Nothing matches"), "{nothing}");
        }
        let wrong = admin.get("/account/audit?from=yesterday").await;
        assert_eq!(wrong.status, 400);
        assert!(wrong.text.contains("id=\"from-issue\""));

        let csv = admin.get("/account/audit/export.csv?action=integration.created").await;
        assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
        assert_eq!(csv.text.lines().count(), 2, "{}", csv.text);
        assert!(csv.text.contains("\"'=notes\""), "no formula: {}", csv.text);
        let check = admin.get("/account/audit/check").await;
        assert!(check.text.contains("Nobody changed it."), "{}", check.text);
    })
    .await;
}

#[tokio::test]
async fn long_trails_come_in_pages_each_entry_once() {
    on_each(async |app: TestApp| {
        let owner = app.owner().await;
        for n in 0..120 {
            app.engine.recorder().audit(None, "test", "test.done", format!("entry-{n};"));
        }
        app.engine.recorder().flush().await.unwrap();
        let mut path = "/account/audit?action=test.done".to_owned();
        let mut seen = String::new();
        for page in 0..3 {
            let answer = owner.get(&path).await;
            seen.push_str(&answer.text);
            let older = answer.text.split("rel=\"next\"").next().unwrap();
            if page < 2 {
                let (_, href) = older.rsplit_once("href=\"").unwrap();
                let href = href.split('"').next().unwrap().replace("&#38;", "&");
                path = href.strip_prefix("/dashboard").unwrap().to_owned();
            } else {
                assert!(!answer.text.contains("rel=\"next\""));
            }
        }
        for n in 0..120 {
            assert_eq!(seen.matches(&format!(">entry-{n};<")).count(), 1, "entry {n}");
        }
    })
    .await;
}
