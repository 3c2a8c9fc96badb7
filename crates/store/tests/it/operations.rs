//! Logs.

use valetkey_store::{MessageRow, NewOperation};
use valetkey_testkit::on_each_database;

use crate::seed::{NOW, Seed, after, environment, seed};

fn operation(seed: &Seed, id: &str) -> NewOperation {
    NewOperation {
        id: id.to_owned(),
        environment_id: seed.environment,
        kind: "auth",
        action: "create_connection",
        state: "running",
        title: "Connecting".to_owned(),
        integration_key: None,
        provider: None,
        connection_row: None,
        connection_id: None,
        error: None,
        ended_at: None,
        expires_at: Some(after(1000)),
    }
}

#[tokio::test]
async fn an_operation_begins_and_ends_with_what_became_known() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        let begun =
            NewOperation { integration_key: Some("github".to_owned()), ..operation(&seed, "1_a") };
        commit!(seed.store, |tx| tx.insert_operation(&begun, NOW).await).unwrap();
        let ended = NewOperation {
            state: "failed",
            connection_id: Some("c-1".to_owned()),
            error: Some("{\"code\":\"x\"}".to_owned()),
            ..operation(&seed, "1_a")
        };
        commit!(seed.store, |tx| tx.finish_operation(&ended, after(9)).await).unwrap();
        let found = seed.store.operation(seed.environment, "1_a").await.unwrap().unwrap();
        assert_eq!((found.state.as_str(), found.title.as_str()), ("failed", "Connecting"));
        assert_eq!(found.integration_key.as_deref(), Some("github"), "kept");
        assert_eq!(found.connection_id.as_deref(), Some("c-1"));
        assert_eq!(found.error.as_deref(), Some("{\"code\":\"x\"}"));
        assert_eq!((found.created_at, found.ended_at), (NOW, Some(after(9))));
        let (_, other) = environment(&seed.store, "other").await;
        assert!(seed.store.operation(other, "1_a").await.unwrap().is_none());
        let abandoned = commit!(seed.store, |tx| tx.abandon_operations(after(5000)).await);
        assert_eq!(abandoned.unwrap(), 0, "it has ended");
    })
    .await;
}

#[tokio::test]
async fn lists_are_filtered_and_newest_first() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        for (number, (kind, connection)) in
            [("auth", "c-1"), ("webhook", "c-1"), ("auth", "c-2")].into_iter().enumerate()
        {
            let new = NewOperation {
                kind,
                connection_id: Some(connection.to_owned()),
                ..operation(&seed, &number.to_string())
            };
            commit!(seed.store, |tx| tx.insert_operation(&new, after(number as i64)).await)
                .unwrap();
        }
        let list = async |kind, connection, limit| -> Vec<String> {
            let rows = seed.store.operations(seed.environment, kind, connection, limit).await;
            rows.unwrap().into_iter().map(|row| row.id).collect()
        };
        assert_eq!(list(None, None, 10).await, ["2", "1", "0"]);
        assert_eq!(list(None, None, 1).await, ["2"]);
        assert_eq!(list(Some("auth"), None, 10).await, ["2", "0"]);
        assert_eq!(list(Some("auth"), Some("c-1"), 10).await, ["0"]);
    })
    .await;
}

#[tokio::test]
async fn operations_that_nobody_finished_are_ended() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        let rows = [
            ("flow", "create_connection", "running", Some(after(10))),
            ("refresh", "refresh_token", "running", Some(after(10))),
            ("later", "create_connection", "running", Some(after(11))),
            ("done", "create_connection", "success", None),
        ];
        for (id, action, state, expires_at) in rows {
            let new = NewOperation { action, state, expires_at, ..operation(&seed, id) };
            commit!(seed.store, |tx| tx.insert_operation(&new, NOW).await).unwrap();
        }
        let abandon =
            async || commit!(seed.store, |tx| tx.abandon_operations(after(10)).await).unwrap();
        assert_eq!(abandon().await, 2);
        assert_eq!(abandon().await, 0);
        for (id, state) in [
            ("flow", "cancelled"),
            ("refresh", "timeout"),
            ("later", "running"),
            ("done", "success"),
        ] {
            let row = seed.store.operation(seed.environment, id).await.unwrap().unwrap();
            assert_eq!(row.state, state, "{id}");
        }
    })
    .await;
}

#[tokio::test]
async fn messages_are_stored_together_and_read_in_order() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        let messages: Vec<MessageRow> = (0..300)
            .map(|number| MessageRow {
                operation_id: format!("op {}", number % 2),
                level: "info",
                message: format!("m{number} \"quoted\" \\ é"),
                detail: (number % 4 == 0).then(|| "{\"k\": [1.0, null]}".to_owned()),
                created_at: after(number),
            })
            .collect();
        commit!(seed.store, |tx| tx.insert_messages(&messages).await).unwrap();
        commit!(seed.store, |tx| tx.insert_messages(&[]).await).unwrap();
        let read = seed.store.messages("op 0", 1000).await.unwrap();
        assert_eq!(read.len(), 150);
        let second = ("info".to_owned(), "m2 \"quoted\" \\ é".to_owned(), None, after(2));
        assert_eq!(read[1], second);
        assert_eq!(read[2].2.as_deref(), Some("{\"k\": [1.0, null]}"));
        assert_eq!(seed.store.messages("op 1", 7).await.unwrap().len(), 7);
    })
    .await;
}
