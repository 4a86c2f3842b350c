//! What was measured: the table, the charts, and whether all of it is as promised.

use super::input::Amount;
use super::watch::{Peak, Phase};
use benches::plot::{Band, Chart, Scale, Series, bytes, plain};
use serde_json::Value;
use std::collections::BTreeMap;
use testbed::truth::Totals;

/// One measurement.
pub struct Row {
    /// What was done.
    pub what: &'static str,
    /// How much was asked for.
    pub amount: Amount,
    /// The input: of all files.
    pub totals: Totals,
    /// What the process took.
    pub peak: Peak,
    /// What it is to take at most, resident, in bytes.
    pub aim_bytes: u64,
    /// How long it took.
    pub seconds: f64,
    /// Whether the counts are those of the truth; nothing where nothing is counted.
    pub counts: Option<Result<(), String>>,
}

/// A peak is flat while no larger file takes more than so many times as much.
const FLAT_TIMES: f64 = 1.5;
/// From this size of a file on, its peak has nothing to do with it.
const STEADY_BYTES: u64 = 90_000_000;

impl Row {
    fn reaches_aim(&self) -> bool {
        (1..=self.aim_bytes).contains(&self.peak.resident)
    }

    /// Whether it does not grow with the file: beside a smaller one, or alone by being small beside its own.
    fn is_flat(&self, rows: &[Self]) -> bool {
        let smaller = rows.iter().filter(|row| {
            let is_smaller = row.totals.bytes < self.totals.bytes;
            row.what == self.what && is_smaller && row.totals.bytes >= STEADY_BYTES
        });
        let base = smaller.min_by_key(|row| row.totals.bytes);
        let resident = self.peak.resident as f64;
        self.peak.resident > 0
            && match base {
                Some(base) => resident <= FLAT_TIMES * base.peak.resident as f64,
                None if self.totals.bytes < STEADY_BYTES => true,
                None => self.reaches_aim() || 2.0 * resident <= self.totals.bytes as f64,
            }
    }

    fn micros_per_record(&self) -> f64 {
        self.seconds * 1e6 / self.totals.read as f64
    }
}

/// Whether all counts are those of the truth, and no peak grows with the file.
pub fn holds(rows: &[Row]) -> bool {
    let differs = |row: &Row| matches!(row.counts, Some(Err(_)));
    rows.iter().all(|row| row.is_flat(rows) && !differs(row))
}

/// Compares the counters of a job with the truth, each with each.
///
/// # Errors
/// What differs.
pub fn compare(stats: &Value, totals: &Totals) -> Result<(), String> {
    let wanted = [
        ("read", totals.read),
        ("loaded", totals.loaded),
        ("rejected", totals.rejected),
        ("dropped", totals.dropped),
        ("alreadyLoaded", 0),
    ];
    let differs = wanted.iter().filter(|(name, count)| stats[*name] != *count);
    let differs: Vec<String> = differs
        .map(|(name, count)| format!("{name} is {}, the truth {count}", stats[*name]))
        .collect();
    match totals.read == totals.loaded + totals.rejected + totals.dropped && differs.is_empty() {
        true => Ok(()),
        false => Err(format!("{} of {totals:?}", differs.join(", "))),
    }
}

/// The table of all rows, for people and for Markdown.
pub fn table(rows: &[Row]) -> String {
    let mut out = String::from(
        "| what | size | records | peak RSS | of it heap and stacks | aim | reached | flat | seconds | µs a record | counts |\n\
         |---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let megabytes = |bytes: u64| format!("{:.1} MB", bytes as f64 / 1e6);
        let counts = match &row.counts {
            None => "",
            Some(Ok(())) => "equal",
            Some(Err(differs)) => differs,
        };
        out += &format!(
            "| {} | {} | {} | {} | {} | {} | {} | {} | {:.2} | {:.2} | {counts} |\n",
            row.what,
            bytes(row.totals.bytes as f64),
            row.totals.read,
            megabytes(row.peak.resident),
            megabytes(row.peak.anonymous),
            megabytes(row.aim_bytes),
            if row.reaches_aim() { "yes" } else { "no" },
            if row.is_flat(rows) { "yes" } else { "NO" },
            row.seconds,
            row.micros_per_record(),
        );
    }
    out
}

/// For each thing that was done with several sizes: the largest against the one of 100 MB, or the smallest, in memory and
/// in time per record.
pub fn growth(rows: &[Row]) -> String {
    let mut out = String::new();
    for (what, rows) in by_what(rows) {
        let largest = rows.iter().max_by_key(|row| row.totals.bytes);
        let (mut smaller, wanted) = (rows.clone(), Amount::Bytes(100_000_000));
        smaller.retain(|row| largest.is_some_and(|most| row.totals.bytes < most.totals.bytes));
        let base = smaller.iter().find(|row| row.amount == wanted);
        if let (Some(base), Some(largest)) = (base.or(smaller.first()), largest) {
            out += &format!(
                "{what}: {} against {}: {:.2} times the time per record, {:.2} times the peak\n",
                bytes(largest.totals.bytes as f64),
                bytes(base.totals.bytes as f64),
                largest.micros_per_record() / base.micros_per_record(),
                largest.peak.resident as f64 / base.peak.resident as f64,
            );
        }
    }
    out
}

fn by_what(rows: &[Row]) -> BTreeMap<&'static str, Vec<&Row>> {
    let mut found: BTreeMap<&'static str, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        found.entry(row.what).or_default().push(row);
    }
    found
}

/// Peak against size.
pub fn sizes(rows: &[Row], note: &str) -> Chart {
    let series = by_what(rows).into_iter().map(|(what, rows)| {
        let points = rows.iter();
        let point = |row: &&Row| (row.totals.bytes as f64, row.peak.resident as f64 / 1e6);
        Series {
            name: what.to_owned(),
            points: points.map(point).collect(),
            marks: true,
        }
    });
    Chart {
        title: "Peak resident memory against the size of the file".to_owned(),
        note: note.to_owned(),
        x: "size of the file".to_owned(),
        x_scale: Scale::Log,
        x_tick: bytes,
        y: "peak RSS, MB".to_owned(),
        series: series.collect(),
        bands: vec![],
        limits: vec![],
    }
}

/// The server's memory over time.
pub fn history(
    title: &str,
    note: &str,
    (points, phases): (Vec<(f64, f64)>, Vec<Phase>),
    limits: Vec<(String, f64)>,
) -> Chart {
    let megabytes = points.into_iter().map(|(at, bytes)| (at, bytes / 1e6));
    let bands = phases.into_iter().map(|phase| Band {
        name: phase.name,
        from: phase.from_seconds,
        to: phase.to_seconds,
    });
    Chart {
        title: title.to_owned(),
        note: note.to_owned(),
        x: "seconds".to_owned(),
        x_scale: Scale::Linear,
        x_tick: plain,
        y: "RSS of the server, MB".to_owned(),
        series: vec![Series {
            name: "resident memory, the most of each 100 ms or more".to_owned(),
            points: megabytes.collect(),
            marks: false,
        }],
        bands: bands.collect(),
        limits,
    }
}
