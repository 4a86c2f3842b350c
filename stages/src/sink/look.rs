//! Looking: what each operation of a load would meet in a target that is only read. Most records are one operation, an
//! exploded one is several, and a group of records is one.
//!
//! Each is judged by itself, against what stands there now: what records of one load would meet of each other is not seen. What would be refused is a reject, as it would be of the load.

use super::Mode;
use pipeline::{Batch, Outcomes, Problem, Written};
use serde::Serialize;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What one operation would meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meeting {
    /// Nothing: it would be a new document.
    Insert,
    /// An other document of its key, which would be changed.
    Update,
    /// The document that it would make.
    Unchanged,
    /// A document that would be deleted.
    Delete,
    /// What refuses it.
    Conflict(Problem),
}

/// How many operations would meet what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Met {
    /// New documents.
    pub insert: u64,
    /// Documents that would be changed.
    pub update: u64,
    /// Operations that would change nothing: in insert mode those that an earlier load of the same content has loaded.
    pub unchanged: u64,
    /// Documents that would be deleted.
    pub delete: u64,
    /// Operations that the target would refuse: the values of a unique index are another document's, or the mode wants a
    /// document where there is none. Their records are rejects.
    pub conflict: u64,
}

/// Counts what operations would meet.
#[derive(Debug, Default)]
pub struct Meets(Mutex<Met>);

impl Meets {
    /// The counts up to now.
    pub fn met(&self) -> Met {
        *self.lock()
    }

    /// Counts the meetings of a batch, one for each operation in its order, and says what a sink says of it.
    pub fn judge(&self, mode: Mode, batch: &Batch, meetings: Vec<Meeting>) -> Written {
        let mut outcomes = Outcomes::default();
        let mut met = self.lock();
        for (operation, meeting) in batch.operations().zip(meetings) {
            let count = match meeting {
                Meeting::Insert => &mut met.insert,
                Meeting::Update => &mut met.update,
                Meeting::Unchanged => &mut met.unchanged,
                Meeting::Delete => &mut met.delete,
                Meeting::Conflict(_) => &mut met.conflict,
            };
            *count += 1;
            match meeting {
                Meeting::Conflict(problem) => outcomes.refused(operation, problem),
                Meeting::Unchanged if mode == Mode::Insert => outcomes.already_loaded(operation),
                _ => outcomes.loaded(operation),
            }
        }
        drop(met);
        // Nothing was written, so there is nothing to take away.
        outcomes.withdraw();
        outcomes.written()
    }

    fn lock(&self) -> MutexGuard<'_, Met> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
