//! After a change of protocol (status 101) both connections are joined until one of them ends.

use http::request::Parts;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use valetkey_engine::Engine;
use valetkey_engine::proxy::Duplex;

/// Joins the caller's connection with the provider's, in the background.
pub(super) fn open(engine: &Engine, parts: &mut Parts, mut far: Box<dyn Duplex>) {
    let Some(near) = parts.extensions.remove::<OnUpgrade>() else {
        tracing::warn!("a connection cannot be upgraded");
        return;
    };
    let stop = engine.tasks().stopping();
    engine.tasks().spawn(async move {
        let Ok(near) = near.await else { return };
        let mut near = TokioIo::new(near);
        // Whoever breaks off ends it for both; there is nobody left to be told.
        tokio::select! {
            () = stop.cancelled() => {}
            _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
        }
    });
}
