//! Everything the service remembers, in one place: where each store is, decided once.
//!
//! With `MONGODB_URI`, files, jobs, rejects, specs and keys are in `<db>_state`, and documents in the database of their
//! tenant; without it, all are in SQLite files of the data directory. Nothing outside of this file knows which.

use crate::files::Files;
use crate::keys::Keys;
use crate::objects::Objects;
use crate::queue::Queue;
use crate::rejects::Rejects;
use crate::specs::Specs;
use std::sync::Arc;

/// The stores of the service.
#[derive(Clone)]
pub struct Stores {
    /// Jobs.
    pub queue: Arc<dyn Queue>,
    /// File records.
    pub files: Arc<dyn Files>,
    /// Rejects of jobs.
    pub rejects: Arc<dyn Rejects>,
    /// Registered specs.
    pub specs: Arc<dyn Specs>,
    /// API keys.
    pub keys: Arc<dyn Keys>,
    /// The bytes of files.
    pub objects: Arc<dyn Objects>,
}
