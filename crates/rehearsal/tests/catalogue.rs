//! The bundled catalogue on trial. A provider that does not pass is not shipped.

use std::fmt::Write as _;

use valetkey_catalog::Catalog;
use valetkey_rehearsal::rehearse_all;

#[test]
fn every_bundled_provider_passes() {
    let mut failures = String::new();
    for rehearsal in rehearse_all(&Catalog::bundled()) {
        write!(failures, "{rehearsal}").unwrap();
    }
    assert!(failures.is_empty(), "\n{failures}");
}
