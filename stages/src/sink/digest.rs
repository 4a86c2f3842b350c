//! The digest of what a sink has loaded: SHA-256 over each document, added up.
//!
//! In insert mode a document's `_id` says which record it stands for, so the digest is over the ids of all that was
//! acknowledged, now or before. In the key modes records of one key share a document: its terms come from the target,
//! when the load is complete, one for each document that the load wrote last.

use crate::identity::LoadIdentity;
use async_trait::async_trait;
use pipeline::{Batch, Digest, Fatal, Holdings, Sink, Written};
use sha2::{Digest as _, Sha256};
use std::collections::HashSet;
use std::sync::Arc;

/// The term of a document whose `_id`, or key, is `bytes`.
pub fn term(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// The same sink, of a mode in which each acknowledged record has a document of its own: what it acknowledges is in
/// the digest.
pub fn digested(identity: LoadIdentity, sink: Arc<dyn Sink>) -> Arc<dyn Sink> {
    Arc::new(Digested { identity, sink })
}

struct Digested {
    identity: LoadIdentity,
    sink: Arc<dyn Sink>,
}

#[async_trait]
impl Sink for Digested {
    async fn write(&self, batch: &Batch) -> Result<Written, Fatal> {
        let mut written = self.sink.write(batch).await?;
        let rejects = written.rejects.iter();
        let refused: HashSet<u64> = rejects.map(|reject| reject.at.ordinal).collect();
        let mut digest = Digest::default();
        for operation in batch.operations() {
            // All records of an operation share its outcome.
            if operation.ordinals().all(|one| !refused.contains(&one)) {
                let (ordinal, part) = (operation.known_as(), operation.part());
                digest.add(term(&self.identity.document_id(ordinal, part)));
            }
        }
        written.digest = digest;
        Ok(written)
    }

    async fn finish(&self) -> Result<Option<Holdings>, Fatal> {
        self.sink.finish().await
    }
}
