//! The JSON parser: each record is one JSON object, a line of a JSONL file or an element of a JSON document.
//!
//! It promises one [`Tree`] or one problem for each record that the framer cut. What it accepts is RFC 8259
//! exactly; the grammar is in [`text`]. Names and values are literal data: `$oid`, `$where`, dots and empty
//! names mean nothing here. It never makes a value of its own for each value of the text, and no text makes
//! it recurse.

pub mod laws;
mod string;
#[cfg(test)]
mod tests;
mod text;

use super::encoding::not_utf8;
use crate::record::{Item, Tree};
use pipeline::{Block, Fatal, Parser, Problem};

pub use text::{Scratch, read_any};

/// Records that are decoded together: so many are decoded again, one by one, for one that is not UTF-8.
const DECODED_RECORDS: usize = 16;

/// Parses records that are JSON objects.
#[derive(Clone, Copy, Debug, Default)]
pub struct JsonParser;

/// Room for looking into single records.
#[derive(Debug, Default)]
pub struct Reading {
    tree: Tree,
    scratch: Scratch,
}

impl Reading {
    /// Reads a record; `false` where it is no good one.
    pub fn read(&mut self, record: &[u8]) -> bool {
        let text = std::str::from_utf8(record);
        text.is_ok_and(|text| text::read(text, &mut self.tree, &mut self.scratch).is_ok())
    }

    /// What was read last.
    pub fn root(&self) -> Option<Item<'_>> {
        self.tree.root()
    }
}

impl Parser<Tree> for JsonParser {
    fn parse(
        &self,
        block: &Block,
        each: &mut dyn FnMut(usize, Result<&mut Tree, Problem>),
    ) -> Result<(), Fatal> {
        let mut tree = Tree::default();
        let mut scratch = Scratch::default();
        for (some, first) in block.frames.chunks(DECODED_RECORDS).zip(0..) {
            let start = some[0].start as usize;
            let end = some[some.len() - 1].end as usize;
            // Once for some records is cheaper than once for each.
            let decoded = simdutf8::basic::from_utf8(&block.bytes[start..end]).ok();
            for (frame, index) in some.iter().zip(first * DECODED_RECORDS..) {
                if frame.broken.is_some() {
                    continue;
                }
                let bytes = block.text(index);
                let at = frame.start as usize - start;
                let record = match decoded.and_then(|all| all.get(at..at + bytes.len())) {
                    Some(record) => Ok(record),
                    None => std::str::from_utf8(bytes).map_err(|error| not_utf8(bytes, error)),
                };
                match record.and_then(|record| text::read(record, &mut tree, &mut scratch)) {
                    Ok(()) => each(index, Ok(&mut tree)),
                    Err(problem) => each(index, Err(problem)),
                }
            }
        }
        Ok(())
    }
}
