//! Unpackers: a source around a source that gives back what was compressed, and the decoded stream's start.
//!
//! [`open_at`] opens an [`Origin`] at a place of its decoded stream, which is UTF-8: other encodings are made that
//! behind the unpacker. A byte-order mark is no part of the decoded stream: offset 0 is the byte behind it. What was
//! decoded before an error is always given before the error. Memory is bounded by a decoder's window, one read of
//! input and one piece of output. Nothing here writes to disk, and neither compressed input nor one of another
//! encoding is ever read from its middle.

mod bounds;
mod bzip2;
mod compression;
mod decode;
mod encoding;
mod gzip;
pub mod laws;
mod reencode;
mod start;
mod transcode;
mod xz;
mod zip;
mod zstd;

use crate::source::Origin;
pub use bounds::skip;
use bounds::{Limited, too_large};
pub use compression::Compression;
use compression::MAGIC_BYTES;
use decode::{Decode, Unpacking};
use encoding::MAX_MARK_BYTES;
pub use encoding::{Encoding, LabelFault};
use encoding_rs::UTF_8;
use pipeline::{Fatal, Source};
pub use reencode::{Reencoder, TextForm};
use start::Started;
use transcode::Transcoding;

/// How an input becomes a stream of UTF-8.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unpack {
    /// How it is compressed.
    pub compression: Compression,
    /// The name of the file to read of a zip archive, as a pattern; none: the only one.
    pub member: Option<String>,
    /// How its text is encoded.
    pub encoding: Encoding,
    /// The limits of unpacking.
    pub limits: UnpackLimits,
}

/// The limits of unpacking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnpackLimits {
    /// The most decoded bytes; none is no limit for uncompressed input, and [`DEFAULT_MAX_UNPACKED_BYTES`] for
    /// compressed input. More of an uncompressed input is `file_too_large`, before its first record
    /// where the size is known; more of a compressed one is a `bomb`.
    pub max_bytes: Option<u64>,
    /// The most decoded bytes for each byte of the stored object; more is a `bomb`.
    pub max_ratio: u32,
    /// The decoded bytes from which on the ratio is judged.
    pub ratio_after_bytes: u64,
}

impl Default for UnpackLimits {
    fn default() -> Self {
        Self {
            max_bytes: None,
            max_ratio: 200,
            ratio_after_bytes: 64 * 1024 * 1024,
        }
    }
}

/// The most decoded bytes of a compressed input where nothing else is said: 200 GB.
pub const DEFAULT_MAX_UNPACKED_BYTES: u64 = 200_000_000_000;

/// A decoded stream at its start.
pub struct Unpacked {
    /// The decoded bytes.
    pub source: Box<dyn Source>,
    /// What it was, never [`Compression::Auto`].
    pub compression: Compression,
    /// Whether it can be opened in its middle ([`open_at`]); if not, reading starts again at 0.
    pub restartable: bool,
    /// How its text was encoded.
    pub form: TextForm,
}

/// Unpacks `source`, which stands at its start.
///
/// # Errors
/// `encoding` for a byte-order mark that says something else than `how`; what reading the first bytes says.
/// `corrupt` when the input is not what the compression says comes from here or from the first read.
pub async fn unpack(source: Box<dyn Source>, how: &Unpack) -> Result<Unpacked, Fatal> {
    let mut source = Started::new(source);
    let compression = match how.compression {
        Compression::Auto => Compression::of(source.peek(MAGIC_BYTES).await?),
        named => named,
    };
    let mut limits = how.limits;
    let decoder: Option<Box<dyn Decode>> = match compression {
        Compression::Gzip => Some(Box::new(gzip::Gzip::new())),
        Compression::Zstd => Some(Box::new(zstd::Zstd::new()?)),
        Compression::Bzip2 => Some(Box::new(bzip2::Bzip2::new())),
        Compression::Xz => Some(Box::new(xz::Xz::new()?)),
        Compression::Zip => Some(Box::new(zip::Zip::new(how.member.clone(), limits))),
        Compression::None | Compression::Auto => None,
    };
    let is_plain = decoder.is_none();
    let decoded: Box<dyn Source> = match decoder {
        Some(decoder) => {
            limits.max_bytes = limits.max_bytes.or(Some(DEFAULT_MAX_UNPACKED_BYTES));
            Box::new(Unpacking::new(Box::new(source), decoder, limits))
        }
        None => Box::new(Limited::new(source, limits.max_bytes)),
    };
    let mut decoded = Started::new(decoded);
    let (encoding, mark_bytes) = how.encoding.of(decoded.peek(MAX_MARK_BYTES).await?)?;
    decoded.pass(mark_bytes);
    let is_utf_8 = encoding == UTF_8;
    Ok(Unpacked {
        source: match is_utf_8 {
            true => Box::new(decoded),
            false => Box::new(Transcoding::new(decoded, encoding)),
        },
        compression,
        restartable: is_plain && is_utf_8,
        form: TextForm {
            encoding,
            is_marked: mark_bytes > 0,
        },
    })
}

/// A decoded stream, and where in it the source stands.
pub struct Opened {
    /// The decoded bytes from `decoded_offset` on.
    pub source: Box<dyn Source>,
    /// The offset at which `source` stands: the one that was asked for, or 0.
    pub decoded_offset: u64,
    /// Whether it can be opened in its middle.
    pub restartable: bool,
    /// How its text was encoded.
    pub form: TextForm,
}

/// Opens `origin` at `decoded_offset` of its decoded stream, or at 0 where it can only be read from its
/// start, because it is compressed, is in another encoding than UTF-8 or is standard input: then [`skip`] leaves out
/// what is done already.
///
/// # Errors
/// `file_too_large` for uncompressed input over `max_bytes`, before anything is handed out; what
/// [`unpack`] and [`Origin::read_from`] say.
pub async fn open_at(
    origin: &dyn Origin,
    how: &Unpack,
    decoded_offset: u64,
) -> Result<Opened, Fatal> {
    if decoded_offset > 0 && origin.restartable() {
        let head = origin.head(MAGIC_BYTES).await?;
        let compression = match how.compression {
            Compression::Auto => Compression::of(&head),
            named => named,
        };
        if compression == Compression::None {
            refuse_too_large(origin, how.limits)?;
            let (encoding, mark_bytes) = how.encoding.of(&head)?;
            if encoding == UTF_8 {
                return Ok(Opened {
                    source: origin.read_from(decoded_offset + mark_bytes as u64).await?,
                    decoded_offset,
                    restartable: true,
                    form: TextForm {
                        encoding,
                        is_marked: mark_bytes > 0,
                    },
                });
            }
        }
    }
    let unpacked = unpack(origin.read_from(0).await?, how).await?;
    if unpacked.compression == Compression::None {
        refuse_too_large(origin, how.limits)?;
    }
    Ok(Opened {
        source: unpacked.source,
        decoded_offset: 0,
        restartable: unpacked.restartable && origin.restartable(),
        form: unpacked.form,
    })
}

/// What is in [`UnpackLimits::max_bytes`] for an input whose size is known before it is read.
fn refuse_too_large(origin: &dyn Origin, limits: UnpackLimits) -> Result<(), Fatal> {
    match (origin.pinned().size_bytes, limits.max_bytes) {
        (Some(size_bytes), Some(max_bytes)) if size_bytes > max_bytes => {
            Err(too_large(size_bytes, max_bytes))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
