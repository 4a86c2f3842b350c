//! Text in the encoding in which an input came: the way back from the decoded stream.
//!
//! What cannot be written is never left out: a byte that is no text, and a character that the encoding does not have,
//! become U+FFFD, or a question mark where the encoding has no U+FFFD either. An encoding that has two codes for a
//! character writes the one that the WHATWG encoder chooses. UTF-8 is handed through, byte for byte.

use super::Encoding;
use encoding_rs::{Encoder, EncoderResult, Encoding as Standard, UTF_8, UTF_16BE, UTF_16LE};

/// What stands for a character that an encoding without U+FFFD does not have.
const UNKNOWN: &str = "?";

/// How the text of an input is encoded, as it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextForm {
    pub(super) encoding: &'static Standard,
    pub(super) is_marked: bool,
}

impl TextForm {
    /// The form that a spec says, for an input that nobody can look at: UTF-8 where the mark would say, and UTF-16 with
    /// its mark.
    pub fn as_said(said: Encoding) -> Self {
        let encoding = match said {
            Encoding::Auto => UTF_8,
            Encoding::Of(encoding) => encoding,
        };
        Self {
            encoding,
            is_marked: encoding == UTF_16LE || encoding == UTF_16BE,
        }
    }

    /// The name of the encoding, as an XML declaration says it.
    pub fn name(&self) -> &'static str {
        match self.encoding {
            wide if wide == UTF_16LE || wide == UTF_16BE => "UTF-16",
            encoding => encoding.name(),
        }
    }

    /// The same without a byte-order mark where it is UTF-8, which needs none.
    #[must_use]
    pub fn unmarked_utf_8(self) -> Self {
        Self {
            is_marked: self.is_marked && self.encoding != UTF_8,
            ..self
        }
    }
}

/// Writes text in a form, piece by piece.
pub struct Reencoder {
    form: TextForm,
    encoder: Encoder,
    has_begun: bool,
}

impl Reencoder {
    /// A writer at the start of a text.
    pub fn new(form: TextForm) -> Self {
        Self {
            form,
            encoder: form.encoding.new_encoder(),
            has_begun: false,
        }
    }

    /// A piece of the text, which is UTF-8 but for bytes that are no text. No character may reach over its end.
    pub fn piece(&mut self, bytes: Vec<u8>) -> Vec<u8> {
        let mut out = Vec::new();
        if !std::mem::replace(&mut self.has_begun, true) && self.form.is_marked {
            match self.form.encoding {
                utf_8 if utf_8 == UTF_8 => out.extend([0xef, 0xbb, 0xbf]),
                _ => self.text("\u{feff}", &mut out),
            }
        }
        if self.form.encoding == UTF_8 {
            if out.is_empty() {
                return bytes;
            }
            out.extend(bytes);
            return out;
        }
        for chunk in bytes.utf8_chunks() {
            self.text(chunk.valid(), &mut out);
            if !chunk.invalid().is_empty() {
                self.text("\u{fffd}", &mut out);
            }
        }
        out
    }

    /// What stands behind the last piece: some encodings go back to their first state.
    pub fn end(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        if ![UTF_8, UTF_16LE, UTF_16BE].contains(&self.form.encoding) {
            self.encoded("", true, &mut out);
        }
        out
    }

    fn text(&mut self, text: &str, out: &mut Vec<u8>) {
        match self.form.encoding {
            wide if wide == UTF_16LE => out.extend(text.encode_utf16().flat_map(u16::to_le_bytes)),
            wide if wide == UTF_16BE => out.extend(text.encode_utf16().flat_map(u16::to_be_bytes)),
            _ => self.encoded(text, false, out),
        }
    }

    fn encoded(&mut self, mut text: &str, is_last: bool, out: &mut Vec<u8>) {
        // What stands for a character is written before the rest; every encoding has it.
        loop {
            let room = self
                .encoder
                .max_buffer_length_from_utf8_without_replacement(text.len());
            out.reserve(room.unwrap_or(text.len()));
            let (result, read) = self
                .encoder
                .encode_from_utf8_to_vec_without_replacement(text, out, is_last);
            text = &text[read..];
            match result {
                EncoderResult::InputEmpty => return,
                EncoderResult::OutputFull => {}
                EncoderResult::Unmappable(_) => {
                    out.reserve(16);
                    let (_, _) = self
                        .encoder
                        .encode_from_utf8_to_vec_without_replacement(UNKNOWN, out, false);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(label: &str, is_marked: bool, pieces: &[&[u8]]) -> Vec<u8> {
        let encoding = Standard::for_label(label.as_bytes()).unwrap();
        let mut writer = Reencoder::new(TextForm {
            encoding,
            is_marked,
        });
        let mut out = Vec::new();
        for piece in pieces {
            out.extend(writer.piece(piece.to_vec()));
        }
        out.extend(writer.end());
        assert!(writer.end().is_empty());
        out
    }

    #[test]
    fn text_comes_back_as_it_came_in_every_encoding() {
        for (label, is_marked, came) in [
            ("utf-8", false, &b"a\xc3\xa4"[..]),
            ("utf-8", true, b"\xef\xbb\xbfa\xc3\xa4"),
            ("utf-16le", true, b"\xff\xfea\0\xe4\0\x3d\xd8\x00\xde"),
            ("utf-16be", true, b"\xfe\xff\0a\0\xe4\xd8\x3d\xde\x00"),
            ("utf-16le", false, b"a\0\xe4\0"),
            ("windows-1252", false, b"a\xe4\x80\x81"),
            ("iso-8859-2", false, b"a\xe4\xb1"),
            ("shift_jis", false, b"a\x88\xa0"),
            ("gb18030", false, b"a\x81\x30\x81\x30"),
            ("iso-2022-jp", false, b"a\x1b$B0!\x1b(B"),
        ] {
            let encoding = Standard::for_label(label.as_bytes()).unwrap();
            let (text, had_errors) = encoding.decode_with_bom_removal(came);
            assert!(!had_errors, "{label}");
            assert_eq!(
                written(label, is_marked, &[text.as_bytes()]),
                came,
                "{label}"
            );
            let at = text.char_indices().nth(1).unwrap().0;
            let (first, second) = text.as_bytes().split_at(at);
            assert_eq!(written(label, is_marked, &[first, second]), came, "{label}");
        }
    }

    #[test]
    fn what_cannot_be_written_is_seen() {
        for (label, text, expected) in [
            ("utf-8", &b"a\xffb"[..], &b"a\xffb"[..]),
            ("windows-1252", b"a\xffb", b"a?b"),
            ("windows-1252", "aŁŁb".as_bytes(), b"a??b"),
            ("utf-16le", b"a\xff", b"a\0\xfd\xff"),
            ("iso-2022-jp", "亜ä".as_bytes(), b"\x1b$B0!\x1b(B?"),
        ] {
            assert_eq!(written(label, false, &[text]), expected, "{label}");
        }
    }

    #[test]
    fn a_form_that_is_only_said_has_a_mark_where_that_helps() {
        for (label, name, is_marked) in [
            ("auto", "UTF-8", false),
            ("latin1", "windows-1252", false),
            ("utf-16", "UTF-16LE", true),
        ] {
            let form = TextForm::as_said(Encoding::of_label(label).unwrap());
            assert_eq!((form.encoding.name(), form.is_marked), (name, is_marked));
        }
    }
}
