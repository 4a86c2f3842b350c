//! Where a record of a JSON document ends: at the first `,`, `]` or `}` that no string and no bracket of its own holds.
//!
//! Sixty-four bytes are looked at together, as bits. What stands in the record is not judged: a backslash takes the
//! meaning from the byte behind it wherever it stands, and brackets are counted, whichever they are. All of it is a
//! pure function of the record's bytes, however they arrive. Each byte is looked at once, and but for a count nothing
//! is kept.

/// Bytes that are looked at together.
const CHUNK_BYTES: usize = 64;
/// A word with 1 in each byte.
const ONES: u64 = u64::MAX / 255;
/// A word with all bits but the highest in each byte.
const LOWS: u64 = ONES * 0x7f;

/// A record whose end is looked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Element {
    /// Brackets that are open.
    depth: u64,
    in_string: bool,
    /// The next byte stands behind a backslash.
    escaped: bool,
    /// Bytes that were looked at.
    len: u64,
    /// Bytes without the blanks that are at the end so far.
    solid_len: u64,
    /// It is the whole document, which nothing but the end of the input ends.
    is_root: bool,
}

impl Element {
    /// A record that is a whole document.
    pub fn root() -> Self {
        Self {
            is_root: true,
            ..Self::default()
        }
    }

    /// Whether nothing but the end of the input ends it.
    pub fn is_root(&self) -> bool {
        self.is_root
    }

    /// The length of the record without blanks at its end, as far as it was looked at.
    pub fn solid_len(&self) -> u64 {
        self.solid_len
    }

    /// Goes on with the next bytes. Says where in them the byte is that ends the record; `None` where it goes on.
    pub fn end_in(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        if self.is_root {
            let solid = bytes.iter().rposition(|byte| !is_blank(*byte));
            if let Some(last) = solid {
                self.solid_len = self.len + last as u64 + 1;
            }
            self.len += bytes.len() as u64;
            return None;
        }
        let end = loop {
            if self.depth == 0 {
                let (behind, is_end) = self.between(bytes, at);
                at = behind;
                if is_end {
                    break Some(at);
                }
            }
            match bytes.get(at..).and_then(<[u8]>::first_chunk) {
                Some(chunk) => at += self.chunk(chunk),
                None if at < bytes.len() => at += self.byte(bytes[at]),
                None => break None,
            }
            self.solid_len = self.len + at as u64;
        };
        self.len += at as u64;
        end
    }

    /// Goes on from `at`, where no bracket is open, to the byte that opens one or ends the record.
    fn between(&mut self, bytes: &[u8], mut at: usize) -> (usize, bool) {
        while let Some(&byte) = bytes.get(at) {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = !self.in_string,
                _ if self.in_string => {}
                b',' | b']' | b'}' => return (at, true),
                b'{' | b'[' => return (at, false),
                b' ' | b'\t' | b'\r' | b'\n' => {
                    at += 1;
                    continue;
                }
                _ => {}
            }
            at += 1;
            self.solid_len = self.len + at as u64;
        }
        (at, false)
    }

    /// Takes one byte, with a bracket open or that opens one.
    fn byte(&mut self, byte: u8) -> usize {
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' => self.escaped = true,
            b'"' => self.in_string = !self.in_string,
            _ if self.in_string => {}
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth -= 1,
            _ => {}
        }
        1
    }

    /// Takes the bytes of `chunk` up to the bracket that closes the last open one, or all. The first opens one where
    /// none is open.
    #[inline]
    fn chunk(&mut self, chunk: &[u8; CHUNK_BYTES]) -> usize {
        let marks = Marks::of(chunk);
        let escaped = self.escapes(marks.backslashes);
        let quotes = marks.quotes & !escaped;
        let strings = up_to_each(quotes) ^ if self.in_string { u64::MAX } else { 0 };
        let opening = marks.opening & !escaped & !strings;
        let closing = marks.closing & !escaped & !strings;
        let closed = u64::from(closing.count_ones());
        if self.depth > closed {
            self.depth = self.depth + u64::from(opening.count_ones()) - closed;
        } else if let Some(at) = self.close(opening, closing) {
            (self.depth, self.in_string, self.escaped) = (0, false, false);
            return at + 1;
        }
        self.in_string = strings >> 63 == 1;
        CHUNK_BYTES
    }

    /// Counts brackets one by one, up to the one that closes the last.
    fn close(&mut self, opening: u64, closing: u64) -> Option<usize> {
        let mut brackets = opening | closing;
        while brackets != 0 {
            let lowest = brackets & brackets.wrapping_neg();
            brackets ^= lowest;
            match closing & lowest {
                0 => self.depth += 1,
                _ => self.depth -= 1,
            }
            if self.depth == 0 {
                return Some(lowest.trailing_zeros() as usize);
            }
        }
        None
    }

    /// The bytes that stand behind a backslash which means something.
    #[inline]
    fn escapes(&mut self, backslashes: u64) -> u64 {
        let mut escaped = u64::from(std::mem::take(&mut self.escaped));
        let mut left = backslashes & !escaped;
        while left != 0 {
            let lowest = left & left.wrapping_neg();
            let behind = lowest << 1;
            self.escaped = behind == 0;
            escaped |= behind;
            left &= !(lowest | behind);
        }
        escaped
    }
}

/// Where bytes with a meaning stand in a chunk: one bit for each byte.
struct Marks {
    quotes: u64,
    backslashes: u64,
    opening: u64,
    closing: u64,
}

impl Marks {
    #[inline]
    fn of(chunk: &[u8; CHUNK_BYTES]) -> Self {
        let mut marks = Self {
            quotes: 0,
            backslashes: 0,
            opening: 0,
            closing: 0,
        };
        let (words, _) = chunk.as_chunks::<8>();
        for (word, shift) in words.iter().zip((0..).step_by(8)) {
            let word = u64::from_le_bytes(*word);
            // Braces and brackets differ in one bit.
            let folded = word | (ONES * 0x20);
            marks.quotes |= bits(zeros(word ^ (ONES * u64::from(b'"')))) << shift;
            marks.backslashes |= bits(zeros(word ^ (ONES * u64::from(b'\\')))) << shift;
            marks.opening |= bits(zeros(folded ^ (ONES * u64::from(b'{')))) << shift;
            marks.closing |= bits(zeros(folded ^ (ONES * u64::from(b'}')))) << shift;
        }
        marks
    }
}

/// The high bit of each byte of `word` that is 0.
#[inline]
fn zeros(word: u64) -> u64 {
    !(((word & LOWS) + LOWS) | word | LOWS)
}

/// The high bits of the bytes of `word`, side by side.
#[inline]
fn bits(word: u64) -> u64 {
    (word >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

/// From each odd bit of `bits` up to the next one, that one not counted.
#[inline]
fn up_to_each(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

/// What may stand between the tokens of JSON.
pub fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The same, byte by byte.
    fn plainly(bytes: &[u8]) -> (Option<usize>, usize) {
        let (mut depth, mut string, mut escaped, mut solid) = (0, false, false, 0);
        for (at, &byte) in bytes.iter().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => string = !string,
                _ if string => {}
                b'{' | b'[' => depth += 1,
                b',' | b'}' | b']' if depth == 0 => return (Some(at), solid),
                b'}' | b']' => depth -= 1,
                _ if depth == 0 && is_blank(byte) => continue,
                _ => {}
            }
            solid = at + 1;
        }
        (None, solid)
    }

    fn check(bytes: &[u8], chunk: usize) {
        let mut element = Element::default();
        let mut end = None;
        for (part, number) in bytes.chunks(chunk).zip(0..) {
            end = element.end_in(part).map(|at| number * chunk + at);
            if end.is_some() {
                break;
            }
        }
        let found = (end, element.solid_len() as usize);
        assert_eq!(
            found,
            plainly(bytes),
            "{:?} by {chunk}",
            String::from_utf8_lossy(bytes)
        );
    }

    #[test]
    fn ends() {
        for (bytes, end, solid) in [
            ("{} ,", 3, 2),
            ("1]", 1, 1),
            (r#"{"a":"}\"]","b":[{}]}}"#, 21, 21),
            (r#""a,b" , "#, 6, 5),
            ("{} x ]", 5, 4),
            ("[}{],", 4, 4),
            (r"\,,", 2, 2),
        ] {
            let mut element = Element::default();
            assert_eq!(element.end_in(bytes.as_bytes()), Some(end), "{bytes}");
            assert_eq!(element.solid_len(), solid, "{bytes}");
        }
        let mut root = Element::root();
        assert_eq!(root.end_in(b"{} ] , \n"), None);
        assert_eq!(root.end_in(b" "), None);
        assert_eq!(root.solid_len(), 6);
    }

    proptest! {
        #[test]
        fn what_a_look_at_each_byte_finds(
            bytes in prop::collection::vec(prop::sample::select(&b"{}[]\",\\a  \n{["[..]), 0..300),
            chunk in 1_usize..200,
        ) {
            check(&[&b"{"[..], &bytes].concat(), chunk);
            check(&bytes, chunk);
        }

        #[test]
        fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300), chunk in 1_usize..200) {
            check(&[&b"[[[["[..], &bytes].concat(), chunk);
        }
    }
}
