//! `/files`: lists files, shows one, gives its bytes, removes it.

use super::answer::{self, Response};
use super::file_view::FileView;
use super::list::{self, ListView};
use super::problem::Problem;
use super::query;
use super::request::Call;
use super::route::{Kind, Operation, Param, empty, json, json_or};
use super::scalars::Time;
use crate::files::{Seen, Status};
use crate::id::Id;
use crate::jobs;
use crate::queue::State;
use bytes::{Bytes, BytesMut};
use futures::Stream;
use jiff::Timestamp;
use pipeline::{Fatal, Source};
use schemars::JsonSchema;
use serde::Serialize;
use std::time::Duration;

/// For how long the address of a file's bytes is good.
pub const PRESIGNED: Duration = Duration::from_secs(15 * 60);
/// Bytes that are read of an object at a time.
const CHUNK_BYTES: usize = 256 * 1024;
/// The words of the status, and those of other systems.
const STATUSES: &[&str] = &[
    "uploading",
    "uploaded",
    "processing",
    "processed",
    "failed",
    "PENDING",
    "PROCESSING",
    "COMPLETED",
    "FAILED",
];

/// `GET /files`.
pub const LIST: Operation = Operation::new(|call| Box::pin(list(call)))
    .query(&[
        Param::new(
            "status",
            Kind::Word(STATUSES),
            "Only files with this status.",
        ),
        query::PAGE,
        query::LIMIT,
        query::CURSOR,
    ])
    .answers(&[json::<ListView<FileView>>(
        200,
        "A page of files, newest first.",
    )]);

/// `GET /files/{fileId}`.
pub const GET: Operation = Operation::new(|call| Box::pin(get(call)))
    .answers(&[json::<FileView>(200, "The file.")])
    .refusals(&["not_found"]);

/// `GET /files/{fileId}/content`.
pub const CONTENT: Operation = Operation::new(|call| Box::pin(content(call)))
    .query(&[Param::new(
        "redirect",
        Kind::Flag,
        "Redirects to the address where there is one, instead of telling it.",
    )])
    .answers(&[
        json_or::<Address>(
            200,
            "Where the bytes are for a while; or the bytes, where objects are kept in a folder.",
            &["application/octet-stream"],
        ),
        empty(302, "To where the bytes are."),
    ])
    .refusals(&["not_found", "not_uploaded", "content_gone"]);

/// `DELETE /files/{fileId}`.
pub const DELETE: Operation = Operation::new(|call| Box::pin(delete(call)))
    .answers(&[empty(204, "The file and its bytes are gone.")])
    .refusals(&["not_found", "not_uploaded", "file_in_use"]);

/// Where a file's bytes are for a while.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Address {
    /// Anybody who knows it may read the bytes.
    url: String,
    /// Until when.
    expires_at: Time,
}

async fn list(call: Call) -> Result<Response, Problem> {
    let page = call.query.page()?;
    let status = call.query.get("status").and_then(status);
    let files = &call.service.stores.files;
    let listed = files.files(call.tenant(), status, page).await?;
    Ok(list::answer(listed, page, FileView::from))
}

fn status(word: &str) -> Option<Status> {
    match word {
        "PENDING" => Some(Status::Uploaded),
        "PROCESSING" => Some(Status::Processing),
        "COMPLETED" => Some(Status::Processed),
        "FAILED" => Some(Status::Failed),
        word => Status::of_word(word),
    }
}

/// The file with this id.
///
/// # Errors
/// `not_found`, also for another tenant's.
pub async fn one(call: &Call, id: Id) -> Result<Seen, Problem> {
    let found = call.service.stores.files.file(call.tenant(), id).await?;
    found.ok_or_else(|| Problem::not_found("file"))
}

/// The same, whole.
async fn uploaded(call: &Call) -> Result<Seen, Problem> {
    let seen = one(call, call.id("fileId", "file")?).await?;
    if seen.file.is_uploaded {
        Ok(seen)
    } else {
        Err(Problem::new("not_uploaded", "the file is still uploading"))
    }
}

async fn get(call: Call) -> Result<Response, Problem> {
    let seen = one(&call, call.id("fileId", "file")?).await?;
    Ok(answer::ok(&FileView::from(seen)))
}

async fn content(call: Call) -> Result<Response, Problem> {
    let file = uploaded(&call).await?.file;
    if file.content_gone {
        let message = "the file's bytes were removed after it was loaded";
        return Err(Problem::new("content_gone", message));
    }
    let objects = &call.service.stores.objects;
    let (key, name) = (&file.new.key, &file.new.original_name);
    if let Some(url) = objects.presign(key, name, PRESIGNED).await? {
        if call.query.flag("redirect") {
            return Ok(answer::redirect(&url)?);
        }
        let now_ms = Timestamp::now().as_millisecond().max(0).cast_unsigned();
        let expires_at = Time(now_ms + PRESIGNED.as_millis() as u64);
        return Ok(answer::ok(&Address { url, expires_at }));
    }
    let source = objects.open(key).await?.read_from(0).await?;
    // Never the type that the client gave: a browser would show it as a page of this service.
    Ok(answer::download(
        "application/octet-stream",
        name,
        chunks(source),
    ))
}

fn chunks(source: Box<dyn Source>) -> impl Stream<Item = Result<Bytes, Fatal>> + Send {
    futures::stream::try_unfold(source, |mut source| async move {
        let mut chunk = BytesMut::with_capacity(CHUNK_BYTES);
        let read = source.read(&mut chunk).await?;
        Ok((read > 0).then(|| (chunk.freeze(), source)))
    })
}

/// That the bytes are gone is noted in one step with the look for jobs, so that a job which is submitted meanwhile is either
/// seen here or sees it. The record goes last: whatever breaks off, the file is still there to be deleted again.
async fn delete(call: Call) -> Result<Response, Problem> {
    let file = uploaded(&call).await?.file;
    let (stores, tenant, id) = (&call.service.stores, call.tenant(), file.new.id);
    if let Some(job) = jobs::unfinished(&call.service, tenant, id).await? {
        let message = format!(
            "job {job} uses the file: it has ended before all the rejects that it has sent again were counted"
        );
        return Err(Problem::new("file_in_use", message)
            .hint("retry the job: when it is completed the file can go"));
    }
    if !stores.files.mark_gone(tenant, id, &State::RUNNABLE).await? {
        // Somebody else may have removed it meanwhile.
        one(&call, id).await?;
        let message = "a job that has not ended uses the file";
        return Err(Problem::new("file_in_use", message).hint("wait for the job, or cancel it"));
    }
    stores.objects.remove(&file.new.key).await?;
    // Where it is not there any more, somebody else has removed it at the same time.
    stores.files.remove(tenant, id).await?;
    Ok(answer::no_content())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_the_filter_is_a_status() {
        for word in STATUSES {
            assert!(status(word).is_some(), "{word}");
        }
        assert!(
            Status::ALL
                .iter()
                .all(|status| STATUSES.contains(&status.word()))
        );
    }
}
