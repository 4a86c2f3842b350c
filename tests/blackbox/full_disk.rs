//! A run whose disk gets full ends with a code that says so; `--resume` goes on when there is room, and leaves what an
//! undisturbed run leaves.

use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use testbed::eventually;
use testbed::files::write_file;
use testbed::orders::{HEADER, SLOW, SPEC, orders};
use testbed::process::Sluicegate;
use testbed::shim::Disk;

use crate::found::{Documents, rejects_equal};
use crate::job::{Job, RUN, job, place};

const RECORDS: u64 = 12_000;
const SEED: u64 = 23;
const DEADLINE: Duration = Duration::from_secs(60);

/// The documents in the embedded store; none before it is there.
fn in_store(place: &Sluicegate) -> u64 {
    let path = place.path("data/documents.db");
    let opened = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY);
    let count = opened
        .and_then(|store| store.query_row("SELECT count(*) FROM orders", [], |row| row.get(0)));
    count.map_or(0, |count: i64| count.cast_unsigned())
}

fn in_file(place: &Sluicegate) -> u64 {
    let part = place.path("data/orders.jsonl.part");
    let text = std::fs::read(part).unwrap_or_default();
    text.iter().filter(|&&byte| byte == b'\n').count() as u64
}

/// A run with `sink` whose disk, which has everything but the rejects, gets full in the middle, twice, and goes on.
async fn gets_full(sink: &[&str], loaded: impl Fn(&Sluicegate) -> u64) -> Sluicegate {
    let mut place = place().env("JOB_LEASE_SECONDS", "3");
    std::fs::create_dir(place.path("data")).unwrap();
    let disk = Disk::of(&place.path("data"));
    place = place.envs(disk.env());
    place.write("orders.toml", format!("{SPEC}{SLOW}"));
    let totals = write_file(&place.path("orders.csv"), HEADER, orders(SEED, RECORDS));
    let run = [&RUN[..], sink].concat();
    let resume = [&run[..], &["--resume"]].concat();

    for (args, moment) in [(&run, RECORDS / 4), (&resume, RECORDS / 2)] {
        let running = place.start(args.iter().chain(&["--json"]));
        eventually("the middle", DEADLINE, async || loaded(&place) > moment).await;
        disk.fill();
        let full = Job::of(running.end().await);
        assert_eq!(full.verdict(), "failed 1 target_full", "{}", full.stderr);
        assert!(full.stats.read < RECORDS, "{:?}", full.stats);
        let message = full.json["failure"]["message"].as_str().unwrap();
        assert!(
            message.starts_with("no room is left to write "),
            "{message}"
        );
        let hint = full.json["failure"]["hint"].as_str().unwrap();
        assert!(hint.contains("--resume"), "{hint}");
        // There is no room still.
        let again = job(&place, &resume).await;
        assert_eq!(again.verdict(), "failed 1 target_full", "{}", again.stderr);
        disk.make_room();
    }
    let resumed = job(&place, &resume).await;
    resumed.completed(&totals);
    rejects_equal(&place.path("rejects.jsonl"), HEADER, orders(SEED, RECORDS));
    place
}

#[tokio::test]
async fn a_run_into_the_embedded_store_goes_on_when_there_is_room_again() {
    let place = gets_full(&[], in_store).await;
    let documents = Documents::of_store(&place, "orders").await;
    documents.equal(orders(SEED, RECORDS));
}

#[tokio::test]
async fn a_run_into_a_file_goes_on_when_there_is_room_again() {
    let place = gets_full(&["--sink", "jsonl:data/orders.jsonl"], in_file).await;
    Documents::of_file(&place.path("data/orders.jsonl")).equal(orders(SEED, RECORDS));
    assert!(!place.path("data/orders.jsonl.part").exists());
}
