//! The spec as text: what was judged, each field with its evidence as comments, for a person to read and change.
//!
//! An undecided field stays a text, and says `undecided`, so that the spec is refused until somebody has chosen one of
//! the lines below it. Everything from the file is escaped: no value of it can become a part of the spec.

use super::column::{Column, MISSING, Texts};
use super::judge::{Judged, Level, judge};
use super::sniff::{Format, Sniffed, segment};
use super::text::{name as name_of, quoted, shown};
use super::{Inferred, MAX_COLUMNS, MAX_KEY_BYTES, Seen, tree};
use crate::source::Pinned;
use crate::step::bind::RESERVED;
use std::collections::HashSet;
use std::fmt::Write as _;

/// The fewest times that each distinct value came, on the average, before they are suggested as the only ones.
const MIN_ENUM_SHARE: u64 = 5;
/// The most values that are suggested as the only ones.
const MAX_ENUM_VALUES: usize = 12;
/// The fewest values of which a pattern is suggested.
const MIN_PATTERN_VALUES: u64 = 20;
/// The most characters of a name of a spec and of a collection.
const MAX_SPEC_NAME_CHARS: usize = 60;

/// The words that begin a line which can take the place of an undecided field.
pub const CHOICE: &str = "#   either: ";

/// `[input]`, where there is anything to say.
pub fn input(sniffed: &Sniffed) -> String {
    match &sniffed.encoding {
        Some((label, why)) => {
            format!("[input]\n# {why}\nencoding = {}\n\n", quoted(label))
        }
        None => String::new(),
    }
}

/// The whole spec.
pub fn spec(name: &str, file: &Pinned, sniffed: &Sniffed, seen: &Seen) -> Inferred {
    let name = spec_name(name);
    let mut fields = String::new();
    let mut undecided = Vec::new();
    let mut names = Names::default();
    for (index, (title, column)) in seen.names.iter().zip(&seen.columns).enumerate() {
        if !seen.is_field(index) {
            continue;
        }
        field(
            &mut fields,
            &mut names,
            &mut undecided,
            &Place {
                index,
                title,
                column,
                at: &seen.places[index],
                seen,
                format: &sniffed.format,
            },
        );
    }
    let mut out = String::new();
    let _ = writeln!(
        out,
        "# Inferred from {}: {} records, all of them read.",
        shown(&file.name),
        seen.records
    );
    out.push_str(&foretold(seen));
    match undecided.len() {
        0 => out.push_str("# Nothing is undecided. Read what is likely, all the same.\n"),
        count => {
            let _ = writeln!(
                out,
                "# {count} to decide: put one of the lines below an undecided field in its place."
            );
        }
    }
    let _ = write!(
        out,
        "\nspec = 1\nname = {}\nversion = 1\n\n{}",
        quoted(&name),
        input(sniffed)
    );
    for line in &sniffed.evidence {
        let _ = writeln!(out, "# {line}");
    }
    let _ = write!(out, "{}\n[fields]\n{fields}", sniffed.format.words());
    if seen.columns.is_empty() {
        out.push_str("# No record was read, so nothing is known of fields.\n");
        out.push_str("nothing = { undecided = \"name the fields\" }\n");
        undecided.push("nothing".into());
    }
    if seen.more_keys {
        let _ = writeln!(
            out,
            "# There are more than {MAX_COLUMNS} keys; the others are not looked at."
        );
    }
    if seen.long_keys > 0 {
        let _ = writeln!(
            out,
            "# Keys of more than {MAX_KEY_BYTES} bytes are not looked at; there are {} in all records.",
            seen.long_keys
        );
    }
    let _ = write!(
        out,
        "\n[sink.mongodb]\ncollection = {}\n",
        quoted(&collection(&name))
    );
    Inferred {
        spec: out,
        records: seen.records,
        rejects: seen.rejects(),
        undecided,
    }
}

/// What every run will reject, and whether it is held for that.
fn foretold(seen: &Seen) -> String {
    let rejects = seen.rejects();
    if rejects == 0 {
        return "# No record will be rejected by its shape.\n".into();
    }
    let mut out = format!("# {rejects} records will be rejected:\n");
    for (code, (count, at, message)) in &seen.broken {
        let _ = writeln!(
            out,
            "#   {count} {code}, the first is record {} on line {}: {}",
            at.record,
            at.line,
            shown(message)
        );
    }
    if rejects * 100 > seen.records {
        out.push_str(
            "# That is more than 1 in 100: a run is held, unless [errors] max_ratio says otherwise.\n",
        );
    }
    out
}

/// A column among the others.
struct Place<'s> {
    index: usize,
    title: &'s str,
    column: &'s Column,
    at: &'s tree::Place,
    seen: &'s Seen,
    format: &'s Format,
}

/// Names of fields, each given once.
#[derive(Default)]
pub struct Names {
    taken: HashSet<String>,
}

impl Names {
    /// A name for a column that no other has.
    pub fn make(&mut self, title: &str, index: usize) -> String {
        let wanted = name_of(title).unwrap_or_else(|| format!("column_{}", index + 1));
        let mut name = match RESERVED.contains(&title.trim()) {
            true => format!("{wanted}_"),
            false => wanted.clone(),
        };
        let mut number = 2;
        while !self.taken.insert(name.clone()) {
            name = format!("{wanted}_{number}");
            number += 1;
        }
        name
    }
}

fn field(out: &mut String, names: &mut Names, undecided: &mut Vec<String>, place: &Place<'_>) {
    let json = matches!(place.format, Format::Json(_) | Format::Jsonl);
    let readable = place.seen.records - place.seen.rejects();
    let mut judged = judge(place.column, readable, json);
    if *place.format == Format::Lines {
        judged = lines(judged);
    }
    let several = &place.at.several;
    if let Some(first) = &several.first {
        judged = Judged::new(
            Level::Likely,
            r#"type = "list""#,
            format!(
                "several in a record, the first of them in record {} (line {})",
                first.at.record, first.at.line
            ),
        );
    }
    let name = match place.at.is_path() {
        true => names.make(&path_name(&place.at.parts), place.index),
        false => names.make(place.title, place.index),
    };
    let from = from(place, &name, json);
    let _ = writeln!(
        out,
        "# {}: {}",
        judged.level.word(),
        judged.evidence.join("; ")
    );
    for line in suggestions(&place.column.texts, &judged) {
        let _ = writeln!(out, "#   {line}");
    }
    let question = match judged.level {
        Level::Undecided => {
            undecided.push(name.clone());
            let choices: Vec<_> = judged
                .choices
                .iter()
                .map(|(words, _)| words.as_str())
                .collect();
            let choices = choices.join(", or ");
            format!(
                ", undecided = {}",
                quoted(&format!("{}: {choices}", judged.question))
            )
        }
        _ => String::new(),
    };
    let _ = writeln!(out, "{name} = {{ {from}{}{question} }}", judged.words);
    for (words, meaning) in &judged.choices {
        let meaning = match meaning.is_empty() {
            true => String::new(),
            false => format!("  # {meaning}"),
        };
        let _ = writeln!(out, "{CHOICE}{name} = {{ {from}{words} }}{meaning}");
    }
}

/// Whole lines are a last resort.
fn lines(judged: Judged) -> Judged {
    Judged {
        level: Level::Undecided,
        question: "what a line is made of: [format.lines] with a pattern, [format.fixed], [format.csv] of one column"
            .into(),
        choices: vec![(judged.words.clone(), "each line as one text".into())],
        ..judged
    }
}

/// Where the value comes from, as a beginning of the field's words.
fn from(place: &Place<'_>, name: &str, json: bool) -> String {
    let title = place.title;
    if place.at.is_path() {
        let to = target(place, json);
        return match title {
            _ if title == name => to,
            _ => format!("from = {}, {to}", quoted(title)),
        };
    }
    if json {
        return match title {
            _ if title == name => String::new(),
            _ if title.starts_with('$') => {
                format!("from = {}, ", quoted(&format!("${}", segment(title))))
            }
            _ => format!("from = {}, ", quoted(title)),
        };
    }
    let folded = |title: &str| title.trim().to_lowercase();
    let alike = place
        .seen
        .names
        .iter()
        .filter(|other| folded(other) == folded(title))
        .count();
    let is_regex = title.len() > 1 && title.starts_with('/') && title.ends_with('/');
    match title {
        _ if title.trim().is_empty() || alike > 1 || is_regex => {
            format!("column = {}, ", place.index + 1)
        }
        _ if title == name => String::new(),
        _ => format!("from = {}, ", quoted(title)),
    }
}

/// The place of a member of an object: where it was, as far as that can be a target.
fn target(place: &Place<'_>, json: bool) -> String {
    let is_name = |part: &String| {
        part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let parts = &place.at.parts;
    let [first, ..] = &parts[..] else {
        return String::new();
    };
    // The name of a field may be that of the object.
    let places = &place.seen.places;
    let mut tops = place
        .seen
        .names
        .iter()
        .zip(places)
        .filter(|(_, other)| !other.is_path());
    let is_free = |title: &String| title == first || name_of(title).as_ref() != Some(first);
    let is_taken = RESERVED.contains(&first.as_str()) || !tops.all(|(title, _)| is_free(title));
    match json && !is_taken && parts.iter().all(is_name) {
        true => format!("to = {}, ", quoted(&parts.join("."))),
        false => String::new(),
    }
}

/// What a path is called, without the prefixes of its names.
fn path_name(parts: &[String]) -> String {
    let local = |part: &String| {
        let part = part.trim_start_matches('@');
        part.rsplit(':').next().unwrap_or(part).to_owned()
    };
    parts.iter().map(local).collect::<Vec<_>>().join(" ")
}

/// Constraints that the values would satisfy, for whoever wants them.
fn suggestions(texts: &Texts, judged: &Judged) -> Vec<String> {
    let mut lines = Vec::new();
    let is_text =
        judged.words.starts_with(r#"type = "string""#) && judged.level != Level::Undecided;
    if !is_text || texts.values == 0 {
        return lines;
    }
    // What is suggested must take every value that was seen, also those that may mean nothing.
    let trim = match texts.untrimmed.count > 0 || texts.blank {
        true => r#"transform = ["trim"], "#,
        false => "",
    };
    let missing: Vec<_> = texts
        .missing
        .keys()
        .map(|number| MISSING[*number])
        .collect();
    if let Some(distinct) = &texts.distinct
        && distinct.len() <= MAX_ENUM_VALUES
        && texts.values >= MIN_ENUM_SHARE * distinct.len() as u64
    {
        let seen = distinct.keys().map(String::as_str).chain(missing);
        let all: Vec<_> = seen.map(quoted).collect();
        lines.push(format!(
            "only so many values were seen: {trim}enum = [{}]",
            all.join(", ")
        ));
        return lines;
    }
    if let Some(shape) = &texts.shape
        && texts.values >= MIN_PATTERN_VALUES
        && shape.len() > 1
    {
        let mut pattern = String::new();
        for run in shape {
            match run.kind {
                '9' => pattern.push_str(r"\d"),
                'A' => pattern.push_str("[A-Z]"),
                'a' => pattern.push_str("[a-z]"),
                '.' => pattern.push_str(r"\."),
                other => pattern.push(other),
            }
            match (run.least, run.most) {
                (1, 1) => {}
                (least, most) if least == most => pattern.push_str(&format!("{{{least}}}")),
                (least, most) => pattern.push_str(&format!("{{{least},{most}}}")),
            }
        }
        let all: Vec<_> = missing.into_iter().map(quoted).collect();
        let nothing = match all.is_empty() {
            true => String::new(),
            false => format!("missing_values = [{}], ", all.join(", ")),
        };
        lines.push(format!(
            "all of one shape: {trim}{nothing}pattern = '{pattern}'"
        ));
    }
    lines
}

/// A name that a spec may have.
pub fn spec_name(wanted: &str) -> String {
    let name: String = wanted
        .chars()
        .map(|c| match c {
            _ if c.is_ascii_alphanumeric() || c == '_' || c == '-' => c,
            _ => '-',
        })
        .take(MAX_SPEC_NAME_CHARS)
        .collect();
    let name = name.trim_matches('-');
    match name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        true => name.to_owned(),
        false => format!("file-{name}").trim_end_matches('-').to_owned(),
    }
}

/// A collection of the same name.
pub fn collection(name: &str) -> String {
    let name = name.to_ascii_lowercase().replace('-', "_");
    match name.starts_with(|c: char| c.is_ascii_lowercase()) {
        true => name,
        false => format!("c{name}"),
    }
}
