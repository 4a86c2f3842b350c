//! Objects in a folder: the embedded default, which processes of one machine may share.
//!
//! Parts are written at their place into a file beside the object's own, and flushed a few at a time while others come, so
//! that completing costs the same for every size: the flush of the last few, a rename and the folders' own fsync. An
//! object is on the disk before its completion is acknowledged, and what is readable is whole. A key that would leave the folder is refused, whoever made it. It never reads an object into
//! memory, and never follows what a client said.

use super::{Objects, PART_BYTES, Part, Upload};
use async_trait::async_trait;
use bytes::Bytes;
use pipeline::Fatal;
use stages::source::Origin;
use stages::source::file::FileOrigin;
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::spawn_blocking;

/// What the name of an unfinished object begins with; no key may hold it.
const UNFINISHED: &str = ".part-";
/// What is written to see whether there is room.
const PROBE: &str = "probe";
/// Its size: a page of a disk.
const PROBE_BYTES: usize = 4096;
/// The most bytes of a key, as in S3.
const MAX_KEY_BYTES: usize = 1024;
/// The most bytes of a folder's or file's name: what common file systems take, less [`UNFINISHED`].
const MAX_NAME_BYTES: usize = 255 - UNFINISHED.len();
/// How often a folder is made that another process removes as empty at the same moment.
const MAX_FOLDER_TRIES: usize = 8;

/// How much of an upload is written before it is flushed: each flush is a commit of the file system's journal, for which the
/// next parts wait. So much, and as much again for each part in flight, is written and not flushed at most.
const FLUSH_BYTES: u64 = 4 * PART_BYTES as u64;

/// A store of objects in a folder. Cheap to clone.
#[derive(Clone)]
pub struct FolderObjects {
    inner: Arc<Inner>,
}

struct Inner {
    root: PathBuf,
    /// The keys of uploads that were begun here and not ended, and how many bytes of each are written that nobody flushes
    /// yet. A part that is still being written when its upload is aborted must not bring the file back.
    open: Mutex<HashMap<String, u64>>,
}

impl FolderObjects {
    /// The store in `root`, which is made where it is not there.
    ///
    /// # Errors
    /// `objects_unavailable`.
    pub async fn open(root: PathBuf) -> Result<Self, Fatal> {
        let store = Self {
            inner: Arc::new(Inner {
                root,
                open: Mutex::default(),
            }),
        };
        let opened = |inner: &Inner| -> io::Result<()> { std::fs::create_dir_all(&inner.root) };
        store
            .in_pool(move |inner| opened(inner).map_err(|error| inner.failed(&error)))
            .await?;
        Ok(store)
    }

    /// Runs `work` where it may wait for the disk.
    async fn in_pool<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, Fatal> + Send + 'static,
    ) -> Result<T, Fatal> {
        let inner = self.inner.clone();
        let worked = spawn_blocking(move || work(&inner)).await;
        worked.map_err(|error| {
            Fatal::outage(
                "objects_unavailable",
                "no thread to reach the folder of objects with",
            )
            .because(&error)
        })?
    }
}

#[async_trait]
impl Objects for FolderObjects {
    fn bucket(&self) -> Option<&str> {
        None
    }

    async fn put(&self, key: &str, _content_type: &str, bytes: Bytes) -> Result<(), Fatal> {
        let place = Place::of(&self.inner.root, key)?;
        self.in_pool(move |inner| {
            let put = || -> io::Result<()> {
                let mut options = OpenOptions::new();
                options.write(true).create(true).truncate(true);
                let mut file = place.open_unfinished(&options)?;
                file.write_all(&bytes)?;
                file.sync_all()?;
                std::fs::rename(&place.unfinished, &place.object)?;
                inner.sync_folders(&place)
            };
            put().map_err(|error| inner.failed(&error))
        })
        .await
    }

    async fn begin(&self, key: &str, _content_type: &str) -> Result<Upload, Fatal> {
        Place::of(&self.inner.root, key)?;
        // The file comes with the first part: until then a crash leaves nothing that no record names.
        self.inner.open().insert(key.to_owned(), 0);
        Ok(Upload {
            key: key.to_owned(),
            id: None,
        })
    }

    async fn part(&self, upload: &Upload, number: u32, bytes: Bytes) -> Result<Part, Fatal> {
        let place = Place::of(&self.inner.root, &upload.key)?;
        let key = upload.key.clone();
        let length = bytes.len();
        if number == 0 || length > PART_BYTES {
            return Err(refused("part", number));
        }
        self.in_pool(move |inner| {
            let file = {
                let open = inner.open();
                if !open.contains_key(&key) {
                    return Err(lost());
                }
                let mut options = OpenOptions::new();
                options.write(true).create(true).truncate(false);
                place.open_unfinished(&options)
            };
            let write = |file: File| -> io::Result<()> {
                file.write_all_at(&bytes, u64::from(number - 1) * PART_BYTES as u64)?;
                match inner.is_to_flush(&key, bytes.len()) {
                    true => file.sync_data(),
                    false => Ok(()),
                }
            };
            file.and_then(write).map_err(|error| inner.failed(&error))
        })
        .await?;
        Ok(Part {
            number,
            tag: length.to_string(),
        })
    }

    async fn complete(&self, upload: &Upload, parts: &[Part]) -> Result<(), Fatal> {
        let place = Place::of(&self.inner.root, &upload.key)?;
        let (key, size_bytes) = (upload.key.clone(), size_of(parts)?);
        self.in_pool(move |inner| {
            let complete = || -> io::Result<bool> {
                match OpenOptions::new().write(true).open(&place.unfinished) {
                    Ok(file) => {
                        // A part that was kept again may have been longer before.
                        file.set_len(size_bytes)?;
                        file.sync_all()?;
                        std::fs::rename(&place.unfinished, &place.object)?;
                    }
                    Err(error) if error.kind() == ErrorKind::NotFound => {
                        if !std::fs::exists(&place.object)? {
                            return Ok(false);
                        }
                    }
                    Err(error) => return Err(error),
                }
                inner.sync_folders(&place)?;
                Ok(true)
            };
            if !complete().map_err(|error| inner.failed(&error))? {
                return Err(lost());
            }
            inner.open().remove(&key);
            Ok(())
        })
        .await
    }

    async fn abort(&self, upload: &Upload) -> Result<(), Fatal> {
        let place = Place::of(&self.inner.root, &upload.key)?;
        let key = upload.key.clone();
        self.in_pool(move |inner| {
            // From here on no part makes the file anew. Removing a large one takes long, so nobody waits for that.
            inner.open().remove(&key);
            place
                .remove(&place.unfinished)
                .map_err(|error| inner.failed(&error))
        })
        .await
    }

    async fn open(&self, key: &str) -> Result<Box<dyn Origin>, Fatal> {
        let place = Place::of(&self.inner.root, key)?;
        Ok(Box::new(FileOrigin::pin(&place.object).await?))
    }

    async fn remove(&self, key: &str) -> Result<(), Fatal> {
        let place = Place::of(&self.inner.root, key)?;
        self.in_pool(move |inner| {
            place
                .remove(&place.object)
                .map_err(|error| inner.failed(&error))
        })
        .await
    }

    async fn presign(&self, _: &str, _: &str, _: Duration) -> Result<Option<String>, Fatal> {
        Ok(None)
    }

    async fn ping(&self) -> Result<(), Fatal> {
        self.in_pool(move |inner| inner.try_to_write().map_err(|error| inner.failed(&error)))
            .await
    }
}

impl Inner {
    fn open(&self) -> MutexGuard<'_, HashMap<String, u64>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts bytes that were written to an upload. Whether the caller is to flush it, with all that was counted before.
    fn is_to_flush(&self, key: &str, length: usize) -> bool {
        let mut open = self.open();
        let Some(written) = open.get_mut(key) else {
            return false;
        };
        *written += length as u64;
        let is_much = *written >= FLUSH_BYTES;
        if is_much {
            *written = 0;
        }
        is_much
    }

    fn failed(&self, error: &io::Error) -> Fatal {
        let root = self.root.display();
        let fatal = match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                let message = format!("no room is left in the folder of objects {root}");
                Fatal::outage("objects_full", message).hint("make room on that disk")
            }
            _ => {
                let message = format!("the folder of objects {root} cannot be used");
                Fatal::outage("objects_unavailable", message)
            }
        };
        fatal.because(error)
    }

    /// Writes a little and removes it again: a folder that takes nothing more is of no use. Several may try at once.
    fn try_to_write(&self) -> io::Result<()> {
        let probe = self.root.join(format!("{UNFINISHED}{PROBE}"));
        let written = std::fs::write(&probe, [0; PROBE_BYTES]);
        match std::fs::remove_file(&probe) {
            Err(error) if error.kind() != ErrorKind::NotFound => written.and(Err(error)),
            _ => written,
        }
    }

    /// A name is on the disk once the folder that holds it is, and so is that folder's own.
    fn sync_folders(&self, place: &Place) -> io::Result<()> {
        let above = place.object.ancestors().skip(1);
        for folder in above.take_while(|folder| folder.starts_with(&self.root)) {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }
}

/// Where an object is, and where it is made.
struct Place {
    folder: PathBuf,
    object: PathBuf,
    unfinished: PathBuf,
    /// Whether the folder is the store's own.
    at_root: bool,
}

impl Place {
    fn of(root: &Path, key: &str) -> Result<Self, Fatal> {
        let bad = |name: &str| {
            matches!(name, "" | "." | "..")
                || name.len() > MAX_NAME_BYTES
                || name.starts_with(UNFINISHED)
                || name.contains(['\\', '\0'])
        };
        if key.len() > MAX_KEY_BYTES || key.split('/').any(bad) {
            return Err(Fatal::new(
                "bad_key",
                "a key that names no object of the folder",
            ));
        }
        let (above, name) = key.rsplit_once('/').unwrap_or(("", key));
        let folder = root.join(above);
        Ok(Self {
            object: folder.join(name),
            unfinished: folder.join(format!("{UNFINISHED}{name}")),
            folder,
            at_root: above.is_empty(),
        })
    }

    /// Opens the file that becomes the object, in a folder that is there.
    fn open_unfinished(&self, options: &OpenOptions) -> io::Result<File> {
        let mut tries = 1;
        loop {
            std::fs::create_dir_all(&self.folder)?;
            match options.open(&self.unfinished) {
                Err(error) if error.kind() == ErrorKind::NotFound && tries < MAX_FOLDER_TRIES => {
                    tries += 1;
                }
                opened => return opened,
            }
        }
    }

    /// Removes a file that may be there, and its folder if nothing else is in it.
    fn remove(&self, file: &Path) -> io::Result<()> {
        match std::fs::remove_file(file) {
            Err(error)
                if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                return Err(error);
            }
            _ => {}
        }
        if !self.at_root {
            // It stays where it holds something, and somebody else may have removed it.
            let _ = std::fs::remove_dir(&self.folder);
        }
        Ok(())
    }
}

/// The size of the object that `parts` make, in bytes: each but the last is full.
fn size_of(parts: &[Part]) -> Result<u64, Fatal> {
    let last = parts.len();
    let mut size_bytes = 0;
    for (part, number) in parts.iter().zip(1u32..) {
        let length = part.tag.parse().unwrap_or(usize::MAX);
        let fits = length == PART_BYTES || number as usize == last && length <= PART_BYTES;
        if part.number != number || !fits {
            return Err(refused("list of parts at part", number));
        }
        size_bytes += length as u64;
    }
    match last {
        0 => Err(refused("list of parts before part", 1)),
        _ => Ok(size_bytes),
    }
}

fn refused(what: &str, number: u32) -> Fatal {
    Fatal::new(
        "objects_refused",
        format!("the folder of objects takes no such {what} {number}"),
    )
}

fn lost() -> Fatal {
    Fatal::transient("upload_lost", "the upload was given up meanwhile")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stay_in_the_folder() {
        let root = Path::new("/objects");
        let long = "n".repeat(MAX_NAME_BYTES);
        for (key, good) in [
            ("uploads/2026-04-03/0123/orders.csv", true),
            ("orders.csv", true),
            ("..orders", true),
            (&*long, true),
            (&format!("{long}n"), false),
            (&format!("{long}/{long}/{long}/{long}/{long}"), false),
            ("", false),
            ("/etc/passwd", false),
            ("a//b", false),
            ("a/", false),
            ("..", false),
            ("a/../b", false),
            ("a/./b", false),
            ("a\\b", false),
            ("a\0b", false),
            ("a/.part-b", false),
        ] {
            let place = Place::of(root, key);
            assert_eq!(place.is_ok(), good, "{key}");
            if let Ok(place) = place {
                assert_eq!(place.object, root.join(key));
                assert_eq!(place.unfinished.parent(), place.object.parent());
            }
        }
    }
}
