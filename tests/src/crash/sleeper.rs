//! A process that slept over its lease: when it wakes it must know that it has lost the job, and write nothing but what was
//! on its way.

use std::time::Duration;

use mongodb::bson::{Document, doc};

use super::crew::Member;
use super::faults::Scene;
use super::state::{COLLECTION, Stores};
use crate::eventually;
use crate::mongod::writes_by;

/// How long it may take to know. It has to hear it from the store.
const KNOWS_DEADLINE: Duration = Duration::from_secs(60);
/// Batches that a job writes at once.
const MAX_IN_FLIGHT: u64 = 4;
/// What a worker logs of a job that it has lost.
const LOST: &str = "lost";

/// A process that was woken.
pub(super) struct Sleeper {
    name: String,
    /// The claim under which another process had the job then; none where there is no other.
    fence: Option<u64>,
}

impl Scene {
    /// SIGCONT to a process whose job has the claim `fence` of another now. Says what it did that it must not do.
    ///
    /// # Panics
    /// Where it does not know that it has lost the job.
    pub async fn wake(&mut self, member: Member, fence: u64, wrong: &mut Vec<String>) -> Sleeper {
        let sleeper = Sleeper {
            name: self.crew.name(member).to_owned(),
            fence: self
                .stores
                .note_writes_of(self.crew.name(member))
                .await
                .then_some(fence),
        };
        // It may have slept before, and said it then; stopped, it says nothing.
        let said_before_bytes = self.crew.log(member).len();
        self.crew.signal(member, "CONT").await;
        eventually("the sleeper knows", KNOWS_DEADLINE, async || {
            let log = self.crew.log(member);
            log.get(said_before_bytes..)
                .is_some_and(|said| said.contains(LOST))
        })
        .await;
        self.judge(&sleeper, wrong).await;
        sleeper
    }

    /// Says what the sleeper wrote since it was woken, as long as it has not had the job again.
    pub async fn judge(&self, sleeper: &Sleeper, wrong: &mut Vec<String>) {
        let Some(fence) = sleeper.fence else { return };
        if self.job().await.fence != fence {
            return;
        }
        let written = self.stores.writes_of(&sleeper.name).await;
        // Stopped between its last look at the clock and the sending, a statement still goes out. It changes nothing: the
        // documents are compared as well.
        if written > MAX_IN_FLIGHT {
            let name = &sleeper.name;
            wrong.push(format!(
                "{name} wrote {written} times after it had lost the job"
            ));
        }
    }
}

impl Stores {
    /// Has MongoDB note every statement of `client` that changes documents from now on; false where there is none.
    async fn note_writes_of(&self, client: &str) -> bool {
        let Stores::Mongo { documents, .. } = self else {
            return false;
        };
        let filter = writes_by(client, documents.name(), COLLECTION);
        let noting = documents.run_command(doc! { "profile": 1, "filter": filter });
        noting.await.is_ok()
    }

    /// How many such statements there were.
    async fn writes_of(&self, client: &str) -> u64 {
        let Stores::Mongo { documents, .. } = self else {
            return 0;
        };
        let notes = documents.collection::<Document>("system.profile");
        let counted = notes.count_documents(doc! { "appName": client }).await;
        counted.unwrap_or_else(|error| panic!("the profile cannot be read: {error}"))
    }
}
