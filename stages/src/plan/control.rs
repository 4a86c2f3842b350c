//! `[control]`: the terms of each control, and what they ask of records.

use super::kinds::{KindPlan, near};
use crate::control::{Ask, ControlSpec, MAX_CONTROLS, Totals};
use crate::kind::{Named, Use};
use crate::record::{Decimal, Schema, Type};
use crate::spec::{OnBreachSpec, Problem, Problems};
use crate::step::ExplodePlan;
use crate::step::bind::{Literal, is_identifier};
use pipeline::{Control, Exact, LOADED, OnBreach, Term};
use std::sync::Arc;

/// The controls, and what records add to their totals.
#[derive(Clone, Debug, Default)]
pub struct ControlPlan {
    /// What is compared at the end.
    pub controls: Vec<Control>,
    /// What records add; none where nothing is compared.
    pub totals: Option<Arc<Totals>>,
}

impl ControlPlan {
    /// The terms of the totals that a load keeps.
    pub fn terms(&self) -> &[Arc<str>] {
        match &self.totals {
            Some(totals) => pipeline::Measure::terms(&**totals),
            None => &[],
        }
    }
}

/// What terms may name.
pub(super) struct Names<'p> {
    /// The kinds; none where the spec tells none apart.
    pub kinds: Option<&'p [KindPlan]>,
    /// The fields of records that are loaded.
    pub schema: &'p Schema,
    /// What takes records apart, behind the place where they are asked.
    pub explode: Option<&'p ExplodePlan>,
}

/// The plan of `[control]`.
pub(super) fn plan(
    said: Option<&Named<ControlSpec>>,
    names: &Names<'_>,
    problems: &mut Problems,
) -> ControlPlan {
    let Some(Named(said)) = said.filter(|said| !said.0.is_empty()) else {
        return ControlPlan::default();
    };
    if said.len() > MAX_CONTROLS {
        let message = format!("a spec has at most {MAX_CONTROLS} controls");
        problems.push(Problem::new("control", "out_of_range", message));
    }
    let loaded = Ask {
        kinds: names.mask(|role| role == Use::Load),
        field: None,
    };
    let mut totals = vec![(Arc::from(LOADED), loaded)];
    let mut controls = Vec::new();
    for (name, spec) in said.iter().take(MAX_CONTROLS) {
        if !is_identifier(name) {
            let message = format!("{name:?} is no name for a control");
            let problem = Problem::new(format!("control.{name:?}"), "bad_name", message);
            problems.push(problem.hint("letters, digits and `_`, not beginning with a digit"));
            continue;
        }
        let mut side = |key: &str, said: Option<&Literal>| {
            let path = format!("control.{name}.{key}");
            let Some(said) = said else {
                let message = format!("the control does not say its `{key}`");
                let problem = Problem::new(format!("control.{name}"), "required", message);
                problems
                    .push(problem.hint("sum(field), count(kind), count(), kind.field or a number"));
                return None;
            };
            match names.term(said, &mut totals) {
                Ok(term) => Some(term),
                Err(Bad {
                    code,
                    message,
                    hint,
                }) => {
                    let problem = Problem::new(path, code, message);
                    problems.push(problem.hint(hint));
                    None
                }
            }
        };
        let actual = side("actual", spec.actual.as_ref());
        let expected = side("expected", spec.expected.as_ref());
        let (Some(actual), Some(expected)) = (actual, expected) else {
            continue;
        };
        if matches!((&actual, &expected), (Term::Number(_), Term::Number(_))) {
            let message = "two numbers of the spec say nothing of the input";
            problems.push(Problem::new(
                format!("control.{name}"),
                "impossible",
                message,
            ));
        }
        controls.push(Control {
            name: (&**name).into(),
            actual,
            expected,
            on_mismatch: match spec.on_mismatch {
                None | Some(OnBreachSpec::Hold) => OnBreach::Hold,
                Some(OnBreachSpec::Fail) => OnBreach::Fail,
                Some(OnBreachSpec::Continue) => OnBreach::Continue,
            },
        });
    }
    ControlPlan {
        controls,
        totals: Some(Arc::new(Totals::new(totals))),
    }
}

/// Why a term is refused.
struct Bad {
    code: &'static str,
    message: String,
    hint: String,
}

impl Bad {
    fn new(code: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        let (message, hint) = (message.into(), hint.into());
        Self {
            code,
            message,
            hint,
        }
    }
}

/// A term and what it asks.
type Asked = (Arc<str>, Ask);

impl Names<'_> {
    fn kinds(&self) -> &[KindPlan] {
        self.kinds.unwrap_or_default()
    }

    /// A bit for each kind of such a role; records of a spec without kinds are loaded.
    fn mask(&self, is: impl Fn(Use) -> bool) -> u32 {
        match self.kinds {
            None => u32::from(is(Use::Load)),
            Some(kinds) => kinds
                .iter()
                .enumerate()
                .filter(|(_, kind)| is(kind.role))
                .fold(0, |mask, (at, _)| mask | 1 << at),
        }
    }

    /// The kind `name`, and its number.
    fn kind(&self, name: &str) -> Result<(usize, &KindPlan), Bad> {
        let found = self.kinds().iter().enumerate();
        let mut found = found.filter(|(_, kind)| *kind.name == *name);
        found.next().ok_or_else(|| {
            let message = format!("there is no kind `{name}`");
            let hint = match self.kinds {
                None => "the spec has no [records]".to_owned(),
                Some(kinds) => near(name, kinds.iter().map(|kind| &*kind.name)),
            };
            Bad::new("unknown_name", message, hint)
        })
    }

    fn term(&self, said: &Literal, totals: &mut Vec<Asked>) -> Result<Term, Bad> {
        let text = match said {
            Literal::Integer(number) => {
                return Ok(Term::Number(Exact::new(i128::from(*number), 0)));
            }
            Literal::Text(text) => text.trim(),
            Literal::Float(_) | Literal::Boolean(_) => {
                let message = "a term is a text, or a whole number";
                let hint =
                    "a number with a fraction is written as a text, \"1000.50\": so it is exact";
                return Err(Bad::new("bad_term", message, hint));
            }
        };
        if let Some(number) = Decimal::parse(text) {
            let (units, scale) = number.parts();
            return Ok(Term::Number(Exact::new(units, scale)));
        }
        let call = |word: &str| {
            let inside = text.strip_prefix(word)?.trim_start().strip_prefix('(')?;
            Some(inside.strip_suffix(')')?.trim())
        };
        let (term, ask) = if let Some(field) = call("sum") {
            (format!("sum({field})"), self.sum(field)?)
        } else if let Some(kind) = call("count") {
            (format!("count({kind})"), self.count(kind)?)
        } else if let Some((kind, field)) = text.split_once('.') {
            let (kind, field) = (kind.trim(), field.trim());
            if !is_identifier(kind) || !is_identifier(field) {
                return Err(grammar(text));
            }
            let term: Arc<str> = format!("{kind}.{field}").into();
            let (name, ask) = self.only(kind, field)?;
            add(totals, (term.clone(), ask));
            return Ok(Term::Only(term, name));
        } else {
            return Err(grammar(text));
        };
        let term: Arc<str> = term.into();
        add(totals, (term.clone(), ask));
        Ok(Term::Total(term))
    }

    fn count(&self, kind: &str) -> Result<Ask, Bad> {
        let kinds = match kind {
            "" => self.mask(|role| role == Use::Load),
            name => 1 << self.kind(name)?.0,
        };
        Ok(Ask { kinds, field: None })
    }

    /// What adds up a field, over the records that have it.
    fn sum(&self, field: &str) -> Result<Ask, Bad> {
        for (kind, number) in self.kinds().iter().zip(0..) {
            let own = kind.fields.iter().enumerate();
            let mut own = own.filter(|(_, (name, spec))| name == field && spec.record.is_some());
            let Some((at, (_, spec))) = own.next().filter(|_| kind.role != Use::Load) else {
                continue;
            };
            numeric(field, spec.kind.unwrap_or(Type::String))?;
            return Ok(Ask {
                kinds: 1 << number,
                field: Some(at),
            });
        }
        let Some(at) = self.schema.index_of(field) else {
            let of_kinds = self.kinds().iter().flat_map(|kind| &kind.fields);
            let known = self.schema.fields.iter().map(|field| &*field.name);
            let known = known.chain(of_kinds.map(|(name, _)| &**name));
            let message = format!("there is no field `{field}`");
            return Err(Bad::new("unknown_name", message, near(field, known)));
        };
        if self.explode.is_some_and(|explode| explode.is_of_parts(at)) {
            let message = format!("`{field}` is of the parts of a record, and sums are of records");
            let hint = "sum a field that the record has before it is exploded";
            return Err(Bad::new("not_applicable", message, hint));
        }
        numeric(field, self.schema.fields[at].kind)?;
        // A field of one kind that is loaded is null in the others.
        let kinds = self.mask(|role| role == Use::Load);
        Ok(Ask {
            kinds,
            field: Some(at),
        })
    }

    /// What asks the only record of a kind for a field.
    fn only(&self, kind: &str, field: &str) -> Result<(Arc<str>, Ask), Bad> {
        let (number, kind) = self.kind(kind)?;
        if !matches!(kind.role, Use::Context | Use::Control) {
            let message = format!("the kind `{}` has more than one record", kind.name);
            let hint = "kind.field is for headers and trailers: sum(field) adds up all";
            return Err(Bad::new("not_applicable", message, hint));
        }
        let mut fields = kind.fields.iter().enumerate();
        let Some((at, (_, spec))) = fields.find(|(_, (name, _))| name == field) else {
            let message = format!("the kind `{}` has no field `{field}`", kind.name);
            let hint = near(field, kind.fields.iter().map(|(name, _)| &**name));
            return Err(Bad::new("unknown_name", message, hint));
        };
        numeric(field, spec.kind.unwrap_or(Type::String))?;
        let ask = Ask {
            kinds: 1 << number,
            field: Some(at),
        };
        Ok((kind.name.clone(), ask))
    }
}

/// Adds what is asked, once.
fn add(totals: &mut Vec<Asked>, asked: Asked) {
    if totals.iter().all(|(term, _)| *term != asked.0) {
        totals.push(asked);
    }
}

fn numeric(field: &str, kind: Type) -> Result<(), Bad> {
    match kind {
        Type::Integer | Type::Decimal => Ok(()),
        Type::Float => {
            let message = format!("`{field}` is a float, whose sums are not exact");
            Err(Bad::new("not_applicable", message, "type = \"decimal\" is"))
        }
        _ => {
            let message = format!("`{field}` is no number");
            let hint = "controls compare fields of type integer and decimal";
            Err(Bad::new("not_applicable", message, hint))
        }
    }
}

fn grammar(text: &str) -> Bad {
    let message = format!("{text:?} is no term");
    let hint = "sum(field), count(kind), count(), kind.field, or a number such as \"1000.50\"";
    Bad::new("bad_term", message, hint)
}
