//! The generator's dice: everything random follows from a seed and from what it is for, so that any record can be
//! made again without those before it. SplitMix64 (Steele, Lea and Flood, 2014): good enough to mix values, never to
//! keep a secret.

/// The step of SplitMix64: 2^64 divided by the golden ratio.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A source of numbers that look random.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// The dice for one purpose, the same for the same numbers.
    pub fn of(seed: u64, purpose: u64, number: u64) -> Self {
        let mut chance = Self(seed);
        for part in [purpose, number] {
            chance.0 = chance.number() ^ part.wrapping_mul(STEP);
        }
        chance
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 up to, and without, `end`; 0 where that is 0.
    pub fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.number()) * end as u128) >> 64) as usize
    }

    /// A number from `least` to `most`, both included; `least` where `most` is smaller.
    pub fn between(&mut self, least: i128, most: i128) -> i128 {
        let Some(span) = most.checked_sub(least).filter(|span| *span > 0) else {
            return least;
        };
        // Nearly every span fits into a word; to divide wide numbers costs more than the rest of a value.
        if let Some(end) = u64::try_from(span)
            .ok()
            .and_then(|span| span.checked_add(1))
        {
            let drawn = (u128::from(self.number()) * u128::from(end)) >> 64;
            return least + drawn as i128;
        }
        let any = (u128::from(self.number()) << 64) | u128::from(self.number());
        least + (any % (span as u128 + 1)) as i128
    }

    /// True once in `of` times.
    pub fn one_in(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }

    /// One of these; `None` where there is none.
    pub fn pick<'t, T>(&mut self, from: &'t [T]) -> Option<&'t T> {
        from.get(self.below(from.len()))
    }

    /// Puts them into another order.
    pub fn shuffle<T>(&mut self, all: &mut [T]) {
        for last in (1..all.len()).rev() {
            all.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_purpose_gives_the_same_numbers_and_another_one_others() {
        let numbers = |seed, purpose, number| {
            let mut chance = Chance::of(seed, purpose, number);
            [chance.number(), chance.number()]
        };
        assert_eq!(numbers(1, 2, 3), numbers(1, 2, 3));
        for other in [numbers(2, 2, 3), numbers(1, 3, 3), numbers(1, 2, 4)] {
            assert_ne!(numbers(1, 2, 3), other);
        }
    }

    #[test]
    fn ends_are_kept() {
        let mut chance = Chance::of(7, 0, 0);
        let mut seen = [false; 5];
        for _ in 0..1000 {
            seen[chance.below(5)] = true;
            assert!((-2..=2).contains(&chance.between(-2, 2)));
        }
        assert_eq!(seen, [true; 5]);
        assert_eq!(chance.below(0), 0);
        assert_eq!(chance.between(3, 1), 3);
        assert_eq!(chance.between(4, 4), 4);
        assert_eq!(chance.pick::<u8>(&[]), None);
    }
}
