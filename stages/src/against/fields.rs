//! What changes of fields mean for stored documents. Fields are the same by their names, or by their place in the document:
//! documents know nothing else of them.

use super::Effect::{Differs, Looser, Nothing, Tighter};
use super::{Changes, Effect, Version, told};
use crate::record::Type;
use crate::step::bind::{Constant, FieldSpec, Literal, Target};
use std::cmp::Ordering;
use toml::{Table, Value};

/// What `[values]` says for fields that say nothing, with its default, for these types.
const SHARED: [(&str, Option<&str>, &[Type]); 9] = [
    ("missing_values", Some("[]"), &[]),
    ("decimal_char", Some("\".\""), &[Type::Float, Type::Decimal]),
    ("group_char", None, &NUMBERS),
    ("negative", Some("\"leading\""), &NUMBERS),
    ("locale", Some("\"en\""), &TIMES),
    ("year_pivot", Some("69"), &TIMES),
    ("timezone", None, &[Type::Datetime]),
    ("true_values", Some("[\"true\", \"1\"]"), &[Type::Boolean]),
    ("false_values", Some("[\"false\", \"0\"]"), &[Type::Boolean]),
];
const NUMBERS: [Type; 3] = [Type::Integer, Type::Float, Type::Decimal];
const TIMES: [Type; 2] = [Type::Date, Type::Datetime];
/// What a field says by saying nothing.
const SILENT: [(&str, &str); 6] = [
    ("type", "\"string\""),
    ("required", "false"),
    ("unique", "false"),
    ("sensitive", "false"),
    ("lax", "false"),
    ("transform", "[]"),
];
/// What says where a value is read.
const PLACES: [&str; 5] = ["from", "column", "start", "width", "record"];
/// What is compared as lists, though one text may stand for one of them.
const LISTS: [&str; 2] = ["from", "format"];
/// What is judged apart.
const APART: [&str; 2] = ["to", "lookup"];

/// A field with its name.
type Named = (String, FieldSpec);

pub(super) fn compare(old: &Version, new: &Version, changes: &mut Changes) {
    let mut paired = Vec::new();
    for field in &new.fields {
        let path = format!("fields.{}", field.0);
        if let Some(was) = counterpart(old, new, field) {
            paired.push(&was.0);
            Pair::of((old, was), (new, field)).compare(&path, changes);
            continue;
        }
        match target(field) {
            Some(to) => {
                let message = format!("new: stored documents have no `{to}`");
                changes.add(path, Differs, message);
            }
            None => changes.add(path, Nothing, "new, and in no document"),
        }
    }
    for field in old
        .fields
        .iter()
        .filter(|(name, _)| !paired.contains(&name))
    {
        let path = format!("fields.{}", field.0);
        match target(field) {
            Some(to) => changes.add(path, Differs, format!("gone: stored documents keep `{to}`")),
            None => changes.add(path, Nothing, "gone, and in no document"),
        }
    }
}

/// Which field of the old version one of the new is: by name, else by the place in the document.
fn counterpart<'v>(old: &'v Version, new: &Version, field: &Named) -> Option<&'v Named> {
    let is_kept = |name: &String| new.fields.iter().any(|(one, _)| one == name);
    let same_name = old.fields.iter().find(|(name, _)| *name == field.0);
    same_name.or_else(|| {
        let to = target(field)?;
        let mut gone = old.fields.iter().filter(|(name, _)| !is_kept(name));
        gone.find(|was| target(was) == Some(to))
    })
}

/// Where a field stands in the document.
fn target((name, field): &Named) -> Option<&str> {
    match &field.to {
        None => Some(name),
        Some(Target::Path(path)) => Some(path),
        Some(Target::Nowhere) => None,
    }
}

/// One field in both versions, the old one first.
struct Pair<'v> {
    fields: [&'v Named; 2],
    /// What each says, with what it says by saying nothing.
    said: [Table; 2],
}

impl<'v> Pair<'v> {
    fn of((old, was): (&Version, &'v Named), (new, now): (&Version, &'v Named)) -> Self {
        Self {
            fields: [was, now],
            said: [said(old, was), said(new, now)],
        }
    }

    fn compare(&self, path: &str, changes: &mut Changes) {
        let [(was, _), (now, _)] = self.fields;
        if was != now {
            let message = format!("was called {was}, at the same place in the document");
            changes.add(path, Nothing, message);
        }
        let [old_to, new_to] = self.fields.map(target);
        match (old_to, new_to) {
            (Some(old), Some(new)) if old != new => {
                let message = format!("moved to `{new}`: stored documents have it at `{old}`");
                changes.add(path, Differs, message);
            }
            (Some(old), None) => {
                let message = format!("not written any more: stored documents keep `{old}`");
                changes.add(path, Differs, message);
            }
            (None, Some(new)) => {
                let message = format!("written now: stored documents have no `{new}`");
                changes.add(path, Differs, message);
            }
            (None, None) => return,
            _ => {}
        }
        let [old, new] = &self.said;
        let mut keys: Vec<&String> = new.keys().chain(old.keys()).collect();
        keys.sort();
        keys.dedup();
        for key in keys
            .into_iter()
            .filter(|key| !APART.contains(&key.as_str()))
        {
            let (is, was) = (new.get(key), old.get(key));
            if is == was {
                continue;
            }
            if let Some((effect, meaning)) = self.meaning(key, is, was) {
                let message = format!("{}: {meaning}", told(key, is, was));
                changes.add(path, effect, message);
            }
        }
        if self.fields[0].1.lookup != self.fields[1].1.lookup {
            changes.add(
                path,
                Differs,
                "`lookup` has another table: stored values stay",
            );
        }
    }

    /// What another value of a key means; nothing where it says the same in other words.
    fn meaning(
        &self,
        key: &str,
        is: Option<&Value>,
        was: Option<&Value>,
    ) -> Option<(Effect, &'static str)> {
        let on = is.and_then(Value::as_bool) == Some(true);
        Some(match key {
            "type" | "items" => (Differs, "stored values have the type that they had"),
            "scale" => (
                Differs,
                "the same digits are another number; stored ones stay",
            ),
            "required" if on => (Tighter, "stored documents may lack it"),
            "required" => (Looser, "records without it are taken"),
            "unique" if on => (Tighter, "stored documents may share it"),
            "unique" => (Looser, "records of a file may share it"),
            "lax" if on => (Looser, "texts and numbers stand for each other"),
            "lax" => (
                Tighter,
                "values that were taken are refused; stored ones stay",
            ),
            "minimum" | "min_length" => self.bound(key, true)?,
            "maximum" | "max_length" => self.bound(key, false)?,
            "enum" => choices(is, was)?,
            "pattern" if is.is_none() => (Looser, "any text is taken"),
            "pattern" => (Tighter, "stored values may not match"),
            "sensitive" if on => (Differs, "rejects that are stored show it, as they did"),
            "sensitive" => (Nothing, "rejects show it from now on"),
            "mask" | "hash" => (Differs, "stored values are as they were"),
            "from" if is_prefix(was, is) => (Looser, "it is found under more names"),
            key if PLACES.contains(&key) => (Differs, "it is read from elsewhere"),
            "default" => (
                Differs,
                "where nothing was said, stored documents are as they were",
            ),
            _ => (
                Differs,
                "the same input may be another value; stored ones stay",
            ),
        })
    }

    /// What another bound means; `is_least`: of the least value.
    fn bound(&self, key: &str, is_least: bool) -> Option<(Effect, &'static str)> {
        let [old, new] = &self.said;
        let order = match (new.get(key), old.get(key)) {
            (Some(new), Some(old)) => match key {
                "min_length" | "max_length" => new.as_integer().cmp(&old.as_integer()),
                // What cannot be compared may be tighter.
                _ => self.order(is_least).unwrap_or(match is_least {
                    true => Ordering::Greater,
                    false => Ordering::Less,
                }),
            },
            (is, _) => match is.is_some() == is_least {
                true => Ordering::Greater,
                false => Ordering::Less,
            },
        };
        match order {
            Ordering::Equal => None,
            Ordering::Less if is_least => Some((Looser, "more values are taken")),
            Ordering::Greater if !is_least => Some((Looser, "more values are taken")),
            _ => Some((Tighter, "stored values may be outside")),
        }
    }

    /// How the new bound stands to the old one, as values of the field's type.
    fn order(&self, is_least: bool) -> Option<Ordering> {
        let kind = self.fields[1].1.kind.unwrap_or(Type::String);
        let [old, new] = self.fields.map(|(_, field)| {
            let bound: Option<&Literal> = match is_least {
                true => field.minimum.as_ref(),
                false => field.maximum.as_ref(),
            };
            Constant::new(kind, bound?, None).ok()
        });
        new?.compare_with(&old?)
    }
}

/// What other allowed values mean; nothing where they are the same in another order.
fn choices(is: Option<&Value>, was: Option<&Value>) -> Option<(Effect, &'static str)> {
    let list = |value: Option<&Value>| value.and_then(Value::as_array).cloned();
    let has_all = |of: &[Value], all: &[Value]| all.iter().all(|value| of.contains(value));
    match (list(is), list(was)) {
        (None, _) => Some((Looser, "any value is taken")),
        (Some(is), Some(was)) if has_all(&is, &was) => {
            (!has_all(&was, &is)).then_some((Looser, "more values are taken"))
        }
        _ => Some((Tighter, "stored values may be others")),
    }
}

/// Whether a list begins with all of another one.
fn is_prefix(short: Option<&Value>, long: Option<&Value>) -> bool {
    let list = |value: Option<&Value>| value.and_then(Value::as_array).cloned();
    match (list(short), list(long)) {
        (Some(short), Some(long)) => long.starts_with(&short),
        _ => false,
    }
}

/// What a field says, with what it says by saying nothing.
fn said(version: &Version, (name, field): &Named) -> Table {
    let own = version.at(&["fields", name]).and_then(Value::as_table);
    let mut said = own.cloned().unwrap_or_default();
    let kind = match field.kind.unwrap_or(Type::String) {
        Type::List => field.items.unwrap_or(Type::List),
        kind => kind,
    };
    for (key, silent, kinds) in SHARED {
        if !kinds.is_empty() && !kinds.contains(&kind) {
            // It means nothing to values of this type.
            said.remove(key);
            continue;
        }
        let silent = silent.and_then(value);
        let shared = version.at(&["values", key]).cloned().or(silent);
        if let (None, Some(shared)) = (said.get(key), shared) {
            said.insert(key.to_owned(), shared);
        }
    }
    for (key, silent) in SILENT {
        if let (None, Some(silent)) = (said.get(key), value(silent)) {
            said.insert(key.to_owned(), silent);
        }
    }
    let is_found_otherwise = ["column", "start"]
        .iter()
        .any(|key| said.contains_key(*key));
    if !said.contains_key("from") && !is_found_otherwise {
        said.insert("from".to_owned(), Value::String(name.clone()));
    }
    for key in LISTS {
        if let Some(Value::String(one)) = said.get(key) {
            let one = vec![Value::String(one.clone())];
            said.insert(key.to_owned(), Value::Array(one));
        }
    }
    said
}

/// A value as TOML writes it.
fn value(text: &str) -> Option<Value> {
    let table: Table = format!("v = {text}").parse().ok()?;
    table.get("v").cloned()
}
