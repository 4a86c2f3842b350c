//! `_loads` keeps the contract, in one process and between many.

use super::*;
use crate::identity::LoadIdentity;
use crate::load::{Entry, Loads, Request, suite};
use async_trait::async_trait;
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Connections to one file, as that many processes have them, each asked in turn.
struct Processes {
    stores: Vec<EmbeddedStore>,
    next: AtomicUsize,
}

impl Processes {
    fn one(&self) -> &EmbeddedStore {
        &self.stores[self.next.fetch_add(1, Ordering::Relaxed) % self.stores.len()]
    }
}

#[async_trait]
impl Loads for Processes {
    async fn newest(&self, base: LoadIdentity) -> Result<Option<Entry>, Fatal> {
        self.one().newest(base).await
    }

    async fn entry(&self, identity: LoadIdentity) -> Result<Option<Entry>, Fatal> {
        self.one().entry(identity).await
    }

    async fn enter(
        &self,
        request: &Request,
        identity: LoadIdentity,
        generation: u32,
    ) -> Result<Option<Entry>, Fatal> {
        self.one().enter(request, identity, generation).await
    }

    async fn take(&self, request: &Request, entry: &Entry) -> Result<Option<Entry>, Fatal> {
        self.one().take(request, entry).await
    }

    async fn renew(&self, entry: &Entry, lease_ms: u64, acknowledged: bool) -> Result<bool, Fatal> {
        self.one().renew(entry, lease_ms, acknowledged).await
    }

    async fn repin(&self, entry: &Entry, version: u32, spec_sha256: &str) -> Result<bool, Fatal> {
        self.one().repin(entry, version, spec_sha256).await
    }

    async fn close(
        &self,
        entry: &Entry,
        acknowledged: bool,
        completed: bool,
    ) -> Result<bool, Fatal> {
        self.one().close(entry, acknowledged, completed).await
    }

    async fn newer_exists(&self, entry: &Entry) -> Result<bool, Fatal> {
        self.one().newer_exists(entry).await
    }

    async fn rival_is_live(&self, entry: &Entry) -> Result<bool, Fatal> {
        self.one().rival_is_live(entry).await
    }
}

async fn conform(processes: usize) {
    let folder = tempfile::tempdir().unwrap();
    let files = Cell::new(0);
    suite::conforms(async || {
        files.set(files.get() + 1);
        let path = folder.path().join(format!("{}.db", files.get()));
        let mut stores = Vec::new();
        for _ in 0..processes {
            stores.push(EmbeddedStore::open(&path).await.unwrap());
        }
        let next = AtomicUsize::new(0);
        Processes { stores, next }
    })
    .await;
}

#[tokio::test]
async fn one_process_conforms() {
    conform(1).await;
}

#[tokio::test]
async fn twenty_processes_conform() {
    conform(20).await;
}
