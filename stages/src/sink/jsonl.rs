//! `[sink.jsonl]`: a file of JSON documents, one a line, in the order of the input.
//!
//! It appears under its name when it is whole; a load that goes on continues it at its mark, the length that was
//! acknowledged. It only inserts, and never writes over a file.

use super::{BatchSpec, Flow, FlowSpec, Load, Nulls, Opened, RateSpec, Target, TargetSpec};
use crate::part_file::PartFile;
use crate::record::{DocumentWriter, Lineage, Record};
use crate::spec::Problem as SpecProblem;
use pipeline::{Encode, Fatal, Position, Problem};
use schemars::JsonSchema;
use serde::Deserialize;
use std::path::Path;
use std::sync::Arc;

/// `[sink.jsonl]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JsonlSinkSpec {
    /// The file.
    #[schemars(example = &"orders.jsonl")]
    pub path: Option<String>,
    /// How many documents are written and synced together. Default: 1000, 4MiB.
    pub batch: Option<BatchSpec>,
    /// How fast documents may be written. Default: no limit.
    pub rate: Option<RateSpec>,
    /// What becomes of nulls. Default: omit.
    #[schemars(example = &"write")]
    pub nulls: Option<Nulls>,
    /// The name of a field that holds job, file, record and line, or off. Default: off.
    #[schemars(example = &"origin")]
    pub lineage: Option<String>,
}

impl JsonlSinkSpec {
    /// The target, whose collection is the path, and the flow; what is wrong is added to `problems`.
    pub fn check(&self, defaults: Flow, problems: &mut Vec<SpecProblem>) -> (Target, Flow) {
        let target = TargetSpec {
            nulls: self.nulls,
            lineage: self.lineage.as_deref(),
            ..TargetSpec::default()
        };
        let flow = FlowSpec {
            batch: self.batch.as_ref(),
            in_flight: None,
            rate: self.rate.as_ref(),
        };
        let target = target.check_file("sink.jsonl", self.path.as_deref(), problems);
        let flow = flow.check("sink.jsonl", defaults, problems).in_order();
        (target, flow)
    }
}

/// Opens the file that `target.collection` names.
///
/// # Errors
/// When there is a file of that name, another process writes it, or it cannot be written.
pub async fn open(target: &Target, load: &Load) -> Result<Opened, Fatal> {
    let file = PartFile::open(Path::new(&target.collection), b"", load.resume).await?;
    Ok(Opened {
        encode: encoder(target, load),
        sink: Arc::new(file),
    })
}

/// The pure half, which needs no file: for a dry run.
pub fn encoder(target: &Target, load: &Load) -> Box<dyn Encode<Record>> {
    Box::new(Lines {
        documents: DocumentWriter::new(
            &load.schema,
            target.nulls,
            target.lineage.as_deref().map(|field| Lineage {
                field,
                job: &load.job,
                file: &load.file,
            }),
        ),
        identity: load.identity,
    })
}

struct Lines {
    documents: DocumentWriter,
    identity: crate::identity::LoadIdentity,
}

impl Encode<Record> for Lines {
    fn encode(
        &self,
        at: Position,
        part: u32,
        record: &Record,
        out: &mut Vec<u8>,
    ) -> Result<(), Problem> {
        let id = self.identity.document_id(at.ordinal, part);
        self.documents.write(Some(&id), at, record, out);
        out.push(b'\n');
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Type;
    use crate::sink::harness::{Fed, load};

    const FIELDS: &[(&str, Type)] = &[("n", Type::Integer), ("a.b", Type::String)];

    async fn fed(path: &Path, resume: Option<Option<u64>>) -> Fed {
        let load = Load {
            resume,
            ..load(FIELDS)
        };
        let target = Target {
            collection: path.to_str().unwrap().into(),
            lineage: Some("from".into()),
            ..Target::default()
        };
        Fed::new(open(&target, &load).await.unwrap(), &load)
    }

    fn line(ordinal: u8, rest: &str) -> String {
        format!(
            "{{\"_id\":\"{}00000000000000{ordinal:02x}00000000\",{rest},\"from\":{{\"job\":\"job\",\"file\":\"file.csv\",\
             \"record\":{number},\"line\":{number}}}}}\n",
            "07".repeat(12),
            number = ordinal + 1
        )
    }

    #[tokio::test]
    async fn a_load_that_goes_on_gives_the_same_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.jsonl");
        let first = fed(&path, None).await;
        let written = first.write(0, &[r#"{"n":1,"a.b":"x"}"#]).await.unwrap();
        assert_eq!(written.loaded, 1);
        // Acknowledged, but the checkpoint does not cover it; the process is gone.
        assert_eq!(first.said(1, &[r#"{"n":2}"#, r#"{"n":3}"#]).await, "2/0");
        drop(first);
        let second = fed(&path, Some(written.mark)).await;
        let again = second
            .write(1, &[r#"{"n":2}"#, r#"{"n":3}"#])
            .await
            .unwrap();
        assert_eq!(again.loaded, 2);
        second.sink.finish().await.unwrap();
        let expected = [
            line(0, r#""n":1,"a":{"b":"x"}"#),
            line(1, r#""n":2"#),
            line(2, r#""n":3"#),
        ];
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, expected.concat());
        assert_eq!(again.mark, Some(text.len() as u64));
    }
}
