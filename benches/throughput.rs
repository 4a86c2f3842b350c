//! How fast each pure stage is, and all of them as one chain: one core, bytes in memory, no target.
//!
//! ```sh
//! cargo bench -p sluicegate-benches --bench throughput             # everything
//! cargo bench -p sluicegate-benches --bench throughput -- chain    # what has `chain` in its name
//! ```
//!
//! Bytes are always those of the input, whatever a stage makes of them, so that the stages of one format add up: the
//! time of a chain is about the sum of its stages. Framing is fed as the runner feeds it, 256 KiB at a time, and includes
//! that copy. The stages behind the parser are given rows and records that were made before: those of the first 2 MiB,
//! so that they come from the cache, as they do in a chain.

use benches::Input;
use bytes::BytesMut;
use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, Criterion, Throughput};
use pipeline::{
    BLOCK_BYTES, Bind, Block, Encode, FrameLimits, Framer, Parser, Position, Step, Verdict,
};
use stages::frame::csv::CsvFramer;
use stages::frame::lines::LinesFramer;
use stages::parse::csv::CsvParser;
use stages::parse::jsonl::JsonlParser;
use stages::record::Record;
use stages::sink::{Target, mongodb, null};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

/// The size of each input, in bytes.
const INPUT_BYTES: usize = 16 * 1024 * 1024;
/// Bytes of the input whose rows and records the later stages are given.
const ROWS_BYTES: usize = 2 * 1024 * 1024;

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(4))
        .configure_from_args();
    // The head of a CSV is no record: framing begins behind it.
    let orders = Input::orders(INPUT_BYTES);
    let (dialect, titles) = orders.csv();
    let head = orders.bytes.iter().position(|&byte| byte == b'\n');
    let rows_at = head.map_or(0, |end| end + 1);
    let framer = || Box::new(CsvFramer::new(dialect, Position::START, limits())) as Box<dyn Framer>;
    let bind = orders
        .plan
        .bind
        .for_columns(&titles, &Default::default())
        .unwrap_or_else(|refusal| panic!("{refusal:?}"));
    let parser = CsvParser::new(dialect, titles.len());
    stages(
        &mut criterion,
        "csv",
        &orders,
        rows_at,
        &framer,
        &parser,
        &bind,
    );

    let events = Input::events(INPUT_BYTES);
    let framer = || Box::new(LinesFramer::new(Position::START, limits())) as Box<dyn Framer>;
    let bind = events.plan.bind.for_tree();
    stages(
        &mut criterion,
        "jsonl",
        &events,
        0,
        &framer,
        &JsonlParser,
        &bind,
    );
    criterion.final_summary();
}

fn limits() -> FrameLimits {
    FrameLimits::default()
}

/// Every stage of one format, and the chain.
fn stages<W: Clone + Default>(
    criterion: &mut Criterion,
    format: &str,
    input: &Input,
    rows_at: usize,
    framer: &dyn Fn() -> Box<dyn Framer>,
    parser: &dyn Parser<W>,
    bind: &dyn Bind<W, Record>,
) {
    let mut group = criterion.benchmark_group(format);
    let bytes = &input.bytes[rows_at..];
    group.throughput(both(bytes.len(), input.records));
    group.bench_function("frame", |bencher| {
        bencher.iter(|| frame(bytes, &mut *framer(), &mut |block| drop(black_box(block))));
    });
    let mut blocks = Vec::new();
    frame(bytes, &mut *framer(), &mut |block| blocks.push(block));
    group.bench_function("parse", |bencher| {
        bencher.iter(|| {
            for block in &blocks {
                parse(parser, block, &mut |row| {
                    black_box(row);
                });
            }
        });
    });

    let (mut rows, mut some_bytes, mut some_records) = (Vec::new(), 0, 0);
    for block in &blocks {
        if some_bytes >= ROWS_BYTES {
            break;
        }
        some_bytes += block.bytes.len();
        some_records += block.frames.len() as u64;
        parse(parser, block, &mut |row| rows.push(row.clone()));
    }
    group.throughput(both(some_bytes, some_records));
    group.bench_function("bind and validate", |bencher| {
        let mut record = Record::default();
        bencher.iter_batched_ref(
            || rows.clone(),
            |rows| {
                for row in rows {
                    black_box(bind.bind(row, &mut record));
                }
            },
            BatchSize::LargeInput,
        );
    });
    let steps: Vec<_> = input
        .plan
        .steps
        .iter()
        .map(|planned| planned.step.clone())
        .collect();
    let mut records = records(&mut rows, bind);
    if !steps.is_empty() {
        // Deriving a field again changes nothing, so the same records can be used again.
        group.bench_function("steps", |bencher| {
            bencher.iter(|| {
                for record in &mut records {
                    black_box(judge(&steps, record));
                }
            });
        });
        records.retain_mut(|record| judge(&steps, record) == Verdict::Keep);
    }
    for (name, make) in encoders() {
        let encode = make(input);
        group.bench_function(format!("encode {name}"), |bencher| {
            let mut out = Vec::new();
            bencher.iter(|| encode_all(&*encode, &records, &mut out));
        });
    }
    chain(&mut group, input, rows_at);
    group.finish();
}

/// The chain as the program opens it, from the source's bytes to encoded operations, on one core.
fn chain(group: &mut BenchmarkGroup<'_, WallTime>, input: &Input, rows_at: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.unwrap_or_else(|error| panic!("{error}"));
    group.throughput(both(input.bytes.len() - rows_at, input.records));
    for (name, make) in encoders() {
        group.bench_function(format!("chain to {name}"), |bencher| {
            bencher.iter(|| {
                runtime.block_on(async {
                    let (mut parts, convert) = input.open(make(input)).await;
                    let mut at_end = false;
                    while !at_end {
                        while let Ok(Some(block)) = parts.framer.next_block(at_end) {
                            let converted = convert.convert(block);
                            black_box(converted.unwrap_or_else(|fatal| panic!("{fatal}")));
                        }
                        let buffer = parts.framer.buffer();
                        buffer.reserve(BLOCK_BYTES);
                        let read = parts.source.read(buffer).await;
                        at_end = read.unwrap_or_else(|fatal| panic!("{fatal}")) == 0;
                    }
                    while let Ok(Some(block)) = parts.framer.next_block(true) {
                        let converted = convert.convert(block);
                        black_box(converted.unwrap_or_else(|fatal| panic!("{fatal}")));
                    }
                });
            });
        });
    }
}

fn both(bytes: usize, records: u64) -> Throughput {
    Throughput::ElementsAndBytes {
        elements: records,
        bytes: bytes as u64,
    }
}

/// Frames `bytes`, fed as the runner feeds them.
fn frame(bytes: &[u8], framer: &mut dyn Framer, each: &mut dyn FnMut(Block)) {
    let mut feed = |framer: &mut dyn Framer, at_end| loop {
        match framer.next_block(at_end) {
            Ok(Some(block)) => each(block),
            Ok(None) => break,
            Err(fatal) => panic!("{fatal}"),
        }
    };
    for piece in bytes.chunks(BLOCK_BYTES) {
        let buffer: &mut BytesMut = framer.buffer();
        buffer.reserve(BLOCK_BYTES);
        buffer.extend_from_slice(piece);
        feed(framer, false);
    }
    feed(framer, true);
}

/// The good rows of a block.
fn parse<W>(parser: &dyn Parser<W>, block: &Block, each: &mut dyn FnMut(&mut W)) {
    let parsed = parser.parse(block, &mut |_, row| {
        if let Ok(row) = row {
            each(row);
        }
    });
    parsed.unwrap_or_else(|fatal| panic!("{fatal}"));
}

/// The good records of some rows.
fn records<W>(rows: &mut [W], bind: &dyn Bind<W, Record>) -> Vec<Record> {
    let bound = rows.iter_mut().filter_map(|row| {
        let mut record = Record::default();
        (bind.bind(row, &mut record) == Verdict::Keep).then_some(record)
    });
    bound.collect()
}

fn judge(steps: &[Arc<dyn Step<Record>>], record: &mut Record) -> Verdict {
    for step in steps {
        let verdict = step.apply(record);
        if verdict != Verdict::Keep {
            return verdict;
        }
    }
    Verdict::Keep
}

type MakeEncoder = fn(&Input) -> Box<dyn Encode<Record>>;

/// The encoders of the sinks MongoDB and null; the latter writes JSON, as the embedded store does.
fn encoders() -> [(&'static str, MakeEncoder); 2] {
    [
        ("BSON", |input| {
            let encode = mongodb::insert_encoder(&input.plan.sink.target, &input.load());
            encode.unwrap_or_else(|fatal| panic!("{fatal}"))
        }),
        ("JSON", |input| {
            null::open(&Target::default(), &input.load()).encode
        }),
    ]
}

/// Encodes one record behind the other, with room for about one block.
fn encode_all(encode: &dyn Encode<Record>, records: &[Record], out: &mut Vec<u8>) {
    for (record, ordinal) in records.iter().zip(0..) {
        if out.len() > 2 * BLOCK_BYTES {
            out.clear();
        }
        let at = Position {
            ordinal,
            ..Position::START
        };
        black_box(encode.encode(at, record, out)).unwrap_or_else(|problem| panic!("{problem:?}"));
    }
    out.clear();
}
