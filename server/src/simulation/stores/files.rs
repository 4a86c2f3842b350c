//! File records in memory, beside the jobs from which their status is derived.

use super::{Clock, MemoryQueue, lock, page};
use crate::files::{File, Files, NewFile, Outcome, Seen, Status};
use crate::id::Id;
use crate::page::{Listed, Page};
use crate::queue::State;
use crate::tenant::Tenant;
use async_trait::async_trait;
use pipeline::Fatal;
use std::sync::{Arc, Mutex};

/// A store of files.
pub struct MemoryFiles {
    clock: Clock,
    queue: Arc<MemoryQueue>,
    rows: Mutex<Vec<Row>>,
}

struct Row {
    file: File,
    /// When somebody said last that it is still uploaded.
    renewed_ms: u64,
    /// Whether the sweeper was given it.
    is_lost: bool,
}

impl Row {
    fn is(&self, tenant: &Tenant, id: Id) -> bool {
        self.file.new.id == id && self.file.new.tenant == *tenant
    }

    fn is_uploading(&self) -> bool {
        !self.file.is_uploaded && !self.is_lost
    }
}

impl MemoryFiles {
    /// An empty store, beside the jobs of `queue`.
    pub fn new(clock: Clock, queue: Arc<MemoryQueue>) -> Self {
        Self {
            clock,
            queue,
            rows: Mutex::default(),
        }
    }

    fn seen(&self, file: &File) -> Seen {
        let newest = self.queue.newest(&file.new.tenant, file.new.id);
        let outcome = newest.map(|job| Outcome {
            state: job.state,
            // A job that was released keeps why, and has not failed.
            failure: match job.state {
                State::Failed => job.failure.map(|failure| failure.message),
                _ => None,
            },
            finished_ms: job.finished_ms,
        });
        Seen {
            file: file.clone(),
            newest: outcome,
        }
    }
}

/// The file, where it is uploaded.
fn uploaded<'a>(rows: &'a mut [Row], tenant: &Tenant, id: Id) -> Option<&'a mut File> {
    let mut uploaded = rows.iter_mut().filter(|row| row.file.is_uploaded);
    let row = uploaded.find(|row| row.is(tenant, id));
    row.map(|row| &mut row.file)
}

#[async_trait]
impl Files for MemoryFiles {
    async fn begin(&self, file: &NewFile) -> Result<(), Fatal> {
        let mut rows = lock(&self.rows);
        if rows.iter().any(|row| row.file.new.id == file.id) {
            return Ok(());
        }
        let now = self.clock.now_ms();
        let file = File {
            new: file.clone(),
            is_uploaded: false,
            size_bytes: 0,
            sha256: String::new(),
            version: None,
            created_ms: now,
            uploaded_ms: None,
            updated_ms: now,
            content_gone: false,
            to_go_for: None,
        };
        rows.push(Row {
            file,
            renewed_ms: now,
            is_lost: false,
        });
        Ok(())
    }

    async fn note_upload(&self, tenant: &Tenant, id: Id, upload: &str) -> Result<bool, Fatal> {
        let mut rows = lock(&self.rows);
        let mut uploading = rows.iter_mut().filter(|row| row.is_uploading());
        let Some(row) = uploading.find(|row| row.is(tenant, id)) else {
            return Ok(false);
        };
        row.file.new.upload = Some(upload.to_owned());
        Ok(true)
    }

    async fn renew(&self, tenant: &Tenant, id: Id) -> Result<bool, Fatal> {
        let mut rows = lock(&self.rows);
        let mut uploading = rows.iter_mut().filter(|row| row.is_uploading());
        let Some(row) = uploading.find(|row| row.is(tenant, id)) else {
            return Ok(false);
        };
        row.renewed_ms = self.clock.now_ms();
        Ok(true)
    }

    async fn commit(
        &self,
        tenant: &Tenant,
        id: Id,
        size_bytes: u64,
        sha256: &str,
        version: Option<&str>,
    ) -> Result<Option<File>, Fatal> {
        let mut rows = lock(&self.rows);
        let Some(row) = rows.iter_mut().find(|row| row.is(tenant, id)) else {
            return Ok(None);
        };
        if row.is_uploading() {
            let now = self.clock.now_ms();
            let file = &mut row.file;
            file.is_uploaded = true;
            file.size_bytes = size_bytes;
            sha256.clone_into(&mut file.sha256);
            file.version = version.map(str::to_owned);
            file.uploaded_ms = Some(now);
            file.updated_ms = now;
        }
        let file = &row.file;
        let is_ours = file.is_uploaded && file.size_bytes == size_bytes && file.sha256 == sha256;
        Ok(is_ours.then(|| file.clone()))
    }

    async fn discard(&self, tenant: &Tenant, id: Id) -> Result<bool, Fatal> {
        let mut rows = lock(&self.rows);
        let before = rows.len();
        rows.retain(|row| row.file.is_uploaded || !row.is(tenant, id));
        Ok(rows.len() < before)
    }

    async fn remove(&self, tenant: &Tenant, id: Id) -> Result<bool, Fatal> {
        // Whoever reads the file behind giving it to a job waits for this lock.
        let mut rows = lock(&self.rows);
        let in_use = self.queue.lists(tenant, id, &State::RUNNABLE);
        let before = rows.len();
        rows.retain(|row| {
            let may_go = row.file.content_gone || !in_use;
            !(row.file.is_uploaded && may_go && row.is(tenant, id))
        });
        Ok(rows.len() < before)
    }

    async fn mark_gone(&self, tenant: &Tenant, id: Id, unless: &[State]) -> Result<bool, Fatal> {
        let mut rows = lock(&self.rows);
        let Some(file) = uploaded(&mut rows, tenant, id) else {
            return Ok(false);
        };
        if file.content_gone {
            return Ok(true);
        }
        if self.queue.lists(tenant, id, unless) {
            return Ok(false);
        }
        file.content_gone = true;
        file.updated_ms = self.clock.now_ms();
        Ok(true)
    }

    async fn mark_to_go(&self, tenant: &Tenant, ids: &[Id], job: Id) -> Result<(), Fatal> {
        let mut rows = lock(&self.rows);
        for id in ids {
            if let Some(file) = uploaded(&mut rows, tenant, *id) {
                file.to_go_for = Some(job);
            }
        }
        Ok(())
    }

    async fn to_go(&self, after: Option<Id>, limit: u32) -> Result<Vec<File>, Fatal> {
        let rows = lock(&self.rows);
        let noted = rows.iter().map(|row| &row.file).filter(|file| {
            let is_behind = after.is_none_or(|after| file.new.id.0 > after.0);
            file.to_go_for.is_some() && is_behind
        });
        let mut noted: Vec<File> = noted.cloned().collect();
        noted.sort_by_key(|file| file.new.id.0);
        noted.truncate(limit as usize);
        Ok(noted)
    }

    async fn went(&self, tenant: &Tenant, id: Id) -> Result<(), Fatal> {
        if let Some(file) = uploaded(&mut lock(&self.rows), tenant, id) {
            file.to_go_for = None;
        }
        Ok(())
    }

    async fn file(&self, tenant: &Tenant, id: Id) -> Result<Option<Seen>, Fatal> {
        let rows = lock(&self.rows);
        let mut there = rows.iter().filter(|row| !row.is_lost);
        let row = there.find(|row| row.is(tenant, id));
        Ok(row.map(|row| self.seen(&row.file)))
    }

    async fn files(
        &self,
        tenant: &Tenant,
        status: Option<Status>,
        page: Page,
    ) -> Result<Listed<Seen>, Fatal> {
        let rows = lock(&self.rows);
        let there = rows
            .iter()
            .filter(|row| !row.is_lost && row.file.new.tenant == *tenant);
        let seen = there.map(|row| self.seen(&row.file));
        let wanted = seen.filter(|seen| status.is_none_or(|status| seen.status() == status));
        Ok(page::listed(wanted, page, |seen| {
            (seen.file.created_ms, seen.file.new.id)
        }))
    }

    async fn abandoned(&self, idle_ms: u64, limit: u32) -> Result<Vec<File>, Fatal> {
        let now = self.clock.now_ms();
        let limit = limit.max(1) as usize;
        let mut rows = lock(&self.rows);
        let mut idle: Vec<&mut Row> = rows
            .iter_mut()
            .filter(|row| row.is_uploading() && row.renewed_ms <= now.saturating_sub(idle_ms))
            .collect();
        idle.sort_by_key(|row| row.renewed_ms);
        for row in idle.into_iter().take(limit) {
            row.is_lost = true;
            row.file.updated_ms = now;
        }
        let mut lost: Vec<&Row> = rows.iter().filter(|row| row.is_lost).collect();
        lost.sort_by_key(|row| row.renewed_ms);
        let longest = lost.into_iter().take(limit);
        Ok(longest.map(|row| row.file.clone()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::suite::{self, Both};
    use crate::simulation::stores::MemoryStores;

    #[tokio::test(start_paused = true)]
    async fn it_conforms() {
        suite::conforms(async || {
            let stores = MemoryStores::new(Clock::new());
            Both {
                files: stores.files,
                queue: stores.queue,
            }
        })
        .await;
    }
}
