//! An uploaded file as the input of a job: its object, under the name that the client gave it.

use crate::files::File;
use crate::queue::Job;
use crate::stores::Stores;
use async_trait::async_trait;
use bytes::BytesMut;
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
    let id = job.file().ok_or_else(gone)?;
    let seen = stores.files.file(&job.tenant, id).await?;
    let file = seen.ok_or_else(gone)?.file;
    if file.content_gone || !file.is_uploaded {
        return Err(gone());
    }
    let object = stores.objects.open(&file.new.key).await.map_err(is_gone)?;
    let version = object.pinned().content.as_deref();
    if !file.may_be(stores.objects.bucket(), version) {
        let message = "the object was replaced since it was uploaded";
        return Err(Fatal::new("source_changed", message)
            .hint("upload the file again: it is another input"));
    }
    pinned(object, file, job)
}

fn gone() -> Fatal {
    Fatal::new("content_gone", "the file of this job was removed")
}

/// What is said of an object that is not there.
fn is_gone(fatal: Fatal) -> Fatal {
    match fatal.code {
        "not_found" => gone().because(&fatal),
        _ => fatal,
    }
}

fn pinned(object: Box<dyn Origin>, file: File, job: &Job) -> Result<Uploaded, Fatal> {
    // From here on the object's own version is pinned. In a folder only its size shows that it is the one that was uploaded.
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
        let source = self.object.read_from(offset).await.map_err(is_gone)?;
        let left_bytes = self.pinned.size_bytes.unwrap_or_default();
        Ok(Box::new(Reading {
            source,
            left_bytes: left_bytes.saturating_sub(offset),
        }))
    }
}

/// The bytes of an uploaded file, whose object may be removed meanwhile. It ends where the upload did: one that ends
/// earlier, or later, is an error, and never a file with fewer records.
struct Reading {
    source: Box<dyn Source>,
    /// What is still to come.
    left_bytes: u64,
}

#[async_trait]
impl Source for Reading {
    async fn read(&mut self, into: &mut BytesMut) -> Result<usize, Fatal> {
        let read = self.source.read(into).await.map_err(is_gone)?;
        match self.left_bytes.checked_sub(read as u64) {
            Some(left) if read > 0 || left == 0 => self.left_bytes = left,
            _ => {
                let message = "the object did not end where the uploaded file does";
                return Err(Fatal::transient("object_cut", message));
            }
        }
        Ok(read)
    }

    fn bytes_read(&self) -> u64 {
        self.source.bytes_read()
    }
}
