//! The service: what its parts share.

use crate::config::Config;
use crate::id::Entropy;
use crate::keys::secret::Authority;
use crate::metrics::Metrics;
use crate::specs::catalog::Catalog;
use crate::stores::Stores;
use crate::targets::Targets;
use std::sync::Arc;

/// What every request and every worker is given. Cheap to clone.
#[derive(Clone)]
pub struct Service {
    /// What the environment says.
    pub config: Arc<Config>,
    /// What the service remembers.
    pub stores: Stores,
    /// Which specs there are.
    pub catalog: Arc<Catalog>,
    /// Where documents go.
    pub targets: Targets,
    /// Whom keys speak for.
    pub authority: Arc<Authority>,
    /// Where chance comes from.
    pub entropy: Arc<dyn Entropy>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}
