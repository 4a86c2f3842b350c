//! `_loads` beside the documents of a MongoDB: which loads were entered, and who holds them.
//!
//! Each change is one atomic statement, acknowledged by a majority and journaled. Time is the server's own
//! (`$$NOW`); text of a request stands in `$literal` or is compared for equality, so nothing in it is
//! interpreted. When an answer is lost, the change is made again, and finds itself: an owner is a fresh random
//! name for each try.

use super::MongoTarget;
use super::reply::integer;
use super::statement::{Done, Statements};
use crate::identity::LoadIdentity;
use crate::load::{Entry, Loads, Request};
use async_trait::async_trait;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, DateTime, Document, doc};
use pipeline::Fatal;

/// The collection of the entries; no spec can name it.
const LOADS: &str = "_loads";

#[async_trait]
impl Loads for MongoTarget {
    async fn newest(&self, base: LoadIdentity) -> Result<Option<Entry>, Fatal> {
        self.read_one(doc! { "base": binary(base) }).await
    }

    async fn entry(&self, identity: LoadIdentity) -> Result<Option<Entry>, Fatal> {
        self.read_one(doc! { "_id": binary(identity) }).await
    }

    async fn enter(
        &self,
        request: &Request,
        identity: LoadIdentity,
        generation: u32,
    ) -> Result<Option<Entry>, Fatal> {
        self.make_indexes().await?;
        let load_number = match request.numbered {
            true => self.next_number(&request.collection).await?,
            false => 0,
        };
        let entry = doc! {
            "base": binary(request.base),
            "generation": i64::from(generation),
            "spec": literal(&request.spec),
            "version": i64::from(request.version),
            "specSha256": literal(&request.spec_sha256),
            "collection": literal(&request.collection),
            "job": literal(&request.job),
            "loadNumber": load_number as i64,
            "acknowledged": { "$literal": false },
            "completed": { "$literal": false },
            "owner": literal(&request.owner),
            "fence": 1_i64,
            "lockUntil": until(request.lease_ms),
        };
        // An entry that is there has an owner: the statement then inserts, and meets it.
        let command = doc! {
            "findAndModify": LOADS,
            "query": { "_id": binary(identity), "owner": { "$exists": false } },
            "update": [{ "$set": entry }],
            "upsert": true,
            "new": true,
        };
        let entered = match self.write(command).await? {
            Done::Reply(reply) => found(&reply)?,
            Done::Duplicate => None,
        };
        match entered {
            Some(entry) => Ok(Some(entry)),
            None => self.mine(identity, request, 1).await,
        }
    }

    async fn take(&self, request: &Request, entry: &Entry) -> Result<Option<Entry>, Fatal> {
        let command = doc! {
            "findAndModify": LOADS,
            "query": {
                "_id": binary(entry.identity),
                "fence": entry.fence as i64,
                "$expr": { "$lte": ["$lockUntil", "$$NOW"] },
            },
            "update": [{ "$set": {
                "version": i64::from(request.version),
                "specSha256": literal(&request.spec_sha256),
                "job": literal(&request.job),
                "completed": { "$literal": false },
                "owner": literal(&request.owner),
                "fence": { "$add": ["$fence", 1_i64] },
                "lockUntil": until(request.lease_ms),
            } }],
            "new": true,
        };
        let taken = match self.write(command).await? {
            Done::Reply(reply) => found(&reply)?,
            Done::Duplicate => None,
        };
        match taken {
            Some(entry) => Ok(Some(entry)),
            None => self.mine(entry.identity, request, entry.fence + 1).await,
        }
    }

    async fn renew(&self, entry: &Entry, lease_ms: u64, acknowledged: bool) -> Result<bool, Fatal> {
        let set = doc! { "lockUntil": until(lease_ms) };
        self.change(entry, noted(set, acknowledged)).await
    }

    async fn repin(&self, entry: &Entry, version: u32, spec_sha256: &str) -> Result<bool, Fatal> {
        let set = doc! {
            "version": i64::from(version),
            "specSha256": literal(spec_sha256),
        };
        self.change(entry, set).await
    }

    async fn close(
        &self,
        entry: &Entry,
        acknowledged: bool,
        completed: bool,
    ) -> Result<bool, Fatal> {
        let set = doc! {
            "lockUntil": { "$literal": DateTime::from_millis(0) },
            "completed": { "$literal": completed },
        };
        self.change(entry, noted(set, acknowledged)).await
    }

    async fn newer_exists(&self, entry: &Entry) -> Result<bool, Fatal> {
        let newer = doc! {
            "collection": &entry.collection,
            "loadNumber": { "$gt": entry.load_number as i64 },
            "$expr": { "$or": ["$acknowledged", "$completed", { "$gt": ["$lockUntil", "$$NOW"] }] },
        };
        Ok(self.read_one(newer).await?.is_some())
    }

    async fn rival_is_live(&self, entry: &Entry) -> Result<bool, Fatal> {
        let rival = doc! {
            "collection": &entry.collection,
            "_id": { "$ne": binary(entry.identity) },
            "$expr": { "$gt": ["$lockUntil", "$$NOW"] },
        };
        Ok(self.read_one(rival).await?.is_some())
    }
}

/// The longest lease, in milliseconds: a year, so that its end is a date.
const MAX_LEASE_MS: u64 = 31_536_000_000;

impl MongoTarget {
    /// The entry of the highest generation that `filter` finds, as a majority knows it.
    async fn read_one(&self, filter: Document) -> Result<Option<Entry>, Fatal> {
        let command = doc! {
            "aggregate": LOADS,
            "pipeline": [
                { "$match": filter },
                { "$sort": { "generation": -1 } },
                { "$limit": 1 },
                { "$set": { "live": { "$gt": ["$lockUntil", "$$NOW"] } } },
            ],
            "cursor": {},
            "readConcern": { "level": "majority" },
        };
        let reply = match self.statements().run(command).await? {
            Done::Reply(reply) => reply,
            Done::Duplicate => return Ok(None),
        };
        let cursor = reply.get_document("cursor").ok();
        let batch = cursor.and_then(|cursor| cursor.get_array("firstBatch").ok());
        let first = batch.and_then(|batch| batch.first());
        first
            .and_then(Bson::as_document)
            .map(|entry| read(entry, entry.get_bool("live").unwrap_or_default()))
            .transpose()
    }

    /// The entry, where this very request holds it with `fence`.
    async fn mine(
        &self,
        identity: LoadIdentity,
        request: &Request,
        fence: u64,
    ) -> Result<Option<Entry>, Fatal> {
        let entry = self.entry(identity).await?;
        Ok(entry.filter(|entry| entry.owner == request.owner && entry.fence == fence))
    }

    /// Sets fields of an entry that `entry`'s owner still holds.
    async fn change(&self, entry: &Entry, set: Document) -> Result<bool, Fatal> {
        let command = doc! {
            "update": LOADS,
            "updates": [{
                "q": {
                    "_id": binary(entry.identity),
                    "owner": { "$eq": &entry.owner },
                    "fence": entry.fence as i64,
                },
                "u": [{ "$set": set }],
            }],
        };
        match self.write(command).await? {
            Done::Reply(reply) => Ok(reply.get("n").and_then(integer) == Some(1)),
            Done::Duplicate => Ok(false),
        }
    }

    /// The next load number of a collection: in the order in which loads ask, without a clock. A number that
    /// was drawn and whose answer was lost is left out.
    async fn next_number(&self, collection: &str) -> Result<u64, Fatal> {
        let command = doc! {
            "findAndModify": LOADS,
            "query": { "_id": format!("counter:{collection}") },
            "update": { "$inc": { "value": 1_i64 } },
            "upsert": true,
            "new": true,
        };
        loop {
            // Two that make the counter at the same moment: one of them meets it, and counts on.
            let Done::Reply(reply) = self.write(command.clone()).await? else {
                continue;
            };
            let counter = reply.get_document("value").ok();
            let value = counter.and_then(|counter| counter.get("value"));
            return match value.and_then(integer) {
                Some(value) if value > 0 => Ok(value as u64),
                _ => Err(broken("the counter of loads has no number")),
            };
        }
    }

    async fn make_indexes(&self) -> Result<(), Fatal> {
        let ready = self.loads_ready.get_or_try_init(|| async {
            let command = doc! {
                "createIndexes": LOADS,
                "indexes": [
                    { "key": { "base": 1, "generation": -1 }, "name": "base_generation" },
                    { "key": { "collection": 1, "loadNumber": -1 }, "name": "collection_loadNumber" },
                    { "key": { "collection": 1, "lockUntil": -1 }, "name": "collection_lockUntil" },
                ],
            };
            self.write(command).await.map(|_| ())
        });
        ready.await.copied()
    }

    fn statements(&self) -> Statements {
        Statements::new(self.database.clone(), self.max_retry_ms)
    }

    async fn write(&self, command: Document) -> Result<Done, Fatal> {
        self.statements().write(command).await
    }
}

/// The change `set`, and that something was acknowledged, where it was: never back to no.
fn noted(mut set: Document, acknowledged: bool) -> Document {
    let now = Bson::Boolean(acknowledged);
    set.insert("acknowledged", doc! { "$or": ["$acknowledged", now] });
    set
}

/// Text that no expression interprets.
fn literal(text: &str) -> Document {
    doc! { "$literal": text }
}

/// The time at which a lease ends that begins now.
fn until(lease_ms: u64) -> Document {
    doc! { "$add": ["$$NOW", lease_ms.min(MAX_LEASE_MS) as i64] }
}

fn binary(identity: LoadIdentity) -> Binary {
    Binary {
        subtype: BinarySubtype::Generic,
        bytes: identity.0.to_vec(),
    }
}

/// The entry that `findAndModify` has changed. It was locked by that very statement.
fn found(reply: &Document) -> Result<Option<Entry>, Fatal> {
    let value = reply.get_document("value").ok();
    value.map(|entry| read(entry, true)).transpose()
}

fn read(entry: &Document, live: bool) -> Result<Entry, Fatal> {
    let text = |name: &str| entry.get_str(name).map(str::to_owned).ok();
    let number = |name: &str| entry.get(name).and_then(integer);
    let identity = |name: &str| match entry.get(name) {
        Some(Bson::Binary(binary)) => binary.bytes.as_slice().try_into().map(LoadIdentity).ok(),
        _ => None,
    };
    let entry = || {
        Some(Entry {
            identity: identity("_id")?,
            base: identity("base")?,
            generation: number("generation")?.try_into().ok()?,
            spec: text("spec")?,
            version: number("version")?.try_into().ok()?,
            spec_sha256: text("specSha256")?,
            collection: text("collection")?,
            job: text("job")?,
            load_number: number("loadNumber")?.try_into().ok()?,
            acknowledged: entry.get_bool("acknowledged").ok()?,
            completed: entry.get_bool("completed").ok()?,
            owner: text("owner")?,
            fence: number("fence")?.try_into().ok()?,
            live,
        })
    };
    entry().ok_or_else(|| broken("an entry lacks fields"))
}

fn broken(message: &str) -> Fatal {
    Fatal::new("loads", format!("`{LOADS}` cannot be used: {message}"))
}
