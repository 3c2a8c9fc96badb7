//! What an operator decides about installations that begin at the provider.

use serde::{Deserialize, Serialize};

use crate::connect_ui::check_return_url;
use crate::environments::EnvironmentView;
use crate::error::{Error, Issue, Result};

/// The settings of an integration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct InstallSettings {
    /// They are held; otherwise a callback without a state is refused.
    pub accept: bool,
    /// The app's page that a person is led to afterwards, with a claim token.
    pub claim_url: Option<String>,
}

/// A validated change; absent keeps.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct UpdateInstalls {
    /// New switch.
    pub accept: Option<bool>,
    /// New page; an empty text removes it.
    pub claim_url: Option<String>,
}

impl UpdateInstalls {
    /// # Errors
    /// [`Error::Invalid`] for a page that is not on the environment's list of return addresses.
    pub(crate) fn check(&self, environment: &EnvironmentView) -> Result<()> {
        let Some(url) = self.claim_url.as_deref().filter(|url| !url.is_empty()) else {
            return Ok(());
        };
        check_return_url(environment, url).map_err(|message| {
            Error::Invalid(vec![Issue::custom(&["installs", "claim_url"], message)])
        })
    }

    /// Changes what is stored.
    pub(crate) fn apply(self, settings: &mut InstallSettings) {
        settings.accept = self.accept.unwrap_or(settings.accept);
        if let Some(url) = self.claim_url {
            settings.claim_url = Some(url).filter(|url| !url.is_empty());
        }
    }
}
