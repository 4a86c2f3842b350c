//! Webhooks: who sends what is due, what came of it, and where a tenant's go by default.

use super::jobs::{Jobs, Row};
use crate::id::Id;
use crate::queue::{Callback, Job, Resent, Sent, Skip, Told};
use crate::tenant::Tenant;

/// Notes what the state to which a job came makes due.
pub(super) fn came_to(row: &mut Row, now: u64) {
    let told = Told::of(&row.job);
    if let Some(callback) = &mut row.job.callback {
        callback.came_to(row.job.state, now, told);
    }
}

impl Jobs {
    pub(super) fn claim_delivery(
        &mut self,
        now: u64,
        owner: &str,
        lease_ms: u64,
        skip: &Skip,
    ) -> Option<Job> {
        let due = self.rows.iter_mut().filter_map(|row| {
            let callback = row.job.callback.as_ref()?;
            let due_ms = callback.due_ms?;
            let is_skipped = skip.places.contains(&callback.place(&row.job.tenant))
                || skip
                    .tenants
                    .iter()
                    .any(|tenant| tenant == row.job.tenant.key());
            (due_ms <= now && !is_skipped).then_some((due_ms, row))
        });
        let (_, row) = due.min_by_key(|(due_ms, _)| *due_ms)?;
        let callback = row.job.callback.as_mut()?;
        callback
            .claim(owner, now, lease_ms)
            .then(|| row.job.clone())
    }

    pub(super) fn add_callback(&mut self, tenant: &Tenant, id: Id, url: &str) -> Option<Job> {
        let at = self.find(tenant, id)?;
        let job = &mut self.rows[at].job;
        if job.callback.is_none() && !job.state.is_terminal() {
            job.callback = Some(Callback::new(url.to_owned()));
        }
        Some(job.clone())
    }

    pub(super) fn note_delivery(
        &mut self,
        now: u64,
        tenant: &Tenant,
        id: Id,
        owner: &str,
        n: u64,
        sent: &Sent,
    ) -> bool {
        let at = self.find(tenant, id);
        let callback = at.and_then(|at| self.rows[at].job.callback.as_mut());
        callback.is_some_and(|callback| callback.note(owner, n, sent, now))
    }

    pub(super) fn resend_delivery(&mut self, now: u64, tenant: &Tenant, id: Id, n: u64) -> Resent {
        let Some(at) = self.find(tenant, id) else {
            return Resent::Missing;
        };
        let job = &mut self.rows[at].job;
        let callback = job.callback.as_mut();
        match callback.is_some_and(|callback| callback.resend(n, now)) {
            true => Resent::Due(Box::new(job.clone())),
            false => Resent::NoSuchTry,
        }
    }

    pub(super) fn set_default_callback(&mut self, tenant: &Tenant, url: Option<&str>) {
        let tenant = tenant.key().to_owned();
        match url {
            Some(url) => self.default_callbacks.insert(tenant, url.to_owned()),
            None => self.default_callbacks.remove(&tenant),
        };
    }
}
