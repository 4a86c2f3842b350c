//! What clients of other systems ask of an upload: its newest job, with the members that those give it.

use super::answer::{self, Response};
use super::file_view::CANCELLED;
use super::files;
use super::job_view::JobView;
use super::problem::Problem;
use super::request::Call;
use super::route::{Operation, json};
use crate::id::Id;
use crate::queue::callback;
use crate::queue::{Job, State};
use schemars::JsonSchema;
use serde::Serialize;

/// `GET /upload/{fileId}/status`.
pub const STATUS: Operation = Operation::new(|call| Box::pin(status(call)))
    .answers(&[json::<UploadStatus>(200, "The file's newest job.")])
    .refusals(&["not_found", "no_job"]);

/// A job with the members that other systems give it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UploadStatus {
    #[serde(flatten)]
    job: JobView,
    /// The file.
    upload_id: Id,
    /// `PENDING`, `PROCESSING`, `COMPLETED` or `FAILED`.
    status: Status,
    /// Records that are loaded, now or before.
    rows_processed: u64,
    /// Records that were rejected.
    rows_failed: u64,
    /// Why it failed or is held, or that it was cancelled.
    error: Option<String>,
}

/// The states of a job as other systems call them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    Pending,
    Processing,
    Completed,
    Failed,
}

impl UploadStatus {
    /// The job of this file.
    pub fn new(file: Id, job: Job) -> Self {
        let (rows_processed, rows_failed) = rows_of(&job);
        let error = error_of(&job);
        Self {
            upload_id: file,
            status: job.state.into(),
            rows_processed,
            rows_failed,
            error,
            job: job.into(),
        }
    }
}

impl From<State> for Status {
    fn from(state: State) -> Self {
        match state {
            State::Queued => Self::Pending,
            State::InProgress | State::Held => Self::Processing,
            State::Completed => Self::Completed,
            State::Failed | State::Cancelled => Self::Failed,
        }
    }
}

/// How many records of a job are loaded, now or before, and how many were rejected.
pub fn rows_of(job: &Job) -> (u64, u64) {
    let books = job.checkpoint.as_ref().map(|checkpoint| &checkpoint.books);
    books.map_or((0, 0), |books| callback::rows_of(&books.counters))
}

/// Why a job failed or is held, or that it was cancelled.
pub fn error_of(job: &Job) -> Option<String> {
    match job.state {
        State::Held => job.held.as_ref().map(|held| held.message.clone()),
        State::Failed => job.failure.as_ref().map(|failure| failure.message.clone()),
        State::Cancelled => Some(CANCELLED.to_owned()),
        State::Queued | State::InProgress | State::Completed => None,
    }
}

/// The newest job of the file in the path.
///
/// # Errors
/// `not_found`, `no_job`.
pub async fn newest(call: &Call) -> Result<(Id, Job), Problem> {
    let file = call.id("fileId", "file")?;
    files::one(call, file).await?;
    let queue = &call.service.stores.queue;
    match queue.newest_of_file(call.tenant(), file).await? {
        Some(job) => Ok((file, job)),
        None => Err(Problem::new("no_job", "the file has no job")),
    }
}

async fn status(call: Call) -> Result<Response, Problem> {
    let (file, job) = newest(&call).await?;
    Ok(answer::ok(&UploadStatus::new(file, job)))
}
