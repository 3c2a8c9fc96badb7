//! Latencies in fixed buckets, precise to about 1.6 %, so that counting one costs a few nanoseconds
//! and memory does not grow with the number of requests.

use std::time::Duration;

/// Buckets per power of two.
const STEPS_BITS: u32 = 6;
/// Everything above 2^36 ns (69 s) falls into the last bucket.
const BITS_MAX: u32 = 36;
const BUCKETS: usize = ((BITS_MAX - STEPS_BITS + 1) as usize) << STEPS_BITS;

/// How often each latency was seen.
pub(super) struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS], total: 0 }
    }
}

impl Histogram {
    /// Count one latency.
    pub(super) fn record(&mut self, latency: Duration) {
        let latency_ns = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        self.counts[bucket(latency_ns)] += 1;
        self.total += 1;
    }

    /// Take over everything counted in `other`.
    pub(super) fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.total += other.total;
    }

    /// How many latencies were counted.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// The latency that `percent` of all did not exceed, or none when nothing was counted.
    pub(super) fn percentile(&self, percent: u64) -> Option<Duration> {
        if self.total == 0 {
            return None;
        }
        let rank = (self.total * percent).div_ceil(100).max(1);
        let mut seen = 0;
        let index = self.counts.iter().position(|count| {
            seen += count;
            seen >= rank
        })?;
        Some(Duration::from_nanos(middle_ns(index)))
    }
}

/// Buckets `0..64` hold one nanosecond each; from there on every power of two has 64.
fn bucket(latency_ns: u64) -> usize {
    let value = latency_ns.min((1 << BITS_MAX) - 1);
    let shift = (u64::BITS - value.leading_zeros()).saturating_sub(STEPS_BITS + 1);
    ((u64::from(shift) << STEPS_BITS) + (value >> shift)) as usize
}

fn middle_ns(index: usize) -> u64 {
    let index = index as u64;
    let shift = (index >> STEPS_BITS).saturating_sub(1);
    let low = (index - (shift << STEPS_BITS)) << shift;
    low + ((1 << shift) / 2)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{BITS_MAX, BUCKETS, Histogram, STEPS_BITS, bucket, middle_ns};

    #[test]
    fn every_bucket_holds_its_own_middle() {
        for index in 0..BUCKETS {
            assert_eq!(bucket(middle_ns(index)), index);
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
        assert_eq!(bucket((1 << BITS_MAX) - 1), BUCKETS - 1);
    }

    #[test]
    fn a_bucket_is_narrow() {
        for value in [1, 63, 64, 1_000, 123_456, 987_654_321] {
            let error = middle_ns(bucket(value)).abs_diff(value);
            assert!(error <= value >> STEPS_BITS, "{value} is off by {error}");
        }
    }

    #[test]
    fn percentiles_of_a_known_spread() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.percentile(50), None);
        for value_us in 1..=1_000 {
            histogram.record(Duration::from_micros(value_us));
        }
        let mut twice = Histogram::default();
        twice.merge(&histogram);
        twice.merge(&histogram);
        assert_eq!(twice.total(), 2_000);
        for (percent, expected_us) in [(50, 500), (99, 990), (100, 1_000)] {
            let found = twice.percentile(percent).expect("counted").as_micros();
            assert!(found.abs_diff(expected_us) <= expected_us / 64 + 1, "{found}");
        }
    }
}
