//! Objects: the bytes of uploaded files, in a bucket or in a folder.
//!
//! An object comes in parts and is there only once it is complete, whole and durable. What was begun and not completed
//! can be aborted from its file record alone, by another process as well. Objects are read through an `Origin`, pinned to one
//! version. Keys are made by the service; nothing that a client said is interpreted in them.

pub mod folder;
pub mod s3;

#[cfg(test)]
pub mod suite;

use async_trait::async_trait;
use bytes::Bytes;
use pipeline::Fatal;
use stages::source::Origin;
use std::time::Duration;

/// The size of every part but the last, in bytes. 10,000 parts, the most that S3 takes, end at 78 GiB.
pub const PART_BYTES: usize = 8 * 1024 * 1024;

/// An upload under way: what [`Objects::begin`] gave, and what a file record keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// The key of the object.
    pub key: String,
    /// The name of the multipart upload, where the store gave it one; [`UNKNOWN_UPLOAD`] where it may have.
    pub id: Option<String>,
}

/// Stands for the name of a multipart upload that was to be begun, and of which nobody knows whether it was: whoever asked
/// for it may be dead.
pub const UNKNOWN_UPLOAD: &str = "";

/// A part that was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// From 1.
    pub number: u32,
    /// What the store calls it.
    pub tag: String,
}

/// A store of objects.
///
/// # Errors
/// Every method fails with an outage (`objects_unavailable`) when the store cannot be reached after its own retries, and with
/// `objects_full`, an outage too, when it has no room.
#[async_trait]
pub trait Objects: Send + Sync {
    /// The bucket, where there is one.
    fn bucket(&self) -> Option<&str>;

    /// Keeps a whole object of at most one part at once. Durable when it answers; done again, it replaces itself.
    async fn put(&self, key: &str, content_type: &str, bytes: Bytes) -> Result<(), Fatal>;

    /// Begins an upload of more than one part. Nothing is kept of it that counts until its first part is.
    async fn begin(&self, key: &str, content_type: &str) -> Result<Upload, Fatal>;

    /// Keeps a part of [`PART_BYTES`], or of at most as many where it is the last one. Parts may come at the same time
    /// and in any order; one that is kept again replaces itself.
    async fn part(&self, upload: &Upload, number: u32, bytes: Bytes) -> Result<Part, Fatal>;

    /// Makes the object of its parts, at least one, in their order. Durable when it answers; done again, it finds it
    /// done.
    ///
    /// # Errors
    /// `upload_lost` when the upload was aborted.
    async fn complete(&self, upload: &Upload, parts: &[Part]) -> Result<(), Fatal>;

    /// Removes what was kept of an upload; of one whose name is not known, of every upload of its key. Done again, or after [`Self::complete`], it removes nothing that counts:
    /// a complete object stays.
    async fn abort(&self, upload: &Upload) -> Result<(), Fatal>;

    /// The object, pinned to its present version.
    ///
    /// # Errors
    /// `not_found`.
    async fn open(&self, key: &str) -> Result<Box<dyn Origin>, Fatal>;

    /// Removes an object; one that is not there is removed.
    async fn remove(&self, key: &str) -> Result<(), Fatal>;

    /// An address under which anybody can read the object for a while, under the name `file_name`; `None` where the
    /// store has none to give.
    async fn presign(
        &self,
        key: &str,
        file_name: &str,
        valid: Duration,
    ) -> Result<Option<String>, Fatal>;

    /// Answers quickly, or fails: for `/healthz`.
    async fn ping(&self) -> Result<(), Fatal>;
}
