//! An uploaded file as the input of a job: its object, under the name that the client gave it.

use crate::files::File;
use crate::queue::Job;
use crate::stores::Stores;
use async_trait::async_trait;
use pipeline::{Fatal, Source};
use stages::source::{Origin, Pinned};

/// The object of a file, pinned.
pub(super) struct Uploaded {
    object: Box<dyn Origin>,
    pinned: Pinned,
}

impl Uploaded {
    /// What the client called it.
    pub(super) fn name(&self) -> &str {
        &self.pinned.name
    }
}

/// Opens the file that the job reads.
///
/// # Errors
/// `content_gone` when the file or its object was removed; `source_changed` when the object is not the one that was
/// uploaded; and what the stores say.
pub(super) async fn open(stores: &Stores, job: &Job) -> Result<Uploaded, Fatal> {
    let gone = || Fatal::new("content_gone", "the file of this job was removed");
    let id = job.file().ok_or_else(gone)?;
    let seen = stores.files.file(&job.tenant, id).await?;
    let file = seen.ok_or_else(gone)?.file;
    if file.content_gone || !file.is_uploaded {
        return Err(gone());
    }
    let object = stores
        .objects
        .open(&file.new.key)
        .await
        .map_err(|fatal| match fatal.code {
            "not_found" => gone().because(&fatal),
            _ => fatal,
        })?;
    pinned(object, file, job)
}

fn pinned(object: Box<dyn Origin>, file: File, job: &Job) -> Result<Uploaded, Fatal> {
    // The object's own version is pinned from here on; that it is the one that was uploaded shows its size.
    let size_bytes = object.pinned().size_bytes;
    if size_bytes.is_some_and(|size| size != file.size_bytes) {
        let message = format!(
            "the object has {} bytes where {} were uploaded",
            size_bytes.unwrap_or_default(),
            file.size_bytes
        );
        return Err(Fatal::new("source_changed", message));
    }
    let pinned = Pinned {
        size_bytes: Some(file.size_bytes),
        content: Some(job.load.content.clone()),
        name: file.new.original_name,
    };
    Ok(Uploaded { object, pinned })
}

#[async_trait]
impl Origin for Uploaded {
    fn pinned(&self) -> &Pinned {
        &self.pinned
    }

    fn restartable(&self) -> bool {
        self.object.restartable()
    }

    async fn read_from(&self, offset: u64) -> Result<Box<dyn Source>, Fatal> {
        self.object.read_from(offset).await
    }
}
