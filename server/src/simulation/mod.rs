//! A simulated service, for tests only: the real runner and the real workers on stores in memory and a fake clock.
//!
//! ```text
//!  seed ─► chance ─► menu, scenario    what is loaded, and what happens to it
//!             └────► world             stores in memory, the network before them, the clock
//!                      ├─ process      the real workers, each process behind a network of its own
//!                      ├─ client       submits, cancels and retries as HTTP would
//!                      └─ sabotage     a part that skips, doubles or miscounts
//!  trace, truth, invariants            what happened, what should be there, and whether it is
//! ```
//!
//! Promises: what happens is a function of the seed alone, so that a seed which fails plays again. Never: a thread, the
//! machine's clock, a file or a socket. `tests.rs` says how to try more seeds, and one.

mod chance;
mod client;
mod invariants;
mod menu;
mod network;
mod process;
mod sabotage;
mod scenario;
pub mod stores;
mod tests;
mod trace;
mod truth;
mod world;

use scenario::LEASE_MS;
