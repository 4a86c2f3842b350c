//! A run that is killed at random moments and goes on with `--resume` leaves what an undisturbed run leaves: the same
//! documents and rejects, books that balance. A run that is interrupted ends at a checkpoint and says how to go on.
//!
//! `SLUICEGATE_KILL_ROUNDS` says how often each run is killed, 3 where it is not set; each round waits out one lease,
//! 3 s. Moments come from a seed and are numbers of documents in the target, so that no round depends on the machine.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use mongodb::Client;
use mongodb::bson::{Document, doc};
use rusqlite::{Connection, OpenFlags};
use testbed::files::write_file;
use testbed::mongod::Mongod;
use testbed::orders::{HEADER, SPEC, orders};
use testbed::process::Sluicegate;
use testbed::random::Random;
use testbed::truth::Totals;

use crate::found::{Documents, rejects_equal};
use crate::job::{Job, job, place};
use crate::packed::python;

const RECORDS: u64 = 24_000;
const SEED: u64 = 7;

/// For a condition in the middle of a run.
const DEADLINE: Duration = Duration::from_secs(60);

/// The least a document of an order has as a line of JSON, about: for moments in a file that grows.
const DOCUMENT_BYTES: u64 = 250;

/// 120 batches with a pause behind each: about 3 s, so that there is a middle.
const SLOW: &str = "batch = { records = 200 }\nrate = { pause = \"25ms\" }\n";

fn rounds() -> u64 {
    let set = std::env::var("SLUICEGATE_KILL_ROUNDS").ok();
    set.map_or(3, |rounds| {
        rounds.parse().expect("SLUICEGATE_KILL_ROUNDS is a number")
    })
}

fn orders_in(place: &Sluicegate) -> Totals {
    place.write("orders.toml", format!("{SPEC}{SLOW}"));
    write_file(&place.path("orders.csv"), HEADER, orders(SEED, RECORDS))
}

fn short_lease() -> Sluicegate {
    place().env("JOB_LEASE_SECONDS", "3")
}

async fn in_mongodb(client: &Client) -> u64 {
    let orders = client.database("shop").collection::<Document>("orders");
    orders.count_documents(doc! {}).await.unwrap()
}

/// The documents in the embedded store; none before it is there.
fn in_store(place: &Sluicegate) -> u64 {
    count_in_store(place, "orders")
}

/// The documents in a collection of the embedded store.
pub fn count_in_store(place: &Sluicegate, collection: &str) -> u64 {
    let path = place.path("data/documents.db");
    let opened = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY);
    let count = opened.and_then(|store| {
        let all = format!("SELECT count(*) FROM {collection}");
        store.query_row(&all, [], |row| row.get(0))
    });
    count.map_or(0, |count: i64| count.cast_unsigned())
}

fn in_file(path: &Path) -> u64 {
    path.metadata()
        .map_or(0, |found| found.len() / DOCUMENT_BYTES)
}

/// Runs `run`, kills it whenever `loaded` reaches a moment, lets the last `--resume` end, and compares the rejects.
async fn killed(
    place: &Sluicegate,
    run: &[&str],
    totals: &Totals,
    loaded: impl AsyncFn() -> u64,
) -> Job {
    let last = killed_and_resumed(place, run, totals, loaded).await;
    rejects_equal(&place.path("rejects.jsonl"), HEADER, orders(SEED, RECORDS));
    last
}

/// The same without a look at the rejects themselves.
async fn killed_and_resumed(
    place: &Sluicegate,
    run: &[&str],
    totals: &Totals,
    loaded: impl AsyncFn() -> u64,
) -> Job {
    let mut random = Random::new(SEED);
    let resume = [run, &["--resume"]].concat();
    let slice = totals.loaded / (rounds() + 1);
    for round in 0..rounds() {
        let moment = round * slice + random.below(slice) + 1;
        let args = if round == 0 { run } else { &resume };
        let ended = place
            .start(args)
            .kill_when(async |_| loaded().await >= moment)
            .await;
        let said = (ended.code, ended.stderr);
        assert_eq!(
            ended.signal,
            Some(9),
            "round {round} ended before document {moment} was there: {said:?}"
        );
    }
    let last = job(place, &resume).await;
    last.completed(totals);
    last
}

const RUN: [&str; 5] = [
    "run",
    "orders.toml",
    "orders.csv",
    "--rejects",
    "rejects.jsonl",
];

async fn killed_into(mongod: Mongod) {
    let place = short_lease().env("MONGODB_URI", mongod.uri_for("shop"));
    let totals = orders_in(&place);
    let client = mongod.client().await;
    killed(&place, &RUN, &totals, async || in_mongodb(&client).await).await;
    Documents::of_mongodb(&client, "shop", "orders")
        .await
        .equal(orders(SEED, RECORDS));
}

#[tokio::test]
async fn killed_runs_into_a_standalone_leave_the_same_collection() {
    killed_into(Mongod::standalone().await).await;
}

#[tokio::test]
async fn killed_runs_into_a_replica_set_leave_the_same_collection() {
    killed_into(Mongod::replica_set().await).await;
}

#[tokio::test]
async fn killed_runs_into_the_embedded_store_leave_the_same_collection() {
    let place = short_lease();
    let totals = orders_in(&place);
    killed(&place, &RUN, &totals, async || in_store(&place)).await;
    Documents::of_store(&place, "orders")
        .await
        .equal(orders(SEED, RECORDS));
}

/// Packs the orders into a file of this name, of which no resumed run can begin in the middle.
async fn killed_runs_of(packed: &str, pack: impl Fn(File, File)) {
    let place = short_lease();
    let totals = orders_in(&place);
    let orders_csv = File::open(place.path("orders.csv")).unwrap();
    pack(orders_csv, File::create(place.path(packed)).unwrap());
    let run = ["run", "orders.toml", packed, "--rejects", "rejects.jsonl"];
    killed(&place, &run, &totals, async || in_store(&place)).await;
    Documents::of_store(&place, "orders")
        .await
        .equal(orders(SEED, RECORDS));
}

#[tokio::test]
async fn killed_runs_of_gzip_leave_the_same_collection() {
    killed_runs_of("orders.csv.gz", |mut plain, packed| {
        let mut encoder = GzEncoder::new(packed, Compression::default());
        std::io::copy(&mut plain, &mut encoder).unwrap();
        encoder.finish().unwrap();
    })
    .await;
}

#[tokio::test]
async fn killed_runs_of_zstd_leave_the_same_collection() {
    killed_runs_of("orders.csv.zst", |plain, packed| {
        zstd::stream::copy_encode(plain, packed, zstd::DEFAULT_COMPRESSION_LEVEL).unwrap();
    })
    .await;
}

/// UTF-16 in xz: decoded twice. What is no UTF-8 is no UTF-16 either, but is shown in another way in its reject.
#[tokio::test]
async fn killed_runs_of_another_encoding_leave_the_same_collection() {
    let place = short_lease();
    let totals = orders_in(&place);
    let spec = SPEC.replace("[input]", "[input]\nencoding = \"auto\"");
    place.write("orders.toml", format!("{spec}{SLOW}"));
    python(
        &place,
        "text = open('orders.csv', encoding='utf-8', errors='surrogateescape', newline='').read()
write('orders.txt.xz', xz(b'\\xff\\xfe' + text.encode('utf-16-le', 'surrogatepass')))",
    );
    let run = [
        "run",
        "orders.toml",
        "orders.txt.xz",
        "--rejects",
        "rejects.jsonl",
    ];
    killed_and_resumed(&place, &run, &totals, async || in_store(&place)).await;
    Documents::of_store(&place, "orders")
        .await
        .equal(orders(SEED, RECORDS));
}

#[tokio::test]
async fn killed_runs_into_a_file_leave_the_same_file() {
    let place = short_lease();
    let totals = orders_in(&place);
    let run = [&RUN[..], &["--sink", "jsonl:orders.jsonl"]].concat();
    let part = place.path("orders.jsonl.part");
    killed(&place, &run, &totals, async || in_file(&part)).await;
    Documents::of_file(&place.path("orders.jsonl")).equal(orders(SEED, RECORDS));
    assert!(!part.exists());
}

#[tokio::test]
async fn a_killed_run_may_begin_anew_once_its_lease_has_run_out() {
    let place = short_lease();
    let totals = orders_in(&place);
    let killed = place
        .start(RUN)
        .kill_when(async |_| in_store(&place) > 2_000)
        .await;
    assert_eq!(killed.signal, Some(9));
    let early = job(&place, &RUN).await;
    assert_eq!(early.verdict(), "failed 1 load_in_progress");
    let mut anew = None;
    testbed::eventually("the end of a lease", DEADLINE, async || {
        let tried = job(&place, &RUN).await;
        let over = tried.failure() != "load_in_progress";
        anew = over.then_some(tried);
        over
    })
    .await;
    let anew = anew.unwrap();
    anew.completed(&totals);
    assert!(
        anew.stats.already_loaded >= 2_000,
        "it read from the start: {:?}",
        anew.stats
    );
    Documents::of_store(&place, "orders")
        .await
        .equal(orders(SEED, RECORDS));
    rejects_equal(&place.path("rejects.jsonl"), HEADER, orders(SEED, RECORDS));
}

async fn interrupted_by(signal: &str) {
    let place = place();
    let totals = orders_in(&place);
    let json = [&RUN[..], &["--json"]].concat();
    let mut running = place.start(&json);
    testbed::eventually("documents", DEADLINE, async || in_store(&place) > 3_000).await;
    running.signal(signal).await;
    let first = Job::of(running.end().await);
    assert_eq!(first.verdict(), "interrupted 130");
    let stats = first.stats;
    assert!(stats.read > 3_000 && stats.read < RECORDS, "{stats:?}");
    // It ended at a batch: nothing is loaded that the checkpoint does not count.
    assert_eq!(in_store(&place), stats.loaded);
    let how = "sluicegate run orders.toml orders.csv --resume";
    assert!(first.stderr.contains(how), "{how} in {}", first.stderr);

    // Nobody holds a lease any more, so this does not wait.
    let second = job(&place, &[&RUN[..], &["--resume"]].concat()).await;
    second.completed(&totals);
    assert_eq!(
        second.stats.already_loaded, 0,
        "what was checkpointed is not written again"
    );
    assert_eq!(second.json["jobId"], first.json["jobId"]);
    Documents::of_store(&place, "orders")
        .await
        .equal(orders(SEED, RECORDS));
    rejects_equal(&place.path("rejects.jsonl"), HEADER, orders(SEED, RECORDS));
}

#[tokio::test]
async fn an_interrupted_run_ends_at_a_checkpoint_and_says_how_to_go_on() {
    interrupted_by("INT").await;
}

#[tokio::test]
async fn a_terminated_run_ends_at_a_checkpoint_and_says_how_to_go_on() {
    interrupted_by("TERM").await;
}
