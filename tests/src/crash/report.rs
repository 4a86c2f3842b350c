//! The rounds of a run of the harness as a table, for people and for the README.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use super::{Fault, Outcome, Place};

/// The most violations of a round that are told.
const MAX_VIOLATIONS: usize = 8;

/// The rounds so far.
#[derive(Default)]
pub struct Report {
    lines: BTreeMap<(Fault, Place), Line>,
    /// Rounds that are not as they must be, each with the command that plays it again.
    failed: Vec<String>,
}

/// The rounds of one fault in one place.
#[derive(Default)]
struct Line {
    rounds: u64,
    disturbances: u64,
    records: u64,
    missing: u64,
    double: u64,
    wrong: u64,
    done_again: Vec<u64>,
    /// Rounds in which it is not counted how many stood behind a checkpoint.
    not_counted: u64,
    recoveries: Vec<Duration>,
}

impl Outcome {
    /// Whether everything is as it must be.
    pub fn is_good(&self) -> bool {
        self.violations.is_empty() && self.missing + self.double + self.wrong == 0
    }

    /// The round in a line.
    pub fn line(&self) -> String {
        let took = &self.took;
        let bound = match self.bound {
            Ok(bound) => format!("of at most {bound}"),
            Err(why) => format!("(of how many is not counted: {why})"),
        };
        let list = |times: &[Duration]| {
            let times: Vec<String> = times.iter().copied().map(seconds).collect();
            times.join(", ")
        };
        format!(
            "{} on {}, seed {}: {} records, {} disturbances, missing {}, double {}, wrong {}, done again {} {bound}, \
             recovered in [{}] s, without an owner [{}] s; file {} start {} upload {} load {} verify {} cleanup {} s",
            self.fault,
            self.place,
            self.seed,
            self.records,
            self.disturbances,
            self.missing,
            self.double,
            self.wrong,
            self.done_again,
            list(&self.recoveries),
            list(&self.unclaimed),
            seconds(took.file),
            seconds(took.start),
            seconds(took.upload),
            seconds(took.load),
            seconds(took.verify),
            seconds(took.cleanup),
        )
    }
}

impl Report {
    /// Adds a round; `again` is the command that plays it again.
    pub fn add(&mut self, outcome: &Outcome, again: &str) {
        let line = self
            .lines
            .entry((outcome.fault, outcome.place))
            .or_default();
        line.rounds += 1;
        line.disturbances += outcome.disturbances;
        line.records += outcome.records;
        line.missing += outcome.missing;
        line.double += outcome.double;
        line.wrong += outcome.wrong;
        line.done_again.push(outcome.done_again);
        line.not_counted += u64::from(outcome.bound.is_err());
        line.recoveries.extend(&outcome.recoveries);
        if !outcome.is_good() {
            let mut told = format!("- {}\n  again: `{again}`\n", outcome.line());
            for violation in outcome.violations.iter().take(MAX_VIOLATIONS) {
                told.push_str("  - ");
                told.push_str(&violation.replace('\n', "\n    "));
                told.push('\n');
            }
            self.failed.push(told);
        }
    }

    /// Whether every round was as it must be.
    pub fn is_good(&self) -> bool {
        self.failed.is_empty()
    }

    /// The table in Markdown, and behind it what is not as it must be.
    pub fn text(&self) -> String {
        let mut text = String::from(
            "| fault | place | rounds | faults | records checked | missing | double | wrong | done again per round: \
             median, worst | recovery: median, worst |\n|---|---|---|---|---|---|---|---|---|---|\n",
        );
        for ((fault, place), line) in &self.lines {
            // Without what stood behind a checkpoint the number says nothing of whether it is too many.
            let again = match line.not_counted {
                0 => {
                    let (again, worst) = middle_and_last(line.done_again.clone());
                    format!("{again}, {worst}")
                }
                _ => "not counted".to_owned(),
            };
            let (recovery, worst) = middle_and_last(line.recoveries.clone());
            let _ = writeln!(
                text,
                "| {fault} | {place} | {} | {} | {} | {} | {} | {} | {again} | {} s, {} s |",
                line.rounds,
                line.disturbances,
                line.records,
                line.missing,
                line.double,
                line.wrong,
                seconds(recovery),
                seconds(worst),
            );
        }
        let _ = writeln!(text, "\n{}", machine());
        for failed in &self.failed {
            let _ = write!(text, "\n{failed}");
        }
        text
    }
}

/// The median and the greatest.
fn middle_and_last<T: Ord + Copy + Default>(mut values: Vec<T>) -> (T, T) {
    values.sort_unstable();
    let middle = values.get(values.len() / 2).copied();
    (
        middle.unwrap_or_default(),
        values.last().copied().unwrap_or_default(),
    )
}

fn seconds(duration: Duration) -> String {
    format!("{:.1}", duration.as_secs_f64())
}

/// Cores and memory, from Linux's `/proc`.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB"));
    let kib: u64 = kib.and_then(|kib| kib.parse().ok()).unwrap_or_default();
    format!(
        "{cores} cores, {:.1} GiB of memory.",
        kib as f64 / f64::from(1 << 20)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crash::Took;
    use crate::truth::Totals;

    fn outcome(seed: u64) -> Outcome {
        Outcome {
            totals: Totals::default(),
            books: Totals::default(),
            counted: 0,
            ran: Vec::new(),
            place: Place::Embedded,
            fault: Fault::Kill,
            seed,
            records: 1_000,
            disturbances: 2,
            missing: 0,
            double: 0,
            wrong: 0,
            done_again: seed,
            bound: Ok(9),
            recoveries: vec![Duration::from_millis(3_000 + seed), Duration::from_secs(4)],
            unclaimed: vec![Duration::from_secs(3)],
            violations: Vec::new(),
            took: Took::default(),
        }
    }

    #[test]
    fn good_rounds_are_one_line_with_median_and_worst() {
        let mut report = Report::default();
        for seed in [7, 1, 3] {
            report.add(&outcome(seed), "again");
        }
        let text = report.text();
        let line = "| kill | embedded | 3 | 6 | 3000 | 0 | 0 | 0 | 3, 7 | 4.0 s, 4.0 s |";
        assert!(report.is_good() && text.contains(line), "{text}");
        assert!(!text.contains("again`"), "{text}");
    }

    #[test]
    fn what_is_not_counted_is_said_so() {
        let mut unknown = outcome(7);
        unknown.bound = Err("no process of ours died");
        assert!(unknown.line().contains("no process of ours died"));
        let mut report = Report::default();
        report.add(&outcome(3), "again");
        report.add(&unknown, "again");
        let text = report.text();
        assert!(text.contains("| 0 | 0 | 0 | not counted |"), "{text}");
    }

    #[test]
    fn a_round_with_any_fault_is_told_with_its_command() {
        let spoil: [fn(&mut Outcome); 4] = [
            |outcome| outcome.missing = 1,
            |outcome| outcome.double = 1,
            |outcome| outcome.wrong = 1,
            |outcome| outcome.violations.push("the books".to_owned()),
        ];
        for spoil in spoil {
            let mut bad = outcome(5);
            spoil(&mut bad);
            let mut report = Report::default();
            report.add(&bad, "tests/crash --seed 5");
            assert!(!report.is_good() && report.text().contains("again: `tests/crash --seed 5`"));
        }
    }
}
