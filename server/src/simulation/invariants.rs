//! What must hold at every event, and at the end of a simulation.
//!
//! The jobs are looked at in the stores themselves behind each statement that may have changed one, so a violation is found
//! where it happens. The truth of a file was drawn beside it; documents are read from the target, rejects from their
//! store, and the digest is made anew.

use super::menu::Dish;
use super::network::Network;
use super::stores::MemoryStores;
use super::truth::{Truth, digest};
use crate::id::Id;
use crate::queue::callback::is_told;
use crate::queue::{Job, Queue as _, State};
use crate::rejects::{Filter, Rejects as _, Run};
use crate::tenant::Tenant;
use futures::FutureExt as _;
use std::collections::{BTreeMap, BTreeSet};

/// Statements that may change a job.
const CHANGES: [&str; 16] = [
    "submit",
    "claim",
    "renew",
    "save",
    "finish",
    "fail",
    "hold",
    "release",
    "release.charged",
    "cancel",
    "withdraw",
    "retry",
    "retry.reset",
    "approve",
    "repair",
    "attach",
];
/// Why a job may fail that nobody has spoilt: its workers died too often, or a later merge load has started.
const RIGHT_FAILURES: [&str; 2] = ["crash_loop", "newer_load"];
/// More rejects than any file has.
const ALL_REJECTS: u32 = 10_000;

/// What is known of the jobs, to compare with.
pub struct Invariants {
    stores: MemoryStores,
    /// Whether failures are what is wanted.
    is_spoilt: bool,
    /// By file.
    expected: BTreeMap<Id, (Dish, Truth)>,
    /// By file: the job as it was last seen.
    seen: BTreeMap<Id, Job>,
    /// Who saved under a fence number.
    savers: BTreeMap<(Id, u64), usize>,
}

impl Invariants {
    /// Nothing is known yet.
    pub fn new(stores: MemoryStores, is_spoilt: bool) -> Self {
        Self {
            stores,
            is_spoilt,
            expected: BTreeMap::new(),
            seen: BTreeMap::new(),
            savers: BTreeMap::new(),
        }
    }

    /// A file is there, and what must become of it.
    pub fn expects(&mut self, file: Id, dish: Dish, truth: Truth) {
        self.expected.insert(file, (dish, truth));
    }

    /// Looks at the jobs behind a statement of process `from`; `closing`: it was told to end.
    pub fn after(&mut self, at_ms: u64, from: usize, what: &str, closing: bool, network: &Network) {
        if !CHANGES.contains(&what) {
            return;
        }
        let files: Vec<Id> = self.expected.keys().copied().collect();
        for file in files {
            let Some(now) = self.job_of(file) else {
                continue;
            };
            let event = Event {
                from,
                what,
                closing,
            };
            let mut wrong = Vec::new();
            if let Some(before) = self.seen.get(&file) {
                event.judge(before, &now, &mut wrong);
            }
            self.judge_saver(&event, file, &now, &mut wrong);
            let was = self.seen.get(&file).map(|before| before.state);
            if was != Some(now.state) {
                let more = format!("{} fence {}", now.state.word(), now.fence);
                network.note(at_ms, from, "job", &more);
                match now.state {
                    State::Completed => self.judge_completed(file, &now, &mut wrong),
                    State::Failed => self.judge_failed(&now, &mut wrong),
                    _ => {}
                }
            }
            for message in wrong {
                network.broken(format!("{at_ms} ms, {what} of process {from}: {message}"));
            }
            self.seen.insert(file, now);
        }
    }

    /// Looks at everything when nothing can change any more. Returns how the jobs ended.
    pub fn at_the_end(
        &self,
        stores: &MemoryStores,
        network: &Network,
    ) -> Vec<(String, Option<String>)> {
        let (mut wrong, mut ends) = (Vec::new(), Vec::new());
        for &file in self.expected.keys() {
            let Some(job) = self.job_of(file) else {
                continue;
            };
            if job.state == State::Completed {
                self.judge_completed(file, &job, &mut wrong);
            }
            let code = job.failure.as_ref().map(|failure| failure.code.clone());
            ends.push((job.state.word().to_owned(), code));
        }
        self.judge_winners(stores, &mut wrong);
        for message in wrong {
            network.broken(format!("at the end: {message}"));
        }
        ends
    }

    fn job_of(&self, file: Id) -> Option<Job> {
        let newest = self.stores.queue.newest_of_file(&Tenant::NONE, file);
        let id = newest.now_or_never()?.ok()??.id;
        self.stores
            .queue
            .job(&Tenant::NONE, id)
            .now_or_never()?
            .ok()?
    }

    /// Two processes never both save under one fence number.
    fn judge_saver(&mut self, event: &Event<'_>, file: Id, now: &Job, wrong: &mut Vec<String>) {
        let end = |job: &Job| {
            job.checkpoint
                .as_ref()
                .map(|checkpoint| checkpoint.books.end)
        };
        let before = self.seen.get(&file).and_then(end);
        if event.what != "save" || before == end(now) {
            return;
        }
        let saver = *self.savers.entry((now.id, now.fence)).or_insert(event.from);
        if saver != event.from {
            let (fence, from) = (now.fence, event.from);
            wrong.push(format!(
                "processes {saver} and {from} both saved under fence {fence}"
            ));
        }
    }

    fn judge_failed(&self, job: &Job, wrong: &mut Vec<String>) {
        let code = job.failure.as_ref().map_or("", |failure| &failure.code);
        if !self.is_spoilt && !RIGHT_FAILURES.contains(&code) {
            wrong.push(format!("job {} failed: {:?}", job.id, job.failure));
        }
    }

    /// Every record has exactly the outcome that it must have.
    fn judge_completed(&self, file: Id, job: &Job, wrong: &mut Vec<String>) {
        let (dish, truth) = &self.expected[&file];
        let mut equal = |what: &str, found: String, expected: String| {
            if found != expected {
                wrong.push(format!(
                    "{what} of job {} are {found}, not {expected}",
                    job.id
                ));
            }
        };
        let Some(checkpoint) = &job.checkpoint else {
            return wrong.push(format!("job {} was completed without a checkpoint", job.id));
        };
        let documents = documents(&self.stores, &dish.name);
        let identity = job.load.identity.0;
        let mine = documents.iter().filter(|(id, _)| id.starts_with(&identity));
        let mine: Vec<&Vec<u8>> = mine.map(|(id, _)| id).collect();
        let found: BTreeSet<u64> = mine.iter().map(|id| ordinal_of(id)).collect();
        let truth = &truth.settled(&found);
        let counters = &checkpoint.books.counters;
        let counted = (
            counters.read,
            counters.loaded + counters.already_loaded,
            counters.rejected,
            counters.dropped_total(),
        );
        let (loaded, rejected) = (truth.loaded.len() as u64, truth.rejected.len() as u64);
        let expected = (
            truth.records(),
            loaded,
            rejected,
            truth.dropped.len() as u64,
        );
        equal("counters", format!("{counted:?}"), format!("{expected:?}"));
        let run = Run {
            tenant: Tenant::NONE,
            job: job.id,
            run: job.run,
        };
        let all = Filter::default();
        let rejects = self.stores.rejects.page(&run, &all, 0, 0, ALL_REJECTS);
        let rejects = rejects
            .now_or_never()
            .and_then(Result::ok)
            .unwrap_or_default();
        let ordinals: BTreeSet<u64> = rejects.iter().map(|reject| reject.at.ordinal).collect();
        let stored = (rejects.len(), ordinals);
        let expected = (truth.rejected.len(), truth.rejected.clone());
        equal("rejects", format!("{stored:?}"), format!("{expected:?}"));
        if dish.is_keyed {
            return;
        }
        let wanted = &truth.loaded;
        let missing: Vec<_> = wanted.difference(&found).collect();
        let foreign: Vec<_> = found.difference(wanted).collect();
        equal(
            "missing and foreign documents",
            format!("{missing:?} {foreign:?}"),
            "[] []".into(),
        );
        equal(
            "documents",
            mine.len().to_string(),
            wanted.len().to_string(),
        );
        let proven = job
            .receipt
            .as_ref()
            .map(|receipt| (receipt.documents, &*receipt.digest));
        let sum = digest(mine.iter().map(|id| id.as_slice()));
        equal(
            "receipts",
            format!("{proven:?}"),
            format!("{:?}", Some((loaded, &*sum))),
        );
    }

    /// In key modes the newest record of a key stands: of the load that started last, the last one.
    fn judge_winners(&self, stores: &MemoryStores, wrong: &mut Vec<String>) {
        let mut by_collection: BTreeMap<&str, Vec<Id>> = BTreeMap::new();
        for (file, (dish, _)) in &self.expected {
            if dish.is_keyed {
                by_collection.entry(&dish.name).or_default().push(*file);
            }
        }
        for (collection, files) in by_collection {
            let jobs: Vec<_> = files
                .iter()
                .map(|&file| (file, self.job_of(file)))
                .collect();
            let is_whole = |job: &Option<Job>| {
                job.as_ref()
                    .is_some_and(|job| job.state == State::Completed)
            };
            // What a load wrote that did not come to its end may stand as well.
            if !jobs.iter().all(|(_, job)| is_whole(job)) {
                continue;
            }
            let mut winners: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
            for (file, job) in &jobs {
                let number = job.as_ref().map_or(0, |job| job.load.load_number);
                let truth = &self.expected[file].1;
                for &ordinal in &truth.loaded {
                    let winner = winners.entry(truth.keys[ordinal as usize]).or_default();
                    *winner = (*winner).max((number, ordinal));
                }
            }
            let mut expected: Vec<u64> = winners.values().map(|&(_, ordinal)| ordinal).collect();
            let found = documents(stores, collection);
            let mut found: Vec<u64> = found.iter().map(|&(_, n)| n).collect();
            expected.sort_unstable();
            found.sort_unstable();
            if found != expected {
                wrong.push(format!("{collection} holds {found:?}, not {expected:?}"));
            }
        }
    }
}

/// A statement that may have changed a job.
struct Event<'a> {
    from: usize,
    what: &'a str,
    closing: bool,
}

impl Event<'_> {
    /// Judges what became of a job.
    fn judge(&self, before: &Job, now: &Job, wrong: &mut Vec<String>) {
        let (what, id) = (self.what, now.id);
        let is_retry = what.starts_with("retry");
        if before.state.is_terminal() && before.state != now.state && !is_retry {
            let (was, is) = (before.state.word(), now.state.word());
            wrong.push(format!("job {id} was {was} and is {is}"));
        }
        let proof = |job: &Job| (job.state, job.receipt.clone(), job.checkpoint.clone());
        if before.state == State::Completed && proof(before) != proof(now) {
            wrong.push(format!("job {id} has changed after it was completed"));
        }
        if now.fence != before.fence + u64::from(what == "claim") && now.fence != before.fence {
            wrong.push(format!(
                "the fence of job {id} went from {} to {}",
                before.fence, now.fence
            ));
        }
        let end = |job: &Job| {
            let checkpoint = job.checkpoint.as_ref();
            checkpoint.map_or(0, |checkpoint| checkpoint.books.end.ordinal)
        };
        if end(now) < end(before) && what != "retry.reset" {
            let (was, is) = (end(before), end(now));
            wrong.push(format!(
                "the checkpoint of job {id} went back from {was} to {is}"
            ));
        }
        // Told once, by the very statement that ended or held it, but for what nobody ever knew of.
        let is_withdrawn = what == "withdraw" && now.files.len() == 1 && now.callback.is_none();
        let told = now.state != before.state && is_told(now.state) && !is_withdrawn;
        let told = u64::from(told);
        let events = |job: &Job| {
            job.callback
                .as_ref()
                .map_or(0, |callback| callback.last_event)
        };
        if events(now) != events(before) + told {
            let (was, is) = (events(before), events(now));
            wrong.push(format!(
                "job {id} had {was} events of its webhook and has {is}"
            ));
        }
        self.judge_attempts(before, now, wrong);
    }

    /// Only what ended an attempt without progress, and was no shutdown, is charged.
    fn judge_attempts(&self, before: &Job, now: &Job, wrong: &mut Vec<String>) {
        if now.attempts <= before.attempts {
            return;
        }
        let (what, id) = (self.what, now.id);
        let may_charge = match what {
            "claim" => before.state == State::InProgress,
            "release.charged" => !self.closing,
            _ => false,
        };
        if !may_charge || now.attempts != before.attempts + 1 {
            let (was, is) = (before.attempts, now.attempts);
            wrong.push(format!(
                "{what} took the attempts of job {id} from {was} to {is}"
            ));
        }
    }
}

/// The ordinal in a document's `_id`: identity (12 bytes) ‖ ordinal (8) ‖ part (4).
fn ordinal_of(id: &[u8]) -> u64 {
    let bytes = id.get(12..20).and_then(|bytes| bytes.try_into().ok());
    bytes.map_or(u64::MAX, u64::from_be_bytes)
}

/// The documents of a collection: `_id`, and the field `n`, which is a record's ordinal.
fn documents(stores: &MemoryStores, collection: &str) -> Vec<(Vec<u8>, u64)> {
    let documents = stores.documents.documents(collection).into_iter();
    let ordinal = |document: serde_json::Value| document["n"].as_u64().unwrap_or(u64::MAX);
    documents
        .map(|(id, document)| (id.to_vec(), ordinal(document)))
        .collect()
}
