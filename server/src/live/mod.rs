//! Watching jobs: however many clients watch a job, the store is asked for it once.
//!
//! ```text
//! store ── beat, every 250 ms: what is new? ── one channel a job, which holds the newest only ── a watcher a client
//!                                                                                 ├─ socket  (WebSocket)
//!                                                                                 └─ events  (Server-Sent Events)
//! ```
//!
//! The store is the truth, whichever process runs the job: workers save there how far they are. One statement a beat asks
//! for all watched jobs of a tenant, and is answered only with those that are to be told of: a job at most every
//! [`PERIOD`], one that has come to rest at once. Nothing here is waited for by a job, and nothing queues up: a client that
//! is slow finds the newest when it comes back, and one that takes nothing for [`STALL_TIMEOUT`] is dropped. A client comes
//! back after [`MAX_WATCH`]. While nobody watches, nothing is asked. What is said of a job at rest is long, and is there
//! once, however many clients take it and however slowly.

pub mod events;
mod heard;
pub mod message;
mod send;
pub mod socket;
#[cfg(test)]
mod tests;
mod watcher;

pub use watcher::Watcher;

use crate::id::Id;
use crate::metrics::{ByWay, Metrics};
use crate::queue::{Job, Known, MAX_NEWS, Queue};
use crate::tenant::Tenant;
use futures::StreamExt as _;
use message::Seen;
use pipeline::Fatal;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// How often the store is asked what is new; bounds how late an end is told.
pub const BEAT: Duration = Duration::from_millis(250);
/// How often progress of a job is told, at most.
pub const PERIOD: Duration = Duration::from_secs(2);
/// For how long a client may take nothing of what it is told.
pub const STALL_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a client watches at a time. Whoever comes back shows its key again: one that was revoked watches no longer.
pub const MAX_WATCH: Duration = Duration::from_mins(15);
/// The most clients of a process that watch: a quarter of its connections.
pub const MAX_CLIENTS: usize = 1_024;
/// The most clients of a tenant that watch at one process.
pub const MAX_CLIENTS_OF_TENANT: usize = 512;
/// The most jobs that a process asks for.
pub const MAX_JOBS: usize = 512;
/// The most jobs of a tenant that a process asks for.
pub const MAX_JOBS_OF_TENANT: usize = 256;
/// Statements that ask for news at once.
const MAX_ASKING: usize = 4;
/// Clients that come whose jobs are read at once: each has a copy of its own until it is found that others have one.
const MAX_COMING: usize = 4;
/// The most jobs of which it is known how others were told their end.
const MAX_ENDED: usize = MAX_CLIENTS;

/// A way to watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Server-Sent Events.
    Events,
    /// WebSocket.
    WebSocket,
}

impl Way {
    fn label(self) -> ByWay {
        let way = match self {
            Self::Events => "events",
            Self::WebSocket => "websocket",
        };
        ByWay { way }
    }
}

/// Who watches which jobs in this process. Cheap to clone.
#[derive(Clone)]
pub struct Live(Arc<Hub>);

struct Hub {
    queue: Arc<dyn Queue>,
    metrics: Arc<Metrics>,
    watched: Mutex<Watched>,
    coming: Semaphore,
}

#[derive(Default)]
struct Watched {
    clients: usize,
    jobs: usize,
    /// How many jobs were watched so far.
    entered: u64,
    tenants: HashMap<Tenant, OfTenant>,
    beat: Option<JoinHandle<()>>,
    /// Jobs that have ended, as they were seen, for as long as somebody takes the message of that: also behind the time when
    /// nobody watches any more.
    ended: HashMap<(Tenant, Id), Weak<Seen>>,
}

#[derive(Default)]
struct OfTenant {
    clients: usize,
    jobs: HashMap<Id, Entry>,
}

/// A job that somebody watches.
struct Entry {
    /// Which one it is of those that were entered for this job.
    number: u64,
    clients: usize,
    /// When it was told of last.
    told: Instant,
    newest: watch::Sender<Arc<Seen>>,
}

impl Live {
    /// Nobody watches yet. `queue` is asked.
    pub fn new(queue: Arc<dyn Queue>, metrics: Arc<Metrics>) -> Self {
        Self(Arc::new(Hub {
            queue,
            metrics,
            watched: Mutex::default(),
            coming: Semaphore::new(MAX_COMING),
        }))
    }

    /// Watches a job. `None`: the tenant has no such job.
    ///
    /// # Errors
    /// `too_many_watchers` where the tenant has too many clients or jobs that are watched here, `watchers_full` where the
    /// process has; outages of the store.
    pub async fn watch(&self, tenant: &Tenant, id: Id, way: Way) -> Result<Option<Watcher>, Fatal> {
        let seat = Seat::take(&self.0, tenant, way)?;
        // It is never closed.
        let _coming = self.0.coming.acquire().await;
        let found = self.0.queue.news(tenant, &[Known::nothing(id)]).await?;
        let Some(job) = found.into_iter().next() else {
            return Ok(None);
        };
        seat.at(job).map(Some)
    }
}

impl Hub {
    fn lock(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of the watched jobs, by tenant, as much as one statement asks for at a time. `None`: nobody watches,
    /// and the beat ends with this.
    fn known(&self, now: Instant) -> Option<Vec<(Tenant, Vec<Known>)>> {
        let mut watched = self.lock();
        if watched.jobs == 0 {
            watched.beat = None;
            return None;
        }
        let mut all = Vec::new();
        for (tenant, of_tenant) in &watched.tenants {
            let known = of_tenant.jobs.iter().map(|(id, entry)| {
                let newest = entry.newest.borrow();
                Known {
                    id: *id,
                    state: newest.state,
                    updated_ms: newest.updated_ms,
                    // Half a beat early: what is due between two beats is told with the one that is nearer.
                    wants_any: now.duration_since(entry.told) + BEAT / 2 >= PERIOD,
                }
            });
            let known: Vec<Known> = known.collect();
            all.extend(
                known
                    .chunks(MAX_NEWS)
                    .map(|some| (tenant.clone(), some.to_vec())),
            );
        }
        Some(all)
    }

    /// Tells those who watch it how a job is.
    fn tell(&self, tenant: &Tenant, id: Id, seen: Seen, now: Instant) {
        let mut watched = self.lock();
        let Some(of_tenant) = watched.tenants.get_mut(tenant) else {
            return;
        };
        let Some(entry) = of_tenant.jobs.get_mut(&id) else {
            return;
        };
        entry.told = now;
        let seen = Arc::new(seen);
        entry.newest.send_replace(seen.clone());
        if seen.state.is_terminal() && of_tenant.jobs.remove(&id).is_some() {
            watched.jobs -= 1;
            watched.shared(tenant, id, seen);
        }
    }
}

impl Watched {
    /// A job that has ended, as somebody takes it already, where that is the same.
    fn shared(&mut self, tenant: &Tenant, id: Id, seen: Arc<Seen>) -> Arc<Seen> {
        let key = (tenant.clone(), id);
        let other = self.ended.get(&key).and_then(Weak::upgrade);
        if let Some(other) = other.filter(|other| other.rests_as(&seen)) {
            return other;
        }
        if self.ended.len() >= MAX_ENDED {
            self.ended.retain(|_, seen| seen.strong_count() > 0);
        }
        if self.ended.len() < MAX_ENDED {
            self.ended.insert(key, Arc::downgrade(&seen));
        }
        seen
    }
}

/// Asks what is new until nobody watches any more.
async fn beat(hub: Weak<Hub>) {
    let mut beat = interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_out = false;
    loop {
        let now = beat.tick().await;
        let Some(hub) = hub.upgrade() else { return };
        let Some(all) = hub.known(now) else { return };
        let asked = futures::stream::iter(all).map(|(tenant, known)| {
            let hub = hub.clone();
            async move {
                let news = hub.queue.news(&tenant, &known).await?;
                for job in news {
                    let id = job.id;
                    hub.tell(&tenant, id, Seen::new(job), now);
                }
                Ok::<_, Fatal>(())
            }
        });
        let asked: Vec<Result<(), Fatal>> = asked.buffer_unordered(MAX_ASKING).collect().await;
        // An outage is told once, however long it is.
        match asked.into_iter().find_map(Result::err) {
            Some(error) if !is_out => {
                tracing::warn!(%error, "who watches jobs hears nothing for now");
                is_out = true;
            }
            Some(_) => {}
            None => is_out = false,
        }
    }
}

/// The place of a client that watches; it is free again when this is dropped.
struct Seat {
    hub: Arc<Hub>,
    tenant: Tenant,
    way: Way,
    /// Its job, and the number of the entry.
    job: Option<(Id, u64)>,
}

impl Seat {
    /// A place, not yet at a job.
    fn take(hub: &Arc<Hub>, tenant: &Tenant, way: Way) -> Result<Self, Fatal> {
        let mut watched = hub.lock();
        let of_tenant = watched.tenants.get(tenant);
        if of_tenant.is_some_and(|of_tenant| of_tenant.clients >= MAX_CLIENTS_OF_TENANT) {
            return Err(too_many("clients", MAX_CLIENTS_OF_TENANT));
        }
        if watched.clients >= MAX_CLIENTS {
            return Err(full("clients", MAX_CLIENTS));
        }
        watched.clients += 1;
        watched.tenants.entry(tenant.clone()).or_default().clients += 1;
        hub.metrics.watchers.get_or_create(&way.label()).inc();
        Ok(Self {
            hub: hub.clone(),
            tenant: tenant.clone(),
            way,
            job: None,
        })
    }

    /// Takes it to a job as it was read.
    fn at(self, job: Job) -> Result<Watcher, Fatal> {
        let id = job.id;
        let first = Arc::new(Seen::new(job));
        if first.state.is_terminal() {
            let first = self.hub.lock().shared(&self.tenant, id, first);
            return Ok(Watcher::new(self, first, None));
        }
        let (seat, mut news) = self.of_job(id, &first)?;
        let newest = news.borrow().clone();
        let first = match (newest.state, newest.updated_ms) == (first.state, first.updated_ms) {
            // One for all who watch.
            true => newest,
            // What was told to others since this was read: the store says it no second time.
            false => {
                news.mark_changed();
                first
            }
        };
        Ok(Watcher::new(seat, first, Some(news)))
    }

    /// Takes it to a job that is as `first` says where nobody else watches it, and gives what is told of it from now on.
    fn of_job(
        mut self,
        id: Id,
        first: &Arc<Seen>,
    ) -> Result<(Self, watch::Receiver<Arc<Seen>>), Fatal> {
        let hub = self.hub.clone();
        let mut guard = hub.lock();
        let watched = &mut *guard;
        let is_full = watched.jobs >= MAX_JOBS;
        let of_tenant = watched.tenants.entry(self.tenant.clone()).or_default();
        if !of_tenant.jobs.contains_key(&id) {
            let refused = match of_tenant.jobs.len() {
                MAX_JOBS_OF_TENANT.. => Some(too_many("jobs", MAX_JOBS_OF_TENANT)),
                _ if is_full => Some(full("jobs", MAX_JOBS)),
                _ => None,
            };
            if let Some(refused) = refused {
                // The place is given up behind the lock, which it takes itself.
                drop(guard);
                return Err(refused);
            }
            watched.jobs += 1;
            watched.entered += 1;
        }
        let number = watched.entered;
        let entry = of_tenant.jobs.entry(id).or_insert_with(|| Entry {
            number,
            clients: 0,
            told: Instant::now(),
            newest: watch::Sender::new(first.clone()),
        });
        entry.clients += 1;
        let news = entry.newest.subscribe();
        self.job = Some((id, entry.number));
        // One that has panicked is started again.
        if watched.beat.as_ref().is_none_or(JoinHandle::is_finished) {
            watched.beat = Some(tokio::spawn(beat(Arc::downgrade(&hub))));
        }
        drop(guard);
        Ok((self, news))
    }

    /// Counts that its client was dropped because it took nothing.
    fn was_slow(&self) {
        let slow = &self.hub.metrics.slow_watchers;
        slow.get_or_create(&self.way.label()).inc();
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.hub
            .metrics
            .watchers
            .get_or_create(&self.way.label())
            .dec();
        let mut guard = self.hub.lock();
        let watched = &mut *guard;
        watched.clients = watched.clients.saturating_sub(1);
        let Some(of_tenant) = watched.tenants.get_mut(&self.tenant) else {
            return;
        };
        of_tenant.clients = of_tenant.clients.saturating_sub(1);
        // The job may have ended and be watched again since: that entry is not this client's.
        if let Some((id, number)) = self.job
            && let Some(entry) = of_tenant.jobs.get_mut(&id)
            && entry.number == number
        {
            entry.clients = entry.clients.saturating_sub(1);
            if entry.clients == 0 {
                of_tenant.jobs.remove(&id);
                watched.jobs = watched.jobs.saturating_sub(1);
            }
        }
        if of_tenant.clients == 0 {
            watched.tenants.remove(&self.tenant);
        }
        if watched.clients == 0 {
            watched.ended.retain(|_, seen| seen.strong_count() > 0);
        }
    }
}

fn too_many(what: &str, most: usize) -> Fatal {
    let message = format!("more than {most} {what} of yours cannot be watched at once");
    Fatal::new("too_many_watchers", message).hint("close some, or ask with GET /jobs/{jobId}")
}

fn full(what: &str, most: usize) -> Fatal {
    let message = format!("no more than {most} {what} can be watched at this process");
    Fatal::new("watchers_full", message).hint("ask with GET /jobs/{jobId} until there is room")
}
