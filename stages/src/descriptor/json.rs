//! The JSON of a descriptor, with the order of its names, and with account of what was looked at.
//!
//! Names that stand twice are refused, and a depth over the bound is: whatever a descriptor says is said once. What a
//! reader of a standard did not take of an object is left in it, so that it can be told; nothing is dropped in silence.

use crate::step::bind::Literal;
use pipeline::Fatal;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::{Serialize, Serializer};
use std::fmt;

/// A value. Numbers are kept as the shortest text that gives the same double, whole ones as their digits.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// `null`
    Null,
    /// A truth value.
    Boolean(bool),
    /// A number, as its text.
    Number(String),
    /// A text.
    Text(String),
    /// Values in order.
    List(Vec<Json>),
    /// Names and values in order.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads a text.
    ///
    /// # Errors
    /// `bad_descriptor`, with line and column.
    pub fn read(text: &str) -> Result<Self, Fatal> {
        let text = text.trim_start_matches('\u{feff}');
        serde_json::from_str(text).map_err(|error| {
            let words = error.to_string();
            let words = words.split(" at line ").next().unwrap_or_default();
            let (line, column) = (error.line(), error.column());
            Fatal::new(
                "bad_descriptor",
                format!("line {line}, column {column}: {words}"),
            )
        })
    }

    /// The text that it is.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// What kind of value it is, in a sentence.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "a truth value",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

/// As JSON, in one line.
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Boolean(value) => value.fmt(f),
            Self::Number(text) => f.write_str(text),
            Self::Text(text) => serde_json::Value::from(text.as_str()).fmt(f),
            Self::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if index == 0 { "[" } else { "," })?;
                }
                f.write_str(if items.is_empty() { "[]" } else { "]" })
            }
            Self::Object(entries) => {
                for (index, (name, value)) in entries.iter().enumerate() {
                    let name = serde_json::Value::from(name.as_str());
                    write!(f, "{}{name}:{value}", if index == 0 { "{" } else { "," })?;
                }
                f.write_str(if entries.is_empty() { "{}" } else { "}" })
            }
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Json;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_unit<E: Error>(self) -> Result<Json, E> {
                Ok(Json::Null)
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Json, E> {
                Ok(Json::Boolean(value))
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Json, E> {
                Ok(Json::Number(value.to_string()))
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Json, E> {
                Ok(Json::Number(value.to_string()))
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Json, E> {
                Ok(Json::Number(value.to_string()))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Json, E> {
                Ok(Json::Text(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    list.push(item);
                }
                Ok(Json::List(list))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
                let mut object: Vec<(String, Json)> = Vec::new();
                let mut seen = std::collections::HashSet::new();
                while let Some(name) = entries.next_key::<String>()? {
                    if !seen.insert(name.clone()) {
                        return Err(A::Error::custom(format!("the name {name:?} stands twice")));
                    }
                    object.push((name, entries.next_value()?));
                }
                Ok(Json::Object(object))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<bool> for Json {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<u64> for Json {
    fn from(value: u64) -> Self {
        Self::Number(value.to_string())
    }
}

impl From<&Literal> for Json {
    fn from(literal: &Literal) -> Self {
        match literal {
            Literal::Text(text) => Self::Text(text.clone()),
            Literal::Integer(value) => Self::Number(value.to_string()),
            Literal::Float(value) => Self::Number(value.to_string()),
            Literal::Boolean(value) => Self::Boolean(*value),
        }
    }
}

impl<T: Into<Json>> FromIterator<T> for Json {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Boolean(value) => serializer.serialize_bool(*value),
            Self::Number(text) => match (text.parse::<i64>(), text.parse::<f64>()) {
                (Ok(value), _) => serializer.serialize_i64(value),
                (_, Ok(value)) => serializer.serialize_f64(value),
                _ => serializer.serialize_str(text),
            },
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => serializer.collect_seq(items),
            Self::Object(entries) => {
                serializer.collect_map(entries.iter().map(|(name, value)| (name, value)))
            }
        }
    }
}

/// An object that is being made; it keeps the order in which names are said.
#[derive(Clone, Debug, Default)]
pub struct Object(Vec<(String, Json)>);

impl Object {
    /// Says a name.
    pub fn say(&mut self, name: &str, value: impl Into<Json>) {
        self.0.push((name.to_owned(), value.into()));
    }

    /// Says a name, where there is a value.
    pub fn say_some(&mut self, name: &str, value: Option<impl Into<Json>>) {
        if let Some(value) = value {
            self.say(name, value);
        }
    }

    /// Whether nothing was said.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Object> for Json {
    fn from(object: Object) -> Self {
        Self::Object(object.0)
    }
}

/// An object of which names are taken one by one, and its place in the document as a JSON Pointer.
#[derive(Clone, Debug)]
pub struct Entries {
    /// Where it stands.
    pub at: String,
    left: Vec<(String, Json)>,
}

impl Entries {
    /// The object at `at`.
    ///
    /// # Errors
    /// `bad_descriptor`, for anything else than an object.
    pub fn of(value: Json, at: impl Into<String>) -> Result<Self, Fatal> {
        let at = at.into();
        match value {
            Json::Object(left) => Ok(Self { at, left }),
            other => Err(wrong(&at, "an object", &other)),
        }
    }

    /// Whether a name is there and was not taken.
    pub fn has(&self, name: &str) -> bool {
        self.peek(name).is_some()
    }

    /// The value of a name that was not taken.
    pub fn peek(&self, name: &str) -> Option<&Json> {
        let mut left = self.left.iter();
        left.find(|(other, _)| other == name)
            .map(|(_, value)| value)
    }

    /// Takes the value of a name.
    pub fn take(&mut self, name: &str) -> Option<Json> {
        let index = self.left.iter().position(|(other, _)| other == name)?;
        Some(self.left.remove(index).1)
    }

    /// Takes a text.
    ///
    /// # Errors
    /// `bad_descriptor`, for any other value.
    pub fn text(&mut self, name: &str) -> Result<Option<String>, Fatal> {
        match self.take(name) {
            None | Some(Json::Null) => Ok(None),
            Some(Json::Text(text)) => Ok(Some(text)),
            Some(other) => Err(wrong(&self.below(name), "a text", &other)),
        }
    }

    /// Takes a truth value.
    ///
    /// # Errors
    /// `bad_descriptor`, for any other value.
    pub fn boolean(&mut self, name: &str) -> Result<Option<bool>, Fatal> {
        match self.take(name) {
            None | Some(Json::Null) => Ok(None),
            Some(Json::Boolean(value)) => Ok(Some(value)),
            Some(other) => Err(wrong(&self.below(name), "true or false", &other)),
        }
    }

    /// Takes a whole number from 0.
    ///
    /// # Errors
    /// `bad_descriptor`, for any other value.
    pub fn count(&mut self, name: &str) -> Result<Option<u64>, Fatal> {
        match self.take(name) {
            None | Some(Json::Null) => Ok(None),
            Some(Json::Number(text)) if text.parse::<u64>().is_ok() => Ok(text.parse().ok()),
            Some(other) => Err(wrong(&self.below(name), "a whole number from 0", &other)),
        }
    }

    /// Takes a text or several.
    ///
    /// # Errors
    /// `bad_descriptor`, for any other value.
    pub fn texts(&mut self, name: &str) -> Result<Option<Vec<String>>, Fatal> {
        let at = self.below(name);
        match self.take(name) {
            None | Some(Json::Null) => Ok(None),
            Some(Json::Text(text)) => Ok(Some(vec![text])),
            Some(Json::List(items)) => {
                let text = |item: Json| match item {
                    Json::Text(text) => Ok(text),
                    other => Err(wrong(&at, "texts", &other)),
                };
                items
                    .into_iter()
                    .map(text)
                    .collect::<Result<_, _>>()
                    .map(Some)
            }
            Some(other) => Err(wrong(&at, "a text or texts", &other)),
        }
    }

    /// Takes an array.
    ///
    /// # Errors
    /// `bad_descriptor`, for any other value.
    pub fn list(&mut self, name: &str) -> Result<Option<Vec<Json>>, Fatal> {
        match self.take(name) {
            None | Some(Json::Null) => Ok(None),
            Some(Json::List(items)) => Ok(Some(items)),
            Some(other) => Err(wrong(&self.below(name), "an array", &other)),
        }
    }

    /// Takes an object.
    ///
    /// # Errors
    /// `bad_descriptor`, for any other value.
    pub fn object(&mut self, name: &str) -> Result<Option<Entries>, Fatal> {
        match self.take(name) {
            None | Some(Json::Null) => Ok(None),
            Some(value) => Entries::of(value, self.below(name)).map(Some),
        }
    }

    /// What nobody took, each in one line of JSON.
    pub fn rest(&mut self) -> impl Iterator<Item = (String, Json)> + '_ {
        self.left.drain(..)
    }

    /// Where the value of a name stands.
    pub fn below(&self, name: &str) -> String {
        format!("{}/{}", self.at, name.replace('~', "~0").replace('/', "~1"))
    }
}

/// A value that is not what it must be.
pub fn wrong(at: &str, wanted: &str, found: &Json) -> Fatal {
    let at = if at.is_empty() { "the document" } else { at };
    let message = format!("{at} must be {wanted}, and is {}", found.kind());
    Fatal::new("bad_descriptor", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_kept_and_names_stand_once() {
        let text = r#"{"b":[1,2.50,"x\"",null,true,{}],"a":{"z":[]}}"#;
        let read = Json::read(text).unwrap();
        assert_eq!(
            read.to_string(),
            r#"{"b":[1,2.5,"x\"",null,true,{}],"a":{"z":[]}}"#
        );
        let twice = Json::read("{\"a\":1,\n\"a\":2}").unwrap_err();
        assert!(twice.message.contains("line 2"), "{}", twice.message);
    }

    #[test]
    fn a_depth_without_end_is_an_error_with_its_place() {
        let deep = "[".repeat(100_000);
        let fatal = Json::read(&deep).unwrap_err();
        assert_eq!(fatal.code, "bad_descriptor");
        assert!(fatal.message.contains("column 128"), "{}", fatal.message);
    }
}
