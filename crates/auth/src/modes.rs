//! The modes this server runs. To add one: write `modes/<mode>.rs` and list it here.

use valetkey_catalog::{AuthMode, Provider};

use crate::credentials::Credentials;
use crate::mode::Mode;

mod api_key;
mod app;
mod aws_sigv4;
mod basic;
mod bill;
mod custom;
mod install_plugin;
mod jwt;
mod mcp_oauth2;
pub(crate) mod mcp_oauth2_generic;
mod none;
mod oauth1;
mod oauth2;
pub(crate) mod oauth2_cc;
mod signature;
mod tba;
mod two_step;

/// Every mode this server runs.
pub static MODES: &[&dyn Mode] = &[
    &oauth2::OAuth2,
    &oauth2_cc::OAuth2Cc,
    &api_key::ApiKey,
    &basic::Basic,
    &none::NoAuth,
    &oauth1::OAuth1,
    &two_step::TwoStep,
    &jwt::Jwt,
    &app::App,
    &custom::Custom,
    &tba::Tba,
    &signature::Signature,
    &bill::Bill,
    &aws_sigv4::AwsSigV4,
    &install_plugin::InstallPlugin,
    &mcp_oauth2::McpOAuth2,
    &mcp_oauth2_generic::McpOAuth2Generic,
];

/// The mode of that name; none when this server does not run it.
pub fn mode(mode: AuthMode) -> Option<&'static dyn Mode> {
    MODES.iter().copied().find(|candidate| candidate.mode() == mode)
}

/// Whether fresh credentials can be had without the person.
pub fn can_refresh(provider: &Provider, credentials: &Credentials) -> bool {
    mode(provider.auth_mode).is_some_and(|mode| mode.can_refresh(provider, credentials))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mode_is_listed_once() {
        for candidate in AuthMode::ALL {
            assert_eq!(
                MODES.iter().filter(|listed| listed.mode() == candidate).count(),
                1,
                "{candidate}"
            );
        }
    }
}
