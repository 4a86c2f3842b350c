//! Idempotency keys: which request came first under a key, for a day.

use crate::id::Id;
use crate::queue::{IDEMPOTENCY_MS, Remembered};
use crate::tenant::Tenant;
use std::collections::BTreeMap;

struct Entry {
    request: String,
    job: Id,
    created_ms: u64,
}

/// The keys of all tenants, by the tenant's key and their own.
#[derive(Default)]
pub(super) struct Keys(BTreeMap<(String, String), Entry>);

impl Keys {
    pub(super) fn remember(
        &mut self,
        now: u64,
        tenant: &Tenant,
        key: &str,
        request: &str,
        job: Id,
    ) -> Remembered {
        let name = (tenant.key().to_owned(), key.to_owned());
        if self.0.get(&name).is_some_and(|entry| is_old(entry, now)) {
            self.0.remove(&name);
        }
        let entry = self.0.entry(name).or_insert_with(|| Entry {
            request: request.to_owned(),
            job,
            created_ms: now,
        });
        match entry.request == request {
            false => Remembered::Other,
            // Ids are fresh: this is the same statement, sent again.
            true if entry.job == job => Remembered::New,
            true => Remembered::Same(entry.job),
        }
    }

    pub(super) fn settle(&mut self, tenant: &Tenant, key: &str, job: Id) {
        let name = (tenant.key().to_owned(), key.to_owned());
        if let Some(entry) = self.0.get_mut(&name) {
            entry.job = job;
        }
    }

    /// Forgets keys that are too old.
    pub(super) fn clean(&mut self, now: u64) {
        self.0.retain(|_, entry| !is_old(entry, now));
    }
}

fn is_old(entry: &Entry, now: u64) -> bool {
    entry.created_ms + IDEMPOTENCY_MS <= now
}
