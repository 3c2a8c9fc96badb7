//! Lists, searches and the numbers beside them, against what SQL counts in a database that
//! [`valetkey_testkit::seed`] filled. Below where counting ends they are exact.

use valetkey_testkit::{TestDatabase, on_each_database, seed};

use super::person::Person;
use crate::app::{START, TestApp};

/// Enough for every sort of failure, and for lists of more than a thousand.
const CONNECTIONS: u64 = 2_500;
const OPERATIONS: u64 = 4_000;
/// Where pages stop counting connections.
const COUNTED_MAX: i64 = 1_000;

async fn seeded(database: &TestDatabase) -> TestApp {
    let app = TestApp::new(database).await;
    let plan = seed::Plan {
        environment_id: app.environment.id,
        now: START,
        connections: CONNECTIONS,
        operations: OPERATIONS,
        seed: 3,
        seal: None,
    };
    seed::fill(&database.settings(), &plan, &|_| ()).await.unwrap();
    app
}

/// Follows the links to older rows, and counts rows by what each of them has once.
async fn walked(owner: &Person<'_>, path: &str, row: &str, older: &[&str]) -> i64 {
    let (mut path, mut count) = (path.to_owned(), 0);
    loop {
        let page = owner.get(&path).await;
        assert_eq!(page.status, 200, "{path}");
        count += page.text.matches(row).count() as i64;
        let next = older.iter().find_map(|older| page.text.split_once(older));
        let Some((before, _)) = next else { return count };
        let href = before.rsplit_once("href=\"").unwrap().1.split('"').next().unwrap();
        let href = href.replace("&#38;", "&");
        href.strip_prefix("/dashboard").unwrap().clone_into(&mut path);
    }
}

/// A number as pages write it.
fn shown(number: i64) -> String {
    let text = number.to_string();
    match text.len() {
        4.. => format!("{},{}", &text[..text.len() - 3], &text[text.len() - 3..]),
        _ => text,
    }
}

#[tokio::test]
async fn connections_are_as_many_as_sql_counts() {
    on_each_database(async |database| {
        let app = seeded(database).await;
        let owner = app.owner().await;
        let count = async |more: &str| {
            let sql = "SELECT COUNT(*) AS n FROM connections c
                 JOIN integrations i ON i.id = c.integration_id WHERE c.deleted_at IS NULL";
            database.number(format!("{sql} AND {more}")).await
        };
        let tag = |text: &str| {
            format!(
                "(substr(c.connection_id, 1, {0}) = '{text}' OR c.id IN (SELECT connection_row
                 FROM connection_tags WHERE substr(value, 1, {0}) = '{text}'))",
                text.chars().count()
            )
        };
        for (query, condition) in [
            ("", "1 = 1".to_owned()),
            ("integration=slack", "i.unique_key = 'slack'".to_owned()),
            ("integration=figma", "i.unique_key = 'figma'".to_owned()),
            ("integration=none", "1 = 0".to_owned()),
            ("q=customer-00001", tag("customer-00001")),
            ("q=ada.baker", tag("ada.baker")),
            ("q=Ada+Baker", tag("Ada Baker")),
            ("q=Northwind+1", tag("Northwind 1")),
            ("q=org-7", tag("org-7")),
            ("q=zo%C3%AB.", tag("zoë.")),
            ("q=nobody", tag("nobody")),
            ("q=ada.&integration=slack", format!("{} AND i.unique_key = 'slack'", tag("ada."))),
        ] {
            let failing = format!("{condition} AND c.refresh_error IS NOT NULL");
            let (all, failing) = (count(&condition).await, count(&failing).await);
            for (state, expected) in [("", all), ("&state=error", failing)] {
                let path = format!("/dev/connections?{query}{state}");
                let page = owner.get(&path).await.text;
                let head = if expected > COUNTED_MAX {
                    "more than 1,000 connections,".to_owned()
                } else {
                    let plural = if expected == 1 { "" } else { "s" };
                    format!(">{} connection{plural},", shown(expected))
                };
                assert!(page.contains(&head), "{path}: {expected}, {page}");
                let link = format!(">{} with an error<", shown(failing));
                assert!(page.contains(&link), "{path}: {failing}, {page}");
                let rows =
                    walked(&owner, &path, "data-label=\"Integration\"", &["rel=\"next\""]).await;
                assert_eq!(rows, expected, "{path}");
            }
        }
        let kept = count("substr(c.connection_id, 1, 8) = 'customer'").await;
        let page = owner.get("/dev/connections?q=customer").await.text;
        assert!(kept > 500 && page.contains("at least 500 connections"), "{kept} {page}");
        assert!(page.contains("More begin so than are looked at: 500 ids"));
        let csv = owner.get("/dev/connections/export.csv?state=error").await.text;
        let failing = count("c.refresh_error IS NOT NULL").await;
        assert_eq!(csv.lines().count() as i64, failing + 1);
        let csv = owner.get("/dev/connections/export.csv").await.text;
        assert_eq!(csv.lines().count() as u64, CONNECTIONS + 1);
    })
    .await;
}

#[tokio::test]
async fn integrations_have_as_many_connections_as_sql_counts() {
    on_each_database(async |database| {
        let app = seeded(database).await;
        let owner = app.owner().await;
        let page = owner.get("/dev/integrations").await.text;
        for key in ["slack", "figma", "slack-eu"] {
            let sql = format!(
                "SELECT COUNT(*) AS n FROM connections c JOIN integrations i
                 ON i.id = c.integration_id WHERE i.unique_key = '{key}'"
            );
            let count = database.number(sql.clone()).await;
            let failing = database.number(format!("{sql} AND refresh_error IS NOT NULL")).await;
            let row = format!("/dev/integrations/{key}\"");
            let (_, row) = page.split_once(&row).unwrap_or_else(|| panic!("{key}: {page}"));
            let row = row.split("</tr>").next().unwrap();
            assert!(row.contains(&format!(">{}<", shown(count))), "{key} {count}: {row}");
            assert_eq!(row.contains("with an error"), failing > 0, "{key} {failing}: {row}");
        }
    })
    .await;
}

/// Operations that say a word somewhere, as SQL looks for it without an index.
fn said(text: &str) -> String {
    format!(
        "(title LIKE '%{text}%' OR error LIKE '%{text}%' OR EXISTS (SELECT 1 FROM messages
         m WHERE m.operation_id = o.id AND m.message LIKE '%{text}%'))"
    )
}

#[tokio::test]
async fn operations_are_as_many_as_sql_counts() {
    const HOUR_MS: i64 = 3_600_000;
    on_each_database(async |database| {
        let app = seeded(database).await;
        let owner = app.owner().await;
        let count = async |more: &str| {
            database.number(format!("SELECT COUNT(*) AS n FROM operations o WHERE {more}")).await
        };
        let since = |hours: i64| format!("created_at >= {}", START.millis() - hours * HOUR_MS);
        let id = "SELECT connection_id AS t FROM operations WHERE connection_id IS NOT NULL
             ORDER BY created_at LIMIT 1";
        let id = database.text(id.to_owned()).await;
        let older = [">Older<", ">Look further back<"];
        for (query, condition) in [
            ("state=failed".to_owned(), "state = 'failed'".to_owned()),
            ("state=cancelled".to_owned(), "state = 'cancelled'".to_owned()),
            ("state=timeout".to_owned(), "state = 'timeout'".to_owned()),
            ("kind=webhook".to_owned(), "kind = 'webhook'".to_owned()),
            (
                "kind=auth.create_connection".to_owned(),
                "kind = 'auth' AND action = 'create_connection'".to_owned(),
            ),
            ("integration=notion".to_owned(), "integration_key = 'notion'".to_owned()),
            (
                "integration=slack&state=failed".to_owned(),
                "integration_key = 'slack' AND state = 'failed'".to_owned(),
            ),
            (format!("connection={id}"), format!("connection_id = '{id}'")),
            ("period=24h".to_owned(), since(24)),
            ("period=3d&state=failed".to_owned(), format!("{} AND state = 'failed'", since(72))),
            ("q=revoked".to_owned(), said("revoked")),
            ("q=Invalid_Grant".to_owned(), said("invalid_grant")),
            ("q=418".to_owned(), said("status 418")),
            ("q=disab*".to_owned(), said("disabled")),
            ("q=denied+acce*".to_owned(), said("denied")),
            ("q=window+closed".to_owned(), said("window was closed")),
            ("q=figma".to_owned(), "integration_key = 'figma'".to_owned()),
            ("q=503&kind=webhook".to_owned(), format!("kind = 'webhook' AND {}", said("503"))),
            (format!("q={id}"), format!("connection_id = '{id}'")),
            ("q=revoked&period=7d".to_owned(), format!("{} AND {}", said("revoked"), since(168))),
            ("q=xylophone".to_owned(), "1 = 0".to_owned()),
            ("q=xylo*".to_owned(), "1 = 0".to_owned()),
        ] {
            let expected = count(&condition).await;
            assert!(expected < 1_000, "{query}: {expected}");
            let path = format!("/dev/logs?{query}");
            let rows = walked(&owner, &path, "data-label=\"State\"", &older).await;
            assert_eq!(rows, expected, "{query}");
            let page = owner.get(&path).await.text;
            if expected == 0 {
                let none = ["No operation matches", "None among the newest ones"];
                assert!(none.iter().any(|none| page.contains(none)), "{query}");
                continue;
            }
            // The choices that are made are those of the query.
            let (_, states) = page.split_once("aria-label=\"State\"").unwrap();
            let (states, rest) = states.split_once("</nav>").unwrap();
            let (_, chosen) = states.split_once("aria-current=\"true\"").unwrap();
            let chosen = chosen.split("</a>").next().unwrap();
            assert!(
                chosen.ends_with(&format!(">{}</span>", shown(expected)))
                    || chosen.ends_with("+</span>"),
                "{query}: {expected}, {chosen}"
            );
            assert!(rest.contains("aria-label=\"Kind\""));
        }
    })
    .await;
}
