//! Holding a load: entering it into `_loads`, keeping its lease, and letting go of it.
//!
//! A load is written only while it is held: writing stops when two thirds of the lease have passed since the last
//! renewal that was acknowledged was sent, so that nobody can have taken the load over by then. `run` asks for a load by
//! its content ([`enter`]) and keeps it here; a job of the service was given its load when it was submitted
//! ([`take`]), and its worker renews it beside the job.

use async_trait::async_trait;
use pipeline::{Batch, Fatal, Holdings, Retry, Sink, Written};
use stages::identity::LoadIdentity;
use stages::load::{Entry, Loads, Request, Verdict, Wish, judge};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

/// How often a lease that may have been left by a dead process is looked at.
const WAIT_INTERVAL_MS: u64 = 500;
/// How long another process that writes the load or the target is waited for, in milliseconds.
const RIVAL_WAIT_MS: u64 = 3_000;
/// How often a merge load that stands first looks whether a later one has given way, in milliseconds.
const RIVAL_POLL_MS: u64 = 50;
/// Tries to enter a load while others change the same entry.
const MAX_TRIES: usize = 20;
/// Another process has the load, or a merge load the target.
const IN_PROGRESS: &str = "load_in_progress";
/// A later merge load of the target has started.
const NEWER: &str = "newer_load";

/// What came of asking for a load.
pub enum Entered {
    /// It is ours, by a statement that was sent then.
    Ours(Entry, Instant),
    /// It is completed.
    Existing(Entry),
    /// Another process may still write it, and nobody wants to wait for that any more.
    GivenUp(Entry),
}

/// Asks for a load, and waits out a lease where the wish is to resume. `gone`: what a completed load of it made is
/// not there any more, a file say, so it can be made again. `waiting` is told when a wait begins, and whether it is the
/// first one, and ends it when it ends itself; nothing is held then.
///
/// # Errors
/// What [`judge`] refuses, `newer_load` and `load_in_progress` among merge loads, and what the store says.
pub async fn enter(
    loads: &dyn Loads,
    mut request: Request,
    identity: impl Fn(u32) -> LoadIdentity,
    wish: Wish,
    gone: bool,
    merge: bool,
    waiting: impl AsyncFn(&Entry, bool),
) -> Result<Entered, Fatal> {
    let new_job = request.job.clone();
    let mut deadline = None;
    for _ in 0..MAX_TRIES {
        let newest = loads.newest(request.base).await?;
        let newer = match &newest {
            Some(entry) if request.numbered => loads.newer_exists(entry).await?,
            _ => false,
        };
        let done = newest.as_ref().is_some_and(|entry| entry.completed);
        let wish = match wish {
            Wish::Load if gone && done => Wish::Again,
            wish => wish,
        };
        match judge(&request, newest, newer, wish)? {
            Verdict::Existing(entry) => return Ok(Entered::Existing(entry)),
            Verdict::Enter(generation) => {
                request.job.clone_from(&new_job);
                let sent = Instant::now();
                let entered = loads
                    .enter(&request, identity(generation), generation)
                    .await?;
                if let Some(entry) = entered {
                    at_once(loads, &entry, &request, merge).await?;
                    return Ok(Entered::Ours(entry, sent));
                }
            }
            Verdict::Take(entry) => {
                if merge && newer {
                    return Err(newer_load(&entry));
                }
                // Another version begins anew, as a job of its own: checkpoint and rejects are not its.
                let same_spec = entry.spec_sha256 == request.spec_sha256;
                let job = if same_spec { &entry.job } else { &new_job };
                request.job.clone_from(job);
                let sent = Instant::now();
                if let Some(entry) = loads.take(&request, &entry).await? {
                    at_once(loads, &entry, &request, merge).await?;
                    return Ok(Entered::Ours(entry, sent));
                }
            }
            Verdict::Wait(entry) => {
                let is_first = deadline.is_none();
                let until = *deadline.get_or_insert_with(|| {
                    Instant::now() + Duration::from_millis(2 * request.lease_ms)
                });
                tokio::select! {
                    biased;
                    () = waiting(&entry, is_first) => return Ok(Entered::GivenUp(entry)),
                    waited = wait_for_end(loads, &request, &entry, until) => waited?,
                }
            }
        }
    }
    Err(Fatal::transient(
        IN_PROGRESS,
        "other processes keep changing the same load",
    ))
}

/// Waits until the lease of `entry` has run out, at most until then. It only reads.
async fn wait_for_end(
    loads: &dyn Loads,
    request: &Request,
    entry: &Entry,
    until: Instant,
) -> Result<(), Fatal> {
    while Instant::now() < until {
        sleep(Duration::from_millis(WAIT_INTERVAL_MS)).await;
        let live = loads
            .newest(request.base)
            .await?
            .is_some_and(|entry| entry.live);
        if !live {
            return Ok(());
        }
    }
    Err(Fatal::new(
        IN_PROGRESS,
        format!("job {} is still being written", entry.job),
    )
    .hint("another process renews its lease: wait until it has ended"))
}

/// Takes the load that a job was given as `identity` and `generation`, from whoever has left it: `request` is the
/// job's. Waits at most a lease for an earlier owner of the same job, which may be dead, and some seconds for another
/// process, or for a later merge load that has only just begun and lets go again.
///
/// # Errors
/// `load_in_progress`, an outage, when another process still writes the load, or another merge load the target;
/// `loaded_by_other_spec` when another version has loaded it meanwhile; `newer_load`; and what the store says.
pub async fn take(
    loads: &dyn Loads,
    request: &Request,
    (identity, generation): (LoadIdentity, u32),
    merge: bool,
) -> Result<(Entry, Instant), Fatal> {
    let began = Instant::now();
    loop {
        let found = loads.entry(identity).await?;
        let (wait_ms, refused) = match try_take(loads, request, identity, generation, &found, merge)
            .await?
        {
            Ok(taken) => return Ok(taken),
            Err(refused) if found.is_some_and(|entry| entry.live && entry.job == request.job) => {
                (request.lease_ms, refused)
            }
            Err(refused) => (RIVAL_WAIT_MS.min(request.lease_ms), refused),
        };
        let next = Instant::now() + Duration::from_millis(WAIT_INTERVAL_MS);
        if next > began + Duration::from_millis(wait_ms + WAIT_INTERVAL_MS) {
            return Err(refused);
        }
        sleep_until(next).await;
    }
}

/// The entry that was taken, and when the statement was sent; or why it could not be for now.
async fn try_take(
    loads: &dyn Loads,
    request: &Request,
    identity: LoadIdentity,
    generation: u32,
    found: &Option<Entry>,
    merge: bool,
) -> Result<Result<(Entry, Instant), Fatal>, Fatal> {
    if let Some(entry) = found {
        let other_spec = entry.spec_sha256 != request.spec_sha256;
        if entry.acknowledged && other_spec && entry.job != request.job {
            let message = format!(
                "job {} has loaded this content with {}@{} meanwhile",
                entry.job, entry.spec, entry.version
            );
            return Err(Fatal::new("loaded_by_other_spec", message));
        }
        // Before it is touched, so that two merge loads that wait for each other do not take turns.
        if merge && let Err(refused) = stand_alone(loads, entry).await? {
            return Ok(Err(refused));
        }
    }
    let sent = Instant::now();
    let taken = match found {
        Some(entry) if entry.live => None,
        Some(entry) => loads.take(request, entry).await?,
        None => loads.enter(request, identity, generation).await?,
    };
    let Some(entry) = taken else {
        let message = "another process is writing this load";
        return Ok(Err(Fatal::outage(IN_PROGRESS, message)));
    };
    if merge && let Err(refused) = alone(loads, &entry, request.lease_ms).await? {
        return Ok(Err(refused));
    }
    Ok(Ok((entry, sent)))
}

/// Merge loads of one target run one at a time: whoever asks is told, and does not wait for another load's end.
async fn at_once(
    loads: &dyn Loads,
    entry: &Entry,
    request: &Request,
    merge: bool,
) -> Result<(), Fatal> {
    if !merge {
        return Ok(());
    }
    alone(loads, entry, request.lease_ms)
        .await?
        .map_err(|refused| Fatal {
            retry: Retry::Never,
            ..refused
        })
}

/// Whether `entry`, which is held, is the only merge load of its target; it is let go of where it is not.
///
/// Of loads that are taken at the same moment the one with the lowest number goes on, for certain: each is held before
/// it looks for others, so of any two at least one sees the other. The later one gives way to an earlier one at once; the
/// earlier one holds on for a moment, in which a later one that has seen it gives way, and has loaded nothing.
async fn alone(
    loads: &dyn Loads,
    entry: &Entry,
    lease_ms: u64,
) -> Result<Result<(), Fatal>, Fatal> {
    // Nobody renews the lease yet.
    let wait = Duration::from_millis(RIVAL_WAIT_MS.min(lease_ms / 3));
    let until = Instant::now() + wait;
    loop {
        let refused = match stand_alone(loads, entry).await? {
            Ok(()) => return Ok(Ok(())),
            Err(refused) => refused,
        };
        if refused.code != NEWER || Instant::now() >= until {
            loads.close(entry, false, false).await?;
            return Ok(Err(refused));
        }
        sleep(Duration::from_millis(RIVAL_POLL_MS)).await;
    }
}

/// Whether no other merge load of the same target stands in the way of `entry`; or which.
async fn stand_alone(loads: &dyn Loads, entry: &Entry) -> Result<Result<(), Fatal>, Fatal> {
    if loads.newer_exists(entry).await? {
        return Ok(Err(newer_load(entry)));
    }
    if loads.rival_is_live(entry).await? {
        let message = format!("another merge into {} is under way", entry.collection);
        return Ok(Err(Fatal::outage(IN_PROGRESS, message).hint(
            "merge loads of one target run one at a time: try again when it has ended",
        )));
    }
    Ok(Ok(()))
}

fn newer_load(entry: &Entry) -> Fatal {
    Fatal::new(
        NEWER,
        format!("a later merge into {} has started since", entry.collection),
    )
    .hint("load the file again as a new load: `--force again`")
}

/// A load that is held.
pub struct Lease {
    loads: Arc<dyn Loads>,
    entry: Entry,
    lease_ms: u64,
    /// When the statement was sent that took the load.
    taken: Instant,
    /// Set before the first write; read at each renewal.
    acknowledged: AtomicBool,
}

impl Lease {
    /// The hold on `entry`, which a statement took that was sent at `taken`.
    pub fn new(loads: Arc<dyn Loads>, entry: Entry, taken: Instant, lease_ms: u64) -> Self {
        let acknowledged = AtomicBool::new(entry.acknowledged);
        Self {
            loads,
            entry,
            lease_ms,
            taken,
            acknowledged,
        }
    }

    /// The same sink, which notes in `_loads` that something may be loaded before it writes for the first time.
    pub fn announce(self: &Arc<Self>, sink: Arc<dyn Sink>) -> Arc<dyn Sink> {
        Arc::new(Announced {
            lease: self.clone(),
            sink,
            noted: OnceCell::new(),
        })
    }

    /// What is held.
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// Lengthens the lease once. `false`: somebody else has the load.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn renew(&self) -> Result<bool, Fatal> {
        let acknowledged = self.acknowledged.load(Ordering::Relaxed);
        self.loads
            .renew(&self.entry, self.lease_ms, acknowledged)
            .await
    }

    /// Renews the lease until it is lost, and returns why. Never returns while the lease is held.
    pub async fn keep(&self) -> Fatal {
        let mut safe_until = self.taken + Duration::from_millis(self.lease_ms * 2 / 3);
        let mut next = self.taken + Duration::from_millis(self.lease_ms / 6);
        let mut last_error: Option<Fatal> = None;
        loop {
            sleep_until(next).await;
            let sent = Instant::now();
            // A process that slept too long has lost the lease, however quickly the store would answer now.
            let renewed = match sent < safe_until {
                true => timeout_at(safe_until, self.renew()).await.ok(),
                false => None,
            };
            match renewed {
                Some(Ok(true)) => safe_until = sent + Duration::from_millis(self.lease_ms * 2 / 3),
                Some(Ok(false)) => return lost(),
                Some(Err(error)) => {
                    tracing::warn!(%error, "the lease could not be renewed");
                    last_error = Some(error);
                }
                None => {}
            }
            if Instant::now() >= safe_until {
                let message =
                    "the target did not answer in time, so the lease could not be renewed";
                let lost = Fatal::transient("lease_lost", message);
                return match last_error {
                    Some(error) => lost.because(&error),
                    None => lost,
                };
            }
            next = Instant::now()
                + Duration::from_millis(self.lease_ms / 6).min(safe_until - Instant::now());
        }
    }

    /// Lets go of the load.
    ///
    /// # Errors
    /// `lease_lost` when somebody else has it; otherwise when the store cannot be written.
    pub async fn close(&self, completed: bool) -> Result<(), Fatal> {
        let acknowledged = self.acknowledged.load(Ordering::Relaxed);
        match self
            .loads
            .close(&self.entry, acknowledged, completed)
            .await?
        {
            true => Ok(()),
            false => Err(lost()),
        }
    }
}

/// A sink whose first write is preceded by a note in `_loads`, so that another version of the spec never
/// takes over a load of which something may be there.
struct Announced {
    lease: Arc<Lease>,
    sink: Arc<dyn Sink>,
    noted: OnceCell<()>,
}

impl Announced {
    async fn note(&self) -> Result<(), Fatal> {
        let Lease {
            loads,
            entry,
            lease_ms,
            acknowledged,
            ..
        } = &*self.lease;
        if !acknowledged.load(Ordering::Relaxed) && !loads.renew(entry, *lease_ms, true).await? {
            return Err(lost());
        }
        acknowledged.store(true, Ordering::Relaxed);
        Ok(())
    }
}

#[async_trait]
impl Sink for Announced {
    async fn write(&self, batch: &Batch) -> Result<Written, Fatal> {
        if !batch.is_empty() {
            self.noted.get_or_try_init(|| self.note()).await?;
        }
        self.sink.write(batch).await
    }

    async fn finish(&self) -> Result<Option<Holdings>, Fatal> {
        self.sink.finish().await
    }
}

fn lost() -> Fatal {
    Fatal::new("lease_lost", "another process has taken this load over")
}

#[cfg(test)]
mod tests;
