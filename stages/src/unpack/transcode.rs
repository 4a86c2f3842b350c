//! The source that makes UTF-8 of every other encoding.
//!
//! What the WHATWG decoder of the encoding calls malformed (a byte that means nothing, an unpaired surrogate, a
//! character that the end of the input cuts) becomes the byte 0xFF, which no UTF-8 text has: the record that holds it
//! is rejected with `encoding`, the others are good. What comes out is a function of the bytes alone, wherever they are
//! cut. Memory is one read of input and one piece of output.

use async_trait::async_trait;
use bytes::{Buf, BytesMut};
use encoding_rs::{Decoder, DecoderResult, Encoding};
use pipeline::{Fatal, MAX_READ_BYTES, Source, room};

/// The most bytes that are decoded at once.
const PIECE_BYTES: usize = 64 * 1024;
/// The least room in which a decoder is asked to go on: enough for any of its characters.
const MIN_ROOM_BYTES: usize = 16;
/// What stands for a malformed sequence.
const MALFORMED: u8 = 0xff;

/// A source of UTF-8.
pub(super) struct Transcoding<S> {
    source: S,
    decoder: Decoder,
    input: BytesMut,
    input_ended: bool,
    piece: Vec<u8>,
    /// The part of the piece that is not handed out yet.
    left: std::ops::Range<usize>,
    /// How it ends behind the piece, for every further read.
    end: Option<Result<usize, Fatal>>,
}

impl<S: Source> Transcoding<S> {
    /// `source` is in this encoding and stands behind its byte-order mark.
    pub fn new(source: S, from: &'static Encoding) -> Self {
        Self {
            source,
            decoder: from.new_decoder_without_bom_handling(),
            input: BytesMut::new(),
            input_ended: false,
            piece: vec![0; PIECE_BYTES],
            left: 0..0,
            end: None,
        }
    }

    /// Makes a piece of the input so far, or finds the end.
    fn decode(&mut self) {
        let mut filled = 0;
        while self.end.is_none() && PIECE_BYTES - filled > MIN_ROOM_BYTES {
            // One byte stays free for what stands for a malformed sequence.
            let output = &mut self.piece[filled..PIECE_BYTES - 1];
            let (result, taken, given) = self.decoder.decode_to_utf8_without_replacement(
                &self.input,
                output,
                self.input_ended,
            );
            self.input.advance(taken);
            filled += given;
            match result {
                DecoderResult::Malformed(..) => {
                    self.piece[filled] = MALFORMED;
                    filled += 1;
                }
                DecoderResult::InputEmpty if self.input_ended => self.end = Some(Ok(0)),
                DecoderResult::InputEmpty | DecoderResult::OutputFull => break,
            }
        }
        self.left = 0..filled;
    }
}

#[async_trait]
impl<S: Source> Source for Transcoding<S> {
    async fn read(&mut self, into: &mut BytesMut) -> Result<usize, Fatal> {
        let (start, most) = (into.len(), room(into));
        loop {
            let count = self.left.len().min(most - (into.len() - start));
            let from = self.left.start;
            into.extend_from_slice(&self.piece[from..from + count]);
            self.left.start += count;
            let given = into.len() - start;
            if given == most {
                return Ok(given);
            }
            if let Some(end) = &self.end {
                return if given > 0 { Ok(given) } else { end.clone() };
            }
            if self.input.is_empty() && !self.input_ended {
                if given > 0 {
                    return Ok(given);
                }
                self.input.reserve(MAX_READ_BYTES);
                match self.source.read(&mut self.input).await {
                    Ok(count) => self.input_ended = count == 0,
                    Err(fatal) => {
                        self.end = Some(Err(fatal));
                        continue;
                    }
                }
            }
            self.decode();
        }
    }

    fn bytes_read(&self) -> u64 {
        self.source.bytes_read()
    }
}

#[cfg(test)]
mod tests;
