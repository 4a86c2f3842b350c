//! The pure half: a record as JSON behind its id, and in key modes behind what finds its document.
//!
//! An insert is `id (24) ‖ document`. In key modes an operation is `id (24) ‖ sequence (16) ‖ length of the key (4,
//! little endian) ‖ key ‖ document`; the key is a JSON array, and a delete has no document.

use super::{ID_BYTES, SEQUENCE_BYTES};
use pipeline::{Encode, Fatal, Operation, Position, Problem};
use serde_json::Value as Json;
use stages::identity::{LoadIdentity, key_id, sequence};
use stages::record::{DocumentWriter, Lineage, Record, Value, write_value};
use stages::sink::{KeyField, Load, Mode, Target, key_fields};

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
    pub(super) fn new(target: &Target, load: &Load) -> Self {
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
    key: Vec<KeyField>,
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
    pub(super) fn new(target: &Target, load: &Load) -> Result<Self, Fatal> {
        Ok(Self {
            documents: documents(target, load),
            key: key_fields(target, load)?,
            mode: target.mode,
            load_number: load.load_number,
            tenant: load.tenant.clone(),
            collection: target.collection.clone(),
        })
    }

    /// The key as a JSON array.
    fn key(&self, record: &Record) -> Result<Vec<u8>, Problem> {
        let mut key = vec![b'['];
        for (number, field) in self.key.iter().enumerate() {
            let value = record.value(field.index);
            if *value == Value::Null {
                let message = format!("`{}` is in the key and has no value", field.path);
                return Err(Problem::of_field("key_null", &*field.name, message));
            }
            if number > 0 {
                key.push(b',');
            }
            write_value(record, value, &mut key);
        }
        key.push(b']');
        Ok(key)
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
        let key = self.key(record)?;
        out.extend_from_slice(&key_id(self.tenant.as_deref(), &self.collection, &key));
        out.extend_from_slice(&sequence(self.load_number, at.ordinal, part));
        out.extend_from_slice(&(key.len() as u32).to_le_bytes());
        out.extend_from_slice(&key);
        if self.mode != Mode::Delete {
            self.documents.write(None, at, record, out);
        }
        Ok(())
    }
}

/// An insert as it was encoded.
pub(super) struct Insert {
    pub(super) id: [u8; ID_BYTES],
    pub(super) document: Json,
}

impl Insert {
    /// # Errors
    /// `internal` for bytes that no encoder wrote.
    pub(super) fn read(operation: Operation<'_>) -> Result<Self, Fatal> {
        let (id, document) = operation.bytes().split_first_chunk().ok_or_else(damaged)?;
        Ok(Self {
            id: *id,
            document: json(document)?,
        })
    }
}

/// An operation of a key mode as it was encoded.
pub(super) struct Keyed {
    /// The id of the document, should it be new.
    pub(super) id: [u8; ID_BYTES],
    pub(super) sequence: [u8; SEQUENCE_BYTES],
    /// The key as the index has it.
    pub(super) key: String,
    /// Null in mode delete.
    pub(super) document: Json,
}

impl Keyed {
    /// # Errors
    /// `internal` for bytes that no encoder wrote.
    pub(super) fn read(operation: Operation<'_>) -> Result<Self, Fatal> {
        let read = || {
            let (id, rest) = operation.bytes().split_first_chunk()?;
            let (sequence, rest) = rest.split_first_chunk()?;
            let (length, rest) = rest.split_first_chunk()?;
            let (key, document) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            Some((*id, *sequence, key, document))
        };
        let (id, sequence, key, document) = read().ok_or_else(damaged)?;
        Ok(Self {
            id,
            sequence,
            key: json(key)?.to_string(),
            document: match document {
                [] => Json::Null,
                document => json(document)?,
            },
        })
    }
}

fn json(bytes: &[u8]) -> Result<Json, Fatal> {
    serde_json::from_slice(bytes).map_err(|error| damaged().because(&error))
}

fn damaged() -> Fatal {
    Fatal::new("internal", "an operation is not as it was encoded")
}
