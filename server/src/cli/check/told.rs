//! What `check` says of rejects: their causes with samples, and the changes that were found to help.

use super::causes::{Cause, Causes};
use crate::cli::load::Outcome;
use crate::cli::summary::escaped;
use serde::Serialize;
use serde_json::Value;
use stages::sink::Met;
use std::fmt::Write as _;

/// The most causes that a person is shown.
const MAX_SHOWN: usize = 20;

/// A change that helps.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Helps {
    /// The code of the cause, or of the failure.
    pub code: String,
    /// The field of the cause.
    pub field: Option<String>,
    /// What the values of the cause look like.
    pub shape: Option<String>,
    /// The path of the table or field of the spec that is changed.
    pub at: String,
    /// What would stand there.
    pub change: String,
    /// How many rejects fewer a run has with it; none where without it no run comes to its end.
    pub removes: Option<u64>,
    /// How many problems fewer: a record that has another one is a reject still.
    pub fewer_problems: Option<u64>,
    /// How many rejects a run has with it.
    pub rejects: u64,
    /// Records of that run.
    pub records: u64,
}

/// Changes of different places that were tried together.
#[derive(Clone, Debug, Serialize)]
pub struct Together {
    /// How many they are: of each place the one that helps most.
    pub changes: usize,
    /// How many rejects fewer a run has with all of them.
    pub removes: u64,
}

/// Causes and changes.
pub struct Report {
    causes: Causes,
    helps: Vec<Helps>,
    together: Option<Together>,
    /// What records would meet, and where.
    met: Option<(Met, String)>,
    /// The records that changes were tried on, where they are not all.
    tried_records: Option<u64>,
}

impl Report {
    /// Of the causes of one input, and the changes that help, those that help most first.
    pub fn new(causes: Causes, helps: Vec<Helps>) -> Self {
        Self {
            causes,
            helps,
            together: None,
            met: None,
            tried_records: None,
        }
    }

    /// The same with what records would meet, where the target was looked at.
    pub fn met(self, outcome: &Outcome) -> Self {
        let met = outcome.met.map(|met| (met, outcome.job.target.clone()));
        Self { met, ..self }
    }

    /// The same with what several of the changes do together.
    pub fn together(self, together: Option<Together>) -> Self {
        Self { together, ..self }
    }

    /// The same, where changes were tried on the first `records` records only.
    pub fn tried_on(self, records: Option<u64>) -> Self {
        let tried_records = records;
        Self {
            tried_records,
            ..self
        }
    }

    /// For a person; nothing where there is nothing to say.
    pub fn text(&self) -> String {
        let mut out = String::new();
        if let Some((met, target)) = &self.met {
            let _ = writeln!(out, "\nWhat records would do in {}:", escaped(target));
            for (count, what) in [
                (met.insert, "insert"),
                (met.update, "update"),
                (met.unchanged, "unchanged"),
                (met.delete, "delete"),
                (met.conflict, "conflict"),
            ] {
                let _ = writeln!(out, "{count:>12}  {what}");
            }
        }
        let causes = self.causes.sorted();
        if !causes.is_empty() {
            let _ = writeln!(
                out,
                "\nCauses of the {} rejects, by code, field and shape of the value:",
                self.causes.rejects
            );
        }
        for cause in causes.iter().take(MAX_SHOWN) {
            shown(cause, &mut out);
        }
        let more = causes.len().saturating_sub(MAX_SHOWN);
        if more > 0 {
            let _ = writeln!(out, "{more:>12}  more causes");
        }
        if self.causes.others > 0 {
            let _ = writeln!(
                out,
                "{:>12}  problems of further causes",
                self.causes.others
            );
        }
        if !self.helps.is_empty() {
            let of = self
                .tried_records
                .map(|records| format!(" on the first {records} records"));
            let of = of.unwrap_or_default();
            let _ = writeln!(out, "\nWhat would help, each tried by itself{of}:");
        }
        for helps in &self.helps {
            let spec = match helps.at.strip_prefix("fields.") {
                Some(field) => format!("{field} = {{ …, {} }}", helps.change),
                None => format!("[{}] {}", helps.at, helps.change),
            };
            let line = match (helps.removes, helps.fewer_problems) {
                (Some(removes), Some(problems)) if problems != removes => {
                    format!("{removes:>12}  fewer rejects, {problems} fewer problems: {spec}")
                }
                (Some(removes), _) => format!("{removes:>12}  fewer rejects: {spec}"),
                (None, _) => format!(
                    "{:>12}  rejects of {} records, where now no record is read: {spec}",
                    helps.rejects, helps.records
                ),
            };
            let _ = writeln!(out, "{}", escaped(&line));
        }
        if let Some(Together { changes, removes }) = &self.together {
            let _ = writeln!(
                out,
                "{removes:>12}  fewer rejects: the first change of each of {changes} places together"
            );
        }
        out
    }

    /// For programs: the job with `causes`, `suggestions` and what they do `together`.
    pub fn json(&self, mut job: Value) -> Option<String> {
        let object = job.as_object_mut()?;
        let causes = serde_json::to_value(self.causes.sorted()).ok()?;
        object.insert("causes".into(), causes);
        let helps = serde_json::to_value(&self.helps).ok()?;
        object.insert("suggestions".into(), helps);
        let together = serde_json::to_value(&self.together).ok()?;
        object.insert("together".into(), together);
        let met = self.met.as_ref().map(|(met, _)| met);
        object.insert("operations".into(), serde_json::to_value(met).ok()?);
        serde_json::to_string(&job).ok().map(|text| text + "\n")
    }
}

fn shown(cause: &Cause, out: &mut String) {
    let field = cause.field.as_deref().map(|field| format!(" {field}"));
    let shape = cause.shape.as_deref();
    let line = format!(
        "{:>12}  {}{}{}{}",
        cause.records,
        cause.code,
        field.unwrap_or_default(),
        shape
            .map(|shape| format!(" like {shape:?}"))
            .unwrap_or_default(),
        match cause.alone {
            all if all == cause.records => String::new(),
            alone => format!(", {alone} of them with nothing else wrong"),
        }
    );
    let _ = writeln!(out, "{}", escaped(&line));
    for alike in cause
        .samples
        .chunk_by(|one, next| one.message == next.message)
    {
        let at = alike.iter();
        let at: Vec<_> = at
            .map(|sample| format!("record {} (line {})", sample.record, sample.line))
            .collect();
        let message = alike.first().map(|sample| escaped(&sample.message));
        let message = message.unwrap_or_default();
        let _ = writeln!(out, "{:>12}  {}: {message}", "", at.join(", "));
    }
}
