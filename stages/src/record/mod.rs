//! Rows and records: what parsers find, and what binding makes of it.
//!
//! A row is untyped: [`Cells`] of a CSV record, or the [`Tree`] of a JSON value. A [`Record`] is typed: one
//! [`Value`] for each field of the [`Schema`]. Both are refilled for each record, never reborn, so a text is
//! not a `String` but a [`Text`]: a place in the buffer of its record. Numbers are exact; no value passes
//! through a float unless its type is float.

mod calendar;
mod cells;
mod decimal;
mod json;
mod name;
mod schema;
mod spare;
mod tree;

pub use calendar::{write_date, write_datetime};
pub use cells::Cells;
pub use decimal::Decimal;
pub use json::{
    DocumentWriter, Lineage, write_hex, write_integer, write_plain, write_text, write_value,
};
pub use name::{Key, Keys, Name};
pub use schema::{Field, Layout, Schema, Slot, Type};
pub use tree::{Item, Kind, Range, Tree, TreeWriter};

/// A place in the text buffer of a [`Record`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text {
    start: u32,
    end: u32,
}

/// A typed value.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// Nothing: missing, null, or a missing value of the spec.
    #[default]
    Null,
    /// Text of the types string, email, url and time.
    Text(Text),
    /// A 64-bit integer; also a duration, in seconds.
    Integer(i64),
    /// A finite double.
    Float(f64),
    /// An exact decimal.
    Decimal(Decimal),
    /// A truth value.
    Boolean(bool),
    /// Days since 1970-01-01.
    Date(i32),
    /// Milliseconds since 1970-01-01T00:00:00Z.
    Datetime(i64),
    /// The 16 bytes of a UUID.
    Uuid([u8; 16]),
    /// Values in order.
    List(Vec<Value>),
    /// Names and values in order; names are unique.
    Object(Vec<(Text, Value)>),
}

/// A typed record, refilled for each row.
#[derive(Debug, Default)]
pub struct Record {
    text: String,
    /// One for each field of the schema, in its order.
    values: Vec<Value>,
    /// What the spec does not know and keeps (`unknown = "keep"`), or rescues.
    unknown: Vec<(Text, Value)>,
    spare: spare::Spare,
}

impl Record {
    /// Forgets everything and makes room for `fields` values, all null.
    pub fn clear(&mut self, fields: usize) {
        self.text.clear();
        self.spare.take_back(&mut self.values);
        self.grow(fields);
        self.spare.take_back_entries(&mut self.unknown);
    }

    /// Forgets everything and takes over all texts of `tree`: [`Item::place`] and [`Item::key_place`] say where.
    pub fn take_over(&mut self, tree: &Tree) {
        self.clear(0);
        self.text.push_str(tree.text());
    }

    /// Forgets everything and takes over all texts of `row`: [`Cells::place_of`] says where.
    pub fn take_over_cells(&mut self, row: &Cells) {
        self.clear(0);
        self.text.push_str(row.text());
    }

    /// An empty list, with room in it where a record before had one.
    pub fn list(&mut self) -> Vec<Value> {
        self.spare.list()
    }

    /// An empty object, with room in it where a record before had one.
    pub fn object(&mut self) -> Vec<(Text, Value)> {
        self.spare.object()
    }

    /// Adds the value of the next field, after [`Self::clear`] with no fields.
    #[inline]
    pub fn push(&mut self, value: Value) {
        self.values.push(value);
    }

    /// Makes room for `fields` values in all: those behind the last one are null.
    pub fn grow(&mut self, fields: usize) {
        if self.values.len() < fields {
            self.values.resize_with(fields, Value::default);
        }
    }

    /// Puts `text` into the record's buffer.
    #[inline]
    pub fn store(&mut self, text: &str) -> Text {
        let start = self.text.len() as u32;
        self.text.push_str(text);
        Text {
            start,
            end: self.text.len() as u32,
        }
    }

    /// A text of this record.
    #[inline]
    pub fn text(&self, text: Text) -> &str {
        &self.text[text.start as usize..text.end as usize]
    }

    /// The bytes of a text, how many they are, and what stands behind them: a short text is copied fastest by a
    /// piece of a fixed size.
    #[inline]
    pub fn text_and_behind(&self, text: Text) -> (&[u8], usize) {
        let bytes = &self.text.as_bytes()[text.start as usize..];
        (bytes, (text.end - text.start) as usize)
    }

    /// Whether a text is one of `keys`.
    #[inline(never)]
    pub fn is_one_of(&self, text: Text, keys: &[Key]) -> bool {
        let mark = name::mark(self.text.as_bytes(), (text.start, text.end));
        keys.iter()
            .any(|key| mark == key.mark && (name::is_whole(mark) || *self.text(text) == *key.name))
    }

    /// The value of field `index` of the schema; null where none was set.
    #[inline]
    pub fn value(&self, index: usize) -> &Value {
        self.values.get(index).unwrap_or(&Value::Null)
    }

    /// Sets the value of field `index` of the schema. Derived fields stand behind those that were bound.
    pub fn set(&mut self, index: usize, value: Value) {
        if index >= self.values.len() {
            self.values.resize(index + 1, Value::Null);
        }
        self.values[index] = value;
    }

    /// Takes the value of field `index` of the schema out; null stays.
    pub fn take(&mut self, index: usize) -> Value {
        self.values
            .get_mut(index)
            .map(std::mem::take)
            .unwrap_or_default()
    }

    /// Where the texts end so far, in bytes.
    pub fn texts(&self) -> usize {
        self.text.len()
    }

    /// Forgets the values of all but the first `fields` fields, and the texts that were stored behind `texts`: no value that
    /// stays may hold one.
    pub fn forget_behind(&mut self, fields: usize, texts: usize) {
        self.values.truncate(fields);
        self.text.truncate(texts);
    }

    /// A copy of a value of another record.
    pub fn copy_of(&mut self, other: &Self, value: &Value) -> Value {
        match value {
            Value::Text(text) => Value::Text(self.store(other.text(*text))),
            Value::List(items) => {
                let mut list = self.list();
                list.extend(items.iter().map(|item| self.copy_of(other, item)));
                Value::List(list)
            }
            Value::Object(entries) => {
                let mut object = self.object();
                for (name, value) in entries {
                    let name = self.store(other.text(*name));
                    object.push((name, self.copy_of(other, value)));
                }
                Value::Object(object)
            }
            plain => plain.clone(),
        }
    }

    /// Adds an entry that the spec does not know.
    pub fn keep_unknown(&mut self, name: Text, value: Value) {
        self.unknown.push((name, value));
    }

    /// The entries that the spec does not know, in the order of the input.
    pub fn unknown(&self) -> &[(Text, Value)] {
        &self.unknown
    }
}
