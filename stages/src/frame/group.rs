//! Groups: records that follow each other with equal keys, whatever framer finds them.
//!
//! A group is never in two blocks, and framing starts again between groups only: where a run goes on, it reads the
//! open group again. So the last group of what was framed waits here until a record with another key, or the end, is
//! there. Whose key nobody can read may belong to the group before it or behind it: it is in both, which are one then,
//! and refused with it.
//!
//! A group of too many records or bytes is not kept: its records are broken, `group_too_large`, and go as soon as
//! enough of them wait to be too many by themselves. So whoever starts again among them finds them too many too. What
//! comes out is a pure function of the bytes, as for every framer.

pub mod laws;

use bytes::{Bytes, BytesMut};
use pipeline::{Block, Carried, Fatal, Frame, Framer, Position};
use std::collections::VecDeque;

/// The size of a group's records together, in bytes, at most; a single record may be larger.
pub const MAX_GROUP_BYTES: usize = 8 * 1024 * 1024;
/// The code of the rejects that the records of a larger group are.
pub const TOO_LARGE: &str = "group_too_large";

/// Reads what records are grouped by.
pub trait ReadKeys: Send {
    /// Calls `each` in order with the index of each record whose key can be read, and the key.
    ///
    /// # Errors
    /// When the block cannot be parsed at all (`frame_mismatch`).
    fn read(&mut self, block: &Block, each: &mut dyn FnMut(usize, Key<'_>)) -> Result<(), Fatal>;
}

/// What a record is grouped by.
#[derive(Clone, Copy, Debug)]
pub enum Key<'a> {
    /// Equal bytes for equal keys.
    Of(&'a [u8]),
    /// Nothing: it is in no group with another, and ends the one before it.
    Alone,
}

/// How large a group may be.
#[derive(Clone, Copy, Debug)]
pub struct GroupLimits {
    /// The most records.
    pub max_records: usize,
    /// The most bytes of several records.
    pub max_bytes: usize,
}

impl GroupLimits {
    fn are_exceeded(self, records: usize, bytes: usize) -> bool {
        records > self.max_records || records > 1 && bytes > self.max_bytes
    }
}

/// Cuts blocks of whole groups out of those of another framer.
pub struct GroupFramer {
    inner: Box<dyn Framer>,
    keys: Box<dyn ReadKeys>,
    limits: GroupLimits,
    held: Held,
    ready: VecDeque<Block>,
}

/// Records that wait: whole groups, and behind them the open one.
#[derive(Default)]
struct Held {
    start: Option<Position>,
    end: Option<Position>,
    bytes: BytesMut,
    frames: Vec<Frame>,
    /// Where framing can start again, for each record.
    restarts: Vec<Position>,
    /// Lines behind the last record that are no records.
    trailing: u64,
    context: Bytes,
    /// What is carried to the first record.
    carried: Option<Vec<Carried>>,
    /// The index behind the last record of each whole group.
    groups: Vec<u32>,
    open: Open,
}

/// The group whose last record is not known yet.
#[derive(Default)]
struct Open {
    /// Its first record that is held.
    from: usize,
    /// Bytes of its records that are held.
    bytes: usize,
    is_too_large: bool,
    /// What the last record has.
    last: Found,
}

/// What was found of a record's key.
#[derive(Default, PartialEq)]
enum Found {
    Key(Vec<u8>),
    /// Nobody can read it.
    #[default]
    Unread,
    /// It has none.
    Alone,
}

impl Found {
    /// Whether a record with this key may be in one group with the one before it.
    fn joins(&self, before: &Self) -> bool {
        match (self, before) {
            (Self::Alone, _) | (_, Self::Alone) => false,
            (Self::Unread, _) | (_, Self::Unread) => true,
            (one, other) => one == other,
        }
    }
}

impl GroupFramer {
    /// Groups the records of `inner`, whose keys `keys` reads.
    pub fn new(inner: Box<dyn Framer>, keys: Box<dyn ReadKeys>, limits: GroupLimits) -> Self {
        Self {
            inner,
            keys,
            limits,
            held: Held::default(),
            ready: VecDeque::new(),
        }
    }

    /// Takes a block in, and makes ready what of all that is held is whole.
    fn take(&mut self, block: &Block) -> Result<(), Fatal> {
        if block.frames.is_empty() {
            match self.held.frames.is_empty() {
                true => self.ready.push_back(Block {
                    bytes: Bytes::new(),
                    ..block.clone()
                }),
                false => {
                    self.held.trailing += block.skipped();
                    self.held.end = Some(block.end);
                }
            }
            return Ok(());
        }
        // The records of a block have one context.
        if !self.held.frames.is_empty() && self.held.context != block.context {
            self.close();
        }
        let mut keys = Vec::new();
        keys.resize_with(block.frames.len(), Found::default);
        self.keys.read(block, &mut |index, key| {
            if let Some(place) = keys.get_mut(index) {
                *place = match key {
                    Key::Of(key) => Found::Key(key.to_vec()),
                    Key::Alone => Found::Alone,
                };
            }
        })?;
        let held = &mut self.held;
        if held.start.is_none() {
            (held.start, held.carried) = (Some(block.start), block.carried.clone());
        }
        held.end = Some(block.end);
        held.context = block.context.clone();
        for (index, key) in keys.into_iter().enumerate() {
            held.record(block, index, key, self.limits);
        }
        held.trailing = block.trailing_skipped;
        self.emit();
        Ok(())
    }

    /// Makes ready the whole groups, and of one that is too large what is not needed to know that it is.
    fn emit(&mut self) {
        let whole = self.held.open.from;
        if whole > 0 {
            self.ready.extend(self.held.cut(whole));
        }
        let open = &self.held.open;
        if !open.is_too_large {
            return;
        }
        let (mut front, mut bytes) = (0, open.bytes);
        for frame in &self.held.frames {
            let size = (frame.end - frame.start) as usize;
            let records = self.held.frames.len() - front - 1;
            if !self.limits.are_exceeded(records, bytes - size) {
                break;
            }
            (front, bytes) = (front + 1, bytes - size);
        }
        if front > 0 {
            self.held.groups = (1..=front as u32).collect();
            break_all(&mut self.held.frames[..front]);
            self.held.open.from = front;
            self.ready.extend(self.held.cut(front));
            self.held.open.bytes = bytes;
        }
    }

    /// The open group is whole: nothing follows it.
    fn close(&mut self) {
        self.held.close_group();
        self.held.open = Open {
            from: self.held.frames.len(),
            ..Open::default()
        };
        self.emit();
        self.held = Held::default();
    }
}

impl Held {
    /// Takes a record in: into the open group, or as the first one of the next.
    fn record(&mut self, block: &Block, index: usize, key: Found, limits: GroupLimits) {
        let is_first = self.frames.len() == self.open.from;
        if !is_first && !key.joins(&self.open.last) {
            self.close_group();
            self.open = Open {
                from: self.frames.len(),
                ..Open::default()
            };
        }
        let raw = block.raw(index);
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(raw);
        let frame = &block.frames[index];
        self.frames.push(Frame {
            start,
            end: self.bytes.len() as u32,
            skipped: frame.skipped + std::mem::take(&mut self.trailing) as u32,
            ..*frame
        });
        self.restarts.push(block.restart(index));
        let open = &mut self.open;
        open.bytes += raw.len();
        open.last = key;
        open.is_too_large |= limits.are_exceeded(self.frames.len() - open.from, open.bytes);
    }

    fn close_group(&mut self) {
        let Open {
            from, is_too_large, ..
        } = self.open;
        if from == self.frames.len() {
            return;
        }
        if is_too_large {
            break_all(&mut self.frames[from..]);
        }
        self.groups.push(self.frames.len() as u32);
    }

    /// The block of the first `count` records, which are whole groups.
    fn cut(&mut self, count: usize) -> Option<Block> {
        let rest = self.frames.split_off(count);
        let restarts = self.restarts.split_off(count);
        let frames = std::mem::replace(&mut self.frames, rest);
        let restarts = std::mem::replace(&mut self.restarts, restarts);
        let len = frames.last().map_or(0, |last| last.end);
        for frame in &mut self.frames {
            (frame.start, frame.end) = (frame.start - len, frame.end - len);
        }
        let (start, last) = (self.start?, self.end?);
        let end = self.restarts.first().copied().unwrap_or(last);
        let trailing_skipped = match self.frames.first_mut() {
            Some(next) => u64::from(std::mem::take(&mut next.skipped)),
            None => std::mem::take(&mut self.trailing),
        };
        self.start = Some(end);
        self.open.from -= count;
        let block = Block {
            bytes: self.bytes.split_to(len as usize).freeze(),
            frames,
            start,
            end,
            trailing_skipped,
            restarts,
            groups: std::mem::take(&mut self.groups),
            context: self.context.clone(),
            carried: self.carried.take(),
        };
        let carried = |_: &Vec<Carried>| block.carried_to(block.frames.len());
        self.carried = block.carried.as_ref().map(carried);
        Some(block)
    }
}

/// Records of a group that is too large; one that is broken already says why by itself.
fn break_all(frames: &mut [Frame]) {
    for frame in frames {
        frame.broken.get_or_insert(TOO_LARGE);
    }
}

impl Framer for GroupFramer {
    fn buffer(&mut self) -> &mut BytesMut {
        self.inner.buffer()
    }

    fn next_block(&mut self, at_end: bool) -> Result<Option<Block>, Fatal> {
        loop {
            if let Some(block) = self.ready.pop_front() {
                return Ok(Some(block));
            }
            match self.inner.next_block(at_end)? {
                Some(block) => self.take(&block)?,
                None if at_end && !self.held.frames.is_empty() => self.close(),
                None => return Ok(None),
            }
        }
    }
}
