//! BILL: the session login of BILL.

use valetkey_catalog::AuthMode;

use crate::mode::Mode;

pub(super) struct Bill;

impl Mode for Bill {
    fn mode(&self) -> AuthMode {
        AuthMode::Bill
    }
}
