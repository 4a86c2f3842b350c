//! A ledger that only counts, for runs that nobody resumes: dry runs, previews and tests of a spec.
//!
//! Its memory does not grow with the rejects. It never sees a batch twice, so it need not know which rejects it
//! has seen.

use async_trait::async_trait;
use pipeline::{Checkpoint, Fatal, Ledger, Reject};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// What is done with a reject before it is forgotten.
type Each = Box<dyn FnMut(&Reject) -> Result<(), Fatal> + Send>;

/// Counts rejects, and hands them to somebody.
#[derive(Default)]
pub struct MemoryLedger {
    rejects: AtomicU64,
    each: Option<Mutex<Each>>,
}

impl MemoryLedger {
    /// A ledger that calls `each` with every reject, in the order of the input. The job ends with the error that `each`
    /// returns.
    pub fn with_each(each: impl FnMut(&Reject) -> Result<(), Fatal> + Send + 'static) -> Self {
        Self {
            rejects: AtomicU64::new(0),
            each: Some(Mutex::new(Box::new(each))),
        }
    }
}

#[async_trait]
impl Ledger for MemoryLedger {
    async fn store_rejects(&self, rejects: &[Reject]) -> Result<(), Fatal> {
        if let Some(each) = &self.each {
            let mut each = each.lock().unwrap_or_else(PoisonError::into_inner);
            rejects.iter().try_for_each(&mut **each)?;
        }
        self.rejects
            .fetch_add(rejects.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    async fn save(&self, _: &Checkpoint) -> Result<(), Fatal> {
        Ok(())
    }

    async fn stored_rejects(&self) -> Result<u64, Fatal> {
        Ok(self.rejects.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipeline::{Position, Problem};
    use std::sync::Arc;

    fn rejects(count: usize) -> Vec<Reject> {
        let problem = Problem::of_record("late", "too late");
        vec![Reject::new(Position::START, vec![problem], b""); count]
    }

    #[tokio::test]
    async fn rejects_are_counted_and_handed_on() {
        let ledger = MemoryLedger::default();
        ledger.store_rejects(&rejects(2)).await.unwrap();
        ledger.store_rejects(&rejects(3)).await.unwrap();
        assert_eq!(ledger.stored_rejects().await.unwrap(), 5);
        let seen = Arc::new(AtomicU64::new(0));
        let counted = seen.clone();
        let ledger = MemoryLedger::with_each(move |reject| {
            assert_eq!(reject.problems[0].code, "late");
            match counted.fetch_add(1, Ordering::Relaxed) {
                0..3 => Ok(()),
                _ => Err(Fatal::new("target_full", "no room")),
            }
        });
        ledger.store_rejects(&rejects(3)).await.unwrap();
        assert_eq!(seen.load(Ordering::Relaxed), 3);
        let fatal = ledger.store_rejects(&rejects(1)).await.unwrap_err();
        assert_eq!(fatal.code, "target_full");
        assert_eq!(ledger.stored_rejects().await.unwrap(), 3);
    }
}
