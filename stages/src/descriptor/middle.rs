//! What every standard is read into: a format, words for fields, and what could not be said, neutral of who said it.
//!
//! A word is a key of the language with its value as TOML. What a spec cannot say is kept beside the field that it was said
//! of: it becomes a comment there, and is listed for whoever imports.

use crate::infer::quoted;

/// Keys of the language with their values, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words(pub Vec<(&'static str, String)>);

impl Words {
    /// Says `key` with a value that is TOML already; what was said before under it is replaced.
    pub fn say(&mut self, key: &'static str, value: impl Into<String>) {
        let value = value.into();
        match self.0.iter_mut().find(|(other, _)| *other == key) {
            Some((_, before)) => *before = value,
            None => self.0.push((key, value)),
        }
    }

    /// Says a text.
    pub fn text(&mut self, key: &'static str, text: &str) {
        self.say(key, quoted(text));
    }

    /// Says a list of texts.
    pub fn texts<T: AsRef<str>>(&mut self, key: &'static str, texts: &[T]) {
        let all: Vec<_> = texts.iter().map(|text| quoted(text.as_ref())).collect();
        self.say(key, format!("[{}]", all.join(", ")));
    }

    /// What was said under `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        let mut words = self.0.iter();
        words
            .find(|(other, _)| *other == key)
            .map(|(_, value)| value.as_str())
    }

    /// Takes back what was said under `key`.
    pub fn take_back(&mut self, key: &str) -> Option<String> {
        let index = self.0.iter().position(|(other, _)| *other == key)?;
        Some(self.0.remove(index).1)
    }

    /// As the inside of an inline table.
    pub fn inline(&self) -> String {
        let all: Vec<_> = (self.0.iter())
            .map(|(key, value)| format!("{key} = {value}"))
            .collect();
        all.join(", ")
    }

    /// One line each.
    pub fn lines(&self) -> String {
        let line = |(key, value): &(&str, String)| format!("{key} = {value}\n");
        self.0.iter().map(line).collect()
    }
}

/// Where a field's value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum From {
    /// A column with one of these titles.
    Titles(Vec<String>),
    /// A column by its number, from 1, where it has no title of its own.
    Column(usize),
    /// A value of JSON, by the names that lead to it.
    Path(Vec<String>),
}

/// What only a person can decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What is asked.
    pub asked: String,
    /// What may stand in the place of the field, each with its meaning.
    pub choices: Vec<(Words, String)>,
}

/// One field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// What the descriptor calls it.
    pub title: String,
    /// Where its value comes from.
    pub from: From,
    /// What is said of it.
    pub words: Words,
    /// What it is, for people.
    pub about: Vec<String>,
    /// What is said of it that a spec cannot say.
    pub lost: Vec<String>,
    /// What is not known.
    pub question: Option<Question>,
}

impl Field {
    /// A field of which nothing is said yet.
    pub fn new(title: impl Into<String>, from: From) -> Self {
        Self {
            title: title.into(),
            from,
            words: Words::default(),
            about: Vec::new(),
            lost: Vec::new(),
            question: None,
        }
    }

    /// Asks which of several lines is meant.
    pub fn ask(&mut self, asked: impl Into<String>, choices: Vec<(Words, String)>) {
        self.question = Some(Question {
            asked: asked.into(),
            choices,
        });
    }
}

/// How records are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// `[format.csv]` with these keys.
    Csv(Words),
    /// `[format.jsonl]`
    Jsonl,
    /// `[format.json]` with an array of records.
    JsonArray,
}

/// A descriptor that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// What the file is called.
    pub name: Option<String>,
    /// What it is, for people.
    pub about: Vec<String>,
    /// `[input]`
    pub input: Words,
    /// How records are found.
    pub format: Format,
    /// `[columns]`
    pub columns: Words,
    /// `[values]`
    pub values: Words,
    /// In order.
    pub fields: Vec<Field>,
    /// Fields by their numbers that together are unique.
    pub unique: Vec<Vec<usize>>,
    /// The fields of the primary key, by their numbers.
    pub key: Vec<usize>,
    /// What is said of the whole that a spec cannot say.
    pub lost: Vec<String>,
}

impl Descriptor {
    /// One of which only the format is known.
    pub fn new(format: Format) -> Self {
        Self {
            name: None,
            about: Vec::new(),
            input: Words::default(),
            format,
            columns: Words::default(),
            values: Words::default(),
            fields: Vec::new(),
            unique: Vec::new(),
            key: Vec::new(),
            lost: Vec::new(),
        }
    }

    /// The numbers of the fields called `names`; what is no field is told, and nothing is unique then.
    pub fn numbers(&mut self, what: &str, names: &[String]) -> Vec<usize> {
        let mut numbers = Vec::new();
        for name in names {
            match self.fields.iter().position(|field| field.title == *name) {
                Some(number) => numbers.push(number),
                None => {
                    self.lost.push(format!("{what}: {name:?} is no field"));
                    return Vec::new();
                }
            }
        }
        numbers
    }

    /// Says that fields are the primary key: each is there, and no two records have the same values.
    pub fn primary(&mut self, names: &[String]) {
        let key = self.numbers("primary key", names);
        for number in &key {
            self.fields[*number].words.say("required", "true");
        }
        if !key.is_empty() {
            self.unique.push(key.clone());
        }
        self.key = key;
    }
}
