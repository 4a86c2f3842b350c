//! One client that watches a job: what it is told, in which order, and how often.

use super::message::{MAX_KINDS_TOLD, Part, Seen, Text};
use super::{BEAT, PERIOD, Seat};
use crate::queue::State;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// What a client that watches a job is told.
///
/// First how the job is, with the kinds of its rejects, or only how it ended. Then progress at most every [`PERIOD`], each
/// kind of rejects once up to [`MAX_KINDS_TOLD`], each hold, and the end. A client that asks late is told the newest only.
pub struct Watcher {
    seat: Arc<Seat>,
    /// How the job was when the client came; until that is told.
    first: Option<Arc<Seen>>,
    /// What has come since; none where there is nothing more to come.
    news: Option<watch::Receiver<Arc<Seen>>>,
    /// Whether the newest of these is not told yet.
    is_due: bool,
    /// What is to be told now; written when it is taken.
    ready: VecDeque<(Arc<Seen>, Part)>,
    /// What was told last: the state, and when the job had changed.
    told: Option<(State, u64)>,
    /// The numbers of the kinds that were told.
    told_kinds: BTreeSet<usize>,
    /// When progress was told last.
    told_at: Option<Instant>,
}

impl Watcher {
    pub(super) fn new(
        seat: Seat,
        first: Arc<Seen>,
        news: Option<watch::Receiver<Arc<Seen>>>,
    ) -> Self {
        Self {
            seat: Arc::new(seat),
            first: Some(first),
            news,
            is_due: false,
            ready: VecDeque::new(),
            told: None,
            told_kinds: BTreeSet::new(),
            told_at: None,
        }
    }

    /// What the last message is known by, where the job had ended when the client came.
    pub fn end(&self) -> Option<String> {
        self.first.as_ref().and_then(|first| first.end())
    }

    /// The next message; `None` behind the last one. Nothing is lost where it is not waited for to the end.
    pub async fn next(&mut self) -> Option<Text> {
        loop {
            if let Some((seen, part)) = self.ready.pop_front() {
                let Some(text) = seen.text(part) else {
                    continue;
                };
                if text.event == "progress" {
                    self.told_at = Some(Instant::now());
                }
                return Some(text);
            }
            if let Some(first) = self.first.take() {
                self.say_first(&first);
                continue;
            }
            let news = self.news.as_mut()?;
            if !self.is_due {
                // The sender is gone behind the end, which was told then.
                news.changed().await.ok()?;
                self.is_due = true;
            }
            // Who came between two beats is told a little sooner each time, until it is told with the others.
            let gap = PERIOD - BEAT;
            if let Some(told_at) = self.told_at {
                tokio::select! {
                    biased;
                    _ = news.wait_for(|seen| seen.state.is_resting()) => {}
                    () = sleep_until(told_at + gap) => {}
                }
            }
            let seen = news.borrow_and_update().clone();
            self.is_due = false;
            self.say(&seen);
        }
    }

    /// The place of its client, which is taken for as long as anybody has this.
    pub(super) fn seat(&self) -> Arc<Seat> {
        self.seat.clone()
    }

    /// Counts that its client was dropped because it took nothing.
    pub(super) fn was_slow(&self) {
        self.seat.was_slow();
    }

    fn say_first(&mut self, seen: &Arc<Seen>) {
        self.told = Some((seen.state, seen.updated_ms));
        if !seen.state.is_terminal() {
            self.say_part(seen, Part::Progress);
            self.say_kinds(seen);
        }
        self.say_rest(seen);
    }

    fn say(&mut self, seen: &Arc<Seen>) {
        let now = (seen.state, seen.updated_ms);
        let is_old = self.told.is_some_and(|told| {
            // What was asked before this client came may be answered behind it.
            told == now || (now.1 < told.1 && !seen.state.is_terminal())
        });
        if is_old {
            return;
        }
        self.told = Some(now);
        if !seen.state.is_resting() {
            self.say_part(seen, Part::Progress);
        }
        self.say_kinds(seen);
        self.say_rest(seen);
    }

    /// Says the kinds of rejects that were not said yet.
    fn say_kinds(&mut self, seen: &Arc<Seen>) {
        for (place, (number, _)) in seen.kinds.iter().enumerate() {
            if self.told_kinds.len() < MAX_KINDS_TOLD && self.told_kinds.insert(*number) {
                self.say_part(seen, Part::Kind(place));
            }
        }
    }

    /// Says that it has come to rest, where it has; behind its end nothing comes.
    fn say_rest(&mut self, seen: &Arc<Seen>) {
        if seen.state.is_resting() {
            self.say_part(seen, Part::Rest);
        }
        if seen.state.is_terminal() {
            self.news = None;
        }
    }

    fn say_part(&mut self, seen: &Arc<Seen>, part: Part) {
        self.ready.push_back((seen.clone(), part));
    }
}
