//! Sends the events in the outbox.
//!
//! Reads: deliveries that are due, breakers, signing keys. Writes: leases, attempts, the next
//! instant of a delivery, breakers, the log.
//!
//! Woken by [`Notice::Events`] when an event is stored, here or on another replica; by the next
//! instant something falls due; by every delivery that ends; and by the job interval, because a
//! notice may be lost and a lease may run out.
//!
//! Safe twice: a delivery is leased in the transaction that claims it, so no two processes send it
//! at once. On shutdown nothing more is claimed, and what is under way is finished.

use std::collections::HashMap;
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use valetkey_store::Notice;

use crate::engine::Engine;
use crate::error::Result;
use crate::webhooks::deliver::Admitted;

/// Deliveries under way. Each answers with its destination when it ends.
#[derive(Default)]
struct UnderWay {
    ends: FuturesUnordered<BoxFuture<'static, String>>,
    by_destination: HashMap<String, usize>,
}

pub(super) async fn run(engine: Engine) {
    let stop = engine.tasks.stopping();
    let mut notices = engine.store.notices();
    let mut under_way = UnderWay::default();
    while !stop.is_cancelled() {
        // What was told so far is seen by the claim that follows.
        while !matches!(notices.try_recv(), Err(TryRecvError::Empty | TryRecvError::Closed)) {}
        let pause = match fill(&engine, &mut under_way).await {
            Ok(pause) => pause,
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "could not look for webhooks to send"
                );
                engine.settings.job_interval
            }
        };
        tokio::select! {
            () = stop.cancelled() => break,
            Some(destination) = under_way.ends.next() => under_way.ended(&destination),
            () = told(&mut notices) => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
    while under_way.ends.next().await.is_some() {}
}

/// Claims and starts as much as there is room for, and says how long to wait for more.
async fn fill(engine: &Engine, under_way: &mut UnderWay) -> Result<Duration> {
    loop {
        let parallel_max = engine.settings.webhook_parallel_max;
        let room = parallel_max.saturating_sub(under_way.ends.len());
        if room == 0 {
            return Ok(engine.settings.job_interval);
        }
        let claim = engine.claim_deliveries(room, &under_way.by_destination).await?;
        for admitted in claim.admitted {
            under_way.start(engine, admitted);
        }
        if !claim.more {
            break;
        }
    }
    let now = engine.clock.now();
    let next = engine.store.next_delivery_due(now).await?;
    let pause = next.map_or(Duration::MAX, |due| due.since(now));
    Ok(pause.min(engine.settings.job_interval))
}

/// Waits for a notice that there may be something to send.
async fn told(notices: &mut Receiver<Notice>) {
    loop {
        match notices.recv().await {
            Ok(Notice::Events | Notice::Anything) | Err(RecvError::Lagged(_)) => return,
            Ok(_) => {}
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

impl UnderWay {
    fn start(&mut self, engine: &Engine, admitted: Admitted) {
        let destination = admitted.destination().to_owned();
        *self.by_destination.entry(destination.clone()).or_default() += 1;
        let sender = engine.clone();
        let sending = engine.tasks.spawn(async move { sender.deliver(admitted).await });
        self.ends.push(Box::pin(async move {
            // A panic was reported already; the lease brings the delivery back.
            let _ = sending.await;
            destination
        }));
    }

    fn ended(&mut self, destination: &str) {
        if let Some(count) = self.by_destination.get_mut(destination) {
            *count -= 1;
            if *count == 0 {
                self.by_destination.remove(destination);
            }
        }
    }
}
