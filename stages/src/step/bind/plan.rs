//! The checked plan of a spec's fields: names and targets valid, expressions compiled, formats taken apart, zones
//! known, defaults and limits of their field's type. Inert: it has seen no input. Whatever is wrong is told with
//! the key path at which it stands, all of it, and left out of the plan, which then must not run.

mod reading;

#[cfg(test)]
mod tests;

use super::columns::Title;
use super::field::FieldPlan;
use super::path::{Path, element_key};
use super::spec::{ColumnsSpec, FieldSpec, Missing, Order, Target, Unknown, ValuesSpec};
use super::time::Zone;
use crate::record::{Field, Schema, Type};
use crate::spec::field_path;
use crate::step::bind::validate::regex_fault;
use crate::step::bind::value::Reader;
use reading::Reading;
use std::sync::Arc;

/// Names in a document that only sluicegate writes.
pub const RESERVED: [&str; 4] = ["_id", "_src", "_loads", "_rescued"];

/// What rows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowKind {
    /// Texts by column, with titles: CSV, or the groups of a pattern.
    Columns,
    /// JSON values.
    Tree,
    /// What fields ask of XML elements, each an entry of its own: texts, and lists and objects of texts.
    Elements,
}

/// Something wrong with a spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanProblem {
    /// The key path, `fields.total.minimum`.
    pub path: String,
    /// A stable word.
    pub code: &'static str,
    /// One sentence without a full stop.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl PlanProblem {
    /// A problem without a hint.
    pub fn new(path: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            code,
            message: message.into(),
            hint: None,
        }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Where a field's value comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// The column with one of these titles.
    Titles(Vec<Title>),
    /// The column with this number, from 0.
    Column(usize),
    /// The first of these places that is there.
    Paths(Vec<Path>),
    /// Another record: it is null until that sets it.
    Elsewhere,
}

/// The checked plan of a spec's fields.
#[derive(Clone, Debug)]
pub struct BindPlan {
    pub(super) order: Order,
    pub(super) missing: Missing,
    pub(super) unknown: Unknown,
    /// Values of a record: the fields of the spec, and the derived ones behind them.
    pub(super) room: usize,
    fields: Vec<Planned>,
    /// Top-level names of the document that something else than a field is written to.
    also_taken: Vec<Arc<str>>,
    /// No message about a header says its titles.
    pub(super) hides_titles: bool,
    /// What may be meant otherwise, each a line with its key path.
    pub notes: Vec<String>,
}

#[derive(Clone, Debug)]
struct Planned {
    plan: Arc<FieldPlan>,
    field: Field,
    source: Source,
    zone: Option<Arc<Zone>>,
    /// Of a list.
    items: Option<Type>,
}

impl BindPlan {
    /// Checks `[fields]`, `[columns]` and `[values]` for rows of one kind. Problems are added to `problems`; with
    /// any of them, the plan is good for further checks only.
    pub fn new(
        input: RowKind,
        fields: &[(String, FieldSpec)],
        columns: &ColumnsSpec,
        values: &ValuesSpec,
        problems: &mut Vec<PlanProblem>,
    ) -> Self {
        Self::of_kind(input, fields, &|_| true, columns, values, problems)
    }

    /// Checks the same for records of one kind, which have only those fields that `is_own` says; the others have their
    /// place in the record all the same.
    pub fn of_kind(
        input: RowKind,
        fields: &[(String, FieldSpec)],
        is_own: &dyn Fn(&FieldSpec) -> bool,
        columns: &ColumnsSpec,
        values: &ValuesSpec,
        problems: &mut Vec<PlanProblem>,
    ) -> Self {
        let mut planner = Planner {
            input,
            problems,
            notes: Vec::new(),
        };
        planner.check_columns(columns);
        reading::check_values(values, planner.problems);
        let planned: Vec<Planned> = fields
            .iter()
            .map(|(name, spec)| match is_own(spec) {
                true => planner.field(name, spec, values),
                false => planner.elsewhere(name, spec, values),
            })
            .collect();
        planner.note_entered(columns, &planned);
        let plan = Self {
            order: columns.order.unwrap_or_default(),
            missing: columns.missing.unwrap_or_default(),
            unknown: columns.unknown.unwrap_or_default(),
            room: fields.len(),
            fields: planned,
            also_taken: Vec::new(),
            hides_titles: false,
            notes: planner.notes,
        };
        plan.check_targets(planner.problems);
        plan
    }

    /// The fields of the schema, in the order of the spec; derived fields stand behind them.
    pub fn schema_fields(&self) -> Vec<Field> {
        self.fields
            .iter()
            .map(|planned| planned.field.clone())
            .collect()
    }

    /// How the values of a field are read, where there is such a field.
    pub fn reader(&self, field: &str) -> Option<&Reader> {
        let mut fields = self.fields.iter();
        let planned = fields.find(|planned| &*planned.field.name == field)?;
        Some(&planned.plan.reader)
    }

    /// The plan of some of the fields, in the order of their names, beside which nothing is known or kept.
    #[must_use]
    pub fn only(&self, names: &[String]) -> Self {
        let of = |name: &String| self.fields.iter().find(|one| *one.field.name == **name);
        Self {
            order: Order::Any,
            unknown: Unknown::Drop,
            room: names.len(),
            fields: names.iter().filter_map(of).cloned().collect(),
            also_taken: Vec::new(),
            notes: Vec::new(),
            ..*self
        }
    }

    /// The type of the items of a list, where the spec says it or texts are split.
    pub fn items_of(&self, field: &str) -> Option<Type> {
        let mut fields = self.fields.iter();
        let planned = fields.find(|planned| &*planned.field.name == field)?;
        planned.items
    }

    /// The zone of a field's local times: its own, or that of `[values]`.
    pub fn timezone_of(&self, field: &str) -> Option<&Arc<Zone>> {
        let planned = self
            .fields
            .iter()
            .find(|planned| &*planned.field.name == field)?;
        planned.zone.as_ref()
    }

    /// Makes room in each record for `fields` values in all, the derived ones behind those of the spec.
    pub fn make_room(&mut self, fields: usize) {
        self.room = self.room.max(fields);
    }

    /// Keeps titles out of messages: where fields are sensitive, what is taken for a header may be a record.
    pub fn hide_titles(&mut self) {
        self.hides_titles = true;
    }

    /// Says that the document has these top-level names already, from derived fields or lineage, so that no
    /// unknown column is kept under one of them.
    pub fn also_takes(&mut self, names: impl IntoIterator<Item = Arc<str>>) {
        self.also_taken.extend(names);
    }

    pub(super) fn plans(&self) -> impl Iterator<Item = &Arc<FieldPlan>> {
        self.fields.iter().map(|planned| &planned.plan)
    }

    pub(super) fn sources(&self) -> impl Iterator<Item = &Source> {
        self.fields.iter().map(|planned| &planned.source)
    }

    pub(super) fn fields(&self) -> impl Iterator<Item = (&FieldPlan, &Source)> {
        self.fields
            .iter()
            .map(|planned| (&*planned.plan, &planned.source))
    }

    /// Top-level names of the document that are written to.
    pub(super) fn taken_names(&self) -> impl Iterator<Item = &str> {
        let targets = self
            .fields
            .iter()
            .filter_map(|planned| planned.field.target.as_ref()?.first());
        targets.chain(&self.also_taken).map(|name| &**name)
    }

    pub(super) fn is_taken(&self, name: &str) -> bool {
        self.taken_names().any(|taken| taken == name)
    }

    /// Two fields in one place, or one inside another.
    fn check_targets(&self, problems: &mut Vec<PlanProblem>) {
        let mut placed: Vec<Field> = Vec::new();
        for Planned { field, .. } in &self.fields {
            placed.push(field.clone());
            if Schema::new(placed.clone()).is_err() {
                placed.pop();
                let target = field.target.as_deref().unwrap_or_default().join(".");
                let message =
                    format!("the place `{target}` in the document is taken by another field");
                let path = field_path(&field.name, "to");
                problems.push(
                    PlanProblem::new(path, "target_taken", message).hint("give it another `to`"),
                );
            }
        }
    }
}

struct Planner<'p> {
    input: RowKind,
    problems: &'p mut Vec<PlanProblem>,
    notes: Vec<String>,
}

impl Planner<'_> {
    fn check_columns(&mut self, columns: &ColumnsSpec) {
        if self.input == RowKind::Columns {
            return;
        }
        if columns.order == Some(Order::Strict) {
            let message = match self.input {
                RowKind::Elements => "attributes of XML have no order",
                _ => "JSON objects have no order of keys",
            };
            self.problems
                .push(PlanProblem::new("columns.order", "not_applicable", message));
        }
    }

    fn field(&mut self, name: &str, spec: &FieldSpec, values: &ValuesSpec) -> Planned {
        let path = field_path(name, "");
        if !is_identifier(name) {
            let message = format!("{name:?} is no name for a field");
            let hint = "letters, digits and `_`, not beginning with a digit; titles and keys go into `from`";
            self.problems
                .push(PlanProblem::new(&path, "bad_name", message).hint(hint));
        }
        if let Some(choices) = &spec.undecided {
            let message = format!("a person must decide what `{name}` is");
            let problem = PlanProblem::new(format!("{path}.undecided"), "undecided", message);
            self.problems
                .push(problem.hint(format!("{choices}; then take `undecided` away")));
        }
        let target = self.target(name, spec, &path);
        let source = self.source(name, spec, &path);
        let reading = Reading::new(self.input, spec, values, &path, self.problems);
        let kind = spec.kind.unwrap_or(Type::String);
        let looked_for = match &spec.from {
            Some(from) if self.input != RowKind::Columns => {
                let from: Vec<_> = from.0.iter().map(|from| format!("{from:?}")).collect();
                format!(" (from {})", from.join(", ")).into()
            }
            _ => Box::default(),
        };
        let name: Arc<str> = name.into();
        let zone = reading.zone.clone();
        let items = match self.input {
            RowKind::Columns => Some(spec.items.unwrap_or(Type::String)),
            RowKind::Tree | RowKind::Elements => spec.items,
        };
        Planned {
            plan: Arc::new(reading.field(name.clone(), looked_for)),
            field: Field { name, kind, target },
            source,
            zone,
            items,
        }
    }

    /// A field that another record has. What is wrong with it is told there.
    fn elsewhere(&mut self, name: &str, spec: &FieldSpec, values: &ValuesSpec) -> Planned {
        let spec = FieldSpec {
            required: None,
            default: None,
            ..spec.clone()
        };
        let mut planner = Planner {
            input: self.input,
            problems: &mut Vec::new(),
            notes: Vec::new(),
        };
        Planned {
            source: Source::Elsewhere,
            ..planner.field(name, &spec, values)
        }
    }

    fn target(&mut self, name: &str, spec: &FieldSpec, path: &str) -> Option<Vec<Arc<str>>> {
        let (text, path) = match &spec.to {
            Some(Target::Nowhere) => return None,
            Some(Target::Path(text)) => (text.as_str(), format!("{path}.to")),
            None => (name, path.to_owned()),
        };
        if let Err((code, message)) = check_target(text) {
            self.problems.push(PlanProblem::new(path, code, message));
        }
        Some(text.split('.').map(Arc::from).collect())
    }

    fn source(&mut self, name: &str, spec: &FieldSpec, path: &str) -> Source {
        if let Some(column) = spec.column {
            return self.column(column, spec, path);
        }
        let own = [name.to_owned()];
        let said = spec.from.as_ref().map_or(&own[..], |from| &from.0);
        let path = format!("{path}.from");
        if said.is_empty() {
            self.problems.push(PlanProblem::new(
                &path,
                "impossible",
                "`from` names nothing",
            ));
        }
        match self.input {
            RowKind::Columns => {
                let titles = said.iter().filter_map(|text| match Title::parse(text) {
                    Ok(title) => Some(title),
                    Err(error) => {
                        self.problems.push(PlanProblem::new(
                            &path,
                            "bad_regex",
                            regex_fault(&error),
                        ));
                        None
                    }
                });
                Source::Titles(titles.collect())
            }
            RowKind::Elements => {
                let key = |from: &String| Path::key(&element_key(from, spec.kind, spec.items));
                Source::Paths(said.iter().map(key).collect())
            }
            RowKind::Tree => {
                self.note_keys(&path, spec.from.as_ref().map_or(&[], |from| &from.0));
                let paths = said.iter().filter_map(|text| match Path::parse(text) {
                    Ok(path) => Some(path),
                    Err(message) => {
                        self.problems
                            .push(PlanProblem::new(&path, "bad_path", message));
                        None
                    }
                });
                Source::Paths(paths.collect())
            }
        }
    }

    /// A key that looks like a path in some other notation may be one all the same.
    fn note_keys(&mut self, path: &str, keys: &[String]) {
        for key in keys.iter().filter(|key| !key.starts_with('$')) {
            let names = match key.strip_prefix('/') {
                Some(pointer) => pointer.replace('/', "."),
                None if key.contains('.') => key.clone(),
                None => continue,
            };
            self.notes.push(format!(
                "{path}: {key:?} is one top-level key of that name; if a path is meant, write \"$.{names}\" (and for the key \"$['{key}']\")"
            ));
        }
    }

    /// Unknown keys are those of the record: what a path enters is known, with all that stands in it.
    fn note_entered(&mut self, columns: &ColumnsSpec, planned: &[Planned]) {
        let Some(Unknown::Keep | Unknown::Rescue) = columns.unknown else {
            return;
        };
        let paths = planned.iter().flat_map(|planned| match &planned.source {
            Source::Paths(paths) => &paths[..],
            Source::Titles(_) | Source::Column(_) | Source::Elsewhere => &[],
        });
        let entered = paths.filter(|path| path.segments().len() > 1);
        let mut tops: Vec<_> = entered
            .filter_map(Path::top)
            .map(|key| key.name().to_owned())
            .collect();
        tops.sort();
        tops.dedup();
        for top in tops {
            self.notes.push(format!(
                "columns.unknown: fields enter {top:?}, so it counts as known: what else stands in it is neither kept nor counted; \
                 a field of type object takes all of it"
            ));
        }
    }

    fn column(&mut self, column: u32, spec: &FieldSpec, path: &str) -> Source {
        let path = format!("{path}.column");
        if self.input != RowKind::Columns {
            let message = match self.input {
                RowKind::Elements => "XML has no columns",
                _ => "JSON has no columns",
            };
            self.problems
                .push(PlanProblem::new(&path, "not_applicable", message).hint("use `from`"));
        } else if spec.from.is_some() {
            let message = "`column` and `from` both say where the value comes from";
            self.problems
                .push(PlanProblem::new(&path, "impossible", message).hint("remove one of the two"));
        }
        match column.checked_sub(1) {
            Some(index) => Source::Column(index as usize),
            None => {
                let message = "columns are counted from 1";
                self.problems
                    .push(PlanProblem::new(&path, "bad_value", message));
                Source::Column(0)
            }
        }
    }
}

/// Whether `text` can be a target, its parts joined by dots.
///
/// # Errors
/// A code and a sentence.
pub fn check_target(text: &str) -> Result<(), (&'static str, String)> {
    let top = text.split('.').next().unwrap_or_default();
    if RESERVED.contains(&top) {
        return Err((
            "reserved_name",
            format!("`{top}` is reserved: give the field another `to`"),
        ));
    }
    for part in text.split('.') {
        let reason = if part.is_empty() {
            "has an empty part"
        } else if part.starts_with('$') {
            "has a part that begins with `$`, which means an operator to MongoDB"
        } else if part.contains('\0') {
            "holds a NUL"
        } else {
            continue;
        };
        return Err(("bad_target", format!("the target {text:?} {reason}")));
    }
    Ok(())
}

/// `[A-Za-z_][A-Za-z0-9_]*`: names of fields, steps, kinds and controls.
pub fn is_identifier(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|char: char| char.is_ascii_digit())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
