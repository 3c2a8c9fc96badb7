//! Proof Key for Code Exchange (RFC 7636), method S256 only.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use valetkey_base::Rng;

/// The one challenge method.
pub const METHOD: &str = "S256";

/// A fresh code verifier: 32 random bytes as 43 unreserved characters (RFC 7636 §4.1).
pub fn verifier(rng: &Rng) -> String {
    rng.base64url(32)
}

/// The challenge of a verifier (RFC 7636 §4.2).
pub fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vector_of_rfc_7636_appendix_b() {
        assert_eq!(
            challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }

    #[test]
    fn verifiers_have_the_length_the_rfc_asks() {
        assert_eq!(verifier(&Rng::system()).len(), 43);
    }
}
