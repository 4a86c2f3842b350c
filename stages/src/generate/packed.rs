//! The bytes of a generated file as the spec wants its input: in UTF-8 or UTF-16, plain or packed. The same bytes for the
//! same input: no time and no name is written, but that of the one file in a zip archive.

mod wide;
mod zip;

use crate::unpack::{Compression, Encoding, Unpack};
use bzip2::write::BzEncoder;
use flate2::write::GzEncoder;
use liblzma::write::XzEncoder;
use std::io::{Result, Write};
use wide::Wide;
use zip::ZipEncoder;

/// How hard zstd tries.
const ZSTD_LEVEL: i32 = 3;
/// How hard xz tries; its dictionary has 8 MiB, the most that is unpacked.
const XZ_LEVEL: u32 = 6;

/// A writer that packs.
pub enum Packed<W: Write> {
    /// As it is.
    Plain(W),
    /// One gzip member.
    Gzip(GzEncoder<W>),
    /// One zstd frame.
    Zstd(zstd::stream::write::Encoder<'static, W>),
    /// One bzip2 stream.
    Bzip2(BzEncoder<W>),
    /// One xz stream.
    Xz(XzEncoder<W>),
    /// A zip archive of one file.
    Zip(ZipEncoder<W>),
}

impl<W: Write> Packed<W> {
    /// Packs into `to` as a spec says; where it lets the input say, nothing is packed.
    ///
    /// # Errors
    /// What zstd and `to` say.
    pub fn of(how: &Unpack, to: W) -> Result<Wide<Self>> {
        let packed = match how.compression {
            Compression::Gzip => Self::Gzip(GzEncoder::new(to, flate2::Compression::default())),
            Compression::Zstd => Self::Zstd(zstd::stream::write::Encoder::new(to, ZSTD_LEVEL)?),
            Compression::Bzip2 => Self::Bzip2(BzEncoder::new(to, bzip2::Compression::default())),
            Compression::Xz => Self::Xz(XzEncoder::new(to, XZ_LEVEL)),
            Compression::Zip => Self::Zip(ZipEncoder::new(to, how.member.as_deref())?),
            Compression::None | Compression::Auto => Self::Plain(to),
        };
        Wide::new(packed, how.encoding)
    }

    /// Writes what is left, flushes, and gives back what was written into.
    ///
    /// # Errors
    /// What the writer says.
    pub fn finish(self) -> Result<W> {
        let mut to = match self {
            Self::Plain(to) => to,
            Self::Gzip(encoder) => encoder.finish()?,
            Self::Zstd(encoder) => encoder.finish()?,
            Self::Bzip2(encoder) => encoder.finish()?,
            Self::Xz(encoder) => encoder.finish()?,
            Self::Zip(encoder) => encoder.finish()?,
        };
        to.flush()?;
        Ok(to)
    }
}

impl<W: Write> Write for Packed<W> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        match self {
            Self::Plain(to) => to.write(bytes),
            Self::Gzip(encoder) => encoder.write(bytes),
            Self::Zstd(encoder) => encoder.write(bytes),
            Self::Bzip2(encoder) => encoder.write(bytes),
            Self::Xz(encoder) => encoder.write(bytes),
            Self::Zip(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> Result<()> {
        match self {
            Self::Plain(to) => to.flush(),
            Self::Gzip(encoder) => encoder.flush(),
            Self::Zstd(encoder) => encoder.flush(),
            Self::Bzip2(encoder) => encoder.flush(),
            Self::Xz(encoder) => encoder.flush(),
            Self::Zip(encoder) => encoder.flush(),
        }
    }
}

/// Whether files in this encoding can be made: only what holds every character, so that no record is another one.
pub fn can_encode(encoding: Encoding) -> bool {
    wide::form(encoding).is_some()
}
