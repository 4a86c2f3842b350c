//! BSON, written by hand: the elements that this sink needs, appended to a buffer.
//!
//! The format is <https://bsonspec.org/spec.html>. Nothing here allocates, reads BSON or interprets a value:
//! text that looks like an operator stays text. Names must be free of NUL; [`cstring_is_safe`] tells.

use crate::record::Decimal;

/// A document that is being written, until [`end`].
#[must_use]
pub(super) struct Open(usize);

/// The bytes of a head that is appended in one piece of a fixed size.
const HEAD_BYTES: usize = 24;
/// The bytes of a text, or of its end, that are appended so.
const PIECE_BYTES: usize = 32;
/// The longest name that is looked through without a call, in bytes.
const SHORT_NAME_BYTES: usize = 16;

/// Appends the first `length` bytes of `bytes`. Of a short text more is copied and taken back: a copy of a fixed size
/// is no call.
#[inline]
fn append(out: &mut Vec<u8>, bytes: &[u8], length: usize) {
    match bytes.first_chunk::<PIECE_BYTES>() {
        Some(piece) if length <= PIECE_BYTES => {
            let at = out.len();
            out.extend_from_slice(piece);
            out.truncate(at + length);
        }
        _ => out.extend_from_slice(&bytes[..length]),
    }
}

/// Begins a document or array.
#[inline]
pub(super) fn begin(out: &mut Vec<u8>) -> Open {
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    Open(at)
}

/// Begins a document that has an `_id` of ours.
#[inline]
pub(super) fn begin_with_id(out: &mut Vec<u8>, id: &[u8; 24]) -> Open {
    let at = out.len();
    // Room for the length; an element of 24 generic bytes.
    out.extend_from_slice(b"\0\0\0\0\x05_id\0\x18\0\0\0\0");
    out.extend_from_slice(id);
    Open(at)
}

/// Ends what [`begin`] began, and returns its length in bytes.
pub(super) fn end(out: &mut Vec<u8>, open: Open) -> usize {
    out.push(0);
    let length = out.len() - open.0;
    // Nothing comes near 2 GiB: records are bounded, and documents are refused from 16 MiB on.
    out[open.0..open.0 + 4].copy_from_slice(&(length as i32).to_le_bytes());
    length
}

/// Whether a text can be the name of an element: BSON ends names with NUL.
pub(super) fn cstring_is_safe(text: &str) -> bool {
    let bytes = text.as_bytes();
    match bytes.len() <= SHORT_NAME_BYTES {
        true => !bytes.contains(&0),
        false => memchr::memchr(0, bytes).is_none(),
    }
}

/// The name of an element.
pub(super) trait Name: Copy {
    /// Appends what stands before the value of an element of type `kind`.
    fn begin(self, out: &mut Vec<u8>, kind: u8);
}

impl<T: AsRef<str> + ?Sized> Name for &T {
    fn begin(self, out: &mut Vec<u8>, kind: u8) {
        out.push(kind);
        out.extend_from_slice(self.as_ref().as_bytes());
        out.push(0);
    }
}

/// A name that many elements have, as it stands before their values: a byte for the type, the name, NUL.
pub(super) struct Head {
    bytes: Box<[u8]>,
    /// Its first bytes, and zeros behind them.
    first: [u8; HEAD_BYTES],
}

impl Head {
    /// The head of elements called `name`.
    pub(super) fn of(name: &str) -> Self {
        let mut bytes = Vec::with_capacity(name.len() + 2);
        name.begin(&mut bytes, 0);
        let mut first = [0; HEAD_BYTES];
        first
            .iter_mut()
            .zip(&bytes)
            .for_each(|(to, from)| *to = *from);
        Self {
            bytes: bytes.into(),
            first,
        }
    }
}

impl Name for &Head {
    #[inline]
    fn begin(self, out: &mut Vec<u8>, kind: u8) {
        let (at, length) = (out.len(), self.bytes.len());
        if length <= HEAD_BYTES {
            out.extend_from_slice(&self.first);
            out.truncate(at + length);
        } else {
            out.extend_from_slice(&self.bytes);
        }
        out[at] = kind;
    }
}

/// A name that stands at the front of some bytes.
#[derive(Clone, Copy)]
pub(super) struct Front<'a>(pub(super) (&'a [u8], usize));

impl Name for Front<'_> {
    #[inline]
    fn begin(self, out: &mut Vec<u8>, kind: u8) {
        let (bytes, length) = self.0;
        out.push(kind);
        append(out, bytes, length);
        out.push(0);
    }
}

/// Begins a document under a name.
pub(super) fn begin_document(out: &mut Vec<u8>, name: impl Name) -> Open {
    name.begin(out, 0x03);
    begin(out)
}

/// Begins an array under a name; its items are named by [`Index`].
pub(super) fn begin_array(out: &mut Vec<u8>, name: impl Name) -> Open {
    name.begin(out, 0x04);
    begin(out)
}

/// Appends a whole document under a name.
pub(super) fn document(out: &mut Vec<u8>, name: impl Name, bytes: &[u8]) {
    name.begin(out, 0x03);
    out.extend_from_slice(bytes);
}

/// Appends a double.
#[inline]
pub(super) fn double(out: &mut Vec<u8>, name: impl Name, value: f64) {
    name.begin(out, 0x01);
    out.extend_from_slice(&value.to_le_bytes());
}

/// Appends a string; NUL may be in it.
pub(super) fn string(out: &mut Vec<u8>, name: impl Name, value: &str) {
    name.begin(out, 0x02);
    out.extend_from_slice(&(value.len() as i32 + 1).to_le_bytes());
    out.extend_from_slice(value.as_bytes());
    out.push(0);
}

/// Appends a string that stands at the front of some bytes; NUL may be in it.
#[inline]
pub(super) fn front(out: &mut Vec<u8>, name: impl Name, (bytes, length): (&[u8], usize)) {
    name.begin(out, 0x02);
    out.extend_from_slice(&(length as i32 + 1).to_le_bytes());
    append(out, bytes, length);
    out.push(0);
}

/// The subtype of binary data.
#[derive(Clone, Copy)]
pub(super) enum Subtype {
    Generic = 0,
    Uuid = 4,
}

/// Appends binary data.
#[inline]
pub(super) fn binary(out: &mut Vec<u8>, name: impl Name, subtype: Subtype, value: &[u8]) {
    name.begin(out, 0x05);
    out.extend_from_slice(&(value.len() as i32).to_le_bytes());
    out.push(subtype as u8);
    out.extend_from_slice(value);
}

/// Appends a boolean.
#[inline]
pub(super) fn boolean(out: &mut Vec<u8>, name: impl Name, value: bool) {
    name.begin(out, 0x08);
    out.push(u8::from(value));
}

/// Appends a date: milliseconds since 1970-01-01T00:00:00Z.
#[inline]
pub(super) fn datetime(out: &mut Vec<u8>, name: impl Name, ms: i64) {
    name.begin(out, 0x09);
    out.extend_from_slice(&ms.to_le_bytes());
}

/// Appends null.
pub(super) fn null(out: &mut Vec<u8>, name: impl Name) {
    name.begin(out, 0x0A);
}

/// Appends a 32-bit integer, for options of commands.
pub(super) fn int32(out: &mut Vec<u8>, name: impl Name, value: i32) {
    name.begin(out, 0x10);
    out.extend_from_slice(&value.to_le_bytes());
}

/// Appends a 64-bit integer.
#[inline]
pub(super) fn int64(out: &mut Vec<u8>, name: impl Name, value: i64) {
    name.begin(out, 0x12);
    out.extend_from_slice(&value.to_le_bytes());
}

/// Appends a decimal128.
#[inline]
pub(super) fn decimal(out: &mut Vec<u8>, name: impl Name, value: Decimal) {
    name.begin(out, 0x13);
    out.extend_from_slice(&value.to_bid());
}

/// Splits the document that stands at the front of `bytes` from what follows.
pub(super) fn split_document(bytes: &[u8]) -> (&[u8], &[u8]) {
    let length = bytes
        .first_chunk()
        .map_or(0, |length| i32::from_le_bytes(*length));
    let length = usize::try_from(length).unwrap_or_default();
    bytes.split_at(length.min(bytes.len()))
}

/// The name of an array's item: its index in digits, counted up without formatting each.
pub(super) struct Index {
    digits: [u8; 10],
    start: usize,
}

impl Index {
    /// The first item's.
    pub(super) fn first() -> Self {
        let mut digits = [b'0'; 10];
        digits[9] = b'0';
        Self { digits, start: 9 }
    }

    /// The name.
    pub(super) fn name(&self) -> &str {
        // Only digits are ever in it.
        std::str::from_utf8(&self.digits[self.start..]).unwrap_or("0")
    }

    /// Goes on to the next item.
    #[inline]
    pub(super) fn advance(&mut self) {
        let last = &mut self.digits[9];
        match *last {
            b'9' => self.carry(),
            _ => *last += 1,
        }
    }

    #[cold]
    fn carry(&mut self) {
        let mut at = self.digits.len() - 1;
        loop {
            if self.digits[at] < b'9' {
                self.digits[at] += 1;
                break;
            }
            self.digits[at] = b'0';
            if at == 0 {
                break;
            }
            at -= 1;
        }
        self.start = self.start.min(at);
    }
}

impl Name for &Index {
    #[inline]
    fn begin(self, out: &mut Vec<u8>, kind: u8) {
        if self.start == self.digits.len() - 1 {
            return out.extend_from_slice(&[kind, self.digits[9], 0]);
        }
        out.push(kind);
        out.extend_from_slice(&self.digits[self.start..]);
        out.push(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::{Bson, Document, doc, spec::BinarySubtype};

    #[test]
    fn every_element_is_read_back() {
        let decimal_value = Decimal::parse("-12.50").unwrap();
        let mut out = Vec::new();
        let open = begin(&mut out);
        double(&mut out, &Head::of("double"), -0.5);
        string(&mut out, "", "a\0ö");
        binary(&mut out, "generic", Subtype::Generic, &[1, 2]);
        binary(&mut out, "uuid", Subtype::Uuid, &[7; 16]);
        boolean(&mut out, "a.b", true);
        datetime(&mut out, "$date", -1);
        null(&mut out, "null");
        int32(&mut out, "int32", i32::MIN);
        int64(&mut out, "int64", i64::MIN);
        decimal(&mut out, "decimal", decimal_value);
        let array = begin_array(&mut out, "array");
        document(&mut out, "0", &[5, 0, 0, 0, 0]);
        end(&mut out, array);
        let length = end(&mut out, open);
        assert_eq!(length, out.len());
        let binary = |subtype, bytes: &[u8]| {
            Bson::Binary(mongodb::bson::Binary {
                subtype,
                bytes: bytes.to_vec(),
            })
        };
        let expected = doc! {
            "double": -0.5,
            "": "a\0ö",
            "generic": binary(BinarySubtype::Generic, &[1, 2]),
            "uuid": binary(BinarySubtype::Uuid, &[7; 16]),
            "a.b": true,
            "$date": mongodb::bson::DateTime::from_millis(-1),
            "null": null,
            "int32": i32::MIN,
            "int64": i64::MIN,
            "decimal": "-12.50".parse::<mongodb::bson::Decimal128>().unwrap(),
            "array": [{}],
        };
        assert_eq!(Document::from_reader(&out[..]).unwrap(), expected);
        let (first, rest) = split_document(&out);
        assert_eq!((first.len(), rest.len()), (length, 0));
    }

    #[test]
    fn indexes_count_up() {
        let mut index = Index::first();
        for expected in 0..=100_001 {
            assert_eq!(index.name(), expected.to_string());
            index.advance();
        }
    }

    #[test]
    fn what_is_no_document_splits_without_panic() {
        for bytes in [&[][..], &[1, 0], &[255, 255, 255, 255], &[9, 0, 0, 0, 0]] {
            let (first, rest) = split_document(bytes);
            assert_eq!(first.len() + rest.len(), bytes.len());
        }
    }
}
