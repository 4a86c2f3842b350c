//! How a whole run scales: typed orders from memory to the null sink, on one to all cores.
//!
//! ```sh
//! cargo bench --workspace --bench cores
//! cargo bench --workspace --bench cores -- --rounds 9 --megabytes 1024
//! ```
//!
//! Reading, framing, parsing, binding, batches and books are all in it: this is the runner with as many threads and
//! parse tasks as there are cores. The rounds go over all numbers of cores in turn, so that a machine that gets slower
//! does so for all of them; the medians of the rounds are shown, and the medians of the ratios to one core.

use benches::Input;
use benches::args::Args;
use benches::machine::median;
use pipeline::{End, Job};
use stages::ledger::MemoryLedger;
use stages::sink::null;
use std::sync::Arc;
use std::time::Instant;

fn main() {
    let args = Args::of_this_process(&["--rounds N", "--megabytes N"]);
    let rounds = args.number("--rounds", 5).max(1);
    let input = Input::typed_orders((args.number("--megabytes", 256) as usize) << 20);
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
        let (plan, ledger) = (&input.plan, Arc::new(MemoryLedger::default()));
        let opened = input.opened().await;
        let job = Job {
            max_parsers: cores,
            ..opened.job(plan, null::open(), ledger, plan.sink.flow)
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
