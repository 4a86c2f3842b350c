//! Webhooks: what a transition makes due, who sends it, what came of it, and where a tenant's go by default.
//!
//! What is made due is a stage of the transition's own statement ([`came_to`]). All else reads the record with the
//! server's time, changes it, and writes it whole in the place of what was read: `revision`, which every change
//! raises, tells whether somebody was quicker.

use super::MongoQueue;
use super::callback_document;
use super::document::{self, JOBS, literal};
use super::indexes::CALLBACKS_DUE;
use super::reply::integer;
use crate::id::Id;
use crate::queue::callback::{MAX_EVENTS, MAX_PENDING, MAX_TOLD_CHARS, UNREADABLE_MS, is_told};
use crate::queue::{Callback, Job, Resent, Sent, Skip, State};
use crate::tenant::Tenant;
use mongodb::bson::{Bson, DateTime, Document, doc};
use pipeline::Fatal;
use stages::sink::mongodb::Done;

/// The collection of the tenants' defaults.
const DEFAULTS: &str = "callbacks";
/// Before any time that a record holds: what is behind it is there. The index alone answers for that; whether a field
/// exists, only the document.
const EVER: DateTime = DateTime::from_millis(0);
/// How often a record is read again that others keep changing.
const MAX_TRIES: u32 = 20;

/// A record as it was read.
struct Seen {
    job: Document,
    tenant: Tenant,
    callback: Callback,
    revision: i64,
    now_ms: u64,
}

impl MongoQueue {
    pub(super) async fn claim_due_delivery(
        &self,
        owner: &str,
        lease_ms: u64,
        skip: &Skip,
    ) -> Result<Option<Job>, Fatal> {
        for _ in 0..MAX_TRIES {
            let Some(due) = self.first(due(skip)).await? else {
                return Ok(None);
            };
            let id = due.get("_id").cloned().unwrap_or(Bson::Null);
            let read = seen(due).and_then(|seen| Ok((document::read(&seen.job)?, seen)));
            let (mut job, mut seen) = match read {
                Ok(read) => read,
                Err(fatal) => {
                    tracing::error!(job_id = %id, %fatal, "a job cannot be read: its webhook waits");
                    self.matched(put_off(&id)).await?;
                    continue;
                }
            };
            let claimed = seen.callback.claim(owner, seen.now_ms, lease_ms);
            if self.put(&seen).await? && claimed {
                job.callback = Some(seen.callback);
                return Ok(Some(job));
            }
        }
        Ok(None)
    }

    pub(super) async fn note_sent(
        &self,
        tenant: &Tenant,
        id: Id,
        owner: &str,
        n: u64,
        sent: &Sent,
    ) -> Result<bool, Fatal> {
        for _ in 0..MAX_TRIES {
            let Some(found) = self
                .first(with_now(document::one(tenant, id), None))
                .await?
            else {
                return Ok(false);
            };
            if found.get_document("callback").is_err() {
                return Ok(false);
            }
            let mut seen = seen(found)?;
            if !seen.callback.note(owner, n, sent, seen.now_ms) {
                return Ok(false);
            }
            if self.put(&seen).await? {
                return Ok(true);
            }
        }
        Err(keeps_changing())
    }

    pub(super) async fn send_again(
        &self,
        tenant: &Tenant,
        id: Id,
        n: u64,
    ) -> Result<Resent, Fatal> {
        for _ in 0..MAX_TRIES {
            let Some(found) = self
                .first(with_now(document::one(tenant, id), None))
                .await?
            else {
                return Ok(Resent::Missing);
            };
            if found.get_document("callback").is_err() {
                return Ok(Resent::NoSuchTry);
            }
            let mut seen = seen(found)?;
            if !seen.callback.resend(n, seen.now_ms) {
                return Ok(Resent::NoSuchTry);
            }
            if self.put(&seen).await? {
                let mut job = document::read(&seen.job)?;
                job.callback = Some(seen.callback);
                return Ok(Resent::Due(Box::new(job)));
            }
        }
        Err(keeps_changing())
    }

    pub(super) async fn add_url(
        &self,
        tenant: &Tenant,
        id: Id,
        url: &str,
    ) -> Result<Option<Job>, Fatal> {
        self.matched(add(tenant, id, url)?).await?;
        let found = self.first(with_now(document::one(tenant, id), None));
        found.await?.as_ref().map(document::read).transpose()
    }

    /// Writes a record in the place of what was read. `false`: somebody else has changed it since.
    async fn put(&self, seen: &Seen) -> Result<bool, Fatal> {
        let id = seen.job.get("_id").cloned().unwrap_or(Bson::Null);
        let command = put(&seen.tenant, &id, seen.revision, &seen.callback)?;
        Ok(self.matched(command).await? == 1)
    }

    pub(super) async fn find_default_callback(
        &self,
        tenant: &Tenant,
    ) -> Result<Option<String>, Fatal> {
        let found = self.first(default_of(tenant)).await?;
        Ok(found.and_then(|found| found.get_str("url").ok().map(str::to_owned)))
    }

    pub(super) async fn put_default_callback(
        &self,
        tenant: &Tenant,
        url: Option<&str>,
    ) -> Result<(), Fatal> {
        let command = set_default(tenant, url);
        // Two that make the document at the same moment: one of them meets it.
        while let Done::Duplicate = self.statements.write(command.clone()).await? {}
        Ok(())
    }
}

/// The stage of a transition that makes an event of the state due to which the job has come, where it has a webhook.
pub(super) fn came_to() -> Document {
    let told = State::ALL.into_iter().filter(|state| is_told(*state));
    let told: Vec<_> = told.map(State::word).collect();
    let applies = doc! { "$and": [
        { "$gt": ["$callback.url", Bson::Null] },
        { "$in": ["$state", told] },
    ] };
    let is = |state: State| doc! { "$eq": ["$state", state.word()] };
    let message = doc! { "$cond": [
        is(State::Failed),
        "$failure.message",
        { "$cond": [is(State::Held), "$left.message", Bson::Null] },
    ] };
    let whole = doc! { "$ifNull": [&message, ""] };
    let cut = doc! { "$substrCP": [whole, 0, MAX_TOLD_CHARS as i64] };
    // A checkpoint of before it kept these says nothing.
    let of_checkpoint = |name: &str| {
        let is_missing = doc! { "$lte": ["$checkpoint.books", Bson::Null] };
        doc! { "$cond": [is_missing, 0_i64, name] }
    };
    let next = doc! { "$add": ["$callback.lastEvent", 1_i64] };
    let is_waiting = doc! { "$gt": ["$$this.next", Bson::Null] };
    let waiting = doc! { "$filter": { "input": "$callback.events", "cond": &is_waiting } };
    let waiting = doc! { "$size": waiting };
    let has_room = doc! { "$lt": [waiting, MAX_PENDING as i64] };
    let event = doc! {
        "n": &next,
        "state": "$state",
        "at": "$$NOW",
        "delivery": { "$cond": [&has_room, "pending", "failed"] },
        "attempts": 0_i64,
        "next": { "$cond": [&has_room, "$$NOW", "$$REMOVE"] },
        "error": {
            "$cond": [{ "$gt": [&message, Bson::Null] }, cut, "$$REMOVE"],
        },
        "rowsProcessed": of_checkpoint("$checkpoint.processed"),
        "rowsFailed": of_checkpoint("$checkpoint.rejected"),
    };
    // The oldest that is not to be sent any more goes.
    let of_all = |cond: &Document| doc! { "$filter": { "input": "$$all", "cond": cond } };
    let rest = of_all(&doc! { "$not": [is_waiting] });
    let gone = doc! { "$arrayElemAt": [{ "$map": { "input": rest, "in": "$$this.n" } }, 0] };
    let others = doc! { "$let": {
        "vars": { "gone": gone },
        "in": of_all(&doc! { "$ne": ["$$this.n", "$$gone"] }),
    } };
    let is_full = doc! { "$gte": [{ "$size": "$callback.events" }, MAX_EVENTS as i64] };
    let events = doc! { "$let": {
        "vars": { "all": { "$concatArrays": ["$callback.events", [event]] } },
        "in": { "$cond": [is_full, others, "$$all"] },
    } };
    let stays =
        doc! { "$or": [{ "$gt": ["$callback.owner", Bson::Null] }, { "$not": [has_room] }] };
    let due = doc! { "$cond": [stays, "$callback.due", { "$min": ["$callback.due", "$$NOW"] }] };
    let changed = doc! { "$mergeObjects": ["$callback", {
        "lastEvent": next,
        "events": events,
        "due": due,
        "revision": { "$add": ["$callback.revision", 1_i64] },
    }] };
    doc! { "$set": { "callback": { "$cond": [applies, changed, "$callback"] } } }
}

/// The record that is due longest, with the server's time.
pub(super) fn due(skip: &Skip) -> Document {
    let due = doc! {
        "callback.due": { "$gt": EVER },
        "tenant": { "$nin": &skip.tenants },
        "callback.place": { "$nin": &skip.places },
        "$expr": { "$lte": ["$callback.due", "$$NOW"] },
    };
    let mut command = with_now(due, Some(doc! { "callback.due": 1 }));
    command.insert("hint", CALLBACKS_DUE);
    command
}

/// Has one looked at later that cannot be read: it holds up no other.
pub(super) fn put_off(id: &Bson) -> Document {
    doc! {
        "update": JOBS,
        "updates": [{
            "q": { "_id": id, "callback.due": { "$exists": true } },
            "u": [{ "$set": { "callback.due": document::in_ms(UNREADABLE_MS) } }],
        }],
    }
}

/// How many records are due, now or later.
pub(super) fn pending() -> Document {
    doc! {
        "aggregate": JOBS,
        "pipeline": [
            { "$match": { "callback.due": { "$gt": EVER } } },
            { "$count": "jobs" },
        ],
        "hint": CALLBACKS_DUE,
        "cursor": {},
    }
}

/// The first job that a filter finds, with the server's time.
pub(super) fn with_now(filter: Document, sort: Option<Document>) -> Document {
    let mut pipeline = vec![doc! { "$match": filter }];
    pipeline.extend(sort.map(|sort| doc! { "$sort": sort }));
    pipeline.push(doc! { "$limit": 1_i64 });
    pipeline.push(doc! { "$set": { "now": "$$NOW" } });
    doc! {
        "aggregate": JOBS,
        "pipeline": pipeline,
        "cursor": {},
        "readConcern": { "level": "majority" },
    }
}

/// Writes a record behind `revision`.
pub(super) fn put(
    tenant: &Tenant,
    id: &Bson,
    revision: i64,
    callback: &Callback,
) -> Result<Document, Fatal> {
    let mut record = callback_document::write(tenant, callback)?;
    record.insert("revision", revision.saturating_add(1));
    Ok(doc! {
        "update": JOBS,
        "updates": [{
            "q": { "_id": id, "callback.revision": revision },
            // Whole, whatever stands in its place.
            "u": [{ "$set": { "callback": { "$literal": record } } }],
        }],
    })
}

/// Gives a job a webhook that has none and has not ended.
pub(super) fn add(tenant: &Tenant, id: Id, url: &str) -> Result<Document, Fatal> {
    let mut record = callback_document::write(tenant, &Callback::new(url.to_owned()))?;
    record.insert("revision", 0_i64);
    let ended = State::ALL.into_iter().filter(|state| state.is_terminal());
    let ended: Vec<_> = ended.map(State::word).collect();
    let mut one = document::one(tenant, id);
    one.insert("callback", doc! { "$exists": false });
    one.insert("state", doc! { "$nin": ended });
    Ok(doc! {
        "update": JOBS,
        "updates": [{
            "q": one,
            "u": [{ "$set": { "callback": { "$literal": record } } }],
        }],
    })
}

/// The default of a tenant.
pub(super) fn default_of(tenant: &Tenant) -> Document {
    doc! {
        "find": DEFAULTS,
        "filter": { "_id": { "$eq": tenant.key() } },
        "limit": 1,
        "singleBatch": true,
        "readConcern": { "level": "majority" },
    }
}

/// Sets or takes away the default of a tenant.
pub(super) fn set_default(tenant: &Tenant, url: Option<&str>) -> Document {
    let one = doc! { "_id": { "$eq": tenant.key() } };
    match url {
        Some(url) => doc! {
            "update": DEFAULTS,
            "updates": [{
                "q": one,
                "u": [{ "$set": { "url": literal(url) } }],
                "upsert": true,
            }],
        },
        None => doc! { "delete": DEFAULTS, "deletes": [{ "q": one, "limit": 1 }] },
    }
}

fn seen(job: Document) -> Result<Seen, Fatal> {
    let callback = callback_document::read(&job)?.ok_or_else(keeps_changing)?;
    let now = job
        .get_datetime("now")
        .ok()
        .map(|now| now.timestamp_millis());
    let revision = job.get_document("callback").ok();
    let revision = revision.and_then(|callback| integer(callback.get("revision")?));
    Ok(Seen {
        tenant: document::tenant(&job)?,
        now_ms: now.and_then(|now| now.try_into().ok()).unwrap_or_default(),
        revision: revision.unwrap_or_default(),
        callback,
        job,
    })
}

fn keeps_changing() -> Fatal {
    let message = "the webhook of a job keeps changing under the hands of others";
    Fatal::transient("queue_unavailable", message)
}
