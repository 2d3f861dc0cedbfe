//! [`Choices`]: where the decisions of a simulation come from.

use moheng_metrics::testing::Random;

/// Decisions, from a seed or from the bytes of a fuzzer.
#[derive(Debug)]
pub(super) enum Choices<'a> {
    Seed(Random),
    Bytes(&'a [u8]),
}

impl Choices<'_> {
    pub(super) fn from_seed(seed: u64) -> Self {
        Self::Seed(Random::new(seed))
    }

    /// A number below `limit`; 0 when the bytes are used up.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        match self {
            Self::Seed(random) => random.below(limit),
            Self::Bytes(bytes) => {
                let wanted = if limit <= 1 << 8 {
                    1
                } else if limit <= 1 << 16 {
                    2
                } else {
                    8
                };
                let taken = bytes.split_off(..wanted.min(bytes.len())).unwrap_or_default();
                let number = taken
                    .iter()
                    .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
                number.checked_rem(limit).unwrap_or_default()
            }
        }
    }

    /// True once in `times`.
    pub(super) fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == times - 1
    }

    /// A number from `range`, its end excluded.
    pub(super) fn between(&mut self, range: std::ops::Range<i64>) -> i64 {
        range.start + self.below(range.end.abs_diff(range.start)) as i64
    }

    /// The index of one of `weights`, as often as its share of their sum.
    pub(super) fn weighted(&mut self, weights: &[u64]) -> usize {
        let mut left = self.below(weights.iter().sum());
        for (index, weight) in weights.iter().enumerate() {
            if left < *weight {
                return index;
            }
            left -= weight;
        }
        0
    }

    /// Whether the bytes are used up.
    pub(super) fn is_over(&self) -> bool {
        matches!(self, Self::Bytes(bytes) if bytes.is_empty())
    }
}
