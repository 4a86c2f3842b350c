//! Batches of typed records for a sink: rows of JSON numbers go in, what the sink says comes out.

use bytes::Bytes;
use pipeline::{
    Batch, Bind, Block, Chain, Convert, Fatal, Frame, Parser, Position, Problem, Reader, Rear,
    Sink, Verdict,
};
use serde_json::{Map, Value as Json, json};
use stages::identity::LoadIdentity;
use stages::record::{Field, Record, Schema, Type, Value};
use stages::sink::{DocumentStore, Flow, Load, Mode, Target};
use std::sync::Arc;
use testbed::random::Random;

/// The fields of every row, by their targets; all are numbers, and `k` is the key.
const FIELDS: [&str; 5] = ["k", "a", "n.x", "n.deep.y", "u"];
/// Different keys.
const KEYS: u64 = 9;

/// The target of a test: keys are `k`.
pub(super) fn target(mode: Mode) -> Target {
    let key = vec![vec!["k".into()]];
    Target {
        collection: "rows".into(),
        mode,
        key: if mode.has_key() { key } else { Vec::new() },
        ..Target::default()
    }
}

/// The load with this number.
pub(super) fn load(number: u8) -> Load {
    let field = |name: &str| Field {
        name: name.into(),
        kind: Type::Integer,
        target: Some(name.split('.').map(Arc::from).collect()),
    };
    Load {
        identity: LoadIdentity([number; 12]),
        load_number: number.into(),
        tenant: None,
        job: format!("job-{number}"),
        file: "file.jsonl".into(),
        schema: Arc::new(Schema::new(FIELDS.map(field).into()).unwrap()),
        resume: None,
    }
}

/// Random rows; with values of `u` that others have where `unique` says so, else without `u`.
pub(super) fn rows(random: &mut Random, count: usize, unique: bool) -> Vec<Json> {
    let mut row = || {
        let mut row = Map::from_iter([("k".to_owned(), json!(random.below(KEYS)))]);
        for name in &FIELDS[1..4] {
            if random.once_in(2) {
                row.insert((*name).to_owned(), json!(random.below(1_000)));
            }
        }
        if unique {
            row.insert("u".to_owned(), json!(random.below(40)));
        }
        Json::Object(row)
    };
    (0..count).map(|_| row()).collect()
}

/// An open sink that is fed with rows.
pub(super) struct Feed {
    chain: Chain<Json, Record>,
    pub(super) sink: Arc<dyn Sink>,
}

impl Feed {
    /// Opens the sink of `load`.
    pub(super) async fn open(store: &dyn DocumentStore, target: &Target, load: Load) -> Self {
        let flow = Flow {
            max_in_flight: 1,
            ..Flow::default()
        };
        let schema = load.schema.clone();
        let opened = store.open_sink(target, &flow, load).await.unwrap();
        let reader = Reader {
            parser: Box::new(Rows),
            bind: Box::new(ByName(schema)),
        };
        Self {
            chain: Chain::new(reader, Rear::new(opened.encode)),
            sink: opened.sink,
        }
    }

    /// A batch of `rows`, the first of which is the record with ordinal `from`.
    pub(super) fn batch(&self, from: u64, rows: &[Json]) -> Batch {
        let converted = self.chain.convert(block(from, rows)).unwrap();
        Batch {
            parts: vec![converted],
        }
    }

    /// Writes a batch: `loaded/already loaded` and the ordinal, code and field of every reject, in order.
    pub(super) async fn write(&self, from: u64, rows: &[Json]) -> String {
        let written = self.sink.write(&self.batch(from, rows)).await.unwrap();
        let mut said = format!("{}/{}", written.loaded, written.already_loaded);
        let mut rejects = written.rejects;
        rejects.sort_by_key(|reject| reject.at.ordinal);
        for reject in rejects {
            let problem = &reject.problems[0];
            let field = problem.field.as_deref().unwrap_or_default();
            said += &format!(" {} {} {field}", reject.at.ordinal, problem.code);
        }
        said
    }
}

/// A block of rows, each a line.
fn block(from: u64, rows: &[Json]) -> Block {
    let at = |ordinal: u64, offset: usize| Position {
        ordinal,
        line: ordinal + 1,
        offset: from * 1_000 + offset as u64,
    };
    let mut bytes = Vec::new();
    let mut frames = Vec::new();
    for (row, ordinal) in rows.iter().zip(from..) {
        let position = at(ordinal, bytes.len());
        let start = bytes.len() as u32;
        bytes.extend_from_slice(format!("{row}\n").as_bytes());
        frames.push(Frame {
            start,
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

impl Parser<Json> for Rows {
    fn parse(
        &self,
        block: &Block,
        each: &mut dyn FnMut(usize, Result<&mut Json, Problem>),
    ) -> Result<(), Fatal> {
        for index in 0..block.frames.len() {
            let mut row = serde_json::from_slice(block.text(index)).unwrap();
            each(index, Ok(&mut row));
        }
        Ok(())
    }
}

struct ByName(Arc<Schema>);

impl Bind<Json, Record> for ByName {
    fn bind(&self, row: &mut Json, record: &mut Record) -> Verdict {
        record.clear(self.0.fields.len());
        for (name, value) in row.as_object().unwrap() {
            let index = self.0.index_of(name).unwrap();
            record.set(index, Value::Integer(value.as_i64().unwrap()));
        }
        Verdict::Keep
    }
}
