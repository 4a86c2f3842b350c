//! The store of rejects, over the network.

use super::{Call, Link, sent};
use crate::id::Id;
use crate::rejects::{Filter, Rejects, Run};
use crate::tenant::Tenant;
use async_trait::async_trait;
use pipeline::{Fatal, Reject};
use std::sync::Arc;

/// A store of rejects as one process reaches it.
pub struct NetRejects {
    pub link: Arc<Link>,
    pub inner: Arc<dyn Rejects>,
}

#[async_trait]
impl Rejects for NetRejects {
    async fn store(&self, run: &Run, fence: u64, rejects: &[Reject]) -> Result<(), Fatal> {
        sent!(
            self,
            Call::writes("rejects.store", run.job),
            |inner, run, fence, rejects| { inner.store(&run, fence, &rejects) }
        )
    }

    async fn replace(&self, run: &Run, fence: u64, rejects: &[Reject]) -> Result<(), Fatal> {
        sent!(
            self,
            Call::writes("rejects.replace", run.job),
            |inner, run, fence, rejects| { inner.replace(&run, fence, &rejects) }
        )
    }

    async fn remove_from(&self, run: &Run, fence: u64, from: u64) -> Result<(), Fatal> {
        sent!(
            self,
            Call::writes("rejects.remove_from", run.job),
            |inner, run, fence, from| { inner.remove_from(&run, fence, from) }
        )
    }

    async fn remove(&self, run: &Run, ordinals: &[u64]) -> Result<(), Fatal> {
        let ordinals = ordinals.to_vec();
        sent!(
            self,
            Call::writes("rejects.remove", run.job),
            |inner, run, ordinals| { inner.remove(&run, &ordinals) }
        )
    }

    async fn count(&self, run: &Run, filter: &Filter) -> Result<u64, Fatal> {
        sent!(self, Call::of("rejects.count"), |inner, run, filter| {
            inner.count(&run, &filter)
        })
    }

    async fn page(
        &self,
        run: &Run,
        filter: &Filter,
        from: u64,
        skip: u64,
        limit: u32,
    ) -> Result<Vec<Reject>, Fatal> {
        sent!(
            self,
            Call::of("rejects.page"),
            |inner, run, filter, from, skip, limit| {
                inner.page(&run, &filter, from, skip, limit)
            }
        )
    }

    async fn of_records(&self, run: &Run, ordinals: &[u64]) -> Result<Vec<Reject>, Fatal> {
        let ordinals = ordinals.to_vec();
        sent!(
            self,
            Call::of("rejects.of_records"),
            |inner, run, ordinals| { inner.of_records(&run, &ordinals) }
        )
    }

    async fn remove_runs(
        &self,
        tenant: &Tenant,
        job: Id,
        before: u32,
        limit: u32,
    ) -> Result<bool, Fatal> {
        sent!(
            self,
            Call::of("rejects.remove_runs"),
            |inner, tenant, job, before, limit| { inner.remove_runs(&tenant, job, before, limit) }
        )
    }
}
