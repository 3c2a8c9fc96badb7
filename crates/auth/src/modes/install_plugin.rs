//! INSTALL_PLUGIN: a plug-in installed at the provider.

use valetkey_catalog::AuthMode;

use crate::mode::Mode;

pub(super) struct InstallPlugin;

impl Mode for InstallPlugin {
    fn mode(&self) -> AuthMode {
        AuthMode::InstallPlugin
    }

    fn uses_browser(&self) -> bool {
        true
    }
}
