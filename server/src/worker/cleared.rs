//! After success: the object of a file leaves when its spec says so, once every job of the file is completed.
//!
//! What goes wrong here is told and not tried again: the documents are loaded, and an object that stays costs room only.

use super::Shared;
use crate::id::Id;
use crate::page::{From, Page};
use crate::queue::{Filter, Job, State};
use crate::tenant::Tenant;
use pipeline::Fatal;
use stages::spec::OnSuccess;

/// Every state but that of success.
const UNDONE: [State; 5] = [
    State::Queued,
    State::InProgress,
    State::Held,
    State::Failed,
    State::Cancelled,
];

/// Removes the objects of a completed job's files, where its spec says so.
pub(super) async fn clear(shared: &Shared, job: &Job) {
    match shared.service.catalog.plan_of(&job.spec).await {
        Ok(plan) if plan.input.on_success == OnSuccess::Delete => {}
        Ok(_) | Err(_) => return,
    }
    let queue = &shared.service.stores.queue;
    // Files of the same content may have been listed on it since it was claimed.
    let files = match queue.job(&job.tenant, job.id).await {
        Ok(Some(now)) => now.files,
        Ok(None) | Err(_) => job.files.clone(),
    };
    for file in files {
        if let Err(fatal) = clear_file(shared, &job.tenant, file).await {
            tracing::warn!(%fatal, file_id = %file, "the object of a completed job stays");
        }
    }
}

async fn clear_file(shared: &Shared, tenant: &Tenant, file: Id) -> Result<(), Fatal> {
    let stores = &shared.service.stores;
    let undone = Filter {
        states: UNDONE.to_vec(),
        file: Some(file),
        spec: None,
    };
    let one = Page {
        from: From::Number(1),
        limit: 1,
    };
    let left = stores.queue.jobs(tenant, &undone, one).await?;
    if !left.items.is_empty() {
        return Ok(());
    }
    if let Some(seen) = stores.files.file(tenant, file).await? {
        stores.objects.remove(&seen.file.new.key).await?;
        stores.files.mark_gone(tenant, file).await?;
        tracing::info!(file_id = %file, "its object was removed after success");
    }
    Ok(())
}
