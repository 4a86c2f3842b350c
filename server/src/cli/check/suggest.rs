//! Which change of a spec would help against a cause. What is suggested here is a guess: whether it helps, and how much,
//! is found by running the file through the changed spec.

mod field;
mod number;

pub use field::missing;

use super::causes::Cause;
use stages::infer::quoted;
use stages::spec::{FormatSpec, Spec};
use stages::step::bind::Unknown;
use std::collections::{BTreeMap, BTreeSet};

/// The delimiters that are tried.
const DELIMITERS: [&str; 4] = [",", ";", "\t", "|"];
/// The encodings that are tried where a file is no good UTF-8. Others of one byte a character take any byte as well.
const ENCODINGS: [&str; 4] = ["auto", "windows-1252", "utf-16le", "utf-16be"];

/// A change of a spec.
pub struct Change {
    /// The path of the table or field that is changed: `input`, `fields.total`.
    pub at: String,
    /// What it would say, as TOML.
    pub words: String,
    apply: Box<dyn Fn(&mut Spec)>,
}

impl Change {
    fn new(
        at: impl Into<String>,
        words: impl Into<String>,
        apply: impl Fn(&mut Spec) + 'static,
    ) -> Self {
        Self {
            at: at.into(),
            words: words.into(),
            apply: Box::new(apply),
        }
    }

    /// Makes the change in a spec.
    pub fn apply(&self, spec: &mut Spec) {
        (self.apply)(spec);
    }
}

/// The changes that may help against `cause`, the likeliest first.
pub fn of_cause(cause: &Cause, spec: &Spec) -> Vec<Change> {
    match &*cause.code {
        "encoding" => encodings(spec),
        "cell_count" => [delimiters(spec), quotes(spec)]
            .into_iter()
            .flatten()
            .collect(),
        "unclosed_quote" => quotes(spec),
        "unknown_column" | "unknown_field" => vec![rescue()],
        _ => field::changes(cause, spec),
    }
}

/// The texts of each field that people write for "no value", with the first of the causes that have them.
pub fn nothings<'c>(causes: &[&'c Cause]) -> BTreeMap<&'c str, (&'c Cause, BTreeSet<String>)> {
    let mut found = BTreeMap::new();
    for cause in causes {
        let Some(field) = cause.field.as_deref() else {
            continue;
        };
        for value in cause.values.keys().filter(|value| field::is_nothing(value)) {
            let (_, texts) = found.entry(field).or_insert((*cause, BTreeSet::new()));
            texts.insert(value.clone());
        }
    }
    found
}

/// The changes by which a file may become readable that fails with `code`.
pub fn of_failure(code: &str, spec: &Spec) -> Vec<Change> {
    match code {
        "encoding" => encodings(spec),
        "column_missing" | "header_not_found" => {
            let all = [delimiters(spec), encodings(spec)];
            all.into_iter().flatten().collect()
        }
        _ => Vec::new(),
    }
}

fn encodings(spec: &Spec) -> Vec<Change> {
    let said = spec.input.as_ref().and_then(|input| input.encoding.clone());
    let labels = match said.as_deref() {
        None | Some("utf-8") => &ENCODINGS[..],
        Some(_) => &["utf-8", "auto"],
    };
    let change = |label: &'static str| {
        Change::new(
            "input",
            format!("encoding = {}", quoted(label)),
            move |spec| {
                spec.input.get_or_insert_default().encoding = Some(label.to_owned());
            },
        )
    };
    labels.iter().map(|label| change(label)).collect()
}

fn delimiters(spec: &Spec) -> Vec<Change> {
    let Some(FormatSpec::Csv(csv)) = &spec.format else {
        return Vec::new();
    };
    let said = csv.delimiter.as_deref().unwrap_or(DELIMITERS[0]);
    let others = DELIMITERS.into_iter().filter(|other| *other != said);
    let change = |delimiter: &'static str| {
        dialect(format!("delimiter = {}", quoted(delimiter)), move |csv| {
            csv.delimiter = Some(delimiter.to_owned());
        })
    };
    others.map(change).collect()
}

fn quotes(spec: &Spec) -> Vec<Change> {
    let Some(FormatSpec::Csv(csv)) = &spec.format else {
        return Vec::new();
    };
    let mut found = Vec::new();
    if csv.comment_char.is_none() {
        found.push(dialect("comment_char = \"#\"", |csv| {
            csv.comment_char = Some("#".into());
        }));
    }
    if csv.escape_char.is_none() {
        found.push(dialect(format!("escape_char = {}", quoted("\\")), |csv| {
            csv.escape_char = Some("\\".into());
        }));
    }
    if csv.quote_char.as_deref() != Some("") {
        found.push(dialect("quote_char = \"\"", |csv| {
            csv.quote_char = Some(String::new());
        }));
    }
    found
}

fn dialect(
    words: impl Into<String>,
    change: impl Fn(&mut stages::frame::csv::CsvSpec) + 'static,
) -> Change {
    Change::new("format.csv", words, move |spec| {
        if let Some(FormatSpec::Csv(csv)) = &mut spec.format {
            change(csv);
        }
    })
}

fn rescue() -> Change {
    Change::new("columns", "unknown = \"rescue\"", |spec| {
        spec.columns.get_or_insert_default().unknown = Some(Unknown::Rescue);
    })
}
