//! The plan: a spec that was checked.
//!
//! Reading a spec finds what is misspelt; planning finds what is missing, impossible or contradictory, names the
//! place, and fills in the defaults. A plan opens nothing and reads no clock: it can be kept, compared and
//! shown. What it promises: opening it fails only for reasons of the world (a file, a server), never for
//! reasons of the spec.

mod control;
mod examples;
mod format;
mod group;
mod input;
mod kinds;
mod privacy;
mod sink;
mod steps;
#[cfg(test)]
mod tests;

pub use crate::glob::name_matches;
pub use control::ControlPlan;
pub use examples::{ExpectedReject, TestInput, TestPlan};
pub use format::{FormatPlan, XmlPlan};
pub use input::InputPlan;
pub use kinds::KindPlan;
pub use sink::{SinkKind, SinkPlan};
pub use steps::StepPlan;

use crate::kind::Use;
use crate::record::Schema;
use crate::sink::Nulls;
use crate::spec::{ErrorsSpec, MAX_SPEC_BYTES, OnBreachSpec, Problem, Problems, Spec};
use crate::step::bind::{BindPlan, PlanProblem, RowKind, Unknown, read_files};
use crate::step::{ExplodePlan, GroupPlan, Joiner};
use crate::unique::UniquePlan;
use pipeline::{Budget, Cover, OnBreach};
use privacy::Privacy;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use steps::Steps;

/// The version of the language that this program reads.
pub const LANGUAGE: i64 = 1;
/// The most characters of a spec's name.
const MAX_NAME_CHARS: usize = 64;

/// What the environment says where a spec says nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Defaults {
    /// Records of a batch (`JOB_BATCH_SIZE`).
    pub batch_records: Option<usize>,
    /// The pause between batches (`JOB_WRITE_PAUSE_MS`).
    pub pause_ms: Option<u64>,
    /// What gives the secrets that specs refer to, by the name of their variable; none without it.
    pub secret: Option<fn(&str) -> Option<String>>,
}

/// A checked spec.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// Its version, from 1.
    pub version: u32,
    /// What it is.
    pub description: Option<String>,
    /// The hash of its text, in hexadecimal digits; where it extends others, of the one text that says all of it.
    pub sha256: String,
    /// How input is recognised and opened.
    pub input: InputPlan,
    /// How records are found and read.
    pub format: FormatPlan,
    /// How rows become records; where there are kinds, those of the first that is loaded.
    pub bind: BindPlan,
    /// The kinds of records, where the spec tells some apart.
    pub kinds: Option<Vec<KindPlan>>,
    /// What is compared at the end of the input.
    pub control: ControlPlan,
    /// What becomes of columns that the spec does not know.
    pub unknown: Unknown,
    /// What documents are made of: the fields of records, behind all steps; where they are grouped, with the list
    /// behind them.
    pub schema: Arc<Schema>,
    /// What no two of them may share, where there is anything.
    pub unique: Option<Arc<UniquePlan>>,
    /// What happens to them, in order.
    pub steps: Vec<StepPlan>,
    /// Fingerprints of the salts of its hashes, by the names of their variables.
    pub salts: BTreeMap<String, String>,
    /// The fields of the schema, by their numbers, whose values only the target may see.
    pub unseen: Vec<usize>,
    /// What makes several records of one, between the steps.
    pub explode: Option<ExplodePlan>,
    /// What makes one document of several records, behind the steps.
    pub group: Option<GroupPlan>,
    /// What records are before they are grouped, where they are.
    pub records: Option<Arc<Schema>>,
    /// What rejects must not say, where fields are sensitive.
    pub cover: Option<Arc<dyn Cover>>,
    /// How many rejects there may be.
    pub budget: Budget,
    /// Where they go.
    pub sink: SinkPlan,
    /// Examples.
    pub tests: Vec<TestPlan>,
    /// What may be meant otherwise: a line each, for whoever checks the spec.
    pub notes: Vec<String>,
}

impl Plan {
    /// Reads and checks a spec; `name` is what messages call it, its path for example.
    ///
    /// # Errors
    /// Every problem of the spec, each with its place.
    pub fn read(name: &str, text: &str, defaults: Defaults) -> Result<Self, Box<Problems>> {
        Self::read_beside(name, text, defaults, None)
    }

    /// The same, with the files that the spec extends and looks things up in, which lie in `folder`; without one they are
    /// refused. The hash of the plan is that of the whole text and the tables then.
    ///
    /// # Errors
    /// Every problem of the spec and its files, each with its place.
    pub fn read_beside(
        name: &str,
        text: &str,
        defaults: Defaults,
        folder: Option<&Path>,
    ) -> Result<Self, Box<Problems>> {
        Self::read_changed(name, text, defaults, folder, |_| {})
    }

    /// The same, with the files that the spec extends, but none to look things up in: what can be kept as one text.
    ///
    /// # Errors
    /// Every problem of the spec, each with its place.
    pub fn read_extended(
        name: &str,
        text: &str,
        defaults: Defaults,
        folder: &Path,
    ) -> Result<Self, Box<Problems>> {
        let (spec, mut problems) = crate::spec::read_beside::<Spec>(name, text, Some(folder));
        match Self::of(spec, text, defaults, None, &mut problems) {
            Some(plan) if problems.is_empty() => Ok(plan),
            _ => Err(Box::new(problems)),
        }
    }

    /// The plan of `text` in `folder` as it would be with `change`: for whoever asks what another spec would make of a file.
    ///
    /// # Errors
    /// Every problem of the changed spec.
    pub fn read_changed(
        name: &str,
        text: &str,
        defaults: Defaults,
        folder: Option<&Path>,
        change: impl FnOnce(&mut Spec),
    ) -> Result<Self, Box<Problems>> {
        let (mut spec, mut problems) = crate::spec::read_beside::<Spec>(name, text, folder);
        change(&mut spec);
        match Self::of(spec, text, defaults, folder, &mut problems) {
            Some(plan) if problems.is_empty() => Ok(plan),
            _ => Err(Box::new(problems)),
        }
    }

    /// `None` only where a problem was told; `folder` is where the files are that the spec looks things up in.
    fn of(
        spec: Spec,
        text: &str,
        defaults: Defaults,
        folder: Option<&Path>,
        problems: &mut Problems,
    ) -> Option<Self> {
        language(spec.spec, problems);
        let name = name(spec.name.as_deref(), problems);
        let version = version(spec.version, problems);
        let columns = spec.columns.unwrap_or_default();
        let mut all = spec.fields.unwrap_or_default();
        let mut found = Vec::new();
        let files = read_files(&mut all.0, folder, &mut found);
        let said_kinds = kinds::Said::of(spec.records.as_ref(), &all, problems);
        let values = spec.values.unwrap_or_default();
        let parts = kinds::Parts {
            format: spec.format.as_ref(),
            columns: &columns,
            values: &values,
        };
        let kinds = said_kinds.as_ref();
        let mut kinds = kinds.map(|said| said.plan(&all, &parts, problems));
        let fields = match &said_kinds {
            Some(said) => said.main(&all),
            None => std::mem::take(&mut all),
        };
        let mut fields = fields;
        let loaded = kinds.iter().flatten().find(|kind| kind.role == Use::Load);
        let format = match &kinds {
            Some(_) => loaded.map(|kind| kind.format.clone()),
            None => format::plan(spec.format.as_ref(), None, &mut fields, &columns, problems),
        };
        let record_bytes = format.as_ref().map(FormatPlan::default_record_bytes);
        let input = input::plan(
            spec.input.unwrap_or_default(),
            record_bytes.unwrap_or(input::DEFAULT_RECORD_BYTES),
            problems,
        );
        let keeps_all = columns.unknown == Some(Unknown::Keep);
        // Fields that cannot be read were told.
        let is_told = kinds.is_none() && problems.is_told_within("fields");
        if fields.0.is_empty() && !keeps_all && !is_told {
            problems.push(
                Problem::new("fields", "required", "the spec has no [fields]").hint(
                    "name the fields, or pass everything on as it is: [columns] unknown = \"keep\"",
                ),
            );
        }
        // Of a format that was refused the fields are judged all the same.
        let said = spec.format.as_ref();
        let rows = format.as_ref().map(FormatPlan::rows);
        let rows = rows.unwrap_or_else(|| said.map_or(RowKind::Columns, format::rows_of));
        let mut bind = match (&kinds, loaded) {
            (None, _) => BindPlan::new(rows, &fields.0, &columns, &values, &mut found),
            (Some(_), Some(kind)) => kind.bind.clone(),
            // What keeps the kind from being planned was told.
            (Some(_), None) => BindPlan::new(rows, &[], &columns, &values, &mut found),
        };
        let mut privacy = Privacy::plan(&fields.0, format.as_ref(), &bind, defaults, &mut found);
        if said_kinds.is_some() {
            privacy.hide_all(&all.0);
        }
        let unique = spec.unique.unwrap_or_default();
        let by = spec.group.as_ref().and_then(|group| group.by.as_deref());
        let unique = UniquePlan::plan(&fields.0, &unique, by.unwrap_or_default(), &mut found);
        for problem in found {
            problems.push(problem_of(problem));
        }
        let said = steps::plan(spec.steps.as_deref().unwrap_or_default(), &bind, problems);
        let Steps {
            mut explode,
            schema,
            ..
        } = said;
        if let Some(explode) = &mut explode {
            explode.behind += privacy.steps.len();
        }
        let unseen = privacy.unseen(&schema, &fields.0);
        let cover = privacy.cover(&schema, &said.steps);
        let steps = [privacy.steps, said.steps].concat();
        let grouped = group::plan(
            spec.group.as_ref(),
            &schema,
            &bind,
            (explode.is_some(), kinds.is_some()),
            columns.unknown.unwrap_or_default(),
            problems,
        );
        bind.make_room(schema.fields.len());
        let names = control::Names {
            kinds: kinds.as_deref(),
            schema: &schema,
            explode: explode.as_ref(),
        };
        let control = control::plan(spec.control.as_ref(), &names, problems);
        // What sinks see; records are without the list before they are joined.
        let (group, records, schema) = match grouped {
            Some((group, documents)) => (Some(group), Some(Arc::new(schema)), documents),
            None => (None, None, schema),
        };
        let notes = std::mem::take(&mut bind.notes);
        let budget = budget(spec.errors, problems);
        let keeps_unknown = columns.unknown == Some(Unknown::Keep);
        let sink = sink::plan(spec.sink, &schema, keeps_unknown, defaults, problems);
        if let Some(sink) = &sink {
            sink.key_is_not_masked(&schema, &fields.0, problems);
        }
        let lineage = || sink.iter().flat_map(|sink| sink.target.lineage.clone());
        let of_schema = || schema.layout.0.iter().map(|(name, _)| name.clone());
        let mut finish = |format: Option<&FormatPlan>, bind: &mut BindPlan| {
            if cover.is_some() {
                bind.hide_titles();
            }
            bind.make_room(schema.fields.len());
            bind.also_takes(lineage().chain(of_schema()));
            format::check_cells(format, bind, problems);
        };
        match &mut kinds {
            None => finish(format.as_ref(), &mut bind),
            Some(kinds) => {
                for kind in kinds.iter_mut().filter(|kind| kind.role == Use::Load) {
                    finish(Some(&kind.format), &mut kind.bind);
                }
            }
        }
        let tests = examples::plan(spec.tests.unwrap_or_default(), problems);
        let whole = problems.source().flat();
        if let Some(whole) = whole.as_ref().filter(|whole| whole.len() > MAX_SPEC_BYTES) {
            let bytes = whole.len();
            let message = format!(
                "the spec has {bytes} bytes with all it extends, at most {MAX_SPEC_BYTES} are read"
            );
            problems.push(Problem::new("extends", "spec_too_large", message));
        }
        Some(Self {
            name: name?,
            version: version?,
            description: spec.description,
            sha256: hash(whole.as_deref().unwrap_or(text), files),
            input,
            format: format?,
            bind,
            kinds,
            control,
            unknown: columns.unknown.unwrap_or_default(),
            schema: Arc::new(schema),
            unique,
            steps,
            explode,
            group,
            records,
            salts: privacy.salts,
            unseen,
            cover,
            budget,
            sink: sink?,
            tests,
            notes,
        })
    }

    /// Whether a load that was begun with this plan can go on with `other`: another version of the same spec that
    /// finds the same records in the same input, and writes them to the same place in the same way. What records are
    /// made of may differ, and what totals are compared with; but the totals that it compares are kept from the start.
    ///
    /// # Errors
    /// The first section that differs: `name`, `input`, `format`, `records`, `control`, `explode` (whether there is
    /// one), `group` or `sink`; `unique`, where a value must be unique in either: what a run that goes on has seen of values
    /// is what its own version makes of the records before it.
    pub fn compatible_with(&self, other: &Self) -> Result<(), &'static str> {
        for (section, equal) in [
            ("name", self.name == other.name),
            ("input", self.input == other.input),
            ("format", self.format.finds_as(&other.format)),
            ("records", self.finds_kinds_as(other)),
            (
                "control",
                has_all(self.control.terms(), other.control.terms()),
            ),
            ("explode", self.explode.is_some() == other.explode.is_some()),
            ("group", self.group == other.group),
            ("unique", self.sees_as(other)),
            ("sink", self.sink == other.sink),
        ] {
            if !equal {
                return Err(section);
            }
        }
        Ok(())
    }

    /// What joins the records of a group, where the spec groups them.
    pub fn joiner(&self) -> Option<Joiner> {
        let group = self.group.as_ref()?;
        // The list stands behind the fields of records, of which those in it have their places back.
        let records = self.records.as_deref()?;
        let omits_nulls = self.sink.target.nulls == Nulls::Omit;
        Joiner::new(group, records, omits_nulls).ok()
    }

    /// How many steps there are.
    pub fn step_count(&self) -> usize {
        self.steps.len() + usize::from(self.explode.is_some())
    }

    /// Whether what was unique so far is so for both: where nothing must be, or they are one text.
    fn sees_as(&self, other: &Self) -> bool {
        let nothing = self.unique.is_none() && other.unique.is_none();
        nothing || self.sha256 == other.sha256
    }

    /// Whether both tell the same kinds by the same marks. What fields each kind has may differ.
    fn finds_kinds_as(&self, other: &Self) -> bool {
        let kinds = |plan: &Self| {
            let all = plan.kinds.as_ref()?.iter();
            let parts = all.map(|kind| (kind.name.clone(), kind.role, kind.mark.clone()));
            Some(parts.collect::<Vec<_>>())
        };
        kinds(self) == kinds(other)
    }

    /// `name@version`.
    pub fn reference(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }
}

/// Whether a load that keeps the totals of `kept` has all that `wanted` compares.
fn has_all(kept: &[Arc<str>], wanted: &[Arc<str>]) -> bool {
    wanted.iter().all(|term| kept.contains(term))
}

/// The hash of a spec: that of its text, or of text and files where it has any.
fn hash(text: &str, files: Option<Sha256>) -> String {
    let text = Sha256::new_with_prefix(text.as_bytes());
    hex::encode(match files {
        None => text.finalize(),
        Some(files) => text.chain_update(files.finalize()).finalize(),
    })
}

fn problem_of(found: PlanProblem) -> Problem {
    let problem = Problem::new(found.path, found.code, found.message);
    match found.hint {
        Some(hint) => problem.hint(hint),
        None => problem,
    }
}

fn language(said: Option<i64>, problems: &mut Problems) {
    match said {
        Some(LANGUAGE) => {}
        Some(other) => problems.push(
            Problem::new(
                "spec",
                "unsupported_version",
                format!("version {other} of the language is not known"),
            )
            .hint(format!("write spec = {LANGUAGE}")),
        ),
        None => problems.push(
            Problem::new("spec", "required", "the version of the language is missing")
                .hint(format!("begin the file with spec = {LANGUAGE}")),
        ),
    }
}

fn name(said: Option<&str>, problems: &mut Problems) -> Option<String> {
    let Some(name) = said else {
        problems.push(
            Problem::new("name", "required", "the spec has no name")
                .hint("name = \"orders\", for example"),
        );
        return None;
    };
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !starts || !name.chars().all(good) || name.len() > MAX_NAME_CHARS {
        problems.push(
            Problem::new(
                "name",
                "bad_name",
                format!("`{name}` cannot be the name of a spec"),
            )
            .hint(format!(
                "a letter first, then letters, digits, _ and -, at most {MAX_NAME_CHARS} in all"
            )),
        );
        return None;
    }
    Some(name.to_owned())
}

fn version(said: Option<i64>, problems: &mut Problems) -> Option<u32> {
    match u32::try_from(said.unwrap_or(1)) {
        Ok(version) if version > 0 => Some(version),
        _ => {
            problems.push(Problem::new(
                "version",
                "bad_value",
                "a version is a whole number from 1",
            ));
            None
        }
    }
}

fn budget(said: Option<ErrorsSpec>, problems: &mut Problems) -> Budget {
    let said = said.unwrap_or_default();
    let default = Budget::default();
    let max_ratio = said.max_ratio.unwrap_or(default.max_ratio);
    if !(0.0..=1.0).contains(&max_ratio) {
        let message = format!("a ratio lies between 0 and 1, {max_ratio} does not");
        problems.push(
            Problem::new("errors.max_ratio", "bad_value", message).hint("0.01 is one in a hundred"),
        );
    }
    Budget {
        max_records: said.max_records.unwrap_or(default.max_records),
        max_ratio,
        after_records: said.after_records.unwrap_or(default.after_records),
        min_records: said.min_records.unwrap_or(default.min_records),
        on_breach: match said.on_breach {
            Some(OnBreachSpec::Hold) => OnBreach::Hold,
            Some(OnBreachSpec::Fail) => OnBreach::Fail,
            Some(OnBreachSpec::Continue) => OnBreach::Continue,
            None => default.on_breach,
        },
    }
}
