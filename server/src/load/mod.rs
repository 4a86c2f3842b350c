//! The engine that runs one load, shared by `run` and the workers of the service.
//!
//! It knows neither the command line nor the queue: who asks for a load brings its input, its target and its ledger,
//! and is told how it ended.

pub mod flow;
pub mod lease;
