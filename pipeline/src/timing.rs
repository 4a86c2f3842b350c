//! Where the time of a run went, stage by stage.

use std::sync::atomic::{AtomicU64, Ordering};
use tokio::time::Instant;

/// A stage of the run whose busy time is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Waiting for the source, decompression included.
    Read,
    /// Finding records.
    Frame,
    /// Parsing, binding, steps and encoding.
    Parse,
    /// Waiting for the target.
    Write,
    /// Waiting because the spec limits the rate.
    Rate,
}

impl Stage {
    /// Every stage, in the order of the flow.
    pub const ALL: [Self; 5] = [
        Self::Read,
        Self::Frame,
        Self::Parse,
        Self::Write,
        Self::Rate,
    ];

    /// The word for it in summaries.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Frame => "frame",
            Self::Parse => "parse",
            Self::Write => "write",
            Self::Rate => "rate",
        }
    }
}

/// Busy time by stage. Written by every task of the run, read by whoever shows progress.
#[derive(Debug)]
pub struct Timing {
    busy_ns: [AtomicU64; 5],
    /// How many tasks may be busy in a stage at once.
    lanes: [u64; 5],
    started: Instant,
}

impl Timing {
    pub(crate) fn new(parsers: usize, in_flight: usize) -> Self {
        let lanes = [1, 1, parsers as u64, in_flight as u64, 1];
        Self {
            busy_ns: Default::default(),
            lanes,
            started: Instant::now(),
        }
    }

    /// Adds the time since `from` to a stage.
    pub(crate) fn add(&self, stage: Stage, from: Instant) {
        self.busy_ns[stage as usize].fetch_add(from.elapsed().as_nanos() as u64, Ordering::Relaxed);
    }

    /// The share of its time for which a stage was busy, from 0 to 1.
    pub fn load(&self, stage: Stage) -> f64 {
        let busy = self.busy_ns[stage as usize].load(Ordering::Relaxed) as f64;
        let all = self.started.elapsed().as_nanos() as f64 * self.lanes[stage as usize] as f64;
        if all > 0.0 {
            (busy / all).min(1.0)
        } else {
            0.0
        }
    }

    /// The stage that bounds the run: the one that is busy for the largest share of its time.
    pub fn bottleneck(&self) -> Stage {
        let mut stages = Stage::ALL;
        stages.sort_by(|&a, &b| self.load(b).total_cmp(&self.load(a)));
        stages[0]
    }
}
