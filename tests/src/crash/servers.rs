//! The servers of a run of the harness. MongoDB stays up between rounds, each of which has databases of its own; S3
//! starts in milliseconds, so that each round has one.

use mongodb::Client;
use tokio::sync::{Mutex, MutexGuard, Semaphore, SemaphorePermit};

use super::Place;
use crate::mongod::Mongod;
use crate::process::peak_rss_bytes;

/// How many nodes a replica set has here.
const NODES: usize = 3;
/// With fewer cores rounds are played one after the other: side by side they would take each other's leases away.
const CORES_OF_ROUNDS_SIDE_BY_SIDE: usize = 4;

/// The servers that the rounds of one place use.
pub struct Servers {
    place: Place,
    mongo: Option<Mongo>,
    turns: Semaphore,
}

struct Mongo {
    /// Held by whoever kills nodes.
    nodes: Mutex<Mongod>,
    client: Client,
}

impl Servers {
    /// Starts the servers of `place`.
    ///
    /// # Panics
    /// Where one does not start.
    pub async fn start(place: Place) -> Servers {
        let mongod = match place {
            Place::Standalone => Some(Mongod::standalone().await),
            Place::ReplicaSet => Some(Mongod::replica_set_of(NODES).await),
            Place::Embedded | Place::EmbeddedS3 => None,
        };
        let mongo = match mongod {
            Some(mongod) => Some(Mongo {
                client: mongod.client().await,
                nodes: Mutex::new(mongod),
            }),
            None => None,
        };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let at_once = match cores < CORES_OF_ROUNDS_SIDE_BY_SIDE {
            true => 1,
            false => Semaphore::MAX_PERMITS,
        };
        Servers {
            place,
            mongo,
            turns: Semaphore::new(at_once),
        }
    }

    /// Waits until a round may be played, which is so until the permit is dropped.
    ///
    /// # Panics
    /// Never: nobody closes the semaphore.
    pub(super) async fn turn(&self) -> SemaphorePermit<'_> {
        match self.turns.acquire().await {
            Ok(permit) => permit,
            Err(closed) => panic!("{closed}"),
        }
    }

    /// What they are.
    pub fn place(&self) -> Place {
        self.place
    }

    /// A client of MongoDB, where there is one.
    pub(super) fn client(&self) -> Option<&Client> {
        self.mongo.as_ref().map(|mongo| &mongo.client)
    }

    /// The most memory that each node of MongoDB has had at once, in bytes; nothing where there is none.
    pub async fn peak_rss_bytes(&self) -> Vec<u64> {
        let Some(mongo) = &self.mongo else {
            return Vec::new();
        };
        let nodes = mongo.nodes.lock().await;
        let processes = nodes.nodes().map(|node| nodes.process_id(node));
        processes
            .map(|process| peak_rss_bytes(process).unwrap_or_default())
            .collect()
    }

    /// The nodes of MongoDB, for one round alone.
    ///
    /// # Panics
    /// Where there is no MongoDB.
    pub(super) async fn nodes(&self) -> MutexGuard<'_, Mongod> {
        let Some(mongo) = &self.mongo else {
            panic!("{} has no MongoDB", self.place);
        };
        mongo.nodes.lock().await
    }
}
