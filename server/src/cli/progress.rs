//! Progress while a load runs: a bar on a terminal, plain lines otherwise. It only reads.

use indicatif::{ProgressBar, ProgressStyle};
use pipeline::Progress;
use std::io::IsTerminal as _;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// How often a bar is drawn anew.
const DRAW_INTERVAL_MS: u64 = 100;
/// How often a plain line is written.
const LINE_INTERVAL_MS: u64 = 5000;

/// Shows progress on standard error, from when the run has begun until it drops its sender.
pub async fn show(mut progress: watch::Receiver<Progress>, bytes_total: Option<u64>) {
    if progress.changed().await.is_err() {
        return;
    }
    let before = progress.borrow_and_update().clone();
    let terminal = std::io::stderr().is_terminal();
    let started = Instant::now();
    let every = if terminal {
        DRAW_INTERVAL_MS
    } else {
        LINE_INTERVAL_MS
    };
    let mut ticks = interval(Duration::from_millis(every));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks.tick().await;
    let bar = Cleared(if terminal {
        bar(bytes_total)
    } else {
        ProgressBar::hidden()
    });
    let mut ended = progress.clone();
    loop {
        tokio::select! {
            _ = ended.wait_for(|_| false) => return,
            _ = ticks.tick() => {}
        }
        let now = progress.borrow_and_update().clone();
        let rates = Rates::of(&now, started.elapsed(), bytes_total, &before);
        if terminal {
            bar.0.set_position(now.bytes_read);
            bar.0.set_message(rates.to_string());
        } else {
            eprintln!("{rates}");
        }
    }
}

/// The bar leaves the terminal when it is dropped.
struct Cleared(ProgressBar);

impl Drop for Cleared {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn bar(bytes_total: Option<u64>) -> ProgressBar {
    let (bar, template) = match bytes_total {
        Some(total) => (ProgressBar::new(total), "{bar:20} {wide_msg}"),
        None => (ProgressBar::new_spinner(), "{spinner} {wide_msg}"),
    };
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// What is shown besides the bar.
struct Rates {
    records: u64,
    records_per_second: f64,
    mb_per_second: f64,
    percent: Option<f64>,
    left: Option<Duration>,
}

impl Rates {
    /// `before` is how far it was when it began, which took none of the time.
    fn of(now: &Progress, elapsed: Duration, bytes_total: Option<u64>, before: &Progress) -> Self {
        let seconds = elapsed.as_secs_f64().max(0.001);
        let records = now.counters.read.saturating_sub(before.counters.read);
        let bytes = now.bytes_read.saturating_sub(before.bytes_read);
        let share = bytes_total
            .filter(|&total| total > 0)
            .map(|total| now.bytes_read as f64 / total as f64);
        let left = bytes_total
            .filter(|_| bytes > 0)
            .map(|total| seconds * total.saturating_sub(now.bytes_read) as f64 / bytes as f64);
        Self {
            records: now.counters.read,
            records_per_second: records as f64 / seconds,
            mb_per_second: bytes as f64 / 1e6 / seconds,
            percent: share.map(|share| 100.0 * share.min(1.0)),
            left: left.and_then(|left| Duration::try_from_secs_f64(left).ok()),
        }
    }
}

impl std::fmt::Display for Rates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            records,
            records_per_second,
            mb_per_second,
            percent,
            left,
        } = self;
        write!(
            f,
            "{records} records, {records_per_second:.0} records/s, {mb_per_second:.1} MB/s"
        )?;
        if let Some(percent) = percent {
            write!(f, ", {percent:.0} %")?;
        }
        if let Some(left) = left {
            write!(f, ", {} s left", left.as_secs())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_said_with_their_units() {
        let mut now = Progress {
            bytes_read: 5_000_000,
            ..Progress::default()
        };
        now.counters.read = 1000;
        let start = Progress::default();
        let shown = |total| Rates::of(&now, Duration::from_secs(2), total, &start).to_string();
        assert_eq!(
            shown(Some(10_000_000)),
            "1000 records, 500 records/s, 2.5 MB/s, 50 %, 2 s left"
        );
        assert_eq!(shown(None), "1000 records, 500 records/s, 2.5 MB/s");
    }

    #[test]
    fn what_was_done_before_took_no_time() {
        let (mut before, mut now) = (Progress::default(), Progress::default());
        (before.bytes_read, before.counters.read) = (6_000_000, 1_200);
        (now.bytes_read, now.counters.read) = (8_000_000, 1_600);
        let shown = |now| Rates::of(now, Duration::from_secs(2), Some(9_000_000), &before);
        assert_eq!(
            shown(&now).to_string(),
            "1600 records, 200 records/s, 1.0 MB/s, 89 %, 1 s left"
        );
        // Nothing says how long it takes before anything is done.
        assert_eq!(
            shown(&before).to_string(),
            "1200 records, 0 records/s, 0.0 MB/s, 67 %"
        );
    }
}
