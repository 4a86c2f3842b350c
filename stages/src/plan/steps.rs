//! `[[steps]]`: each is checked against the fields that exist before it.

use crate::record::{Record, Schema};
use crate::spec::{Problem, Problems, StepSpec};
use crate::step::DeriveSpec;
use crate::step::bind::BindPlan;
use crate::step::expression::Names;
use jiff::tz::TimeZone;
use pipeline::Step;
use std::fmt;
use std::sync::Arc;

/// A checked step.
#[derive(Clone)]
pub struct StepPlan {
    /// The word in the spec: derive, drop or reject.
    pub kind: &'static str,
    /// What it is called: the derived field, or the step's name.
    pub name: String,
    /// What it does.
    pub step: Arc<dyn Step<Record>>,
}

impl fmt::Debug for StepPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

/// The steps, and the schema with the derived fields behind those of the spec.
pub(super) fn plan(
    said: &[StepSpec],
    bind: &BindPlan,
    problems: &mut Problems,
) -> (Vec<StepPlan>, Schema) {
    let (schema, zones) = schema(said, bind, problems);
    let mut names = Names {
        schema: &schema,
        visible: bind.schema_fields().len(),
        zones: &zones,
    };
    let mut planned = Vec::new();
    for (index, step) in said.iter().enumerate() {
        let (kind, name, built) = match step {
            StepSpec::Derive(spec) => ("derive", &spec.field, spec.build(&names)),
            StepSpec::Drop(spec) => ("drop", &spec.name, spec.build(&names)),
            StepSpec::Reject(spec) => ("reject", &spec.name, spec.build(&names)),
        };
        let name = name.clone().unwrap_or_default();
        match built {
            Ok(step) => planned.push(StepPlan {
                kind,
                name,
                step: step.into(),
            }),
            Err(wrong) => tell(index, wrong, problems),
        }
        // The steps behind a derived field see it.
        let derived = |spec: &DeriveSpec| {
            spec.field()
                .is_ok_and(|field| schema.index_of(&field.name).is_some())
        };
        if matches!(step, StepSpec::Derive(spec) if derived(spec)) {
            names.visible += 1;
        }
    }
    (planned, schema)
}

/// The fields of the spec, then the derived ones in the order of the steps, with the zones of the former.
fn schema(
    said: &[StepSpec],
    bind: &BindPlan,
    problems: &mut Problems,
) -> (Schema, Vec<(usize, TimeZone)>) {
    let mut fields = bind.schema_fields();
    let zones = fields.iter().enumerate().filter_map(|(index, field)| {
        bind.timezone_of(&field.name)
            .map(|zone| (index, zone.rules().clone()))
    });
    let zones = zones.collect();
    for (index, step) in said.iter().enumerate() {
        let StepSpec::Derive(spec) = step else {
            continue;
        };
        // What is wrong with the field is told when the step is built.
        let Ok(field) = spec.field() else { continue };
        if fields.iter().any(|other| other.name == field.name) {
            let message = format!("there is a field `{}` already", field.name);
            tell(index, vec![("derive.field".into(), message)], problems);
            continue;
        }
        fields.push(field);
        if Schema::new(fields.clone()).is_err() {
            let message = "its place in the document is taken by another field".to_owned();
            tell(index, vec![("derive".into(), message)], problems);
            fields.pop();
        }
    }
    // Two fields in one place are told by the bind; the checks that follow go on without a layout.
    let schema = Schema::new(fields.clone()).unwrap_or(Schema {
        fields,
        ..Schema::default()
    });
    (schema, zones)
}

fn tell(index: usize, wrong: Vec<(String, String)>, problems: &mut Problems) {
    for (key, message) in wrong {
        problems.push(Problem::new(
            format!("steps[{index}].{key}"),
            "bad_step",
            message,
        ));
    }
}
