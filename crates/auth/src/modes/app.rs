//! APP: an installation of a GitHub App.

use valetkey_catalog::AuthMode;

use crate::mode::Mode;

pub(super) struct App;

impl Mode for App {
    fn mode(&self) -> AuthMode {
        AuthMode::App
    }

    fn uses_browser(&self) -> bool {
        true
    }
}
