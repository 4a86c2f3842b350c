//! Servers that answer slowly: memory stays flat, what is read waits for what is written, and nobody gives up.
//!
//! `SLUICEGATE_FULL=1` takes a file of 512 MB, otherwise 64 MB, with the same limits.

use futures::TryStreamExt;
use mongodb::bson::{Document, RawDocumentBuf, doc};
use serde_json::{Value, json};
use std::io::Write as _;
use std::time::Duration;
use testbed::proxy::Cutter;
use testbed::random::Random;
use testbed::service::Service;
use testbed::stored::{json_of, ordinal_of};

use super::backend::{Backend, DEADLINE, SEED};
use super::memory::{MAX_RSS_BYTES, peak_bytes};

/// Large records, so that much is read and little is parsed.
const WIDE: &str = r#"
spec = 1
name = "wide"
version = 1

[format.csv]

[fields]
number = { type = "integer", required = true }
text = { type = "string", required = true }

[sink.mongodb]
collection = "wide"
batch = { records = 32 }
"#;
const HEADER: &str = "number,text\n";
const TEXT_BYTES: usize = 32 * 1024;
/// What a record has in the file, in bytes, at least.
const RECORD_BYTES: u64 = TEXT_BYTES as u64;

const MIB: u64 = 1024 * 1024;
/// What MongoDB takes, in bytes per second, and how much later each answer comes.
const SLOW_BYTES_PER_SECOND: u64 = 8 * MIB;
const SLOW_ANSWER: Duration = Duration::from_millis(5);
/// The range of an object that is read, and those that are got ahead of it: 4 MiB each.
const RANGES_BYTES: u64 = 3 * 4 * MIB;
/// Batches of 32 records that are joined, wait and are written: one, one and four.
const BATCHES_BYTES: u64 = 6 * 32 * RECORD_BYTES;
/// The size of a block, in bytes; the last of its records may reach beyond it.
const BLOCK_BYTES: u64 = MIB / 4 + RECORD_BYTES;
/// Blocks that are framed and wait. As many as there are processors are parsed.
const BLOCKS: u64 = 3;
/// The most that memory grows once every buffer is full, in bytes.
const MAX_GROWTH_BYTES: u64 = 32 * MIB;

/// Records that take seconds with the slow spec, and what their object takes then, in bytes per second: about as long.
const LONG: u64 = 16_000;
const SLOW_OBJECT_BYTES_PER_SECOND: u64 = 600_000;

fn records() -> u64 {
    match std::env::var("SLUICEGATE_FULL") {
        Ok(_) => 16_384,
        Err(_) => 2_560,
    }
}

/// The most that may be read and not be written, in bytes: every buffer on the way, and a little for the heads of answers.
fn max_ahead_bytes() -> u64 {
    let processors = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    RANGES_BYTES + BATCHES_BYTES + (BLOCKS + processors) * BLOCK_BYTES + MIB
}

fn text(ordinal: u64) -> String {
    let word = Random::of_item(SEED, ordinal).next_u64();
    format!("{word:016x}").repeat(TEXT_BYTES / 16)
}

#[tokio::test]
async fn a_mongodb_that_is_slow_slows_the_reading_and_takes_no_memory() {
    let backend = Backend::mongodb().await;
    backend.spec("wide", WIDE);
    let service = Service::start(&backend.place, &["--workers", "0"]).await;
    let api = &service.api;
    let path = backend.place.path("wide.csv");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path).unwrap());
    file.write_all(HEADER.as_bytes()).unwrap();
    for ordinal in 0..records() {
        writeln!(file, "{ordinal},{}", text(ordinal)).unwrap();
    }
    file.into_inner().unwrap();
    let file_bytes = std::fs::metadata(&path).unwrap().len();

    let mongod = backend.mongod.as_ref().unwrap();
    let slow = Cutter::start(mongod.port(0)).await;
    let s3 = Cutter::start(backend.s3.as_ref().unwrap().port()).await;
    slow.throttle(SLOW_BYTES_PER_SECOND);
    slow.delay(SLOW_ANSWER);
    let worker = backend.machine_behind("worker", &slow, &s3);
    let worker = worker.start(["worker"]);
    let database = mongod.client().await.database("shop");
    let documents = database.collection::<Document>("wide");
    let submitted = api.upload_file(&path, "?spec=wide&process=true").await;
    let job = submitted.is(202).json()["jobId"]
        .as_str()
        .unwrap()
        .to_owned();

    let (mut most_ahead_bytes, mut early_rss_bytes, mut rss_bytes) = (0, 0, 0);
    let looking = async {
        loop {
            // What is there now was read before.
            let written = documents.estimated_document_count().await.unwrap();
            let read_bytes = s3.forwarded().to_client_bytes;
            let written = documents
                .estimated_document_count()
                .await
                .unwrap()
                .max(written);
            most_ahead_bytes = read_bytes
                .saturating_sub(written * RECORD_BYTES)
                .max(most_ahead_bytes);
            rss_bytes = peak_bytes(worker.process());
            if written <= records() / 4 {
                early_rss_bytes = rss_bytes;
            }
            if written == records() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let looked = tokio::time::timeout(DEADLINE, looking).await;
    assert!(looked.is_ok(), "{:#}", api.job(&job).await);
    let done = api.job_in(&job, "completed", DEADLINE).await;
    println!(
        "{} MiB: at most {} MiB read ahead of {} MiB allowed, {} MiB resident, {} MiB early",
        file_bytes / MIB,
        most_ahead_bytes / MIB,
        max_ahead_bytes() / MIB,
        rss_bytes / MIB,
        early_rss_bytes / MIB,
    );
    assert!(
        max_ahead_bytes() < file_bytes * 3 / 4,
        "the file is larger than every buffer"
    );
    assert!(
        most_ahead_bytes <= max_ahead_bytes(),
        "{most_ahead_bytes} B"
    );
    assert!(rss_bytes <= MAX_RSS_BYTES, "{rss_bytes} B");
    assert!(
        rss_bytes <= early_rss_bytes + MAX_GROWTH_BYTES,
        "{early_rss_bytes} B early, {rss_bytes} B at the end"
    );

    assert_eq!(done["attempts"], 0, "{done:#}");
    let count = |name: &str| done["stats"][name].as_u64().unwrap();
    assert_eq!(count("read"), records(), "{done:#}");
    assert_eq!(
        count("loaded") + count("alreadyLoaded"),
        records(),
        "{done:#}"
    );
    let all = database.collection::<RawDocumentBuf>("wide");
    let mut all = all.find(doc! {}).sort(doc! { "_id": 1 }).await.unwrap();
    let mut next = 0;
    while let Some(raw) = all.try_next().await.unwrap() {
        let document = Document::try_from(raw.as_ref()).unwrap();
        assert_eq!(ordinal_of(&document), next);
        let expected: Value = json!({ "number": next, "text": text(next) });
        assert!(json_of(&document, &[]) == expected, "record {}", next + 1);
        next += 1;
    }
    assert_eq!(next, records());
}

#[tokio::test]
async fn an_object_that_comes_slowly_is_waited_for() {
    let backend = Backend::mongodb().await;
    let service = Service::start(&backend.place, &["--workers", "0"]).await;
    let api = &service.api;
    let mongod = Cutter::start(backend.mongod.as_ref().unwrap().port(0)).await;
    let s3 = Cutter::start(backend.s3.as_ref().unwrap().port()).await;
    s3.throttle(SLOW_OBJECT_BYTES_PER_SECOND);
    s3.delay(SLOW_ANSWER);
    let machine = backend.machine_behind("worker", &mongod, &s3);
    let worker = machine.start(["worker"]);
    let job = backend.begin(api, "orders-slow", SEED, LONG).await;
    backend
        .ends_as_if_nothing_had_happened(api, &job, SEED, LONG)
        .await;
    let (_, totals) = backend.orders("again.csv", SEED, LONG);
    // Once, and not again and again from the start.
    let came = s3.forwarded().to_client_bytes;
    assert!(
        (totals.bytes..totals.bytes * 3 / 2).contains(&came),
        "{came} B"
    );
    let ended = worker.stop().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}
