//! Who has had which job: all jobs of a MongoDB, looked at again and again.
//!
//! A claim that lasts for less than the time between two looks may be missed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::TryStreamExt;
use mongodb::Database;
use mongodb::bson::{Document, doc};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::state::{Seen, seen_fields, seen_in_mongo};

/// The time between two looks.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// What was seen so far; jobs by their ids.
#[derive(Clone, Default)]
pub(super) struct Look {
    /// The names of the workers that have had each job.
    pub had_by: BTreeMap<String, BTreeSet<String>>,
    /// Each job as it was last.
    pub jobs: BTreeMap<String, Seen>,
}

/// Looks at all jobs. Dropping it ends that.
pub(super) struct Onlooker {
    seen: Arc<Mutex<Look>>,
    looking: JoinHandle<()>,
}

impl Onlooker {
    /// Looks at the jobs in this database of a service from now on.
    pub fn start(state: Database) -> Self {
        let seen = Arc::new(Mutex::new(Look::default()));
        let kept = seen.clone();
        let looking = tokio::spawn(async move {
            loop {
                // A server that does not answer is asked again.
                let jobs = jobs(&state).await.unwrap_or_default();
                note(&kept, &jobs);
                sleep(LOOK_INTERVAL).await;
            }
        });
        Self { seen, looking }
    }

    /// What was seen so far.
    pub fn look(&self) -> Look {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for Onlooker {
    fn drop(&mut self) {
        self.looking.abort();
    }
}

fn note(kept: &Mutex<Look>, jobs: &[Document]) {
    let mut look = kept.lock().unwrap_or_else(PoisonError::into_inner);
    for job in jobs {
        let Ok(id) = job.get_binary_generic("_id") else {
            continue;
        };
        let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
        let seen = seen_in_mongo(job);
        if !seen.worker.is_empty() {
            let had = look.had_by.entry(id.clone()).or_default();
            had.insert(seen.worker.clone());
        }
        look.jobs.insert(id, seen);
    }
}

async fn jobs(state: &Database) -> mongodb::error::Result<Vec<Document>> {
    let jobs = state.collection::<Document>("jobs");
    let found = jobs.find(doc! {}).projection(seen_fields()).await?;
    found.try_collect().await
}
