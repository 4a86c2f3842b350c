//! Controls: what `[control]` says, and what each record adds to the totals that are compared at the end of the input.
//!
//! Numbers are exact: whole units and a scale, never a float. It never judges; that is the runner's at the end.

use crate::record::{Record, Value};
use crate::spec::OnBreachSpec;
use crate::step::bind::Literal;
use pipeline::{Exact, Measure};
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;

/// The most controls of a spec.
pub const MAX_CONTROLS: usize = 16;

/// `[control.NAME]`: two numbers that must be equal at the end of the input. Each is `sum(field)` or `count(kind)` over
/// the records that are loaded (of a kind that is not, over its good records), `count()` of all that are loaded, the
/// `kind.field` of the only record of a kind, or a number.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ControlSpec {
    /// What was counted or added up. Required.
    #[schemars(with = "Option<String>")]
    #[schemars(example = &"sum(gross)")]
    pub actual: Option<Literal>,
    /// What it must be. Required.
    #[schemars(example = &"trailer.gross_sum")]
    pub expected: Option<Literal>,
    /// What happens where the two differ. Default: hold.
    #[schemars(example = &"fail")]
    pub on_mismatch: Option<OnBreachSpec>,
}

/// What one total asks of records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The kinds that it asks, a bit each.
    pub kinds: u32,
    /// The field that is added up, by its place in records of these kinds; none: they are counted.
    pub field: Option<usize>,
}

/// What records add to the totals.
#[derive(Clone, Debug)]
pub struct Totals {
    terms: Arc<[Arc<str>]>,
    asks: Vec<Ask>,
}

impl Totals {
    /// Totals, each with its term, [`pipeline::LOADED`] first.
    pub fn new(all: Vec<(Arc<str>, Ask)>) -> Self {
        let (terms, asks): (Vec<_>, Vec<_>) = all.into_iter().unzip();
        Self {
            terms: terms.into(),
            asks,
        }
    }
}

impl Measure<Record> for Totals {
    fn terms(&self) -> &Arc<[Arc<str>]> {
        &self.terms
    }

    fn measure(&self, kind: u8, record: &Record, each: &mut dyn FnMut(u8, Option<Exact>)) {
        for (ask, total) in self.asks.iter().zip(0..) {
            if ask.kinds >> kind & 1 == 1 {
                let one = Some(Exact::new(1, 0));
                each(total, ask.field.map_or(one, |at| exact(record.value(at))));
            }
        }
    }
}

fn exact(value: &Value) -> Option<Exact> {
    match value {
        Value::Integer(number) => Some(Exact::new(i128::from(*number), 0)),
        Value::Decimal(number) => {
            let (units, scale) = number.parts();
            Some(Exact::new(units, scale))
        }
        _ => None,
    }
}
