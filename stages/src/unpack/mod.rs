//! Unpackers: a source around a source that gives back what was compressed, and the decoded stream's start.
//!
//! [`open_at`] opens an [`Origin`] at a place of its decoded stream. A UTF-8 byte-order mark is no part of
//! the decoded stream: offset 0 is the byte behind it. What was decoded before an error is always given
//! before the error. Memory is bounded by a decoder's window, one read of input and one piece of output. Nothing
//! here writes to disk, and compressed input is never read from its middle.

mod bounds;
mod decode;
mod gzip;
mod start;
mod zstd;

use crate::source::Origin;
pub use bounds::skip;
use bounds::{Limited, too_large};
use decode::{Decode, Unpacking};
use pipeline::{Fatal, Source};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use start::{Started, mark_bytes};

/// How the input is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip (RFC 1952), every member.
    Gzip,
    /// Zstandard (RFC 8878), every frame; windows of up to 8 MiB, which is what `zstd -19` uses.
    Zstd,
    /// bzip2; not supported yet.
    Bzip2,
    /// xz; not supported yet.
    Xz,
    /// What the first bytes say.
    #[default]
    Auto,
}

impl Compression {
    /// The word in a spec.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
            Self::Auto => "auto",
        }
    }

    /// Whether it can be unpacked here.
    pub fn supported(self) -> bool {
        !matches!(self, Self::Bzip2 | Self::Xz)
    }

    /// What the first bytes of an input say, [`MAGIC_BYTES`] of them or the whole input.
    fn of(head: &[u8]) -> Result<Self, Fatal> {
        let not_yet = |name: &str| Err(unsupported(name));
        Ok(match head {
            // Cut within the magic bytes: these openings are no text, so this is not an empty file.
            [0x1f] | [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5] | [0x28, 0xb5, 0x2f] | [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            // A skippable frame, with which some writers of Zstandard begin.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            [b'B', b'Z', b'h', b'1'..=b'9', block @ ..]
                if block.starts_with(b"1AY&SY") || block.starts_with(b"\x17rE8P\x90") =>
            {
                return not_yet("bzip2");
            }
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => return not_yet("xz"),
            [b'P', b'K', 3, 4, ..] => return not_yet("a zip archive"),
            _ => Self::None,
        })
    }
}

/// How many bytes [`Compression::Auto`] looks at: the longest of the magic numbers, bzip2's with its first block's.
const MAGIC_BYTES: usize = 10;

fn unsupported(name: &str) -> Fatal {
    Fatal::new(
        "unsupported_compression",
        format!("the input is {name}, which cannot be unpacked here yet"),
    )
    .hint(
        "supported are none, gzip and zstd: unpack it first, or pipe it in and name - as the input",
    )
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
}

/// Unpacks `source`, which stands at its start.
///
/// # Errors
/// `unsupported_compression`; `encoding` for UTF-16; what reading the first bytes says. `corrupt` when
/// the input is not what `compression` says comes from here or from the first read.
pub async fn unpack(
    source: Box<dyn Source>,
    compression: Compression,
    limits: UnpackLimits,
) -> Result<Unpacked, Fatal> {
    let mut source = Started::new(source);
    let compression = match compression {
        Compression::Auto => Compression::of(source.peek(MAGIC_BYTES).await?)?,
        named => named,
    };
    let decoder: Option<Box<dyn Decode>> = match compression {
        Compression::Gzip => Some(Box::new(gzip::Gzip::new())),
        Compression::Zstd => Some(Box::new(zstd::Zstd::new()?)),
        Compression::None | Compression::Auto => None,
        named @ (Compression::Bzip2 | Compression::Xz) => return Err(unsupported(named.name())),
    };
    let restartable = decoder.is_none();
    let decoded: Box<dyn Source> = match decoder {
        Some(decoder) => {
            let max_bytes = limits.max_bytes.or(Some(DEFAULT_MAX_UNPACKED_BYTES));
            let limits = UnpackLimits {
                max_bytes,
                ..limits
            };
            Box::new(Unpacking::new(Box::new(source), decoder, limits))
        }
        None => Box::new(Limited::new(source, limits.max_bytes)),
    };
    let mut decoded = Started::new(decoded);
    decoded.strip_mark().await?;
    Ok(Unpacked {
        source: Box::new(decoded),
        compression,
        restartable,
    })
}

/// A decoded stream, and where in it the source stands.
pub struct Opened {
    /// The decoded bytes from `decoded_offset` on.
    pub source: Box<dyn Source>,
    /// The offset at which `source` stands: the one that was asked for, or 0.
    pub decoded_offset: u64,
    /// What it was, never [`Compression::Auto`].
    pub compression: Compression,
}

/// Opens `origin` at `decoded_offset` of its decoded stream, or at 0 where it can only be read from its
/// start, because it is compressed or is standard input: then [`skip`] leaves out what is done already.
///
/// # Errors
/// `file_too_large` for uncompressed input over `max_bytes`, before anything is handed out; what
/// [`unpack`] and [`Origin::read_from`] say.
pub async fn open_at(
    origin: &dyn Origin,
    compression: Compression,
    decoded_offset: u64,
    limits: UnpackLimits,
) -> Result<Opened, Fatal> {
    if decoded_offset > 0 && origin.restartable() {
        let head = origin.head(MAGIC_BYTES).await?;
        let compression = match compression {
            Compression::Auto => Compression::of(&head)?,
            named => named,
        };
        if compression == Compression::None {
            refuse_too_large(origin, limits)?;
            let offset = decoded_offset + mark_bytes(&head)? as u64;
            let source = origin.read_from(offset).await?;
            return Ok(Opened {
                source,
                decoded_offset,
                compression,
            });
        }
    }
    let unpacked = unpack(origin.read_from(0).await?, compression, limits).await?;
    if unpacked.compression == Compression::None {
        refuse_too_large(origin, limits)?;
    }
    Ok(Opened {
        source: unpacked.source,
        decoded_offset: 0,
        compression: unpacked.compression,
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
