//! `/jobs/{jobId}/resubmit`: takes the file of a job's rejects back, corrected, and asks for it to be loaded.

use super::answer::{self, Response};
use super::problem::Problem;
use super::process::{IDEMPOTENCY_KEY, JobRef, MAX_IDEMPOTENCY_KEY_BYTES};
use super::request::Call;
use super::route::{BodyType, Operation, json};
use super::upload::{FORMS, OWN, body_as_file, refusals};
use crate::jobs::{self, Correction, IdempotencyKey};
use sha2::{Digest as _, Sha256};
use tracing::Span;
use tracing::field::display;

/// What sending again may be refused with, beside what uploads are.
const REFUSALS: &[&str] = &[
    "bad_header",
    "idempotency_key_reused",
    "not_found",
    "wrong_state",
    "expired",
    "resubmit_unsupported",
    "content_gone",
    "spec_broken",
    "load_in_progress",
    "loaded_by_other_spec",
];

/// `POST /jobs/{jobId}/resubmit`.
pub const RESUBMIT: Operation = Operation::new(|call| Box::pin(resubmit(call)))
    .headers(&[IDEMPOTENCY_KEY])
    .body(BodyType::Bytes)
    .answers(&[
        json::<JobRef>(
            202,
            "A new job, which loads the records at the places that their references name, and moves them in the books of \
             the job that refused them. Records without a reference, with an unknown one, or with one that was there before \
             are its rejects.",
        ),
        json::<JobRef>(200, "The job of the same file, or of the same request. The file of a job that was completed with records that are bad still is another try: a new job."),
    ])
    .refusals(&refusals::<{ OWN.len() + FORMS.len() + REFUSALS.len() }>([
        OWN, FORMS, REFUSALS,
    ]))
    .long();

async fn resubmit(mut call: Call) -> Result<Response, Problem> {
    let parent = call.id("jobId", "job")?;
    let key = call.header("idempotency-key", MAX_IDEMPOTENCY_KEY_BYTES)?;
    let key = key.map(str::to_owned);
    // Before the file is taken.
    let name = jobs::resubmittable(&call.service, call.tenant(), parent).await?;
    let file = body_as_file(&mut call, name).await?;
    let request = serde_json::json!(["resubmit", parent, file.sha256]);
    let idempotency = key.map(|key| IdempotencyKey {
        key,
        request_sha256: hex::encode(Sha256::digest(request.to_string())),
    });
    let id = file.new.id;
    let correction = Correction {
        parent,
        file: id,
        idempotency,
    };
    let submitted = jobs::resubmit(&call.service, call.tenant(), correction).await;
    let submitted =
        submitted.map_err(|fatal| Problem::from(fatal).with("fileId", id.to_string()))?;
    Span::current().record("job_id", display(submitted.job.id));
    let job = JobRef::new(id, &submitted);
    Ok(answer::json(job.status(), &job))
}
