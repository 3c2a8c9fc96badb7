//! Lists of operations: filters, words, pages, counts.

use std::collections::BTreeSet;

use valetkey_base::Timestamp;
use valetkey_store::{
    DURATION_STEPS, HOUR_MS, MessageRow, NewOperation, OperationCount, OperationFilter, Position,
    Question, RetentionCutoffs, duration_step,
};
use valetkey_testkit::on_each_database;

use crate::seed::{NOW, Seed, after, environment, seed};

fn operation(environment_id: i64, id: &str) -> NewOperation {
    NewOperation {
        id: id.to_owned(),
        environment_id,
        kind: "auth",
        action: "refresh_token",
        state: "success",
        title: "Token refreshed".to_owned(),
        integration_key: Some("github".to_owned()),
        provider: Some("github".to_owned()),
        connection_row: None,
        connection_id: Some("c-1".to_owned()),
        error: None,
        ended_at: Some(NOW),
        expires_at: None,
    }
}

async fn add(seed: &Seed, new: NewOperation, at: Timestamp) {
    commit!(seed.store, |tx| tx.insert_operation(&new, at).await).unwrap();
}

fn message(operation_id: &str, text: &str) -> MessageRow {
    MessageRow {
        operation_id: operation_id.to_owned(),
        level: "info",
        message: text.to_owned(),
        detail: None,
        created_at: after(500),
    }
}

async fn ids(seed: &Seed, filter: &OperationFilter) -> Vec<String> {
    let page = seed.store.operation_page(filter, None, 50).await.unwrap();
    assert!(page.older.is_none() && !page.is_cut);
    page.rows.into_iter().map(|row| row.id).collect()
}

fn asked(environment_id: i64, text: &str) -> OperationFilter {
    OperationFilter { environment_id, question: Question::parse(text), ..Default::default() }
}

#[tokio::test]
async fn filters_take_what_they_name() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        let env = seed.environment;
        add(&seed, operation(env, "1_a"), after(1)).await;
        let failed = NewOperation {
            state: "failed",
            connection_id: Some("c-2".to_owned()),
            ..operation(env, "2_b")
        };
        add(&seed, failed, after(2)).await;
        let webhook = NewOperation {
            kind: "webhook",
            action: "connection_create",
            integration_key: Some("notes".to_owned()),
            ..operation(env, "3_c")
        };
        add(&seed, webhook, after(3)).await;
        let (_, other) = environment(&seed.store, "other").await;
        add(&seed, operation(other, "4_d"), after(4)).await;
        let all = OperationFilter { environment_id: env, ..Default::default() };
        let text = |text: &str| Some(text.to_owned());
        for (filter, expected) in [
            (all.clone(), vec!["3_c", "2_b", "1_a"]),
            (OperationFilter { state: text("failed"), ..all.clone() }, vec!["2_b"]),
            (OperationFilter { state: text("success"), ..all.clone() }, vec!["3_c", "1_a"]),
            (OperationFilter { kind: text("webhook"), ..all.clone() }, vec!["3_c"]),
            (OperationFilter { action: text("refresh_token"), ..all.clone() }, vec!["2_b", "1_a"]),
            (OperationFilter { integration_key: text("notes"), ..all.clone() }, vec!["3_c"]),
            (OperationFilter { connection_id: text("c-1"), ..all.clone() }, vec!["3_c", "1_a"]),
            (OperationFilter { since: Some(after(2)), ..all.clone() }, vec!["3_c", "2_b"]),
            (OperationFilter { until: Some(after(2)), ..all.clone() }, vec!["1_a"]),
            (OperationFilter { kind: text("x"), ..all.clone() }, vec![]),
        ] {
            assert_eq!(ids(&seed, &filter).await, expected, "{filter:?}");
        }
        let both = OperationFilter {
            state: text("failed"),
            integration_key: text("github"),
            connection_id: text("c-2"),
            question: Question::parse("github c-2"),
            ..all.clone()
        };
        assert_eq!(ids(&seed, &both).await, ["2_b"]);
        let (groups, has_more) = seed.store.operation_groups(&both).await.unwrap();
        assert_eq!((groups.len(), groups[0].times, has_more), (1, 1, false));
        let (groups, _) = seed.store.operation_groups(&all).await.unwrap();
        assert_eq!(groups.len(), 3);
    })
    .await;
}

#[tokio::test]
async fn words_are_found_wherever_they_were_written_and_in_their_environment_only() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        let env = seed.environment;
        let (_, other) = environment(&seed.store, "other").await;
        let begun = NewOperation { title: "Connect Größe".to_owned(), ..operation(env, "1_a") };
        add(&seed, begun, after(1)).await;
        add(&seed, operation(other, "2_b"), after(1)).await;
        let ended = NewOperation {
            state: "failed",
            title: String::new(),
            error: Some("{\"code\":\"token_err\",\"provider_error\":\"invalid_grant\"}".to_owned()),
            ..operation(env, "1_a")
        };
        commit!(seed.store, |tx| tx.finish_operation(&ended, after(9)).await).unwrap();
        let messages =
            [message("1_a", "A Popup was blocked"), message("2_b", "elsewhere"), message("x", "x")];
        commit!(seed.store, |tx| tx.insert_messages(&messages).await).unwrap();
        for text in
            ["größe", "INVALID_grant", "popup blocked", "c-1", "1_a", "github", "blo*", "popup"]
        {
            assert_eq!(ids(&seed, &asked(env, text)).await, ["1_a"], "{text}");
        }
        for text in ["elsewhere", "popup größe", "provider_error", "blo", "_2"] {
            let found = ids(&seed, &asked(env, text)).await;
            assert!(found.is_empty(), "{text}: {found:?}");
        }
        assert_eq!(ids(&seed, &asked(other, "elsewhere")).await, ["2_b"]);
    })
    .await;
}

#[tokio::test]
async fn what_was_undone_is_not_found_and_what_was_purged_neither() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        let env = seed.environment;
        add(&seed, operation(env, "1_a"), after(1)).await;
        add(&seed, operation(env, "2_b"), after(20)).await;
        let undone = commit!(seed.store, |tx| {
            tx.insert_messages(&[message("1_a", "undone")]).await?;
            Err::<(), _>(valetkey_store::Error::Missing)
        });
        assert!(undone.is_err());
        assert!(ids(&seed, &asked(env, "undone")).await.is_empty());
        assert_eq!(ids(&seed, &asked(env, "refreshed")).await, ["2_b", "1_a"]);
        let cutoffs = RetentionCutoffs {
            expired: after(10),
            logs: after(10),
            events: after(10),
            deleted: after(10),
        };
        commit!(seed.store, |tx| tx.purge(cutoffs).await).unwrap();
        assert_eq!(ids(&seed, &asked(env, "refreshed")).await, ["2_b"]);
    })
    .await;
}

#[tokio::test]
async fn pages_follow_each_other_without_gaps_also_within_one_millisecond() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        let env = seed.environment;
        for number in 0..25 {
            add(&seed, operation(env, &format!("{number:02}")), after(number / 10)).await;
        }
        for filter in [
            asked(env, ""),
            asked(env, "refreshed"),
            OperationFilter { connection_id: Some("c-1".to_owned()), ..asked(env, "") },
        ] {
            let (mut all, mut after) = (Vec::new(), None::<Position>);
            loop {
                let page = seed.store.operation_page(&filter, after.as_ref(), 7).await.unwrap();
                all.extend(page.rows.into_iter().map(|row| row.id));
                let Some(next) = page.older else { break };
                after = Some(next);
            }
            let expected: Vec<_> = (0..25).rev().map(|number| format!("{number:02}")).collect();
            assert_eq!(all, expected);
        }
    })
    .await;
}

#[tokio::test]
async fn a_list_looks_at_so_many_rows_and_says_where_it_stopped() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        let env = seed.environment;
        let rare = NewOperation { kind: "webhook", ..operation(env, "rare") };
        add(&seed, rare, after(0)).await;
        commit!(seed.store, |tx| {
            for number in 0..2001 {
                tx.insert_operation(&operation(env, &format!("{number}")), after(1 + number))
                    .await?;
            }
            Ok(())
        })
        .unwrap();
        // Words are looked for in fewer rows at a time: each is read by its id.
        for (text, empty_pages) in [("", 1), ("github", 2)] {
            let filter = OperationFilter { kind: Some("webhook".to_owned()), ..asked(env, text) };
            let mut older = None;
            for _ in 0..empty_pages {
                let page = seed.store.operation_page(&filter, older.as_ref(), 50).await.unwrap();
                assert!(page.rows.is_empty() && page.is_cut, "{text}");
                older = page.older;
            }
            let page = seed.store.operation_page(&filter, older.as_ref(), 50).await.unwrap();
            assert_eq!(page.rows.len(), 1, "{text}");
            assert!(!page.is_cut && page.older.is_none());
            let (_, has_more) = seed.store.operation_groups(&filter).await.unwrap();
            assert!(has_more);
        }
    })
    .await;
}

#[tokio::test]
async fn hours_are_counted_and_counted_again() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        let env = seed.environment;
        assert_eq!(seed.store.operations_counted_to().await.unwrap(), None);
        let hour = Timestamp::from_millis(NOW.millis() - NOW.millis() % HOUR_MS);
        let end = Timestamp::from_millis(hour.millis() + HOUR_MS);
        let begun = NewOperation { state: "running", ..operation(env, "1_a") };
        add(&seed, begun, NOW).await;
        add(&seed, operation(env, "2_b"), NOW).await;
        assert_eq!(seed.store.operations_counted_to().await.unwrap(), Some(NOW));
        let count = async || -> Vec<OperationCount> {
            let counts = seed.store.count_operations(hour, end).await.unwrap();
            let written = counts.clone();
            commit!(seed.store, |tx| {
                tx.replace_operation_counts(hour, end, &written).await?;
                tx.sum_operation_days(hour, end).await
            })
            .unwrap();
            counts
        };
        assert_eq!(count().await.len(), 2);
        commit!(seed.store, |tx| tx.finish_operation(&operation(env, "1_a"), NOW).await).unwrap();
        let counts = count().await;
        assert_eq!((counts.len(), counts[0].times, counts[0].hour), (1, 2, hour));
        let days = seed.store.operations_per_day(env, hour, Some("github")).await.unwrap();
        assert_eq!((days.len(), days[0].times), (1, 2));
        assert_eq!(days[0].day, NOW.millis() / 86_400_000);
        assert!(seed.store.operations_per_day(env, hour, Some("x")).await.unwrap().is_empty());
        assert_eq!(seed.store.operations_counted_to().await.unwrap(), Some(hour));
    })
    .await;
}

#[tokio::test]
async fn durations_fall_into_the_steps_of_one_scale() {
    on_each_database(async |database| {
        let seed = seed(database).await;
        let env = seed.environment;
        let hour = Timestamp::from_millis(NOW.millis() - NOW.millis() % HOUR_MS);
        let end = Timestamp::from_millis(hour.millis() + HOUR_MS);
        let all = (0..20).flat_map(|power| [1_u64 << power, (1 << power) + 1]);
        let all: BTreeSet<u64> = [0].into_iter().chain(all).collect();
        for took in &all {
            let new = NewOperation {
                ended_at: Some(after(*took as i64)),
                action: "refresh_token",
                ..operation(env, &format!("{took}_a"))
            };
            add(&seed, new, NOW).await;
        }
        let running = NewOperation { ended_at: None, ..operation(env, "running") };
        add(&seed, running, NOW).await;
        let mut expected = [0; DURATION_STEPS];
        for took in all {
            expected[duration_step(std::time::Duration::from_millis(took))] += 1;
        }
        let counts = seed.store.count_durations(hour, end).await.unwrap();
        // Counted twice, and the second time written over the first.
        for _ in 0..2 {
            let written = counts.clone();
            commit!(seed.store, |tx| {
                tx.replace_durations(hour, end, &written).await?;
                tx.sum_duration_days(hour, end).await
            })
            .unwrap();
        }
        let mut stored = [0; DURATION_STEPS];
        for it in seed.store.durations_per_day(env, hour, Some("github")).await.unwrap() {
            assert_eq!((it.day, it.kind.as_str()), (NOW.millis() / 86_400_000, "auth"));
            stored[it.step] += it.times;
        }
        assert_eq!(stored, expected);
        assert!(seed.store.durations_per_day(env, hour, Some("x")).await.unwrap().is_empty());
    })
    .await;
}
