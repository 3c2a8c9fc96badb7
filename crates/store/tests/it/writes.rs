//! Transactions: what is kept, what is undone, and in which order.

use futures::future::join_all;
use valetkey_store::{Error, MessageRow};
use valetkey_testkit::on_each_database;

use crate::seed::{NOW, Seed, after, new_member, seed};

#[tokio::test]
async fn a_failing_write_undoes_itself_and_nobody_else() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        let writes = (0..60).map(|number: i64| {
            seed.store.write::<(), Error, _>(move |tx| {
                Box::pin(async move {
                    tx.insert_flow_result(&format!("flow {number}"), "{}", NOW).await?;
                    match number % 3 {
                        0 => Ok(()),
                        1 => Err(Error::Settings("on purpose".to_owned())),
                        // Refused by the database itself.
                        _ => tx.insert_member_twice(number).await,
                    }
                })
            })
        });
        for (number, result) in join_all(writes).await.into_iter().enumerate() {
            assert_eq!(result.is_ok(), number % 3 == 0, "{number}: {result:?}");
            let stored = seed.store.flow_result(&format!("flow {number}")).await;
            assert_eq!(stored.unwrap().is_some(), number % 3 == 0, "{number}");
        }
    })
    .await;
}

/// A write that the database refuses half way.
trait Refused {
    async fn insert_member_twice(&mut self, number: i64) -> Result<(), Error>;
}

impl Refused for valetkey_store::Tx {
    async fn insert_member_twice(&mut self, number: i64) -> Result<(), Error> {
        let account = self.insert_account("Acme", NOW).await?.id;
        let email = format!("{number}@acme.example");
        for _ in 0..2 {
            self.insert_member(&new_member(account, &email), NOW).await?;
        }
        Ok(())
    }
}

#[tokio::test]
async fn five_hundred_simultaneous_writes_all_land() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        let writes =
            (0..500).map(|number| seed.insert(seed.new_connection(&format!("c-{number}")), NOW));
        let mut ids = join_all(writes).await;
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 500);
        let number = seed.store.connections(seed.environment, &all(1000)).await;
        assert_eq!(number.unwrap().len(), 500);
    })
    .await;
}

fn all(limit: i64) -> valetkey_store::ConnectionFilter {
    valetkey_store::ConnectionFilter { limit, ..Default::default() }
}

#[tokio::test]
async fn writes_of_one_caller_are_committed_in_their_order() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        let writes = (0..50).map(|number| say(&seed, format!("message {number}")));
        if database.is_postgres() {
            for write in writes {
                write.await;
            }
        } else {
            // Polled in order, so queued in order.
            join_all(writes).await;
        }
        let messages = seed.store.messages("op", 100).await.unwrap();
        let texts: Vec<String> = messages.into_iter().map(|(_, text, _, _)| text).collect();
        let expected: Vec<String> = (0..50).map(|number| format!("message {number}")).collect();
        assert_eq!(texts, expected);
    })
    .await;
}

async fn say(seed: &Seed, text: String) {
    let message = MessageRow {
        operation_id: "op".to_owned(),
        level: "info",
        message: text,
        detail: None,
        created_at: NOW,
    };
    commit!(seed.store, |tx| tx.insert_messages(&[message]).await).unwrap();
}

#[tokio::test]
async fn a_transaction_sees_its_own_writes_and_others_only_when_committed() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        let outside = seed.store.clone();
        let (account, uuid) = (seed.account, "inside".to_owned());
        let inside = commit!(seed.store, |tx| {
            let row = tx.insert_environment(account, "inside", &uuid, true, "{}", NOW).await?;
            let seen_inside = tx.lock_environment(row.id).await?.is_some();
            let seen_outside = outside.environment(row.id).await?.is_some();
            Ok((row.id, seen_inside, seen_outside))
        });
        let (id, seen_inside, seen_outside) = inside.unwrap();
        assert!(seen_inside && !seen_outside);
        assert!(seed.store.environment(id).await.unwrap().is_some());
    })
    .await;
}

#[tokio::test]
async fn a_write_that_panics_is_undone_and_the_next_one_works() {
    on_each_database(async |database| {
        if database.is_postgres() {
            // There the panic is the caller's own; its connection goes back to the pool undone.
            return;
        }
        let seed = seed(database).await;
        let panicked = seed
            .store
            .write::<(), Error, _>(|tx| {
                Box::pin(async move {
                    tx.insert_flow_result("panic", "{}", NOW).await?;
                    panic!("on purpose");
                })
            })
            .await;
        assert!(panicked.is_err());
        assert_eq!(seed.store.flow_result("panic").await.unwrap(), None);
        commit!(seed.store, |tx| tx.insert_flow_result("next", "{}", NOW).await).unwrap();
        assert!(seed.store.flow_result("next").await.unwrap().is_some());
    })
    .await;
}

#[tokio::test]
async fn a_null_where_a_value_belongs_is_an_error_and_not_zero() {
    on_each_database(async |database| {
        let store = database.open().await;
        database.execute("DROP TABLE flow_results").await;
        database.execute("CREATE TABLE flow_results (client_id TEXT, result TEXT)").await;
        database.execute("INSERT INTO flow_results (client_id) VALUES ('c')").await;
        let read = store.flow_result("c").await;
        if database.is_postgres() {
            assert!(matches!(read, Err(Error::Sql(_))), "{read:?}");
        } else {
            assert!(matches!(read, Err(Error::UnexpectedNull("result"))), "{read:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_text_with_a_nul_is_stored_with_a_replacement() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        let message = MessageRow {
            operation_id: "op".to_owned(),
            level: "warn",
            message: "nul \0 and \\u0000".to_owned(),
            detail: Some("{\"a\":\"\\u0000\"}".to_owned()),
            created_at: after(1),
        };
        commit!(seed.store, |tx| tx.insert_messages(&[message]).await).unwrap();
        let messages = seed.store.messages("op", 1).await.unwrap();
        let (level, text, detail, at) = messages.into_iter().next().unwrap();
        assert_eq!((level.as_str(), at), ("warn", after(1)));
        assert_eq!(text, "nul \u{fffd} and \\u0000");
        assert_eq!(detail.as_deref(), Some("{\"a\":\"\\u0000\"}"));
        seed.connect("a\0b").await;
        assert_eq!(seed.read("a\0b").await.connection_id, "a\u{fffd}b");
    })
    .await;
}
