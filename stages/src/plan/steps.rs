//! `[[steps]]`: each is checked against the fields that exist before it.

use crate::record::{Field, Record, Schema};
use crate::spec::{Problem, Problems, StepSpec};
use crate::step::ExplodePlan;
use crate::step::bind::BindPlan;
use crate::step::codes;
use crate::step::expression::Names;
use jiff::tz::TimeZone;
use pipeline::Step;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// A checked step.
#[derive(Clone)]
pub struct StepPlan {
    /// The word in the spec: derive, drop, reject, mask or hash.
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

/// What `[[steps]]` make.
#[derive(Default)]
pub(super) struct Steps {
    /// Those that see one record at a time.
    pub steps: Vec<StepPlan>,
    /// The one between them that makes several records of one.
    pub explode: Option<ExplodePlan>,
    /// What records are behind all of them: derived fields behind those of the spec.
    pub schema: Schema,
}

/// The steps, each checked by what it sees.
pub(super) fn plan(said: &[StepSpec], bind: &BindPlan, problems: &mut Problems) -> Steps {
    let uncertain = uncertain(said, problems);
    let fields = fields(said, bind, problems);
    check_names(said, problems);
    let mut names = Names {
        schema: fields.whole.as_ref().unwrap_or(&fields.schema),
        visible: bind.schema_fields().len(),
        zones: &fields.zones,
        uncertain: &uncertain,
    };
    let mut planned: Vec<StepPlan> = Vec::new();
    let mut explode = None;
    for (index, step) in said.iter().enumerate() {
        let is_second = fields.second.contains(&index);
        let (kind, name, built) = match step {
            // The field of that name is another: only the expression is left to check.
            StepSpec::Derive(spec) if is_second => {
                tell(index, spec.expression(&names).err(), problems);
                continue;
            }
            StepSpec::Derive(spec) => ("derive", &spec.field, spec.build(&names)),
            StepSpec::Drop(spec) => ("drop", &spec.name, spec.build(&names)),
            StepSpec::Reject(spec) => ("reject", &spec.name, spec.build(&names)),
            StepSpec::Explode(_) => {
                if let Some((at, plan)) = &fields.explode
                    && *at == index
                {
                    let mut plan = plan.clone();
                    plan.behind = planned.len();
                    explode = Some(plan);
                    names.schema = &fields.schema;
                }
                continue;
            }
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
        if matches!(step, StepSpec::Derive(spec) if spec.field().is_ok()) {
            names.visible += 1;
        }
    }
    Steps {
        steps: planned,
        explode,
        schema: fields.schema,
    }
}

/// Names of fields with a fault that was told or will be: what steps make of them is not judged by it.
fn uncertain(said: &[StepSpec], problems: &Problems) -> Vec<Arc<str>> {
    let of_fields = problems.iter().filter_map(|problem| {
        let below = problem.path.strip_prefix("fields.")?;
        below.split('.').next()
    });
    let derived = said.iter().filter_map(|step| match step {
        StepSpec::Derive(spec) if spec.field().is_err() => spec.field.as_deref(),
        _ => None,
    });
    of_fields.chain(derived).map(Arc::from).collect()
}

/// What the fields of the spec and the derived ones make.
struct Fields {
    /// The fields of the spec, then the derived ones in the order of the steps.
    schema: Schema,
    /// The zones of the former.
    zones: Vec<(usize, TimeZone)>,
    /// The steps whose field has the name of one before it; they add none.
    second: Vec<usize>,
    /// The step that explodes, by its index, and the schema of the steps before it.
    explode: Option<(usize, ExplodePlan)>,
    whole: Option<Schema>,
}

fn fields(said: &[StepSpec], bind: &BindPlan, problems: &mut Problems) -> Fields {
    let mut fields = bind.schema_fields();
    let zones = fields.iter().enumerate().filter_map(|(index, field)| {
        bind.timezone_of(&field.name)
            .map(|zone| (index, zone.rules().clone()))
    });
    let zones = zones.collect();
    let mut placed = placed(&fields);
    let mut second = Vec::new();
    let mut explode = None;
    let mut list = None;
    for (index, step) in said.iter().enumerate() {
        let spec = match step {
            StepSpec::Derive(spec) => spec,
            StepSpec::Explode(_) if explode.is_some() => {
                let message = "a record is exploded once: there is an `explode` before this one";
                tell(index, [("explode".into(), message.into())], problems);
                continue;
            }
            StepSpec::Explode(spec) => {
                let unplaced = Schema {
                    fields: fields.clone(),
                    ..Schema::default()
                };
                match spec.build(&unplaced, |name| bind.items_of(name)) {
                    Ok((plan, item)) => {
                        let at = plan.index();
                        let whole = std::mem::replace(&mut fields[at], item.clone());
                        replace(&mut placed, &whole, item, index, problems);
                        list = Some((at, whole));
                        explode = Some((index, plan));
                    }
                    Err(wrong) => {
                        for (key, message, hint) in wrong {
                            let path = format!("steps[{index}].{key}");
                            let problem = Problem::new(path, "bad_step", message);
                            problems.push(match hint {
                                Some(hint) => problem.hint(hint),
                                None => problem,
                            });
                        }
                    }
                }
                continue;
            }
            StepSpec::Drop(_) | StepSpec::Reject(_) => continue,
        };
        // What is wrong with the field is told when the step is built.
        let Ok(field) = spec.field() else { continue };
        if fields.iter().any(|other| other.name == field.name) {
            let message = format!("there is a field `{}` already", field.name);
            tell(index, [("derive.field".into(), message)], problems);
            second.push(index);
            continue;
        }
        placed.push(field.clone());
        if Schema::new(placed.clone()).is_err() {
            placed.pop();
            let key = if spec.to.is_some() { "to" } else { "field" };
            let target = field.target.as_deref().unwrap_or_default().join(".");
            let message = format!("the place `{target}` in the document is taken by another field");
            tell(index, [(format!("derive.{key}"), message)], problems);
        }
        fields.push(field);
    }
    let whole = list.map(|(at, whole)| {
        let mut fields = fields.clone();
        fields[at] = whole;
        Schema {
            fields,
            ..Schema::default()
        }
    });
    // Two fields in one place are told by now; the checks that follow go on without a layout.
    let schema = Schema::new(fields.clone()).unwrap_or(Schema {
        fields,
        ..Schema::default()
    });
    Fields {
        schema,
        zones,
        second,
        explode,
        whole,
    }
}

/// Puts the item in the place of its list among the fields that have their place.
fn replace(
    placed: &mut Vec<Field>,
    list: &Field,
    item: Field,
    index: usize,
    problems: &mut Problems,
) {
    placed.retain(|field| field.name != list.name);
    placed.push(item);
    if Schema::new(placed.clone()).is_err() {
        let target = placed.pop().and_then(|item| item.target);
        let target = target.unwrap_or_default().join(".");
        let message = format!("the place `{target}` in the document is taken by another field");
        tell(index, [("explode.as".into(), message)], problems);
    }
}

/// The fields of the spec that have their place; of those that have none the bind has told.
fn placed(fields: &[Field]) -> Vec<Field> {
    if Schema::new(fields.to_vec()).is_ok() {
        return fields.to_vec();
    }
    let mut placed: Vec<Field> = Vec::new();
    for field in fields {
        placed.push(field.clone());
        if Schema::new(placed.clone()).is_err() {
            placed.pop();
        }
    }
    placed
}

/// Drops are counted, and rejects found, by the name of their step: no two can have one, and no reject that of
/// a reject of the program's own.
fn check_names(said: &[StepSpec], problems: &mut Problems) {
    let mut names: HashMap<&str, usize> = HashMap::new();
    for (index, step) in said.iter().enumerate() {
        let (kind, name) = match step {
            StepSpec::Derive(_) => continue,
            StepSpec::Explode(spec) => ("explode", spec.drop_empty.as_deref()),
            StepSpec::Drop(spec) => ("drop", spec.name.as_deref()),
            StepSpec::Reject(spec) => ("reject", spec.name.as_deref()),
        };
        let Some(name) = name else { continue };
        let key = if kind == "explode" {
            "drop_empty"
        } else {
            "name"
        };
        let path = format!("steps[{index}].{kind}.{key}");
        if kind == "reject" && codes::says(name).is_some() {
            let message = format!("`{name}` is the code of rejects that the program makes itself");
            let hint = format!("a name that says what is wrong, `bad_{name}` for example");
            problems.push(Problem::new(path, "reserved_name", message).hint(hint));
        } else if let Some(first) = names.insert(name, index) {
            let message = format!("step {} is called `{name}` too", first + 1);
            let hint = "what a step catches is counted under its name: give each its own";
            problems.push(Problem::new(path, "duplicate_name", message).hint(hint));
        }
    }
}

fn tell(index: usize, wrong: impl IntoIterator<Item = (String, String)>, problems: &mut Problems) {
    for (key, message) in wrong {
        problems.push(Problem::new(
            format!("steps[{index}].{key}"),
            "bad_step",
            message,
        ));
    }
}
