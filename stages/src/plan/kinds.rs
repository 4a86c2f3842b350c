//! `[records]`: which kinds of records there are, which fields each has, and how each is read.
//!
//! Records that are loaded have the fields without `record`, those of their own kind, and those of the context kinds,
//! which stand in headers before them. Fields of other kinds are for `[control]` alone and never reach a document.

use super::format::{self, FormatPlan, Kinded};
use crate::kind::{MAX_KINDS, Mark, Named, RecordSpec, Takeover, Use};
use crate::spec::{FormatSpec, Problem, Problems, field_path};
use crate::step::bind::{
    BindPlan, ColumnsSpec, FieldSpec, FieldsSpec, Path, RowKind, Unknown, ValuesSpec, is_identifier,
};
use std::sync::Arc;

/// How alike (jaro-winkler) a known name must be to be proposed.
const NEAR_LIKENESS: f64 = 0.75;

/// One kind of record.
#[derive(Clone, Debug)]
pub struct KindPlan {
    /// Its name.
    pub name: Arc<str>,
    /// What becomes of its records.
    pub role: Use,
    /// What tells it.
    pub mark: Mark,
    /// How its records are read; of a kind that is skipped, they are not.
    pub format: FormatPlan,
    /// How its rows become records: those of its own fields, or, where they are loaded, of the whole schema.
    pub bind: BindPlan,
    /// What records behind it take over, where it is a context.
    pub takeover: Takeover,
    /// The names of its own fields, in the order of its records.
    pub fields: Vec<(String, FieldSpec)>,
}

/// The kinds as they are said, before anything is made of their fields.
pub(super) struct Said<'s> {
    kinds: Vec<(&'s str, Use, &'s RecordSpec)>,
}

/// What kinds and fields are made of.
pub(super) struct Parts<'p> {
    pub format: Option<&'p FormatSpec>,
    pub columns: &'p ColumnsSpec,
    pub values: &'p ValuesSpec,
}

impl<'s> Said<'s> {
    /// Checks names and uses, and which kinds fields belong to. `None` where the spec has no `[records]`.
    pub fn of(
        records: Option<&'s Named<RecordSpec>>,
        fields: &FieldsSpec,
        problems: &mut Problems,
    ) -> Option<Self> {
        let Some(Named(records)) = records else {
            for (name, kind) in records_of(fields) {
                let message = format!("there is no kind `{kind}`: the spec has no [records]");
                let path = field_path(name, "record");
                problems.push(Problem::new(path, "unknown_name", message));
            }
            return None;
        };
        let kinds = records
            .iter()
            .map(|(name, spec)| (&**name, spec.role.unwrap_or_default(), spec));
        let said = Self {
            kinds: kinds.collect(),
        };
        said.check(problems);
        for (name, kind) in records_of(fields) {
            let path = field_path(name, "record");
            match said.kinds.iter().find(|(known, ..)| *known == kind) {
                Some((_, Use::Skip, _)) => {
                    let message = format!("records of the kind `{kind}` are skipped, not read");
                    problems.push(Problem::new(path, "not_applicable", message));
                }
                Some(_) => {}
                None => {
                    let message = format!("there is no kind `{kind}` in [records]");
                    let names = said.kinds.iter().map(|(name, ..)| *name);
                    let problem = Problem::new(path, "unknown_name", message);
                    problems.push(problem.hint(near(kind, names)));
                }
            }
        }
        Some(said)
    }

    fn check(&self, problems: &mut Problems) {
        for (name, ..) in &self.kinds {
            if !is_identifier(name) {
                let message = format!("{name:?} is no name for a kind");
                let problem = Problem::new(format!("records.{name:?}"), "bad_name", message);
                problems.push(problem.hint("letters, digits and `_`, not beginning with a digit"));
            }
        }
        if self.kinds.len() > MAX_KINDS {
            let message = format!("a spec has at most {MAX_KINDS} kinds of records");
            problems.push(Problem::new("records", "out_of_range", message));
        }
        if !self.kinds.iter().any(|(_, role, _)| *role == Use::Load) {
            let message = "no kind of record is loaded";
            let problem = Problem::new("records", "impossible", message);
            problems.push(problem.hint("a kind without `use` is"));
        }
    }

    fn role(&self, kind: &str) -> Option<Use> {
        let known = self.kinds.iter().find(|(name, ..)| *name == kind);
        known.map(|(_, role, _)| *role)
    }

    /// The fields of records that are loaded.
    pub fn main(&self, fields: &FieldsSpec) -> FieldsSpec {
        let is_main = |(_, spec): &&(String, FieldSpec)| match &spec.record {
            None => true,
            Some(kind) => !matches!(self.role(kind), Some(Use::Control | Use::Skip)),
        };
        FieldsSpec(fields.0.iter().filter(is_main).cloned().collect())
    }

    /// The kinds; those of which something was told that a run needs are left out.
    pub fn plan(
        &self,
        fields: &FieldsSpec,
        parts: &Parts<'_>,
        problems: &mut Problems,
    ) -> Vec<KindPlan> {
        self.check_unknown(fields, parts, problems);
        let main = self.main(fields);
        let kinds = self.kinds.iter().take(MAX_KINDS);
        let planned = kinds.filter_map(|(name, role, spec)| {
            self.kind(name, *role, spec, (fields, &main), parts, problems)
        });
        planned.collect()
    }

    /// What a header has for one kind is unknown to the others.
    fn check_unknown(&self, fields: &FieldsSpec, parts: &Parts<'_>, problems: &mut Problems) {
        let is_csv = matches!(parts.format, Some(FormatSpec::Csv(_)));
        let drops = matches!(parts.columns.unknown, None | Some(Unknown::Drop));
        let mut of_kinds = records_of(fields);
        if !is_csv || drops {
            return;
        }
        let has_titles =
            !matches!(parts.format, Some(FormatSpec::Csv(csv)) if csv.is_without_titles());
        let message = match has_titles {
            false => "columns without titles are known by number only: none is unknown",
            true if of_kinds.any(|(_, kind)| self.role(kind) == Some(Use::Load)) => {
                "a column of one kind of record is unknown to the others"
            }
            true => return,
        };
        let problem = Problem::new("columns.unknown", "not_applicable", message);
        problems.push(problem.hint("leave it out: unknown columns are dropped"));
    }

    fn kind(
        &self,
        name: &str,
        role: Use,
        spec: &RecordSpec,
        (fields, main): (&FieldsSpec, &FieldsSpec),
        parts: &Parts<'_>,
        problems: &mut Problems,
    ) -> Option<KindPlan> {
        let is_own = |spec: &FieldSpec| match &spec.record {
            Some(kind) => kind == name,
            None => role == Use::Load,
        };
        let own = fields.0.iter().filter(|(_, spec)| is_own(spec)).cloned();
        let mut own = FieldsSpec(own.collect());
        let plain = ColumnsSpec::default();
        // Headers and trailers have no column titles by which unknown ones could be judged.
        let columns = if role == Use::Load {
            parts.columns
        } else {
            &plain
        };
        let kinded = Kinded {
            pattern: spec.matches.as_deref(),
            is_loaded: role == Use::Load,
        };
        let format = format::plan(parts.format, Some(kinded), &mut own, columns, problems);
        let mark = mark(name, spec, format.as_ref(), problems);
        let of_own: Vec<(Arc<str>, bool)> = own
            .0
            .iter()
            .map(|(name, spec)| (Arc::from(&**name), spec.required == Some(true)))
            .collect();
        let all = match role {
            Use::Load => {
                let mut read = own.0.clone().into_iter();
                let all = main.0.iter().filter_map(|one| match is_own(&one.1) {
                    true => read.next(),
                    false => Some(one.clone()),
                });
                FieldsSpec(all.collect())
            }
            _ => own.clone(),
        };
        let rows = format.as_ref().map_or(RowKind::Columns, FormatPlan::rows);
        let mut found = Vec::new();
        let bind = BindPlan::of_kind(rows, &all.0, &is_own, columns, parts.values, &mut found);
        for problem in found {
            problems.push(super::problem_of(problem));
        }
        let place = |name: &str| main.0.iter().position(|(other, _)| other == name);
        let taken = of_own.into_iter().filter_map(|(name, required)| {
            let to = place(&name)?;
            Some((name, to, required))
        });
        Some(KindPlan {
            name: name.into(),
            role,
            mark: mark?,
            format: format?,
            bind,
            takeover: Takeover {
                kind: name.into(),
                fields: taken.collect(),
            },
            fields: own.0,
        })
    }
}

/// The fields that name a kind, each with it.
fn records_of(fields: &FieldsSpec) -> impl Iterator<Item = (&str, &str)> {
    let fields = fields.0.iter();
    fields.filter_map(|(name, spec)| Some((&**name, spec.record.as_deref()?)))
}

/// What tells a kind; `None` where a problem was told.
fn mark(
    kind: &str,
    spec: &RecordSpec,
    format: Option<&FormatPlan>,
    problems: &mut Problems,
) -> Option<Mark> {
    let path = |key: &str| format!("records.{kind}.{key}");
    match (&spec.matches, &spec.path) {
        (None, None) => {
            let message = format!("nothing says which records are of the kind `{kind}`");
            let problem = Problem::new(format!("records.{kind}"), "required", message);
            problems.push(problem.hint("match = '^H', or in JSON and XML a path"));
            None
        }
        (Some(_), Some(_)) => {
            let message = "`match` and `path` both say which records are meant";
            let problem = Problem::new(path("path"), "impossible", message);
            problems.push(problem.hint("remove one of the two"));
            None
        }
        (Some(text), None) => match Mark::text(text) {
            Ok(mark) => Some(mark),
            Err(error) => {
                let reason = crate::step::bind::regex_fault(&error);
                problems.push(Problem::new(path("match"), "bad_regex", reason));
                None
            }
        },
        (None, Some(text)) => match format? {
            FormatPlan::Jsonl | FormatPlan::Json(_) => match Path::parse(text) {
                Ok(place) => Some(Mark::Place(place)),
                Err(message) => {
                    problems.push(Problem::new(path("path"), "bad_path", message));
                    None
                }
            },
            FormatPlan::Xml(xml) => match xml.path.kind(text) {
                Ok(step) => Some(Mark::Element(step)),
                Err(bad) => {
                    let problem = Problem::new(path("path"), bad.code, bad.message);
                    problems.push(problem.hint(bad.hint));
                    None
                }
            },
            FormatPlan::Csv(_) | FormatPlan::Lines(..) | FormatPlan::Fixed(..) => {
                let message = "`path` is for records of JSON and XML";
                let problem = Problem::new(path("path"), "not_applicable", message);
                problems.push(problem.hint("match = '^H', a regular expression"));
                None
            }
        },
    }
}

/// What to do about a name that is none of `known`.
pub(super) fn near<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> String {
    let known: Vec<&str> = known.collect();
    let likeness = |other: &&&str| strsim::jaro_winkler(name, other);
    let best = known
        .iter()
        .max_by(|one, other| likeness(one).total_cmp(&likeness(other)));
    match best.filter(|best| likeness(best) >= NEAR_LIKENESS) {
        Some(best) => format!("did you mean `{best}`?"),
        None if known.is_empty() => "there is none".to_owned(),
        None => format!("there is {}", known.join(", ")),
    }
}
