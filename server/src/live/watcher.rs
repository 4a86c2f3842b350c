//! One client that watches a job: what it is told, in which order, and how often.

use super::message::{Seen, Text};
use super::{BEAT, PERIOD, Seat};
use crate::queue::State;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// What a client that watches a job is told.
///
/// First how the job is, with the kinds of its rejects, or only how it ended. Then progress at most every [`PERIOD`], each
/// kind of rejects once, each hold, and the end. A client that asks late is told the newest only.
pub struct Watcher {
    seat: Seat,
    /// How the job was when the client came; until that is told.
    first: Option<Arc<Seen>>,
    /// What has come since; none where there is nothing more to come.
    news: Option<watch::Receiver<Arc<Seen>>>,
    /// Whether the newest of these is not told yet.
    is_due: bool,
    /// What is to be told now.
    ready: VecDeque<Text>,
    /// What was told last: the state, and when the job had changed.
    told: Option<(State, u64)>,
    told_kinds: usize,
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
            seat,
            first: Some(first),
            news,
            is_due: false,
            ready: VecDeque::new(),
            told: None,
            told_kinds: 0,
            told_at: None,
        }
    }

    /// What the last message is known by, where the job had ended when the client came.
    pub fn end(&self) -> Option<&str> {
        self.first.as_ref().and_then(|first| first.end())
    }

    /// The next message; `None` behind the last one. Nothing is lost where it is not waited for to the end.
    pub async fn next(&mut self) -> Option<Text> {
        loop {
            if let Some(text) = self.ready.pop_front() {
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

    /// Counts that its client was dropped because it took nothing.
    pub(super) fn was_slow(&self) {
        self.seat.was_slow();
    }

    fn say_first(&mut self, seen: &Seen) {
        self.told = Some((seen.state, seen.updated_ms));
        if seen.state.is_terminal() {
            self.ready.extend(seen.rest.clone());
            self.news = None;
            return;
        }
        self.ready.extend(seen.progress.clone());
        self.say_kinds(seen);
        self.ready.extend(seen.rest.clone());
    }

    fn say(&mut self, seen: &Seen) {
        let now = (seen.state, seen.updated_ms);
        let is_old = self.told.is_some_and(|told| {
            // What was asked before this client came may be answered behind it.
            told == now || (now.1 < told.1 && !seen.state.is_terminal())
        });
        if is_old {
            return;
        }
        self.told = Some(now);
        match &seen.rest {
            Some(rest) => {
                self.say_kinds(seen);
                self.ready.push_back(rest.clone());
            }
            None => {
                self.ready.extend(seen.progress.clone());
                self.say_kinds(seen);
            }
        }
        if seen.state.is_terminal() {
            self.news = None;
        }
    }

    /// Says the kinds of rejects that were not said yet: new ones come behind those that were there.
    fn say_kinds(&mut self, seen: &Seen) {
        let new = seen.errors.iter().skip(self.told_kinds);
        self.ready.extend(new.cloned());
        self.told_kinds = self.told_kinds.max(seen.errors.len());
    }
}
