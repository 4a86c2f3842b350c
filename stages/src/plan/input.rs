//! `[input]`: how a file is recognised and opened.

use crate::spec::{InputSpec, OnSuccess, Problem, Problems};
use crate::unpack::{Compression, UnpackLimits};

/// The most bytes of one record that a spec may allow.
const MAX_RECORD_BYTES: u64 = 256 * 1024 * 1024;
/// The most bytes of one record, where neither the spec nor its format says anything.
pub(super) const DEFAULT_RECORD_BYTES: u64 = 1024 * 1024;

/// How input is recognised and opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputPlan {
    /// Patterns of file names that pick this spec.
    pub matches: Vec<String>,
    /// How it is compressed.
    pub compression: Compression,
    /// The limits of unpacking.
    pub limits: UnpackLimits,
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
    if !compression.supported() {
        let message = format!("{} cannot be unpacked yet", compression.name());
        problems.push(
            Problem::new("input.compression", "unsupported", message).hint("use gzip or zstd"),
        );
    }
    let encoding = said
        .encoding
        .as_deref()
        .unwrap_or("utf-8")
        .to_ascii_lowercase();
    if !matches!(
        encoding.as_str(),
        "utf-8" | "utf8" | "unicode-1-1-utf-8" | "auto"
    ) {
        let message = format!("the encoding `{encoding}` cannot be read yet");
        problems.push(
            Problem::new("input.encoding", "unsupported", message)
                .hint("convert the file to UTF-8"),
        );
    }
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
        compression,
        limits: UnpackLimits {
            max_bytes,
            ..UnpackLimits::default()
        },
        max_record_bytes: max_record_bytes.min(MAX_RECORD_BYTES) as usize,
        on_success: said.on_success.unwrap_or_default(),
    }
}

/// Whether a file's name matches a pattern: `*` is any text, `?` any one character.
pub fn name_matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    // Where to go on when a star took too little: behind the star, and one more character.
    let mut retry: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                retry = Some((p + 1, n));
                p += 1;
            }
            Some(&c) if c == '?' || c == name[n] => (p, n) = (p + 1, n + 1),
            _ => match retry {
                Some((after, taken)) => {
                    retry = Some((after, taken + 1));
                    (p, n) = (after, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_names() {
        for (pattern, name, expected) in [
            ("orders-*.csv", "orders-1.csv", true),
            ("orders-*.csv", "orders-1.csv.gz", false),
            ("orders-*.csv*", "orders-1.csv.gz", true),
            ("*a*b", "xaxaxb", true),
            ("*a*b", "xaxaxbc", false),
            ("?.csv", "ü.csv", true),
            ("?.csv", ".csv", false),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(
                name_matches(pattern, name),
                expected,
                "{pattern} and {name}"
            );
        }
    }
}
