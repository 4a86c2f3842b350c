//! What others get from a server that is loaded into: the time of a small query, with the adaptive rate and without.
//!
//! A query by `_id` every 10 ms, by a client of its own, beside a load, or beside a load and others who work. Others are
//! [`OTHERS`] clients, each of which groups a small collection again and again; they begin some time after the load, as
//! the load can only tell what is slower than it was. A round takes each case once; figures are of all rounds together.

use crate::cost::share;
use crate::place::{Place, Server};
use crate::spec::Spec;
use crate::turn::Done;
use crate::{Load, What};
use benches::machine::median;
use futures::TryStreamExt;
use mongodb::bson::{Document, doc};
use mongodb::{Client, Collection};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Orders of each load: as many queries are asked meanwhile as a p99 needs.
pub const RECORDS: u64 = 3_000_000;
/// How long others are watched without a load, in seconds; of a small round.
const ALONE_SECONDS: u64 = 10;
const SMALL_ALONE_SECONDS: u64 = 2;
/// The time between two queries.
const PROBE_INTERVAL_MS: u64 = 10;
/// Clients of others.
const OTHERS: usize = 4;
/// Documents that others group.
const OTHERS_DOCUMENTS: i32 = 20_000;
/// How long a load has the server to itself.
const HEAD_START_MS: u64 = 700;
/// The database of the probe and of the others.
const DATABASE: &str = "others";

/// A kind of round.
struct Case {
    name: &'static str,
    /// Lines of the sink's table; none is no load at all.
    tune: Option<&'static str>,
    has_others: bool,
    rounds: Vec<Seen>,
}

/// What was seen in one round.
#[derive(Default)]
struct Seen {
    probe_ms: Vec<f64>,
    /// What others had done, per second.
    groups_per_second: f64,
    records_per_second: f64,
}

/// Takes the rounds, and prints what was seen.
pub fn show(place: &Place, is_in_full: bool) {
    let alone = Duration::from_secs(match is_in_full {
        true => ALONE_SECONDS,
        false => SMALL_ALONE_SECONDS,
    });
    let case = |name, tune, has_others| Case {
        name,
        tune,
        has_others,
        rounds: Vec::new(),
    };
    const ADAPTIVE: Option<&str> = Some("rate = { adaptive = true }");
    const FIXED: Option<&str> = Some("rate = { adaptive = false }");
    let mut cases = [
        case("load, adaptive", ADAPTIVE, false),
        case("load, not adaptive", FIXED, false),
        case("others", None, true),
        case("others and load, adaptive", ADAPTIVE, true),
        case("others and load, not adaptive", FIXED, true),
    ];
    let rounds = place.args.number("--rounds", 3) as usize;
    for replica_set in [false, true] {
        let server = place.start_server(replica_set);
        place.block_on(prepare(&server.client));
        for round in 0..rounds {
            for turn in 0..cases.len() {
                let index = (turn + round) % cases.len();
                let case = &mut cases[index];
                case.rounds.push(watch(place, &server, case, alone));
            }
        }
        print(server.name, &cases);
        for case in &mut cases {
            case.rounds.clear();
        }
    }
}

async fn prepare(client: &Client) {
    let documents = (0..OTHERS_DOCUMENTS).map(|n| doc! { "_id": n, "group": n % 97, "n": n });
    let collection = client
        .database(DATABASE)
        .collection::<Document>("documents");
    let inserted = collection.insert_many(documents).await;
    inserted.unwrap_or_else(|error| panic!("{error}"));
}

/// One round of a case: while the load runs, or for the time `alone` where there is none.
fn watch(place: &Place, server: &Server, case: &Case, alone: Duration) -> Seen {
    let (stop, groups) = (AtomicBool::new(false), AtomicU64::new(0));
    let uri = server.mongod.uri();
    let mut seen = Seen::default();
    std::thread::scope(|scope| {
        let load = case.tune.map(|tune| {
            let load = Load {
                name: case.name,
                what: What::Mongodb,
                spec: Spec::Typed,
            };
            let mut command = place.command(load, Some(server));
            command.args(["--tune", tune]).stdout(Stdio::piped());
            command.spawn().unwrap_or_else(|error| panic!("{error}"))
        });
        std::thread::sleep(Duration::from_millis(HEAD_START_MS));
        let from = Instant::now();
        let clients = if case.has_others { OTHERS } else { 0 };
        for _ in 0..clients {
            scope.spawn(|| block_on(group(&uri, &stop, &groups)));
        }
        let probe = scope.spawn(|| block_on(probe(&uri, &stop)));
        match load {
            None => std::thread::sleep(alone),
            Some(load) => {
                let output = load.wait_with_output();
                let output = output.unwrap_or_else(|error| panic!("{error}"));
                assert!(output.status.success(), "{}", case.name);
                let done = Done::read(&String::from_utf8_lossy(&output.stdout));
                seen.records_per_second = done.read as f64 / done.cost.seconds;
            }
        }
        stop.store(true, Ordering::Relaxed);
        seen.groups_per_second =
            groups.load(Ordering::Relaxed) as f64 / from.elapsed().as_secs_f64();
        seen.probe_ms = probe.join().unwrap_or_else(|_| panic!("the probe failed"));
    });
    place.clear(server);
    seen
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime
        .unwrap_or_else(|error| panic!("{error}"))
        .block_on(future)
}

async fn documents(uri: &str) -> Collection<Document> {
    let client = Client::with_uri_str(uri).await;
    let client = client.unwrap_or_else(|error| panic!("{error}"));
    client.database(DATABASE).collection("documents")
}

/// Asks for one document every [`PROBE_INTERVAL_MS`]; returns what each answer took since it was to be asked for, to the
/// millisecond of the timer: a slow answer makes the next ones late, and that is seen.
async fn probe(uri: &str, stop: &AtomicBool) -> Vec<f64> {
    let documents = documents(uri).await;
    let mut ticks = tokio::time::interval(Duration::from_millis(PROBE_INTERVAL_MS));
    let mut took_ms = Vec::new();
    for n in 0.. {
        let due = ticks.tick().await;
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let found = documents
            .find_one(doc! { "_id": n % OTHERS_DOCUMENTS })
            .await;
        let found = found.unwrap_or_else(|error| panic!("{error}"));
        assert!(found.is_some());
        // The first one connects.
        if n > 0 {
            took_ms.push(due.elapsed().as_secs_f64() * 1e3);
        } else {
            // Nor is anybody late for it.
            ticks.reset_immediately();
        }
    }
    took_ms
}

/// Groups all documents again and again.
async fn group(uri: &str, stop: &AtomicBool, done: &AtomicU64) {
    let documents = documents(uri).await;
    while !stop.load(Ordering::Relaxed) {
        let sum = doc! { "$group": { "_id": "$group", "sum": { "$sum": "$n" } } };
        let groups = async {
            documents
                .aggregate([sum])
                .await?
                .try_collect::<Vec<_>>()
                .await
        };
        let groups = groups.await.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(groups.len(), 97);
        done.fetch_add(1, Ordering::Relaxed);
    }
}

fn print(server: &str, cases: &[Case]) {
    println!(
        "\n{server:<34} {:>8} {:>8} {:>8} {:>8} {:>10} {:>10}  a query by _id every {PROBE_INTERVAL_MS} ms",
        "samples", "p50 ms", "p99 ms", "max ms", "groups/s", "records/s"
    );
    for case in cases {
        let all = || {
            case.rounds
                .iter()
                .flat_map(|seen| seen.probe_ms.iter().copied())
        };
        println!(
            "{:<34} {:>8} {:>8.2} {:>8.2} {:>8.2} {:>10.1} {:>10.0}",
            case.name,
            all().count(),
            median(all()),
            share(all(), 0.99),
            share(all(), 1.0),
            median(case.rounds.iter().map(|seen| seen.groups_per_second)),
            median(case.rounds.iter().map(|seen| seen.records_per_second)),
        );
    }
    let [adaptive, fixed, ..] = cases else { return };
    let pairs = adaptive.rounds.iter().zip(&fixed.rounds);
    let ratio = median(pairs.map(|(on, off)| on.records_per_second / off.records_per_second));
    println!("load alone, adaptive / not adaptive: {ratio:.3}");
}
