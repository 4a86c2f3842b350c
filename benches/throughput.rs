//! How fast each pure stage is, and all of them as one chain: one core, bytes in memory, no target.
//!
//! ```sh
//! cargo bench --workspace --bench throughput             # everything
//! cargo bench --workspace --bench throughput -- chain    # what has `chain` in its name
//! cargo bench --workspace --bench throughput -- typed    # the chain of orders without expressions
//! ```
//!
//! Bytes are always those of the input, whatever a stage makes of them, so that the stages of one format add up: the
//! time of a chain is about the sum of its stages. Framing is fed as the runner feeds it, 256 KiB at a time, and includes
//! that copy. The stages behind the parser are given rows and records that were made before: those of the first 2 MiB,
//! so that they come from the cache, as they do in a chain.

use benches::Input;
use benches::drive::{self, ENCODERS, MakeEncoder, Stages, TO_NULL};
use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, Criterion, Throughput};
use pipeline::Verdict;
use stages::record::Record;
use std::hint::black_box;
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
    bench(&mut criterion, "csv", &Stages::orders(INPUT_BYTES));
    let typed = Input::typed_orders(INPUT_BYTES);
    let mut group = criterion.benchmark_group("typed csv");
    group.throughput(both(typed.bytes.len(), typed.records));
    chains(&mut group, &typed, &[ENCODERS[0], TO_NULL]);
    group.finish();
    bench(&mut criterion, "jsonl", &Stages::events(INPUT_BYTES));
    bench(
        &mut criterion,
        "json",
        &Stages::events_document(INPUT_BYTES),
    );
    pass_over(&mut criterion);
    bench(&mut criterion, "xml", &Stages::events_xml(INPUT_BYTES));
    criterion.final_summary();
}

/// A document is passed over on the way to what is not there.
fn pass_over(criterion: &mut Criterion) {
    let events = Input::events_document(INPUT_BYTES);
    let mut group = criterion.benchmark_group("json");
    group.throughput(both(events.bytes.len(), events.records));
    group.bench_function("pass over", |bencher| {
        let each = &mut |block| drop(black_box(block));
        let elsewhere = || drive::json_framer("$.data.others[*]");
        bencher.iter(|| drive::frame(elsewhere(), &events.bytes, each));
    });
    group.finish();
}

/// Every stage of one format, and the chain.
fn bench<W: Clone>(criterion: &mut Criterion, format: &str, stages: &Stages<W>) {
    let mut group = criterion.benchmark_group(format);
    let all = both(stages.bytes().len(), stages.input.records);
    group.throughput(all.clone());
    group.bench_function("frame", |bencher| {
        bencher.iter(|| stages.frame(&mut |block| drop(black_box(block))));
    });
    let blocks = stages.blocks();
    group.bench_function("parse", |bencher| {
        bencher.iter(|| {
            for block in &blocks {
                stages.parse(block, &mut |row| {
                    black_box(row);
                });
            }
        });
    });

    let mut bytes_before = 0;
    let some = blocks.iter().take_while(|block| {
        bytes_before += block.bytes.len();
        bytes_before - block.bytes.len() < ROWS_BYTES
    });
    let some = &blocks[..some.count()];
    let some_bytes = some.iter().map(|block| block.bytes.len()).sum();
    let some_records = some.iter().map(|block| block.frames.len() as u64).sum();
    let mut rows = stages.rows(some);
    group.throughput(both(some_bytes, some_records));
    group.bench_function("bind and validate", |bencher| {
        let mut record = Record::default();
        bencher.iter_batched_ref(
            || rows.clone(),
            |rows| {
                for row in rows {
                    black_box(stages.bind(row, &mut record));
                }
            },
            BatchSize::LargeInput,
        );
    });
    let mut records = stages.records(&mut rows);
    if stages.has_steps() {
        group.bench_function("steps", |bencher| {
            bencher.iter(|| {
                for record in &mut records {
                    black_box(stages.judge(record));
                }
            });
        });
        records.retain_mut(|record| stages.judge(record) == Verdict::Keep);
    }
    for (name, make) in ENCODERS {
        let encode = make(&stages.input);
        group.bench_function(format!("encode {name}"), |bencher| {
            let mut out = Vec::new();
            bencher.iter(|| drive::encode(&*encode, &records, &mut out));
        });
    }

    group.throughput(all);
    chains(&mut group, &stages.input, &ENCODERS);
    group.finish();
}

/// The chain to each of `encoders`, on one core.
fn chains(
    group: &mut BenchmarkGroup<'_, WallTime>,
    input: &Input,
    encoders: &[(&'static str, MakeEncoder)],
) {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.unwrap_or_else(|error| panic!("{error}"));
    for (name, make) in encoders {
        group.bench_function(format!("chain to {name}"), |bencher| {
            let each = &mut |converted| drop(black_box(converted));
            bencher.iter(|| runtime.block_on(drive::chain(input, make(input), each)));
        });
    }
}

fn both(bytes: usize, records: u64) -> Throughput {
    Throughput::ElementsAndBytes {
        elements: records,
        bytes: bytes as u64,
    }
}
