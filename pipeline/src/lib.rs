//! The contract of a streaming load.
//!
//! ```text
//!            bytes          blocks of             records in batches        acknowledged
//!                           whole records
//! Source ───────► Framer ─────────────► Chain ───────────────► Sink ───────────────► Ledger
//! async           sequential, cheap     parallel, pure         async, bounded        checkpoint
//!                                       Parser → Bind →
//!                                       Steps → Encode
//! ```
//!
//! This crate holds the traits that parts implement, the runner that joins them ([`run`]) and the laws that
//! they obey ([`law`]). It promises: memory bounded by limits in bytes, checkpoints that are a gap-free
//! prefix of the input, and books that balance or a job that fails. It never knows a format, a file, the
//! network, TOML, a database or the type of a record.

mod adaptive;
mod batch;
mod block;
mod books;
mod budget;
mod carried;
mod chain;
mod digest;
mod fatal;
mod frame;
pub mod law;
mod ledger;
mod outcomes;
mod position;
mod rate;
mod reject;
mod run;
mod sink;
mod source;
mod summary;
mod timing;
mod total;
mod unique;

pub use batch::{Batch, BatchLimits, Converted, Operation};
pub use block::{Block, Frame};
pub use books::{Ack, Books, Counters};
pub use budget::{Accepted, Breach, Budget, Cause, OnBreach, Tally};
pub use carried::{Carried, MAX_CARRIED_BYTES, check_carried};
pub use chain::{
    Bind, Branch, Chain, Convert, Encode, Explode, Halt, Inherit, Join, Measure, Parser, Reader,
    Rear, Role, Sorted, Step, Verdict, context_rejected, rejected_with,
};
pub use digest::{Digest, Holdings};
pub use fatal::{Fatal, Retry};
pub use frame::{BLOCK_BYTES, FrameLimits, Framer};
pub use ledger::{Checkpoint, Ledger};
pub use outcomes::Outcomes;
pub use position::Position;
pub use rate::Rate;
pub use reject::{
    Cover, MAX_PROBLEM_TEXT_BYTES, MAX_PROBLEMS, MAX_RAW_BYTES, MORE_PROBLEMS, Problem, Reject,
};
pub use run::{End, Job, Progress, Report, SharedWrites, most_batches, run};
pub use sink::{Sink, Written};
pub use source::{MAX_READ_BYTES, Source, room};
pub use summary::{Kind, MAX_KINDS, Sample, Summary};
pub use timing::{Busy, Stage};
pub use total::{Amount, Control, Exact, LOADED, Term, Total};
pub use unique::{Before, Identify, Seen, Unique, UniqueKey};
