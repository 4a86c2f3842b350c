//! The reference of the spec language: every key with its type, default, meaning and an example, made from the types that
//! read specs (their JSON Schema) and from the defaults. Nothing is said twice, so nothing here can be out of date.
//!
//! Parts of a key's path: a name; `NAME` for a name that the spec gives (`fields.NAME.type`); `[]` for each item of an array
//! (`steps[].drop.when`).

#[cfg(test)]
mod tests;

use super::{DEFAULTS, json_schema};
use serde_json::Value;
use std::fmt::Write as _;

/// What stands in a path for a name that the spec gives.
const ANY_NAME: &str = "NAME";
/// What such a name is in examples.
const SOME_NAME: &str = "total";
/// The tables in the order of a spec; others stand behind them.
const ORDER: [&str; 13] = [
    "input", "format", "columns", "values", "fields", "unique", "records", "steps", "group",
    "errors", "control", "sink", "tests",
];
/// Keys whose value in the defaults stands for one that the spec must give.
const NO_DEFAULT: [&str; 3] = ["spec", "name", "sink.mongodb.collection"];
/// How a doc comment says a default.
const DEFAULT_SENTENCE: &str = "Default: ";

/// A table of the language.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Its path; empty for the top of the spec.
    pub path: String,
    /// What it is for.
    pub meaning: String,
    /// Its keys, those that are tables themselves left out.
    pub keys: Vec<Key>,
}

/// A key of the language.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// Its path, `input.compression`.
    pub path: String,
    /// What its value is, in the words of TOML.
    pub kind: String,
    /// What is so where the spec does not say it.
    pub default: Option<String>,
    /// What it means.
    pub meaning: String,
    /// The words that it can have, each with what it means; empty where any value of its kind will do.
    pub choices: Vec<(String, String)>,
    /// A piece of a spec in which it stands; empty where its type gives no example.
    pub example: String,
}

/// Every table of the language with its keys.
pub fn reference() -> Vec<Table> {
    let schema = Value::from(json_schema());
    let mut walk = Walk {
        definitions: &schema["$defs"],
        defaults: DEFAULTS.parse().unwrap_or_default(),
        tables: Vec::new(),
    };
    walk.table("", &text(&schema["description"]), &schema);
    let mut tables = walk.tables;
    let rank = |table: &Table| {
        let top = table.path.split(['.', '[']).next().unwrap_or_default();
        let known = ORDER.iter().position(|name| *name == top);
        (!top.is_empty(), known.unwrap_or(ORDER.len()))
    };
    tables.sort_by_key(rank);
    tables
}

/// The reference as Markdown.
pub fn markdown() -> String {
    let mut out = String::from("# The spec language, key by key\n");
    for table in reference() {
        let title = match table.path.as_str() {
            "" => "The top of a spec".to_owned(),
            path => format!("`{}`", header(path)),
        };
        let _ = write!(out, "\n## {title}\n\n{}\n", table.meaning);
        for key in &table.keys {
            let default = match &key.default {
                Some(default) => format!(", by default {default}"),
                None => String::new(),
            };
            let _ = write!(
                out,
                "\n### `{}`\n\n*{}{default}.* {}\n\n",
                key.path, key.kind, key.meaning
            );
            for (word, meaning) in &key.choices {
                let _ = writeln!(out, "- `{word}`: {meaning}");
            }
            if !key.choices.is_empty() {
                out.push('\n');
            }
            let _ = write!(out, "```toml\n{}```\n", key.example);
        }
    }
    out
}

struct Walk<'s> {
    definitions: &'s Value,
    defaults: toml::Table,
    tables: Vec<Table>,
}

impl<'s> Walk<'s> {
    /// Adds the table at `path`, its keys and the tables below it.
    fn table(&mut self, path: &str, meaning: &str, schema: &'s Value) {
        let at = self.tables.len();
        self.tables.push(Table {
            path: path.to_owned(),
            meaning: meaning.to_owned(),
            keys: Vec::new(),
        });
        let properties = schema["properties"].as_object().into_iter().flatten();
        for (name, property) in properties {
            let below = match path {
                "" => name.clone(),
                _ => format!("{path}.{name}"),
            };
            let meaning = text(&property["description"]);
            let value = self.value(property);
            if !self.tables_of(&below, &meaning, value) {
                let key = self.key(below, meaning, property, value);
                self.tables[at].keys.push(key);
            }
        }
    }

    /// Adds the tables that a value is or holds; false where it is none.
    fn tables_of(&mut self, path: &str, meaning: &str, value: &'s Value) -> bool {
        if value["properties"].is_object() || is_empty_table(value) {
            self.table(path, meaning, value);
            return true;
        }
        if let Some(choices) = choice_of_tables(value) {
            for (name, choice) in choices {
                let meaning = text(&choice["description"]);
                let table = self.value(&choice["properties"][name]);
                self.table(&format!("{path}.{name}"), &meaning, table);
            }
            return true;
        }
        for (inner, below) in [
            (&value["items"], format!("{path}[]")),
            (&value["additionalProperties"], format!("{path}.{ANY_NAME}")),
        ] {
            let inner = self.value(inner);
            let is_table = inner["properties"].is_object() || choice_of_tables(inner).is_some();
            if is_table {
                return self.tables_of(&below, meaning, inner);
            }
        }
        false
    }

    fn key(&self, path: String, meaning: String, property: &Value, value: &Value) -> Key {
        let meaning = meaning.replace('\n', " ");
        let said = meaning
            .split_once(DEFAULT_SENTENCE)
            .map(|(before, default)| (before.trim().to_owned(), default.trim_end_matches('.')));
        let default = self.default(&path).map(|value| format!("`{value}`"));
        let (meaning, default) = match (said, default) {
            // What the type says more of it, for other formats for example.
            (Some((before, said)), Some(value)) if says_more(said, &value) => {
                (before, Some(said.to_owned()))
            }
            (Some((before, _)), Some(value)) => (before, Some(value)),
            (Some((before, said)), None) => (before, Some(said.to_owned())),
            (None, default) => (meaning, default),
        };
        let examples = property["examples"].as_array().into_iter().flatten();
        let examples = examples.filter_map(|value| toml::Value::try_from(value).ok());
        Key {
            kind: self.kind(value),
            choices: match choices(value) {
                none if none.is_empty() => choices(self.value(&value["items"])),
                all => all,
            },
            example: examples
                .map(|value| snippet(&path, &value))
                .collect::<Vec<_>>()
                .join("\n"),
            path,
            default,
            meaning,
        }
    }

    /// What the commented spec of all defaults says at `path`.
    fn default(&self, path: &str) -> Option<String> {
        if NO_DEFAULT.contains(&path) {
            return None;
        }
        let (top, below) = path.split_once('.').unwrap_or((path, ""));
        let mut value = self.defaults.get(top)?;
        for part in below.split('.').filter(|part| !part.is_empty()) {
            value = value.get(part)?;
        }
        Some(value.to_string())
    }

    /// What a property's value is: references followed, and the null that TOML does not have left out.
    fn value(&self, property: &'s Value) -> &'s Value {
        let mut value = property;
        if let Some([one, null]) = value["anyOf"].as_array().map(Vec::as_slice)
            && null["type"] == "null"
        {
            value = one;
        }
        let name = value["$ref"]
            .as_str()
            .and_then(|path| path.rsplit('/').next());
        name.map_or(value, |name| &self.definitions[name])
    }

    /// A value's kind, in the words of TOML.
    fn kind(&self, value: &Value) -> String {
        if let Some(title) = value["title"].as_str() {
            return title.to_owned();
        }
        let one_of = value["oneOf"].as_array().or(value["anyOf"].as_array());
        let mut kinds: Vec<String> = match (one_of, &value["type"], &value["const"]) {
            (Some(values), ..) => values.iter().map(|value| self.kind(value)).collect(),
            (None, Value::Array(types), _) => {
                let types = types.iter().filter(|kind| **kind != "null");
                types.map(|kind| self.kind_of(kind, value)).collect()
            }
            (None, Value::Null, value) => vec![value.to_string()],
            (None, kind, _) => vec![self.kind_of(kind, value)],
        };
        kinds.dedup();
        kinds.join(" or ")
    }

    fn kind_of(&self, kind: &Value, value: &Value) -> String {
        match kind.as_str() {
            Some("string") if value["maxLength"] == 1 => "one character".to_owned(),
            Some("integer") => "whole number".to_owned(),
            Some("boolean") => "true or false".to_owned(),
            Some("array") => {
                let items = value["items"]["$ref"].as_str();
                let name = items.and_then(|path| path.rsplit('/').next());
                let items = name.map_or(&value["items"], |name| &self.definitions[name]);
                match self.kind(items).as_str() {
                    "string" => "array of strings".to_owned(),
                    kind => format!("array of {kind}"),
                }
            }
            Some("object") => "table".to_owned(),
            other => other.unwrap_or_default().to_owned(),
        }
    }
}

fn is_empty_table(value: &Value) -> bool {
    value["type"] == "object" && value["additionalProperties"] == false
}

/// The tables of which exactly one can stand, by name.
fn choice_of_tables(value: &Value) -> Option<Vec<(&str, &Value)>> {
    let choices = value["oneOf"].as_array()?.iter().map(|choice| {
        let (name, _) = choice["properties"].as_object()?.iter().next()?;
        Some((name.as_str(), choice))
    });
    choices.collect()
}

/// The words that a value, or each item of it, can be.
fn choices(value: &Value) -> Vec<(String, String)> {
    let words = value["oneOf"].as_array().into_iter().flatten();
    let words = words.filter_map(|choice| {
        let table = choice["properties"].as_object();
        let named = table.and_then(|table| table.keys().next());
        let word = choice["const"].as_str().or(named.map(String::as_str))?;
        Some((
            word.to_owned(),
            text(&choice["description"]).replace('\n', " "),
        ))
    });
    let plain = value["enum"].as_array().into_iter().flatten();
    let plain = plain.filter_map(|word| Some((word.as_str()?.to_owned(), String::new())));
    words.chain(plain).collect()
}

/// Whether what a type says of a default is more than the value in the spec of all defaults, which it names.
fn says_more(said: &str, value: &str) -> bool {
    let bare = |text: &str| text.replace(['`', '"', '\''], "");
    let (said, value) = (bare(said), bare(value));
    said.len() > value.len() && said.starts_with(&*value)
}

/// `path = value` with the headers that lead there, as it would stand in a spec.
fn snippet(path: &str, value: &toml::Value) -> String {
    let (table, key) = path.rsplit_once('.').unwrap_or(("", path));
    let mut out = String::new();
    for (at, _) in table.match_indices("[]") {
        let _ = writeln!(out, "{}", header(&table[..at + 2]));
    }
    if !table.is_empty() && !table.ends_with("[]") {
        let _ = writeln!(out, "{}", header(table));
    }
    let _ = writeln!(out, "{key} = {value}");
    out
}

/// The header of the table at `path`.
fn header(path: &str) -> String {
    let path = path.replace(ANY_NAME, SOME_NAME);
    match path.strip_suffix("[]") {
        Some(array) => format!("[[{}]]", array.replace("[]", "")),
        None => format!("[{}]", path.replace("[]", "")),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
