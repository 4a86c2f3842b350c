//! CSV on the Web: a metadata document of one table, with what columns inherit from it.
//!
//! Where a format stands in Unicode's letters it becomes directives of strptime; a format of texts is an expression that is
//! searched, as ECMAScript has it. Virtual columns, links and everything of RDF have no place in a spec, and are told.

use super::json::{Entries, Json, wrong};
use super::middle::{Descriptor, Field, Format, From, Words};
use super::{constraints, frictionless, moment, pattern};
use pipeline::Fatal;

/// Properties that columns have from what they stand in.
const INHERITED: [&str; 6] = [
    "null",
    "default",
    "required",
    "separator",
    "datatype",
    "ordered",
];
/// Properties that say nothing of how a file is read.
const SILENT: [&str; 10] = [
    "@context",
    "@type",
    "@id",
    "url",
    "lang",
    "textDirection",
    "tableDirection",
    "id",
    "notes",
    "dc:modified",
];

/// Whether an object looks like one.
pub fn is(json: &Json) -> bool {
    let Json::Object(entries) = json else {
        return false;
    };
    let is_ours = |value: &Json| value.to_string().contains("http://www.w3.org/ns/csvw");
    entries
        .iter()
        .any(|(name, value)| name == "tableSchema" || name == "@context" && is_ours(value))
}

/// Reads a metadata document.
///
/// # Errors
/// `bad_descriptor`, with the place.
pub fn read(json: Json) -> Result<Descriptor, Fatal> {
    let mut top = Entries::of(json, "")?;
    let mut read = Descriptor::new(Format::Csv(Words::default()));
    let mut inherited = Vec::new();
    let mut table = match top.has("tables") {
        false => top,
        true => {
            let at = top.below("tables");
            let mut tables = top.list("tables")?.unwrap_or_default();
            if tables.len() != 1 {
                let message = format!("{at} has {} tables", tables.len());
                let hint = "a spec is of one: import a document of one table";
                return Err(Fatal::new("bad_descriptor", message).hint(hint));
            }
            inherit(&mut top, &mut inherited);
            let mut table = Entries::of(tables.remove(0), format!("{at}/0"))?;
            if let (false, Some(dialect)) = (table.has("dialect"), top.take("dialect")) {
                of_dialect(Entries::of(dialect, "/dialect")?, &mut read)?;
            } else if let Some(dialect) = table.take("dialect") {
                of_dialect(Entries::of(dialect, table.below("dialect"))?, &mut read)?;
            }
            rest(&mut top, &mut read);
            table
        }
    };
    if let Some(dialect) = table.take("dialect") {
        of_dialect(Entries::of(dialect, table.below("dialect"))?, &mut read)?;
    }
    if let Some(url) = table.text("url")? {
        let file = url.rsplit('/').next().unwrap_or_default();
        read.name = file
            .split('.')
            .next()
            .map(str::to_owned)
            .filter(|name| !name.is_empty());
    }
    inherit(&mut table, &mut inherited);
    let at = table.below("tableSchema");
    let mut schema = match table.take("tableSchema") {
        Some(schema @ Json::Object(_)) => Entries::of(schema, at)?,
        Some(Json::Text(place)) => {
            let message = format!("{at} stands elsewhere, in {place:?}");
            return Err(Fatal::new("bad_descriptor", message).hint("put it in its place"));
        }
        Some(other) => return Err(wrong(&at, "an object", &other)),
        None => return Err(Fatal::new("bad_descriptor", format!("{at} is missing"))),
    };
    rest(&mut table, &mut read);
    inherit(&mut schema, &mut inherited);
    let at = schema.below("columns");
    for (index, column) in schema
        .list("columns")?
        .unwrap_or_default()
        .into_iter()
        .enumerate()
    {
        let column = Entries::of(column, format!("{at}/{index}"))?;
        let field = of_column(column, index, &inherited)?;
        match field {
            Ok(field) => read.fields.push(field),
            Err(lost) => read.lost.push(lost),
        }
    }
    if read.fields.is_empty() {
        return Err(Fatal::new(
            "bad_descriptor",
            format!("{at} names no column"),
        ));
    }
    if let Some(key) = schema.texts("primaryKey")? {
        read.primary(&key);
    }
    rest(&mut schema, &mut read);
    finish(&mut read);
    Ok(read)
}

/// Columns are known by their titles; where there is no header they have their names.
fn finish(read: &mut Descriptor) {
    let Format::Csv(csv) = &mut read.format else {
        return;
    };
    if csv.get("header") == Some("{ rows = 0 }") {
        let titles: Vec<_> = read
            .fields
            .iter()
            .map(|field| field.title.clone())
            .collect();
        csv.texts("columns", &titles);
        for field in &mut read.fields {
            field.from = From::Titles(vec![field.title.clone()]);
        }
    }
}

fn inherit(entries: &mut Entries, inherited: &mut Vec<(&'static str, Json)>) {
    for name in INHERITED {
        if let Some(value) = entries.take(name) {
            inherited.retain(|(other, _)| *other != name);
            inherited.push((name, value));
        }
    }
}

fn of_dialect(mut dialect: Entries, read: &mut Descriptor) -> Result<(), Fatal> {
    let Format::Csv(csv) = &mut read.format else {
        return Ok(());
    };
    if let Some(text) = dialect.text("delimiter")? {
        csv.text("delimiter", &text);
    }
    if dialect.peek("quoteChar") == Some(&Json::Null) {
        csv.text("quote_char", "");
    }
    if let Some(text) = dialect.text("quoteChar")? {
        csv.text("quote_char", &text);
    }
    if let Some(text) = dialect.text("commentPrefix")? {
        csv.text("comment_char", &text);
    }
    if dialect.boolean("doubleQuote")? == Some(false) {
        csv.say("double_quote", "false");
        csv.text("escape_char", "\\");
    }
    if let Some(rows) = dialect.count("skipRows")?.filter(|rows| *rows > 0) {
        csv.say("skip_rows", rows.to_string());
    }
    let rows = dialect.count("headerRowCount")?;
    let header = dialect.boolean("header")?;
    match rows.or(header.map(u64::from)) {
        None | Some(1) => {}
        Some(rows) => csv.say("header", format!("{{ rows = {rows} }}")),
    }
    if let Some(encoding) = dialect.text("encoding")? {
        read.input.text("encoding", &encoding.to_ascii_lowercase());
    }
    let silent: [(&str, &[Json]); 4] = [
        ("skipColumns", &[Json::Number("0".into())]),
        ("skipInitialSpace", &[Json::Boolean(false)]),
        ("trim", &[Json::Boolean(false)]),
        (
            "skipBlankRows",
            &[Json::Boolean(true), Json::Boolean(false)],
        ),
    ];
    for (name, values) in silent {
        if dialect
            .peek(name)
            .is_some_and(|value| values.contains(value))
        {
            dialect.take(name);
        }
    }
    for silent in ["lineTerminators", "@id", "@type"] {
        dialect.take(silent);
    }
    for (name, value) in dialect.rest() {
        let hint = match name.as_str() {
            "trim" | "skipInitialSpace" => {
                ": say transform = [\"trim\"] in fields that have spaces"
            }
            _ => "",
        };
        read.lost.push(format!("dialect: {name} = {value}{hint}"));
    }
    Ok(())
}

/// A column, or why it is none.
fn of_column(
    mut column: Entries,
    index: usize,
    inherited: &[(&'static str, Json)],
) -> Result<Result<Field, String>, Fatal> {
    let name = column.text("name")?;
    if column.boolean("virtual")? == Some(true) {
        let name = name.unwrap_or_else(|| column.at.clone());
        return Ok(Err(format!("{name:?} is a virtual column: no file has it")));
    }
    let titles = titles(&mut column)?;
    let title = (name.clone().or_else(|| titles.first().cloned()))
        .unwrap_or_else(|| format!("_col.{}", index + 1));
    let from = match (titles.is_empty(), name) {
        (false, _) => From::Titles(titles),
        (true, Some(name)) => From::Titles(vec![name]),
        (true, None) => From::Column(index + 1),
    };
    let mut field = Field::new(title, from);
    for about in ["dc:title", "dc:description"] {
        if let Some(Json::Text(text)) = column.peek(about) {
            field.about.push(text.clone());
            column.take(about);
        }
    }
    let mut own = Vec::new();
    inherit(&mut column, &mut own);
    let of = |name: &str| {
        let mut all = own.iter().chain(inherited);
        all.find(|(other, _)| *other == name)
            .map(|(_, value)| value.clone())
    };
    let at = column.at.clone();
    of_datatype(of("datatype"), &at, &mut field)?;
    let missing = match of("null") {
        None => vec![String::new()],
        Some(Json::Text(text)) => vec![text],
        Some(Json::List(texts)) => texts
            .iter()
            .filter_map(|text| text.text().map(str::to_owned))
            .collect(),
        Some(other) => return Err(wrong(&format!("{at}/null"), "a text or texts", &other)),
    };
    field.words.texts("missing_values", &missing);
    match of("required") {
        Some(Json::Boolean(true)) => field.words.say("required", "true"),
        None | Some(Json::Boolean(false)) => {}
        Some(other) => return Err(wrong(&format!("{at}/required"), "true or false", &other)),
    }
    if let Some(value) = of("default").filter(|value| value.text() != Some("")) {
        // What stands for an empty cell, written as in the file.
        match value.text() {
            Some(text) => {
                field.words.text("default", text);
                if !missing.iter().any(String::is_empty) {
                    field
                        .words
                        .texts("missing_values", &[vec![String::new()], missing].concat());
                }
            }
            None => return Err(wrong(&format!("{at}/default"), "a text", &value)),
        }
    }
    if let Some(Json::Text(between)) = of("separator") {
        separated(&mut field, &between);
    }
    for silent in SILENT {
        column.take(silent);
    }
    for (name, value) in column.rest() {
        field.lost.push(format!("{name} = {value}"));
    }
    Ok(Ok(field))
}

/// A cell with several values: what was said of a value is said of its items.
fn separated(field: &mut Field, between: &str) {
    let listed = |words: &mut Words| {
        let items = words.take_back("type");
        words.text("type", "list");
        words.say("items", items.unwrap_or_else(|| "\"string\"".into()));
    };
    listed(&mut field.words);
    field.words.text("separator", between);
    if let Some(question) = &mut field.question {
        for (choice, _) in &mut question.choices {
            listed(choice);
        }
    }
    for key in ["min_length", "max_length", "minimum", "maximum", "pattern"] {
        if let Some(value) = field.words.take_back(key) {
            field.lost.push(format!("of each value: {key} = {value}"));
        }
    }
}

/// Titles are a text, several, or those of each language.
fn titles(column: &mut Entries) -> Result<Vec<String>, Fatal> {
    let at = column.below("titles");
    let mut all = Vec::new();
    let mut open = Vec::from_iter(column.take("titles"));
    while let Some(value) = open.pop() {
        match value {
            Json::Text(text) => all.push(text),
            Json::List(values) => open.extend(values.into_iter().rev()),
            Json::Object(languages) => {
                open.extend(languages.into_iter().rev().map(|(_, value)| value))
            }
            other => return Err(wrong(&at, "texts", &other)),
        }
    }
    Ok(all)
}

fn of_datatype(said: Option<Json>, at: &str, field: &mut Field) -> Result<(), Fatal> {
    let at = format!("{at}/datatype");
    let mut said = match said {
        None => Entries::of(Json::Object(Vec::new()), &at)?,
        Some(base @ Json::Text(_)) => Entries::of(Json::Object(vec![("base".into(), base)]), &at)?,
        Some(said) => Entries::of(said, &at)?,
    };
    let base = said.text("base")?.unwrap_or_else(|| "string".into());
    let kind = kind_of(&base, field);
    field.words.text("type", kind);
    match kind {
        "integer" | "decimal" | "float" => of_number(&mut said, field)?,
        "boolean" => {
            if let Some(format) = said.text("format")? {
                match format.split_once('|') {
                    Some((yes, no)) => {
                        field.words.texts("true_values", &[yes]);
                        field.words.texts("false_values", &[no]);
                    }
                    None => field.lost.push(format!("format = {format:?}")),
                }
            }
        }
        "date" | "datetime" | "time" => {
            if let Some(letters) = said.text("format")? {
                match moment::of_letters(&letters) {
                    Some(format) => frictionless::moment_in(field, kind, &format),
                    None => {
                        field.words.text("type", "string");
                        let mut iso = Words::default();
                        iso.text("type", kind);
                        let asked = format!("there are no directives for the format {letters:?}");
                        field.ask(asked, vec![(iso, "ISO 8601".into())]);
                    }
                }
            } else if base == "datetime" || base == "dateTime" {
                field.about.push(
                    "a time without an offset is a reject, unless `timezone` says its zone".into(),
                );
            }
        }
        _ => {
            if let Some(format) = said.text("format")? {
                field.words.text("pattern", &pattern::searched(&format));
            }
        }
    }
    if let Some(length) = said.count("length")? {
        field.words.say("min_length", length.to_string());
        field.words.say("max_length", length.to_string());
    }
    constraints::take(&mut said, field)?;
    for silent in ["@id", "dc:title", "dc:description", "id", "name"] {
        said.take(silent);
    }
    for (name, value) in said.rest() {
        field.lost.push(format!("datatype: {name} = {value}"));
    }
    Ok(())
}

fn of_number(said: &mut Entries, field: &mut Field) -> Result<(), Fatal> {
    let said_pattern = match said.peek("format") {
        Some(Json::Text(_)) => said.text("format")?,
        _ => match said.object("format")? {
            None => None,
            Some(mut format) => {
                if let Some(text) = format.text("decimalChar")?.filter(|text| text != ".") {
                    field.words.text("decimal_char", &text);
                }
                if let Some(text) = format.text("groupChar")? {
                    field.words.text("group_char", &text);
                }
                format.text("pattern")?
            }
        },
    };
    if let Some(pattern) = said_pattern {
        if pattern.contains(',') && field.words.get("group_char").is_none() {
            field.words.text("group_char", ",");
        }
        field
            .about
            .push(format!("numbers are written as {pattern}"));
        if pattern.chars().any(|char| !"#0,.+-".contains(char)) {
            field.lost.push(format!("format: pattern = {pattern:?}"));
        }
    }
    Ok(())
}

/// The type that a base is read as, with its bounds.
fn kind_of(base: &str, field: &mut Field) -> &'static str {
    let mut bounds = |least: Option<&str>, most: Option<&str>| {
        for (key, bound) in [("minimum", least), ("maximum", most)] {
            if let Some(bound) = bound {
                field.words.say(key, bound);
            }
        }
        "integer"
    };
    match base {
        "string" | "normalizedString" | "token" | "language" | "Name" | "NMTOKEN" | "any"
        | "anyAtomicType" | "xml" | "html" | "QName" => "string",
        "json" => "object",
        "integer" | "long" | "gYear" => "integer",
        "int" => bounds(Some("-2147483648"), Some("2147483647")),
        "short" => bounds(Some("-32768"), Some("32767")),
        "byte" => bounds(Some("-128"), Some("127")),
        "nonNegativeInteger" | "unsignedLong" => bounds(Some("0"), None),
        "unsignedInt" => bounds(Some("0"), Some("4294967295")),
        "unsignedShort" => bounds(Some("0"), Some("65535")),
        "unsignedByte" => bounds(Some("0"), Some("255")),
        "positiveInteger" => bounds(Some("1"), None),
        "nonPositiveInteger" => bounds(None, Some("0")),
        "negativeInteger" => bounds(None, Some("-1")),
        "decimal" => "decimal",
        "double" | "float" | "number" => "float",
        "boolean" => "boolean",
        "date" => "date",
        "datetime" | "dateTime" | "dateTimeStamp" => "datetime",
        "time" => "time",
        "duration" | "dayTimeDuration" | "yearMonthDuration" => "duration",
        "anyURI" => {
            field
                .about
                .push("an address; as it may be a relative one, it stays a text".into());
            "string"
        }
        _ => {
            field
                .lost
                .push(format!("datatype {base:?}: read as a text"));
            "string"
        }
    }
}

/// What nobody took.
fn rest(entries: &mut Entries, read: &mut Descriptor) {
    for silent in SILENT {
        entries.take(silent);
    }
    let at = entries.at.clone();
    for (name, value) in entries.rest() {
        match (name.as_str(), &value) {
            (
                "dc:title" | "dc:description" | "schema:name" | "schema:description",
                Json::Text(text),
            ) => {
                read.about.push(text.clone());
            }
            _ => read.lost.push(format!("{at}/{name} = {value}")),
        }
    }
}
