//! `check` and `run` agree about files of any kind: every spec of `specs/` with its sample, damaged by a seed, gives the same
//! exit code, counters, failure and rejects, byte for byte, whatever the run writes to.
//!
//! Damage is bytes that are flipped, dropped and put in, records that come twice, ends that are cut off, pieces in another
//! encoding. `SLUICEGATE_SEEDS=N` takes seeds 0 to N - 1 instead of 2, `SLUICEGATE_SEED=S` only S. A case that fails says its
//! spec and seed.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::StreamExt;
use serde_json::{Value, json};
use testbed::process::Sluicegate;
use testbed::random::Random;

use crate::golden::sample;
use crate::job::place;

/// Seeds of each spec where nobody says another number.
const SEEDS: u64 = 2;
/// Cases that run at once.
const MAX_AT_ONCE: usize = 3;
/// The most damages of one file.
const MAX_DAMAGES: u64 = 12;
/// The most bytes that one damage is about.
const MAX_DAMAGED_BYTES: u64 = 200;
const DEADLINE: Duration = Duration::from_secs(120);

/// What is put in: marks of every format, bytes that are no UTF-8, text of another encoding.
const PIECES: [&[u8]; 14] = [
    b"\"",
    b"\xff\xfe",
    b"\xc3",
    b"\0",
    b";;;",
    b"<a>",
    b"</",
    b"&x;",
    b"{",
    b"]",
    b"\\",
    b"\r\n",
    b"-1e999",
    b"M\xfcller",
];

fn seeds() -> Range<u64> {
    let said = |name| std::env::var(name).ok().and_then(|seed| seed.parse().ok());
    match (said("SLUICEGATE_SEED"), said("SLUICEGATE_SEEDS")) {
        (Some(seed), _) => seed..seed + 1,
        (None, seeds) => 0..seeds.unwrap_or(SEEDS),
    }
}

fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(MAX_DAMAGES) {
        let all = bytes.len() as u64;
        let from = random.below(all) as usize;
        let to = (from as u64 + 1 + random.below(MAX_DAMAGED_BYTES)).min(all) as usize;
        match random.below(7) {
            0 => bytes[from] ^= 1 << random.below(8),
            1 => drop(bytes.drain(from..to)),
            2 => {
                let twice = bytes[from..to].to_vec();
                bytes.splice(from..from, twice);
            }
            3 => {
                let piece = random.pick(&PIECES).to_vec();
                bytes.splice(from..from, piece);
            }
            4 => {
                // A line, as a whole, twice.
                let before = &bytes[..from];
                let start = before
                    .iter()
                    .rposition(|byte| *byte == b'\n')
                    .map_or(0, |at| at + 1);
                let end = bytes[from..].iter().position(|byte| *byte == b'\n');
                let end = end.map_or(bytes.len(), |at| from + at + 1);
                let line = bytes[start..end].to_vec();
                bytes.splice(start..start, line);
            }
            5 => bytes[from..to].make_ascii_uppercase(),
            // Rarely, because it leaves little to see.
            _ if random.once_in(4) => bytes.truncate(from.max(1)),
            _ => {}
        }
    }
}

/// What a command said of a load, but for what every job has of its own.
struct Said {
    code: Option<i32>,
    job: Value,
    rejects: String,
}

async fn said(place: &Sluicegate, command: &[&str], spec: &str, input: &str) -> Said {
    let rejects = "rejects.jsonl";
    let (first, more) = command.split_first().unwrap();
    let args = [*first, spec, input, "--json", "--rejects", rejects];
    let ended = place.run(args.iter().chain(more)).await;
    let job: Value = serde_json::from_str(&ended.stdout)
        .unwrap_or_else(|error| panic!("{command:?} {spec}: {error}: {ended:?}"));
    let path = place.path(rejects);
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    if path.exists() {
        std::fs::remove_file(&path).unwrap();
    }
    Said {
        code: ended.code,
        rejects: text.replace(job["jobId"].as_str().unwrap(), "JOB"),
        job: json!({
            "state": job["state"],
            "stats": job["stats"],
            "errors": job["errors"],
            "failure": job["failure"],
        }),
    }
}

/// Compares all ways to ask what becomes of `input`.
async fn agree(spec: &Path, name: &str, input: &[u8], case: &str) {
    let place = place().deadline(DEADLINE);
    place.write(name, input);
    let spec = spec.display().to_string();
    let checked = said(&place, &["check"], &spec, name).await;
    for command in [
        &["run", "--dry-run"][..],
        &["run", "--sink", "null"],
        &["run", "--sink", "jsonl:out.jsonl"],
        &["run"],
    ] {
        let run = said(&place, command, &spec, name).await;
        assert_eq!(run.code, checked.code, "{case}: {command:?}: {}", run.job);
        assert_eq!(run.job, checked.job, "{case}: {command:?}");
        assert!(
            run.rejects == checked.rejects,
            "{case}: the rejects of {command:?} differ:\n{}",
            first_difference(&run.rejects, &checked.rejects)
        );
    }
}

fn first_difference(run: &str, check: &str) -> String {
    let mut lines = run.lines().zip(check.lines());
    match lines.find(|(run, check)| run != check) {
        Some((run, check)) => format!("run:   {run}\ncheck: {check}"),
        None => format!(
            "run has {} lines, check {}",
            run.lines().count(),
            check.lines().count()
        ),
    }
}

fn specs() -> Vec<PathBuf> {
    let below = Path::new(env!("CARGO_MANIFEST_DIR")).join("../specs");
    let below = below.canonicalize().unwrap();
    let entries = std::fs::read_dir(&below).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .collect();
    paths.sort();
    assert!(!paths.is_empty());
    paths
}

#[tokio::test]
async fn check_and_run_agree_about_damaged_files_of_every_spec() {
    let mut cases = Vec::new();
    for spec in specs() {
        let input = sample(&spec.with_extension("")).unwrap();
        let name = input.file_name().unwrap().to_string_lossy().into_owned();
        let whole = std::fs::read(&input).unwrap();
        for seed in seeds() {
            let mut bytes = whole.clone();
            damage(&mut bytes, &mut Random::new(seed));
            let case = format!("{} with SLUICEGATE_SEED={seed}", spec.display());
            cases.push((spec.clone(), name.clone(), bytes, case));
        }
    }
    futures::stream::iter(cases)
        .for_each_concurrent(MAX_AT_ONCE, async |(spec, name, bytes, case)| {
            agree(&spec, &name, &bytes, &case).await;
        })
        .await;
}

#[tokio::test]
async fn check_and_run_agree_about_what_only_the_sink_refuses() {
    let deep = "[".repeat(60) + &"]".repeat(60);
    let rows =
        format!("{{\"k\":1,\"x\":{deep}}}\n{{\"k\":null}}\n{{\"_src\":1,\"k\":3}}\n{{\"k\":4}}\n");
    let spec = |sink: &str| {
        format!(
            "spec = 1\nname = \"kept\"\n[format.jsonl]\n[columns]\nunknown = \"keep\"\n[fields]\nk = {{ type = \"integer\" }}\n\
             [errors]\non_breach = \"continue\"\n[sink.mongodb]\ncollection = \"kept\"\n{sink}\n"
        )
    };
    for sink in ["", "mode = \"upsert\"\nkey = [\"k\"]"] {
        let place = place().deadline(DEADLINE);
        place.write("kept.toml", spec(sink));
        place.write("kept.jsonl", &rows);
        let checked = said(&place, &["check"], "kept.toml", "kept.jsonl").await;
        let run = said(&place, &["run"], "kept.toml", "kept.jsonl").await;
        assert_eq!(
            (run.code, &run.job, &run.rejects),
            (checked.code, &checked.job, &checked.rejects)
        );
        assert!(
            !sink.contains("key") || run.rejects.contains("key_null"),
            "{}",
            run.rejects
        );
    }
}
