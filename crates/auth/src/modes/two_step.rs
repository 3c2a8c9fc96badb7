//! TWO_STEP: credentials exchanged for a token in one or more requests.

use valetkey_catalog::AuthMode;

use crate::mode::Mode;

pub(super) struct TwoStep;

impl Mode for TwoStep {
    fn mode(&self) -> AuthMode {
        AuthMode::TwoStep
    }
}
