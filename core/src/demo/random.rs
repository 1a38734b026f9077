//! Random numbers that are the same every time.

use std::ops::RangeInclusive;

/// Generator of random numbers: `SplitMix64` (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014).
/// Nothing secret may depend on it.
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    /// Returns a generator whose numbers are those of `seed`.
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns a number of the range, all of which are equally likely.
    ///
    /// # Panics
    ///
    /// Panics if the range is empty.
    pub(super) fn number(&mut self, range: RangeInclusive<i64>) -> i64 {
        let (first, last) = range.into_inner();
        let numbers = u128::from(first.abs_diff(last)) + 1;
        assert!(first <= last, "a range that is not empty");
        let nth = (u128::from(self.next()) * numbers) >> 64;
        first.saturating_add_unsigned(u64::try_from(nth).expect("less than the number of numbers"))
    }

    /// Whether something happens that does so in `percent` of a hundred cases.
    pub(super) fn chance(&mut self, percent: i64) -> bool {
        self.number(1..=100) <= percent
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_algorithm_and_lie_in_their_range() {
        // What java.util.SplittableRandom and the authors' own program give for this seed.
        assert_eq!(Random::new(0).next(), 0xe220_a839_7b1d_cdaf);
        let mut random = Random::new(7);
        let numbers: Vec<i64> = (0..1_000).map(|_| random.number(-2..=2)).collect();
        for number in -2..=2 {
            assert!((150..250).contains(&numbers.iter().filter(|it| **it == number).count()), "{number}");
        }
        assert_eq!(random.number(3..=3), 3);
        assert!(random.chance(100) && !random.chance(0));
    }
}
