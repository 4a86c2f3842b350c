//! `[sink.mongodb]`: what a spec may say of this sink.

use crate::sink::{BatchSpec, Flow, FlowSpec, Mode, Nulls, RateSpec, Target, TargetSpec};
use crate::spec::Problem;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[sink.mongodb]`. The connection string is the operator's and stands in no spec.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MongodbSpec {
    /// The collection, `[a-z][a-z0-9_]{0,63}`.
    #[schemars(example = &"orders")]
    pub collection: Option<String>,
    /// How a record meets what is there; insert by default.
    #[schemars(example = &"upsert")]
    pub mode: Option<Mode>,
    /// The target paths of the key, in every mode but insert.
    #[schemars(example = ["order_no"])]
    pub key: Option<Vec<String>>,
    /// How large a batch is.
    pub batch: Option<BatchSpec>,
    /// Batches that may be written at once; 4 by default, always 1 in mode merge.
    #[schemars(example = 2)]
    pub in_flight: Option<u32>,
    /// How fast they may be written.
    pub rate: Option<RateSpec>,
    /// What becomes of nulls; omitted by default.
    #[schemars(example = &"write")]
    pub nulls: Option<Nulls>,
    /// The name of the field that holds job, file, record and line; off by default.
    #[schemars(example = &"origin")]
    pub lineage: Option<String>,
}

impl MongodbSpec {
    /// The target and the flow that are asked for; what is wrong is added to `problems`. `defaults` stands in
    /// for what is not said.
    pub fn check(&self, defaults: Flow, problems: &mut Vec<Problem>) -> (Target, Flow) {
        let target = TargetSpec {
            collection: self.collection.as_deref(),
            mode: self.mode,
            key: self.key.as_deref(),
            nulls: self.nulls,
            lineage: self.lineage.as_deref(),
        };
        let target = target.check("sink.mongodb", "collection", problems);
        let flow = FlowSpec {
            batch: self.batch.as_ref(),
            in_flight: self.in_flight,
            rate: self.rate.as_ref(),
        };
        let mut flow = flow.check("sink.mongodb", defaults, problems);
        if target.mode == Mode::Merge {
            // Records that are merged out of order would lose fields: a later one hides an earlier one.
            flow.max_in_flight = 1;
            if self.in_flight.is_some_and(|in_flight| in_flight > 1) {
                let message = "mode merge has one batch in flight";
                problems.push(Problem::new(
                    "sink.mongodb.in_flight",
                    "out_of_range",
                    message,
                ));
            }
        }
        (target, flow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let spec: MongodbSpec = toml::from_str(text).unwrap();
        let mut problems = Vec::new();
        let (target, flow) = spec.check(Flow::default(), &mut problems);
        let paths: Vec<_> = problems.iter().map(|problem| &*problem.path).collect();
        let found = format!(
            "{} {:?} {} {} {}",
            target.collection,
            target.mode,
            target.key.len(),
            flow.max_in_flight,
            paths.join(" ")
        );
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn what_a_spec_says_is_checked() {
        check("collection = 'orders'", "orders Insert 0 4 ");
        check(
            "collection = 'o'\nmode = 'upsert'\nkey = ['a.b', 'c']\nin_flight = 2",
            "o Upsert 2 2 ",
        );
        check(
            "collection = 'o'\nmode = 'merge'\nkey = ['a']",
            "o Merge 1 1 ",
        );
        check(
            "collection = 'o'\nmode = 'merge'\nkey = ['a']\nin_flight = 2",
            "o Merge 1 1 sink.mongodb.in_flight",
        );
        check("", " Insert 0 4 sink.mongodb.collection");
    }

    #[test]
    fn nothing_unknown_is_taken() {
        for text in [
            "uri = 'mongodb://h'",
            "batch = { size = 1 }",
            "rate = { x = 1 }",
        ] {
            assert!(toml::from_str::<MongodbSpec>(text).is_err(), "{text}");
        }
    }
}
