//! The network between simulated processes and the stores, and all that is scheduled.
//!
//! ```text
//!  process ── send ──► (delay, or lost) ──► applied to the store ──► (delay, or lost) ──► the caller
//!                                              also when the caller has given up, or is dead
//! ```
//!
//! What becomes of a request, and when, is drawn when it is sent. A request that was sent is applied by the network, not
//! by its sender: late, after the sender was killed, or twice, because a client that hears nothing asks again. Stores
//! answer at once; time passes here only.

mod documents;
mod files;
mod objects;
mod queue;
mod rejects;

pub use documents::NetDocuments;
pub use files::NetFiles;
pub use objects::NetObjects;
pub use queue::NetQueue;
pub use rejects::NetRejects;

use super::chance::Chance;
use super::trace::Trace;
use super::world::Control;
use crate::id::Id;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use pipeline::Fatal;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

/// How a decorator sends a call to the store that it stands for: its arguments are kept, for the network delivers on
/// its own.
macro_rules! sent {
    ($self:ident, $call:expr, |$inner:ident $(, $arg:ident)*| $ask:expr) => {{
        let call = $call;
        let $inner = $self.inner.clone();
        $(let $arg = $arg.to_owned();)*
        let request = move || -> futures::future::BoxFuture<'static, _> {
            let $inner = $inner.clone();
            $(let $arg = $arg.clone();)*
            Box::pin(async move { $ask.await })
        };
        $self.link.call(call, request).await
    }};
}
use sent;

/// How bad the network is.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// The longest usual delay of a message, in milliseconds.
    pub delay_ms: u64,
    /// Requests that are lost, of a thousand.
    pub lost_requests: u64,
    /// Replies that are lost, of a thousand.
    pub lost_replies: u64,
    /// Requests that come late, of a thousand.
    pub late_requests: u64,
    /// How late they come at most, in milliseconds.
    pub late_ms: u64,
    /// How long a client waits for one answer at most, in milliseconds.
    pub patience_ms: u64,
    /// How often a client asks in all before it gives up.
    pub tries: u64,
}

impl Weather {
    /// A network that loses nothing.
    pub const FINE: Self = Self {
        delay_ms: 4,
        lost_requests: 0,
        lost_replies: 0,
        late_requests: 0,
        late_ms: 0,
        patience_ms: 5_000,
        tries: 1,
    };
}

/// What a process asks for.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// The method of the store.
    pub what: &'static str,
    /// The job for which something is written that a lost lease forbids.
    pub writes: Option<Id>,
}

impl Call {
    /// A request that may be sent at any time.
    pub fn of(what: &'static str) -> Self {
        Self { what, writes: None }
    }

    /// A request that may be sent only while the lease of `job` is sure.
    pub fn writes(what: &'static str, job: Id) -> Self {
        Self {
            what,
            writes: Some(job),
        }
    }
}

/// What happens at a time.
pub enum Event {
    /// A request reaches its store.
    Deliver {
        /// The process that sent it.
        from: usize,
        /// What it asks.
        what: &'static str,
        /// Applies it, and says how it ended.
        apply: Box<dyn FnOnce() -> &'static str + Send>,
    },
    /// An answer reaches its process, or the process has waited long enough.
    Reply {
        /// The process that asked.
        to: usize,
        /// What it asked.
        what: &'static str,
        /// Hands it over.
        give: Box<dyn FnOnce() + Send>,
    },
    /// What the scenario wants.
    Control(Control),
}

/// A time in which a process reaches nobody, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    /// The process.
    pub process: usize,
    /// From when.
    pub from_ms: u64,
    /// Until when.
    pub until_ms: u64,
}

/// The network, and what is scheduled on it.
pub struct Network {
    state: Mutex<State>,
}

struct State {
    /// By time in milliseconds, then by the order in which they were scheduled.
    events: BTreeMap<(u64, u64), Event>,
    scheduled: u64,
    chance: Chance,
    weather: Weather,
    /// From when on the weather is fine.
    fine_from_ms: u64,
    cuts: Vec<Cut>,
    trace: Trace,
    lease_ms: u64,
    /// When a process sent what it was last told that a job is its, in milliseconds.
    held: BTreeMap<(usize, Id), u64>,
    broken: Vec<String>,
}

impl Network {
    /// A network whose weather is fine from `fine_from_ms` on.
    pub fn new(chance: Chance, weather: Weather, fine_from_ms: u64, trace: Trace) -> Self {
        let state = State {
            events: BTreeMap::new(),
            scheduled: 0,
            chance,
            weather,
            fine_from_ms,
            cuts: Vec::new(),
            trace,
            lease_ms: super::LEASE_MS,
            held: BTreeMap::new(),
            broken: Vec::new(),
        };
        Self {
            state: Mutex::new(state),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Cuts a process off for a while.
    pub fn cut(&self, cut: Cut) {
        self.state().cuts.push(cut);
    }

    /// Schedules an event.
    pub fn at(&self, at_ms: u64, event: Event) {
        self.state().at(at_ms, event);
    }

    /// When the next event is due.
    pub fn next_ms(&self) -> Option<u64> {
        let state = self.state();
        state.events.first_key_value().map(|(&(at_ms, _), _)| at_ms)
    }

    /// Takes the next event, and when it is due.
    pub fn take(&self) -> Option<(u64, Event)> {
        let mut state = self.state();
        let ((at_ms, _), event) = state.events.pop_first()?;
        Some((at_ms, event))
    }

    /// Notes what happened.
    pub fn note(&self, at_ms: u64, who: usize, what: &str, more: &str) {
        self.state().trace.note(at_ms, who, what, more);
    }

    /// What was noted.
    pub fn trace(&self) -> Trace {
        self.state().trace.clone()
    }

    /// A promise is broken.
    pub fn broken(&self, message: String) {
        self.state().broken.push(message);
    }

    /// The promises that were broken.
    pub fn all_broken(&self) -> Vec<String> {
        self.state().broken.clone()
    }
}

impl State {
    fn at(&mut self, at_ms: u64, event: Event) {
        self.scheduled += 1;
        self.events.insert((at_ms, self.scheduled), event);
    }

    fn is_cut(&self, process: usize, at_ms: u64) -> bool {
        let hit =
            |cut: &Cut| cut.process == process && (cut.from_ms..cut.until_ms).contains(&at_ms);
        self.cuts.iter().any(hit)
    }

    fn weather_at(&self, at_ms: u64) -> Weather {
        match at_ms < self.fine_from_ms {
            true => self.weather,
            false => Weather::FINE,
        }
    }

    /// Draws when a request that is sent at `at_ms` arrives, if ever, and when its answer does.
    fn fate(&mut self, process: usize, at_ms: u64) -> Fate {
        let weather = self.weather_at(at_ms);
        let chance = &mut self.chance;
        let there_ms = match chance.permille(weather.late_requests) {
            true => chance.between(weather.delay_ms, weather.late_ms),
            false => chance.between(1, weather.delay_ms),
        };
        let lost = chance.permille(weather.lost_requests);
        let unheard = chance.permille(weather.lost_replies);
        let back_ms = chance.between(1, weather.delay_ms);
        let gives_up_ms = at_ms + chance.between(weather.patience_ms / 4, weather.patience_ms);
        let arrives_ms = at_ms + there_ms;
        let answered_ms = arrives_ms + back_ms;
        let lost = lost || self.is_cut(process, at_ms);
        let unheard = lost
            || unheard
            || answered_ms >= gives_up_ms
            || self.is_cut(process, arrives_ms)
            || self.is_cut(process, answered_ms);
        Fate {
            arrives_ms: (!lost).then_some(arrives_ms),
            answered_ms: (!unheard).then_some(answered_ms),
            gives_up_ms,
        }
    }
}

/// What becomes of a request, in milliseconds.
struct Fate {
    arrives_ms: Option<u64>,
    answered_ms: Option<u64>,
    gives_up_ms: u64,
}

/// A process's end of the network.
pub struct Link {
    network: Arc<Network>,
    /// The number of the process.
    pub process: usize,
    /// When the process started, in milliseconds, and by its own clock.
    started_ms: u64,
    epoch: OnceLock<Instant>,
    is_dead: AtomicBool,
    /// Told when something was sent.
    pub sent: Notify,
}

/// What a caller hears.
enum Heard<T> {
    Said(Result<T, Fatal>),
    Nothing,
}

impl Link {
    /// The end of a process that starts at `started_ms`.
    pub fn new(network: Arc<Network>, process: usize, started_ms: u64) -> Self {
        Self {
            network,
            process,
            started_ms,
            epoch: OnceLock::new(),
            is_dead: AtomicBool::new(false),
            sent: Notify::new(),
        }
    }

    /// What time it is for the process, in milliseconds. Asked for on its own runtime.
    pub fn now_ms(&self) -> u64 {
        let now = Instant::now();
        let epoch = *self.epoch.get_or_init(|| now);
        self.started_ms + (now - epoch).as_millis() as u64
    }

    /// The moment of the process's own clock that is `at_ms`.
    pub fn moment(&self, at_ms: u64) -> Instant {
        let epoch = *self.epoch.get_or_init(Instant::now);
        epoch + std::time::Duration::from_millis(at_ms.saturating_sub(self.started_ms))
    }

    /// From now on nothing is sent any more.
    pub fn die(&self) {
        self.is_dead.store(true, Ordering::Relaxed);
    }

    /// Notes that the process was told that a job is its, by a request that it sent at `sent_ms`. A claim whose name is
    /// old may give it a job of which an attempt is still ending here: what that one was told before still holds.
    pub fn holds(&self, job: Id, sent_ms: u64) {
        let mut state = self.network.state();
        let held = state.held.entry((self.process, job)).or_default();
        *held = sent_ms.max(*held);
    }

    /// Says that a promise is broken.
    pub fn broken(&self, message: String) {
        self.network.broken(message);
    }

    /// Asks a store, again where nothing is heard.
    ///
    /// # Errors
    /// What the store says, and an outage when it is silent for too long.
    pub async fn call<T: Send + 'static>(
        &self,
        call: Call,
        request: impl Fn() -> BoxFuture<'static, Result<T, Fatal>> + Send,
    ) -> Result<T, Fatal> {
        let mut tries = self.tries();
        loop {
            let Some(heard) = self.send(call, request()) else {
                return std::future::pending().await;
            };
            match heard.await {
                Ok(Heard::Said(answer)) => return answer,
                // The network keeps the other end for as long as there is a world.
                Ok(Heard::Nothing) | Err(_) => {}
            }
            tries -= 1;
            if tries == 0 {
                let message = format!("nothing was heard of {}", call.what);
                return Err(Fatal::outage("store_unavailable", message));
            }
        }
    }

    fn tries(&self) -> u64 {
        let now_ms = self.now_ms();
        let mut state = self.network.state();
        let most = state.weather_at(now_ms).tries;
        state.chance.between(1, most)
    }

    /// Sends a request; a process that is dead sends nothing.
    fn send<T: Send + 'static>(
        &self,
        call: Call,
        request: BoxFuture<'static, Result<T, Fatal>>,
    ) -> Option<oneshot::Receiver<Heard<T>>> {
        if self.is_dead.load(Ordering::Relaxed) {
            return None;
        }
        let (process, what, now_ms) = (self.process, call.what, self.now_ms());
        let mut state = self.network.state();
        let state = &mut *state;
        state.trace.note(now_ms, process, what, "sent");
        if let Some(job) = call.writes {
            let held = state.held.get(&(process, job)).copied();
            let until_ms = held.map(|sent_ms| sent_ms + state.lease_ms * 2 / 3);
            if until_ms.is_none_or(|until_ms| now_ms > until_ms) {
                state.broken.push(format!(
                    "process {process} sent {what} of job {job} at {now_ms} ms, allowed until {until_ms:?}"
                ));
            }
        }
        let fate = state.fate(process, now_ms);
        let (teller, heard) = oneshot::channel();
        let said = Arc::new(Mutex::new(None));
        if let Some(arrives_ms) = fate.arrives_ms {
            let said = said.clone();
            let apply = Box::new(move || {
                let answer = request
                    .now_or_never()
                    .unwrap_or_else(|| panic!("a store in memory did not answer {what} at once"));
                let how = answer.as_ref().map_or_else(|fatal| fatal.code, |_| "ok");
                *said.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
                how
            });
            let from = process;
            state.at(arrives_ms, Event::Deliver { from, what, apply });
        }
        let heard_ms = fate.answered_ms.unwrap_or(fate.gives_up_ms);
        let is_answered = fate.answered_ms.is_some();
        let give = Box::new(move || {
            let said = said.lock().unwrap_or_else(PoisonError::into_inner).take();
            let told = match said.filter(|_| is_answered) {
                Some(answer) => Heard::Said(answer),
                None => Heard::Nothing,
            };
            // Nobody listens where the caller has given up.
            let _ = teller.send(told);
        });
        let to = process;
        state.at(heard_ms, Event::Reply { to, what, give });
        self.sent.notify_one();
        Some(heard)
    }

    /// A number from the network's chance, for what a decorator draws.
    pub fn between(&self, least: u64, most: u64) -> u64 {
        self.network.state().chance.between(least, most)
    }
}
