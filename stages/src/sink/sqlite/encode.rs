//! The pure half: a record as the values of its row, one behind the other.
//!
//! An insert is `id (24) ‖ doc`. In key modes an operation is `id (24) ‖ seq (16)`, for each field of the key the
//! length of its JSON text (4, little endian) and the text, then `doc`.

use crate::identity::{LoadIdentity, key_id, sequence};
use crate::record::{DocumentWriter, Lineage, Record, Value, write_text, write_value};
use crate::sink::{KeyField, Load, Mode, Target, key_fields};
use pipeline::{Encode, Fatal, Position, Problem};
use std::ops::Range;

/// Bytes of an `_id`.
const ID_BYTES: usize = 24;
/// Bytes of a sequence.
const SEQ_BYTES: usize = 16;

fn documents(target: &Target, load: &Load) -> DocumentWriter {
    let lineage = target.lineage.as_deref().map(|field| Lineage {
        field,
        job: &load.job,
        file: &load.file,
    });
    DocumentWriter::new(&load.schema, target.nulls, lineage)
}

/// Encodes inserts.
pub(super) struct InsertEncoder {
    documents: DocumentWriter,
    identity: LoadIdentity,
}

impl InsertEncoder {
    pub fn new(target: &Target, load: &Load) -> Self {
        Self {
            documents: documents(target, load),
            identity: load.identity,
        }
    }
}

impl Encode<Record> for InsertEncoder {
    fn encode(
        &self,
        at: Position,
        part: u32,
        record: &Record,
        out: &mut Vec<u8>,
    ) -> Result<(), Problem> {
        out.extend_from_slice(&self.identity.document_id(at.ordinal, part));
        self.documents.write(None, at, record, out);
        Ok(())
    }
}

/// Encodes operations on the document with a record's key.
pub(super) struct KeyedEncoder {
    documents: DocumentWriter,
    /// Each field with its path as JSON text, which goes into a new document's id beside the value.
    key: Vec<(KeyField, Vec<u8>)>,
    mode: Mode,
    load_number: u64,
    tenant: Option<String>,
    collection: String,
}

impl KeyedEncoder {
    /// An encoder of the key of `target` among the fields of `load`.
    ///
    /// # Errors
    /// `key_unknown` where a path is no field's target, `key_type` where the field is a list or an object.
    pub fn new(target: &Target, load: &Load) -> Result<Self, Fatal> {
        let labelled = |field: KeyField| {
            let mut label = Vec::new();
            write_text(&field.path, &mut label);
            (field, label)
        };
        let key = key_fields(target, load)?;
        Ok(Self {
            documents: documents(target, load),
            key: key.into_iter().map(labelled).collect(),
            mode: target.mode,
            load_number: load.load_number,
            tenant: load.tenant.clone(),
            collection: target.collection.clone(),
        })
    }
}

impl Encode<Record> for KeyedEncoder {
    fn encode(
        &self,
        at: Position,
        part: u32,
        record: &Record,
        out: &mut Vec<u8>,
    ) -> Result<(), Problem> {
        let start = out.len();
        out.extend_from_slice(&[0; ID_BYTES]);
        out.extend_from_slice(&sequence(self.load_number, at.ordinal, part));
        let mut canonical = Vec::new();
        for (field, label) in &self.key {
            let value = record.value(field.index);
            if *value == Value::Null {
                let message = format!("`{}` is in the key and has no value", field.path);
                return Err(Problem::of_field("key_null", &*field.name, message));
            }
            let length_at = out.len();
            out.extend_from_slice(&[0; 4]);
            write_value(record, value, out);
            let text = length_at + 4;
            let length = (out.len() - text) as u32;
            out[length_at..text].copy_from_slice(&length.to_le_bytes());
            canonical.extend_from_slice(label);
            canonical.push(b':');
            canonical.extend_from_slice(&out[text..]);
            canonical.push(b'\n');
        }
        let id = key_id(self.tenant.as_deref(), &self.collection, &canonical);
        out[start..start + ID_BYTES].copy_from_slice(&id);
        if self.mode != Mode::Delete {
            self.documents.write(None, at, record, out);
        }
        Ok(())
    }
}

/// An insert as it was encoded; `None` for bytes that no encoder wrote.
pub(super) fn insert(bytes: &[u8]) -> Option<(&[u8; ID_BYTES], &str)> {
    let (id, doc) = bytes.split_first_chunk()?;
    Some((id, std::str::from_utf8(doc).ok()?))
}

/// The ordinal in the id of an insert.
pub(super) fn ordinal(id: &[u8; ID_BYTES]) -> i64 {
    id[12..20]
        .iter()
        .fold(0, |sum, byte| sum << 8 | i64::from(*byte))
}

/// An operation of a key mode as it was encoded.
pub(super) struct Keyed<'a> {
    /// The id of the document, should it be new.
    pub id: &'a [u8; ID_BYTES],
    /// Load number and ordinal.
    pub seq: &'a [u8; SEQ_BYTES],
    /// The JSON texts of the key.
    pub key: Vec<&'a str>,
    /// The document; empty in mode delete.
    pub doc: &'a str,
}

impl<'a> Keyed<'a> {
    /// Reads an operation with `fields` fields in its key; `None` for bytes that no encoder wrote.
    pub fn read(bytes: &'a [u8], fields: usize) -> Option<Self> {
        let (id, rest) = bytes.split_first_chunk()?;
        let (seq, mut rest) = rest.split_first_chunk()?;
        let mut key = Vec::with_capacity(fields);
        for _ in 0..fields {
            let (length, behind) = rest.split_first_chunk()?;
            let (text, behind) = behind.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            key.push(std::str::from_utf8(text).ok()?);
            rest = behind;
        }
        let doc = std::str::from_utf8(rest).ok()?;
        Some(Self { id, seq, key, doc })
    }
}

/// A copy of a batch's operations, which a thread that may block can keep.
pub(super) struct Operations {
    bytes: Vec<u8>,
    /// The end of each operation.
    ends: Vec<usize>,
    /// One past the last operation of each record that has several, or of each operation.
    records: Vec<usize>,
}

impl Operations {
    pub fn copied(batch: &pipeline::Batch) -> Self {
        let mut operations = Self {
            bytes: Vec::with_capacity(batch.bytes_len()),
            ends: Vec::with_capacity(batch.len()),
            records: Vec::with_capacity(batch.len()),
        };
        let mut exploded = None;
        for operation in batch.operations() {
            let whole = (operation.part() > 0).then(|| operation.position().ordinal);
            if whole.is_some() && whole == exploded {
                operations.records.pop();
            }
            exploded = whole;
            operations.bytes.extend_from_slice(operation.bytes());
            operations.ends.push(operations.bytes.len());
            operations.records.push(operations.ends.len());
        }
        operations
    }

    /// The operations of each record, in order; more than one of an exploded one.
    pub fn records(&self) -> impl Iterator<Item = Range<usize>> {
        let starts = std::iter::once(0).chain(self.records.iter().copied());
        starts.zip(&self.records).map(|(start, &end)| start..end)
    }

    /// The bytes of each operation of a record.
    pub fn of(&self, record: Range<usize>) -> impl Iterator<Item = &[u8]> {
        record.map(|index| {
            let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
            &self.bytes[start..self.ends[index]]
        })
    }
}
