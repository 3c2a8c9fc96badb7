//! A request body that is carried while it arrives and, as long as it is small, can be sent again.
//!
//! Nothing waits for the body to be complete: what an attempt takes is passed on and, up to a
//! limit, kept. A later attempt gets what was kept and then goes on with what is still coming. Once
//! the limit is passed nothing is kept, and there is no second attempt.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, Full};
use tokio::runtime::Handle;

/// How long the rest of a body is read that nobody wants.
const DRAINED_FOR: Duration = Duration::from_secs(10);
/// Most bytes of it.
const DRAINED_BYTES_MAX: usize = 64 << 20;

/// Why a body ended early. Its text says nothing of the content.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// A body of any origin.
pub type AnyBody = UnsyncBoxBody<Bytes, BodyError>;

/// A body to be sent, perhaps more than once. Clones share it.
#[derive(Clone)]
pub struct Replay(Arc<Mutex<Shared>>);

struct Shared {
    source: AnyBody,
    /// What came so far, while that is all of it.
    kept: Vec<Bytes>,
    kept_bytes: usize,
    kept_max: usize,
    is_whole: bool,
    has_ended: bool,
    /// The number of the newest attempt; only that one may read on.
    attempt: u64,
    size: SizeHint,
}

/// The body is larger than can be read into memory.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("the body is larger than {limit_bytes} bytes")]
pub struct BodyTooLarge {
    /// The most that is read, in bytes.
    pub limit_bytes: usize,
}

/// Why a body could not be read whole.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// It is too large.
    #[error(transparent)]
    TooLarge(#[from] BodyTooLarge),
    /// Its sender broke off.
    #[error("the body broke off")]
    Broken,
}

impl Replay {
    /// Carries a body and keeps at most `kept_max` bytes of it for another attempt.
    pub fn new(source: AnyBody, kept_max: usize) -> Self {
        let size = source.size_hint();
        let has_ended = source.is_end_stream();
        Self(Arc::new(Mutex::new(Shared {
            source,
            kept: Vec::new(),
            kept_bytes: 0,
            kept_max,
            is_whole: true,
            has_ended,
            attempt: 0,
            size,
        })))
    }

    /// A body that is there already.
    pub fn from_bytes(bytes: Bytes) -> Self {
        let kept_max = bytes.len();
        let source = if bytes.is_empty() {
            nothing()
        } else {
            Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
        };
        Self::new(source, kept_max)
    }

    /// No body.
    pub fn empty() -> Self {
        Self::from_bytes(Bytes::new())
    }

    /// Whether there is surely nothing to send.
    pub fn is_empty(&self) -> bool {
        let shared = self.lock();
        shared.has_ended && shared.kept.is_empty() && shared.is_whole
    }

    /// Whether it can be sent from its beginning.
    pub fn can_be_sent(&self) -> bool {
        self.lock().is_whole
    }

    /// Reads the whole body. It can be sent afterwards.
    ///
    /// # Errors
    /// When it has more than `bytes_max` bytes, or its sender broke off.
    pub async fn collect(&self, bytes_max: usize) -> Result<Bytes, CollectError> {
        let limit = BodyTooLarge { limit_bytes: bytes_max };
        {
            let mut shared = self.lock();
            if shared.size.lower() > bytes_max as u64 {
                return Err(limit.into());
            }
            shared.kept_max = shared.kept_max.max(bytes_max);
        }
        let mut attempt = self.attempt();
        let mut all = BytesMut::new();
        while let Some(frame) = attempt.frame().await {
            let Ok(data) = frame.map_err(|_| CollectError::Broken)?.into_data() else { continue };
            if all.len() + data.len() > bytes_max {
                return Err(limit.into());
            }
            all.extend_from_slice(&data);
        }
        Ok(all.freeze())
    }

    /// The body from its beginning, for somebody else to read.
    pub fn again(&self) -> AnyBody {
        self.attempt().boxed_unsync()
    }

    /// The body from its beginning. An earlier attempt that is still being sent breaks off.
    pub(crate) fn attempt(&self) -> Attempt {
        let mut shared = self.lock();
        shared.attempt += 1;
        Attempt { body: self.0.clone(), number: shared.attempt, position: 0 }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One sending of a [`Replay`].
pub(crate) struct Attempt {
    body: Arc<Mutex<Shared>>,
    number: u64,
    /// How many of the kept pieces were sent.
    position: usize,
}

impl Body for Attempt {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let body = self.body.clone();
        let mut shared = body.lock().unwrap_or_else(PoisonError::into_inner);
        if shared.attempt != self.number {
            return Poll::Ready(Some(Err("another attempt took over".into())));
        }
        if let Some(piece) = shared.kept.get(self.position).cloned() {
            self.position += 1;
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        if shared.has_ended {
            return Poll::Ready(None);
        }
        let polled = Pin::new(&mut shared.source).poll_frame(context);
        match &polled {
            Poll::Ready(None) => shared.has_ended = true,
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    shared.keep(data);
                    self.position = shared.kept.len();
                }
                // Hyper asks for no further frame once the announced length is there.
                shared.has_ended |= shared.source.is_end_stream();
            }
            Poll::Ready(Some(Err(_))) => {
                shared.is_whole = false;
                shared.has_ended = true;
            }
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        let shared = self.body.lock().unwrap_or_else(PoisonError::into_inner);
        shared.has_ended && self.position >= shared.kept.len()
    }

    fn size_hint(&self) -> SizeHint {
        let shared = self.body.lock().unwrap_or_else(PoisonError::into_inner);
        shared.size
    }
}

/// Whoever answers early, a provider that refuses an upload for instance, need not take the rest of
/// the body. Its sender may be in the midst of it, and would not see the answer if the connection
/// were closed under it: the rest is read for a while and thrown away.
impl Drop for Shared {
    fn drop(&mut self) {
        if self.has_ended {
            return;
        }
        let Ok(runtime) = Handle::try_current() else { return };
        let rest = std::mem::replace(&mut self.source, nothing());
        runtime.spawn(tokio::time::timeout(DRAINED_FOR, drain(rest)));
    }
}

async fn drain(mut rest: AnyBody) {
    let mut left = DRAINED_BYTES_MAX;
    while let Some(Ok(frame)) = rest.frame().await {
        let bytes = frame.data_ref().map_or(0, Bytes::len);
        match left.checked_sub(bytes) {
            Some(less) => left = less,
            None => return,
        }
    }
}

fn nothing() -> AnyBody {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

impl Shared {
    fn keep(&mut self, data: &Bytes) {
        if !self.is_whole {
            return;
        }
        self.kept_bytes += data.len();
        if self.kept_bytes > self.kept_max {
            self.is_whole = false;
            self.kept = Vec::new();
        } else {
            self.kept.push(data.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_pieces(pieces: &[&'static str]) -> AnyBody {
        let frames: Vec<_> = pieces
            .iter()
            .map(|piece| Ok::<_, BodyError>(Frame::data(Bytes::from_static(piece.as_bytes()))))
            .collect();
        http_body_util::StreamBody::new(futures::stream::iter(frames)).boxed_unsync()
    }

    async fn all(attempt: Attempt) -> Option<String> {
        let bytes = attempt.collect().await.ok()?.to_bytes();
        String::from_utf8(bytes.to_vec()).ok()
    }

    #[tokio::test]
    async fn a_small_body_is_sent_again_from_wherever_the_last_attempt_stopped() {
        let replay = Replay::new(in_pieces(&["ab", "cd", "ef"]), 100);
        let mut first = replay.attempt();
        assert_eq!(first.frame().await.unwrap().unwrap().into_data().unwrap(), "ab");
        assert_eq!(all(replay.attempt()).await.unwrap(), "abcdef");
        assert_eq!(all(replay.attempt()).await.unwrap(), "abcdef");
        assert!(first.frame().await.unwrap().is_err(), "the first may not read on");
        assert!(replay.can_be_sent());
    }

    #[tokio::test]
    async fn the_rest_of_a_body_that_nobody_wants_is_read_up_to_a_limit() {
        let piece = Bytes::from(vec![0; 1 << 20]);
        let (sender, receiver) = tokio::sync::mpsc::channel::<Bytes>(1);
        let pieces = futures::stream::unfold(receiver, async |mut receiver| {
            let piece = receiver.recv().await?;
            Some((Ok::<_, BodyError>(Frame::data(piece)), receiver))
        });
        let replay = Replay::new(http_body_util::StreamBody::new(pieces).boxed_unsync(), 0);
        sender.send(piece.clone()).await.unwrap();
        let mut attempt = replay.attempt();
        assert!(attempt.frame().await.unwrap().is_ok());
        drop((attempt, replay));
        for _ in 0..DRAINED_BYTES_MAX >> 20 {
            sender.send(piece.clone()).await.unwrap();
        }
        while sender.send(piece.clone()).await.is_ok() {}
    }

    #[tokio::test]
    async fn a_large_body_is_carried_once_and_not_kept() {
        let replay = Replay::new(in_pieces(&["abc", "def"]), 5);
        assert_eq!(all(replay.attempt()).await.unwrap(), "abcdef");
        assert!(!replay.can_be_sent());
        assert!(replay.lock().kept.is_empty());
    }

    #[tokio::test]
    async fn a_collected_body_is_bounded_and_can_be_sent() {
        let replay = Replay::new(in_pieces(&["abc", "def"]), 0);
        assert_eq!(replay.collect(6).await.unwrap(), "abcdef");
        assert_eq!(all(replay.attempt()).await.unwrap(), "abcdef");
        let replay = Replay::new(in_pieces(&["abc", "def"]), 0);
        assert!(matches!(replay.collect(5).await, Err(CollectError::TooLarge(_))));
        assert!(Replay::empty().is_empty() && !Replay::from_bytes("a".into()).is_empty());
    }
}
