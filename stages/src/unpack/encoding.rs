//! How an input's text is encoded: the labels of the WHATWG Encoding Standard, and byte-order marks.
//!
//! A mark is never guessed away: one that says something else than the spec fails the file, and UTF-32, which the
//! standard does not have, is refused by its mark. Nothing is decoded here.

use encoding_rs::{Encoding as Standard, REPLACEMENT, UTF_8, UTF_16BE, UTF_16LE, X_USER_DEFINED};
use pipeline::Fatal;

/// The longest byte-order mark that is looked for, in bytes.
pub(super) const MAX_MARK_BYTES: usize = 4;

/// How the text of an input is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// What its byte-order mark says, else UTF-8.
    Auto,
    /// An encoding of the standard; a byte-order mark must say the same.
    Of(&'static Standard),
}

impl Default for Encoding {
    fn default() -> Self {
        Self::Of(UTF_8)
    }
}

/// Why a label is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelFault {
    /// The standard does not know it.
    Unknown,
    /// The standard knows it for pages that must not be decoded, or for bytes that are no text.
    NoText,
}

impl Encoding {
    /// What a label of the standard means, in any case, or `auto`.
    ///
    /// # Errors
    /// For labels that the standard does not know, and for its `replacement` and `x-user-defined`.
    pub fn of_label(label: &str) -> Result<Self, LabelFault> {
        if label.trim().eq_ignore_ascii_case("auto") {
            return Ok(Self::Auto);
        }
        match Standard::for_label(label.as_bytes()) {
            None => Err(LabelFault::Unknown),
            Some(none) if none == REPLACEMENT || none == X_USER_DEFINED => Err(LabelFault::NoText),
            Some(standard) => Ok(Self::Of(standard)),
        }
    }

    /// The encoding of a stream that begins with `head`, [`MAX_MARK_BYTES`] of it or the whole, and the length
    /// of its byte-order mark, 0 without one.
    ///
    /// # Errors
    /// `encoding` for a mark that says something else, and for the mark of UTF-32.
    pub(super) fn of(self, head: &[u8]) -> Result<(&'static Standard, usize), Fatal> {
        let marked = match head {
            [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => return Err(utf_32()),
            [0xef, 0xbb, 0xbf, ..] => Some((UTF_8, 3)),
            [0xff, 0xfe, ..] => Some((UTF_16LE, 2)),
            [0xfe, 0xff, ..] => Some((UTF_16BE, 2)),
            _ => None,
        };
        match (self, marked) {
            (Self::Auto, None) => Ok((UTF_8, 0)),
            (Self::Of(said), None) => Ok((said, 0)),
            (Self::Of(said), Some((found, _))) if said != found => Err(against(said, found)),
            (_, Some(marked)) => Ok(marked),
        }
    }
}

fn against(said: &'static Standard, found: &'static Standard) -> Fatal {
    let (said, found) = (said.name(), found.name());
    let message = format!("the input's byte-order mark says {found}, where the spec says {said}");
    let label = found.to_ascii_lowercase();
    Fatal::new("encoding", message).hint(format!(
        "[input] encoding = \"{label}\" reads it, and \"auto\" every file by its mark"
    ))
}

fn utf_32() -> Fatal {
    let message = "the input's byte-order mark says UTF-32, which cannot be read";
    Fatal::new("encoding", message).hint("convert it: iconv -f UTF-32 -t UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_those_of_the_standard_in_any_case() {
        for (label, expected) in [
            ("utf-8", "UTF-8"),
            ("UTF8", "UTF-8"),
            ("unicode-1-1-utf-8", "UTF-8"),
            ("latin1", "windows-1252"),
            ("ascii", "windows-1252"),
            ("ISO-8859-1", "windows-1252"),
            (" windows-1252 ", "windows-1252"),
            ("iso-8859-15", "ISO-8859-15"),
            ("utf-16", "UTF-16LE"),
            ("utf-16be", "UTF-16BE"),
            ("sjis", "Shift_JIS"),
            ("iso-2022-jp", "ISO-2022-JP"),
            ("gb2312", "GBK"),
            ("gb18030", "gb18030"),
            ("big5-hkscs", "Big5"),
            ("x-mac-cyrillic", "x-mac-cyrillic"),
        ] {
            match Encoding::of_label(label) {
                Ok(Encoding::Of(standard)) => assert_eq!(standard.name(), expected, "{label}"),
                other => panic!("{label}: {other:?}"),
            }
        }
        assert_eq!(Encoding::of_label("Auto"), Ok(Encoding::Auto));
        for label in ["replacement", "iso-2022-kr", "hz-gb-2312", "x-user-defined"] {
            assert_eq!(
                Encoding::of_label(label),
                Err(LabelFault::NoText),
                "{label}"
            );
        }
        for label in ["", "utf-7", "utf-32", "ebcdic", "cp437"] {
            assert_eq!(
                Encoding::of_label(label),
                Err(LabelFault::Unknown),
                "{label}"
            );
        }
    }

    #[test]
    fn a_mark_must_say_what_the_spec_says() {
        let found = |said: &str, head: &[u8]| {
            let found = Encoding::of_label(said).unwrap().of(head);
            found.map(|(standard, mark_bytes)| (standard.name(), mark_bytes))
        };
        for (said, head, expected) in [
            ("auto", &b"\xef\xbb\xbfa"[..], ("UTF-8", 3)),
            ("auto", b"\xff\xfea\0", ("UTF-16LE", 2)),
            ("auto", b"\xfe\xff\0a", ("UTF-16BE", 2)),
            ("auto", b"\xff\xfe", ("UTF-16LE", 2)),
            ("auto", b"\xffabc", ("UTF-8", 0)),
            ("auto", b"", ("UTF-8", 0)),
            ("utf-8", b"\xef\xbb\xbfa", ("UTF-8", 3)),
            ("utf-16le", b"\xff\xfea\0", ("UTF-16LE", 2)),
            ("utf-16le", b"a\0b\0", ("UTF-16LE", 0)),
            ("latin1", b"\xefabc", ("windows-1252", 0)),
        ] {
            assert_eq!(found(said, head).unwrap(), expected, "{said} {head:?}");
        }
        for (said, head) in [
            ("utf-8", &b"\xff\xfea\0"[..]),
            ("utf-8", b"\xfe\xff\0a"),
            ("utf-16", b"\xfe\xff\0a"),
            ("utf-16le", b"\xef\xbb\xbfa"),
            ("latin1", b"\xef\xbb\xbfa"),
            ("auto", b"\xff\xfe\0\0"),
            ("auto", b"\0\0\xfe\xff"),
        ] {
            assert_eq!(found(said, head).unwrap_err().code, "encoding", "{said}");
        }
    }
}
