//! What clients say to a job: cancel, retry, approve.

use super::aliases::{self, UploadStatus};
use super::answer::{self, Response};
use super::job_view::JobView;
use super::problem::Problem;
use super::request::Call;
use super::route::{Kind, Operation, Param, json, optional_json};
use crate::id::Id;
use crate::jobs::{self, Word};
use crate::queue::Job;
use schemars::JsonSchema;
use serde::Deserialize;

/// `POST /jobs/{jobId}/cancel`.
pub const CANCEL: Operation = Operation::new(|call| Box::pin(cancel(call)))
    .answers(&[json::<JobView>(200, "The job, cancelled.")])
    .refusals(&["not_found", "wrong_state"]);

/// `POST /jobs/{jobId}/retry`.
pub const RETRY: Operation = Operation::new(|call| Box::pin(retry(call)))
    .query(&[RESET])
    .body(optional_json::<Retry>())
    .answers(&[json::<JobView>(200, "The job, queued again.")])
    .refusals(RETRY_REFUSALS);

/// `POST /upload/{fileId}/retry`.
pub const RETRY_NEWEST: Operation = Operation::new(|call| Box::pin(retry_newest(call)))
    .query(&[RESET])
    .body(optional_json::<Retry>())
    .answers(&[json::<UploadStatus>(
        200,
        "The file's newest job, queued again.",
    )])
    .refusals(RETRY_REFUSALS);

/// `POST /jobs/{jobId}/approve`.
pub const APPROVE: Operation = Operation::new(|call| Box::pin(approve(call)))
    .body(optional_json::<Approve>())
    .answers(&[json::<JobView>(
        200,
        "The job, queued again; with another version of its spec, specAfterRecord says from where on that applies.",
    )])
    .refusals(&[
        "not_found",
        "wrong_state",
        "spec_not_found",
        "bad_spec_reference",
        "spec_broken",
        "version_changed",
        "specs_full",
        "spec_incompatible",
        "sink_not_allowed",
        "secret_not_allowed",
        "newer_load",
        "loaded_by_other_spec",
    ]);

/// The parameter `reset`.
const RESET: Param = Param::new(
    "reset",
    Kind::Flag,
    "Clears counters and rejects and starts over; nothing is loaded twice.",
);
/// What a retry may be refused with.
const RETRY_REFUSALS: &[&str] = &[
    "no_job",
    "not_found",
    "wrong_state",
    "expired",
    "content_gone",
    "spec_changed",
    "spec_broken",
    "newer_load",
    "loaded_by_other_spec",
];

/// How a job is retried.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Retry {
    /// Clears counters and rejects and starts over.
    #[serde(default)]
    reset: bool,
}

/// What is said to a held job.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Approve {
    /// Another budget of rejects, from the checkpoint on. Where the job was held for its rejects, counting begins anew there,
    /// with this budget or with the spec's, and may hold the job again.
    max_records: Option<u64>,
    /// Another version of the same spec, `orders@4`, from the checkpoint on.
    spec: Option<String>,
}

async fn cancel(mut call: Call) -> Result<Response, Problem> {
    call.nothing().await?;
    let id = call.id("jobId", "job")?;
    let job = jobs::cancel(&call.service, call.tenant(), id).await?;
    Ok(answer::ok(&JobView::from(job)))
}

async fn retry(mut call: Call) -> Result<Response, Problem> {
    let id = call.id("jobId", "job")?;
    let job = again(&mut call, id).await?;
    Ok(answer::ok(&JobView::from(job)))
}

async fn retry_newest(mut call: Call) -> Result<Response, Problem> {
    let (file, job) = aliases::newest(&call).await?;
    let job = again(&mut call, job.id).await?;
    Ok(answer::ok(&UploadStatus::new(file, job)))
}

/// Retries a job as the request says.
async fn again(call: &mut Call, id: Id) -> Result<Job, Problem> {
    let said: Retry = call.json().await?;
    let reset = said.reset || call.query.flag(RESET.name);
    Ok(jobs::retry(&call.service, call.tenant(), id, reset).await?)
}

async fn approve(mut call: Call) -> Result<Response, Problem> {
    let id = call.id("jobId", "job")?;
    let said: Approve = call.json().await?;
    let word = Word {
        max_records: said.max_records,
        spec: said.spec,
    };
    let job = jobs::approve(&call.service, call.tenant(), id, word).await?;
    Ok(answer::ok(&JobView::from(job)))
}
