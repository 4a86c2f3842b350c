//! Objects in a bucket of S3, or of a server that speaks its protocol.
//!
//! An object of one part goes by a single PUT, more by a multipart upload. Every body is signed, so that the server
//! checks the hash of what it got. Requests are tried again with growing, random waits, and each finds its own work
//! when its answer was lost. It needs `s3:GetObject`, `s3:PutObject`, `s3:DeleteObject`, `s3:AbortMultipartUpload`,
//! `s3:ListMultipartUploadParts`, `s3:ListBucket` and `s3:ListBucketMultipartUploads`. It never lists objects, and of
//! uploads only those of one key, where the answer with an upload's name was lost or its process died.

mod failure;

use super::{Objects, PART_BYTES, Part, UNKNOWN_UPLOAD, Upload};
use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{Builder, Config};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use failure::Failure;
use pipeline::{Fatal, Retry};
use stages::source::Origin;
use stages::source::s3::{S3Client, S3Origin};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

/// How long one try of sending a part, or of joining parts, may take, in milliseconds.
const BODY_TIMEOUT_MS: u64 = 120_000;
/// How long [`Objects::ping`] waits, in milliseconds.
const PING_TIMEOUT_MS: u64 = 3_000;
/// From how many bytes on a body is signed apart from the threads that serve requests: 64 KiB take some 0.1 ms.
const APART_BYTES: usize = 256 * 1024;

/// A store of objects in a bucket. Cheap to clone.
#[derive(Clone)]
pub struct S3Objects {
    client: S3Client,
    bucket: String,
}

impl S3Objects {
    /// The store in `bucket`. Nothing is asked of the server yet.
    pub fn new(client: S3Client, bucket: impl Into<String>) -> Self {
        Self {
            client,
            bucket: bucket.into(),
        }
    }

    fn sdk(&self) -> &Client {
        self.client.sdk()
    }

    /// Asks until there is an answer that will not change; `salt` tells apart what is asked at once.
    async fn ask<T, E, F>(
        &self,
        doing: &str,
        key: &str,
        salt: u64,
        mut send: impl FnMut() -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, SdkError<E>>>,
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let mut backoff = self.client.backoff(salt);
        loop {
            let mut failure = match send().await {
                Ok(answer) => return Ok(answer),
                Err(error) => Failure::of(&error, doing, &self.bucket, key),
            };
            if !failure.may_heal {
                return Err(failure);
            }
            tracing::warn!(code = failure.fatal.code, causes = ?failure.fatal.causes, "{}", failure.fatal.message);
            if let Err(fatal) = backoff.failed(failure.fatal.clone()).await {
                failure.fatal = fatal;
                return Err(failure);
            }
        }
    }

    async fn is_there(&self, key: &str) -> Result<bool, Fatal> {
        let head = || {
            self.sdk()
                .head_object()
                .bucket(&self.bucket)
                .key(key)
                .send()
        };
        match self.ask("look for", key, 0, head).await {
            Ok(_) => Ok(true),
            Err(failure) if failure.is_missing() => Ok(false),
            Err(failure) => Err(failure.fatal),
        }
    }

    /// Aborts every upload of a key but `kept`.
    async fn abort_others(&self, key: &str, kept: Option<&str>) -> Result<(), Fatal> {
        let list = || {
            let list = self.sdk().list_multipart_uploads().bucket(&self.bucket);
            list.prefix(key).send()
        };
        let listed = match self.ask("look for uploads of", key, 0, list).await {
            Ok(listed) => listed,
            // It says the same next time, and nobody is to wait for that: what stays costs room only.
            Err(failure) if failure.is_unknown() || failure.is_forbidden() => {
                tracing::warn!(
                    key,
                    forbidden = failure.is_forbidden(),
                    "uploads cannot be listed (s3:ListBucketMultipartUploads): one that was begun may stay"
                );
                return Ok(());
            }
            Err(failure) => return Err(failure.fatal),
        };
        for upload in listed.uploads() {
            if let (Some(of), Some(id)) = (upload.key(), upload.upload_id())
                && of == key
                && Some(id) != kept
            {
                self.abort_one(key, id).await?;
            }
        }
        Ok(())
    }

    async fn abort_one(&self, key: &str, id: &str) -> Result<(), Fatal> {
        let abort = || {
            let abort = self.sdk().abort_multipart_upload().bucket(&self.bucket);
            abort.key(key).upload_id(id).send()
        };
        // Twice: a part that was under way at the first may have been kept after it.
        for _ in 0..2 {
            if let Err(failure) = self.ask("abort", key, 0, abort).await {
                return match self.is_gone(key, id, &failure).await {
                    true => Ok(()),
                    false => Err(failure.fatal),
                };
            }
        }
        Ok(())
    }

    /// Whether nothing is kept of an upload that the server does not know, or does not want to.
    async fn is_gone(&self, key: &str, id: &str, failure: &Failure) -> bool {
        if failure.is_missing() {
            return true;
        }
        // Some servers call an upload that is gone forbidden. One that may not be aborted still has its parts.
        let list = || {
            let list = self.sdk().list_parts().bucket(&self.bucket);
            list.key(key).upload_id(id).max_parts(1).send()
        };
        failure.is_forbidden()
            && match self.ask("look for parts of", key, 0, list).await {
                Ok(listed) => listed.parts().is_empty(),
                Err(failure) => failure.is_missing(),
            }
    }
}

#[async_trait]
impl Objects for S3Objects {
    fn bucket(&self) -> Option<&str> {
        Some(&self.bucket)
    }

    async fn put(&self, key: &str, content_type: &str, bytes: Bytes) -> Result<(), Fatal> {
        let (store, size_bytes) = (self.clone(), bytes.len());
        let (key, content_type) = (key.to_owned(), content_type.to_owned());
        apart(size_bytes, async move {
            let put = || {
                let put = store.sdk().put_object().bucket(&store.bucket).key(&key);
                let put = put
                    .content_type(&content_type)
                    .body(ByteStream::from(bytes.clone()));
                put.customize().config_override(patient()).send()
            };
            store.ask("keep", &key, size_bytes as u64, put).await
        })
        .await?
        .map_err(|failure| failure.fatal)?;
        Ok(())
    }

    async fn begin(&self, key: &str, content_type: &str) -> Result<Upload, Fatal> {
        let tries = AtomicU32::new(0);
        let begin = || {
            tries.fetch_add(1, Ordering::Relaxed);
            let begin = self
                .sdk()
                .create_multipart_upload()
                .bucket(&self.bucket)
                .key(key);
            begin.content_type(content_type).send()
        };
        let begun = self
            .ask("begin", key, 0, begin)
            .await
            .map_err(|failure| failure.fatal)?;
        let Some(id) = begun.upload_id else {
            return Err(Fatal::outage(
                "objects_unavailable",
                "the server of objects gives no id for a multipart upload",
            ));
        };
        if tries.load(Ordering::Relaxed) > 1 {
            // A try whose answer was lost has begun one as well, which nobody knows.
            if let Err(fatal) = self.abort_others(key, Some(&id)).await {
                tracing::warn!(key, %fatal, "an upload that was begun twice may stay");
            }
        }
        Ok(Upload {
            key: key.to_owned(),
            id: Some(id),
        })
    }

    async fn part(&self, upload: &Upload, number: u32, bytes: Bytes) -> Result<Part, Fatal> {
        if bytes.len() > PART_BYTES {
            return Err(Fatal::new(
                "objects_refused",
                "a part is larger than parts may be",
            ));
        }
        let id = id_of(upload)?.to_owned();
        let (store, key) = (self.clone(), upload.key.clone());
        let sent = apart(bytes.len(), async move {
            let part = || {
                let part = store.sdk().upload_part().bucket(&store.bucket).key(&key);
                let part = part.upload_id(&id).part_number(number.cast_signed());
                let part = part.body(ByteStream::from(bytes.clone()));
                part.customize().config_override(patient()).send()
            };
            store
                .ask("keep a part of", &key, u64::from(number), part)
                .await
        });
        let kept = sent.await?.map_err(|failure| failure.of_upload())?;
        Ok(Part {
            number,
            tag: kept.e_tag.unwrap_or_default(),
        })
    }

    async fn complete(&self, upload: &Upload, parts: &[Part]) -> Result<(), Fatal> {
        let id = id_of(upload)?;
        let parts = parts.iter().map(|part| {
            let completed = CompletedPart::builder().e_tag(&part.tag);
            completed.part_number(part.number.cast_signed()).build()
        });
        let parts = CompletedMultipartUpload::builder()
            .set_parts(Some(parts.collect()))
            .build();
        let complete = || {
            let complete = self.sdk().complete_multipart_upload().bucket(&self.bucket);
            let complete = complete
                .key(&upload.key)
                .upload_id(id)
                .multipart_upload(parts.clone());
            complete.customize().config_override(patient()).send()
        };
        match self.ask("complete", &upload.key, 0, complete).await {
            Ok(_) => Ok(()),
            // Perhaps it was completed, and the answer was lost. Keys are fresh: what is there is this upload's.
            Err(failure) if failure.is_missing() || failure.is_forbidden() => {
                match self.is_there(&upload.key).await? {
                    true => Ok(()),
                    false => Err(failure.of_upload()),
                }
            }
            Err(failure) => Err(failure.fatal),
        }
    }

    async fn abort(&self, upload: &Upload) -> Result<(), Fatal> {
        match upload.id.as_deref() {
            None => Ok(()),
            Some(UNKNOWN_UPLOAD) => self.abort_others(&upload.key, None).await,
            Some(id) => self.abort_one(&upload.key, id).await,
        }
    }

    async fn open(&self, key: &str) -> Result<Box<dyn Origin>, Fatal> {
        match S3Origin::pin(&self.client, &self.bucket, key).await {
            Ok(origin) => Ok(Box::new(origin)),
            Err(fatal) if fatal.retry == Retry::Outage => Err(Fatal {
                code: "objects_unavailable",
                ..fatal
            }),
            Err(fatal) => Err(fatal),
        }
    }

    async fn remove(&self, key: &str) -> Result<(), Fatal> {
        let remove = || {
            self.sdk()
                .delete_object()
                .bucket(&self.bucket)
                .key(key)
                .send()
        };
        match self.ask("remove", key, 0, remove).await {
            Err(failure) if !failure.is_missing() => Err(failure.fatal),
            _ => Ok(()),
        }
    }

    async fn presign(
        &self,
        key: &str,
        file_name: &str,
        valid: Duration,
    ) -> Result<Option<String>, Fatal> {
        let config = PresigningConfig::expires_in(valid).map_err(|error| {
            Fatal::new("objects_refused", "no address is valid for so long").because(&error)
        })?;
        let get = self.sdk().get_object().bucket(&self.bucket).key(key);
        let get = get
            .response_content_disposition(disposition(file_name))
            .presigned(config);
        match get.await {
            Ok(request) => Ok(Some(request.uri().to_owned())),
            Err(error) => Err(Failure::of(&error, "sign an address of", &self.bucket, key).fatal),
        }
    }

    async fn ping(&self) -> Result<(), Fatal> {
        let head = self.sdk().head_bucket().bucket(&self.bucket).send();
        match tokio::time::timeout(Duration::from_millis(PING_TIMEOUT_MS), head).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(Failure::of(&error, "look at", &self.bucket, "").fatal),
            Err(_) => Err(Fatal::outage(
                "objects_unavailable",
                format!("S3 does not answer for s3://{}", self.bucket),
            )),
        }
    }
}

/// The limit on the time of requests that carry, or join, much.
fn patient() -> Builder {
    let timeout = Duration::from_millis(BODY_TIMEOUT_MS);
    let timeouts = TimeoutConfig::builder()
        .read_timeout(timeout)
        .operation_attempt_timeout(timeout)
        .build();
    Config::builder().timeout_config(timeouts)
}

fn id_of(upload: &Upload) -> Result<&str, Fatal> {
    let id = upload.id.as_deref().filter(|id| *id != UNKNOWN_UPLOAD);
    id.ok_or_else(|| Fatal::new("objects_refused", "an upload in parts that was never begun"))
}

/// Runs `work`, which hashes a body of so many bytes when it signs it, where it keeps nobody from being served. Dropped,
/// it ends at its next wait.
async fn apart<T: Send + 'static>(
    size_bytes: usize,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, Fatal> {
    if size_bytes < APART_BYTES {
        return Ok(work.await);
    }
    let handle = Handle::current();
    let (wanted, unwanted) = oneshot::channel::<()>();
    let worked = spawn_blocking(move || {
        handle.block_on(async {
            tokio::select! {
                done = work => Some(done),
                _ = unwanted => None,
            }
        })
    });
    let done = worked.await.ok().flatten();
    drop(wanted);
    done.ok_or_else(|| Fatal::outage("objects_unavailable", "the service ends"))
}

/// The header under which a browser saves the object, never shows it, whatever its name is.
fn disposition(file_name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let ascii: String = file_name
        .chars()
        .map(|c| if plain(c) { c } else { '_' })
        .collect();
    let mut header = format!("attachment; filename=\"{ascii}\"");
    if ascii != file_name {
        header.push_str("; filename*=UTF-8''");
        for byte in file_name.bytes() {
            match char::from(byte) {
                c if plain(c) => header.push(c),
                _ => header.push_str(&format!("%{byte:02X}")),
            }
        }
    }
    header
}

#[cfg(test)]
mod tests;
