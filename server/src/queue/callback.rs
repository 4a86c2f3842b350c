//! The webhook of a job: which of its events are still to be told, and what came of each try.
//!
//! A pure record, the same in every store: a store only has to change it together with the job, in one statement. An
//! event becomes due by the transition that ends or holds the job. One sender at a time has the record, by a lease that
//! is written as the time from which it is due again: whoever dies with it has it sent once more. Events never change
//! their numbers, so the id of a message is the same over retries, crashes and resends. It knows no clock.

#[cfg(test)]
use super::Job;
use super::{CallbackUrl, State};
use crate::id::Id;
use crate::tenant::Tenant;
use pipeline::Counters;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

/// The most events that a job remembers; the oldest one goes that is not to be sent any more.
pub const MAX_EVENTS: usize = 100;
/// The most events of a job that wait to be sent. One that comes while as many wait is not sent: it has failed, and the
/// tries say so.
pub const MAX_PENDING: usize = MAX_EVENTS - 1;
/// The most tries that a job remembers; the oldest one goes.
pub const MAX_ATTEMPTS_LOGGED: usize = 100;

/// After how long a job is looked at again that could not be read, in milliseconds.
pub const UNREADABLE_MS: u64 = 3_600_000;

/// The most characters of a message that an event keeps.
pub const MAX_TOLD_CHARS: usize = 1_000;

/// Whom a job tells of its ends and holds, and how far that is. Times are the store's, in milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Callback {
    /// Where to.
    pub url: CallbackUrl,
    /// The number of the newest event; 0: there was none.
    pub last_event: u64,
    /// The newest events, the oldest first.
    pub events: Vec<Event>,
    /// The number of the newest try; 0: there was none.
    pub last_attempt: u64,
    /// The newest tries, the oldest first.
    #[serde(default)]
    pub log: Vec<Attempt>,
    /// From when a sender may take it; none: there is nothing to send.
    pub due_ms: Option<u64>,
    /// The sender that has it, by the random name of its claim.
    pub owner: Option<String>,
    /// What that sender is to send; none: nobody has it, or somebody of before it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken: Option<Taken>,
}

/// A try that a sender has begun. It is under way until [`Callback::due_ms`]; then the sender is taken for dead, and the
/// event is due again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Taken {
    /// The number of the event.
    pub event: u64,
    /// When it was taken.
    pub at_ms: u64,
    /// Which try of the event it is, from 1.
    pub attempt: u32,
    /// Whether the event was asked for again since: then it is sent once more, whatever comes of this try.
    #[serde(default)]
    pub is_asked_again: bool,
}

/// An end or a hold of the job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Its number in the job, from 1.
    pub n: u64,
    /// The word of the state that the job came to.
    pub state: String,
    /// When it did.
    pub at_ms: u64,
    /// What came of telling it.
    pub delivery: Delivery,
    /// Tries that have ended since it became due, or was last asked for again.
    pub attempts: u32,
    /// From when it may be sent (again), while it is pending.
    pub next_ms: Option<u64>,
    /// When it was delivered.
    pub delivered_ms: Option<u64>,
    /// What the job was at that moment; none: it was not kept then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Told>,
}

/// What a job was when it came to an end or a hold: every try tells the same, whatever became of the job since.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Told {
    /// Why it failed or is held, the first [`MAX_TOLD_CHARS`] characters.
    pub error: Option<String>,
    /// Records that are loaded, now or before.
    pub rows_processed: u64,
    /// Records that were rejected.
    pub rows_failed: u64,
}

impl Told {
    /// What a job is now.
    #[cfg(test)]
    pub fn of(job: &Job) -> Self {
        let error = match job.state {
            State::Held => job.held.as_ref().map(|held| &held.message),
            State::Failed => job.failure.as_ref().map(|failure| &failure.message),
            _ => None,
        };
        let (rows_processed, rows_failed) = job
            .checkpoint
            .as_ref()
            .map(|checkpoint| rows_of(&checkpoint.books.counters))
            .unwrap_or_default();
        Self {
            error: error.map(|message| message.chars().take(MAX_TOLD_CHARS).collect()),
            rows_processed,
            rows_failed,
        }
    }
}

/// Records that are loaded, now or before, and those that were rejected.
pub fn rows_of(counters: &Counters) -> (u64, u64) {
    let loaded = counters.loaded.saturating_add(counters.already_loaded);
    (loaded, counters.rejected)
}

/// What came of telling an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Delivery {
    /// It is to be sent.
    Pending,
    /// The receiver has taken it.
    Delivered,
    /// It was tried as often as it is.
    Failed,
}

/// A try to deliver an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// Its number in the job, from 1.
    pub n: u64,
    /// The number of the event.
    pub event: u64,
    /// The word of the state that the event tells of.
    pub state: String,
    /// When it ended.
    pub at_ms: u64,
    /// Which try of the event it was, from 1, since it became due or was last asked for again.
    pub attempt: u32,
    /// The status of the answer, where there was one.
    pub status: Option<u16>,
    /// Why it failed; none: it was delivered.
    pub error: Option<String>,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// From when it is tried again; none: it is not.
    pub next_ms: Option<u64>,
}

/// What a sender says of the event that it had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It was not tried: somebody may take it again after so many milliseconds.
    PutBack {
        /// Milliseconds from now.
        delay_ms: u64,
    },
    /// It was tried.
    Tried {
        /// The status of the answer, where there was one.
        status: Option<u16>,
        /// Why it failed; none: it was delivered.
        error: Option<String>,
        /// How long it took, in milliseconds.
        duration_ms: u64,
        /// After how many milliseconds it is tried again, where it failed; none: not any more.
        again_ms: Option<u64>,
    },
}

/// Whose webhooks are not taken now: they have as many deliveries under way as they may have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Skip {
    /// By their keys.
    pub tenants: Vec<String>,
    /// A tenant's at a host, as [`Callback::place`]: what one tenant has there holds up no other's.
    pub places: Vec<String>,
}

impl Callback {
    /// The host of the URL, however it is written; empty where there is none.
    pub fn host(&self) -> String {
        let url = Url::parse(&self.url).ok();
        let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
        host.trim_end_matches('.').to_owned()
    }

    /// Whose it is, and where it goes: the tenant's key and the host as one text, `acme@example.com`. No key and no host
    /// contains an `@`.
    pub fn place(&self, tenant: &Tenant) -> String {
        format!("{}@{}", tenant.key(), self.host())
    }

    /// The webhook of a job that has told nothing yet.
    pub fn new(url: impl Into<CallbackUrl>) -> Self {
        Self {
            url: url.into(),
            last_event: 0,
            events: Vec::new(),
            last_attempt: 0,
            log: Vec::new(),
            due_ms: None,
            owner: None,
            taken: None,
        }
    }

    /// Notes what a transition to `state` makes due at `now_ms`: an end or a hold; nothing else is told.
    pub fn came_to(&mut self, state: State, now_ms: u64, told: Told) {
        if !is_told(state) {
            return;
        }
        let waits = self.events.iter().filter(|event| event.next_ms.is_some());
        let has_room = waits.count() < MAX_PENDING;
        self.last_event += 1;
        self.events.push(Event {
            n: self.last_event,
            state: state.word().to_owned(),
            at_ms: now_ms,
            delivery: match has_room {
                true => Delivery::Pending,
                false => Delivery::Failed,
            },
            attempts: 0,
            next_ms: has_room.then_some(now_ms),
            delivered_ms: None,
            told: Some(told),
        });
        if self.events.len() > MAX_EVENTS {
            let mut events = self.events.iter();
            let gone = events.position(|event| event.next_ms.is_none());
            self.events.remove(gone.unwrap_or_default());
        }
        if has_room {
            self.wake(now_ms);
        }
    }

    /// Has the tries say which events were not sent because too many waited. A transition cannot: it writes events alone.
    fn log_unsent(&mut self) {
        let events = self.events.iter_mut();
        let unsent =
            events.filter(|event| event.delivery == Delivery::Failed && event.attempts == 0);
        for event in unsent {
            event.attempts = 1;
            self.last_attempt += 1;
            self.log.push(Attempt {
                n: self.last_attempt,
                event: event.n,
                state: event.state.clone(),
                at_ms: event.at_ms,
                attempt: 1,
                status: None,
                error: Some(format!(
                    "not sent: {MAX_PENDING} messages of the job were waiting"
                )),
                duration_ms: 0,
                next_ms: None,
            });
        }
        let too_many = self.log.len().saturating_sub(MAX_ATTEMPTS_LOGGED);
        self.log.drain(..too_many);
    }

    /// Gives it to a sender for `lease_ms`, where it is due.
    pub fn claim(&mut self, owner: &str, now_ms: u64, lease_ms: u64) -> bool {
        if self.due_ms.is_none_or(|due_ms| due_ms > now_ms) {
            return false;
        }
        self.log_unsent();
        let Some(next) = self.next() else {
            self.rest();
            return false;
        };
        self.taken = Some(Taken {
            event: next.n,
            at_ms: now_ms,
            attempt: next.attempts.saturating_add(1),
            is_asked_again: false,
        });
        self.owner = Some(owner.to_owned());
        self.due_ms = Some(now_ms.saturating_add(lease_ms));
        true
    }

    /// The event that is to be sent first: the pending one that is due longest.
    pub fn next(&self) -> Option<&Event> {
        let pending = self.events.iter().filter(|event| event.next_ms.is_some());
        pending.min_by_key(|event| (event.next_ms, event.n))
    }

    /// Notes what came of event `n`, and lets go of it. `false`: somebody else has it by now.
    pub fn note(&mut self, owner: &str, n: u64, sent: &Sent, now_ms: u64) -> bool {
        if self.owner.as_deref() != Some(owner) {
            return false;
        }
        let taken = self.taken.as_ref().filter(|taken| taken.event == n);
        if let Some(event) = self.events.iter_mut().find(|event| event.n == n) {
            let attempt = taken.map_or(event.attempts.saturating_add(1), |taken| taken.attempt);
            let is_asked_again = taken.is_some_and(|taken| taken.is_asked_again);
            match sent {
                Sent::PutBack { .. } if is_asked_again => {}
                Sent::PutBack { delay_ms } => {
                    event.next_ms = Some(now_ms.saturating_add(*delay_ms));
                }
                Sent::Tried {
                    status,
                    error,
                    duration_ms,
                    again_ms,
                } => {
                    let failed = error.is_some();
                    let again_ms = again_ms.filter(|_| failed);
                    // What was asked for meanwhile stands: it was promised a try of its own.
                    if !is_asked_again {
                        event.attempts = attempt;
                        event.next_ms = again_ms.map(|again_ms| now_ms.saturating_add(again_ms));
                        event.delivered_ms = (!failed).then_some(now_ms);
                        event.delivery = match (failed, event.next_ms) {
                            (false, _) => Delivery::Delivered,
                            (true, Some(_)) => Delivery::Pending,
                            (true, None) => Delivery::Failed,
                        };
                    }
                    self.last_attempt += 1;
                    self.log.push(Attempt {
                        n: self.last_attempt,
                        event: n,
                        state: event.state.clone(),
                        at_ms: now_ms,
                        attempt,
                        status: *status,
                        error: error.clone(),
                        duration_ms: *duration_ms,
                        next_ms: event.next_ms,
                    });
                    if self.log.len() > MAX_ATTEMPTS_LOGGED {
                        self.log.remove(0);
                    }
                }
            }
        }
        self.rest();
        true
    }

    /// Takes it from a sender that is dead.
    pub fn give_back(&mut self) {
        self.rest();
    }

    /// Makes the event of try `n` due again, from its first try on. `false`: there is no such try, or its event is not
    /// remembered any more.
    pub fn resend(&mut self, n: u64, now_ms: u64) -> bool {
        let Some(of) = self.log.iter().find(|attempt| attempt.n == n) else {
            return false;
        };
        let of = of.event;
        let Some(event) = self.events.iter_mut().find(|event| event.n == of) else {
            return false;
        };
        event.delivery = Delivery::Pending;
        event.attempts = 0;
        event.next_ms = Some(now_ms);
        event.delivered_ms = None;
        if let Some(taken) = &mut self.taken {
            taken.is_asked_again |= taken.event == of;
        }
        self.wake(now_ms);
        true
    }

    /// Whether try `n` can be asked for again: it and its event are remembered.
    pub fn remembers(&self, n: u64) -> bool {
        let of = self.log.iter().find(|attempt| attempt.n == n);
        of.is_some_and(|of| self.events.iter().any(|event| event.n == of.event))
    }

    /// The newest event.
    pub fn newest(&self) -> Option<&Event> {
        self.events.last()
    }

    /// Makes it due at once, unless a sender has it: what that one leaves is looked at then.
    fn wake(&mut self, now_ms: u64) {
        if self.owner.is_none() {
            self.due_ms = Some(self.due_ms.map_or(now_ms, |due_ms| due_ms.min(now_ms)));
        }
    }

    /// Nobody has it; it is due with the first of its pending events.
    fn rest(&mut self) {
        self.owner = None;
        self.taken = None;
        self.due_ms = self.next().and_then(|event| event.next_ms);
    }
}

/// Whether a job that comes to `state` tells of it.
pub fn is_told(state: State) -> bool {
    state.is_terminal() || state == State::Held
}

/// The id of the message that tells event `n` of a job.
pub fn message_id(job: Id, n: u64) -> String {
    format!("msg_{job}_{n}")
}

#[cfg(test)]
mod tests;
