//! A record as the elements of a BSON document, straight from the record.
//!
//! Promises: every name and text is literal; what MongoDB can never hold (too large, too deep, a name with
//! NUL, one name twice) is a [`Problem`] of that record, found before anything is sent. Never: an intermediate
//! document, an allocation for each value.

use super::bson::{self, Front, Head, Index, Name, Subtype};
use crate::record::{Layout, Record, Slot, Value};
use crate::sink::{Load, Nulls, RESERVED, Target};
use pipeline::{Fatal, Position, Problem};
use std::collections::HashSet;
use std::sync::Arc;

/// The largest document that MongoDB stores, in bytes (`maxBsonObjectSize` of `hello`).
pub(super) const MAX_DOCUMENT_BYTES: usize = 16 * 1024 * 1024;
/// The most levels of a document, itself included
/// (<https://www.mongodb.com/docs/manual/reference/limits/>: 100 levels of nesting).
pub(super) const MAX_DEPTH_LEVELS: usize = 100;
const MS_PER_DAY: i64 = 86_400_000;

/// Writes records as documents of one load.
pub(super) struct Documents {
    elements: Elements,
    /// The name of each field, for problems.
    names: Vec<Arc<str>>,
    nulls: Nulls,
    lineage: Option<Lineage>,
    /// Top-level names that no unknown entry may have.
    taken: HashSet<Arc<str>>,
}

/// A [`Layout`] with the heads of its elements.
pub(super) struct Elements(Vec<Element>);

/// One element of a layout.
pub(super) struct Element {
    pub(super) name: Arc<str>,
    head: Head,
    /// Whether the name can be one.
    is_safe: bool,
    pub(super) content: Content,
}

/// What stands in an element.
pub(super) enum Content {
    /// The value of the field with this index.
    Field(usize),
    /// An object of its own.
    Nested(Elements),
}

impl Elements {
    fn of(layout: &Layout) -> Self {
        let element = |(name, slot): &(Arc<str>, Slot)| Element {
            name: name.clone(),
            head: Head::of(name),
            is_safe: bson::cstring_is_safe(name),
            content: match slot {
                Slot::Field(index) => Content::Field(*index),
                Slot::Nested(layout) => Content::Nested(Self::of(layout)),
            },
        };
        Self(layout.0.iter().map(element).collect())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Element> {
        self.0.iter()
    }
}

struct Lineage {
    name: Arc<str>,
    job: String,
    file: String,
}

impl Documents {
    /// Documents of `load` as `target` wants them.
    ///
    /// # Errors
    /// `lineage_name` when the lineage field is a field of the schema too.
    pub(super) fn new(target: &Target, load: &Load) -> Result<Self, Fatal> {
        let layout = &load.schema.layout;
        let mut taken: HashSet<Arc<str>> = layout.0.iter().map(|(name, _)| name.clone()).collect();
        taken.extend(RESERVED[..2].iter().map(|&name| Arc::from(name)));
        let lineage = target.lineage.clone().map(|name| Lineage {
            name,
            job: load.job.clone(),
            file: load.file.clone(),
        });
        if let Some(Lineage { name, .. }) = &lineage
            && !taken.insert(name.clone())
        {
            let message = format!("the lineage field `{name}` is a field of the document already");
            return Err(Fatal::new("lineage_name", message));
        }
        Ok(Self {
            elements: Elements::of(layout),
            names: load
                .schema
                .fields
                .iter()
                .map(|field| field.name.clone())
                .collect(),
            nulls: target.nulls,
            lineage,
            taken,
        })
    }

    /// The shape of the schema's part.
    pub(super) fn layout(&self) -> &Elements {
        &self.elements
    }

    /// Appends the elements of a document, between the caller's `begin` and `end`.
    pub(super) fn elements(
        &self,
        at: Position,
        record: &Record,
        out: &mut Vec<u8>,
    ) -> Result<(), Problem> {
        self.layout_elements(&self.elements, record, 1, out)?;
        self.other_elements(at, record, out)
    }

    /// Appends what no layout names: unknown entries and lineage.
    pub(super) fn other_elements(
        &self,
        at: Position,
        record: &Record,
        out: &mut Vec<u8>,
    ) -> Result<(), Problem> {
        for (name, value) in record.unknown() {
            let name = record.text(*name);
            if self.taken.contains(name) {
                let message = format!("`{name}` is the name of something else in the document");
                return Err(Problem::of_field("reserved_name", name, message));
            }
            if !is_left_out(value, self.nulls) {
                check_name(name)?;
                inside(name, value, record, 1, out)?;
            }
        }
        if let Some(lineage) = &self.lineage {
            let open = bson::begin_document(out, &lineage.name);
            bson::string(out, "job", &lineage.job);
            bson::string(out, "file", &lineage.file);
            bson::int64(out, "record", at.ordinal as i64 + 1);
            bson::int64(out, "line", at.line as i64);
            bson::end(out, open);
        }
        Ok(())
    }

    /// Appends the fields of a layout that stands at `depth`.
    fn layout_elements(
        &self,
        elements: &Elements,
        record: &Record,
        depth: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), Problem> {
        for element in elements.iter() {
            match &element.content {
                Content::Field(index) => self.field(element, *index, record, depth, out)?,
                Content::Nested(nested) => {
                    let before = out.len();
                    let open = bson::begin_document(out, &element.head);
                    let empty = out.len();
                    self.layout_elements(nested, record, deeper(depth)?, out)?;
                    if out.len() == empty {
                        out.truncate(before);
                    } else {
                        bson::end(out, open);
                    }
                }
            }
        }
        Ok(())
    }

    /// Appends the value of field `index`, which is `element`; nothing where a null is omitted.
    #[inline]
    pub(super) fn field(
        &self,
        element: &Element,
        index: usize,
        record: &Record,
        depth: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), Problem> {
        let value = record.value(index);
        if is_left_out(value, self.nulls) {
            return Ok(());
        }
        if element.is_safe && !matches!(value, Value::List(_) | Value::Object(_)) {
            match value {
                Value::Null => bson::null(out, &element.head),
                scalar => scalar_element(&element.head, scalar, record, out),
            }
            return Ok(());
        }
        check_name(&element.name)
            .and_then(|()| inside(&*element.name, value, record, depth, out))
            .map_err(|problem| Problem {
                field: problem
                    .field
                    .or_else(|| Some(self.names[index].to_string())),
                ..problem
            })
    }
}

/// Whether a value leaves no name behind.
fn is_left_out(value: &Value, nulls: Nulls) -> bool {
    matches!(value, Value::Null) && nulls == Nulls::Omit
}

/// Refuses a name that BSON cannot hold.
fn check_name(name: &str) -> Result<(), Problem> {
    if bson::cstring_is_safe(name) {
        return Ok(());
    }
    let message = "a name has a NUL character in it";
    Err(Problem::of_field("nul_in_name", name, message))
}

/// Appends a value under `name`, which was checked. Inside a list or object of the input a null is data: it is
/// written.
fn inside(
    name: impl Name,
    value: &Value,
    record: &Record,
    depth: usize,
    out: &mut Vec<u8>,
) -> Result<(), Problem> {
    match value {
        Value::Null => bson::null(out, name),
        Value::List(items) => {
            let open = bson::begin_array(out, name);
            let depth = deeper(depth)?;
            let mut index = Index::first();
            for item in items {
                inside(&index, item, record, depth, out)?;
                index.advance();
            }
            bson::end(out, open);
        }
        Value::Object(entries) => {
            let open = bson::begin_document(out, name);
            let depth = deeper(depth)?;
            for (name, value) in entries {
                check_name(record.text(*name))?;
                let name = Front(record.text_and_behind(*name));
                inside(name, value, record, depth, out)?;
            }
            bson::end(out, open);
        }
        scalar => scalar_element(name, scalar, record, out),
    }
    Ok(())
}

/// Appends a value that holds no others; nothing for one that does, or for null.
#[inline]
pub(super) fn scalar_element(name: impl Name, value: &Value, record: &Record, out: &mut Vec<u8>) {
    match value {
        Value::Text(text) => bson::front(out, name, record.text_and_behind(*text)),
        Value::Integer(value) => bson::int64(out, name, *value),
        Value::Float(value) => bson::double(out, name, *value),
        Value::Decimal(value) => bson::decimal(out, name, *value),
        Value::Boolean(value) => bson::boolean(out, name, *value),
        Value::Date(days) => bson::datetime(out, name, i64::from(*days) * MS_PER_DAY),
        Value::Datetime(ms) => bson::datetime(out, name, *ms),
        Value::Uuid(bytes) => bson::binary(out, name, Subtype::Uuid, bytes),
        Value::Null | Value::List(_) | Value::Object(_) => {}
    }
}

/// One level below `depth`.
fn deeper(depth: usize) -> Result<usize, Problem> {
    if depth < MAX_DEPTH_LEVELS {
        return Ok(depth + 1);
    }
    let message =
        format!("the document has more than {MAX_DEPTH_LEVELS} levels, MongoDB takes no more");
    Err(Problem::of_record("document_too_deep", message))
}

/// Refuses a document of `bytes` bytes where MongoDB would.
pub(super) fn check_size(bytes: usize) -> Result<(), Problem> {
    if bytes <= MAX_DOCUMENT_BYTES {
        return Ok(());
    }
    let message =
        format!("the document has {bytes} bytes, MongoDB takes {MAX_DOCUMENT_BYTES} at most");
    Err(Problem::of_record("document_too_large", message))
}
