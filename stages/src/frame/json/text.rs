//! Strings outside of records: judged by RFC 8259 and, where one is a name, compared with the name on the way.
//!
//! A string may be of any length and arrive in any pieces: nothing of it is kept but how far it is equal. At most
//! twelve bytes, an escape or the beginning of a character, are looked at twice.

use super::super::document::Malformed;
use super::walk::{Read, expected};
use crate::json::scan::plain;
use std::str::from_utf8;

/// The bytes of two escapes `\uXXXX`.
const PAIR_BYTES: usize = 12;

/// A name that is compared while it is read.
#[derive(Clone, Debug, Default)]
pub struct Name {
    /// What it was compared with last, or is.
    wanted: String,
    /// How many bytes of it were met.
    met: usize,
    differs: bool,
}

impl Name {
    /// What is read next is compared with `name`, or with nothing.
    pub fn begin(&mut self, name: Option<&str>) {
        (self.met, self.differs) = (0, name.is_none());
        // It is the same one for all names of an object.
        if let Some(name) = name.filter(|name| *name != self.wanted) {
            self.wanted = name.to_owned();
        }
    }

    /// Whether all of it was met and nothing else.
    pub fn is_equal(&self) -> bool {
        !self.differs && self.wanted.len() == self.met
    }

    #[inline]
    fn meet(&mut self, text: &[u8]) {
        if self.differs {
            return;
        }
        let rest = &self.wanted.as_bytes()[self.met..];
        match rest.starts_with(text) {
            true => self.met += text.len(),
            false => self.differs = true,
        }
    }
}

/// Goes on in a string at `at`, up to behind its closing quote (and true), or to what is not whole yet.
pub fn read(bytes: &[u8], mut at: usize, at_end: bool, name: &mut Name) -> Read<(usize, bool)> {
    loop {
        let stop = at + plain_ascii(&bytes[at..]);
        name.meet(&bytes[at..stop]);
        at = stop;
        match bytes.get(at) {
            None => return Ok((at, false)),
            Some(b'"') => return Ok((at + 1, true)),
            Some(0x80..) => {
                let stop = at + plain(&bytes[at..]);
                let run = &bytes[at..stop];
                let good = match from_utf8(run) {
                    Ok(_) => run.len(),
                    Err(error) if error.error_len().is_none() && stop == bytes.len() && !at_end => {
                        error.valid_up_to()
                    }
                    Err(error) => {
                        return Err(Malformed {
                            code: "encoding",
                            at: at + error.valid_up_to(),
                            what: "a name or text outside of the records is not UTF-8".to_owned(),
                        });
                    }
                };
                name.meet(&run[..good]);
                at += good;
                if good < run.len() {
                    return Ok((at, false));
                }
            }
            Some(b'\\') => match escape(bytes, at, at_end)? {
                Some((Some(char), behind)) => {
                    name.meet(char.encode_utf8(&mut [0; 4]).as_bytes());
                    at = behind;
                }
                // Half of a pair is no character, and in no name that a path can say.
                Some((None, behind)) => {
                    name.differs = true;
                    at = behind;
                }
                None => return Ok((at, false)),
            },
            Some(_) => {
                return Err(Malformed {
                    code: "json_syntax",
                    at,
                    what: "a control character in a string must be escaped".to_owned(),
                });
            }
        }
    }
}

/// How many bytes at the start of `bytes` are ASCII, and neither a quote, a backslash nor a control character.
#[inline]
fn plain_ascii(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    let mut rest = bytes;
    while let Some((word, behind)) = rest.split_first_chunk() {
        let word = u64::from_le_bytes(*word);
        // Changing one bit leaves control characters below 0x20, and puts the quote right above them. A byte is less than
        // a number exactly where subtracting it borrows into its high bit; a false hit only stands above a true one.
        let quote_or_control = (word ^ (ONES * 0x02)).wrapping_sub(ONES * 0x21);
        let backslash = (word ^ (ONES * u64::from(b'\\'))).wrapping_sub(ONES);
        let found = (quote_or_control | backslash | word) & (ONES << 7);
        if found != 0 {
            return bytes.len() - rest.len() + found.trailing_zeros() as usize / 8;
        }
        rest = behind;
    }
    let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f | 0x80..);
    let stop = rest.iter().position(special).unwrap_or(rest.len());
    bytes.len() - rest.len() + stop
}

/// The character of the escape at `at`, if it is one, and where it ends; `None` while bytes are missing.
fn escape(bytes: &[u8], at: usize, at_end: bool) -> Read<Option<(Option<char>, usize)>> {
    let Some(kind) = bytes.get(at + 1) else {
        return Ok(None);
    };
    let simple = match kind {
        b'"' | b'\\' | b'/' => char::from(*kind),
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => {
            let Some(high) = hex(bytes, at + 2)? else {
                return Ok(None);
            };
            if let Some(char) = char::from_u32(u32::from(high)) {
                return Ok(Some((Some(char), at + 6)));
            }
            if bytes.len() < at + PAIR_BYTES && !at_end {
                return Ok(None);
            }
            let low = match bytes.get(at + 6..at + 8) {
                Some(b"\\u") => hex(bytes, at + 8)?,
                _ => None,
            };
            let pair = low.and_then(|low| char::decode_utf16([high, low]).next()?.ok());
            return Ok(Some(match pair {
                Some(char) => (Some(char), at + PAIR_BYTES),
                None => (None, at + 6),
            }));
        }
        _ => return Err(expected(bytes, at + 1, "one of `\"\\/bfnrtu` behind `\\`")),
    };
    Ok(Some((Some(simple), at + 2)))
}

/// Four hexadecimal digits; `None` while there are less.
fn hex(bytes: &[u8], at: usize) -> Read<Option<u16>> {
    let mut code = 0;
    for place in at..at + 4 {
        let Some(byte) = bytes.get(place) else {
            return Ok(None);
        };
        let Some(digit) = char::from(*byte).to_digit(16) else {
            let what = "four hexadecimal digits behind `\\u`";
            return Err(expected(bytes, place, what));
        };
        code = code << 4 | digit as u16;
    }
    Ok(Some(code))
}
