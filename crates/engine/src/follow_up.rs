//! What follows a grant before it is stored: the expiry of its token, second tokens, facts about
//! the account.

use std::time::Duration;

pub(crate) use valetkey_auth::follow_up::Occasion;
use valetkey_auth::follow_up::{begin, finish, is_required, tasks};
use valetkey_auth::{AuthError, Class, Grant};
use valetkey_egress::Redirects;

use crate::engine::Engine;
use crate::protocol::Party;

/// Most time for everything that follows a refresh. It ends before the row's lease does, or another
/// process could spend the same refresh token meanwhile.
const AFTER_REFRESH_MAX: Duration = Duration::from_secs(5);

impl Engine {
    /// Completes a grant. A fact that is nice to have and cannot be learned is left out with a
    /// warning; without a required one the grant is worth nothing.
    ///
    /// # Errors
    /// What kept a required part from being had.
    pub(crate) async fn follow_up(
        &self,
        party: &Party<'_>,
        mut grant: Grant,
        occasion: Occasion,
    ) -> Result<Grant, AuthError> {
        let budget = match occasion {
            Occasion::Connect => self.settings.token_timeout,
            Occasion::Refresh => AFTER_REFRESH_MAX.min(self.settings.token_timeout),
        };
        let deadline = tokio::time::Instant::now() + budget;
        for task in tasks(party.provider, &grant, occasion) {
            let outcome = match begin(&self.context(party), &mut grant, task) {
                Ok(None) => continue,
                Ok(Some(request)) => {
                    let left = deadline.saturating_duration_since(tokio::time::Instant::now());
                    match self.exchange(request, left, Redirects::Refuse).await {
                        Ok(reply) => finish(&self.context(party), &mut grant, task, &reply),
                        Err(error) => Err(AuthError::new(
                            Class::Transient,
                            "unknown_err",
                            format!("The provider could not be asked about the account: {error}."),
                        )),
                    }
                }
                Err(error) => Err(error),
            };
            match outcome {
                Ok(()) => {}
                Err(error) if is_required(party.provider, task, occasion) => return Err(error),
                Err(error) => tracing::warn!(
                    provider = party.provider.name,
                    ?task,
                    reason = error.message,
                    "a step after the authorization was left out"
                ),
            }
        }
        Ok(grant)
    }
}
