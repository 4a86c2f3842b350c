//! The suite of loads on the store in memory, and its documents beside those of the embedded store.

use super::MemoryDocuments;
use crate::simulation::stores::Clock;
use stages::identity::{LoadIdentity, LoadName};
use stages::load::{Entry, Loads, Request};

/// What the other stores of loads pass.
#[path = "../../../../../stages/src/load/suite.rs"]
mod suite;

#[tokio::test(start_paused = true)]
async fn loads_conform() {
    suite::conforms(async || MemoryDocuments::new(Clock::new())).await;
}
