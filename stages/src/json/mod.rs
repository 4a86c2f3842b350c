//! What framers, parsers and plans must know of JSON alike: how deep it may be, how far a text goes on, and the paths of
//! RFC 9535.
//!
//! Nothing here reads a document or keeps a state of one.

mod path;
pub(crate) mod scan;
pub(crate) mod selector;

pub use path::{BAD_PATH, BadPath, MAX_STEPS, RecordPath, Step, UNSUPPORTED};

/// The most objects and arrays inside each other, in a record, itself counted, and around it. MongoDB stores no more
/// (<https://www.mongodb.com/docs/manual/reference/limits/>: "no more than 100 levels of nesting").
pub const MAX_DEPTH_LEVELS: usize = 100;
