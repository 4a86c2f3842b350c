//! How fast the sinks of this machine alone write what was encoded before: nowhere, a file, SQLite.
//!
//! ```sh
//! cargo bench --workspace --bench sinks
//! cargo bench --workspace --bench sinks -- sqlite
//! ```
//!
//! A batch is the records of one block, batches are written one behind the other, and each time goes into a new place, so
//! nothing is met again. What is durable at the end is part of the time: that is mostly the disk's. MongoDB stands in
//! `end_to_end`, beside its bounds.

use benches::{Input, drive};
use criterion::{BatchSize, Criterion, Throughput};
use pipeline::{Batch, Fatal, Sink};
use stages::open::Destination;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// The size of the input, in bytes.
const INPUT_BYTES: usize = 8 * 1024 * 1024;

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(6))
        .configure_from_args();
    let input = Input::orders(INPUT_BYTES);
    let runtime = Runtime::new().unwrap_or_else(|error| panic!("{error}"));
    let mut group = criterion.benchmark_group("sink");
    group.throughput(Throughput::ElementsAndBytes {
        elements: input.records,
        bytes: input.bytes.len() as u64,
    });
    for kind in ["null", "jsonl", "csv", "sqlite"] {
        group.bench_function(kind, |bencher| {
            bencher.iter_batched(
                || runtime.block_on(Load::prepare(kind, &input)),
                |load| {
                    let written = runtime.block_on(load.write());
                    written.unwrap_or_else(|fatal| panic!("{fatal}"));
                    // The folder is removed behind the clock's back.
                    load
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
    criterion.final_summary();
}

/// What is to be written, and where.
struct Load {
    sink: Arc<dyn Sink>,
    batches: Vec<Batch>,
    _folder: TempDir,
}

impl Load {
    async fn prepare(kind: &str, input: &Input) -> Self {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let path = folder.path().join("out");
        let name = match kind {
            "null" => kind.to_owned(),
            kind => format!("{kind}:{}", path.display()),
        };
        let opened = async {
            let destination = Destination::named(&name, &input.plan)?;
            let connected = destination.connect(folder.path()).await?;
            connected.open(input.load()).await
        };
        let opened = opened
            .await
            .unwrap_or_else(|fatal| panic!("{kind}: {fatal}"));
        let mut batches = Vec::new();
        let each = &mut |converted| {
            batches.push(Batch {
                parts: vec![converted],
            });
        };
        drive::chain(input, opened.encode, each).await;
        Self {
            sink: opened.sink,
            batches,
            _folder: folder,
        }
    }

    async fn write(&self) -> Result<(), Fatal> {
        for batch in &self.batches {
            let written = self.sink.write(batch).await?;
            assert_eq!(written.loaded, batch.len() as u64, "all of it is new");
        }
        self.sink.finish().await?;
        Ok(())
    }
}
