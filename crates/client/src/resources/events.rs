//! The feed of events, and deliveries of webhooks.

use futures::stream::{self, Stream, StreamExt as _, TryStreamExt as _};
use serde::Deserialize;
use serde_json::Value;

use super::Data;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::routes::{DELIVERIES, EVENTS, REPLAY};

/// Events in a page of [`Events::after`].
const PAGE_SIZE: u32 = 100;

/// The feed of events, and deliveries of webhooks.
#[derive(Debug)]
pub struct Events<'a>(pub(crate) &'a Client);

/// An event, whether or not it was sent anywhere.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct FeedEvent {
    /// Its id, by which the feed goes on.
    pub id: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// What a webhook of it says.
    pub payload: Value,
    /// When it happened, as ISO 8601.
    pub created_at: String,
}

/// A webhook on its way, or gone.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Delivery {
    /// Its id.
    pub id: String,
    /// The event.
    pub event_id: String,
    /// Where it goes.
    pub url: String,
    /// `pending`, `delivered`, `failed`, …
    pub state: String,
    /// Attempts so far.
    pub attempts: u32,
    /// The last HTTP status.
    pub last_status: Option<u16>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
}

impl<'a> Events<'a> {
    /// Events after one of them, or from the oldest, in order.
    ///
    /// # Errors
    /// [`crate::Error`].
    pub async fn list(&self, after: Option<&str>, limit: u32) -> Result<Vec<FeedEvent>> {
        let call = self.0.call(EVENTS).query_if("after", after).query("limit", &limit);
        call.send::<Data<_>>().await.map(|listed| listed.data)
    }

    /// All events after one of them, up to now.
    pub fn after(self, event: Option<String>) -> impl Stream<Item = Result<FeedEvent>> + use<'a> {
        let client = self.0;
        let pages = stream::try_unfold((event, false), move |(after, is_done)| async move {
            if is_done {
                return Ok::<_, Error>(None);
            }
            let page = Events(client).list(after.as_deref(), PAGE_SIZE).await?;
            let is_last = page.len() < PAGE_SIZE as usize;
            let next = page.last().map(|event| event.id.clone()).or(after);
            Ok(Some((stream::iter(page).map(Ok), (next, is_last))))
        });
        pages.try_flatten()
    }

    /// Deliveries, newest first; `state` as in [`Delivery::state`].
    ///
    /// # Errors
    /// [`crate::Error`].
    pub async fn deliveries(&self, state: Option<&str>) -> Result<Vec<Delivery>> {
        let call = self.0.call(DELIVERIES).query_if("state", state);
        call.send::<Data<_>>().await.map(|listed| listed.data)
    }

    /// Sends a webhook again.
    ///
    /// # Errors
    /// [`crate::Error`].
    pub async fn replay(&self, delivery: &str) -> Result<()> {
        self.0.call(REPLAY).segment(delivery).done().await
    }
}
