//! Uploads: a stream of bytes becomes an object and a file record, or nothing at all.
//!
//! ```text
//! body ─► pace ─► judge ─► part buffers ─► keeper: sha256, and parts in flight ─► object whole ─► record committed
//! ```
//!
//! [`Uploads::receive`] reads and judges; the [`keeper`], a task of its own, writes. So whatever becomes of the client
//! and of its request, the keeper comes to an end: the file is whole, or nothing is left of it. Memory is bounded by the
//! pool of part buffers that all uploads share; of a file that no buffer was taken for yet, [`FIRST_BYTES`] are read. What
//! a killed server leaves is found by its record ([`sweeper`]).

mod judge;
mod keeper;
mod late;
pub mod names;
mod pace;
mod pool;
mod rate;
pub mod sweeper;

use crate::config::Config;
use crate::files::{File, Files, NewFile};
use crate::id::{Entropy, Id};
use crate::objects::{Objects, PART_BYTES};
use crate::tenant::Tenant;
use bytes::{Bytes, BytesMut};
use futures::Stream;
#[cfg(test)]
pub use judge::DEFAULT_TYPES;
pub use judge::Types;
use keeper::{Keeper, Piece};
use late::Late;
use pace::Paced;
use pipeline::Fatal;
use pool::{BUFFERS, Pool};
use rate::Rate;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing::Instrument as _;

/// The most parts of an object.
const MAX_PARTS: u64 = 10_000;
/// So many bytes of a file are read before a part buffer is taken for it: whoever brings fewer holds none.
const FIRST_BYTES: usize = 16 * 1024;
/// For how long a refusal waits until nothing is left of what was refused, in milliseconds.
const CLEAN_UP_WAIT_MS: u64 = 500;

/// Limits of uploads.
#[derive(Clone, Debug)]
pub struct Limits {
    /// `UPLOAD_MAX_BYTES`: the largest file that is taken; never more than 10,000 parts.
    pub max_bytes: u64,
    /// The least that a client must bring while it is waited for, in bytes a second, over each window.
    pub min_bytes_per_second: u64,
    /// The time over which the pace of a client is measured, in milliseconds.
    pub pace_window_ms: u64,
    /// How long a part buffer is waited for, in milliseconds.
    pub max_buffer_wait_ms: u64,
    /// How often the record of an upload is renewed, in milliseconds.
    pub renew_ms: u64,
    /// How long after an outage has broken an upload its rest is removed for the first time, in milliseconds.
    pub late_ms: u64,
}

impl Limits {
    /// The defaults.
    pub const DEFAULT: Self = Self {
        max_bytes: 64 << 30,
        min_bytes_per_second: 16 * 1024,
        pace_window_ms: 10_000,
        max_buffer_wait_ms: 30_000,
        renew_ms: 30_000,
        late_ms: 1_000,
    };
}

/// What is taken, and where it goes.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Limits.
    pub limits: Limits,
    /// `UPLOAD_TYPES`.
    pub types: Types,
    /// `S3_PREFIX`: what keys begin with.
    pub key_prefix: String,
    /// `UPLOAD_RATE_PER_MINUTE`: uploads per key and per address.
    pub per_minute: u32,
}

impl Rules {
    /// What the environment says.
    pub fn of(config: &Config) -> Self {
        Self {
            limits: Limits {
                max_bytes: config.upload_max_bytes,
                ..Limits::DEFAULT
            },
            types: config
                .upload_types
                .as_ref()
                .map_or_else(Types::default, Types::new),
            key_prefix: config.s3_prefix.clone(),
            per_minute: config.upload_rate_per_minute,
        }
    }
}

/// What a client says about a file before its bytes.
#[derive(Clone, Debug, Default)]
pub struct Incoming {
    /// Its name, as the client gave it.
    pub original_name: String,
    /// Its content type, as the client gave it; empty where it gave none.
    pub content_type: String,
    /// Its size, where the client says it.
    pub declared_bytes: Option<u64>,
}

/// What receives uploads. Cheap to clone; all clones share one pool.
#[derive(Clone)]
pub struct Uploads {
    objects: Arc<dyn Objects>,
    files: Arc<dyn Files>,
    entropy: Arc<dyn Entropy>,
    rules: Arc<Rules>,
    pool: Pool,
    rate: Arc<Rate>,
    late: Late,
}

impl Uploads {
    /// Keeps objects and records there.
    pub fn new(
        objects: Arc<dyn Objects>,
        files: Arc<dyn Files>,
        entropy: Arc<dyn Entropy>,
        mut rules: Rules,
    ) -> Self {
        let most_bytes = MAX_PARTS * PART_BYTES as u64;
        rules.limits.max_bytes = rules.limits.max_bytes.min(most_bytes);
        Self {
            objects,
            files,
            entropy,
            rate: Arc::new(Rate::per_minute(rules.per_minute)),
            late: Late::new(rules.limits.late_ms),
            rules: Arc::new(rules),
            pool: Pool::default(),
        }
    }

    /// The largest file that is taken, in bytes.
    pub fn max_bytes(&self) -> u64 {
        self.rules.limits.max_bytes
    }

    /// How many part buffers uploads have now, and how many there are.
    pub fn buffers(&self) -> (i64, i64) {
        let used = BUFFERS.saturating_sub(self.pool.unused());
        (used as i64, BUFFERS as i64)
    }

    /// Counts an upload of a key, where there is one, and of an address. `Err`: there are too many of either, for so long.
    pub fn admit(&self, key: Option<Id>, address: IpAddr) -> Result<(), Duration> {
        self.rate.admit(key, address)
    }

    /// Receives a file: its object is whole and its record committed when this answers. Whatever else it answers, and
    /// where it is dropped, nothing is left; what the stores cannot be told then they are told when they answer again.
    ///
    /// # Errors
    /// `unsupported_type`, `file_too_large`, `body_incomplete` (another size than declared), `body_too_slow`,
    /// `upload_busy`, `upload_lost` (it was given up, because its record could not be renewed), what the body says, and
    /// outages of the stores.
    pub async fn receive(
        &self,
        tenant: &Tenant,
        incoming: Incoming,
        body: impl Stream<Item = Result<Bytes, Fatal>> + Send + Unpin,
    ) -> Result<File, Fatal> {
        let rules = &*self.rules;
        let mut size = Size {
            came: 0,
            declared: incoming.declared_bytes,
            most: rules.limits.max_bytes,
        };
        size.judge_declared()?;
        let name = names::original(&incoming.original_name);
        rules.types.judge_name(&name, &incoming.content_type)?;
        let mut body = Paced::new(body, &rules.limits);
        let mut first = BytesMut::new();
        let mut ended = false;
        while first.len() < FIRST_BYTES && !ended {
            match body.next().await? {
                Some(bytes) => {
                    size.add(bytes.len())?;
                    first.extend_from_slice(&bytes);
                }
                None => ended = true,
            }
        }
        rules
            .types
            .judge_head(&first[..first.len().min(judge::HEAD_BYTES)])?;
        let keeping = Keeping::start(self.keeper(tenant, name, &incoming.content_type));
        let first = first.freeze();
        if ended {
            size.judge_whole()?;
            keeping.last(first).await
        } else {
            keeping.rest(self, first, body, size).await
        }
    }

    fn keeper(&self, tenant: &Tenant, name: String, content_type: &str) -> Keeper {
        let id = self.entropy.id();
        let visible = |c: &char| matches!(c, ' '..='~');
        let content_type: String = content_type.chars().filter(visible).take(255).collect();
        let content_type = match content_type.trim() {
            "" => "application/octet-stream".to_owned(),
            content_type => content_type.to_owned(),
        };
        let new = NewFile {
            id,
            tenant: tenant.clone(),
            key: names::key(&self.rules.key_prefix, id, &name),
            original_name: name,
            content_type,
            bucket: self.objects.bucket().map(str::to_owned),
            upload: None,
        };
        let renew = Duration::from_millis(self.rules.limits.renew_ms);
        let (objects, files) = (self.objects.clone(), self.files.clone());
        Keeper::new(objects, files, new, renew, self.late.clone())
    }
}

/// How much came, of how much.
struct Size {
    came: u64,
    declared: Option<u64>,
    most: u64,
}

impl Size {
    fn judge_declared(&self) -> Result<(), Fatal> {
        match self.declared {
            Some(declared) if declared > self.most => Err(self.too_large()),
            _ => Ok(()),
        }
    }

    fn add(&mut self, bytes: usize) -> Result<(), Fatal> {
        self.came += bytes as u64;
        if self.came > self.most {
            return Err(self.too_large());
        }
        match self.declared {
            Some(declared) if self.came > declared => Err(self.not_as_declared(declared)),
            _ => Ok(()),
        }
    }

    fn judge_whole(&self) -> Result<(), Fatal> {
        match self.declared {
            Some(declared) if self.came != declared => Err(self.not_as_declared(declared)),
            _ => Ok(()),
        }
    }

    fn too_large(&self) -> Fatal {
        let message = format!("files of more than {} bytes are not taken", self.most);
        Fatal::new("file_too_large", message)
    }

    fn not_as_declared(&self, declared: u64) -> Fatal {
        let came = self.came;
        let message = format!("{came} bytes came of a file that was said to have {declared}");
        Fatal::new("body_incomplete", message)
    }
}

/// A keeper at work.
struct Keeping {
    pieces: mpsc::Sender<Piece>,
    kept: JoinHandle<Result<File, Fatal>>,
}

impl Keeping {
    fn start(keeper: Keeper) -> Self {
        let (pieces, receiver) = mpsc::channel(1);
        let kept = tokio::spawn(keeper.run(receiver).in_current_span());
        Self { pieces, kept }
    }

    /// Hands over all that there is.
    async fn last(self, bytes: Bytes) -> Result<File, Fatal> {
        let piece = Piece {
            bytes,
            is_last: true,
        };
        // A keeper that takes nothing any more says why.
        let _ = self.pieces.send(piece).await;
        self.ended().await
    }

    /// Hands over `first` and the rest of the body, part by part.
    async fn rest(
        self,
        uploads: &Uploads,
        first: Bytes,
        mut body: Paced<impl Stream<Item = Result<Bytes, Fatal>> + Send + Unpin>,
        mut size: Size,
    ) -> Result<File, Fatal> {
        let read = tokio::select! {
            read = self.read(uploads, first, &mut body, &mut size) => read,
            () = self.pieces.closed() => Ok(()),
        };
        match read {
            Ok(()) => self.ended().await,
            Err(fatal) => {
                drop(self.pieces);
                let wait = Duration::from_millis(CLEAN_UP_WAIT_MS);
                // Where it takes longer, the keeper goes on alone.
                let _ = timeout(wait, self.kept).await;
                Err(fatal)
            }
        }
    }

    /// The next buffer is taken only when the keeper has taken the last one, so that an upload has one buffer to fill
    /// beside those in flight.
    async fn read(
        &self,
        uploads: &Uploads,
        first: Bytes,
        body: &mut Paced<impl Stream<Item = Result<Bytes, Fatal>> + Send + Unpin>,
        size: &mut Size,
    ) -> Result<(), Fatal> {
        let max_wait = Duration::from_millis(uploads.rules.limits.max_buffer_wait_ms);
        let mut pending = first;
        let mut is_last = false;
        while !is_last {
            let Ok(slot) = self.pieces.reserve().await else {
                return Ok(());
            };
            let mut buffer = uploads.pool.take(max_wait).await?;
            loop {
                buffer.take_from(&mut pending);
                if !pending.is_empty() {
                    break;
                }
                match body.next().await? {
                    Some(bytes) => {
                        size.add(bytes.len())?;
                        pending = bytes;
                    }
                    None => {
                        size.judge_whole()?;
                        is_last = true;
                        break;
                    }
                }
            }
            let bytes = buffer.freeze();
            slot.send(Piece { bytes, is_last });
        }
        Ok(())
    }

    async fn ended(self) -> Result<File, Fatal> {
        self.kept.await.unwrap_or_else(|error| {
            Err(Fatal::new("internal", "an upload's task ended").because(&error))
        })
    }
}

#[cfg(test)]
mod tests;
