//! Objects, over the network: an object is read in small pieces, each a request of its own, as a source that heals
//! itself asks again behind what it has.

use super::{Call, Link, sent};
use crate::objects::{Objects, Part, Upload};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use pipeline::{Fatal, Source};
use stages::source::{Origin, Pinned};
use std::sync::Arc;
use std::time::Duration;

/// The most bytes of one answer: small, so that a job has many blocks.
const MAX_PIECE_BYTES: u64 = 400;

/// Objects as one process reaches them.
pub struct NetObjects {
    pub link: Arc<Link>,
    pub inner: Arc<dyn Objects>,
    /// The most bytes that are read of an object, for a saboteur.
    pub most_bytes: u64,
}

#[async_trait]
impl Objects for NetObjects {
    fn bucket(&self) -> Option<&str> {
        self.inner.bucket()
    }

    async fn put(&self, key: &str, content_type: &str, bytes: Bytes) -> Result<(), Fatal> {
        sent!(
            self,
            Call::of("objects.put"),
            |inner, key, content_type, bytes| { inner.put(&key, &content_type, bytes) }
        )
    }

    async fn begin(&self, key: &str, content_type: &str) -> Result<Upload, Fatal> {
        sent!(
            self,
            Call::of("objects.begin"),
            |inner, key, content_type| { inner.begin(&key, &content_type) }
        )
    }

    async fn part(&self, upload: &Upload, number: u32, bytes: Bytes) -> Result<Part, Fatal> {
        sent!(
            self,
            Call::of("objects.part"),
            |inner, upload, number, bytes| { inner.part(&upload, number, bytes) }
        )
    }

    async fn complete(&self, upload: &Upload, parts: &[Part]) -> Result<(), Fatal> {
        sent!(
            self,
            Call::of("objects.complete"),
            |inner, upload, parts| { inner.complete(&upload, &parts) }
        )
    }

    async fn abort(&self, upload: &Upload) -> Result<(), Fatal> {
        sent!(self, Call::of("objects.abort"), |inner, upload| inner
            .abort(&upload))
    }

    async fn open(&self, key: &str) -> Result<Box<dyn Origin>, Fatal> {
        let opened = sent!(self, Call::of("objects.open"), |inner, key| inner
            .open(&key));
        Ok(Box::new(NetOrigin {
            link: self.link.clone(),
            inner: opened?.into(),
            most_bytes: self.most_bytes,
        }))
    }

    async fn remove(&self, key: &str) -> Result<(), Fatal> {
        sent!(self, Call::of("objects.remove"), |inner, key| inner
            .remove(&key))
    }

    async fn presign(
        &self,
        key: &str,
        file_name: &str,
        valid: Duration,
    ) -> Result<Option<String>, Fatal> {
        sent!(
            self,
            Call::of("objects.presign"),
            |inner, key, file_name, valid| { inner.presign(&key, &file_name, valid) }
        )
    }

    async fn ping(&self) -> Result<(), Fatal> {
        sent!(self, Call::of("objects.ping"), |inner| inner.ping())
    }
}

/// One object.
struct NetOrigin {
    link: Arc<Link>,
    inner: Arc<dyn Origin>,
    most_bytes: u64,
}

#[async_trait]
impl Origin for NetOrigin {
    fn pinned(&self) -> &Pinned {
        self.inner.pinned()
    }

    fn restartable(&self) -> bool {
        self.inner.restartable()
    }

    async fn read_from(&self, offset: u64) -> Result<Box<dyn Source>, Fatal> {
        Ok(Box::new(NetSource {
            link: self.link.clone(),
            inner: self.inner.clone(),
            at: offset,
            most_bytes: self.most_bytes,
        }))
    }
}

/// Its bytes.
struct NetSource {
    link: Arc<Link>,
    inner: Arc<dyn Origin>,
    at: u64,
    most_bytes: u64,
}

#[async_trait]
impl Source for NetSource {
    async fn read(&mut self, into: &mut BytesMut) -> Result<usize, Fatal> {
        let room = pipeline::room(into);
        let left = self.most_bytes.saturating_sub(self.at);
        let most = self.link.between(1, MAX_PIECE_BYTES).min(left) as usize;
        let (at, most) = (self.at, most.min(room));
        let piece = sent!(self, Call::of("objects.read"), |inner, at, most| {
            read_piece(inner, at, most)
        });
        let piece = piece?;
        into.extend_from_slice(&piece);
        self.at += piece.len() as u64;
        Ok(piece.len())
    }

    fn bytes_read(&self) -> u64 {
        self.at
    }
}

async fn read_piece(origin: Arc<dyn Origin>, at: u64, most: usize) -> Result<BytesMut, Fatal> {
    let mut source = origin.read_from(at).await?;
    let mut piece = BytesMut::with_capacity(most);
    source.read(&mut piece).await?;
    piece.truncate(most);
    Ok(piece)
}
