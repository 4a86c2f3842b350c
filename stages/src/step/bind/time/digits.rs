//! Digits at known places of a text: all are judged at once, and all numbers of two digits are made at once.
//!
//! It reads texts of one length only, of at most 32 bytes, in which each place holds a digit or one certain byte.

/// The longest text, in bytes.
pub const MAX_BYTES: usize = 32;
/// Bytes of one word.
const WORD_BYTES: usize = 16;
/// A number that stands nowhere, and is 0: behind all others, with room for a year.
pub const NOWHERE: u8 = MAX_BYTES as u8;

const HIGH_HALVES: u128 = u128::MAX / 255 * 0xf0;

/// What stands at each place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places {
    len: usize,
    words: [Word; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Word {
    /// The byte of each place, `0` where a digit stands.
    bytes: u128,
    /// 6 where a digit stands: a byte from 10 on then reaches the upper half.
    sixes: u128,
    /// All bits where no digit stands.
    others: u128,
}

/// The number of two digits that begins at each place.
pub struct Numbers([u8; MAX_BYTES + 4]);

impl Places {
    /// No place.
    pub const NONE: Self = Self {
        len: 0,
        words: [Word {
            bytes: 0,
            sixes: 0,
            others: 0,
        }; 2],
    };

    /// Places as a text shows them, with `0` for every digit.
    pub const fn of(shown: &[u8]) -> Self {
        let mut places = Self::NONE;
        let mut at = 0;
        while at < shown.len() {
            places = places.with(shown[at], shown[at] == b'0');
            at += 1;
        }
        places
    }

    /// These, and one more behind them: a digit, or `byte`. At most [`MAX_BYTES`] in all.
    pub const fn with(mut self, byte: u8, is_digit: bool) -> Self {
        let word = &mut self.words[self.len / WORD_BYTES];
        let shift = self.len % WORD_BYTES * 8;
        if is_digit {
            word.bytes |= (b'0' as u128) << shift;
            word.sixes |= 6 << shift;
        } else {
            word.bytes |= (byte as u128) << shift;
            word.others |= 0xff << shift;
        }
        self.len += 1;
        self
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// The numbers in `text`, if it is written so.
    #[inline]
    pub fn read(&self, text: &[u8]) -> Option<Numbers> {
        if text.len() != self.len {
            return None;
        }
        let (first, behind) = match text.split_at_checked(WORD_BYTES) {
            Some((first, behind)) => (first, self.words[1].digits(behind)?),
            None => (text, 0),
        };
        let first = self.words[0].digits(first)?;
        let mut numbers = [0; MAX_BYTES + 4];
        numbers[..WORD_BYTES].copy_from_slice(&pairs(first, behind).to_le_bytes());
        if self.len > WORD_BYTES {
            numbers[WORD_BYTES..MAX_BYTES].copy_from_slice(&pairs(behind, 0).to_le_bytes());
        }
        Some(Numbers(numbers))
    }
}

impl Word {
    /// The value of each digit, and 0 at other places.
    #[inline]
    fn digits(&self, text: &[u8]) -> Option<u128> {
        let values = word(text) ^ self.bytes;
        // Where this carries into the next byte, a value has an upper half itself.
        let beyond = values | values.wrapping_add(self.sixes);
        (beyond & HIGH_HALVES | values & self.others == 0).then_some(values)
    }
}

/// For each digit, ten times itself and the one behind it.
#[inline]
fn pairs(digits: u128, behind: u128) -> u128 {
    (digits << 3) + (digits << 1) + (digits >> 8 | behind << 120)
}

/// At most 16 bytes, and zeros behind them.
#[inline]
fn word(text: &[u8]) -> u128 {
    if let Some(all) = text.first_chunk() {
        return u128::from_le_bytes(*all);
    }
    match (text.first_chunk(), text.last_chunk()) {
        (Some(first), Some(last)) => {
            let last = u128::from(u64::from_le_bytes(*last));
            u128::from(u64::from_le_bytes(*first)) | last << ((text.len() - 8) * 8)
        }
        _ => text
            .iter()
            .rev()
            .fold(0, |word, byte| word << 8 | u128::from(*byte)),
    }
}

impl Numbers {
    /// The number of two digits at `place`.
    #[inline]
    pub fn two(&self, place: u8) -> u32 {
        u32::from(self.0[usize::from(place)])
    }

    /// The number of four digits at `place`.
    #[inline]
    pub fn four(&self, place: u8) -> u32 {
        self.two(place) * 100 + self.two(place + 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The number of two digits at `at`, digit by digit.
    fn slow(text: &[u8], at: usize) -> u32 {
        u32::from(text[at] - b'0') * 10 + u32::from(text[at + 1] - b'0')
    }

    proptest! {
        #[test]
        fn exactly_the_texts_of_these_places_are_read(
            shown in "[0:/ é]{0,20}[0]{2}[0-]{0,10}",
            edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
            digits in prop::collection::vec(b'0'..=b'9', 40),
        ) {
            prop_assume!(shown.len() <= MAX_BYTES);
            let places = Places::of(shown.as_bytes());
            let mut text = shown.clone().into_bytes();
            for (byte, digit) in text.iter_mut().zip(digits) {
                if *byte == b'0' {
                    *byte = digit;
                }
            }
            for (at, byte) in &edits {
                let at = at.index(text.len());
                text[at] = *byte;
            }
            let fits = |(byte, shown): (&u8, u8)| match shown {
                b'0' => byte.is_ascii_digit(),
                other => *byte == other,
            };
            let expected = text.iter().zip(shown.bytes()).all(fits);
            let read = places.read(&text);
            prop_assert_eq!(read.is_some(), expected, "{:?} as {:?}", text, shown);
            prop_assert!(places.read(&text[1..]).is_none());
            if let Some(numbers) = read {
                for at in 0..text.len() - 1 {
                    if shown.as_bytes()[at..at + 2] == *b"00" {
                        prop_assert_eq!(numbers.two(at as u8), slow(&text, at), "{:?} at {}", text, at);
                    }
                }
                prop_assert_eq!(numbers.four(NOWHERE), 0);
            }
        }
    }
}
