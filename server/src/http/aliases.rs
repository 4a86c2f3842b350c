//! What clients of other systems ask of an upload: its newest job, with the members that those give it.

use super::answer::{self, Response};
use super::file_view::CANCELLED;
use super::files;
use super::job_view::JobView;
use super::problem::Problem;
use super::request::Call;
use super::route::{Operation, json};
use crate::id::Id;
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
enum Status {
    Pending,
    Processing,
    Completed,
    Failed,
}

impl UploadStatus {
    /// The job of this file.
    pub fn new(file: Id, job: Job) -> Self {
        let books = job.checkpoint.as_ref().map(|checkpoint| &checkpoint.books);
        let counters = books
            .map(|books| books.counters.clone())
            .unwrap_or_default();
        let error = match job.state {
            State::Held => job.held.as_ref().map(|held| held.message.clone()),
            State::Failed => job.failure.as_ref().map(|failure| failure.message.clone()),
            State::Cancelled => Some(CANCELLED.to_owned()),
            State::Queued | State::InProgress | State::Completed => None,
        };
        Self {
            upload_id: file,
            status: match job.state {
                State::Queued => Status::Pending,
                State::InProgress | State::Held => Status::Processing,
                State::Completed => Status::Completed,
                State::Failed | State::Cancelled => Status::Failed,
            },
            rows_processed: counters.loaded + counters.already_loaded,
            rows_failed: counters.rejected,
            error,
            job: job.into(),
        }
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
