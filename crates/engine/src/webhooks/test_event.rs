//! An event that somebody sends to see whether their receiver works.

use serde_json::json;
use valetkey_store::{DeliveryRow, Event, NewDelivery, NewEvent};

use crate::engine::Engine;
use crate::environments::EnvironmentView;
use crate::error::{Error, Result};
use crate::events::origin;
use crate::webhooks::payload::canonical_json;

/// The type of the event; receivers of the other types pass over it.
pub const KIND: &str = "test";

impl Engine {
    /// Sends a test event to the environment's URLs, signed like every other one.
    ///
    /// # Errors
    /// [`Error::Refused`] (`no_webhook_url`) when the environment has none.
    pub async fn send_test_event(&self, environment: &EnvironmentView, actor: &str) -> Result<()> {
        let settings = &environment.settings;
        let urls = [settings.webhook_url.as_deref(), settings.webhook_url_secondary.as_deref()];
        let mut urls: Vec<&str> =
            urls.into_iter().flatten().filter(|url| !url.is_empty()).collect();
        urls.dedup();
        if urls.is_empty() {
            return Err(Error::Refused {
                code: "no_webhook_url",
                message: "There is no URL to send to. Save one first.".to_owned(),
            });
        }
        let now = self.clock.now();
        let delivery = |url: &&str| NewDelivery {
            id: self.sortable_id("dlv", now),
            url: (*url).to_owned(),
            destination: origin(url),
        };
        let payload = json!({
            "from": "nango",
            "type": KIND,
            "environment": environment.name,
            "message": "A test: the receiver and its signature check work.",
        });
        let event = NewEvent {
            deliveries: urls.iter().map(delivery).collect(),
            event: Event {
                id: self.sortable_id("evt", now),
                environment_id: environment.id,
                connection_row: None,
                kind: KIND.to_owned(),
                payload: canonical_json(&payload),
                created_at: now,
            },
        };
        self.store
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move { Ok(tx.insert_event(&event).await?) })
            })
            .await?;
        self.recorder.audit(Some(environment.id), actor, "webhook.test_sent", "");
        Ok(())
    }

    /// A delivery of an environment and the body it carries.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the environment has no such delivery.
    pub async fn delivery(&self, environment_id: i64, id: &str) -> Result<(DeliveryRow, String)> {
        let found = self.store.delivery(environment_id, id).await?;
        found.ok_or(Error::NotFound("delivery"))
    }
}
