//! The columns of a CSV as a spec knows them, for the descriptors of tables: which columns there are, in which order, and
//! what of a field no descriptor of tables can say.

use super::json::Json;
use crate::frame::csv::CsvSpec;
use crate::plan::Plan;
use crate::record::Type;
use crate::spec::{FormatSpec, Spec};
use crate::step::bind::{FieldSpec, Literal, Negative};

/// A column.
pub struct Column<'s> {
    /// The name of the field; the title of a column that no field takes.
    pub name: String,
    /// What the header may call it.
    pub titles: Vec<String>,
    /// What the spec says of it.
    pub field: Option<&'s FieldSpec>,
}

impl Column<'_> {
    /// The type of its values.
    pub fn kind(&self) -> Type {
        self.field
            .and_then(|field| field.kind)
            .unwrap_or(Type::String)
    }
}

/// What the spec says of its CSV.
pub fn csv_of(spec: &Spec) -> CsvSpec {
    match &spec.format {
        Some(FormatSpec::Csv(csv)) => csv.clone(),
        _ => CsvSpec::default(),
    }
}

/// The columns: in the order of the file where the spec knows it.
pub fn columns<'s>(spec: &'s Spec, lost: &mut Vec<String>) -> Vec<Column<'s>> {
    let csv = csv_of(spec);
    let fields = spec.fields.as_ref().map_or(&[][..], |fields| &fields.0);
    let mut columns = Vec::new();
    for (name, field) in fields {
        if let Some(kind) = &field.record {
            lost.push(format!(
                "{name}: of the records `{kind}`, and a table has one kind"
            ));
            continue;
        }
        let said = field
            .from
            .as_ref()
            .map_or(std::slice::from_ref(name), |from| &from.0);
        let is_regex =
            |title: &&String| title.len() > 1 && title.starts_with('/') && title.ends_with('/');
        let mut titles: Vec<_> = said
            .iter()
            .filter(|title| !is_regex(title))
            .cloned()
            .collect();
        for title in said.iter().filter(is_regex) {
            lost.push(format!("{name}: from = {title:?}: titles are texts there"));
        }
        if titles.is_empty() || field.column.is_some() {
            titles = vec![name.clone()];
        }
        columns.push(Column {
            name: name.clone(),
            titles,
            field: Some(field),
        });
    }
    let has_header = csv.header.as_ref().and_then(|header| header.rows) != Some(0);
    if has_header {
        for column in &columns {
            if let Some(number) = column.field.and_then(|field| field.column) {
                let name = &column.name;
                lost.push(format!(
                    "{name}: column = {number}: columns have titles there"
                ));
            }
        }
        return columns;
    }
    in_order(columns, csv.columns.as_deref().unwrap_or_default())
}

/// Without a header the order says which column is which, so each of them is there.
fn in_order<'s>(mut columns: Vec<Column<'s>>, titles: &[String]) -> Vec<Column<'s>> {
    let number = |column: &Column<'_>| -> Option<usize> {
        match column.field?.column {
            Some(number) => (number as usize).checked_sub(1),
            None => titles
                .iter()
                .position(|title| column.titles.contains(title)),
        }
    };
    let last = columns
        .iter()
        .filter_map(number)
        .max()
        .map_or(0, |last| last + 1);
    (0..last.max(titles.len()))
        .map(|at| {
            let found = columns.iter().position(|column| number(column) == Some(at));
            let title = titles
                .get(at)
                .cloned()
                .unwrap_or_else(|| format!("column_{}", at + 1));
            match found {
                Some(found) => {
                    let column = columns.remove(found);
                    let titles = vec![
                        titles
                            .get(at)
                            .cloned()
                            .unwrap_or_else(|| column.name.clone()),
                    ];
                    Column { titles, ..column }
                }
                None => Column {
                    name: title.clone(),
                    titles: vec![title],
                    field: None,
                },
            }
        })
        .collect()
}

/// What the spec says of the whole that no descriptor of tables can say.
pub fn whole(spec: &Spec, lost: &mut Vec<String>) {
    let parts = [
        (
            "steps",
            spec.steps.as_ref().is_some_and(|steps| !steps.is_empty()),
        ),
        ("group", spec.group.is_some()),
        ("records", spec.records.is_some()),
        ("control", spec.control.is_some()),
    ];
    for (part, is_said) in parts {
        if is_said {
            lost.push(format!("[{part}]: columns alone are described"));
        }
    }
    let header = csv_of(spec).header;
    if let Some(rows) = header.and_then(|header| header.find_within) {
        lost.push(format!(
            "format.csv.header.find_within = {rows}: a header is at a fixed row there"
        ));
    }
}

/// What of a field no descriptor of tables can say.
pub fn tell(column: &Column<'_>, spec: &Spec, plan: &Plan, lost: &mut Vec<String>) {
    let Some(field) = column.field else { return };
    let values = spec.values.clone().unwrap_or_default();
    let kind = column.kind();
    let is_number = matches!(kind, Type::Integer | Type::Decimal | Type::Float);
    let negative = field.negative.or(values.negative).filter(|_| is_number);
    let formats = field.format.as_ref().map_or(&[][..], |formats| &formats.0);
    let has_formats = !formats.is_empty();
    let zone = plan.bind.timezone_of(&column.name);
    let parts = [
        ("transform", field.transform.is_some()),
        ("strip", field.strip.is_some()),
        ("extract", field.extract.is_some()),
        ("lookup", field.lookup.is_some()),
        ("scale", field.scale.is_some()),
        (
            "negative",
            negative.is_some_and(|negative| negative != Negative::Leading),
        ),
        (
            "locale",
            has_formats && field.locale.or(values.locale).is_some(),
        ),
        (
            "year_pivot",
            has_formats && field.year_pivot.or(values.year_pivot).is_some(),
        ),
        ("timezone", kind == Type::Datetime && zone.is_some()),
        ("mask", field.mask.is_some()),
        ("hash", field.hash.is_some()),
        ("sensitive", field.sensitive == Some(true)),
    ];
    let name = &column.name;
    for (key, is_said) in parts {
        if is_said {
            lost.push(format!("{name}: {key} has no equivalent"));
        }
    }
    for format in formats {
        if matches!(format.as_str(), "epoch_s" | "epoch_ms") {
            lost.push(format!("{name}: format = {format:?} has no equivalent"));
        }
    }
    for format in formats.iter().skip(1) {
        lost.push(format!(
            "{name}: format = {format:?}: there is one format there"
        ));
    }
}

/// The directives that a field's values are written in, where the spec says any that others know.
pub fn format_of(field: &FieldSpec) -> Option<&str> {
    let first = field.format.as_ref()?.0.first()?;
    (!matches!(first.as_str(), "epoch_s" | "epoch_ms")).then_some(first.as_str())
}

/// A bound or a value of a field, as a number where the field is of numbers.
pub fn value(literal: &Literal, kind: Type) -> Json {
    let is_number = matches!(kind, Type::Integer | Type::Decimal | Type::Float);
    match literal {
        Literal::Text(text)
            if is_number
                && text
                    .parse::<f64>()
                    .is_ok_and(|read| read.to_string() == *text) =>
        {
            Json::Number(text.clone())
        }
        other => other.into(),
    }
}

/// The texts that mean null.
pub fn missing(field: Option<&FieldSpec>, spec: &Spec) -> Vec<String> {
    let own = field.and_then(|field| field.missing_values.clone());
    let all = || {
        spec.values
            .as_ref()
            .and_then(|values| values.missing_values.clone())
    };
    own.or_else(all).unwrap_or_default()
}

/// The texts of truth values, those that mean true first.
pub fn truths(field: &FieldSpec, spec: &Spec) -> (Vec<String>, Vec<String>) {
    let values = spec.values.as_ref();
    let or = |own: &Option<Vec<String>>, all: Option<&Vec<String>>, plain: [&str; 2]| {
        own.as_ref()
            .or(all)
            .cloned()
            .unwrap_or_else(|| plain.map(str::to_owned).to_vec())
    };
    (
        or(
            &field.true_values,
            values.and_then(|all| all.true_values.as_ref()),
            ["true", "1"],
        ),
        or(
            &field.false_values,
            values.and_then(|all| all.false_values.as_ref()),
            ["false", "0"],
        ),
    )
}

/// The characters of a field's numbers: before the fraction, and between groups.
pub fn marks(field: &FieldSpec, spec: &Spec) -> (Option<Json>, Option<Json>) {
    let values = spec.values.clone().unwrap_or_default();
    let json = |char: char| Json::Text(char.to_string());
    let decimal = field
        .decimal_char
        .or(values.decimal_char)
        .filter(|char| *char != '.');
    (
        decimal.map(json),
        field.group_char.or(values.group_char).map(json),
    )
}
