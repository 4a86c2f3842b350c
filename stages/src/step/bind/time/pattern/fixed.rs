//! A format as places in a text: where every number is written with all its digits, as programs do, each part of a
//! date or time stands at a place of its own. It reads such texts only, and as the format's pieces read them.

use super::Piece;
use crate::step::bind::time::civil::Civil;
use crate::step::bind::time::iso::two;

/// A format of which all parts are numbers of two digits, or a year of four.
#[derive(Clone, Debug)]
pub struct Fixed {
    len: usize,
    /// What stands between the numbers.
    bytes: Vec<(usize, u8)>,
    year: Option<usize>,
    month: Option<usize>,
    day: Option<usize>,
    hour: Option<usize>,
    minute: Option<usize>,
    second: Option<usize>,
}

impl Fixed {
    /// The places of a format; `None` where one of its pieces has another length.
    pub fn of(pieces: &[Piece]) -> Option<Self> {
        let mut fixed = Self {
            len: 0,
            bytes: Vec::new(),
            year: None,
            month: None,
            day: None,
            hour: None,
            minute: None,
            second: None,
        };
        for piece in pieces {
            let place = match piece {
                Piece::Byte(byte) => {
                    fixed.bytes.push((fixed.len, *byte));
                    fixed.len += 1;
                    continue;
                }
                Piece::Year => {
                    fixed.year = Some(fixed.len);
                    fixed.len += 4;
                    continue;
                }
                Piece::Month => &mut fixed.month,
                Piece::Day => &mut fixed.day,
                Piece::Hour => &mut fixed.hour,
                Piece::Minute => &mut fixed.minute,
                Piece::Second => &mut fixed.second,
                _ => return None,
            };
            *place = Some(fixed.len);
            fixed.len += 2;
        }
        Some(fixed)
    }

    /// Reads a text, if it is written so.
    pub fn read(&self, text: &[u8]) -> Option<Civil> {
        if text.len() != self.len || self.bytes.iter().any(|(at, byte)| text[*at] != *byte) {
            return None;
        }
        let number = |place: Option<usize>| place.map_or(Some(0), |at| two(text, at));
        Some(Civil {
            year: match self.year {
                Some(at) => two(text, at)? * 100 + two(text, at + 2)?,
                None => 0,
            },
            month: number(self.month)?,
            day: number(self.day)?,
            hour: number(self.hour)?,
            minute: number(self.minute)?,
            second: number(self.second)?,
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
            format in prop::sample::select(vec!["%d/%m/%Y %H:%M", "%Y%m%d%H%M%S", "%F %T", "%d.%m.%Y", "%H:%M"]),
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
