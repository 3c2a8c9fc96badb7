//! Requests rendered once, with a place for the number of the connection they are about.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

/// Stands in a path or a body for a connection's number, which has as many digits.
pub(super) const NUMBER: &str = "########";
/// Numbers below this have at most that many digits.
pub(super) const NUMBERS_MAX: u64 = 100_000_000;

/// Which number goes into the next request.
pub(super) enum Numbers {
    /// Any below this, each equally likely.
    Random(u64),
    /// Every one once, up to `end`; then there are no more requests.
    Sequence { next: AtomicU64, end: u64 },
}

impl Numbers {
    /// Every number from `start` to before `end`, once.
    pub(super) fn sequence(start: u64, end: u64) -> Self {
        Self::Sequence { next: AtomicU64::new(start), end: end.min(NUMBERS_MAX) }
    }
}

/// A request without its number.
pub(super) struct Request {
    head: Vec<u8>,
    /// None when the request has no place for a number.
    tail: Option<Vec<u8>>,
    numbers: Numbers,
}

impl Request {
    /// `target` and `body` may hold [`NUMBER`], once in all.
    pub(super) fn new(
        method: &str,
        target: &str,
        api_key: &str,
        body: Option<&str>,
        numbers: Numbers,
    ) -> Self {
        let mut text = format!(
            "{method} {target} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {api_key}\r\n\
             accept: application/json\r\n"
        );
        if let Some(body) = body {
            // Writing to a string cannot fail.
            let _ = write!(
                text,
                "content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
        } else {
            text.push_str("\r\n");
        }
        let (head, tail) = match text.split_once(NUMBER) {
            Some((head, tail)) => (head.to_owned(), Some(tail.as_bytes().to_vec())),
            None => (text, None),
        };
        Self { head: head.into_bytes(), tail, numbers }
    }

    /// With more headers, each `name: value`. For a request without a number and a body.
    pub(super) fn with_headers(mut self, headers: &[String]) -> Self {
        self.head.truncate(self.head.len().saturating_sub(2));
        for header in headers {
            self.head.extend_from_slice(header.as_bytes());
            self.head.extend_from_slice(b"\r\n");
        }
        self.head.extend_from_slice(b"\r\n");
        self
    }

    /// Put the next request into `buffer`. False when there is none left.
    pub(super) fn write(&self, buffer: &mut Vec<u8>, random: &mut Random) -> bool {
        let number = match &self.numbers {
            Numbers::Random(count) => random.below(*count),
            Numbers::Sequence { next, end } => {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= *end {
                    return false;
                }
                number
            }
        };
        buffer.clear();
        buffer.extend_from_slice(&self.head);
        if let Some(tail) = &self.tail {
            buffer.extend_from_slice(&digits(number));
            buffer.extend_from_slice(tail);
        }
        true
    }

    /// The request about connection `number`, whatever its numbers are.
    pub(super) fn about(&self, number: u64) -> Vec<u8> {
        let mut bytes = self.head.clone();
        if let Some(tail) = &self.tail {
            bytes.extend_from_slice(&digits(number));
            bytes.extend_from_slice(tail);
        }
        bytes
    }
}

fn digits(number: u64) -> [u8; NUMBER.len()] {
    let mut rest = number % NUMBERS_MAX;
    let mut digits = [b'0'; NUMBER.len()];
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    digits
}

/// SplitMix64: numbers that are spread well enough to choose rows with, the same in every run.
pub(super) struct Random(u64);

impl Random {
    /// Its own row of numbers for each `seed`.
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn below(&mut self, count: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (value ^ (value >> 31)) % count.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::{NUMBER, Numbers, Random, Request};

    #[test]
    fn the_number_keeps_the_length_of_the_body() {
        let body = format!(r#"{{"connection_id":"bench-{NUMBER}"}}"#);
        let request =
            Request::new("POST", "/connections", "key", Some(&body), Numbers::sequence(41, 43));
        let mut buffer = Vec::new();
        let mut random = Random::new(1);
        assert!(request.write(&mut buffer, &mut random));
        let text = String::from_utf8(buffer.clone()).expect("text");
        let (head, sent) = text.split_once("\r\n\r\n").expect("a body");
        assert_eq!(sent, r#"{"connection_id":"bench-00000041"}"#);
        assert!(head.ends_with(&format!("content-length: {}", sent.len())));
        assert!(request.write(&mut buffer, &mut random));
        assert!(!request.write(&mut buffer, &mut random));
    }

    #[test]
    fn random_numbers_reach_every_row() {
        let mut random = Random::new(7);
        let mut seen = [false; 100];
        for _ in 0..2_000 {
            seen[usize::try_from(random.below(100)).expect("small")] = true;
        }
        assert!(seen.iter().all(|seen| *seen));
    }
}
