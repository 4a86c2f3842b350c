//! `[sink.null]`: nowhere. Records are encoded as JSON, as every other sink would, and counted.
//!
//! It remembers nothing: what is written twice counts twice.

use super::{BatchSpec, Flow, FlowSpec, Load, Opened, RateSpec, Target};
use crate::identity::LoadIdentity;
use crate::record::{DocumentWriter, Record};
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
pub fn open(target: &Target, load: &Load) -> Opened {
    Opened {
        encode: Box::new(Documents {
            documents: DocumentWriter::new(&load.schema, target.nulls, None),
            identity: load.identity,
        }),
        sink: Arc::new(NullSink),
    }
}

struct Documents {
    documents: DocumentWriter,
    identity: LoadIdentity,
}

impl Encode<Record> for Documents {
    fn encode(&self, at: Position, record: &Record, out: &mut Vec<u8>) -> Result<(), Problem> {
        let id = self.identity.document_id(at.ordinal, 0);
        self.documents.write(Some(&id), at, record, out);
        Ok(())
    }
}

struct NullSink;

#[async_trait]
impl Sink for NullSink {
    async fn write(&self, batch: &Batch) -> Result<Written, Fatal> {
        Ok(Written {
            loaded: batch.len() as u64,
            ..Written::default()
        })
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
    async fn records_are_encoded_and_counted() {
        let load = load(&[("n", Type::Integer)]);
        let fed = Fed::new(open(&Target::default(), &load), &load);
        let batch = fed.batch(0, &[r#"{"n":1}"#, r#"{"n":22}"#]);
        let id = "07".repeat(12);
        let expected = format!(
            r#"{{"_id":"{id}{:024x}","n":1}}{{"_id":"{id}{:024x}","n":22}}"#,
            0,
            1_u64 << 32
        );
        assert_eq!(String::from_utf8_lossy(batch.parts[0].bytes()), expected);
        assert_eq!(fed.said(0, &[r#"{"n":1}"#, r#"{"n":22}"#]).await, "2/0");
        assert_eq!(fed.said(0, &[r#"{"n":1}"#]).await, "1/0");
    }
}
