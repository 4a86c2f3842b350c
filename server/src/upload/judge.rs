//! Whether a file is of a type that is taken: by its name, its content type and its first bytes.
//!
//! Types are named by the extensions of files (`csv`), or by content types (`application/x-orders`); `*` is every type.
//! All that is said about a file must be taken: its extension, or what its content type means where it has none; the
//! content type, where it says anything; and what its first bytes are. Text is judged by having next to no control
//! characters; its encoding and its form are a job's to judge.

use super::names;
use pipeline::Fatal;
use std::collections::BTreeSet;

/// The types that are taken where nothing is said: what a spec can read, now or soon.
pub const DEFAULT_TYPES: [&str; 17] = [
    "csv", "tsv", "txt", "dat", "log", "json", "jsonl", "ndjson", "geojson", "xml", "rss", "atom",
    "gz", "zst", "bz2", "xz", "zip",
];
/// How many first bytes tell what a file is.
pub const HEAD_BYTES: usize = 1024;

/// What content types mean, as extensions.
const MEANINGS: [(&str, &[&str]); 30] = [
    ("text/csv", &["csv"]),
    ("application/csv", &["csv"]),
    ("text/x-csv", &["csv"]),
    ("text/comma-separated-values", &["csv"]),
    // What browsers call a CSV file where a spreadsheet program is installed.
    ("application/vnd.ms-excel", &["csv"]),
    ("text/tab-separated-values", &["tsv"]),
    ("text/plain", &["txt", "dat", "log"]),
    ("application/geo+json", &["geojson", "json"]),
    ("application/json", &["json", "jsonl", "ndjson"]),
    ("text/json", &["json", "jsonl", "ndjson"]),
    ("application/jsonl", &["jsonl", "ndjson"]),
    ("application/x-jsonlines", &["jsonl", "ndjson"]),
    ("application/json-lines", &["jsonl", "ndjson"]),
    ("application/ndjson", &["jsonl", "ndjson"]),
    ("application/x-ndjson", &["jsonl", "ndjson"]),
    ("application/xml", &["xml"]),
    ("text/xml", &["xml"]),
    ("application/rss+xml", &["rss", "xml"]),
    ("application/atom+xml", &["atom", "xml"]),
    ("application/gzip", &["gz"]),
    ("application/x-gzip", &["gz"]),
    ("application/x-gunzip", &["gz"]),
    ("application/zstd", &["zst"]),
    ("application/x-zstd", &["zst"]),
    ("application/x-zstandard", &["zst"]),
    ("application/x-bzip2", &["bz2"]),
    ("application/x-bzip", &["bz2"]),
    ("application/x-xz", &["xz"]),
    ("application/zip", &["zip"]),
    ("application/x-zip-compressed", &["zip"]),
];

/// Content types that say nothing about a file, some because programs send them with every one.
const SILENT: [&str; 7] = [
    "",
    "*/*",
    "application/octet-stream",
    "binary/octet-stream",
    "application/force-download",
    "application/x-www-form-urlencoded",
    "text/plain",
];

/// What begins with these bytes is that, and is taken where its extension is.
const BEGINNINGS: [(&[u8], &str, &str); 22] = [
    (b"\x1f\x8b", "gz", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zst", "Zstandard"),
    (b"BZh91AY&SY", "bz2", "bzip2"),
    (b"BZh9\x17rE8P\x90", "bz2", "bzip2"),
    (
        b"PK\x03\x04",
        "zip",
        "a zip archive, or a document that is one",
    ),
    (b"PK\x05\x06", "zip", "an empty zip archive"),
    (b"%PDF-", "pdf", "a PDF document"),
    (b"\x89PNG\r\n", "png", "a PNG image"),
    (b"\xff\xd8\xff", "jpg", "a JPEG image"),
    (b"GIF87a", "gif", "a GIF image"),
    (b"GIF89a", "gif", "a GIF image"),
    (b"\x7fELF", "elf", "a program"),
    (b"\xcf\xfa\xed\xfe", "macho", "a program"),
    (b"\xca\xfe\xba\xbe", "class", "a program"),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "xls",
        "an office document",
    ),
    (b"7z\xbc\xaf\x27\x1c", "7z", "a 7z archive"),
    (b"Rar!\x1a\x07", "rar", "a rar archive"),
    (b"\xfd7zXZ\0", "xz", "xz"),
    (b"SQLite format 3\0", "sqlite", "an SQLite database"),
    (b"PAR1", "parquet", "a Parquet file"),
    (b"Obj\x01", "avro", "an Avro file"),
    (b"ORC", "orc", "an ORC file"),
];

/// The longest of them, in bytes.
const MAX_BEGINNING_BYTES: usize = 16;

/// Text in two or four bytes a character, which has NULs and says so.
const WIDE_TEXT: [&[u8]; 3] = [b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff"];

/// The types of files that are taken.
#[derive(Clone, Debug)]
pub struct Types {
    any: bool,
    named: BTreeSet<String>,
}

impl Default for Types {
    fn default() -> Self {
        Self::new(DEFAULT_TYPES)
    }
}

impl Types {
    /// Takes these: extensions without their dot, content types, or `*`.
    pub fn new(types: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let types = types.into_iter();
        let named: BTreeSet<_> = types
            .map(|name| name.as_ref().trim().trim_start_matches('.').to_lowercase())
            .collect();
        Self {
            any: named.contains("*"),
            named,
        }
    }

    /// Judges what a client says before the first byte comes.
    ///
    /// # Errors
    /// `unsupported_type`.
    pub fn judge_name(&self, name: &str, content_type: &str) -> Result<(), Fatal> {
        let media_type = content_type.split(';').next().unwrap_or_default();
        let media_type = media_type.trim().to_ascii_lowercase();
        if self.any || self.named.contains(&media_type) {
            return Ok(());
        }
        let silent = SILENT.contains(&&*media_type);
        let means_taken = self.means_taken(&media_type);
        match names::extension(name) {
            Some(extension) if !self.named.contains(&extension) => {
                let shown: String = extension.chars().take(20).collect();
                Err(self.refused(&format!("files that end in .{shown}")))
            }
            None if !means_taken => {
                let what =
                    "a file whose name has no extension, and whose content type says no type";
                Err(self.refused(what))
            }
            _ if silent || means_taken => Ok(()),
            _ => {
                let shown: String = media_type.chars().take(100).collect();
                Err(self.refused(&format!("the content type {shown}")))
            }
        }
    }

    /// Judges the first [`HEAD_BYTES`] of a file, or all where it has fewer.
    ///
    /// # Errors
    /// `unsupported_type`, with what was found.
    pub fn judge_head(&self, head: &[u8]) -> Result<(), Fatal> {
        if self.any || WIDE_TEXT.iter().any(|mark| head.starts_with(mark)) {
            return Ok(());
        }
        let mut start = head[..head.len().min(MAX_BEGINNING_BYTES)].to_vec();
        // The digit is the size of its blocks.
        if let [b'B', b'Z', b'h', size @ b'1'..=b'9', ..] = &mut start[..] {
            *size = b'9';
        }
        let found = BEGINNINGS
            .iter()
            .find(|(known, ..)| start.starts_with(known));
        match found {
            Some((_, extension, _)) if self.named.contains(*extension) => Ok(()),
            // A word may begin so as well.
            Some((b"ORC" | b"PAR1", ..)) if !is_binary(head) => Ok(()),
            Some((_, _, what)) => Err(self.refused(what)),
            None if is_binary(head) => Err(self
                .refused("binary data")
                .hint("text in UTF-16 must begin with a byte-order mark")),
            None => Ok(()),
        }
    }

    fn means_taken(&self, media_type: &str) -> bool {
        let suffix = media_type.rsplit_once('+').map(|(_, suffix)| suffix);
        let meanings = MEANINGS.iter().filter(|(known, _)| *known == media_type);
        let mut extensions = meanings
            .flat_map(|(_, extensions)| extensions.iter().copied())
            .chain(suffix);
        extensions.any(|extension| self.named.contains(extension))
    }

    fn refused(&self, what: &str) -> Fatal {
        let named: Vec<&str> = self.named.iter().map(String::as_str).collect();
        Fatal::new("unsupported_type", format!("not taken: {what}"))
            .hint(format!("these types are taken: {}", named.join(", ")))
    }
}

/// Whether the first bytes hold more control characters than text does: a NUL in some value is text, and the characters
/// that old formats separate fields with are.
fn is_binary(head: &[u8]) -> bool {
    let is_control = |byte: &u8| matches!(byte, 0 | 2..=8 | 0x0e..=0x19 | 0x7f);
    let head = &head[..head.len().min(HEAD_BYTES)];
    let controls = head.iter().filter(|byte| is_control(byte)).count();
    head.first().is_some_and(is_control) || controls > 4 + head.len() / 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_content_types_are_taken_together() {
        let types = Types::default();
        for (name, content_type, taken) in [
            ("orders.csv", "", true),
            ("orders.CSV", "text/csv; charset=utf-8", true),
            ("orders.csv", "Application/Vnd.MS-Excel", true),
            ("orders.csv", "application/x-www-form-urlencoded", true),
            ("orders.csv", "text/plain", true),
            ("orders.csv", "image/png", false),
            ("orders.csv", "text/html", false),
            ("orders.csv.gz", "application/octet-stream", true),
            ("orders.csv.bz2", "application/x-bzip2", true),
            ("orders.csv.xz", "application/x-xz", true),
            ("orders.zip", "application/x-zip-compressed", true),
            ("orders", "application/zip", true),
            ("orders.json", "application/vnd.orders+json", true),
            ("page.exe", "", false),
            ("page.exe", "text/csv", false),
            ("orders.xlsx", "text/csv", false),
            ("orders", "text/csv", true),
            ("orders", "text/plain", true),
            ("orders", "", false),
            ("orders", "application/octet-stream", false),
            ("", "application/x-ndjson", true),
        ] {
            let judged = types.judge_name(name, content_type);
            assert_eq!(judged.is_ok(), taken, "{name} {content_type}: {judged:?}");
        }
    }

    #[test]
    fn an_operator_says_what_is_taken() {
        let check = |types: &[&str], name, content_type, taken: bool| {
            let judged = Types::new(types).judge_name(name, content_type);
            assert_eq!(judged.is_ok(), taken, "{types:?} {name} {content_type}");
        };
        check(&["csv"], "a.json", "", false);
        check(&["csv"], "a.csv", "application/json", false);
        check(&[".DAT"], "a.dat", "", true);
        check(
            &["csv", "application/x-orders"],
            "orders",
            "application/x-orders",
            true,
        );
        check(&["*"], "a.exe", "image/png", true);
        let zip = b"PK\x03\x04";
        assert!(Types::new(["zip"]).judge_head(zip).is_ok());
        assert!(Types::new(["*"]).judge_head(zip).is_ok());
        let packed: [&[u8]; 5] = [
            b"\x1f\x8b\x08",
            b"\x28\xb5\x2f\xfd",
            b"BZh91AY&SY",
            b"\xfd7zXZ\0",
            zip,
        ];
        for head in packed {
            assert!(Types::new(["csv"]).judge_head(head).is_err());
        }
    }

    #[test]
    fn first_bytes_tell_text_from_everything_else() {
        let types = Types::default();
        let noise: Vec<u8> = (0..1024u32)
            .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
            .collect();
        let check = |head: &[u8], found: Option<&str>| {
            let judged = types.judge_head(head).map_err(|fatal| fatal.message);
            let shown = head.escape_ascii().to_string();
            match found {
                None => assert_eq!(judged, Ok(()), "{shown:.60}"),
                Some(what) => assert_eq!(judged, Err(format!("not taken: {what}")), "{shown:.60}"),
            }
        };
        check(b"", None);
        check(b"a,b\n1,2\n", None);
        check("\u{feff}ä,ö\n".as_bytes(), None);
        check(b"\xe4,\xf6\n", None);
        check(b"a,b\n\0,1\n", None);
        check(b"a\x01b\x01c\n", None);
        check(b"\x1e{}\n", None);
        check(b"MZ-01,PK,ORC\n", None);
        check(b"ORC,PAR1\n", None);
        check(b"\xff\xfea\0,\0b\0", None);
        check(b"\x1f\x8b\x08\0\0", None);
        check(b"\x28\xb5\x2f\xfd\0", None);
        check(b"BZh91AY&SY\0\0\0", None);
        check(b"BZh11AY&SY\0\0\0", None);
        check(b"BZh5\x17rE8P\x90\0\0\0\0", None);
        check(b"\xfd7zXZ\0\0\x04", None);
        check(b"PK\x03\x04\x14\0\0\0", None);
        check(b"PK\x05\x06\0\0\0\0", None);
        check(b"\0\x01\x02binary", Some("binary data"));
        check(b"a\0,\0b\0,\0c\0,\0", Some("binary data"));
        check(&noise, Some("binary data"));
        check(b"%PDF-1.7\n", Some("a PDF document"));
        check(b"\x7fELF\x02\x01\x01\0\0\0", Some("a program"));
        check(b"7z\xbc\xaf\x27\x1c", Some("a 7z archive"));
        check(b"\x89PNG\r\n\x1a\n", Some("a PNG image"));
        check(b"SQLite format 3\0", Some("an SQLite database"));
    }
}
