//! `[sink.…]`: where records go, and that the schema has what the sink needs.

use super::Defaults;
use crate::record::Schema;
use crate::sink::{Flow, Target};
use crate::spec::{Problem, Problems, SinkSpec};
use crate::step::bind::FieldSpec;
use std::path::PathBuf;

/// Where records go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkPlan {
    /// Which sink.
    pub kind: SinkKind,
    /// What a document is to be; the collection is the path of a file sink.
    pub target: Target,
    /// How batches flow into it.
    pub flow: Flow,
}

/// The sinks that a spec can name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SinkKind {
    /// A MongoDB collection.
    Mongodb,
    /// A table of this SQLite file.
    Sqlite(PathBuf),
    /// A file of JSON Lines.
    Jsonl,
    /// A CSV file.
    Csv,
    /// Nowhere.
    Null,
}

impl SinkKind {
    /// The word in a spec.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Mongodb => "mongodb",
            Self::Sqlite(_) => "sqlite",
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
            Self::Null => "null",
        }
    }

    /// Whether the spec names a collection or table.
    pub fn has_collection(&self) -> bool {
        matches!(self, Self::Mongodb | Self::Sqlite(_))
    }
}

pub(super) fn plan(
    said: Option<SinkSpec>,
    schema: &Schema,
    keeps_unknown: bool,
    defaults: Defaults,
    problems: &mut Problems,
) -> Option<SinkPlan> {
    let mut flow = Flow::default();
    flow.batch.max_records = defaults.batch_records.unwrap_or(flow.batch.max_records);
    flow.rate.pause_ms = defaults.pause_ms.unwrap_or(flow.rate.pause_ms);
    let mut found = Vec::new();
    let Some(said) = said else {
        problems.push(
            Problem::new("sink", "required", "the spec does not say where records go")
                .hint("add [sink.mongodb] with a collection"),
        );
        return None;
    };
    let (kind, (target, flow)) = match &said {
        SinkSpec::Mongodb(spec) => (SinkKind::Mongodb, spec.check(flow, &mut found)),
        SinkSpec::Sqlite(spec) => {
            let (path, target, flow) = spec.check(flow, &mut found);
            (SinkKind::Sqlite(path), (target, flow))
        }
        SinkSpec::Jsonl(spec) => (SinkKind::Jsonl, spec.check(flow, &mut found)),
        SinkSpec::Csv(spec) => (SinkKind::Csv, spec.check(flow, &mut found)),
        SinkSpec::Null(spec) => (SinkKind::Null, spec.check(flow, &mut found)),
    };
    found.into_iter().for_each(|problem| problems.push(problem));
    let plan = SinkPlan { kind, target, flow };
    plan.key_is_written(schema, problems);
    plan.lineage_is_free(schema, problems);
    if plan.kind == SinkKind::Csv && keeps_unknown {
        let message = "a CSV file has the same columns in every row: unknown ones cannot be kept";
        let hint = "use unknown = \"rescue\", which makes one column of them";
        problems.push(Problem::new("columns.unknown", "bad_combination", message).hint(hint));
    }
    Some(plan)
}

impl SinkPlan {
    fn key_is_written(&self, schema: &Schema, problems: &mut Problems) {
        for (index, key) in self.target.key.iter().enumerate() {
            let written = schema
                .fields
                .iter()
                .any(|field| field.target.as_deref() == Some(key));
            if !written {
                let path = format!("sink.{}.key[{index}]", self.kind.name());
                let message = format!("no field is written to `{}`", key.join("."));
                problems.push(
                    Problem::new(path, "unknown_field", message)
                        .hint("a key names target paths, as `to` does"),
                );
            }
        }
    }

    /// Values that are different in the file may be equal once they are masked: as a key they would be one document.
    pub(super) fn key_is_not_masked(
        &self,
        schema: &Schema,
        fields: &[(String, FieldSpec)],
        problems: &mut Problems,
    ) {
        for (index, key) in self.target.key.iter().enumerate() {
            // The fields of the spec come first in the schema.
            let mut both = schema.fields.iter().zip(fields);
            let masked = both.find(|(field, (_, spec))| {
                field.target.as_deref() == Some(key) && spec.mask.is_some()
            });
            if let Some((_, (name, _))) = masked {
                let path = format!("sink.{}.key[{index}]", self.kind.name());
                let message = format!(
                    "`{name}` is masked: records of several values would become one document"
                );
                let hint = "`hash` keeps values apart; or take a key of other fields";
                problems.push(Problem::new(path, "impossible", message).hint(hint));
            }
        }
    }

    fn lineage_is_free(&self, schema: &Schema, problems: &mut Problems) {
        let Some(lineage) = &self.target.lineage else {
            return;
        };
        let taken = schema.layout.0.iter().any(|(name, _)| name == lineage);
        if taken {
            let path = format!("sink.{}.lineage", self.kind.name());
            problems.push(Problem::new(
                path,
                "duplicate",
                format!("a field is written to `{lineage}` already"),
            ));
        }
    }
}
