//! The key of a record in the key modes: its canonical BSON, the filter that finds its document, and the
//! `_id` of a new one.
//!
//! Canonical means: values that MongoDB compares as equal have equal bytes, so `1.50` and `1.5` are one key.

use super::bson::{self, Subtype};
use super::document::scalar_element;
use crate::identity::{key_id, sequence};
use crate::record::{Record, Value};
use crate::sink::{KeyField, Load, Target, key_fields};
use pipeline::{Fatal, Position, Problem};

/// Bytes of the element `_src.seq: {$not: {$gt: BinData}}` and the document's end, behind the key in a filter.
const TAIL_BYTES: usize = {
    let seq = 1 + "$gt".len() + 1 + 4 + 1 + 16;
    let gt = 4 + seq + 1;
    let not = 1 + "$not".len() + 1 + gt;
    let condition = 4 + not + 1;
    1 + "_src.seq".len() + 1 + condition + 1
};

/// Finds the documents of records by their key.
pub(super) struct Key {
    fields: Vec<KeyField>,
    load_number: u64,
    tenant: Option<String>,
    collection: String,
}

impl Key {
    /// The key of `target` among the fields of `load`.
    ///
    /// # Errors
    /// `key_unknown` where a path is no field's target, `key_type` where the field is a list or an object.
    pub(super) fn new(target: &Target, load: &Load) -> Result<Self, Fatal> {
        Ok(Self {
            fields: key_fields(target, load)?,
            load_number: load.load_number,
            tenant: load.tenant.clone(),
            collection: target.collection.clone(),
        })
    }

    /// Appends the filter: the key and `_src.seq: {$not: {$gt: seq}}`, so that nothing newer is found. Returns
    /// the `_id` that a new document of the key has.
    pub(super) fn filter(
        &self,
        at: Position,
        part: u32,
        record: &Record,
        out: &mut Vec<u8>,
    ) -> Result<[u8; 24], Problem> {
        let before = out.len();
        let open = bson::begin(out);
        for field in &self.fields {
            let value = record.value(field.index);
            if *value == Value::Null {
                let message = format!("`{}` is in the key and has no value", field.path);
                return Err(Problem::of_field("key_null", &*field.name, message));
            }
            scalar_element(&field.path, &canonical(value), record, out);
        }
        let id = key_id(self.tenant.as_deref(), &self.collection, &out[before + 4..]);
        let condition = bson::begin_document(out, "_src.seq");
        let not = bson::begin_document(out, "$not");
        bson::binary(out, "$gt", Subtype::Generic, &self.sequence(at, part));
        bson::end(out, not);
        bson::end(out, condition);
        bson::end(out, open);
        Ok(id)
    }

    /// `_src.seq` of a record, or of a part of it.
    pub(super) fn sequence(&self, at: Position, part: u32) -> [u8; 16] {
        sequence(self.load_number, at.ordinal, part)
    }
}

/// The elements of the key in a filter: equal for equal keys.
pub(super) fn key_of(filter: &[u8]) -> &[u8] {
    let end = filter.len().saturating_sub(TAIL_BYTES).max(4);
    filter.get(4..end).unwrap_or_default()
}

fn canonical(value: &Value) -> Value {
    match value {
        Value::Decimal(value) => Value::Decimal(value.normalized()),
        Value::Float(value) if *value == 0.0 => Value::Float(0.0),
        other => other.clone(),
    }
}
