//! The source around a decoder: it feeds the decoder, hands out what comes, and keeps the limits.
//!
//! It promises that whatever was decoded before an error is given before the error, and that no more than
//! the limits allow is ever decoded. It knows no format.

use super::UnpackLimits;
use async_trait::async_trait;
use bytes::{Buf, BytesMut};
use pipeline::{Fatal, MAX_READ_BYTES, Source, room};

/// A decoder's output between two looks at the limits, in bytes.
const PIECE_BYTES: usize = 64 * 1024;

/// A decoder: bytes in, bytes out, no I/O.
pub(super) trait Decode: Send {
    /// Decodes from `input`, which may be empty, into `output`, which is not, as far as it goes. When
    /// nothing is taken and nothing is given, more input is wanted.
    fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Step;

    /// Whether the input may end here.
    ///
    /// # Errors
    /// `truncated`.
    fn end(&self) -> Result<(), Fatal>;
}

/// What one call of [`Decode::decode`] did.
#[derive(Default)]
pub(super) struct Step {
    /// Bytes of input that are done with.
    pub taken: usize,
    /// Bytes of output that were written.
    pub given: usize,
    /// Why it cannot go on; what was given still counts.
    pub failed: Option<Fatal>,
}

impl Step {
    /// Nothing was taken and nothing was given.
    pub fn failed(fatal: Fatal) -> Self {
        Self {
            failed: Some(fatal),
            ..Self::default()
        }
    }
}

/// The end of what unpacks to more than `max_ratio` times its size.
pub(super) fn too_dense(max_ratio: u32) -> Fatal {
    let message = format!("the input unpacks to more than {max_ratio} times its size");
    Fatal::new("bomb", message).hint("load it unpacked if it is what it should be")
}

/// The source around a decoder.
pub(super) struct Unpacking {
    source: Box<dyn Source>,
    decoder: Box<dyn Decode>,
    limits: UnpackLimits,
    input: BytesMut,
    piece: Vec<u8>,
    taken_bytes: u64,
    given_bytes: u64,
    /// The decoder has given all that it can of the input so far.
    wants_input: bool,
    input_ended: bool,
    /// How it ended, for every further read.
    end: Option<Result<usize, Fatal>>,
}

impl Unpacking {
    pub fn new(source: Box<dyn Source>, decoder: Box<dyn Decode>, limits: UnpackLimits) -> Self {
        Self {
            source,
            decoder,
            limits,
            input: BytesMut::new(),
            piece: vec![0; PIECE_BYTES],
            taken_bytes: 0,
            given_bytes: 0,
            wants_input: true,
            input_ended: false,
            end: None,
        }
    }

    /// Fills `into` until it has no room, or until more would have to be waited for.
    async fn fill(&mut self, into: &mut BytesMut) -> Result<(), Fatal> {
        let (start, most) = (into.len(), room(into));
        while into.len() - start < most {
            if !self.wants_input {
                self.decode(into, most - (into.len() - start))?;
            } else if self.input_ended {
                return self.decoder.end();
            } else if into.len() > start {
                return Ok(());
            } else {
                self.input.reserve(MAX_READ_BYTES);
                self.input_ended = self.source.read(&mut self.input).await? == 0;
                self.wants_input = self.input_ended;
            }
        }
        Ok(())
    }

    /// Decodes one piece.
    fn decode(&mut self, into: &mut BytesMut, room_bytes: usize) -> Result<(), Fatal> {
        let most = match self.limits.max_bytes {
            // One byte more than is allowed tells an input that is too long from one that ends here.
            Some(max_bytes) => max_bytes.saturating_add(1) - self.given_bytes,
            None => u64::MAX,
        };
        let most = most.min(room_bytes.min(PIECE_BYTES) as u64) as usize;
        let step = self.decoder.decode(&self.input, &mut self.piece[..most]);
        into.extend_from_slice(&self.piece[..step.given]);
        self.input.advance(step.taken);
        self.taken_bytes += step.taken as u64;
        self.given_bytes += step.given as u64;
        self.wants_input = step.taken == 0 && step.given == 0;
        self.keep_limits()?;
        step.failed.map_or(Ok(()), Err)
    }

    fn keep_limits(&self) -> Result<(), Fatal> {
        let limits = self.limits;
        if let Some(max_bytes) = limits.max_bytes
            && self.given_bytes > max_bytes
        {
            let message = format!("the input unpacks to more than max_bytes, {max_bytes} bytes");
            return Err(
                Fatal::new("bomb", message).hint("raise max_bytes if that is its right size")
            );
        }
        let most = self.taken_bytes.saturating_mul(limits.max_ratio.into());
        if self.given_bytes > limits.ratio_after_bytes && self.given_bytes > most {
            return Err(too_dense(limits.max_ratio));
        }
        Ok(())
    }
}

#[async_trait]
impl Source for Unpacking {
    async fn read(&mut self, into: &mut BytesMut) -> Result<usize, Fatal> {
        if let Some(end) = &self.end {
            return end.clone();
        }
        let start = into.len();
        let filled = self.fill(into).await;
        let count = into.len() - start;
        match filled {
            Ok(()) if count > 0 => return Ok(count),
            filled => self.end = Some(filled.map(|()| 0)),
        }
        match &self.end {
            Some(end) if count == 0 => end.clone(),
            _ => Ok(count),
        }
    }

    fn bytes_read(&self) -> u64 {
        self.source.bytes_read()
    }
}
