//! The unpacker `xz`: every stream of an xz file, with its checks, and the padding between and behind streams.
//!
//! A decoder keeps a dictionary in memory, so dictionaries are limited to 8 MiB, like the windows of zstd: what
//! `xz -6`, the default, uses. `xz -7` to `-9` use 16 to 64 MiB: `window_too_large`. An input that ends within a
//! stream, or within four bytes of padding, is `truncated`; everything else that is wrong is `corrupt`, wrong
//! checks too, because the decoder does not tell them from other damage.

use super::decode::{Decode, Step};
use liblzma::stream::{Action, Error, Status, Stream, TELL_UNSUPPORTED_CHECK};
use pipeline::Fatal;

/// The most memory of a decoder, in bytes: a dictionary of 8 MiB, and what it needs beside that. The next larger
/// dictionary that the format knows has 12 MiB.
const MAX_MEMORY_BYTES: u64 = 10 * 1024 * 1024;
/// The first byte of a stream.
const START: u8 = 0xfd;
/// Padding consists of so many zero bytes, or a multiple of it.
const PADDING_BYTES: u8 = 4;

/// The decoder of xz.
pub(super) struct Xz {
    stream: Stream,
    state: State,
}

enum State {
    Stream,
    /// Behind a stream and so many bytes of padding, modulo [`PADDING_BYTES`].
    Between(u8),
}

impl Xz {
    /// # Errors
    /// `out_of_memory`.
    pub fn new() -> Result<Self, Fatal> {
        let stream = Stream::new_stream_decoder(MAX_MEMORY_BYTES, TELL_UNSUPPORTED_CHECK)
            .map_err(|error| out_of_memory().because(&error))?;
        Ok(Self {
            stream,
            state: State::Stream,
        })
    }

    /// Takes padding; says how much, and whether a stream follows.
    fn pad(&mut self, input: &[u8], padded: u8) -> Result<(usize, bool), Fatal> {
        let zeros = input.iter().take_while(|byte| **byte == 0).count();
        let padded = (usize::from(padded) + zeros) % usize::from(PADDING_BYTES);
        self.state = State::Between(padded as u8);
        if zeros == input.len() {
            return Ok((zeros, false));
        }
        if padded != 0 {
            return Err(corrupt("padding is not a multiple of four bytes"));
        }
        // The decoder would wait for a whole header before it looks.
        if input[zeros] != START {
            return Err(corrupt("other bytes follow a stream"));
        }
        *self = Self::new()?;
        Ok((zeros, true))
    }
}

impl Decode for Xz {
    fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        let mut step = Step::default();
        if let State::Between(padded) = self.state {
            match self.pad(input, padded) {
                Ok((taken, follows)) => {
                    step.taken = taken;
                    if !follows {
                        return step;
                    }
                }
                Err(fatal) => return Step::failed(fatal),
            }
        }
        let (taken, given) = (self.stream.total_in(), self.stream.total_out());
        match self
            .stream
            .process(&input[step.taken..], output, Action::Run)
        {
            Ok(Status::StreamEnd) => self.state = State::Between(0),
            Ok(_) => {}
            Err(error) => step.failed = Some(broken(error)),
        }
        step.taken += (self.stream.total_in() - taken) as usize;
        step.given = (self.stream.total_out() - given) as usize;
        step
    }

    fn end(&self) -> Result<(), Fatal> {
        match self.state {
            State::Between(0) => Ok(()),
            State::Between(_) | State::Stream => {
                Err(Fatal::new("truncated", "the xz input ends before its end")
                    .hint("it was cut while it was written or transferred: get it again"))
            }
        }
    }
}

fn broken(error: Error) -> Fatal {
    match error {
        Error::MemLimit => Fatal::new(
            "window_too_large",
            "the xz input needs a dictionary of more than 8 MiB of memory",
        )
        .hint("compress it with level 6 or less, or with --lzma2=preset=9,dict=8MiB"),
        Error::Mem => out_of_memory(),
        Error::Options | Error::UnsupportedCheck | Error::NoCheck => Fatal::new(
            "unsupported_compression",
            "the xz input uses a filter or a check that is not known here",
        )
        .hint("compress it with xz's own presets"),
        Error::Format => corrupt("it does not begin as xz does"),
        Error::Data | Error::Program => corrupt("its data or a check is wrong"),
    }
}

fn out_of_memory() -> Fatal {
    Fatal::transient("out_of_memory", "no memory to unpack xz")
}

fn corrupt(why: &str) -> Fatal {
    Fatal::new("corrupt", format!("the xz input is corrupt: {why}"))
        .hint("xz -t says the same of a damaged file: get it again")
}

#[cfg(test)]
mod tests;
