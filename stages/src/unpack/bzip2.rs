//! The unpacker `bzip2`: every stream of a bzip2 file, each block and each stream with its checksum verified.
//!
//! An input that ends anywhere but behind a stream is `truncated`; everything else that is wrong is `corrupt`, wrong
//! checksums too, because the decoder does not tell them from other damage. Bytes that are no stream
//! behind the last one are `corrupt` as well: the bzip2 program leaves them out with a warning, but they may have
//! been data. Memory is one block, 4 MiB at most.

use super::decode::{Decode, Step};
use ::bzip2::{Decompress, Error, Status};
use pipeline::Fatal;

/// The first byte of a stream.
const START: u8 = b'B';

/// The decoder of bzip2.
pub(super) struct Bzip2 {
    stream: Decompress,
    /// Behind a stream.
    between: bool,
}

impl Bzip2 {
    pub fn new() -> Self {
        Self {
            stream: Decompress::new(false),
            between: false,
        }
    }
}

impl Decode for Bzip2 {
    fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        if self.between {
            match input.first() {
                None => return Step::default(),
                Some(&START) => *self = Self::new(),
                Some(_) => return Step::failed(corrupt("other bytes follow a stream")),
            }
        }
        let (taken, given) = (self.stream.total_in(), self.stream.total_out());
        let status = self.stream.decompress(input, output);
        let failed = match status {
            Ok(Status::StreamEnd) => {
                self.between = true;
                None
            }
            Ok(Status::MemNeeded) => Some(Fatal::transient(
                "out_of_memory",
                "no memory to unpack bzip2",
            )),
            Ok(_) => None,
            Err(Error::DataMagic) => Some(corrupt("it does not begin as bzip2 does")),
            Err(error) => Some(corrupt("a block or its checksum is wrong").because(&error)),
        };
        Step {
            taken: (self.stream.total_in() - taken) as usize,
            given: (self.stream.total_out() - given) as usize,
            failed,
        }
    }

    fn end(&self) -> Result<(), Fatal> {
        match self.between {
            true => Ok(()),
            false => Err(
                Fatal::new("truncated", "the bzip2 input ends before its end")
                    .hint("it was cut while it was written or transferred: get it again"),
            ),
        }
    }
}

fn corrupt(why: &str) -> Fatal {
    Fatal::new("corrupt", format!("the bzip2 input is corrupt: {why}"))
        .hint("bzip2 -t says the same of a damaged file: get it again")
}

#[cfg(test)]
mod tests;
