//! Frictionless: a Table Schema, a Data Resource, or a Data Package with one tabular resource, of version 1 and 2.
//!
//! Numbers become exact decimals, `default` formats are those of ISO 8601, and a format `any` is left undecided: nothing is
//! guessed. A pattern means the whole value, as the standard has it.

use super::json::{Entries, Json, wrong};
use super::middle::{Descriptor, Field, Format, From, Words};
use super::{constraints, moment, pattern};
use crate::infer::quoted;
use pipeline::Fatal;

/// Properties that say nothing of how a file is read.
const SILENT: [&str; 14] = [
    "$schema",
    "profile",
    "path",
    "scheme",
    "hash",
    "bytes",
    "type",
    "id",
    "licenses",
    "sources",
    "homepage",
    "created",
    "contributors",
    "keywords",
];

/// Whether an object looks like one.
pub fn is(json: &Json) -> bool {
    let Json::Object(entries) = json else {
        return false;
    };
    let of = |name: &str| {
        entries
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, value)| value)
    };
    let has_fields = |value: &Json| matches!(value, Json::Object(all) if all.iter().any(|(name, _)| name == "fields"));
    let is_schema = matches!(of("fields"), Some(Json::List(_)));
    is_schema
        || of("schema").is_some_and(has_fields)
        || matches!(of("resources"), Some(Json::List(_)))
}

/// Reads a descriptor.
///
/// # Errors
/// `bad_descriptor`, with the place.
pub fn read(json: Json) -> Result<Descriptor, Fatal> {
    let mut top = Entries::of(json, "")?;
    let mut read = Descriptor::new(Format::Csv(Words::default()));
    if top.has("resources") {
        let (resource, others) = tabular(&mut top)?;
        read.lost.extend(others);
        annotations(&mut top, &mut read)?;
        rest(&mut top, &mut read);
        return of_resource(resource, read);
    }
    match top.has("schema") {
        true => of_resource(top, read),
        false => {
            of_schema(top, &mut read)?;
            Ok(read)
        }
    }
}

/// The resource of a package that is a table.
fn tabular(package: &mut Entries) -> Result<(Entries, Vec<String>), Fatal> {
    let at = package.below("resources");
    let resources = package.list("resources")?.unwrap_or_default();
    let mut tables = Vec::new();
    let mut others = Vec::new();
    for (index, resource) in resources.into_iter().enumerate() {
        let resource = Entries::of(resource, format!("{at}/{index}"))?;
        match resource.has("schema") {
            true => tables.push(resource),
            false => others.push(format!("{} has no schema", resource.at)),
        }
    }
    let names: Vec<_> = (tables.iter())
        .map(|table| {
            table
                .peek("name")
                .map_or_else(|| table.at.clone(), Json::to_string)
        })
        .collect();
    if tables.len() > 1 {
        let message = format!("{at} has {} tables: {}", tables.len(), names.join(", "));
        let hint = "a spec is of one: import a file with one resource alone";
        return Err(Fatal::new("bad_descriptor", message).hint(hint));
    }
    match tables.pop() {
        Some(table) => Ok((table, others)),
        None => Err(Fatal::new(
            "bad_descriptor",
            format!("{at} has no resource with a schema"),
        )),
    }
}

fn of_resource(mut resource: Entries, mut read: Descriptor) -> Result<Descriptor, Fatal> {
    if let Some(name) = resource.text("name")? {
        read.name = Some(name);
    }
    annotations(&mut resource, &mut read)?;
    if let Some(encoding) = resource.text("encoding")? {
        read.input.text("encoding", &encoding.to_ascii_lowercase());
    }
    if let Some(compression) = resource.text("compression")? {
        let known = match compression.as_str() {
            "gz" => "gzip",
            "bz2" => "bzip2",
            other => other,
        };
        read.input.text("compression", known);
    }
    let format = resource.text("format")?;
    let media = resource.text("mediatype")?;
    let mut csv = Words::default();
    match (format.as_deref(), media.as_deref()) {
        (Some("tsv"), _) | (None, Some("text/tab-separated-values")) => csv.text("delimiter", "\t"),
        (None | Some("csv"), _) => {}
        (Some("jsonl" | "ndjson"), _) => read.format = Format::Jsonl,
        (Some(other), _) => {
            let message = format!(
                "{}/format is {other:?}: only csv, tsv and jsonl are read",
                resource.at
            );
            return Err(Fatal::new("bad_descriptor", message));
        }
    }
    let is_csv = matches!(read.format, Format::Csv(_));
    let mut has_header = true;
    if resource
        .peek("dialect")
        .is_some_and(|dialect| dialect.text().is_some())
    {
        let place = resource.text("dialect")?.unwrap_or_default();
        read.lost
            .push(format!("dialect stands elsewhere, in {place}"));
    } else if let Some(dialect) = resource.object("dialect")? {
        has_header = of_dialect(dialect, &mut csv, &mut read.lost)?;
    }
    let at = resource.below("schema");
    match resource.take("schema") {
        Some(Json::Text(place)) => {
            let message = format!("{at} stands elsewhere, in {place:?}");
            return Err(Fatal::new("bad_descriptor", message).hint("put it in its place"));
        }
        Some(schema) => of_schema(Entries::of(schema, at)?, &mut read)?,
        None => return Err(Fatal::new("bad_descriptor", format!("{at} is missing"))),
    }
    if is_csv {
        if !has_header {
            let titles: Vec<_> = read
                .fields
                .iter()
                .map(|field| field.title.clone())
                .collect();
            csv.texts("columns", &titles);
        }
        read.format = Format::Csv(csv);
    } else {
        for field in &mut read.fields {
            field.from = From::Path(vec![field.title.clone()]);
        }
    }
    rest(&mut resource, &mut read);
    Ok(read)
}

/// Reads a Table Dialect, or a CSV Dialect; says whether there is a header.
fn of_dialect(
    mut dialect: Entries,
    csv: &mut Words,
    lost: &mut Vec<String>,
) -> Result<bool, Fatal> {
    for (theirs, ours) in [
        ("delimiter", "delimiter"),
        ("quoteChar", "quote_char"),
        ("escapeChar", "escape_char"),
        ("commentChar", "comment_char"),
    ] {
        if let Some(text) = dialect.text(theirs)? {
            csv.text(ours, &text);
        }
    }
    if let Some(double) = dialect.boolean("doubleQuote")? {
        csv.say("double_quote", double.to_string());
    }
    let mut has_header = dialect.boolean("header")?.unwrap_or(true);
    if let Some(rows) = dialect.list("headerRows")? {
        let at = dialect.below("headerRows");
        let number = |row: &Json| match row {
            Json::Number(text) => text
                .parse::<u64>()
                .map_err(|_| wrong(&at, "whole numbers", row)),
            other => Err(wrong(&at, "whole numbers", other)),
        };
        let rows = rows.iter().map(number).collect::<Result<Vec<_>, _>>()?;
        let is_run = rows
            .windows(2)
            .all(|pair| pair[0].checked_add(1) == Some(pair[1]));
        match rows[..] {
            [] => has_header = false,
            [0, ..] => {
                return Err(Fatal::new(
                    "bad_descriptor",
                    format!("{at}: rows are counted from 1"),
                ));
            }
            [first, ..] if is_run => {
                if first > 1 {
                    csv.say("skip_rows", (first - 1).to_string());
                }
                if rows.len() > 1 {
                    csv.say("header", format!("{{ rows = {} }}", rows.len()));
                }
            }
            _ => lost.push(format!(
                "headerRows {rows:?}: a header is of rows that follow each other"
            )),
        }
    }
    if !has_header {
        csv.say("header", "{ rows = 0 }");
    }
    if dialect.boolean("skipInitialSpace")? == Some(true) {
        lost.push("skipInitialSpace: say transform = [\"trim\"] in fields that have spaces".into());
    }
    // What every file is read with.
    dialect.take("lineTerminator");
    dialect.take("csvddfVersion");
    dialect.take("$schema");
    if dialect.peek("headerJoin").and_then(Json::text) == Some(" ") {
        dialect.take("headerJoin");
    }
    for (name, value) in dialect.rest() {
        lost.push(format!("dialect: {name} = {value}"));
    }
    Ok(has_header)
}

fn of_schema(mut schema: Entries, read: &mut Descriptor) -> Result<(), Fatal> {
    if let (None, Some(name)) = (&read.name, schema.text("name")?) {
        read.name = Some(name);
    }
    annotations(&mut schema, read)?;
    let missing = match schema.list("missingValues")? {
        Some(missing) => missing_values(missing, &schema.below("missingValues"))?,
        // What the standard says where the schema says nothing.
        None => vec![String::new()],
    };
    if !missing.is_empty() {
        read.values.texts("missing_values", &missing);
    }
    let at = schema.below("fields");
    let fields = schema.list("fields")?;
    let fields = fields.ok_or_else(|| Fatal::new("bad_descriptor", format!("{at} is missing")))?;
    for (index, field) in fields.into_iter().enumerate() {
        let field = of_field(Entries::of(field, format!("{at}/{index}"))?)?;
        read.fields.push(field);
    }
    match schema.text("fieldsMatch")?.as_deref() {
        None | Some("partial") => {}
        Some(rule @ ("exact" | "equal")) => {
            if rule == "exact" {
                read.columns.text("order", "strict");
            }
            read.columns.text("missing", "fail_any");
            read.columns.text("unknown", "fail");
        }
        Some("subset") => read.columns.text("missing", "fail_any"),
        Some("superset") => {
            read.columns.text("missing", "null");
            read.columns.text("unknown", "fail");
        }
        Some(other) => read
            .lost
            .push(format!("fieldsMatch {other:?} is not known")),
    }
    if let Some(key) = schema.texts("primaryKey")? {
        read.primary(&key);
    }
    for key in schema.list("uniqueKeys")?.unwrap_or_default() {
        let names = match &key {
            Json::Text(name) => vec![name.clone()],
            Json::List(names) => names
                .iter()
                .filter_map(|name| name.text().map(str::to_owned))
                .collect(),
            other => return Err(wrong(&schema.below("uniqueKeys"), "names", other)),
        };
        let numbers = read.numbers("uniqueKeys", &names);
        if !numbers.is_empty() {
            read.unique.push(numbers);
        }
    }
    rest(&mut schema, read);
    Ok(())
}

fn missing_values(said: Vec<Json>, at: &str) -> Result<Vec<String>, Fatal> {
    let text = |one: Json| match one {
        Json::Text(text) => Ok(text),
        // Version 2 has labels beside them.
        Json::Object(entries) => {
            let value = entries.into_iter().find(|(name, _)| name == "value");
            match value {
                Some((_, Json::Text(text))) => Ok(text),
                Some((_, other)) => Err(wrong(at, "texts", &other)),
                None => Err(Fatal::new(
                    "bad_descriptor",
                    format!("{at}: a missing value has no value"),
                )),
            }
        }
        other => Err(wrong(at, "texts", &other)),
    };
    said.into_iter().map(text).collect()
}

fn of_field(mut entries: Entries) -> Result<Field, Fatal> {
    let at = entries.below("name");
    let name = entries.text("name")?;
    let name = name.ok_or_else(|| Fatal::new("bad_descriptor", format!("{at} is missing")))?;
    let mut field = Field::new(name.clone(), From::Titles(vec![name]));
    for about in ["title", "description"] {
        field.about.extend(entries.text(about)?);
    }
    if let Some(missing) = entries.list("missingValues")? {
        let missing = missing_values(missing, &entries.below("missingValues"))?;
        field.words.texts("missing_values", &missing);
    }
    let kind = entries.text("type")?.unwrap_or_else(|| "string".into());
    let format = entries.text("format")?.unwrap_or_else(|| "default".into());
    of_type(&kind, &format, &mut entries, &mut field)?;
    if let Some(mut said) = entries.object("constraints")? {
        if let Some(text) = said.text("pattern")? {
            field.words.text("pattern", &pattern::whole(&text));
        }
        constraints::take(&mut said, &mut field)?;
        for (name, value) in said.rest() {
            field.lost.push(format!("{name} = {value}"));
        }
    }
    for silent in ["example", "rdfType"] {
        entries.take(silent);
    }
    for (name, value) in entries.rest() {
        field.lost.push(format!("{name} = {value}"));
    }
    Ok(field)
}

fn of_type(
    kind: &str,
    format: &str,
    entries: &mut Entries,
    field: &mut Field,
) -> Result<(), Fatal> {
    let words = &mut field.words;
    let plain = |words: &mut Words, kind: &str| words.text("type", kind);
    match (kind, format) {
        ("string", "email") => plain(words, "email"),
        ("string", "uri") => plain(words, "url"),
        ("string", "uuid") => plain(words, "uuid"),
        ("string", "default") => plain(words, "string"),
        ("any", _) => {
            plain(words, "string");
            field
                .about
                .push("of any type: texts stay as they are".into());
        }
        ("integer" | "number", _) => {
            plain(
                words,
                if kind == "integer" {
                    "integer"
                } else {
                    "decimal"
                },
            );
            if let Some(text) = entries.text("decimalChar")?.filter(|text| text != ".") {
                words.text("decimal_char", &text);
            }
            if let Some(text) = entries.text("groupChar")?.filter(|text| !text.is_empty()) {
                words.text("group_char", &text);
            }
            if entries.boolean("bareNumber")? == Some(false) {
                let replace = r#"[{ replace = ['^[^0-9+\-.,]+|[^0-9]+$', ""] }]"#;
                words.say("transform", replace);
            }
        }
        ("boolean", _) => {
            plain(words, "boolean");
            let yes = entries.texts("trueValues")?;
            let no = entries.texts("falseValues")?;
            let texts = |said: Option<Vec<String>>, others: [&str; 4]| {
                said.unwrap_or_else(|| others.map(str::to_owned).to_vec())
            };
            words.texts("true_values", &texts(yes, ["true", "True", "TRUE", "1"]));
            words.texts("false_values", &texts(no, ["false", "False", "FALSE", "0"]));
        }
        ("object" | "geojson", "default") => plain(words, "object"),
        ("array", _) => plain(words, "list"),
        ("list", _) => {
            plain(words, "list");
            let between = entries.text("delimiter")?.unwrap_or_else(|| ",".into());
            words.text("separator", &between);
            let items = entries.text("itemType")?;
            let items = items.as_deref().unwrap_or("string");
            words.text("items", if items == "number" { "decimal" } else { items });
        }
        ("date" | "datetime" | "time", "default") => plain(words, kind),
        ("date" | "datetime" | "time", "any") => {
            plain(words, "string");
            let mut iso = Words::default();
            iso.text("type", kind);
            field.ask(
                "how it is written: the descriptor says `any`",
                vec![(iso, "ISO 8601".into())],
            );
        }
        ("date" | "datetime" | "time", _) => {
            let directives = format.strip_prefix("fmt:").unwrap_or(format);
            moment_in(field, kind, directives);
        }
        ("duration", _) => plain(words, "duration"),
        ("year", _) => {
            plain(words, "integer");
            field.about.push("a year".into());
        }
        ("yearmonth", _) => {
            plain(words, "string");
            words.say("pattern", r"'-?\d{4}-\d{2}'");
            field.about.push("a year and a month".into());
        }
        _ => {
            plain(words, "string");
            field
                .lost
                .push(format!("type {kind:?}, format {format:?}: read as a text"));
        }
    }
    Ok(())
}

/// A date or time in directives of strptime; local times want a zone, which no descriptor says.
pub fn moment_in(field: &mut Field, kind: &str, format: &str) {
    let (_, has_offset) = moment::says(format);
    if kind != "datetime" || has_offset {
        field.words.text("type", kind);
        field.words.text("format", format);
        return;
    }
    field.words.text("type", "string");
    let choice = |zone: &str| {
        let mut words = Words::default();
        words.text("type", kind);
        words.text("format", format);
        words.text("timezone", zone);
        words
    };
    field.ask(
        format!("the zone of local times, written {}", quoted(format)),
        vec![
            (choice("UTC"), "universal time".into()),
            (choice("Europe/Berlin"), "or any other zone".into()),
        ],
    );
}

/// What people read.
fn annotations(entries: &mut Entries, read: &mut Descriptor) -> Result<(), Fatal> {
    for about in ["title", "description"] {
        read.about.extend(entries.text(about)?);
    }
    Ok(())
}

/// What nobody took.
fn rest(entries: &mut Entries, read: &mut Descriptor) {
    for silent in SILENT {
        entries.take(silent);
    }
    if let (None, Some(Json::Text(name))) = (&read.name, entries.take("name")) {
        read.name = Some(name);
    }
    let at = entries.at.clone();
    for (name, value) in entries.rest() {
        read.lost.push(format!("{at}/{name} = {value}"));
    }
}
