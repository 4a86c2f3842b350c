//! An input that can be read once only, read twice: what the first look took is kept for the second.
//!
//! It keeps at most [`MAX_KEPT_BYTES`] and never gives a byte twice to the same reader. A reader that comes when more than
//! that was read is refused. After [`Replay::let_go`] nothing more is kept.

use crate::source::{Origin, Pinned};
use async_trait::async_trait;
use bytes::BytesMut;
use pipeline::{Fatal, MAX_READ_BYTES, Source, room};
use std::sync::Arc;
use tokio::sync::Mutex;

/// The most bytes that are kept for another look.
const MAX_KEPT_BYTES: usize = 16 * 1024 * 1024;

/// An origin whose beginning can be read again.
pub struct Replay<'o> {
    origin: &'o dyn Origin,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    source: Option<Box<dyn Source>>,
    kept: BytesMut,
    /// Bytes that were read and are kept no longer.
    gone: bool,
    keeps_nothing_new: bool,
}

impl<'o> Replay<'o> {
    /// Reads `origin`, which is opened once.
    pub fn new(origin: &'o dyn Origin) -> Self {
        Self {
            origin,
            shared: Arc::default(),
        }
    }

    /// Says that the next reader is the last one.
    pub async fn let_go(&self) {
        self.shared.lock().await.keeps_nothing_new = true;
    }
}

#[async_trait]
impl Origin for Replay<'_> {
    fn pinned(&self) -> &Pinned {
        self.origin.pinned()
    }

    fn restartable(&self) -> bool {
        false
    }

    async fn read_from(&self, offset: u64) -> Result<Box<dyn Source>, Fatal> {
        let mut shared = self.shared.lock().await;
        if offset > 0 || shared.gone {
            return Err(Fatal::new(
                "not_restartable",
                "standard input can be looked at twice at its beginning only",
            ));
        }
        if shared.source.is_none() {
            shared.source = Some(self.origin.read_from(0).await?);
        }
        Ok(Box::new(Reader {
            shared: self.shared.clone(),
            at: 0,
        }))
    }
}

struct Reader {
    shared: Arc<Mutex<Shared>>,
    /// Bytes that this reader has given.
    at: usize,
}

#[async_trait]
impl Source for Reader {
    async fn read(&mut self, into: &mut BytesMut) -> Result<usize, Fatal> {
        let mut shared = self.shared.lock().await;
        let read = match shared.kept.get(self.at..) {
            Some(rest) if !rest.is_empty() => {
                let piece = &rest[..rest.len().min(room(into))];
                into.extend_from_slice(piece);
                piece.len()
            }
            _ => shared.read(into).await?,
        };
        self.at += read;
        Ok(read)
    }

    fn bytes_read(&self) -> u64 {
        self.at as u64
    }
}

impl Shared {
    async fn read(&mut self, into: &mut BytesMut) -> Result<usize, Fatal> {
        let before = into.len();
        let Some(source) = &mut self.source else {
            return Ok(0);
        };
        let read = source.read(into).await?;
        let full = self.kept.len() + MAX_READ_BYTES > MAX_KEPT_BYTES;
        if self.keeps_nothing_new || full {
            self.gone |= read > 0;
            self.kept = BytesMut::new();
        } else {
            self.kept.extend_from_slice(&into[before..]);
        }
        Ok(read)
    }
}
