//! Documents and what is remembered of their loads, over the network.
//!
//! A batch may reach its target as several messages, of which some may be lost, or come late and in any order: what a
//! target applied of a batch that was cut is any part of it.

use super::{Call, Link, sent};
use crate::id::Id;
use crate::simulation::sabotage::Saboteur;
use async_trait::async_trait;
use futures::future::try_join_all;
use pipeline::{Batch, Fatal, Holdings, Sink, Written};
use stages::identity::LoadIdentity;
use stages::load::{Entry, Loads, Request};
use stages::sink::{DocumentStore, Flow, Load, Opened, Target};
use std::sync::Arc;

/// A database as one process reaches it.
pub struct NetDocuments {
    pub link: Arc<Link>,
    pub inner: Arc<dyn DocumentStore>,
    /// What spoils the sinks that are opened.
    pub saboteur: Saboteur,
}

#[async_trait]
impl Loads for NetDocuments {
    async fn newest(&self, base: LoadIdentity) -> Result<Option<Entry>, Fatal> {
        sent!(self, Call::of("loads.newest"), |inner, base| inner
            .newest(base))
    }

    async fn entry(&self, identity: LoadIdentity) -> Result<Option<Entry>, Fatal> {
        sent!(self, Call::of("loads.entry"), |inner, identity| inner
            .entry(identity))
    }

    async fn enter(
        &self,
        request: &Request,
        identity: LoadIdentity,
        generation: u32,
    ) -> Result<Option<Entry>, Fatal> {
        sent!(
            self,
            Call::of("loads.enter"),
            |inner, request, identity, generation| { inner.enter(&request, identity, generation) }
        )
    }

    async fn take(&self, request: &Request, entry: &Entry) -> Result<Option<Entry>, Fatal> {
        sent!(self, Call::of("loads.take"), |inner, request, entry| inner
            .take(&request, &entry))
    }

    async fn renew(&self, entry: &Entry, lease_ms: u64, acknowledged: bool) -> Result<bool, Fatal> {
        sent!(
            self,
            Call::of("loads.renew"),
            |inner, entry, lease_ms, acknowledged| { inner.renew(&entry, lease_ms, acknowledged) }
        )
    }

    async fn repin(&self, entry: &Entry, version: u32, spec_sha256: &str) -> Result<bool, Fatal> {
        sent!(
            self,
            Call::of("loads.repin"),
            |inner, entry, version, spec_sha256| { inner.repin(&entry, version, &spec_sha256) }
        )
    }

    async fn close(
        &self,
        entry: &Entry,
        acknowledged: bool,
        completed: bool,
    ) -> Result<bool, Fatal> {
        sent!(
            self,
            Call::of("loads.close"),
            |inner, entry, acknowledged, completed| {
                inner.close(&entry, acknowledged, completed)
            }
        )
    }

    async fn newer_exists(&self, entry: &Entry) -> Result<bool, Fatal> {
        sent!(self, Call::of("loads.newer_exists"), |inner, entry| inner
            .newer_exists(&entry))
    }

    async fn rival_is_live(&self, entry: &Entry) -> Result<bool, Fatal> {
        sent!(self, Call::of("loads.rival_is_live"), |inner, entry| inner
            .rival_is_live(&entry))
    }
}

#[async_trait]
impl DocumentStore for NetDocuments {
    async fn open_sink(&self, target: &Target, flow: &Flow, load: Load) -> Result<Opened, Fatal> {
        let job: Result<Id, _> = load.job.parse();
        let job = job.map_err(|_| Fatal::new("bad_job", "the job of a load is no id"))?;
        let opened = sent!(self, Call::of("open_sink"), |inner, target, flow, load| {
            inner.open_sink(&target, &flow, load)
        });
        let Opened { encode, sink } = opened?;
        let sink = NetSink {
            link: self.link.clone(),
            inner: sink,
            job,
            // In a key mode the order within a batch counts, so it is one statement.
            splits: !target.mode.has_key(),
        };
        Ok(Opened {
            encode,
            sink: self.saboteur.spoils_sink(Arc::new(sink)),
        })
    }
}

/// A sink whose target is far away.
struct NetSink {
    link: Arc<Link>,
    inner: Arc<dyn Sink>,
    job: Id,
    splits: bool,
}

impl NetSink {
    async fn send(&self, batch: Batch) -> Result<Written, Fatal> {
        let job = self.job;
        sent!(self, Call::writes("write", job), |inner, batch| inner
            .write(&batch))
    }
}

#[async_trait]
impl Sink for NetSink {
    async fn write(&self, batch: &Batch) -> Result<Written, Fatal> {
        let parts = batch.parts.len() as u64;
        let cut = self.link.between(0, 2 * parts) as usize;
        if !self.splits || cut == 0 || cut >= batch.parts.len() {
            return self.send(batch.clone()).await;
        }
        let (front, back) = batch.parts.split_at(cut);
        let pieces = [front, back].map(|parts| Batch {
            parts: parts.to_vec(),
        });
        let pieces = pieces.map(|piece| self.send(piece));
        let mut whole = Written::default();
        for written in try_join_all(pieces).await? {
            whole.loaded += written.loaded;
            whole.already_loaded += written.already_loaded;
            whole.documents += written.documents;
            whole.digest += written.digest;
            whole.rejects.extend(written.rejects);
        }
        Ok(whole)
    }

    async fn finish(&self) -> Result<Option<Holdings>, Fatal> {
        sent!(self, Call::of("finish_sink"), |inner| inner.finish())
    }
}
