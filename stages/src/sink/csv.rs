//! `[sink.csv]`: a CSV file with a header row, in the order of the input.
//!
//! Cells are quoted as RFC 4180 wants it, lines end with LF. A null is an empty cell, an empty text is `""`, lists
//! and objects are JSON. Nested fields have dotted titles. It appears under its name when it is whole, only
//! inserts, and never writes over a file. Entries that the spec does not know have no column: they must be
//! dropped, or rescued into one.

use super::{BatchSpec, Flow, FlowSpec, Load, Opened, RateSpec, Target, TargetSpec};
use crate::identity::LoadIdentity;
use crate::part_file::PartFile;
use crate::record::{Layout, Record, Slot, Value, write_hex, write_integer, write_plain};
use crate::spec::Problem as SpecProblem;
use pipeline::{Encode, Fatal, Position, Problem};
use schemars::JsonSchema;
use serde::Deserialize;
use std::path::Path;
use std::sync::Arc;

/// The column of what was rescued.
const RESCUED: &str = "_rescued";

/// `[sink.csv]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CsvSinkSpec {
    /// The file.
    #[schemars(example = &"orders.csv")]
    pub path: Option<String>,
    /// How many rows are written and synced together. Default: 1000, 4MiB.
    pub batch: Option<BatchSpec>,
    /// How fast rows may be written. Default: no limit.
    pub rate: Option<RateSpec>,
    /// The name of a field that holds job, file, record and line, or off. Default: off.
    #[schemars(example = &"origin")]
    pub lineage: Option<String>,
}

impl CsvSinkSpec {
    /// The target, whose collection is the path, and the flow; what is wrong is added to `problems`.
    pub fn check(&self, defaults: Flow, problems: &mut Vec<SpecProblem>) -> (Target, Flow) {
        let target = TargetSpec {
            lineage: self.lineage.as_deref(),
            ..TargetSpec::default()
        };
        let flow = FlowSpec {
            batch: self.batch.as_ref(),
            in_flight: None,
            rate: self.rate.as_ref(),
        };
        let target = target.check_file("sink.csv", self.path.as_deref(), problems);
        let flow = flow.check("sink.csv", defaults, problems).in_order();
        (target, flow)
    }
}

/// Opens the file that `target.collection` names. `rescue` says whether unknown entries are rescued, and so
/// have the column `_rescued`.
///
/// # Errors
/// When there is a file of that name, another process writes it, or it cannot be written.
pub async fn open(target: &Target, rescue: bool, load: &Load) -> Result<Opened, Fatal> {
    let mut titles = vec!["_id".to_owned()];
    columns(&load.schema.layout, "", &mut titles, &mut Vec::new());
    if rescue {
        titles.push(RESCUED.to_owned());
    }
    if let Some(name) = &target.lineage {
        titles.extend(["job", "file", "record", "line"].map(|part| format!("{name}.{part}")));
    }
    let mut header = Vec::new();
    for (index, title) in titles.iter().enumerate() {
        if index > 0 {
            header.push(b',');
        }
        cell(title.as_bytes(), &mut header);
    }
    header.push(b'\n');
    let file = PartFile::open(Path::new(&target.collection), &header, load.resume).await?;
    Ok(Opened {
        encode: encoder(target, rescue, load),
        sink: Arc::new(file),
    })
}

/// The pure half, which needs no file: for a dry run.
pub fn encoder(target: &Target, rescue: bool, load: &Load) -> Box<dyn Encode<Record>> {
    let mut fields = Vec::new();
    columns(&load.schema.layout, "", &mut Vec::new(), &mut fields);
    let lineage = target.lineage.is_some().then(|| {
        let mut start = Vec::new();
        for text in [&load.job, &load.file] {
            start.push(b',');
            cell(text.as_bytes(), &mut start);
        }
        start
    });
    Box::new(Rows {
        identity: load.identity,
        fields,
        rescue,
        lineage,
    })
}

/// Adds the dotted titles of `layout` and the fields below them.
fn columns(layout: &Layout, prefix: &str, titles: &mut Vec<String>, fields: &mut Vec<usize>) {
    for (name, slot) in &layout.0 {
        match slot {
            Slot::Field(index) => {
                titles.push(format!("{prefix}{name}"));
                fields.push(*index);
            }
            Slot::Nested(layout) => columns(layout, &format!("{prefix}{name}."), titles, fields),
        }
    }
}

struct Rows {
    identity: LoadIdentity,
    /// The field of each column behind `_id`.
    fields: Vec<usize>,
    rescue: bool,
    /// The cells of a row's lineage before its number.
    lineage: Option<Vec<u8>>,
}

impl Encode<Record> for Rows {
    fn encode(
        &self,
        at: Position,
        part: u32,
        record: &Record,
        out: &mut Vec<u8>,
    ) -> Result<(), Problem> {
        write_hex(&self.identity.document_id(at.ordinal, part), out);
        let mut buffer = Vec::new();
        for &field in &self.fields {
            out.push(b',');
            write_cell(record, record.value(field), &mut buffer, out);
        }
        if self.rescue {
            out.push(b',');
        }
        for (name, value) in record.unknown() {
            let name = record.text(*name);
            if !self.rescue || name != RESCUED {
                let message = format!("`{name}` has no column in a CSV file");
                return Err(Problem::of_field("no_column", name, message));
            }
            write_cell(record, value, &mut buffer, out);
        }
        if let Some(lineage) = &self.lineage {
            out.extend_from_slice(lineage);
            out.push(b',');
            write_integer(at.ordinal + 1, out);
            out.push(b',');
            write_integer(at.line, out);
        }
        out.push(b'\n');
        Ok(())
    }
}

/// Appends the cell of `value`; `buffer` is only lent.
fn write_cell(record: &Record, value: &Value, buffer: &mut Vec<u8>, out: &mut Vec<u8>) {
    match value {
        Value::Text(text) => cell(record.text(*text).as_bytes(), out),
        Value::List(_) | Value::Object(_) => {
            buffer.clear();
            write_plain(record, value, buffer);
            cell(buffer, out);
        }
        _ => write_plain(record, value, out),
    }
}

/// Appends a text, in quotes where it holds a delimiter, a quote or a line end (RFC 4180, section 2), or where it
/// is empty, because an empty cell without quotes is a null.
fn cell(text: &[u8], out: &mut Vec<u8>) {
    let special = |byte: &u8| matches!(byte, b',' | b'"' | b'\n' | b'\r');
    if !text.is_empty() && !text.iter().any(special) {
        return out.extend_from_slice(text);
    }
    out.push(b'"');
    for piece in text.split_inclusive(|&byte| byte == b'"') {
        out.extend_from_slice(piece);
        if piece.ends_with(b"\"") {
            out.push(b'"');
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Type;
    use crate::sink::harness::{Fed, load};

    const FIELDS: &[(&str, Type)] = &[
        ("n", Type::Integer),
        ("amount.total", Type::Decimal),
        ("text", Type::String),
        ("amount.tags", Type::List),
        ("sent", Type::Boolean),
    ];
    const HEADER: &str = "_id,n,amount.total,amount.tags,text,sent";

    /// What becomes of `rows`: the file, or what the sink said where that is not that all are loaded.
    async fn file(rescue: bool, lineage: Option<&str>, rows: &[&str]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.csv");
        let load = load(FIELDS);
        let target = Target {
            collection: path.to_str().unwrap().into(),
            lineage: lineage.map(Arc::from),
            ..Target::default()
        };
        let fed = Fed::new(open(&target, rescue, &load).await.unwrap(), &load);
        let said = fed.said(0, rows).await;
        if said != format!("{}/0", rows.len()) {
            return said;
        }
        fed.sink.finish().await.unwrap();
        std::fs::read_to_string(&path).unwrap()
    }

    /// The `_id` of record `ordinal`.
    fn id(ordinal: u64) -> String {
        format!("{}{:024x}", "07".repeat(12), ordinal << 32)
    }

    #[tokio::test]
    async fn cells_stand_in_the_order_of_the_layout() {
        let rows = [
            r#"{"n":-1,"amount.total":"1.50","text":"a,\"b\"","amount.tags":[1,"x"],"sent":true}"#,
            r#"{"text":""}"#,
            r#"{"text":"line\r\nend","sent":false}"#,
        ];
        let expected = [
            format!("{HEADER}\n"),
            format!("{},-1,1.50,\"[1,\"\"x\"\"]\",\"a,\"\"b\"\"\",true\n", id(0)),
            format!("{},,,,\"\",\n", id(1)),
            format!("{},,,,\"line\r\nend\",false\n", id(2)),
        ];
        assert_eq!(file(false, None, &rows).await, expected.concat());
    }

    #[tokio::test]
    async fn lineage_and_rescued_entries_have_columns() {
        let rows = [r#"{"_rescued":{"x":1}}"#, r#"{"n":1}"#];
        let expected = [
            format!("{HEADER},_rescued,from.job,from.file,from.record,from.line\n"),
            format!("{},,,,,,\"{{\"\"x\"\":1}}\",job,file.csv,1,1\n", id(0)),
            format!("{},1,,,,,,job,file.csv,2,2\n", id(1)),
        ];
        assert_eq!(file(true, Some("from"), &rows).await, expected.concat());
    }

    #[tokio::test]
    async fn what_has_no_column_is_refused() {
        assert_eq!(file(false, None, &[r#"{"x":1}"#]).await, "0/0 0 no_column");
        assert_eq!(file(true, None, &[r#"{"x":1}"#]).await, "0/0 0 no_column");
    }

    #[tokio::test]
    async fn the_header_is_written_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.csv");
        let target = Target {
            collection: path.to_str().unwrap().into(),
            ..Target::default()
        };
        let mut mark = None;
        for (ordinal, resume) in [(0, None), (0, Some(None)), (1, Some(Some(())))] {
            let load = Load {
                resume: resume.map(|with: Option<()>| with.and(mark)),
                ..load(FIELDS)
            };
            let fed = Fed::new(open(&target, false, &load).await.unwrap(), &load);
            mark = fed.write(ordinal, &[r#"{"n":5}"#]).await.unwrap().mark;
            if ordinal == 1 {
                fed.sink.finish().await.unwrap();
            }
        }
        let expected = format!("{HEADER}\n{},5,,,,\n{},5,,,,\n", id(0), id(1));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
    }
}
