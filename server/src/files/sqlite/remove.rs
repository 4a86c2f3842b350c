//! uploaded → (none), in SQLite, unless a job that could still run lists the file. Looking and removing are one
//! statement, so whoever gives the file to a job and reads it afterwards sees that it is gone, or is seen here.

use crate::id::Id;
use crate::queue::State;
use crate::tenant::Tenant;
use pipeline::Fatal;
use rusqlite::params;
use stages::sqlite::Database;

pub(super) async fn remove(database: &Database, tenant: &Tenant, id: Id) -> Result<bool, Fatal> {
    let tenant = tenant.clone();
    let delete = format!(
        "DELETE FROM files WHERE tenant = ?1 AND id = ?2 AND uploaded_ms IS NOT NULL AND (content_gone OR {})",
        unlisted(&State::RUNNABLE)
    );
    let removed = database.write(move |change| {
        let removed = change.execute(&delete, params![tenant.key(), id.0])?;
        if removed == 1 {
            change.execute("DELETE FROM files_going WHERE id = ?1", params![id.0])?;
        }
        Ok(removed)
    });
    Ok(removed.await? == 1)
}

/// The condition that no job of tenant `?1` in one of `states` lists file `?2`.
pub(super) fn unlisted(states: &[State]) -> String {
    let words: Vec<_> = states
        .iter()
        .map(|state| format!("'{}'", state.word()))
        .collect();
    format!(
        "NOT EXISTS (
             SELECT 1 FROM job_files JOIN jobs ON jobs.tenant = job_files.tenant AND jobs.id = job_files.job
             WHERE job_files.tenant = ?1 AND job_files.file = ?2 AND jobs.state IN ({})
         )",
        words.join(", ")
    )
}
