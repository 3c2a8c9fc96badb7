//! The modes this server runs. To add one: write `modes/<mode>.rs` and list it here.

use valetkey_catalog::AuthMode;

use crate::error::{AuthError, Class};
use crate::mode::{Mode, Step};

mod api_key;
mod basic;
mod none;
mod oauth2;
mod oauth2_cc;

/// Every mode this server runs.
pub static MODES: &[&dyn Mode] =
    &[&oauth2::OAuth2, &oauth2_cc::OAuth2Cc, &api_key::ApiKey, &basic::Basic, &none::NoAuth];

/// The mode of that name; none when this server does not run it.
pub fn mode(mode: AuthMode) -> Option<&'static dyn Mode> {
    MODES.iter().copied().find(|candidate| candidate.mode() == mode)
}

/// The answer of a mode that has no browser flow.
fn no_browser_flow(mode: AuthMode) -> Step {
    let message = format!("{mode} connections are not made through a redirect.");
    Step::Failed(AuthError::new(Class::Ours, "auth_mode_err", message))
}

/// The answer of a mode whose credentials do not age.
fn nothing_to_refresh(mode: AuthMode) -> Step {
    let message = format!("{mode} credentials are not refreshed.");
    Step::Failed(AuthError::new(Class::Ours, "auth_mode_err", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_supported_mode_is_listed_once_and_no_other() {
        for candidate in AuthMode::ALL {
            assert_eq!(mode(candidate).is_some(), candidate.is_supported(), "{candidate}");
            assert!(MODES.iter().filter(|listed| listed.mode() == candidate).count() <= 1);
        }
    }
}
