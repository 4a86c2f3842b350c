//! A framer around any other: it says which kind each record is.
//!
//! It sees the raw text of each record that the framer inside has cut, and moves no boundary. A record of no kind is
//! the reject `unknown_record`. Of the kinds that carry, the latest records go with every block and from block to block; a framer
//! that starts in the middle is told those before it, and from there on says the same as one that has read them.
//! Memory is that of the framer inside, and [`pipeline::MAX_CARRIED_BYTES`].

pub mod laws;

use bytes::BytesMut;
use pipeline::{Block, Carried, Fatal, Framer, check_carried};

/// The code of the reject that a record of no kind is.
const UNKNOWN: &str = "unknown_record";

/// Tells kinds of records apart.
pub trait Recognise: Send {
    /// The kind of a record by its raw text without its line end; `context` is what stands around it
    /// ([`Block::context`]). Of a record that was broken off it sees the beginning.
    fn kind(&mut self, text: &[u8], context: &[u8]) -> Option<u8>;
}

/// Says which kind each record is.
pub struct Kinds {
    inside: Box<dyn Framer>,
    recognise: Box<dyn Recognise>,
    /// For each kind, whether its records are carried to those behind them.
    carries: Box<[bool]>,
    /// What is carried to the next block.
    carried: Vec<Carried>,
    /// What makes the rest unusable, to be told behind the last block.
    fatal: Option<Fatal>,
}

impl Kinds {
    /// A framer around `inside`, to whose place `carried` is carried.
    pub fn new(
        inside: Box<dyn Framer>,
        recognise: Box<dyn Recognise>,
        carries: Box<[bool]>,
        carried: Vec<Carried>,
    ) -> Self {
        Self {
            inside,
            recognise,
            carries,
            carried,
            fatal: None,
        }
    }

    /// Marks record `index` of `block`.
    fn mark(&mut self, block: &mut Block, index: usize) {
        let kind = self.recognise.kind(block.text(index), &block.context);
        let frame = &mut block.frames[index];
        match kind {
            Some(kind) => {
                frame.kind = kind;
                frame.carries = self.carries.get(usize::from(kind)) == Some(&true);
            }
            None if frame.broken.is_none() => frame.broken = Some(UNKNOWN),
            None => {}
        }
    }
}

impl Framer for Kinds {
    fn buffer(&mut self) -> &mut BytesMut {
        self.inside.buffer()
    }

    fn next_block(&mut self, at_end: bool) -> Result<Option<Block>, Fatal> {
        if let Some(fatal) = &self.fatal {
            return Err(fatal.clone());
        }
        let Some(mut block) = self.inside.next_block(at_end)? else {
            return Ok(None);
        };
        block.carried = Some(std::mem::take(&mut self.carried));
        for index in 0..block.frames.len() {
            self.mark(&mut block, index);
            if !block.frames[index].carries {
                continue;
            }
            if let Err(fatal) = check_carried(&block.carried_to(index + 1)) {
                // What lies before it, and before its group, is good, wherever the block began.
                self.fatal = Some(fatal.clone());
                let ends = block.groups.iter().map(|&end| end as usize);
                let whole = ends.filter(|end| *end <= index).max();
                let index = match block.groups.is_empty() {
                    true => index,
                    false => whole.unwrap_or_default(),
                };
                if index == 0 {
                    return Err(fatal);
                }
                block.end = block.restart(index);
                block.trailing_skipped = u64::from(block.frames[index].skipped);
                block.frames.truncate(index);
                block.groups.retain(|end| *end as usize <= index);
                return Ok(Some(block));
            }
        }
        self.carried = block.carried_to(block.frames.len());
        Ok(Some(block))
    }
}
