//! The bytes of a generated file as the spec wants its input packed: plain, gzip or zstd. The same bytes for the same
//! input: no time and no name is written.

use crate::unpack::Compression;
use flate2::write::GzEncoder;
use std::io::{Result, Write};

/// How hard zstd tries.
const ZSTD_LEVEL: i32 = 3;

/// A writer that packs.
pub enum Packed<W: Write> {
    /// As it is.
    Plain(W),
    /// One gzip member.
    Gzip(GzEncoder<W>),
    /// One zstd frame.
    Zstd(zstd::stream::write::Encoder<'static, W>),
}

impl<W: Write> Packed<W> {
    /// Packs into `to` as a spec says; where it lets the input say, nothing is packed.
    ///
    /// # Errors
    /// What zstd says.
    pub fn of(compression: Compression, to: W) -> Result<Self> {
        Ok(match compression {
            Compression::Gzip => Self::Gzip(GzEncoder::new(to, flate2::Compression::default())),
            Compression::Zstd => Self::Zstd(zstd::stream::write::Encoder::new(to, ZSTD_LEVEL)?),
            _ => Self::Plain(to),
        })
    }

    /// Writes what is left, and flushes.
    ///
    /// # Errors
    /// What the writer says.
    pub fn finish(self) -> Result<()> {
        let mut to = match self {
            Self::Plain(to) => to,
            Self::Gzip(encoder) => encoder.finish()?,
            Self::Zstd(encoder) => encoder.finish()?,
        };
        to.flush()
    }
}

impl<W: Write> Write for Packed<W> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        match self {
            Self::Plain(to) => to.write(bytes),
            Self::Gzip(encoder) => encoder.write(bytes),
            Self::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> Result<()> {
        match self {
            Self::Plain(to) => to.flush(),
            Self::Gzip(encoder) => encoder.flush(),
            Self::Zstd(encoder) => encoder.flush(),
        }
    }
}
