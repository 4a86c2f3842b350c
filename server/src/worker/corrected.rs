//! A job that sends rejects of a completed one again, its parent: at which place of the parent's load each record stands,
//! and what moves in the parent's books when all is loaded.
//!
//! ```text
//! its turn ─► references of the whole file ─► those that are rejects of the parent ─► the run, at the parent's places
//!                                                                                      │
//!        the parent's books and receipt, one statement ◄─────────────────────────────────┘
//!          └─► new reasons of what is bad still ─► the moved rejects go ─► completed
//! ```
//!
//! One job at a time has the turn, from its first claim until it ends; so the rejects that its references are judged by stay
//! what they are. Where it has written and ends without success, nobody else gets the turn until it was retried. All of it can
//! be done again after a crash: the books move once, whoever asks, and what else is done is the same each time. It writes under
//! the parent's identity and load number, at the parent's ordinals, so nothing is loaded twice, whoever sends it how often.

mod outcome;
mod turn;

use super::Shared;
use super::uploaded::Uploaded;
use crate::id::Id;
use crate::queue::{Job, Moved, Receipt};
use crate::rejects::Run;
use async_trait::async_trait;
use outcome::{Left, Outcome, referred, renewed};
use pipeline::{Accepted, Batch, Books, Fatal, Holdings, OnBreach, Retry, Sink, Summary, Written};
use stages::corrected::{Plain, Referred};
use stages::load::Loads;
use stages::open::{Opening, open_corrected, same_salts};
use stages::plan::Plan;
use stages::sink::{Load, Mode};
use stages::unpack::Compression;
use std::sync::{Arc, OnceLock};
use turn::{note, turn};

/// The most records of a file of corrected records. Some 70 bytes are kept in memory for each while references are looked
/// up, and 32 from then on: 8 MB for so many.
const MAX_REFERENCES: usize = 250_000;
/// Rejects that are read at a time. One has at most about 200 KiB, and usually less than one.
const PAGE_REJECTS: u32 = 100;
/// Rejects that are removed at a time.
const REMOVED_REJECTS: usize = 1_000;

/// A job that sends rejects again, and has its turn.
pub(super) struct Corrected {
    parent: Job,
    /// What the client called the parent's file.
    file: String,
    mode: Mode,
    /// What the reference of each record means.
    referred: Arc<[Referred]>,
    /// How its records would stand in the parent's file; none: they would not, as they are.
    plain: Option<Plain>,
    /// What the target holds of the parent's load, in the key modes, once it was asked.
    held: Arc<OnceLock<Option<Holdings>>>,
}

impl Corrected {
    /// The plan for such a file: that of the parent, but for budgets and controls, which are about whole files, and for how the file
    /// of the parent was packed.
    pub(super) fn plan(plan: &Plan) -> Arc<Plan> {
        let mut plan = plan.clone();
        plan.budget.on_breach = OnBreach::Continue;
        plan.budget.min_records = 0;
        plan.control.controls.clear();
        plan.control.totals = None;
        plan.input.unpack.compression = Compression::Auto;
        plan.input.unpack.member = None;
        Arc::new(plan)
    }

    /// Waits for no turn: takes it, and reads all references.
    ///
    /// # Errors
    /// `load_in_progress`, an outage, while another job has the turn; `resubmit_unfinished` where one has written, and has
    /// ended without success; `newer_resubmit` where another one had it since this job began; `expired`; `salt_changed`;
    /// `loaded_by_other_spec`; what opening the file says, and the stores.
    pub(super) async fn begin(
        shared: &Shared,
        job: &Job,
        parent: Id,
        plan: &Plan,
        input: &Uploaded,
        loads: &dyn Loads,
    ) -> Result<Self, Fatal> {
        let stores = &shared.service.stores;
        let parent = turn(shared, job, parent, loads).await?;
        let mode = plan.sink.target.mode;
        if let Some(checkpoint) = &parent.checkpoint {
            same_salts(plan, checkpoint)?;
        }
        note(loads, &parent).await?;
        let accepted = parent.accepted.and(&job.accepted);
        let (mut references, mut plain) = (Vec::new(), None);
        // Else the run is held, and looks at no record.
        if let Opening::Ready(opened) = open_corrected(plan, input, None, &accepted).await? {
            let first = parent.checkpoint.as_ref();
            plain = first.and_then(|first| Plain::of(plan, &first.head, &opened.from.head));
            let id = parent.id.to_string();
            references = opened.references(&id, MAX_REFERENCES).await?;
        }
        let run = run_of(&parent);
        let settled = match (&parent.checkpoint, revision(&parent)) {
            (Some(checkpoint), 2..) => checkpoint.books.end.ordinal,
            _ => 0,
        };
        let referred = referred(&*stores.rejects, &run, references, settled).await?;
        let file = match parent.file() {
            Some(file) => stores.files.file(&parent.tenant, file).await?,
            None => None,
        };
        let file = file.map_or_else(
            || input.name().to_owned(),
            |seen| seen.file.new.original_name,
        );
        Ok(Self {
            parent,
            file,
            mode,
            referred: referred.into(),
            plain,
            held: Arc::default(),
        })
    }

    /// What the references mean.
    pub(super) fn referred(&self) -> Arc<[Referred]> {
        self.referred.clone()
    }

    /// What the sink is to know: it is the parent's load.
    pub(super) fn load(&self, plan: &Plan) -> Load {
        let Self { parent, file, .. } = self;
        Load {
            identity: parent.load.identity,
            load_number: parent.load.load_number,
            tenant: parent.tenant.name().map(str::to_owned),
            job: parent.id.to_string(),
            file: file.clone(),
            schema: plan.schema.clone(),
            resume: None,
        }
    }

    /// What was approved, of the parent and of the job.
    pub(super) fn accepted(&self, own: &Accepted) -> Accepted {
        self.parent.accepted.and(own)
    }

    /// The same sink; what the target holds at the end is the parent's.
    pub(super) fn guard(&self, sink: Arc<dyn Sink>) -> Arc<dyn Sink> {
        Arc::new(OfParent {
            sink,
            held: self.held.clone(),
        })
    }

    /// Moves what was loaded in the books of the parent, asked until the stores answer.
    ///
    /// # Errors
    /// `lease_lost` when the turn is not this job's any more; `books`; what a store refuses.
    pub(super) async fn settled(
        &self,
        shared: &Shared,
        job: &Job,
        books: &Books,
    ) -> Result<(), Fatal> {
        let settled = shared.answered(|| async {
            match self.settle(shared, job, books).await {
                Err(fatal) if fatal.retry == Retry::Never => Ok(Err(fatal)),
                settled => settled.map(Ok),
            }
        });
        let refused = || Fatal::new("internal", "a store refuses to move what was sent again");
        settled.await.unwrap_or_else(|| Err(refused()))
    }

    async fn settle(&self, shared: &Shared, job: &Job, books: &Books) -> Result<(), Fatal> {
        let (queue, rejects) = (
            &*shared.service.stores.queue,
            &*shared.service.stores.rejects,
        );
        let (tenant, id) = (&self.parent.tenant, self.parent.id);
        let parent = queue.job(tenant, id).await?.ok_or_else(lost)?;
        let is_moved = match parent.child {
            Some(turn) if turn.job == job.id => turn.is_moved,
            _ => return Err(lost()),
        };
        let (run, own) = (run_of(&parent), run_of(job));
        let outcome = Outcome::of(rejects, &own, &self.referred).await?;
        let plain = self.plain.as_ref();
        if !is_moved {
            let left = Left {
                rejects,
                run: &run,
                own: &own,
                outcome: &outcome,
                plain,
            };
            let moved = self.moved(left, &parent, books).await?;
            if !queue.move_resubmitted(tenant, id, job.id, &moved).await? {
                return Err(lost());
            }
        }
        if !parent.expired {
            // Each move of the books raises the revision: what a job says late is older than what the next one says.
            let fence = parent.fence + u64::from(revision(&parent)) + u64::from(!is_moved);
            for portion in outcome.bad.chunks(PAGE_REJECTS as usize) {
                let ordinals: Vec<u64> = portion.iter().map(|(ordinal, _)| *ordinal).collect();
                let mut again = rejects.of_records(&run, &ordinals).await?;
                renewed(rejects, &own, portion, plain, &mut again).await?;
                rejects.replace(&run, fence, &again).await?;
            }
        }
        for portion in outcome.good.chunks(REMOVED_REJECTS) {
            rejects.remove(&run, portion).await?;
        }
        tracing::info!(parent = %id, moved = outcome.good.len(), "rejects were sent again");
        Ok(())
    }

    /// The parent's books and receipt without those rejects.
    async fn moved(&self, left: Left<'_>, parent: &Job, books: &Books) -> Result<Moved, Fatal> {
        let gone = left.outcome.good.len() as u64;
        let mut checkpoint = parent.checkpoint.clone().ok_or_else(unbalanced)?;
        let (own, whole) = (&books.counters, &mut checkpoint.books);
        let loaded = own.loaded + own.already_loaded;
        let counters = &mut whole.counters;
        if loaded + own.dropped_total() != gone {
            return Err(unbalanced());
        }
        let rest = counters.rejected.checked_sub(gone);
        counters.rejected = rest.ok_or_else(unbalanced)?;
        counters.loaded += loaded;
        for (name, count) in &own.dropped {
            *counters.dropped.entry(name.clone()).or_default() += count;
        }
        for (name, count) in &own.warned {
            *counters.warned.entry(name.clone()).or_default() += count;
        }
        whole.summary = match parent.expired {
            true => Summary::default(),
            false => left.summary().await?,
        };
        whole.digest += books.digest;
        whole.surplus += books.surplus;
        whole.balance()?;
        let receipt = parent.receipt.clone().unwrap_or_default();
        let held = self.held.get().cloned().flatten();
        let (documents, digest) = match held {
            Some(held) if self.mode != Mode::Insert => (held.documents, held.digest.to_string()),
            _ => (
                receipt.documents + books.holdings().documents,
                whole.digest.to_string(),
            ),
        };
        let receipt = Receipt {
            revision: revision(parent) + 1,
            documents,
            digest,
        };
        Ok(Moved {
            checkpoint,
            receipt,
        })
    }
}

fn run_of(job: &Job) -> Run {
    Run {
        tenant: job.tenant.clone(),
        job: job.id,
        run: job.run,
    }
}

fn revision(job: &Job) -> u32 {
    job.receipt.as_ref().map_or(1, |receipt| receipt.revision)
}

fn lost() -> Fatal {
    Fatal::new("lease_lost", "another job sends the same rejects again")
}

fn unbalanced() -> Fatal {
    Fatal::new(
        "books",
        "what was sent again does not add up with the books of the job whose rejects they were",
    )
}

/// A sink whose target holds documents of the parent too.
struct OfParent {
    sink: Arc<dyn Sink>,
    held: Arc<OnceLock<Option<Holdings>>>,
}

#[async_trait]
impl Sink for OfParent {
    async fn write(&self, batch: &Batch) -> Result<Written, Fatal> {
        self.sink.write(batch).await
    }

    async fn finish(&self) -> Result<Option<Holdings>, Fatal> {
        let held = self.sink.finish().await?;
        // Set once: it is asked for once a run.
        let _ = self.held.set(held);
        Ok(None)
    }
}
