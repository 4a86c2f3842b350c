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

use super::Shared;
use super::uploaded::Uploaded;
use crate::id::Id;
use crate::queue::{Job, Moved, Receipt, State, Turn};
use crate::rejects::{Filter, Rejects, Run};
use async_trait::async_trait;
use pipeline::{
    Accepted, Batch, Books, Fatal, Holdings, OnBreach, Reject, Retry, Sink, Summary, Written,
};
use stages::corrected::{DUPLICATE, Referred, UNKNOWN};
use stages::load::{Entry, Loads, Request};
use stages::open::{Opening, open_corrected, same_salts};
use stages::plan::Plan;
use stages::sink::{Load, Mode};
use stages::unpack::Compression;
use std::sync::{Arc, OnceLock};

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
        let references = match open_corrected(plan, input, None, &accepted).await? {
            Opening::Ready(opened) => {
                opened
                    .references(&parent.id.to_string(), MAX_REFERENCES)
                    .await?
            }
            // The run is held, and looks at no record.
            Opening::Held(..) => Vec::new(),
        };
        let run = run_of(&parent);
        let referred = referred(&*stores.rejects, &run, references).await?;
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
        let outcome = self.outcome(rejects, &own).await?;
        if !is_moved {
            let left = Left {
                rejects,
                run: &run,
                own: &own,
                outcome: &outcome,
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
                renewed(rejects, &own, portion, &mut again).await?;
                rejects.replace(&run, fence, &again).await?;
            }
        }
        for portion in outcome.good.chunks(REMOVED_REJECTS) {
            rejects.remove(&run, portion).await?;
        }
        tracing::info!(parent = %id, moved = outcome.good.len(), "rejects were sent again");
        Ok(())
    }

    /// What became of the records that are rejects of the parent.
    async fn outcome(&self, rejects: &dyn Rejects, own: &Run) -> Result<Outcome, Fatal> {
        let place = |index: usize| Some(self.referred.get(index)?.place()?.ordinal);
        let (mut outcome, mut at) = (Outcome::default(), 0);
        let mut from = Some(0);
        while let Some(next) = from.take() {
            let page = rejects
                .page(own, &Filter::default(), next, 0, PAGE_REJECTS)
                .await?;
            from = page.last().map(|last| last.at.ordinal + 1);
            for reject in page {
                let index = reject.at.ordinal;
                outcome.good.extend((at..index as usize).filter_map(place));
                let about_reference = reject
                    .leading()
                    .is_some_and(|problem| [UNKNOWN, DUPLICATE].contains(&&*problem.code));
                let named = place(index as usize).filter(|_| !about_reference);
                outcome.bad.extend(named.map(|named| (named, index)));
                at = index as usize + 1;
            }
        }
        outcome
            .good
            .extend((at..self.referred.len()).filter_map(place));
        outcome.good.sort_unstable();
        outcome.bad.sort_unstable();
        Ok(outcome)
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

/// The parent, once the job has its turn at it.
async fn turn(shared: &Shared, job: &Job, id: Id, loads: &dyn Loads) -> Result<Job, Fatal> {
    let queue = &*shared.service.stores.queue;
    let gone = || Fatal::new("expired", "the job whose rejects these are is gone");
    let parent = queue.job(&job.tenant, id).await?.ok_or_else(gone)?;
    let (before, held) = match parent.child {
        // Also where its books have moved: what is behind that is done again, and comes to the same.
        Some(turn) if turn.job == job.id => return Ok(parent),
        _ if job.checkpoint.is_some() => return Err(newer(id)),
        Some(turn) => {
            let held = over(shared, job, turn, loads).await?;
            (Some(turn.job), held)
        }
        None => (None, None),
    };
    let tenant = &job.tenant;
    let begun = queue.begin_resubmit(tenant, id, before, job.id).await;
    if let Some(entry) = held
        && let Err(error) = loads.close(&entry, false, false).await
    {
        tracing::warn!(job_id = entry.job, %error, "the lease of a load was not ended");
    }
    if !begun? {
        let parent = queue.job(tenant, id).await?.ok_or_else(gone)?;
        return Err(match parent.child {
            _ if parent.expired => gone(),
            Some(turn) => waits(turn.job),
            None => gone(),
        });
    }
    // As it is since nobody else can change it.
    queue.job(tenant, id).await?.ok_or_else(gone)
}

/// Whether the job that has the turn leaves nothing that only itself can finish: what it has written stands at the places
/// of the records, and what it has moved is rejected still. Its load comes back held, so that nobody can retry and begin it
/// before the turn is given on.
async fn over(
    shared: &Shared,
    job: &Job,
    turn: Turn,
    loads: &dyn Loads,
) -> Result<Option<Entry>, Fatal> {
    let queue = &*shared.service.stores.queue;
    let Some(other) = queue.job(&job.tenant, turn.job).await? else {
        return Ok(None);
    };
    match other.state {
        State::Completed => return Ok(None),
        // Also one whose books have moved has work left until it is completed.
        state if !state.is_terminal() => return Err(waits(other.id)),
        _ if turn.is_moved => return Err(unfinished(other.id)),
        _ => {}
    }
    let Some(entry) = loads.entry(other.load.identity).await? else {
        return Ok(None);
    };
    if entry.job == job.id.to_string() {
        // The same file once more, because that job can never be retried: this one does what it left.
        return Ok(None);
    }
    if entry.live {
        // It may not have heard of its end yet.
        return Err(waits(other.id));
    }
    if entry.acknowledged {
        return Err(unfinished(entry.job.parse().unwrap_or(other.id)));
    }
    let request = Request {
        base: entry.base,
        spec: entry.spec.clone(),
        version: entry.version,
        spec_sha256: entry.spec_sha256.clone(),
        collection: entry.collection.clone(),
        job: entry.job.clone(),
        owner: shared.service.entropy.id().to_string(),
        lease_ms: shared.service.config.job_lease_ms,
        numbered: false,
    };
    match loads.take(&request, &entry).await? {
        Some(entry) => Ok(Some(entry)),
        None => Err(waits(other.id)),
    }
}

/// Notes that something of the parent's load may be there, before anything is written.
async fn note(loads: &dyn Loads, parent: &Job) -> Result<(), Fatal> {
    let Some(entry) = loads.entry(parent.load.identity).await? else {
        return Ok(());
    };
    if entry.live {
        let message = "another load of the same content is under way";
        return Err(Fatal::outage("load_in_progress", message));
    }
    if entry.job != parent.id.to_string() || !loads.close(&entry, true, true).await? {
        let message = format!("the load of job {} was taken over since", parent.id);
        return Err(Fatal::new("loaded_by_other_spec", message));
    }
    Ok(())
}

/// What the reference of each record means, by the ordinals of `run` that they name.
async fn referred(
    rejects: &dyn Rejects,
    run: &Run,
    references: Vec<Option<u64>>,
) -> Result<Vec<Referred>, Fatal> {
    let mut referred = vec![Referred::Refused(UNKNOWN); references.len()];
    let named = references.into_iter().enumerate();
    let named = named.filter_map(|(index, named)| named.map(|named| (named, index)));
    let mut wanted: Vec<(u64, usize)> = named.collect();
    wanted.sort_unstable();
    let mut last = None;
    wanted.retain(|&(ordinal, index)| {
        let is_first = last.replace(ordinal) != Some(ordinal);
        if !is_first {
            referred[index] = Referred::Refused(DUPLICATE);
        }
        is_first
    });
    let mut wanted = wanted.into_iter().peekable();
    while let Some(&(from, _)) = wanted.peek() {
        let page = rejects
            .page(run, &Filter::default(), from, 0, PAGE_REJECTS)
            .await?;
        let Some(last) = page.last().map(|last| last.at.ordinal) else {
            break;
        };
        let mut found = page.iter().peekable();
        while let Some((ordinal, index)) = wanted.next_if(|(ordinal, _)| *ordinal <= last) {
            while found.next_if(|found| found.at.ordinal < ordinal).is_some() {}
            if let Some(reject) = found.peek().filter(|found| found.at.ordinal == ordinal) {
                let code = reject.leading().map(|problem| &*problem.code);
                referred[index] = match code {
                    Some("encoding") => Referred::NoText(reject.at),
                    _ => Referred::At(reject.at),
                };
            }
        }
    }
    Ok(referred)
}

/// What became of records that are rejects of the parent, by their ordinals there, in order.
#[derive(Default)]
struct Outcome {
    /// Those that are none any more.
    good: Vec<u64>,
    /// Those that are bad still, each with its ordinal in the file that was sent again.
    bad: Vec<(u64, u64)>,
}

/// The rejects that are left to the parent.
struct Left<'a> {
    rejects: &'a dyn Rejects,
    run: &'a Run,
    own: &'a Run,
    outcome: &'a Outcome,
}

impl Left<'_> {
    /// Their summary, by their new reasons.
    async fn summary(&self) -> Result<Summary, Fatal> {
        let (rejects, Outcome { good, bad }) = (self.rejects, self.outcome);
        let mut summary = Summary::default();
        let (mut from, mut bad) = (Some(0), &bad[..]);
        while let Some(next) = from.take() {
            let mut page = rejects
                .page(self.run, &Filter::default(), next, 0, PAGE_REJECTS)
                .await?;
            from = page.last().map(|last| last.at.ordinal + 1);
            let end = from.unwrap_or(u64::MAX);
            let (here, behind) = bad.split_at(bad.partition_point(|(ordinal, _)| *ordinal < end));
            bad = behind;
            renewed(rejects, self.own, here, &mut page).await?;
            let left = page
                .iter()
                .filter(|reject| good.binary_search(&reject.at.ordinal).is_err());
            left.for_each(|reject| summary.count(reject));
        }
        Ok(summary)
    }
}

/// Gives rejects of the parent, in order, the reasons that `own` has for those of `bad`.
async fn renewed(
    rejects: &dyn Rejects,
    own: &Run,
    bad: &[(u64, u64)],
    page: &mut [Reject],
) -> Result<(), Fatal> {
    if bad.is_empty() || page.is_empty() {
        return Ok(());
    }
    let mut ordinals: Vec<u64> = bad.iter().map(|(_, own)| *own).collect();
    ordinals.sort_unstable();
    let found = rejects.of_records(own, &ordinals).await?;
    let at = |rejects: &[Reject], ordinal: u64| {
        rejects.binary_search_by_key(&ordinal, |reject| reject.at.ordinal)
    };
    for (ordinal, own) in bad {
        if let (Ok(there), Ok(here)) = (at(page, *ordinal), at(&found, *own)) {
            page[there].problems.clone_from(&found[here].problems);
        }
    }
    Ok(())
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

fn newer(parent: Id) -> Fatal {
    let message =
        format!("rejects of job {parent} were sent again by another job since this one began");
    Fatal::new("newer_resubmit", message)
        .hint("download what is rejected still, and send that again, corrected")
}

fn unfinished(other: Id) -> Fatal {
    let message = format!(
        "job {other} has sent rejects of the same job again, and has ended before all that it has written was counted"
    );
    Fatal::new("resubmit_unfinished", message).hint(format!(
        "retry job {other}: it goes on, and moves what it has written; then retry this one. Where its file was deleted, send that file again"
    ))
}

fn waits(other: Id) -> Fatal {
    let message =
        format!("job {other} sends rejects of the same job again: this one waits for its end");
    Fatal::outage("load_in_progress", message)
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
