//! Jobs, checkpoints and whatever else a queue is given, made from numbers.

use crate::id::Id;
use crate::job::{Failure, SpecPin};
use crate::queue::{Claimant, LoadPin, NewJob, Progress, SpecText};
use crate::tenant::Tenant;
use pipeline::{Books, Busy, Checkpoint, Position, Tally};
use stages::identity::LoadIdentity;

/// The job with this number.
pub(super) fn new_job(number: u64, tenant: &str, priority: u8) -> NewJob {
    NewJob {
        parent: None,
        callback: None,
        id: Id([number as u8; 12]),
        tenant: Tenant::of_key(tenant).unwrap(),
        file: Id([(number % 5) as u8; 12]),
        spec: spec(1),
        load: LoadPin {
            content: "sha256:aa".into(),
            base: LoadIdentity([1; 12]),
            identity: LoadIdentity([2; 12]),
            generation: 0,
            load_number: 7,
            collection: "orders".into(),
        },
        priority,
        bytes_total: number.is_multiple_of(2).then_some(1_000),
    }
}

/// A worker that asks under this name.
pub(super) fn claimant(owner: &str, lease_ms: u64) -> Claimant {
    Claimant {
        worker: "host-1".into(),
        owner: owner.into(),
        lease_ms,
        max_attempts: 3,
        take_expired: true,
    }
}

pub(super) fn spec(version: u32) -> SpecText {
    let pin = SpecPin {
        name: "orders".into(),
        version,
        sha256: "ab".repeat(32),
    };
    SpecText {
        pin,
        text: format!("version = {version}"),
        is_operators: false,
    }
}

pub(super) fn progress(furthest: u64) -> Progress {
    Progress {
        furthest,
        bytes_read: furthest * 10,
        bytes_total: None,
        records_per_second: 5,
        busy: Some(Busy {
            read: 7,
            frame: 20,
            parse: 999,
            write: 1000,
            rate: 0,
        }),
    }
}

/// A checkpoint that ends at ordinal `end`; `call` tells it from others.
pub(super) fn checkpoint(end: u64, call: u64) -> Checkpoint {
    let at = Position {
        ordinal: end,
        line: end + 1,
        offset: end * 10,
    };
    Checkpoint {
        books: Books::open(at, 1),
        counted_from: Tally::default(),
        mark: Some(call),
        head: "order_id;total\n".into(),
        bytes_read: 0,
        carried: Vec::new(),
        secrets: std::collections::BTreeMap::new(),
        busy: None,
    }
}

pub(super) fn failure(call: u64) -> Failure {
    Failure {
        code: "target_busy".into(),
        message: format!("it failed in call {call}"),
        hint: None,
        causes: vec!["the first cause".into()],
    }
}
