//! Whether the server is there.

use crate::client::Client;
use crate::error::Result;
use crate::routes::{HEALTH, READY};

/// Whether the server is there.
#[derive(Debug)]
pub struct Health<'a>(pub(crate) &'a Client);

impl Health<'_> {
    /// Whether the process answers.
    ///
    /// # Errors
    /// [`crate::Error`].
    pub async fn check(&self) -> Result<()> {
        self.0.call(HEALTH).done().await
    }

    /// Whether it can serve: its database answers as well.
    ///
    /// # Errors
    /// [`crate::Error`].
    pub async fn ready(&self) -> Result<()> {
        self.0.call(READY).done().await
    }
}
