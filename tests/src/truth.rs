//! What must become of a generated record.
//!
//! Never: asks the program that is tested. Truth is written down beside the bytes, when they are made.

use serde_json::Value;

/// Error codes of single fields and records, in the words of the program.
pub mod code {
    /// A value that is none of the field's type.
    pub const TYPE: &str = "type";
    /// A number that its type cannot hold.
    pub const NUMBER_RANGE: &str = "number_range";
    /// A field that must be there and is not.
    pub const REQUIRED: &str = "required";
    /// A text that does not match.
    pub const PATTERN: &str = "pattern";
    /// A value under its limit.
    pub const MINIMUM: &str = "minimum";
    /// A value over its limit.
    pub const MAXIMUM: &str = "maximum";
    /// A value that is none of those listed.
    pub const ENUM: &str = "enum";
    /// Bytes that are no UTF-8.
    pub const ENCODING: &str = "encoding";
    /// A CSV record with more or fewer cells than the header.
    pub const CELL_COUNT: &str = "cell_count";
    /// Text that is no JSON.
    pub const JSON_SYNTAX: &str = "json_syntax";
    /// One name twice in an object.
    pub const DUPLICATE_KEY: &str = "duplicate_key";
    /// A record over `max_record_bytes`.
    pub const RECORD_TOO_LARGE: &str = "record_too_large";
}

/// The one outcome of a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Truth {
    /// It is loaded as this document, `_id` apart, with the values of the JSON column of the table of types.
    Loaded(Value),
    /// It is rejected for these problems, the leading one first.
    Rejected(Vec<Problem>),
    /// It is dropped under this name.
    Dropped(&'static str),
}

/// What is wrong with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The stable word.
    pub code: &'static str,
    /// The field's name in the spec; none where the whole record is at fault.
    pub field: Option<&'static str>,
}

/// A generated record: its bytes, line end included, and what must become of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Generated {
    /// What stands in the file; blank lines before the record are part of it.
    pub bytes: Vec<u8>,
    /// The outcome.
    pub truth: Truth,
    /// The blank lines, which are no records.
    pub blank_lines: u64,
}

/// The sums of a file's outcomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// The file's size.
    pub bytes: u64,
    /// All records.
    pub read: u64,
    /// Those that become a document.
    pub loaded: u64,
    /// Those that are rejected.
    pub rejected: u64,
    /// Those that are dropped.
    pub dropped: u64,
    /// Blank lines.
    pub blank_lines: u64,
}

impl Truth {
    /// A reject for one problem of `field`.
    pub fn bad_field(code: &'static str, field: &'static str) -> Truth {
        Truth::Rejected(vec![Problem {
            code,
            field: Some(field),
        }])
    }

    /// A reject for one problem of the whole record.
    pub fn bad_record(code: &'static str) -> Truth {
        Truth::Rejected(vec![Problem { code, field: None }])
    }

    /// The document, where the record is loaded.
    pub fn document(&self) -> Option<&Value> {
        match self {
            Truth::Loaded(document) => Some(document),
            Truth::Rejected(_) | Truth::Dropped(_) => None,
        }
    }
}

impl Totals {
    /// Counts one more record.
    pub fn add(&mut self, record: &Generated) {
        self.bytes += record.bytes.len() as u64;
        self.read += 1;
        self.blank_lines += record.blank_lines;
        match record.truth {
            Truth::Loaded(_) => self.loaded += 1,
            Truth::Rejected(_) => self.rejected += 1,
            Truth::Dropped(_) => self.dropped += 1,
        }
    }
}
