//! The source `file`: a regular file, pinned by its path, size and time of change.
//!
//! Reading goes on in the blocking pool, one chunk ahead of what is handed out, so memory is two chunks
//! whatever the file's size. Every chunk is checked against the pinned size and time before it is handed
//! out: a file that is written while it is read ends the job with `source_changed`. It never locks a file,
//! and never notices a change that leaves size and time alone.

use super::{Origin, Pinned};
use async_trait::async_trait;
use bytes::BytesMut;
use pipeline::{Fatal, MAX_READ_BYTES, Source, room};
use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;
use tokio::task::{JoinHandle, spawn_blocking};

/// A file whose version is fixed.
pub struct FileOrigin {
    path: PathBuf,
    version: Version,
    pinned: Pinned,
}

/// What tells two versions of a file apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Version {
    size_bytes: u64,
    /// Since 1970-01-01 UTC, in nanoseconds.
    modified_ns: i128,
}

impl Version {
    fn of(found: &Metadata) -> io::Result<Self> {
        let modified = found.modified()?;
        let modified_ns = match modified.duration_since(UNIX_EPOCH) {
            Ok(after) => after.as_nanos() as i128,
            Err(before) => -(before.duration().as_nanos() as i128),
        };
        Ok(Self {
            size_bytes: found.len(),
            modified_ns,
        })
    }
}

impl FileOrigin {
    /// Fixes the version of the file at `path`. Links are followed, so that a file is the same content by
    /// whichever name it is reached; `match` sees the name that was given.
    ///
    /// # Errors
    /// `not_found`, `access_denied`, `not_a_file`, `read_failed`.
    pub async fn pin(path: &Path) -> Result<Self, Fatal> {
        let given = path.to_owned();
        in_pool(move || Self::pin_now(&given)).await?
    }

    fn pin_now(given: &Path) -> Result<Self, Fatal> {
        let failed = |error: io::Error| io_fatal(given, "open", &error);
        let path = given.canonicalize().map_err(failed)?;
        // Before it is opened: opening a pipe would wait for its other end.
        regular(given, &path.metadata().map_err(failed)?)?;
        let file = File::open(&path).map_err(failed)?;
        let version = Version::of(&file.metadata().map_err(failed)?).map_err(failed)?;
        let Version {
            size_bytes,
            modified_ns,
        } = version;
        let name = given.file_name().or(path.file_name()).unwrap_or_default();
        let pinned = Pinned {
            size_bytes: Some(size_bytes),
            content: Some(format!(
                "file {size_bytes} {modified_ns} {}",
                path.display()
            )),
            name: name.to_string_lossy().into_owned(),
        };
        Ok(Self {
            path,
            version,
            pinned,
        })
    }
}

fn regular(path: &Path, found: &Metadata) -> Result<(), Fatal> {
    let (what, hint) = if found.is_file() {
        return Ok(());
    } else if found.is_dir() {
        ("a folder", "name the files in it")
    } else {
        (
            "neither a file nor a folder",
            "pipe it in and name - as the input",
        )
    };
    Err(Fatal::new("not_a_file", format!("{} is {what}", path.display())).hint(hint))
}

#[async_trait]
impl Origin for FileOrigin {
    fn pinned(&self) -> &Pinned {
        &self.pinned
    }

    async fn read_from(&self, offset: u64) -> Result<Box<dyn Source>, Fatal> {
        let (path, version) = (self.path.clone(), self.version);
        let reader = in_pool(move || Reader::open(path, version, offset)).await??;
        Ok(Box::new(FileSource {
            next: Some(reader.fill(vec![0; MAX_READ_BYTES])),
            chunk: Chunk::default(),
            spare: vec![0; MAX_READ_BYTES],
            at: offset,
            failed: None,
        }))
    }
}

/// What comes back from the blocking pool: the file, the buffer, and how much of it is filled.
type Filled = (Reader, Vec<u8>, Result<usize, Fatal>);

/// The file, where it stands in the blocking pool.
struct Reader {
    file: File,
    path: PathBuf,
    version: Version,
    left_bytes: u64,
}

impl Reader {
    fn open(path: PathBuf, version: Version, offset: u64) -> Result<Self, Fatal> {
        let open = || -> io::Result<File> {
            let mut file = File::open(&path)?;
            file.seek(SeekFrom::Start(offset))?;
            Ok(file)
        };
        let file = open().map_err(|error| io_fatal(&path, "open", &error))?;
        let left_bytes = version.size_bytes.checked_sub(offset);
        let reader = Self {
            left_bytes: left_bytes.ok_or_else(|| changed(&path))?,
            file,
            path,
            version,
        };
        reader.same_version()?;
        Ok(reader)
    }

    /// Begins to fill `buffer` with the next bytes.
    fn fill(mut self, mut buffer: Vec<u8>) -> JoinHandle<Filled> {
        spawn_blocking(move || {
            let read = self.fill_now(&mut buffer);
            (self, buffer, read)
        })
    }

    fn fill_now(&mut self, buffer: &mut [u8]) -> Result<usize, Fatal> {
        let want = self.left_bytes.min(buffer.len() as u64) as usize;
        let filled = self.file.read_exact(&mut buffer[..want]);
        // First, because a file that was cut ends too early as well.
        self.same_version()?;
        filled.map_err(|error| io_fatal(&self.path, "read", &error))?;
        self.left_bytes -= want as u64;
        Ok(want)
    }

    fn same_version(&self) -> Result<(), Fatal> {
        let now = self.file.metadata().and_then(|found| Version::of(&found));
        match now {
            Ok(now) if now == self.version => Ok(()),
            Ok(_) => Err(changed(&self.path)),
            Err(error) => Err(io_fatal(&self.path, "read", &error)),
        }
    }
}

/// The bytes of a file from an offset on.
struct FileSource {
    /// The chunk that is being read; none behind the end or an error.
    next: Option<JoinHandle<Filled>>,
    /// The chunk that is being handed out.
    chunk: Chunk,
    /// The buffer for the chunk after the next.
    spare: Vec<u8>,
    at: u64,
    /// What every further read gives.
    failed: Option<Fatal>,
}

#[derive(Default)]
struct Chunk {
    bytes: Vec<u8>,
    from: usize,
    to: usize,
}

impl FileSource {
    /// Takes the chunk that was being read, and begins the next one.
    async fn turn(&mut self) -> Result<(), Fatal> {
        let Some(next) = &mut self.next else {
            return self.failed.clone().map_or(Ok(()), Err);
        };
        let result = next.await;
        self.next = None;
        let (reader, bytes, filled) = result.map_err(|error| pool_failed(&error))?;
        let to = filled?;
        let used = std::mem::replace(&mut self.chunk, Chunk { bytes, from: 0, to });
        if to > 0 {
            let buffer = match used.bytes.is_empty() {
                true => std::mem::take(&mut self.spare),
                false => used.bytes,
            };
            self.next = Some(reader.fill(buffer));
        }
        Ok(())
    }
}

#[async_trait]
impl Source for FileSource {
    async fn read(&mut self, into: &mut BytesMut) -> Result<usize, Fatal> {
        if self.chunk.from == self.chunk.to
            && let Err(fatal) = self.turn().await
        {
            self.failed = Some(fatal.clone());
            return Err(fatal);
        }
        let chunk = &mut self.chunk;
        let end = chunk.to.min(chunk.from + room(into));
        let bytes = &chunk.bytes[chunk.from..end];
        into.extend_from_slice(bytes);
        self.at += bytes.len() as u64;
        let count = bytes.len();
        chunk.from = end;
        Ok(count)
    }

    fn bytes_read(&self) -> u64 {
        self.at
    }
}

async fn in_pool<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Fatal> {
    spawn_blocking(work)
        .await
        .map_err(|error| pool_failed(&error))
}

fn pool_failed(error: &tokio::task::JoinError) -> Fatal {
    Fatal::new("panic", "reading a file was broken off").because(error)
}

fn changed(path: &Path) -> Fatal {
    Fatal::new(
        "source_changed",
        format!("{} was changed since it was opened", path.display()),
    )
    .hint("load a file once it is complete; a changed file is another input, to be loaded from its start")
}

/// What the file system said, as the end of a job. `doing` is a verb: open, read, list.
pub(super) fn io_fatal(path: &Path, doing: &str, error: &io::Error) -> Fatal {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::NotFound => Fatal::new("not_found", format!("there is no file {path}"))
            .hint("paths are taken from the folder in which the program was started"),
        io::ErrorKind::NotADirectory => Fatal::new("not_found", format!("there is no file {path}"))
            .hint("something before the last / is not a folder"),
        io::ErrorKind::PermissionDenied => Fatal::new(
            "access_denied",
            format!("{path} may not be read by this user"),
        )
        .hint("check the permissions of the file and of every folder above it"),
        _ => Fatal::transient("read_failed", format!("cannot {doing} {path}")).because(error),
    }
}

#[cfg(test)]
mod tests;
