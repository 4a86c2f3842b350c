//! Ledgers: where a run remembers its checkpoint and its rejects.
//!
//! [`RunLedger`] keeps both in a SQLite file, for `run`; [`MemoryLedger`] counts, for a run that is never resumed.
//! Rejects leave in one shape, [`RejectLine`].

mod memory;
mod reject_line;
mod sqlite;

pub use memory::MemoryLedger;
pub use reject_line::RejectLine;
pub use sqlite::{RunLedger, StoredRejects};
