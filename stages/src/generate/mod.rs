//! Big and messy files of any spec, with their truth: the other way round from a load.
//!
//! A record is a pure function of the spec, the seed and its number, and is made without those before it; memory does
//! not grow with the file. Values follow the words of the spec, which are read here a second time: what a record must
//! become is never asked of the parts that will judge it. What is bad is bad in one way whose code is
//! known; a record that the spec would reject for something else is never made.

mod blocks;
mod chance;
mod columns;
mod csv;
mod duration;
mod field;
mod json;
mod matcher;
mod moment;
mod number;
mod packed;
mod scalar;
mod shape;
mod share;
#[cfg(test)]
mod tests;
mod tree;
mod truth;
mod words;

pub use blocks::Block;
pub use packed::Packed;
pub use share::Share;
pub use truth::{Outcome, Totals, Truth};

use crate::frame::csv::CsvDialect;
use crate::json::Step;
use crate::plan::{Defaults, FormatPlan, Plan};
use crate::spec::{Problem, Problems, Spec, field_path};
use crate::step::bind::{Missing, Path};
use crate::unpack::Compression;
use chance::Chance;
use columns::{Drawing, Sought};
use csv::CsvMaker;
use field::FieldMaker;
use json::JsonMaker;
use scalar::{Medium, Refusal};

/// What a problem of a spec is called for which no file can be made.
const CODE: &str = "cannot_generate";
/// The longest record that is made too long on purpose, in bytes.
const MAX_LONG_RECORD_BYTES: usize = 64 * 1024;

/// Makes the records of one file.
#[derive(Clone, Debug)]
pub struct Generator {
    seed: u64,
    bad: Share,
    has_steps: bool,
    head: Vec<u8>,
    tail: Vec<u8>,
    rows: Rows,
    plan: Plan,
}

#[derive(Clone, Debug)]
enum Rows {
    Csv(Box<CsvMaker>),
    Json(Box<JsonMaker>),
}

/// What must become of a row by what was done to it.
struct Row {
    code: &'static str,
    field: Option<String>,
}

impl Row {
    fn rejected(code: &'static str, field: Option<&str>) -> Self {
        Self {
            code,
            field: field.map(str::to_owned),
        }
    }
}

impl Generator {
    /// Reads and checks a spec; `name` is what messages call it, and `folder` where the files are that it extends.
    ///
    /// # Errors
    /// Every problem of the spec; or of a good one, the fields whose values cannot be made (`cannot_generate`).
    pub fn read(
        name: &str,
        text: &str,
        defaults: Defaults,
        folder: Option<&std::path::Path>,
        (bad, seed): (Share, u64),
    ) -> Result<Self, Box<Problems>> {
        let plan = match folder {
            Some(folder) => Plan::read_extended(name, text, defaults, folder)?,
            None => Plan::read(name, text, defaults)?,
        };
        let (spec, mut problems) = crate::spec::read_beside::<Spec>(name, text, folder);
        unless_unknown(&plan, &mut problems);
        if plan.kinds.is_some() && problems.is_empty() {
            let message = "files with several kinds of records are not made";
            problems.push(Problem::new("records", CODE, message));
        }
        if !problems.is_empty() {
            return Err(Box::new(problems));
        }
        let fields = makers(&plan, &spec, &mut problems);
        if spec.unique.is_some() {
            let message = "values are made one by one, and may come twice";
            problems.push(Problem::new("unique", CODE, message));
        }
        if !packed::can_encode(plan.input.unpack.encoding) {
            let message = "files are made in UTF-8 and UTF-16 only, which hold every character";
            problems.push(Problem::new("input.encoding", CODE, message).hint("use auto"));
        }
        if !problems.is_empty() {
            return Err(Box::new(problems));
        }
        let made = match &plan.format {
            FormatPlan::Csv(dialect) => csv_rows(&plan, dialect, &spec, fields, seed),
            _ => json_rows(&plan, &spec, fields, seed),
        };
        let tail = match &plan.format {
            FormatPlan::Json(path) => path.around().1 + "\n",
            _ => String::new(),
        };
        match made {
            Ok((head, rows)) => Ok(Self {
                seed,
                bad,
                has_steps: plan.step_count() > 0,
                head,
                tail: tail.into_bytes(),
                rows,
                plan,
            }),
            Err(problem) => {
                problems.push(*problem);
                Err(Box::new(problems))
            }
        }
    }

    /// The plan of the spec.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Whether the spec wants its input packed.
    pub fn is_packed(&self) -> bool {
        !matches!(
            self.plan.input.unpack.compression,
            Compression::None | Compression::Auto
        )
    }

    /// What stands before the first record.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// What stands behind the last record.
    pub fn tail(&self) -> &[u8] {
        &self.tail
    }

    /// Adds the record with this number, from 0, and says what must become of it.
    pub fn record(&self, ordinal: u64, out: &mut Vec<u8>) -> Truth {
        let mut chance = Chance::of(self.seed, 3, ordinal);
        if matches!(self.plan.format, FormatPlan::Json(_)) && ordinal > 0 {
            out.push(b',');
        }
        let row = match (&self.rows, self.bad.takes(ordinal)) {
            (Rows::Csv(csv), true) => Some(csv.bad(&mut chance, out)),
            (Rows::Json(json), true) => Some(json.bad(&mut chance, out)),
            (Rows::Csv(csv), false) => {
                csv.good(&mut chance, out);
                None
            }
            (Rows::Json(json), false) => {
                json.good(&mut chance, out);
                None
            }
        };
        self.truth(ordinal, row)
    }

    /// The same as the last record of its file, which may have no line end, and where a quote may stay open.
    pub fn last(&self, ordinal: u64, out: &mut Vec<u8>) -> Truth {
        let mut chance = Chance::of(self.seed, 4, ordinal);
        if self.bad.takes(ordinal)
            && chance.one_in(2)
            && let Rows::Csv(csv) = &self.rows
            && let Some(row) = csv.cut_off(&mut chance, out)
        {
            return self.truth(ordinal, Some(row));
        }
        let truth = self.record(ordinal, out);
        if chance.one_in(3) {
            let ends = out
                .iter()
                .rev()
                .take_while(|byte| matches!(byte, b'\r' | b'\n'));
            out.truncate(out.len() - ends.count());
        }
        truth
    }

    fn truth(&self, ordinal: u64, row: Option<Row>) -> Truth {
        let record = ordinal + 1;
        match row {
            Some(Row { code, field }) => Truth {
                record,
                outcome: Outcome::Rejected,
                code: Some(code),
                field,
            },
            None => Truth {
                record,
                outcome: match self.has_steps {
                    true => Outcome::PassesBinding,
                    false => Outcome::Loaded,
                },
                code: None,
                field: None,
            },
        }
    }
}

/// Tells of formats of which no files can be made.
fn unless_unknown(plan: &Plan, problems: &mut Problems) {
    if plan.group.is_some() {
        let message = "groups of records cannot be made yet";
        problems.push(Problem::new("group", CODE, message));
    }
    let (path, message) = match &plan.format {
        FormatPlan::Csv(_) | FormatPlan::Jsonl => return,
        FormatPlan::Json(path) if path.steps().contains(&Step::Any) => return,
        FormatPlan::Json(_) => {
            let message = "a document holds one record where the record_path has no `[*]`";
            ("format.json.record_path", message)
        }
        FormatPlan::Xml(_) => ("format.xml", "XML documents cannot be made yet"),
        FormatPlan::Lines(..) => ("format.lines", "lines cannot be made from a pattern yet"),
        FormatPlan::Fixed(..) => ("format.fixed", "lines with fixed places cannot be made yet"),
    };
    let hint = "files are made of [format.csv], [format.jsonl] and [format.json]";
    problems.push(Problem::new(path, CODE, message).hint(hint));
}

/// A maker for each field; the fields that have none are told.
fn makers(plan: &Plan, spec: &Spec, problems: &mut Problems) -> Vec<FieldMaker> {
    let medium = match &plan.format {
        FormatPlan::Csv(_) | FormatPlan::Lines(..) | FormatPlan::Fixed(..) => Medium::Cells,
        FormatPlan::Jsonl | FormatPlan::Json(_) | FormatPlan::Xml(_) => Medium::Json,
    };
    let values = spec.values.clone().unwrap_or_default();
    let mut makers = Vec::new();
    for (name, field) in spec.fields.iter().flat_map(|fields| &fields.0) {
        match FieldMaker::of(name, medium, field, &values) {
            Ok(mut maker) => {
                maker.is_key = is_key(plan, name);
                makers.push(maker);
            }
            Err(refusal) => problems.push(*problem(name, &refusal)),
        }
    }
    makers
}

/// Whether the sink finds documents by this field.
fn is_key(plan: &Plan, name: &str) -> bool {
    let fields = &plan.schema.fields;
    let field = fields.iter().find(|field| &*field.name == name);
    field.is_some_and(|field| {
        field
            .target
            .as_ref()
            .is_some_and(|target| plan.sink.target.key.contains(target))
    })
}

fn problem(field: &str, refusal: &Refusal) -> Box<Problem> {
    let message = format!(
        "no value of the field `{field}` can be made: {}",
        refusal.reason
    );
    let hint = "loads are not touched by this: generate files of a copy of the spec in which the field is simpler";
    Box::new(Problem::new(field_path(field, refusal.key), CODE, message).hint(hint))
}

/// Names that an unknown column or key must not have.
fn taken(plan: &Plan) -> Vec<String> {
    let names = plan
        .schema
        .layout
        .0
        .iter()
        .map(|(name, _)| name.to_string());
    names
        .chain(plan.sink.target.lineage.iter().map(ToString::to_string))
        .collect()
}

type Made = Result<(Vec<u8>, Rows), Box<Problem>>;

fn too_large() -> Box<Problem> {
    let problem = Problem::new(
        "input.max_record_bytes",
        CODE,
        "no record was met that is as short as the spec wants it and that its dialect can write",
    )
    .hint("allow longer records, or quotes");
    Box::new(problem)
}

fn csv_rows(
    plan: &Plan,
    dialect: &CsvDialect,
    spec: &Spec,
    fields: Vec<FieldMaker>,
    seed: u64,
) -> Made {
    let of = spec.fields.iter().flat_map(|fields| &fields.0);
    let mut sought = Vec::new();
    for (name, field) in of {
        let found = Sought::of(name, field).ok_or_else(|| {
            let reason = "one of its regular expressions is too large".to_owned();
            problem(
                name,
                &Refusal {
                    key: "from",
                    reason,
                },
            )
        })?;
        sought.push(found);
    }
    let (said, taken) = (spec.columns.clone().unwrap_or_default(), taken(plan));
    let drawing = Drawing {
        fields: &fields,
        sought: &sought,
        columns: &said,
        dialect,
        taken: &taken,
    };
    let columns = drawing
        .columns(seed)
        .map_err(|(index, refusal)| match fields.get(index) {
            Some(field) => problem(&field.name, &refusal),
            None => Box::new(Problem::new("fields", CODE, refusal.reason)),
        })?;
    let maker = CsvMaker::of(
        dialect.clone(),
        fields.clone(),
        columns,
        plan.input.max_record_bytes,
    )
    .ok_or_else(too_large)?;
    let mut head = Vec::new();
    maker.head(&drawing, &mut Chance::of(seed, 2, 0), &mut head);
    Ok((head, Rows::Csv(Box::new(maker))))
}

fn json_rows(plan: &Plan, spec: &Spec, fields: Vec<FieldMaker>, seed: u64) -> Made {
    let mut paths = Vec::new();
    for (name, field) in spec.fields.iter().flat_map(|fields| &fields.0) {
        let own = [name.clone()];
        let said = field.from.as_ref().map_or(&own[..], |from| &from.0);
        paths.push(
            said.iter()
                .filter_map(|text| Path::parse(text).ok())
                .collect::<Vec<_>>(),
        );
    }
    let columns = spec.columns.clone().unwrap_or_default();
    let rules = (
        columns.missing == Some(Missing::FailAny),
        columns.unknown.unwrap_or_default(),
    );
    let names: Vec<String> = fields.iter().map(|field| field.name.clone()).collect();
    let maker = JsonMaker::of(
        fields,
        paths,
        rules,
        taken(plan),
        plan.input.max_record_bytes,
    );
    let maker = maker.map_err(|index| match names.get(index) {
        None => too_large(),
        Some(name) => {
            let reason = "no record was met in which it finds its value beside those of the others"
                .to_owned();
            problem(
                name,
                &Refusal {
                    key: "from",
                    reason,
                },
            )
        }
    })?;
    let maker = match &plan.format {
        FormatPlan::Json(_) => maker.in_a_document(),
        _ => maker,
    };
    let mut head = Vec::new();
    if Chance::of(seed, 2, 0).one_in(4) {
        head.extend_from_slice("\u{feff}".as_bytes());
    }
    if let FormatPlan::Json(path) = &plan.format {
        head.extend_from_slice(path.around().0.as_bytes());
        head.push(b'\n');
    }
    Ok((head, Rows::Json(Box::new(maker))))
}
