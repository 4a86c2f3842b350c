//! A simulated service, for tests only: the real runner, queue and worker code on stores in memory and a fake clock.

pub mod stores;
