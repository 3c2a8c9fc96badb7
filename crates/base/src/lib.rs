//! The words every other crate shares: time, randomness, secrets, scopes and tasks. No I/O.
//!
//! Time and randomness are values that are passed in, so that a test can hold them still.

pub mod clock;
pub mod rng;
pub mod scope;
pub mod sealed;
pub mod secret;
pub mod tasks;

pub use clock::{Clock, Timestamp};
pub use rng::Rng;
pub use scope::ScopeSet;
pub use sealed::Sealed;
pub use secret::Secret;
pub use tasks::Tasks;
