//! How many batches are written at once: fewer while the target is slower than it was.
//!
//! A target that others use shows their load, and its own trouble, as writes that take longer. A [`Controller`] looks at
//! some writes at a time. When half of them took more than [`SLOW_FACTOR`] times as long as writes did at best, as many of
//! them under way, it halves the number of batches that may be written at once; while they take less than
//! [`CALM_FACTOR`] times as long, it adds one back.
//!
//! A batch may take as much longer as it has more bytes, and none is expected to take less because it is smaller: what a
//! write costs lies between the two, so a file whose records grow, shrink or are refused is no slow target. Where runs
//! write in turns, the writes of all of them count as under way: they are not somebody else's load.
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
/// What a write costs beside its bytes, as so many bytes.
const WRITE_BYTES: f64 = 16.0 * 1024.0;
/// After so many seconds, twice the best latency is the best latency.
const DOUBLES_AFTER_SECONDS: f64 = 240.0;

/// A write that is under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begun {
    /// Since the start of the run.
    at: Duration,
    /// Writes of this run under way, this one included.
    own: usize,
    /// Writes under way, also those of other runs.
    level: usize,
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
    /// Writes that began before the last decision say nothing about it.
    decision: u64,
}

/// What writes cost while so many were under way.
#[derive(Clone, Debug, Default)]
struct Level {
    /// Writes since the last decision.
    window: Vec<Seen>,
    best: Option<Best>,
}

/// A write that is done.
#[derive(Clone, Copy, Debug)]
struct Seen {
    ms: f64,
    /// With [`WRITE_BYTES`].
    bytes: f64,
    /// Whether this run had as many under way as it may.
    is_full: bool,
}

/// The least median of a window, and when it was seen.
#[derive(Clone, Copy, Debug)]
struct Best {
    ms: f64,
    bytes: f64,
    at: Duration,
}

impl Best {
    /// How long a write of so many bytes may take. It grows with time, so that it is forgotten.
    fn of(self, bytes: f64, now: Duration) -> f64 {
        let age = now.saturating_sub(self.at).as_secs_f64();
        self.ms * (bytes / self.bytes).max(1.0) * (age / DOUBLES_AFTER_SECONDS).exp2()
    }
}

impl Controller {
    /// Begins with the most, which is at least 1, where all runs together have at most so many under way.
    pub(crate) fn new(most: usize, most_together: usize) -> Self {
        let most = most.max(1);
        Self {
            most,
            limit: most,
            under_way: 0,
            levels: vec![Level::default(); most.max(most_together)],
            decision: 0,
        }
    }

    /// Batches that may be written at once.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// A write begins; `now` is since the start of the run, `together` what all runs that write in turns have under way,
    /// this one included.
    pub(crate) fn begin(&mut self, now: Duration, together: usize) -> Begun {
        self.under_way += 1;
        Begun {
            at: now,
            own: self.under_way,
            level: self.under_way.max(together).min(self.levels.len()),
            decision: self.decision,
        }
    }

    /// A write that [`Self::begin`] began is done, of so many bytes; none where nothing was to be written.
    pub(crate) fn end(&mut self, begun: Begun, bytes: Option<usize>, now: Duration) {
        self.under_way -= 1;
        let Some(bytes) = bytes.filter(|_| begun.decision == self.decision) else {
            return;
        };
        let window = &mut self.levels[begun.level - 1].window;
        window.push(Seen {
            ms: now.saturating_sub(begun.at).as_secs_f64() * 1e3,
            bytes: bytes as f64 + WRITE_BYTES,
            is_full: begun.own >= self.limit,
        });
        if window.len() == WINDOW_WRITES {
            let window = std::mem::take(window);
            self.judge(begun.level, &window, now);
        }
    }

    fn judge(&mut self, level: usize, window: &[Seen], now: Duration) {
        let mut judged: Vec<(f64, Seen)> = window
            .iter()
            .map(|&seen| (self.times(level, seen, now), seen))
            .collect();
        judged.sort_by(|(a, one), (b, other)| a.total_cmp(b).then(one.ms.total_cmp(&other.ms)));
        // A batch of which little was written may take no less time: it says nothing of what others may take.
        let mut sizes: Vec<f64> = window.iter().map(|seen| seen.bytes).collect();
        sizes.sort_by(f64::total_cmp);
        let usual = sizes[sizes.len() / 2];
        judged.retain(|(_, seen)| seen.bytes * 2.0 >= usual);
        let (times, median) = judged[judged.len() / 2];
        let best = &mut self.levels[level - 1].best;
        if best.is_none_or(|best| median.ms < best.of(median.bytes, now)) {
            *best = Some(Best {
                // What is known from other levels holds here too.
                ms: median.ms / times.max(1.0),
                bytes: median.bytes,
                at: now,
            });
        }
        let is_full = window.iter().filter(|seen| seen.is_full).count() * 2 >= window.len();
        let limit = if times > SLOW_FACTOR && median.ms > MIN_SLOW_MS {
            (level.min(self.limit) / 2).max(1)
        } else if times < CALM_FACTOR || median.ms <= MIN_SLOW_MS {
            // More is given only where all that was given is used.
            (self.limit + usize::from(is_full)).min(self.most)
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

    /// How many times as long a write took as at best with `level` writes under way: as what was seen there or with more
    /// under way, and never as more than a target that does one thing at a time would take, by what was seen with fewer.
    fn times(&self, level: usize, seen: Seen, now: Duration) -> f64 {
        let best = self.levels.iter().zip(1..).filter_map(|(at, others)| {
            let best = at.best?.of(seen.bytes, now);
            Some(best * (level as f64 / f64::from(others)).max(1.0))
        });
        best.min_by(f64::total_cmp)
            .map_or(1.0, |best| seen.ms / best)
    }
}

#[cfg(test)]
mod tests;
