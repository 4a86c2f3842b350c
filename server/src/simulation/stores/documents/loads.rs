//! `_loads` in memory: which loads were entered, and who holds them.
//!
//! As in MongoDB, what is sent again because its answer was lost finds itself: an owner is a fresh name for each try.

use super::{Held, MemoryDocuments, lock};
use async_trait::async_trait;
use pipeline::Fatal;
use stages::identity::LoadIdentity;
use stages::load::{Entry, Loads, Request};

/// An entry, and until when it is its owner's.
#[derive(Clone)]
pub(super) struct Entered {
    /// Whether it is live is told when it is read.
    entry: Entry,
    lock_until_ms: u64,
}

impl Entered {
    fn is_live(&self, now: u64) -> bool {
        self.lock_until_ms > now
    }

    fn read(&self, now: u64) -> Entry {
        Entry {
            live: self.is_live(now),
            ..self.entry.clone()
        }
    }
}

impl Held {
    /// The entry that `held`'s owner still has.
    fn own(&mut self, held: &Entry) -> Option<&mut Entered> {
        let entered = self.loads.get_mut(&held.identity.0)?;
        let is_own = entered.entry.owner == held.owner && entered.entry.fence == held.fence;
        is_own.then_some(entered)
    }
}

impl MemoryDocuments {
    /// Every load that was entered.
    pub fn loads(&self) -> Vec<Entry> {
        let now = self.clock.now_ms();
        let held = lock(&self.held);
        held.loads
            .values()
            .map(|entered| entered.read(now))
            .collect()
    }

    /// Changes the entry that `held`'s owner still has, at the clock's present time.
    fn change(&self, held: &Entry, change: impl FnOnce(&mut Entered, u64)) -> bool {
        let now = self.clock.now_ms();
        let mut database = lock(&self.held);
        let Some(entered) = database.own(held) else {
            return false;
        };
        change(entered, now);
        true
    }

    fn others(&self, entry: &Entry, is_asked: impl Fn(&Entered, u64) -> bool) -> bool {
        let now = self.clock.now_ms();
        let held = lock(&self.held);
        let mut others = held
            .loads
            .values()
            .filter(|other| other.entry.collection == entry.collection);
        others.any(|other| is_asked(other, now))
    }
}

#[async_trait]
impl Loads for MemoryDocuments {
    async fn newest(&self, base: LoadIdentity) -> Result<Option<Entry>, Fatal> {
        let all = self.loads().into_iter();
        let generations = all.filter(|entry| entry.base == base);
        Ok(generations.max_by_key(|entry| entry.generation))
    }

    async fn entry(&self, identity: LoadIdentity) -> Result<Option<Entry>, Fatal> {
        let now = self.clock.now_ms();
        let held = lock(&self.held);
        let entered = held.loads.get(&identity.0);
        Ok(entered.map(|entered| entered.read(now)))
    }

    async fn enter(
        &self,
        request: &Request,
        identity: LoadIdentity,
        generation: u32,
    ) -> Result<Option<Entry>, Fatal> {
        let now = self.clock.now_ms();
        let mut held = lock(&self.held);
        if let Some(there) = held.loads.get(&identity.0) {
            let is_own = there.entry.owner == request.owner && there.entry.fence == 1;
            return Ok(is_own.then(|| there.read(now)));
        }
        let load_number = match request.numbered {
            true => {
                let last = held.counters.entry(request.collection.clone());
                let last = last.or_default();
                *last += 1;
                *last
            }
            false => 0,
        };
        let entered = Entered {
            entry: Entry {
                identity,
                base: request.base,
                generation,
                spec: request.spec.clone(),
                version: request.version,
                spec_sha256: request.spec_sha256.clone(),
                collection: request.collection.clone(),
                job: request.job.clone(),
                load_number,
                acknowledged: false,
                completed: false,
                owner: request.owner.clone(),
                fence: 1,
                live: true,
            },
            lock_until_ms: now.saturating_add(request.lease_ms),
        };
        let entry = entered.read(now);
        held.loads.insert(identity.0, entered);
        Ok(Some(entry))
    }

    async fn take(&self, request: &Request, entry: &Entry) -> Result<Option<Entry>, Fatal> {
        let now = self.clock.now_ms();
        let mut held = lock(&self.held);
        let Some(entered) = held.loads.get_mut(&entry.identity.0) else {
            return Ok(None);
        };
        let there = &mut entered.entry;
        if there.owner == request.owner && there.fence == entry.fence + 1 {
            return Ok(Some(entered.read(now)));
        }
        if there.fence != entry.fence || entered.lock_until_ms > now {
            return Ok(None);
        }
        there.version = request.version;
        there.spec_sha256.clone_from(&request.spec_sha256);
        there.job.clone_from(&request.job);
        there.owner.clone_from(&request.owner);
        there.fence += 1;
        there.completed = false;
        entered.lock_until_ms = now.saturating_add(request.lease_ms);
        Ok(Some(entered.read(now)))
    }

    async fn renew(&self, entry: &Entry, lease_ms: u64, acknowledged: bool) -> Result<bool, Fatal> {
        Ok(self.change(entry, |entered, now| {
            entered.entry.acknowledged |= acknowledged;
            entered.lock_until_ms = now.saturating_add(lease_ms);
        }))
    }

    async fn repin(&self, entry: &Entry, version: u32, spec_sha256: &str) -> Result<bool, Fatal> {
        Ok(self.change(entry, |entered, _| {
            entered.entry.version = version;
            spec_sha256.clone_into(&mut entered.entry.spec_sha256);
        }))
    }

    async fn close(
        &self,
        entry: &Entry,
        acknowledged: bool,
        completed: bool,
    ) -> Result<bool, Fatal> {
        Ok(self.change(entry, |entered, _| {
            entered.entry.acknowledged |= acknowledged;
            entered.entry.completed = completed;
            entered.lock_until_ms = 0;
        }))
    }

    async fn newer_exists(&self, entry: &Entry) -> Result<bool, Fatal> {
        Ok(self.others(entry, |other, now| {
            let counts = other.entry.acknowledged || other.entry.completed || other.is_live(now);
            other.entry.load_number > entry.load_number && counts
        }))
    }

    async fn rival_is_live(&self, entry: &Entry) -> Result<bool, Fatal> {
        Ok(self.others(entry, |other, now| {
            other.entry.identity != entry.identity && other.is_live(now)
        }))
    }
}
