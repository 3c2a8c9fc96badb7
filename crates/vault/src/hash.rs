//! Lookup hashes of high-entropy tokens.
//!
//! API keys, session tokens and OAuth states are 256 random bits, so a plain SHA-256 is enough:
//! nothing can be guessed, and a lookup costs a microsecond. Passwords never come here.

use aws_lc_rs::digest::{SHA256, digest};

/// SHA-256 of a token.
pub fn token_hash(token: &str) -> [u8; 32] {
    let mut hash = [0u8; 32];
    hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    hash
}

/// [`token_hash`] as lower-case hex, the form stored and indexed.
pub fn token_hash_hex(token: &str) -> String {
    hex::encode(token_hash(token))
}
