//! `[sink.null]`: nowhere. Records are read, bound and judged as for every other sink, and counted.
//!
//! An operation is no bytes: nobody would read them. It remembers nothing: what is written twice counts twice.

use super::{BatchSpec, Flow, FlowSpec, Opened, RateSpec, Target};
use crate::record::Record;
use crate::spec::Problem as SpecProblem;
use async_trait::async_trait;
use pipeline::{Batch, Encode, Fatal, Holdings, Position, Problem, Sink, Written};
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;

/// `[sink.null]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NullSpec {
    /// How many records are counted together. Default: 1000, 4MiB.
    pub batch: Option<BatchSpec>,
    /// How fast records may be counted. Default: no limit.
    pub rate: Option<RateSpec>,
}

impl NullSpec {
    /// The target and the flow; what is wrong is added to `problems`.
    pub fn check(&self, defaults: Flow, problems: &mut Vec<SpecProblem>) -> (Target, Flow) {
        let flow = FlowSpec {
            batch: self.batch.as_ref(),
            in_flight: None,
            rate: self.rate.as_ref(),
        };
        (
            Target::default(),
            flow.check("sink.null", defaults, problems),
        )
    }
}

/// Opens the sink, which cannot fail.
pub fn open() -> Opened {
    Opened {
        encode: Box::new(Nothing),
        sink: Arc::new(NullSink),
    }
}

/// A sink that records go into as another one has them, and nowhere.
pub fn with(encode: Box<dyn Encode<Record>>) -> Opened {
    Opened { encode, ..open() }
}

struct Nothing;

impl Encode<Record> for Nothing {
    fn encode(&self, _: Position, _: u32, _: &Record, _: &mut Vec<u8>) -> Result<(), Problem> {
        Ok(())
    }
}

struct NullSink;

#[async_trait]
impl Sink for NullSink {
    async fn write(&self, batch: &Batch) -> Result<Written, Fatal> {
        Ok(Written::all_of(batch))
    }

    async fn finish(&self) -> Result<Option<Holdings>, Fatal> {
        Ok(Some(Holdings::default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Type;
    use crate::sink::harness::{Fed, load};

    #[tokio::test]
    async fn records_are_counted_and_nothing_is_kept_of_them() {
        let load = load(&[("n", Type::Integer)]);
        let fed = Fed::new(open(), &load);
        let batch = fed.batch(0, &[r#"{"n":1}"#, r#"{"n":22}"#]);
        assert_eq!((batch.len(), batch.bytes_len()), (2, 0));
        assert_eq!(fed.said(0, &[r#"{"n":1}"#, r#"{"n":22}"#]).await, "2/0");
        assert_eq!(fed.said(0, &[r#"{"n":1}"#]).await, "1/0");
    }
}
