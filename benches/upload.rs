//! How fast an upload is, beside what the disk and the bare S3 client can do.
//!
//! ```sh
//! cargo build --release && cargo bench --workspace --bench upload
//! cargo bench --workspace --bench upload -- --megabytes 2000 --rounds 7
//! ```
//!
//! In each round the same bytes go four ways, of which another is first each time: copied on the disk of the folder of
//! objects, with fsync; uploaded to a service that keeps objects in that folder; stored by the bare client of S3, in parts
//! of 8 MiB, four at once; uploaded to a service that keeps objects in the same S3. The service is the program that was
//! built into `target/release` (or `SLUICEGATE_BINARY`); it also hashes what it is sent and keeps a record of it. S3 is
//! s3s-fs in this process. What counts is the ratio within a round: disks drift.

use std::fs::File;
use std::path::Path;
use std::time::Instant;

use benches::args::{Args, binary};
use benches::machine::median;
use testbed::files;
use testbed::mongod::Mongod;
use testbed::orders::{HEADER, order};
use testbed::process::Sluicegate;
use testbed::s3::S3;
use testbed::service::Service;

/// The seed of the orders.
const SEED: u64 = 2026;
/// The ways, in the order of the table.
const WAYS: [&str; 4] = [
    "copy with fsync",
    "upload, objects in a folder",
    "bare client, parts to S3",
    "upload, objects in S3",
];

/// What is asked for on the command line.
struct Asked {
    megabytes: u64,
    rounds: usize,
}

impl Asked {
    fn read() -> Self {
        let args = Args::of_this_process(&["--megabytes N", "--rounds N"]);
        Self {
            megabytes: args.number("--megabytes", 1000),
            rounds: args.number("--rounds", 5) as usize,
        }
    }
}

fn main() {
    let asked = Asked::read();
    let runtime = tokio::runtime::Runtime::new().unwrap_or_else(|error| panic!("{error}"));
    let rounds = runtime.block_on(measure(&asked));
    println!(
        "{:<28} {:>8} {:>8}  seconds, all rounds",
        "way", "seconds", "MB/s"
    );
    for (way, name) in WAYS.iter().enumerate() {
        let all = rounds.iter().map(|round| round[way]);
        let seconds = median(all.clone());
        let listed: Vec<String> = all.map(|seconds| format!("{seconds:.2}")).collect();
        let rate = asked.megabytes as f64 / seconds;
        println!(
            "{name:<28} {seconds:>8.2} {rate:>8.0}  {}",
            listed.join(" ")
        );
    }
    for (upload, bound) in [(1, 0), (3, 2)] {
        let share = median(rounds.iter().map(|round| round[bound] / round[upload]));
        let (upload, bound) = (WAYS[upload], WAYS[bound]);
        println!(
            "{upload}: {:.0} % of {bound}, median of the rounds",
            share * 100.0
        );
    }
}

/// The seconds of each way, round by round.
async fn measure(asked: &Asked) -> Vec<[f64; 4]> {
    let (mongod, s3) = (Mongod::standalone().await, S3::start().await);
    let folder = Sluicegate::new(binary());
    let bucket = Sluicegate::new(binary())
        .env("MONGODB_URI", mongod.uri_for("bench"))
        .envs(s3.env())
        .env("S3_BUCKET", s3.bucket());
    let input = folder.path("orders.csv");
    files::write_large(&input, HEADER, asked.megabytes * 1_000_000, |ordinal| {
        order(SEED, ordinal)
    });
    let copied = folder.path("copied.csv");
    let services = [
        Service::start(&folder, &[]).await,
        Service::start(&bucket, &[]).await,
    ];
    let mut rounds = Vec::new();
    for round in 0..asked.rounds {
        let mut seconds = [0.0; 4];
        for turn in 0..WAYS.len() {
            let way = (turn + round) % WAYS.len();
            settle();
            let from = Instant::now();
            match way {
                0 => copy(&input, &copied),
                1 => drop(services[0].api.upload_file(&input, "").await.is(201)),
                2 => s3.put_in_parts("bare", &input).await,
                _ => drop(services[1].api.upload_file(&input, "").await.is(201)),
            }
            seconds[way] = from.elapsed().as_secs_f64();
            let _ = std::fs::remove_file(&copied);
        }
        rounds.push(seconds);
        for service in &services {
            clear(service).await;
        }
    }
    for service in services {
        service.stop().await;
    }
    rounds
}

/// Lets the disk end what the way before has left to it.
fn settle() {
    let synced = std::process::Command::new("sync").status();
    synced.unwrap_or_else(|error| panic!("sync: {error}"));
}

fn copy(from: &Path, to: &Path) {
    let copied = std::fs::copy(from, to).and_then(|_| File::open(to)?.sync_all());
    copied.unwrap_or_else(|error| panic!("{}: {error}", to.display()));
}

/// Removes every file of a service.
async fn clear(service: &Service) {
    let files = service.api.get("/files").await.is(200).json();
    for file in files["items"].as_array().into_iter().flatten() {
        let id = file["fileId"].as_str().unwrap_or_default();
        service.api.delete(&format!("/files/{id}")).await;
    }
}
