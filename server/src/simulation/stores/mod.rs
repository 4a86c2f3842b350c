//! Everything a service remembers, in memory: stores that answer as the real ones do, at once.
//!
//! Each keeps its contract by the suite that the real ones pass. None waits, fails or forgets by itself, and each call
//! is one step that is done whole: delays, lost answers and crashes are put around them. Time is a [`Clock`]'s.

mod clock;
mod documents;
mod files;
mod keys;
mod objects;
mod page;
mod queue;
mod rejects;
mod specs;
mod tickets;

pub use clock::Clock;
pub use documents::MemoryDocuments;
pub use files::MemoryFiles;
pub use keys::MemoryKeys;
pub use objects::MemoryObjects;
pub use queue::MemoryQueue;
pub use rejects::MemoryRejects;
pub use specs::MemorySpecs;
pub use tickets::MemoryTickets;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The stores of one simulated service. Clones share everything.
#[derive(Clone)]
pub struct MemoryStores {
    /// Jobs.
    pub queue: Arc<MemoryQueue>,
    /// File records, which derive a status from the jobs.
    pub files: Arc<MemoryFiles>,
    /// Rejects of jobs.
    pub rejects: Arc<MemoryRejects>,
    /// Registered specs.
    pub specs: Arc<MemorySpecs>,
    /// API keys.
    pub keys: Arc<MemoryKeys>,
    /// Tickets.
    pub tickets: Arc<MemoryTickets>,
    /// The bytes of files.
    pub objects: Arc<MemoryObjects>,
    /// The documents of one tenant, and what is remembered of its loads.
    pub documents: Arc<MemoryDocuments>,
}

impl MemoryStores {
    /// Empty stores, whose time is `clock`'s.
    pub fn new(clock: Clock) -> Self {
        let queue = Arc::new(MemoryQueue::new(clock.clone()));
        Self {
            files: Arc::new(MemoryFiles::new(clock.clone(), queue.clone())),
            queue,
            rejects: Arc::default(),
            specs: Arc::new(MemorySpecs::new(clock.clone())),
            keys: Arc::new(MemoryKeys::new(clock.clone())),
            tickets: Arc::new(MemoryTickets::new(clock.clone())),
            objects: Arc::default(),
            documents: Arc::new(MemoryDocuments::new(clock)),
        }
    }
}

/// Locks a store's data. A test that panicked while it held them has failed already.
fn lock<T>(data: &Mutex<T>) -> MutexGuard<'_, T> {
    data.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Keys;
    use crate::rejects::{Filter, Rejects, Run};
    use crate::specs::{Owner, Specs};
    use crate::tenant::Tenant;

    #[tokio::test]
    async fn stores_begin_empty() {
        let stores = MemoryStores::new(Clock::new());
        let run = Run {
            tenant: Tenant::NONE,
            job: crate::id::Id([1; 12]),
            run: 0,
        };
        let rejects = stores.rejects.count(&run, &Filter::default()).await;
        let specs = stores.specs.newest(Owner::Operator, None, 10).await;
        assert_eq!((rejects.unwrap(), specs.unwrap()), (0, vec![]));
        assert!(!stores.keys.any().await.unwrap());
        assert!(stores.queue.all().is_empty() && stores.documents.loads().is_empty());
        assert_eq!(stores.objects.keys(), Vec::<String>::new());
    }
}
