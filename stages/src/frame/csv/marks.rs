//! Where the bytes that a dialect gives a meaning stand: 64 bytes are looked at together, and become a bit each.
//!
//! It promises what a look at each byte would find. The loop over the bytes is one that the compiler turns into
//! vector instructions of every machine; it never looks beyond the bytes that it is given.

/// How many bytes are looked at together.
pub const CHUNK: usize = 64;

/// A bit for each of the first [`CHUNK`] bytes of `bytes`, set where the byte is one of `marks`; none for those that are
/// not there.
#[inline(always)]
pub fn marks<const N: usize>(marks: [u8; N], bytes: &[u8]) -> u64 {
    match bytes.first_chunk() {
        Some(chunk) => of_chunk(marks, chunk),
        None => of_short(marks, bytes),
    }
}

#[inline(always)]
fn of_chunk<const N: usize>(marks: [u8; N], chunk: &[u8; CHUNK]) -> u64 {
    // Each row of eight bytes has a bit of its own, so that all rows fit into one word, byte for byte.
    let mut rows = [0; CHUNK];
    for (at, (row, byte)) in rows.iter_mut().zip(chunk).enumerate() {
        let is_marked = marks.iter().fold(false, |is, mark| is | (byte == mark));
        *row = if is_marked { 1 << (at / 8) } else { 0 };
    }
    let (rows, _) = rows.as_chunks();
    let word = rows
        .iter()
        .fold(0, |word, row| word | u64::from_le_bytes(*row));
    transposed(word)
}

#[inline(never)]
fn of_short<const N: usize>(marks: [u8; N], bytes: &[u8]) -> u64 {
    let mut chunk = [0; CHUNK];
    chunk[..bytes.len()].copy_from_slice(bytes);
    of_chunk(marks, &chunk) & !(u64::MAX << bytes.len())
}

/// The word in which bit `8 * row + column` is bit `8 * column + row` of `word`.
#[inline(always)]
fn transposed(word: u64) -> u64 {
    let swapped = |word: u64, by: u32, which: u64| {
        let different = (word ^ (word >> by)) & which;
        word ^ different ^ (different << by)
    };
    let word = swapped(word, 7, 0x00aa_00aa_00aa_00aa);
    let word = swapped(word, 14, 0x0000_cccc_0000_cccc);
    swapped(word, 28, 0x0000_0000_f0f0_f0f0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn each_bit_is_what_its_byte_says(bytes in prop::collection::vec(prop::sample::select(b"\0 \"#'a\xff".as_slice()), 0..80)) {
            let found = marks([b'"', b'#', 0], &bytes);
            for at in 0..CHUNK {
                let expected = bytes.get(at).is_some_and(|byte| b"\"#\0".contains(byte));
                prop_assert_eq!(found >> at & 1 == 1, expected, "byte {}", at);
            }
        }
    }
}
