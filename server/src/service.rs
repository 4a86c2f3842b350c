//! The service: what its parts share.

use crate::config::Config;
use crate::id::{Entropy, SystemEntropy};
use crate::keys::secret::Authority;
use crate::live::Live;
use crate::load::flow::max_parsers;
use crate::metrics::Metrics;
use crate::specs::catalog::Catalog;
use crate::stores::Stores;
use crate::targets::Targets;
use crate::upload::{Rules, Uploads};
use pipeline::Fatal;
use stages::plan::Defaults;
use stages::sink::mongodb::MongoTarget;
use std::sync::Arc;
use tokio::sync::Notify;

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
    /// What receives files.
    pub uploads: Uploads,
    /// Whom keys speak for.
    pub authority: Arc<Authority>,
    /// Where chance comes from.
    pub entropy: Arc<dyn Entropy>,
    /// Blocks that a job parses at once; a simulation is the same on every machine.
    pub max_parsers: usize,
    /// Who watches which jobs.
    pub live: Live,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Told when a job became due in this process, so that its workers look at once.
    pub due: Arc<Notify>,
}

impl Service {
    /// Opens all that the configuration names.
    ///
    /// # Errors
    /// When a server does not answer, or a folder or a file cannot be written.
    pub async fn open(config: Config) -> Result<Self, Fatal> {
        let mongodb = match &config.mongodb_uri {
            Some(uri) => Some(MongoTarget::connect(&uri.0).await?),
            None => None,
        };
        let stores = Stores::open(&config).await?;
        let targets = Targets::new(mongodb, config.data_dir.clone());
        Ok(Self::new(config, stores, targets))
    }

    /// A service over stores and targets that are open.
    pub fn new(config: Config, stores: Stores, targets: Targets) -> Self {
        Self::with_entropy(config, stores, targets, Arc::new(SystemEntropy))
    }

    /// The same, with the chance that it is given.
    pub fn with_entropy(
        config: Config,
        stores: Stores,
        targets: Targets,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let defaults = Defaults {
            batch_records: config.job_batch_records,
            pause_ms: config.job_write_pause_ms,
            secret: Some(Config::secret_of_the_service),
        };
        let specs_dir = config.specs_dir.clone();
        let catalog = Catalog::new(specs_dir, stores.specs.clone(), defaults);
        let (objects, files) = (stores.objects.clone(), stores.files.clone());
        let metrics = Arc::new(Metrics::default());
        let live = Live::new(stores.queue.clone(), metrics.clone());
        let uploads = Uploads::new(objects, files, entropy.clone(), Rules::of(&config));
        Self {
            catalog: Arc::new(catalog),
            targets,
            uploads,
            authority: Arc::new(Authority::new(stores.keys.clone())),
            entropy,
            max_parsers: max_parsers(),
            live,
            metrics,
            due: Arc::new(Notify::new()),
            config: Arc::new(config),
            stores,
        }
    }
}
