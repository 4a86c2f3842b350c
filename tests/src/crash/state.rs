//! The job of a round and its documents as the stores hold them, asked without the program: while its processes are
//! dead, and several hundred times a second.

use std::path::PathBuf;

use futures::TryStreamExt;
use mongodb::Database;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, Document, doc};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row};

/// The collection of the documents.
pub(super) const COLLECTION: &str = "orders";
/// Bytes of the identity that every `_id` of a load begins with.
const IDENTITY_BYTES: usize = 12;

/// Where a round's job and documents are.
pub(super) enum Stores {
    /// Databases of documents and of state.
    Mongo {
        /// The documents.
        documents: Database,
        /// The service's own.
        state: Database,
    },
    /// A data folder.
    Embedded(PathBuf),
}

/// A job at one moment. There is one job in the stores of a round.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// The word of its state.
    pub state: String,
    /// The name of the worker that has it, or had it last.
    pub worker: String,
    /// One more for each claim.
    pub fence: u64,
    /// Tries without progress.
    pub attempts: u64,
    /// Records before the checkpoint.
    pub checkpoint: u64,
    /// The furthest record that was ever told: what counts as progress.
    pub furthest: u64,
    /// What its documents' `_id` begin with.
    pub identity: Vec<u8>,
}

impl Seen {
    /// Whether the process with this number has it now.
    pub fn is_with(&self, process: u32) -> bool {
        self.state == "in_progress" && self.worker.ends_with(&format!(":{process}"))
    }

    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        ["completed", "failed", "held", "cancelled"].contains(&self.state.as_str())
    }
}

/// The first 24 bytes that the `_id` of record `ordinal` may have.
pub(super) fn id_of(identity: &[u8], ordinal: u64) -> Vec<u8> {
    [identity, &ordinal.to_be_bytes(), &[0; 4]].concat()
}

/// The ordinal in an `_id` of this load; none where it is another's, or names a part of a record.
pub(super) fn ordinal_in(identity: &[u8], id: &[u8]) -> Option<u64> {
    let rest = id.strip_prefix(identity)?;
    let (ordinal, part) = rest.split_first_chunk::<8>()?;
    (identity.len() == IDENTITY_BYTES && *part == [0; 4]).then(|| u64::from_be_bytes(*ordinal))
}

/// An `_id` as MongoDB has it.
pub(super) fn binary(bytes: Vec<u8>) -> Binary {
    Binary {
        subtype: BinarySubtype::Generic,
        bytes,
    }
}

impl Stores {
    /// The job; none while it is not there or the store does not answer.
    pub async fn job(&self) -> Option<Seen> {
        match self {
            Stores::Mongo { state, .. } => {
                let jobs = state.collection::<Document>("jobs");
                let found = jobs.find_one(doc! {}).projection(seen_fields()).await;
                found.ok()?.map(|job| seen_in_mongo(&job))
            }
            Stores::Embedded(folder) => {
                let statement = "SELECT state, worker, fence, attempts, checkpoint_end, furthest, identity FROM jobs";
                let store = open(folder.join("service.db"))?;
                let found = store.query_row(statement, [], seen_in_sqlite).optional();
                found.ok()?
            }
        }
    }

    /// One more than the ordinal of the last document; 0 where there is none, or the store does not answer.
    pub async fn written(&self, identity: &[u8]) -> u64 {
        let id = match self {
            Stores::Mongo { documents, .. } => {
                let all = documents.collection::<Document>(COLLECTION);
                let last = all.find_one(doc! {}).sort(doc! { "_id": -1 });
                let found = last.projection(doc! { "_id": 1 }).await.ok().flatten();
                found.and_then(|found| found.get_binary_generic("_id").ok().cloned())
            }
            Stores::Embedded(folder) => open(folder.join("documents.db")).and_then(|store| {
                let last = format!("SELECT max(id) FROM {COLLECTION}");
                store.query_row(&last, [], |row| row.get(0)).ok()
            }),
        };
        let ordinal = id.and_then(|id: Vec<u8>| ordinal_in(identity, &id));
        ordinal.map_or(0, |ordinal| ordinal + 1)
    }

    /// How many documents stand behind the job's checkpoint: what the next owner will find.
    ///
    /// # Panics
    /// Where the store does not answer.
    pub async fn behind_checkpoint(&self, job: &Seen) -> u64 {
        let first = id_of(&job.identity, job.checkpoint);
        match self {
            Stores::Mongo { documents, .. } => {
                let all = documents.collection::<Document>(COLLECTION);
                let counted = all
                    .count_documents(doc! { "_id": { "$gte": binary(first) } })
                    .await;
                counted.unwrap_or_else(|error| panic!("documents cannot be counted: {error}"))
            }
            Stores::Embedded(folder) => {
                // There is no table before the first batch.
                let counted = open(folder.join("documents.db")).and_then(|store| {
                    let count = format!("SELECT count(*) FROM {COLLECTION} WHERE id >= ?1");
                    store.query_row(&count, [first], |row| row.get(0)).ok()
                });
                counted.map_or(0, i64::cast_unsigned)
            }
        }
    }

    /// How many documents there are in all, whosever they are.
    ///
    /// # Panics
    /// Where the store does not answer.
    pub async fn count(&self) -> u64 {
        match self {
            Stores::Mongo { documents, .. } => {
                // An empty filter is answered from the collection's own count, which a killed mongod may get wrong.
                let filter = doc! { "_id": { "$exists": true } };
                let all = documents.collection::<Document>(COLLECTION);
                let counted = all.count_documents(filter).await;
                counted.unwrap_or_else(|error| panic!("documents cannot be counted: {error}"))
            }
            Stores::Embedded(folder) => {
                let count = format!("SELECT count(*) FROM {COLLECTION}");
                let store = open(folder.join("documents.db"));
                let counted =
                    store.map(|store| store.query_row(&count, [], |row| row.get::<_, i64>(0)));
                match counted {
                    Some(Ok(counted)) => counted.cast_unsigned(),
                    other => panic!("documents cannot be counted: {other:?}"),
                }
            }
        }
    }

    /// Whether mongod works on no statement of the clients named `client`; with `connections`, whether it has no connection
    /// of theirs any more. Then what they have sent has landed or never will. Always so where the store is in the process.
    pub async fn is_quiet(&self, client: &str, connections: bool) -> bool {
        let Stores::Mongo { documents, .. } = self else {
            return true;
        };
        let admin = documents.client().database("admin");
        let operations =
            doc! { "$currentOp": { "allUsers": true, "idleConnections": connections } };
        let mut of_client = doc! { "appName": client };
        if !connections {
            of_client.insert("active", true);
            of_client.insert("ns", doc! { "$regex": format!("^{}", documents.name()) });
        }
        let found = admin
            .aggregate([operations, doc! { "$match": of_client }])
            .await;
        match found {
            Ok(mut found) => matches!(found.try_next().await, Ok(None)),
            Err(_) => false,
        }
    }
}

/// What [`seen_in_mongo`] reads.
pub(super) fn seen_fields() -> Document {
    doc! { "state": 1, "worker": 1, "fence": 1, "attempts": 1, "load.identity": 1,
    "checkpoint.end": 1, "progress.furthest": 1 }
}

/// A job as its document says.
pub(super) fn seen_in_mongo(job: &Document) -> Seen {
    let inside = |outer: &str, name: &str| job.get_document(outer).ok()?.get(name).cloned();
    let number = |value: Option<Bson>| match value {
        Some(Bson::Int64(number)) => number.cast_unsigned(),
        Some(Bson::Int32(number)) => u64::from(number.cast_unsigned()),
        _ => 0,
    };
    let text = |name: &str| job.get_str(name).unwrap_or_default().to_owned();
    Seen {
        state: text("state"),
        worker: text("worker"),
        fence: number(job.get("fence").cloned()),
        attempts: number(job.get("attempts").cloned()),
        checkpoint: number(inside("checkpoint", "end")),
        furthest: number(inside("progress", "furthest")),
        identity: match inside("load", "identity") {
            Some(Bson::Binary(Binary { bytes, .. })) => bytes,
            _ => Vec::new(),
        },
    }
}

fn seen_in_sqlite(row: &Row<'_>) -> rusqlite::Result<Seen> {
    let number = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
    Ok(Seen {
        state: row.get(0)?,
        worker: row.get::<_, Option<String>>(1)?.unwrap_or_default(),
        fence: number(2)?,
        attempts: number(3)?,
        checkpoint: number(4)?,
        furthest: number(5)?,
        identity: row.get(6)?,
    })
}

/// Opens a file of the embedded store beside the program; none before it is there.
pub(super) fn open(path: PathBuf) -> Option<Connection> {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_of_this_load_or_of_none() {
        let identity = [7; 12];
        let id = id_of(&identity, 258);
        assert_eq!(id.len(), 24);
        assert_eq!(ordinal_in(&identity, &id), Some(258));
        let mut part = id.clone();
        part[23] = 1;
        assert_eq!(ordinal_in(&identity, &part), None);
        assert_eq!(ordinal_in(&[8; 12], &id), None);
        assert_eq!(ordinal_in(&identity, &id[..23]), None);
        assert_eq!(ordinal_in(&[], &id), None);
    }

    #[test]
    fn a_worker_has_a_job_in_progress_only() {
        let mut seen = Seen {
            state: "in_progress".to_owned(),
            worker: "host:12".to_owned(),
            ..Seen::default()
        };
        assert!(seen.is_with(12) && !seen.is_with(2));
        seen.state = "queued".to_owned();
        assert!(!seen.is_with(12) && !seen.has_ended());
    }
}
