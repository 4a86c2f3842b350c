//! What is printed: a row for each load, and its ratio to each bound.

use crate::cost::Cost;
use crate::turn::Done;
use crate::{Cores, Load, What};
use benches::machine::median;

/// One kind of load, with its turn in each round.
pub struct Row {
    /// The load.
    pub load: Load,
    /// Its turns.
    pub turns: Vec<Done>,
}

impl Row {
    /// A row without turns.
    pub fn new(load: &Load) -> Self {
        Self {
            load: *load,
            turns: Vec::new(),
        }
    }

    fn median(&self, of: impl Fn(&Done) -> f64) -> f64 {
        median(self.turns.iter().map(of))
    }
}

/// Documents per second: what a bound and a load have in common.
fn rate(done: &Done) -> f64 {
    done.loaded as f64 / done.cost.seconds
}

/// Prints the rows of one server. Every figure is the median of the rounds.
pub fn print(server: &str, rows: &[Row]) {
    println!(
        "\n{:<34} {:>10} {:>12} {:>12} {:>12} {:>9}  seconds, all rounds",
        server, "records/s", "documents/s", "CPU µs/rec.", "server µs/d.", "RSS MB"
    );
    for row in rows {
        let per = |of: fn(&Cost) -> f64, count: fn(&Done) -> u64| {
            row.median(|done| of(&done.cost) * 1e6 / count(done) as f64)
        };
        let each: Vec<String> = row
            .turns
            .iter()
            .map(|done| format!("{:.2}", done.cost.seconds))
            .collect();
        println!(
            "{:<34} {:>10.0} {:>12.0} {:>12.2} {:>12.2} {:>9.1}  {}",
            row.load.name,
            row.median(|done| done.read as f64 / done.cost.seconds),
            row.median(rate),
            per(|cost| cost.cpu_seconds, |done| done.read),
            per(|cost| cost.server_seconds, |done| done.loaded),
            row.median(|done| done.cost.peak_rss_bytes as f64 / 1e6),
            each.join(" ")
        );
    }
    for row in rows {
        for base in rows {
            let is_compared = match (row.load.what, base.load.what) {
                (What::Mongodb | What::FromS3, What::InsertMany | What::OpMsg) => true,
                (What::Null(Cores::All), What::Null(Cores::One)) => row.load.spec == base.load.spec,
                _ => false,
            };
            if is_compared {
                let pairs = row.turns.iter().zip(&base.turns);
                let ratios: Vec<f64> = pairs.map(|(row, base)| rate(row) / rate(base)).collect();
                let each: Vec<String> = ratios.iter().map(|one| format!("{one:.2}")).collect();
                println!(
                    "{} / {}: {:.3} ({})",
                    row.load.name,
                    base.load.name,
                    median(ratios.into_iter()),
                    each.join(" ")
                );
            }
        }
    }
}
