//! Kinds of records in one file: what `[records]` says, which kind a record is, and what details take over from the
//! headers before them.
//!
//! It knows no format's grammar: what a record is made of, it asks the parsers. It never decides what becomes of a
//! record: that is the chain's ([`pipeline::Sorted`]).

mod inherit;
pub mod laws;
mod recognise;
mod spec;
#[cfg(test)]
mod tests;

pub use inherit::Takeover;
pub use recognise::{Mark, Recogniser};
pub use spec::{Named, RecordSpec, Use};

/// The most kinds of a spec.
pub const MAX_KINDS: usize = 16;
