//! What only MongoDB has: plans of statements, lost answers, faults of the server, commands that two send at once.

mod conforms;
mod explain;
mod faults;
mod turns;

use super::MongoQueue;
use crate::id::Id;
use crate::job::SpecPin;
use crate::page::{From, Listed, Page};
use crate::queue::{Claim, Claimant, Filter, Job, LoadPin, NewJob, Queue, SpecText, State};
use crate::tenant::Tenant;
use mongodb::bson::Document;
use pipeline::{Books, Checkpoint, Position, Tally};
use stages::identity::LoadIdentity;
use stages::sink::mongodb::MongoTarget;
use testbed::mongod::Mongod;

/// How long statements are sent again, in milliseconds.
const RETRY_MS: u64 = 60_000;
/// A lease that no case outlives, in milliseconds.
const LONG_MS: u64 = 600_000;

async fn open(uri: &str) -> MongoQueue {
    let target = MongoTarget::connect(uri).await.unwrap();
    MongoQueue::open(target.state(RETRY_MS)).await.unwrap()
}

/// An id that tells number from number.
fn id(number: u32) -> Id {
    let mut bytes = [7; 12];
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    Id(bytes)
}

fn tenant(name: &str) -> Tenant {
    Tenant::of_key(name).unwrap()
}

fn new_job(tenant: &Tenant, number: u32) -> NewJob {
    NewJob {
        id: id(number),
        tenant: tenant.clone(),
        file: id(1_000_000 + number),
        spec: SpecText {
            pin: SpecPin {
                name: "orders".into(),
                version: 1,
                sha256: "aa".into(),
            },
            text: "name = \"$orders\"".into(),
            is_operators: false,
        },
        load: LoadPin {
            content: "sha256:$00".into(),
            base: LoadIdentity([1; 12]),
            identity: LoadIdentity([2; 12]),
            generation: 0,
            load_number: 0,
            collection: "orders".into(),
        },
        priority: 0,
        bytes_total: Some(100),
        parent: None,
        callback: None,
    }
}

fn claimant(owner: &str, lease_ms: u64) -> Claimant {
    Claimant {
        worker: "host/1".into(),
        owner: owner.into(),
        lease_ms,
        max_attempts: 3,
        take_expired: true,
    }
}

fn checkpoint(end: u64) -> Checkpoint {
    let end = Position {
        ordinal: end,
        line: end + 1,
        offset: end * 10,
    };
    Checkpoint {
        books: Books::open(end, 0),
        counted_from: Tally::default(),
        mark: None,
        head: "$id,{$x:1}\n".into(),
        bytes_read: 0,
        carried: Vec::new(),
        secrets: std::collections::BTreeMap::new(),
        busy: None,
    }
}

/// Submits job `number` of the tenant without a name, and claims it.
async fn claimed(queue: &MongoQueue, number: u32) -> Claim {
    let new = new_job(&Tenant::NONE, number);
    queue.submit(&new).await.unwrap();
    let owner = format!("owner-{number}");
    let job = queue.claim(&claimant(&owner, LONG_MS)).await.unwrap();
    let job = job.unwrap();
    assert_eq!(job.id, new.id);
    job.claim().unwrap()
}

async fn job(queue: &MongoQueue, claim: &Claim) -> Job {
    queue.job(&claim.tenant, claim.job).await.unwrap().unwrap()
}

async fn count(queue: &MongoQueue, filter: Document) -> u64 {
    let jobs = queue.statements.database().collection::<Document>("jobs");
    jobs.count_documents(filter).await.unwrap()
}

async fn list(queue: &MongoQueue, filter: Filter, from: From, limit: u32) -> Listed<Job> {
    let page = Page { from, limit };
    queue.jobs(&Tenant::NONE, &filter, page).await.unwrap()
}

fn state_of(job: &Job) -> (State, u32, u64) {
    (job.state, job.attempts, job.fence)
}
