//! Why a value could not become its type: serde's errors kept as data, and their words for people. A fault knows
//! what was expected, never where it happened: the reader does.

use std::fmt;

use serde::de::{Expected, Unexpected};

use super::source::Kind;

/// A jaro-winkler likeness from which a word is taken for a slip of another (1 is equal).
const NEAR_LIKENESS: f64 = 0.87;

/// What serde found wrong at one entry.
#[derive(Debug)]
pub(super) enum Fault {
    /// Told already, further below.
    Told,
    WrongType {
        expected: String,
    },
    BadValue(String),
    UnknownKey {
        key: String,
        known: &'static [&'static str],
    },
    UnknownChoice {
        choice: String,
        known: &'static [&'static str],
    },
    /// A second key in a table that takes one.
    SecondChoice {
        choice: String,
        first: String,
        known: &'static [&'static str],
    },
    MissingChoice {
        known: &'static [&'static str],
    },
    MissingKey(&'static str),
}

/// Keys whose value is a list of plain values.
const LISTS: [&str; 10] = [
    "by",
    "enum",
    "false_values",
    "fields",
    "key",
    "match",
    "missing_values",
    "strip",
    "transform",
    "true_values",
];
/// What the table of a CSV header may say.
const HEADERS: &str = "write header = { rows = 1 }: so many rows of titles, 0 where there are none; or \
                       header = { find_within = 50 }: it is looked for in the first 50 rows. `skip_rows` beside it leaves \
                       out what stands before it";

/// A fault in words: code, message and hint.
pub(super) struct Words {
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl Fault {
    /// Whether the fault may only be the consequence of something missing in the entry.
    pub(super) fn may_follow_from_a_gap(&self) -> bool {
        matches!(
            self,
            Self::BadValue(_) | Self::MissingChoice { .. } | Self::MissingKey(_) | Self::Told
        )
    }

    /// Says the fault, found at a value of `kind` that is said of `key`.
    pub(super) fn words(&self, key: &str, kind: &Kind) -> Words {
        let (code, message, hint) = match self {
            Self::Told => ("bad_value", "this cannot be read".to_owned(), None),
            Self::WrongType { expected } => (
                "wrong_type",
                format!("expected {expected}, found {}", found(kind)),
                requote(expected, kind).or_else(|| as_it_should_be(key, expected, kind)),
            ),
            Self::BadValue(message) => ("bad_value", message.clone(), None),
            Self::UnknownKey { key, known } => (
                "unknown_key",
                format!("unknown key `{key}`"),
                Some(match (nearest(key, known), known.is_empty()) {
                    (Some(near), _) => format!("did you mean `{near}`?"),
                    (None, true) => "no key is known here".to_owned(),
                    (None, false) => format!("known keys: {}", list(known, ", ")),
                }),
            ),
            Self::UnknownChoice { choice, known } => (
                "unknown_choice",
                format!("unknown choice `{choice}`"),
                Some(match said_elsewhere(choice, known) {
                    Some(hint) => hint,
                    None => match nearest(choice, known) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => format!("expected one of {}", list(known, ", ")),
                    },
                }),
            ),
            Self::SecondChoice {
                choice,
                first,
                known,
            } => (
                "second_choice",
                format!(
                    "`{choice}` beside `{first}`: exactly one of {} can stand here",
                    list(known, ", ")
                ),
                Some(format!("remove `{choice}` or `{first}`")),
            ),
            Self::MissingChoice { known } => (
                "missing_choice",
                format!("expected exactly one of {}", list(known, ", ")),
                None,
            ),
            Self::MissingKey(key) => ("missing_key", format!("`{key}` is missing"), None),
        };
        Words {
            code,
            message,
            hint,
        }
    }
}

/// The hint for a word of other languages for one of the known words, most of them types.
fn said_elsewhere(choice: &str, known: &[&str]) -> Option<String> {
    let words: &[&str] = match choice.to_lowercase().as_str() {
        "int" | "int32" | "int64" | "long" | "bigint" => &["integer"],
        "str" | "text" | "varchar" => &["string"],
        "bool" => &["boolean"],
        "number" | "numeric" => &["decimal", "float"],
        "double" | "real" => &["float"],
        "timestamp" => &["datetime"],
        "array" => &["list"],
        "map" | "struct" => &["object"],
        "gz" => &["gzip"],
        "zst" => &["zstd"],
        "bz2" => &["bzip2"],
        "lzma" => &["xz"],
        _ => return None,
    };
    let are_known = words.iter().all(|word| known.contains(word));
    are_known.then(|| format!("did you mean {}?", list(words, " or ")))
}

fn list(names: &[&str], between: &str) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(between)
}

/// The known word that `word` was most likely meant to be.
pub fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    // Longer than any known word can be a slip of; also bounds the quadratic comparison.
    if word.len() > 64 {
        return None;
    }
    let word = word.to_lowercase().replace('-', "_");
    let allowed = word.chars().count().max(3) / 3;
    let close = known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(&word, name), *name))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance);
    let alike = || {
        known
            .iter()
            .map(|name| (strsim::jaro_winkler(&word, name), *name))
            .filter(|(likeness, _)| *likeness >= NEAR_LIKENESS)
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, name)| name)
    };
    close.map(|(_, name)| name).or_else(alike)
}

/// What stands in the text, in the words of TOML.
fn found(kind: &Kind) -> &'static str {
    match kind {
        Kind::Table(_) => "a table",
        Kind::Array(_) => "an array",
        Kind::String(_) => "a string",
        Kind::Integer { .. } => "a whole number",
        Kind::Float(_) => "a number with a fraction",
        Kind::Boolean(true) => "true",
        Kind::Boolean(false) => "false",
        Kind::Datetime(_) => "a date or time",
    }
}

/// The usual slip: quotes around a number, or none around a text.
fn requote(expected: &str, kind: &Kind) -> Option<String> {
    let wants_number = expected.contains("number");
    match kind {
        Kind::String(text)
            if (wants_number && text.parse::<f64>().is_ok())
                || (expected == "true or false" && text.parse::<bool>().is_ok()) =>
        {
            Some(format!("write {text} without quotes"))
        }
        Kind::Integer { digits, radix: 10 } if expected == "a string" => {
            Some(format!("write \"{digits}\""))
        }
        Kind::Float(text) | Kind::Datetime(text) if expected == "a string" => {
            Some(format!("write \"{text}\""))
        }
        Kind::Boolean(value) if expected == "a string" => Some(format!("write \"{value}\"")),
        _ => None,
    }
}

/// The line as it should be, where one value stands for a list of it, or something else for the table of a header.
fn as_it_should_be(key: &str, expected: &str, kind: &Kind) -> Option<String> {
    let one = match (expected, key) {
        ("a table", "header") => return Some(HEADERS.to_owned()),
        ("an array", key) if LISTS.contains(&key) => kind,
        _ => return None,
    };
    let item = match one {
        Kind::String(text) => toml::Value::from(text.as_str()).to_string(),
        Kind::Integer { digits, radix: 10 } if key == "enum" => digits.clone(),
        Kind::Float(text) if key == "enum" => text.clone(),
        _ => return None,
    };
    Some(format!("a list stands in brackets: {key} = [{item}]"))
}

/// serde's words for what it expects, in the words of TOML.
fn expected(words: &dyn Expected) -> String {
    let words = words.to_string();
    let known = match words.as_str() {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" | "u128" | "usize" => "a whole number, 0 or more",
        "i8" => "a whole number from -128 to 127",
        "i16" => "a whole number from -32768 to 32767",
        "i32" => "a whole number from -2147483648 to 2147483647",
        "i64" | "i128" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" | "bool" => "true or false",
        "a string" | "a borrowed string" | "str" | "string" => "a string",
        "a sequence" | "sequence" => "an array",
        "a map" | "map" => "a table",
        "unit" => "nothing",
        other if other.starts_with("a nonzero u") => "a whole number, 1 or more",
        other if other.starts_with("struct ") => "a table",
        other if other.starts_with("tuple ") || other.starts_with("a tuple ") => "an array",
        other if other.starts_with("an array of length ") => {
            let length = &other["an array of length ".len()..];
            return format!("an array of {length} values");
        }
        other => other,
    };
    known.to_owned()
}

/// A value, in the words of TOML.
fn unexpected(value: Unexpected<'_>) -> String {
    match value {
        Unexpected::Bool(value) => value.to_string(),
        Unexpected::Unsigned(value) => value.to_string(),
        Unexpected::Signed(value) => value.to_string(),
        Unexpected::Float(value) => value.to_string(),
        Unexpected::Char(value) => format!("\"{value}\""),
        Unexpected::Str(value) => format!("\"{value}\""),
        other => other.to_string(),
    }
}

impl serde::de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::BadValue(message.to_string())
    }

    fn invalid_type(_: Unexpected<'_>, words: &dyn Expected) -> Self {
        Self::WrongType {
            expected: expected(words),
        }
    }

    fn invalid_value(value: Unexpected<'_>, words: &dyn Expected) -> Self {
        Self::BadValue(format!(
            "expected {}, found {}",
            expected(words),
            unexpected(value)
        ))
    }

    fn invalid_length(length: usize, words: &dyn Expected) -> Self {
        Self::BadValue(format!(
            "expected {}, found {length} values",
            expected(words)
        ))
    }

    fn unknown_variant(choice: &str, known: &'static [&'static str]) -> Self {
        Self::UnknownChoice {
            choice: choice.to_owned(),
            known,
        }
    }

    fn unknown_field(key: &str, known: &'static [&'static str]) -> Self {
        Self::UnknownKey {
            key: key.to_owned(),
            known,
        }
    }

    fn missing_field(key: &'static str) -> Self {
        Self::MissingKey(key)
    }

    fn duplicate_field(key: &'static str) -> Self {
        Self::BadValue(format!("`{key}` stands here twice"))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words("", &Kind::Table(Vec::new())).message)
    }
}

impl std::error::Error for Fault {}
