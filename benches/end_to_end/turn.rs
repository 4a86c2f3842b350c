//! One turn, in a process of its own: a load of ours, or a bound. What it costs is measured here.
//!
//! A process of its own, so that its memory and its processor time are its own, and no turn finds what another one left.
//! The last line of its output is for the process that started it ([`Done`]).

use crate::cost::Cost;
use crate::documents::Documents;
use crate::op_msg::Sockets;
use crate::spec::Spec;
use benches::args::Args;
use benches::load_of;
use futures::{StreamExt, stream};
use mongodb::bson::{RawDocumentBuf, doc};
use mongodb::options::{Acknowledgment, WriteConcern};
use mongodb::{Client, Collection};
use pipeline::{Accepted, End, Job, Ledger};
use stages::ledger::RunLedger;
use stages::open::{Destination, Opening};
use stages::source::s3::{S3Client, S3Settings};
use stages::source::{Input, pin};
use std::path::Path;
use std::sync::Arc;
use tokio::runtime::{Builder, Runtime};

/// Documents of one command of a bound.
pub const BOUND_DOCUMENTS: usize = 1000;
/// Commands of a bound that are under way at once.
pub const BOUND_IN_FLIGHT: usize = 4;
/// The database that is loaded into.
pub const DATABASE: &str = "bench";
/// The collection that is loaded into.
pub const COLLECTION: &str = "orders";

/// What became of a turn.
#[derive(Clone, Copy, Debug, Default)]
pub struct Done {
    /// What it cost; the server's part is not in it.
    pub cost: Cost,
    /// Records, or documents of a bound.
    pub read: u64,
    /// Those that were loaded.
    pub loaded: u64,
    /// Those that were rejected.
    pub rejected: u64,
    /// Those that were dropped.
    pub dropped: u64,
}

impl Done {
    fn line(&self) -> String {
        let Cost {
            seconds,
            cpu_seconds,
            peak_rss_bytes,
            ..
        } = self.cost;
        let (read, loaded, rejected, dropped) =
            (self.read, self.loaded, self.rejected, self.dropped);
        format!("{seconds} {cpu_seconds} {peak_rss_bytes} {read} {loaded} {rejected} {dropped}")
    }

    /// Reads what a turn has put out.
    ///
    /// # Panics
    /// Where that is something else.
    pub fn read(output: &str) -> Self {
        let line = output.lines().last().unwrap_or_default();
        let numbers: Vec<f64> = line
            .split(' ')
            .filter_map(|word| word.parse().ok())
            .collect();
        let [seconds, cpu_seconds, peak, read, loaded, rejected, dropped] = numbers[..] else {
            panic!("a turn put out: {output}");
        };
        Self {
            cost: Cost {
                seconds,
                cpu_seconds,
                server_seconds: 0.0,
                peak_rss_bytes: peak as u64,
            },
            read: read as u64,
            loaded: loaded as u64,
            rejected: rejected as u64,
            dropped: dropped as u64,
        }
    }
}

/// Takes the turn `what`, and puts out what it cost.
pub fn take(what: &str, args: &Args) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cores = args.number("--cores", cores as u64) as usize;
    let runtime = runtime(cores);
    let documents = || Documents::read(Path::new(args.needed("--documents")));
    let done = match what {
        "load" => load(&runtime, args, cores),
        "insert_many" => {
            let (documents, client) = (documents().raw(), args.needed("--sink"));
            let client = runtime.block_on(connected(client));
            let read = documents.len() as u64;
            let cost = Cost::of(|| runtime.block_on(insert_many(&client, documents)));
            of_bound(cost, read)
        }
        "op_msg" => {
            let documents = documents();
            let sockets = Sockets::connect(args.number("--port", 0) as u16, BOUND_IN_FLIGHT);
            let insert = || sockets.insert(&documents, DATABASE, COLLECTION, BOUND_DOCUMENTS);
            of_bound(Cost::of(insert), documents.len() as u64)
        }
        other => panic!("no turn is called {other}"),
    };
    println!("{}", done.line());
}

fn runtime(workers: usize) -> Runtime {
    let built = Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build();
    built.unwrap_or_else(|error| panic!("{error}"))
}

fn of_bound(cost: Cost, documents: u64) -> Done {
    Done {
        cost,
        read: documents,
        loaded: documents,
        ..Done::default()
    }
}

/// A load, the way of the program: plan, open, destination, ledger, runner. What connecting takes is not measured, as
/// it is not for the bounds.
fn load(runtime: &Runtime, args: &Args, cores: usize) -> Done {
    let plan = Spec::of(args).plan(args.said("--tune").unwrap_or_default());
    let (sink, folder) = (args.needed("--sink"), Path::new(args.needed("--folder")));
    let fail = |fatal: pipeline::Fatal| -> ! { panic!("{sink}: {fatal}") };
    let destination = Destination::named(sink, &plan).unwrap_or_else(|fatal| fail(fatal));
    let connected = runtime.block_on(destination.connect(folder));
    let connected = connected.unwrap_or_else(|fatal| fail(fatal));
    let input: Input = args
        .needed("--input")
        .parse()
        .unwrap_or_else(|fatal| fail(fatal));
    let s3 = matches!(input, Input::S3 { .. })
        .then(|| runtime.block_on(S3Client::from_sdk_chain(S3Settings::default())));
    let mut report = None;
    let cost = Cost::of(|| {
        let ran = runtime.block_on(async {
            let origin = pin(&input, s3.as_ref()).await?;
            let accepted = Accepted::default();
            let opening = stages::open::open(&plan, &*origin, None, &accepted).await?;
            let Opening::Ready(opened) = opening else {
                panic!("the columns are held");
            };
            let sink = connected.open(load_of(&plan)).await?;
            let ledger = RunLedger::open(&folder.join("ledger.db"), "bench", "bench", 1).await?;
            let ledger: Arc<dyn Ledger> = Arc::new(ledger);
            let job = Job {
                accepted,
                max_parsers: cores,
                ..opened.job(&plan, sink, ledger, destination.flow())
            };
            Ok::<_, pipeline::Fatal>(pipeline::run(job).await)
        });
        report = Some(ran.unwrap_or_else(|fatal| fail(fatal)));
    });
    let Some(report) = report else {
        panic!("{sink}: no report")
    };
    match report.end {
        End::Completed(_) => {}
        other => panic!("{sink}: {other:?}"),
    }
    let counters = &report.checkpoint.books.counters;
    Done {
        cost,
        read: counters.read,
        loaded: counters.loaded,
        rejected: counters.rejected,
        dropped: counters.dropped_total(),
    }
}

async fn connected(uri: &str) -> Client {
    let client = Client::with_uri_str(uri).await;
    let client = client.unwrap_or_else(|error| panic!("{error}"));
    let database = client.database(DATABASE);
    let hello = database.run_command(doc! { "hello": 1 }).await;
    hello.unwrap_or_else(|error| panic!("{error}"));
    client
}

/// The bound of the driver: nothing is read, parsed or encoded.
async fn insert_many(client: &Client, documents: Vec<RawDocumentBuf>) {
    let collection: Collection<RawDocumentBuf> = client.database(DATABASE).collection(COLLECTION);
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
            let all = batch.len();
            let insert = collection.insert_many(batch).ordered(false);
            let done = insert.write_concern(durable).await;
            let done = done.unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(done.inserted_ids.len(), all);
        });
        async move { call.await.unwrap_or_else(|error| panic!("{error}")) }
    });
    done.buffered(BOUND_IN_FLIGHT).for_each(|()| async {}).await;
}
