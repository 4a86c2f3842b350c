//! `[input]`: how a file is recognised and opened.

use crate::spec::{InputSpec, OnSuccess, Problem, Problems};
use crate::unpack::{Compression, Encoding, LabelFault, Unpack, UnpackLimits};

/// The most bytes of one record that a spec may allow.
const MAX_RECORD_BYTES: u64 = 256 * 1024 * 1024;
/// The most bytes of one record, where neither the spec nor its format says anything.
pub(super) const DEFAULT_RECORD_BYTES: u64 = 1024 * 1024;

/// The labels that are suggested for one that is not known: a usual one of each encoding.
const LABELS: [&str; 47] = [
    "auto",
    "utf-8",
    "utf-16le",
    "utf-16be",
    "latin1",
    "ascii",
    "ibm866",
    "iso-8859-1",
    "iso-8859-2",
    "iso-8859-3",
    "iso-8859-4",
    "iso-8859-5",
    "iso-8859-6",
    "iso-8859-7",
    "iso-8859-8",
    "iso-8859-8-i",
    "iso-8859-9",
    "iso-8859-10",
    "iso-8859-13",
    "iso-8859-14",
    "iso-8859-15",
    "iso-8859-16",
    "koi8-r",
    "koi8-u",
    "macintosh",
    "windows-874",
    "windows-1250",
    "windows-1251",
    "windows-1252",
    "windows-1253",
    "windows-1254",
    "windows-1255",
    "windows-1256",
    "windows-1257",
    "windows-1258",
    "x-mac-cyrillic",
    "gb2312",
    "gbk",
    "gb18030",
    "big5",
    "euc-jp",
    "iso-2022-jp",
    "shift_jis",
    "euc-kr",
    "utf-16",
    "utf8",
    "cp1252",
];

/// How input is recognised and opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputPlan {
    /// Patterns of file names that pick this spec.
    pub matches: Vec<String>,
    /// How it becomes a stream of UTF-8.
    pub unpack: Unpack,
    /// The most bytes of one record.
    pub max_record_bytes: usize,
    /// What becomes of an uploaded object after success.
    pub on_success: OnSuccess,
}

/// `default_record_bytes`: the most bytes of one record, where the spec says nothing.
pub(super) fn plan(
    said: InputSpec,
    default_record_bytes: u64,
    problems: &mut Problems,
) -> InputPlan {
    let matches = said.matches.unwrap_or_default();
    for (index, pattern) in matches.iter().enumerate() {
        if pattern.is_empty() || pattern.contains('/') {
            let path = format!("input.match[{index}]");
            let message =
                format!("`{pattern}` matches no file: it is compared with names, not paths");
            problems.push(
                Problem::new(path, "bad_value", message).hint("\"orders-*.csv\", for example"),
            );
        }
    }
    let compression = said.compression.unwrap_or_default();
    let member = member(said.member, compression, problems);
    let encoding = said
        .encoding
        .as_deref()
        .map(|label| encoding(label, problems));
    let max_record_bytes = said
        .max_record_bytes
        .map_or(default_record_bytes, |size| size.bytes());
    if !(1..=MAX_RECORD_BYTES).contains(&max_record_bytes) {
        let message = "max_record_bytes lies between 1 byte and 256MiB";
        problems.push(
            Problem::new("input.max_record_bytes", "bad_value", message)
                .hint("memory grows with it: a few MiB are plenty for most files"),
        );
    }
    let max_bytes = said.max_bytes.map(|size| size.bytes());
    InputPlan {
        matches,
        unpack: Unpack {
            compression,
            member,
            encoding: encoding.unwrap_or_default(),
            limits: UnpackLimits {
                max_bytes,
                ..UnpackLimits::default()
            },
        },
        max_record_bytes: max_record_bytes.min(MAX_RECORD_BYTES) as usize,
        on_success: said.on_success.unwrap_or_default(),
    }
}

/// The file to read of a zip archive.
fn member(
    said: Option<String>,
    compression: Compression,
    problems: &mut Problems,
) -> Option<String> {
    let member = said?;
    let problem = match compression {
        _ if member.is_empty() => {
            Problem::new("input.member", "bad_value", "no file has an empty name")
                .hint("\"orders.csv\" or \"*.csv\", for example")
        }
        Compression::Zip | Compression::Auto => return Some(member),
        other => {
            let message = format!(
                "a member is a file of a zip archive, and compression is {}",
                other.name()
            );
            Problem::new("input.member", "bad_combination", message)
                .hint("compression = \"zip\" or \"auto\"")
        }
    };
    problems.push(problem);
    None
}

/// What a label means.
fn encoding(label: &str, problems: &mut Problems) -> Encoding {
    let problem = match Encoding::of_label(label) {
        Ok(encoding) => return encoding,
        Err(LabelFault::NoText) => {
            let message = format!("`{label}` is a label of the standard, but no encoding of text");
            Problem::new("input.encoding", "unsupported", message).hint("convert the file to UTF-8")
        }
        Err(LabelFault::Unknown) => {
            let message = format!("the encoding `{label}` is not known");
            let hint = match nearest(label) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "a label of the WHATWG Encoding Standard, \"windows-1252\" for example, or \"auto\""
                    .to_owned(),
            };
            Problem::new("input.encoding", "unknown_encoding", message).hint(hint)
        }
    };
    problems.push(problem);
    Encoding::default()
}

/// The label that `label` is a slip of: one letter of four may be wrong.
fn nearest(label: &str) -> Option<&'static str> {
    let label = label.trim().to_ascii_lowercase();
    // What others call the parts of ISO 8859 by; the standard knows `latin1` to `latin6` and `l9`.
    match &*label.replace(['-', '_', ' '], "") {
        "latin7" => return Some("iso-8859-13"),
        "latin8" => return Some("iso-8859-14"),
        "latin9" => return Some("iso-8859-15"),
        "latin10" => return Some("iso-8859-16"),
        _ => {}
    }
    let allowed = label.len() / 4;
    // Another number of as many digits is another encoding, not a slip.
    let number = |label: &str| {
        label
            .chars()
            .filter(char::is_ascii_digit)
            .collect::<String>()
    };
    // Longer than any label can be a slip of; also bounds the quadratic comparison.
    if label.len() > 32 {
        return None;
    }
    LABELS
        .iter()
        .filter(|known| {
            let (known, said) = (number(known), number(&label));
            known == said || known.len() != said.len()
        })
        .map(|known| (strsim::damerau_levenshtein(&label, known), *known))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}
