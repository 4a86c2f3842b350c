//! Retention: what ended long ago loses what only its details need, and is then marked as cleaned.

use super::jobs::{Jobs, Row};
use crate::id::Id;
use crate::queue::Job;
use crate::tenant::Tenant;
use pipeline::Summary;

impl Jobs {
    pub(super) fn expire(&mut self, now: u64, age_ms: u64, limit: u32) -> Vec<Job> {
        let before = now.saturating_sub(age_ms);
        let ended = self.rows.iter_mut().filter(|row| !row.is_cleaned);
        let old = ended.filter_map(|row| {
            let finished = row.job.finished_ms.filter(|finished| *finished < before)?;
            Some((finished, row))
        });
        let mut old: Vec<(u64, &mut Row)> = old.collect();
        old.sort_by_key(|(finished, _)| *finished);
        let oldest = old.into_iter().take(limit as usize);
        let expired = oldest.map(|(_, row)| {
            take_details(&mut row.job, now);
            row.job.clone()
        });
        expired.collect()
    }

    pub(super) fn forget(&mut self, tenant: &Tenant, id: Id) {
        if let Some(at) = self.find(tenant, id) {
            let row = &mut self.rows[at];
            row.is_cleaned |= row.job.expired;
        }
    }
}

fn take_details(job: &mut Job, now: u64) {
    if job.expired {
        return;
    }
    job.expired = true;
    job.updated_ms = now;
    job.spec.text.clear();
    job.callback = None;
    if let Some(checkpoint) = &mut job.checkpoint {
        checkpoint.head.clear();
        checkpoint.books.summary = Summary::default();
    }
    if let Some(failure) = &mut job.failure {
        failure.causes.clear();
    }
}
