//! Files: what was uploaded, and where its bytes are.
//!
//! ```text
//!   begin ─► uploading ─ renew ─┐
//!               │   ▲           │        commit ─► uploaded ─ remove ─► (none)
//!               │   └───────────┘
//!               └─ discard (refused, broken, or swept because nobody renews it) ─► (none)
//! ```
//!
//! A record that the sweeper was given ([`Files::abandoned`]) is lost to its upload: neither `renew` nor `commit` finds it
//! any more, so that no file can become uploaded while its object is being removed.
//!
//! A record is there before the first byte is kept, so that whatever a killed server leaves can be found. The status
//! that clients see is derived when it is read, from the record and the file's newest job. Time is the store's own.

pub mod mongo;
pub mod sqlite;
#[cfg(test)]
pub mod suite;

use crate::id::Id;
use crate::page::{Listed, Page};
use crate::queue::State;
use crate::tenant::Tenant;
use async_trait::async_trait;
use pipeline::Fatal;

/// What is known of a file before its bytes came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFile {
    /// Its id.
    pub id: Id,
    /// Whose it is.
    pub tenant: Tenant,
    /// The name that the client gave, bounded and cleaned: metadata only.
    pub original_name: String,
    /// The type that the client gave.
    pub content_type: String,
    /// The key of its object.
    pub key: String,
    /// The bucket, where there is one.
    pub bucket: Option<String>,
    /// The multipart upload under way, as the object store calls it; [`UNKNOWN_UPLOAD`] from before it is asked for.
    ///
    /// [`UNKNOWN_UPLOAD`]: crate::objects::UNKNOWN_UPLOAD
    pub upload: Option<String>,
}

/// A file. Times are the store's, in milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// What was known before its bytes came.
    pub new: NewFile,
    /// Whether it is whole: size and hash are known.
    pub is_uploaded: bool,
    /// Bytes.
    pub size_bytes: u64,
    /// The hash of its bytes, in hexadecimal digits; empty while it is uploading.
    pub sha256: String,
    /// What the store of objects calls the version that was uploaded, where it tells versions apart.
    pub version: Option<String>,
    /// When it was begun.
    pub created_ms: u64,
    /// When it was whole.
    pub uploaded_ms: Option<u64>,
    /// When anything of it changed last.
    pub updated_ms: u64,
    /// Whether its object was removed after success (`on_success = "delete"`).
    pub content_gone: bool,
    /// The job that wants its object removed, which may not be yet.
    pub to_go_for: Option<Id>,
}

impl File {
    /// Whether an object of `bucket` that is pinned to `version` may be what was uploaded: it is not, where the store
    /// called that otherwise. What another bucket calls its versions says nothing.
    pub fn may_be(&self, bucket: Option<&str>, version: Option<&str>) -> bool {
        let known = self.version.as_deref();
        known.is_none() || self.new.bucket.as_deref() != bucket || known == version
    }
}

/// What clients see as a file's status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Its bytes are coming.
    Uploading,
    /// It is whole, and no job has it.
    Uploaded,
    /// Its newest job is queued, in progress or held.
    Processing,
    /// Its newest job is completed.
    Processed,
    /// Its newest job failed or was cancelled.
    Failed,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Uploading,
        Self::Uploaded,
        Self::Processing,
        Self::Processed,
        Self::Failed,
    ];

    /// Its word in answers.
    pub fn word(self) -> &'static str {
        match self {
            Self::Uploading => "uploading",
            Self::Uploaded => "uploaded",
            Self::Processing => "processing",
            Self::Processed => "processed",
            Self::Failed => "failed",
        }
    }

    /// The status with this word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.word() == word)
    }

    /// What a file is whose newest job is in `job`.
    pub fn of(is_uploaded: bool, job: Option<State>) -> Self {
        match (is_uploaded, job) {
            (false, _) => Self::Uploading,
            (true, None) => Self::Uploaded,
            (true, Some(State::Queued | State::InProgress | State::Held)) => Self::Processing,
            (true, Some(State::Completed)) => Self::Processed,
            (true, Some(State::Failed | State::Cancelled)) => Self::Failed,
        }
    }
}

/// What the newest job of a file says about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Where the job is in its life.
    pub state: State,
    /// Why it failed.
    pub failure: Option<String>,
    /// When it ended.
    pub finished_ms: Option<u64>,
}

/// A file with what its newest job (by creation) says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The file.
    pub file: File,
    /// Its newest job.
    pub newest: Option<Outcome>,
}

impl Seen {
    /// Its status.
    pub fn status(&self) -> Status {
        Status::of(
            self.file.is_uploaded,
            self.newest.as_ref().map(|job| job.state),
        )
    }
}

/// A store of files, in the database of the queue: it reads jobs to derive a status.
///
/// # Errors
/// Every method fails with an outage when the store cannot be reached.
#[async_trait]
pub trait Files: Send + Sync {
    /// Enters a file that is uploading. Again with the same id changes nothing.
    async fn begin(&self, file: &NewFile) -> Result<(), Fatal>;

    /// Notes what the object store calls its multipart upload. `false`: it is not uploading any more.
    async fn note_upload(&self, tenant: &Tenant, id: Id, upload: &str) -> Result<bool, Fatal>;

    /// Says that somebody still uploads it. `false`: it is not uploading any more.
    async fn renew(&self, tenant: &Tenant, id: Id) -> Result<bool, Fatal>;

    /// uploading → uploaded, with size, hash and the object's version; `None` when it was swept meanwhile. Our own commit, met again because
    /// an answer was lost, is the file.
    async fn commit(
        &self,
        tenant: &Tenant,
        id: Id,
        size_bytes: u64,
        sha256: &str,
        version: Option<&str>,
    ) -> Result<Option<File>, Fatal>;

    /// Removes a file that is uploading. `false`: it is not.
    async fn discard(&self, tenant: &Tenant, id: Id) -> Result<bool, Fatal>;

    /// Removes a file that is uploaded; no job that could still run may use it: `false` while one does (queued, in
    /// progress, held) or it is not uploaded. Where its object is gone already no job can use it, and it goes.
    ///
    /// Removing says so on the file before it looks for jobs, and [`Self::file`] waits until it is decided. So whoever gives
    /// a file to a job (submits one, or attaches the file to one) reads the file again *behind* that, and where it is
    /// gone cancels the job: whichever of the two comes second sees the other, and one of the two is done.
    async fn remove(&self, tenant: &Tenant, id: Id) -> Result<bool, Fatal>;

    /// Notes that its object is gone, so that it can be removed: `false` while a job in one of the states `unless` lists
    /// the file, or where it is not uploaded. It looks for jobs as [`Self::remove`] does. Again it is `true`, whatever
    /// jobs there are.
    async fn mark_gone(&self, tenant: &Tenant, id: Id, unless: &[State]) -> Result<bool, Fatal>;

    /// Notes that the objects of these files, as many as a job lists at most, are to go once `job` and every other job of
    /// the file is completed, so that a process which dies in between leaves what [`Self::to_go`] finds. One statement;
    /// it takes the place of another job's note. Nothing where a file is not uploaded.
    async fn mark_to_go(&self, tenant: &Tenant, ids: &[Id], job: Id) -> Result<(), Fatal>;

    /// Up to `limit` files of all tenants with that note, in the order of their ids, behind `after`.
    async fn to_go(&self, after: Option<Id>, limit: u32) -> Result<Vec<File>, Fatal>;

    /// Takes the note away: its object is removed, or nobody wants that any more.
    async fn went(&self, tenant: &Tenant, id: Id) -> Result<(), Fatal>;

    /// The file. An outage, where somebody began to remove it, died, and holds it for a while.
    async fn file(&self, tenant: &Tenant, id: Id) -> Result<Option<Seen>, Fatal>;

    /// A page of a tenant's files, newest first; `status`: only those that have it now. It may still show a file that is
    /// being removed.
    async fn files(
        &self,
        tenant: &Tenant,
        status: Option<Status>,
        page: Page,
    ) -> Result<Listed<Seen>, Fatal>;

    /// Takes up to `limit` files of all tenants that are uploading and were not renewed for `idle_ms`, for the sweeper. From
    /// now on neither [`Self::renew`] nor [`Self::commit`] finds them, and every call gives them again until they are
    /// discarded.
    async fn abandoned(&self, idle_ms: u64, limit: u32) -> Result<Vec<File>, Fatal>;
}
