//! What a person reads at the end of a load: the books, what was wrong by kind, and where everything is.

use crate::job::Job;
use pipeline::{Books, Busy, Kind, Stage};
use stages::open::LeftOut;
use std::fmt::Write as _;
use std::time::Duration;

/// Kinds of rejects that are shown; the others are counted.
const MAX_KINDS_SHOWN: usize = 20;
/// Names of columns or fields that are shown.
const MAX_NAMES_SHOWN: usize = 10;
/// The shortest run of which is said what bounded it, in milliseconds.
const MIN_BOUND_MS: u128 = 500;
/// Characters of a sample that are shown.
const MAX_SAMPLE_CHARS: usize = 100;

/// What a summary says besides the job.
pub struct Summary<'a> {
    /// The job.
    pub job: &'a Job,
    /// Its books.
    pub books: &'a Books,
    /// Bytes of the input that were done before this run.
    pub bytes_before: u64,
    /// How long this run took.
    pub elapsed: Duration,
    /// Where that time went, where anything was done.
    pub busy: Option<Busy>,
    /// Whether nothing was written.
    pub dry_run: bool,
    /// What input and spec do not use of each other.
    pub left_out: &'a LeftOut,
    /// Lines that say what to do next.
    pub next: Vec<String>,
}

impl Summary<'_> {
    /// The whole text.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let job = self.job;
        let _ = writeln!(
            out,
            "{} with {}@{} → {}",
            escaped(&job.input),
            job.spec.name,
            job.spec.version,
            escaped(&job.target)
        );
        self.books(&mut out);
        self.left_out(&mut out);
        self.rejects(&mut out);
        let _ = writeln!(out, "\n{}", escaped(&self.verdict()));
        if let Some(failure) = &job.failure {
            for cause in &failure.causes {
                let _ = writeln!(out, "  because: {}", visible(cause));
            }
            if let Some(hint) = &failure.hint {
                let _ = writeln!(out, "  help: {}", escaped(hint));
            }
        }
        for line in &self.next {
            let _ = writeln!(out, "  {}", escaped(line));
        }
        out
    }

    fn books(&self, out: &mut String) {
        let c = &self.books.counters;
        let job = self.job;
        if job.state == "failed" && c.read == 0 {
            // Nothing was done that could be told.
            return;
        }
        let rate = format!(
            "{} records/s, {}",
            job.records_per_second,
            speed(self.bytes_per_second())
        );
        // What a moment was spent with bounds nothing.
        let is_brief = self.elapsed.as_millis() < MIN_BOUND_MS;
        let bound = job
            .bottleneck
            .filter(|_| !is_brief)
            .map(|stage| format!("; bound by {stage}"))
            .unwrap_or_default();
        let dropped: Vec<_> = c
            .dropped
            .iter()
            .map(|(name, count)| format!("{name} {count}"))
            .collect();
        let loaded = if self.dry_run {
            "good (nothing was written)"
        } else {
            "loaded"
        };
        let how = match job.existing {
            true => "read by that job".to_owned(),
            false => format!("read in {} ({rate}{bound})", took(self.elapsed)),
        };
        let _ = writeln!(out, "\n{:>12}  {how}", c.read);
        if let Some(busy) = self.busy.filter(|_| !is_brief) {
            let _ = writeln!(out, "{:>12}  {}", "", where_it_went(busy));
        }
        let _ = writeln!(out, "{:>12}  {loaded}", c.loaded);
        if c.already_loaded > 0 {
            let _ = writeln!(out, "{:>12}  already loaded", c.already_loaded);
        }
        let _ = writeln!(out, "{:>12}  rejected", c.rejected);
        if !dropped.is_empty() {
            let _ = writeln!(
                out,
                "{:>12}  dropped: {}",
                c.dropped_total(),
                dropped.join(", ")
            );
        }
        if !c.warned.is_empty() {
            let warned: Vec<_> = c
                .warned
                .iter()
                .map(|(name, count)| format!("{name} {count}"))
                .collect();
            let total: u64 = c.warned.values().sum();
            let _ = writeln!(out, "{total:>12}  warned of: {}", warned.join(", "));
        }
        if c.skipped > 0 {
            let _ = writeln!(
                out,
                "{:>12}  line{} skipped: header, blank lines, comments",
                c.skipped,
                if c.skipped == 1 { "" } else { "s" }
            );
        }
    }

    fn bytes_per_second(&self) -> f64 {
        let bytes = self.job.bytes_read.saturating_sub(self.bytes_before);
        bytes as f64 / self.elapsed.as_secs_f64().max(0.001)
    }

    /// Nothing is left out without a word.
    fn left_out(&self, out: &mut String) {
        let LeftOut {
            columns,
            fields,
            never_found,
            keys,
            more_keys,
        } = self.left_out;
        for (one, many, names) in [
            (
                "column that no field takes",
                "columns that no field takes",
                columns,
            ),
            (
                "key that no field takes",
                if *more_keys {
                    "keys and more that no field takes"
                } else {
                    "keys that no field takes"
                },
                keys,
            ),
            ("field without a column", "fields without a column", fields),
            (
                "field that was never found",
                "fields that were never found",
                never_found,
            ),
        ] {
            let what = if names.len() == 1 { one } else { many };
            if !names.is_empty() {
                let shown: Vec<_> = names
                    .iter()
                    .take(MAX_NAMES_SHOWN)
                    .map(|name| visible(name))
                    .collect();
                let more = if names.len() > MAX_NAMES_SHOWN {
                    ", …"
                } else {
                    ""
                };
                let _ = writeln!(
                    out,
                    "{:>12}  {what}: {}{more}",
                    names.len(),
                    shown.join(", ")
                );
            }
        }
    }

    fn rejects(&self, out: &mut String) {
        let mut kinds: Vec<&Kind> = self.books.summary.kinds().iter().collect();
        if kinds.is_empty() {
            return;
        }
        kinds.sort_by_key(|kind| std::cmp::Reverse(kind.count));
        let _ = writeln!(
            out,
            "\nRejects by the code and field of their first problem, with a sample each:"
        );
        for kind in kinds.iter().take(MAX_KINDS_SHOWN) {
            let field = kind
                .field
                .as_deref()
                .map(|field| format!(" {field}"))
                .unwrap_or_default();
            let at = kind.sample.at;
            let _ = writeln!(
                out,
                "{:>12}  {}{field}: {}",
                kind.count,
                kind.code,
                visible(&kind.sample.message)
            );
            let raw = visible(&kind.sample.raw);
            let _ = writeln!(
                out,
                "{:>12}  record {}, line {}: {raw}",
                "",
                at.ordinal + 1,
                at.line
            );
        }
        if kinds.len() > MAX_KINDS_SHOWN {
            let _ = writeln!(out, "{:>12}  more kinds", kinds.len() - MAX_KINDS_SHOWN);
        }
    }

    fn verdict(&self) -> String {
        let job = self.job;
        let failure = job
            .failure
            .as_ref()
            .map(|f| format!("{} ({})", f.message, f.code))
            .unwrap_or_default();
        match job.state {
            "completed" if job.existing => format!(
                "Already loaded, nothing was done: job {} has loaded this content with this spec.",
                job.job_id
            ),
            "completed" if self.books.counters.rejected > 0 => "Completed, with rejects.".into(),
            "completed" => "Completed.".into(),
            "held" if self.dry_run => format!("A run would be held here: {failure}."),
            "held" if self.books.counters.loaded + self.books.counters.already_loaded == 0 => {
                format!("Held: {failure}. Nothing is loaded yet.")
            }
            "held" => {
                format!("Held: {failure}. What is good up to here is written, nothing behind it.")
            }
            "interrupted" => "Interrupted at a checkpoint.".into(),
            _ => format!("Failed: {failure}"),
        }
    }
}

/// For which share of the time each stage was busy, the busiest first.
fn where_it_went(busy: Busy) -> String {
    let mut stages = Stage::ALL;
    stages.sort_by_key(|stage| std::cmp::Reverse(busy.of(*stage)));
    let shares = stages.map(|stage| format!("{} {} %", stage.name(), (busy.of(stage) + 5) / 10));
    format!("busy: {}", shares.join(", "))
}

/// In a unit in which something is to be seen.
fn speed(bytes_per_second: f64) -> String {
    match bytes_per_second {
        slow if slow < 1e6 => format!("{:.1} kB/s", slow / 1e3),
        fast => format!("{:.1} MB/s", fast / 1e6),
    }
}

/// The same of a time.
fn took(elapsed: Duration) -> String {
    match elapsed.as_millis() {
        brief if brief < MIN_BOUND_MS => format!("{brief} ms"),
        _ => format!("{:.1} s", elapsed.as_secs_f64()),
    }
}

/// One line of printable characters: what came from a file, or is its name, must not move the cursor.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// The beginning of a text, in one line of printable characters.
fn visible(text: &str) -> String {
    match text.char_indices().nth(MAX_SAMPLE_CHARS) {
        Some((end, _)) => escaped(&text[..end]) + "…",
        None => escaped(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_shown_and_long_samples_cut() {
        assert_eq!(visible("a\tb\u{1b}[2J\n"), "a\\tb\\u{1b}[2J\\n");
        assert_eq!(took(Duration::from_micros(23_900)), "23 ms");
        assert_eq!(took(Duration::from_millis(1_260)), "1.3 s");
        assert_eq!(visible("über"), "über");
        assert_eq!(
            visible(&"x".repeat(200)).chars().count(),
            MAX_SAMPLE_CHARS + 1
        );
    }
}
