//! How a whole run scales: typed orders from memory to the null sink, on one to all cores.
//!
//! ```sh
//! cargo bench -p sluicegate-benches --bench cores
//! cargo bench -p sluicegate-benches --bench cores -- --rounds 9 --megabytes 1024
//! ```
//!
//! Reading, framing, parsing, binding, batches and books are all in it: this is the runner with as many threads and
//! parse tasks as there are cores. The rounds go over all numbers of cores in turn, so that a machine that gets slower
//! does so for all of them; the medians of the rounds are shown, and the medians of the ratios to one core.

use benches::Input;
use benches::machine::median;
use benches::words::Words;
use pipeline::{Accepted, End, Job, Progress, Rate};
use stages::ledger::MemoryLedger;
use stages::sink::null;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

fn main() {
    let words = Words::of_this_process();
    let rounds = words.number("--rounds", 5).max(1);
    let input = Input::typed_orders((words.number("--megabytes", 256) as usize) << 20);
    let most = std::thread::available_parallelism().map_or(1, usize::from);
    let all: Vec<Vec<f64>> = (0..rounds)
        .map(|_| (1..=most).map(|cores| mb_per_s(&input, cores)).collect())
        .collect();
    println!("| cores | MB/s | thousand records/s | to one core |");
    println!("|---|---|---|---|");
    for cores in 0..most {
        let speed = median(all.iter().map(|round| round[cores]));
        let ratio = median(all.iter().map(|round| round[cores] / round[0]));
        let records = speed * input.records as f64 / input.bytes.len() as f64 * 1000.0;
        println!("| {} | {speed:.0} | {records:.0} | {ratio:.2} |", cores + 1);
    }
}

/// The speed of one run with `cores` threads, in 10^6 bytes of the input a second.
fn mb_per_s(input: &Input, cores: usize) -> f64 {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores)
        .enable_time()
        .build()
        .unwrap_or_else(|error| panic!("{error}"));
    runtime.block_on(async {
        let sink = null::open();
        let (parts, convert) = input.open(sink.encode).await;
        let job = Job {
            source: parts.source,
            source_at: parts.source_at,
            framer: parts.framer,
            convert,
            sink: sink.sink,
            ledger: Arc::new(MemoryLedger::default()),
            from: parts.from,
            accepted: Accepted::default(),
            budget: input.plan.budget,
            batch: input.plan.sink.flow.batch,
            rate: Rate::default(),
            max_in_flight: input.plan.sink.flow.max_in_flight,
            max_parsers: cores,
            cancel: CancellationToken::new(),
            progress: watch::Sender::new(Progress::default()),
        };
        let from = Instant::now();
        let report = tokio::spawn(pipeline::run(job)).await;
        let seconds = from.elapsed().as_secs_f64();
        match report.map(|report| report.end) {
            Ok(End::Completed(_)) => input.bytes.len() as f64 / seconds / 1e6,
            end => panic!("{end:?}"),
        }
    })
}
