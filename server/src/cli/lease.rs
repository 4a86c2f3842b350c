//! Holding a load: entering it into `_loads`, keeping its lease, and letting go of it.
//!
//! `run` writes only while it holds the load. It stops writing when two thirds of the lease have passed since
//! the last renewal that was acknowledged was sent, so that nobody can have taken the load over by then.

use async_trait::async_trait;
use pipeline::{Batch, Fatal, Holdings, Sink, Written};
use stages::identity::LoadIdentity;
use stages::load::{Entry, Loads, Request, Verdict, Wish, judge};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

/// How often a lease that may have been left by a dead process is looked at.
const WAIT_INTERVAL_MS: u64 = 500;
/// Tries to enter a load while others change the same entry.
const MAX_TRIES: usize = 20;

/// What came of asking for a load.
pub enum Entered {
    /// It is ours, by a statement that was sent then.
    Ours(Entry, Instant),
    /// It is completed.
    Existing(Entry),
}

/// Asks for a load, and waits out a lease where the wish is to resume. `gone`: what a completed load of it made is
/// not there any more, a file say, so it can be made again.
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
    waiting: impl Fn(&Entry),
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
                    let entry = alone(loads, entry, merge).await?;
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
                    let entry = alone(loads, entry, merge).await?;
                    return Ok(Entered::Ours(entry, sent));
                }
            }
            Verdict::Wait(entry) => {
                wait_for_end(loads, &request, &entry, &mut deadline, &waiting).await?;
            }
        }
    }
    Err(Fatal::transient(
        "load_in_progress",
        "other processes keep changing the same load",
    ))
}

/// Waits until the lease of `entry` has run out, at most two leases in all.
async fn wait_for_end(
    loads: &dyn Loads,
    request: &Request,
    entry: &Entry,
    deadline: &mut Option<Instant>,
    waiting: &impl Fn(&Entry),
) -> Result<(), Fatal> {
    let until = *deadline.get_or_insert_with(|| {
        waiting(entry);
        Instant::now() + Duration::from_millis(2 * request.lease_ms)
    });
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
        "load_in_progress",
        format!("job {} is still being written", entry.job),
    )
    .hint("another process renews its lease: wait until it has ended"))
}

/// Merge loads of one target run one at a time.
async fn alone(loads: &dyn Loads, entry: Entry, merge: bool) -> Result<Entry, Fatal> {
    if !merge {
        return Ok(entry);
    }
    let refused = if loads.newer_exists(&entry).await? {
        newer_load(&entry)
    } else if loads.rival_is_live(&entry).await? {
        Fatal::new(
            "load_in_progress",
            format!("another merge into {} is under way", entry.collection),
        )
        .hint("merge loads of one target run one at a time: try again when it has ended")
    } else {
        return Ok(entry);
    };
    loads.close(&entry, false, false).await?;
    Err(refused)
}

fn newer_load(entry: &Entry) -> Fatal {
    Fatal::new(
        "newer_load",
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

    /// Renews the lease until it is lost, and returns why. Never returns while the lease is held.
    pub async fn keep(&self) -> Fatal {
        let mut safe_until = self.taken + Duration::from_millis(self.lease_ms * 2 / 3);
        let mut next = self.taken + Duration::from_millis(self.lease_ms / 6);
        let mut last_error: Option<Fatal> = None;
        loop {
            sleep_until(next).await;
            let sent = Instant::now();
            let acknowledged = self.acknowledged.load(Ordering::Relaxed);
            let renewal = self.loads.renew(&self.entry, self.lease_ms, acknowledged);
            match timeout_at(safe_until, renewal).await {
                Ok(Ok(true)) => safe_until = sent + Duration::from_millis(self.lease_ms * 2 / 3),
                Ok(Ok(false)) => return lost(),
                Ok(Err(error)) => {
                    tracing::warn!(%error, "the lease could not be renewed");
                    last_error = Some(error);
                }
                Err(_) => {}
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
