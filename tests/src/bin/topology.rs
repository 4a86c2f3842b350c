//! Runs the set-up of `deploy/compose.yaml` as plain processes, loads one large file with it, and tells what it took;
//! `deploy/topology` builds and starts it.
//!
//! It is a round of the crash harness: `serve --workers 0`, two workers, a replica set of three nodes and an S3 server, each
//! process of ours under a hard limit of memory. The worker that has the job is killed once. Every document, reject and
//! counter is compared with the truth. Exits with 0 where all is as it must be, 1 where it is not, 2 where it was called
//! wrongly.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use testbed::crash::{Fault, Outcome, Place, Round, Servers, Width, play};
use testbed::truth::Totals;

const USAGE: &str = "\
usage: deploy/topology [ROWS] [--seed S] [--binary FILE]

  ROWS          records of the file (5000000, which are 1 GB)
  --seed S      what the records and the moment of the kill come from (1)
  --binary FILE the program (beside this one)
";

/// What each process of ours may have, in bytes.
const LIMIT_BYTES: u64 = 512_000_000;
/// Files of fewer records are loaded with pauses, so that there is a middle to kill in.
const LEAST_RECORDS_WITHOUT_PAUSE: u64 = 50_000;
/// The fewest records that have a middle.
const LEAST_RECORDS: u64 = 1_000;
/// SIGKILL.
const KILLED: i32 = 9;

struct Asked {
    records: u64,
    seed: u64,
    binary: PathBuf,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|word| word == "--help" || word == "-h") {
        print!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let asked = match asked(words) {
        Ok(asked) => asked,
        Err(error) => {
            eprint!("topology: {error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) if runtime.block_on(run(&asked)) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("topology: {error}");
            ExitCode::FAILURE
        }
    }
}

fn asked(words: Vec<String>) -> Result<Asked, String> {
    let mut asked = Asked {
        records: 5_000_000,
        seed: 1,
        binary: std::env::current_exe()
            .unwrap_or_default()
            .with_file_name("sluicegate"),
    };
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let mut value = || {
            let value = words.next();
            value.ok_or_else(|| format!("{word} has no value"))
        };
        match word.as_str() {
            "--seed" => asked.seed = number(&value()?)?,
            "--binary" => asked.binary = value()?.into(),
            rows => asked.records = number(rows)?,
        }
    }
    if asked.records < LEAST_RECORDS {
        return Err(format!("{LEAST_RECORDS} records are the fewest"));
    }
    if !asked.binary.exists() {
        return Err(format!("{} is not there", asked.binary.display()));
    }
    Ok(asked)
}

fn number(word: &str) -> Result<u64, String> {
    let number = word.parse();
    number.map_err(|_| format!("a number was wanted, not {word}"))
}

/// Runs it, and says whether all is as it must be.
async fn run(asked: &Asked) -> bool {
    println!(
        "One `serve --workers 0`, two `worker`, a replica set of three mongod, an S3 server; {} records, seed {}.",
        asked.records, asked.seed
    );
    let servers = Arc::new(Servers::start(Place::ReplicaSet).await);
    let round = Round {
        binary: asked.binary.clone(),
        fault: Fault::Kill,
        times: 1,
        seed: asked.seed,
        records: asked.records,
        pause: asked.records < LEAST_RECORDS_WITHOUT_PAUSE,
        width: Width::Wide,
        limit_bytes: Some(LIMIT_BYTES),
    };
    let outcome = play(servers.clone(), round).await;
    tell(&outcome, &servers.peak_rss_bytes().await);
    outcome.is_good()
}

fn tell(outcome: &Outcome, mongod_bytes: &[u64]) {
    let (took, totals) = (&outcome.took, &outcome.totals);
    println!();
    println!(
        "file      {:>8.2} GB   made in {}",
        gb(totals.bytes),
        seconds(took.file)
    );
    println!(
        "upload    {:>8}      {:.0} MB/s",
        seconds(took.upload),
        totals.bytes as f64 / 1e6 / took.upload.as_secs_f64()
    );
    println!(
        "load      {:>8}      {:.0} records/s, with one worker killed; the job went on after {}",
        seconds(took.load),
        outcome.records as f64 / took.load.as_secs_f64(),
        outcome
            .recoveries
            .first()
            .copied()
            .map_or("never".to_owned(), seconds),
    );
    println!(
        "compare   {:>8}      every document and reject with the truth",
        seconds(took.verify)
    );
    println!(
        "\n{:<12}{:>12}{:>12}{:>12}{:>12}",
        "", "records", "documents", "rejected", "dropped"
    );
    let row = |name: &str, sums: &Totals| {
        println!(
            "{name:<12}{:>12}{:>12}{:>12}{:>12}",
            sums.read, sums.loaded, sums.rejected, sums.dropped
        );
    };
    row("the file", totals);
    row("the job", &outcome.books);
    println!("{:<12}{:>12}{:>12}", "MongoDB", "", outcome.counted);
    println!(
        "\nmissing {}, double {}, wrong {}; found loaded already {}",
        outcome.missing, outcome.double, outcome.wrong, outcome.done_again
    );
    println!("\n{:<28}{:>12}  held to", "process", "peak memory");
    for process in &outcome.ran {
        let killed = if process.signal == Some(KILLED) {
            ""
        } else {
            " (it ended by itself)"
        };
        println!(
            "{:<28}{:>9} MB  {}{killed}",
            process.name,
            process.peak_rss_bytes / 1_000_000,
            process.held_to.as_deref().unwrap_or("nothing"),
        );
    }
    for (node, bytes) in mongod_bytes.iter().enumerate() {
        println!(
            "{:<28}{:>9} MB  nothing; its cache is 256 MiB",
            format!("mongod {node}"),
            bytes / 1_000_000
        );
    }
    for violation in &outcome.violations {
        println!("\nNOT as it must be: {violation}");
    }
    println!(
        "\n{}",
        if outcome.is_good() {
            "All counts are equal."
        } else {
            "FAILED."
        }
    );
}

fn gb(bytes: u64) -> f64 {
    bytes as f64 / 1e9
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
