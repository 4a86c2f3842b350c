//! How fast whole loads are, beside what the target could take at best.
//!
//! ```sh
//! cargo bench -p sluicegate-benches --bench end_to_end
//! cargo bench -p sluicegate-benches --bench end_to_end -- --records 2000000 --rounds 5 --only MongoDB
//! ```
//!
//! Generated orders go from a file to the null sink on one core and on all, to SQLite, and to a standalone MongoDB
//! (`w: majority, j: true`), along the way of the program: plan, open, destination, ledger, runner. Beside the last one
//! stands the bound: the same documents, built before and given to the driver's `insert_many`, 1000 a call, unordered, 4
//! in flight, at the same write concern.
//!
//! Not criterion: a machine drifts by more than what is looked for, so loads that are compared must take turns within a
//! round, and it is the ratio within each round that counts. Criterion measures one thing after the other. Without
//! `--bench`, which `cargo bench` gives, one small round shows that everything runs.

use benches::{load_of, plan};
use futures::{StreamExt, TryStreamExt, stream};
use mongodb::bson::{RawDocumentBuf, doc};
use mongodb::options::{Acknowledgment, WriteConcern};
use mongodb::{Client, Collection};
use pipeline::{Accepted, End, Ledger, Progress};
use stages::ledger::RunLedger;
use stages::open::{Destination, Opening};
use stages::plan::Plan;
use stages::source::{Input, pin};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use testbed::mongod::Mongod;
use testbed::truth::Totals;
use testbed::{files, orders};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

/// The seed of the orders.
const SEED: u64 = 2026;
/// Documents of one `insert_many`.
const BOUND_DOCUMENTS: usize = 1000;
/// Calls of `insert_many` that are under way at once.
const BOUND_IN_FLIGHT: usize = 4;
/// The database that is loaded into.
const DATABASE: &str = "bench";

/// What is asked for on the command line.
struct Asked {
    records: u64,
    rounds: usize,
    /// What the names of the loads must hold.
    only: String,
}

impl Asked {
    fn read() -> Self {
        let words: Vec<String> = std::env::args().skip(1).collect();
        let said = |name: &str| {
            let at = words.iter().position(|word| word == name)?;
            words.get(at + 1)
        };
        let number = |name: &str| said(name)?.parse().ok();
        let in_full = words.iter().any(|word| word == "--bench");
        let (records, rounds) = if in_full { (500_000, 5) } else { (2_000, 1) };
        Self {
            records: number("--records").unwrap_or(records),
            rounds: number("--rounds").map_or(rounds, |rounds| rounds as usize),
            only: said("--only").cloned().unwrap_or_default(),
        }
    }
}

/// What one load cost.
#[derive(Clone, Copy)]
struct Cost {
    seconds: f64,
    /// Processor time of this process, in seconds.
    busy_seconds: f64,
}

/// One kind of load, with its cost in each round.
struct Row {
    name: &'static str,
    costs: Vec<Cost>,
}

fn main() {
    let asked = Asked::read();
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
    let path = folder.path().join("orders.csv");
    let totals = files::write_file(&path, orders::HEADER, orders::orders(SEED, asked.records));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!(
        "{} orders, {:.1} MB, {} loaded, {} rejected, {} dropped; {cores} cores, load {}",
        totals.read,
        totals.bytes as f64 / 1e6,
        totals.loaded,
        totals.rejected,
        totals.dropped,
        std::fs::read_to_string("/proc/loadavg")
            .unwrap_or_default()
            .trim(),
    );
    let one = runtime(1);
    let all = runtime(cores);
    let mongod = all.block_on(Mongod::standalone());
    let client = all.block_on(mongod.client());
    let uri = mongod.uri_for(DATABASE);
    let bench = Bench {
        plan: plan("orders-e2e.toml", orders::SPEC),
        input: path,
        totals,
        folder: folder.path(),
    };

    let names = [
        "null sink, one core",
        "null sink, all cores",
        "SQLite",
        "MongoDB",
        "MongoDB, bound: insert_many of ready documents",
    ];
    let mut rows = names.map(|name| Row {
        name,
        costs: Vec::new(),
    });
    let mut documents = Vec::new();
    for round in 0..asked.rounds {
        // Each round begins elsewhere, so that none always comes behind the same one.
        for turn in 0..names.len() {
            let index = (turn + round) % names.len();
            if !names[index].contains(&asked.only) {
                continue;
            }
            let cost = match index {
                0 => cost(|| one.block_on(bench.run("null", 1))),
                1 => cost(|| all.block_on(bench.run("null", cores))),
                2 => {
                    let database = bench.folder.join(format!("documents{round}.db"));
                    let sink = format!("sqlite:{}", database.display());
                    let cost = cost(|| all.block_on(bench.run(&sink, cores)));
                    remove(&database);
                    cost
                }
                3 => {
                    let cost = cost(|| all.block_on(bench.run(&uri, cores)));
                    all.block_on(async {
                        if documents.is_empty() {
                            documents = read_all(&client, bench.collection()).await;
                        }
                        drop_all(&client).await;
                    });
                    cost
                }
                _ => {
                    if documents.is_empty() {
                        // The documents are those of a load of ours.
                        all.block_on(async {
                            bench.run(&uri, cores).await;
                            documents = read_all(&client, bench.collection()).await;
                            drop_all(&client).await;
                        });
                    }
                    let ready = documents.clone();
                    let cost =
                        cost(|| all.block_on(insert_all(&client, bench.collection(), ready)));
                    all.block_on(drop_all(&client));
                    cost
                }
            };
            rows[index].costs.push(cost);
        }
    }
    print(&rows, &totals);
}

fn runtime(workers: usize) -> Runtime {
    let built = Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build();
    built.unwrap_or_else(|error| panic!("{error}"))
}

/// A load of the orders, again and again.
struct Bench<'a> {
    plan: Plan,
    input: std::path::PathBuf,
    totals: Totals,
    folder: &'a Path,
}

impl Bench<'_> {
    fn collection(&self) -> &str {
        &self.plan.sink.target.collection
    }

    /// Loads the file into `sink`, and checks that every record had its outcome.
    async fn run(&self, sink: &str, max_parsers: usize) {
        let ledger_path = self.folder.join("ledger.db");
        remove(&ledger_path);
        let report = async {
            let destination = Destination::named(sink, &self.plan)?;
            let connected = destination.connect(self.folder).await?;
            let origin = pin(&Input::File(self.input.clone()), None).await?;
            let accepted = Accepted::default();
            let opening = stages::open::open(&self.plan, &*origin, None, &accepted).await?;
            let Opening::Ready(opened) = opening else {
                panic!("the columns are held");
            };
            let sink = connected.open(load_of(&self.plan)).await?;
            let (parts, convert) = opened.chain(&self.plan, sink.encode);
            let ledger: Arc<dyn Ledger> =
                Arc::new(RunLedger::open(&ledger_path, "bench", "bench", 1).await?);
            let flow = destination.flow();
            let job = pipeline::Job {
                source: parts.source,
                source_at: parts.source_at,
                framer: parts.framer,
                convert,
                sink: sink.sink,
                ledger,
                from: parts.from,
                accepted,
                budget: self.plan.budget,
                batch: flow.batch,
                rate: flow.rate,
                max_in_flight: flow.max_in_flight,
                max_parsers,
                cancel: Default::default(),
                progress: watch::Sender::new(Progress::default()),
            };
            Ok::<_, pipeline::Fatal>(pipeline::run(job).await)
        };
        let report = report
            .await
            .unwrap_or_else(|fatal| panic!("{sink}: {fatal}"));
        match report.end {
            End::Completed(_) => {}
            other => panic!("{sink}: {other:?}"),
        }
        let counters = &report.checkpoint.books.counters;
        let found = (counters.loaded, counters.rejected, counters.dropped_total());
        let wanted = (
            self.totals.loaded,
            self.totals.rejected,
            self.totals.dropped,
        );
        assert_eq!(found, wanted, "loaded, rejected, dropped into {sink}");
    }
}

/// Every document of a collection, as the server holds it.
async fn read_all(client: &Client, collection: &str) -> Vec<RawDocumentBuf> {
    let collection: Collection<RawDocumentBuf> = client.database(DATABASE).collection(collection);
    let found = async { collection.find(doc! {}).await?.try_collect().await };
    found.await.unwrap_or_else(|error| panic!("{error}"))
}

async fn drop_all(client: &Client) {
    let dropped = client.database(DATABASE).drop().await;
    dropped.unwrap_or_else(|error| panic!("{error}"));
}

/// The bound: nothing is read, parsed or encoded.
async fn insert_all(client: &Client, collection: &str, documents: Vec<RawDocumentBuf>) {
    let collection: Collection<RawDocumentBuf> = client.database(DATABASE).collection(collection);
    let durable = WriteConcern::builder()
        .w(Acknowledgment::Majority)
        .journal(true)
        .build();
    let mut documents = documents.into_iter();
    let calls = std::iter::from_fn(|| {
        let batch: Vec<_> = documents.by_ref().take(BOUND_DOCUMENTS).collect();
        (!batch.is_empty()).then_some(batch)
    });
    let done = stream::iter(calls).map(|batch| {
        let (collection, durable) = (collection.clone(), durable.clone());
        let call = tokio::spawn(async move {
            let insert = collection.insert_many(batch).ordered(false);
            insert
                .write_concern(durable)
                .await
                .map(|done| done.inserted_ids.len())
        });
        async move {
            let inserted = call.await.unwrap_or_else(|error| panic!("{error}"));
            inserted.unwrap_or_else(|error| panic!("{error}"))
        }
    });
    done.buffered(BOUND_IN_FLIGHT).for_each(|_| async {}).await;
}

fn cost(run: impl FnOnce()) -> Cost {
    let (from, busy) = (Instant::now(), busy_seconds());
    run();
    Cost {
        seconds: from.elapsed().as_secs_f64(),
        busy_seconds: busy_seconds() - busy,
    }
}

/// Processor time of this process so far: fields 14 and 15 of `/proc/self/stat`, in hundredths of a second
/// (<https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>). 0 where there is no such file.
fn busy_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = behind_name.split_whitespace().skip(11).take(2);
    ticks
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum::<f64>()
        / 100.0
}

/// Removes a SQLite file and what SQLite puts beside it.
fn remove(database: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let mut path = database.as_os_str().to_owned();
        path.push(suffix);
        // What is not there need not be removed.
        let _ = std::fs::remove_file(path);
    }
}

fn print(rows: &[Row], totals: &Totals) {
    println!(
        "{:<48} {:>8} {:>12} {:>8} {:>14} {:>20}",
        "load", "seconds", "records/s", "MB/s", "CPU µs/record", "seconds, all rounds"
    );
    for row in rows.iter().filter(|row| !row.costs.is_empty()) {
        let seconds = median(row.costs.iter().map(|cost| cost.seconds));
        let busy = median(row.costs.iter().map(|cost| cost.busy_seconds));
        let each: Vec<String> = row
            .costs
            .iter()
            .map(|cost| format!("{:.2}", cost.seconds))
            .collect();
        println!(
            "{:<48} {seconds:>8.2} {:>12.0} {:>8.1} {:>14.2} {:>20}",
            row.name,
            totals.read as f64 / seconds,
            totals.bytes as f64 / 1e6 / seconds,
            busy * 1e6 / totals.read as f64,
            each.join(" ")
        );
    }
    let ratio = |slow: usize, fast: usize| {
        let pairs = rows[slow].costs.iter().zip(&rows[fast].costs);
        median(pairs.map(|(slow, fast)| slow.seconds / fast.seconds))
    };
    for (slow, fast, what) in [
        (0, 1, "null sink, all cores against one"),
        (4, 3, "MongoDB against its bound"),
    ] {
        let ratio = ratio(slow, fast);
        if ratio.is_finite() {
            println!("{what}: {ratio:.2}, median of the rounds");
        }
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
