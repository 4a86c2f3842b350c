//! `/jobs/{jobId}/receipt`: what proves a completed load. It stays when the job's details are gone.

use super::answer::{self, Response};
use super::jobs;
use super::problem::Problem;
use super::request::Call;
use super::route::{Operation, json};
use super::scalars::Time;
use crate::id::Id;
use crate::job::{SpecPin, Stats};
use schemars::JsonSchema;
use serde::Serialize;

/// `GET /jobs/{jobId}/receipt`.
pub const RECEIPT: Operation = Operation::new(|call| Box::pin(receipt(call)))
    .answers(&[json::<ReceiptView>(200, "The receipt.")])
    .refusals(&["not_found", "wrong_state"]);

/// What proves a completed load.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Receipt")]
struct ReceiptView {
    job_id: Id,
    /// 1, and one more for each correction.
    revision: u32,
    /// The exact text that it was loaded with.
    spec: SpecPin,
    /// What was loaded.
    file: FilePin,
    /// What the documents are known by.
    load: LoadMark,
    /// The counters.
    stats: Stats,
    /// Documents that stand for loaded and already loaded records.
    documents: u64,
    /// The sum mod 2^256 of sha256 over the `_id` of every document (in key modes, over the key's canonical BSON), in
    /// hexadecimal digits.
    digest: String,
    completed_at: Option<Time>,
}

/// What makes the `_id`s, and `_src.seq`, of the documents of a load.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct LoadMark {
    /// Null where no keys are configured.
    tenant: Option<String>,
    /// The collection, table or path.
    collection: String,
    /// 0, or one more for each `force=again`.
    generation: u32,
    /// Its number among the loads of the collection in a key mode; 0 in insert mode.
    number: u64,
}

/// The exact content that was loaded.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct FilePin {
    file_id: Option<Id>,
    /// The name that the client gave; null when the file was deleted since.
    original_name: Option<String>,
    /// Bytes.
    size: Option<u64>,
    /// What makes the content itself: `sha256:` and the hash of its bytes.
    content: String,
}

async fn receipt(call: Call) -> Result<Response, Problem> {
    let job = jobs::one(&call, call.id("jobId", "job")?).await?;
    let Some(receipt) = job.receipt.clone() else {
        let message = format!("the job is {}, not completed", job.state.word());
        return Err(Problem::new("wrong_state", message));
    };
    let file = match job.file() {
        Some(file) => call.service.stores.files.file(call.tenant(), file).await?,
        None => None,
    };
    let books = job.checkpoint.as_ref().map(|checkpoint| &checkpoint.books);
    Ok(answer::ok(&ReceiptView {
        job_id: job.id,
        revision: receipt.revision,
        file: FilePin {
            file_id: job.file(),
            original_name: file.map(|seen| seen.file.new.original_name),
            size: job.progress.bytes_total,
            content: job.load.content.clone(),
        },
        load: LoadMark {
            tenant: job.tenant.name().map(str::to_owned),
            collection: job.load.collection.clone(),
            generation: job.load.generation,
            number: job.load.load_number,
        },
        stats: books.map(Stats::from).unwrap_or_default(),
        documents: receipt.documents,
        digest: receipt.digest,
        completed_at: job.finished_ms.map(Time),
        spec: job.spec.pin,
    }))
}
