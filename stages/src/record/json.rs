//! A record as one JSON document, written straight into the bytes that a sink keeps.
//!
//! It promises exact values: integers as digits, decimals as strings, doubles in the shortest form that reads
//! back as the same double, and texts escaped as RFC 8259 wants it and no further. It never builds a tree and
//! never fails: whatever a record holds has a form here.

use super::{Layout, Record, Schema, Slot, Value, write_date, write_datetime};
use crate::sink::Nulls;
use pipeline::Position;
use std::sync::Arc;

/// Writes the documents of one load.
#[derive(Debug)]
pub struct DocumentWriter {
    entries: Vec<Entry>,
    nulls: Nulls,
    lineage: Option<Prepared>,
}

/// What lineage says of a load: the field that holds it, and what is the same for each of its records.
#[derive(Clone, Copy, Debug)]
pub struct Lineage<'a> {
    /// The name of the field.
    pub field: &'a str,
    /// The job that loads.
    pub job: &'a str,
    /// The name of the input.
    pub file: &'a str,
}

/// A name of the document behind a comma, with its quotes, escapes and colon.
#[derive(Debug)]
struct Entry {
    key: Vec<u8>,
    slot: Prewritten,
}

#[derive(Debug)]
enum Prewritten {
    Field(usize),
    Nested(Vec<Entry>),
}

/// Everything of a record's lineage before its number.
#[derive(Debug)]
struct Prepared {
    key: Vec<u8>,
    start: Vec<u8>,
}

impl DocumentWriter {
    /// A writer of documents in the layout of `schema`.
    pub fn new(schema: &Schema, nulls: Nulls, lineage: Option<Lineage<'_>>) -> Self {
        let lineage = lineage.map(|lineage| {
            let mut start = b"{\"job\":".to_vec();
            write_text(lineage.job, &mut start);
            start.extend_from_slice(b",\"file\":");
            write_text(lineage.file, &mut start);
            start.extend_from_slice(b",\"record\":");
            Prepared {
                key: key(lineage.field),
                start,
            }
        });
        Self {
            entries: prewrite(&schema.layout),
            nulls,
            lineage,
        }
    }

    /// Appends the document of `record`, which stands at `at`: `_id` first where one is given, then the layout,
    /// then what the spec does not know and keeps, then the lineage. Objects of the layout in which nothing is
    /// are left out.
    pub fn write(&self, id: Option<&[u8; 24]>, at: Position, record: &Record, out: &mut Vec<u8>) {
        out.push(b'{');
        let mut object = Object { empty: true };
        if let Some(id) = id {
            object.key(b",\"_id\":\"", out);
            write_hex(id, out);
            out.push(b'"');
        }
        self.write_entries(&self.entries, record, &mut object, out);
        for (name, value) in record.unknown() {
            if *value != Value::Null || self.nulls == Nulls::Write {
                object.key(b",", out);
                write_text(record.text(*name), out);
                out.push(b':');
                write_value(record, value, out);
            }
        }
        if let Some(lineage) = &self.lineage {
            object.key(&lineage.key, out);
            out.extend_from_slice(&lineage.start);
            write_integer(at.ordinal + 1, out);
            out.extend_from_slice(b",\"line\":");
            write_integer(at.line, out);
            out.push(b'}');
        }
        out.push(b'}');
    }

    fn write_entries(
        &self,
        entries: &[Entry],
        record: &Record,
        object: &mut Object,
        out: &mut Vec<u8>,
    ) {
        for entry in entries {
            match &entry.slot {
                Prewritten::Field(index) => {
                    let value = record.value(*index);
                    if *value != Value::Null || self.nulls == Nulls::Write {
                        object.key(&entry.key, out);
                        write_value(record, value, out);
                    }
                }
                Prewritten::Nested(entries) => {
                    let (before, was_empty) = (out.len(), object.empty);
                    object.key(&entry.key, out);
                    out.push(b'{');
                    let mut nested = Object { empty: true };
                    self.write_entries(entries, record, &mut nested, out);
                    out.push(b'}');
                    if nested.empty {
                        out.truncate(before);
                        object.empty = was_empty;
                    }
                }
            }
        }
    }
}

/// An object that is being written: commas stand between its entries only.
struct Object {
    empty: bool,
}

impl Object {
    /// `key` begins with a comma, which is left out before the first entry.
    fn key(&mut self, key: &[u8], out: &mut Vec<u8>) {
        let first = std::mem::take(&mut self.empty);
        out.extend_from_slice(&key[usize::from(first)..]);
    }
}

fn prewrite(layout: &Layout) -> Vec<Entry> {
    let entry = |(name, slot): &(Arc<str>, Slot)| Entry {
        key: key(name),
        slot: match slot {
            Slot::Field(index) => Prewritten::Field(*index),
            Slot::Nested(layout) => Prewritten::Nested(prewrite(layout)),
        },
    };
    layout.0.iter().map(entry).collect()
}

fn key(name: &str) -> Vec<u8> {
    let mut key = b",".to_vec();
    write_text(name, &mut key);
    key.push(b':');
    key
}

/// Appends `value`, of which `record` holds the texts, as JSON: decimals, dates, datetimes and UUIDs are strings.
pub fn write_value(record: &Record, value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Text(text) => write_text(record.text(*text), out),
        Value::Integer(number) => write_integer(*number, out),
        Value::Float(number) => write_float(*number, out),
        Value::Boolean(truth) => {
            out.extend_from_slice(if *truth { b"true" } else { b"false" });
        }
        Value::Decimal(_) | Value::Date(_) | Value::Datetime(_) | Value::Uuid(_) => {
            out.push(b'"');
            write_plain(record, value, out);
            out.push(b'"');
        }
        Value::List(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_value(record, item, out);
            }
            out.push(b']');
        }
        Value::Object(entries) => {
            out.push(b'{');
            let mut object = Object { empty: true };
            for (name, value) in entries {
                object.key(b",", out);
                write_text(record.text(*name), out);
                out.push(b':');
                write_value(record, value, out);
            }
            out.push(b'}');
        }
    }
}

/// Appends `value` as a cell of a table holds it: without quotes, nothing for a null, and lists and objects as
/// JSON.
pub fn write_plain(record: &Record, value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => {}
        Value::Text(text) => out.extend_from_slice(record.text(*text).as_bytes()),
        Value::Decimal(number) => number.write(out),
        Value::Date(days) => write_date(*days, out),
        Value::Datetime(milliseconds) => write_datetime(*milliseconds, out),
        Value::Uuid(bytes) => write_uuid(bytes, out),
        Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::List(_)
        | Value::Object(_) => write_value(record, value, out),
    }
}

/// Appends `text` in quotes. Escaped are the quote, the backslash and the control characters below U+0020,
/// nothing else (RFC 8259, section 7).
pub fn write_text(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    out.reserve(bytes.len() + 2);
    out.push(b'"');
    if has_special(bytes) {
        write_escaped(bytes, out);
    } else {
        out.extend_from_slice(bytes);
    }
    out.push(b'"');
}

fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// Whether any byte must be escaped, eight at a time: most texts have none.
fn has_special(bytes: &[u8]) -> bool {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    // The high bit of a byte is set in `x - ONES & !x & HIGH` where it is zero; of a higher byte it may be as well,
    // which does not change whether there is one.
    let has_zero = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;
    let (words, rest) = bytes.as_chunks::<8>();
    let any = words.iter().any(|word| {
        let word = u64::from_ne_bytes(*word);
        let control = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
        let quote = has_zero(word ^ (ONES * u64::from(b'"')));
        let backslash = has_zero(word ^ (ONES * u64::from(b'\\')));
        control | quote | backslash != 0
    });
    any || rest.iter().any(|&byte| is_special(byte))
}

fn write_escaped(bytes: &[u8], out: &mut Vec<u8>) {
    let mut copied = 0;
    for (index, &byte) in bytes.iter().enumerate() {
        if !is_special(byte) {
            continue;
        }
        out.extend_from_slice(&bytes[copied..index]);
        copied = index + 1;
        let short = match byte {
            b'"' | b'\\' => byte,
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0x08 => b'b',
            0x0c => b'f',
            _ => {
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&hex_digits(byte));
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', short]);
    }
    out.extend_from_slice(&bytes[copied..]);
}

/// Appends the digits of an integer.
pub fn write_integer(number: impl itoa::Integer, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Appends the shortest digits that read back as the same double. JSON has none that is not finite; a record
/// never holds one.
fn write_float(number: f64, out: &mut Vec<u8>) {
    if number.is_finite() {
        out.extend_from_slice(zmij::Buffer::new().format_finite(number).as_bytes());
    } else {
        out.extend_from_slice(b"null");
    }
}

/// Appends two lower-case hexadecimal digits for each byte.
pub fn write_hex(bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(bytes.len() * 2);
    for chunk in bytes.chunks(8) {
        let mut digits = [0; 16];
        for (pair, byte) in digits.as_chunks_mut::<2>().0.iter_mut().zip(chunk) {
            *pair = hex_digits(*byte);
        }
        out.extend_from_slice(&digits[..chunk.len() * 2]);
    }
}

fn hex_digits(byte: u8) -> [u8; 2] {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]
}

/// Appends the 36 characters of a UUID (RFC 9562, section 4).
fn write_uuid(bytes: &[u8; 16], out: &mut Vec<u8>) {
    for (index, range) in [0..4, 4..6, 6..8, 8..10, 10..16].into_iter().enumerate() {
        if index > 0 {
            out.push(b'-');
        }
        write_hex(&bytes[range], out);
    }
}

#[cfg(test)]
mod tests;
