//! The keeper of one upload: the task that writes what the client sent, and cleans up where it must not stay.
//!
//! It is told pieces of a part each, the last of them marked. A record is there before anything is begun; a file that
//! is one piece is put at once, any other goes in parts, some of them in flight. Whatever happens to the request, the
//! keeper ends: with the record committed after the object is whole (P3), or with object, parts and record removed. Where
//! a store cannot be reached for that, or an outage broke the upload, so that nobody knows what may still land, a task of
//! its own ([`Late`]) does it when the stores answer again; and where that cannot, the record, which nobody renews any
//! more, is there for the sweeper.

use super::late::Late;
use crate::files::{File, Files, NewFile};
use crate::objects::{Objects, Part, UNKNOWN_UPLOAD, Upload};
use bytes::Bytes;
use pipeline::{Fatal, Retry};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle, JoinSet, spawn_blocking};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;

/// Parts of one upload that are being kept at the same time.
const MAX_PARTS_IN_FLIGHT: usize = 4;
/// From how many bytes on a piece is hashed apart from the threads that serve requests: 64 KiB take some 0.1 ms.
const APART_BYTES: usize = 256 * 1024;

/// At most a part's bytes of a file, in their order.
pub(super) struct Piece {
    /// A full part, unless it is the last.
    pub bytes: Bytes,
    /// Whether the file ends with it.
    pub is_last: bool,
}

/// Keeps one upload.
pub(super) struct Keeper {
    objects: Arc<dyn Objects>,
    files: Arc<dyn Files>,
    new: NewFile,
    renew: Duration,
    late: Late,
}

impl Keeper {
    /// Keeps `new`, and renews its record so often; what an outage leaves of it goes to `late`.
    pub fn new(
        objects: Arc<dyn Objects>,
        files: Arc<dyn Files>,
        new: NewFile,
        renew: Duration,
        late: Late,
    ) -> Self {
        Self {
            objects,
            files,
            new,
            renew,
            late,
        }
    }

    /// Keeps the pieces, until the last one came or nobody sends any more.
    pub async fn run(mut self, mut pieces: mpsc::Receiver<Piece>) -> Result<File, Fatal> {
        let Some(first) = pieces.recv().await else {
            return Err(given_up());
        };
        if first.is_last {
            let kept = match self.files.begin(&self.new).await {
                Ok(()) => self.whole(first.bytes).await,
                Err(fatal) => Err(fatal),
            };
            self.settle(kept).await
        } else {
            let renewal = match self.announce().await {
                Ok(renewal) => renewal,
                // Perhaps the record is there all the same.
                Err(fatal) => return self.settle(Err(fatal)).await,
            };
            let upload = match self.begin().await {
                Ok(upload) => upload,
                Err(fatal) => return self.settle(Err(fatal)).await,
            };
            let mut in_flight = JoinSet::new();
            let kept = self
                .in_parts(&upload, first, pieces, &renewal, &mut in_flight)
                .await;
            in_flight.shutdown().await;
            self.settle(kept).await
        }
    }

    /// Enters a record that says that there may be an upload in parts, before there is one.
    async fn announce(&mut self) -> Result<Renewal, Fatal> {
        self.new.upload = Some(UNKNOWN_UPLOAD.to_owned());
        self.files.begin(&self.new).await?;
        Ok(Renewal::start(self))
    }

    /// Begins the upload, and notes in the record what it is called.
    async fn begin(&mut self) -> Result<Upload, Fatal> {
        let (key, content_type) = (&self.new.key, &self.new.content_type);
        let upload = self.objects.begin(key, content_type).await?;
        if let Some(id) = &upload.id {
            self.new.upload = Some(id.clone());
            let (tenant, file) = (&self.new.tenant, self.new.id);
            if !self.files.note_upload(tenant, file, id).await? {
                return Err(lost());
            }
        }
        Ok(upload)
    }

    async fn whole(&self, bytes: Bytes) -> Result<File, Fatal> {
        let _renewal = Renewal::start(self);
        let size_bytes = bytes.len() as u64;
        let mut hash = Hash::default();
        hash.add(bytes.clone()).await?;
        let (key, content_type) = (&self.new.key, &self.new.content_type);
        self.objects.put(key, content_type, bytes).await?;
        self.commit(size_bytes, hash).await
    }

    async fn in_parts(
        &self,
        upload: &Upload,
        first: Piece,
        mut pieces: mpsc::Receiver<Piece>,
        renewal: &Renewal,
        in_flight: &mut JoinSet<Result<Part, Fatal>>,
    ) -> Result<File, Fatal> {
        let mut hash = Hash::default();
        let mut parts = Vec::new();
        let (mut number, mut size_bytes) = (0, 0);
        let mut piece = first;
        loop {
            number += 1;
            size_bytes += piece.bytes.len() as u64;
            hash.add(piece.bytes.clone()).await?;
            let (objects, upload, bytes) = (self.objects.clone(), upload.clone(), piece.bytes);
            let keep = async move { objects.part(&upload, number, bytes).await };
            in_flight.spawn(keep.in_current_span());
            if piece.is_last {
                break;
            }
            piece = loop {
                // Without room, whoever sends pieces waits.
                let has_room = in_flight.len() < MAX_PARTS_IN_FLIGHT;
                tokio::select! {
                    Some(kept) = in_flight.join_next() => parts.push(joined(kept)?),
                    piece = pieces.recv(), if has_room => break piece.ok_or_else(given_up)?,
                    () = renewal.lost.cancelled() => return Err(lost()),
                }
            };
        }
        while let Some(kept) = in_flight.join_next().await {
            parts.push(joined(kept)?);
        }
        parts.sort_unstable_by_key(|part| part.number);
        self.objects.complete(upload, &parts).await?;
        self.commit(size_bytes, hash).await
    }

    async fn commit(&self, size_bytes: u64, hash: Hash) -> Result<File, Fatal> {
        let sha256 = hash.hex().await?;
        let version = self.look(size_bytes).await?;
        let (tenant, id) = (&self.new.tenant, self.new.id);
        let committed = self
            .files
            .commit(tenant, id, size_bytes, &sha256, version.as_deref())
            .await?;
        committed.ok_or_else(lost)
    }

    /// Looks whether the object has all of its bytes, and which version it is: jobs read no other. In a folder, what
    /// tells versions of a file apart is lost when the folder is copied.
    async fn look(&self, size_bytes: u64) -> Result<Option<String>, Fatal> {
        let unlike = |message: &str| Fatal::outage("objects_unavailable", message);
        let object = match self.objects.open(&self.new.key).await {
            Ok(object) => object,
            Err(fatal) if fatal.retry == Retry::Outage => return Err(fatal),
            Err(fatal) => {
                return Err(unlike("an object that was kept is not there").because(&fatal));
            }
        };
        let pinned = object.pinned();
        if pinned.size_bytes != Some(size_bytes) {
            return Err(unlike("an object that was kept has another size"));
        }
        Ok(pinned.content.clone().filter(|_| self.new.bucket.is_some()))
    }

    /// Leaves nothing of what was not kept.
    async fn settle(&self, kept: Result<File, Fatal>) -> Result<File, Fatal> {
        match &kept {
            Err(fatal) if fatal.retry == Retry::Outage => {
                tracing::warn!(file_id = %self.new.id, code = fatal.code, "an outage has broken an upload");
                self.clean_up_late();
            }
            Err(_) => self.clean_up().await,
            Ok(_) => {}
        }
        kept
    }

    /// Removes what was kept; the record goes last, because it says what is there.
    async fn clean_up(&self) {
        if let Err(fatal) = remove(&*self.objects, &*self.files, &self.new).await {
            tracing::warn!(
                file_id = %self.new.id, code = fatal.code, causes = ?fatal.causes,
                "the rest of an upload cannot be removed yet: {}", fatal.message,
            );
            self.clean_up_late();
        }
    }

    fn clean_up_late(&self) {
        let (objects, files) = (self.objects.clone(), self.files.clone());
        self.late.clean_up(objects, files, self.new.clone());
    }
}

/// Removes an upload that is not committed: its parts, its object, then its record.
///
/// # Errors
/// Outages; the record is there then, and it can be done again.
pub(super) async fn remove(
    objects: &dyn Objects,
    files: &dyn Files,
    new: &NewFile,
) -> Result<(), Fatal> {
    remove_bytes(objects, new).await?;
    files.discard(&new.tenant, new.id).await?;
    Ok(())
}

/// Removes parts and object of an upload that is not committed.
///
/// # Errors
/// Outages; it can be done again.
pub(super) async fn remove_bytes(objects: &dyn Objects, new: &NewFile) -> Result<(), Fatal> {
    let upload = Upload {
        key: new.key.clone(),
        id: new.upload.clone(),
    };
    objects.abort(&upload).await?;
    objects.remove(&new.key).await
}

fn joined(kept: Result<Result<Part, Fatal>, JoinError>) -> Result<Part, Fatal> {
    kept.unwrap_or_else(|error| Err(Fatal::new("internal", "a part's task ended").because(&error)))
}

/// Nobody is told: the sender has the reason.
fn given_up() -> Fatal {
    Fatal::new("body_incomplete", "the file ended before its end")
}

fn lost() -> Fatal {
    let message = "the upload was given up, because its record could not be renewed in time";
    Fatal::transient("upload_lost", message).hint("send the file again")
}

/// Says again and again that somebody still uploads a file, until it is dropped.
struct Renewal {
    /// The sweeper has taken the file.
    lost: CancellationToken,
    _task: AbortOnDropHandle<()>,
}

impl Renewal {
    fn start(keeper: &Keeper) -> Self {
        let lost = CancellationToken::new();
        let (files, said) = (keeper.files.clone(), lost.clone());
        let (tenant, id, pause) = (keeper.new.tenant.clone(), keeper.new.id, keeper.renew);
        let renew = async move {
            loop {
                tokio::time::sleep(pause).await;
                match files.renew(&tenant, id).await {
                    Ok(true) => {}
                    Ok(false) => return said.cancel(),
                    Err(fatal) => {
                        tracing::warn!(file_id = %id, code = fatal.code, "an upload was not renewed");
                    }
                }
            }
        };
        Self {
            lost,
            _task: AbortOnDropHandle::new(tokio::spawn(renew.in_current_span())),
        }
    }
}

/// The hash of a file, piece by piece. At most one piece is being hashed while the next one comes.
#[derive(Default)]
struct Hash {
    done: Sha256,
    under_way: Option<JoinHandle<Sha256>>,
}

impl Hash {
    async fn add(&mut self, bytes: Bytes) -> Result<(), Fatal> {
        let mut hash = self.take().await?;
        if bytes.len() < APART_BYTES {
            hash.update(&bytes);
            self.done = hash;
        } else {
            self.under_way = Some(spawn_blocking(move || {
                hash.update(&bytes);
                hash
            }));
        }
        Ok(())
    }

    async fn take(&mut self) -> Result<Sha256, Fatal> {
        match self.under_way.take() {
            None => Ok(std::mem::take(&mut self.done)),
            Some(under_way) => under_way
                .await
                .map_err(|error| Fatal::new("internal", "a hash's task ended").because(&error)),
        }
    }

    async fn hex(mut self) -> Result<String, Fatal> {
        Ok(hex::encode(self.take().await?.finalize()))
    }
}
