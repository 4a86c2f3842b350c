//! Batches of typed records for the tests of sinks: rows of JSON go in, a batch as the runner makes it comes out.
//!
//! Values are read by the types of the schema; what it does not know is kept. For tests only, it panics where a
//! row is wrong.

pub(super) mod values;

use super::{Load, Opened};
use crate::identity::LoadIdentity;
use crate::record::{Decimal, Field, Record, Schema, Text, Type, Value};
use crate::step::ExplodeSpec;
use bytes::Bytes;
use pipeline::{
    Batch, Bind, Block, Chain, Convert, Fatal, Frame, Parser, Position, Problem, Reader, Rear,
    Sink, Verdict, Written,
};
use std::sync::Arc;

/// A load with the given fields, `name: type`, whose targets are their names, dotted ones nested.
pub(super) fn load(fields: &[(&str, Type)]) -> Load {
    let field = |&(name, kind): &(&str, Type)| Field {
        name: name.into(),
        kind,
        target: Some(name.split('.').map(Arc::from).collect()),
    };
    Load {
        identity: LoadIdentity([7; 12]),
        load_number: 1,
        tenant: None,
        job: "job".into(),
        file: "file.csv".into(),
        schema: Arc::new(Schema::new(fields.iter().map(field).collect()).expect("one place each")),
        resume: None,
    }
}

/// An open sink that is fed with rows.
pub(super) struct Fed {
    chain: Chain<String, Record>,
    pub(super) sink: Arc<dyn Sink>,
}

impl Fed {
    /// Feeds `opened` with records of the schema of `load`.
    pub(super) fn new(opened: Opened, load: &Load) -> Self {
        Self::behind(Rear::new(opened.encode), opened.sink, load)
    }

    /// The same with each record exploded by `field`, in rows a list of texts.
    pub(super) fn exploding(opened: Opened, load: &Load, field: &str) -> Self {
        let mut schema = (*load.schema).clone();
        let index = schema.index_of(field).expect("a field");
        schema.fields[index].kind = Type::List;
        let spec = ExplodeSpec {
            field: Some(field.into()),
            ..ExplodeSpec::default()
        };
        let built = spec.build(&schema, |_| Some(Type::String));
        let (explode, _) = built.expect("a list");
        let rear = Rear::new(opened.encode).explode(Box::new(explode));
        Self::behind(rear, opened.sink, load)
    }

    fn behind(rear: Rear<Record>, sink: Arc<dyn Sink>, load: &Load) -> Self {
        let reader = Reader {
            parser: Box::new(Rows),
            bind: Box::new(ByType(load.schema.clone())),
        };
        Self {
            chain: Chain::new(reader, rear),
            sink,
        }
    }

    /// A batch of `rows`, the first of which is the record with ordinal `from`. A row may not hold a line end.
    pub(super) fn batch(&self, from: u64, rows: &[impl AsRef<str>]) -> Batch {
        Batch {
            parts: vec![
                self.chain
                    .convert(block(from, rows))
                    .expect("rows are converted"),
            ],
        }
    }

    /// Writes a batch of `rows`: what the sink said, and the rejects of the encoder.
    pub(super) async fn write(
        &self,
        from: u64,
        rows: &[impl AsRef<str>],
    ) -> Result<Written, Fatal> {
        let batch = self.batch(from, rows);
        let mut written = self.sink.write(&batch).await?;
        for part in batch.parts {
            written.rejects.extend(part.rejects);
        }
        Ok(written)
    }

    /// Writes a batch and returns `loaded/already loaded` and the ordinal and code of every reject.
    pub(super) async fn said(&self, from: u64, rows: &[impl AsRef<str>]) -> String {
        let written = match self.write(from, rows).await {
            Ok(written) => written,
            Err(fatal) => return fatal.code.into(),
        };
        let mut said = format!("{}/{}", written.loaded, written.already_loaded);
        for reject in &written.rejects {
            let code = &reject.problems[0].code;
            said.push_str(&format!(" {} {code}", reject.at.ordinal));
        }
        said
    }
}

/// A block of lines.
fn block(from: u64, rows: &[impl AsRef<str>]) -> Block {
    let at = |ordinal: u64, offset: usize| Position {
        ordinal,
        line: ordinal + 1,
        offset: from * 1000 + offset as u64,
    };
    let mut bytes = Vec::new();
    let mut frames = Vec::new();
    for (row, ordinal) in rows.iter().zip(from..) {
        let (start, row) = (bytes.len(), row.as_ref());
        assert!(!row.contains('\n'), "a row is a line");
        bytes.extend_from_slice(row.as_bytes());
        bytes.push(b'\n');
        let position = at(ordinal, start);
        frames.push(Frame {
            start: start as u32,
            end: bytes.len() as u32,
            line: position.line,
            offset: position.offset,
            skipped: 0,
            kind: 0,
            carries: false,
            broken: None,
        });
    }
    Block {
        start: at(from, 0),
        end: at(from + rows.len() as u64, bytes.len()),
        bytes: Bytes::from(bytes),
        frames,
        trailing_skipped: 0,
        restarts: Vec::new(),
        groups: Vec::new(),
        context: Default::default(),
        carried: None,
    }
}

struct Rows;

impl Parser<String> for Rows {
    fn parse(
        &self,
        block: &Block,
        each: &mut dyn FnMut(usize, Result<&mut String, Problem>),
    ) -> Result<(), Fatal> {
        for index in 0..block.frames.len() {
            let mut row = String::from_utf8(block.text(index).to_vec()).expect("UTF-8");
            each(index, Ok(&mut row));
        }
        Ok(())
    }
}

struct ByType(Arc<Schema>);

impl Bind<String, Record> for ByType {
    fn bind(&self, row: &mut String, record: &mut Record) -> Verdict {
        fill(&self.0, row, record);
        Verdict::Keep
    }
}

/// Fills `record` from a row of JSON: `{"a.b":1}` is the field whose name is `a.b`.
fn fill(schema: &Schema, row: &str, record: &mut Record) {
    let row: serde_json::Map<String, serde_json::Value> = serde_json::from_str(row).expect("JSON");
    record.clear(schema.fields.len());
    for (name, json) in &row {
        match schema.index_of(name) {
            Some(index) => {
                let value = typed(schema.fields[index].kind, json, record);
                record.set(index, value);
            }
            None => {
                let value = untyped(json, record);
                let name = record.store(name);
                record.keep_unknown(name, value);
            }
        }
    }
}

fn typed(kind: Type, json: &serde_json::Value, record: &mut Record) -> Value {
    let text = || json.as_str().expect("a string");
    match kind {
        _ if json.is_null() => Value::Null,
        Type::Float => Value::Float(json.as_f64().expect("a number")),
        Type::Decimal => Value::Decimal(Decimal::parse(text()).expect("a decimal")),
        Type::Date => {
            let date: jiff::civil::Date = text().parse().expect("a date");
            let days = jiff::civil::date(1970, 1, 1).until(date).expect("in range");
            Value::Date(days.get_days())
        }
        Type::Datetime => {
            let time: jiff::Timestamp = text().parse().expect("a datetime");
            Value::Datetime(time.as_millisecond())
        }
        Type::Uuid => {
            let bytes = hex::decode(text().replace('-', "")).expect("hex");
            Value::Uuid(bytes.try_into().expect("16 bytes"))
        }
        _ => untyped(json, record),
    }
}

fn untyped(json: &serde_json::Value, record: &mut Record) -> Value {
    use serde_json::Value as Json;
    match json {
        Json::Null => Value::Null,
        Json::Bool(truth) => Value::Boolean(*truth),
        Json::Number(number) => match number.as_i64() {
            Some(number) => Value::Integer(number),
            None => Value::Float(number.as_f64().expect("a number")),
        },
        Json::String(text) => Value::Text(record.store(text)),
        Json::Array(items) => Value::List(items.iter().map(|item| untyped(item, record)).collect()),
        Json::Object(entries) => {
            let mut all: Vec<(Text, Value)> = Vec::new();
            for (name, json) in entries {
                let value = untyped(json, record);
                all.push((record.store(name), value));
            }
            Value::Object(all)
        }
    }
}
