//! Reading and framing: the sequential front of a run, in a task of its own.
//!
//! It stays at most [`READ_AHEAD_BLOCKS`] ahead of the parse tasks, and what it read before an error is framed
//! and handed on before the error.

use super::{BytesRead, Shared, lock};
use crate::{Block, Fatal, Framer, Source, Stage};
use async_stream::try_stream;
use futures::stream::{Stream, StreamExt};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;

/// Blocks that are framed before a parse task is free for them.
const READ_AHEAD_BLOCKS: usize = 2;
/// Room made in the framer's buffer before each read, in bytes.
const READ_BYTES: usize = crate::BLOCK_BYTES;

/// Reads and frames in a task of its own, [`READ_AHEAD_BLOCKS`] ahead.
pub(super) fn blocks(
    source: Box<dyn Source>,
    source_at: u64,
    framer: Box<dyn Framer>,
    shared: Arc<Shared>,
) -> impl Stream<Item = Result<Block, Fatal>> + Send {
    let (sender, mut receiver) = mpsc::channel(READ_AHEAD_BLOCKS);
    let stop = shared.stop.clone();
    let reading = async move {
        let mut blocks = std::pin::pin!(read(source, source_at, framer, shared));
        while let Some(block) = blocks.next().await {
            if sender.send(block).await.is_err() {
                break;
            }
        }
    };
    let reader = AbortOnDropHandle::new(tokio::spawn(reading.in_current_span()));
    try_stream! {
        loop {
            let next = tokio::select! {
                biased;
                () = stop.cancelled() => None,
                next = receiver.recv() => next,
            };
            match next {
                Some(block) => yield block?,
                None => break,
            }
        }
        if !stop.is_cancelled() && reader.await.is_err() {
            Err(Fatal::new("panic", "the reader panicked"))?;
        }
    }
}

fn read(
    mut source: Box<dyn Source>,
    source_at: u64,
    mut framer: Box<dyn Framer>,
    shared: Arc<Shared>,
) -> impl Stream<Item = Result<Block, Fatal>> + Send {
    try_stream! {
        let mut at = source_at;
        // Opening has read the header, and what came with it.
        shared.read.send_replace(BytesRead { stored: source.bytes_read(), decoded: at });
        let mut at_end = false;
        loop {
            loop {
                let work = shared.timing.begin(Stage::Frame);
                let block = framer.next_block(at_end)?;
                drop(work);
                match block {
                    Some(block) => yield block,
                    None => break,
                }
            }
            if at_end {
                break;
            }
            framer.buffer().reserve(READ_BYTES);
            let work = shared.timing.begin(Stage::Read);
            let read = source.read(framer.buffer()).await?;
            drop(work);
            at += read as u64;
            shared.read.send_replace(BytesRead { stored: source.bytes_read(), decoded: at });
            at_end = read == 0;
        }
        *lock(&shared.decoded_bytes) = Some(at);
    }
}
