//! A format as places in a text: where every number is written with all its digits, as programs do, each part of a
//! date or time stands at a place of its own. It reads such texts only, and as the format's pieces read them.

use super::Piece;
use crate::step::bind::time::civil::Civil;
use crate::step::bind::time::digits::{MAX_BYTES, NOWHERE, Places};

/// A format of which all parts are numbers of two digits, or a year of four.
#[derive(Clone, Debug)]
pub struct Fixed {
    places: Places,
    year: u8,
    month: u8,
    day: u8,
    hour: u8,
    minute: u8,
    second: u8,
}

impl Fixed {
    /// The places of a format; `None` where one of its pieces has another length, or all together are too long.
    pub fn of(pieces: &[Piece]) -> Option<Self> {
        let mut fixed = Self {
            places: Places::NONE,
            year: NOWHERE,
            month: NOWHERE,
            day: NOWHERE,
            hour: NOWHERE,
            minute: NOWHERE,
            second: NOWHERE,
        };
        for piece in pieces {
            let at = fixed.places.len();
            let (digits, place) = match piece {
                Piece::Byte(byte) if at < MAX_BYTES => {
                    fixed.places = fixed.places.with(*byte, false);
                    continue;
                }
                Piece::Year => (4, &mut fixed.year),
                Piece::Month => (2, &mut fixed.month),
                Piece::Day => (2, &mut fixed.day),
                Piece::Hour => (2, &mut fixed.hour),
                Piece::Minute => (2, &mut fixed.minute),
                Piece::Second => (2, &mut fixed.second),
                _ => return None,
            };
            if at + digits > MAX_BYTES {
                return None;
            }
            *place = at as u8;
            for _ in 0..digits {
                fixed.places = fixed.places.with(b'0', true);
            }
        }
        Some(fixed)
    }

    /// Reads a text, if it is written so.
    #[inline]
    pub fn read(&self, text: &[u8]) -> Option<Civil> {
        let numbers = self.places.read(text)?;
        Some(Civil {
            year: numbers.four(self.year),
            month: numbers.two(self.month),
            day: numbers.two(self.day),
            hour: numbers.two(self.hour),
            minute: numbers.two(self.minute),
            second: numbers.two(self.second),
            nanosecond: 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Pattern;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn places_and_pieces_read_the_same(
            format in prop::sample::select(vec!["%d/%m/%Y %H:%M", "%Y%m%d%H%M%S", "%F %T", "%d.%m.%Y", "%H:%M", "%d0%m"]),
            text in "[0-9]{2}[/.:]?[0-9]{1,2}[/.]?[0-9]{0,4}[ ]?[0-9:]{0,8}|[0-9]{8,14}|[0-9]{4}-[0-9]{2}-[0-9]{1,2} [0-9:]{8}",
        ) {
            let pattern = Pattern::new(format).unwrap();
            let fixed = pattern.fixed.as_ref().unwrap().read(text.as_bytes());
            let pieces = pattern.read_by_pieces(&text);
            if fixed.is_some() {
                prop_assert_eq!(fixed, pieces.as_ref().map(|read| read.civil), "{} by {}", text, format);
            }
        }
    }

    #[test]
    fn only_numbers_of_a_fixed_length_have_places() {
        for (format, expected) in [
            ("%d/%m/%Y %H:%M", true),
            ("%y", false),
            ("%b %d", false),
            ("%H%z", false),
        ] {
            assert_eq!(
                Pattern::new(format).unwrap().fixed.is_some(),
                expected,
                "{format}"
            );
        }
    }
}
