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
mod tests {
    use super::*;

    fn tried(error: Option<&str>, again_ms: Option<u64>) -> Sent {
        Sent::Tried {
            status: Some(500),
            error: error.map(str::to_owned),
            duration_ms: 7,
            again_ms,
        }
    }

    fn completed_at(now_ms: u64) -> Callback {
        let mut callback = Callback::new("https://example.com/");
        callback.came_to(State::Completed, now_ms, Told::default());
        callback
    }

    #[test]
    fn ends_and_holds_are_told_and_nothing_else() {
        let mut callback = Callback::new("https://example.com/");
        for state in State::ALL {
            callback.came_to(state, 10, Told::default());
        }
        let told: Vec<_> = callback.events.iter().map(|event| &*event.state).collect();
        assert_eq!(told, ["held", "completed", "failed", "cancelled"]);
        assert_eq!((callback.due_ms, callback.last_event), (Some(10), 4));
    }

    #[test]
    fn a_host_is_the_same_however_it_is_written() {
        for (url, host) in [
            ("https://Example.COM./a?b", "example.com"),
            ("https://example.com:8443", "example.com"),
            ("http://127.1/", "127.0.0.1"),
            ("http://[::1]:80/", "[::1]"),
            ("nothing", ""),
        ] {
            assert_eq!(Callback::new(url).host(), host, "{url}");
        }
    }

    #[test]
    fn one_sender_has_it_until_its_lease_runs_out() {
        let mut callback = completed_at(10);
        assert!(!callback.claim("early", 9, 100));
        assert!(callback.claim("first", 10, 100));
        assert!(!callback.claim("second", 109, 100));
        assert!(callback.claim("second", 110, 100), "the first one died");
        assert!(!callback.note("first", 1, &tried(None, None), 111));
        assert!(callback.note("second", 1, &tried(None, None), 111));
        assert_eq!(callback.events[0].delivery, Delivery::Delivered);
        assert_eq!((callback.due_ms, callback.owner), (None, None));
        assert_eq!(callback.log.len(), 1, "who lost it logs nothing");
    }

    #[test]
    fn a_failure_is_tried_again_and_at_last_given_up() {
        let mut callback = completed_at(10);
        assert!(callback.claim("a", 10, 100));
        assert!(callback.note("a", 1, &tried(Some("no"), Some(5)), 20));
        assert_eq!(callback.events[0].delivery, Delivery::Pending);
        assert_eq!(callback.due_ms, Some(25));
        assert!(callback.claim("b", 25, 100));
        assert!(callback.note("b", 1, &tried(Some("no"), None), 30));
        assert_eq!(callback.events[0].delivery, Delivery::Failed);
        assert_eq!((callback.due_ms, callback.events[0].attempts), (None, 2));

        assert!(callback.resend(1, 40), "it begins anew");
        assert_eq!(
            (callback.due_ms, callback.events[0].attempts),
            (Some(40), 0)
        );
        assert_eq!(callback.next().map(|event| event.n), Some(1), "as the same");
        assert!(!callback.resend(3, 40), "there was no third try");
    }

    #[test]
    fn what_becomes_due_while_one_is_sent_is_sent_behind_it() {
        let mut callback = Callback::new("https://example.com/");
        callback.came_to(State::Held, 10, Told::default());
        assert!(callback.claim("a", 10, 100));
        callback.came_to(State::Completed, 11, Told::default());
        assert!(!callback.claim("b", 12, 100), "one at a time");
        assert!(callback.note("a", 1, &tried(Some("no"), Some(60_000)), 20));
        assert_eq!(callback.due_ms, Some(11), "the second does not wait");
        assert!(callback.claim("b", 21, 100));
        assert_eq!(callback.next().map(|event| event.n), Some(2));
    }

    #[test]
    fn no_secret_of_a_url_is_shown() {
        let callback = Callback::new("https://hidden:hidden@example.com/a?token=hidden#hidden");
        let shown = format!("{callback:?}");
        assert!(
            shown.contains("example.com/…") && !shown.contains("hidden"),
            "{shown}"
        );
    }

    #[test]
    fn a_try_is_known_from_its_begin_to_its_end() {
        let mut callback = completed_at(10);
        assert!(callback.claim("dead", 10, 100));
        let taken = |at_ms, attempt| Taken {
            event: 1,
            at_ms,
            attempt,
            is_asked_again: false,
        };
        assert_eq!(callback.taken, Some(taken(10, 1)));
        assert!(callback.claim("a", 110, 100), "the first one died");
        assert_eq!(
            callback.taken,
            Some(taken(110, 1)),
            "it is no try of before"
        );
        assert!(callback.note("a", 1, &tried(Some("no"), Some(5)), 120));
        assert_eq!(callback.taken, None);
        assert!(callback.claim("b", 125, 100));
        assert_eq!(callback.taken, Some(taken(125, 2)));
        callback.give_back();
        assert_eq!(callback.taken, None);
    }

    #[test]
    fn what_is_asked_for_while_it_is_sent_is_sent_once_more() {
        for (error, again_ms) in [(None, None), (Some("no"), None), (Some("no"), Some(60_000))] {
            let mut callback = completed_at(10);
            assert!(callback.claim("a", 10, 100));
            assert!(callback.note("a", 1, &tried(Some("no"), Some(5)), 20));
            assert!(callback.claim("b", 25, 100));
            assert!(callback.resend(1, 30));
            assert!(callback.note("b", 1, &tried(error, again_ms), 40));
            let tries: Vec<_> = callback.log.iter().map(|one| one.attempt).collect();
            assert_eq!(tries, [1, 2], "the log says which try it was");
            assert_eq!(callback.due_ms, Some(30), "{error:?}");
            assert!(callback.claim("c", 40, 100));
            assert_eq!(callback.taken.as_ref().map(|taken| taken.attempt), Some(1));
        }
    }

    #[test]
    fn what_is_put_back_is_no_try() {
        let mut callback = completed_at(10);
        assert!(callback.claim("a", 10, 100));
        assert!(callback.note("a", 1, &Sent::PutBack { delay_ms: 5 }, 20));
        assert_eq!(
            (callback.due_ms, callback.events[0].attempts),
            (Some(25), 0)
        );
        assert!(callback.log.is_empty());
    }

    #[test]
    fn what_waits_is_not_forgotten_for_what_comes() {
        let mut callback = Callback::new("https://example.com/");
        let more = MAX_EVENTS as u64 + 5;
        for n in 1..=more {
            callback.came_to(State::Failed, n, Told::default());
        }
        let numbers = |callback: &Callback| -> Vec<u64> {
            let waiting = callback
                .events
                .iter()
                .filter(|event| event.next_ms.is_some());
            waiting.map(|event| event.n).collect()
        };
        let first: Vec<u64> = (1..=MAX_PENDING as u64).collect();
        assert_eq!(numbers(&callback), first);
        let newest = callback.newest().unwrap();
        assert_eq!((newest.n, newest.delivery), (more, Delivery::Failed));
        assert_eq!(callback.events.len(), MAX_EVENTS);

        // The tries tell of it, and it can be asked for.
        assert!(callback.claim("a", more, 100));
        let logged: Vec<_> = callback.log.iter().map(|one| (one.n, one.event)).collect();
        assert_eq!(logged, [(1, more)]);
        assert!(callback.log[0].error.as_ref().unwrap().contains("waiting"));
        assert!(callback.note("a", 1, &tried(None, None), more));
        assert!(callback.resend(1, more));
        assert_eq!(numbers(&callback).last(), Some(&more));

        // What was delivered goes for what comes, however old the others are.
        callback.came_to(State::Completed, more + 1, Told::default());
        assert_eq!(callback.newest().unwrap().delivery, Delivery::Failed);
        let kept: Vec<u64> = callback.events.iter().map(|event| event.n).collect();
        assert!(!kept.contains(&1) && kept.contains(&2) && kept.len() == MAX_EVENTS);

        // Where all were asked for again, one more has no place.
        for event in &mut callback.events {
            event.next_ms = Some(1);
        }
        callback.came_to(State::Failed, more + 2, Told::default());
        let still: Vec<u64> = callback.events.iter().map(|event| event.n).collect();
        assert_eq!((still, callback.last_event), (kept, more + 2));
    }

    #[test]
    fn events_and_tries_are_bounded() {
        let mut callback = Callback::new("https://example.com/");
        for n in 1..=MAX_EVENTS as u64 + 5 {
            callback.came_to(State::Failed, n, Told::default());
            assert!(callback.claim("a", n, 100));
            assert!(callback.note("a", n, &tried(None, None), n));
        }
        assert_eq!(callback.events.len(), MAX_EVENTS);
        assert_eq!(callback.log.len(), MAX_ATTEMPTS_LOGGED);
        assert_eq!(callback.log[0].n, 6, "numbers go on");
        assert!(!callback.resend(1, 9), "it is forgotten");
    }
}
