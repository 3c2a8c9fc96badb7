//! Removal by the retention settings.

use std::time::Duration;

use valetkey_testkit::{Receiver, on_each_database};

use crate::stage::stage;

const DAY: Duration = Duration::from_hours(24);

#[tokio::test]
async fn events_and_logs_are_kept_as_long_as_the_settings_say() {
    on_each_database(async |database| {
        let stage = stage(database).await;
        let receiver = Receiver::start().await;
        let urls = [format!("{}/", receiver.url())];
        stage.tell("evt_1", "auth.creation", &urls).await;
        stage.deliver().await;
        let store = stage.engine.store();
        let counts = async || {
            let events = store.events(stage.environment, None, 9).await.unwrap().len();
            let operations = store.operations(stage.environment, None, None, 9).await.unwrap();
            (events, operations.len())
        };
        assert_eq!(stage.engine.purge_once().await.unwrap().rows, 0);
        assert_eq!(counts().await, (1, 1));
        let settings = stage.engine.settings();
        assert!(settings.log_retention < settings.event_retention);
        stage.clock.advance(settings.log_retention + DAY);
        stage.engine.purge_once().await.unwrap();
        assert_eq!(counts().await, (1, 0));
        stage.clock.advance(settings.event_retention);
        stage.engine.purge_once().await.unwrap();
        assert_eq!(counts().await, (0, 0));
    })
    .await;
}
