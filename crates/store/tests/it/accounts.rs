//! Accounts, members and the owner link.

use futures::future::join_all;
use valetkey_testkit::on_each_database;

use crate::seed::{NOW, after, is_duplicate, new_member};

#[tokio::test]
async fn the_first_run_happens_once_among_many() {
    on_each_database(async |database| {
        let (one, two) = (database.open().await, database.open().await);
        assert!(one.first_account().await.unwrap().is_none());
        let runs = (0..10).map(|number| {
            let store = if number % 2 == 0 || !database.is_postgres() { &one } else { &two };
            async move {
                commit!(store, |tx| {
                    tx.lock_first_run().await?;
                    match tx.first_account().await? {
                        Some(account) => Ok((account.id, false)),
                        None => Ok((tx.insert_account("Acme", NOW).await?.id, true)),
                    }
                })
                .unwrap()
            }
        });
        let answers = join_all(runs).await;
        assert_eq!(answers.iter().filter(|(_, made)| *made).count(), 1);
        assert!(answers.iter().all(|(id, _)| *id == answers[0].0));
        let account = two.first_account().await.unwrap().unwrap();
        assert_eq!((account.id, account.name.as_str()), (answers[0].0, "Acme"));
    })
    .await;
}

#[tokio::test]
async fn an_address_belongs_to_one_member() {
    on_each_database(async |database| {
        let store = database.open().await;
        let account = commit!(store, |tx| tx.insert_account("Acme", NOW).await).unwrap().id;
        let insert = async || {
            commit!(store, |tx| {
                tx.insert_member(&new_member(account, "ann@acme.example"), NOW).await
            })
        };
        assert_eq!(store.member_count(account).await.unwrap(), 0);
        let member = insert().await.unwrap();
        assert!(is_duplicate(&insert().await));
        assert_eq!(store.member_count(account).await.unwrap(), 1);
        let found = store.member_by_email("ann@acme.example").await.unwrap().unwrap();
        assert_eq!((found.id, found.account_id), (member.id, account));
        assert_eq!((found.role.as_str(), found.password_hash.as_str()), ("owner", "hash"));
        assert!(store.member_by_email("bob@acme.example").await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn an_owner_link_is_used_once_before_it_expires() {
    on_each_database(async |database| {
        let store = database.open().await;
        let account = commit!(store, |tx| tx.insert_account("Acme", NOW).await).unwrap().id;
        commit!(store, |tx| tx.replace_owner_link(account, "old", after(10)).await).unwrap();
        commit!(store, |tx| tx.replace_owner_link(account, "new", after(10)).await).unwrap();
        assert!(!store.owner_link_is_live("old", NOW).await.unwrap());
        assert!(store.owner_link_is_live("new", NOW).await.unwrap());
        assert!(!store.owner_link_is_live("new", after(10)).await.unwrap());
        let late = commit!(store, |tx| tx.use_owner_link("new", after(10)).await).unwrap();
        assert_eq!(late, None);
        let uses = (0..5).map(|_| async {
            commit!(store, |tx| tx.use_owner_link("new", after(9)).await).unwrap()
        });
        let used = join_all(uses).await;
        assert_eq!(used.iter().flatten().collect::<Vec<_>>(), [&account]);
        assert!(!store.owner_link_is_live("new", NOW).await.unwrap());
    })
    .await;
}
