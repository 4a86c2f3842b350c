//! After success: the object of a file leaves when a spec says so, once every job of the file is completed.
//!
//! ```text
//! note of the job on its files ─► the job is completed ─► the bytes are gone, says the file ─► the object goes ─► note away
//! ```
//!
//! The note is there before the job is completed, and goes last: whatever ends a process in between, [`sweep`] finds the
//! file and does what is left. It stands for the wish of one job: where that job failed or was cancelled, the note goes
//! and the object stays, whatever other jobs of the file do. What goes wrong here is told, and fails no job: its documents are loaded.

use super::Shared;
use crate::files::File;
use crate::id::Id;
use crate::queue::{Job, State};
use crate::stores::Stores;
use pipeline::Fatal;
use stages::spec::OnSuccess;

/// Files that are taken at a time.
const PORTION_FILES: u32 = 100;

/// Notes that the objects of a job's files are to go, where its spec says so. It is for while the job is renewed, and
/// before its load is let go of.
///
/// # Errors
/// Outages; it can be done again.
pub(super) async fn announce(shared: &Shared, job: &Job) -> Result<(), Fatal> {
    let goes = match shared.service.catalog.plan_of(&job.tenant, &job.spec).await {
        Ok(plan) => plan.input.on_success == OnSuccess::Delete,
        Err(_) => false,
    };
    if goes {
        let ids = files_of(shared, job).await?;
        let files = &shared.service.stores.files;
        files.mark_to_go(&job.tenant, &ids, job.id).await?;
    }
    Ok(())
}

/// Removes the objects of a completed job's files, where its spec says so, or that of another job of the file, which was
/// completed before it.
pub(super) async fn clear(shared: &Shared, job: &Job) {
    let stores = &shared.service.stores;
    let cleared = async {
        for file in files_of(shared, job).await? {
            if let Some(seen) = stores.files.file(&job.tenant, file).await?
                && seen.file.to_go_for.is_some()
            {
                clear_file(stores, &seen.file).await?;
            }
        }
        Ok::<_, Fatal>(())
    };
    if let Err(fatal) = cleared.await {
        tracing::warn!(%fatal, "the object of a completed job stays for now");
    }
}

/// Files of the same content may have been listed on it since it was claimed.
async fn files_of(shared: &Shared, job: &Job) -> Result<Vec<Id>, Fatal> {
    let queue = &shared.service.stores.queue;
    let now = queue.job(&job.tenant, job.id).await?;
    Ok(now.map_or_else(|| job.files.clone(), |now| now.files))
}

/// Removes the objects that are to go and whose files have completed jobs only. Returns how many went. Any number of
/// processes may sweep at once.
///
/// # Errors
/// The first outage, after everything else was tried.
pub async fn sweep(stores: &Stores) -> Result<u64, Fatal> {
    let (mut swept, mut failed, mut after) = (0, None, None);
    loop {
        let files = stores.files.to_go(after, PORTION_FILES).await?;
        let Some(last) = files.last() else {
            return failed.map_or(Ok(swept), Err);
        };
        after = Some(last.new.id);
        for file in &files {
            match clear_file(stores, file).await {
                Ok(went) => swept += u64::from(went),
                Err(fatal) => failed = failed.or(Some(fatal)),
            }
        }
    }
}

/// Removes the object of a file that is to go, where the job that wants it and all others of the file are completed.
async fn clear_file(stores: &Stores, file: &File) -> Result<bool, Fatal> {
    let (tenant, id) = (&file.new.tenant, file.new.id);
    let seen = stores.files.file(tenant, id).await?;
    let Some(File {
        to_go_for: Some(wants),
        content_gone,
        ..
    }) = seen.map(|seen| seen.file)
    else {
        return Ok(false);
    };
    // Once it was decided, nobody reads the object, whoever wants what of it since.
    if !content_gone {
        let job = stores.queue.job(tenant, wants).await?;
        // Tried again, such a job says so anew before it is completed.
        let may_want = |job: &Job| !matches!(job.state, State::Failed | State::Cancelled);
        let Some(job) = job.filter(may_want) else {
            stores.files.went(tenant, id).await?;
            return Ok(false);
        };
        // One that does not list the file may be about to: the note comes first.
        let is_done = job.state == State::Completed && job.files.contains(&id);
        // In one step with the look for its other jobs, so that a job which is submitted meanwhile is refused, or keeps
        // what it reads.
        if !is_done || !stores.files.mark_gone(tenant, id, &State::UNDONE).await? {
            return Ok(false);
        }
    }
    stores.objects.remove(&file.new.key).await?;
    stores.files.went(tenant, id).await?;
    tracing::info!(file_id = %id, "its object was removed after success");
    Ok(true)
}
