//! The typed fields of mongoimport (`--columnsHaveTypes`): `name.string(),created.date(2006-01-02),n.int32()`, in one line as
//! a header or an argument has them, or a line each as in a file of fields.
//!
//! Names with dots are paths of the document, as there. What mongoimport guesses value by value (`auto`) is left undecided.

use super::middle::{Descriptor, Field, Format, From, Words};
use super::moment;
use pipeline::Fatal;

/// Every word for a type.
const TYPES: [&str; 14] = [
    "auto",
    "binary",
    "bin",
    "boolean",
    "bool",
    "date",
    "date_go",
    "date_ms",
    "date_oracle",
    "decimal",
    "double",
    "int32",
    "int64",
    "string",
];

/// Whether a text looks like typed fields.
pub fn is(text: &str) -> bool {
    let first = text.trim_start_matches('\u{feff}').trim_start();
    let first = first.lines().next().unwrap_or_default();
    split(first, 1).is_ok_and(|entries| {
        !entries.is_empty() && entries.iter().all(|entry| parts(entry, 1).is_ok())
    })
}

/// Reads typed fields.
///
/// # Errors
/// `bad_descriptor`, with the line.
pub fn read(text: &str) -> Result<Descriptor, Fatal> {
    let text = text.trim_start_matches('\u{feff}');
    let mut entries = Vec::new();
    let mut lines = 0;
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        lines += 1;
        for entry in split(line, index + 1)? {
            entries.push((index + 1, entry));
        }
    }
    if entries.is_empty() {
        return Err(Fatal::new("bad_descriptor", "there is no field"));
    }
    let mut csv = Words::default();
    let mut all: Vec<Field> = Vec::new();
    let mut titles: Vec<String> = Vec::new();
    for (line, entry) in &entries {
        let (name, kind, argument) = parts(entry, *line)?;
        if titles.contains(&name) {
            let message = format!("line {line}: the field {name:?} stands twice");
            return Err(Fatal::new("bad_descriptor", message));
        }
        titles.push(name.clone());
        all.push(field(name, kind, argument));
    }
    csv.say("header", "{ rows = 0 }");
    csv.texts("columns", &titles);
    let mut read = Descriptor::new(Format::Csv(csv));
    read.about
        .push("Fields of mongoimport, in the order of the columns; the file has no header.".into());
    if lines == 1 {
        read.about.push(
            "If this line is the header of the file (--headerline), say skip_rows = 1 in [format.csv].".into(),
        );
    }
    read.fields = all;
    Ok(read)
}

/// A line at the commas outside of parentheses; a backslash takes the meaning of a parenthesis.
fn split(line: &str, number: usize) -> Result<Vec<String>, Fatal> {
    let (mut entries, mut entry, mut is_inside) = (Vec::new(), String::new(), false);
    let mut chars = line.trim().chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\\' if matches!(chars.peek(), Some('(' | ')' | '\\')) => {
                entry.push('\\');
                entry.extend(chars.next());
                continue;
            }
            '(' => is_inside = true,
            ')' => is_inside = false,
            ',' if !is_inside => {
                entries.push(std::mem::take(&mut entry));
                continue;
            }
            _ => {}
        }
        entry.push(char);
    }
    if is_inside {
        let message = format!("line {number}: a parenthesis is not closed");
        return Err(Fatal::new("bad_descriptor", message));
    }
    entries.push(entry);
    let unquoted = |entry: String| {
        let entry = entry.trim();
        let inside = entry
            .strip_prefix('"')
            .and_then(|entry| entry.strip_suffix('"'));
        inside.unwrap_or(entry).to_owned()
    };
    Ok(entries
        .into_iter()
        .map(unquoted)
        .filter(|entry| !entry.is_empty())
        .collect())
}

/// `name.type(argument)`
fn parts(entry: &str, line: usize) -> Result<(String, &str, String), Fatal> {
    let wrong = |what: &str| {
        let message = format!("line {line}: {entry:?} {what}");
        let hint = "a field is NAME.TYPE(ARGUMENT): created.date(2006-01-02)";
        Fatal::new("bad_descriptor", message).hint(hint)
    };
    let inside = entry
        .strip_suffix(')')
        .ok_or_else(|| wrong("has no type"))?;
    let mut open = inside
        .char_indices()
        .filter(|(index, char)| *char == '(' && !inside[..*index].ends_with('\\'));
    let (at, _) = open.next().ok_or_else(|| wrong("has no type"))?;
    let (before, argument) = (&inside[..at], &inside[at + 1..]);
    let (name, kind) = before
        .rsplit_once('.')
        .ok_or_else(|| wrong("has no type"))?;
    let kind = (TYPES.iter().find(|known| **known == kind))
        .ok_or_else(|| wrong(&format!("has a type that is not known: {kind}")))?;
    if name.is_empty() {
        return Err(wrong("has no name"));
    }
    let plain = argument
        .replace("\\(", "(")
        .replace("\\)", ")")
        .replace("\\\\", "\\");
    Ok((name.to_owned(), kind, plain))
}

fn field(name: String, kind: &str, argument: String) -> Field {
    let mut field = Field::new(name.clone(), From::Titles(vec![name.clone()]));
    if name.contains('.') {
        field.words.text("to", &name);
    }
    let mut say = |kind: &str| field.words.text("type", kind);
    match kind {
        "string" => say("string"),
        "int32" => {
            say("integer");
            field.words.say("minimum", i32::MIN.to_string());
            field.words.say("maximum", i32::MAX.to_string());
        }
        "int64" => say("integer"),
        "double" => say("float"),
        "decimal" => say("decimal"),
        "boolean" | "bool" => {
            say("boolean");
            field
                .words
                .texts("true_values", &["true", "True", "TRUE", "1"]);
            field
                .words
                .texts("false_values", &["false", "False", "FALSE", "0"]);
        }
        "binary" | "bin" => {
            say("string");
            field.lost.push(format!(
                "binary({argument}): there is no type for bytes, the text stays as it is"
            ));
            let pattern = match argument.as_str() {
                "hex" => Some("(?:[0-9A-Fa-f]{2})*"),
                "base64" => Some("[0-9A-Za-z+/]*={0,2}"),
                "base32" => Some("[2-7A-Z]*={0,6}"),
                _ => None,
            };
            if let Some(pattern) = pattern {
                field.words.text("pattern", pattern);
            }
        }
        "auto" => {
            say("string");
            let choice = |kind: &str, meaning: &str| {
                let mut words = Words::default();
                words.text("type", kind);
                (words, meaning.to_owned())
            };
            field.ask(
                "mongoimport guesses the type of each value (auto)",
                vec![
                    choice("string", "texts, as they are"),
                    choice("integer", "whole numbers"),
                    choice("decimal", "numbers"),
                ],
            );
        }
        _ => date(&mut field, kind, &argument),
    }
    field
}

fn date(field: &mut Field, kind: &str, argument: &str) {
    let format = match kind {
        "date_ms" => moment::of_letters(argument),
        "date_oracle" => moment::of_oracle(argument),
        _ => moment::of_go(argument),
    };
    let Some(format) = format else {
        field.words.text("type", "string");
        field.lost.push(format!(
            "{kind}({argument}): there are no directives for this"
        ));
        let mut day = Words::default();
        day.text("type", "date");
        field.ask("how the date is written", vec![(day, "YYYY-MM-DD".into())]);
        return;
    };
    let (has_time, has_offset) = moment::says(&format);
    field
        .words
        .text("type", if has_time { "datetime" } else { "date" });
    field.words.text("format", &format);
    if has_time && !has_offset {
        field.words.text("timezone", "UTC");
        field
            .about
            .push("mongoimport takes a time without an offset for UTC".into());
    }
}
