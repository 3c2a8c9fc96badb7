//! Tells an open list how many newer operations there are, by server-sent events.
//!
//! Each listener looks every [`LOOK_EVERY`], walks no further back than the newest operation it
//! knows, and is told only when the number changes. Listeners are few, end with the server, and
//! come again after [`LISTENS_FOR`], so that who has lost access meanwhile is not told any more.

use std::convert::Infallible;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep};
use valetkey_base::Timestamp;
use valetkey_engine::Engine;
use valetkey_engine::logs::{Newest, OperationFilter};

use super::super::failure::Failure;
use super::super::visit::Visit;
use super::filter::Asked;

/// How often a listener looks.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long one connection lasts; the browser opens the next.
const LISTENS_FOR: Duration = Duration::from_mins(10);
/// Listeners of this process at once.
const LISTENERS_MAX: usize = 64;
/// Operations of one millisecond that a listener names.
const NAMED_MAX: usize = 50;

static ROOM: Semaphore = Semaphore::const_new(LISTENERS_MAX);

struct Listener {
    engine: Engine,
    filter: OperationFilter,
    newest: Newest,
    told: i64,
    is_first: bool,
    ends_at: Instant,
    _room: SemaphorePermit<'static>,
}

pub(super) async fn tell(visit: Visit) -> Result<Response, Failure> {
    let at = visit.query.text("at").parse().map_err(|_| Failure::Missing)?;
    let ids = visit.query.all("id").take(NAMED_MAX).map(str::to_owned).collect();
    let newest = Newest { at: Timestamp::from_millis(at), ids };
    let Ok(room) = ROOM.try_acquire() else {
        // The script tries no more, and the page stays as it is.
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let listener = Listener {
        engine: visit.engine().clone(),
        filter: Asked::read(&visit)?.filter,
        newest,
        told: 0,
        is_first: true,
        ends_at: Instant::now() + LISTENS_FOR,
        _room: room,
    };
    let events = futures::stream::unfold(listener, async |mut listener| {
        let count = listener.next().await?;
        let event = Event::default().event("newer").data(count.to_string());
        Some((Ok::<_, Infallible>(event), listener))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response())
}

impl Listener {
    /// The next number there is to tell; `None` at the end.
    async fn next(&mut self) -> Option<i64> {
        let stop = self.engine.tasks().stopping();
        loop {
            if !std::mem::take(&mut self.is_first) {
                tokio::select! {
                    () = stop.cancelled() => return None,
                    () = sleep(LOOK_EVERY) => {}
                }
            }
            if Instant::now() >= self.ends_at {
                return None;
            }
            // Failing to look once costs time and nothing else.
            let count = self.engine.newer_operations(&self.filter, &self.newest).await;
            if let Ok(count) = count
                && count != self.told
            {
                self.told = count;
                return Some(count);
            }
        }
    }
}
