//! The store of jobs in SQLite: one writer, WAL, every change one transaction.
//!
//! Each transition has a file of its own with its statements. A change is durable when it is answered; reads use
//! connections of their own and never wait for the writer. The time of a change is SQLite's clock, read once in its
//! transaction. It never looks at another tenant's jobs but to claim, to send webhooks, to repair, to expire,
//! to count and to find what a dead process has left.

mod approve;
mod attach;
mod callbacks;
mod cancel;
mod changed;
mod claim;
mod depth;
mod expire;
mod fail;
mod finish;
mod hold;
mod idempotency;
mod left;
mod left_running;
mod list;
mod news;
mod release;
mod renew;
mod repair;
mod resubmit;
mod retry;
mod row;
mod save;
mod schema;
mod submit;
mod turns;

#[cfg(test)]
mod tests;

pub use schema::SCHEMA;

use super::{
    Approval, Changed, Claim, Claimant, Depth, Filter, Held, Job, Known, Moved, NewJob, Progress,
    Queue, Receipt, Release, Remembered, Renewal, Resent, Sent, Skip,
};
use crate::id::Id;
use crate::job::Failure;
use crate::page::{Listed, Page};
use crate::tenant::Tenant;
use async_trait::async_trait;
use pipeline::{Checkpoint, Fatal};
use rusqlite::Connection;
use stages::sqlite::Database;

/// The store of jobs in a SQLite file.
pub struct SqliteQueue {
    database: Database,
}

impl SqliteQueue {
    /// The store in a database that was opened with [`SCHEMA`].
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Runs `change` in one transaction, with its time in milliseconds since 1970.
    async fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Connection, i64) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Fatal> {
        let written = self.database.write(move |transaction| {
            let now = now_ms(transaction)?;
            change(transaction, now)
        });
        written.await
    }

    /// Runs `read` on a connection that never waits for the writer.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Fatal> {
        self.database.read(read).await
    }
}

/// SQLite's clock, in milliseconds since 1970.
fn now_ms(connection: &Connection) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER)")?
        .query_row([], |row| row.get(0))
}

/// `wait_ms` from `now` on; where that is no time any more, the last one.
fn after(now: i64, wait_ms: u64) -> i64 {
    now.saturating_add_unsigned(wait_ms)
}

#[async_trait]
impl Queue for SqliteQueue {
    async fn submit(&self, job: &NewJob) -> Result<Job, Fatal> {
        let job = job.clone();
        self.write(move |change, now| submit::submit(change, now, &job))
            .await
    }

    async fn claim(&self, claimant: &Claimant) -> Result<Option<Job>, Fatal> {
        let claimant = claimant.clone();
        self.write(move |change, now| claim::claim(change, now, &claimant))
            .await
    }

    async fn renew(&self, claim: &Claim, renewal: &Renewal) -> Result<bool, Fatal> {
        let (claim, renewal) = (claim.clone(), renewal.clone());
        self.write(move |change, now| renew::renew(change, now, &claim, &renewal))
            .await
    }

    async fn left_running(&self, limit: u32) -> Result<Vec<Job>, Fatal> {
        self.read(move |connection| left_running::left_running(connection, limit))
            .await
    }

    async fn save(
        &self,
        claim: &Claim,
        previous: u64,
        checkpoint: &Checkpoint,
    ) -> Result<bool, Fatal> {
        let (claim, checkpoint) = (claim.clone(), checkpoint.clone());
        self.write(move |change, now| save::save(change, now, &claim, previous, &checkpoint))
            .await
    }

    async fn finish(
        &self,
        claim: &Claim,
        progress: &Progress,
        receipt: &Receipt,
    ) -> Result<bool, Fatal> {
        let (claim, progress, receipt) = (claim.clone(), progress.clone(), receipt.clone());
        self.write(move |change, now| finish::finish(change, now, &claim, &progress, &receipt))
            .await
    }

    async fn fail(
        &self,
        claim: &Claim,
        progress: &Progress,
        failure: &Failure,
    ) -> Result<bool, Fatal> {
        let (claim, progress, failure) = (claim.clone(), progress.clone(), failure.clone());
        self.write(move |change, now| fail::fail(change, now, &claim, &progress, &failure))
            .await
    }

    async fn hold(&self, claim: &Claim, progress: &Progress, held: &Held) -> Result<bool, Fatal> {
        let (claim, progress, held) = (claim.clone(), progress.clone(), held.clone());
        self.write(move |change, now| hold::hold(change, now, &claim, &progress, &held))
            .await
    }

    async fn release(&self, claim: &Claim, release: &Release) -> Result<bool, Fatal> {
        let (claim, release) = (claim.clone(), release.clone());
        self.write(move |change, now| release::release(change, now, &claim, &release))
            .await
    }

    async fn cancel(&self, tenant: &Tenant, id: Id) -> Result<Changed, Fatal> {
        let tenant = tenant.clone();
        self.write(move |change, now| cancel::cancel(change, now, &tenant, id))
            .await
    }

    async fn withdraw(&self, tenant: &Tenant, id: Id) -> Result<Changed, Fatal> {
        let tenant = tenant.clone();
        self.write(move |change, now| cancel::withdraw(change, now, &tenant, id))
            .await
    }

    async fn retry(&self, tenant: &Tenant, id: Id, reset: bool) -> Result<Changed, Fatal> {
        let tenant = tenant.clone();
        self.write(move |change, now| retry::retry(change, now, &tenant, id, reset))
            .await
    }

    async fn approve(
        &self,
        tenant: &Tenant,
        id: Id,
        fence: u64,
        approval: &Approval,
    ) -> Result<Changed, Fatal> {
        let (tenant, approval) = (tenant.clone(), approval.clone());
        self.write(move |change, now| approve::approve(change, now, &tenant, id, fence, &approval))
            .await
    }

    async fn begin_resubmit(
        &self,
        tenant: &Tenant,
        parent: Id,
        before: Option<Id>,
        child: Id,
    ) -> Result<bool, Fatal> {
        let tenant = tenant.clone();
        self.write(move |change, _| resubmit::begin(change, &tenant, parent, before, child))
            .await
    }

    async fn move_resubmitted(
        &self,
        tenant: &Tenant,
        parent: Id,
        child: Id,
        moved: &Moved,
    ) -> Result<bool, Fatal> {
        let (tenant, moved) = (tenant.clone(), moved.clone());
        self.write(move |change, now| resubmit::moved(change, now, &tenant, parent, child, &moved))
            .await
    }

    async fn repair(&self) -> Result<u64, Fatal> {
        self.write(repair::repair).await
    }

    async fn job(&self, tenant: &Tenant, id: Id) -> Result<Option<Job>, Fatal> {
        let tenant = tenant.clone();
        self.read(move |connection| row::job(connection, &tenant, id))
            .await
    }

    async fn news(&self, tenant: &Tenant, known: &[Known]) -> Result<Vec<Job>, Fatal> {
        let (tenant, known) = (tenant.clone(), known.to_vec());
        self.read(move |connection| news::news(connection, &tenant, &known))
            .await
    }

    async fn jobs(
        &self,
        tenant: &Tenant,
        filter: &Filter,
        page: Page,
    ) -> Result<Listed<Job>, Fatal> {
        let (tenant, filter) = (tenant.clone(), filter.clone());
        self.read(move |connection| list::list(connection, &tenant, &filter, page))
            .await
    }

    async fn newest_of_file(&self, tenant: &Tenant, file: Id) -> Result<Option<Job>, Fatal> {
        let tenant = tenant.clone();
        self.read(move |connection| list::newest_of_file(connection, &tenant, file))
            .await
    }

    async fn attach(&self, tenant: &Tenant, id: Id, file: Id) -> Result<bool, Fatal> {
        let tenant = tenant.clone();
        self.write(move |change, now| attach::attach(change, now, &tenant, id, file))
            .await
    }

    async fn remember(
        &self,
        tenant: &Tenant,
        key: &str,
        request_sha256: &str,
        job: Id,
    ) -> Result<Remembered, Fatal> {
        let (tenant, key, request) = (tenant.clone(), key.to_owned(), request_sha256.to_owned());
        self.write(move |change, now| {
            idempotency::remember(change, now, &tenant, &key, &request, job)
        })
        .await
    }

    async fn settle(&self, tenant: &Tenant, key: &str, job: Id) -> Result<(), Fatal> {
        let (tenant, key) = (tenant.clone(), key.to_owned());
        self.write(move |change, _| idempotency::settle(change, &tenant, &key, job))
            .await
    }

    async fn depth(&self) -> Result<Depth, Fatal> {
        self.read(depth::depth).await
    }

    async fn expire(&self, age_ms: u64, limit: u32) -> Result<Vec<Job>, Fatal> {
        self.write(move |change, now| expire::expire(change, now, age_ms, limit))
            .await
    }

    async fn forget(&self, tenant: &Tenant, id: Id) -> Result<(), Fatal> {
        let tenant = tenant.clone();
        self.write(move |change, _| expire::forget(change, &tenant, id))
            .await
    }

    async fn claim_delivery(
        &self,
        owner: &str,
        lease_ms: u64,
        skip: &Skip,
    ) -> Result<Option<Job>, Fatal> {
        // Looking waits for no writer, and disturbs none.
        let skipped = skip.clone();
        let is_due = self.read(move |connection| callbacks::is_due(connection, &skipped));
        if !is_due.await? {
            return Ok(None);
        }
        let (owner, skip) = (owner.to_owned(), skip.clone());
        self.write(move |change, now| callbacks::claim(change, now, &owner, lease_ms, &skip))
            .await
    }

    async fn note_delivery(
        &self,
        tenant: &Tenant,
        id: Id,
        owner: &str,
        n: u64,
        sent: &Sent,
    ) -> Result<bool, Fatal> {
        let (tenant, owner, sent) = (tenant.clone(), owner.to_owned(), sent.clone());
        self.write(move |change, now| callbacks::note(change, now, &tenant, id, &owner, n, &sent))
            .await
    }

    async fn resend_delivery(&self, tenant: &Tenant, id: Id, n: u64) -> Result<Resent, Fatal> {
        let tenant = tenant.clone();
        self.write(move |change, now| callbacks::resend(change, now, &tenant, id, n))
            .await
    }

    async fn give_back_deliveries(&self) -> Result<u64, Fatal> {
        self.write(|change, _| callbacks::give_back(change)).await
    }

    async fn add_callback(&self, tenant: &Tenant, id: Id, url: &str) -> Result<Option<Job>, Fatal> {
        let (tenant, url) = (tenant.clone(), url.to_owned());
        self.write(move |change, _| callbacks::add(change, &tenant, id, url))
            .await
    }

    async fn default_callback(&self, tenant: &Tenant) -> Result<Option<String>, Fatal> {
        let tenant = tenant.clone();
        self.read(move |connection| callbacks::default_of(connection, &tenant))
            .await
    }

    async fn set_default_callback(&self, tenant: &Tenant, url: Option<&str>) -> Result<(), Fatal> {
        let (tenant, url) = (tenant.clone(), url.map(str::to_owned));
        self.write(move |change, _| callbacks::set_default(change, &tenant, url.as_deref()))
            .await
    }

    async fn ping(&self) -> Result<(), Fatal> {
        self.read(|connection| {
            let mut select = connection.prepare_cached("SELECT 1 FROM jobs LIMIT 1")?;
            select.exists([]).map(drop)
        })
        .await
    }
}
