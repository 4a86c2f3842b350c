//! What a zip archive says of a file before its bytes: sizes, checksum, method and name.
//!
//! Names are metadata: they are compared and shown, and nothing is ever written under them. They are UTF-8 where
//! they are that, and code page 437, the archive format's own, where not.

use super::{corrupt, unsupported};
use pipeline::Fatal;

/// A local header behind its signature, in bytes, without the name and the extra fields that follow.
pub(super) const HEADER_BYTES: usize = 26;
/// An entry of the directory behind its signature, in bytes, without what follows.
pub(super) const LISTED_BYTES: usize = 42;
/// The most characters of a name that are shown.
const MAX_SHOWN_CHARS: usize = 100;

/// The extra field that holds sizes of 64 bits, and what stands in place of such a size.
const ZIP64: u16 = 1;
const IN_ZIP64: u64 = u32::MAX as u64;
/// Flags: encrypted, sizes behind the data, patch, strongly encrypted, masked header.
const ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;
const DESCRIBED_BEHIND: u16 = 1 << 3;
const PATCH: u16 = 1 << 5;

/// How the bytes of a file are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Stored,
    Deflated,
}

/// Checksum and sizes of a file, packed and unpacked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    pub crc: u32,
    pub packed_bytes: u64,
    pub bytes: u64,
}

/// A file as its local header tells it.
#[derive(Clone, Debug, Default)]
pub(super) struct Header {
    flags: u16,
    method: u16,
    sums: Sums,
    pub name_bytes: usize,
    pub extra_bytes: usize,
    pub raw_name: Vec<u8>,
    pub name: String,
    /// Its sizes have 64 bits.
    pub is_zip64: bool,
}

impl Header {
    /// Reads [`HEADER_BYTES`].
    pub fn of(bytes: &[u8]) -> Self {
        let mut fields = Fields(bytes);
        fields.skip(2);
        let (flags, method) = (fields.u16(), fields.u16());
        fields.skip(4);
        let sums = Sums {
            crc: fields.u32(),
            packed_bytes: fields.u32().into(),
            bytes: fields.u32().into(),
        };
        Self {
            flags,
            method,
            sums,
            name_bytes: fields.u16().into(),
            extra_bytes: fields.u16().into(),
            ..Self::default()
        }
    }

    /// Adds the name and the extra fields that follow.
    ///
    /// # Errors
    /// `corrupt` for sizes of 64 bits that are not there.
    pub fn named(&mut self, name: &[u8], extra: &[u8]) -> Result<(), Fatal> {
        self.raw_name = name.to_vec();
        self.name = text(name);
        let mut rest = Fields(extra);
        while rest.0.len() >= 4 {
            let (id, len) = (rest.u16(), rest.u16());
            let Some(field) = rest.0.get(..len.into()) else {
                return Ok(());
            };
            if id == ZIP64 {
                self.is_zip64 = true;
                self.widen(Fields(field))?;
            }
            rest.skip(len.into());
        }
        Ok(())
    }

    fn widen(&mut self, mut field: Fields) -> Result<(), Fatal> {
        for size in [&mut self.sums.bytes, &mut self.sums.packed_bytes] {
            if *size == IN_ZIP64 {
                if field.0.len() < 8 {
                    return Err(corrupt("a size of 64 bits is missing"));
                }
                *size = field.u64();
            }
        }
        Ok(())
    }

    /// Whether it is a folder.
    pub fn is_folder(&self) -> bool {
        self.name.ends_with('/')
    }

    /// Checksum and sizes, where they do not stand behind the data.
    pub fn sums(&self) -> Option<Sums> {
        (!self.is_described_behind()).then_some(self.sums)
    }

    pub fn is_described_behind(&self) -> bool {
        self.flags & DESCRIBED_BEHIND != 0
    }

    /// How to read it.
    ///
    /// # Errors
    /// `unsupported_compression` with its name, for what is encrypted or packed in another way, and for stored bytes
    /// whose number is not known before them.
    pub fn method(&self) -> Result<Method, Fatal> {
        let refuse = |why: &str| Err(unsupported(&shown(&self.name), why));
        if self.flags & ENCRYPTED != 0 || self.method == 99 {
            return refuse("it is encrypted");
        }
        if self.flags & PATCH != 0 {
            return refuse("it is a patch");
        }
        match self.method {
            0 if self.is_described_behind() && !self.is_folder() => {
                refuse("it is stored, and its size stands behind it")
            }
            0 => Ok(Method::Stored),
            8 => Ok(Method::Deflated),
            other => refuse(&format!("its method is {}", method_name(other))),
        }
    }
}

fn method_name(method: u16) -> String {
    match method {
        1 => "shrink",
        2..=5 => "reduce",
        6 => "implode",
        9 => "deflate64",
        12 => "bzip2",
        14 => "LZMA",
        93 => "Zstandard",
        95 => "xz",
        98 => "PPMd",
        other => return other.to_string(),
    }
    .to_owned()
}

/// A file as the directory at the archive's end tells it.
pub(super) struct Listed {
    pub crc: u32,
    pub name_bytes: usize,
    /// Extra fields and comment.
    pub rest_bytes: usize,
}

impl Listed {
    /// Reads [`LISTED_BYTES`].
    pub fn of(bytes: &[u8]) -> Self {
        let mut fields = Fields(bytes);
        fields.skip(12);
        let crc = fields.u32();
        fields.skip(8);
        Self {
            crc,
            name_bytes: fields.u16().into(),
            rest_bytes: usize::from(fields.u16()) + usize::from(fields.u16()),
        }
    }
}

/// Little-endian numbers at the start of what is left; zero behind its end.
pub(super) struct Fields<'b>(pub &'b [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let mut taken = [0; N];
        let len = self.0.len().min(N);
        taken[..len].copy_from_slice(&self.0[..len]);
        self.skip(N);
        taken
    }

    pub fn skip(&mut self, bytes: usize) {
        self.0 = self.0.get(bytes..).unwrap_or_default();
    }

    pub fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.take())
    }

    pub fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }

    pub fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take())
    }
}

/// A name as it is shown: in quotes, on one line, and not too long.
pub(super) fn shown(name: &str) -> String {
    let mut start: String = name.chars().take(MAX_SHOWN_CHARS).collect();
    if start.len() < name.len() {
        start.push('…');
    }
    format!("{start:?}")
}

fn text(raw: &[u8]) -> String {
    match std::str::from_utf8(raw) {
        Ok(name) => name.to_owned(),
        Err(_) => raw.iter().map(|byte| code_page_437(*byte)).collect(),
    }
}

fn code_page_437(byte: u8) -> char {
    /// From 128 on.
    const UPPER: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐\
        └┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";
    let upper = usize::from(byte)
        .checked_sub(128)
        .and_then(|at| UPPER.chars().nth(at));
    upper.unwrap_or(char::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_utf_8_or_code_page_437() {
        assert_eq!(text("März.csv".as_bytes()), "März.csv");
        assert_eq!(text(b"M\x84rz.csv"), "März.csv");
        assert_eq!(text(b"\x80\xe1\xff"), "Çß\u{a0}");
        let all: String = (0..=255).map(code_page_437).collect();
        assert_eq!(all.chars().count(), 256);
        assert_eq!(
            shown("a\n\"\u{202e}.csv"),
            "\"a\\n\\\"\\u{202e}.csv\"",
            "nothing that moves a terminal is shown"
        );
    }
}
