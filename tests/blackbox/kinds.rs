//! Files in which every record is bad, each in another way: memory grows with the number of kinds of errors, never with
//! that of errors, what a job says of them is bounded, and none of them is worth a line of the log.
//!
//! `SLUICEGATE_FULL=1` takes a million records, otherwise 60,000.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::job::{Job, place};

/// Fields that can be bad; a job tells 200 kinds of errors apart, and counts the others together.
pub const FIELDS: u64 = 250;
/// Kinds that are told, those that are counted together as one.
const KINDS: usize = 201;
/// What a run may have, in bytes.
const MAX_RSS_BYTES: u64 = 64_000_000;
/// The most bytes that a job says of its errors: of each kind a message and a sample of 1 KiB.
pub const MAX_JOB_BYTES: usize = KINDS * 3 * 1024;
/// What stands in each bad value.
const FILLER: &str =
    "no number and far too long for a message that somebody would read to its end; ";

/// How many records.
pub fn many() -> u64 {
    match std::env::var("SLUICEGATE_FULL").as_deref() {
        Ok("1") => 1_000_000,
        _ => 60_000,
    }
}

/// A spec with so many numbers, and the lines of `sink`.
pub fn spec(sink: &str) -> String {
    let fields: String = (0..FIELDS)
        .map(|field| format!("f{field} = {{ type = \"integer\" }}\n"))
        .collect();
    format!(
        "spec = 1\nname = \"kinds\"\n[format.jsonl]\n[fields]\n{fields}\
         [errors]\nmax_records = 1_000_000_000\nmax_ratio = 1.0\n{sink}\n"
    )
}

/// Writes `records` records behind number `from`, each with three bad values that no other has.
pub fn write(path: &Path, from: u64, records: u64) {
    let mut file = BufWriter::new(File::create(path).unwrap());
    for number in from..from + records {
        let value = |nth: u64| {
            let field = (number + nth * 7) % FIELDS;
            format!("\"f{field}\":\"{FILLER}{number}.{nth}\"")
        };
        writeln!(file, "{{{},{},{}}}", value(0), value(1), value(2)).unwrap();
    }
    file.flush().unwrap();
}

/// Asserts that what a job says of its errors counts `records`, and is bounded.
pub fn are_told(job: &Value, records: u64) {
    assert_eq!(job["stats"]["rejected"], records);
    let kinds = job["errors"].as_array().unwrap();
    assert_eq!(kinds.len(), KINDS);
    let counted: u64 = kinds.iter().filter_map(|kind| kind["count"].as_u64()).sum();
    assert_eq!(counted, records);
    let length = job.to_string().len();
    assert!(length < MAX_JOB_BYTES, "{length} bytes");
}

#[tokio::test]
async fn a_file_that_is_bad_all_over_costs_no_memory() {
    let place = place().deadline(Duration::from_secs(900));
    place.write("kinds.toml", spec("[sink.null]"));
    let records = many();
    write(&place.path("kinds.jsonl"), 0, records);
    let run = ["run", "kinds.toml", "kinds.jsonl", "--json"];
    let ended = place
        .run(run.iter().chain(&["--rejects", "rejects.jsonl"]))
        .await;
    let peak_bytes = ended.peak_rss_bytes;
    let job = Job::of(ended);
    println!(
        "{records} rejects: {:.1} MB at most",
        peak_bytes as f64 / 1e6
    );
    assert_eq!(job.verdict(), "completed 3");
    are_told(&job.json, records);
    assert!(peak_bytes < MAX_RSS_BYTES, "{peak_bytes} bytes resident");
    // Nobody reads a line for each: one for each kind, and a few around them.
    let told = job.stderr.lines().count();
    assert!(told < 3 * KINDS, "{told} lines");
    let rejects = BufReader::new(File::open(place.path("rejects.jsonl")).unwrap());
    assert_eq!(rejects.lines().count() as u64, records);
}
