//! `[group]`: checked against the fields that records have behind all steps.

use crate::record::{Field, Schema, Type};
use crate::sink::RESERVED;
use crate::spec::{Problem, Problems, nearest};
use crate::step::bind::{BindPlan, Unknown};
use crate::step::group::{DEFAULT_GROUP_RECORDS, GroupPlan, GroupSpec, Joiner, MAX_GROUP_RECORDS};
use std::sync::Arc;

/// The plan of a group, and what documents are: `None` where there is none, or it cannot be.
pub(super) fn plan(
    said: Option<&GroupSpec>,
    schema: &Schema,
    bind: &BindPlan,
    (explodes, has_kinds): (bool, bool),
    unknown: Unknown,
    problems: &mut Problems,
) -> Option<(GroupPlan, Schema)> {
    let said = said?;
    let before = problems.len();
    if explodes {
        let message = "records are exploded or grouped, not both";
        let problem = Problem::new("group", "bad_combination", message);
        problems.push(problem.hint("remove [group] or the step `explode`"));
    }
    if has_kinds {
        let message = "records of several kinds cannot be grouped yet";
        let problem = Problem::new("group", "bad_combination", message);
        problems.push(problem.hint("remove [group] or [records]"));
    }
    if matches!(unknown, Unknown::Keep | Unknown::Rescue) {
        let message = "what no field takes has no place in a document of several records";
        let problem = Problem::new("group", "bad_combination", message);
        problems.push(problem.hint("name it in [fields], and take [columns] unknown away"));
    }
    let by = names("by", said.by.as_deref(), schema, problems);
    let fields = names("fields", said.fields.as_deref(), schema, problems);
    for (index, name) in by.iter().enumerate() {
        let Some(place) = schema.index_of(name) else {
            continue;
        };
        let path = format!("group.by[{index}]");
        if place >= bind.schema_fields().len() {
            let message = format!("`{name}` is derived, and records are grouped before the steps");
            let problem = Problem::new(path, "not_applicable", message);
            problems.push(problem.hint("group by the fields that it is derived from"));
        } else if matches!(schema.fields[place].kind, Type::List | Type::Object) {
            let message = format!("`{name}` is a list or an object, and no key");
            problems.push(Problem::new(path, "not_applicable", message));
        }
    }
    for (index, name) in fields.iter().enumerate() {
        if by.contains(name) {
            let path = format!("group.fields[{index}]");
            let message = format!("`{name}` is in `by`: it is the same in all records of a group");
            problems.push(Problem::new(path, "duplicate", message));
        }
    }
    let into = said.into.as_deref().unwrap_or_default();
    let documents = documents(schema, &fields, into);
    if said.into.is_none() {
        let message = "`into` is missing: where the list of the records stands";
        problems.push(Problem::new("group.into", "required", message));
    } else if !is_name(into) {
        let message = format!("{into:?} is no name: a letter or `_`, then letters, digits and `_`");
        problems.push(Problem::new("group.into", "bad_name", message));
    } else if RESERVED.contains(&into) {
        let message = format!("`{into}` is reserved");
        problems.push(Problem::new("group.into", "reserved_name", message));
    } else if documents.is_err() || schema.index_of(into).is_some() {
        let message = format!("the place `{into}` in the document is taken by a field");
        problems.push(Problem::new("group.into", "target_taken", message));
    }
    let max_records = said.max_records.unwrap_or(DEFAULT_GROUP_RECORDS);
    if !(1..=MAX_GROUP_RECORDS).contains(&max_records) {
        let message =
            format!("`max_records` is {max_records}, it must be from 1 to {MAX_GROUP_RECORDS}");
        problems.push(Problem::new("group.max_records", "out_of_range", message));
    }
    let plan = GroupPlan {
        by,
        fields,
        into: into.to_owned(),
        max_records: max_records as usize,
    };
    match documents {
        // What the list's objects are made of has its place where the fields have theirs.
        Ok(documents) if problems.len() == before && Joiner::new(&plan, schema, true).is_ok() => {
            Some((plan, documents))
        }
        _ => None,
    }
}

/// What documents are: the fields that are not in the list, and the list.
fn documents(schema: &Schema, listed: &[String], into: &str) -> Result<Schema, usize> {
    let mut fields = schema.fields.clone();
    for field in &mut fields {
        if listed.iter().any(|name| **name == *field.name) {
            field.target = None;
        }
    }
    fields.push(Field {
        name: into.into(),
        kind: Type::List,
        target: Some(vec![Arc::from(into)]),
    });
    Schema::new(fields)
}

/// The names that the key says, those that are wrong left out.
fn names(
    key: &str,
    said: Option<&[String]>,
    schema: &Schema,
    problems: &mut Problems,
) -> Vec<String> {
    let said = said.unwrap_or_default();
    if said.is_empty() {
        let message = format!("`{key}` names no field");
        problems.push(Problem::new(format!("group.{key}"), "required", message));
    }
    let known: Vec<&str> = schema.fields.iter().map(|field| &*field.name).collect();
    let mut names = Vec::new();
    for (index, name) in said.iter().enumerate() {
        let path = format!("group.{key}[{index}]");
        if names.contains(name) {
            let message = format!("`{name}` stands there twice");
            problems.push(Problem::new(path, "duplicate", message));
        } else if known.contains(&&**name) {
            names.push(name.clone());
        } else {
            let problem = Problem::new(path, "no_field", format!("there is no field `{name}`"));
            problems.push(match nearest(name, &known) {
                Some(near) => problem.hint(format!("did you mean `{near}`?")),
                None => problem,
            });
        }
    }
    names
}

/// Whether a text is `[A-Za-z_][A-Za-z0-9_]*`.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|first: char| first.is_ascii_digit())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
