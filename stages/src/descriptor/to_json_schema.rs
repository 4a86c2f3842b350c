//! The documents that a spec stores, as JSON Schema 2020-12.
//!
//! Types are those of plain JSON, as `export` and the JSON Lines sink write documents: decimals, dates and UUIDs are texts, a
//! duration is its seconds. So any validator can judge what was exported. What MongoDB holds is typed closer than that.

use super::json::{Json, Object};
use super::pattern;
use crate::plan::Plan;
use crate::record::{Layout, Schema, Slot, Type};
use crate::sink::Nulls;
use crate::spec::Spec;
use crate::step::bind::{FieldSpec, Literal, Unknown};

/// Writes the schema; what it cannot say goes to `lost`.
pub fn write(spec: &Spec, plan: &Plan, lost: &mut Vec<String>) -> Json {
    let mut out = Object::default();
    out.say("$schema", "https://json-schema.org/draft/2020-12/schema");
    out.say("title", plan.name.as_str());
    out.say_some("description", spec.description.as_deref());
    out.say("type", "object");
    let mut writer = Writer { spec, plan, lost };
    let (mut properties, mut required) = (Object::default(), Vec::new());
    // What only this program writes.
    properties.say("_id", Object::default());
    properties.say("_src", Object::default());
    writer.members(
        &plan.schema,
        &plan.schema.layout,
        &mut properties,
        &mut required,
    );
    if plan.unknown == Unknown::Rescue {
        let mut rescued = Object::default();
        rescued.say("type", "object");
        properties.say("_rescued", rescued);
    }
    if let Some(lineage) = &plan.sink.target.lineage {
        let mut source = Object::default();
        source.say("type", "object");
        properties.say(lineage, source);
    }
    let lost = writer.lost;
    out.say("properties", properties);
    if !required.is_empty() {
        out.say(
            "required",
            required.iter().map(String::as_str).collect::<Json>(),
        );
    }
    out.say("additionalProperties", plan.unknown == Unknown::Keep);
    if spec.steps.as_ref().is_some_and(|steps| !steps.is_empty()) {
        lost.push("[steps]: what they refuse and leave out is not said".into());
    }
    out.into()
}

struct Writer<'w> {
    spec: &'w Spec,
    plan: &'w Plan,
    lost: &'w mut Vec<String>,
}

impl Writer<'_> {
    fn members(
        &mut self,
        schema: &Schema,
        layout: &Layout,
        properties: &mut Object,
        required: &mut Vec<String>,
    ) {
        for (name, slot) in &layout.0 {
            let (value, is_there) = match slot {
                Slot::Field(index) => self.field(schema, *index),
                Slot::Nested(inner) => {
                    let (mut inside, mut needed) = (Object::default(), Vec::new());
                    self.members(schema, inner, &mut inside, &mut needed);
                    (object(inside, &needed), !needed.is_empty())
                }
            };
            if is_there {
                required.push(name.to_string());
            }
            properties.say(name, value);
        }
    }

    /// A field, and whether every document has it.
    fn field(&mut self, schema: &Schema, index: usize) -> (Object, bool) {
        let field = &schema.fields[index];
        if let (Some(group), Some(records)) = (&self.plan.group, &self.plan.records)
            && group.into == *field.name
        {
            return (self.group(&group.fields, records), true);
        }
        let fields = self
            .spec
            .fields
            .as_ref()
            .map_or(&[][..], |fields| &fields.0);
        let said = fields.iter().find(|(name, _)| **name == *field.name);
        // The item of a list that was exploded has another type than the field of its name.
        let said = said
            .map(|(_, said)| said)
            .filter(|said| said.kind.unwrap_or(Type::String) == field.kind);
        let is_own = |said: &&FieldSpec| said.record.is_none();
        let is_there = said
            .filter(is_own)
            .is_some_and(|said| said.required == Some(true) || said.default.is_some());
        let is_null = self.plan.sink.target.nulls == Nulls::Write && !is_there;
        let mut out = Object::default();
        let (kind, format) = plain(field.kind);
        let hidden = said.is_some_and(|said| said.mask.is_some() || said.hash.is_some());
        let (kind, format) = if hidden {
            ("string", None)
        } else {
            (kind, format)
        };
        match is_null {
            true => out.say("type", [kind, "null"].into_iter().collect::<Json>()),
            false => out.say("type", kind),
        }
        match (field.kind, format) {
            (Type::Time, _) if !hidden => out.say("pattern", r"^\d{2}:\d{2}:\d{2}(\.\d+)?$"),
            (_, format) => out.say_some("format", format),
        }
        if let Some(said) = said.filter(|_| !hidden) {
            self.constraints(&field.name, field.kind, said, is_null, &mut out);
        }
        (out, is_there)
    }

    /// The list of a group's records.
    fn group(&mut self, names: &[String], records: &Schema) -> Object {
        let own = records
            .fields
            .iter()
            .filter(|field| names.iter().any(|name| **name == *field.name));
        let (mut inside, mut needed) = (Object::default(), Vec::new());
        if let Ok(schema) = Schema::new(own.cloned().collect()) {
            self.members(&schema, &schema.layout, &mut inside, &mut needed);
        }
        let mut out = Object::default();
        out.say("type", "array");
        out.say("items", object(inside, &needed));
        out
    }

    fn constraints(
        &mut self,
        name: &str,
        kind: Type,
        said: &FieldSpec,
        is_null: bool,
        out: &mut Object,
    ) {
        let is_number = matches!(kind, Type::Integer | Type::Float);
        for (key, bound) in [("minimum", &said.minimum), ("maximum", &said.maximum)] {
            match bound {
                None => {}
                Some(bound) => match number(bound).filter(|_| is_number) {
                    Some(value) => out.say(key, value),
                    None => self.lost.push(format!(
                        "{name}: {key} = {bound}: texts have no bounds there"
                    )),
                },
            }
        }
        let (least, most) = match kind {
            Type::List => ("minItems", "maxItems"),
            _ => ("minLength", "maxLength"),
        };
        out.say_some(least, said.min_length);
        out.say_some(most, said.max_length);
        if let Some(text) = &said.pattern {
            match pattern::anchored(text) {
                Some(text) => out.say("pattern", text.as_str()),
                None => self.lost.push(format!(
                    "{name}: pattern = {text:?}: other libraries do not read it"
                )),
            }
        }
        if let Some(allowed) = &said.allowed {
            match kind {
                Type::String
                | Type::Integer
                | Type::Boolean
                | Type::Float
                | Type::Email
                | Type::Url => {
                    let null = is_null.then_some(Json::Null);
                    let all = allowed.iter().map(|one| match kind {
                        Type::Integer | Type::Float => number(one).unwrap_or_else(|| one.into()),
                        _ => one.into(),
                    });
                    out.say("enum", all.chain(null).collect::<Json>());
                }
                _ => self
                    .lost
                    .push(format!("{name}: enum: one value has several texts there")),
            }
        }
        if let (Type::List, Some(items)) = (kind, said.items) {
            let (items, format) = plain(items);
            let mut item = Object::default();
            item.say("type", items);
            item.say_some("format", format);
            out.say("items", item);
        }
    }
}

fn object(properties: Object, required: &[String]) -> Object {
    let mut out = Object::default();
    out.say("type", "object");
    out.say("properties", properties);
    if !required.is_empty() {
        out.say(
            "required",
            required.iter().map(String::as_str).collect::<Json>(),
        );
    }
    out.say("additionalProperties", false);
    out
}

/// A bound as a number.
fn number(literal: &Literal) -> Option<Json> {
    match literal {
        Literal::Text(text) => {
            text.parse::<f64>().ok()?;
            Some(Json::Number(text.clone()))
        }
        Literal::Boolean(_) => None,
        other => Some(other.into()),
    }
}

/// What a type is in plain JSON, and its format.
fn plain(kind: Type) -> (&'static str, Option<&'static str>) {
    match kind {
        Type::String | Type::Decimal | Type::Time => ("string", None),
        Type::Integer => ("integer", None),
        Type::Float | Type::Duration => ("number", None),
        Type::Boolean => ("boolean", None),
        Type::Date => ("string", Some("date")),
        Type::Datetime => ("string", Some("date-time")),
        Type::Uuid => ("string", Some("uuid")),
        Type::Email => ("string", Some("email")),
        Type::Url => ("string", Some("uri")),
        Type::List => ("array", None),
        Type::Object => ("object", None),
    }
}
