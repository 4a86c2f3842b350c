//! The unpacker `zstd`: every frame of a Zstandard file (RFC 8878), with its checksum where it has one.
//!
//! A decoder keeps a window in memory, so windows are limited to 8 MiB: what `zstd -19` uses, and the least
//! that RFC 8878 asks a decoder to support. `--ultra` and `--long` may use more: `window_too_large`. An
//! input that ends within a frame, or whose checksum does not match, is `truncated`, everything else that is wrong
//! is `corrupt`. Frames that
//! need a dictionary are refused.

use super::decode::{Decode, Step};
use ::zstd::zstd_safe::{
    DCtx, DParameter, ErrorCode, InBuffer, OutBuffer, get_error_name, zstd_sys::ZSTD_ErrorCode,
};
use pipeline::Fatal;

/// The largest window, as a power of two: 8 MiB.
const MAX_WINDOW_LOG: u32 = 23;

/// The decoder of Zstandard.
pub(super) struct Zstd {
    context: DCtx<'static>,
    state: State,
}

enum State {
    /// Before the first frame.
    Start,
    /// In a frame; the decoder wants so many bytes next, which end with a block.
    Frame(usize),
    /// In a frame, with a block that may not yet be given as a whole.
    Giving,
    /// Behind a frame.
    Between,
}

impl Zstd {
    /// # Errors
    /// `out_of_memory`.
    pub fn new() -> Result<Self, Fatal> {
        let failed = || Fatal::transient("out_of_memory", "no memory to unpack zstd");
        let mut context = DCtx::try_create().ok_or_else(failed)?;
        context
            .set_parameter(DParameter::WindowLogMax(MAX_WINDOW_LOG))
            .map_err(|_| failed())?;
        Ok(Self {
            context,
            state: State::Start,
        })
    }
}

impl Zstd {
    fn call(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        let mut from = InBuffer::around(input);
        let mut to = OutBuffer::around(&mut *output);
        let result = self.context.decompress_stream(&mut to, &mut from);
        let (taken, given) = (from.pos(), to.pos());
        let mut failed = None;
        match result {
            Ok(0) => self.state = State::Between,
            Ok(_) if given == output.len() => self.state = State::Giving,
            Ok(wanted) => self.state = State::Frame(wanted),
            Err(code) => failed = Some(broken(code)),
        }
        Step {
            taken,
            given,
            failed,
        }
    }
}

impl Decode for Zstd {
    fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        // One block at a time: where a call fails, the library does not say what it gave before.
        if let State::Giving = self.state {
            let step = self.call(&[], output);
            if step.given > 0 || step.failed.is_some() {
                return step;
            }
        }
        let wanted = match self.state {
            State::Frame(wanted) => wanted,
            State::Start | State::Between | State::Giving => 1,
        };
        match &input[..input.len().min(wanted)] {
            [] => Step::default(),
            block => self.call(block, output),
        }
    }

    fn end(&self) -> Result<(), Fatal> {
        match self.state {
            State::Between => Ok(()),
            State::Start | State::Frame(_) | State::Giving => Err(Fatal::new(
                "truncated",
                "the zstd input ends before its end",
            )
            .hint("it was cut while it was written or transferred: get it again")),
        }
    }
}

fn broken(code: ErrorCode) -> Fatal {
    let is = |known: ZSTD_ErrorCode| code == 0usize.wrapping_sub(known as usize);
    if is(ZSTD_ErrorCode::ZSTD_error_frameParameter_windowTooLarge) {
        return Fatal::new(
            "window_too_large",
            "the zstd input needs a window of more than 8 MiB of memory",
        )
        .hint("compress it with level 19 or less, without --ultra and --long");
    }
    if is(ZSTD_ErrorCode::ZSTD_error_dictionary_wrong) {
        return Fatal::new(
            "unsupported_compression",
            "the zstd input was compressed with a dictionary, which cannot be given here",
        )
        .hint("compress it without a dictionary");
    }
    if is(ZSTD_ErrorCode::ZSTD_error_checksum_wrong) {
        let what = "the zstd input is damaged: the checksum at the end of a frame does not match";
        return Fatal::new("truncated", what)
            .hint("zstd -t says the same of a damaged file: get it again");
    }
    let why = get_error_name(code);
    Fatal::new("corrupt", format!("the zstd input is corrupt: {why}"))
        .hint("zstd -t says the same of a damaged file: get it again")
}

#[cfg(test)]
mod tests;
