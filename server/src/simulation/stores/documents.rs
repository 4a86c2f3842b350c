//! Documents and loads in memory.

use super::Clock;
use async_trait::async_trait;
use pipeline::Fatal;
use stages::identity::LoadIdentity;
use stages::load::{Entry, Loads, Request};
use stages::sink::{DocumentStore, Flow, Load, Opened, Target};

/// A database of documents.
pub struct MemoryDocuments {
    clock: Clock,
}
impl MemoryDocuments {
    /// An empty database.
    pub fn new(clock: Clock) -> Self {
        Self { clock }
    }
}

#[async_trait]
impl Loads for MemoryDocuments {
    async fn newest(&self, base: LoadIdentity) -> Result<Option<Entry>, Fatal> {
        unimplemented!()
    }
    async fn entry(&self, identity: LoadIdentity) -> Result<Option<Entry>, Fatal> {
        unimplemented!()
    }
    async fn enter(
        &self,
        request: &Request,
        identity: LoadIdentity,
        generation: u32,
    ) -> Result<Option<Entry>, Fatal> {
        unimplemented!()
    }
    async fn take(&self, request: &Request, entry: &Entry) -> Result<Option<Entry>, Fatal> {
        unimplemented!()
    }
    async fn renew(&self, entry: &Entry, lease_ms: u64, acknowledged: bool) -> Result<bool, Fatal> {
        unimplemented!()
    }
    async fn repin(&self, entry: &Entry, version: u32, spec_sha256: &str) -> Result<bool, Fatal> {
        unimplemented!()
    }
    async fn close(
        &self,
        entry: &Entry,
        acknowledged: bool,
        completed: bool,
    ) -> Result<bool, Fatal> {
        unimplemented!()
    }
    async fn newer_exists(&self, entry: &Entry) -> Result<bool, Fatal> {
        unimplemented!()
    }
    async fn rival_is_live(&self, entry: &Entry) -> Result<bool, Fatal> {
        unimplemented!()
    }
}

#[async_trait]
impl DocumentStore for MemoryDocuments {
    async fn open_sink(&self, target: &Target, flow: &Flow, load: Load) -> Result<Opened, Fatal> {
        unimplemented!()
    }
}
