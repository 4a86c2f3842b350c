//! How many batches are written at once: fewer while the target is slower than it was.
//!
//! A target that others use shows their load, and its own trouble, as writes that take longer. A [`Controller`] looks at
//! some writes at a time. When half of them took more than [`SLOW_FACTOR`] times as long as writes did at best, as many of
//! them under way, it halves the number of batches that may be written at once; while they take less than
//! [`CALM_FACTOR`] times as long, it adds one back.
//!
//! Promises: the number is from 1 to the most that was asked for, and the most as long as the target is as fast as it
//! was. What has lasted for minutes counts as normal, so a target that has become slower for good is used fully again.
//! Never: reads a clock, waits, or knows what a target is.

use std::time::Duration;

/// Writes that are judged together.
const WINDOW_WRITES: usize = 16;
/// A target is slow from so many times its best latency on.
const SLOW_FACTOR: f64 = 2.0;
/// A target may be given more up to so many times its best latency.
const CALM_FACTOR: f64 = 1.5;
/// Writes that take less than this are never slow, in milliseconds: what there is to gain is less than the noise.
const MIN_SLOW_MS: f64 = 2.0;
/// After so many seconds, twice the best latency is the best latency.
const DOUBLES_AFTER_SECONDS: f64 = 240.0;

/// A write that is under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begun {
    /// Since the start of the run.
    at: Duration,
    /// Writes under way, this one included.
    under_way: usize,
    /// The controller's own count of its decisions.
    decision: u64,
}

/// Decides how many batches may be written at once.
#[derive(Debug)]
pub(crate) struct Controller {
    most: usize,
    limit: usize,
    under_way: usize,
    /// What was seen with one write under way, with two, and so on.
    levels: Vec<Level>,
    /// The most operations of one batch so far.
    most_operations: u64,
    /// Writes that began before the last decision say nothing about it.
    decision: u64,
}

/// What writes cost while so many were under way.
#[derive(Clone, Debug, Default)]
struct Level {
    /// Latencies since the last decision.
    window: Vec<Latency>,
    best: Option<Best>,
}

#[derive(Clone, Copy, Debug)]
struct Latency {
    ms: f64,
    /// Milliseconds per operation.
    cost: f64,
}

/// The least median of a window, and when it was seen.
#[derive(Clone, Copy, Debug)]
struct Best {
    cost: f64,
    at: Duration,
}

impl Best {
    /// It grows with time, so that it is forgotten.
    fn now(self, now: Duration) -> f64 {
        let age = now.saturating_sub(self.at).as_secs_f64();
        self.cost * (age / DOUBLES_AFTER_SECONDS).exp2()
    }
}

impl Controller {
    /// Begins with the most, which is at least 1.
    pub(crate) fn new(most: usize) -> Self {
        let most = most.max(1);
        Self {
            most,
            limit: most,
            under_way: 0,
            levels: vec![Level::default(); most],
            most_operations: 0,
            decision: 0,
        }
    }

    /// Batches that may be written at once.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// A write begins; `now` is since the start of the run.
    pub(crate) fn begin(&mut self, now: Duration) -> Begun {
        self.under_way += 1;
        Begun {
            at: now,
            under_way: self.under_way,
            decision: self.decision,
        }
    }

    /// A write that [`Self::begin`] began is done, with so many operations.
    pub(crate) fn end(&mut self, begun: Begun, operations: u64, now: Duration) {
        self.under_way -= 1;
        self.most_operations = self.most_operations.max(operations);
        // A small batch pays the same way for less: like is compared with like.
        let is_alike = operations > 0 && operations * 2 >= self.most_operations;
        if begun.decision != self.decision || !is_alike {
            return;
        }
        let ms = now.saturating_sub(begun.at).as_secs_f64() * 1e3;
        let cost = ms / operations as f64;
        let level = begun.under_way.min(self.most);
        let window = &mut self.levels[level - 1].window;
        window.push(Latency { ms, cost });
        if window.len() < WINDOW_WRITES {
            return;
        }
        window.sort_by(|a, b| a.cost.total_cmp(&b.cost));
        let median = window[WINDOW_WRITES / 2];
        window.clear();
        self.judge(level, median, now);
    }

    fn judge(&mut self, level: usize, median: Latency, now: Duration) {
        let best = self.best(level, now).unwrap_or(median.cost);
        let seen = &mut self.levels[level - 1].best;
        if seen.is_none_or(|seen| median.cost < seen.now(now)) {
            *seen = Some(Best {
                cost: median.cost.min(best),
                at: now,
            });
        }
        let times = median.cost / best;
        let limit = if times > SLOW_FACTOR && median.ms > MIN_SLOW_MS {
            (level.min(self.limit) / 2).max(1)
        } else if times < CALM_FACTOR || median.ms <= MIN_SLOW_MS {
            // More is given only where all that was given is used.
            (self.limit + usize::from(level >= self.limit)).min(self.most)
        } else {
            self.limit
        };
        if limit != self.limit {
            self.limit = limit;
            self.decision += 1;
            for level in &mut self.levels {
                level.window.clear();
            }
        }
    }

    /// The best cost with `level` writes under way: what was seen there or with more under way, and never more than a
    /// target that does one thing at a time would take, by what was seen with fewer.
    fn best(&self, level: usize, now: Duration) -> Option<f64> {
        let seen = self.levels.iter().zip(1..).filter_map(|(seen, others)| {
            let best = seen.best?.now(now);
            Some(best * (level as f64 / f64::from(others)).max(1.0))
        });
        seen.min_by(f64::total_cmp)
    }
}

#[cfg(test)]
mod tests;
