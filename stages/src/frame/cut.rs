//! The block under construction, cut from the front of a framer's buffer, and the broken record that is
//! longer than the buffer.
//!
//! It keeps the account that every framer owes: ordinal, line, offset, skipped lines. It promises blocks
//! within the limits and memory that a small block does not pin. It never looks for the end of a record.

use bytes::{Buf, Bytes, BytesMut};
use pipeline::{BLOCK_BYTES, Block, Frame, FrameLimits, MAX_RAW_BYTES, Position};

/// The most bytes that may stay behind in an allocation which a block shares. A framer that waits with more
/// than these (behind a quote that does not close) gives away copies: were the allocation shared, each read
/// would have to move all that waits to a new one.
const MAX_SHARED_BYTES: usize = 2 * BLOCK_BYTES;

/// The most bytes of one record: a [`Frame`] counts in 32 bits, and a block may hold skipped lines before it.
const MAX_RECORD_BYTES: usize = 1 << 31;

/// `limits` with which framing gets on: none is 0, and a record is at most 2 GiB.
pub(super) fn usable(limits: FrameLimits) -> FrameLimits {
    FrameLimits {
        max_record_bytes: limits.max_record_bytes.clamp(1, MAX_RECORD_BYTES),
        max_block_records: limits.max_block_records.max(1),
        max_block_bytes: limits.max_block_bytes.clamp(1, MAX_RECORD_BYTES),
    }
}

/// A block that grows record by record over the bytes at the front of a buffer.
pub(super) struct Cut {
    limits: FrameLimits,
    start: Position,
    /// Where the next record begins.
    next: Position,
    /// Bytes of the buffer that are taken.
    len: usize,
    frames: Vec<Frame>,
    /// Lines since the last record that are no records.
    skipped: u64,
}

impl Cut {
    /// An empty block at `start`, which is where the buffer begins.
    pub fn new(start: Position, limits: FrameLimits) -> Self {
        Self {
            limits,
            start,
            next: start,
            len: 0,
            frames: Vec::new(),
            skipped: 0,
        }
    }

    /// Bytes of the buffer that are taken: the next record begins behind them.
    pub fn len(&self) -> usize {
        self.len
    }

    /// The number of the line on which the next record begins, from 1.
    pub fn line(&self) -> u64 {
        self.next.line
    }

    /// Whether the block takes no more records.
    pub fn is_full(&self) -> bool {
        self.frames.len() >= self.limits.max_block_records
            || self.len >= self.limits.max_block_bytes
    }

    /// Whether a record of `len` bytes still fits; the first one always does.
    pub fn fits(&self, len: usize) -> bool {
        self.frames.is_empty() || self.len + len <= self.limits.max_block_bytes
    }

    /// Takes the next `len` bytes as a record of `lines` line ends, whole or broken.
    #[inline]
    pub fn record(&mut self, len: usize, lines: u64, broken: Option<&'static str>) {
        let kept = match broken {
            None => len,
            Some(_) => len.min(MAX_RAW_BYTES),
        };
        self.frames.push(Frame {
            start: self.len as u32,
            end: (self.len + kept) as u32,
            line: self.next.line,
            offset: self.next.offset,
            skipped: self.skipped as u32,
            kind: 0,
            carries: false,
            broken,
        });
        self.skipped = 0;
        self.next.ordinal += 1;
        self.take(len, lines);
    }

    /// Takes the next `len` bytes, which are no record: `skipped` lines with `lines` line ends.
    pub fn skip(&mut self, len: usize, lines: u64, skipped: u64) {
        self.skipped += skipped;
        self.take(len, lines);
    }

    fn take(&mut self, len: usize, lines: u64) {
        self.len += len;
        self.next.line += lines;
        self.next.offset += len as u64;
    }

    /// The block, whose bytes leave `buffer`; `at` moves to its end. `None` when nothing was taken.
    pub fn close(self, buffer: &mut BytesMut, at: &mut Position) -> Option<Block> {
        if self.len == 0 {
            return None;
        }
        let bytes = if buffer.len() - self.len > MAX_SHARED_BYTES {
            let copy = Bytes::copy_from_slice(&buffer[..self.len]);
            buffer.advance(self.len);
            copy
        } else {
            buffer.split_to(self.len).freeze()
        };
        *at = self.next;
        Some(Block {
            bytes,
            frames: self.frames,
            start: self.start,
            end: self.next,
            trailing_skipped: self.skipped,
            restarts: Vec::new(),
            groups: Vec::new(),
            context: Default::default(),
            carried: None,
        })
    }
}

/// A broken record whose end is not in the buffer: but for its first bytes, it is let go as it comes.
pub(super) struct Overlong {
    code: &'static str,
    raw: Vec<u8>,
    len: u64,
    /// Line ends in it so far.
    lines: u64,
}

impl Overlong {
    /// A broken record with `lines` line ends in what the framer has looked at.
    pub fn new(code: &'static str, lines: u64) -> Self {
        Self {
            code,
            raw: Vec::new(),
            len: 0,
            lines,
        }
    }

    /// Takes the next `len` bytes off `buffer`.
    pub fn take(&mut self, buffer: &mut BytesMut, len: usize) {
        let kept = len.min(MAX_RAW_BYTES - self.raw.len());
        self.raw.extend_from_slice(&buffer[..kept]);
        self.len += len as u64;
        buffer.advance(len);
    }

    /// The record as a block of its own, with `lines` more line ends; `at` moves behind it.
    pub fn close(self, lines: u64, at: &mut Position) -> Block {
        let start = *at;
        *at = Position {
            ordinal: start.ordinal + 1,
            line: start.line + self.lines + lines,
            offset: start.offset + self.len,
        };
        Block {
            frames: vec![Frame {
                start: 0,
                end: self.raw.len() as u32,
                line: start.line,
                offset: start.offset,
                skipped: 0,
                kind: 0,
                carries: false,
                broken: Some(self.code),
            }],
            bytes: self.raw.into(),
            start,
            end: *at,
            trailing_skipped: 0,
            restarts: Vec::new(),
            groups: Vec::new(),
            context: Default::default(),
            carried: None,
        }
    }
}
