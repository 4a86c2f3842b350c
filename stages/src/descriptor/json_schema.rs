//! JSON Schema, 2020-12 and the drafts before it, of one record: members of objects become fields by their paths.
//!
//! A member that is not required may be null, as a spec takes null for what is not there. A pattern is searched, as the
//! standard has it. References inside of the document are followed, to a bounded depth; conditions and choices between
//! schemas have no place in a spec, and are told.

use super::json::{Entries, Json};
use super::middle::{Descriptor, Field, Format, From, Words};
use super::{constraints, pattern};
use pipeline::Fatal;

/// The most objects inside of each other, references counted.
const MAX_DEPTH_LEVELS: usize = 32;
/// The most fields that come of a schema.
const MAX_FIELDS: usize = 10_000;
/// Keywords that constrain nothing.
const SILENT: [&str; 14] = [
    "$schema",
    "$id",
    "id",
    "$comment",
    "$defs",
    "definitions",
    "examples",
    "example",
    "deprecated",
    "readOnly",
    "writeOnly",
    "$anchor",
    "$vocabulary",
    "additionalItems",
];

/// Whether an object looks like one.
pub fn is(json: &Json) -> bool {
    let Json::Object(entries) = json else {
        return false;
    };
    entries.iter().any(|(name, value)| match name.as_str() {
        "properties" | "$defs" | "definitions" => matches!(value, Json::Object(_)),
        "$schema" => value
            .text()
            .is_some_and(|text| text.contains("json-schema.org")),
        _ => false,
    })
}

/// Reads a schema.
///
/// # Errors
/// `bad_descriptor`, with the place.
pub fn read(json: Json) -> Result<Descriptor, Fatal> {
    let mut read = Descriptor::new(Format::Jsonl);
    read.about
        .push("A null is taken for a value that is not there.".into());
    let reader = Reader { document: &json };
    let mut top = reader.resolved(Entries::of(json.clone(), "")?, &mut 0)?;
    if top.peek("type").and_then(Json::text) == Some("array") && top.has("items") {
        read.format = Format::JsonArray;
        let at = top.below("items");
        let items = top.take("items").unwrap_or(Json::Null);
        top.take("type");
        silence(&mut top);
        for (name, value) in top.rest() {
            read.lost.push(format!("/{name} = {value}"));
        }
        top = reader.resolved(Entries::of(items, at)?, &mut 0)?;
    }
    if let Some(title) = top.text("title")? {
        read.name = Some(title);
    }
    read.about.extend(top.text("description")?);
    match top.take("type") {
        None => {}
        Some(Json::Text(kind)) if kind == "object" => {}
        Some(Json::List(kinds)) if kinds.iter().any(|kind| kind.text() == Some("object")) => {}
        Some(other) => {
            let message = format!("{}/type is {other}: records are objects", top.at);
            return Err(Fatal::new("bad_descriptor", message));
        }
    }
    if !top.has("properties") {
        return Err(Fatal::new(
            "bad_descriptor",
            format!("{} names no properties", top.at),
        ));
    }
    match top.take("additionalProperties") {
        Some(Json::Boolean(false)) => read.columns.text("unknown", "reject"),
        None | Some(Json::Boolean(true)) => {}
        Some(other) => read.lost.push(format!("additionalProperties = {other}")),
    }
    reader.members(&mut top, &[], true, 0, &mut read)?;
    silence(&mut top);
    for (name, value) in top.rest() {
        read.lost.push(format!("{name} = {value}"));
    }
    Ok(read)
}

fn silence(entries: &mut Entries) {
    for silent in SILENT {
        entries.take(silent);
    }
}

struct Reader<'j> {
    document: &'j Json,
}

impl Reader<'_> {
    /// A schema with what it refers to, and with the only schema of an `allOf`, in the place of the reference.
    fn resolved(&self, mut schema: Entries, depth: &mut usize) -> Result<Entries, Fatal> {
        loop {
            let target = match schema.text("$ref")? {
                Some(place) => self.pointed(&place, &schema.at)?,
                None => match schema.peek("allOf") {
                    Some(Json::List(all)) if all.len() == 1 => {
                        let only = all[0].clone();
                        schema.take("allOf");
                        only
                    }
                    _ => return Ok(schema),
                },
            };
            *depth += 1;
            if *depth > MAX_DEPTH_LEVELS {
                let message = format!(
                    "{}: references lead deeper than {MAX_DEPTH_LEVELS} levels",
                    schema.at
                );
                return Err(Fatal::new("bad_descriptor", message));
            }
            let mut merged = Entries::of(target, &schema.at)?;
            // What stands beside a reference counts more.
            let beside: Vec<_> = schema.rest().collect();
            let Json::Object(mut all) = Json::Object(merged.rest().collect()) else {
                return Ok(merged);
            };
            all.retain(|(name, _)| beside.iter().all(|(other, _)| other != name));
            all.extend(beside);
            schema = Entries::of(Json::Object(all), merged.at)?;
        }
    }

    /// What a reference inside of the document names.
    fn pointed(&self, place: &str, at: &str) -> Result<Json, Fatal> {
        let none = || {
            let message = format!("{at}/$ref: {place:?} is no place in this document");
            Fatal::new("bad_descriptor", message).hint("put what it names below $defs")
        };
        let pointer = place.strip_prefix('#').ok_or_else(none)?;
        let mut found = self.document;
        for step in pointer.split('/').skip(1) {
            let step = step.replace("~1", "/").replace("~0", "~");
            found = match found {
                Json::Object(entries) => {
                    let entry = entries.iter().find(|(name, _)| *name == step);
                    &entry.ok_or_else(none)?.1
                }
                Json::List(items) => {
                    let index: usize = step.parse().map_err(|_| none())?;
                    items.get(index).ok_or_else(none)?
                }
                _ => return Err(none()),
            };
        }
        Ok(found.clone())
    }

    /// The members of an object as fields. `is_there` says that every record has the object.
    fn members(
        &self,
        object: &mut Entries,
        above: &[String],
        is_there: bool,
        depth: usize,
        read: &mut Descriptor,
    ) -> Result<(), Fatal> {
        let required = object.texts("required")?.unwrap_or_default();
        let at = object.below("properties");
        let Some(mut properties) = object.object("properties")? else {
            return Ok(());
        };
        let mut names = Vec::new();
        for (name, schema) in properties.rest() {
            let is_required = required.contains(&name);
            names.push(name.clone());
            let path = [above, std::slice::from_ref(&name)].concat();
            let at = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
            match schema {
                Json::Boolean(true) => self.untyped(path, is_required && is_there, read),
                Json::Boolean(false) => read.lost.push(format!("{at}: must never be there")),
                schema => {
                    let mut deeper = depth + 1;
                    let schema = self.resolved(Entries::of(schema, at)?, &mut deeper)?;
                    self.member(schema, path, (is_required, is_there), deeper, read)?;
                }
            }
            if read.fields.len() > MAX_FIELDS {
                let message = format!("more than {MAX_FIELDS} fields");
                return Err(Fatal::new("bad_descriptor", message));
            }
        }
        for name in required.iter().filter(|name| !names.contains(name)) {
            let path = [above, std::slice::from_ref(name)].concat();
            self.untyped(path, is_there, read);
        }
        Ok(())
    }

    /// A member of which nothing but its place is known.
    fn untyped(&self, path: Vec<String>, is_required: bool, read: &mut Descriptor) {
        let mut field = Field::new(path.join("."), From::Path(path));
        field.words.text("type", "string");
        if is_required {
            field.words.say("required", "true");
        }
        types_asked(
            &mut field,
            "nothing says of which type it is",
            &["string", "integer", "decimal", "boolean", "list", "object"],
        );
        read.fields.push(field);
    }

    fn member(
        &self,
        mut schema: Entries,
        path: Vec<String>,
        (is_required, is_there): (bool, bool),
        depth: usize,
        read: &mut Descriptor,
    ) -> Result<(), Fatal> {
        let mut nullable = schema.take("nullable") == Some(Json::Boolean(true));
        schema = self.nullable(schema, &mut nullable)?;
        let mut kinds = schema.texts("type")?.unwrap_or_default();
        nullable |= kinds.iter().any(|kind| kind == "null");
        kinds.retain(|kind| kind != "null");
        let has_members =
            matches!(schema.peek("properties"), Some(Json::Object(members)) if !members.is_empty());
        if has_members && (kinds.is_empty() || kinds == ["object"]) {
            if depth > MAX_DEPTH_LEVELS {
                let message = format!(
                    "{}: objects are deeper than {MAX_DEPTH_LEVELS} levels",
                    schema.at
                );
                return Err(Fatal::new("bad_descriptor", message));
            }
            let first = read.fields.len();
            let is_there = is_there && is_required && !nullable;
            self.members(&mut schema, &path, is_there, depth, read)?;
            let mut lost = Vec::new();
            match schema.take("additionalProperties") {
                None | Some(Json::Boolean(true)) => {}
                Some(other) => lost.push(format!("additionalProperties = {other}")),
            }
            let about: Vec<_> = [schema.text("title")?, schema.text("description")?]
                .into_iter()
                .flatten()
                .collect();
            silence(&mut schema);
            lost.extend(
                schema
                    .rest()
                    .map(|(name, value)| format!("{name} = {value}")),
            );
            let lost = lost
                .into_iter()
                .map(|lost| format!("{}: {lost}", path.join(".")));
            match read.fields.get_mut(first) {
                Some(field) => {
                    field.about.splice(0..0, about);
                    field.lost.extend(lost);
                }
                None => read.lost.extend(lost),
            }
            return Ok(());
        }
        let mut field = Field::new(path.join("."), From::Path(path));
        if is_required && is_there && !nullable {
            field.words.say("required", "true");
        } else if is_required && !nullable {
            field
                .lost
                .push("required where the object around it is there".into());
        } else if is_required && is_there {
            field
                .lost
                .push("required, and may be null: it need not be there".into());
        }
        let required = field.words.take_back("required");
        self.scalar(&mut schema, &kinds, &mut field)?;
        if let Some(required) = required {
            field.words.say("required", required);
        }
        read.fields.push(field);
        Ok(())
    }

    /// A choice between one schema and null is that schema.
    fn nullable(&self, mut schema: Entries, nullable: &mut bool) -> Result<Entries, Fatal> {
        for choice in ["anyOf", "oneOf"] {
            let Some(Json::List(all)) = schema.peek(choice) else {
                continue;
            };
            let is_null = |one: &Json| {
                matches!(one, Json::Object(entries)
                if entries.iter().any(|(name, value)| name == "type" && value.text() == Some("null")))
            };
            let others: Vec<_> = all.iter().filter(|one| !is_null(one)).cloned().collect();
            if let ([only], true) = (&others[..], others.len() < all.len()) {
                schema.take(choice);
                *nullable = true;
                let only = Json::Object(vec![("allOf".into(), Json::List(vec![only.clone()]))]);
                let mut beside: Vec<_> = schema.rest().collect();
                if let Json::Object(entries) = only {
                    beside.extend(entries);
                }
                let at = schema.at.clone();
                return self.resolved(Entries::of(Json::Object(beside), at)?, &mut 0);
            }
        }
        Ok(schema)
    }

    fn scalar(
        &self,
        schema: &mut Entries,
        kinds: &[String],
        field: &mut Field,
    ) -> Result<(), Fatal> {
        for about in ["title", "description"] {
            field.about.extend(schema.text(about)?);
        }
        let constant = schema.take("const").map(|value| vec![value]);
        let values = match constant {
            Some(values) => Some(values),
            None => schema.list("enum")?,
        };
        let mut kind = kinds.first().map(String::as_str);
        if kind.is_none() {
            kind = implied(values.as_deref(), schema);
        }
        match (kind, kinds.len()) {
            (Some("string"), 0 | 1) => self.text(schema, field)?,
            (Some("integer"), 0 | 1) => field.words.text("type", "integer"),
            (Some("number"), 0 | 1) => field.words.text("type", "decimal"),
            (Some("boolean"), 0 | 1) => field.words.text("type", "boolean"),
            (Some("object"), 0 | 1) => field.words.text("type", "object"),
            (Some("array"), 0 | 1) => self.list(schema, field)?,
            (Some(other), 0 | 1) => {
                let message = format!("{}/type: {other:?} is no type", schema.at);
                return Err(Fatal::new("bad_descriptor", message));
            }
            _ => {
                field.words.text("type", "string");
                let known: Vec<_> = kinds.iter().map(|kind| ours(kind)).collect();
                match known.is_empty() {
                    true => types_asked(
                        field,
                        "nothing says of which type it is",
                        &["string", "integer", "decimal", "boolean", "list", "object"],
                    ),
                    false => types_asked(field, "it may be of several types", &known),
                }
            }
        }
        match schema.take("default") {
            None | Some(Json::Null) => {}
            Some(value) => match constraints::literal(&value, &field.words) {
                Some(literal) => field.words.say("default", literal),
                None => field.lost.push(format!("default = {value}")),
            },
        }
        if let Some(Json::Boolean(false)) = schema.peek("uniqueItems") {
            schema.take("uniqueItems");
        }
        if let Some(mut values) = values {
            values.retain(|value| *value != Json::Null);
            constraints::allowed(&values, field);
        }
        if matches!(schema.peek("required"), Some(Json::List(_)))
            && let Some(names) = schema.take("required")
        {
            field.lost.push(format!("required = {names}"));
        }
        constraints::take(schema, field)?;
        silence(schema);
        for (name, value) in schema.rest() {
            field.lost.push(format!("{name} = {value}"));
        }
        Ok(())
    }

    fn text(&self, schema: &mut Entries, field: &mut Field) -> Result<(), Fatal> {
        let format = schema.text("format")?;
        let kind = match format.as_deref() {
            None | Some("regex" | "password" | "byte" | "binary") => "string",
            Some(kind @ ("date" | "time" | "duration" | "email" | "uuid")) => kind,
            Some("date-time") => "datetime",
            Some("uri" | "url") => "url",
            Some(other) => {
                field.lost.push(format!("format = {other:?}"));
                "string"
            }
        };
        field.words.text("type", kind);
        if let Some(text) = schema.text("pattern")? {
            field.words.text("pattern", &pattern::searched(&text));
        }
        Ok(())
    }

    fn list(&self, schema: &mut Entries, field: &mut Field) -> Result<(), Fatal> {
        field.words.text("type", "list");
        let Some(items) = schema.take("items") else {
            return Ok(());
        };
        if matches!(items, Json::Boolean(_) | Json::List(_)) {
            field.lost.push(format!("items = {items}"));
            return Ok(());
        }
        let items = self.resolved(Entries::of(items, schema.below("items"))?, &mut 0)?;
        let mut items = items;
        let kind = items.texts("type")?.unwrap_or_default();
        let mut item = Field::new("", From::Column(0));
        match &kind[..] {
            [kind] if kind == "string" => self.text(&mut items, &mut item)?,
            [kind] if matches!(kind.as_str(), "integer" | "number" | "boolean" | "object") => {
                item.words.text("type", ours(kind));
            }
            [] if items.has("properties") => item.words.text("type", "object"),
            [] => {}
            kinds => field.lost.push(format!("items: type = {kinds:?}")),
        }
        if let Some(kind) = item.words.take_back("type") {
            field.words.say("items", kind);
        }
        field
            .lost
            .extend(item.lost.into_iter().map(|lost| format!("items: {lost}")));
        for (name, value) in item.words.0 {
            field.lost.push(format!("items: {name} = {value}"));
        }
        silence(&mut items);
        for (name, value) in items.rest() {
            if !matches!(name.as_str(), "title" | "description") {
                field.lost.push(format!("items: {name} = {value}"));
            }
        }
        Ok(())
    }
}

/// The type that keywords without one imply: those of the values, or those that a keyword is for.
fn implied(values: Option<&[Json]>, schema: &Entries) -> Option<&'static str> {
    if let Some(values) = values {
        let all =
            |is: fn(&Json) -> bool| values.iter().filter(|value| **value != Json::Null).all(is);
        return match () {
            () if all(|value| value.text().is_some()) => Some("string"),
            () if all(
                |value| matches!(value, Json::Number(text) if text.parse::<i64>().is_ok()),
            ) =>
            {
                Some("integer")
            }
            () if all(|value| matches!(value, Json::Number(_))) => Some("number"),
            () if all(|value| matches!(value, Json::Boolean(_))) => Some("boolean"),
            () => None,
        };
    }
    let has = |names: &[&str]| names.iter().any(|name| schema.has(name));
    match () {
        () if has(&["pattern", "format", "minLength", "maxLength"]) => Some("string"),
        () if has(&["items", "minItems", "maxItems"]) => Some("array"),
        () => None,
    }
}

/// A type of JSON Schema as one of a spec.
fn ours(kind: &str) -> &'static str {
    match kind {
        "integer" => "integer",
        "number" => "decimal",
        "boolean" => "boolean",
        "array" => "list",
        "object" => "object",
        _ => "string",
    }
}

fn types_asked(field: &mut Field, asked: &str, kinds: &[&str]) {
    let choice = |kind: &&str| {
        let mut words = Words::default();
        words.text("type", kind);
        (words, String::new())
    };
    field.ask(asked, kinds.iter().map(choice).collect());
}
