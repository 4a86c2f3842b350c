//! What framers, parsers and plans must know of XML alike: its grammar, its namespaces, and the paths through it.
//!
//! One grammar judges what stands inside of records and around them. Nothing here reads a document or keeps a state of one.

pub(crate) mod grammar;
mod path;
pub(crate) mod scope;

pub use path::{BAD_PATH, BadPath, FieldPath, Namespaces, RecordPath, Step};
