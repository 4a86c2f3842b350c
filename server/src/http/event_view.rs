//! What a webhook posts: an end or a hold of a job, with the members that other systems give an upload.

use super::aliases::{Status, error_of, rows_of};
use super::file_view::CANCELLED;
use super::job_view::JobView;
use super::scalars::Time;
use crate::id::Id;
use crate::queue::{Event, Job, State};
use bytes::Bytes;
use schemars::JsonSchema;
use serde::Serialize;

/// An end or a hold of a job.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "WebhookEvent")]
pub struct EventView {
    /// `job.completed`, `job.failed`, `job.cancelled` or `job.held`.
    r#type: String,
    /// When the job came to that.
    timestamp: Time,
    /// The job.
    job_id: Id,
    /// The file that it reads.
    file_id: Option<Id>,
    /// The same.
    upload_id: Option<Id>,
    /// `PROCESSING`, `COMPLETED` or `FAILED`: as the state that is told.
    status: Status,
    /// Records that are loaded, now or before.
    rows_processed: u64,
    /// Records that were rejected.
    rows_failed: u64,
    /// Why it failed or is held, or that it was cancelled.
    error: Option<String>,
    /// The job, as it is when the message is sent; `workerId` and `lockUntil` are null: which machine of the service has it
    /// is nothing to a receiver.
    data: JobView,
}

impl EventView {
    fn new(job: Job, event: &Event) -> Self {
        let (id, file) = (job.id, job.file());
        let told = State::of_word(&event.state).unwrap_or(job.state);
        let (error, (rows_processed, rows_failed)) = match (&event.told, told) {
            (Some(kept), State::Cancelled) => (
                Some(CANCELLED.to_owned()),
                (kept.rows_processed, kept.rows_failed),
            ),
            (Some(kept), _) => (kept.error.clone(), (kept.rows_processed, kept.rows_failed)),
            (None, _) => (error_of(&job), rows_of(&job)),
        };
        let data = JobView {
            worker_id: None,
            lock_until: None,
            ..JobView::from(job)
        };
        Self {
            r#type: format!("job.{}", event.state),
            timestamp: Time(event.at_ms),
            job_id: id,
            file_id: file,
            upload_id: file,
            status: told.into(),
            rows_processed,
            rows_failed,
            error,
            data,
        }
    }
}

/// The body of the message that tells an event.
pub fn event_body(job: Job, event: &Event) -> Bytes {
    // What is made of texts and numbers is JSON.
    serde_json::to_vec(&EventView::new(job, event))
        .unwrap_or_default()
        .into()
}
