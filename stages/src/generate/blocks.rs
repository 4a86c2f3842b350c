//! The records of a file in blocks, made by several threads and handed out in their order.
//!
//! A record does not depend on the one before it, so the bytes are the same for any number of threads. Each thread is at
//! most [`AHEAD_BLOCKS`] and one it makes ahead of what was taken: memory does not grow with the file.

use super::{Generator, Truth};
use std::sync::mpsc::sync_channel;

/// Records of a block; the last one may have fewer.
const BLOCK_RECORDS: u64 = 512;
/// Blocks of one thread that are made and not taken.
const AHEAD_BLOCKS: usize = 2;

/// Some records that stand one behind the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// As they stand in the file.
    pub bytes: Vec<u8>,
    /// What must become of each.
    pub truths: Vec<Truth>,
}

impl Generator {
    /// Makes a file of so many records by `threads` threads, and hands it out block by block, its head first and its tail
    /// last.
    ///
    /// # Errors
    /// What `take` says; then no more is made.
    pub fn blocks<E>(
        &self,
        records: u64,
        threads: usize,
        mut take: impl FnMut(Block) -> Result<(), E>,
    ) -> Result<(), E> {
        take(Block {
            bytes: self.head().to_vec(),
            truths: Vec::new(),
        })?;
        let (blocks, threads) = (records.div_ceil(BLOCK_RECORDS), threads.max(1) as u64);
        std::thread::scope(|scope| {
            let mut makers = Vec::new();
            for first in 0..threads.min(blocks) {
                let (sender, receiver) = sync_channel(AHEAD_BLOCKS);
                // Of its own: threads that share a regular expression wait for each other.
                let maker = self.clone();
                scope.spawn(move || {
                    let mut size_bytes = 0;
                    for number in (first..blocks).step_by(threads as usize) {
                        let block = maker.block(number, records, size_bytes);
                        size_bytes = block.bytes.len();
                        // Nobody takes any more.
                        if sender.send(block).is_err() {
                            return;
                        }
                    }
                });
                makers.push(receiver);
            }
            for number in 0..blocks {
                // A thread that has ended too early has panicked, and so will the scope.
                let Ok(block) = makers[(number % threads) as usize].recv() else {
                    break;
                };
                take(block)?;
            }
            Ok(())
        })?;
        take(Block {
            bytes: self.tail().to_vec(),
            truths: Vec::new(),
        })
    }

    /// A block of a file of so many records, which most likely has so many bytes.
    fn block(&self, number: u64, records: u64, size_bytes: usize) -> Block {
        let start = number * BLOCK_RECORDS;
        let end = records.min(start + BLOCK_RECORDS);
        let mut block = Block {
            bytes: Vec::with_capacity(size_bytes + size_bytes / 8),
            truths: Vec::with_capacity((end - start) as usize),
        };
        for ordinal in start..end {
            let truth = match ordinal + 1 == records {
                true => self.last(ordinal, &mut block.bytes),
                false => self.record(ordinal, &mut block.bytes),
            };
            block.truths.push(truth);
        }
        block
    }
}
