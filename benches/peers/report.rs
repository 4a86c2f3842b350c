//! What the rounds came to: a table and a picture, and the ratios to ours within each round.

use super::loader::{Format, Loader};
use benches::machine::median;
use benches::plot::{self, Panel};

/// What one load cost.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// From its start to its end.
    pub seconds: f64,
    /// Processor time of the loader.
    pub client_seconds: f64,
    /// Processor time of MongoDB meanwhile.
    pub server_seconds: f64,
    /// The loader's most resident memory.
    pub peak_bytes: u64,
    /// Records of its file.
    pub records: u64,
    /// Documents that were there afterwards.
    pub documents: u64,
}

impl Cost {
    fn per_record(&self, seconds: f64) -> f64 {
        seconds * 1e6 / self.records as f64
    }
}

/// One loader, with its cost in each round.
pub struct Row {
    /// Who.
    pub loader: Loader,
    /// What is missing for it to run.
    pub missing: Option<String>,
    /// The rounds.
    pub costs: Vec<Cost>,
}

impl Row {
    fn each(&self, of: impl Fn(&Cost) -> f64) -> Vec<f64> {
        self.costs.iter().map(of).collect()
    }
}

/// How many times as fast as `row` ours was, in each round, by the time per record.
fn ratios(ours: &Row, row: &Row) -> Vec<f64> {
    let rounds = ours.costs.iter().zip(&row.costs);
    rounds
        .map(|(ours, other)| other.per_record(other.seconds) / ours.per_record(ours.seconds))
        .collect()
}

fn middle(values: &[f64]) -> f64 {
    median(values.iter().copied())
}

fn list(values: &[f64]) -> String {
    let values: Vec<String> = values.iter().map(|value| format!("{value:.2}")).collect();
    values.join(" ")
}

/// The table, for people and for Markdown; medians, and every round.
pub fn table(format: Format, rows: &[Row]) -> String {
    let mut out = String::from(
        "| loader | thousand records/s | ours is times as fast | client CPU, µs a record | server CPU, µs a record | peak RSS | documents | seconds, all rounds | times, all rounds |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let name = row.loader.name(format);
        let Some(last) = row.costs.last() else {
            let why = row.missing.as_deref().unwrap_or("not asked for");
            out += &format!("| {name} | {why} | | | | | | | |\n");
            continue;
        };
        let ratios = ratios(&rows[0], row);
        let ratio = match row.loader {
            Loader::Ours => "1".to_owned(),
            _ => format!("{:.2}", middle(&ratios)),
        };
        out += &format!(
            "| {name} | {:.0} | {ratio} | {:.2} | {:.2} | {:.0} MB | {} of {} | {} | {} |\n",
            1e3 / middle(&row.each(|cost| cost.per_record(cost.seconds))),
            middle(&row.each(|cost| cost.per_record(cost.client_seconds))),
            middle(&row.each(|cost| cost.per_record(cost.server_seconds))),
            middle(&row.each(|cost| cost.peak_bytes as f64)) / 1e6,
            last.documents,
            last.records,
            list(&row.each(|cost| cost.seconds)),
            list(&ratios),
        );
    }
    out
}

/// The picture: bars are medians, dots are rounds.
pub fn picture(format: Format, rows: &[Row], title: &str, note: &str) -> String {
    let panel = |title: &str, of: &dyn Fn(&Cost) -> f64| {
        let rows = rows.iter().filter(|row| !row.costs.is_empty());
        let bar = |row: &Row| {
            let each = row.each(of);
            (row.loader.name(format).to_owned(), middle(&each), each)
        };
        Panel {
            title: title.to_owned(),
            rows: rows.map(bar).collect(),
        }
    };
    let panels = [
        panel("thousand records a second (more is better)", &|cost| {
            1e3 / cost.per_record(cost.seconds)
        }),
        panel("processor time of the loader, µs a record", &|cost| {
            cost.per_record(cost.client_seconds)
        }),
        panel("processor time of MongoDB, µs a record", &|cost| {
            cost.per_record(cost.server_seconds)
        }),
        panel("peak RSS of the loader, MB", &|cost| {
            cost.peak_bytes as f64 / 1e6
        }),
    ];
    plot::bars(title, note, &panels)
}
