//! Where the time of a run went, stage by stage: for which share of its time each stage had work under way.
//!
//! What counts is work, and waiting for the source, for the target and for the rate limit. Waiting for room in the
//! next stage never does: a stage that is held up by another one is not busy. A stage that works on several things at
//! once is busy by as many as it had under way at most, so that a run that never has more than one block is not called
//! idle. What is done in a stage keeps its place until those before it are done, because only then another one gets
//! it: one slow write among four that are done holds up all of them. The clock stops when the last batch has its
//! outcome: finishing a sink is nobody's share.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// A stage of the run whose busy time is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Waiting for the source, decompression included.
    Read,
    /// Finding records.
    Frame,
    /// Parsing, binding, steps and encoding, and waiting for a core to do that.
    Parse,
    /// Waiting for the target, or for the store of the rejects: whichever takes more.
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

/// The gauge of the rejects that are stored. It is not that of the writes: one store that is always busy holds the run
/// up as much as writes do, and would be one of several places there.
const REJECTS: usize = Stage::ALL.len();

/// The least share, in thousandths, by which a stage can bound a run: below it all stages are idle, as in a run that has
/// nothing to do or is kept from its cores.
const MIN_BOUND_PER_MILLE: u16 = 200;

/// For which share of its time each stage was busy, in thousandths from 0 to 1000. They need not add up to anything:
/// stages work at the same time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Busy {
    /// [`Stage::Read`]
    pub read: u16,
    /// [`Stage::Frame`]
    pub frame: u16,
    /// [`Stage::Parse`]
    pub parse: u16,
    /// [`Stage::Write`]
    pub write: u16,
    /// [`Stage::Rate`]
    pub rate: u16,
}

impl Busy {
    /// The share of one stage.
    pub fn of(&self, stage: Stage) -> u16 {
        match stage {
            Stage::Read => self.read,
            Stage::Frame => self.frame,
            Stage::Parse => self.parse,
            Stage::Write => self.write,
            Stage::Rate => self.rate,
        }
    }

    /// The stage that bounds the run: the one that is busy for the largest share of its time. `None` where none is
    /// busy for as much as a fifth of it.
    pub fn bottleneck(&self) -> Option<Stage> {
        let mut stages = Stage::ALL;
        stages.sort_by_key(|stage| std::cmp::Reverse(self.of(*stage)));
        let [most, ..] = stages;
        (self.of(most) >= MIN_BOUND_PER_MILLE).then_some(most)
    }
}

/// Busy time by stage. Written by every task of the run, read by whoever shows progress.
#[derive(Debug)]
pub struct Timing {
    /// One for each stage, then that of the rejects.
    gauges: [Mutex<Gauge>; Stage::ALL.len() + 1],
    started: Instant,
    ended: Mutex<Option<Instant>>,
}

/// What is under way in a stage.
#[derive(Debug)]
struct Gauge {
    /// Whether each is done, in the order in which they were begun; the first one is not. As many as the stage has
    /// places at most.
    places: VecDeque<bool>,
    /// The number of the first of them.
    first: u64,
    /// The most that there were at once.
    most: u32,
    /// The places that were taken until `since`, each by its time.
    busy: Duration,
    since: Instant,
}

impl Gauge {
    /// The time of the places that were taken until `at`, added up.
    fn busy(&self, at: Instant) -> Duration {
        let taken = self.places.len() as u32;
        self.busy + at.saturating_duration_since(self.since) * taken
    }

    fn begin(&mut self, at: Instant) -> u64 {
        (self.busy, self.since) = (self.busy(at), at);
        self.places.push_back(false);
        self.most = self.most.max(self.places.len() as u32);
        self.first + self.places.len() as u64 - 1
    }

    fn end(&mut self, number: u64, at: Instant) {
        (self.busy, self.since) = (self.busy(at), at);
        if let Some(place) = self.places.get_mut((number - self.first) as usize) {
            *place = true;
        }
        while self.places.front() == Some(&true) {
            self.places.pop_front();
            self.first += 1;
        }
    }
}

/// Something that is under way in a stage until this is dropped, by whatever ends it.
#[derive(Debug)]
pub(crate) struct Work {
    timing: Arc<Timing>,
    gauge: usize,
    number: u64,
}

impl Drop for Work {
    fn drop(&mut self) {
        lock(&self.timing.gauges[self.gauge]).end(self.number, Instant::now());
    }
}

impl Timing {
    pub(crate) fn start() -> Arc<Self> {
        let started = Instant::now();
        let gauge = |()| Gauge {
            places: VecDeque::new(),
            first: 0,
            most: 0,
            busy: Duration::ZERO,
            since: started,
        };
        Arc::new(Self {
            gauges: [(); Stage::ALL.len() + 1].map(gauge).map(Mutex::new),
            started,
            ended: Mutex::new(None),
        })
    }

    /// Begins something in a stage.
    pub(crate) fn begin(self: &Arc<Self>, stage: Stage) -> Work {
        self.begin_at(stage as usize)
    }

    /// Begins to store rejects, which is part of [`Stage::Write`].
    pub(crate) fn begin_rejects(self: &Arc<Self>) -> Work {
        self.begin_at(REJECTS)
    }

    fn begin_at(self: &Arc<Self>, gauge: usize) -> Work {
        let number = lock(&self.gauges[gauge]).begin(Instant::now());
        Work {
            timing: self.clone(),
            gauge,
            number,
        }
    }

    /// Stops the clock: what comes now is not the flow's.
    pub(crate) fn stop(&self) {
        let now = Instant::now();
        lock(&self.ended).get_or_insert(now);
    }

    /// The shares up to now, or up to the end of the flow.
    pub fn busy(&self) -> Busy {
        let now = lock(&self.ended).unwrap_or_else(Instant::now);
        let all = now.saturating_duration_since(self.started).as_nanos();
        let share = |gauge: usize| {
            let gauge = lock(&self.gauges[gauge]);
            let most = all * u128::from(gauge.most);
            let thousandths = gauge.busy(now).as_nanos() * 1000 / most.max(1);
            thousandths.min(1000) as u16
        };
        Busy {
            read: share(Stage::Read as usize),
            frame: share(Stage::Frame as usize),
            parse: share(Stage::Parse as usize),
            write: share(Stage::Write as usize).max(share(REJECTS)),
            rate: share(Stage::Rate as usize),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::sleep;

    const TICK: Duration = Duration::from_millis(100);

    #[tokio::test(start_paused = true)]
    async fn a_share_is_of_what_was_under_way_at_most_and_ends_with_the_flow() {
        let timing = Timing::start();
        let read = timing.begin(Stage::Read);
        let one = timing.begin(Stage::Write);
        let other = timing.begin(Stage::Write);
        sleep(TICK).await;
        drop((one, read));
        sleep(TICK).await;
        // What goes on counts as well.
        let busy = timing.busy();
        assert_eq!((busy.read, busy.write), (500, 750));
        drop(other);
        sleep(2 * TICK).await;
        timing.stop();
        sleep(100 * TICK).await;
        let busy = timing.busy();
        assert_eq!((busy.read, busy.write, busy.rate), (250, 375, 0));
        assert_eq!(busy.bottleneck(), Some(Stage::Write));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_done_keeps_its_place_until_those_before_it_are_done() {
        let timing = Timing::start();
        let slow = timing.begin(Stage::Write);
        for _ in 0..3 {
            drop(timing.begin(Stage::Write));
        }
        sleep(TICK).await;
        assert_eq!(timing.busy().write, 1000);
        drop(slow);
        sleep(TICK).await;
        assert_eq!(timing.busy().write, 500);
    }

    #[tokio::test(start_paused = true)]
    async fn the_store_of_the_rejects_counts_as_writing_where_it_takes_more() {
        let timing = Timing::start();
        let writes = [(); 4].map(|()| timing.begin(Stage::Write));
        sleep(TICK).await;
        drop(writes);
        let stored = timing.begin_rejects();
        sleep(3 * TICK).await;
        drop(stored);
        assert_eq!(timing.busy().write, 750);
        let writes = [(); 4].map(|()| timing.begin(Stage::Write));
        sleep(6 * TICK).await;
        drop(writes);
        assert_eq!(timing.busy().write, 700);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_bounds_a_run_that_is_idle() {
        let timing = Timing::start();
        assert_eq!(timing.busy().bottleneck(), None);
        let work = timing.begin(Stage::Parse);
        sleep(TICK).await;
        drop(work);
        sleep(9 * TICK).await;
        assert_eq!(timing.busy().parse, 100);
        assert_eq!(timing.busy().bottleneck(), None);
    }
}
