//! One file with its newest job, from MongoDB. While somebody removes it, it is neither there nor gone: the answer waits
//! until that is decided, so that whoever gives the file to a job is refused only where the file really goes.

use super::document::{FILES, UPLOADED, UPLOADING, binary, newest_job, read, seen};
use super::remove::{busy, is_being_removed};
use crate::files::Seen;
use crate::id::Id;
use crate::tenant::Tenant;
use mongodb::bson::doc;
use pipeline::Fatal;
use stages::sink::mongodb::Statements;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long a removal is waited for, in milliseconds. It takes two short statements, unless its process died.
const MAX_WAIT_MS: u64 = 2_000;
/// How often it is looked for meanwhile, in milliseconds.
const POLL_MS: u64 = 20;

pub(super) async fn file(
    statements: &Statements,
    tenant: &Tenant,
    id: Id,
) -> Result<Option<Seen>, Fatal> {
    let visible = doc! {
        "_id": binary(id),
        "tenant": { "$eq": tenant.key() },
        "state": { "$in": [UPLOADING, UPLOADED] },
    };
    let command = doc! {
        "aggregate": FILES,
        "pipeline": [
            { "$match": visible },
            newest_job(tenant),
            { "$set": { "isBeingRemoved": is_being_removed() } },
        ],
        "cursor": {},
    };
    let deadline = Instant::now() + Duration::from_millis(MAX_WAIT_MS);
    loop {
        let found = read(statements, command.clone()).await?;
        let Some(found) = found.first() else {
            return Ok(None);
        };
        if !found.get_bool("isBeingRemoved").unwrap_or_default() {
            return seen(found).map(Some);
        }
        if Instant::now() >= deadline {
            return Err(busy());
        }
        sleep(Duration::from_millis(POLL_MS)).await;
    }
}
