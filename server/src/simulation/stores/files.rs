//! Files in memory.

use super::{Clock, MemoryQueue};
use crate::files::*;
use crate::id::Id;
use crate::page::{Listed, Page};
use crate::tenant::Tenant;
use async_trait::async_trait;
use pipeline::Fatal;
use std::sync::Arc;

/// A store of files.
pub struct MemoryFiles {
    clock: Clock,
    queue: Arc<MemoryQueue>,
}
impl MemoryFiles {
    /// An empty store, beside the jobs of `queue`.
    pub fn new(clock: Clock, queue: Arc<MemoryQueue>) -> Self {
        Self { clock, queue }
    }
}

#[async_trait]
impl Files for MemoryFiles {
    async fn begin(&self, file: &NewFile) -> Result<(), Fatal> {
        unimplemented!()
    }
    async fn renew(&self, tenant: &Tenant, id: Id) -> Result<bool, Fatal> {
        unimplemented!()
    }
    async fn commit(
        &self,
        tenant: &Tenant,
        id: Id,
        size_bytes: u64,
        sha256: &str,
        version: Option<&str>,
    ) -> Result<Option<File>, Fatal> {
        unimplemented!()
    }
    async fn discard(&self, tenant: &Tenant, id: Id) -> Result<bool, Fatal> {
        unimplemented!()
    }
    async fn remove(&self, tenant: &Tenant, id: Id) -> Result<bool, Fatal> {
        unimplemented!()
    }
    async fn mark_gone(&self, tenant: &Tenant, id: Id) -> Result<(), Fatal> {
        unimplemented!()
    }
    async fn file(&self, tenant: &Tenant, id: Id) -> Result<Option<Seen>, Fatal> {
        unimplemented!()
    }
    async fn files(
        &self,
        tenant: &Tenant,
        status: Option<Status>,
        page: Page,
    ) -> Result<Listed<Seen>, Fatal> {
        unimplemented!()
    }
    async fn abandoned(&self, idle_ms: u64, limit: u32) -> Result<Vec<File>, Fatal> {
        unimplemented!()
    }
}
