//! A job as `run --json` tells it, and what holds of every one: one object, books that balance.

use serde_json::Value;
use testbed::process::{Ended, Sluicegate};
use testbed::truth::Totals;

/// The program under test.
pub const BINARY: &str = env!("CARGO_BIN_EXE_sluicegate");

/// Loads `orders.csv` by `orders.toml`, with the rejects in a file beside them.
pub const RUN: [&str; 5] = [
    "run",
    "orders.toml",
    "orders.csv",
    "--rejects",
    "rejects.jsonl",
];

/// The counters of a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    pub read: u64,
    pub loaded: u64,
    pub already_loaded: u64,
    pub rejected: u64,
    pub dropped: u64,
    pub skipped: u64,
}

/// What a run with `--json` said, and with which code it ended.
#[derive(Debug)]
pub struct Job {
    pub exit: Option<i32>,
    pub json: Value,
    pub stats: Stats,
    pub stderr: String,
}

/// A new place to run the program in.
pub fn place() -> Sluicegate {
    Sluicegate::new(BINARY)
}

/// Runs the program with `--json` and reads the job that it prints.
pub async fn job(place: &Sluicegate, args: &[&str]) -> Job {
    let ended = place.run(args.iter().chain(&["--json"])).await;
    Job::of(ended)
}

impl Job {
    /// # Panics
    /// Where standard output is anything but one job whose books balance.
    pub fn of(ended: Ended) -> Job {
        let Ended {
            code,
            signal,
            stdout,
            stderr,
            ..
        } = ended;
        let lines: Vec<&str> = stdout.lines().collect();
        let [line] = lines[..] else {
            panic!(
                "one line on standard output, not {stdout:?} (code {code:?}, signal {signal:?})\n{stderr}"
            );
        };
        let json: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let count = |name: &str| {
            let value = json["stats"][name].as_u64();
            value.unwrap_or_else(|| panic!("no stats.{name} in {json}"))
        };
        let stats = Stats {
            read: count("read"),
            loaded: count("loaded"),
            already_loaded: count("alreadyLoaded"),
            rejected: count("rejected"),
            dropped: count("dropped"),
            skipped: count("skipped"),
        };
        let outcomes = stats.loaded + stats.already_loaded + stats.rejected + stats.dropped;
        assert_eq!(stats.read, outcomes, "the books balance in {json}");
        Job {
            exit: code,
            json,
            stats,
            stderr,
        }
    }

    pub fn state(&self) -> &str {
        self.json["state"].as_str().unwrap_or_default()
    }

    /// The code of the failure, or of the hold; empty where there is none.
    pub fn failure(&self) -> &str {
        self.json["failure"]["code"].as_str().unwrap_or_default()
    }

    /// State, exit code and the code of the failure, in one comparable text.
    pub fn verdict(&self) -> String {
        let exit = self
            .exit
            .map_or_else(|| "none".to_owned(), |code| code.to_string());
        format!("{} {exit} {}", self.state(), self.failure())
            .trim_end()
            .to_owned()
    }

    /// Asserts that the job is completed and counted what the generator did, whatever was loaded before.
    pub fn completed(&self, totals: &Totals) {
        let exit = if totals.rejected > 0 { 3 } else { 0 };
        assert_eq!(
            self.verdict(),
            format!("completed {exit}"),
            "{}\n{}",
            self.json,
            self.stderr
        );
        let stats = self.stats;
        let found = Totals {
            bytes: totals.bytes,
            read: stats.read,
            loaded: stats.loaded + stats.already_loaded,
            rejected: stats.rejected,
            dropped: stats.dropped,
            blank_lines: totals.blank_lines,
        };
        assert_eq!(found, *totals, "{}", self.json);
        assert_eq!(self.json["progress"], 1.0);
        let kinds: u64 = self.json["errors"].as_array().map_or(0, |kinds| {
            kinds.iter().filter_map(|kind| kind["count"].as_u64()).sum()
        });
        assert_eq!(
            kinds, totals.rejected,
            "the summary counts every reject: {}",
            self.json["errors"]
        );
    }
}
