//! The encoders: what a record becomes on the wire, for each mode.
//!
//! An operation of insert mode is the document. In the key modes it is the filter of its document
//! ([`Key::filter`]), and behind it, but for delete, one stage of an update pipeline. A pipeline, because it
//! alone keeps the `_id` of a document that is there and gives a new one its own in one statement; everything
//! that comes from a record stands in `$literal`, so nothing in it is ever interpreted.

use super::bson::{self, Subtype};
use super::document::{Content, Documents, Elements, MAX_DOCUMENT_BYTES, check_size};
use super::key::Key;
use crate::identity::LoadIdentity;
use crate::record::Record;
use pipeline::{Encode, Position, Problem};

/// What an operation of a key mode may have beyond the largest document, in bytes: a command holds as much
/// beside its documents.
const MAX_EXTRA_BYTES: usize = 8 * 1024;
/// Bytes of a document's length and end.
const EMPTY_BYTES: usize = 5;
/// Bytes of an `_id` of ours as an element.
const ID_BYTES: usize = 1 + "_id".len() + 1 + 4 + 1 + 24;

/// Insert mode: the document itself.
pub(super) struct Insert {
    pub(super) documents: Documents,
    pub(super) identity: LoadIdentity,
}

impl Encode<Record> for Insert {
    fn encode(
        &self,
        at: Position,
        part: u32,
        record: &Record,
        out: &mut Vec<u8>,
    ) -> Result<(), Problem> {
        let id = self.identity.document_id(at.ordinal, part);
        let open = bson::begin_with_id(out, &id);
        self.documents.elements(at, record, out)?;
        check_size(bson::end(out, open))
    }
}

/// Upsert and replace: the filter and a stage that replaces the document but for its `_id`.
pub(super) struct Replace {
    pub(super) documents: Documents,
    pub(super) key: Key,
}

impl Encode<Record> for Replace {
    fn encode(
        &self,
        at: Position,
        part: u32,
        record: &Record,
        out: &mut Vec<u8>,
    ) -> Result<(), Problem> {
        let before = out.len();
        let id = self.key.filter(at, part, record, out)?;
        let stage = bson::begin(out);
        let replace = bson::begin_document(out, "$replaceWith");
        let merge = bson::begin_array(out, "$mergeObjects");
        let first = bson::begin_document(out, "0");
        let own = bson::begin_document(out, "_id");
        let if_null = bson::begin_array(out, "$ifNull");
        bson::string(out, "0", "$_id");
        bson::binary(out, "1", Subtype::Generic, &id);
        bson::end(out, if_null);
        bson::end(out, own);
        bson::end(out, first);
        let second = bson::begin_document(out, "1");
        let literal = bson::begin_document(out, "$literal");
        self.documents.elements(at, record, out)?;
        source(out, &self.key.sequence(at, part));
        check_size(bson::end(out, literal) + ID_BYTES)?;
        bson::end(out, second);
        bson::end(out, merge);
        bson::end(out, replace);
        bson::end(out, stage);
        check_operation(out.len() - before)
    }
}

/// Merge: the filter and a stage that sets the record's fields on the document. Nested targets are merged
/// into the object that is there, so that the fields beside them stay.
pub(super) struct Merge {
    pub(super) documents: Documents,
    pub(super) key: Key,
}

impl Encode<Record> for Merge {
    fn encode(
        &self,
        at: Position,
        part: u32,
        record: &Record,
        out: &mut Vec<u8>,
    ) -> Result<(), Problem> {
        let before = out.len();
        let id = self.key.filter(at, part, record, out)?;
        let stage = bson::begin(out);
        let replace = bson::begin_document(out, "$replaceWith");
        let merge = bson::begin_array(out, "$mergeObjects");
        // First, so that the `_id` of a document that is there wins.
        let first = bson::begin_document(out, "0");
        bson::binary(out, "_id", Subtype::Generic, &id);
        bson::end(out, first);
        bson::string(out, "1", "$$ROOT");
        let second = bson::begin_document(out, "2");
        self.nested(self.documents.layout(), "$", record, 1, out)?;
        bson::end(out, second);
        let third = bson::begin_document(out, "3");
        let literal = bson::begin_document(out, "$literal");
        self.scalars(self.documents.layout(), record, 1, out)?;
        self.documents.other_elements(at, record, out)?;
        source(out, &self.key.sequence(at, part));
        check_size(bson::end(out, literal) + ID_BYTES)?;
        bson::end(out, third);
        bson::end(out, merge);
        bson::end(out, replace);
        bson::end(out, stage);
        check_operation(out.len() - before)
    }
}

impl Merge {
    /// Appends `name: {$mergeObjects: ["$path.name", {…}, {$literal: {…}}]}` for each object of a layout that
    /// has anything in it.
    fn nested(
        &self,
        layout: &Elements,
        path: &str,
        record: &Record,
        depth: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), Problem> {
        for element in layout.iter() {
            let Content::Nested(layout) = &element.content else {
                continue;
            };
            let path = format!("{path}{}", element.name);
            let before = out.len();
            let object = bson::begin_document(out, &element.name);
            let merge = bson::begin_array(out, "$mergeObjects");
            bson::string(out, "0", &path);
            let inner = bson::begin_document(out, "1");
            self.nested(layout, &format!("{path}."), record, depth + 1, out)?;
            let mut length = bson::end(out, inner);
            let outer = bson::begin_document(out, "2");
            let literal = bson::begin_document(out, "$literal");
            self.scalars(layout, record, depth + 1, out)?;
            length += bson::end(out, literal);
            bson::end(out, outer);
            bson::end(out, merge);
            bson::end(out, object);
            if length == 2 * EMPTY_BYTES {
                out.truncate(before);
            }
        }
        Ok(())
    }

    /// Appends the fields of a layout, without its objects.
    fn scalars(
        &self,
        layout: &Elements,
        record: &Record,
        depth: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), Problem> {
        for element in layout.iter() {
            if let Content::Field(index) = &element.content {
                self.documents.field(element, *index, record, depth, out)?;
            }
        }
        Ok(())
    }
}

/// Delete: the filter.
pub(super) struct Delete {
    pub(super) key: Key,
}

impl Encode<Record> for Delete {
    fn encode(
        &self,
        at: Position,
        part: u32,
        record: &Record,
        out: &mut Vec<u8>,
    ) -> Result<(), Problem> {
        let before = out.len();
        self.key.filter(at, part, record, out)?;
        check_operation(out.len() - before)
    }
}

/// Appends `_src: {seq}`.
fn source(out: &mut Vec<u8>, sequence: &[u8; 16]) {
    let open = bson::begin_document(out, "_src");
    bson::binary(out, "seq", Subtype::Generic, sequence);
    bson::end(out, open);
}

/// Refuses an operation that no command can hold: a key of many kilobytes beside a document of nearly 16 MiB.
fn check_operation(bytes: usize) -> Result<(), Problem> {
    if bytes <= MAX_DOCUMENT_BYTES + MAX_EXTRA_BYTES {
        return Ok(());
    }
    check_size(bytes)
}
