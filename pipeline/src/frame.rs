//! The framer's contract: find where records begin and end, and nothing else.
//!
//! Framing is the one sequential part of a load, so it does almost nothing per byte. It does no I/O: bytes
//! are appended to its buffer, blocks are taken from it.

use crate::{Block, Fatal};
use bytes::BytesMut;

/// The size at which a framer closes a block, in bytes.
pub const BLOCK_BYTES: usize = 256 * 1024;

/// The limits of framing.
#[derive(Clone, Copy, Debug)]
pub struct FrameLimits {
    /// The most bytes of one record, its line end not counted. A larger one is a reject.
    pub max_record_bytes: usize,
    /// The most records of one block.
    pub max_block_records: usize,
    /// The size at which a block is closed, in bytes; a single larger record is a block of its own.
    pub max_block_bytes: usize,
}

impl Default for FrameLimits {
    fn default() -> Self {
        Self {
            max_record_bytes: 1024 * 1024,
            max_block_records: 1000,
            max_block_bytes: BLOCK_BYTES,
        }
    }
}

/// Finds where records begin and end.
///
/// A framer is made at a [`crate::Position`]: the start of the records, or the `end` of any block that it
/// gave before. What it gives is a pure function of the bytes from there on: neither the chunks in which
/// they arrive nor an earlier run change it ([`crate::law::any_cut_any_restart`]).
pub trait Framer: Send {
    /// The bytes that wait to be framed. The caller appends; only the framer takes away. At most
    /// `max_record_bytes` and one read are ever kept here.
    fn buffer(&mut self) -> &mut BytesMut;

    /// Cuts the next block. `None`: more bytes are wanted or, when `at_end` says that there are none, all
    /// is framed. The last block ends at the decoded length, whatever lines trail the last record.
    ///
    /// # Errors
    /// What makes the whole input unusable; a broken record is a [`crate::Frame::broken`].
    fn next_block(&mut self, at_end: bool) -> Result<Option<Block>, Fatal>;
}
