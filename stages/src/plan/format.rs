//! `[format.…]`: how records are found and read, and what that means for the places of fields and for `[columns]`.

#[cfg(test)]
mod tests;
mod xml;

pub use xml::XmlPlan;

use super::input::DEFAULT_RECORD_BYTES;
use crate::frame::csv::CsvDialect;
use crate::frame::json::JsonFramer;
use crate::frame::lines::LinesDialect;
use crate::json::RecordPath;
use crate::parse::fixed::{FixedSpec, Place, Unit};
use crate::parse::lines::{LINE, LinePattern, LinesSpec};
use crate::spec::{FormatSpec, Problem, Problems, field_path};
use crate::step::bind::{
    BindPlan, BindRefusal, ColumnsSpec, FieldSpec, FieldsSpec, Missing, Order, RowKind, Unknown,
};
use pipeline::{Accepted, Position};
use std::sync::Arc;

/// The most bytes of a record of a JSON or XML document, where the spec says nothing.
const DOCUMENT_RECORD_BYTES: u64 = 16 * 1024 * 1024;

/// How records are found and read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormatPlan {
    /// Delimited text.
    Csv(CsvDialect),
    /// One JSON object a line.
    Jsonl,
    /// One JSON document, with records where the path leads.
    Json(RecordPath),
    /// One XML document, with records where the path leads.
    Xml(XmlPlan),
    /// Lines, and the pattern that reads them.
    Lines(LinesDialect, Option<LinePattern>),
    /// Lines, and the places of fields in them.
    Fixed(LinesDialect, Unit, Arc<[Place]>),
}

/// What rows are, by the format that a spec names.
pub fn rows_of(said: &FormatSpec) -> RowKind {
    match said {
        FormatSpec::Jsonl(_) | FormatSpec::Json(_) => RowKind::Tree,
        FormatSpec::Xml(_) => RowKind::Elements,
        FormatSpec::Csv(_) | FormatSpec::Lines(_) | FormatSpec::Fixed(_) => RowKind::Columns,
    }
}

impl FormatPlan {
    /// What rows are.
    pub fn rows(&self) -> RowKind {
        match self {
            Self::Jsonl | Self::Json(_) => RowKind::Tree,
            Self::Xml(_) => RowKind::Elements,
            Self::Csv(_) | Self::Lines(..) | Self::Fixed(..) => RowKind::Columns,
        }
    }

    /// Whether it finds the same records in every input as `other`. How they are read may differ.
    pub fn finds_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Fixed(dialect, unit, _), Self::Fixed(others, other_unit, _)) => {
                (dialect, unit) == (others, other_unit)
            }
            (Self::Lines(dialect, _), Self::Lines(others, _)) => dialect == others,
            (Self::Xml(xml), Self::Xml(other)) => xml.path.finds_as(&other.path),
            _ => self == other,
        }
    }

    /// The names of the cells that each record has, where the spec says them: the groups of a pattern, or the fields.
    pub fn cells(&self) -> Vec<String> {
        match self {
            Self::Csv(_) | Self::Jsonl | Self::Json(_) | Self::Xml(_) => Vec::new(),
            Self::Lines(_, None) => vec![LINE.to_owned()],
            Self::Lines(_, Some(pattern)) => pattern.names(),
            Self::Fixed(_, _, places) => {
                places.iter().map(|place| place.field.to_string()).collect()
            }
        }
    }

    /// The offset of the first byte that the framer wants to see to go on at `at`.
    pub fn fed_from(&self, at: Position) -> u64 {
        match self {
            Self::Json(path) => JsonFramer::fed_from(path, at),
            Self::Xml(_) => 0,
            _ => at.offset,
        }
    }

    pub(super) fn default_record_bytes(&self) -> u64 {
        match self {
            Self::Json(_) | Self::Xml(_) => DOCUMENT_RECORD_BYTES,
            _ => DEFAULT_RECORD_BYTES,
        }
    }
}

/// What a kind of record says of its format.
#[derive(Clone, Copy)]
pub(super) struct Kinded<'s> {
    /// What is searched in its raw text.
    pub pattern: Option<&'s str>,
    /// Whether its records are loaded: those have the titles of a header.
    pub is_loaded: bool,
}

/// The plan of a format, for records of one kind where the spec tells kinds apart. Fields whose places it takes over come
/// back as fields with a column.
pub(super) fn plan(
    said: Option<&FormatSpec>,
    kinded: Option<Kinded<'_>>,
    fields: &mut FieldsSpec,
    columns: &ColumnsSpec,
    problems: &mut Problems,
) -> Option<FormatPlan> {
    let said = said.or_else(|| {
        problems.push(
            Problem::new(
                "format",
                "required",
                "the spec does not say how records are found",
            )
            .hint(
                "add [format.csv], [format.jsonl], [format.json], [format.xml], [format.lines] or [format.fixed]",
            ),
        );
        None
    })?;
    if !matches!(said, FormatSpec::Fixed(_)) {
        no_places(fields, problems);
    }
    match said {
        FormatSpec::Csv(csv) => match csv.dialect_of(numbered(fields, kinded, problems)) {
            Ok(dialect) => Some(FormatPlan::Csv(dialect)),
            Err(wrong) => {
                for (key, message) in wrong {
                    let path = format!("format.csv.{key}");
                    problems.push(Problem::new(path, "bad_value", message));
                }
                None
            }
        },
        FormatSpec::Jsonl(_) => Some(FormatPlan::Jsonl),
        FormatSpec::Json(json) => record_path(json.record_path.as_deref(), problems),
        FormatSpec::Xml(xml) => xml::plan(xml, fields, columns, problems).map(FormatPlan::Xml),
        FormatSpec::Lines(lines) => plan_lines(lines, kinded, fields, columns, problems),
        FormatSpec::Fixed(fixed) => plan_fixed(fixed, fields, columns, problems),
    }
}

/// What a bound plan says about the cells that the spec itself names.
pub(super) fn check_cells(format: Option<&FormatPlan>, bind: &BindPlan, problems: &mut Problems) {
    let Some(format @ (FormatPlan::Lines(..) | FormatPlan::Fixed(..))) = format else {
        return;
    };
    // What is wrong with single fields was told at their places.
    if !problems.is_empty() {
        return;
    }
    if let Err(BindRefusal::Fatal(fatal)) = bind.for_columns(&format.cells(), &Accepted::default())
    {
        let problem = Problem::new("fields", fatal.code, fatal.message);
        problems.push(match fatal.hint {
            Some(hint) => problem.hint(hint),
            None => problem,
        });
    }
}

/// Whether fields are found by the numbers of their columns, as they must be in records without titles.
fn numbered(fields: &FieldsSpec, kinded: Option<Kinded<'_>>, problems: &mut Problems) -> bool {
    let Some(kinded) = kinded else { return false };
    let are_numbered = fields.0.iter().all(|(_, field)| field.column.is_some());
    if kinded.is_loaded {
        return are_numbered;
    }
    for (name, field) in &fields.0 {
        if field.column.is_none() {
            let message = "records of this kind have no titles";
            let problem = Problem::new(field_path(name, ""), "missing_key", message);
            problems.push(problem.hint("column = 2 is the second cell"));
        }
    }
    true
}

fn record_path(said: Option<&str>, problems: &mut Problems) -> Option<FormatPlan> {
    let Some(said) = said else {
        let message = "the spec does not say where in the document the records are";
        let hint = "record_path = \"$[*]\" for the items of an array, \"$.data.events[*]\" for those further in";
        problems.push(Problem::new("format.json", "required", message).hint(hint));
        return None;
    };
    match RecordPath::parse(said) {
        Ok(path) => Some(FormatPlan::Json(path)),
        Err(bad) => {
            let problem = Problem::new("format.json.record_path", bad.code, bad.message);
            problems.push(problem.hint(bad.hint));
            None
        }
    }
}

fn plan_lines(
    said: &LinesSpec,
    kinded: Option<Kinded<'_>>,
    fields: &FieldsSpec,
    columns: &ColumnsSpec,
    problems: &mut Problems,
) -> Option<FormatPlan> {
    let comment_char = comment_char("format.lines", said.comment_char.as_deref(), problems);
    let dialect = LinesDialect {
        comment_char,
        skip_rows: said.skip_rows.unwrap_or_default(),
    };
    known_columns(columns, "the spec says which groups there are", problems);
    if let Some(Unknown::Reject | Unknown::Hold | Unknown::Fail) = columns.unknown {
        let message = "the spec says which groups there are: none can be a surprise";
        let problem = Problem::new("columns.unknown", "not_applicable", message);
        problems.push(
            problem.hint("`drop`, `keep` and `rescue` say what becomes of groups without a field"),
        );
    }
    let path = "format.lines.pattern";
    // The groups of what tells a kind are those of its records.
    let of_kind = kinded.and_then(|kinded| LinePattern::searched(kinded.pattern?).ok());
    let of_kind = of_kind.filter(|pattern| !pattern.names().is_empty());
    let of_all = || said.pattern.as_deref().map(LinePattern::new);
    let pattern = match of_kind.map(Ok).or_else(of_all) {
        None => None,
        Some(Err(error)) => {
            let reason = crate::step::bind::regex_fault(&error);
            problems.push(Problem::new(path, "bad_regex", reason));
            return None;
        }
        Some(Ok(pattern)) if pattern.names().is_empty() => {
            let message = "the pattern has no named group, so no field could take anything from it";
            problems
                .push(Problem::new(path, "bad_value", message).hint("(?<host>\\S+), for example"));
            return None;
        }
        Some(Ok(pattern)) => Some(pattern),
    };
    let plan = FormatPlan::Lines(dialect, pattern);
    let groups = plan.cells();
    for (name, field) in &fields.0 {
        if field.column.is_some() {
            let message = "a field takes a group by its name";
            let problem = Problem::new(field_path(name, "column"), "not_applicable", message);
            problems.push(problem.hint("use `from`"));
        } else if !names_any(name, field, &groups) {
            let message = match &plan {
                FormatPlan::Lines(_, None) => {
                    format!("without a pattern, all there is of a line is the value `{LINE}`")
                }
                _ => format!(
                    "the pattern has no such group; it has {}",
                    groups.join(", ")
                ),
            };
            let place = match field.from {
                Some(_) => field_path(name, "from"),
                None => field_path(name, ""),
            };
            let problem = Problem::new(place, "unknown_group", message);
            problems.push(problem.hint(format!("from = {:?}", groups[0])));
        }
    }
    Some(plan)
}

/// Whether some title of a field can be one of `groups`. Regular expressions are left to binding.
fn names_any(name: &str, field: &FieldSpec, groups: &[String]) -> bool {
    let own = [name.to_owned()];
    let said = field.from.as_ref().map_or(&own[..], |from| &from.0);
    said.iter().any(|title| {
        let folded = title.trim().to_lowercase();
        let is_pattern = title.starts_with('/') && title.ends_with('/');
        is_pattern || groups.iter().any(|group| group.to_lowercase() == folded)
    })
}

fn plan_fixed(
    said: &FixedSpec,
    fields: &mut FieldsSpec,
    columns: &ColumnsSpec,
    problems: &mut Problems,
) -> Option<FormatPlan> {
    let comment_char = comment_char("format.fixed", said.comment_char.as_deref(), problems);
    let dialect = LinesDialect {
        comment_char,
        skip_rows: said.skip_rows.unwrap_or_default(),
    };
    known_columns(columns, "the fields say where they stand", problems);
    if columns
        .unknown
        .is_some_and(|unknown| unknown != Unknown::Drop)
    {
        let message =
            "what no field takes of a line has no name by which it could be kept or judged";
        let problem = Problem::new("columns.unknown", "not_applicable", message);
        problems.push(problem.hint("give it a field"));
    }
    let mut places = Vec::new();
    for ((name, field), number) in fields.0.iter_mut().zip(1..) {
        places.extend(place(name, field, problems));
        for (other, said) in [
            ("from", field.from.is_some()),
            ("column", field.column.is_some()),
        ] {
            if said {
                let message = format!("`{other}` says nothing where fields have fixed places");
                let problem = Problem::new(field_path(name, other), "not_applicable", message);
                problems.push(problem.hint("`start` and `width` say where the field stands"));
            }
        }
        (field.from, field.start, field.width) = (None, None, None);
        field.column = Some(number);
    }
    Some(FormatPlan::Fixed(
        dialect,
        said.unit.unwrap_or_default(),
        places.into(),
    ))
}

/// The place of a field; `None` where a problem was told.
fn place(name: &str, field: &FieldSpec, problems: &mut Problems) -> Option<Place> {
    let mut told = false;
    let mut tell = |path: String, code, message: &str| {
        told = true;
        let problem = Problem::new(path, code, message);
        problems.push(problem.hint("start = 1, width = 10 are the first ten columns"));
    };
    for (word, said) in [("start", field.start), ("width", field.width)] {
        match said {
            Some(0) => {
                let message = match word {
                    "width" => "a width is at least 1",
                    _ => "columns are counted from 1",
                };
                tell(field_path(name, word), "bad_value", message);
            }
            Some(_) => {}
            None => {
                let message = format!("[format.fixed] wants to know the `{word}` of each field");
                tell(field_path(name, ""), "missing_key", &message);
            }
        }
    }
    if told {
        return None;
    }
    let start = field.start?.checked_sub(1)? as usize;
    Some(Place {
        field: name.into(),
        start,
        end: start + field.width? as usize,
    })
}

/// Refuses the keys of `[columns]` that judge what a file has, where the spec itself says it.
fn known_columns(columns: &ColumnsSpec, because: &str, problems: &mut Problems) {
    if columns.order == Some(Order::Strict) {
        let message = format!("no file can have another order: {because}");
        problems.push(Problem::new("columns.order", "not_applicable", message));
    }
    if let Some(Missing::FailAny | Missing::Null) = columns.missing {
        let message = format!("no file can lack a column: {because}");
        let problem = Problem::new("columns.missing", "not_applicable", message);
        problems.push(
            problem.hint("`required = true` refuses the records in which a field is not there"),
        );
    }
}

/// Refuses places of fields where the format knows none.
fn no_places(fields: &FieldsSpec, problems: &mut Problems) {
    for (name, field) in &fields.0 {
        for (word, said) in [("start", field.start), ("width", field.width)] {
            if said.is_some() {
                let message = format!("`{word}` is for fields with fixed places");
                let problem = Problem::new(field_path(name, word), "not_applicable", message);
                problems.push(problem.hint("[format.fixed] reads such lines"));
            }
        }
    }
}

fn comment_char(format: &str, said: Option<&str>, problems: &mut Problems) -> Option<u8> {
    match said?.as_bytes() {
        [byte] if byte.is_ascii() && !byte.is_ascii_whitespace() => Some(*byte),
        _ => {
            let message = "must be exactly one ASCII character, and no blank";
            problems.push(Problem::new(
                format!("{format}.comment_char"),
                "bad_value",
                message,
            ));
            None
        }
    }
}
