//! What a CSV reader is fed: the bytes of a block's good records.
//!
//! Broken records are left out, so that one reader serves the whole block. A line end goes first: csv-core
//! takes a byte-order mark away from the first bytes that it sees, which here are data, and a line end before
//! a record is nothing to it. It never waits.

use pipeline::Block;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, ReadBuf};

/// The good records of a block as a source of bytes.
pub struct Feed<'a> {
    block: &'a Block,
    /// What is being read.
    run: &'a [u8],
    /// The first frame behind it.
    next: usize,
}

impl<'a> Feed<'a> {
    pub fn of(block: &'a Block) -> Self {
        Self {
            block,
            run: b"\n",
            next: 0,
        }
    }

    /// Goes to the next run of frames without a broken one between them.
    fn advance(&mut self) {
        let frames = &self.block.frames;
        let from = (self.next..frames.len()).find(|&index| frames[index].broken.is_none());
        let Some(from) = from else {
            self.next = frames.len();
            return;
        };
        let mut to = from + 1;
        while to < frames.len() && frames[to].broken.is_none() {
            to += 1;
        }
        self.run = &self.block.bytes[frames[from].start as usize..frames[to - 1].end as usize];
        self.next = to;
    }
}

/// Whether frame `index` is fed in one piece with the frame before it.
pub fn follows(block: &Block, index: usize) -> bool {
    index > 0 && block.frames[index - 1].broken.is_none()
}

impl AsyncRead for Feed<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        if self.run.is_empty() {
            self.advance();
        }
        let (now, later) = self.run.split_at(self.run.len().min(into.remaining()));
        into.put_slice(now);
        self.run = later;
        Poll::Ready(Ok(()))
    }
}
