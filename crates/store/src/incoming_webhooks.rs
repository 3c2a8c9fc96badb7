//! Webhooks that came from providers: knowing a repeat, and handing them on in order.

use valetkey_base::Timestamp;

use crate::db::{Tx, params};
use crate::error::Result;
use crate::events::NewEvent;
use crate::open::Store;

const REMEMBER: &str = "INSERT INTO incoming_webhooks (integration_id, fingerprint, received_at,
     expires_at) VALUES ($1, $2, $3, $4) ON CONFLICT (integration_id, fingerprint)
     DO UPDATE SET received_at = excluded.received_at, expires_at = excluded.expires_at
     WHERE incoming_webhooks.expires_at <= excluded.received_at";
const KNOWN: &str = "SELECT 1 AS known FROM incoming_webhooks
     WHERE integration_id = $1 AND fingerprint = $2 AND expires_at > $3";
const SET_HEADERS: &str = "UPDATE events SET headers = $2 WHERE id = $1";
const LAST_NUMBER: &str =
    "SELECT COALESCE(MAX(lane_number), 0) AS last FROM deliveries WHERE lane = $1";
const SET_LANE: &str = "UPDATE deliveries SET lane = $2, lane_number = $3 WHERE id = $1";

impl Store {
    /// Whether a webhook with one of these fingerprints came before. Only [`Tx::remember_webhook`]
    /// decides when two come at once.
    pub async fn is_webhook_known(
        &self,
        integration_id: i64,
        fingerprints: &[String],
        now: Timestamp,
    ) -> Result<bool> {
        for fingerprint in fingerprints {
            let values = params![integration_id, fingerprint, now];
            if self.db.fetch_optional(KNOWN, values).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Tx {
    /// Notes that a webhook came and says whether it is new. Every fingerprint must be new.
    pub async fn remember_webhook(
        &mut self,
        integration_id: i64,
        fingerprints: &[String],
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<bool> {
        let mut is_new = true;
        for fingerprint in fingerprints {
            let values = params![integration_id, fingerprint, now, expires_at];
            is_new &= self.execute(REMEMBER, values).await? > 0;
        }
        Ok(is_new)
    }

    /// Stores an event that is relayed with headers of its own. Deliveries of one connection to one
    /// URL leave in the order of these calls: the connection must be locked, so that two do not get
    /// the same number. Without a connection there is no order.
    pub async fn insert_relayed_event(&mut self, new: &NewEvent, headers: &str) -> Result<()> {
        self.insert_event(new).await?;
        self.execute(SET_HEADERS, params![&new.event.id, headers]).await?;
        let Some(connection) = new.event.connection_row else { return Ok(()) };
        for delivery in &new.deliveries {
            let lane = format!("{connection} {}", delivery.url);
            let last: i64 = self.fetch_one(LAST_NUMBER, params![&lane]).await?.get("last")?;
            self.execute(SET_LANE, params![&delivery.id, lane, last + 1]).await?;
        }
        Ok(())
    }
}
