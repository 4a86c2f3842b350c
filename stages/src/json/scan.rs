//! How far a text goes on in one way: looked at eight bytes at a time, as words.
//!
//! It promises what a look at each byte would find, and reads nothing beyond the text.

/// A word with 1 in each byte.
const ONES: u64 = u64::MAX / 255;
/// A word with the high bit of each byte.
const HIGHS: u64 = ONES << 7;

/// How many bytes at the start of `bytes` are neither a quote, a backslash nor a control character.
#[inline(always)]
pub(crate) fn plain(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let Some((word, behind)) = rest.split_first_chunk() {
        if let Some(at) = first_special(u64::from_le_bytes(*word)) {
            return bytes.len() - rest.len() + at;
        }
        rest = behind;
    }
    let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
    let stop = rest.iter().position(special).unwrap_or(rest.len());
    bytes.len() - rest.len() + stop
}

/// Where the first byte of `word` is that is a quote, a backslash or a control character. A byte is less than a
/// number exactly where subtracting it borrows into its high bit.
#[inline(always)]
pub(crate) fn first_special(word: u64) -> Option<usize> {
    // Changing one bit leaves control characters below 0x20, and puts the quote right above them.
    let quote_or_control = (word ^ (ONES * 0x02)).wrapping_sub(ONES * 0x21);
    let backslash = (word ^ (ONES * u64::from(b'\\'))).wrapping_sub(ONES);
    let found = (quote_or_control | backslash) & !word & HIGHS;
    // The lowest hit is exact: a false one only stands above a true one.
    (found != 0).then(|| found.trailing_zeros() as usize / 8)
}

/// How many bytes at the start of `bytes` are digits.
#[inline(always)]
pub(crate) fn digits(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let Some((word, behind)) = rest.split_first_chunk() {
        // Digits become 0 to 9, to which 0x76 can be added without reaching the high bit.
        let values = u64::from_le_bytes(*word) ^ (ONES * u64::from(b'0'));
        let found = (((values & !HIGHS) + ONES * 0x76) | values) & HIGHS;
        if found != 0 {
            return bytes.len() - rest.len() + found.trailing_zeros() as usize / 8;
        }
        rest = behind;
    }
    let stop = rest.iter().position(|byte| !byte.is_ascii_digit());
    bytes.len() - rest.len() + stop.unwrap_or(rest.len())
}
