//! [`Random`]: numbers that only look random, the same for the same seed everywhere and forever.

/// A small pseudo-random generator (`SplitMix64`) for tests and generated data. Not for secrets.
///
/// ```
/// use moheng_metrics::testing::Random;
///
/// let mut random = Random::new(7);
/// assert_eq!(random.next_u64(), Random::new(7).next_u64());
/// assert!(random.below(10) < 10);
/// ```
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// A generator whose numbers follow from `seed`.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// Any number.
    pub fn next_u64(&mut self) -> u64 {
        let number = mix(self.state);
        self.state = self.state.wrapping_add(STEP);
        number
    }

    /// A number below `limit`, or 0 when that is 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.next_u64().checked_rem(limit).unwrap_or_default()
    }

    /// One of `choices`, or `None` when there is none.
    pub fn choose<'a, T>(&mut self, choices: &'a [T]) -> Option<&'a T> {
        choices.get(self.below(choices.len() as u64) as usize)
    }
}

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A number that looks unrelated to `seed`.
pub(super) fn mix(seed: u64) -> u64 {
    let mut bits = seed.wrapping_add(STEP);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_published_for_splitmix64() {
        let mut random = Random::new(1_234_567);
        let numbers = [random.next_u64(), random.next_u64(), random.next_u64()];
        assert_eq!(
            numbers,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn nothing_to_choose_from_is_no_choice() {
        assert_eq!(Random::new(1).choose::<u8>(&[]), None);
        assert_eq!(Random::new(1).below(0), 0);
    }
}
