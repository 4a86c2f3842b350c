//! After success: the object of a file leaves when a spec says so, once every job of the file is completed.
//!
//! What goes wrong here is told and not tried again: the documents are loaded, and an object that stays costs room only.

use super::Shared;
use crate::id::Id;
use crate::page::{From, MAX_ITEMS, Page};
use crate::queue::{Filter, Job, SpecText, State};
use pipeline::Fatal;
use stages::spec::OnSuccess;
use std::collections::HashSet;

/// Removes the objects of a completed job's files, where its spec says so, or that of another job of the file, which was
/// completed before it.
pub(super) async fn clear(shared: &Shared, job: &Job) {
    let queue = &shared.service.stores.queue;
    // Files of the same content may have been listed on it since it was claimed.
    let files = match queue.job(&job.tenant, job.id).await {
        Ok(Some(now)) => now.files,
        Ok(None) | Err(_) => job.files.clone(),
    };
    for file in files {
        if let Err(fatal) = clear_file(shared, job, file).await {
            tracing::warn!(%fatal, file_id = %file, "the object of a completed job stays");
        }
    }
}

async fn clear_file(shared: &Shared, job: &Job, file: Id) -> Result<(), Fatal> {
    let (stores, tenant) = (&shared.service.stores, &job.tenant);
    if !is_to_go(shared, job, file).await? {
        return Ok(());
    }
    // In one step with the look for jobs, so that a job which is submitted meanwhile is refused, or keeps what it reads.
    if let Some(seen) = stores.files.file(tenant, file).await?
        && stores.files.mark_gone(tenant, file, &State::UNDONE).await?
    {
        stores.objects.remove(&seen.file.new.key).await?;
        tracing::info!(file_id = %file, "its object was removed after success");
    }
    Ok(())
}

/// Whether the spec of `job`, or of any other completed job of the file, wants it removed.
async fn is_to_go(shared: &Shared, job: &Job, file: Id) -> Result<bool, Fatal> {
    let queue = &shared.service.stores.queue;
    let says_so = async |spec: &SpecText| match shared.service.catalog.plan_of(spec).await {
        Ok(plan) => plan.input.on_success == OnSuccess::Delete,
        Err(_) => false,
    };
    if says_so(&job.spec).await {
        return Ok(true);
    }
    let mut seen = HashSet::from([job.spec.pin.sha256.clone()]);
    let completed = Filter {
        states: vec![State::Completed],
        file: Some(file),
        spec: None,
        ..Filter::default()
    };
    let mut page = Page {
        from: From::Number(1),
        limit: MAX_ITEMS,
    };
    loop {
        let others = queue.jobs(&job.tenant, &completed, page).await?;
        for other in others.items {
            if !seen.insert(other.spec.pin.sha256) {
                continue;
            }
            // Lists leave out the text.
            let whole = queue.job(&job.tenant, other.id).await?;
            if let Some(whole) = whole
                && says_so(&whole.spec).await
            {
                return Ok(true);
            }
        }
        match others.next {
            Some(next) => page.from = From::After(next),
            None => return Ok(false),
        }
    }
}
