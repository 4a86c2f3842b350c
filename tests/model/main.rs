//! A model of the protocol that keeps the promises of one outcome and one owner, explored whole for small bounds.
//!
//! - `insert` is a load in mode insert: claims, batches, rejects, checkpoints, the finish, and whatever comes between.
//! - `keys` is two loads of one target in the key modes.
//! - `job` is the life of a job: attempts, leases, and the states that clients change.
//!
//! Each of their steps names the statement of the program that it stands for. The tests in `ours` say that nothing is
//! wrong in any state that can be reached, and that a good end can be reached from each; those in `broken` leave out one
//! part of the protocol each and say what the checker finds then. Servers, clocks and bytes are not looked at here.

mod broken;
mod checker;
mod insert;
mod job;
mod keys;
mod ours;
