//! The store of files, over the network.

use super::{Call, Link, sent};
use crate::files::{File, Files, NewFile, Seen, Status};
use crate::id::Id;
use crate::page::{Listed, Page};
use crate::queue::State;
use crate::tenant::Tenant;
use async_trait::async_trait;
use pipeline::Fatal;
use std::sync::Arc;

/// A store of files as one process reaches it.
pub struct NetFiles {
    pub link: Arc<Link>,
    pub inner: Arc<dyn Files>,
}

#[async_trait]
impl Files for NetFiles {
    async fn begin(&self, file: &NewFile) -> Result<(), Fatal> {
        sent!(self, Call::of("files.begin"), |inner, file| inner
            .begin(&file))
    }

    async fn note_upload(&self, tenant: &Tenant, id: Id, upload: &str) -> Result<bool, Fatal> {
        sent!(
            self,
            Call::of("files.note_upload"),
            |inner, tenant, id, upload| { inner.note_upload(&tenant, id, &upload) }
        )
    }

    async fn renew(&self, tenant: &Tenant, id: Id) -> Result<bool, Fatal> {
        sent!(self, Call::of("files.renew"), |inner, tenant, id| inner
            .renew(&tenant, id))
    }

    async fn commit(
        &self,
        tenant: &Tenant,
        id: Id,
        size_bytes: u64,
        sha256: &str,
        version: Option<&str>,
    ) -> Result<Option<File>, Fatal> {
        let version = version.map(str::to_owned);
        sent!(
            self,
            Call::of("files.commit"),
            |inner, tenant, id, size_bytes, sha256, version| {
                inner.commit(&tenant, id, size_bytes, &sha256, version.as_deref())
            }
        )
    }

    async fn discard(&self, tenant: &Tenant, id: Id) -> Result<bool, Fatal> {
        sent!(self, Call::of("files.discard"), |inner, tenant, id| inner
            .discard(&tenant, id))
    }

    async fn remove(&self, tenant: &Tenant, id: Id) -> Result<bool, Fatal> {
        sent!(self, Call::of("files.remove"), |inner, tenant, id| inner
            .remove(&tenant, id))
    }

    async fn mark_gone(&self, tenant: &Tenant, id: Id, unless: &[State]) -> Result<bool, Fatal> {
        sent!(
            self,
            Call::of("files.mark_gone"),
            |inner, tenant, id, unless| { inner.mark_gone(&tenant, id, &unless) }
        )
    }

    async fn mark_to_go(&self, tenant: &Tenant, ids: &[Id], job: Id) -> Result<(), Fatal> {
        sent!(
            self,
            Call::of("files.mark_to_go"),
            |inner, tenant, ids, job| { inner.mark_to_go(&tenant, &ids, job) }
        )
    }

    async fn to_go(&self, after: Option<Id>, limit: u32) -> Result<Vec<File>, Fatal> {
        sent!(self, Call::of("files.to_go"), |inner, after, limit| inner
            .to_go(after, limit))
    }

    async fn went(&self, tenant: &Tenant, id: Id) -> Result<(), Fatal> {
        sent!(self, Call::of("files.went"), |inner, tenant, id| inner
            .went(&tenant, id))
    }

    async fn file(&self, tenant: &Tenant, id: Id) -> Result<Option<Seen>, Fatal> {
        sent!(self, Call::of("files.file"), |inner, tenant, id| inner
            .file(&tenant, id))
    }

    async fn files(
        &self,
        tenant: &Tenant,
        status: Option<Status>,
        page: Page,
    ) -> Result<Listed<Seen>, Fatal> {
        sent!(
            self,
            Call::of("files.files"),
            |inner, tenant, status, page| { inner.files(&tenant, status, page) }
        )
    }

    async fn abandoned(&self, idle_ms: u64, limit: u32) -> Result<Vec<File>, Fatal> {
        sent!(
            self,
            Call::of("files.abandoned"),
            |inner, idle_ms, limit| { inner.abandoned(idle_ms, limit) }
        )
    }
}
