//! The block under construction where records are parts of a document: the bytes of records, one behind the other, and
//! where framing can start again for each.

use bytes::Bytes;
use pipeline::{BLOCK_BYTES, Block, Fatal, Frame, FrameLimits, Position};

/// The block under construction.
pub struct Growing {
    bytes: Vec<u8>,
    frames: Vec<Frame>,
    restarts: Vec<Position>,
    start: Position,
    /// Where what was framed so far ends.
    pub end: Position,
    /// What the parser must know of the input before the records that are there.
    pub context: Bytes,
}

impl Growing {
    /// An empty one.
    pub fn at(start: Position) -> Self {
        Self {
            bytes: Vec::new(),
            frames: Vec::new(),
            restarts: Vec::new(),
            start,
            end: start,
            context: Bytes::new(),
        }
    }

    /// Whether it holds no record.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Whether it takes no more records.
    pub fn is_full(&self, limits: FrameLimits) -> bool {
        self.frames.len() >= limits.max_block_records || self.bytes.len() >= limits.max_block_bytes
    }

    /// Whether a record of `len` bytes still fits; the first one always does.
    pub fn fits(&self, len: usize, limits: FrameLimits) -> bool {
        self.frames.is_empty() || self.bytes.len() + len <= limits.max_block_bytes
    }

    /// Takes a record whose bytes are `raw`, or begin so where it is broken.
    ///
    /// # Errors
    /// `source_changed`, when it has not the number that it must have.
    pub fn push(
        &mut self,
        at: Position,
        raw: &[u8],
        broken: Option<&'static str>,
    ) -> Result<(), Fatal> {
        if at.ordinal != self.start.ordinal + self.frames.len() as u64 {
            return Err(changed());
        }
        // Behind the record before, which is where its end was shown.
        self.restarts.push(self.end);
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(raw);
        self.frames.push(Frame {
            start,
            end: self.bytes.len() as u32,
            line: at.line,
            offset: at.offset,
            skipped: 0,
            kind: 0,
            carries: false,
            broken,
        });
        Ok(())
    }

    /// The block up to its end, and a new one there; `None` where they would be one.
    pub fn close(&mut self) -> Option<Block> {
        let next = Self {
            context: self.context.clone(),
            ..Self::at(self.end)
        };
        // One long record must not make room for as much in the small blocks behind it.
        let room = self.bytes.len().min(BLOCK_BYTES);
        let done = std::mem::replace(self, next);
        if done.end.offset == done.start.offset {
            return None;
        }
        self.bytes.reserve(room);
        Some(Block {
            bytes: done.bytes.into(),
            frames: done.frames,
            start: done.start,
            end: done.end,
            trailing_skipped: 0,
            restarts: done.restarts,
            groups: Vec::new(),
            context: done.context,
            carried: None,
        })
    }
}

/// Says that the input is not the one of which a place to go on was told.
pub fn changed() -> Fatal {
    let message = "the input has other records before the place at which to go on";
    Fatal::new("source_changed", message)
}
