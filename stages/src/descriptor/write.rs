//! What a descriptor said, as a commented spec. What the plan refuses of it is taken back word by word and told, so that the
//! spec which is left is one that `check` accepts, but for fields that a person must decide.
//!
//! Everything of the descriptor is escaped: no text of it can become a part of the spec.

use super::Imported;
use super::middle::{Descriptor, Field, Format, From, Words};
use crate::infer::{CHOICE, Names, collection, path_segment, quoted, spec_name};
use crate::plan::{Defaults, Plan};
use crate::step::bind::is_identifier;
use pipeline::Fatal;
use std::collections::HashSet;
use std::fmt::Write as _;

/// The most characters of a line of a comment that come from the descriptor.
const MAX_COMMENT_CHARS: usize = 400;
/// How often words are taken back at most: each round takes one at least, and there are more words than rounds only where
/// nearly all of them are wrong.
const MAX_ROUNDS: usize = 1000;
/// Keys that say the same of every type, so that they stand beside `undecided`.
const OF_ANY_TYPE: [&str; 7] = [
    "from",
    "column",
    "to",
    "type",
    "required",
    "unique",
    "missing_values",
];

/// Writes the spec `name` of what `standard` said.
///
/// # Errors
/// `cannot_import`, where what is left is refused all the same: with every problem.
pub fn spec(mut read: Descriptor, standard: &str, name: &str) -> Result<Imported, Fatal> {
    let name = spec_name(name);
    name_fields(&mut read);
    let mut lost = std::mem::take(&mut read.lost);
    let names = names(&read);
    let mut writer = Writer {
        read,
        names,
        name,
        standard: standard.to_owned(),
    };
    for _ in 0..MAX_ROUNDS {
        let text = writer.text(&lost, true);
        let Err(problems) = Plan::read("imported", &text, Defaults::default()) else {
            return Ok(writer.imported(lost));
        };
        let told: Vec<_> = (problems.iter())
            .map(|problem| (problem.path.clone(), problem.message.clone()))
            .collect();
        let mut is_better = false;
        for (path, message) in told {
            is_better |= writer.take_back(&path, &message, &mut lost);
        }
        if !is_better {
            let message = format!("a spec of it is refused:\n{}", problems.render(false));
            return Err(Fatal::new("cannot_import", message));
        }
    }
    Err(Fatal::new(
        "cannot_import",
        "too much of it cannot be said in a spec",
    ))
}

/// Says what is unique, and where members of objects stand in the document.
fn name_fields(read: &mut Descriptor) {
    for numbers in std::mem::take(&mut read.unique) {
        match numbers[..] {
            [one] => read.fields[one].words.say("unique", "true"),
            _ => read.unique.push(numbers),
        }
    }
    for field in &mut read.fields {
        let From::Path(path) = &field.from else {
            continue;
        };
        if path.len() > 1 && path.iter().all(|part| is_identifier(part)) {
            let to = path.join(".");
            field.words.text("to", &to);
        }
    }
}

/// A name for each field.
fn names(read: &Descriptor) -> Vec<String> {
    let mut names = Names::default();
    let name = |(index, field): (usize, &Field)| match &field.from {
        From::Path(path) if path.len() > 1 => names.make(&path.join(" "), index),
        From::Path(path) => names.make(&path.concat(), index),
        From::Titles(titles) => {
            names.make(titles.first().map_or(&field.title, |title| title), index)
        }
        From::Column(_) => names.make(&field.title, index),
    };
    read.fields.iter().enumerate().map(name).collect()
}

struct Writer {
    read: Descriptor,
    names: Vec<String>,
    name: String,
    standard: String,
}

impl Writer {
    fn imported(self, mut lost: Vec<String>) -> Imported {
        let spec = self.text(&lost, false);
        let mut undecided = Vec::new();
        for (field, name) in self.read.fields.iter().zip(&self.names) {
            if field.question.is_some() {
                undecided.push(name.clone());
            }
            lost.extend(field.lost.iter().map(|one| format!("{name}: {one}")));
        }
        Imported {
            spec,
            fields: self.names.len(),
            undecided,
            lost: lost.iter().map(|one| comment(one)).collect(),
        }
    }

    /// Takes back what stands at `path` of the spec; says whether anything did.
    fn take_back(&mut self, path: &str, message: &str, lost: &mut Vec<String>) -> bool {
        let mut parts = path.split('.');
        let (section, rest) = (parts.next().unwrap_or_default(), parts.collect::<Vec<_>>());
        let bare = |part: &str| part.split('[').next().unwrap_or_default().to_owned();
        let words = match (section, &rest[..]) {
            ("fields", [name, rest @ ..]) => {
                let name = bare(name);
                let Some(index) = self.names.iter().position(|other| *other == name) else {
                    return false;
                };
                let field = &mut self.read.fields[index];
                let key = rest.first().map(|key| bare(key)).unwrap_or_default();
                return match field.words.take_back(&key) {
                    Some(value) => {
                        field.lost.push(format!("{key} = {value}: {message}"));
                        true
                    }
                    // The name itself is the place that is taken.
                    None if key == "to" || key.is_empty() => {
                        let to = format!("{}_{}", self.names[index], index + 1);
                        field.words.text("to", &to);
                        true
                    }
                    None => false,
                };
            }
            ("unique", _) => {
                let is_there = !self.read.unique.is_empty();
                self.read.unique.clear();
                if is_there {
                    lost.push(format!("unique: {message}"));
                }
                return is_there;
            }
            ("input", _) => &mut self.read.input,
            ("columns", _) => &mut self.read.columns,
            ("values", _) => &mut self.read.values,
            ("format", _) => match &mut self.read.format {
                Format::Csv(words) => words,
                Format::Jsonl | Format::JsonArray => return false,
            },
            _ => return false,
        };
        let key = rest.iter().rev().find_map(|part| {
            words
                .take_back(&bare(part))
                .map(|value| (bare(part), value))
        });
        match key {
            Some((key, value)) => {
                lost.push(format!("{key} = {value}: {message}"));
                true
            }
            None => false,
        }
    }

    /// The spec. To be checked, nothing in it is undecided.
    fn text(&self, lost: &[String], is_checked: bool) -> String {
        let read = &self.read;
        let mut out = format!("# Imported from {}.\n", self.standard);
        for about in &read.about {
            let _ = writeln!(out, "# {}", comment(about));
        }
        for one in lost {
            let _ = writeln!(out, "# not taken: {}", comment(one));
        }
        let undecided = read
            .fields
            .iter()
            .filter(|field| field.question.is_some())
            .count();
        match undecided {
            0 => out.push_str(
                "# Nothing is undecided. `sluicegate check SPEC INPUT` says how it fits a file.\n",
            ),
            count => {
                let _ = writeln!(
                    out,
                    "# {count} to decide: put one of the lines below an undecided field in its place."
                );
            }
        }
        let _ = write!(
            out,
            "\nspec = 1\nname = {}\nversion = 1\n",
            quoted(&self.name)
        );
        let mut section = |title: &str, words: &Words| {
            if !words.0.is_empty() {
                let _ = write!(out, "\n[{title}]\n{}", words.lines());
            }
        };
        section("input", &read.input);
        section("columns", &read.columns);
        section("values", &read.values);
        match &read.format {
            Format::Csv(words) => {
                let _ = write!(out, "\n[format.csv]\n{}", words.lines());
            }
            Format::Jsonl => out.push_str("\n[format.jsonl]\n"),
            Format::JsonArray => out.push_str("\n[format.json]\nrecord_path = \"$[*]\"\n"),
        }
        out.push_str("\n[fields]\n");
        let doubled = self.doubled();
        for (index, field) in read.fields.iter().enumerate() {
            self.field(&mut out, index, field, &doubled, is_checked);
        }
        for numbers in &read.unique {
            let names: Vec<_> = numbers
                .iter()
                .map(|number| quoted(&self.names[*number]))
                .collect();
            let _ = write!(out, "\n[[unique]]\nfields = [{}]\n", names.join(", "));
        }
        let _ = write!(
            out,
            "\n[sink.mongodb]\ncollection = {}\n",
            quoted(&collection(&self.name))
        );
        if !read.key.is_empty() {
            let place = |number: &usize| {
                let field = &read.fields[*number];
                (field.words.get("to")).map_or_else(|| quoted(&self.names[*number]), str::to_owned)
            };
            let places: Vec<_> = read.key.iter().map(place).collect();
            let _ = write!(
                out,
                "# The primary key, where later files change what earlier ones loaded:\n# mode = \"upsert\"\n# key = [{}]\n",
                places.join(", ")
            );
        }
        out
    }

    /// Titles that another one equals, as columns are compared.
    fn doubled(&self) -> HashSet<String> {
        let (mut seen, mut doubled) = (HashSet::new(), HashSet::new());
        for field in &self.read.fields {
            if let From::Titles(titles) = &field.from {
                for title in titles {
                    let folded = title.trim().to_lowercase();
                    if !seen.insert(folded.clone()) {
                        doubled.insert(folded);
                    }
                }
            }
        }
        doubled
    }

    fn field(
        &self,
        out: &mut String,
        index: usize,
        field: &Field,
        doubled: &HashSet<String>,
        is_checked: bool,
    ) {
        let name = &self.names[index];
        for about in &field.about {
            let _ = writeln!(out, "# {}", comment(about));
        }
        for one in &field.lost {
            let _ = writeln!(out, "# not taken: {}", comment(one));
        }
        let mut words = from(&field.from, name, index, doubled);
        words.0.extend(field.words.0.iter().cloned());
        let said = match &field.question {
            None => words.inline(),
            // What is said beside a choice must suit the choice.
            Some(question) if is_checked => with(&words, question.choices.first()).inline(),
            Some(question) => {
                let choices: Vec<_> = question
                    .choices
                    .iter()
                    .map(|(words, _)| words.inline())
                    .collect();
                let asked = format!("{}: {}", question.asked, choices.join(", or "));
                let mut plain = words.clone();
                plain.0.retain(|(key, _)| OF_ANY_TYPE.contains(key));
                plain.text("undecided", &asked);
                plain.inline()
            }
        };
        let _ = writeln!(out, "{name} = {{ {said} }}");
        let Some(question) = field.question.as_ref().filter(|_| !is_checked) else {
            return;
        };
        for choice in &question.choices {
            let line = with(&words, Some(choice));
            let meaning = &choice.1;
            let meaning = match meaning.is_empty() {
                true => String::new(),
                false => format!("  # {}", comment(meaning)),
            };
            let _ = writeln!(out, "{CHOICE}{name} = {{ {} }}{meaning}", line.inline());
        }
    }
}

/// The words of a field with those of a choice.
fn with(words: &Words, choice: Option<&(Words, String)>) -> Words {
    let mut line = words.clone();
    for (key, value) in choice.iter().flat_map(|(words, _)| &words.0) {
        line.say(key, value.clone());
    }
    line
}

/// Where the value comes from.
fn from(from: &From, name: &str, index: usize, doubled: &HashSet<String>) -> Words {
    let mut words = Words::default();
    match from {
        From::Column(number) => words.say("column", number.to_string()),
        From::Titles(titles) => {
            let is_plain = |title: &String| {
                let is_regex = title.len() > 1 && title.starts_with('/') && title.ends_with('/');
                !title.trim().is_empty()
                    && !is_regex
                    && !doubled.contains(&title.trim().to_lowercase())
            };
            match &titles[..] {
                [one] if one == name && is_plain(one) => {}
                titles if titles.is_empty() || !titles.iter().all(is_plain) => {
                    words.say("column", (index + 1).to_string());
                }
                [one] => words.text("from", one),
                titles => words.texts("from", titles),
            }
        }
        From::Path(path) => match &path[..] {
            [one] if one == name => {}
            [one] if !one.starts_with('$') => words.text("from", one),
            path => {
                let steps: String = path.iter().map(|part| path_segment(part)).collect();
                words.text("from", &format!("${steps}"));
            }
        },
    }
    words
}

/// A text in a comment: in one line, its beginning where it is long.
fn comment(text: &str) -> String {
    let line: String = (text.chars())
        .map(|char| if char.is_control() { ' ' } else { char })
        .collect();
    match line.char_indices().nth(MAX_COMMENT_CHARS) {
        None => line,
        Some((end, _)) => line[..end].to_owned() + "…",
    }
}
