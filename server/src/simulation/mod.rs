//! A simulated service, for tests only: the real runner, queue and worker code on stores in memory and a fake clock.

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
