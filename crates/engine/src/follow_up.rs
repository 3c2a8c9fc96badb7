//! What follows a grant before it is stored: the expiry of its token, second tokens, facts about
//! the account.

pub(crate) use valetkey_auth::follow_up::Occasion;
use valetkey_auth::follow_up::{begin, finish, is_required, tasks};
use valetkey_auth::{AuthError, Class, Grant};
use valetkey_egress::Redirects;

use crate::engine::Engine;
use crate::protocol::Party;

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
        for task in tasks(party.provider, &grant, occasion) {
            let outcome = match begin(&self.context(party), &mut grant, task) {
                Ok(None) => continue,
                Ok(Some(request)) => {
                    let timeout = self.settings.token_timeout;
                    match self.exchange(request, timeout, Redirects::Refuse).await {
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
                Err(error) if is_required(party.provider, task) => return Err(error),
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
