//! A block of whole records, as a framer cuts it.
//!
//! A block is the unit of parallel work: it can be parsed without any other block. It holds at most
//! [`crate::FrameLimits::max_block_records`] records and about [`crate::BLOCK_BYTES`] bytes, or a single
//! larger record.

use crate::books::unbalanced;
use crate::{Carried, Fatal, Position, Reject};
use bytes::Bytes;
use std::ops::Range;

/// Where one record lies in its block, or why the framer could not give it whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// First byte of the record in [`Block::bytes`].
    pub start: u32,
    /// One past its last byte, line end included.
    pub end: u32,
    /// The physical line on which it begins, from 1.
    pub line: u64,
    /// Bytes of the decoded stream before it.
    pub offset: u64,
    /// Lines between the record before (or the block's start) and this one that are no records.
    pub skipped: u32,
    /// Which of the kinds of records of the spec it is, by its place there; 0 where the spec tells none apart.
    pub kind: u8,
    /// Whether records behind it need its values ([`Block::carried_to`]).
    pub carries: bool,
    /// The code of the reject that this record is, when the framer broke it off (`record_too_large`,
    /// `unclosed_quote`); its bytes are then only the first [`crate::MAX_RAW_BYTES`].
    pub broken: Option<&'static str>,
}

/// Records that follow each other in the input, cut at record boundaries.
#[derive(Clone, Debug)]
pub struct Block {
    /// The bytes of the records. Frames that follow each other without a broken one between them are
    /// contiguous up to skipped lines, which stay in the bytes.
    pub bytes: Bytes,
    /// The records in order; record `i` has ordinal `start.ordinal + i`.
    pub frames: Vec<Frame>,
    /// Where the block begins.
    pub start: Position,
    /// Where the next block begins: framing can start again here.
    pub end: Position,
    /// Lines behind the last record that are no records; the others are in [`Frame::skipped`].
    pub trailing_skipped: u64,
    /// Where framing can start again for record `i`, in order, for formats in which that is not where the record
    /// begins (what stands before it says what it stands in). Empty: at each record.
    pub restarts: Vec<Position>,
    /// Where records stand for one document together: for each group the index behind its last record, in order, so that
    /// the last one is the number of records. Framing starts again between groups only. Empty: each record stands alone.
    pub groups: Vec<u32>,
    /// What the parser must know of the input before the block: the start tags of the elements that the records stand in,
    /// as far as these declare namespaces. Empty for formats whose records can be read alone.
    pub context: Bytes,
    /// The records before the block whose values its records need: the latest of each kind that carries, in the order
    /// of kinds. `None` where no record ever carries.
    pub carried: Option<Vec<Carried>>,
}

impl Block {
    /// The position of record `index` of this block.
    #[inline]
    pub fn position(&self, index: usize) -> Position {
        let frame = &self.frames[index];
        Position {
            ordinal: self.start.ordinal + index as u64,
            line: frame.line,
            offset: frame.offset,
        }
    }

    /// Where framing can start again so that record `index` is the first to be found.
    pub fn restart(&self, index: usize) -> Position {
        let place = self.restarts.get(index).copied();
        place.unwrap_or_else(|| self.position(index))
    }

    /// The index behind the last of the records that have their outcome together with record `index`.
    pub fn group_end(&self, index: usize) -> usize {
        let group = self.groups.partition_point(|&end| end as usize <= index);
        let end = self.groups.get(group).map(|&end| end as usize);
        end.unwrap_or(index + 1)
    }

    /// A block of some of its records, for a parser that is to see only those. Nothing is carried to it, and framing
    /// cannot start again there.
    pub fn part(&self, range: Range<usize>) -> Self {
        Self {
            bytes: self.bytes.clone(),
            start: self.position(range.start),
            end: self.end,
            frames: self.frames[range].to_vec(),
            trailing_skipped: 0,
            restarts: Vec::new(),
            groups: Vec::new(),
            context: self.context.clone(),
            carried: None,
        }
    }

    /// The raw bytes of record `index`, line end included.
    #[inline]
    pub fn raw(&self, index: usize) -> &[u8] {
        let frame = &self.frames[index];
        &self.bytes[frame.start as usize..frame.end as usize]
    }

    /// The raw bytes of record `index` without its line end.
    #[inline]
    pub fn text(&self, index: usize) -> &[u8] {
        let raw = self.raw(index);
        let raw = raw.strip_suffix(b"\n").unwrap_or(raw);
        raw.strip_suffix(b"\r").unwrap_or(raw)
    }

    /// Blank lines, comments and other lines between `start` and `end` that are no records.
    pub fn skipped(&self) -> u64 {
        self.skipped_before(self.frames.len()) + self.trailing_skipped
    }

    /// Lines that are no records from `start` up to record `to`, exclusive.
    pub fn skipped_before(&self, to: usize) -> u64 {
        self.frames[..to]
            .iter()
            .map(|frame| u64::from(frame.skipped))
            .sum()
    }

    /// Checks that the block holds as many records as its ends say, in order between the two, and its groups all of them.
    ///
    /// # Errors
    /// `books`, with both ends.
    pub(crate) fn check(&self) -> Result<(), Fatal> {
        let (start, end, records) = (self.start, self.end, self.frames.len() as u64);
        let offsets = self.frames.iter().map(|frame| frame.offset);
        let mut last = None;
        let in_order = offsets.into_iter().all(|offset| {
            let behind = last.replace(offset).is_none_or(|last| last < offset);
            behind && (start.offset..end.offset).contains(&offset)
        });
        let whole = match self.groups.last() {
            Some(&last) => u64::from(last) == records && self.groups.is_sorted_by(|a, b| a < b),
            None => true,
        };
        if !whole {
            let message = format!("the groups of {records} records end at {:?}", self.groups);
            return Err(unbalanced(message));
        }
        if in_order && start.ordinal.checked_add(records) == Some(end.ordinal) {
            return Ok(());
        }
        Err(unbalanced(format!(
            "a block of {records} records goes from record {} at byte {} to record {} at byte {}",
            start.ordinal + 1,
            start.offset,
            end.ordinal + 1,
            end.offset
        )))
    }

    /// A reject of record `index`.
    pub fn reject(&self, index: usize, problems: Vec<crate::Problem>) -> Reject {
        Reject::new(self.position(index), problems, self.text(index))
    }
}
