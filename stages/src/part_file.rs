//! A file that appears under its name only when it is whole.
//!
//! It is written as `PATH.part`, appended to durably, cut back to what was acknowledged when a load goes on, and
//! renamed at the end. An existing PATH is never touched. One process writes it at a time: the part is locked. As a
//! sink it appends the bytes that an encoder wrote, whatever they are, and its mark is its length.

use async_trait::async_trait;
use pipeline::{Batch, Converted, Fatal, Holdings, Sink, Written};
use std::fs::TryLockError;
use std::io::{ErrorKind, SeekFrom};
use std::path::{Path, PathBuf};
use tokio::fs::{self, File};
use tokio::io::{AsyncSeekExt, AsyncWriteExt};
use tokio::sync::Mutex;

/// A file that is being written.
pub struct PartFile {
    path: PathBuf,
    part: PathBuf,
    state: Mutex<State>,
}

enum State {
    /// The part, and its durable length in bytes.
    Writing(File, u64),
    /// An append has failed or was given up: nobody knows how long the part is.
    Broken,
    /// The file stands under its name, and has so many bytes.
    Finished(u64),
}

/// What a file is called while it is written.
pub fn part_of(path: &Path) -> PathBuf {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    PathBuf::from(part)
}

/// Whether `path` stands under its name and nothing is left of its part: as a load leaves it that has finished its file,
/// and as nobody leaves it who has not.
pub fn may_be_finished(path: &Path) -> bool {
    let is_there = |path: &Path| path.symlink_metadata().is_ok();
    is_there(path) && !is_there(&part_of(path))
}

impl PartFile {
    /// Opens `path` for writing, with `head` at its start. `resume` is none for a load that starts anew, else the
    /// mark of its checkpoint: the part is cut back to that many bytes. A load whose file was finished before its
    /// end could be noted finds it so.
    ///
    /// # Errors
    /// `target_exists` when there is a file of that name, `target_busy` when another process writes it,
    /// `target_changed` when the part is shorter than what was acknowledged; otherwise when it cannot be written.
    pub async fn open(
        path: &Path,
        head: &[u8],
        resume: Option<Option<u64>>,
    ) -> Result<Self, Fatal> {
        let part = part_of(path);
        let mark = resume.flatten();
        let finished_length = mark.unwrap_or(head.len() as u64);
        if resume.is_some() && !exists(&part).await? && length(path).await? == Some(finished_length)
        {
            return Ok(Self::new(path, part, State::Finished(finished_length)));
        }
        if exists(path).await? {
            return Err(target_exists(path));
        }
        let file = std::fs::File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&part)
            .map_err(|error| unwritable(&part, &error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Fatal::new(
                    "target_busy",
                    format!("another process writes {}", part.display()),
                ));
            }
            Err(TryLockError::Error(error)) => return Err(unwritable(&part, &error)),
        }
        // Whoever held the lock may have finished the file between the look and the lock: then this is it.
        if exists(path).await? {
            return Err(target_exists(path));
        }
        let mut file = File::from_std(file);
        let length = begin(&mut file, head, mark)
            .await
            .map_err(|error| unwritable(&part, &error))?
            .map_err(|found| changed(&part, found, mark))?;
        sync_folder(&part).await?;
        Ok(Self::new(path, part, State::Writing(file, length)))
    }

    fn new(path: &Path, part: PathBuf, state: State) -> Self {
        Self {
            path: path.into(),
            part,
            state: Mutex::new(state),
        }
    }

    /// Appends `pieces` and returns the new length of the file, in bytes, when all of it is on disk.
    ///
    /// # Errors
    /// When it cannot be written (`target_full`, transient, when the disk is full). After an error, or when the
    /// future was dropped half way, nothing can be appended any more.
    pub async fn append(&self, pieces: impl Iterator<Item = &[u8]>) -> Result<u64, Fatal> {
        let mut state = self.state.lock().await;
        let (mut file, mut length) = match std::mem::replace(&mut *state, State::Broken) {
            State::Writing(file, length) => (file, length),
            State::Broken => return Err(broken(&self.part)),
            State::Finished(length) => {
                *state = State::Finished(length);
                // A load that goes on behind its last record has nothing more to say.
                for piece in pieces {
                    if !piece.is_empty() {
                        return Err(target_exists(&self.path));
                    }
                }
                return Ok(length);
            }
        };
        let write = async {
            let before = length;
            for piece in pieces {
                file.write_all(piece).await?;
                length += piece.len() as u64;
            }
            if length > before {
                file.flush().await?;
                file.sync_data().await?;
            }
            std::io::Result::Ok(())
        };
        write
            .await
            .map_err(|error| unwritable(&self.part, &error))?;
        *state = State::Writing(file, length);
        Ok(length)
    }

    /// Gives the file its name, durably. Nothing happens when it has it already.
    ///
    /// # Errors
    /// `target_exists` when somebody has made a file of that name; otherwise when it cannot be renamed.
    pub async fn rename(&self) -> Result<(), Fatal> {
        let mut state = self.state.lock().await;
        let length = match &*state {
            State::Finished(_) => return Ok(()),
            State::Broken => return Err(broken(&self.part)),
            State::Writing(file, length) => {
                let synced = file.sync_all().await;
                synced.map_err(|error| unwritable(&self.part, &error))?;
                *length
            }
        };
        if exists(&self.path).await? {
            return Err(target_exists(&self.path));
        }
        fs::rename(&self.part, &self.path)
            .await
            .map_err(|error| unwritable(&self.path, &error))?;
        sync_folder(&self.path).await?;
        *state = State::Finished(length);
        Ok(())
    }
}

#[async_trait]
impl Sink for PartFile {
    async fn write(&self, batch: &Batch) -> Result<Written, Fatal> {
        let length = self
            .append(batch.parts.iter().map(Converted::bytes))
            .await?;
        Ok(Written {
            mark: Some(length),
            ..Written::all_of(batch)
        })
    }

    async fn finish(&self) -> Result<Option<Holdings>, Fatal> {
        self.rename().await?;
        Ok(None)
    }
}

/// Cuts the part to `mark`, or starts it with `head`, durably. `Ok(Err(length))` when it is shorter than `mark`.
async fn begin(
    file: &mut File,
    head: &[u8],
    mark: Option<u64>,
) -> std::io::Result<Result<u64, u64>> {
    let found = file.metadata().await?.len();
    let length = match mark {
        Some(mark) if found < mark => return Ok(Err(found)),
        Some(mark) => {
            file.set_len(mark).await?;
            file.seek(SeekFrom::End(0)).await?;
            mark
        }
        None => {
            file.set_len(0).await?;
            file.write_all(head).await?;
            file.flush().await?;
            head.len() as u64
        }
    };
    file.sync_all().await?;
    Ok(Ok(length))
}

async fn exists(path: &Path) -> Result<bool, Fatal> {
    // A link that leads nowhere is in the way too.
    match fs::symlink_metadata(path).await {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(unwritable(path, &error)),
    }
}

async fn length(path: &Path) -> Result<Option<u64>, Fatal> {
    match fs::metadata(path).await {
        Ok(metadata) => Ok(metadata.is_file().then_some(metadata.len())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unwritable(path, &error)),
    }
}

/// A name is durable when its folder is.
async fn sync_folder(path: &Path) -> Result<(), Fatal> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let synced = async { File::open(folder).await?.sync_all().await };
    synced.await.map_err(|error| unwritable(folder, &error))
}

fn target_exists(path: &Path) -> Fatal {
    Fatal::new(
        "target_exists",
        format!(
            "{} exists already, and is never overwritten",
            path.display()
        ),
    )
    .hint("name another file, or move that one away")
}

fn changed(part: &Path, found: u64, mark: Option<u64>) -> Fatal {
    let acknowledged = mark.unwrap_or_default();
    Fatal::new(
        "target_changed",
        format!(
            "{} has {found} bytes, {acknowledged} were acknowledged: somebody has cut or removed it",
            part.display()
        ),
    )
    .hint("put it back, or load again from the start with `--force again`")
}

fn broken(part: &Path) -> Fatal {
    Fatal::transient(
        "target_io",
        format!("an earlier write to {} did not end", part.display()),
    )
}

fn unwritable(path: &Path, error: &std::io::Error) -> Fatal {
    let path = path.display();
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            Fatal::transient("target_full", format!("no room is left to write {path}"))
                .hint("make room on that disk and go on with --resume")
        }
        ErrorKind::NotFound => Fatal::new(
            "target_unwritable",
            format!("the folder of {path} does not exist"),
        ),
        _ => Fatal::new("target_unwritable", format!("{path} cannot be written")),
    }
    .because(error)
}

#[cfg(test)]
mod tests;
