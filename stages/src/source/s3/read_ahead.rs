//! Ranges of an object on their way: a task for each collects what comes into pieces, the source takes them
//! in order.
//!
//! Every range has room for all of its pieces, so memory is bounded by the ranges under way, and a
//! connection never waits for the reader. Dropping the source ends its tasks.

use super::Object;
use async_trait::async_trait;
use bytes::{Buf, Bytes, BytesMut};
use pipeline::{Fatal, MAX_READ_BYTES, Source, room};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;

/// How far a range has come.
pub(super) struct Got {
    left: Range<u64>,
    piece: BytesMut,
    pieces: mpsc::Sender<Result<Bytes, Fatal>>,
}

impl Got {
    pub fn new(range: Range<u64>, pieces: mpsc::Sender<Result<Bytes, Fatal>>) -> Self {
        Self {
            left: range,
            piece: BytesMut::new(),
            pieces,
        }
    }

    /// What did not come yet.
    pub fn left(&self) -> Range<u64> {
        self.left.clone()
    }

    /// Takes bytes of the range, no more than are left; says whether somebody still wants them.
    pub async fn take(&mut self, mut bytes: &[u8]) -> bool {
        let left = usize::try_from(self.left.end - self.left.start).unwrap_or(usize::MAX);
        bytes = &bytes[..bytes.len().min(left)];
        while !bytes.is_empty() {
            if self.piece.capacity() == 0 {
                self.piece.reserve(MAX_READ_BYTES);
            }
            let count = bytes.len().min(MAX_READ_BYTES - self.piece.len());
            self.piece.extend_from_slice(&bytes[..count]);
            self.left.start += count as u64;
            bytes = &bytes[count..];
            let full = self.piece.len() == MAX_READ_BYTES || self.left.is_empty();
            if full && !self.send().await {
                return false;
            }
        }
        true
    }

    /// Ends with an error, behind what came before it.
    pub async fn fail(mut self, fatal: Fatal) {
        self.send().await;
        // Nobody to tell: then nobody reads this range any more.
        let _ = self.pieces.send(Err(fatal)).await;
    }

    async fn send(&mut self) -> bool {
        let piece = std::mem::take(&mut self.piece).freeze();
        self.pieces.send(Ok(piece)).await.is_ok()
    }
}

/// The bytes of an object from an offset on.
pub(super) struct S3Source {
    object: Arc<Object>,
    /// The range that is read, and those ahead.
    pub(super) ranges: VecDeque<Ahead>,
    /// Where the next range begins, and where the last one ends.
    pub(super) ahead: Range<u64>,
    chunk: Bytes,
    pub(super) at: u64,
    /// What every further read gives.
    failed: Option<Fatal>,
}

/// A range that a task of its own gets.
pub(super) struct Ahead {
    pub(super) pieces: mpsc::Receiver<Result<Bytes, Fatal>>,
    end: u64,
    _task: AbortOnDropHandle<()>,
}

impl S3Source {
    /// Nothing is asked for before the first read.
    pub fn new(object: Arc<Object>, bytes: Range<u64>) -> Self {
        Self {
            object,
            ranges: VecDeque::new(),
            at: bytes.start,
            ahead: bytes,
            chunk: Bytes::new(),
            failed: None,
        }
    }

    pub(super) fn get_ahead(&mut self) {
        let limits = self.object.client.limits;
        while !self.ahead.is_empty() && self.ranges.len() <= limits.max_ranges_ahead {
            let start = self.ahead.start;
            let end = self.ahead.end.min(start + limits.range_bytes.max(1));
            // Room for the whole range: its connection never waits for the reader.
            let most_pieces = (end - start).div_ceil(MAX_READ_BYTES as u64) as usize + 2;
            let (sender, pieces) = mpsc::channel(most_pieces);
            let get = self.object.clone().get(start..end, sender);
            let task = tokio::spawn(get.in_current_span());
            self.ranges.push_back(Ahead {
                pieces,
                end,
                _task: AbortOnDropHandle::new(task),
            });
            self.ahead.start = end;
        }
    }

    /// Takes the next piece; an empty one is the end.
    async fn next_piece(&mut self) -> Result<Bytes, Fatal> {
        loop {
            self.get_ahead();
            let Some(range) = self.ranges.front_mut() else {
                return Ok(Bytes::new());
            };
            match range.pieces.recv().await {
                Some(piece) => {
                    let piece = piece?;
                    if !piece.is_empty() {
                        return Ok(piece);
                    }
                }
                None if self.at == range.end => {
                    self.ranges.pop_front();
                }
                None => return Err(Fatal::new("panic", "reading from S3 was broken off")),
            }
        }
    }
}

#[async_trait]
impl Source for S3Source {
    async fn read(&mut self, into: &mut BytesMut) -> Result<usize, Fatal> {
        if let Some(fatal) = &self.failed {
            return Err(fatal.clone());
        }
        if self.chunk.is_empty() {
            match self.next_piece().await {
                Ok(piece) => self.chunk = piece,
                Err(fatal) => return Err(self.failed.insert(fatal).clone()),
            }
        }
        let count = self.chunk.len().min(room(into));
        into.extend_from_slice(&self.chunk[..count]);
        self.chunk.advance(count);
        self.at += count as u64;
        Ok(count)
    }

    fn bytes_read(&self) -> u64 {
        self.at
    }
}
