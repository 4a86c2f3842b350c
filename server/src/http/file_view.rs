//! A file as clients see it.

use super::scalars::Time;
use crate::files::{Seen, Status};
use crate::id::Id;
use crate::queue::State;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

/// Why a file counts as failed whose newest job was cancelled.
pub const CANCELLED: &str = "the job was cancelled";

/// A file.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "File")]
pub struct FileView {
    /// Its id.
    file_id: Id,
    /// The name that the client gave.
    original_name: String,
    /// The key of its object.
    s3_key: String,
    /// The bucket; null in a folder.
    s3_bucket: Option<String>,
    /// The type that the client gave.
    content_type: String,
    /// Bytes; null while it is uploading.
    size: Option<u64>,
    /// The hash of its bytes, in hexadecimal digits; null while it is uploading.
    sha256: Option<String>,
    /// Derived from its newest job.
    #[schemars(schema_with = "words")]
    status: &'static str,
    /// Why its newest job failed, or that it was cancelled.
    error_message: Option<String>,
    uploaded_at: Option<Time>,
    updated_at: Time,
    /// When its newest job was completed.
    processed_at: Option<Time>,
}

fn words(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": Status::ALL.map(Status::word) })
}

impl From<Seen> for FileView {
    fn from(seen: Seen) -> Self {
        let status = seen.status();
        let Seen { file, newest } = seen;
        let whole = file.is_uploaded;
        Self {
            file_id: file.new.id,
            original_name: file.new.original_name,
            s3_key: file.new.key,
            s3_bucket: file.new.bucket,
            content_type: file.new.content_type,
            size: whole.then_some(file.size_bytes),
            sha256: whole.then_some(file.sha256),
            status: status.word(),
            error_message: newest
                .as_ref()
                .filter(|_| status == Status::Failed)
                .and_then(|job| match job.state {
                    State::Cancelled => Some(CANCELLED.to_owned()),
                    _ => job.failure.clone(),
                }),
            uploaded_at: file.uploaded_ms.map(Time),
            updated_at: Time(file.updated_ms),
            processed_at: newest
                .filter(|_| status == Status::Processed)
                .and_then(|job| job.finished_ms)
                .map(Time),
        }
    }
}
