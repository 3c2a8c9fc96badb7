//! The CA certificates of this machine.

use std::sync::OnceLock;

use reqwest::Certificate;
use rustls::RootCertStore;

/// Read once: there is a client for each purpose and for each client certificate, and reading a
/// machine's certificates takes longer than most requests. One that cannot be read is left out.
/// `SSL_CERT_FILE` and `SSL_CERT_DIR` name others.
pub(crate) fn certificates() -> &'static [Certificate] {
    static ONCE: OnceLock<Vec<Certificate>> = OnceLock::new();
    ONCE.get_or_init(|| {
        let found = rustls_native_certs::load_native_certs().certs;
        let usable = found
            .iter()
            .filter(|certificate| RootCertStore::empty().add((*certificate).clone()).is_ok());
        let read: Vec<Certificate> =
            usable.filter_map(|certificate| Certificate::from_der(certificate).ok()).collect();
        if read.is_empty() {
            tracing::warn!(
                "no CA certificates found on this machine: https requests will fail until they \
                 are installed and this is started anew"
            );
        }
        read
    })
}
