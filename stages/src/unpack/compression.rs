//! How an input is compressed: the words of a spec, and what first bytes say.
//!
//! Names of files say nothing here: only the bytes count.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// bzip2, every stream.
    Bzip2,
    /// xz, every stream and the padding between them; dictionaries of up to 8 MiB, which is what `xz -6`,
    /// the default, uses.
    Xz,
    /// A zip archive, of which one file is read: the one that `member` names, or the only one.
    Zip,
    /// What the first bytes say.
    #[default]
    Auto,
}

/// How many bytes [`Compression::of`] looks at: the longest of the magic numbers, bzip2's with its first block's.
pub(super) const MAGIC_BYTES: usize = 10;

/// What stands behind `BZh9`: the first block of a bzip2 stream, or its end.
const BZIP2_BLOCK: &[u8] = b"1AY&SY";
const BZIP2_END: &[u8] = b"\x17rE8P\x90";

impl Compression {
    /// The word in a spec.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
            Self::Zip => "zip",
            Self::Auto => "auto",
        }
    }

    /// What the first bytes of an input say, [`MAGIC_BYTES`] of them or the whole input.
    pub(super) fn of(head: &[u8]) -> Self {
        match head {
            // Cut within the magic bytes: these openings are no text, so this is not an empty file.
            [0x1f] | [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5] | [0x28, 0xb5, 0x2f] | [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            // A skippable frame, with which some writers of Zstandard begin.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            [b'B', b'Z', b'h', b'1'..=b'9', block @ ..] if is_bzip2(block) => Self::Bzip2,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            [0xfd, rest @ ..] if rest.len() < 5 && b"7zXZ\0".starts_with(rest) => Self::Xz,
            // A file, or the end of an archive that has none.
            [b'P', b'K', 3] | [b'P', b'K', 3, 4, ..] => Self::Zip,
            [b'P', b'K', 5] | [b'P', b'K', 5, 6, ..] => Self::Zip,
            _ => Self::None,
        }
    }
}

/// Whether this follows `BZh9`; two bytes of it tell it from text when there are no more.
fn is_bzip2(block: &[u8]) -> bool {
    [BZIP2_BLOCK, BZIP2_END]
        .iter()
        .any(|magic| block.starts_with(magic) || (block.len() > 1 && magic.starts_with(block)))
}
