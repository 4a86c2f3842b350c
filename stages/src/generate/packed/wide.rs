//! A writer that makes UTF-16 of UTF-8, with a byte-order mark, or leaves it as it is. Bytes that are no UTF-8 become an
//! unpaired surrogate each, so that a record which is wrong by its encoding stays that.

use super::Packed;
use crate::unpack::Encoding;
use encoding_rs::{UTF_8, UTF_16BE, UTF_16LE};
use std::io::{Result, Write};

/// What stands for bytes that are no UTF-8.
const UNPAIRED: u16 = 0xdc00;

/// The byte-order mark.
const MARK: u16 = 0xfeff;

/// The forms of text that are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Utf8,
    LittleEndian,
    BigEndian,
}

/// How an encoding is written; none: it is not.
pub(super) fn form(encoding: Encoding) -> Option<Form> {
    match encoding {
        Encoding::Auto => Some(Form::Utf8),
        Encoding::Of(standard) if standard == UTF_8 => Some(Form::Utf8),
        Encoding::Of(standard) if standard == UTF_16LE => Some(Form::LittleEndian),
        Encoding::Of(standard) if standard == UTF_16BE => Some(Form::BigEndian),
        Encoding::Of(_) => None,
    }
}

/// The writer.
pub struct Wide<W> {
    to: W,
    form: Form,
    /// Nothing was written but the byte-order mark; one that comes is that one.
    is_new: bool,
    /// The start of a character that the next bytes end; at most three bytes.
    left: Vec<u8>,
    out: Vec<u8>,
}

impl<W: Write> Wide<W> {
    /// Encodings that cannot be written are written as UTF-8.
    pub(super) fn new(to: W, encoding: Encoding) -> Result<Self> {
        let mut wide = Self {
            to,
            form: form(encoding).unwrap_or(Form::Utf8),
            is_new: true,
            left: Vec::new(),
            out: Vec::new(),
        };
        if wide.form != Form::Utf8 {
            wide.unit(MARK);
            wide.send()?;
        }
        Ok(wide)
    }

    fn unit(&mut self, unit: u16) {
        self.out.extend_from_slice(&match self.form {
            Form::BigEndian => unit.to_be_bytes(),
            Form::LittleEndian | Form::Utf8 => unit.to_le_bytes(),
        });
    }

    fn send(&mut self) -> Result<()> {
        self.to.write_all(&self.out)?;
        self.out.clear();
        Ok(())
    }

    /// Turns what came, all of it where `at_end`.
    fn turn(&mut self, at_end: bool) -> Result<()> {
        let left = std::mem::take(&mut self.left);
        let mut chunks = left.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            for unit in chunk.valid().encode_utf16() {
                if !(std::mem::take(&mut self.is_new) && unit == MARK) {
                    self.unit(unit);
                }
            }
            let (invalid, is_last) = (chunk.invalid(), chunks.peek().is_none());
            if is_last && !at_end && is_cut(invalid) {
                self.left = invalid.to_vec();
                break;
            }
            invalid.iter().for_each(|_| self.unit(UNPAIRED));
        }
        self.send()
    }
}

/// Whether these bytes are the start of a character.
fn is_cut(invalid: &[u8]) -> bool {
    !invalid.is_empty()
        && std::str::from_utf8(invalid).is_err_and(|error| error.error_len().is_none())
}

impl<W: Write> Wide<Packed<W>> {
    /// Writes what is left, flushes, and gives back what was written into.
    ///
    /// # Errors
    /// What the writer says.
    pub fn finish(mut self) -> Result<W> {
        self.turn(true)?;
        self.to.finish()
    }
}

impl<W: Write> Write for Wide<W> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        if self.form == Form::Utf8 {
            return self.to.write(bytes);
        }
        self.left.extend_from_slice(bytes);
        self.turn(false)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf_16_holds_every_character_and_bytes_that_are_none() {
        let bytes = ["\u{feff}a€😀é".as_bytes(), b"\xffz\xe2\x82"].concat();
        for cut in 0..bytes.len() {
            let encoding = Encoding::of_label("utf-16le").unwrap();
            let mut wide = Wide::new(Packed::Plain(Vec::new()), encoding).unwrap();
            wide.write_all(&bytes[..cut]).unwrap();
            wide.write_all(&bytes[cut..]).unwrap();
            let units: Vec<u16> = wide
                .finish()
                .unwrap()
                .chunks(2)
                .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
                .collect();
            let expected: Vec<u16> = "\u{feff}a€😀é".encode_utf16().collect();
            let (start, rest) = units.split_at(expected.len());
            assert_eq!(start, expected, "{cut}");
            assert_eq!(
                rest,
                [UNPAIRED, u16::from(b'z'), UNPAIRED, UNPAIRED],
                "{cut}"
            );
        }
    }
}
