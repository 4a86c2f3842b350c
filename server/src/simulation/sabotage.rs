//! What a part that is broken could do: the sinks and the store of rejects of a process, spoilt on purpose.
//!
//! It spoils the batch, or the reject, that holds one certain record, every time that it comes. Nothing of it is in the
//! program: it stands around the parts of a simulated process only.

use crate::id::Id;
use crate::rejects::{Filter, Rejects, Run};
use crate::tenant::Tenant;
use async_trait::async_trait;
use pipeline::{Batch, Fatal, Holdings, Reject, Sink, Written};
use std::sync::Arc;

/// What is spoilt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    /// A batch is not written, and nothing of it acknowledged.
    DropsBatch,
    /// A batch is written twice, and both acknowledged.
    DoublesBatch,
    /// A batch is written without its last block, and acknowledged so.
    SkipsBlock,
    /// One record more is acknowledged than was written.
    CountsOneMore,
    /// One record less is acknowledged than was written.
    CountsOneLess,
    /// A reject is not stored.
    LosesReject,
    /// The object ends early, as if it was whole: the number is that of its bytes.
    CutsObject,
    /// A batch is not written, and acknowledged all the same: a target that lies.
    Lies,
}

impl Sabotage {
    /// All that the books notice.
    pub const NOTICED: [Self; 6] = [
        Self::DropsBatch,
        Self::DoublesBatch,
        Self::SkipsBlock,
        Self::CountsOneMore,
        Self::CountsOneLess,
        Self::LosesReject,
    ];
}

/// Who spoils it, and where.
#[derive(Clone, Copy, Debug, Default)]
pub struct Saboteur {
    /// What, and the ordinal of the record, or the length of the object in bytes.
    pub plan: Option<(Sabotage, u64)>,
}

impl Saboteur {
    /// The sink, spoilt where that is the plan.
    pub fn spoils_sink(self, sink: Arc<dyn Sink>) -> Arc<dyn Sink> {
        match self.plan {
            Some((what, ordinal)) => Arc::new(Spoilt {
                sink,
                what,
                ordinal,
            }),
            None => sink,
        }
    }

    /// How many bytes of an object there are to read, where that is the plan.
    pub fn object_bytes(self) -> u64 {
        match self.plan {
            Some((Sabotage::CutsObject, bytes)) => bytes,
            _ => u64::MAX,
        }
    }

    /// The store of rejects, spoilt where that is the plan.
    pub fn spoils_rejects(self, rejects: Arc<dyn Rejects>) -> Arc<dyn Rejects> {
        match self.plan {
            Some((Sabotage::LosesReject, ordinal)) => Arc::new(Forgetful { rejects, ordinal }),
            _ => rejects,
        }
    }
}

struct Spoilt {
    sink: Arc<dyn Sink>,
    what: Sabotage,
    ordinal: u64,
}

#[async_trait]
impl Sink for Spoilt {
    async fn write(&self, batch: &Batch) -> Result<Written, Fatal> {
        let covers = (batch.start().ordinal..batch.end().ordinal).contains(&self.ordinal);
        if !covers || batch.is_empty() {
            return self.sink.write(batch).await;
        }
        match self.what {
            Sabotage::DropsBatch => Ok(Written::default()),
            Sabotage::Lies => Ok(Written::all_of(batch)),
            Sabotage::DoublesBatch => {
                let mut both = self.sink.write(batch).await?;
                let again = self.sink.write(batch).await?;
                both.loaded += again.loaded;
                both.already_loaded += again.already_loaded;
                both.documents += again.documents;
                both.rejects.extend(again.rejects);
                Ok(both)
            }
            Sabotage::SkipsBlock => {
                let written = batch.parts.iter().rposition(|part| !part.is_empty());
                let mut less = batch.clone();
                less.parts.truncate(written.unwrap_or_default());
                match less.parts.is_empty() {
                    true => Ok(Written::default()),
                    false => self.sink.write(&less).await,
                }
            }
            Sabotage::CountsOneMore => {
                let mut written = self.sink.write(batch).await?;
                written.loaded += 1;
                Ok(written)
            }
            Sabotage::CountsOneLess => {
                let mut written = self.sink.write(batch).await?;
                match written.loaded {
                    0 => written.already_loaded -= 1,
                    _ => written.loaded -= 1,
                }
                Ok(written)
            }
            Sabotage::LosesReject | Sabotage::CutsObject => self.sink.write(batch).await,
        }
    }

    async fn finish(&self) -> Result<Option<Holdings>, Fatal> {
        self.sink.finish().await
    }
}

/// A store of rejects that never keeps one of them.
struct Forgetful {
    rejects: Arc<dyn Rejects>,
    ordinal: u64,
}

#[async_trait]
impl Rejects for Forgetful {
    async fn store(&self, run: &Run, fence: u64, rejects: &[Reject]) -> Result<(), Fatal> {
        let kept = rejects
            .iter()
            .filter(|reject| reject.at.ordinal != self.ordinal);
        let kept: Vec<_> = kept.cloned().collect();
        self.rejects.store(run, fence, &kept).await
    }

    async fn replace(&self, run: &Run, fence: u64, rejects: &[Reject]) -> Result<(), Fatal> {
        self.rejects.replace(run, fence, rejects).await
    }

    async fn remove_from(&self, run: &Run, fence: u64, from: u64) -> Result<(), Fatal> {
        self.rejects.remove_from(run, fence, from).await
    }

    async fn remove(&self, run: &Run, ordinals: &[u64]) -> Result<(), Fatal> {
        self.rejects.remove(run, ordinals).await
    }

    async fn count(&self, run: &Run, filter: &Filter) -> Result<u64, Fatal> {
        self.rejects.count(run, filter).await
    }

    async fn page(
        &self,
        run: &Run,
        filter: &Filter,
        from: u64,
        skip: u64,
        limit: u32,
    ) -> Result<Vec<Reject>, Fatal> {
        self.rejects.page(run, filter, from, skip, limit).await
    }

    async fn of_records(&self, run: &Run, ordinals: &[u64]) -> Result<Vec<Reject>, Fatal> {
        self.rejects.of_records(run, ordinals).await
    }

    async fn remove_runs(
        &self,
        tenant: &Tenant,
        job: Id,
        before: u32,
        limit: u32,
    ) -> Result<bool, Fatal> {
        self.rejects.remove_runs(tenant, job, before, limit).await
    }
}
