//! Strings and their escapes. A string without escapes is a range of the record; one with escapes is written anew
//! behind it.

use super::text::{Read, Reader, syntax};
use crate::json::scan::plain;
use crate::record::Range;

/// What the byte behind a backslash stands for; 0 where it is `u`, or nothing.
const SIMPLE: [u8; 256] = {
    let mut table = [0; 256];
    let mut at = 0;
    while at < SIMPLE_ESCAPES.len() {
        table[SIMPLE_ESCAPES[at].0 as usize] = SIMPLE_ESCAPES[at].1;
        at += 1;
    }
    table
};
const SIMPLE_ESCAPES: [(u8, u8); 8] = [
    (b'"', b'"'),
    (b'\\', b'\\'),
    (b'/', b'/'),
    (b'b', 0x8),
    (b'f', 0xc),
    (b'n', b'\n'),
    (b'r', b'\r'),
    (b't', b'\t'),
];

impl Reader<'_> {
    /// Reads the string whose opening quote is at `at`, and says where it ends.
    #[inline(always)]
    pub(super) fn string(&mut self, at: usize) -> Read<(Range, usize)> {
        let from = at + 1;
        let stop = from + plain(&self.bytes[from..]);
        match self.peek(stop) {
            b'"' => Ok(((from as u32, stop as u32), stop + 1)),
            _ => {
                // Taken apart, so that what stays in registers above does not go through memory.
                let (text, behind) = self.escaped(from, stop)?;
                Ok((text, behind))
            }
        }
    }

    /// Reads a string from behind its opening quote; up to `stop` it is as it is written.
    #[inline(never)]
    fn escaped(&mut self, mut from: usize, mut stop: usize) -> Read<(Range, usize)> {
        let start = self.writer.text().len() as u32;
        loop {
            if from < stop {
                self.writer.text().push_str(&self.record[from..stop]);
            }
            match self.bytes.get(stop) {
                Some(b'\\') => {}
                Some(b'"') => {
                    let end = self.writer.text().len() as u32;
                    return Ok(((start, end), stop + 1));
                }
                Some(_) => {
                    let what = "a control character in a string must be escaped";
                    return Err(syntax(stop, what.into()));
                }
                None => return Err(self.expected(stop, "`\"`")),
            }
            let simple = self
                .bytes
                .get(stop + 1)
                .map_or(0, |byte| SIMPLE[*byte as usize]);
            let (character, behind) = match simple {
                0 => self.unicode(stop + 1)?,
                byte => (char::from(byte), stop + 2),
            };
            self.writer.text().push(character);
            from = behind;
            stop = from + plain(&self.bytes[from..]);
        }
    }

    /// Reads the escape at `at`, which is behind its backslash and not one of [`SIMPLE`]: `u`, four digits, and
    /// where they are half of a pair, the other half.
    fn unicode(&self, at: usize) -> Read<(char, usize)> {
        if self.peek(at) != b'u' {
            return Err(self.expected(at, "one of `\"\\/bfnrtu` behind `\\`"));
        }
        let (high, mut behind) = (self.hex(at + 1)?, at + 5);
        let mut code = high;
        if (0xd800..=0xdbff).contains(&high) && self.bytes[behind..].starts_with(b"\\u") {
            let low = self.hex(behind + 2)?;
            behind += 6;
            if (0xdc00..=0xdfff).contains(&low) {
                code = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
            }
        }
        match char::from_u32(code) {
            Some(character) => Ok((character, behind)),
            None => {
                let what = format!("`\\u{high:04x}` is half of a surrogate pair");
                Err(syntax(at - 1, what.into()))
            }
        }
    }

    fn hex(&self, start: usize) -> Read<u32> {
        let mut code = 0;
        for at in start..start + 4 {
            let digit = match self.peek(at) {
                byte @ b'0'..=b'9' => byte - b'0',
                byte => match byte | 0x20 {
                    lower @ b'a'..=b'f' => lower - b'a' + 10,
                    _ => {
                        let what = "four hexadecimal digits behind `\\u`";
                        return Err(self.expected(at, what));
                    }
                },
            };
            code = code << 4 | u32::from(digit);
        }
        Ok(code)
    }
}
