//! Randomness as an argument: the operating system's, or a repeatable sequence for tests.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::{digest, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

/// A source of random bytes.
#[derive(Clone)]
pub struct Rng(Source);

#[derive(Clone)]
enum Source {
    System,
    Seeded { seed: u64, counter: Arc<AtomicU64> },
}

impl Rng {
    /// Cryptographically secure bytes from the one crypto backend.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// The same bytes in the same order for the same seed. For tests only.
    pub fn seeded(seed: u64) -> Self {
        Self(Source::Seeded { seed, counter: Arc::new(AtomicU64::new(0)) })
    }

    /// Fills the buffer.
    ///
    /// # Panics
    /// When the operating system has no randomness to give: nothing safe can go on then.
    pub fn fill(&self, buffer: &mut [u8]) {
        match &self.0 {
            #[expect(clippy::expect_used, reason = "without randomness no secret may be made")]
            Source::System => rand::fill(buffer).expect("the system has a random source"),
            Source::Seeded { seed, counter } => {
                for chunk in buffer.chunks_mut(32) {
                    let mut input = [0u8; 16];
                    input[..8].copy_from_slice(&seed.to_be_bytes());
                    input[8..]
                        .copy_from_slice(&counter.fetch_add(1, Ordering::SeqCst).to_be_bytes());
                    let block = digest::digest(&digest::SHA256, &input);
                    chunk.copy_from_slice(&block.as_ref()[..chunk.len()]);
                }
            }
        }
    }

    /// `N` random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut buffer = [0u8; N];
        self.fill(&mut buffer);
        buffer
    }

    /// `bytes` random bytes as lower-case hex.
    pub fn hex(&self, bytes: usize) -> String {
        let mut buffer = vec![0u8; bytes];
        self.fill(&mut buffer);
        hex::encode(buffer)
    }

    /// `bytes` random bytes as unpadded base64url.
    pub fn base64url(&self, bytes: usize) -> String {
        let mut buffer = vec![0u8; bytes];
        self.fill(&mut buffer);
        URL_SAFE_NO_PAD.encode(buffer)
    }

    /// `length` characters from `0-9A-Za-z`.
    pub fn alphanumeric(&self, length: usize) -> String {
        const ALPHABET: &[u8; 62] =
            b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let mut text = String::with_capacity(length);
        // Drawn together, because each draw costs as much as many bytes.
        let mut drawn = [0u8; 64];
        while text.len() < length {
            self.fill(&mut drawn);
            // Values 62 and 63 are thrown away so that every character is equally likely.
            let letters = drawn.iter().filter_map(|byte| ALPHABET.get(usize::from(byte & 63)));
            text.extend(letters.take(length - text.len()).map(|letter| char::from(*letter)));
        }
        text
    }

    /// A version 4 UUID.
    pub fn uuid(&self) -> Uuid {
        uuid::Builder::from_random_bytes(self.bytes()).into_uuid()
    }

    /// A number in `0..bound`; zero when the bound is zero. Good enough for jitter, not for lots.
    pub fn below(&self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { u64::from_be_bytes(self.bytes()) % bound }
    }
}

impl fmt::Debug for Rng {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Source::System => "Rng::system",
            Source::Seeded { .. } => "Rng::seeded",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_and_a_clone_goes_on() {
        let (one, two) = (Rng::seeded(7), Rng::seeded(7));
        assert_eq!(one.hex(40), two.hex(40));
        let clone = one.clone();
        assert_ne!(one.hex(8), clone.hex(8));
    }

    #[test]
    fn alphanumeric_has_the_asked_length_and_alphabet() {
        let text = Rng::system().alphanumeric(64);
        assert_eq!(text.len(), 64);
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    }
}
