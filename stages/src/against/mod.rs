//! What another version of a spec means for documents that are stored: which of them are as the new version would write
//! them, which may not meet it, and what loads again. Values of the two specs are compared, with the defaults in place of
//! what is not said, never texts; nothing is read of any target. It says what may be, not how many documents it is.

mod fields;
mod sections;
#[cfg(test)]
mod tests;

use crate::spec::{Spec, read_beside};
use crate::step::bind::{FieldSpec, read_files};
use serde::Serialize;
use std::path::Path;
use toml::{Table, Value};

/// The most characters of a value that are shown.
const MAX_SHOWN_CHARS: usize = 60;

/// What a change means for stored documents; the first one is the gravest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Records have another identity: what was loaded may load again, beside what is stored or elsewhere.
    LoadsAgain,
    /// The same input gives other documents now; stored ones stay as they are.
    Differs,
    /// Stored documents may not meet it.
    Tighter,
    /// What was refused may be taken now; stored documents meet it.
    Looser,
    /// It has nothing to do with stored documents.
    Nothing,
}

impl Effect {
    /// All of them, the gravest first.
    pub const ALL: [Self; 5] = [
        Self::LoadsAgain,
        Self::Differs,
        Self::Tighter,
        Self::Looser,
        Self::Nothing,
    ];

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::LoadsAgain => "what is loaded may load again",
            Self::Differs => {
                "the same input gives other documents; those that are stored stay as they are"
            }
            Self::Tighter => "documents that are stored may not meet it",
            Self::Looser => "more is taken than before; documents that are stored meet it",
            Self::Nothing => "nothing for documents that are stored",
        }
    }

    /// Whether it touches documents that are stored.
    pub fn touches(self) -> bool {
        self <= Self::Tighter
    }
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The key that differs: `fields.total`, `sink.mode`.
    pub path: String,
    /// What it means for documents.
    pub effect: Effect,
    /// What it is, in words.
    pub message: String,
}

/// A version of a spec, ready to be compared.
#[derive(Debug)]
pub struct Version {
    /// What it says, with all that it extends.
    table: Table,
    /// Its fields, with the tables that they look things up in.
    fields: Vec<(String, FieldSpec)>,
}

impl Version {
    /// Reads a spec of which a plan was made: `folder` is where the files are that it names.
    pub fn read(name: &str, text: &str, folder: Option<&Path>) -> Self {
        let (spec, problems) = read_beside::<Spec>(name, text, folder);
        let whole = problems.source().flat();
        let mut fields = spec.fields.unwrap_or_default().0;
        // What is wrong with them keeps a spec from being planned.
        read_files(&mut fields, folder, &mut Vec::new());
        Self {
            table: whole.as_deref().unwrap_or(text).parse().unwrap_or_default(),
            fields,
        }
    }

    /// What this version means for documents of the version `old`, in the order of a spec.
    pub fn against(&self, old: &Self) -> Vec<Change> {
        let mut changes = Changes::default();
        sections::compare_heads(old, self, &mut changes);
        fields::compare(old, self, &mut changes);
        sections::compare_tails(old, self, &mut changes);
        changes.0
    }

    /// The entry at a path of keys.
    fn at(&self, path: &[&str]) -> Option<&Value> {
        let (first, rest) = path.split_first()?;
        let first = self.table.get(*first)?;
        rest.iter().try_fold(first, |value, key| value.get(key))
    }
}

/// What was found so far.
#[derive(Default)]
struct Changes(Vec<Change>);

impl Changes {
    fn add(&mut self, path: impl Into<String>, effect: Effect, message: impl Into<String>) {
        self.0.push(Change {
            path: path.into(),
            effect,
            message: message.into(),
        });
    }
}

/// What became of a key, in words.
fn told(key: &str, is: Option<&Value>, was: Option<&Value>) -> String {
    match (is, was) {
        (Some(is), Some(was)) => format!("`{key}` is {}, was {}", shown(is), shown(was)),
        (Some(is), None) => format!("`{key}` is {} now", shown(is)),
        (None, Some(was)) => format!("`{key}` is gone, was {}", shown(was)),
        (None, None) => format!("`{key}`"),
    }
}

/// A value as a spec has it, cut where it is long.
fn shown(value: &Value) -> String {
    let text = value.to_string().replace('\n', " ");
    match text.chars().count() > MAX_SHOWN_CHARS {
        true => text.chars().take(MAX_SHOWN_CHARS).chain(['…']).collect(),
        false => text,
    }
}
