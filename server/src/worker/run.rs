//! The run of a claimed job, on the pipeline's own runtime: from the spec it is pinned to, to the end of its flow.
//!
//! What it opens is what the job says: the spec by its text, the load by its identity, the input by its file record. It
//! ends nothing: whoever started it is told how it ended, and drops it when the job is lost.

use super::allowance::{Allowance, Allowed};
use super::corrected::Corrected;
use super::ledger::QueueLedger;
use super::{Shared, cleared, uploaded};
use crate::load::flow::{Flow, Known};
use crate::load::lease::{Lease, take};
use crate::queue::{Claim, Job};
use pipeline::{End, Fatal, Ledger, Progress, Sink};
use stages::load::{Loads, Request};
use stages::plan::Plan;
use stages::sink::{Load, Mode};
use std::sync::{Arc, OnceLock};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// A claimed job that is to run.
pub(super) struct Run {
    pub(super) shared: Arc<Shared>,
    pub(super) job: Job,
    pub(super) claim: Claim,
    pub(super) allowance: Allowance,
    /// Set when the load is taken.
    pub(super) load: Arc<OnceLock<Arc<Lease>>>,
    /// Told how far it is.
    pub(super) progress: watch::Sender<Progress>,
    /// Ends it at a batch.
    pub(super) stop: CancellationToken,
}

/// How a run ended.
pub(super) struct Report {
    pub(super) end: Result<End, Fatal>,
    pub(super) known: Known,
}

impl Run {
    /// Runs the job to its end.
    pub(super) async fn run(self) -> Report {
        let mut known = Known::nothing();
        let (shared, job) = (self.shared.clone(), self.job.clone());
        let mut corrected = None;
        let mut end = self.flow(&mut known, &mut corrected).await;
        if let (Ok(End::Completed(_)), Some(corrected)) = (&end, &corrected)
            && let Err(fatal) = corrected.settled(&shared, &job, &known.books).await
        {
            end = Err(fatal);
        }
        if matches!(end, Ok(End::Completed(_))) {
            // Before the job is completed, since nobody else may look at its files then; and here, since asking may take
            // longer than a lease that nobody renews.
            shared.answered(|| cleared::announce(&shared, &job)).await;
        }
        Report { end, known }
    }

    /// `corrected` is set where the job sends rejects of another one again.
    async fn flow(
        self,
        known: &mut Known,
        corrected: &mut Option<Corrected>,
    ) -> Result<End, Fatal> {
        let Self {
            shared,
            job,
            claim,
            allowance,
            load,
            progress,
            stop,
        } = self;
        let service = &shared.service;
        let stores = &service.stores;
        let opening = async {
            let plan = service.catalog.plan_of(&job.tenant, &job.spec).await?;
            let input = uploaded::open(stores, &job).await?;
            let connected = service.targets.connect(&job.tenant, &plan).await?;
            let loads = service.targets.loads(&job.tenant, &plan).await?;
            let lease = take_load(&shared, &job, &claim, &plan, loads.clone()).await?;
            let (plan, child) = match job.parent {
                None => (plan, None),
                Some(parent) => {
                    let plan = Corrected::plan(&plan);
                    let child = Corrected::begin(&shared, &job, parent, &plan, &input, &*loads);
                    (plan.clone(), Some(child.await?))
                }
            };
            Ok::<_, Fatal>((plan, input, connected, lease, child))
        };
        let (plan, input, connected, lease, child) = tokio::select! {
            biased;
            opened = opening => opened?,
            () = stop.cancelled() => return Ok(End::Interrupted),
        };
        let lease = load.get_or_init(|| lease).clone();
        *corrected = child;
        let child = &*corrected;
        let ledger = QueueLedger::open(
            stores.queue.clone(),
            stores.rejects.clone(),
            claim,
            job.checkpoint.as_ref(),
            allowance.clone(),
            service.metrics.clone(),
        );
        let ledger: Arc<dyn Ledger> = Arc::new(ledger.await?);
        let entry = lease.entry();
        let guard = |sink: Arc<dyn Sink>| -> Arc<dyn Sink> {
            let sink = match &child {
                Some(child) => child.guard(sink),
                None => sink,
            };
            Arc::new(Allowed {
                sink: lease.announce(sink),
                allowance: allowance.clone(),
                metrics: service.metrics.clone(),
            })
        };
        let flow = Flow {
            plan: &plan,
            origin: &input,
            connected: &connected,
            load: match &child {
                Some(child) => child.load(&plan),
                None => Load {
                    identity: entry.identity,
                    load_number: entry.load_number,
                    tenant: job.tenant.name().map(str::to_owned),
                    job: job.id.to_string(),
                    file: input.name().to_owned(),
                    schema: plan.schema.clone(),
                    resume: job.checkpoint.as_ref().map(|checkpoint| checkpoint.mark),
                },
            },
            referred: child.as_ref().map(Corrected::referred),
            ledger,
            guard: &guard,
            resume: job.checkpoint,
            writes: Some(shared.writes.clone()),
            max_parsers: service.max_parsers,
            accepted: match &child {
                Some(child) => child.accepted(&job.accepted),
                None => job.accepted,
            },
            max_rejects: job.max_rejects,
            cancel: stop,
            progress,
        };
        flow.run(known).await
    }
}

/// Takes the load that the job was given when it was submitted.
async fn take_load(
    shared: &Shared,
    job: &Job,
    claim: &Claim,
    plan: &Plan,
    loads: Arc<dyn Loads>,
) -> Result<Arc<Lease>, Fatal> {
    let lease_ms = shared.service.config.job_lease_ms;
    let mode = plan.sink.target.mode;
    let request = Request {
        base: job.load.base,
        spec: plan.name.clone(),
        version: plan.version,
        spec_sha256: plan.sha256.clone(),
        collection: job.load.collection.clone(),
        job: job.id.to_string(),
        owner: claim.owner.clone(),
        lease_ms,
        // Rejects that are sent again come under the number of the load that they belong to.
        numbered: mode.has_key() && job.parent.is_none(),
    };
    let generation = (job.load.identity, job.load.generation);
    let merge = mode == Mode::Merge && job.parent.is_none();
    let (entry, taken) = take(&*loads, &request, generation, merge).await?;
    Ok(Arc::new(Lease::new(loads, entry, taken, lease_ms)))
}
