//! Where a record stands in its input.
//!
//! Every reject, lineage field, document id and checkpoint is derived from a [`Position`], so it is a pure
//! function of the decoded bytes: it never depends on chunking, time or the machine.

use serde::{Deserialize, Serialize};

/// The place of a record, or the place between two records where framing can start again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// Number of records before this one: the first record has ordinal 0.
    pub ordinal: u64,
    /// Number of the physical line on which the record begins: the first line is 1.
    pub line: u64,
    /// Bytes of the decoded stream (after decompression) before the record.
    pub offset: u64,
}

impl Position {
    /// The start of every input.
    pub const START: Self = Self {
        ordinal: 0,
        line: 1,
        offset: 0,
    };
}
