//! A file as a row: its columns, how they are read, and how its newest job is found.

use crate::files::{File, NewFile, Outcome, Seen};
use crate::id::Id;
use crate::job::Failure;
use crate::queue::State;
use crate::tenant::Tenant;
use rusqlite::Row;
use rusqlite::types::Type;

/// The columns of a file, in the order in which [`file`] reads them.
pub(super) const FILE: &str = "files.id, files.tenant, files.name, content_type, key, bucket, upload, \
     size_bytes, sha256, content_gone, files.created_ms, uploaded_ms, files.updated_ms, files.version, \
     (SELECT files_going.job FROM files_going WHERE files_going.id = files.id)";

/// The columns of its newest job, behind those.
pub(super) const JOB: &str = "jobs.state, jobs.failure, jobs.finished_ms";

/// Files, each with its newest job by creation, or with none.
pub(super) const WITH_NEWEST_JOB: &str = "files LEFT JOIN jobs ON jobs.tenant = files.tenant AND jobs.id = (
         SELECT job FROM job_files WHERE job_files.tenant = files.tenant AND job_files.file = files.id
         ORDER BY job_files.created_ms DESC, job_files.job DESC LIMIT 1
     )";

/// The place of the first column of [`JOB`].
const FIRST_OF_JOB: usize = 15;

/// Reads [`FILE`].
pub(super) fn file(row: &Row<'_>) -> rusqlite::Result<File> {
    let count = |index| row.get::<_, i64>(index).map(i64::cast_unsigned);
    let tenant: String = row.get(1)?;
    let uploaded: Option<i64> = row.get(11)?;
    Ok(File {
        new: NewFile {
            id: Id(row.get(0)?),
            tenant: Tenant::of_key(&tenant).map_err(|_| damaged(1, "no tenant is called so"))?,
            original_name: row.get(2)?,
            content_type: row.get(3)?,
            key: row.get(4)?,
            bucket: row.get(5)?,
            upload: row.get(6)?,
        },
        is_uploaded: uploaded.is_some(),
        size_bytes: count(7)?,
        sha256: row.get(8)?,
        version: row.get(13)?,
        content_gone: row.get(9)?,
        to_go_for: row.get::<_, Option<_>>(14)?.map(Id),
        created_ms: count(10)?,
        uploaded_ms: uploaded.map(i64::cast_unsigned),
        updated_ms: count(12)?,
    })
}

/// Reads [`FILE`] and [`JOB`].
pub(super) fn seen(row: &Row<'_>) -> rusqlite::Result<Seen> {
    let word: Option<String> = row.get(FIRST_OF_JOB)?;
    let outcome = |word: String| -> rusqlite::Result<Outcome> {
        let state = State::of_word(&word);
        let state = state.ok_or_else(|| damaged(FIRST_OF_JOB, "no state is called so"))?;
        // A job that was released keeps why, and has not failed.
        let failure: Option<String> = match state {
            State::Failed => row.get(FIRST_OF_JOB + 1)?,
            _ => None,
        };
        let failure = failure.map(|text| serde_json::from_str::<Failure>(&text));
        let failure = failure.transpose().map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(FIRST_OF_JOB + 1, Type::Text, error.into())
        })?;
        let finished: Option<i64> = row.get(FIRST_OF_JOB + 2)?;
        Ok(Outcome {
            state,
            failure: failure.map(|failure| failure.message),
            finished_ms: finished.map(i64::cast_unsigned),
        })
    };
    Ok(Seen {
        file: file(row)?,
        newest: word.map(outcome).transpose()?,
    })
}

fn damaged(column: usize, message: &str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, message.into())
}
